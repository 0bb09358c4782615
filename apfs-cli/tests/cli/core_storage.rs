//! CoreStorage: the volumes of a group like any others, locked ones named and opened.

use apfs_tests::build::Gpt;
use apfs_tests::build::corestorage::{CoreStorage, PARTITION_TYPE};
use apfs_tests::build::hfs::HfsBuilder;
use serde_json::json;

use crate::support::Disk;

const PASSWORD: &str = "first";

fn volume() -> CoreStorage {
    CoreStorage::new(&HfsBuilder::new("Inside").dir("/d").file("/d/text", b"some text").build().bytes)
}

/// A disk whose partitions are the physical volumes.
fn disk(storage: &CoreStorage) -> Disk {
    let built = storage.build();
    let gpt = built.pvs.iter().fold(Gpt::new(512), |gpt, pv| gpt.partition(PARTITION_TYPE, "pv", pv));
    Disk::of_bytes(&gpt.build().0)
}

/// A volume that is not encrypted is read, on one partition and on two; `info` shows the group around it.
#[test]
fn plain() {
    for parts in [1, 2] {
        let disk = disk(&volume().spread(parts, 3));
        let rows = disk.apfs("ls", &["-R", "--json"]).rows();
        let text = rows.iter().find(|row| row["path"] == "/d/text").cloned();
        let text = text.unwrap_or_default();
        assert_eq!(
            (&text["volume"], &text["volume_index"], &text["part"]),
            (&json!("Inside"), &json!(0), &json!(0))
        );
        assert_eq!(disk.apfs("cat", &["/d/text"]).clean(), "some text");
        let info = disk.apfs("info", &["--json"]).json();
        let group = &info["partitions"][0]["core_storage"];
        assert_eq!(group["parts"], json!((0..parts).collect::<Vec<_>>()));
        assert_eq!(group["volumes"][0]["hfs"]["name"], "Inside");
        assert_eq!(info["partitions"][1].get("error"), None);
        assert!(disk.apfs("info", &[]).clean().contains("CoreStorage group"));
    }
}

/// A locked one is named with what opens it; the exit status says so, and a password opens it everywhere.
#[test]
fn locked() {
    let disk = disk(&volume().password(PASSWORD, "the 1st"));
    let run = disk.apfs("ls", &[]);
    assert_eq!(run.code, 2, "nothing else is there");
    assert!(run.stderr.contains("locked") && run.stderr.contains("password"), "{}", run.stderr);
    let info = disk.apfs("info", &[]).clean();
    for part in ["FileVault 2", "the 1st", "Not readable"] {
        assert!(info.contains(part), "{part}: {info}");
    }
    let shown = disk.apfs("unlock", &[]).clean();
    assert!(shown.contains("FileVault 2") && shown.contains("opens with"), "{shown}");
    let check = disk.apfs("unlock", &["--check", "--json", "--password", PASSWORD]).json();
    let row = &check["volumes"][0];
    assert_eq!(row["opened_by"][0]["secret"], "--password, number 1");
    assert_eq!((&row["protection"]["core_storage"], row.get("reason")), (&json!("encrypted"), None));
    assert_eq!(disk.apfs("unlock", &["--check", "--password", "wrong"]).code, 1);
    assert_eq!(disk.apfs("cat", &["--password", PASSWORD, "/d/text"]).clean(), "some text");
    assert_eq!(disk.apfs("ls", &["--password", PASSWORD, "--volume", "Inside", "/d"]).clean(), "text\n");
}

/// A group of which a part is missing is named, and the rest of the disk is read.
#[test]
fn missing_part() {
    let built = volume().spread(2, 3).build();
    let gpt = Gpt::new(512).partition(PARTITION_TYPE, "pv", &built.pvs[0]);
    let plain = HfsBuilder::new("Beside").file("/x", b"").build().bytes;
    let gpt = gpt.partition(apfs_tests::build::gpt::types::HFS_PLUS, "plain", &plain);
    let run = Disk::of_bytes(&gpt.build().0).apfs("ls", &[]);
    assert_eq!((run.code, run.text()), (1, "x\n"));
    assert!(run.stderr.contains("partition 0"), "{}", run.stderr);
}
