//! Inode records (sheet apfs-04, sections 2 and 3).

use super::super::context::Context;
use super::super::rules::{
    BSD_FLAGS, DEVICE_NUMBER, INODE_FLAGS, INODE_ID, INODE_MODE, INODE_PAD, NEXT_DOC_ID, NLINK_RANGE,
    NOT_A_FILE, PINNED, PROTECTION_CLASS, RSRC_FLAGS, SIZE_FLAG, SPARSE_FLAG,
};
use super::group::{MIN_USER_INO_NUM, PRIVATE_DIR, ROOT_DIR};
use super::pass::{At, Pass};
use super::xfields;
use crate::apfs::raw::fs::{INODE_HAS_UNCOMPRESSED_SIZE, JDstream};
use crate::apfs::record::Flaw;
use crate::apfs::record::inode::Inode;
use crate::base::error::Result;
use crate::fs::scan::mark;
use crate::fs::types::Kind;

/// Cut off half way: extents may pass the size.
const BEING_TRUNCATED: u64 = 0x80;
/// Has an access list.
pub(super) const HAS_SECURITY_EA: u64 = 0x40;
/// Has Finder info.
pub(super) const HAS_FINDER_INFO: u64 = 0x100;
/// Has holes that are counted.
pub(super) const IS_SPARSE: u64 = 0x200;
/// Has a resource fork.
pub(super) const HAS_RSRC_FORK: u64 = 0x4000;
/// Has no resource fork.
pub(super) const NO_RSRC_FORK: u64 = 0x8000;
/// Bound to the fast device of a Fusion pair, or to the slow one.
const PINNED_TO: u64 = 0x1000 | 0x2000;
/// Flags that some system is known to write.
const KNOWN_FLAGS: u64 = 0x3FFF_FFFF | 1 << 46 | 1 << 47 | 1 << 49 | 0x4000_0000;
/// Tracked by a document id.
pub(super) const UF_TRACKED: u32 = 0x40;
/// Flags that files can have.
const KNOWN_BSD_FLAGS: u32 = 0xFFFF_80FF;
/// `S_IFMT`.
const TYPE_BITS: u16 = 0xF000;

/// What the rest of a file's records is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct InodeSeen {
    pub(super) kind: Kind,
    pub(super) type_bits: u8,
    pub(super) flags: u64,
    pub(super) bsd_flags: u32,
    pub(super) nlink: i32,
    pub(super) private_id: u64,
    pub(super) uncompressed_size: Option<u64>,
    /// Mark of the name and directory that it says it has.
    pub(super) mark: u64,
    pub(super) stream: Option<JDstream>,
    pub(super) sparse: Option<u64>,
    pub(super) document: Option<u32>,
    pub(super) finder_field: bool,
}

impl InodeSeen {
    /// True if a crash left the length of its data open.
    pub(super) fn is_loose(&self) -> bool {
        self.flags & BEING_TRUNCATED != 0
    }
}

/// The mark of a name in a directory, with the number of the hard link or 0.
pub(super) fn name_mark(parent: u64, link: u64, name: &[u8]) -> u64 {
    mark(parent ^ link.rotate_left(32), false, name)
}

/// One inode by itself.
pub(super) fn record(pass: &mut Pass<'_>, check: &mut Context<'_>, at: &At<'_>) -> Result<Result<(), Flaw>> {
    pass.key_len(check, at, 8);
    let inode = match Inode::parse(at.value()) {
        Ok(inode) => inode,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let raw = inode.raw;
    let place = |field| at.place("j_inode_val_t", field);
    xfields::inode(check, at, &inode);
    let (flags, bsd) = (raw.internal_flags.get(), raw.bsd_flags.get());
    let hex = |flags: u64| alloc::format!("{flags:#x}");
    let type_bits = raw.mode.get() & TYPE_BITS;
    let kind = inode.kind();
    if !matches!(type_bits >> 12, 1 | 2 | 4 | 6 | 8 | 0xA | 0xC) {
        check.range(&INODE_MODE, place("mode"), alloc::format!("{:#o}", raw.mode.get()));
    }
    if at.id < MIN_USER_INO_NUM && !(ROOT_DIR..=PRIVATE_DIR).contains(&at.id) && at.id != 6 {
        check.range(&INODE_ID, place("hdr"), at.id);
    }
    pass.given_out(at.id, place("hdr"));
    if inode.dstream.is_some() {
        pass.given_out(raw.private_id.get(), place("private_id"));
    }
    if flags & !KNOWN_FLAGS != 0 {
        check.range(&INODE_FLAGS, place("internal_flags"), hex(flags));
    }
    if bsd & !KNOWN_BSD_FLAGS != 0 {
        check.range(&BSD_FLAGS, place("bsd_flags"), hex(bsd.into()));
    }
    if flags & HAS_RSRC_FORK != 0 && flags & NO_RSRC_FORK != 0 {
        check.range(&RSRC_FLAGS, place("internal_flags"), hex(flags));
    }
    if flags & PINNED_TO == PINNED_TO {
        check.range(&PINNED, place("internal_flags"), hex(flags));
    }
    if (flags & IS_SPARSE != 0) != inode.sparse_bytes.is_some() {
        check.differs(&SPARSE_FLAG, place("internal_flags"), inode.sparse_bytes.is_some(), hex(flags));
    }
    let kept = raw.uncompressed_size.get();
    if flags & INODE_HAS_UNCOMPRESSED_SIZE == 0 && kept != 0 {
        check.differs(&SIZE_FLAG, place("uncompressed_size"), 0, kept);
    }
    let class = raw.default_protection_class.get();
    if !matches!(class & 0x1F, 0..=4 | 6 | 14) {
        check.range(&PROTECTION_CLASS, place("default_protection_class"), class);
    }
    if raw.pad1.get() != 0 {
        check.range(&INODE_PAD, place("pad1"), raw.pad1.get());
    }
    let nlink = raw.nchildren_or_nlink.get();
    if nlink < 0 {
        check.range(&NLINK_RANGE, place("nlink"), nlink);
    }
    if inode.dstream.is_some() && kind != Kind::File {
        check.range(&NOT_A_FILE, place("mode"), kind.word());
    }
    let is_device = matches!(type_bits >> 12, 2 | 6);
    if is_device != inode.rdev.is_some() {
        check.differs(&DEVICE_NUMBER, place("mode"), is_device, inode.rdev.is_some());
    }
    if let Some(document) = inode.document_id
        && !(3..pass.volume.next_doc_id).contains(&document)
    {
        check.range(&NEXT_DOC_ID, at.place("x_field_t", "document_id"), document);
    }
    if let Some(stats) = inode.dir_stats_key {
        pass.facts.room(pass.volume.most)?;
        pass.facts.stats_named.push((stats, at.id));
    }
    let name = inode.name.unwrap_or(&[]);
    pass.group.inode = Some(InodeSeen {
        kind,
        type_bits: u8::try_from(type_bits >> 12).unwrap_or(0),
        flags,
        bsd_flags: bsd,
        nlink,
        private_id: raw.private_id.get(),
        uncompressed_size: inode.uncompressed_size(),
        mark: name_mark(raw.parent_id.get(), 0, name),
        stream: inode.dstream.copied(),
        sparse: inode.sparse_bytes,
        document: inode.document_id,
        finder_field: inode.finder_info.is_some(),
    });
    Ok(Ok(()))
}
