//! What `apfs info` says of an HFS+ volume.

use apfs_core::FileId;
use apfs_core::hfsplus::raw::volume::HFSPlusForkData;
use apfs_core::hfsplus::{self, Variant};
use serde::Serialize;

use super::model::Time;
use crate::flags;
use crate::journal_row::JournalRow;
use crate::row::lossy;

/// What a volume says of folders that matter to who starts from it, in the order of `finderInfo`.
const BLESSED: [&str; 6] = ["system", "startup application", "opened", "Mac OS 9", "reserved", "Mac OS X"];

/// A volume header, and what opening the volume found out.
#[derive(Debug, Serialize)]
pub(super) struct HfsVolume {
    index: usize,
    pub(super) name: String,
    pub(super) uuid: Option<String>,
    /// `HFS+` or `HFSX`.
    pub(super) variant: &'static str,
    version: u16,
    pub(super) names: &'static str,
    pub(super) block_size: u32,
    pub(super) blocks: u32,
    pub(super) size: u64,
    pub(super) free_blocks: u32,
    pub(super) free_bytes: u64,
    pub(super) files: u32,
    pub(super) folders: u32,
    /// In the local time of who made it, and nobody knows where that was.
    pub(super) created_local: Option<String>,
    pub(super) modified: Option<Time>,
    pub(super) backed_up: Option<Time>,
    pub(super) checked: Option<Time>,
    pub(super) last_mounted_by: String,
    pub(super) attributes: Vec<String>,
    pub(super) write_count: u32,
    pub(super) next_catalog_id: u32,
    next_allocation: u32,
    data_clump_size: u32,
    resource_clump_size: u32,
    /// Numbers of the Mac text encodings that names had.
    pub(super) text_encodings: Vec<u32>,
    pub(super) blessed: Vec<Blessed>,
    pub(super) special_files: Vec<SpecialFile>,
    /// It was unmounted as it should be.
    pub(super) clean: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) journal: Option<JournalRow>,
    /// Where the volume lies in the classic HFS volume around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wrapper: Option<WrapperRow>,
    /// The volume header is damaged, and its copy is used.
    pub(super) from_copy: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<String>,
}

/// A folder that starting up cares for.
#[derive(Debug, Serialize)]
pub(super) struct Blessed {
    pub(super) what: &'static str,
    pub(super) cnid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
}

/// A file that only the volume header knows.
#[derive(Debug, Serialize)]
pub(super) struct SpecialFile {
    pub(super) what: &'static str,
    pub(super) size: u64,
    pub(super) blocks: u32,
    /// First block and number of blocks of the extents in the header.
    extents: Vec<(u32, u32)>,
}

/// Place in a classic volume, in bytes.
#[derive(Debug, Serialize)]
pub(super) struct WrapperRow {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl HfsVolume {
    pub(super) fn gather(volume: &hfsplus::Volume) -> HfsVolume {
        let header = volume.header();
        let raw = header.raw();
        let bytes = |blocks: u32| u64::from(blocks).saturating_mul(u64::from(header.block_size()));
        let variant = match header.variant() {
            Variant::HfsPlus => "HFS+",
            Variant::HfsX => "HFSX",
        };
        let created = header.created_local().map(|time| {
            let (year, month, day, hour, minute, second) = time.civil();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        });
        let encodings = raw.encodingsBitmap.get();
        HfsVolume {
            index: 0,
            name: lossy(volume.name().as_bytes()).into_owned(),
            uuid: volume.uuid().map(|uuid| uuid.to_string()),
            variant,
            version: raw.version.get(),
            names: if volume.is_case_sensitive() { "case-sensitive" } else { "case-insensitive" },
            block_size: header.block_size(),
            blocks: header.total_blocks(),
            size: header.len(),
            free_blocks: raw.freeBlocks.get(),
            free_bytes: bytes(raw.freeBlocks.get()),
            files: raw.fileCount.get(),
            folders: raw.folderCount.get(),
            created_local: created,
            modified: header.modified().map(Time::new),
            backed_up: header.backed_up().map(Time::new),
            checked: header.checked().map(Time::new),
            last_mounted_by: header.last_mounted_version(),
            attributes: flags::of_set(header.attributes()),
            write_count: raw.writeCount.get(),
            next_catalog_id: raw.nextCatalogID.get(),
            next_allocation: raw.nextAllocation.get(),
            data_clump_size: raw.dataClumpSize.get(),
            resource_clump_size: raw.rsrcClumpSize.get(),
            text_encodings: (0..64).filter(|bit| encodings >> bit & 1 != 0).map(encoding).collect(),
            blessed: blessed(volume),
            special_files: [
                special("allocation", &raw.allocationFile),
                special("extents", &raw.extentsFile),
                special("catalog", &raw.catalogFile),
                special("attributes", &raw.attributesFile),
                special("startup", &raw.startupFile),
            ]
            .into(),
            clean: header.is_clean(),
            journal: JournalRow::new(volume),
            wrapper: volume.wrapper().map(|wrapper| WrapperRow { offset: wrapper.start, size: wrapper.len }),
            from_copy: volume.from_copy(),
            findings: volume.findings().iter().map(ToString::to_string).collect(),
        }
    }
}

/// Number of a text encoding by its bit: two have numbers beyond 63.
fn encoding(bit: u32) -> u32 {
    match bit {
        48 => 152,
        49 => 140,
        bit => bit,
    }
}

fn blessed(volume: &hfsplus::Volume) -> Vec<Blessed> {
    let numbers = BLESSED.into_iter().zip(volume.header().raw().finderInfo);
    let used = numbers.map(|(what, cnid)| (what, cnid.get())).filter(|(_, cnid)| *cnid != 0);
    let path = |cnid: u32| volume.path_of(FileId(cnid.into())).ok();
    used.map(|(what, cnid)| Blessed { what, cnid, path: path(cnid).map(|path| lossy(&path).into_owned()) })
        .collect()
}

fn special(what: &'static str, fork: &HFSPlusForkData) -> SpecialFile {
    let extents = fork.extents.iter().map(|extent| (extent.startBlock.get(), extent.blockCount.get()));
    SpecialFile {
        what,
        size: fork.logicalSize.get(),
        blocks: fork.totalBlocks.get(),
        extents: extents.filter(|(_, count)| *count != 0).collect(),
    }
}
