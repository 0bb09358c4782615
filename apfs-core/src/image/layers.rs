//! From a file as it came to the disk in it: disk images inside disk images, taken off one by one.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::asif::AsifImage;
#[cfg(feature = "std")]
use super::bundle::Bundle;
use super::encrypted::EncryptedImage;
#[cfg(feature = "ewf")]
use super::ewf::EwfImage;
use super::format::Format;
use super::probe::{Content, probe};
use super::sparse::SparseImage;
use super::udif::Udif;
use crate::base::bytes::len64;
use crate::base::damage::Corrupt;
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
#[cfg(feature = "std")]
use crate::io::pieces::Pieces;
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
    /// UDIF, in one file or in segments.
    Udif(Arc<Udif>),
    /// ASIF.
    Asif(Arc<AsifImage>),
    /// Encrypted, of either version.
    Encrypted(Arc<EncryptedImage>),
    /// `.sparseimage`.
    Sparse(Arc<SparseImage>),
    /// Bands in a folder; of an encrypted bundle what is encrypted.
    #[cfg(feature = "std")]
    Bundle(Arc<Bundle>),
    /// A disk in several files.
    #[cfg(feature = "std")]
    Split(Arc<Pieces>),
    /// EWF (E01).
    #[cfg(feature = "ewf")]
    Ewf(Arc<EwfImage>),
}

impl Image {
    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Image::Udif(_) => Format::Udif,
            Image::Asif(_) => Format::Asif,
            Image::Encrypted(image) => image.info().format,
            Image::Sparse(_) => Format::SparseImage,
            #[cfg(feature = "std")]
            Image::Bundle(_) => Format::SparseBundle,
            #[cfg(feature = "std")]
            Image::Split(_) => Format::Split,
            #[cfg(feature = "ewf")]
            Image::Ewf(_) => Format::Ewf,
        }
    }

    /// What contradicts itself or is damaged in it without making it unreadable.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        match self {
            Image::Udif(image) => image.findings(),
            Image::Sparse(image) => image.damage().map_or(&[], core::slice::from_ref),
            _ => &[],
        }
    }

    /// The disk in it.
    fn device(&self) -> Arc<dyn ReadAt> {
        match self {
            Image::Udif(image) => image.clone(),
            Image::Asif(image) => image.clone(),
            Image::Encrypted(image) => image.clone(),
            Image::Sparse(image) => image.clone(),
            #[cfg(feature = "std")]
            Image::Bundle(image) => image.clone(),
            #[cfg(feature = "std")]
            Image::Split(image) => image.clone(),
            #[cfg(feature = "ewf")]
            Image::Ewf(image) => image.clone(),
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

impl Unwrapped {
    /// A device that nothing was taken off yet.
    pub(super) fn new(device: Arc<dyn ReadAt>) -> Unwrapped {
        Unwrapped { device, layers: Vec::new() }
    }

    /// Takes an opened image off.
    pub(super) fn take_off(&mut self, image: Image, limits: &Limits) -> Result<()> {
        let depth = len64(self.layers.len()).saturating_add(1);
        if depth > len64(limits.image_depth) {
            return Err(Error::limit("disk images inside one another", len64(limits.image_depth), depth));
        }
        self.device = image.device();
        self.layers.push(Layer { format: image.format(), len: self.device.len(), image });
        Ok(())
    }

    /// Takes off what is left, as [`unwrap`].
    pub(super) fn unwrap(
        mut self,
        first: Option<Format>,
        secrets: &[Secret],
        limits: &Limits,
    ) -> Result<Unwrapped> {
        let mut wanted = first;
        loop {
            let format = match wanted.take() {
                Some(Format::Raw) => return Ok(self),
                Some(format) => format,
                None => match probe(&*self.device) {
                    Ok(Content::Wrapped(format)) => format,
                    Ok(Content::Image(what, hint)) => return Err(Error::unsupported(what, hint)),
                    // A disk with a place that can't be read may still have a table and sound partitions.
                    Ok(_) | Err(_) => return Ok(self),
                },
            };
            self.take_off(open_layer(self.device.clone(), format, secrets, limits)?, limits)?;
        }
    }
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
    Unwrapped::new(device).unwrap(first, secrets, limits)
}

/// Opens one disk image.
fn open_layer(device: Arc<dyn ReadAt>, format: Format, secrets: &[Secret], limits: &Limits) -> Result<Image> {
    Ok(match format {
        Format::Raw => return Err(Error::Misuse("a raw disk is no layer")),
        Format::Udif => Image::Udif(Arc::new(Udif::open(device, limits)?)),
        Format::EncryptedV1 | Format::EncryptedV2 => {
            Image::Encrypted(Arc::new(EncryptedImage::open(device, secrets, limits)?))
        }
        Format::SparseImage => Image::Sparse(Arc::new(SparseImage::open(device, limits)?)),
        Format::Asif => Image::Asif(Arc::new(AsifImage::open(device, limits)?)),
        #[cfg(feature = "ewf")]
        Format::Ewf => Image::Ewf(Arc::new(EwfImage::open(alloc::vec![device], limits)?)),
        #[cfg(not(feature = "ewf"))]
        Format::Ewf => {
            let hint = "this build lacks the feature `ewf`; build with it, or export a raw image";
            return Err(Error::unsupported(alloc::format!("{format}"), hint));
        }
        Format::SparseBundle | Format::Split => {
            return Err(Error::unsupported(
                alloc::format!("{format} that is one file"),
                "open it by its path",
            ));
        }
    })
}

impl fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwrapped").field("layers", &self.layers).finish_non_exhaustive()
    }
}
