//! `apfs space`.

use apfs_tests::build::{Image, ImageBuilder, Role, VolumeBuilder};
use serde_json::json;

use crate::support::Disk;

fn image() -> Image {
    let volume = VolumeBuilder::new("V").file("/a", [1; 40960]).clone_file("/a", "/b").snapshot("first");
    let volume = volume.remove("/a").remove("/b").file("/c", [2; 8192]);
    ImageBuilder::new().volume(volume).build()
}

/// Totals, the volume's parts, what the snapshot frees; nothing is wrong.
#[test]
fn json() {
    let image = image();
    let run = Disk::of(&image).apfs("space", &["--json"]);
    assert!(run.text().starts_with(r#"{"schema":"apfs.space/1","#));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let space = run.json();
    let container = &space["containers"][0];
    assert_eq!((&container["sound"], &container["leaked"]), (&json!(true), &json!(0)));
    assert_eq!(container["allocated"], container["used"]["counted"]);
    assert!(
        container["container"][0]["owner"].is_string() && container["container"][0].get("part").is_none()
    );
    let volume = &container["volumes"][0];
    assert_eq!(
        (&volume["data"], &volume["data_kept"], &volume["data_shared"]),
        (&json!(12), &json!(10), &json!(0))
    );
    assert_eq!(volume["snapshots"][0]["frees_data"], 10);
    assert_eq!(volume["alloc_count"]["holds"], true);
}

/// The map is the blocks in use, in order, as text and as JSON lines.
#[test]
fn map() {
    let image = image();
    let disk = Disk::of(&image);
    let text = disk.apfs("space", &["--map"]).clean();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let runs: Vec<(u64, u64)> =
        text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (number(a), number(b))).collect();
    let blocks: Vec<u64> = runs.iter().flat_map(|(start, count)| *start..start + count).collect();
    assert_eq!(blocks, image.newest().used.iter().copied().collect::<Vec<_>>());
    let rows = disk.apfs("space", &["--map", "--json"]).rows();
    assert_eq!(rows.len(), runs.len());
    assert_eq!(rows[0], json!({ "part": 0, "device": "main", "start": runs[0].0, "count": runs[0].1 }));
}

/// A lost block is told with its place and makes the exit status 1; more than some are told only with --all.
#[test]
fn lost_blocks() {
    let mut image = image();
    let bitmap = image.live(Role::ChunkBitmap)[0].block;
    let free = (0..).filter(|block| !image.newest().used.contains(block)).step_by(2).take(30);
    let free: Vec<u64> = free.collect();
    for block in &free {
        image.block_mut(bitmap)[usize::try_from(block / 8).unwrap()] |= 1 << (block % 8);
    }
    let disk = Disk::of(&image);
    let run = disk.apfs("space", &[]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("blocks and owners do not agree"), "{}", run.stderr);
    let text = run.text();
    assert!(
        text.contains(&format!("1 blocks from {}: in use, and nothing refers to them", free[0])),
        "{text}"
    );
    assert!(text.contains("and 10 more (--all shows them)"), "{text}");
    let all = disk.apfs("space", &["--all", "--json"]);
    let all: serde_json::Value = serde_json::from_str(all.text()).unwrap();
    assert_eq!(all["containers"][0]["findings"].as_array().unwrap().len(), 30);
}
