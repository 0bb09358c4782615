//! The checksums that the UDIF images of the manifest carry.

use std::path::Path;

use apfs_core::Limits;
use apfs_core::image::layers::{Image, unwrap};
use apfs_core::image::udif::{Check, Udif};
use apfs_tests::corpus;
use toml::Value;

fn is_udif(image: &Value) -> bool {
    image["layers"].as_array().is_some_and(|layers| layers.len() == 1 && layers[0].as_str() == Some("udif"))
}

/// What is wrong with the checksums of an image, against what the manifest found.
fn check(image: &Udif, facts: &Value) -> Vec<String> {
    let mut wrong: Vec<_> = image.findings().iter().map(|finding| format!("finding: {finding}")).collect();
    let checks: Vec<_> =
        (0..image.tables().len()).map(|index| image.verify_table(index, &mut |_| Ok(())).unwrap()).collect();
    let right = checks.iter().filter(|check| matches!(check, Check::Matches(_))).count() as i64;
    if Some(right) != facts["udif_blkx_crc_ok"].as_integer() {
        wrong.push(format!("{right} tables are right: {checks:?}"));
    }
    let fact = |key: &str| facts["udif"].get(key).and_then(Value::as_bool).unwrap_or(false);
    let data = image.verify_data_fork(0, &mut |_| Ok(())).unwrap();
    if matches!(data, Check::Matches(_)) != fact("data_fork_crc_ok") {
        wrong.push(format!("data fork: {data:?}"));
    }
    let master = image.verify_master();
    if matches!(master, Check::Matches(_)) != fact("master_crc_ok") {
        wrong.push(format!("master: {master:?}"));
    }
    // Chunks of no sectors, which some images have, are counted there and dropped here.
    let stored = |word: &str| !["00000000", "00000002", "7ffffffe", "ffffffff"].contains(&word);
    let facts = facts["udif_chunk_types"].as_table().unwrap();
    let known: i64 =
        facts.iter().filter(|(kind, _)| stored(kind)).filter_map(|(_, count)| count.as_integer()).sum();
    let counts = image.chunk_counts();
    let found: usize = counts.iter().filter(|(kind, _)| !kind.is_zeros()).map(|(_, count)| count).sum();
    if known != found as i64 {
        wrong.push(format!("{found} chunks, should be {known}"));
    }
    wrong
}

fn problems(path: &Path, facts: &Value) -> Vec<String> {
    let unwrapped = match unwrap(corpus::device(path), None, &[], &Limits::default()) {
        Ok(unwrapped) => unwrapped,
        Err(error) => return vec![error.to_string()],
    };
    let mut wrong = Vec::new();
    for layer in &unwrapped.layers {
        match &layer.image {
            Image::Udif(image) => wrong.extend(check(image, facts)),
            other => wrong.push(format!("{other:?}")),
        }
    }
    wrong
}

/// Every checksum of every UDIF image is right where independent tools found it so.
#[test]
fn checksums_of_udif_images() {
    let Some(folder) = corpus::folder() else { return };
    let manifest: Value =
        std::fs::read_to_string(folder.join("manifest.toml")).unwrap().parse::<toml::Table>().unwrap().into();
    let (mut images, mut failures) = (0, Vec::new());
    for image in manifest["image"].as_array().unwrap().iter().filter(|image| is_udif(image)) {
        let path = folder.join(image["file"].as_str().unwrap());
        failures.extend(problems(&path, image).into_iter().map(|text| format!("{}: {text}", image["name"])));
        images += 1;
    }
    println!("{images} images");
    assert!(images > 0, "the manifest names no UDIF image");
    assert!(failures.is_empty(), "{failures:#?}");
}
