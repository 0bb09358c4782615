//! Physical volumes, by the header at either end (sheet corestorage, section 3).

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::block::{Block, Rejected};
use super::raw::{
    BLK_TYPE_VOLUME_HEADER, CKSUM_CRC32C, SIGNATURE, VOL_HEADER_LEN, VolHeader, WIPE_KEY_AES_XTS,
};
use crate::base::bytes::{len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Paddr, Uuid};
use crate::crypto::xts::Xts;
use crate::io::read_at::ReadAt;

/// Name of the header in messages.
const HEADER: &str = "dk_vol_header";

/// A partition that a volume group stores its bytes on, by its header, of which there is one at either end.
#[derive(Clone)]
pub struct PhysicalVolume {
    device: Arc<dyn ReadAt>,
    uuid: Uuid,
    group: Uuid,
    len: u64,
    block_size: u32,
    label_len: u32,
    labels: Vec<Paddr>,
    wipe_key: [u8; 16],
    findings: Vec<Corrupt>,
}

impl PhysicalVolume {
    /// Reads the header at the start, or the one at the end where that is damaged.
    ///
    /// # Errors
    /// `Corrupt` if neither is sound, `Unsupported` for a form that is not known.
    pub fn open(device: Arc<dyn ReadAt>) -> Result<PhysicalVolume> {
        let mut findings = Vec::new();
        let first = read(&*device, 0);
        let end = device.len().saturating_sub(len64(VOL_HEADER_LEN));
        // The header knows where its copy is; without it that is the end of the partition.
        let copy_at = match &first {
            Ok(first) => first.header().vh_pv_nbytes.get().saturating_sub(len64(VOL_HEADER_LEN)),
            Err(_) => end,
        };
        let copy = read(&*device, copy_at);
        let (chosen, other) = match (first, copy) {
            (Ok(first), copy) => (first, copy),
            (Err(error), Ok(copy)) => (copy, Err(error)),
            (Err(error), Err(_)) => return Err(error),
        };
        match other {
            Ok(other) if other.bytes == chosen.bytes => {}
            Ok(_) => {
                let place = Place::new(HEADER, "").offset(copy_at);
                findings.push(
                    Corrupt::new(Damage::Contradiction, place).expected("the same as the first header"),
                );
            }
            Err(Error::Corrupt(corrupt)) => findings.push(*corrupt),
            Err(_) => findings.push(Corrupt::new(Damage::PastEnd, Place::new(HEADER, "").offset(copy_at))),
        }
        PhysicalVolume::of(device, chosen.header(), findings)
    }

    fn of(device: Arc<dyn ReadAt>, raw: &VolHeader, findings: Vec<Corrupt>) -> Result<PhysicalVolume> {
        let wrong = |field, found: u64| Corrupt::new(Damage::Range, Place::new(HEADER, field)).found(found);
        let unknown = |what, number: u16| {
            let hint = "no such volume is known; copy its files on a Mac";
            Error::unsupported(format!("CoreStorage volume with {what} {number}"), hint)
        };
        let algorithm = raw.vh_cksum_alg.get();
        if algorithm != CKSUM_CRC32C {
            return Err(unknown("checksum algorithm", algorithm));
        }
        let ([key_len, _], [key_alg, _]) = (raw.vh_wipe_key_nbytes, raw.vh_wipe_key_alg);
        if key_alg.get() != WIPE_KEY_AES_XTS {
            return Err(unknown("metadata encryption", key_alg.get()));
        }
        if key_len.get() != 16 {
            return Err(unknown("metadata keys of bytes", key_len.get()));
        }
        let block_size = raw.vh_blksz.get();
        if !block_size.is_power_of_two() || !(512..=1 << 20).contains(&block_size) {
            return Err(wrong("vh_blksz", block_size.into())
                .expected("a power of two from 512 to 1 MiB")
                .into());
        }
        let count = usize::from(raw.vh_num_labels.get());
        let labels = raw.vh_label_addr.get(..count).filter(|labels| !labels.is_empty());
        let labels = labels.ok_or_else(|| wrong("vh_num_labels", len64(count)).expected("1 to 4"))?;
        let [key, _] = raw.vh_wipe_key;
        let key = *key.first_chunk().ok_or(Error::Misuse("an array is long enough"))?;
        Ok(PhysicalVolume {
            device,
            uuid: Uuid(raw.vh_pv_uuid),
            group: Uuid(raw.vh_lvg_uuid),
            len: raw.vh_pv_nbytes.get(),
            block_size,
            label_len: raw.vh_label_max_nbytes.get(),
            labels: labels.iter().map(|block| Paddr(block.get())).collect(),
            wipe_key: key,
            findings,
        })
    }

    /// Its id.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Id of the volume group that it belongs to.
    #[must_use]
    pub fn group_uuid(&self) -> Uuid {
        self.group
    }

    /// Length in bytes, as its header says; its device may be longer, or cut off.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if it has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_size(&self) -> u32 {
        self.block_size
    }

    /// The partition.
    #[must_use]
    pub fn device(&self) -> &Arc<dyn ReadAt> {
        &self.device
    }

    /// What is wrong with one of its headers, where the other served.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.findings
    }

    /// Where its disk labels begin.
    pub(super) fn labels(&self) -> &[Paddr] {
        &self.labels
    }

    /// Bytes set aside for a disk label.
    pub(super) fn label_len(&self) -> u32 {
        self.label_len
    }

    /// Byte that a block begins at.
    pub(super) fn offset_of(&self, block: u64) -> Option<u64> {
        block.checked_mul(u64::from(self.block_size))
    }

    /// The keys of the encrypted metadata.
    pub(super) fn metadata_key(&self) -> Xts {
        Xts::aes128(&self.wipe_key, &self.uuid.0)
    }

    /// The keys of the file `EncryptedRoot.plist.wipekey`.
    pub(super) fn key_file_key(&self) -> Xts {
        Xts::aes128(&self.wipe_key, &[0; 16])
    }
}

/// A header that was read and verified.
struct Verified {
    bytes: [u8; VOL_HEADER_LEN],
    header: VolHeader,
}

impl Verified {
    fn header(&self) -> &VolHeader {
        &self.header
    }
}

fn read(device: &dyn ReadAt, at: u64) -> Result<Verified> {
    let place = |field| Place::new(HEADER, field).offset(at);
    let mut bytes = [0; VOL_HEADER_LEN];
    if at.checked_add(len64(VOL_HEADER_LEN)).is_none_or(|end| end > device.len()) {
        return Err(Error::damage(Damage::PastEnd, place("")));
    }
    device.read_exact_at(at, &mut bytes)?;
    let header = *pod::<VolHeader>(&bytes).ok_or(Error::Misuse("a header was read whole"))?;
    if header.vh_endianness != SIGNATURE {
        return Err(Error::damage(Damage::Magic, place("vh_endianness")));
    }
    match Block::parse(&bytes, Paddr(0)) {
        Ok(block) if block.kind() == (BLK_TYPE_VOLUME_HEADER, 0) => Ok(Verified { bytes, header }),
        Ok(_) => Err(Error::damage(Damage::ObjectType, place("mh_blk_type"))),
        Err(Rejected::Wiped) => Err(Error::damage(Damage::Missing, place(""))),
        Err(Rejected::Damaged(mut corrupt)) => {
            corrupt.place = place(corrupt.place.field);
            Err(corrupt.into())
        }
    }
}

impl fmt::Debug for PhysicalVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhysicalVolume")
            .field("uuid", &self.uuid)
            .field("group", &self.group)
            .field("len", &self.len)
            .field("block_size", &self.block_size)
            .finish_non_exhaustive()
    }
}
