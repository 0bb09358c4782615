//! Seals of volumes (sheet apfs-08): the record that holds the root hash.

use alloc::vec::Vec;

use super::context::Context;
use super::rules::{SEAL_BROKEN, SEAL_FIELD, SEAL_HASH, SEAL_RESERVED};
use crate::apfs::object::{Expect, XidRule};
use crate::apfs::raw::object::{OBJ_VIRTUAL, OBJECT_TYPE_INTEGRITY_META};
use crate::apfs::seal::{Seal, SealEvent};
use crate::apfs::{SealCheck, View, Volume, VolumeSuperblock};
use crate::base::bytes::get;
use crate::base::damage::Place;
use crate::base::error::Result;
use crate::base::ids::{Oid, Paddr, Xid};

/// Checks the seal of a state of a volume, if it has one: by its superblock, at its transaction.
pub(super) fn check(
    check: &mut Context<'_>,
    volume: &Volume,
    (superblock, xid): (&VolumeSuperblock, Xid),
    used: &mut Vec<Paddr>,
) -> Result<()> {
    let oid = Oid(superblock.raw().apfs_integrity_meta_oid.get());
    if oid.0 == 0 {
        return Ok(());
    }
    let found = volume.omap().and_then(|omap| omap.lookup(oid, xid));
    let place = |field| Place::new("integrity_meta_phys_t", field).oid(oid);
    let Some(mapping) = check.take("seal", found)? else { return Ok(()) };
    let Some(mapping) = mapping else {
        check.range(&SEAL_FIELD, place(""), "no mapping");
        return Ok(());
    };
    used.push(mapping.block);
    let key = if mapping.is_encrypted() { volume.key().map(Some) } else { Ok(None) };
    let Some(key) = check.take("seal", key)? else { return Ok(()) };
    let expect = Expect {
        structure: "integrity_meta_phys_t",
        oid,
        xid: XidRule::Exactly(mapping.xid),
        object_type: OBJECT_TYPE_INTEGRITY_META,
        storage: OBJ_VIRTUAL,
        subtype: 0,
    };
    let bytes = check.container.store().decrypted_object(mapping.block, &expect, key.as_deref());
    let Some(bytes) = check.take("seal", bytes)? else { return Ok(()) };
    let place = |field| place(field).block(mapping.block);
    let Some(seal) = check.take("seal", Seal::parse(&bytes, mapping.block, oid))? else { return Ok(()) };
    for flaw in &seal.flaws {
        check.broken(&SEAL_FIELD, flaw.clone());
    }
    if seal.algorithm().is_none() {
        check.range(&SEAL_FIELD, place("im_hash_type"), seal.hash_type);
    }
    if seal.is_broken() || seal.broken_xid != Xid(0) {
        check.range(&SEAL_BROKEN, place("im_broken_xid"), seal.broken_xid);
    }
    if seal.version == 2
        && get(&bytes, 0x38, 72).is_some_and(|reserved| reserved.iter().any(|byte| *byte != 0))
    {
        check.range(&SEAL_RESERVED, place("im_reserved"), "bytes that are not 0");
    }
    Ok(())
}

/// Compares all hashes of a sealed view: nodes of its tree and data of its files.
pub(super) fn hashes(check: &mut Context<'_>, view: &View) -> Result<()> {
    if view.sealed_extents().is_none() {
        return Ok(());
    }
    let opened = SealCheck::new(view);
    let Some(seal) = check.take("seal", opened)? else { return Ok(()) };
    if seal.seal().algorithm().is_none() {
        // The type of hash was a finding already.
        return Ok(());
    }
    let cancel = check.cancel;
    let mut sink = |event| match event {
        SealEvent::Hashed(bytes) => {
            check.report.checked("bytes under a seal", bytes);
            Ok(())
        }
        // That is told where the record of each state is checked.
        SealEvent::Recorded(_) => Ok(()),
        SealEvent::Node(node) => check.error_as(&SEAL_HASH, "node under a seal", node.error),
        SealEvent::File(file) => check.error_as(&SEAL_HASH, "data under a seal", file.error),
    };
    seal.root(&mut sink)?;
    seal.part(0..u64::MAX, cancel, &mut sink)?;
    Ok(())
}
