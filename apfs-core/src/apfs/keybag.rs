//! Keybags of containers and volumes: found, decrypted, and cut into their entries (sheet apfs-07, sections 2 and 3).

use alloc::vec::Vec;

use super::container::Container;
use super::object::{HEADER_LEN, Header, too_short, verify_checksum};
use super::raw::container::Prange;
use super::raw::keybag::{
    APFS_KEYBAG_VERSION, KB_TAG_LAST, KB_TAG_RESERVED_F8, KB_TAG_VOLUME_UNLOCK_RECORDS, KbLocker,
    KeybagEntry, OBJECT_TYPE_CONTAINER_KEYBAG, OBJECT_TYPE_VOLUME_KEYBAG,
};
use super::record::Flaw;
use crate::base::bytes::{get, pod, pod_rest, to_usize};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Paddr, Uuid};
use crate::crypto::xts::Xts;

/// Most bytes of a keybag. Apple's fill one block.
const MOST_BYTES: u64 = 1 << 20;
/// Where entries begin, from the start of the locker.
const FIRST_ENTRY: usize = size_of::<KbLocker>();

/// An entry of a keybag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Volume or user that it is about.
    pub uuid: Uuid,
    /// `KB_TAG_*`.
    pub tag: u16,
    /// What it holds, by its tag.
    pub data: Vec<u8>,
}

/// A keybag, decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keybag {
    entries: Vec<Entry>,
    block: Paddr,
}

impl Keybag {
    /// The keybag of a container; `None` if it has none.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged, and I/O.
    pub fn of_container(container: &Container) -> Result<Option<Keybag>> {
        let range = container.superblock().raw().nx_keylocker;
        if range.pr_start_paddr.get() == 0 && range.pr_block_count.get() == 0 {
            return Ok(None);
        }
        Keybag::read(container, &range, container.uuid(), OBJECT_TYPE_CONTAINER_KEYBAG).map(Some)
    }

    /// The keybag of a volume, by what the container's says of it; `None` if it has none.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged, and I/O.
    pub fn of_volume(&self, container: &Container, volume: Uuid) -> Result<Option<Keybag>> {
        let Some(entry) = self.find(KB_TAG_VOLUME_UNLOCK_RECORDS, volume).next() else { return Ok(None) };
        let range: &Prange = pod(&entry.data).ok_or_else(|| self.damage(Damage::Bounds, "ke_keydata"))?;
        Keybag::read(container, range, volume, OBJECT_TYPE_VOLUME_KEYBAG).map(Some)
    }

    /// Reads a keybag. It is encrypted with the id of what it is about, for both halves of the key, unless the device
    /// that wrote it decrypts by itself.
    fn read(container: &Container, range: &Prange, key: Uuid, object_type: u32) -> Result<Keybag> {
        let store = container.store();
        let (first, count) = (Paddr(range.pr_start_paddr.get()), range.pr_block_count.get());
        let place = |field| Place::new("media_keybag_t", field).block(first);
        let most = MOST_BYTES.checked_div(store.block_size().bytes()).unwrap_or(1);
        if count == 0 || count > most {
            let finding = Corrupt::new(Damage::Range, Place::new("prange_t", "pr_block_count").block(first));
            return Err(finding.expected(alloc::format!("1 to {most}")).found(count).into());
        }
        let mut bytes = store.blocks(first, to_usize(count)?)?;
        let is_wanted =
            |bytes: &[u8]| Header::parse(bytes).is_some_and(|header| header.type_and_flags == object_type);
        if !is_wanted(&bytes) || verify_checksum(&bytes, place("o_cksum")).is_err() {
            store.decrypt(&Xts::aes128(&key.0, &key.0), first.0, &mut bytes);
        }
        store.checksum(&bytes, place("o_cksum"))?;
        if !is_wanted(&bytes) {
            let finding = Corrupt::new(Damage::ObjectType, place("o_type"));
            return Err(finding.expected(alloc::format!("{object_type:#x}")).into());
        }
        let body = bytes.get(HEADER_LEN..).ok_or_else(|| too_short("media_keybag_t", first))?;
        let entries = entries(body).map_err(|flaw| {
            Error::damage(flaw.damage, Place::new(flaw.structure, flaw.field).block(first))
        })?;
        Ok(Keybag { entries, block: first })
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of a kind that are about something.
    pub(crate) fn find(&self, tag: u16, uuid: Uuid) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.tag == tag && entry.uuid == uuid)
    }

    /// An error about an entry.
    pub(crate) fn damage(&self, damage: Damage, field: &'static str) -> Error {
        Error::damage(damage, Place::new("keybag_entry_t", field).block(self.block))
    }

    /// Block that it begins at.
    #[must_use]
    pub fn block(&self) -> Paddr {
        self.block
    }
}

/// The entries of a keybag from its bytes behind the object header.
///
/// # Errors
/// An unknown version, and entries that do not all fit in.
pub fn entries(locker: &[u8]) -> Result<Vec<Entry>, Flaw> {
    let flaw = |damage, field| Flaw::new(damage, "kb_locker_t", field);
    let raw: &KbLocker = pod(locker).ok_or(flaw(Damage::Bounds, ""))?;
    if raw.kl_version.get() != APFS_KEYBAG_VERSION {
        return Err(flaw(Damage::Range, "kl_version"));
    }
    // The number of bytes counts the head on images, and does not in the public reference: allow for both.
    let end = to_usize(u64::from(raw.kl_nbytes.get())).ok().and_then(|len| len.checked_add(FIRST_ENTRY));
    let end = end.ok_or(flaw(Damage::Range, "kl_nbytes"))?;
    if end.saturating_sub(FIRST_ENTRY) > locker.len() {
        return Err(flaw(Damage::Bounds, "kl_nbytes"));
    }
    let bytes = locker.get(..end).unwrap_or(locker);
    // Entries begin at multiples of 16 bytes, on some devices right behind one another. Where tags are known there is
    // no doubt which it is.
    let ways = [(16, true), (1, true), (16, false)];
    let found = ways.into_iter().find_map(|(align, known)| cut(bytes, raw.kl_nkeys.get(), align, known));
    found.ok_or(flaw(Damage::Bounds, "kl_nkeys"))
}

fn cut(bytes: &[u8], count: u16, align: usize, known: bool) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut at = FIRST_ENTRY;
    for _ in 0..count {
        let (raw, rest): (&KeybagEntry, _) = pod_rest(bytes.get(at..)?)?;
        let tag = raw.ke_tag.get();
        if known && (raw.padding.get() != 0 || (tag > KB_TAG_LAST && tag != KB_TAG_RESERVED_F8)) {
            return None;
        }
        let data = get(rest, 0, usize::from(raw.ke_keylen.get()))?;
        entries.push(Entry { uuid: Uuid(raw.ke_uuid), tag, data: data.to_vec() });
        let len = size_of::<KeybagEntry>().checked_add(data.len())?;
        at = at.checked_add(len.checked_next_multiple_of(align)?)?;
    }
    Some(entries)
}
