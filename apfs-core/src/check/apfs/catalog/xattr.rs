//! Extended attributes (sheet apfs-04, section 8).

use super::super::context::Context;
use super::super::rules::{
    DECMPFS_HEADER, DECMPFS_TYPE, FINDER_SIZE, NAME_UTF8, SYMLINK_TARGET, XATTR_EXCESS, XATTR_FLAGS,
    XATTR_FORK, XATTR_LONG, XATTR_OWNER,
};
use super::facts::StreamUse;
use super::group::Compression;
use super::pass::{At, Pass};
use crate::apfs::record::Flaw;
use crate::apfs::record::xattr::{
    DECMPFS_XATTR, FINDER_INFO_XATTR, RESOURCE_FORK_XATTR, SYMLINK_XATTR, Xattr, XattrValue,
};
use crate::base::bytes::u16_at;
use crate::base::error::Result;
use crate::base::ids::FileId;
use crate::decmpfs::{DecmpfsHeader, Method};

bitflags::bitflags! {
    /// Attributes that inodes have flags for.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Special: u8 {
        const SECURITY = 1;
        const FINDER = 2;
        const FORK = 4;
        const SYMLINK = 8;
        const DECMPFS = 0x10;
        const FIRMLINK = 0x20;
    }
}

/// Longest attribute in a record.
const XATTR_MAX_EMBEDDED_SIZE: usize = 3804;
/// Flag: the file system's own.
const FILE_SYSTEM_OWNED: u16 = 4;
/// Flags that are known: the stream's two, embedded, the file system's own, and one that is reserved.
const KNOWN_FLAGS: u16 = 0x1F;
/// Access list.
const SECURITY_XATTR: &[u8] = b"com.apple.system.Security";
/// Where a firmlink leads.
const FIRMLINK_XATTR: &[u8] = b"com.apple.fs.firmlink";

/// One attribute.
pub(super) fn record(pass: &mut Pass<'_>, check: &mut Context<'_>, at: &At<'_>) -> Result<Result<(), Flaw>> {
    pass.group.inode_records = pass.group.inode_records.saturating_add(1);
    let xattr = match Xattr::parse(at.key(), at.value()) {
        Ok(xattr) => xattr,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let place = |field| at.place("j_xattr_val_t", field);
    if core::str::from_utf8(xattr.name).is_err() {
        check.range(&NAME_UTF8, at.place("j_xattr_key_t", "name"), "bytes that are not UTF-8");
    }
    if xattr.flags & !KNOWN_FLAGS != 0 {
        check.range(&XATTR_FLAGS, place("flags"), alloc::format!("{:#x}", xattr.flags));
    }
    let len = usize::from(u16_at(at.value(), 2).unwrap_or(0));
    let whole = matches!(xattr.value, XattrValue::Embedded(_)) || len == 48;
    if at.value().len() != len.saturating_add(4) || !whole {
        check.differs(&XATTR_EXCESS, place("xdata_len"), at.value().len().saturating_sub(4), len);
    }
    match xattr.value {
        XattrValue::Embedded(bytes) if bytes.len() > XATTR_MAX_EMBEDDED_SIZE => {
            check.range(&XATTR_LONG, place("xdata_len"), bytes.len());
        }
        XattrValue::Embedded(_) => {}
        XattrValue::Stream(stream) => {
            let id = stream.xattr_obj_id.get();
            pass.given_out(id, at.place("j_xattr_dstream_t", "xattr_obj_id"));
            pass.facts.room(pass.volume.most)?;
            pass.facts.uses.push(StreamUse {
                stream: id,
                owner: at.id,
                size: stream.dstream.size.get(),
                allocated: stream.dstream.alloced_size.get(),
                sparse: 0,
                attribute: true,
                loose: false,
            });
        }
    }
    special(pass, check, at, &xattr);
    Ok(Ok(()))
}

/// Attributes that the file system knows.
fn special(pass: &mut Pass<'_>, check: &mut Context<'_>, at: &At<'_>, xattr: &Xattr<'_>) {
    let place = |field| at.place("j_xattr_val_t", field);
    let embedded = match xattr.value {
        XattrValue::Embedded(bytes) => Some(bytes),
        XattrValue::Stream(_) => None,
    };
    let special = match xattr.name {
        SYMLINK_XATTR => Special::SYMLINK,
        DECMPFS_XATTR => Special::DECMPFS,
        RESOURCE_FORK_XATTR => Special::FORK,
        FINDER_INFO_XATTR => Special::FINDER,
        SECURITY_XATTR => Special::SECURITY,
        FIRMLINK_XATTR => Special::FIRMLINK,
        _ => return,
    };
    pass.group.specials |= special;
    let owned = xattr.flags & FILE_SYSTEM_OWNED != 0;
    if special != Special::FIRMLINK && owned != (special == Special::SYMLINK) {
        check.differs(&XATTR_OWNER, place("flags"), special == Special::SYMLINK, owned);
    }
    match (special, embedded) {
        (Special::SYMLINK, Some(target)) => {
            let ends =
                target.len() > 1 && target.iter().position(|byte| *byte == 0) == target.len().checked_sub(1);
            if !ends {
                check.range(&SYMLINK_TARGET, place("xdata"), "a target that does not end with its NUL");
            }
        }
        (Special::FORK, Some(_)) => check.range(&XATTR_FORK, place("flags"), "a resource fork in the record"),
        (Special::FINDER, bytes) if bytes.is_none_or(|bytes| bytes.len() != 32) => {
            check.differs(&FINDER_SIZE, place("xdata_len"), 32, xattr.size());
        }
        (Special::DECMPFS, Some(bytes)) => match DecmpfsHeader::parse(bytes) {
            Ok(header) => {
                let in_fork = match Method::of(header.kind, FileId(at.id)) {
                    Ok(method) => matches!(method, Method::Fork(_)),
                    Err(error) => {
                        // Types whose data is elsewhere are known.
                        if !matches!(header.kind, 5 | 0x8000_0001 | 0x8000_0002) {
                            check.range(
                                &DECMPFS_TYPE,
                                at.place("decmpfs_disk_header", "compression_type"),
                                error,
                            );
                        }
                        false
                    }
                };
                pass.group.decmpfs = Some(Compression { in_fork, size: header.uncompressed_size });
            }
            Err(mut corrupt) => {
                corrupt.place = crate::base::damage::Place {
                    structure: corrupt.place.structure,
                    field: corrupt.place.field,
                    ..at.place("", "")
                };
                check.broken(&DECMPFS_HEADER, *corrupt);
            }
        },
        _ => {}
    }
}
