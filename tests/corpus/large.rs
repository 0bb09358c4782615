//! Images of up to a million files, made with a kernel driver: every entry is what the kernel's own listing says. One
//! was caught before its journal was replayed; there the kernel listed what writing the blocks by hand gave.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use apfs_core::{AnyFs, Disk, Fs, Kind, OpenOptions, Scan, Stat, StreamId};
use apfs_tests::digest::hex;
use sha2::{Digest, Sha256};

use crate::lab::{kind, unescaped};

/// What the listing says of one path.
struct Row {
    kind: &'static str,
    size: u64,
    mode: u16,
    ino: u64,
    mtime_ns: i64,
    sha256: String,
}

fn rows(listing: &Path) -> HashMap<String, Row> {
    let text = std::fs::read_to_string(listing).unwrap();
    let lines = text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let (seconds, nanos) = fields[6].split_once('.').unwrap();
        let row = Row {
            kind: kind(fields[1]),
            size: fields[2].parse().unwrap(),
            mode: u16::from_str_radix(fields[3], 8).unwrap(),
            ino: fields[8].parse().unwrap(),
            mtime_ns: seconds.parse::<i64>().unwrap() * 1_000_000_000 + nanos.parse::<i64>().unwrap(),
            sha256: fields[12].to_owned(),
        };
        (unescaped(fields[0]), row)
    };
    lines.map(row).collect()
}

/// Folders of HFS+ that Linux hides with all that is in them; it shows the files of the journal.
const HIDDEN: [&str; 2] = ["/\0\0\0\0HFS+ Private Data", "/.HFS+ Private Directory Data\r"];

fn sha256(view: &AnyFs, stat: &Stat) -> String {
    let (mut hasher, mut offset, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = view.read_at(stat.id, &StreamId::Data, offset, &mut buffer).unwrap();
        hasher.update(&buffer[..read]);
        offset += read as u64;
        if read < buffer.len() {
            return hex(&hasher.finalize());
        }
    }
}

/// `APFS_LAB_IMAGES` names the folder with the images; `cargo xtask full` makes them.
#[test]
fn large_images_read_as_linux_showed_them() {
    let Some(folder) = std::env::var_os("APFS_LAB_IMAGES").map(PathBuf::from) else {
        println!("skipped: APFS_LAB_IMAGES is not set");
        return;
    };
    for name in ["many100k", "many1m", "bulk", "hfs100k", "hfsbulk", "caught"] {
        let image = folder.join(format!("{name}.img"));
        if !image.exists() {
            println!("skipped: {}", image.display());
            continue;
        }
        let mut rows = rows(&image.with_extension("tsv"));
        let (total, mut hashed) = (rows.len(), 0);
        let volumes = Disk::open_file(&image).unwrap().volumes(&OpenOptions::default()).unwrap();
        let view = volumes.into_iter().next().unwrap().unwrap().view().unwrap();
        view.scan(None, &mut |entry| {
            let entry = entry.map_err(|error| error.error)?;
            let (path, stat) = (String::from_utf8(entry.path.to_vec()).unwrap(), entry.stat);
            if entry.private && HIDDEN.iter().any(|hidden| path.starts_with(hidden)) {
                return Ok(());
            }
            let row = rows.remove(&path).unwrap_or_else(|| panic!("{path} is not in the listing, or twice"));
            let found = (stat.kind.word(), stat.mode & 0o7777, stat.id.0, stat.modified.unwrap().0);
            assert_eq!(found, (row.kind, row.mode, row.ino, row.mtime_ns), "{path}");
            if stat.kind == Kind::File {
                assert_eq!(stat.size, row.size, "{path}");
                if row.sha256.len() == 64 {
                    assert_eq!(sha256(&view, stat), row.sha256, "{path}");
                    hashed += 1;
                }
            }
            Ok(())
        })
        .unwrap();
        assert!(rows.is_empty(), "{name}: {} entries are missing", rows.len());
        println!("{name}: {total} entries equal, {hashed} contents");
    }
}
