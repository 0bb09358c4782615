//! How often blocks are used at each state of a volume: all extent reference trees laid over one another
//! (sheet apfs-05, section 5).

use alloc::vec::Vec;

use super::record::{ExtentKind, PhysicalExtent};
use super::tree::{ExtentItem, ExtentTree};
use crate::apfs::snapshot::Snapshot;
use crate::apfs::volume::Volume;
use crate::base::bytes::len64;
use crate::base::error::{Error, Result};
use crate::base::ids::{BlockRange, Paddr, Xid};
use crate::base::report::Cancel;

/// Records that may lie over each run on average; real volumes have a few.
const MOST_LAYERS: u64 = 64;

/// A record and the tree that has it.
#[derive(Clone, Copy, Debug)]
struct Layer {
    start: u64,
    end: u64,
    refcnt: i32,
    /// Index of the tree; oldest first.
    tree: u32,
    kind: ExtentKind,
}

/// All extent references of a volume, of its live state and its snapshots.
#[derive(Clone, Debug)]
pub struct References {
    trees: Vec<ExtentTree>,
    /// Nodes of each tree.
    nodes: Vec<u64>,
    /// By first block.
    layers: Vec<Layer>,
    most_steps: u64,
}

/// Blocks that the same records are about.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The blocks.
    pub run: BlockRange,
    /// By tree, oldest first.
    layers: &'a [Layer],
}

impl Segment<'_> {
    /// How many file extents use each of the blocks in a state that sees so many of the trees, oldest first; see
    /// [`References::trees_seen`]. Negative only if the records contradict one another.
    #[must_use]
    pub fn count(&self, trees: usize) -> i64 {
        let seen = self.layers.iter().take_while(|layer| len64(trees) > u64::from(layer.tree));
        seen.fold(0i64, |sum, layer| sum.saturating_add(i64::from(layer.refcnt)))
    }

    /// How many file extents use each of the blocks, state by state: states that see more than the first and at most the
    /// second number of trees have the count. States before the first allocation are left out: they have none.
    pub fn counts(&self) -> impl Iterator<Item = (usize, usize, i64)> + '_ {
        let seen = |layer: &Layer| usize::try_from(layer.tree).unwrap_or(usize::MAX);
        let next = self.layers.iter().skip(1).map(seen).chain([usize::MAX]);
        let mut count = 0i64;
        let counts = self.layers.iter().zip(next).map(move |(layer, next)| {
            count = count.saturating_add(i64::from(layer.refcnt));
            (seen(layer), next, count)
        });
        counts.filter(|(from, to, _)| from < to)
    }

    /// How many records say that the blocks were allocated; 1 unless the records contradict one another.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.layers.iter().filter(|layer| layer.kind == ExtentKind::New).count()
    }
}

impl References {
    /// Reads all extent reference trees of a volume. What is damaged is given to `damage` and does not count.
    ///
    /// # Errors
    /// `Cancelled`; more records than [`Limits::space_runs`](crate::Limits::space_runs); whatever `damage` returns.
    pub fn read(
        volume: &Volume,
        snapshots: &[Snapshot],
        cancel: Cancel<'_>,
        damage: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<References> {
        let trees = volume.extent_trees(snapshots);
        let mut references = References::new(trees.clone(), volume.container().limits().space_runs);
        let most_nodes = volume.container().store().most_nodes();
        let mut all_nodes = 0u64;
        for (index, tree) in (0u32..).zip(&trees) {
            let mut nodes = 0u64;
            volume.each_extent(tree, cancel, &mut |item| match item {
                Ok(ExtentItem::Extent(extent)) => references.add(index, &extent),
                Ok(ExtentItem::Node(_)) => {
                    nodes = nodes.saturating_add(1);
                    all_nodes = all_nodes.saturating_add(1);
                    match all_nodes > most_nodes {
                        true => Err(Error::limit("nodes of extent trees", most_nodes, all_nodes)),
                        false => Ok(()),
                    }
                }
                Err(error) => damage(error),
            })?;
            references.nodes.push(nodes);
        }
        references.sort();
        Ok(references)
    }

    pub(crate) fn new(trees: Vec<ExtentTree>, most: usize) -> References {
        References { trees, nodes: Vec::new(), layers: Vec::new(), most_steps: len64(most) }
    }

    /// Adds a record of a tree, by the tree's index.
    pub(crate) fn add(&mut self, tree: u32, extent: &PhysicalExtent) -> Result<()> {
        if len64(self.layers.len()) >= self.most_steps {
            return Err(Error::limit(
                "extent references",
                self.most_steps,
                self.most_steps.saturating_add(1),
            ));
        }
        let PhysicalExtent { run, kind, refcnt, .. } = *extent;
        let end = run.start.0.saturating_add(run.count);
        self.layers.push(Layer { start: run.start.0, end, refcnt, tree, kind });
        Ok(())
    }

    /// To be called after the last record was added.
    pub(crate) fn sort(&mut self) {
        self.layers.sort_unstable_by_key(|layer| (layer.start, layer.tree));
    }

    /// The trees, oldest first, the live one last.
    #[must_use]
    pub fn trees(&self) -> &[ExtentTree] {
        &self.trees
    }

    /// Nodes of the tree that a snapshot closed; 0 if it has none.
    #[must_use]
    pub fn nodes_of(&self, snapshot: Xid) -> u64 {
        // There can be as many trees as snapshots, for each of which this is asked.
        let index = self.trees.partition_point(|tree| tree.xid.is_some_and(|xid| xid < snapshot));
        let found = self.trees.get(index).filter(|tree| tree.xid == Some(snapshot));
        found.and_then(|_| self.nodes.get(index)).copied().unwrap_or(0)
    }

    /// How many of the trees count for a state: that of a snapshot, or `None` for the live one.
    #[must_use]
    pub fn trees_seen(&self, snapshot: Option<Xid>) -> usize {
        match snapshot {
            Some(xid) => self.trees.partition_point(|tree| tree.xid.is_some_and(|tree| tree <= xid)),
            None => self.trees.len(),
        }
    }

    /// Gives all blocks that the records are about, in order, cut into runs about which all records say the same.
    ///
    /// # Errors
    /// `Cancelled`; `Limit` if far more records lie over one another than on any real volume; whatever `each` returns.
    pub fn each_segment(
        &self,
        cancel: Cancel<'_>,
        each: &mut dyn FnMut(Segment<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut waiting = self.layers.iter().copied().peekable();
        let mut active: Vec<Layer> = Vec::new();
        let mut at = 0u64;
        let mut steps = 0u64;
        let most = self.most_steps.saturating_mul(MOST_LAYERS);
        loop {
            if active.is_empty() {
                let Some(next) = waiting.peek() else { return Ok(()) };
                at = next.start;
            }
            while let Some(layer) = waiting.next_if(|layer| layer.start <= at) {
                let place = active.partition_point(|one| one.tree <= layer.tree);
                active.insert(place, layer);
            }
            steps = steps.saturating_add(len64(active.len()));
            if steps > most {
                return Err(Error::limit("extent references over one another", most, steps));
            }
            if cancel() {
                return Err(Error::Cancelled);
            }
            let ends = active.iter().map(|layer| layer.end).chain(waiting.peek().map(|next| next.start));
            let end = ends.min().unwrap_or(at);
            let run = BlockRange { start: Paddr(at), count: end.saturating_sub(at) };
            each(Segment { run, layers: &active })?;
            active.retain(|layer| layer.end > end);
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Oid;

    fn references(records: &[(u32, u64, u64, ExtentKind, i32)]) -> References {
        let tree = |xid| ExtentTree { xid, root: Oid(1) };
        let trees = alloc::vec![tree(Some(Xid(5))), tree(Some(Xid(9))), tree(None)];
        let mut references = References::new(trees, 100);
        for (tree, start, count, kind, refcnt) in records {
            let run = BlockRange { start: Paddr(*start), count: *count };
            let extent = PhysicalExtent { run, kind: *kind, owner: None, refcnt: *refcnt };
            references.add(*tree, &extent).unwrap();
        }
        references.sort();
        references
    }

    fn segments(references: &References) -> Vec<(u64, u64, [i64; 3])> {
        let mut found = Vec::new();
        references
            .each_segment(&|| false, &mut |segment| {
                let counts = [1, 2, 3].map(|trees| segment.count(trees));
                found.push((segment.run.start.0, segment.run.count, counts));
                Ok(())
            })
            .unwrap();
        found
    }

    /// Updates change the count of a part of an extent from their tree on.
    #[test]
    fn updates_of_parts() {
        let found = segments(&references(&[
            (0, 10, 10, ExtentKind::New, 1),
            (1, 12, 3, ExtentKind::Update, 2),
            (2, 14, 6, ExtentKind::Update, -1),
            (2, 40, 2, ExtentKind::New, 1),
        ]));
        let expected = [
            (10, 2, [1, 1, 1]),
            (12, 2, [1, 3, 3]),
            (14, 1, [1, 3, 2]),
            (15, 5, [1, 1, 0]),
            (40, 2, [0, 0, 1]),
        ];
        assert_eq!(found, expected);
    }

    /// The nodes of every snapshot's tree are found at once, among any number of trees.
    #[test]
    fn nodes_of_many_trees() {
        let xids = || (0..200_000).map(|number| Xid(2 * number + 1));
        let trees = xids().map(|xid| ExtentTree { xid: Some(xid), root: Oid(1) });
        let live = ExtentTree { xid: None, root: Oid(1) };
        let mut references = References::new(trees.chain([live]).collect(), 0);
        references.nodes = xids().map(|xid| xid.0).chain([7]).collect();
        assert!(xids().all(|xid| references.nodes_of(xid) == xid.0));
        assert_eq!([0, 2, 400_000].map(|xid| references.nodes_of(Xid(xid))), [0; 3]);
    }

    /// A state sees the trees of its own time and before; a snapshot without a tree sees those before it.
    #[test]
    fn which_trees_count() {
        let references = references(&[]);
        let seen = [Some(4), Some(5), Some(7), Some(9), None].map(|xid| references.trees_seen(xid.map(Xid)));
        assert_eq!(seen, [0, 1, 1, 2, 3]);
        assert!(segments(&references).is_empty());
    }
}
