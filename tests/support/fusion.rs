//! A small Fusion pair: files on either device, on both, and on tier 2 with copies on the main one.

use apfs_build::fusion::CopyKind;
use apfs_build::{Fusion, Image, ImageBuilder, VolumeBuilder};

/// Bytes of which no two blocks are alike.
pub fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251 + seed * 31) as u8).collect()
}

/// Files and what they hold; those with copies have 40 blocks of 4096 bytes.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    let long = |seed| pattern(seed, 40 * 4096);
    vec![
        ("/main", pattern(1, 30_000)),
        ("/slow", pattern(2, 50_000)),
        ("/both", [pattern(3, 3 * 65_536), pattern(4, 65_536)].concat()),
        ("/dirty", long(5)),
        ("/tenant", long(6)),
        ("/cached", long(7)),
        ("/layers", long(8)),
        ("/shared", pattern(2, 50_000)),
        ("/holes", [pattern(9, 65_536), vec![0; 131_072], pattern(10, 65_536)].concat()),
    ]
}

/// The volume with those files, a snapshot with older content of one, and an attribute on tier 2.
pub fn volume() -> VolumeBuilder {
    let of = |path: &str| files().into_iter().find(|(name, _)| *name == path).unwrap().1;
    let both = of("/both");
    VolumeBuilder::new("Fusion")
        .file("/main", of("/main"))
        .on_tier2(true)
        .file("/slow", of("/slow"))
        .file("/both", pattern(0, 4 * 65_536))
        .snapshot("before")
        .overwrite("/both", 3 * 65_536, &both[3 * 65_536..])
        .on_tier2(false)
        .overwrite("/both", 0, &both[..3 * 65_536])
        .on_tier2(true)
        .fragmented("/dirty", of("/dirty"), 20)
        .file("/tenant", of("/tenant"))
        .file("/cached", of("/cached"))
        .file("/layers", of("/layers"))
        .clone_file("/slow", "/shared")
        .sparse("/holes", 262_144, &[(0, &pattern(9, 65_536)), (196_608, &pattern(10, 65_536))])
        .stream_xattr("/main", "slow", pattern(11, 9000))
        .copy_on_main("/dirty", CopyKind::Dirty, 2, 3)
        .copy_on_main("/dirty", CopyKind::Dirty, 20, 20)
        .copy_on_main("/tenant", CopyKind::Tenant, 0, 40)
        .copy_on_main("/cached", CopyKind::Cached, 5, 10)
        .copy_on_main("/layers", CopyKind::Dirty, 0, 20)
        .copy_on_main("/layers", CopyKind::Tenant, 20, 20)
        .copy_on_main("/layers", CopyKind::Cached, 10, 20)
}

/// The pair.
pub fn pair() -> Image {
    ImageBuilder::new().fusion(Fusion::default()).volume(volume()).build()
}
