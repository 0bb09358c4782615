//! HFS+ volumes: the seeds, and the targets that change them. HFS+ has no checksums, so nothing is repaired.

use std::sync::{Arc, OnceLock};

use apfs_core::hfsplus::Volume;
use apfs_core::{AnyFs, ReadAt};
use apfs_tests::build::hfs::{HfsBuilder, HfsImage, HfsRole, wrapper};
use apfs_tests::hfs_volumes;

use crate::patch::Input;
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

/// The changed volume of an input.
pub fn image(input: &Input) -> Vec<u8> {
    input.image_of(&seeds()[usize::from(input.seed) % seeds().len()])
}

/// A whole volume, made of a seed and changes to it (see [`patch`](crate::patch)).
pub fn volume(bytes: &[u8]) {
    check(image(&Input::decode(bytes)));
}

/// One node with any content: seed, number of the region, content from its descriptor on.
pub fn node(bytes: &[u8]) {
    let Some(([seed, number], content)) = bytes.split_first_chunk::<2>() else { return };
    let seed = &seeds()[usize::from(*seed) % seeds().len()];
    let nodes: Vec<_> = seed.regions.iter().filter(|region| region.kind == RegionKind::HfsNode).collect();
    let region = nodes[usize::from(*number) % nodes.len()];
    let mut image = seed.bytes.clone();
    let count = content.len().min(region.len);
    image[region.start..][..count].copy_from_slice(&content[..count]);
    check(image);
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
        view::check(&AnyFs::Hfs(volume), &*device, &mut out);
    }
    out.findings += told.count();
    out
}
