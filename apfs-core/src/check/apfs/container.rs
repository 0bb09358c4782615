//! The container superblock, block 0, the EFI jumpstart and the reaper (sheets apfs-01 and apfs-06).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::claims::{Claims, Owner};
use super::context::Context;
use super::rules::{
    DEVICE_SHORT, EPHEMERAL_INFO, JUMPSTART_EXTENTS, JUMPSTART_FIELD, LCFD, MAX_VOLUMES, NEXT_XID,
    NX_FEATURES, NX_FLAGS, NX_FUSION, NX_TEST, OBJECT_FLAGS, REAPER_BUFFER, REAPER_EMPTY, REAPER_FIELD,
    REAPER_FLAGS, REAPER_IDS, REAPER_LIST, SAME_VOLUME, ZERO_DAMAGED, ZERO_DIFFERS, ZERO_NEWER,
};
use crate::apfs::object::{Expect, XidRule};
use crate::apfs::raw::container::{NX_XP_FRAGMENTED, NxFeatures, NxIncompat, Prange};
use crate::apfs::raw::object::{OBJ_PHYSICAL, OBJECT_TYPE_EFI_JUMPSTART};
use crate::apfs::raw::spaceman::{EfiJumpstart, NX_EFI_JUMPSTART_MAGIC};
use crate::apfs::superblock::Superblock;
use crate::base::bytes::{len64, pod_rest, u32_at, u64_at};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{BlockRange, Oid, Paddr};

/// Container flags: two that are reserved, and encryption by software.
const KNOWN_FLAGS: u64 = 7;
/// Bytes of a container that one more volume needs.
const BYTES_PER_VOLUME: u64 = 512 << 20;

/// Most reap lists that are read; real containers have a few.
const MOST_LISTS: usize = 10_000;

/// The superblock of the checkpoint.
pub(super) fn superblock(check: &mut Context<'_>) -> Result<()> {
    let container = check.container;
    let superblock = container.superblock();
    let raw = superblock.raw();
    let place = |field| superblock.place(field);
    let hex = |number: u64| alloc::format!("{number:#x}");
    let bytes = superblock.block_count().saturating_mul(superblock.block_size().bytes());
    let incompatible = NxIncompat::from_bits_retain(raw.nx_incompatible_features.get());
    let is_fusion = incompatible.contains(NxIncompat::FUSION);
    if !is_fusion && container.store().device_len() < bytes {
        let corrupt = Corrupt::new(Damage::PastEnd, place("nx_block_count"));
        check.broken(&DEVICE_SHORT, corrupt.expected(bytes).found(container.store().device_len()));
    }
    let next = superblock.xid().0.saturating_add(1);
    check.equal(&NEXT_XID, place("nx_next_xid"), next, raw.nx_next_xid.get());
    if raw.nx_o.o_type.get() & 0x1800_0000 != 0 {
        check.range(&OBJECT_FLAGS, place("o_type"), hex(raw.nx_o.o_type.get().into()));
    }
    let most = bytes.div_ceil(BYTES_PER_VOLUME).clamp(1, 100);
    let max = u64::from(raw.nx_max_file_systems.get());
    let slots = len64(raw.nx_fs_oid.iter().filter(|oid| oid.get() != 0).count());
    // Some formatters make room for as many volumes as they were asked for.
    if max != most && max != slots {
        check.differs(&MAX_VOLUMES, place("nx_max_file_systems"), most, max);
    }
    let mut oids = BTreeSet::new();
    for (slot, oid) in raw.nx_fs_oid.iter().enumerate().filter(|(_, oid)| oid.get() != 0) {
        if len64(slot) >= max {
            check.range(&MAX_VOLUMES, place("nx_fs_oid"), slot);
        }
        if !oids.insert(oid.get()) {
            check.range(&SAME_VOLUME, place("nx_fs_oid"), Oid(oid.get()));
        }
    }
    let features = NxFeatures::from_bits_retain(raw.nx_features.get());
    let unknown = [
        ("nx_features", features.bits() & !NxFeatures::all().bits()),
        ("nx_readonly_compatible_features", raw.nx_readonly_compatible_features.get()),
        ("nx_incompatible_features", incompatible.bits() & !NxIncompat::all().bits()),
    ];
    for (field, bits) in unknown.into_iter().filter(|(_, bits)| *bits != 0) {
        check.range(&NX_FEATURES, place(field), hex(bits));
    }
    if !incompatible.contains(NxIncompat::VERSION2) {
        check.range(&NX_FEATURES, place("nx_incompatible_features"), hex(incompatible.bits()));
    }
    if raw.nx_flags.get() & !KNOWN_FLAGS != 0 {
        check.range(&NX_FLAGS, place("nx_flags"), hex(raw.nx_flags.get()));
    }
    let tests = [("nx_test_type", raw.nx_test_type.get().into()), ("nx_test_oid", raw.nx_test_oid.get())];
    for (field, found) in tests.into_iter().filter(|(_, found)| *found != 0) {
        check.differs(&NX_TEST, place(field), 0, found);
    }
    let fusion = [
        ("nx_fusion_uuid", raw.nx_fusion_uuid != [0; 16]),
        ("nx_fusion_mt_oid", raw.nx_fusion_mt_oid.get() != 0),
        ("nx_fusion_wbc_oid", raw.nx_fusion_wbc_oid.get() != 0),
        ("nx_fusion_wbc", raw.nx_fusion_wbc.pr_block_count.get() != 0),
    ];
    for (field, found) in fusion
        .into_iter()
        .filter(|(field, found)| *found != is_fusion && !(is_fusion && field.starts_with("nx_fusion_wbc")))
    {
        check.differs(&NX_FUSION, place(field), is_fusion, found);
    }
    // Formatters other than Apple's set it everywhere.
    if features.contains(NxFeatures::LCFD) && !is_fusion && raw.nx_newest_mounted_version.get() != 0 {
        check.range(&LCFD, place("nx_features"), hex(features.bits()));
    }
    let info = raw.nx_ephemeral_info.first().map_or(0, |info| info.get());
    if info & 0xFFFF_FFFF != 0x4_0001 || raw.nx_ephemeral_info.iter().skip(1).any(|info| info.get() != 0) {
        check.range(&EPHEMERAL_INFO, place("nx_ephemeral_info"), hex(info));
    }
    Ok(())
}

/// The copy of a superblock in block 0.
pub(super) fn block_zero(check: &mut Context<'_>) -> Result<()> {
    let container = check.container;
    let newest = container.superblock();
    let bytes = match container.store().blocks(Paddr(0), 1) {
        Ok(bytes) => bytes,
        Err(error) => return check.error_as(&ZERO_DAMAGED, "block 0", error),
    };
    let zero = Superblock::parse(&bytes, Paddr(0)).and_then(|zero| {
        container.store().checksum(&bytes, zero.place("o_cksum"))?;
        Ok(zero)
    });
    let zero = match zero {
        Ok(zero) => zero,
        Err(error) => return check.error_as(&ZERO_DAMAGED, "block 0", error),
    };
    let in_ring = container.checkpoints().iter().map(Superblock::xid).max();
    if in_ring.is_some_and(|xid| zero.xid() > xid) {
        check.differs(&ZERO_NEWER, zero.place("o_xid"), newest.xid(), zero.xid());
    }
    let (a, b) = (zero.raw(), newest.raw());
    let fields = [
        ("nx_block_size", a.nx_block_size == b.nx_block_size),
        ("nx_uuid", a.nx_uuid == b.nx_uuid),
        ("nx_xp_desc_blocks", a.nx_xp_desc_blocks == b.nx_xp_desc_blocks),
        ("nx_xp_desc_base", a.nx_xp_desc_base == b.nx_xp_desc_base),
        ("nx_xp_data_blocks", a.nx_xp_data_blocks == b.nx_xp_data_blocks),
        ("nx_xp_data_base", a.nx_xp_data_base == b.nx_xp_data_base),
    ];
    for (field, _) in fields.into_iter().filter(|(_, same)| !same) {
        check.broken(&ZERO_DIFFERS, Corrupt::new(Damage::Contradiction, zero.place(field)));
    }
    if zero.xid() == newest.xid() {
        // A copy of the same transaction may differ in checksum, counters and flags alone.
        let at = |range: core::ops::Range<usize>| bytes.get(range).map(<[u8]>::to_vec);
        let other = container.store().blocks(newest.block(), 1)?;
        let other_at = |range: core::ops::Range<usize>| other.get(range).map(<[u8]>::to_vec);
        let parts = [8..0x3D8, 0x4D8..0x4F0, 0x4F8..size_of::<crate::apfs::raw::container::NxSuperblock>()];
        if parts.into_iter().any(|part| at(part.clone()) != other_at(part)) {
            check.broken(&ZERO_DIFFERS, Corrupt::new(Damage::Contradiction, zero.place("")));
        }
    }
    Ok(())
}

/// The boot driver.
pub(super) fn jumpstart(check: &mut Context<'_>, claims: &mut Claims) -> Result<()> {
    let container = check.container;
    let block = Paddr(container.superblock().raw().nx_efi_jumpstart.get());
    if block.0 == 0 {
        return Ok(());
    }
    let owner = Owner::Container("EFI jumpstart");
    claims.block(block, owner)?;
    let place = |field| Place::new("nx_efi_jumpstart_t", field).block(block);
    let expect = Expect {
        structure: "nx_efi_jumpstart_t",
        oid: Oid(block.0),
        xid: XidRule::AtMost(container.xid()),
        object_type: OBJECT_TYPE_EFI_JUMPSTART,
        storage: OBJ_PHYSICAL,
        subtype: 0,
    };
    let object = container.store().object(block, &expect);
    let Some(bytes) = check.take("EFI jumpstart", object)? else {
        claims.complete = false;
        return Ok(());
    };
    let Some((raw, mut rest)) = pod_rest::<EfiJumpstart>(&bytes) else { return Ok(()) };
    if raw.nej_magic != NX_EFI_JUMPSTART_MAGIC {
        check.broken(&JUMPSTART_FIELD, Corrupt::new(Damage::Magic, place("nej_magic")).expected("JSDR"));
    }
    if raw.nej_version.get() != 1 {
        check.range(&JUMPSTART_FIELD, place("nej_version"), raw.nej_version.get());
    }
    if raw.nej_reserved.iter().any(|word| word.get() != 0) {
        check.range(&JUMPSTART_FIELD, place("nej_reserved"), "bytes that are not 0");
    }
    let mut blocks = 0u64;
    for _ in 0..raw.nej_num_extents.get() {
        let Some((extent, behind)) = pod_rest::<Prange>(rest) else {
            check.broken(&JUMPSTART_EXTENTS, Corrupt::new(Damage::Bounds, place("nej_num_extents")));
            return Ok(());
        };
        rest = behind;
        let run =
            BlockRange { start: Paddr(extent.pr_start_paddr.get()), count: extent.pr_block_count.get() };
        if run.count == 0 || !container.store().holds(run) {
            let found = alloc::format!("{} blocks from {}", run.count, run.start);
            check.broken(
                &JUMPSTART_EXTENTS,
                Corrupt::new(Damage::PastEnd, place("nej_rec_extents")).found(found),
            );
            continue;
        }
        blocks = blocks.saturating_add(run.count);
        claims.add(run, owner)?;
    }
    let needed = container.block_size().blocks_for(u64::from(raw.nej_efi_file_len.get()));
    check.equal(&JUMPSTART_EXTENTS, place("nej_efi_file_len"), needed, blocks);
    Ok(())
}

/// The reaper and its lists; gives the ephemeral objects that it uses.
pub(super) fn reaper(check: &mut Context<'_>, used: &mut Vec<Oid>) -> Result<()> {
    let container = check.container;
    let oid = Oid(container.superblock().raw().nx_reaper_oid.get());
    used.push(oid);
    let bytes = match container.ephemeral(oid) {
        Ok(bytes) => bytes,
        Err(error) => return check.error_as(&REAPER_FIELD, "reaper", error),
    };
    let place = |field| Place::new("nx_reaper_phys_t", field).oid(oid).xid(container.xid());
    let (wide, number) = (|at| u64_at(&bytes, at).unwrap_or(0), |at| u32_at(&bytes, at).unwrap_or(0));
    let (next, completed) = (wide(0x20), wide(0x28));
    if next == 0 || completed >= next {
        check.differs(&REAPER_IDS, place("nr_completed_id"), alloc::format!("below {next}"), completed);
    }
    let flags = number(0x40);
    if flags & 1 == 0 || flags & !3 != 0 {
        check.range(&REAPER_FLAGS, place("nr_flags"), alloc::format!("{flags:#x}"));
    }
    let fits = len64(bytes.len()).saturating_sub(112);
    check.equal(&REAPER_BUFFER, place("nr_state_buffer_size"), fits, number(0x6C).into());
    let (head, tail, lists) = (wide(0x30), wide(0x38), number(0x44));
    if (head == 0) != (tail == 0) || (head == 0 && lists != 0) {
        check.range(&REAPER_EMPTY, place("nr_head"), alloc::format!("{head}, {tail}, {lists} lists"));
    }
    let (mut list, mut last, mut seen) = (head, 0u64, BTreeSet::new());
    // Every list is looked for among all objects of the checkpoint.
    while list != 0 && seen.len() < MOST_LISTS && seen.insert(list) {
        used.push(Oid(list));
        last = list;
        let bytes = match container.ephemeral(Oid(list)) {
            Ok(bytes) => bytes,
            Err(error) => return check.error_as(&REAPER_LIST, "reap list", error),
        };
        list = reap_list(check, &bytes, Oid(list));
    }
    if list != 0 {
        check.broken(&REAPER_LIST, Corrupt::new(Damage::Loop, place("nr_head")));
    } else if last != tail {
        check.differs(&REAPER_EMPTY, place("nr_tail"), last, tail);
    }
    Ok(())
}

/// A reap list; gives the next one.
fn reap_list(check: &mut Context<'_>, bytes: &[u8], oid: Oid) -> u64 {
    let place = |field| Place::new("nx_reap_list_phys_t", field).oid(oid);
    let number = |at| u32_at(bytes, at).unwrap_or(0);
    let max = len64(bytes.len()).saturating_sub(64).checked_div(40).unwrap_or(0);
    check.equal(&REAPER_LIST, place("nrl_max"), max, number(0x2C).into());
    if u64::from(number(0x30)) > max {
        check.range(&REAPER_LIST, place("nrl_count"), number(0x30));
    }
    let (mut entry, mut count) = (number(0x34), 0u64);
    while entry != u32::MAX && u64::from(entry) < max && count <= max {
        count = count.saturating_add(1);
        let at = usize::try_from(entry).unwrap_or(usize::MAX).saturating_mul(40).saturating_add(64);
        entry = number(at);
    }
    if count != u64::from(number(0x30)) || entry != u32::MAX && count > 0 {
        check.differs(&REAPER_LIST, place("nrl_count"), count, number(0x30));
    }
    u64_at(bytes, 0x20).unwrap_or(0)
}

/// Blocks of the two checkpoint areas and block 0.
pub(super) fn areas(check: &mut Context<'_>, claims: &mut Claims) -> Result<()> {
    claims.block(Paddr(0), Owner::Container("block 0"))?;
    let container = check.container;
    let raw = container.superblock().raw();
    let areas = [
        (raw.nx_xp_desc_blocks.get(), raw.nx_xp_desc_base.get(), "nx_xp_desc_base", "descriptor area"),
        (raw.nx_xp_data_blocks.get(), raw.nx_xp_data_base.get(), "nx_xp_data_base", "data area"),
    ];
    for (len, base, field, name) in areas {
        let area = crate::apfs::area::Area::open(container.store(), len, base, field);
        let Some(area) = check.take(name, area)? else {
            claims.complete = false;
            continue;
        };
        for run in area.runs() {
            claims.add(*run, Owner::Container(name))?;
        }
        if len & NX_XP_FRAGMENTED != 0 {
            let tree = container.tree(&crate::apfs::tree_kind::EXTENT_LIST, Oid(base));
            if let Some(tree) = check.take(name, tree)? {
                super::trees::walk(check, &tree, &mut |_, node| {
                    claims.block(node.block(), Owner::Container(name))
                })?;
            }
        }
    }
    Ok(())
}
