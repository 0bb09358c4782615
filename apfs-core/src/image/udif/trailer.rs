//! The block `koly` that every UDIF file has at its end, rarely at its start (sheet dmg, section 2).

use core::fmt;

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::io::read_at::ReadAt;

/// Length of the block.
pub(super) const TRAILER_BYTES: u64 = 512;

/// A checksum of any type (`UDIFChecksum`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RawChecksum {
    kind: U32,
    bits: U32,
    value: [u8; 128],
}

impl RawChecksum {
    /// The bytes of it that count.
    pub(super) fn value(&self) -> &[u8] {
        let len = usize::try_from(self.bits.get() >> 3).unwrap_or(usize::MAX);
        self.value.get(..len).unwrap_or(&self.value)
    }
}

/// The block (`UDIFResourceFile`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawTrailer {
    signature: [u8; 4],
    version: U32,
    header_size: U32,
    flags: U32,
    running_data_fork_offset: U64,
    data_fork_offset: U64,
    data_fork_length: U64,
    rsrc_fork_offset: U64,
    rsrc_fork_length: U64,
    segment_number: U32,
    segment_count: U32,
    segment_id: [u8; 16],
    data_checksum: RawChecksum,
    xml_offset: U64,
    xml_length: U64,
    reserved1: [u8; 64],
    code_signature_offset: U64,
    code_signature_length: U64,
    reserved2: [u8; 40],
    master_checksum: RawChecksum,
    image_variant: U32,
    sector_count: U64,
    reserved3: [u8; 12],
}

const _: () = assert!(size_of::<RawTrailer>() == 512 && size_of::<RawChecksum>() == 136);

/// A stored checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// There is none.
    None,
    /// CRC-32 as zip uses it.
    Crc32(u32),
    /// One that is not computed here, by its number in the image: 4 is MD5, 5 is SHA-1.
    Other(u32),
}

impl Checksum {
    pub(super) fn new(raw: &RawChecksum) -> Checksum {
        let [a, b, c, d, ..] = raw.value;
        match (raw.kind.get(), raw.bits.get()) {
            (0, _) => Checksum::None,
            (2, 32) => Checksum::Crc32(u32::from_be_bytes([a, b, c, d])),
            (kind, _) => Checksum::Other(kind),
        }
    }
}

/// Type and value, for example `CRC-32 0x1234ABCD`.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Checksum::None => f.write_str("none"),
            Checksum::Crc32(value) => write!(f, "CRC-32 {value:#010X}"),
            Checksum::Other(4) => f.write_str("MD5"),
            Checksum::Other(5) => f.write_str("SHA-1"),
            Checksum::Other(kind) => write!(f, "type {kind}"),
        }
    }
}

/// What the block says. Offsets count from the start of the image, which is not always the start of the file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trailer {
    /// Version of the format, 4.
    pub version: u32,
    /// 1: flattened, 4: made for downloads.
    pub flags: u32,
    /// 1: a whole disk, 2: one partition.
    pub variant: u32,
    /// Sectors of 512 bytes of the disk in the image, 0 if the image does not say.
    pub sectors: u64,
    /// Where the data of this file lies in that of all segments.
    pub running_offset: u64,
    /// First byte of the data.
    pub data_offset: u64,
    /// Bytes of data.
    pub data_len: u64,
    /// First byte of the resource fork.
    pub fork_offset: u64,
    /// Bytes of the resource fork, 0 if there is none.
    pub fork_len: u64,
    /// First byte of the property list.
    pub xml_offset: u64,
    /// Bytes of the property list, 0 if there is none.
    pub xml_len: u64,
    /// First byte of a code signature.
    pub signature_offset: u64,
    /// Bytes of a code signature, 0 if there is none.
    pub signature_len: u64,
    /// Number of this file among the segments, from 1; 0 if it is the only one.
    pub segment: u32,
    /// How many segments there are; 0 or 1 if it is the only one.
    pub segments: u32,
    /// The same in all segments.
    pub segment_id: Uuid,
    /// Checksum of the stored data.
    pub data_checksum: Checksum,
    /// Checksum of the tables' checksums.
    pub master_checksum: Checksum,
    /// Where in the file this block stands.
    pub at: u64,
}

impl Trailer {
    /// Finds the block at the end of a file, or at its start.
    ///
    /// # Errors
    /// `Corrupt` if it is at neither, `Unsupported` for another version.
    pub fn read(file: &dyn ReadAt) -> Result<Trailer> {
        let end = file.len().checked_sub(TRAILER_BYTES);
        let end = end.ok_or_else(|| Error::damage(Damage::Bounds, place("")))?;
        for at in [end, 0] {
            let mut bytes = [0; 512];
            file.read_exact_at(at, &mut bytes)?;
            let raw: &RawTrailer = pod(&bytes).ok_or_else(|| Error::damage(Damage::Bounds, place("")))?;
            if raw.signature == *b"koly" {
                return Trailer::parse(raw, at);
            }
        }
        Err(Corrupt::new(Damage::Magic, place("Signature")).expected("koly").into())
    }

    fn parse(raw: &RawTrailer, at: u64) -> Result<Trailer> {
        let (version, size) = (raw.version.get(), raw.header_size.get());
        if version != 4 {
            return Err(Error::unsupported(alloc::format!("UDIF image of version {version}"), ""));
        }
        if u64::from(size) != TRAILER_BYTES {
            let place = place("HeaderSize");
            return Err(Corrupt::new(Damage::Range, place).expected(TRAILER_BYTES).found(size).into());
        }
        Ok(Trailer {
            version,
            flags: raw.flags.get(),
            variant: raw.image_variant.get(),
            sectors: raw.sector_count.get(),
            running_offset: raw.running_data_fork_offset.get(),
            data_offset: raw.data_fork_offset.get(),
            data_len: raw.data_fork_length.get(),
            fork_offset: raw.rsrc_fork_offset.get(),
            fork_len: raw.rsrc_fork_length.get(),
            xml_offset: raw.xml_offset.get(),
            xml_len: raw.xml_length.get(),
            signature_offset: raw.code_signature_offset.get(),
            signature_len: raw.code_signature_length.get(),
            segment: raw.segment_number.get(),
            segments: raw.segment_count.get(),
            segment_id: Uuid(raw.segment_id),
            data_checksum: Checksum::new(&raw.data_checksum),
            master_checksum: Checksum::new(&raw.master_checksum),
            at,
        })
    }
}

pub(super) fn place(field: &'static str) -> Place {
    Place::new("UDIFResourceFile", field)
}
