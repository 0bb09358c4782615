//! HFS+ volumes: the seeds, and the targets that change them. HFS+ has no checksums, so nothing is repaired.

use std::sync::{Arc, OnceLock};

use apfs_core::hfsplus::Volume;
use apfs_core::hfsplus::node::{Layout, Node};
use apfs_core::hfsplus::record::attribute::AttributeRecord;
use apfs_core::hfsplus::record::catalog::CatalogRecord;
use apfs_core::hfsplus::tree_kind::{ATTRIBUTES, CATALOG_BINARY, CATALOG_FOLDED, EXTENTS};
use apfs_core::tree::node::TreeNode;
use apfs_core::{AnyFs, Kind, ReadAt};
use apfs_tests::build::hfs::{HfsBuilder, HfsImage, HfsRole, wrapper};
use apfs_tests::hfs_volumes;

use crate::mutate::fresh_of;
use crate::patch::Input;
use crate::rng::Rng;
use crate::seed::{Region, RegionKind, Seed};
use crate::target::{Told, options};
use crate::view::{self, Outcome};

/// All volumes.
pub fn seeds() -> &'static [Seed] {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        vec![
            seed("many features", &hfs_volumes::small("Small")),
            seed("case-sensitive", &hfs_volumes::small("Units").case_sensitive()),
            seed("tall trees", &tall()),
            seed("links to folders", &compact(hfs_volumes::dir_links())),
            seed("links to files", &compact(hfs_volumes::file_links())),
            seed("names", &compact(hfs_volumes::names())),
            seed("odd files", &compact(hfs_volumes::odd_files())),
            seed("compressed", &compact(hfs_volumes::compressed(&[1, 3, 4, 7, 9, 11]))),
            seed("scattered trees", &compact(hfs_volumes::small("Scattered").special_pieces(10, 9, 2))),
            wrapped(),
        ]
    })
}

fn compact(volume: HfsBuilder) -> HfsBuilder {
    volume.block_size(512).node_sizes(4096, 512, 2048)
}

fn tall() -> HfsBuilder {
    let volume = hfs_volumes::small("Tall").max_records_per_node(3).scattered_nodes();
    (0..30).fold(volume, |volume, n| volume.file(&format!("/d/e/file {n}"), [n; 100]))
}

fn seed(name: &'static str, volume: &HfsBuilder) -> Seed {
    let image = volume.build();
    let regions = regions(&image, 0);
    Seed { name, bytes: image.bytes, block_size: image.block_size, gpt_sector: None, regions }
}

fn wrapped() -> Seed {
    let image = hfs_volumes::small("Wrapped").build();
    let (bytes, start) = wrapper::wrap(&image.bytes, "Wrapper");
    let mut regions = regions(&image, start);
    regions.push(Region { start: 1024, len: 162, kind: RegionKind::HfsHeader });
    Seed { name: "wrapped", bytes, block_size: image.block_size, gpt_sector: None, regions }
}

/// Nodes first, then headers, then the rest.
fn regions(image: &HfsImage, at: usize) -> Vec<Region> {
    let mut regions = Vec::new();
    for (role, tree) in &image.trees {
        let numbers = tree.nodes.iter().map(|node| node.number).chain([0]).chain(tree.map_nodes.clone());
        for number in numbers {
            let (start, len) = image.node_place(*role, number);
            // A node can lie in several runs: only its beginning is changed then.
            let run = image.place_at(start).map_or(len, |place| place.range.end - start);
            regions.push(Region { start: at + start, len: len.min(run), kind: RegionKind::HfsNode });
        }
    }
    for place in &image.places {
        let kind = match place.role {
            HfsRole::Header | HfsRole::AlternateHeader => RegionKind::HfsHeader,
            HfsRole::Catalog | HfsRole::Attributes | HfsRole::Extents => continue,
            _ => RegionKind::Plain,
        };
        regions.push(Region { start: at + place.range.start, len: place.range.len(), kind });
    }
    regions
}

/// The seed that an input changes.
pub fn seed_of(input: &Input) -> &'static Seed {
    &seeds()[usize::from(input.seed) % seeds().len()]
}

/// A new input of [`volume`] with one to four changes.
pub fn fresh(rng: &mut Rng) -> Input {
    fresh_of(seeds(), rng)
}

/// A whole volume, made of a seed and changes to it (see [`patch`](crate::patch)).
pub fn volume(bytes: &[u8]) {
    let input = Input::decode(bytes);
    check(input.image_of(seed_of(&input)));
}

/// One node with any content: seed, number of the region, content from its descriptor on.
pub fn node(bytes: &[u8]) {
    let Some(([seed, number], content)) = bytes.split_first_chunk::<2>() else { return };
    for kind in [&CATALOG_FOLDED, &CATALOG_BINARY, &EXTENTS, &ATTRIBUTES] {
        let layout = Layout { kind, nodes: 100, fixed_index_key: None };
        let mut bytes = content.to_vec();
        bytes.resize(512.max(content.len().next_power_of_two()), 0);
        let Ok(node) = Node::parse(bytes, 1, &layout) else { continue };
        let keys: Vec<_> = (0..node.count()).map(|index| node.key(index)).collect();
        let is_ascending = keys.windows(2).all(|pair| node.order(pair[0], pair[1]).is_lt());
        assert!(is_ascending && !keys.is_empty(), "promise: a node has keys in order");
        let values: usize = (0..node.count()).map(|index| node.value(index).len()).sum();
        assert!(values < 512.max(content.len().next_power_of_two()), "promise: records do not overlap");
    }
    let seed = &seeds()[usize::from(*seed) % seeds().len()];
    let nodes: Vec<_> = seed.regions.iter().filter(|region| region.kind == RegionKind::HfsNode).collect();
    let region = nodes[usize::from(*number) % nodes.len()];
    let mut image = seed.bytes.clone();
    let count = content.len().min(region.len);
    image[region.start..][..count].copy_from_slice(&content[..count]);
    check(image);
}

/// Every record decoder on any value.
pub fn record(value: &[u8]) {
    if let Ok(record) = CatalogRecord::parse(value) {
        if let CatalogRecord::Thread(thread) = record {
            assert!(thread.name.len() + 10 <= value.len(), "promise: a name lies in its record");
        }
        let is_thread = matches!(record, CatalogRecord::Thread(_));
        assert_eq!(record.common().is_none(), is_thread, "promise: files and folders have metadata");
        assert!(
            record.link().is_none() || matches!(record, CatalogRecord::File(_)),
            "promise: links are files"
        );
        let is_folder = record.kind() == Kind::Dir;
        let says_folder = matches!(record, CatalogRecord::Folder(_));
        assert!(is_thread || is_folder == says_folder, "promise: only folders are folders");
    }
    if let Ok(record) = AttributeRecord::parse(value) {
        if let AttributeRecord::Inline(content) = record {
            assert!(content.len() + 16 <= value.len(), "promise: a value lies in its record");
        }
        let _ = record.value_len();
    }
}

/// Opens a volume and checks all it says.
pub fn check(bytes: Vec<u8>) -> Outcome {
    let told = Arc::new(Told::default());
    let mut options = options();
    options.observer = Some(told.clone());
    let device: Arc<dyn ReadAt> = Arc::new(bytes);
    let mut out = Outcome::default();
    if let Some(volume) = out.ok(Volume::open(device.clone(), options)) {
        out.findings += volume.findings().len();
        out.answer(volume.name().as_bytes());
        let inside = volume.wrapper().map_or(0..device.len(), |inner| inner.start..inner.start + inner.len);
        let mut bytes = vec![0; (inside.end - inside.start) as usize];
        device.read_exact_at(inside.start, &mut bytes).expect("promise: a wrapper is on its device");
        view::check(&AnyFs::Hfs(volume), &bytes, &mut out);
    }
    out.findings += told.count();
    out
}
