//! Volumes, checked by what the builder itself says about them.

use super::bytes::{u16_at, u32_at};
use super::{HfsBuilder, HfsRole};

fn small() -> HfsBuilder {
    HfsBuilder::new("V").dir("/a").file("/a/x", b"hello").hardlink("/a/x", "/y").xattr("/a", "name", "value")
}

#[test]
fn the_same_description_gives_the_same_bytes() {
    assert!(small().build().bytes == small().build().bytes);
}

#[test]
fn small_nodes_make_tall_trees() {
    let volume = (0..200).fold(small(), |volume, n| volume.file(&format!("/a/file {n}"), b""));
    let image = volume.max_records_per_node(3).scattered_nodes().build();
    assert!(image.trees[&HfsRole::Catalog].depth > 4);
}

#[test]
fn maps_of_large_trees_go_on_in_nodes_of_their_own() {
    let volume = small().option(|options| {
        options.extents.node_size = 512;
        options.extents.spare_nodes = 9000;
    });
    let image = volume.build();
    let tree = &image.trees[&HfsRole::Extents];
    assert_eq!(tree.map_nodes.len(), 2);
    let first = image.node_place(HfsRole::Extents, 0).0;
    assert_eq!(u32_at(&image.bytes, first), tree.map_nodes[0]);
}

#[test]
fn all_blocks_are_counted() {
    let image = small().block_size(512).node_sizes(4096, 512, 4096).build();
    assert_eq!(&image.bytes[1024..1026], b"H+");
    assert_eq!(u16_at(&image.bytes, 1026), 4);
    assert_eq!(u32_at(&image.bytes, 1024 + 44) as usize * 512, image.bytes.len());
}
