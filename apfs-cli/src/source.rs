//! An image that is looked at as a disk image: the layers around its disk, whatever is on it.

use std::path::PathBuf;
use std::sync::Arc;

use apfs_core::image::layers::{Unwrapped, unwrap};
use apfs_core::io::file::FileDevice;
use apfs_core::{Limits, ReadAt};
use clap::Args as ClapArgs;

use crate::exit::Failure;
use crate::map::MapDevice;

/// What commands on disk images take.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Source {
    /// Disk image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,

    /// Map the image into memory instead of reading it; the program dies if the file gets shorter meanwhile
    #[arg(long, help_heading = "How to read")]
    pub(crate) mmap: bool,

    /// Print JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl Source {
    /// The name of the image, for messages.
    pub(crate) fn name(&self) -> String {
        self.image.display().to_string()
    }

    /// Takes all disk images off.
    pub(crate) fn unwrap(&self) -> Result<Unwrapped, Failure> {
        let name = self.name();
        let device: Arc<dyn ReadAt> = if self.mmap {
            Arc::new(MapDevice::open(&self.image).map_err(Failure::io(&name))?)
        } else {
            Arc::new(FileDevice::open(&self.image).map_err(Failure::core(&name))?)
        };
        unwrap(device, None, &[], &Limits::default()).map_err(Failure::core(&name))
    }
}
