//! Any sequence of changes between states: what differs between any two of them, in both directions, is what two full
//! listings show, and no leaf that both have is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use apfs_core::apfs::{Container, View};
use apfs_core::{OpenOptions, Xid};
use apfs_tests::build::{ImageBuilder, VolumeBuilder};
use apfs_tests::delta::{examine, listing};
use proptest::prelude::*;

/// Checkpoints that an image keeps.
const CHECKPOINTS: usize = 3;

/// What is done; numbers choose among what there is then.
#[derive(Clone, Debug)]
enum Edit {
    Dir(u8),
    File(u8, u16),
    Fragmented(u8, u16),
    Sparse(u8, u8),
    Symlink(u8),
    Write(u8, u8, u16),
    Truncate(u8, u16),
    Xattr(u8, u8, u8),
    StreamXattr(u8, u8, u16),
    DropXattr(u8, u8),
    Inode(u8, u8),
    Hardlink(u8, u8),
    Clone(u8, u8),
    Rename(u8, u8),
    Remove(u8),
    Orphan(u8),
    Snapshot,
    Commit,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => any::<u8>().prop_map(Edit::Dir),
        4 => (any::<u8>(), 0..20_000_u16).prop_map(|(at, len)| Edit::File(at, len)),
        1 => (any::<u8>(), 0..20_000_u16).prop_map(|(at, len)| Edit::Fragmented(at, len)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(at, block)| Edit::Sparse(at, block)),
        1 => any::<u8>().prop_map(Edit::Symlink),
        4 => (any::<u8>(), any::<u8>(), 1..9_000_u16).prop_map(|(at, block, len)| Edit::Write(at, block, len)),
        2 => (any::<u8>(), any::<u16>()).prop_map(|(at, size)| Edit::Truncate(at, size)),
        2 => (any::<u8>(), 0..4_u8, any::<u8>()).prop_map(|(at, name, value)| Edit::Xattr(at, name, value)),
        1 => (any::<u8>(), 0..4_u8, 0..9_000_u16).prop_map(|(at, name, len)| Edit::StreamXattr(at, name, len)),
        1 => (any::<u8>(), 0..4_u8).prop_map(|(at, name)| Edit::DropXattr(at, name)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(at, value)| Edit::Inode(at, value)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(at, dir)| Edit::Hardlink(at, dir)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(at, dir)| Edit::Clone(at, dir)),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(at, dir)| Edit::Rename(at, dir)),
        3 => any::<u8>().prop_map(Edit::Remove),
        1 => any::<u8>().prop_map(Edit::Orphan),
        2 => Just(Edit::Snapshot),
        1 => Just(Edit::Commit),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dir,
    /// A file by the number that all its names share.
    File(usize),
    Other,
}

/// As much of the content as is needed to do only what can be done.
struct Model {
    volume: Option<VolumeBuilder>,
    names: BTreeMap<String, Kind>,
    /// Size of each file, and if nobody else uses its stream.
    files: Vec<(u64, bool)>,
    snapshots: usize,
}

impl Model {
    fn apply(&mut self, change: impl FnOnce(VolumeBuilder) -> VolumeBuilder) {
        self.volume = self.volume.take().map(change);
    }

    fn chosen(&self, number: u8, wanted: impl Fn(Kind) -> bool) -> Option<(String, Kind)> {
        let fitting = || self.names.iter().filter(|(_, kind)| wanted(**kind));
        let count = fitting().count();
        let (name, kind) = fitting().nth(usize::from(number) % count.max(1))?;
        Some((name.clone(), *kind))
    }

    fn file(&self, number: u8) -> Option<(String, usize)> {
        match self.chosen(number, |kind| matches!(kind, Kind::File(_)))? {
            (name, Kind::File(file)) => Some((name, file)),
            _ => None,
        }
    }

    /// A name that nothing has, in some directory.
    fn fresh(&self, dir: u8, number: usize) -> String {
        let dir = match dir % 3 {
            0 => String::new(),
            _ => self.chosen(dir, |kind| kind == Kind::Dir).map(|(name, _)| name).unwrap_or_default(),
        };
        format!("{dir}/name {number}")
    }

    fn add_file(&mut self, name: String, size: u64) {
        self.names.insert(name, Kind::File(self.files.len()));
        self.files.push((size, true));
    }

    fn run(&mut self, number: usize, edit: &Edit) -> Option<()> {
        let bytes = |len: u16| vec![number as u8; usize::from(len)];
        let name_of = |xattr: u8| format!("attribute {xattr}");
        match *edit {
            Edit::Dir(dir) => {
                let name = self.fresh(dir, number);
                self.apply(|volume| volume.dir(&name));
                self.names.insert(name, Kind::Dir);
            }
            Edit::File(dir, len) => {
                let name = self.fresh(dir, number);
                self.apply(|volume| volume.file(&name, bytes(len)));
                self.add_file(name, u64::from(len));
            }
            Edit::Fragmented(dir, len) => {
                let name = self.fresh(dir, number);
                self.apply(|volume| volume.fragmented(&name, bytes(len), 1));
                self.add_file(name, u64::from(len));
            }
            Edit::Sparse(dir, block) => {
                let name = self.fresh(dir, number);
                let at = u64::from(block % 16) * 4096;
                self.apply(|volume| volume.sparse(&name, 100_000, &[(at, &bytes(5000))]));
                self.add_file(name, 100_000);
            }
            Edit::Symlink(dir) => {
                let name = self.fresh(dir, number);
                self.apply(|volume| volume.symlink(&name, &format!("to {number}")));
                self.names.insert(name, Kind::Other);
            }
            Edit::Write(at, block, len) => {
                let (name, file) = self.file(at)?;
                let (size, _) = self.files[file];
                let offset = u64::from(block) % (size / 4096 + 1) * 4096;
                self.apply(|volume| volume.overwrite(&name, offset, bytes(len)));
                self.files[file] = (size.max(offset + u64::from(len)), true);
            }
            Edit::Truncate(at, size) => {
                let (name, file) = self.file(at)?;
                let (old, is_own) = self.files[file];
                if !is_own || old < 2 {
                    return None;
                }
                let size = u64::from(size) % (old - 1) + 1;
                self.apply(|volume| volume.truncate(&name, size));
                self.files[file].0 = size;
            }
            Edit::Xattr(at, xattr, value) => {
                let (name, _) = self.chosen(at, |_| true)?;
                self.apply(|volume| volume.xattr(&name, &name_of(xattr), [value]));
            }
            Edit::StreamXattr(at, xattr, len) => {
                let (name, _) = self.chosen(at, |_| true)?;
                self.apply(|volume| volume.stream_xattr(&name, &name_of(xattr), bytes(len)));
            }
            Edit::DropXattr(at, xattr) => {
                let (name, _) = self.chosen(at, |_| true)?;
                self.apply(|volume| {
                    volume.change(move |content, _| {
                        content.inode_at(&name).xattrs.remove(&name_of(xattr));
                    })
                });
            }
            Edit::Inode(at, value) => {
                let (name, _) = self.chosen(at, |_| true)?;
                self.apply(|volume| {
                    volume.inode(&name, move |inode| match value % 4 {
                        0 => inode.mode = inode.mode & !0o777 | u16::from(value),
                        1 => inode.owner = u32::from(value),
                        2 => inode.bsd_flags ^= 2,
                        _ => inode.mod_time += u64::from(value),
                    })
                });
            }
            Edit::Hardlink(at, dir) => {
                let ((name, file), new) = (self.file(at)?, self.fresh(dir, number));
                self.apply(|volume| volume.hardlink(&name, &new));
                self.names.insert(new, Kind::File(file));
            }
            Edit::Clone(at, dir) => {
                let ((name, file), new) = (self.file(at)?, self.fresh(dir, number));
                self.apply(|volume| volume.clone_file(&name, &new));
                self.files[file].1 = false;
                self.add_file(new, self.files[file].0);
                self.files.last_mut().unwrap().1 = false;
            }
            Edit::Rename(at, dir) => {
                let ((name, kind), new) = (self.chosen(at, |_| true)?, self.fresh(dir, number));
                let inside = format!("{name}/");
                if new.starts_with(&inside) {
                    return None;
                }
                self.apply(|volume| volume.rename(&name, &new));
                self.names.remove(&name);
                let moved: Vec<_> =
                    self.names.keys().filter(|path| path.starts_with(&inside)).cloned().collect();
                for path in moved {
                    let kind = self.names.remove(&path).unwrap();
                    self.names.insert(format!("{new}/{}", &path[inside.len()..]), kind);
                }
                self.names.insert(new, kind);
            }
            Edit::Remove(at) => {
                let (name, kind) = self.chosen(at, |_| true)?;
                let inside = format!("{name}/");
                if kind == Kind::Dir && self.names.keys().any(|path| path.starts_with(&inside)) {
                    return None;
                }
                self.names.remove(&name);
                self.apply(|volume| volume.remove(&name));
            }
            Edit::Orphan(at) => {
                let (name, file) = self.file(at)?;
                if self.names.values().filter(|kind| **kind == Kind::File(file)).count() > 1 {
                    return None;
                }
                self.names.remove(&name);
                self.apply(|volume| volume.orphan(&name));
            }
            Edit::Snapshot => {
                self.snapshots += 1;
                let name = format!("snapshot {}", self.snapshots);
                self.apply(|volume| volume.snapshot(&name));
            }
            Edit::Commit => self.apply(VolumeBuilder::commit),
        }
        Some(())
    }
}

/// Does what can be done of the edits.
fn run(volume: VolumeBuilder, edits: &[Edit]) -> VolumeBuilder {
    let mut model = Model { volume: Some(volume), names: BTreeMap::new(), files: Vec::new(), snapshots: 0 };
    for (number, edit) in edits.iter().enumerate() {
        let _ = model.run(number, edit);
    }
    model.volume.unwrap()
}

/// The live state, snapshots, and older checkpoints of the first volume.
fn states(bytes: Vec<u8>) -> Vec<View> {
    let device = Arc::new(bytes);
    let open = |checkpoint: Option<Xid>| {
        Container::open(device.clone(), OpenOptions { checkpoint, ..OpenOptions::default() }).unwrap()
    };
    let newest = open(None);
    let volume = newest.volume(0).unwrap();
    let mut states: Vec<View> =
        volume.snapshots().unwrap().iter().map(|snapshot| volume.view_at(snapshot).unwrap()).collect();
    states.push(volume.view().unwrap());
    for superblock in newest.checkpoints().iter().filter(|superblock| superblock.xid() < newest.xid()) {
        if let Ok(volume) = open(Some(superblock.xid())).volume(0) {
            states.push(volume.view().unwrap());
        }
    }
    states
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every ordered pair of states, by both methods.
    #[test]
    fn any_two_states(
        edits in prop::collection::vec(edit(), 1..60),
        records in prop_oneof![Just(2_usize), Just(3), Just(5), Just(1000)],
        flavour in 0..3_u8,
    ) {
        let volume = VolumeBuilder::new("V");
        let volume = match flavour {
            0 => volume,
            1 => volume.case_sensitive(),
            _ => volume.plain_keys(),
        };
        let builder = ImageBuilder::new().max_records_per_node(records).checkpoints(CHECKPOINTS);
        let states = states(builder.volume(run(volume, &edits)).build().bytes);
        let listings: Vec<_> = states.iter().map(|view| listing(view).unwrap()).collect();
        for (a, before) in states.iter().zip(&listings) {
            for (b, after) in states.iter().zip(&listings) {
                let (wrong, _) = examine(a, b, before, after);
                prop_assert!(wrong.is_empty(), "{} to {}: {:#?}", a.xid(), b.xid(), wrong);
            }
        }
    }
}
