//! Compressed files: listed with type and size, refused by name, their stored bytes at hand.

use apfs_core::apfs::View;
use apfs_core::{Class, Fs, FsExt, Kind, Name, StreamId};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::listing::{read_stream, view};

fn decmpfs(kind: u32, size: u64, payload: &[u8]) -> Vec<u8> {
    [b"fpmc", &kind.to_le_bytes()[..], &size.to_le_bytes()[..], payload].concat()
}

fn build() -> View {
    let volume = VolumeBuilder::new("V")
        .compressed_inline("/inline", decmpfs(3, 5000, b"payload"))
        .compressed_fork("/fork", decmpfs(8, 1 << 40, b""), [7; 9000])
        .file("/pretender", "plain after all")
        .inode("/pretender", |inode| inode.bsd_flags |= 0x20);
    view(ImageBuilder::new().volume(volume).build().bytes)
}

/// Type and decompressed size are known without decompressing.
#[test]
fn stat_has_type_and_size() {
    let view = build();
    for (path, kind, size) in [("/inline", 3, 5000), ("/fork", 8, 1 << 40)] {
        let stat = view.metadata(path).unwrap();
        assert_eq!((stat.kind, stat.size), (Kind::File, size));
        assert_eq!(stat.compression.map(|compression| compression.kind), Some(kind));
    }
}

/// The content is refused, and the refusal names the type.
#[test]
fn content_is_refused_by_name() {
    let view = build();
    for (path, number) in [("/inline", "3"), ("/fork", "8")] {
        let id = view.find(path).unwrap();
        let error = view.read_at(id, &StreamId::Data, 0, &mut [0; 10]).unwrap_err();
        assert_eq!(error.class(), Class::Unsupported);
        assert!(error.to_string().contains("decmpfs") && error.to_string().contains(number), "{error}");
    }
}

/// The stored bytes can be read: attribute, resource fork, and the data stream, which is empty.
#[test]
fn stored_bytes() {
    let view = build();
    let inline = view.find("/inline").unwrap();
    assert_eq!(view.xattr(inline, "com.apple.decmpfs").unwrap(), decmpfs(3, 5000, b"payload"));
    let fork = view.find("/fork").unwrap();
    assert_eq!(read_stream(&view, fork, &StreamId::ResourceFork).unwrap(), [7; 9000]);
    let attribute = StreamId::Xattr(Name::from("com.apple.ResourceFork"));
    assert_eq!(read_stream(&view, fork, &attribute).unwrap(), [7; 9000]);
    assert_eq!(read_stream(&view, fork, &StreamId::Raw).unwrap(), [0; 0]);
}

/// The flag without the attribute means a plain file.
#[test]
fn flag_without_attribute() {
    let view = build();
    let id = view.find("/pretender").unwrap();
    assert_eq!(view.stat(id).unwrap().compression, None);
    assert_eq!(read_stream(&view, id, &StreamId::Data).unwrap(), b"plain after all");
}
