//! From the path of an image to the disk in it.

use std::sync::Arc;

use apfs_core::apfs::ContainerOptions;
use apfs_core::image::layers::{Unwrapped, unwrap};
use apfs_core::io::file::FileDevice;
use apfs_core::{Disk, Error, Limits, LockReason, ReadAt, Secret};

use crate::args::Source;
use crate::exit::{Failure, say};
use crate::map::MapDevice;

/// Passwords that are asked for before giving up.
const ATTEMPTS: usize = 3;

impl Source {
    /// Name for messages.
    pub(crate) fn name(&self) -> String {
        self.image.display().to_string()
    }

    /// Opens the disk in the image. A password that is missing is asked for, if somebody is there, and added to the
    /// secrets of `options`.
    pub(crate) fn open(&self, options: &mut ContainerOptions) -> Result<Disk, Failure> {
        let device = self.device()?;
        let name = self.name();
        options.secrets = self.secrets.gather()?;
        let secrets = core::mem::take(&mut options.secrets);
        let (disk, secrets) = self.asking(&name, secrets, |secrets| {
            let options = ContainerOptions { secrets: secrets.to_vec(), ..options.clone() };
            Disk::open_as(device.clone(), self.open_as, &options)
        });
        options.secrets = secrets;
        disk.map_err(Failure::core(&name))
    }

    /// Takes all disk images off, whatever is on the disk in them.
    pub(crate) fn unwrap(&self) -> Result<Unwrapped, Failure> {
        let device = self.device()?;
        let name = self.name();
        let (unwrapped, _) = self.asking(&name, self.secrets.gather()?, |secrets| {
            unwrap(device.clone(), self.open_as, secrets, &Limits::default())
        });
        unwrapped.map_err(Failure::core(&name))
    }

    /// Tries to open something with the secrets at hand, and with what the user types as long as that may help.
    pub(crate) fn asking<T>(
        &self,
        what: &str,
        mut secrets: Vec<Secret>,
        open: impl Fn(&[Secret]) -> apfs_core::Result<T>,
    ) -> (apfs_core::Result<T>, Vec<Secret>) {
        let mut opened = open(&secrets);
        for _ in 0..ATTEMPTS {
            let Err(Error::Locked(locked)) = &opened else { break };
            if !matches!(locked.why, LockReason::NeedsSecret | LockReason::WrongSecret) {
                break;
            }
            let Some(secret) = self.secrets.ask(what) else { break };
            secrets.push(secret);
            opened = open(&secrets);
            if matches!(&opened, Err(Error::Locked(_))) {
                secrets.pop();
                say("That does not open it.");
            }
        }
        (opened, secrets)
    }

    fn device(&self) -> Result<Arc<dyn ReadAt>, Failure> {
        let name = self.name();
        Ok(if self.mmap {
            Arc::new(MapDevice::open(&self.image).map_err(Failure::io(&name))?)
        } else {
            Arc::new(FileDevice::open(&self.image).map_err(Failure::core(&name))?)
        })
    }
}
