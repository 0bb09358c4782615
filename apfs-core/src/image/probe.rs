//! What is in a run of bytes? Signatures of file systems and disk images (sheet partitions, sections 4 and 5).

use super::format::Format;
use crate::base::bytes::{get, to_usize, zeroed};
use crate::base::error::Result;
use crate::io::read_at::ReadAt;

/// What the first and last bytes of a device look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// An APFS container.
    Apfs,
    /// An HFS+ or HFSX volume.
    HfsPlus,
    /// A disk image in a format that is read.
    Wrapped(Format),
    /// A disk image in a format that is not read: what, and advice.
    Image(&'static str, &'static str),
    /// Something else that can be named: what, and advice.
    Other(&'static str, &'static str),
    /// Nothing known.
    Unknown,
}

/// Bytes from the start that signatures are looked for in.
const START: u64 = 4096;
/// Bytes from the end.
const END: u64 = 512;

/// Looks at the first 4096 and the last 512 bytes.
///
/// # Errors
/// I/O.
pub fn probe(device: &dyn ReadAt) -> Result<Content> {
    let mut start = zeroed(to_usize(device.len().min(START))?)?;
    device.read_exact_at(0, &mut start)?;
    let mut end = zeroed(to_usize(device.len().min(END))?)?;
    device.read_exact_at(device.len().saturating_sub(END), &mut end)?;
    let later = "this version reads raw disks and partitions; convert it to a raw image first";
    let at_start: [(usize, &[u8], Content); 18] = [
        (0, b"encrcdsa", Content::Wrapped(Format::EncryptedV2)),
        (0, b"sprs", Content::Wrapped(Format::SparseImage)),
        (0, b"shdw", Content::Wrapped(Format::Asif)),
        (0, b"AEA1", Content::Image("Apple Encrypted Archive", "decrypt it with its key first")),
        (0, b"EVF\x09\x0D\x0A\xFF\x00", Content::Wrapped(Format::Ewf)),
        (0, b"QFI\xFB", Content::Image("QCOW image", later)),
        (0, b"KDMV", Content::Image("VMDK image", later)),
        (0, b"vhdxfile", Content::Image("VHDX image", later)),
        (0, b"\x1F\x8B", Content::Image("gzip file", "uncompress it first")),
        (0, b"\x28\xB5\x2F\xFD", Content::Image("zstd file", "uncompress it first")),
        (0, b"PK\x03\x04", Content::Image("zip file", "unpack it first")),
        (88, b"CS", Content::Other("CoreStorage volume", "this version does not read it")),
        (1024, b"H+", Content::HfsPlus),
        (1024, b"HX", Content::HfsPlus),
        (1024, b"BD", Content::Other("HFS volume", "this version does not read it")),
        (3, b"NTFS    ", Content::Other("NTFS volume", "this is no Apple file system")),
        (512, b"PM\0\0", Content::Other("disk with an Apple partition map", "this version reads GPT disks")),
        (
            510,
            b"\x55\xAA",
            Content::Other("disk with a boot sector and no GPT", "this version reads GPT disks"),
        ),
    ];
    // Trailers first: what stands before them may look like a raw disk.
    if end.starts_with(b"koly") {
        return Ok(Content::Wrapped(Format::Udif));
    }
    if end.ends_with(b"cdsaencr") {
        return Ok(Content::Wrapped(Format::EncryptedV1));
    }
    if get(&start, 32, 4) == Some(b"NXSB") {
        return Ok(Content::Apfs);
    }
    let found = at_start
        .into_iter()
        .find(|(at, magic, _)| start.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    Ok(found.map_or(Content::Unknown, |(_, _, content)| content))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signatures are found where they belong, also on devices shorter than what is looked at.
    #[test]
    fn signatures() {
        let mut bytes = alloc::vec![0u8; 8192];
        assert_eq!(probe(&bytes).unwrap(), Content::Unknown);
        bytes[1024..1026].copy_from_slice(b"H+");
        assert_eq!(probe(&bytes).unwrap(), Content::HfsPlus);
        bytes[32..36].copy_from_slice(b"NXSB");
        assert_eq!(probe(&bytes).unwrap(), Content::Apfs);
        assert_eq!(probe(&alloc::vec![1u8; 3]).unwrap(), Content::Unknown);
        assert_eq!(probe(&alloc::vec::Vec::new()).unwrap(), Content::Unknown);
    }
}
