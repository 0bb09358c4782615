//! Directory records and hard links (sheet apfs-04, sections 4 and 7).

use super::super::context::Context;
use super::super::rules::{DREC_FLAGS, KEY_FORM, NAME_HASH, NAME_TWICE, NAME_UTF8, ORPHAN_NAME, SIBLING_ID};
use super::facts::EntryFact;
use super::group::{MIN_USER_INO_NUM, PRIVATE_DIR, PURGEABLE_DIR};
use super::inode::name_mark;
use super::pass::{At, Pass};
use super::xfields;
use crate::apfs::record::Flaw;
use crate::apfs::record::dir::DirRec;
use crate::apfs::record::other::sibling_file;
use crate::apfs::record::sibling::SiblingLink;
use crate::base::error::Result;

/// Flags of directory records: type, one that is reserved, and two of purgeable files.
const KNOWN_FLAGS: u16 = 0xF | 0x10 | 0x200 | 0x800;

/// A directory record.
pub(super) fn directory(
    pass: &mut Pass<'_>,
    check: &mut Context<'_>,
    at: &At<'_>,
) -> Result<Result<(), Flaw>> {
    let rule = pass.volume.rule;
    let entry = match DirRec::parse(at.key(), at.value(), rule.is_hashed()) {
        Ok(entry) => entry,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let place = |field| at.place("j_drec_hashed_key_t", field);
    let head = if rule.is_hashed() { 12 } else { 10 };
    pass_key(check, at, head, entry.name);
    xfields::entry(check, at);
    if core::str::from_utf8(entry.name).is_err() {
        check.range(&NAME_UTF8, place("name"), "bytes that are not UTF-8");
    }
    if let Some(hash) = entry.hash {
        let expected = rule.hash(entry.name);
        if hash != expected {
            check.differs(
                &NAME_HASH,
                place("name_len_and_hash"),
                alloc::format!("{expected:#x}"),
                alloc::format!("{hash:#x}"),
            );
        }
        let (last_hash, last_name) = &pass.group.last_name;
        if pass.group.entries > 0 && *last_hash == hash && rule.same(last_name, entry.name) {
            check.range(&NAME_TWICE, place("name"), crate::fs::types::Name::from(entry.name));
        }
        pass.group.last_name.0 = hash;
        pass.group.last_name.1.clear();
        pass.group.last_name.1.extend_from_slice(entry.name);
    }
    if entry.flags & !KNOWN_FLAGS != 0 {
        check.range(&DREC_FLAGS, at.place("j_drec_val_t", "flags"), alloc::format!("{:#x}", entry.flags));
    }
    let special = match at.id {
        PURGEABLE_DIR => true,
        PRIVATE_DIR => entry.name.ends_with(b"-dead"),
        _ => false,
    };
    if special && !special_name(at.id, entry.name, entry.file_id) {
        check.range(&ORPHAN_NAME, place("name"), crate::fs::types::Name::from(entry.name));
    }
    pass.group.entries = pass.group.entries.saturating_add(1);
    pass.facts.room(pass.volume.most)?;
    pass.facts.entries.push(EntryFact {
        target: entry.file_id,
        parent: at.id,
        mark: name_mark(at.id, entry.sibling_id.unwrap_or(0), entry.name),
        kind: u8::try_from(entry.flags & 0xF).unwrap_or(0),
        special,
    });
    Ok(Ok(()))
}

/// A key ends with its name and the NUL.
fn pass_key(check: &mut Context<'_>, at: &At<'_>, head: usize, name: &[u8]) {
    let len = head.saturating_add(name.len()).saturating_add(1);
    if at.key().len() != len {
        check.differs(&KEY_FORM, at.place("j_drec_hashed_key_t", "name"), len, at.key().len());
    }
}

/// True if an entry of the orphans or of the purgeable files is named for its file: `0xID-dead`, `0xSIZE-0xID:UID`.
fn special_name(dir: u64, name: &[u8], file: u64) -> bool {
    let Ok(text) = core::str::from_utf8(name) else { return false };
    let number = |text: &str| text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    if dir == PRIVATE_DIR {
        return text.strip_suffix("-dead").and_then(number) == Some(file);
    }
    let parts = text.split_once('-').and_then(|(size, rest)| Some((size, rest.split_once(':')?)));
    parts.is_some_and(|(size, (id, user))| {
        number(size).is_some() && number(id) == Some(file) && user.parse::<u32>().is_ok()
    })
}

/// A hard link.
pub(super) fn sibling(pass: &mut Pass<'_>, check: &mut Context<'_>, at: &At<'_>) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 16);
    let link = match SiblingLink::parse(at.key(), at.value()) {
        Ok(link) => link,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let place = at.place("j_sibling_val_t", "sibling_id");
    if link.sibling_id < MIN_USER_INO_NUM {
        check.range(&SIBLING_ID, place.clone(), link.sibling_id);
    }
    pass.given_out(link.sibling_id, place);
    let group = &mut pass.group;
    group.inode_records = group.inode_records.saturating_add(1);
    if group.links == 0 {
        group.primary = name_mark(link.parent_id, 0, link.name);
    }
    group.links = group.links.saturating_add(1);
    let mark = name_mark(link.parent_id, link.sibling_id, link.name);
    group.link_marks = group.link_marks.wrapping_add(mark);
    pass.facts.room(pass.volume.most)?;
    pass.facts.links.push((link.sibling_id, at.id));
    Ok(Ok(()))
}

/// The way from the number of a hard link to its file.
pub(super) fn sibling_map(
    pass: &mut Pass<'_>,
    check: &mut Context<'_>,
    at: &At<'_>,
) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 8);
    pass.facts.room(pass.volume.most)?;
    Ok(sibling_file(at.value()).map(|file| pass.facts.maps.push((at.id, file))))
}
