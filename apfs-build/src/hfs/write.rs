//! From a description to the bytes of a volume.

use std::collections::BTreeMap;

use super::attributes;
use super::btree::{self, Header, Record, Shape, Tree};
use super::builder::{Alternate, HfsBuilder, JournalState};
use super::catalog::{self, Children, Sorted};
use super::disk::Disk;
use super::fork::{self, Fork};
use super::header::{self, Facts};
use super::image::{HfsImage, HfsPlace, HfsRole};
use super::item::{Item, Kind, ROOT, XattrForm};
use super::journal;

const EXTENTS_FILE: u32 = 3;
const CATALOG_FILE: u32 = 4;
const BAD_BLOCK_FILE: u32 = 5;
const ALLOCATION_FILE: u32 = 6;
const STARTUP_FILE: u32 = 7;
const ATTRIBUTES_FILE: u32 = 8;

const BIG_KEYS: u32 = 2;
const VARIABLE_INDEX_KEYS: u32 = 4;

const HEADER_AT: usize = 1024;

impl HfsBuilder {
    /// Writes the volume.
    pub fn build(&self) -> HfsImage {
        Writer::new(self).finish()
    }
}

struct Writer<'a> {
    builder: &'a HfsBuilder,
    disk: Disk,
    places: Vec<HfsPlace>,
    /// Data and resource fork of each file.
    forks: BTreeMap<u32, (Fork, Fork)>,
    xattr_forks: BTreeMap<(u32, Vec<u16>), Fork>,
    overflow: Vec<Record>,
    trees: BTreeMap<HfsRole, Tree>,
    facts: Facts,
}

impl<'a> Writer<'a> {
    fn new(builder: &'a HfsBuilder) -> Self {
        let mut disk = Disk::new(builder.options.block_size);
        disk.alloc((HEADER_AT as u32 + 512).div_ceil(disk.block_size as u32));
        Writer {
            builder,
            disk,
            places: Vec::new(),
            forks: BTreeMap::new(),
            xattr_forks: BTreeMap::new(),
            overflow: builder.stray_extents.clone(),
            trees: BTreeMap::new(),
            facts: Facts::default(),
        }
    }

    fn finish(mut self) -> HfsImage {
        let options = &self.builder.options;
        for item in self.builder.items.values() {
            self.write_forks(item);
        }
        self.write_bad_blocks();
        let startup = self.disk.write(&options.startup.bytes, options.startup.pieces, 0);
        self.add_special(STARTUP_FILE, HfsRole::Startup, &startup);
        let attributes = self.write_attributes();
        let catalog = self.write_catalog();
        // Only now it is known what overflows, the bitmap excepted.
        let bitmap_blocks = self.reserve_rest();
        let bitmap = self.bitmap_fork(bitmap_blocks);
        let extents = self.write_extents();
        self.fill_tail();
        self.facts.files = [bitmap, extents, catalog, attributes, startup];
        self.write_bitmap();
        self.count();
        self.write_journal_info();
        self.write_headers();
        HfsImage {
            block_size: self.disk.block_size,
            bytes: self.disk.bytes,
            places: self.places,
            trees: self.trees,
            forks: self.forks,
            xattr_forks: self.xattr_forks,
            facts: self.facts,
            builder: self.builder.clone(),
        }
    }

    fn write_forks(&mut self, item: &Item) {
        let mut written = Vec::new();
        for (content, kind, role) in
            [(&item.data, fork::DATA, HfsRole::Data), (&item.resource, fork::RESOURCE, HfsRole::Resource)]
        {
            let mut fork = self.disk.write(&content.bytes, content.pieces, content.extra_blocks);
            fork.clump = content.clump;
            self.overflow.extend(fork.overflow_records(item.cnid, kind));
            self.add_places(role, item.cnid, &fork);
            written.push(fork);
        }
        let resource = written.pop().unwrap();
        self.forks.insert(item.cnid, (written.pop().unwrap(), resource));
        for xattr in &item.xattrs {
            if let XattrForm::Fork(pieces) = xattr.form {
                let fork = self.disk.write(&xattr.value, pieces, 0);
                self.add_places(HfsRole::XattrData, item.cnid, &fork);
                self.xattr_forks.insert((item.cnid, xattr.name.clone()), fork);
            }
        }
    }

    fn write_bad_blocks(&mut self) {
        let mut bad = Fork::default();
        for _ in 0..self.builder.options.bad_blocks {
            bad.extents.push(self.disk.alloc(1));
            self.disk.skip(1);
        }
        let mut at = 0;
        for extents in bad.extents.chunks(8) {
            let key = fork::key(BAD_BLOCK_FILE, fork::DATA, at);
            self.overflow.push(Record { key, data: fork::extent_record(extents), owner: BAD_BLOCK_FILE });
            at += extents.len() as u32;
        }
    }

    fn write_attributes(&mut self) -> Fork {
        let options = &self.builder.options;
        let mut records = Vec::new();
        for item in self.builder.items.values() {
            for xattr in &item.xattrs {
                match self.xattr_forks.get(&(item.cnid, xattr.name.clone())) {
                    Some(fork) => records.extend(attributes::fork(item.cnid, &xattr.name, fork)),
                    None => records.push(attributes::inline(item.cnid, &xattr.name, &xattr.value)),
                }
            }
        }
        if !options.has_attributes_file {
            assert!(records.is_empty(), "attributes need a file");
            return Fork::default();
        }
        records.sort_by(|a, b| a.0.cmp(&b.0));
        let records: Vec<Record> = records.into_iter().map(|(_, record)| record).collect();
        let header = tree_header(266, 0, BIG_KEYS | VARIABLE_INDEX_KEYS);
        let pieces = options.attributes_pieces;
        self.write_tree(
            ATTRIBUTES_FILE,
            HfsRole::Attributes,
            (&records, &options.attributes, &header),
            pieces,
        )
    }

    fn write_catalog(&mut self) -> Fork {
        let options = &self.builder.options;
        let mut records: Vec<Sorted> = Vec::new();
        for item in self.builder.items.values() {
            records.extend(catalog::records(item, &self.forks[&item.cnid], self.children(item.cnid)));
        }
        catalog::sort(&mut records, options.binary);
        let records: Vec<Record> = records.into_iter().map(|sorted| sorted.record).collect();
        let compare = match (options.extended, options.binary) {
            (false, _) => 0,
            (true, false) => 0xCF,
            (true, true) => 0xBC,
        };
        let compare = options.key_compare.unwrap_or(compare);
        let header = tree_header(516, compare, BIG_KEYS | VARIABLE_INDEX_KEYS);
        let pieces = options.catalog_pieces;
        self.write_tree(CATALOG_FILE, HfsRole::Catalog, (&records, &options.catalog, &header), pieces)
    }

    fn children(&self, folder: u32) -> Children {
        let children = self.builder.items.values().filter(|item| item.parent == folder);
        let is_folder = |item: &&Item| matches!(item.kind, Kind::Folder | Kind::FolderLink(_));
        (children.clone().count() as u32, children.filter(is_folder).count() as u32)
    }

    /// The extents file never has more than one run here: the sheet allows it no overflow of its own.
    fn write_extents(&mut self) -> Fork {
        self.overflow.sort_by(|a, b| a.key[4..8].cmp(&b.key[4..8]).then_with(|| a.key[2..].cmp(&b.key[2..])));
        let records = core::mem::take(&mut self.overflow);
        let header = tree_header(10, 0, BIG_KEYS);
        let shape = &self.builder.options.extents;
        self.write_tree(EXTENTS_FILE, HfsRole::Extents, (&records, shape, &header), 1)
    }

    fn write_tree(
        &mut self,
        file: u32,
        role: HfsRole,
        (records, shape, header): (&[Record], &Shape, &Header),
        pieces: usize,
    ) -> Fork {
        let tree = btree::build(records, shape, header, self.disk.block_size);
        let fork = self.disk.write(&tree.bytes, pieces, 0);
        self.add_special(file, role, &fork);
        self.trees.insert(role, tree);
        fork
    }

    fn add_special(&mut self, file: u32, role: HfsRole, fork: &Fork) {
        self.overflow.extend(fork.overflow_records(file, fork::DATA));
        self.add_places(role, file, fork);
    }

    fn add_places(&mut self, role: HfsRole, owner: u32, fork: &Fork) {
        let ranges = fork.ranges(self.disk.block_size);
        self.places.extend(ranges.into_iter().map(|range| HfsPlace { role, range, owner }));
    }

    /// Blocks of the bitmap, with room for what is still to come.
    fn reserve_rest(&self) -> u32 {
        let options = &self.builder.options;
        let overflow = self.overflow.len() * 128 + 16 * options.extents.node_size;
        let tree = overflow.div_ceil(options.block_size) as u32 + 8;
        let pieces = 2 * options.bitmap_pieces as u32;
        let so_far = self.disk.block_count() + tree + pieces + options.free_blocks + 64;
        let maps = options.extents.spare_nodes * options.extents.node_size / options.block_size;
        let blocks = (so_far + maps as u32).max(options.total_blocks.unwrap_or(0));
        (blocks.div_ceil(8).div_ceil(options.block_size as u32) + 1).max(options.bitmap_pieces as u32)
    }

    fn bitmap_fork(&mut self, blocks: u32) -> Fork {
        let content = vec![0; blocks as usize * self.disk.block_size];
        let fork = self.disk.write(&content, self.builder.options.bitmap_pieces, 0);
        self.add_special(ALLOCATION_FILE, HfsRole::Bitmap, &fork);
        fork
    }

    /// Free blocks, then those under the second header.
    fn fill_tail(&mut self) {
        let tail = 1024_u32.div_ceil(self.disk.block_size as u32);
        let rest = |total: u32| total.checked_sub(self.disk.block_count() + tail).unwrap();
        let options = &self.builder.options;
        self.disk.skip(options.total_blocks.map_or(options.free_blocks, rest));
        self.disk.alloc(tail);
    }

    fn write_bitmap(&mut self) {
        let mut bits = vec![0_u8; self.disk.used.len().div_ceil(8)];
        for (block, used) in self.disk.used.iter().enumerate() {
            if *used {
                bits[block / 8] |= 0x80 >> (block % 8);
            }
        }
        let fork = self.facts.files[0].clone();
        assert!(bits.len() as u64 <= fork.size, "the bitmap has room for all blocks");
        for (at, byte) in bits.iter().enumerate() {
            let place = fork.place(at, self.disk.block_size);
            self.disk.bytes[place] = *byte;
        }
    }

    fn count(&mut self) {
        let items = self.builder.items.values();
        let folders = items.clone().filter(|item| item.is_folder()).count() as u32;
        self.facts.file_count = items.len() as u32 - folders;
        self.facts.folder_count = folders - 1;
        self.facts.total_blocks = self.disk.block_count();
        self.facts.free_blocks = self.disk.used.iter().filter(|used| !**used).count() as u32;
        self.facts.next_cnid = self.builder.next_cnid;
        self.facts.encodings = items.fold(0, |bits, item| match item.encoding {
            140 => bits | 1 << 49,
            152 => bits | 1 << 48,
            bit @ 0..64 => bits | 1 << bit,
            _ => bits,
        });
    }

    fn write_journal_info(&mut self) {
        let Some(options) = &self.builder.options.journal else { return };
        let file = |name: &str| {
            let name: Vec<u16> = name.encode_utf16().collect();
            self.builder.child(ROOT, &name).map(|cnid| self.forks[&cnid].0.extents[0].start)
        };
        let info_block = file(".journal_info_block").unwrap();
        let journal = file(".journal");
        let offset = journal.map_or(0, |block| block as usize * self.disk.block_size);
        let info = header::journal_info(&options.state, offset as u64, options.size as u64);
        self.disk.put(info_block, &info);
        if options.state == JournalState::Empty {
            journal::Journal::new().write(&mut self.disk.bytes[offset..offset + options.size]);
        }
        self.facts.journal_info_block = info_block;
        let role_of = |start: usize| match start {
            start if start == info_block as usize * self.disk.block_size => Some(HfsRole::JournalInfo),
            start if journal.is_some() && start == offset => Some(HfsRole::Journal),
            _ => None,
        };
        for place in &mut self.places {
            place.role = role_of(place.range.start).unwrap_or(place.role);
        }
    }

    fn write_headers(&mut self) {
        let options = &self.builder.options;
        let header = header::encode(options, &self.facts);
        let volume_end = self.disk.bytes.len();
        self.disk.bytes.resize(volume_end + options.trailing, 0);
        let device_end = self.disk.bytes.len();
        let seconds = match options.alternate {
            Alternate::DeviceEnd => vec![device_end - 1024],
            Alternate::VolumeEnd => vec![volume_end - 1024],
            Alternate::Both if device_end != volume_end => vec![volume_end - 1024, device_end - 1024],
            Alternate::Both => vec![volume_end - 1024],
            Alternate::Nowhere => vec![],
        };
        let places = seconds.into_iter().map(|at| (at, HfsRole::AlternateHeader));
        for (at, role) in core::iter::once((HEADER_AT, HfsRole::Header)).chain(places) {
            super::bytes::put(&mut self.disk.bytes, at, &header);
            self.places.push(HfsPlace { role, range: at..at + 512, owner: 0 });
        }
    }
}

fn tree_header(max_key: u16, compare: u8, attributes: u32) -> Header {
    Header { max_key, btree_type: 0, compare, attributes, user_data: Vec::new() }
}
