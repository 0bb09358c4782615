//! Data streams: their extents, their users, and the states of keys (sheets apfs-04, section 9, and apfs-07, section 7).

use super::super::context::Context;
use super::super::rules::{
    CRYPTO_ID, CRYPTO_MISSING, CRYPTO_PLAIN, CRYPTO_VERSION, EXTENT_FLAGS, STREAM_ALLOCATED,
    STREAM_ATTRIBUTE, STREAM_HOLES, STREAM_MISSING, STREAM_ORDER, STREAM_PREALLOC, STREAM_SHARED,
    STREAM_SIZE, STREAM_UNUSED, STREAM_USERS, STREAM_VALUE,
};
use super::facts::{Facts, StreamFact, StreamUse};
use super::pass::{At, Pass, Volume};
use crate::apfs::raw::volume::VolumeIncompat;
use crate::apfs::record::Flaw;
use crate::apfs::record::extent::FileExtent;
use crate::apfs::record::other::{crypto_state, dir_stats, dstream_users};
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::Oid;

/// Placeholder for encryption by software.
const CRYPTO_SW_ID: u64 = 4;
/// Reserved.
const CRYPTO_RESERVED_5: u64 = 5;
/// A clone that has no state of its own yet.
const UNASSIGNED_CRYPTO_ID: u64 = 0xFFFF_FFFF_FFFF_FFFF;
/// Flags of extents that are known.
const KNOWN_FLAGS: u8 = 3;

/// How many use a stream.
pub(super) fn users(pass: &mut Pass<'_>, check: &mut Context<'_>, at: &At<'_>) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 8);
    let users = match dstream_users(at.value()) {
        Ok(users) => users,
        Err(flaw) => return Ok(Err(flaw)),
    };
    if users == 0 {
        check.range(&STREAM_VALUE, at.place("j_dstream_id_val_t", "refcnt"), users);
    }
    pass.group.stream.get_or_insert_with(|| StreamFact { id: at.id, ..StreamFact::default() }).users =
        Some(users);
    Ok(Ok(()))
}

/// One extent of a stream; they come in order.
pub(super) fn extent(pass: &mut Pass<'_>, check: &mut Context<'_>, extent: &FileExtent, at: &At<'_>) {
    let place = |field| at.place("j_file_extent_val_t", field);
    let stream = pass.group.stream.get_or_insert_with(|| StreamFact { id: at.id, ..StreamFact::default() });
    if extent.logical != stream.end && !pass.group.torn {
        let corrupt = Corrupt::new(Damage::Overlap, place("logical_addr"));
        check.broken(&STREAM_ORDER, corrupt.expected(stream.end).found(extent.logical));
    }
    stream.end = extent.end();
    stream.has_extents = true;
    if extent.is_hole() {
        stream.holes = stream.holes.saturating_add(extent.len);
    }
    if extent.flags & !KNOWN_FLAGS != 0 {
        check.range(&EXTENT_FLAGS, place("len_and_flags"), alloc::format!("{:#x}", extent.flags));
    }
    if extent.is_unwritten() && !pass.volume.incompatible.contains(VolumeIncompat::EXTENT_PREALLOC) {
        check.range(&STREAM_PREALLOC, place("len_and_flags"), alloc::format!("{:#x}", extent.flags));
    }
    let is_key = !extent.has_tweak() && !extent.is_hole() && pass.volume.encrypted;
    if is_key && ![0, CRYPTO_SW_ID, UNASSIGNED_CRYPTO_ID].contains(&extent.crypto_id) {
        let named = pass.facts.keys_named.entry(extent.crypto_id).or_insert(0);
        *named = named.saturating_add(1);
    }
}

/// The state of a key.
pub(super) fn key_state(
    pass: &mut Pass<'_>,
    check: &mut Context<'_>,
    at: &At<'_>,
) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 8);
    let (raw, _) = match crypto_state(at.value()) {
        Ok(state) => state,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let place = |field| at.place("j_crypto_val_t", field);
    if [0, CRYPTO_RESERVED_5].contains(&at.id) {
        check.range(&CRYPTO_ID, place("hdr"), at.id);
    }
    if !pass.volume.encrypted && at.id != CRYPTO_SW_ID {
        check.range(&CRYPTO_PLAIN, place("hdr"), at.id);
    }
    let version = (raw.major_version.get(), raw.minor_version.get());
    let class = raw.persistent_class.get();
    // The placeholder's can be all zeros.
    let is_empty = version == (0, 0) && class == 0 && at.id == CRYPTO_SW_ID;
    if !is_empty && (version != (5, 0) || !matches!(class & 0x1F, 1..=4 | 6 | 14)) {
        let found = alloc::format!("version {}.{}, class {class}", version.0, version.1);
        check.range(&CRYPTO_VERSION, place("major_version"), found);
    }
    pass.facts.room(pass.volume.most)?;
    pass.facts.key_states.push(at.id);
    Ok(Ok(()))
}

/// Statistics of a directory.
pub(super) fn directory_statistics(
    pass: &mut Pass<'_>,
    check: &mut Context<'_>,
    at: &At<'_>,
) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 8);
    pass.facts.room(pass.volume.most)?;
    Ok(dir_stats(at.value()).map(|stats| pass.facts.stats.push((at.id, stats.chained_key.get()))))
}

/// What a user says of a stream, against its extents.
pub(super) fn compare_one(check: &mut Context<'_>, volume: &Volume, user: &StreamUse, stream: &StreamFact) {
    let place = |field| Place::new("j_dstream_t", field).oid(Oid(user.stream)).xid(volume.xid);
    if user.loose {
        return;
    }
    if user.allocated != stream.end {
        check.differs(&STREAM_ALLOCATED, place("alloced_size"), stream.end, user.allocated);
    }
    if user.size > user.allocated {
        let expected = alloc::format!("at most {}", user.allocated);
        check.differs(&STREAM_SIZE, place("size"), expected, user.size);
    }
    if user.attribute {
        if stream.holes != 0 {
            check.differs(&STREAM_ATTRIBUTE, place(""), 0, stream.holes);
        }
    } else if user.sparse != stream.holes {
        check.differs(&STREAM_HOLES, place("sparse_bytes"), stream.holes, user.sparse);
    }
}

/// Compares all streams that are not one file's alone with their users.
pub(super) fn compare(check: &mut Context<'_>, volume: &Volume, facts: &mut Facts) -> Result<()> {
    let Facts { inodes, streams, uses, keys_named, key_states, .. } = facts;
    // Of a sealed volume, records and extents of one stream were seen apart.
    streams.sort_by_key(|stream| stream.id);
    let mut merged: alloc::vec::Vec<StreamFact> = alloc::vec::Vec::new();
    if volume.sealed {
        for stream in streams.drain(..) {
            match merged.last_mut().filter(|last| last.id == stream.id) {
                Some(last) => {
                    last.end = last.end.max(stream.end);
                    last.holes = last.holes.saturating_add(stream.holes);
                    last.users = last.users.or(stream.users);
                    last.has_extents |= stream.has_extents;
                }
                None => merged.push(stream),
            }
        }
        *streams = merged;
    }
    uses.sort_unstable_by_key(|user| (user.stream, user.owner));
    let place = |structure, id| Place::new(structure, "").oid(Oid(id)).xid(volume.xid);
    let mut left = streams.as_slice();
    let mut users = uses.as_slice();
    while let Some(first) = users.first() {
        check.go_on()?;
        let id = first.stream;
        let count = users.iter().take_while(|user| user.stream == id).count();
        let (here, behind) = users.split_at_checked(count).unwrap_or((users, &[]));
        users = behind;
        let before = left.partition_point(|stream| stream.id < id);
        for stream in left.get(..before).unwrap_or(&[]) {
            check.broken(
                &STREAM_UNUSED,
                Corrupt::new(Damage::Missing, place("j_dstream_id_val_t", stream.id)),
            );
        }
        left = left.get(before..).unwrap_or(&[]);
        let found = left.first().filter(|stream| stream.id == id).copied();
        if found.is_some() {
            left = left.get(1..).unwrap_or(&[]);
        }
        let taken =
            inodes.binary_search_by_key(&id, |inode| inode.id).ok().and_then(|index| inodes.get(index));
        if taken.is_some_and(|inode| inode.settled) {
            // The stream counts one user, who is the file of the same number.
            check.differs(&STREAM_USERS, place("j_dstream_id_val_t", id), count.saturating_add(1), 1);
            continue;
        }
        let stream = found.unwrap_or_default();
        for user in here {
            compare_one(check, volume, user, &stream);
        }
        let attributes = here.iter().filter(|user| user.attribute).count();
        if attributes > 0 {
            if count > 1 {
                check.differs(&STREAM_SHARED, place("j_xattr_dstream_t", id), 1, count);
            }
            if stream.users.is_some() {
                check.differs(&STREAM_ATTRIBUTE, place("j_dstream_id_val_t", id), "no record", "users");
            }
            continue;
        }
        match stream.users {
            Some(users) => {
                let place = place("j_dstream_id_val_t", id);
                check.equal(&STREAM_USERS, place, len64(count), users.into());
            }
            None if stream.has_extents || here.iter().any(|user| user.size > 0) => {
                check.broken(&STREAM_MISSING, Corrupt::new(Damage::Missing, place("j_dstream_id_val_t", id)));
            }
            None => {}
        }
    }
    for stream in left {
        check.broken(&STREAM_UNUSED, Corrupt::new(Damage::Missing, place("j_dstream_id_val_t", stream.id)));
    }
    for (id, uses) in keys_named.iter() {
        if key_states.binary_search(id).is_err() {
            let corrupt = Corrupt::new(Damage::Missing, place("j_crypto_val_t", *id));
            check.broken(&CRYPTO_MISSING, corrupt.found(alloc::format!("{uses} extents name it")));
        }
    }
    Ok(())
}
