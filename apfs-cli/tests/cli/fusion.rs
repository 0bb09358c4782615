//! `--tier2`: Fusion pairs in every command.

use apfs_tests::fusion::{files, pair};

use crate::support::Disk;

/// Both devices, given in any order, are one container; one of them is missing or a stranger.
#[test]
fn two_images() {
    let image = pair();
    let (main, tier2) = (Disk::of(&image), Disk::of_bytes(&image.tier2));
    let (main_path, tier2_path) = (main.path(), tier2.path());
    let content = |path: &str| files().into_iter().find(|(name, _)| *name == path).unwrap().1;
    for (disk, second) in [(&main, &tier2_path), (&tier2, &main_path)] {
        let second = second.to_str().unwrap();
        let run = disk.apfs("cat", &["/slow", "--tier2", second]);
        assert!(run.code == 0 && run.stdout == content("/slow"), "{}", run.stderr);
        let info = disk.apfs("info", &["--json", "--tier2", second]).json();
        let fusion = &info["partitions"][0]["container"]["fusion"];
        assert_eq!((&fusion["tier2"]["present"], &fusion["finding_count"]), (&true.into(), &0.into()));
        assert_eq!(disk.apfs("check", &["--tier2", second]).code, 0);
        let map = disk.apfs("space", &["--map", "--tier2", second]).clean();
        assert!(map.contains(&format!("tier2 {} ", 1u64 << 50)), "{map}");
    }
    // A file of one device would pass for the pair.
    let out = main.path().with_extension("raw");
    let both = main.apfs("convert", &[out.to_str().unwrap(), "--tier2", tier2_path.to_str().unwrap()]);
    assert!(
        both.code == 2 && both.stderr.contains("each without --tier2") && !out.exists(),
        "{}",
        both.stderr
    );
    let alone = main.apfs("cat", &["/slow"]);
    assert!(alone.code != 0 && alone.stderr.contains("Fusion member missing"), "{}", alone.stderr);
    assert_eq!(main.apfs("cat", &["/main"]).stdout, content("/main"));
    let text = main.apfs("info", &[]);
    assert!(text.text().contains("missing: data on it can't be read"), "{}", text.text());
    let second = tier2.apfs("ls", &[]);
    assert!(second.code == 2 && second.stderr.contains("--tier2"), "{}", second.stderr);
    let twice = main.apfs("ls", &["--tier2", main_path.to_str().unwrap()]);
    assert!(twice.code == 2 && twice.stderr.contains("nx_fusion_uuid"), "{}", twice.stderr);
}
