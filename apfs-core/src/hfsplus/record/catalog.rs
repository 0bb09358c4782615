//! Records of the catalog: folders, files and where they are (sheet hfsplus, sections 4.2 to 4.5).

use crate::base::bytes::{be16_at, be32_at, get, pod};
use crate::base::damage::Damage;
use crate::base::flaw::Flaw;
use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::fs::types::{Kind, Stat};
use crate::hfsplus::fork::Fork;
use crate::hfsplus::header::{time, time_since_1970};
use crate::hfsplus::raw::catalog::{
    CatalogFlags, DIR_LINK, FILE_RECORD, FILE_THREAD_RECORD, FOLDER_RECORD, FOLDER_THREAD_RECORD, HARD_LINK,
    HFSPlusCatalogCommon, HFSPlusCatalogFile,
};

/// A record of the catalog.
#[derive(Clone, Copy, Debug)]
pub enum CatalogRecord<'a> {
    /// A folder.
    Folder(&'a HFSPlusCatalogCommon),
    /// A file, or a hard link to a file or folder.
    File(&'a HFSPlusCatalogFile),
    /// Where a folder or file is.
    Thread(Thread<'a>),
}

/// Where a folder or file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread<'a> {
    /// It is a folder.
    pub is_folder: bool,
    /// Folder that it is in.
    pub parent: u32,
    /// Its name there, as stored.
    pub name: &'a [u8],
}

/// Which record a hard link leads to, by the number that it has in the private folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTo {
    /// The file `iNode…`.
    File(u32),
    /// The folder `dir_…`.
    Folder(u32),
}

impl<'a> CatalogRecord<'a> {
    /// Decodes a record.
    ///
    /// # Errors
    /// Too short, or of an unknown type.
    pub fn parse(value: &'a [u8]) -> Result<CatalogRecord<'a>, Flaw> {
        let short = |structure| Flaw::new(Damage::Bounds, structure, "");
        let kind = be16_at(value, 0).ok_or(short("HFSPlusCatalogRecord"))?;
        Ok(match kind {
            FOLDER_RECORD => CatalogRecord::Folder(pod(value).ok_or(short("HFSPlusCatalogFolder"))?),
            FILE_RECORD => CatalogRecord::File(pod(value).ok_or(short("HFSPlusCatalogFile"))?),
            FOLDER_THREAD_RECORD | FILE_THREAD_RECORD => {
                let flaw = short("HFSPlusCatalogThread");
                let parent = be32_at(value, 4).ok_or(flaw)?;
                let units = be16_at(value, 8).ok_or(flaw)?;
                let name = get(value, 10, usize::from(units).saturating_mul(2)).ok_or(flaw)?;
                CatalogRecord::Thread(Thread { is_folder: kind == FOLDER_THREAD_RECORD, parent, name })
            }
            _ => return Err(Flaw::new(Damage::ObjectType, "HFSPlusCatalogRecord", "recordType")),
        })
    }

    /// What folders and files have in common; `None` for a thread.
    #[must_use]
    pub fn common(&self) -> Option<&'a HFSPlusCatalogCommon> {
        match self {
            CatalogRecord::Folder(common) => Some(common),
            CatalogRecord::File(file) => Some(&file.common),
            CatalogRecord::Thread(_) => None,
        }
    }

    /// Where it leads to, if it is a hard link.
    #[must_use]
    pub fn link(&self) -> Option<LinkTo> {
        let CatalogRecord::File(file) = self else { return None };
        let number = file.common.bsdInfo.special.get();
        match get(&file.common.userInfo, 0, 8) {
            Some(kind) if *kind == HARD_LINK => Some(LinkTo::File(number)),
            Some(kind) if *kind == DIR_LINK && flags(&file.common).contains(CatalogFlags::HAS_LINK_CHAIN) => {
                Some(LinkTo::Folder(number))
            }
            _ => None,
        }
    }

    /// What kind of thing it is: folders by the record, anything else by the mode.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            CatalogRecord::Folder(_) => Kind::Dir,
            CatalogRecord::File(file) => match Kind::from_mode(file.common.bsdInfo.fileMode.get()) {
                // Without type bits nothing of the mode was ever set.
                Kind::Dir | Kind::Unknown(0) => Kind::File,
                kind => kind,
            },
            CatalogRecord::Thread(thread) if thread.is_folder => Kind::Dir,
            CatalogRecord::Thread(_) => Kind::File,
        }
    }
}

/// Flags of a record.
pub(crate) fn flags(common: &HFSPlusCatalogCommon) -> CatalogFlags {
    CatalogFlags::from_bits_retain(common.flags.get())
}

/// When it was put into its folder, where that is kept.
pub(crate) fn date_added(common: &HFSPlusCatalogCommon) -> Option<Timestamp> {
    let added =
        be32_at(&common.finderInfo, 4).filter(|_| flags(common).contains(CatalogFlags::HAS_DATE_ADDED));
    added.and_then(time_since_1970)
}

/// Finder info, if it is not all zeros.
pub(crate) fn finder_info(common: &HFSPlusCatalogCommon) -> Option<[u8; 32]> {
    let mut info = [0; 32];
    let (user, more) = info.split_at_mut(16);
    user.copy_from_slice(&common.userInfo);
    more.copy_from_slice(&common.finderInfo);
    (info != [0; 32]).then_some(info)
}

/// Metadata of a folder or file of a volume with blocks of so many bytes; `links` is the number of hard links.
/// Compression and all that stands elsewhere is not in it yet.
#[inline]
pub(crate) fn stat(
    record: &CatalogRecord<'_>,
    parent: u32,
    links: u32,
    block_size: u64,
    expanded_times: bool,
) -> Option<Stat> {
    let common = record.common()?;
    let (data, resource) = match record {
        CatalogRecord::File(file) => (Fork::from(&file.dataFork), Some(file.resourceFork.logicalSize.get())),
        _ => (Fork::default(), None),
    };
    let (bsd, kind) = (&common.bsdInfo, record.kind());
    let since_1970 = expanded_times && flags(common).contains(CatalogFlags::EXPANDED_TIMES);
    let date = |seconds: zerocopy::byteorder::big_endian::U32| {
        if since_1970 { time_since_1970(seconds.get()) } else { time(seconds.get()) }
    };
    let is_device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
    let document = be32_at(&common.finderInfo, 0).filter(|id| *id != 0 && bsd.ownerFlags & UF_TRACKED != 0);
    Some(Stat {
        id: FileId(u64::from(common.cnid.get())),
        parent: FileId(u64::from(parent)),
        kind,
        mode: bsd.fileMode.get(),
        uid: bsd.ownerID.get(),
        gid: bsd.groupID.get(),
        nlink: links,
        nchildren: (kind == Kind::Dir).then(|| common.valence.get()),
        size: data.size,
        allocated: u64::from(data.blocks).saturating_mul(block_size),
        sparse_bytes: None,
        modified: date(common.contentModDate),
        changed: date(common.attributeModDate),
        created: date(common.createDate),
        accessed: date(common.accessDate),
        bsd_flags: u32::from(bsd.ownerFlags) | u32::from(bsd.adminFlags) << 16,
        internal_flags: 0,
        private_id: 0,
        rdev: is_device.then(|| bsd.special.get()),
        document_id: document,
        resource_size: resource,
        compression: None,
        protection_class: 0,
        write_generation: 0,
        first_extents: Some(data.first),
    })
}

/// `UF_TRACKED`: the file has a document id.
const UF_TRACKED: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of CNID 17, mode 0100644, with the type and creator of a hard link to inode 99.
    fn file() -> [u8; 248] {
        let mut bytes = [0; 248];
        bytes[1] = 2;
        bytes[11] = 17;
        bytes[15] = 1;
        bytes[42..44].copy_from_slice(&[0x81, 0xA4]);
        bytes[47] = 99;
        bytes[48..56].copy_from_slice(&HARD_LINK);
        bytes
    }

    /// The type of a record decides what it is; unknown and short ones are refused.
    #[test]
    fn kinds_of_records() {
        let bytes = file();
        let record = CatalogRecord::parse(&bytes).unwrap();
        assert_eq!((record.kind(), record.link()), (Kind::File, Some(LinkTo::File(99))));
        assert!(CatalogRecord::parse(&bytes[..247]).is_err());
        let mut folder = bytes;
        folder[1] = 1;
        let record = CatalogRecord::parse(&folder).unwrap();
        assert_eq!((record.kind(), record.link()), (Kind::Dir, None), "whatever its mode says");
        folder[1] = 5;
        assert_eq!(CatalogRecord::parse(&folder).unwrap_err().damage, Damage::ObjectType);
    }

    /// A thread names a folder and a name that fits.
    #[test]
    fn threads() {
        let bytes = [0, 3, 0, 0, 0, 0, 0, 2, 0, 1, 0, b'a'];
        let CatalogRecord::Thread(thread) = CatalogRecord::parse(&bytes).unwrap() else { panic!() };
        assert_eq!(thread, Thread { is_folder: true, parent: 2, name: b"\0a" });
        assert!(CatalogRecord::parse(&bytes[..11]).is_err());
    }

    /// Without type bits the kind is that of the record; dates of 0 are absent.
    #[test]
    fn metadata() {
        let mut bytes = file();
        bytes[42..44].fill(0);
        let record = CatalogRecord::parse(&bytes).unwrap();
        let stat = stat(&record, 2, 1, 4096, false).unwrap();
        assert_eq!((stat.kind, stat.mode, stat.created, stat.id), (Kind::File, 0, time(1), FileId(17)));
        assert_eq!((stat.modified, stat.resource_size), (None, Some(0)));
    }
}
