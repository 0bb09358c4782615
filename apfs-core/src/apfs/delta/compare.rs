//! Going through all changes between two states.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use super::change::Change;
use super::file::Files;
use super::gather::Gathered;
use super::leaves::{Leaves, Walk, listed};
use super::records::{Pair, Records, Side, Told};
use super::shared::{self, Shared};
use super::states;
use crate::apfs::view::View;
use crate::base::error::{Error, Result};
use crate::base::ids::FileId;
use crate::base::report::Cancel;

/// How the leaves that differ are found. Both ways give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Through both trees from their roots: every index node is read.
    Trees,
    /// Through the newer part of the object map, where both states share one: the fewest reads.
    Map,
}

/// What a comparison has read. Paths and files are looked up besides, through the same cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeltaStats {
    /// Leaves of the tree of files, of the first and the second state.
    pub leaves: [u64; 2],
    /// Index nodes of the tree of files.
    pub index_nodes: [u64; 2],
    /// Nodes of the object map that are newer than the older state.
    pub omap_nodes: u64,
    /// Nodes of the object map that were read and passed over, since they are not newer.
    pub older_omap_nodes: u64,
    /// How leaves were found; `None` before the first change.
    pub method: Option<Method>,
    /// Changes given so far.
    pub changes: u64,
}

/// All changes between two states of a volume, by the number of the file.
///
/// The differing leaves are read before the first change is given; what is kept of them is small, and bounded by
/// [`Limits::differences`](crate::Limits::differences). An error about one file or leaf is given in its place and the
/// others follow; what lies in a leaf that can't be read is told by that error alone, never taken for deleted.
///
/// Renaming a directory is one change: what is in it keeps its name and its directory. Access to other tools' idea of
/// a change: a block that was written again with the same bytes, moved by defragmentation, or is exempt from
/// copy-on-write may be given although no byte differs, or, the last, not be given although one does.
///
/// ```no_run
/// # fn show(volume: &apfs_core::apfs::Volume) -> apfs_core::Result<()> {
/// let before = volume.view_at(&volume.snapshot("yesterday")?)?;
/// let now = volume.view()?;
/// for change in before.changes(&now)? {
///     let change = change?;
///     println!("{} {}", change.op.word(), String::from_utf8_lossy(&change.path));
/// }
/// # Ok(())
/// # }
/// ```
pub struct Delta<'c> {
    views: [View; 2],
    files: Files,
    cancel: Option<Cancel<'c>>,
    wanted: Option<Method>,
    /// `None` before the first change.
    gathered: Option<Gathered>,
    ready: VecDeque<Result<Change>>,
    stats: DeltaStats,
    ended: bool,
}

impl View {
    /// What a newer, or any other, state of the same volume has that this one has not, and the other way round.
    ///
    /// # Errors
    /// `Unsupported` for states of different containers or volumes, and for those that a revert is dropping.
    pub fn changes<'c>(&self, other: &View) -> Result<Delta<'c>> {
        states::check(self, other)?;
        Ok(Delta {
            views: [self.clone(), other.clone()],
            files: Files::new([self, other]),
            cancel: None,
            wanted: None,
            gathered: None,
            ready: VecDeque::new(),
            stats: DeltaStats::default(),
            ended: false,
        })
    }
}

impl<'c> Delta<'c> {
    /// Asked now and then whether to stop.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel<'c>) -> Delta<'c> {
        self.cancel = Some(cancel);
        self
    }

    /// Finds leaves in this way, where it can be used.
    #[must_use]
    pub fn method(mut self, method: Method) -> Delta<'c> {
        self.wanted = Some(method);
        self
    }

    /// What has been read so far.
    #[must_use]
    pub fn stats(&self) -> DeltaStats {
        self.stats
    }

    /// Reads all that differs.
    fn gather(&mut self) -> Result<Gathered> {
        let [a, b] = &self.views.clone();
        let most = a.volume().container().limits().differences;
        let mut gathered = None;
        if self.wanted != Some(Method::Trees) && states::share_a_map(a, b)? {
            match self.by_map(most) {
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                // What is damaged, and more than can be listed, is gone through in key order.
                Err(_) | Ok(None) => self.ready.clear(),
                Ok(found) => gathered = found,
            }
        }
        let mut gathered = match gathered {
            Some(gathered) => gathered,
            None => self.by_trees(most)?,
        };
        self.sealed_extents(&mut gathered)?;
        gathered.finish_stream()?;
        match gathered.find_users([a, b], self.cancel) {
            Err(Error::Corrupt(finding)) => self.ready.push_back(Err(finding.into())),
            result => result?,
        }
        Ok(gathered)
    }

    fn by_map(&mut self, most: usize) -> Result<Option<Gathered>> {
        let [a, b] = &self.views.clone();
        self.stats = DeltaStats { method: Some(Method::Map), ..DeltaStats::default() };
        let Some([first, second]) = listed([a, b], most, self.cancel, &mut self.stats)? else {
            return Ok(None);
        };
        let leaves =
            Pair(Leaves::Listed(a.tree(), first.into_iter()), Leaves::Listed(b.tree(), second.into_iter()));
        let mut gathered = Gathered::new(a, most);
        let mut records = Records::new(leaves, a.tree().kind().order, self.cancel);
        let ready = &mut self.ready;
        records.each(&mut |told| match told {
            Told::Record(side, leaf, index) => {
                if let Err(problem) = gathered.record(side, leaf, index)? {
                    gathered.count()?;
                    ready.push_back(Err(problem));
                }
                Ok(())
            }
            Told::Unreadable(error) => Err(error),
        })?;
        Ok(Some(gathered))
    }

    /// Passes over the leaves for which both object maps have one mapping. Maps can have mappings that no tree leads to
    /// any more: where the trees do not share those leaves, all are read.
    fn by_trees(&mut self, most: usize) -> Result<Gathered> {
        let [a, b] = &self.views.clone();
        self.stats = DeltaStats { method: Some(Method::Trees), ..DeltaStats::default() };
        let told = self.ready.len();
        if let Some(gathered) =
            self.walk([a, b], [Shared::Mapped(b.tree()), Shared::Mapped(a.tree())], most)?
        {
            return Ok(gathered);
        }
        self.ready.truncate(told);
        let gathered = self.walk([a, b], [Shared::Nothing, Shared::Nothing], most)?;
        gathered.ok_or(Error::Misuse("where nothing is passed over both trees pass over the same"))
    }

    /// Goes along both trees; `None` if leaves were passed over that only one of them has.
    fn walk(
        &mut self,
        [a, b]: [&View; 2],
        [first, second]: [Shared<'_>; 2],
        most: usize,
    ) -> Result<Option<Gathered>> {
        let leaves =
            Pair(Leaves::Walk(Walk::new(a.tree(), first)), Leaves::Walk(Walk::new(b.tree(), second)));
        let mut gathered = Gathered::new(a, most);
        let mut records = Records::new(leaves, a.tree().kind().order, self.cancel);
        let ready = &mut self.ready;
        let result = records.each(&mut |told| {
            let problem = match told {
                Told::Record(side, leaf, index) => gathered.record(side, leaf, index)?.err(),
                Told::Unreadable(error) => Some(error),
            };
            if let Some(problem) = problem {
                gathered.count()?;
                ready.push_back(Err(problem));
            }
            Ok(())
        });
        let read = [records.read(Side::First), records.read(Side::Second)];
        let counts = self.stats.leaves.iter_mut().zip(&mut self.stats.index_nodes);
        for ((leaves, index_nodes), (more_leaves, more_index_nodes)) in counts.zip(read) {
            *leaves = leaves.saturating_add(more_leaves);
            *index_nodes = index_nodes.saturating_add(more_index_nodes);
        }
        let passed_the_same = records.passed_the_same();
        result.map(|()| passed_the_same.then_some(gathered))
    }

    /// The extents of a sealed volume stand in a tree of their own.
    fn sealed_extents(&mut self, gathered: &mut Gathered) -> Result<()> {
        let [a, b] = &self.views.clone();
        let (Some(first), Some(second)) = (a.sealed_extents(), b.sealed_extents()) else { return Ok(()) };
        gathered.finish_stream()?;
        let common = shared::blocks(first, second)?;
        let leaves = Pair(
            Leaves::Walk(Walk::new(first, Shared::Blocks(&common))),
            Leaves::Walk(Walk::new(second, Shared::Blocks(&common))),
        );
        let mut records = Records::new(leaves, first.kind().order, self.cancel);
        let ready = &mut self.ready;
        records.each(&mut |told| {
            let problem = match told {
                Told::Record(side, leaf, index) => gathered.sealed_extent(side, leaf, index)?.err(),
                Told::Unreadable(error) => Some(error),
            };
            if let Some(problem) = problem {
                gathered.count()?;
                ready.push_back(Err(problem));
            }
            Ok(())
        })
    }

    /// Makes the changes of the next file ready; false at the end.
    fn compare_next(&mut self) -> Result<bool> {
        let mut gathered = match self.gathered.take() {
            Some(gathered) => gathered,
            None => self.gather()?,
        };
        let next = gathered.files.pop_first();
        let is_end = next.is_none();
        if self.cancel.is_some_and(|cancel| cancel()) {
            return Err(Error::Cancelled);
        }
        if let Some((id, names)) = next {
            match self.files.changes(FileId(id), Some(&names), Some(&gathered.streams)) {
                Ok(changes) => self.ready.extend(changes.into_iter().map(Ok)),
                Err(error @ (Error::Limit(_) | Error::Cancelled)) => return Err(error),
                Err(error) => self.ready.push_back(Err(error)),
            }
        }
        self.gathered = Some(gathered);
        Ok(!is_end)
    }
}

impl Iterator for Delta<'_> {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Result<Change>> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                self.stats.changes = self.stats.changes.saturating_add(u64::from(change.is_ok()));
                return Some(change);
            }
            if self.ended {
                return None;
            }
            match self.compare_next() {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl fmt::Debug for Delta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delta")
            .field("views", &self.views)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// One file in two states, whatever differs between them: for histories.
pub(super) fn compare_file(files: &mut Files, id: FileId) -> Result<Vec<Change>> {
    files.changes(id, None, None)
}
