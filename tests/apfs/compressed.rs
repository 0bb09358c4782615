//! Compressed files: every type reads as what was packed, at any offset; damage and lies cost what they touch.

use apfs_core::apfs::View;
use apfs_core::{Class, Error, Fs, FsExt, Kind, Name, StreamId};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::compress::decmpfs::{self, CHUNK, attribute};
use apfs_tests::compress::{lzvn, sample, zlib};
use apfs_tests::listing::{read_stream, view};

fn one(attribute: Vec<u8>, fork: Option<Vec<u8>>) -> View {
    view(ImageBuilder::new().volume(add(VolumeBuilder::new("V"), "/file", attribute, fork)).build().bytes)
}

fn add(volume: VolumeBuilder, path: &str, attribute: Vec<u8>, fork: Option<Vec<u8>>) -> VolumeBuilder {
    match fork {
        Some(fork) => volume.compressed_fork(path, attribute, fork),
        None => volume.compressed_inline(path, attribute),
    }
}

/// Content by way of `read_at`, and of `read_file` in steps of an odd length.
fn read(view: &View, path: &str) -> Result<Vec<u8>, Error> {
    let stat = view.metadata(path).unwrap();
    let whole = read_stream(view, stat.id, &StreamId::Data)?;
    let (mut steps, mut step) = (Vec::<u8>::new(), [0; 7001]);
    loop {
        match view.read_file(&stat, steps.len() as u64, &mut step)? {
            0 => break,
            read => steps.extend(&step[..read]),
        }
    }
    assert!(steps == whole, "{path}: steps give something else than large reads");
    Ok(whole)
}

/// The error of reading the first bytes of a file, or else the last ones.
fn fails(attribute: Vec<u8>, fork: Option<Vec<u8>>) -> Error {
    let view = one(attribute, fork);
    let stat = view.metadata("/file").unwrap();
    let mut results =
        [0, stat.size.saturating_sub(9)].map(|at| view.read_file(&stat, at, &mut [0; 9])).into_iter();
    results.find_map(Result::err).unwrap()
}

/// Every type, from no bytes to several chunks: stat, length of the stream, content.
#[test]
fn every_type_reads() {
    let mut volume = VolumeBuilder::new("V");
    let mut files = Vec::new();
    for kind in decmpfs::KINDS {
        for (name, len) in
            [("none", 0), ("few", 116), ("chunk", CHUNK), ("odd", 180_000), ("even", 3 * CHUNK)]
        {
            let data = sample::text(len, u64::from(kind));
            // The attribute is small: what does not compress to a few thousand bytes is in the fork.
            if kind % 2 == 1 && len > 1000 {
                continue;
            }
            let path = format!("/{kind}-{name}");
            let (attribute, fork) = decmpfs::packed(kind, &data);
            volume = add(volume, &path, attribute, fork);
            files.push((path, kind, data));
        }
    }
    let view = view(ImageBuilder::new().volume(volume).build().bytes);
    for (path, kind, data) in files {
        let stat = view.metadata(&path).unwrap();
        assert_eq!((stat.kind, stat.size), (Kind::File, data.len() as u64), "{path}");
        assert_eq!(stat.compression.map(|compression| compression.kind), Some(kind), "{path}");
        assert_eq!(view.stream_len(stat.id, &StreamId::Data).unwrap(), data.len() as u64);
        assert!(read(&view, &path).unwrap() == data, "{path}");
    }
}

/// Any range of a file of several chunks, many times across the borders of chunks.
#[test]
fn any_range_reads() {
    let data = sample::records(3 * CHUNK + 77, 3);
    for kind in [4, 8, 12] {
        let (attribute, fork) = decmpfs::packed(kind, &data);
        let view = one(attribute, fork);
        let id = view.find("/file").unwrap();
        let mut numbers = sample::Numbers(99);
        for _ in 0..400 {
            let start = numbers.below(data.len() as u64 + 10) as usize;
            let len = numbers.below(2 * CHUNK as u64) as usize;
            let mut buffer = vec![0xEE; len];
            let read = view.read_at(id, &StreamId::Data, start as u64, &mut buffer).unwrap();
            let want = &data[start.min(data.len())..data.len().min(start + len)];
            assert!(buffer[..read] == *want, "type {kind}, {len} bytes at {start}");
        }
    }
}

/// Chunks stored behind a marker, junk behind packed data, a missing Adler-32, zero words behind the table, the other
/// layout of type 10: all seen or told of.
#[test]
fn oddities_read() {
    let data = sample::text(2 * CHUNK + 500, 8);
    let chunks: Vec<&[u8]> = data.chunks(CHUNK).collect();
    for kind in [4, 8, 10, 12, 14] {
        let mut packed: Vec<Vec<u8>> = chunks.iter().map(|data| decmpfs::chunk(kind, data)).collect();
        packed[1] = decmpfs::marked(kind, chunks[1]);
        if kind != 10 {
            packed[0].extend(sample::noise(49, 2));
        }
        let attribute = attribute(kind, data.len() as u64, b"");
        let forks = match kind {
            4 => vec![decmpfs::resource_fork(&packed)],
            10 => vec![decmpfs::resource_fork(&packed), decmpfs::offset_fork(&packed, 0)],
            _ => vec![decmpfs::offset_fork(&packed, 2)],
        };
        for fork in forks {
            assert!(read(&one(attribute.clone(), Some(fork)), "/file").unwrap() == data, "type {kind}");
        }
    }
    let text = b"some text, some text, some text";
    let stream = zlib(text);
    let cut = attribute(3, text.len() as u64, &stream[..stream.len() - 4]);
    assert_eq!(read(&one(cut, None), "/file").unwrap(), text);
    for kind in [3, 7, 11, 13] {
        let stored = attribute(kind, text.len() as u64, &decmpfs::marked(kind, text));
        assert_eq!(read(&one(stored, None), "/file").unwrap(), text);
    }
    // The map of a resource file is not needed.
    let mut fork = decmpfs::resource_fork(&[zlib(text)]);
    fork.truncate(fork.len() - 50);
    assert_eq!(read(&one(attribute(4, text.len() as u64, b""), Some(fork)), "/file").unwrap(), text);
}

/// A size that is not the one of the data is damage, whichever way it lies, and costs nothing to find out.
#[test]
fn lying_sizes() {
    let data = sample::text(2 * CHUNK, 1);
    for kind in decmpfs::KINDS {
        let data = if kind % 2 == 1 { &data[..100] } else { &data[..] };
        let (_, fork) = decmpfs::packed(kind, data);
        let payload = if fork.is_none() { decmpfs::chunk(kind, data) } else { Vec::new() };
        let len = data.len() as u64;
        for lie in
            [len - 1, len + 1, 1, len - CHUNK.min(data.len() - 50) as u64, len + 70_000, 1 << 40, u64::MAX]
        {
            let error = fails(attribute(kind, lie, &payload), fork.clone());
            let is_limit = error.class() == Class::Limit && kind % 2 == 1 && lie > 1 << 20;
            assert!(error.class() == Class::Corrupt || is_limit, "type {kind}, {lie} for {len}: {error}");
        }
    }
}

/// A broken chunk costs its own bytes; the error names file and chunk.
#[test]
fn broken_chunk() {
    let data = sample::text(4 * CHUNK, 1);
    for kind in [4, 8, 12, 14] {
        let mut packed: Vec<Vec<u8>> = data.chunks(CHUNK).map(|data| decmpfs::chunk(kind, data)).collect();
        let middle = packed[2].len() / 2;
        packed[2].truncate(middle);
        let fork = if kind == 4 { decmpfs::resource_fork(&packed) } else { decmpfs::offset_fork(&packed, 0) };
        let view = one(attribute(kind, data.len() as u64, b""), Some(fork));
        let id = view.find("/file").unwrap();
        for index in 0..4 {
            for (at, len) in [(index * CHUNK, CHUNK), (index * CHUNK + 9, 100)] {
                let mut buffer = vec![0; len];
                match view.read_at(id, &StreamId::Data, at as u64, &mut buffer) {
                    Ok(_) => {
                        assert!(index != 2 && buffer == data[at..at + len], "type {kind}, chunk {index}")
                    }
                    Err(error) => {
                        assert!(
                            index == 2 && error.class() == Class::Corrupt,
                            "type {kind}, {index}: {error}"
                        );
                        let text = error.to_string();
                        assert!(text.contains("chunk 2") && text.contains("decmpfs"), "{text}");
                        assert!(text.contains(&format!("object {:#x}", id.0)), "{text}");
                    }
                }
            }
        }
    }
}

/// Tables that lead out of the fork or to nothing, a missing fork, a fork that ends early: damage, named.
#[test]
fn broken_forks() {
    let data = sample::text(2 * CHUNK, 1);
    let size = data.len() as u64;
    for kind in [4, 8, 10, 12, 14] {
        let whole = decmpfs::packed(kind, &data).1.unwrap();
        let error = fails(attribute(kind, size, b""), None);
        assert!(error.to_string().contains("fork"), "{error}");
        for len in [0, 3, 4, 8, 11, 0x103, 0x107, 0x10F, whole.len() / 2] {
            let error = fails(attribute(kind, size, b""), Some(whole[..len].to_vec()));
            assert_eq!(error.class(), Class::Corrupt, "type {kind}, {len}: {error}");
        }
        for at in if kind == 4 { [0x00, 0x104, 0x108, 0x10C, 0x110] } else { [0, 4, 8, 1, 2] } {
            let mut fork = whole.clone();
            fork[at] ^= 0x81;
            fork[at + 1] ^= 0x42;
            let error = fails(attribute(kind, size, b""), Some(fork));
            assert_eq!(error.class(), Class::Corrupt, "type {kind}, byte {at}: {error}");
        }
    }
}

/// What is not there or not known is refused, with the reason; the metadata is still given.
#[test]
fn refusals() {
    for (kind, words) in
        [(5, "sparse"), (0x8000_0001, "not on this disk"), (0x8000_0002, "package"), (6, "unknown")]
    {
        let view = one(attribute(kind, 4096, &[0; 12]), None);
        assert_eq!(view.metadata("/file").unwrap().size, 4096);
        let error = read(&view, "/file").unwrap_err();
        assert!(error.class() == Class::Unsupported && error.to_string().contains(words), "{error}");
    }
    let (value, fork) = decmpfs::packed(8, b"text");
    let volume = add(VolumeBuilder::new("V"), "/file", value, fork);
    let volume = volume.inode("/file", |inode| inode.bsd_flags |= 0x4000_0000);
    let view = view(ImageBuilder::new().volume(volume).build().bytes);
    let error = read(&view, "/file").unwrap_err();
    assert!(error.class() == Class::Unsupported && error.to_string().contains("dataless"), "{error}");
}

/// The stored bytes can be read: attribute, resource fork, and the data stream, which is empty.
#[test]
fn stored_bytes() {
    let (value, fork) = decmpfs::packed(8, &sample::text(CHUNK + 9, 2));
    let fork = fork.unwrap();
    let view = one(value.clone(), Some(fork.clone()));
    let id = view.find("/file").unwrap();
    assert_eq!(view.xattr(id, "com.apple.decmpfs").unwrap(), value);
    assert_eq!(read_stream(&view, id, &StreamId::ResourceFork).unwrap(), fork);
    let attribute = StreamId::Xattr(Name::from("com.apple.ResourceFork"));
    assert_eq!(read_stream(&view, id, &attribute).unwrap(), fork);
    assert_eq!(read_stream(&view, id, &StreamId::Raw).unwrap(), [0; 0]);
    let extents = view.extents(id, &StreamId::Data, 0, &mut Vec::new(), 9).unwrap_err();
    assert_eq!(extents.class(), Class::Unsupported);
}

/// An attribute too long for its record lies in a stream; one longer than any writer makes is not read.
#[test]
fn attribute_in_a_stream() {
    let data = sample::noise(9000, 4);
    let volume = VolumeBuilder::new("V")
        .file("/good", "")
        .stream_xattr("/good", "com.apple.decmpfs", decmpfs::packed(9, &data).0)
        .inode("/good", |inode| inode.bsd_flags |= 0x20)
        .file("/huge", "")
        .stream_xattr("/huge", "com.apple.decmpfs", attribute(1, 2 << 20, &vec![1; 2 << 20]))
        .inode("/huge", |inode| inode.bsd_flags |= 0x20);
    let view = view(ImageBuilder::new().volume(volume).build().bytes);
    assert!(read(&view, "/good").unwrap() == data);
    assert_eq!(read(&view, "/huge").unwrap_err().class(), Class::Limit);
}

/// The flag without the attribute means a plain file, and so does the attribute without the flag.
#[test]
fn half_marked() {
    let volume = VolumeBuilder::new("V")
        .file("/flag", "plain after all")
        .inode("/flag", |inode| inode.bsd_flags |= 0x20)
        .compressed_inline("/attribute", attribute(7, 4, &lzvn(b"text")))
        .inode("/attribute", |inode| inode.bsd_flags &= !0x20);
    let view = view(ImageBuilder::new().volume(volume).build().bytes);
    for (path, content) in [("/flag", &b"plain after all"[..]), ("/attribute", b"")] {
        assert_eq!(view.metadata(path).unwrap().compression, None);
        assert_eq!(read(&view, path).unwrap(), content, "{path}");
    }
}
