//! Keybags of the container and its encrypted volumes (sheet apfs-07).

use alloc::vec::Vec;

use super::claims::{Claims, Owner};
use super::context::Context;
use super::rules::{KEYBAG_BLOB, KEYBAG_FORM, KEYBAG_MISSING, KEYBAG_TAG};
use crate::apfs::key_blob::KeyBlob;
use crate::apfs::keybag::{Entry, Keybag};
use crate::apfs::raw::container::Prange;
use crate::apfs::{Encryption, UnlockKind, Volume};
use crate::base::bytes::pod;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::{BlockRange, Paddr};

/// Tag of a wrapped volume key.
const VOLUME_KEY: u16 = 2;
/// Tag of where a volume's keybag is, and in that of a wrapped key-encryption key.
const UNLOCK_RECORDS: u16 = 3;
/// Tags of a container's keybag that are known.
const CONTAINER_TAGS: [u16; 7] = [1, 2, 3, 5, 6, 7, 0xF8];
/// Tags of a volume's keybag that are known.
const VOLUME_TAGS: [u16; 5] = [1, 3, 4, 7, 0xF8];

fn run(range: &Prange) -> BlockRange {
    BlockRange { start: Paddr(range.pr_start_paddr.get()), count: range.pr_block_count.get() }
}

/// Checks all keybags and claims their blocks.
pub(super) fn check(check: &mut Context<'_>, volumes: &[Volume], claims: &mut Claims) -> Result<()> {
    let container = check.container;
    let raw = container.superblock().raw();
    let owner = Owner::Container("keybag");
    for range in [&raw.nx_keylocker, &raw.nx_mkb_locker] {
        if container.store().holds(run(range)) {
            claims.add(run(range), owner)?;
        }
    }
    let keybag = match Keybag::of_container(container) {
        Ok(keybag) => keybag,
        Err(error) => {
            claims.complete = false;
            return check.error_as(&KEYBAG_FORM, "keybag of the container", error);
        }
    };
    let with_key: Vec<&Volume> =
        volumes.iter().filter(|volume| volume.superblock().encryption() == Encryption::VolumeKey).collect();
    let Some(keybag) = keybag else {
        for volume in with_key {
            missing(check, volume, "nx_keylocker");
        }
        return Ok(());
    };
    for entry in keybag.entries() {
        tag(check, &keybag, entry, &CONTAINER_TAGS);
        if entry.tag == VOLUME_KEY {
            blob(check, &keybag, entry);
        }
        if entry.tag != UNLOCK_RECORDS {
            continue;
        }
        if let Some(range) = pod::<Prange>(&entry.data)
            && container.store().holds(run(range))
        {
            claims.add(run(range), owner)?;
        }
        match keybag.of_volume(container, entry.uuid) {
            Ok(Some(of_volume)) => {
                for record in of_volume.entries() {
                    tag(check, &of_volume, record, &VOLUME_TAGS);
                    let kind = UnlockKind::of(record.uuid, entry.uuid);
                    if record.tag == UNLOCK_RECORDS && kind.takes_password() {
                        blob(check, &of_volume, record);
                    }
                }
            }
            Ok(None) => {}
            Err(error) => check.error_as(&KEYBAG_FORM, "keybag of a volume", error)?,
        }
    }
    for volume in with_key {
        for tag in [VOLUME_KEY, UNLOCK_RECORDS] {
            if keybag.find(tag, volume.uuid()).next().is_none() {
                missing(check, volume, "ke_tag");
            }
        }
    }
    Ok(())
}

fn missing(check: &mut Context<'_>, volume: &Volume, field: &'static str) {
    check.report.about(Some(volume.slot()));
    let place = Place::new("keybag_entry_t", field);
    check.broken(&KEYBAG_MISSING, Corrupt::new(Damage::Missing, place).expected(volume.uuid()));
    check.report.about(None);
}

fn tag(check: &mut Context<'_>, keybag: &Keybag, entry: &Entry, known: &[u16]) {
    if !known.contains(&entry.tag) {
        check.range(&KEYBAG_TAG, Place::new("keybag_entry_t", "ke_tag").block(keybag.block()), entry.tag);
    }
}

/// A wrapped key; its check value says whether it is whole.
fn blob(check: &mut Context<'_>, keybag: &Keybag, entry: &Entry) {
    if let Err(flaw) = KeyBlob::parse(&entry.data) {
        let place = Place::new(flaw.structure, flaw.field).block(keybag.block());
        check.broken(&KEYBAG_BLOB, Corrupt::new(flaw.damage, place).found(entry.uuid));
    }
}
