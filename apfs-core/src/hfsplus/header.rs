//! The volume header and its copy, checked (sheet hfsplus, sections 1.1 to 1.3).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zerocopy::IntoBytes;

use super::raw::volume::{
    HEADER_LEN, HEADER_OFFSET, HFS_PLUS, HFSPlusForkData, HFSPlusVolumeHeader, HFSX, VolumeAttributes,
};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::time::Timestamp;
use crate::crypto::hash::uuid_v3;
use crate::io::read_at::ReadAt;

/// Namespace of the UUIDs of HFS volumes.
const UUID_NAMESPACE: [u8; 16] = *b"\xB3\xE2\x0F\x39\xF2\x92\x11\xD6\x97\xA4\x00\x30\x65\x43\xEC\xAC";

const STRUCTURE: &str = "HFSPlusVolumeHeader";
/// Seconds from 1904 to 1970.
const MAC_EPOCH: i64 = 2_082_844_800;
/// Fewer blocks than this can't hold the two headers and the trees.
const LEAST_BLOCKS: u32 = 4;
/// Largest allocation block; Apple's tools make them of up to 1 MiB.
const LARGEST_BLOCK: u32 = 1 << 28;

/// Which of the two formats a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `H+`: names are equal without regard to case.
    HfsPlus,
    /// `HX`: says itself how names are compared.
    HfsX,
}

/// A valid volume header.
#[derive(Clone, Debug)]
pub struct VolumeHeader {
    raw: HFSPlusVolumeHeader,
    variant: Variant,
}

impl VolumeHeader {
    /// Checks the bytes of a header.
    ///
    /// # Errors
    /// `Corrupt` with the field that no volume can have.
    pub fn parse(bytes: &[u8]) -> Result<VolumeHeader> {
        let raw: &HFSPlusVolumeHeader =
            pod(bytes).ok_or_else(|| Error::damage(Damage::Bounds, Place::new(STRUCTURE, "")))?;
        let variant = match (raw.signature, raw.version.get()) {
            (HFS_PLUS, 4) => Variant::HfsPlus,
            (HFSX, 5) => Variant::HfsX,
            (HFS_PLUS | HFSX, version) => return Err(wrong("version", Damage::Range, version)),
            (other, _) => return Err(wrong("signature", Damage::Magic, format_args!("{other:02x?}"))),
        };
        let (block_size, blocks) = (raw.blockSize.get(), raw.totalBlocks.get());
        if !block_size.is_power_of_two() || !(512..=LARGEST_BLOCK).contains(&block_size) {
            return Err(wrong("blockSize", Damage::Range, block_size));
        }
        if blocks < LEAST_BLOCKS {
            return Err(wrong("totalBlocks", Damage::Range, blocks));
        }
        Ok(VolumeHeader { raw: *raw, variant })
    }

    /// The structure as stored.
    #[must_use]
    pub fn raw(&self) -> &HFSPlusVolumeHeader {
        &self.raw
    }

    /// HFS+ or HFSX.
    #[must_use]
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Bytes of an allocation block: a power of two, at least 512.
    #[must_use]
    pub fn block_size(&self) -> u32 {
        self.raw.blockSize.get()
    }

    /// Allocation blocks of the volume.
    #[must_use]
    pub fn total_blocks(&self) -> u32 {
        self.raw.totalBlocks.get()
    }

    /// Bytes of all allocation blocks.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::from(self.block_size()).saturating_mul(u64::from(self.total_blocks()))
    }

    /// Never true: a volume has blocks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the volume says of its own state.
    #[must_use]
    pub fn attributes(&self) -> VolumeAttributes {
        VolumeAttributes::from_bits_retain(self.raw.attributes.get())
    }

    /// Who mounted it last, for example `10.0`, `HFSJ` or `H+Lx`, as text that is safe to print.
    #[must_use]
    pub fn last_mounted_version(&self) -> String {
        let shown = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        self.raw.lastMountedVersion.iter().map(shown).collect()
    }

    /// The eight bytes that stand for the volume's UUID; `None` if there are none.
    #[must_use]
    pub fn volume_id(&self) -> Option<[u8; 8]> {
        let [.., high, low] = self.raw.finderInfo;
        let id = u64::from(high.get()) << 32 | u64::from(low.get());
        (id != 0).then(|| id.to_be_bytes())
    }

    /// UUID of the volume as macOS shows it, made of [`volume_id`](VolumeHeader::volume_id); `None` if it has none.
    #[must_use]
    pub fn uuid(&self) -> Option<Uuid> {
        self.volume_id().map(|id| uuid_v3(&UUID_NAMESPACE, &id))
    }

    /// When the volume was made, by the clock of whoever made it: the one date that is local time.
    #[must_use]
    pub fn created_local(&self) -> Option<Timestamp> {
        time(self.raw.createDate.get())
    }

    /// When the volume was changed last.
    #[must_use]
    pub fn modified(&self) -> Option<Timestamp> {
        time(self.raw.modifyDate.get())
    }

    /// When the volume was backed up last.
    #[must_use]
    pub fn backed_up(&self) -> Option<Timestamp> {
        time(self.raw.backupDate.get())
    }

    /// When the volume was checked last.
    #[must_use]
    pub fn checked(&self) -> Option<Timestamp> {
        time(self.raw.checkedDate.get())
    }

    /// True if another header describes the same structure: geometry and places of the trees. Counts and dates of the
    /// copy are often old.
    #[must_use]
    pub fn same_structure(&self, other: &VolumeHeader) -> bool {
        let (a, b) = (&self.raw, &other.raw);
        let forks = |raw: &HFSPlusVolumeHeader| {
            [raw.allocationFile, raw.extentsFile, raw.catalogFile, raw.attributesFile]
        };
        let same = |(a, b): (HFSPlusForkData, HFSPlusForkData)| a.as_bytes() == b.as_bytes();
        self.variant == other.variant
            && a.blockSize == b.blockSize
            && a.totalBlocks == b.totalBlocks
            && forks(a).into_iter().zip(forks(b)).all(same)
    }
}

/// A number of seconds since 1904 as a point in time; 0 stands for none (sheet hfsplus, section 9).
pub(super) fn time(seconds: u32) -> Option<Timestamp> {
    let since_1970 = i64::from(seconds).saturating_sub(MAC_EPOCH);
    (seconds != 0).then(|| Timestamp(since_1970.saturating_mul(1_000_000_000)))
}

/// A number of seconds since 1970 as a point in time; 0 stands for none.
pub(super) fn time_since_1970(seconds: u32) -> Option<Timestamp> {
    (seconds != 0).then(|| Timestamp(i64::from(seconds).saturating_mul(1_000_000_000)))
}

/// The header of a volume and its copy, as far as they are valid.
#[derive(Debug)]
pub(super) struct Headers {
    /// Valid ones, the one to believe first.
    pub(super) valid: Vec<Found>,
    /// What is wrong with them.
    pub(super) findings: Vec<Corrupt>,
}

#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) header: VolumeHeader,
    pub(super) is_copy: bool,
}

impl Headers {
    /// Reads both headers of the volume that fills a device.
    ///
    /// The copy is looked for at the end of the device and, if the first header says so, at the end of the blocks.
    pub(super) fn read(device: &dyn ReadAt) -> Result<Headers> {
        let (mut valid, mut findings) = (Vec::new(), Vec::new());
        let first = read_at(device, HEADER_OFFSET);
        let by_blocks = first.as_ref().ok().and_then(|header| header.len().checked_sub(HEADER_OFFSET));
        match first {
            Ok(header) => valid.push(Found { header, is_copy: false }),
            Err(error) => findings.push(finding(error)?),
        }
        let by_device = device.len().checked_sub(HEADER_OFFSET);
        let (mut copy, mut failed) = (None, None);
        for at in [by_blocks, by_device].into_iter().flatten() {
            match read_at(device, at) {
                Ok(header) if copy.is_none() => copy = Some(header),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match (copy, failed) {
            (Some(header), _) => valid.push(Found { header, is_copy: true }),
            (None, Some(Error::Io(_))) | (None, None) => {
                let place = Place::new(STRUCTURE, "").offset(by_blocks.or(by_device).unwrap_or(0));
                findings.push(Corrupt::new(Damage::Missing, place).expected("a copy of the volume header"));
            }
            (None, Some(error)) => findings.push(finding(error)?),
        }
        if let [first, copy] = valid.as_slice()
            && !first.header.same_structure(&copy.header)
        {
            let place = Place::new(STRUCTURE, "").offset(HEADER_OFFSET);
            findings
                .push(Corrupt::new(Damage::Contradiction, place).found("another structure than in its copy"));
        }
        Ok(Headers { valid, findings })
    }
}

fn read_at(device: &dyn ReadAt, offset: u64) -> Result<VolumeHeader> {
    let mut bytes = [0; HEADER_LEN];
    device.read_exact_at(offset, &mut bytes)?;
    VolumeHeader::parse(&bytes).map_err(|error| match error {
        Error::Corrupt(mut finding) => {
            finding.place.offset = Some(offset);
            Error::Corrupt(finding)
        }
        other => other,
    })
}

/// Damage as a finding; anything else stays an error.
fn finding(error: Error) -> Result<Corrupt> {
    match error {
        Error::Corrupt(finding) => Ok(*finding),
        other => Err(other),
    }
}

fn wrong(field: &'static str, damage: Damage, found: impl fmt::Display) -> Error {
    Corrupt::new(damage, Place::new(STRUCTURE, field)).found(found).into()
}
