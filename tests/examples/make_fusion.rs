//! Makes the small Fusion pair of the tests, for tests in other languages and other readers:
//! `make_fusion FOLDER` writes `main.img` and `tier2.img`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a tool for tests")]

use std::path::PathBuf;

use apfs_tests::fusion;

fn main() {
    let folder =
        PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| panic!("usage: make_fusion FOLDER")));
    std::fs::create_dir_all(&folder).unwrap();
    let pair = fusion::pair();
    std::fs::write(folder.join("main.img"), &pair.bytes).unwrap();
    std::fs::write(folder.join("tier2.img"), &pair.tier2).unwrap();
}
