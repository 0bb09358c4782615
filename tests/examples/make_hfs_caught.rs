//! Writes an HFS+ volume caught before its journal was replayed, and the same with the blocks written where they belong:
//! `cargo run -p apfs-tests --example make_hfs_caught CAUGHT REPLAYED`.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "places that the builder gives")]

use apfs_tests::build::hfs::journal::{Change, difference};
use apfs_tests::build::hfs::{HfsBuilder, HfsRole, Journal, JournalState};
use apfs_tests::hfs_volumes::pattern;

const BLOCK: usize = 4096;

fn before() -> HfsBuilder {
    let builder = HfsBuilder::new("Caught").journal(512 << 10, JournalState::Empty).option(|options| {
        options.dirty = true;
        options.total_blocks = Some(2000);
    });
    let builder = builder.dir("/folder").file("/folder/gone", pattern(30_000)).file("/stays", pattern(9000));
    (0..300)
        .fold(builder, |builder, index| builder.file(&format!("/folder/file {index}"), pattern(index * 7)))
}

fn main() -> std::io::Result<()> {
    let mut paths = std::env::args_os().skip(1);
    let after = before()
        .rename("/folder/gone", &"moved on".encode_utf16().collect::<Vec<_>>())
        .dir("/folder/new")
        .file("/folder/new/file", pattern(50_000))
        .item("/stays", |item| item.mode = 0o100_600);
    let (mut caught, after) = (before().build(), after.build());
    let area = caught.all(HfsRole::Journal).next().map(|place| place.range.clone()).unwrap_or_default();
    let changes = difference(&caught.bytes, &after.bytes, BLOCK, &area);
    Journal::new().transaction(changes.clone()).write(caught.journal_mut());
    let mut replayed = caught.bytes.clone();
    for change in &changes {
        if let Change::Write(offset, data) = change {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            replayed[start..start + data.len()].copy_from_slice(data);
        }
    }
    for bytes in [caught.bytes, replayed] {
        std::fs::write(paths.next().ok_or_else(|| std::io::Error::other("two paths are needed"))?, bytes)?;
    }
    Ok(())
}
