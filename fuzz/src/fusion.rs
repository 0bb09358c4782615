//! Damaged Fusion pairs: opening, reading, accounting and checking them ends, and keeps what it promises.

use std::sync::{Arc, OnceLock};

use apfs_core::apfs::Container;
use apfs_core::{Fs, ReadAt, StreamId};
use apfs_tests::build::{Fusion, ImageBuilder};
use apfs_tests::fusion::{files, volume};

use crate::patch::Input;
use crate::seed::{Seed, pair};
use crate::target::options;
use crate::view::Outcome;

/// The sound pairs, tier 2 behind the main device, and where it begins.
fn seeds() -> &'static (Vec<Seed>, usize) {
    static SEEDS: OnceLock<(Vec<Seed>, usize)> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let builder = ImageBuilder::new().max_records_per_node(4).fusion(Fusion::default());
        let image = builder.volume(volume()).build();
        (vec![pair("pair", &image)], image.bytes.len())
    })
}

/// Seeds for inputs.
pub fn pairs() -> &'static [Seed] {
    &seeds().0
}

/// A pair, made of a seed and changes to it (see [`patch`](crate::patch)). The first bit of the seed's number swaps the
/// devices, the second leaves tier 2 out.
pub fn fusion(bytes: &[u8]) {
    let input = Input::decode(bytes);
    let (seeds, border) = seeds();
    let mut main = input.image_of(&seeds[0]);
    let tier2 = main.split_off((*border).min(main.len()));
    let [main, tier2]: [Arc<dyn ReadAt>; 2] = [Arc::new(main), Arc::new(tier2)];
    let opened = match input.seed & 3 {
        0 => Container::open_fusion(main, tier2, options()),
        1 => Container::open_fusion(tier2, main, options()),
        2 => Container::open(main, options()),
        _ => Container::open(tier2, options()),
    };
    let Ok(container) = opened else { return };
    if let Some(fusion) = container.fusion() {
        let kept = fusion.findings.len() as u64;
        assert!(kept <= fusion.finding_count, "promise: all findings are counted");
        let total = container.superblock().block_count();
        assert!(
            !fusion.sizes_known || fusion.main_blocks + fusion.tier2_blocks == total,
            "promise: sizes add up"
        );
    }
    crate::space::check(&container, &mut Outcome::default());
    crate::check::container(&container);
    let Ok(view) = container.volume(0).and_then(|volume| volume.view()) else { return };
    for (path, content) in files() {
        let Ok(id) = apfs_core::FsExt::find(&view, path) else { continue };
        let mut buffer = vec![0; content.len()];
        let whole = view.read_at(id, &StreamId::Data, 0, &mut buffer);
        let mut parts = vec![0; content.len()];
        let in_parts = parts.chunks_mut(5000).zip((0u64..).step_by(5000)).try_fold(0, |sum, (part, at)| {
            view.read_at(id, &StreamId::Data, at, part).map(|read| sum + read)
        });
        if let (Ok(whole), Ok(in_parts)) = (whole, in_parts) {
            assert_eq!(whole, in_parts, "promise: parts are as long as the whole");
            assert!(buffer == parts, "promise: parts are what the whole is");
        }
    }
}
