//! One door for paths: a folder is a sparse bundle, a numbered file stands for all its parts, anything else is a file.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};

use super::bundle::Bundle;
use super::format::Format;
use super::layers::{Image, Unwrapped};
use super::split::{Parts, join, parts};
use super::udif::Udif;
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::io::file::FileDevice;
use crate::io::file_pool::PooledFile;
use crate::io::read_at::ReadAt;

/// What a path leads to.
#[derive(Clone)]
#[non_exhaustive]
pub struct Opened {
    /// What the files hold: those of a file as they are; all parts of a disk or bundle put together.
    pub source: Arc<dyn ReadAt>,
    /// The disk in it.
    pub unwrapped: Unwrapped,
}

/// Opens what a path leads to and takes every disk image off. `first` says what the outermost layer is instead of
/// looking; [`Format::Raw`] takes the file alone, as it is.
///
/// # Errors
/// As [`unwrap`](super::layers::unwrap), [`Bundle::open`] and [`parts`]; `Unsupported` for a shadow file; `NotFound` if the
/// path does not lead to what `first` says; `Io`.
pub fn open_path(
    path: impl AsRef<Path>,
    first: Option<Format>,
    secrets: &[Secret],
    limits: &Limits,
) -> Result<Opened> {
    let path = path.as_ref();
    let no = |format: Format| Error::not_found(format!("{}: no {format}", path.display()));
    match first {
        None | Some(Format::SparseBundle) if path.is_dir() => return open_bundle(path, secrets, limits),
        Some(format) if path.is_dir() || format == Format::SparseBundle => return Err(no(format)),
        None if path.extension().is_some_and(|extension| extension == "shadow") => {
            let hint = "it holds only what was changed; attach it with its image on a Mac and convert that";
            return Err(Error::unsupported("shadow file", hint));
        }
        None | Some(Format::Split | Format::Udif) => match parts(path, limits)? {
            Some(Parts::Pieces(parts)) if first != Some(Format::Udif) => {
                let pieces = Arc::new(join(&parts)?);
                return open_image(pieces.clone(), Image::Split(pieces), secrets, limits);
            }
            Some(Parts::UdifSegments(parts)) if first != Some(Format::Split) => {
                return open_segments(&parts, secrets, limits);
            }
            _ if first == Some(Format::Split) => return Err(no(Format::Split)),
            _ => {}
        },
        _ => {}
    }
    #[cfg(feature = "ewf")]
    if let (None | Some(Format::Ewf), Some(paths)) = (first, super::ewf::segments(path)) {
        return open_ewf(&paths, secrets, limits);
    }
    let source: Arc<dyn ReadAt> = Arc::new(FileDevice::open(path)?);
    let unwrapped = Unwrapped::new(source.clone()).unwrap(first, secrets, limits)?;
    Ok(Opened { source, unwrapped })
}

/// The files and folders that [`open_path`] may read for a path, going by names: its parts or segments, else itself.
#[must_use]
pub fn files_of(path: &Path, limits: &Limits) -> Vec<PathBuf> {
    if let Ok(Some(Parts::Pieces(files) | Parts::UdifSegments(files))) = parts(path, limits) {
        return files;
    }
    #[cfg(feature = "ewf")]
    if let Some(mut files) = super::ewf::segments(path) {
        files.push(path.to_path_buf());
        return files;
    }
    alloc::vec![path.to_path_buf()]
}

fn open_bundle(path: &Path, secrets: &[Secret], limits: &Limits) -> Result<Opened> {
    let bundle = Arc::new(Bundle::open(path, limits)?);
    let mut unwrapped = Unwrapped::new(bundle.clone());
    unwrapped.take_off(Image::Bundle(bundle.clone()), limits)?;
    if let Some(image) = bundle.unlock(secrets, limits)? {
        unwrapped.take_off(Image::Encrypted(Arc::new(image)), limits)?;
    }
    Ok(Opened { source: bundle, unwrapped: unwrapped.unwrap(None, secrets, limits)? })
}

fn open_segments(parts: &[PathBuf], secrets: &[Secret], limits: &Limits) -> Result<Opened> {
    let mut files = files(parts)?.into_iter();
    let first = files.next().ok_or(Error::Misuse("an image of no segments"))?;
    let image = Arc::new(Udif::open_segments(first.clone(), files.collect(), limits)?);
    open_image(first, Image::Udif(image), secrets, limits)
}

#[cfg(feature = "ewf")]
fn open_ewf(paths: &[PathBuf], secrets: &[Secret], limits: &Limits) -> Result<Opened> {
    let image = Arc::new(super::ewf::EwfImage::open(files(paths)?, limits)?);
    open_image(image.clone(), Image::Ewf(image), secrets, limits)
}

/// Files as devices, of which only a few are open at a time.
fn files(paths: &[PathBuf]) -> Result<Vec<Arc<dyn ReadAt>>> {
    let files = PooledFile::all(paths)?.into_iter();
    Ok(files.map(|file| -> Arc<dyn ReadAt> { Arc::new(file) }).collect())
}

/// An image that was opened from several files, and what is in it.
fn open_image(source: Arc<dyn ReadAt>, image: Image, secrets: &[Secret], limits: &Limits) -> Result<Opened> {
    let mut unwrapped = Unwrapped::new(source.clone());
    unwrapped.take_off(image, limits)?;
    Ok(Opened { source, unwrapped: unwrapped.unwrap(None, secrets, limits)? })
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("unwrapped", &self.unwrapped).finish_non_exhaustive()
    }
}
