//! A mounted HFS+ volume: its headers, journal and trees.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::btree::{Record, Tree};
use super::extents::{Overflow, Stream};
use super::fork::{Fork, ForkType};
use super::header::{Found, Headers, Variant, VolumeHeader};
use super::journal::{Journal, JournalState};
use super::raw::btree::{BINARY_COMPARE, CASE_FOLDING};
use super::raw::catalog::{
    ATTRIBUTES_FILE_ID, CATALOG_FILE_ID, EXTENTS_FILE_ID, ROOT_FOLDER_ID, ROOT_PARENT_ID,
};
use super::raw::volume::{HFSPlusForkData, VolumeAttributes};
use super::record::catalog::{CatalogRecord, Thread};
use super::record::key;
use super::store::Store;
use super::tree_kind::{ATTRIBUTES, CATALOG_BINARY, CATALOG_FOLDED, EXTENTS, catalog_parts};
use super::wrapper::Wrapper;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{FileId, Uuid};
use crate::base::limits::Limits;
use crate::base::options::OpenOptions;
use crate::decmpfs::ChunkCache;
use crate::fs::types::Name;
use crate::io::read_at::ReadAt;
use crate::io::window::Window;
use crate::text::hfs_name::{HfsNameRule, push_text, to_stored_plain};

/// Folder of the files that hard links lead to: four NULs and a name.
const FILE_INODES: &str = "\0\0\0\0HFS+ Private Data";
/// Folder of the folders that hard links lead to.
const DIR_INODES: &str = ".HFS+ Private Directory Data\r";
/// Files of the journal, in the root.
const JOURNAL_FILES: [&str; 2] = [".journal", ".journal_info_block"];

/// An HFS+ or HFSX volume. Cheap to clone, shared between threads.
///
/// It is an [`Fs`](crate::Fs) and a [`Scan`](crate::Scan), shown as it is once its [journal](Volume::journal) is replayed.
///
/// ```no_run
/// # fn main() -> apfs_core::Result<()> {
/// use apfs_core::{Disk, Fs, FsExt};
///
/// let volume = Disk::open_file("installer.dmg")?.hfs_volume(0, Default::default())?;
/// println!("{} has {} files", volume.name(), volume.header().raw().fileCount);
/// for entry in volume.list(volume.root())? {
///     println!("{}", entry.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Volume {
    inner: Arc<Inner>,
}

struct Inner {
    header: VolumeHeader,
    from_copy: bool,
    wrapper: Option<Wrapper>,
    journal: Option<Journal>,
    replayed: bool,
    is_protected: bool,
    findings: Vec<Corrupt>,
    store: Arc<Store>,
    trees: Trees,
    name: Name,
    file_inodes: Option<u32>,
    dir_inodes: Option<u32>,
    chunks: ChunkCache,
}

/// The trees of a volume. Only the catalog is needed for everything.
struct Trees {
    catalog: Tree,
    extents: Optional,
    attributes: Optional,
}

/// A tree without which most things still work.
enum Optional {
    Tree(Box<Tree>),
    /// The volume has none.
    None,
    Damaged(Box<Corrupt>),
}

impl Optional {
    fn get(&self) -> Result<Option<&Tree>> {
        match self {
            Optional::Tree(tree) => Ok(Some(tree)),
            Optional::None => Ok(None),
            Optional::Damaged(finding) => Err((**finding).clone().into()),
        }
    }

    fn from(opened: Result<Tree>, findings: &mut Vec<Corrupt>) -> Result<Optional> {
        match opened {
            Ok(tree) => Ok(Optional::Tree(Box::new(tree))),
            Err(Error::Corrupt(finding)) => {
                findings.push((*finding).clone());
                Ok(Optional::Damaged(finding))
            }
            Err(other) => Err(other),
        }
    }
}

impl Volume {
    /// Opens the volume that fills a device, or that is embedded in a classic one that does.
    ///
    /// If the volume header is damaged, or what it says leads nowhere, its copy is used, and that is one of the
    /// [findings](Volume::findings).
    ///
    /// # Errors
    /// `Corrupt` if neither header leads to the files, `Unsupported` for classic HFS.
    pub fn open(device: Arc<dyn ReadAt>, options: OpenOptions) -> Result<Volume> {
        let wrapper = match Wrapper::find(&*device) {
            // Its place can't be read, nor can that of the first header. The copy may serve.
            Err(Error::Io(_)) => None,
            found => found?,
        };
        let device = match wrapper {
            Some(wrapper) => Arc::new(Window::new(device, wrapper.start, wrapper.len)),
            None => device,
        };
        let stored = Headers::read(&*device)?;
        let journal = find_journal(&*device, &stored.valid, &options)?;
        let overlay = match &journal {
            Some(journal) if !options.no_journal => journal.overlay(device.clone()),
            _ => None,
        };
        let replayed = overlay.is_some();
        let (device, Headers { valid, mut findings }) = match overlay {
            // The headers are among what replaying changes.
            Some(device) => (device.clone(), Headers::read(&*device)?),
            None => (device, stored),
        };
        match &journal {
            Some(journal) => {
                findings.extend(journal.findings.iter().cloned());
                findings.extend(missing_changes(journal, valid.first()));
            }
            None if !options.no_journal => findings.extend(valid.first().and_then(forgotten_journal)),
            None => {}
        }
        // Encrypted content must not be given for plain because of one bit.
        let is_protected = valid
            .iter()
            .any(|found| found.header.attributes().contains(VolumeAttributes::CONTENT_PROTECTION));
        let mut failed = None;
        // A header whose root or one of whose trees can't be read is used only if the other one is no better.
        let tries =
            [true, false].into_iter().flat_map(|strictly| valid.iter().map(move |found| (strictly, found)));
        for (strictly, found) in tries {
            match Inner::open(device.clone(), found.header.clone(), &options, strictly) {
                Ok(mut inner) => {
                    inner.findings.retain(|finding| !findings.contains(finding));
                    findings.append(&mut inner.findings);
                    for finding in &findings {
                        inner.store.report(finding);
                    }
                    let from_copy = found.is_copy;
                    let inner =
                        Inner { from_copy, wrapper, journal, replayed, is_protected, findings, ..inner };
                    return Ok(Volume { inner: Arc::new(inner) });
                }
                Err(Error::Corrupt(finding)) => {
                    if !findings.contains(&finding) {
                        findings.push((*finding).clone());
                    }
                    failed = failed.or(Some(Error::Corrupt(finding)));
                }
                // Past the end of the device, or in a part of it that can't be read.
                Err(error @ Error::Io(_)) => {
                    let place = Place::new("HFSPlusVolumeHeader", "");
                    let finding = Corrupt::new(Damage::PastEnd, place).found(&error);
                    if !findings.contains(&finding) {
                        findings.push(finding);
                    }
                    failed = failed.or(Some(error));
                }
                Err(other) => return Err(other),
            }
        }
        let none = || match findings.into_iter().next() {
            Some(finding) => finding.into(),
            None => Error::not_found("HFS+ volume header"),
        };
        Err(failed.unwrap_or_else(none))
    }

    /// Name of the volume, which is that of its root folder.
    #[must_use]
    pub fn name(&self) -> Name {
        self.inner.name.clone()
    }

    /// The volume header that is used.
    #[must_use]
    pub fn header(&self) -> &VolumeHeader {
        &self.inner.header
    }

    /// True if the volume header is damaged and its copy is used.
    #[must_use]
    pub fn from_copy(&self) -> bool {
        self.inner.from_copy
    }

    /// Its id, as macOS shows it; `None` if it has none.
    #[must_use]
    pub fn uuid(&self) -> Option<Uuid> {
        self.header().uuid()
    }

    /// The classic volume around it, if there is one.
    #[must_use]
    pub fn wrapper(&self) -> Option<&Wrapper> {
        self.inner.wrapper.as_ref()
    }

    /// What the journal says; `None` for a volume without one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.inner.journal.as_ref()
    }

    /// True if the volume was not cleanly unmounted and is shown as it will be once its journal is replayed. Nothing
    /// was written for that.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.inner.replayed
    }

    /// What is wrong with headers, journal and trees, where that does not stop reading. The observer was told too.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.inner.findings
    }

    /// True if `a` and `A` are two names.
    #[must_use]
    pub fn is_case_sensitive(&self) -> bool {
        self.rule() == HfsNameRule::Binary
    }

    /// Which names are the same name.
    #[must_use]
    pub fn rule(&self) -> HfsNameRule {
        if core::ptr::eq(self.catalog().kind(), &raw const CATALOG_BINARY) {
            HfsNameRule::Binary
        } else {
            HfsNameRule::CaseFolding
        }
    }

    /// The tree of all files and folders, for those who look deeper.
    #[must_use]
    pub fn catalog(&self) -> &Tree {
        &self.inner.trees.catalog
    }

    /// The tree of extended attributes; `None` if the volume has none.
    ///
    /// # Errors
    /// `Corrupt` if its head is damaged.
    pub fn attributes(&self) -> Result<Option<&Tree>> {
        self.inner.trees.attributes.get()
    }

    /// The tree of extents that the catalog has no room for; `None` if the volume has none.
    ///
    /// # Errors
    /// `Corrupt` if its head is damaged.
    pub fn extents_overflow(&self) -> Result<Option<&Tree>> {
        self.inner.trees.extents.get()
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.inner.store.limits()
    }

    pub(super) fn chunks(&self) -> &ChunkCache {
        &self.inner.chunks
    }

    /// Folder of the files that hard links lead to.
    pub(crate) fn file_inodes(&self) -> Option<u32> {
        self.inner.file_inodes
    }

    /// Folder of the folders that hard links lead to.
    pub(crate) fn dir_inodes(&self) -> Option<u32> {
        self.inner.dir_inodes
    }

    /// True if dates may count from 1970.
    pub(super) fn has_expanded_times(&self) -> bool {
        self.header().attributes().contains(VolumeAttributes::EXPANDED_TIMES)
    }

    /// True if files have keys of their own.
    pub(super) fn is_protected(&self) -> bool {
        self.inner.is_protected
    }

    /// True for the names, as shown, of what the volume keeps for itself in its root.
    pub(super) fn is_private_name(name: &[u8]) -> bool {
        [FILE_INODES, DIR_INODES].iter().chain(&JOURNAL_FILES).any(|private| private.as_bytes() == name)
    }

    /// A fork of a file, with the rest of its extents in the extents overflow tree.
    pub(super) fn stream(&self, cnid: u32, fork: Fork, which: ForkType) -> Result<Stream<'_>> {
        self.inner.trees.stream(&self.inner.store, cnid, fork, which)
    }

    /// Where a folder or file is, by its thread record.
    pub(crate) fn thread<R>(&self, cnid: u32, use_it: impl FnOnce(Thread<'_>) -> R) -> Result<Option<R>> {
        let Some(record) = self.catalog().get(&key::catalog(cnid, &[]))? else { return Ok(None) };
        match CatalogRecord::parse(record.value()) {
            Ok(CatalogRecord::Thread(thread)) => Ok(Some(use_it(thread))),
            Ok(_) => {
                let place = record.place("HFSPlusCatalogThread", "recordType").cnid(cnid);
                Err(Error::damage(Damage::ObjectType, place))
            }
            Err(flaw) => Err(flaw.at_cnid(record.place("", ""), cnid)),
        }
    }

    /// The record of a folder or file, not that of its thread; a hard link's is that of the link.
    pub(crate) fn record(&self, cnid: u32) -> Result<Record> {
        let key = self.thread(cnid, |thread| key::catalog(thread.parent, thread.name))?;
        let key = key.ok_or_else(|| Error::not_found(alloc::format!("file {cnid}")))?;
        let lost = |damage, place: Place| Error::damage(damage, place.cnid(cnid));
        let thread = Place::new("HFSPlusCatalogThread", "nodeName");
        let record = self.catalog().get(&key)?.ok_or_else(|| lost(Damage::Missing, thread))?;
        match CatalogRecord::parse(record.value()) {
            Ok(parsed) if parsed.common().is_some_and(|common| common.cnid.get() == cnid) => Ok(record),
            Ok(_) => Err(lost(Damage::Contradiction, record.place("HFSPlusCatalogRecord", "fileID"))),
            Err(flaw) => Err(flaw.at_cnid(record.place("", ""), cnid)),
        }
    }

    /// Refuses a record whose number belongs to another one: it would show the content of that one.
    ///
    /// A folder's thread must lead back to its record, since its entries are found by its number. A file is only
    /// refused if its number leads to another file.
    pub(super) fn check_number(&self, record: &Record) -> Result<()> {
        let Ok(parsed) = CatalogRecord::parse(record.value()) else { return Ok(()) };
        let Some(common) = parsed.common() else { return Ok(()) };
        let (own, (parent, stored)) = (common.cnid.get(), catalog_parts(record.key()));
        let is_folder = matches!(parsed, CatalogRecord::Folder(_));
        let field = if is_folder { "folderID" } else { "fileID" };
        let wrong = |damage| {
            let place = record.place("HFSPlusCatalogRecord", field).cnid(own);
            Err(Error::damage(damage, place))
        };
        let is_same = |thread: Thread<'_>| thread.parent == parent && self.rule().same(thread.name, stored);
        match self.thread(own, is_same) {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false)) if is_folder || self.record(own).is_ok() => wrong(Damage::Contradiction),
            Ok(Some(false)) => {
                let place = record.place("HFSPlusCatalogThread", "nodeName").cnid(own);
                self.store().report(&Corrupt::new(Damage::Contradiction, place));
                Ok(())
            }
            Ok(None) if is_folder => wrong(Damage::Missing),
            Err(error) if is_folder => Err(error),
            // The file is there without its thread, which costs nothing but finding it by its number.
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

impl Trees {
    fn open(store: &Arc<Store>, header: &VolumeHeader, findings: &mut Vec<Corrupt>) -> Result<Trees> {
        let raw = header.raw();
        // Most searches are in the catalog.
        let cache = store.limits().cache_bytes;
        let (half, quarter) = (cache >> 1, cache >> 2);
        let extents_fork = Fork::from(&raw.extentsFile);
        let stream = Stream { store, cnid: EXTENTS_FILE_ID, fork: extents_fork, overflow: Overflow::None };
        let extents = stream
            .all_runs()
            .and_then(|runs| Tree::open(store.clone(), &extents_fork, runs, quarter, |_| Ok(&EXTENTS)));
        let extents =
            if extents_fork.is_empty() { Optional::None } else { Optional::from(extents, findings)? };
        let open = |raw: &HFSPlusForkData, cnid, cache, kind: &dyn Fn(u8) -> Result<_>| {
            let fork = Fork::from(raw);
            let runs = stream_of(store, &extents, cnid, fork, ForkType::Data)?.all_runs()?;
            Tree::open(store.clone(), &fork, runs, cache, |header| kind(header.keyCompareType))
        };
        let variant = header.variant();
        let catalog = open(&raw.catalogFile, CATALOG_FILE_ID, half, &|compare| match (variant, compare) {
            (Variant::HfsPlus, _) | (Variant::HfsX, CASE_FOLDING) => Ok(&CATALOG_FOLDED),
            (Variant::HfsX, BINARY_COMPARE) => Ok(&CATALOG_BINARY),
            (Variant::HfsX, other) => {
                let place = Place::new("BTHeaderRec", "keyCompareType").node(0).cnid(CATALOG_FILE_ID);
                Err(Corrupt::new(Damage::Range, place).found(alloc::format!("{other:#x}")).into())
            }
        })?;
        let attributes = if Fork::from(&raw.attributesFile).is_empty() {
            Optional::None
        } else {
            let opened = open(&raw.attributesFile, ATTRIBUTES_FILE_ID, quarter, &|_| Ok(&ATTRIBUTES));
            Optional::from(opened, findings)?
        };
        Ok(Trees { catalog, extents, attributes })
    }

    /// Why a tree that most things do without can't be read.
    fn damage(&self) -> Option<&Corrupt> {
        [&self.extents, &self.attributes].into_iter().find_map(|tree| match tree {
            Optional::Damaged(finding) => Some(&**finding),
            Optional::Tree(_) | Optional::None => None,
        })
    }

    fn stream<'t>(&'t self, store: &'t Store, cnid: u32, fork: Fork, which: ForkType) -> Result<Stream<'t>> {
        stream_of(store, &self.extents, cnid, fork, which)
    }
}

fn stream_of<'t>(
    store: &'t Store,
    extents: &'t Optional,
    cnid: u32,
    fork: Fork,
    which: ForkType,
) -> Result<Stream<'t>> {
    let inline = fork.first.iter().fold(0u32, |sum, (_, count)| sum.saturating_add(*count));
    // Only those that need it suffer from a damaged tree.
    let overflow = match extents.get() {
        Ok(Some(tree)) => Overflow::Extents(tree, which),
        Ok(None) => Overflow::None,
        Err(_) if inline >= fork.blocks => Overflow::None,
        Err(error) => return Err(error),
    };
    Ok(Stream { store, cnid, fork, overflow })
}

impl Inner {
    fn open(
        device: Arc<dyn ReadAt>,
        header: VolumeHeader,
        options: &OpenOptions,
        strictly: bool,
    ) -> Result<Inner> {
        let OpenOptions { limits, observer, .. } = options.clone();
        let chunks = ChunkCache::new(limits.chunk_cache_bytes);
        let mut findings = Vec::new();
        if header.len() > device.len() {
            let place = Place::new("HFSPlusVolumeHeader", "totalBlocks");
            let finding =
                Corrupt::new(Damage::PastEnd, place).found(alloc::format!("{} bytes", header.len()));
            findings.push(finding.expected(alloc::format!("at most {}", device.len())));
        }
        let store = Arc::new(Store::new(device, &header, limits, observer));
        let trees = Trees::open(&store, &header, &mut findings)?;
        if strictly && let Some(damage) = trees.damage() {
            return Err(damage.clone().into());
        }
        let name = match root_name(&trees.catalog) {
            Err(Error::Corrupt(finding)) if !strictly => {
                findings.push(*finding);
                Name::default()
            }
            name => name?,
        };
        let mut private = |name: &str| match private_folder(&trees.catalog, name) {
            Ok(cnid) => Ok(cnid),
            Err(Error::Corrupt(finding)) => {
                findings.push(*finding);
                Ok(None)
            }
            Err(other) => Err(other),
        };
        let (file_inodes, dir_inodes) = (private(FILE_INODES)?, private(DIR_INODES)?);
        let (from_copy, wrapper, journal, replayed, is_protected) = (false, None, None, false, false);
        Ok(Inner {
            journal,
            replayed,
            is_protected,
            header,
            from_copy,
            wrapper,
            findings,
            store,
            trees,
            name,
            file_inodes,
            dir_inodes,
            chunks,
        })
    }
}

/// The journal of a volume that has one. Who does not want it replayed is not stopped by it either.
fn read_journal(
    device: &dyn ReadAt,
    header: &VolumeHeader,
    options: &OpenOptions,
) -> Option<Result<Journal>> {
    if !header.attributes().contains(VolumeAttributes::JOURNALED) {
        return None;
    }
    let block = u64::from(header.raw().journalInfoBlock.get());
    let offset = block.saturating_mul(u64::from(header.block_size()));
    let journal = Journal::read(device, offset, &options.limits);
    if options.no_journal { journal.ok().map(Ok) } else { Some(journal) }
}

/// The journal that the first header names; should it be none, the one that the copy does.
fn find_journal(device: &dyn ReadAt, headers: &[Found], options: &OpenOptions) -> Result<Option<Journal>> {
    let mut first = None;
    for found in headers {
        // What a copy says of a journal that is not in use any more does not count.
        let Some(journal) = read_journal(device, &found.header, options) else { break };
        let journal = journal?;
        if !matches!(journal.state, JournalState::Unusable(_)) {
            return Ok(Some(journal));
        }
        first = first.or(Some(journal));
    }
    Ok(first)
}

/// A volume that was in use and has a journal without saying so may lack changes.
fn forgotten_journal(found: &Found) -> Option<Corrupt> {
    let header = &found.header;
    let known = VolumeAttributes::JOURNALED | VolumeAttributes::UNMOUNTED;
    let is_forgotten = !header.attributes().intersects(known) && header.raw().journalInfoBlock.get() != 0;
    is_forgotten.then(|| {
        let place = Place::new("HFSPlusVolumeHeader", "attributes");
        Corrupt::new(Damage::Contradiction, place).found("a journal of a volume without one")
    })
}

/// A journal that may hold changes which can't be had.
fn missing_changes(journal: &Journal, header: Option<&Found>) -> Option<Corrupt> {
    match &journal.state {
        JournalState::Unusable(why) => Some(why.clone()),
        JournalState::OnOtherDevice => {
            let attributes = header.map(|found| found.header.attributes());
            let is_clean =
                attributes.is_some_and(|attributes| attributes.contains(VolumeAttributes::UNMOUNTED));
            let finding = Corrupt::new(Damage::Missing, Place::new("JournalInfoBlock", "flags"));
            (!is_clean).then(|| finding.found("a journal on another device, of a volume that was in use"))
        }
        _ => None,
    }
}

/// Name of the root folder, by its thread.
fn root_name(catalog: &Tree) -> Result<Name> {
    let wrong = |damage, place: Place| Error::damage(damage, place.cnid(ROOT_FOLDER_ID));
    let thread = catalog.get(&key::catalog(ROOT_FOLDER_ID, &[]))?;
    let thread = thread.ok_or_else(|| wrong(Damage::Missing, Place::new("HFSPlusCatalogThread", "")))?;
    match CatalogRecord::parse(thread.value()) {
        Ok(CatalogRecord::Thread(Thread { is_folder: true, parent: ROOT_PARENT_ID, name: stored })) => {
            let mut name = Vec::new();
            push_text(stored, &mut name);
            Ok(Name::from(name))
        }
        Ok(_) => Err(wrong(Damage::Contradiction, thread.place("HFSPlusCatalogThread", "parentID"))),
        Err(flaw) => Err(flaw.at_cnid(thread.place("", ""), ROOT_FOLDER_ID)),
    }
}

/// Number of a folder in the root by its name.
fn private_folder(catalog: &Tree, name: &str) -> Result<Option<u32>> {
    let Some(stored) = to_stored_plain(name.as_bytes()) else { return Ok(None) };
    let Some(record) = catalog.get(&key::catalog(ROOT_FOLDER_ID, &stored))? else { return Ok(None) };
    match CatalogRecord::parse(record.value()) {
        Ok(CatalogRecord::Folder(folder)) => Ok(Some(folder.cnid.get())),
        Ok(_) => Ok(None),
        Err(flaw) => Err(flaw.at_cnid(record.place("", ""), ROOT_FOLDER_ID)),
    }
}

/// The number of a file as this file system has it.
pub(super) fn cnid(id: FileId) -> Result<u32> {
    u32::try_from(id.0).map_err(|_| Error::not_found(alloc::format!("file {id}")))
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volume").field("name", &self.name()).finish_non_exhaustive()
    }
}
