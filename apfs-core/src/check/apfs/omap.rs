//! Object maps: every mapping, and whether something uses it (sheet apfs-02, section 7).

use alloc::vec::Vec;

use super::claims::{Claims, Owner};
use super::context::Context;
use super::rules::{
    OMAP_CONTAINER, OMAP_DELETED, OMAP_ENCRYPTED, OMAP_FIELD, OMAP_SHARED, OMAP_SNAPSHOTS, OMAP_UNUSED,
    OMAP_VALUE, RESERVED_OID,
};
use super::trees;
use crate::apfs::object::Header;
use crate::apfs::omap::{Mapping, Omap, decode};
use crate::apfs::raw::object::OBJECT_TYPE_FSTREE;
use crate::apfs::raw::omap::{OMAP_VAL_DELETED, OMAP_VAL_ENCRYPTED};
use crate::apfs::tree_kind::OMAP_SNAPSHOTS as SNAPSHOT_TREE;
use crate::base::bytes::{len64, u32_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{BlockRange, Oid, Paddr, Xid};

/// Map flag: managed by hand, as the container's is.
const OMAP_MANUALLY_MANAGED: u32 = 1;
/// Map flags that are known.
const KNOWN_FLAGS: u32 = 0x3F;
/// Mapping flags that are known.
const KNOWN_VALUE_FLAGS: u32 = 0x1F;
/// Type of both trees.
const PHYSICAL_TREE: u32 = 0x4000_0002;
/// First id that is not reserved.
const OID_RESERVED_COUNT: u64 = 1024;

/// Whose map it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    Container,
    Volume { slot: usize, encrypted: bool },
}

impl Whose {
    fn owner(self) -> Owner {
        match self {
            Whose::Container => Owner::Container("object map"),
            Whose::Volume { slot, .. } => Owner::Metadata(slot),
        }
    }
}

/// A map, read.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    /// In the order of their keys.
    pub(super) all: Vec<(Oid, Mapping)>,
    /// Transactions of the snapshots that the map knows, in order.
    pub(super) snapshots: Vec<Xid>,
    /// Blocks of the map, of its trees, and of what is mapped.
    pub(super) blocks: u64,
    pub(super) complete: bool,
}

/// Reads all of a map, and claims its blocks and what they lead to.
pub(super) fn read(
    check: &mut Context<'_>,
    omap: &Omap,
    whose: Whose,
    claims: &mut Claims,
) -> Result<Mappings> {
    let raw = omap.raw();
    let header = Oid(raw.om_o.o_oid.get());
    let place =
        |field| Place::new("omap_phys_t", field).block(Paddr(header.0)).xid(Xid(raw.om_o.o_xid.get()));
    let flags = raw.om_flags.get();
    let hex = |number: u32| alloc::format!("{number:#x}");
    if flags & !KNOWN_FLAGS != 0 {
        check.range(&OMAP_FIELD, place("om_flags"), hex(flags));
    }
    for (field, found) in
        [("om_tree_type", &raw.om_tree_type), ("om_snapshot_tree_type", &raw.om_snapshot_tree_type)]
    {
        if found.get() != PHYSICAL_TREE {
            check.differs(&OMAP_FIELD, place(field), hex(PHYSICAL_TREE), hex(found.get()));
        }
    }
    let is_container = matches!(whose, Whose::Container);
    if (flags & OMAP_MANUALLY_MANAGED != 0) != is_container {
        check.differs(&OMAP_CONTAINER, place("om_flags"), is_container, hex(flags));
    }
    if is_container && (raw.om_snap_count.get() != 0 || raw.om_snapshot_tree_oid.get() != 0) {
        check.differs(&OMAP_CONTAINER, place("om_snap_count"), 0, raw.om_snap_count.get());
    }
    let owner = whose.owner();
    let mut found = Mappings { complete: true, ..Mappings::default() };
    claims.block(Paddr(header.0), owner)?;
    found.blocks = 1;
    let newest = check.container.xid();
    let block_bytes = check.container.block_size().bytes();
    let most = check.container.limits().check_facts;
    let seen = trees::walk(check, omap.tree(), &mut |check, node| {
        claims.block(node.block(), owner)?;
        for index in 0..if node.level() == 0 { node.count() } else { 0 } {
            let Some((oid, mapping)) = node.value(index).and_then(|value| decode(node.key(index), value))
            else {
                continue;
            };
            if mapping.xid > node.header().xid {
                let place = Place { structure: "omap_key_t", oid: Some(oid), ..node.place("ok_xid") };
                check.differs(
                    &OMAP_VALUE,
                    place,
                    alloc::format!("at most {}", node.header().xid),
                    mapping.xid,
                );
            }
            let at = |field| {
                Place { structure: "omap_val_t", oid: Some(oid), ..node.place(field) }.xid(mapping.xid)
            };
            mapping_alone(check, whose, newest, block_bytes, oid, &mapping, &at);
            if len64(found.all.len()) >= most {
                return Err(crate::base::error::Error::limit("mappings", most, most.saturating_add(1)));
            }
            found.all.push((oid, mapping));
            if mapping.flags & OMAP_VAL_DELETED == 0 {
                let count = u64::from(mapping.size).div_ceil(block_bytes);
                let run = BlockRange { start: mapping.block, count };
                if check.container.store().holds(run) {
                    claims
                        .add(run, if is_container { Owner::Container("volume superblock") } else { owner })?;
                    found.blocks = found.blocks.saturating_add(count);
                }
            }
        }
        Ok(())
    })?;
    check.report.checked("object mappings", seen.keys);
    found.blocks = found.blocks.saturating_add(seen.nodes);
    found.complete &= seen.complete;
    snapshots(check, omap, owner, claims, &mut found)?;
    claims.complete &= found.complete;
    shared(check, &found);
    Ok(found)
}

/// A mapping by itself.
fn mapping_alone(
    check: &mut Context<'_>,
    whose: Whose,
    newest: Xid,
    block_bytes: u64,
    oid: Oid,
    mapping: &Mapping,
    place: &dyn Fn(&'static str) -> Place,
) {
    if oid.0 < OID_RESERVED_COUNT {
        check.range(&RESERVED_OID, place(""), oid);
    }
    if mapping.flags & !KNOWN_VALUE_FLAGS != 0 {
        check.range(&OMAP_VALUE, place("ov_flags"), alloc::format!("{:#x}", mapping.flags));
    }
    if mapping.xid == Xid(0) || mapping.xid > newest {
        let expected = alloc::format!("1 to {newest}");
        check.differs(&OMAP_VALUE, place("ok_xid"), expected, mapping.xid);
    }
    if mapping.flags & OMAP_VAL_DELETED != 0 {
        return;
    }
    if u64::from(mapping.size) != block_bytes {
        check.differs(&OMAP_VALUE, place("ov_size"), block_bytes, mapping.size);
    }
    let first = BlockRange { start: mapping.block, count: 1 };
    if mapping.block.0 == 0 || !check.container.store().holds(first) {
        let corrupt = Corrupt::new(Damage::PastEnd, place("ov_paddr")).found(mapping.block);
        check.broken(&OMAP_VALUE, corrupt);
    }
    let is_encrypted = mapping.flags & OMAP_VAL_ENCRYPTED != 0;
    let may_be = match whose {
        Whose::Container => false,
        Whose::Volume { encrypted, .. } => encrypted,
    };
    if is_encrypted && !may_be {
        check.differs(&OMAP_ENCRYPTED, place("ov_flags"), may_be, is_encrypted);
    }
}

/// The map's own list of snapshots.
fn snapshots(
    check: &mut Context<'_>,
    omap: &Omap,
    owner: Owner,
    claims: &mut Claims,
    found: &mut Mappings,
) -> Result<()> {
    let raw = omap.raw();
    let root = Oid(raw.om_snapshot_tree_oid.get());
    if root.0 != 0 {
        let opened = check.container.tree(&SNAPSHOT_TREE, root);
        let Some(tree) = check.take("snapshots of an object map", opened)? else {
            found.complete = false;
            return Ok(());
        };
        let snapshots = &mut found.snapshots;
        let seen = trees::walk(check, &tree, &mut |check, node| {
            claims.block(node.block(), owner)?;
            for index in 0..if node.level() == 0 { node.count() } else { 0 } {
                let place = |field| Place { structure: "omap_snapshot_t", ..node.place(field) };
                if let Some(xid) = u64_at(node.key(index), 0) {
                    snapshots.push(Xid(xid));
                }
                let value = node.value(index).unwrap_or(&[]);
                let flags = u32_at(value, 0).unwrap_or(0);
                if flags & !3 != 0 || u64_at(value, 8) != Some(0) {
                    check.range(&OMAP_SNAPSHOTS, place("oms_flags"), alloc::format!("{flags:#x}"));
                }
            }
            Ok(())
        })?;
        found.blocks = found.blocks.saturating_add(seen.nodes);
        found.complete &= seen.complete;
    }
    if found.complete {
        let block = Paddr(raw.om_o.o_oid.get());
        let place = |field| Place::new("omap_phys_t", field).block(block);
        let count = len64(found.snapshots.len());
        check.equal(&OMAP_SNAPSHOTS, place("om_snap_count"), count, raw.om_snap_count.get().into());
        let newest = found.snapshots.last().map_or(0, |xid| xid.0);
        check.equal(&OMAP_SNAPSHOTS, place("om_most_recent_snap"), newest, raw.om_most_recent_snap.get());
    }
    Ok(())
}

/// No block is mapped twice.
fn shared(check: &mut Context<'_>, mappings: &Mappings) {
    let live = mappings.all.iter().filter(|(_, mapping)| mapping.flags & OMAP_VAL_DELETED == 0);
    let mut blocks: Vec<(Paddr, Oid, Xid)> =
        live.map(|(oid, mapping)| (mapping.block, *oid, mapping.xid)).collect();
    blocks.sort_unstable();
    let pairs = blocks.iter().zip(blocks.iter().skip(1));
    for ((block, one, _), (_, other, xid)) in pairs.filter(|(a, b)| a.0 == b.0) {
        let place = Place::new("omap_val_t", "ov_paddr").block(*block).oid(*other).xid(*xid);
        check.broken(&OMAP_SHARED, Corrupt::new(Damage::Overlap, place).found(one));
    }
}

/// Mappings that no view can see, and those of the live view (of all views if `all`) that nothing uses. `used` are the
/// blocks of what was read; `tolerated` is an object of which old versions are left behind.
pub(super) fn unused(
    check: &mut Context<'_>,
    mappings: &Mappings,
    used: &mut Vec<Paddr>,
    all: bool,
    tolerated: &[Oid],
) {
    used.sort_unstable();
    used.dedup();
    let mut versions = mappings.all.iter().peekable();
    while let Some((oid, mapping)) = versions.next() {
        let next = versions.peek().filter(|(other, _)| other == oid).map(|(_, next)| next.xid);
        let deleted = mapping.flags & OMAP_VAL_DELETED != 0;
        // Snapshots that see this version: not before it, and before the next one.
        let first = mappings.snapshots.partition_point(|xid| *xid < mapping.xid);
        let is_kept = mappings.snapshots.get(first).is_some_and(|xid| next.is_none_or(|next| *xid < next));
        let is_live = next.is_none();
        let place = Place::new("omap_val_t", "ov_paddr").block(mapping.block).oid(*oid).xid(mapping.xid);
        if deleted {
            if used.binary_search(&mapping.block).is_ok() && mapping.block.0 != 0 {
                check.broken(&OMAP_DELETED, Corrupt::new(Damage::Contradiction, place));
            }
            continue;
        }
        if tolerated.contains(oid) {
            continue;
        }
        let wanted = if all { is_kept || is_live } else { is_live && !is_kept };
        let leaked = !(is_kept || is_live) || wanted && used.binary_search(&mapping.block).is_err();
        if leaked && is_tree_node(check, mapping.block) {
            check.broken(&OMAP_UNUSED, Corrupt::new(Damage::Missing, place));
        }
    }
}

/// Newer systems map objects of kinds that this version does not know: nothing is said about those.
fn is_tree_node(check: &Context<'_>, block: Paddr) -> bool {
    let bytes = check.container.store().blocks(block, 1);
    let header = bytes.ok().and_then(|bytes| Header::parse(&bytes));
    header.is_none_or(|header| header.object_type() > 3 || [0, OBJECT_TYPE_FSTREE].contains(&header.subtype))
}
