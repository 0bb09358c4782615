//! Single flipped bits: the same answer, or an error that names the block.
//!
//! `APFS_FLIPS=exhaustive` flips every bit of all metadata in use, `APFS_FLIPS=<seed>` repeats a run.

use std::collections::{BTreeMap, BTreeSet};

use apfs_core::Paddr;
use apfs_core::apfs::View;
use apfs_core::{FileId, Fs, FsExt, Kind, StreamId};
use apfs_tests::build::{Image, ImageBuilder, Place, Role, VolumeBuilder};
use apfs_tests::listing::{open, read_stream};

const FLIPS: usize = 2000;

fn build() -> Image {
    let volume = VolumeBuilder::new("V")
        .dir("/d")
        .file("/d/one", [1; 9_000])
        .file("/two", [2; 5_000])
        .symlink("/link", "d/one")
        .stream_xattr("/two", "attribute", [3; 6_000])
        .xattr("/two", "small", "value")
        .hardlink("/two", "/d/again")
        .snapshot("s")
        .overwrite("/d/one", 4096, [4; 4096])
        .file("/three", "three");
    ImageBuilder::new().max_records_per_node(5).checkpoints(2).volume(volume).build()
}

/// All a view says, by path: metadata in one line, every stream by its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Answer {
    metadata: BTreeMap<Vec<u8>, String>,
    streams: BTreeMap<(Vec<u8>, String), Vec<u8>>,
    errors: Vec<String>,
}

fn answer(view: &View) -> Answer {
    let mut answer = Answer::default();
    for entry in view.walk(view.root()) {
        match entry {
            Ok(entry) => {
                let target = view.read_link(entry.entry.id).map_err(|error| error.class());
                let line = format!("{:?} {:?} {target:?}", entry.entry, entry.stat);
                answer.metadata.insert(entry.path.clone(), line);
                answer.add_streams(view, &entry.path, entry.entry.id, entry.stat.kind);
            }
            Err(error) => answer.errors.push(error.to_string()),
        }
    }
    answer
}

impl Answer {
    fn add_streams(&mut self, view: &View, path: &[u8], id: FileId, kind: Kind) {
        let mut streams = Vec::new();
        match view.xattrs(id) {
            Ok(xattrs) => streams.extend(xattrs.into_iter().map(|xattr| StreamId::Xattr(xattr.name))),
            Err(error) => self.errors.push(error.to_string()),
        }
        if kind == Kind::File {
            streams.push(StreamId::Data);
        }
        for stream in streams {
            match read_stream(view, id, &stream) {
                Ok(bytes) => drop(self.streams.insert((path.to_vec(), format!("{stream:?}")), bytes)),
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    /// Every part of this answer is also part of the other.
    fn is_part_of(&self, whole: &Answer) -> bool {
        self.metadata.iter().all(|(path, line)| whole.metadata.get(path) == Some(line))
            && self.streams.iter().all(|(stream, bytes)| whole.streams.get(stream) == Some(bytes))
    }
}

/// What an image answers: its live state and its snapshot, and the blocks it complains about.
struct Outcome {
    states: Vec<Answer>,
    errors: Vec<String>,
    xid: Option<u64>,
}

fn ask(bytes: &[u8]) -> Outcome {
    let mut outcome = Outcome { states: Vec::new(), errors: Vec::new(), xid: None };
    let container = match open(bytes) {
        Ok(container) => container,
        Err(error) => {
            outcome.errors.push(error.to_string());
            return outcome;
        }
    };
    outcome.xid = Some(container.xid().0);
    outcome.errors.extend(container.rejected().iter().map(|rejected| {
        let Paddr(block) = rejected.block;
        format!("rejected: {} (in block {block},)", rejected.reason)
    }));
    let volume = match container.volume(0) {
        Ok(volume) => volume,
        Err(error) => {
            outcome.errors.push(error.to_string());
            return outcome;
        }
    };
    let snapshot = volume.snapshot("s").and_then(|snapshot| volume.view_at(&snapshot));
    for view in [volume.view(), snapshot] {
        match view {
            Ok(view) => {
                let answer = answer(&view);
                outcome.errors.extend(answer.errors.iter().cloned());
                outcome.states.push(answer);
            }
            Err(error) => {
                outcome.errors.push(error.to_string());
                outcome.states.push(Answer::default());
            }
        }
    }
    outcome
}

/// A generator of numbers that can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Clone)]
struct Bench {
    image: Image,
    sound: Vec<Answer>,
    older: Vec<Answer>,
    /// What each block in use is.
    blocks: BTreeMap<u64, Place>,
}

impl Bench {
    fn new() -> Self {
        let image = build();
        let sound = ask(&image.bytes);
        assert_eq!(sound.errors, [""; 0]);
        let mut blocks = BTreeMap::new();
        for place in image.places.iter().filter(|place| image.newest().used.contains(&place.block)) {
            for block in place.block..place.block + place.count {
                blocks.insert(block, place.clone());
            }
        }
        let mut cut_back = image.clone();
        cut_back.corrupt(image.newest().superblock);
        let older = ask(&cut_back.bytes).states;
        Bench { image, sound: sound.states, older, blocks }
    }

    /// Flips one bit, compares, and flips it back.
    fn check(&mut self, byte: usize, bit: u8) {
        self.image.bytes[byte] ^= 1 << bit;
        let outcome = ask(&self.image.bytes);
        self.image.bytes[byte] ^= 1 << bit;
        let block = (byte / self.image.block_size) as u64;
        let place = self.blocks.get(&block);
        let what = format!("byte {byte} bit {bit}, block {block} {:?}", place.map(|place| place.role));
        if outcome.states == self.sound {
            return;
        }
        match place.map(|place| place.role) {
            None => panic!("{what}: an unused byte changed the answer: {:?}", outcome.errors),
            Some(Role::Data) => self.check_data(&outcome, place.unwrap(), &what),
            Some(_) => self.check_object(&outcome, block, &what),
        }
    }

    /// Flips every bit of all metadata in use, on all processors.
    fn check_all_metadata(&self) {
        let metadata = self.blocks.iter().filter(|(_, place)| place.role != Role::Data);
        let metadata: Vec<u64> = metadata.map(|(block, _)| *block).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for part in metadata.chunks(metadata.len().div_ceil(threads)) {
                let mut bench = self.clone();
                scope.spawn(move || {
                    let size = bench.image.block_size;
                    for byte in
                        part.iter().flat_map(|block| *block as usize * size..(*block as usize + 1) * size)
                    {
                        (0..8).for_each(|bit| bench.check(byte, bit));
                    }
                });
            }
        });
    }

    /// In data, only the streams that own the block differ, and only in length-preserving ways.
    fn check_data(&self, outcome: &Outcome, place: &Place, what: &str) {
        assert_eq!(outcome.errors, [""; 0], "{what}");
        let mut changed = BTreeSet::new();
        for (found, sound) in outcome.states.iter().zip(&self.sound) {
            assert_eq!(found.metadata, sound.metadata, "{what}");
            for (stream, bytes) in &found.streams {
                let before = &sound.streams[stream];
                let differing = before.iter().zip(bytes).filter(|(a, b)| a != b).count();
                assert!(before.len() == bytes.len() && differing <= 1, "{what}: {stream:?}");
                if differing == 1 {
                    changed.insert((stream.0.clone(), stream.1.clone()));
                }
            }
        }
        let owners: BTreeSet<u64> = changed
            .iter()
            .map(|(path, stream)| {
                let inode = self.image.inode(0, core::str::from_utf8(path).unwrap());
                if stream == "Data" { self.image.volumes[0].private_ids[&inode] } else { place.oid }
            })
            .collect();
        assert_eq!(owners, BTreeSet::from([place.oid]), "{what}: {changed:?}");
    }

    /// In an object: parts of the right answer with an error that names the block, or the older checkpoint.
    fn check_object(&self, outcome: &Outcome, block: u64, what: &str) {
        let named = |error: &String| error.contains(&format!("in block {block},"));
        assert!(outcome.errors.iter().any(named), "{what}: not named by {:?}", outcome.errors);
        let newest = self.image.newest().xid;
        let expected = if outcome.xid.is_some_and(|xid| xid < newest) { &self.older } else { &self.sound };
        for (found, whole) in outcome.states.iter().zip(expected) {
            assert!(found.is_part_of(whole), "{what}: a wrong answer");
        }
    }
}

/// A few thousand random flips anywhere, and with `APFS_FLIPS=exhaustive` all there are in metadata.
#[test]
fn a_flipped_bit_never_gives_a_wrong_answer() {
    let wish = std::env::var("APFS_FLIPS").unwrap_or_default();
    let mut bench = Bench::new();
    assert_ne!(bench.sound, bench.older);
    if wish == "exhaustive" {
        return bench.check_all_metadata();
    }
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = wish.parse().unwrap_or(time.as_nanos() as u64 | 1);
    println!("repeat with APFS_FLIPS={seed}");
    let mut random = Random(seed);
    let used: Vec<u64> = bench.blocks.keys().copied().collect();
    for number in 0..FLIPS {
        let size = bench.image.block_size as u64;
        // Every tenth anywhere, the others in blocks in use, half of those where structures begin.
        let byte = match number % 10 {
            0 => random.below(bench.image.bytes.len() as u64),
            odd if odd % 2 == 1 => used[random.below(used.len() as u64) as usize] * size + random.below(256),
            _ => used[random.below(used.len() as u64) as usize] * size + random.below(size),
        };
        bench.check(byte as usize, random.below(8) as u8);
    }
}
