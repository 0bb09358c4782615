//! The tree of hot files, which is an ordinary file with a tree in it.

use super::btree::{self, Header, Record, Shape};
use super::builder::HfsBuilder;
use super::bytes::be;
use super::item::INVISIBLE_AND_LOCKED;

const THREAD: u32 = 0xFFFF_FFFF;
const MAGIC: u32 = 0xFF28_FF26;

impl HfsBuilder {
    /// `.hotfiles.btree` in the root, with the temperatures of some files.
    pub fn hot_files(self, files: &[(u32, u32)]) -> Self {
        let mut records = Vec::new();
        for (file, temperature) in files {
            records.push(record(*temperature, *file, 0));
            records.push(record(THREAD, *file, *temperature));
        }
        records.sort_by(|a, b| a.key[4..].cmp(&b.key[4..]));
        let mut user_data = be![MAGIC, 1_u32, 2_u32, 1_700_000_000_u32, 60_u32, 24_u32, 1000_u32, 7_u32];
        user_data.extend(b"CLUSTERED HOT FILES B-TREE     ");
        let header = Header { max_key: 10, btree_type: 128, compare: 0, attributes: 2, user_data };
        let tree = btree::build(&records, &Shape::of(4096), &header, self.options.block_size);
        self.file("/.hotfiles.btree", tree.bytes)
            .item("/.hotfiles.btree", |item| item.set_finder_flags(INVISIBLE_AND_LOCKED))
    }
}

fn record(temperature: u32, file: u32, value: u32) -> Record {
    Record { key: be![10_u16, 0_u8, 0_u8, temperature, file], data: be![value], owner: file }
}
