//! From a file as it came to the disk in it: disk images inside disk images, taken off one by one.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::encrypted::EncryptedImage;
use super::format::Format;
use super::probe::{Content, probe};
use super::sparse::SparseImage;
use super::udif::Udif;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::io::read_at::ReadAt;

/// One disk image that was taken off.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Layer {
    /// Its format.
    pub format: Format,
    /// Bytes of the disk in it.
    pub len: u64,
    /// The opened image itself, for what is known about it besides.
    pub image: Image,
}

/// An opened disk image, by format.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Image {
    /// UDIF.
    Udif(Arc<Udif>),
    /// Encrypted, opened with one of the secrets.
    Encrypted(Arc<EncryptedImage>),
    /// Sparse image.
    Sparse(Arc<SparseImage>),
}

impl Image {
    /// The disk in it.
    fn device(&self) -> Arc<dyn ReadAt> {
        match self {
            Image::Udif(image) => image.clone(),
            Image::Encrypted(image) => image.clone(),
            Image::Sparse(image) => image.clone(),
        }
    }
}

/// The disk in a file, and the disk images around it, outermost first.
#[derive(Clone)]
pub struct Unwrapped {
    /// The disk.
    pub device: Arc<dyn ReadAt>,
    /// What was taken off; empty for a raw disk.
    pub layers: Vec<Layer>,
}

/// Takes every disk image off until a disk stands there. `first` says what the outermost layer is instead of looking.
///
/// # Errors
/// `Unsupported` for an image format that this version does not read, `Locked` if no secret fits an encrypted one,
/// `Limit` for more than [`Limits::image_depth`] layers, `Corrupt` if one is damaged.
pub fn unwrap(
    device: Arc<dyn ReadAt>,
    first: Option<Format>,
    secrets: &[Secret],
    limits: &Limits,
) -> Result<Unwrapped> {
    let mut unwrapped = Unwrapped { device, layers: Vec::new() };
    let mut wanted = first;
    loop {
        let format = match wanted.take() {
            Some(Format::Raw) => return Ok(unwrapped),
            Some(format) => format,
            None => match probe(&*unwrapped.device) {
                Ok(Content::Wrapped(format)) => format,
                Ok(Content::Image(what, hint)) => return Err(Error::unsupported(what, hint)),
                // A disk with a place that can't be read may still have a table and sound partitions.
                Ok(_) | Err(_) => return Ok(unwrapped),
            },
        };
        let depth = len64(unwrapped.layers.len()).saturating_add(1);
        if depth > len64(limits.image_depth) {
            return Err(Error::limit("disk images inside one another", len64(limits.image_depth), depth));
        }
        let image = open_layer(unwrapped.device.clone(), format, secrets, limits)?;
        unwrapped.device = image.device();
        unwrapped.layers.push(Layer { format, len: unwrapped.device.len(), image });
    }
}

/// Opens one disk image.
fn open_layer(device: Arc<dyn ReadAt>, format: Format, secrets: &[Secret], limits: &Limits) -> Result<Image> {
    Ok(match format {
        Format::Udif => Image::Udif(Arc::new(Udif::open(device, limits)?)),
        Format::EncryptedV1 | Format::EncryptedV2 => {
            Image::Encrypted(Arc::new(EncryptedImage::open(device, secrets, limits)?))
        }
        Format::SparseImage => Image::Sparse(Arc::new(SparseImage::open(device, limits)?)),
        _ => return Err(Error::unsupported(alloc::format!("{format}"), "")),
    })
}

impl fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwrapped").field("layers", &self.layers).finish_non_exhaustive()
    }
}
