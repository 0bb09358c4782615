//! The decrypted disk of an encrypted image.

use alloc::sync::Arc;
use core::fmt;

use zeroize::Zeroizing;

use super::header::Header;
use super::info::EncryptionInfo;
use super::keys::DataKeys;
use crate::base::bytes::{get, len64, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::io::read_at::{ReadAt, Run, past_end};
use crate::io::window::Window;

/// Bytes at both ends that tell whether a key that was given is the right one.
const ENDS: u64 = 4096;

/// An unlocked disk image. Blocks are decrypted as they are read, whole ones in the reader's buffer.
pub struct EncryptedImage {
    info: EncryptionInfo,
    blocks: Blocks,
    keys: DataKeys,
    len: u64,
}

/// The encrypted blocks.
struct Blocks {
    device: Arc<dyn ReadAt>,
    gaps: Gaps,
    size: usize,
}

/// What stands where nothing is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    /// Encrypted bytes like any other: a file that its file system keeps without its zeros.
    Encrypted,
    /// Zeros of the decrypted disk.
    Zeros,
}

impl EncryptedImage {
    /// Unlocks an image whose header and data are one file.
    ///
    /// Passwords are tried on every key record. A raw key is taken if it decrypts the start or the end of the image to
    /// something that is not random: disks have 16 equal bytes in a row there, under a wrong key nothing has.
    ///
    /// # Errors
    /// `Locked` if no secret fits, and why; `Limit` for more rounds of key derivation or attempts than allowed;
    /// `Corrupt` and `Unsupported` as [`inspect`](super::inspect).
    pub fn open(device: Arc<dyn ReadAt>, secrets: &[Secret], limits: &Limits) -> Result<EncryptedImage> {
        let header = Header::read(&*device, limits)?;
        let (start, end) = (header.data.start, header.data.end);
        let data = Arc::new(Window::new(device, start, end.saturating_sub(start)));
        let len = header.info.len;
        EncryptedImage::unlock(header, data, Gaps::Encrypted, len, secrets, limits)
    }

    /// Unlocks an image whose header stands alone, as the token of a sparse bundle does: `len` bytes of plain text
    /// whose encrypted blocks are `data`. Where nothing is stored in `data` (see [`ReadAt::run_at`]) the disk is zeros.
    ///
    /// # Errors
    /// As [`EncryptedImage::open`].
    pub fn with_header(
        header: &dyn ReadAt,
        data: Arc<dyn ReadAt>,
        len: u64,
        secrets: &[Secret],
        limits: &Limits,
    ) -> Result<EncryptedImage> {
        let header = Header::read(header, limits)?;
        EncryptedImage::unlock(header, data, Gaps::Zeros, len, secrets, limits)
    }

    fn unlock(
        header: Header,
        device: Arc<dyn ReadAt>,
        gaps: Gaps,
        len: u64,
        secrets: &[Secret],
        limits: &Limits,
    ) -> Result<EncryptedImage> {
        if len > limits.image_bytes {
            return Err(Error::limit("bytes of a disk image", limits.image_bytes, len));
        }
        let info = header.info.clone();
        let blocks = Blocks { device, gaps, size: to_usize(u64::from(info.block_size))? };
        let keys = header.unlock(secrets, limits, |keys| blocks.look_plain(keys, len))?;
        Ok(EncryptedImage { info, blocks, keys, len })
    }

    /// How it is encrypted.
    #[must_use]
    pub fn info(&self) -> &EncryptionInfo {
        &self.info
    }
}

impl ReadAt for EncryptedImage {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        self.blocks.read(&self.keys, offset, buf)
    }

    fn run_at(&self, offset: u64) -> Option<Run> {
        let rest = self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        let run = match self.blocks.gaps {
            Gaps::Zeros => self.blocks.device.run_at(offset),
            Gaps::Encrypted => None,
        };
        Some(run.map_or(Run { len: rest, zeros: false }, |run| Run { len: run.len.min(rest), ..run }))
    }
}

impl Blocks {
    /// Decrypted bytes from any offset on.
    fn read(&self, keys: &DataKeys, offset: u64, mut buf: &mut [u8]) -> Result<()> {
        let size = len64(self.size);
        let mut at = offset;
        while !buf.is_empty() {
            let inside = to_usize(at.checked_rem(size).unwrap_or(0))?;
            let whole = buf.len().saturating_sub(buf.len().checked_rem(self.size).unwrap_or(0));
            let is_whole = inside == 0 && whole > 0;
            let len = if is_whole { whole } else { self.size.saturating_sub(inside).min(buf.len()) };
            let (now, later) = buf.split_at_mut(len);
            let start = at.saturating_sub(len64(inside));
            if is_whole {
                self.read_whole(keys, start, now)?
            } else {
                self.read_part(keys, start, inside, now)?
            }
            at = at.saturating_add(len64(len));
            buf = later;
        }
        Ok(())
    }

    /// Whole blocks, decrypted where they are wanted.
    fn read_whole(&self, keys: &DataKeys, mut at: u64, mut buf: &mut [u8]) -> Result<()> {
        while !buf.is_empty() {
            let (len, zeros) = self.stored(at, buf.len())?;
            let (now, later) = buf.split_at_mut(len);
            if zeros {
                now.fill(0);
            } else {
                if at.checked_add(len64(len)).is_none_or(|end| end > self.device.len()) {
                    return Err(self.missing(at));
                }
                self.device.read_exact_at(at, now)?;
                self.decrypt(keys, at, now)?;
            }
            at = at.saturating_add(len64(len));
            buf = later;
        }
        Ok(())
    }

    /// A part of the block that begins at `at`. The last block may be cut as long as that part is there.
    fn read_part(&self, keys: &DataKeys, at: u64, inside: usize, buf: &mut [u8]) -> Result<()> {
        let mut block = Zeroizing::new(zeroed(self.size)?);
        let present = to_usize(self.device.len().saturating_sub(at).min(len64(self.size)))?;
        if present == self.size {
            self.read_whole(keys, at, &mut block)?;
        } else {
            block.truncate(present.saturating_sub(present.checked_rem(16).unwrap_or(0)));
            if block.is_empty() {
                return Err(self.missing(at));
            }
            self.device.read_exact_at(at, &mut block)?;
            self.decrypt(keys, at, &mut block)?;
        }
        buf.copy_from_slice(get(&block, inside, buf.len()).ok_or_else(|| self.missing(at))?);
        Ok(())
    }

    fn decrypt(&self, keys: &DataKeys, at: u64, data: &mut [u8]) -> Result<()> {
        let first = at.checked_div(len64(self.size)).unwrap_or(0);
        let mut blocks = (first..).zip(data.chunks_mut(self.size));
        blocks.try_for_each(|(number, block)| keys.decrypt(number, block))
    }

    /// How many bytes of the whole blocks at `at` are of one kind, and whether they are a gap.
    fn stored(&self, at: u64, len: usize) -> Result<(usize, bool)> {
        let run = match self.gaps {
            Gaps::Zeros => self.device.run_at(at),
            Gaps::Encrypted => None,
        };
        let Some(run) = run else { return Ok((len, false)) };
        let same = to_usize(run.len.min(len64(len)))?;
        let whole = same.saturating_sub(same.checked_rem(self.size).unwrap_or(0));
        if whole == 0 {
            let place = Place::new("encrypted disk image", "block").offset(at);
            return Err(Corrupt::new(Damage::Bounds, place)
                .found("a block of which only a part is stored")
                .into());
        }
        Ok((whole, run.zeros))
    }

    fn missing(&self, at: u64) -> Error {
        let place = Place::new("encrypted disk image", "block").offset(at);
        let found = alloc::format!("the end of the file after {} bytes of data", self.device.len());
        Corrupt::new(Damage::PastEnd, place).found(found).into()
    }

    /// True if keys decrypt the start or the end of `len` bytes to something that is not random.
    fn look_plain(&self, keys: &DataKeys, len: u64) -> bool {
        let count = len.min(ENDS);
        let is_plain = |at| {
            let mut bytes = Zeroizing::new(zeroed(to_usize(count).ok()?).ok()?);
            self.read(keys, at, &mut bytes).ok()?;
            let same = |row: &[u8]| row.iter().all(|byte| Some(byte) == row.first());
            Some(bytes.chunks_exact(16).any(same))
        };
        [0, len.saturating_sub(count)].into_iter().any(|at| is_plain(at) == Some(true))
    }
}

impl fmt::Debug for EncryptedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedImage")
            .field("info", &self.info)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
