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

    /// True if the volume was unmounted cleanly (sheet hfsplus, section 1.3).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let attributes = self.attributes();
        attributes.contains(VolumeAttributes::UNMOUNTED)
            && !attributes.contains(VolumeAttributes::BOOT_VOLUME_INCONSISTENT)
    }

    /// When the volume was made, in the local time of whoever did; `None` if that is not kept.
    #[must_use]
    pub fn created_local(&self) -> Option<Timestamp> {
        time(self.raw.createDate.get())
    }

    /// When it was last changed; `None` if that is not kept.
    #[must_use]
    pub fn modified(&self) -> Option<Timestamp> {
        time(self.raw.modifyDate.get())
    }

    /// When it was last backed up; `None` if it never was.
    #[must_use]
    pub fn backed_up(&self) -> Option<Timestamp> {
        time(self.raw.backupDate.get())
    }

    /// When it was last checked; `None` if it never was.
    #[must_use]
    pub fn checked(&self) -> Option<Timestamp> {
        time(self.raw.checkedDate.get())
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

    /// True if another header describes the same structure: geometry, places of the trees, and how dates and content are
    /// stored. Counts and dates of the copy are often old.
    #[must_use]
    pub fn same_structure(&self, other: &VolumeHeader) -> bool {
        let (a, b) = (&self.raw, &other.raw);
        let forks = |raw: &HFSPlusVolumeHeader| {
            [raw.allocationFile, raw.extentsFile, raw.catalogFile, raw.attributesFile]
        };
        let same = |(a, b): (HFSPlusForkData, HFSPlusForkData)| a.as_bytes() == b.as_bytes();
        let forms = VolumeAttributes::EXPANDED_TIMES | VolumeAttributes::CONTENT_PROTECTION;
        self.variant == other.variant
            && self.attributes() & forms == other.attributes() & forms
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
        let (mut valid, mut findings, mut unreadable) = (Vec::new(), Vec::new(), None);
        let first = read_at(device, HEADER_OFFSET);
        let by_blocks = first.as_ref().ok().and_then(|header| header.len().checked_sub(HEADER_OFFSET));
        match first {
            Ok(header) => valid.push(Found { header, is_copy: false }),
            // A bad sector: the copy is somewhere else.
            Err(error @ Error::Io(_)) => {
                let place = Place::new(STRUCTURE, "").offset(HEADER_OFFSET);
                findings.push(Corrupt::new(Damage::Missing, place).found(&error));
                unreadable = Some(error);
            }
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
        match unreadable.filter(|_| valid.is_empty()) {
            Some(error) => Err(error),
            None => Ok(Headers { valid, findings }),
        }
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

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "offsets written by hand")]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// A volume of 64 blocks of 512 bytes with both headers.
    fn volume() -> Vec<u8> {
        let mut bytes = alloc::vec![0; 64 * 512];
        for at in [1024, 64 * 512 - 1024] {
            bytes[at..at + 4].copy_from_slice(b"H+\0\x04");
            bytes[at + 8..at + 12].copy_from_slice(b"10.0");
            bytes[at + 40..at + 48].copy_from_slice(&[0, 0, 2, 0, 0, 0, 0, 64]);
            bytes[at + 104..at + 112].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<bool>, Vec<Damage>) {
        let headers = Headers::read(&bytes).unwrap();
        let copies = headers.valid.iter().map(|found| found.is_copy).collect();
        (copies, headers.findings.iter().map(|finding| finding.damage).collect())
    }

    /// Fields of a valid header.
    #[test]
    fn fields() {
        let header = VolumeHeader::parse(&volume()[1024..]).unwrap();
        assert_eq!((header.variant(), header.block_size(), header.len()), (Variant::HfsPlus, 512, 32_768));
        assert_eq!(header.last_mounted_version(), "10.0");
        assert_eq!(header.volume_id(), Some([1, 2, 3, 4, 5, 6, 7, 8]));
    }

    /// Both headers are read; either may be damaged, and is said to be.
    #[test]
    fn either_serves() {
        let sound = volume();
        assert_eq!(read(&sound), (alloc::vec![false, true], alloc::vec![]));
        let mut first = sound.clone();
        first[1024] = 0;
        assert_eq!(read(&first), (alloc::vec![true], alloc::vec![Damage::Magic]));
        let mut copy = sound.clone();
        copy[64 * 512 - 1024] = 0;
        assert_eq!(read(&copy), (alloc::vec![false], alloc::vec![Damage::Magic]));
        let mut longer = sound.clone();
        longer.resize(100 * 512, 0);
        assert_eq!(read(&longer), (alloc::vec![false, true], alloc::vec![]), "at the end of the blocks");
        assert_eq!(read(&sound[..32 * 512]).1, [Damage::Missing], "a cut-off device");
        let mut other = sound;
        other[1024 + 272 + 16 + 3] = 9;
        assert_eq!(read(&other), (alloc::vec![false, true], alloc::vec![Damage::Contradiction]));
    }

    /// What no volume can have is refused.
    #[test]
    fn lies() {
        let damage = |at: usize, new: &[u8]| {
            let mut bytes = volume()[1024..].to_vec();
            bytes[at..at + new.len()].copy_from_slice(new);
            VolumeHeader::parse(&bytes).unwrap_err().corrupt().unwrap().damage
        };
        assert_eq!(damage(0, b"HX"), Damage::Range, "HFSX of version 4");
        assert_eq!(damage(40, &[0, 0, 1, 0]), Damage::Range, "blocks of 256 bytes");
        assert_eq!(damage(40, &[0, 0, 6, 0]), Damage::Range, "no power of two");
        assert_eq!(damage(44, &[0, 0, 0, 3]), Damage::Range);
        assert!(VolumeHeader::parse(&[0; 511]).is_err());
    }

    /// Seconds since 1904 (section 9); 0 is no date.
    #[test]
    fn dates() {
        assert_eq!(time(2_082_844_800).unwrap().to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(time(1).unwrap().to_string(), "1904-01-01T00:00:01.000000000Z");
        assert_eq!(time(u32::MAX).unwrap().to_string(), "2040-02-06T06:28:15.000000000Z");
        assert_eq!(time(0), None);
    }
}
