//! UDIF images in all their forms: the disk that was put in comes out.

use std::sync::Arc;

use apfs_core::image::layers::unwrap;
use apfs_core::image::udif::{Check, ChunkKind};
use apfs_core::{Class, Disk, Error, Format, FsExt, Limits, OpenOptions, ReadAt};
use apfs_tests::build::udif::{Lists, Store, Udif};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::compress::sample::{self, Numbers};

type Image = apfs_core::image::udif::Udif;

pub(crate) fn open(bytes: &[u8]) -> Result<Image, Error> {
    Image::open(Arc::new(bytes.to_vec()), &Limits::default())
}

pub(crate) fn read(device: &dyn ReadAt, at: u64, len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0xEE; len];
    device.read_exact_at(at, &mut bytes).map(|()| bytes)
}

/// One chunk of each kind and length, and sectors between two tables that nothing describes.
pub(crate) fn every_store() -> Udif {
    let mut image = Udif::new().table("all (Apple_APFS : 1)", 0).comment(*b"+beg");
    for (seed, store) in (1u64..).zip(Store::DATA) {
        image = image
            .chunk(store, &sample::text(512 * 37, seed))
            .chunk(Store::Zero, &[0; 512 * 3])
            .chunk(store, &sample::records(512, seed))
            .chunk(Store::Ignore, &[0; 512 * 40]);
    }
    image.comment(*b"+end").table("rest & end", 700).chunk(Store::Zlib, &sample::text(512 * 2048, 99))
}

fn assert_sound(image: &Image, disk: &[u8], what: &str) {
    assert_eq!(image.len(), disk.len() as u64, "{what}");
    assert!(read(image, 0, disk.len()).unwrap() == disk, "{what}");
    assert_eq!(image.findings(), [], "{what}");
    for index in 0..image.tables().len() {
        let check = image.verify_table(index, &mut |_| Ok(())).unwrap();
        assert!(matches!(check, Check::Matches(_)), "{what}, table {index}: {check:?}");
    }
    assert!(matches!(image.verify_master(), Check::Matches(_)), "{what}");
    for segment in 0..image.trailers().len() {
        let check = image.verify_data_fork(segment, &mut |_| Ok(())).unwrap();
        assert!(matches!(check, Check::Matches(_)), "{what}, segment {segment}: {check:?}");
    }
}

/// Every kind of chunk, with comments and several tables.
#[test]
fn every_kind_of_chunk() {
    let built = every_store();
    let image = open(&built.build()).unwrap();
    assert_sound(&image, &built.disk(), "all kinds");
    let counts: Vec<_> = image.chunk_counts().into_iter().filter(|(kind, _)| kind.is_compressed()).collect();
    let expected = [ChunkKind::Adc, ChunkKind::Zlib, ChunkKind::Bzip2, ChunkKind::Lzfse, ChunkKind::Lzma]
        .map(|kind| (kind, 2));
    let mut expected = expected.to_vec();
    expected[1].1 += 1;
    assert_eq!(counts, expected);
    assert_eq!(image.tables()[1].name, "rest & end");
}

/// Sectors of a table that no chunk describes are zeros, and that is said.
#[test]
fn gap_in_a_table() {
    let text = sample::text(512 * 9, 1);
    let built = Udif::new().table("a", 0).chunk(Store::Zlib, &text).gap(3).chunk(Store::Zlib, &text);
    let image = open(&built.build()).unwrap();
    assert!(read(&image, 0, 512 * 21).unwrap() == built.disk());
    let findings: Vec<_> = image.findings().iter().map(ToString::to_string).collect();
    assert!(findings.len() == 1 && findings[0].contains("18 of 21 sectors"), "{findings:?}");
}

/// Reads of any place and length give what a read of the whole gives, before and after chunks are cached.
#[test]
fn reads_of_any_place() {
    let built = every_store();
    let (disk, image) = (built.disk(), open(&built.build()).unwrap());
    let mut numbers = Numbers(5);
    for _ in 0..2000 {
        let at = numbers.below(disk.len() as u64 + 1);
        let longest = 1 << numbers.below(18);
        let len = numbers.below(longest).min(disk.len() as u64 - at) as usize;
        assert!(read(&image, at, len).unwrap() == disk[at as usize..][..len], "{len} at {at}");
    }
    assert!(read(&image, disk.len() as u64, 1).is_err());
    assert!(read(&image, u64::MAX, 2).is_err());
}

/// Runs cover the disk, are zeros where they say so, and a compressed one is one chunk.
#[test]
fn runs() {
    let built = every_store();
    let (disk, image) = (built.disk(), open(&built.build()).unwrap());
    let (mut at, mut lens) = (0, Vec::new());
    while let Some(run) = image.run_at(at) {
        let here = &disk[at as usize..][..run.len as usize];
        assert!(!run.zeros || here.iter().all(|byte| *byte == 0), "{run:?} at {at}");
        if !run.zeros {
            lens.push(run.len / 512);
            let inside = image.run_at(at + 5).unwrap();
            assert_eq!((inside.len, inside.zeros), (run.len - 5, false));
        }
        at += run.len;
    }
    assert_eq!(at, disk.len() as u64);
    assert_eq!(lens, [[37, 1]; 6].concat().into_iter().chain([2048]).collect::<Vec<_>>());
}

/// Tables in a list, a fork or both, with things in front, behind, and the trailer at either end.
#[test]
fn every_wrapping() {
    for lists in [Lists::Xml, Lists::Fork, Lists::Both] {
        for (prefix, signature, data_offset) in [(0, 0, 0), (128, 0, 0), (0, 900, 22), (1000, 300, 1544)] {
            let mut built = Udif::new().table("a", 0).data_offset(data_offset);
            built = built.chunk(Store::Zlib, &sample::text(512 * 9, 1)).chunk(Store::Raw, &[7; 512]);
            built.lists = lists;
            built.prefix = vec![0x41; prefix];
            if signature > 0 {
                built.signature = [&[0xFA, 0xDE, 0x0C, 0xC0][..], &vec![1; signature]].concat();
            }
            let what = format!("{lists:?}, {prefix} in front, {signature} behind");
            let image = open(&built.build()).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_sound(&image, &built.disk(), &what);
            assert_eq!(image.is_signed(), signature > 0);
        }
        let mut built = every_store();
        built.lists = lists;
        built.trailer_first = true;
        let bytes = built.build();
        assert_eq!(&bytes[..4], b"koly");
        assert_sound(&open(&bytes).unwrap(), &built.disk(), "trailer first");
        let unwrapped = unwrap(Arc::new(bytes), None, &[], &Limits::default()).unwrap();
        assert_eq!(unwrapped.layers.len(), 1);
    }
}

/// A list that cannot be read is replaced by the fork that says the same, and that is said.
#[test]
fn damaged_list() {
    let mut built = every_store();
    built.lists = Lists::Both;
    let mut bytes = built.build();
    let at = bytes.windows(6).position(|window| window == b"<data>").unwrap();
    bytes[at] = b'[';
    let image = open(&bytes).unwrap();
    assert_eq!(image.findings().len(), 1);
    assert!(read(&image, 0, built.disk().len()).unwrap() == built.disk());
}

/// Tables and chunks in any order.
#[test]
fn unordered() {
    let mut built = every_store().table("before", 650).chunk(Store::Lzfse, &sample::text(512 * 20, 3));
    built.tables[0].entries.reverse();
    built.tables.swap(0, 2);
    let image = open(&built.build()).unwrap();
    assert_sound(&image, &built.disk(), "in another order");
}

/// A disk longer than its tables ends with zeros.
#[test]
fn undescribed_end() {
    let mut built = every_store();
    built.sectors = Some(5000);
    let image = open(&built.build()).unwrap();
    assert_eq!(image.len(), 5000 * 512);
    assert_sound(&image, &built.disk(), "longer");
    built.sectors = Some(0);
    assert_sound(&open(&built.build()).unwrap(), &every_store().disk(), "a trailer that does not know");
}

/// Segments cut anywhere, in order; everything else is refused for its reason.
#[test]
fn segments() {
    let built = every_store();
    let files = built.build_segments(&[700, 30_000]);
    let open = |files: &[&Vec<u8>]| {
        let mut files = files.iter().map(|file| Arc::new((*file).clone()) as Arc<dyn ReadAt>);
        let first = files.next().unwrap();
        Image::open_segments(first, files.collect(), &Limits::default())
    };
    let [a, b, c] = &files[..] else { panic!("three files") };
    assert_sound(&open(&[a, b, c]).unwrap(), &built.disk(), "three segments");
    let class = |files: &[&Vec<u8>]| open(files).unwrap_err().class();
    assert_eq!(open(&[a]).unwrap_err().to_string(), "not found: segment 2 of 3 of the disk image");
    assert_eq!(class(&[a, b]), Class::NotFound);
    assert_eq!(class(&[a, c, b]), Class::Corrupt);
    assert_eq!(class(&[b, a, c]), Class::Corrupt);
    assert_eq!(class(&[a, b, c, c]), Class::Corrupt);
    let mut other = b.clone();
    let at = other.len() - 512;
    other[at + 64] ^= 1;
    assert_eq!(class(&[a, &other, c]), Class::Corrupt, "another id");
    let mut other = b.clone();
    other[at + 16 + 7] ^= 1;
    assert_eq!(class(&[a, &other, c]), Class::Corrupt, "another place");
}

/// Images in images, down to the limit; the innermost disk may end as an image does, and then is one.
#[test]
fn nested() {
    let disk = every_store();
    let mut bytes = disk.build();
    for depth in 1..=8 {
        let unwrapped = unwrap(Arc::new(bytes.clone()), None, &[], &Limits::default()).unwrap();
        assert_eq!(unwrapped.layers.len(), depth);
        assert!(read(&*unwrapped.device, 0, disk.disk().len()).unwrap() == disk.disk());
        let as_raw = unwrap(Arc::new(bytes.clone()), Some(Format::Raw), &[], &Limits::default()).unwrap();
        assert_eq!((as_raw.layers.len(), as_raw.device.len()), (0, bytes.len() as u64));
        // Whole sectors, with the trailer at their end.
        let fill = bytes.len().next_multiple_of(512) - bytes.len();
        let trailer = bytes.split_off(bytes.len() - 512);
        bytes.resize(bytes.len() + fill, 0);
        bytes.extend(trailer);
        bytes = Udif::new().table("image", 0).chunk(Store::Zlib, &bytes).build();
    }
    let error = unwrap(Arc::new(bytes), None, &[], &Limits::default()).unwrap_err();
    assert_eq!(error.class(), Class::Limit);
}

/// An APFS container of many chunks: opening and listing expand only those that metadata is in.
#[test]
fn lazily() {
    let mut volume = VolumeBuilder::new("V");
    for n in 0..8 {
        volume = volume.file(&format!("/file{n}"), sample::text(1 << 20, n + 1));
    }
    let mut disk = ImageBuilder::new().volume(volume).build().bytes;
    disk.resize(disk.len().next_multiple_of(512), 0);
    let mut built = Udif::new().table("apfs", 0);
    for chunk in disk.chunks(64 << 10) {
        built = built.chunk(Store::Lzfse, chunk);
    }
    let image = Arc::new(open(&built.build()).unwrap());
    let all = image.expanded().of;
    assert_eq!((image.expanded().chunks, all > 100), (0, true));
    let disk = Disk::open(image.clone(), &OpenOptions::default()).unwrap();
    let view = disk.volumes(&OpenOptions::default()).unwrap().remove(0).unwrap().view().unwrap();
    assert_eq!(view.walk(apfs_core::Fs::root(&view)).count(), 9);
    let listed = image.expanded();
    assert!(listed.chunks * 4 < all, "{listed:?}");
    let id = view.find("/file3").unwrap();
    let mut content = vec![0; 1 << 20];
    let stream = apfs_core::StreamId::Data;
    assert_eq!(apfs_core::Fs::read_at(&view, id, &stream, 0, &mut content).unwrap(), 1 << 20);
    assert!(content == sample::text(1 << 20, 4));
    let read = image.expanded().chunks - listed.chunks;
    assert!((15..=18).contains(&read), "{read} chunks for a file of 16");
}

/// Small reads of one chunk expand it once; a whole chunk is expanded where it is wanted.
#[test]
fn cached() {
    let data = sample::text(512 * 100, 1);
    let built = Udif::new().table("a", 0).chunk(Store::Zlib, &data).chunk(Store::Zlib, &data);
    let image = open(&built.build()).unwrap();
    for sector in 0..100 {
        read(&image, sector * 512, 512).unwrap();
    }
    assert_eq!((image.expanded().chunks, image.expanded().times), (1, 1));
    read(&image, 0, 512 * 200).unwrap();
    assert_eq!((image.expanded().chunks, image.expanded().times), (2, 2));
}

/// Many threads at once get what one gets.
#[test]
fn threads() {
    let built = every_store();
    let (disk, image) = (built.disk(), open(&built.build()).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (disk, image) = (&disk, &image);
            scope.spawn(move || {
                let mut numbers = Numbers(thread + 1);
                for _ in 0..300 {
                    let at = numbers.below(disk.len() as u64 - 5000);
                    let len = numbers.below(5000) as usize;
                    assert!(read(image, at, len).unwrap() == disk[at as usize..][..len]);
                }
            });
        }
    });
}

/// 7-Zip finds the same disk in what the builder makes, where it is installed.
#[test]
fn seven_zip_agrees() {
    let mut built = Udif::new().table("whole disk (unknown partition : 0)", 0);
    for (seed, store) in (1u64..).zip(Store::DATA) {
        built = built.chunk(store, &sample::text(512 * 300, seed)).chunk(Store::Ignore, &[0; 512 * 5]);
        built = built.chunk(Store::Zero, &[0; 512]);
    }
    let path = std::env::temp_dir().join(format!("apfs-tests-udif-{}.dmg", std::process::id()));
    std::fs::write(&path, built.build()).unwrap();
    let output = std::process::Command::new("7zz").args(["x", "-so", "-tdmg"]).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    match output {
        Ok(output) => assert!(output.stdout == built.disk(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("skipped: 7zz: {error}"),
    }
}
