//! Sealed volumes: hashed nodes without headers, extents in a tree of their own.

use apfs_core::Fs;
use apfs_tests::build::ImageBuilder;
use apfs_tests::listing::{list_sound, read, view};

use crate::variants::{pattern, rich};

/// A sealed volume reads like the same volume unsealed, apart from its flags and record counts.
#[test]
fn reads_like_an_open_one() {
    for records in [4, usize::MAX] {
        let image = |volume| ImageBuilder::new().max_records_per_node(records).volume(volume).build();
        let sealed = view(image(rich("V").sealed()).bytes);
        let open = view(image(rich("V")).bytes);
        assert!(sealed.superblock().is_sealed() && sealed.sealed_extents().is_some());
        assert!(!open.superblock().is_sealed() && open.sealed_extents().is_none());
        assert_eq!(list_sound(&sealed), list_sound(&open));
        assert!(read(&sealed, "/pieces").unwrap() == pattern(300_000, 2));
    }
}

/// Extents of a sealed volume come in order and lead to the bytes.
#[test]
fn extents_lead_to_the_bytes() {
    let image = ImageBuilder::new().max_records_per_node(4).volume(rich("V").sealed()).build();
    let view = view(image.bytes.clone());
    let id = apfs_core::FileId(image.inode(0, "/pieces"));
    let (mut runs, mut bytes) = (Vec::new(), Vec::new());
    view.extents(id, &apfs_core::StreamId::Data, 0, &mut runs, usize::MAX).unwrap();
    assert_eq!(runs.len(), 74);
    for run in runs {
        assert_eq!(run.logical, bytes.len() as u64);
        let apfs_core::ExtentKind::Data(at) = run.kind else { panic!("{run:?}") };
        bytes.extend_from_slice(&image.bytes[at as usize..(at + run.len) as usize]);
    }
    bytes.truncate(300_000);
    assert!(bytes == pattern(300_000, 2));
}
