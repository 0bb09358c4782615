//! `apfs info` and `apfs snapshots`.

use apfs_tests::build::gpt::types;
use apfs_tests::build::{Gpt, Image, ImageBuilder, VolumeBuilder};

use crate::support::Disk;

fn image() -> Image {
    let data = VolumeBuilder::new("Data").role(0x40).file("/a", b"one").snapshot("first");
    let data = data.overwrite("/a", 0, b"two").snapshot("second").file("/b", b"");
    let system = VolumeBuilder::new("System").role(1).dir("/d").symlink("/l", "d").sealed();
    ImageBuilder::new().checkpoints(2).volume(data).volume(system).build()
}

/// One object: partitions, container, checkpoints, volumes, snapshots, with the values of the image.
#[test]
fn json() {
    let (image, table) = (image(), Gpt::new(512));
    let (bytes, offsets) = table.partition(types::APFS, "disk image", &image.bytes).build();
    let run = Disk::of_bytes(&bytes).apfs("info", &["--json"]);
    assert!(run.text().starts_with(r#"{"schema":"apfs.info/1","#));
    let info = run.json();
    assert_eq!((&info["scheme"], &info["size"]), (&"gpt".into(), &bytes.len().into()));
    let part = &info["partitions"][0];
    assert_eq!((&part["part"], &part["offset"]), (&0.into(), &offsets[0].into()));
    assert_eq!((&part["type"], &part["content"]), (&"Apple_APFS".into(), &"apfs".into()));
    assert_eq!(part["label"], "disk image");
    let container = &part["container"];
    let newest = image.newest();
    assert_eq!((&container["block_size"], &container["xid"]), (&4096.into(), &newest.xid.into()));
    let checkpoints = container["checkpoints"].as_array().unwrap();
    assert_eq!(checkpoints.len(), 2);
    assert_eq!(
        (&checkpoints[0]["block"], &checkpoints[0]["state"]),
        (&newest.superblock.into(), &"used".into())
    );
    assert_eq!(checkpoints[1]["state"], "kept");
    let [data, system] = &container["volumes"].as_array().unwrap()[..] else { panic!("two volumes") };
    assert_eq!((&data["name"], &data["role"], &data["files"]), (&"Data".into(), &"data".into(), &2.into()));
    assert_eq!((&data["encrypted"], &data["sealed"]), (&false.into(), &false.into()));
    assert_eq!(data["names"], "case-insensitive");
    let names: Vec<_> = data["snapshots"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!((&system["sealed"], &system["symlinks"]), (&true.into(), &1.into()));
    assert_eq!(system["incompatible_features"], serde_json::json!(["CASE_INSENSITIVE", "SEALED_VOLUME"]));
}

/// The text names what the JSON names, and `--volume` shows one volume alone.
#[test]
fn text() {
    let disk = Disk::of(&image());
    let text = disk.apfs("info", &[]).clean();
    for part in ["no partition table", "Volume 0: Data", "Volume 1: System", ": first", ": second", ", used"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let one = disk.apfs("info", &["--volume", "role:system"]).clean();
    assert!(one.contains("Volume 1: System") && !one.contains("Volume 0"), "{one}");
    assert_eq!(disk.apfs("info", &["--volume", "Nope"]).code, 2);
}

/// A damaged newest checkpoint is shown with the reason, the one before it is used, and the exit status is 1.
#[test]
fn rejected_checkpoint() {
    let mut image = image();
    image.corrupt(image.newest().nx_omap_oid);
    let run = Disk::of(&image).apfs("info", &["--json"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("passed over") && run.stderr.contains("omap_phys_t"), "{}", run.stderr);
    let info: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let checkpoints = &info["partitions"][0]["container"]["checkpoints"];
    assert_eq!(checkpoints[0]["state"], "rejected");
    assert!(checkpoints[0]["reason"].as_str().unwrap().contains("checksum"));
    assert_eq!(
        (&checkpoints[1]["state"], &checkpoints[1]["xid"]),
        (&"used".into(), &image.checkpoints[0].xid.into())
    );
}

/// The array that programs read, and the table that people read.
#[test]
fn snapshots() {
    let (image, json) = (image(), ["--json"]);
    let disk = Disk::of(&image);
    let listing = disk.apfs("snapshots", &json).json();
    assert_eq!(listing["schema"], "apfs.snapshots/1");
    let [first, second] = &listing["snapshots"].as_array().unwrap()[..] else { panic!("two snapshots") };
    assert_eq!((&first["name"], &second["name"]), (&"first".into(), &"second".into()));
    assert!(first["xid"].as_u64() < second["xid"].as_u64() && first["uuid"].is_string());
    assert!(first["create_time_ns"].as_i64().unwrap() >= 1_700_000_000_000_000_000);
    assert_eq!(
        (&first["flags"], &first["usable"], &first["volume_index"]),
        (&0.into(), &true.into(), &0.into())
    );
    let text = disk.apfs("snapshots", &[]).clean();
    assert!(text.starts_with("Data: 2 snapshots\n") && text.contains("System: 0 snapshots\n"), "{text}");
    assert!(text.contains(first["uuid"].as_str().unwrap()));
}

/// An encrypted volume is shown like any other: nothing above its files is locked.
#[test]
fn encrypted_is_no_problem() {
    let volume = VolumeBuilder::new("Secret").file("/a", b"x").encrypted_flag();
    let info = Disk::of(&ImageBuilder::new().volume(volume).build()).apfs("info", &["--json"]).json();
    assert_eq!(info["partitions"][0]["container"]["volumes"][0]["encrypted"], true);
}
