//! The volume header: its fields against what was counted (sheet hfsplus, sections 1.2, 1.3 and 12).

use super::catalog::Counts;
use super::forks::{Forks, More};
use super::place::volume_place;
use super::rules;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::check::report::Report;
use crate::check::rule::Rule;
use crate::hfsplus::Volume;
use crate::hfsplus::fork::ForkType;
use crate::hfsplus::raw::catalog::{
    ALLOCATION_FILE_ID, ATTRIBUTES_FILE_ID, CATALOG_FILE_ID, EXTENTS_FILE_ID, FIRST_USER_CATALOG_NODE_ID,
    STARTUP_FILE_ID,
};
use crate::hfsplus::raw::volume::VolumeAttributes;
use crate::hfsplus::record::catalog::CatalogRecord;

/// Seconds that a time zone can be away, and what such differences are multiples of.
const FARTHEST_ZONE: u32 = 15 * 3600;
const ZONE_STEP: u32 = 15 * 60;
/// Folders named by the Finder information of the header, by their index there.
const FOLDERS: [usize; 4] = [0, 2, 3, 5];

/// Takes the blocks of the headers and of the volume's own files.
pub(super) fn claim(volume: &Volume, forks: &mut Forks<'_>, report: &mut Report<'_>) -> Result<()> {
    let (header, raw) = (volume.header(), volume.header().raw());
    let size = header.block_size();
    let head = 1536_u32.div_ceil(size);
    let tail = 1024_u32.div_ceil(size);
    let reserved = |start: u32, count: u32| super::claims::Claim { start, count, owner: 0 };
    forks.claims.add(reserved(0, head), report);
    let tail_start = header.total_blocks().saturating_sub(tail).max(head);
    forks.claims.add(reserved(tail_start, header.total_blocks().saturating_sub(tail_start)), report);
    let data = More::Overflow(ForkType::Data);
    for (cnid, fork, more, field) in [
        (ALLOCATION_FILE_ID, &raw.allocationFile, data, "allocationFile"),
        (EXTENTS_FILE_ID, &raw.extentsFile, More::None, "extentsFile"),
        (CATALOG_FILE_ID, &raw.catalogFile, data, "catalogFile"),
        (ATTRIBUTES_FILE_ID, &raw.attributesFile, data, "attributesFile"),
        (STARTUP_FILE_ID, &raw.startupFile, data, "startupFile"),
    ] {
        forks.add(cnid, fork, more, volume_place(field), report)?;
        if !fork.clumpSize.get().is_multiple_of(size) {
            let corrupt = Corrupt::new(Damage::Range, volume_place(field).cnid(cnid));
            report.broken(&rules::CLUMPS, corrupt.found(fork.clumpSize.get()));
        }
    }
    Ok(())
}

/// What the header says of itself.
pub(super) fn check_fields(volume: &Volume, report: &mut Report<'_>) {
    let (header, raw) = (volume.header(), volume.header().raw());
    let attributes = header.attributes();
    let mut broken = |rule: &'static Rule, field, found: u64| {
        report.broken(rule, Corrupt::new(Damage::Range, volume_place(field)).found(found));
    };
    let bits = u64::from(attributes.bits());
    if !header.is_clean() {
        broken(&rules::UNCLEAN, "attributes", bits);
    }
    if attributes.contains(VolumeAttributes::INCONSISTENT) {
        broken(&rules::INCONSISTENT, "attributes", bits);
    }
    if attributes.bits() & !VolumeAttributes::all().bits() != 0
        || attributes.contains(VolumeAttributes::HARDWARE_LOCK)
    {
        broken(&rules::ATTRIBUTES, "attributes", bits);
    }
    if raw.nextAllocation.get() >= header.total_blocks() {
        broken(&rules::NEXT_ALLOCATION, "nextAllocation", raw.nextAllocation.get().into());
    }
    let version = raw.lastMountedVersion;
    if version == *b"FSK!" || !version.iter().all(|byte| byte.is_ascii_graphic()) {
        broken(&rules::LAST_MOUNTED, "lastMountedVersion", u32::from_be_bytes(version).into());
    }
    for (clump, field) in
        [(raw.rsrcClumpSize.get(), "rsrcClumpSize"), (raw.dataClumpSize.get(), "dataClumpSize")]
    {
        if !clump.is_multiple_of(header.block_size()) {
            broken(&rules::CLUMPS, field, clump.into());
        }
    }
}

/// Where the volume ends, against the wrapper around it; one that is too long for it is a finding of the reader.
pub(super) fn check_wrapper(volume: &Volume, report: &mut Report<'_>) {
    let Some(wrapper) = volume.wrapper() else { return };
    let size = u64::from(volume.header().block_size());
    let len = u64::from(volume.header().total_blocks()).saturating_mul(size);
    // Each of the two is whole blocks of its own.
    if wrapper.len.saturating_sub(len) >= wrapper.block_size.saturating_add(size) {
        let corrupt =
            Corrupt::new(Damage::Contradiction, Place::new("HFSMasterDirectoryBlock", "drEmbedExtent"));
        report.broken(&rules::WRAPPER_GEOMETRY, corrupt.expected(len).found(wrapper.len));
    }
}

/// What the header counts, against the catalog.
pub(super) fn check_counts(volume: &Volume, counts: &Counts, report: &mut Report<'_>) -> Result<()> {
    let raw = volume.header().raw();
    let mut compare = |rule: &'static Rule, field, expected: u64, found: u64| {
        if expected != found {
            let corrupt = Corrupt::new(Damage::Contradiction, volume_place(field));
            report.broken(rule, corrupt.expected(expected).found(found));
        }
    };
    compare(&rules::FILE_COUNT, "fileCount", counts.files, raw.fileCount.get().into());
    compare(&rules::FOLDER_COUNT, "folderCount", counts.folders, raw.folderCount.get().into());
    let reused = volume.header().attributes().contains(VolumeAttributes::CATALOG_NODE_IDS_REUSED);
    let next = raw.nextCatalogID.get();
    if next < FIRST_USER_CATALOG_NODE_ID || (next <= counts.highest && !reused) {
        let corrupt = Corrupt::new(Damage::Range, volume_place("nextCatalogID"));
        let expected = alloc::format!("above {}", counts.highest);
        report.broken(&rules::NEXT_CNID, corrupt.expected(expected).found(next));
    }
    let encodings = raw.encodingsBitmap.get();
    if counts.encodings & !encodings != 0 {
        let corrupt = Corrupt::new(Damage::Contradiction, volume_place("encodingsBitmap"));
        let expected = alloc::format!("{:#x} too", counts.encodings);
        report.broken(&rules::ENCODINGS, corrupt.expected(expected).found(alloc::format!("{encodings:#x}")));
    }
    let away = raw.createDate.get().abs_diff(counts.root_created);
    if counts.root && (away > FARTHEST_ZONE || !away.is_multiple_of(ZONE_STEP)) {
        let corrupt = Corrupt::new(Damage::Contradiction, volume_place("createDate"));
        report.broken(&rules::DATES, corrupt.expected(counts.root_created).found(raw.createDate.get()));
    }
    for index in FOLDERS {
        let Some(cnid) = raw.finderInfo.get(index).map(|cnid| cnid.get()).filter(|cnid| *cnid != 0) else {
            continue;
        };
        let is_folder = match volume.record(cnid) {
            Ok(record) => matches!(CatalogRecord::parse(record.value()), Ok(CatalogRecord::Folder(_))),
            Err(Error::NotFound(_) | Error::Corrupt(_) | Error::Io(_)) => false,
            Err(other) => return Err(other),
        };
        if !is_folder {
            let corrupt = Corrupt::new(Damage::Missing, volume_place("finderInfo").cnid(cnid));
            report.broken(&rules::BLESSED, corrupt);
        }
    }
    Ok(())
}

/// Whether the volume says that it has bad blocks.
pub(super) fn check_spared(volume: &Volume, bad_blocks: bool, report: &mut Report<'_>) {
    let said = volume.header().attributes().contains(VolumeAttributes::SPARED_BLOCKS);
    if said != bad_blocks {
        let corrupt = Corrupt::new(Damage::Contradiction, volume_place("attributes"));
        report.broken(&rules::SPARED, corrupt.expected(bad_blocks).found(said));
    }
}
