//! All records of one id: what they say of one another.

use super::super::context::Context;
use super::super::rules::{
    DECMPFS_FLAG, DECMPFS_FORK, DECMPFS_SIZE, DOCUMENT_FLAG, DREC_PARENT, FINDER_FLAG, FINDER_SIZE,
    INODE_MISSING, INODE_NAME, NCHILDREN, RSRC_FLAG, SECURITY_FLAG, SIBLING_DIR, SYMLINK_TARGET,
};
use super::facts::{InodeFact, StreamFact, StreamUse};
use super::inode::InodeSeen;
use super::pass::Pass;
use super::xattr::Special;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::Oid;
use crate::fs::types::{Kind, bsd_flags};

/// Parent of the root, which has no inode.
pub(super) const ROOT_PARENT: u64 = 1;
/// Root directory.
pub(super) const ROOT_DIR: u64 = 2;
/// Directory of orphans.
pub(super) const PRIVATE_DIR: u64 = 3;
/// Directory of purgeable files, which has no inode.
pub(super) const PURGEABLE_DIR: u64 = 7;
/// The lowest id that users' files have.
pub(super) const MIN_USER_INO_NUM: u64 = 16;

/// Records of one id.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) id: u64,
    pub(super) begun: bool,
    /// Some of its records may be in a node that could not be read.
    pub(super) torn: bool,
    /// Where its first record lies.
    pub(super) place: Place,
    pub(super) inode: Option<InodeSeen>,
    pub(super) specials: Special,
    /// Records that belong to an inode.
    pub(super) inode_records: u64,
    /// Directory records.
    pub(super) entries: u64,
    /// Hash and name of the last one.
    pub(super) last_name: (u32, alloc::vec::Vec<u8>),
    /// Hard links, and the sum of their marks.
    pub(super) links: u32,
    pub(super) link_marks: u64,
    /// Mark of the first link without its number: the primary one.
    pub(super) primary: u64,
    pub(super) decmpfs: Option<Compression>,
    pub(super) stream: Option<StreamFact>,
}

/// What a compression header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compression {
    pub(super) in_fork: bool,
    pub(super) size: u64,
}

impl Group {
    fn place(&self, structure: &'static str, field: &'static str) -> Place {
        Place { structure, field, oid: Some(Oid(self.id)), ..self.place.clone() }
    }
}

impl Pass<'_> {
    /// All records of an id were seen.
    pub(super) fn finish_group(&mut self, check: &mut Context<'_>) -> Result<()> {
        let group = core::mem::take(&mut self.group);
        if !group.begun {
            return Ok(());
        }
        match &group.inode {
            Some(inode) => self.finish_inode(check, &group, inode)?,
            None if group.torn => {}
            None => {
                if group.inode_records > 0 {
                    let place = group.place("j_inode_val_t", "");
                    check.broken(&INODE_MISSING, Corrupt::new(Damage::Missing, place));
                }
                let has_inode = ![ROOT_PARENT, PURGEABLE_DIR].contains(&group.id);
                if group.entries > 0 && has_inode {
                    let place = group.place("j_inode_val_t", "");
                    check.broken(&DREC_PARENT, Corrupt::new(Damage::Missing, place));
                }
            }
        }
        let settled = self.facts.inodes.last().is_some_and(|inode| inode.id == group.id && inode.settled);
        if let Some(stream) = group.stream.filter(|_| !settled) {
            self.facts.room(self.volume.most)?;
            self.facts.streams.push(stream);
        }
        Ok(())
    }

    fn finish_inode(&mut self, check: &mut Context<'_>, group: &Group, inode: &InodeSeen) -> Result<()> {
        let place = |field| group.place("j_inode_val_t", field);
        let (kind, flags, nlink) = (inode.kind, inode.flags, inode.nlink);
        let is_dir = kind == Kind::Dir;
        if group.torn {
            return self.keep_inode(group, inode, false);
        }
        if group.entries > 0 && !is_dir {
            let corrupt = Corrupt::new(Damage::Contradiction, place("mode")).expected("a directory");
            check.broken(&DREC_PARENT, corrupt);
        } else if is_dir && i64::from(nlink) != i64::try_from(group.entries).unwrap_or(i64::MAX) {
            check.differs(&NCHILDREN, place("nchildren"), group.entries, nlink);
        }
        if group.links > 0 {
            if is_dir {
                check.broken(&SIBLING_DIR, Corrupt::new(Damage::Contradiction, place("mode")));
            }
            if group.primary != inode.mark {
                let place = place("parent_id");
                let corrupt =
                    Corrupt::new(Damage::Contradiction, place).expected("that of the first hard link");
                check.broken(&INODE_NAME, corrupt);
            }
        }
        self.compare_specials(check, group, inode);
        // A stream of the same number that no one else counts: nothing more can be said about it.
        let stream = group.stream.unwrap_or_default();
        let settled = inode.stream.is_some()
            && inode.private_id == group.id
            && stream.users == Some(1)
            && !self.volume.sealed;
        if let Some(dstream) = inode.stream {
            let user = StreamUse {
                stream: inode.private_id,
                owner: group.id,
                size: dstream.size.get(),
                allocated: dstream.alloced_size.get(),
                sparse: inode.sparse.unwrap_or(0),
                attribute: false,
                loose: inode.is_loose() || nlink == 0,
            };
            if settled {
                super::streams::compare_one(check, self.volume, &user, &stream);
            } else {
                self.facts.room(self.volume.most)?;
                self.facts.uses.push(user);
            }
        }
        if group.id >= MIN_USER_INO_NUM {
            let counts = &mut self.facts.counts;
            let count = match kind {
                Kind::File => &mut counts.files,
                Kind::Dir => &mut counts.dirs,
                Kind::Symlink => &mut counts.symlinks,
                _ => &mut counts.others,
            };
            // Orphans are no files of the volume any more.
            if nlink != 0 || is_dir {
                *count = count.saturating_add(1);
            }
        }
        if flags & super::inode::IS_SPARSE == 0 && stream.holes > 0 && settled {
            check.differs(&super::super::rules::STREAM_HOLES, place("internal_flags"), 0, stream.holes);
        }
        self.keep_inode(group, inode, settled)
    }

    fn keep_inode(&mut self, group: &Group, inode: &InodeSeen, settled: bool) -> Result<()> {
        self.facts.room(self.volume.most)?;
        self.facts.inodes.push(InodeFact {
            id: group.id,
            marks: if group.links > 0 { group.link_marks } else { inode.mark },
            nlink: inode.nlink,
            kind: inode.type_bits,
            settled,
            has_links: group.links > 0,
        });
        Ok(())
    }

    /// Flags of an inode against the attributes that they are about.
    fn compare_specials(&self, check: &mut Context<'_>, group: &Group, inode: &InodeSeen) {
        let place = |field| group.place("j_inode_val_t", field);
        let has = |special| group.specials.contains(special);
        let flag = |flag| inode.flags & flag != 0;
        let pairs = [
            (&SECURITY_FLAG, flag(super::inode::HAS_SECURITY_EA), has(Special::SECURITY)),
            (&FINDER_FLAG, flag(super::inode::HAS_FINDER_INFO), has(Special::FINDER) || inode.finder_field),
        ];
        for (rule, flagged, present) in pairs {
            if flagged != present {
                check.differs(rule, place("internal_flags"), present, flagged);
            }
        }
        // Old volumes have neither flag.
        if flag(super::inode::HAS_RSRC_FORK) && !has(Special::FORK)
            || flag(super::inode::NO_RSRC_FORK) && has(Special::FORK)
        {
            check.differs(&RSRC_FLAG, place("internal_flags"), has(Special::FORK), !has(Special::FORK));
        }
        if inode.finder_field && has(Special::FINDER) {
            check.broken(&FINDER_SIZE, Corrupt::new(Damage::Contradiction, place("xfields")));
        }
        if has(Special::SYMLINK) != (inode.kind == Kind::Symlink) && !has(Special::FIRMLINK) {
            let corrupt = Corrupt::new(Damage::Contradiction, place("mode")).found(inode.kind.word());
            check.broken(&SYMLINK_TARGET, corrupt);
        }
        let compressed = inode.bsd_flags & bsd_flags::UF_COMPRESSED != 0;
        if compressed != has(Special::DECMPFS) {
            check.differs(&DECMPFS_FLAG, place("bsd_flags"), has(Special::DECMPFS), compressed);
        }
        if let Some(header) = group.decmpfs {
            if header.in_fork && !has(Special::FORK) {
                check.broken(&DECMPFS_FORK, Corrupt::new(Damage::Missing, place("")));
            }
            if let Some(size) = inode.uncompressed_size.filter(|size| *size != header.size) {
                check.differs(&DECMPFS_SIZE, place("uncompressed_size"), header.size, size);
            }
        }
        let tracked = inode.bsd_flags & super::inode::UF_TRACKED != 0;
        if tracked != inode.document.is_some() {
            check.differs(&DOCUMENT_FLAG, place("bsd_flags"), inode.document.is_some(), tracked);
        }
    }
}
