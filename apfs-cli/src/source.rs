//! From the path of an image to the disk in it.

use std::sync::Arc;

use apfs_core::image::bundle::Bundle;
use apfs_core::image::encrypted::{self, EncryptionInfo};
use apfs_core::image::layers::{Unwrapped, unwrap};
use apfs_core::image::path::open_path;
use apfs_core::io::file::FileDevice;
use apfs_core::{Disk, Error, Limits, LockReason, OpenOptions, ReadAt, Secret};

use crate::args::Source;
use crate::exit::{Failure, needs_secret, say};
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
    pub(crate) fn open(&self, options: &mut OpenOptions) -> Result<Disk, Failure> {
        let map = self.map()?;
        let secrets = self.secrets.gather()?;
        let (disk, secrets) = self.asking(&self.name(), secrets, |secrets| {
            let options = OpenOptions { secrets: secrets.to_vec(), ..options.clone() };
            match &map {
                Some(map) => Disk::open_as(map.clone(), self.open_as, &options),
                None => Disk::open_path_as(&self.image, self.open_as, &options),
            }
        });
        options.secrets = secrets;
        let disk = disk.map_err(Failure::core(self.name()))?;
        let Some(path) = &self.tier2 else { return Ok(disk) };
        let name = path.display().to_string();
        let (second, secrets) = self.asking(&name, options.secrets.clone(), |secrets| {
            let options = OpenOptions { secrets: secrets.to_vec(), ..options.clone() };
            Disk::open_path(path, &options)
        });
        options.secrets = secrets;
        let second = second.map_err(Failure::core(name.clone()))?;
        disk.with_second(&second).map_err(Failure::core(name))
    }

    /// Takes all disk images off, whatever is on the disk in them.
    pub(crate) fn unwrap(&self) -> Result<Unwrapped, Failure> {
        let (map, limits) = (self.map()?, Limits::default());
        let (unwrapped, _) = self.asking(&self.name(), self.secrets.gather()?, |secrets| match &map {
            Some(map) => unwrap(map.clone(), self.open_as, secrets, &limits),
            None => open_path(&self.image, self.open_as, secrets, &limits).map(|opened| opened.unwrapped),
        });
        unwrapped.map_err(Failure::core(self.name()))
    }

    /// How the image itself is encrypted; `None` if it is not.
    pub(crate) fn encryption(&self) -> Result<Option<EncryptionInfo>, Failure> {
        let limits = Limits::default();
        if self.image.is_dir() {
            let info = Bundle::open(&self.image, &limits).and_then(|bundle| bundle.encryption(&limits));
            return info.map_err(Failure::core(self.name()));
        }
        let device = FileDevice::open(&self.image).map_err(Failure::core(self.name()))?;
        Ok(encrypted::inspect(&device, &limits).ok())
    }

    /// Tries to open something with the secrets at hand, and with what the user types as long as that may help.
    /// Returns the secrets too, with the one that was typed and fits.
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
        if matches!(&opened, Err(Error::Locked(locked)) if locked.why == LockReason::NeedsSecret) {
            needs_secret();
        }
        (opened, secrets)
    }

    /// The image mapped into memory, if that was asked for.
    fn map(&self) -> Result<Option<Arc<dyn ReadAt>>, Failure> {
        if !self.mmap {
            return Ok(None);
        }
        Ok(Some(Arc::new(MapDevice::open(&self.image).map_err(Failure::io(self.name()))?)))
    }
}
