//! The volume and the containers that several tests read.

use apfs_tests::build::{Image, ImageBuilder, VolumeBuilder};

/// Some of everything: nested folders, many small files, links, attributes, holes, moves, an orphan, a snapshot.
pub(crate) fn rich(name: &str) -> VolumeBuilder {
    let mut volume =
        VolumeBuilder::new(name).dir("/a").dir("/a/b").dir("/a/b/c").file("/a/b/c/deep", "deep down");
    for number in 0..40 {
        volume = volume.file(&format!("/a/file {number}"), format!("content of {number}"));
    }
    volume
        .file("/empty", "")
        .file("/large", pattern(100_000, 1))
        .fragmented("/pieces", pattern(300_000, 2), 1)
        .sparse("/sparse", 700_000, &[(131_072, &[5; 70_000]), (524_288, &[6; 10])])
        .symlink("/link", "a/b/c/deep")
        .hardlink("/large", "/a/b/large again")
        .hardlink("/large", "/a/b/c/large once more")
        .clone_file("/pieces", "/a/clone")
        .xattr("/large", "small", "value")
        .stream_xattr("/large", "big", pattern(9_000, 3))
        .fifo("/fifo")
        .socket("/socket")
        .char_device("/char", 3, 2)
        .block_device("/block", 14, 5)
        .snapshot("first")
        .dir("/young")
        .rename("/a/b", "/young/b")
        .rename("/empty", "/young/empty")
        .remove("/a/file 3")
        .overwrite("/a/file 4", 0, "other content")
        .file("/doomed", "still open")
        .orphan("/doomed")
}

/// Bytes that differ everywhere and between streams.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(byte).collect()
}

/// Containers of all shapes around the same volume.
pub(crate) fn images() -> Vec<(&'static str, Image)> {
    let new = || ImageBuilder::new().volume(rich("V"));
    vec![
        ("plain", new().build()),
        ("tall trees", new().max_records_per_node(4).build()),
        ("tallest trees", new().max_records_per_node(2).build()),
        ("8 KiB blocks", new().block_size(8192).build()),
        ("16 KiB blocks", new().block_size(16384).max_records_per_node(5).build()),
        ("32 KiB blocks", new().block_size(32768).build()),
        ("64 KiB blocks", new().block_size(65536).max_records_per_node(7).build()),
        ("four checkpoints", new().checkpoints(4).build()),
        ("scattered rings", new().checkpoints(4).fragmented_areas(true).build()),
        ("scattered rings with tall trees", {
            new().checkpoints(4).fragmented_areas(true).max_records_per_node(2).build()
        }),
        ("rings that wrap", new().checkpoints(4).ring_start(5, 49).build()),
        ("scattered rings that wrap", new().checkpoints(4).ring_start(7, 51).fragmented_areas(true).build()),
        ("case-sensitive", ImageBuilder::new().volume(rich("V").case_sensitive()).build()),
        ("plain keys", ImageBuilder::new().volume(rich("V").plain_keys()).build()),
        ("sealed", ImageBuilder::new().max_records_per_node(6).volume(rich("V").sealed()).build()),
        ("two volumes", new().volume(rich("W")).build()),
    ]
}
