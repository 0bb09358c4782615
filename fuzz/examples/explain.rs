//! Says what an input changes, and what the library makes of it.
//!
//! `cargo run --release --no-default-features --example explain -- FILE [hfs]`; `hfs`: it is one of target hfs_volume

use std::sync::Arc;

use apfs_core::{Disk, Fs, FsExt, OpenOptions, Scan};
use apfs_fuzz::hfs;
use apfs_fuzz::patch::{Input, Patch, region_of};
use apfs_fuzz::seed::Seed;

fn main() {
    let path = std::env::args().nth(1).expect("usage: explain FILE");
    let input = Input::decode(&std::fs::read(path).expect("the input can be read"));
    let is_hfs = std::env::args().nth(2).is_some();
    let seed = if is_hfs { hfs::seed_of(&input) } else { input.seed() };
    println!("seed {} ({})", input.seed, seed.name);
    for patch in &input.patches {
        match patch {
            Patch::Set { region, offset, bytes } => println!("set {}", place(seed, *region, *offset, bytes)),
            Patch::Stale { region, offset, bytes } => {
                println!("stale {}", place(seed, *region, *offset, bytes))
            }
            Patch::Copy { region, from } => {
                println!("copy {}\n  from {}", place(seed, *region, 0, &[]), place(seed, *from, 0, &[]));
            }
            Patch::Cut { left } => println!("cut to {left}/256"),
        }
    }
    list(input.image_of(seed));
}

fn place(seed: &Seed, number: u16, offset: u16, new: &[u8]) -> String {
    let region = region_of(seed, number);
    let offset = usize::from(offset) % region.len;
    let bytes = &seed.bytes[region.start..][..region.len];
    let old = &bytes[offset..(offset + new.len()).min(region.len)];
    let mut text =
        format!("{:?} at {:#x} + {offset:#x}: {old:02x?} -> {new:02x?}", region.kind, region.start);
    if region.is_node() {
        let u16_at = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let fixed = u16_at(0x20) & 4 != 0;
        let table = 0x38 + u16_at(0x28);
        let keys = table + u16_at(0x2A);
        let end = region.len - if u16_at(0x20) & 1 != 0 { 40 } else { 0 };
        text += &format!("\n  node of level {}, {} keys", u16_at(0x22), u16_at(0x24));
        for index in 0..u16_at(0x24) {
            let (key, key_len, value, value_len) = if fixed {
                let entry = table + index * 4;
                (keys + u16_at(entry), 16, end - u16_at(entry + 2), if u16_at(0x22) == 0 { 16 } else { 8 })
            } else {
                let entry = table + index * 8;
                (keys + u16_at(entry), u16_at(entry + 2), end - u16_at(entry + 4), u16_at(entry + 6))
            };
            let hit = |start, len| if (start..start + len).contains(&offset) { "  <--" } else { "" };
            text += &format!("\n    key   {:02x?}{}", &bytes[key..key + key_len], hit(key, key_len));
            text +=
                &format!("\n    value {:02x?}{}", &bytes[value..value + value_len], hit(value, value_len));
        }
    }
    text
}

fn list(image: Vec<u8>) {
    let options = OpenOptions::default();
    let disk = match Disk::open(Arc::new(image), &options) {
        Ok(disk) => disk,
        Err(error) => return println!("disk: {error}"),
    };
    for volume in disk.volumes(&options).unwrap_or_default() {
        let view = match volume.and_then(|volume| volume.view()) {
            Ok(view) => view,
            Err(error) => {
                println!("volume: {error}");
                continue;
            }
        };
        println!("walk of {}", view.volume_name());
        for entry in view.walk(view.root()) {
            match entry {
                Ok(entry) => {
                    println!("  {} {} {}", entry.stat.id, entry.stat.kind.word(), entry.path.escape_ascii())
                }
                Err(error) => println!("  error: {error}"),
            }
        }
        println!("scan");
        let scanned = view.scan(None, &mut |entry| {
            match entry {
                Ok(entry) => {
                    println!("  {} {} {}", entry.stat.id, entry.stat.kind.word(), entry.path.escape_ascii())
                }
                Err(error) => println!("  error: {error}"),
            }
            Ok(())
        });
        println!("  {} entries", scanned.map_or(0, |ledger| ledger.entries()));
    }
}
