//! Every signature, and what is said about what is not read.

use std::sync::Arc;

use apfs_core::image::probe::{Content, probe};
use apfs_core::{Class, Disk, Error, OpenOptions};

/// Bytes at an offset.
type Part<'b> = (i64, &'b [u8]);

/// A device of 128 KiB with bytes at some offsets; negative ones count from the end.
fn device(parts: &[Part]) -> Vec<u8> {
    let mut bytes = vec![0; 128 << 10];
    for (at, part) in parts {
        let at = if *at < 0 { bytes.len() as i64 + at } else { *at } as usize;
        bytes[at..at + part.len()].copy_from_slice(part);
    }
    bytes
}

fn open(bytes: &[u8]) -> Result<Disk, Error> {
    Disk::open(Arc::new(bytes.to_vec()), &OpenOptions::default())
}

/// What is read, or will be, by its word.
#[test]
fn own_formats() {
    let cases: [(&str, &[Part]); 15] = [
        ("apfs", &[(32, b"NXSB")]),
        ("hfsplus", &[(1024, b"H+\x00\x04")]),
        ("hfsx", &[(1024, b"HX\x00\x05")]),
        ("hfswrapper", &[(1024, b"BD"), (1024 + 0x7C, b"H+")]),
        ("hfswrapper", &[(1024, b"BD"), (1024 + 0x7C, b"HX")]),
        ("corestorage", &[(10, &[0x10]), (88, b"CS")]),
        // An unencrypted logical volume begins at the same byte as its physical volume.
        ("corestorage", &[(10, &[0x10]), (88, b"CS"), (1024, b"H+\x00\x04")]),
        ("udif", &[(-512, b"koly")]),
        // A data fork may begin with anything.
        ("udif", &[(32, b"NXSB"), (-512, b"koly")]),
        ("cdsaencr", &[(-8, b"cdsaencr")]),
        ("encrcdsa", &[(0, b"encrcdsa")]),
        ("sparseimage", &[(0, b"sprs")]),
        ("asif", &[(0, b"shdw")]),
        ("ewf", &[(0, b"EVF\x09\x0D\x0A\xFF\x00")]),
        ("unknown", &[]),
    ];
    for (word, parts) in cases {
        assert_eq!(probe(&device(parts)).unwrap().word(), word, "{parts:?}");
    }
}

/// What is not read is named in the error of opening, with advice.
#[test]
fn named_with_advice() {
    let boot: Part = (510, &[0x55, 0xAA]);
    let cases: Vec<(&str, &str, Vec<Part>)> = vec![
        ("Apple Encrypted Archive", "aea decrypt", vec![(0, b"AEA1")]),
        ("Apple Archive", "aa extract", vec![(0, b"AA01")]),
        ("Apple Archive", "aa extract", vec![(0, b"YAA1")]),
        ("EWF2", "E01", vec![(0, b"EVF2\r\n\x81\x00")]),
        ("L01", "holds files", vec![(0, b"LVF\x09\r\n\xFF\x00")]),
        ("AFF4", "raw image", vec![(0, b"PK\x03\x04"), (30, b"container.description")]),
        ("AFF4", "raw image", vec![(0, b"PK\x03\x04"), (30, b"information.turtle")]),
        ("zip", "IPSW", vec![(0, b"PK\x03\x04")]),
        ("QCOW", "qemu-img convert -O raw", vec![(0, b"QFI\xFB")]),
        ("VMDK", "qemu-img convert -O raw", vec![(0, b"KDMV")]),
        ("VMDK", "qemu-img convert -O raw", vec![(0, b"COWD")]),
        ("VMDK", "qemu-img convert -O raw", vec![(0, b"# Disk DescriptorFile\n")]),
        ("VHDX", "qemu-img convert -O raw", vec![(0, b"vhdxfile")]),
        ("VHD", "qemu-img convert -O raw", vec![(0, b"conectix")]),
        ("VHD", "qemu-img convert -O raw", vec![(-512, b"conectix")]),
        ("VDI", "qemu-img convert -O raw", vec![(64, &[0x7F, 0x10, 0xDA, 0xBE])]),
        ("Parallels", "qemu-img convert -O raw", vec![(0, b"WithoutFreeSpace")]),
        ("Parallels", "qemu-img convert -O raw", vec![(0, b"WithouFreSpacExt")]),
        ("gzip", "uncompress", vec![(0, &[0x1F, 0x8B, 8])]),
        ("compress", "uncompress", vec![(0, &[0x1F, 0x9D])]),
        ("bzip2", "uncompress", vec![(0, b"BZh9\x31\x41\x59\x26\x53\x59")]),
        ("xz", "uncompress", vec![(0, b"\xFD7zXZ\x00")]),
        ("lzma", "uncompress", vec![(0, b"\x5D\x00\x00\x80\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00")]),
        ("lzip", "uncompress", vec![(0, b"LZIP\x01")]),
        ("zstd", "uncompress", vec![(0, &[0x28, 0xB5, 0x2F, 0xFD])]),
        ("LZ4", "uncompress", vec![(0, &[0x04, 0x22, 0x4D, 0x18])]),
        ("LZFSE", "uncompress", vec![(0, b"bvx2")]),
        ("LZFSE", "uncompress", vec![(0, b"bvxn")]),
        ("LZFSE", "uncompress", vec![(0, b"bvx-")]),
        ("LZFSE", "uncompress", vec![(0, b"bvx1")]),
        ("7z", "unpack", vec![(0, b"7z\xBC\xAF\x27\x1C")]),
        ("RAR", "unpack", vec![(0, b"Rar!\x1A\x07\x00")]),
        ("xar", "bsdtar", vec![(0, b"xar!\x00\x1C")]),
        ("pbzx", "unpack", vec![(0, b"pbzx")]),
        ("cpio", "unpack", vec![(0, b"070701")]),
        ("cpio", "unpack", vec![(0, b"070707")]),
        ("tar", "unpack", vec![(0, b"disk.dmg"), (257, b"ustar\x0000")]),
        ("IM4P", "payload", vec![(0, b"\x30\x83\x01\x02\x03\x16\x04IM4P")]),
        ("IM4P", "payload", vec![(0, b"\x30\x84\x01\x02\x03\x04\x16\x04IM4P")]),
        ("NDIF", "classic Mac", vec![(1, b"\x04name"), (65, b"rohdddsk")]),
        ("Disk Copy 4.2", "classic Mac", vec![(1, b"\x04name"), (65, b"dImgdCpy")]),
        (
            "Disk Copy 4.2",
            "classic Mac",
            vec![(0, b"\x04name"), (64, &[0, 1, 0xFF, 0x48]), (68, &[0, 0, 0, 100]), (82, &[1, 0])],
        ),
        ("classic HFS volume", "hfsutils", vec![(1024, b"BD")]),
        ("MFS volume", "emulator", vec![(1024, &[0xD2, 0xD7])]),
        ("BitLocker", "no Apple", vec![(3, b"-FVE-FS-"), boot]),
        ("NTFS", "no Apple", vec![(0, b"\xEB\x52\x90NTFS    "), boot]),
        ("exFAT", "no Apple", vec![(0, b"\xEB\x76\x90EXFAT   "), boot]),
        ("FAT (MS-DOS)", "no Apple", vec![(3, b"mkfs.fat"), (54, b"FAT12   "), boot]),
        ("FAT (MS-DOS)", "no Apple", vec![(3, b"BSD  4.4"), (54, b"FAT16   "), boot]),
        ("FAT (MS-DOS)", "no Apple", vec![(3, b"mkdosfs\0"), (54, b"FAT     "), boot]),
        ("FAT (MS-DOS)", "no Apple", vec![(3, b"mkfs.fat"), (82, b"FAT32   "), boot]),
        ("FAT (MS-DOS)", "no Apple", vec![(3, b"MSDOS5.0"), boot]),
        ("ReFS", "no Apple", vec![(3, b"ReFS\0")]),
        ("LUKS", "no Apple", vec![(0, b"LUKS\xBA\xBE")]),
        ("LVM", "no Apple", vec![(512, b"LABELONE")]),
        ("XFS", "no Apple", vec![(0, b"XFSB")]),
        ("ext4", "no Apple", vec![(1024 + 56, &[0x53, 0xEF])]),
        (
            "LwVM",
            "one by one",
            vec![(0, b"\x6A\x90\x88\xCF\x8A\xFD\x63\x0A\xE3\x51\xE2\x48\x87\xE0\xB9\x8B")],
        ),
        (
            "LwVM",
            "one by one",
            vec![(0, b"\xB1\x89\xA5\x19\x4F\x59\x4B\x1D\xAD\x44\x1E\x12\x7A\xAF\x45\x39")],
        ),
        ("ISO 9660", "bsdtar", vec![(16 * 2048, b"\x01CD001\x01")]),
        ("UDF", "no Apple", vec![(16 * 2048, b"\0BEA01\x01"), (17 * 2048, b"\0NSR02\x01")]),
        ("UDF", "no Apple", vec![(16 * 2048, b"\0BEA01\x01"), (17 * 2048, b"\0NSR03\x01")]),
        ("Btrfs", "no Apple", vec![((64 << 10) + 64, b"_BHRfS_M")]),
    ];
    for (name, advice, parts) in cases {
        let error = open(&device(&parts)).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.class(), Class::Unsupported, "{name}: {text}");
        assert!(text.contains(name) && text.contains(advice), "{name}, {advice}: {text}");
    }
}

/// Nothing is seen in what is empty, short, or like a signature without being one.
#[test]
fn not_fooled() {
    for len in [0, 1, 3, 511, 513, 4095, 4097, 40_000] {
        assert_eq!(probe(&vec![1; len]).unwrap(), Content::Unknown, "{len} bytes");
    }
    let disk_copy: [Part; 3] = [(64, &[0, 0, 1, 0]), (68, &[0; 4]), (82, &[1, 0])];
    for parts in
        [&[(1, b"koly".as_slice())][..], &[(-100, b"cdsaencr")], &[(0, b"BZh9")], &[(88, b"CS")], &disk_copy]
    {
        assert_eq!(probe(&device(parts)).unwrap(), Content::Unknown, "{parts:?}");
    }
}
