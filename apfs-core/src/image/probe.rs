//! What is in a run of bytes? Signatures of file systems and disk images (sheet partitions, sections 4 and 5).

use alloc::vec::Vec;
use core::fmt;

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
    /// An HFS+ volume.
    HfsPlus,
    /// An HFSX volume: HFS+ that may tell `a` from `A`.
    HfsX,
    /// An HFS+ volume embedded in a classic HFS volume that holds nothing else.
    HfsWrapper,
    /// A CoreStorage physical volume, encrypted or not.
    CoreStorage,
    /// A disk image in a format that is read.
    Wrapped(Format),
    /// A disk image in a format that is not read: what, and advice.
    Image(&'static str, &'static str),
    /// Something else that can be named: what, and advice.
    Other(&'static str, &'static str),
    /// Nothing known.
    Unknown,
}

impl Content {
    /// One word for what is read or will be, for JSON: `apfs`, `hfsplus`, `hfsx`, `hfswrapper`, `corestorage`, the
    /// word of an image's format; a name such as `NTFS volume` for anything else; `unknown`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Content::Apfs => "apfs",
            Content::HfsPlus => "hfsplus",
            Content::HfsX => "hfsx",
            Content::HfsWrapper => "hfswrapper",
            Content::CoreStorage => "corestorage",
            Content::Wrapped(format) => format.word(),
            Content::Image(what, _) | Content::Other(what, _) => what,
            Content::Unknown => "unknown",
        }
    }

    /// A name for people, for example `HFS+ volume`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Content::Apfs => "APFS container",
            Content::HfsPlus => "HFS+ volume",
            Content::HfsX => "HFSX volume",
            Content::HfsWrapper => "HFS+ volume in an HFS wrapper",
            Content::CoreStorage => "CoreStorage physical volume",
            Content::Wrapped(format) => format.name(),
            Content::Image(what, _) | Content::Other(what, _) => what,
            Content::Unknown => "nothing known",
        }
    }

    /// What would help to read what this version does not read; empty if nothing is known.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Content::Image(_, advice) | Content::Other(_, advice) => advice,
            Content::CoreStorage => "what it holds is on its logical volumes",
            Content::Wrapped(_) => "copy the partition out first",
            Content::Apfs | Content::HfsPlus | Content::HfsX | Content::HfsWrapper | Content::Unknown => "",
        }
    }

    /// True for a volume or container of Apple's that may fill a whole disk.
    #[must_use]
    pub fn is_apple_volume(self) -> bool {
        matches!(
            self,
            Content::Apfs | Content::HfsPlus | Content::HfsX | Content::HfsWrapper | Content::CoreStorage
        )
    }

    /// True for a foreign volume whose first sector ends as a master boot record does.
    pub(super) fn has_boot_sector(self) -> bool {
        [FAT, EXFAT, NTFS, BITLOCKER].contains(&self)
    }
}

/// As [`Content::name`].
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const FOREIGN: &str = "this is no Apple file system";
const QEMU: &str = "convert it first: qemu-img convert -O raw IMAGE OUT";
const UNCOMPRESS: &str = "uncompress it first";
const UNPACK: &str = "unpack it first";
const EMULATOR: &str =
    "convert it to a raw image first, with Disk Copy on a classic Mac or in an emulator of one";

const FAT: Content = Content::Other("FAT (MS-DOS) volume", FOREIGN);
const EXFAT: Content = Content::Other("exFAT volume", FOREIGN);
const NTFS: Content = Content::Other("NTFS volume", FOREIGN);
const BITLOCKER: Content = Content::Other("BitLocker volume", FOREIGN);
const VHD: Content = Content::Image("VHD image", QEMU);
const VMDK: Content = Content::Image("VMDK image", QEMU);
const PARALLELS: Content = Content::Image("Parallels disk image", QEMU);
const ZIP: Content =
    Content::Image("zip file", "unpack it first; an IPSW is one, and the disk images are in it");
const APPLE_ARCHIVE: Content = Content::Image("Apple Archive", "unpack it first, with `aa extract` on a Mac");
const IM4P: Content =
    Content::Image("IM4P file of an iOS firmware", "take its payload out first, for example with pyimg4");
const LZFSE: Content = Content::Image("LZFSE file", UNCOMPRESS);
const CPIO: Content = Content::Image("cpio archive", UNPACK);
const UDF: Content = Content::Other("UDF file system", FOREIGN);
const LWVM: Content = Content::Other("LwVM disk of an iPhone", "image its partitions one by one");

/// Bytes that stand at an offset.
type At = (usize, &'static [u8]);

/// What something is, and the bytes that all have to stand there; the first that fits counts.
const SIGNATURES: &[(Content, &[At])] = &[
    // Disk images and files around them, which say what they are with their first bytes.
    (Content::Wrapped(Format::Udif), &[(0, b"koly")]),
    (Content::Wrapped(Format::EncryptedV2), &[(0, b"encrcdsa")]),
    (Content::Wrapped(Format::SparseImage), &[(0, b"sprs")]),
    (Content::Wrapped(Format::Asif), &[(0, b"shdw")]),
    (Content::Wrapped(Format::Ewf), &[(0, b"EVF\x09\x0D\x0A\xFF\x00")]),
    (
        Content::Image("EWF2 (Ex01) image", "convert it to a raw image or E01 first"),
        &[(0, b"EVF2\x0D\x0A\x81\x00")],
    ),
    (
        Content::Image("EWF logical evidence file (L01)", "it holds files, not a disk"),
        &[(0, b"LVF\x09\x0D\x0A\xFF\x00")],
    ),
    (
        Content::Image(
            "Apple Encrypted Archive",
            "decrypt it with its key first, for example with `aea decrypt` on a Mac",
        ),
        &[(0, b"AEA1")],
    ),
    (APPLE_ARCHIVE, &[(0, b"AA01")]),
    (APPLE_ARCHIVE, &[(0, b"YAA1")]),
    (
        Content::Image("AFF4 image", "convert it to a raw image first"),
        &[(0, b"PK\x03\x04"), (30, b"container.description")],
    ),
    (
        Content::Image("AFF4 image", "convert it to a raw image first"),
        &[(0, b"PK\x03\x04"), (30, b"information.turtle")],
    ),
    (ZIP, &[(0, b"PK\x03\x04")]),
    (Content::Image("QCOW image", QEMU), &[(0, b"QFI\xFB")]),
    (VMDK, &[(0, b"KDMV")]),
    (VMDK, &[(0, b"COWD")]),
    (VMDK, &[(0, b"# Disk DescriptorFile")]),
    (Content::Image("VHDX image", QEMU), &[(0, b"vhdxfile")]),
    (VHD, &[(0, b"conectix")]),
    (Content::Image("VDI image", QEMU), &[(64, b"\x7F\x10\xDA\xBE")]),
    (PARALLELS, &[(0, b"WithoutFreeSpace")]),
    (PARALLELS, &[(0, b"WithouFreSpacExt")]),
    (Content::Image("gzip file", UNCOMPRESS), &[(0, b"\x1F\x8B\x08")]),
    (Content::Image("compress (.Z) file", UNCOMPRESS), &[(0, b"\x1F\x9D")]),
    (Content::Image("bzip2 file", UNCOMPRESS), &[(0, b"BZh"), (4, b"\x31\x41\x59\x26\x53\x59")]),
    (Content::Image("xz file", UNCOMPRESS), &[(0, b"\xFD7zXZ\x00")]),
    (Content::Image("lzma file", UNCOMPRESS), &[(0, b"\x5D\x00\x00"), (13, b"\x00")]),
    (Content::Image("lzip file", UNCOMPRESS), &[(0, b"LZIP")]),
    (Content::Image("zstd file", UNCOMPRESS), &[(0, b"\x28\xB5\x2F\xFD")]),
    (Content::Image("LZ4 file", UNCOMPRESS), &[(0, b"\x04\x22\x4D\x18")]),
    (LZFSE, &[(0, b"bvx2")]),
    (LZFSE, &[(0, b"bvxn")]),
    (LZFSE, &[(0, b"bvx-")]),
    (LZFSE, &[(0, b"bvx1")]),
    (Content::Image("7z archive", UNPACK), &[(0, b"7z\xBC\xAF\x27\x1C")]),
    (Content::Image("RAR archive", UNPACK), &[(0, b"Rar!\x1A\x07")]),
    (Content::Image("xar archive (.pkg, .xip)", "unpack it first, for example with bsdtar"), &[(0, b"xar!")]),
    (Content::Image("pbzx file", "unpack it first; it is the payload of a package or .xip"), &[(0, b"pbzx")]),
    (CPIO, &[(0, b"070701")]),
    (CPIO, &[(0, b"070707")]),
    (Content::Image("tar archive", UNPACK), &[(257, b"ustar")]),
    (IM4P, &[(0, b"\x30\x83"), (5, b"\x16\x04IM4P")]),
    (IM4P, &[(0, b"\x30\x84"), (6, b"\x16\x04IM4P")]),
    (Content::Image("NDIF (Disk Copy 6) image in MacBinary", EMULATOR), &[(0, b"\x00"), (69, b"ddsk")]),
    (Content::Image("Disk Copy 4.2 image in MacBinary", EMULATOR), &[(0, b"\x00"), (69, b"dCpy")]),
    // Volumes. The header of CoreStorage lies in boot blocks that an HFS+ volume leaves free.
    (Content::Apfs, &[(32, b"NXSB")]),
    (Content::CoreStorage, &[(10, b"\x10"), (88, b"CS")]),
    (Content::HfsPlus, &[(1024, b"H+")]),
    (Content::HfsX, &[(1024, b"HX")]),
    (Content::HfsWrapper, &[(1024, b"BD"), (1148, b"H+")]),
    (Content::HfsWrapper, &[(1024, b"BD"), (1148, b"HX")]),
    (Content::Other("classic HFS volume", "copy its files out with hfsutils"), &[(1024, b"BD")]),
    (Content::Other("MFS volume", "open it in an emulator of a classic Mac"), &[(1024, b"\xD2\xD7")]),
    (BITLOCKER, &[(3, b"-FVE-FS-")]),
    (NTFS, &[(3, b"NTFS    ")]),
    (EXFAT, &[(3, b"EXFAT   ")]),
    (FAT, &[(54, b"FAT12   "), (510, b"\x55\xAA")]),
    (FAT, &[(54, b"FAT16   "), (510, b"\x55\xAA")]),
    (FAT, &[(54, b"FAT     "), (510, b"\x55\xAA")]),
    (FAT, &[(82, b"FAT32   "), (510, b"\x55\xAA")]),
    (FAT, &[(3, b"MSDOS5.0"), (510, b"\x55\xAA")]),
    (Content::Other("ReFS volume", FOREIGN), &[(3, b"ReFS\x00")]),
    (Content::Other("LUKS volume", FOREIGN), &[(0, b"LUKS\xBA\xBE")]),
    (Content::Other("LVM physical volume", FOREIGN), &[(512, b"LABELONE")]),
    (Content::Other("XFS volume", FOREIGN), &[(0, b"XFSB")]),
    (Content::Other("ext2, ext3 or ext4 volume", FOREIGN), &[(1080, b"\x53\xEF")]),
    (LWVM, &[(0, b"\x6A\x90\x88\xCF\x8A\xFD\x63\x0A\xE3\x51\xE2\x48\x87\xE0\xB9\x8B")]),
    (LWVM, &[(0, b"\xB1\x89\xA5\x19\x4F\x59\x4B\x1D\xAD\x44\x1E\x12\x7A\xAF\x45\x39")]),
    (Content::Other("ISO 9660 file system", "unpack it, for example with bsdtar"), &[(32769, b"CD001")]),
    (UDF, &[(32769, b"BEA01"), (34817, b"NSR02")]),
    (UDF, &[(32769, b"BEA01"), (34817, b"NSR03")]),
    (Content::Other("Btrfs volume", FOREIGN), &[(65600, b"_BHRfS_M")]),
];

/// Bytes from the start that nearly all signatures lie in.
const START: u64 = 4096;
/// Bytes that all lie in.
const DEEP: u64 = 65608;
/// Bytes from the end, for images with a trailer.
const END: u64 = 512;

/// Looks at the first and the last 512 bytes of a device, and further in if nothing is known by those.
///
/// # Errors
/// I/O.
pub fn probe(device: &dyn ReadAt) -> Result<Content> {
    probe_at(device, 0, device.len())
}

/// As [`probe`], of a range of a device, as far as the device reaches.
///
/// # Errors
/// I/O.
pub fn probe_at(device: &dyn ReadAt, start: u64, len: u64) -> Result<Content> {
    let end = start.saturating_add(len).min(device.len());
    let len = end.saturating_sub(start);
    let read = |at: u64, len: u64| -> Result<Vec<u8>> {
        let mut bytes = zeroed(to_usize(len)?)?;
        device.read_exact_at(at, &mut bytes)?;
        Ok(bytes)
    };
    let first = read(start, len.min(START))?;
    let tail = len.min(END);
    // Trailers first: what stands before them may look like a raw disk.
    if let Some(content) = by_trailer(&read(end.saturating_sub(tail), tail)?) {
        return Ok(content);
    }
    if let Some(content) = by_signature(&first) {
        return Ok(content);
    }
    if is_disk_copy_42(&first, len) {
        return Ok(Content::Image("Disk Copy 4.2 image", EMULATOR));
    }
    let content = if len > START { by_signature(&read(start, len.min(DEEP))?) } else { None };
    Ok(content.unwrap_or(Content::Unknown))
}

fn by_signature(bytes: &[u8]) -> Option<Content> {
    let stands = |(at, magic): &At| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic));
    SIGNATURES.iter().find(|(_, parts)| parts.iter().all(stands)).map(|(content, _)| *content)
}

fn by_trailer(last: &[u8]) -> Option<Content> {
    match last {
        [b'k', b'o', b'l', b'y', ..] if last.len() == 512 => Some(Content::Wrapped(Format::Udif)),
        [b'c', b'o', b'n', b'e', b'c', b't', b'i', b'x', ..] if last.len() == 512 => Some(VHD),
        [.., b'c', b'd', b's', b'a', b'e', b'n', b'c', b'r'] => Some(Content::Wrapped(Format::EncryptedV1)),
        _ => None,
    }
}

/// Disk Copy 4.2 has a weak signature, but its two lengths and a header of 84 bytes give that of the file.
fn is_disk_copy_42(first: &[u8], len: u64) -> bool {
    let length = |at| get(first, at, 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let (Some(data), Some(tags)) = (length(64), length(68)) else { return false };
    let total = u64::from(data).saturating_add(u64::from(tags)).saturating_add(84);
    get(first, 82, 2) == Some(&[1, 0])
        && first.first().is_some_and(|name| *name < 64)
        && data > 0
        && total == len
}
