//! Sparse bundles, `.sparsebundle` and `.backupbundle`: a folder with a file for each band (sheet sparse-images,
//! section 2).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use super::encrypted::{EncryptedImage, EncryptionInfo, inspect};
use super::plist::texts;
use crate::base::bytes::{len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::io::bands::read_by_band;
use crate::io::file::FileDevice;
use crate::io::file_pool::{FilePool, open_regular};
use crate::io::read_at::{ReadAt, Run, past_end};

/// Name of the property list in messages.
const LIST: &str = "Info.plist";
const TYPE: &str = "com.apple.diskimage.sparsebundle";
/// Bytes of a band; macOS makes them of 1 MiB to 8 GiB.
const BAND_LENS: core::ops::RangeInclusive<u64> = 512..=1 << 40;
/// Bytes of the property list, which has about 600, and of the token, which is one header.
const SMALL_FILE: u64 = 1 << 20;

/// A sparse bundle: as a device what its bands hold, which is the disk if it is not encrypted.
#[derive(Debug)]
pub struct Bundle {
    bands: Arc<Bands>,
    len: u64,
    /// Header of an encrypted bundle, else empty.
    token: Vec<u8>,
}

impl Bundle {
    /// Reads what the folder says about its bands: `Info.plist`, or its copy `Info.bckup` if that is damaged, and
    /// `token`. Bands are opened as they are needed.
    ///
    /// # Errors
    /// `NotFound` if the folder is no bundle, `Corrupt` if neither list makes sense, `Unsupported` for a version that is
    /// not known, `Limit` for a disk longer than allowed, `Io`.
    pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<Bundle> {
        let folder = path.as_ref();
        let first = Info::read(&folder.join("Info.plist"));
        let info = first.or_else(|error| Info::read(&folder.join("Info.bckup")).map_err(|_| error))?;
        if info.len > limits.image_bytes {
            return Err(Error::limit("bytes of a disk image", limits.image_bytes, info.len));
        }
        let bands = folder.join("bands");
        // Bands that are missing are zeros, but not all of them together.
        if !bands.is_dir() {
            return Err(Error::damage(Damage::Missing, Place::new("sparse bundle", "bands")));
        }
        let token = small_file(&folder.join("token"))?.unwrap_or_default();
        let whole = info.len.div_ceil(info.band_len).saturating_mul(info.band_len);
        let bands = Bands { folder: bands, band_len: info.band_len, len: whole, files: FilePool::new() };
        Ok(Bundle { bands: Arc::new(bands), len: info.len, token })
    }

    /// Bytes of a band.
    #[must_use]
    pub fn band_len(&self) -> u64 {
        self.bands.band_len
    }

    /// How it is encrypted; `None` if it is not.
    ///
    /// # Errors
    /// As [`inspect`].
    pub fn encryption(&self, limits: &Limits) -> Result<Option<EncryptionInfo>> {
        if self.token.is_empty() { Ok(None) } else { inspect(&self.token, limits).map(Some) }
    }

    /// The decrypted disk; `None` if it is not encrypted.
    ///
    /// # Errors
    /// As [`EncryptedImage::with_header`].
    pub fn unlock(&self, secrets: &[Secret], limits: &Limits) -> Result<Option<EncryptedImage>> {
        if self.token.is_empty() {
            return Ok(None);
        }
        EncryptedImage::with_header(&self.token, self.bands.clone(), self.len, secrets, limits).map(Some)
    }
}

impl ReadAt for Bundle {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        self.bands.read_exact_at(offset, buf)
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let rest = self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        self.bands.run_at(offset).map(|run| Run { len: run.len.min(rest), ..run })
    }
}

/// What the property list says.
struct Info {
    band_len: u64,
    len: u64,
}

impl Info {
    fn read(path: &Path) -> Result<Info> {
        let place = |field| Place::new(LIST, field);
        let list = small_file(path)?.ok_or_else(|| Error::not_found(format!("{}", path.display())))?;
        let keys = ["diskimage-bundle-type", "bundle-backingstore-version", "band-size", "size"];
        let [kind, version, band_len, len] = texts(&list, keys)?;
        if let Some(kind) = kind.filter(|kind| kind != TYPE) {
            return Err(Error::unsupported(format!("disk image bundle of type {kind}"), ""));
        }
        if let Some(version) = version.filter(|version| version != "1" && version != "2") {
            return Err(Error::unsupported(format!("sparse bundle of version {version}"), ""));
        }
        let number = |text: Option<String>, key| -> Result<u64> {
            let text = text.ok_or_else(|| Error::damage(Damage::Missing, place(key)))?;
            text.parse().map_err(|_| Corrupt::new(Damage::Range, place(key)).found(text).into())
        };
        let band_len = number(band_len, "band-size")?;
        if !BAND_LENS.contains(&band_len) || band_len % 512 != 0 {
            return Err(Corrupt::new(Damage::Range, place("band-size")).found(band_len).into());
        }
        Ok(Info { band_len, len: number(len, "size")? })
    }
}

/// The content of a file that has no reason to be large; `None` if there is none.
fn small_file(path: &Path) -> Result<Option<Vec<u8>>> {
    let Some(file) = open_regular(path)? else { return Ok(None) };
    if file.len() > SMALL_FILE {
        return Err(Error::limit("bytes of a small file of a sparse bundle", SMALL_FILE, file.len()));
    }
    let mut bytes = zeroed(to_usize(file.len())?)?;
    file.read_exact_at(0, &mut bytes)?;
    Ok(Some(bytes))
}

/// The bands one behind the other, the last one whole.
#[derive(Debug)]
struct Bands {
    folder: PathBuf,
    band_len: u64,
    len: u64,
    files: FilePool,
}

impl Bands {
    /// The file of a band, and how much of the band it holds; `None` if nothing is stored.
    fn file(&self, number: u64) -> Result<Option<(Arc<FileDevice>, u64)>> {
        let file = self.files.get(number, &self.folder.join(format!("{number:x}")))?;
        Ok(file.map(|file| {
            let stored = file.len().min(self.band_len);
            (file, stored)
        }))
    }

    fn locate(&self, at: u64) -> (u64, u64) {
        (at.checked_div(self.band_len).unwrap_or(0), at.checked_rem(self.band_len).unwrap_or(0))
    }
}

impl ReadAt for Bands {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        read_by_band((self.len, self.band_len), offset, buf, |number, inside, band| {
            let file = self.file(number)?;
            let stored = file.as_ref().map_or(0, |(_, stored)| stored.saturating_sub(inside));
            let (now, zeros) = band.split_at_mut(to_usize(stored.min(len64(band.len())))?);
            zeros.fill(0);
            match file.filter(|_| !now.is_empty()) {
                Some((file, _)) => file.read_exact_at(inside, now),
                None => Ok(()),
            }
        })
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        let (number, inside) = self.locate(offset);
        let rest = self.band_len.saturating_sub(inside);
        Some(match self.file(number) {
            Ok(file) => match file.map_or(0, |(_, stored)| stored.saturating_sub(inside)) {
                0 => Run { len: rest, zeros: true },
                stored => Run { len: stored, zeros: false },
            },
            // Reading it says what is wrong.
            Err(_) => Run { len: rest, zeros: false },
        })
    }
}
