//! CoreStorage volume groups around any bytes: as macOS lays them out, with what it does not understand left out.

use core::ops::Range;
use std::fmt::Write as _;
use std::io::Write as _;

use crc::{Algorithm, Crc};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};

use super::bytes::{pack, put};
use super::cipher::{xts_encrypt, xts_encrypt_unit};
use super::encryption::{ICLOUD_USER, INSTITUTIONAL_RECOVERY, PERSONAL_RECOVERY, parse_uuid};

mod context;

/// Bytes of a block of a physical volume.
pub const BLOCK: usize = 4096;
/// Bytes of a block of metadata.
pub const METADATA_BLOCK: usize = 8192;
/// Type of a partition, as it is on disk.
pub const PARTITION_TYPE: [u8; 16] = *b"\x72\x6f\x74\x53\x67\x61\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac";
/// Blocks of the area of a disk label.
const LABEL_BLOCKS: u64 = 16;
/// First block of data: behind the header and two labels.
const DATA: u64 = 1 + 2 * LABEL_BLOCKS;

/// Object ids, as a new group has them.
mod vaddr {
    pub(super) const SUPERBLOCK: u64 = 1;
    pub(super) const FAMILY_TREE: u64 = 2;
    pub(super) const ADDRESS_MAP: u64 = 3;
    pub(super) const UNUSED_SPACE: u64 = 4;
    pub(super) const VOLUME: u64 = 6;
    pub(super) const SNAPSHOT_TREE: u64 = 7;
    pub(super) const FAMILY: u64 = 9;
    /// Blocks that continue the family's list, from here on.
    pub(super) const MORE: u64 = 20;
}

const GROUP_UUID: &str = "5A5A5A5A-0001-4000-8000-00000000C0DE";
const VOLUME_UUID: &str = "5A5A5A5A-0002-4000-8000-00000000C0DE";
const FAMILY_UUID: &str = "5A5A5A5A-0003-4000-8000-00000000C0DE";
/// Key of the volume.
pub const VOLUME_KEY: [u8; 16] = *b"key of a volume.";

/// Someone who opens the volume.
#[derive(Clone, Debug)]
struct User {
    ident: String,
    /// `None`: by another key than a password.
    password: Option<String>,
    hint: String,
    rounds: u32,
}

/// A piece of the volume: blocks that follow one another.
#[derive(Clone, Copy, Debug)]
struct Piece {
    logical: u64,
    count: u64,
    pv: u16,
    block: u64,
    plain: bool,
}

/// A volume group with one logical volume.
#[derive(Clone, Debug)]
pub struct CoreStorage {
    content: Vec<u8>,
    pvs: usize,
    piece_blocks: u64,
    users: Vec<User>,
    is_encrypted: bool,
    status: &'static str,
    plain_pieces: Vec<usize>,
    compressed: bool,
    filler: usize,
    wiped: bool,
    relative: bool,
    one_transaction: bool,
    claimed_rounds: Option<u32>,
    family_list: Option<String>,
    change_map: Vec<(usize, Vec<u8>)>,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Physical volumes, by their number in the group.
    pub pvs: Vec<Vec<u8>>,
    /// `EncryptedRoot.plist.wipekey`, encrypted for the first physical volume.
    pub key_file: Vec<u8>,
    /// Bytes of every disk label on each physical volume.
    pub labels: [Range<usize>; 4],
    /// Bytes of both copies of the metadata, on the first physical volume.
    pub metadata: [Range<usize>; 2],
    /// Blocks of the metadata that are in use, not encrypted.
    pub metadata_blocks: Vec<Vec<u8>>,
}

impl Built {
    /// Id of a physical volume.
    pub fn pv_uuid(number: usize) -> String {
        format!("5A5A5A5A-0004-4000-8000-{number:012X}")
    }

    /// Changes a block of the metadata in both copies and makes its checksum right.
    pub fn change_block(&mut self, number: usize, change: impl FnOnce(&mut [u8])) {
        let block = &mut self.metadata_blocks[number];
        change(block);
        fix_checksum(block);
        let mut block = block.clone();
        encrypt_metadata(number, &mut block);
        for copy in &self.metadata {
            put(&mut self.pvs[0], copy.start + number * METADATA_BLOCK, &block);
        }
    }

    /// Changes the headers of a physical volume and makes their checksums right.
    pub fn change_header(&mut self, pv: usize, change: impl FnOnce(&mut [u8])) {
        let pv = &mut self.pvs[pv];
        let mut header = pv[..512].to_vec();
        change(&mut header);
        fix_checksum(&mut header);
        let end = pv.len() - 512;
        put(pv, 0, &header);
        put(pv, end, &header);
    }
}

impl CoreStorage {
    /// A group on one physical volume whose logical volume, whole sectors, is not encrypted.
    pub fn new(content: &[u8]) -> Self {
        CoreStorage {
            content: content.to_vec(),
            pvs: 1,
            piece_blocks: u64::MAX,
            users: Vec::new(),
            is_encrypted: false,
            status: "NoConversion",
            plain_pieces: Vec::new(),
            compressed: false,
            filler: 0,
            wiped: false,
            relative: false,
            one_transaction: false,
            claimed_rounds: None,
            family_list: None,
            change_map: Vec::new(),
        }
    }

    /// Spreads the volume over so many physical volumes in pieces of so many blocks, the last piece first.
    pub fn spread(mut self, pvs: usize, piece_blocks: u64) -> Self {
        (self.pvs, self.piece_blocks) = (pvs, piece_blocks);
        self
    }

    /// Encrypts the volume; a password opens it.
    pub fn password(self, password: &str, hint: &str) -> Self {
        let ident = format!("5A5A5A5A-0005-4000-8000-{:012X}", self.users.len());
        self.user(ident, Some(password), hint)
    }

    /// Encrypts the volume; a recovery key opens it.
    pub fn recovery_key(self, key: &str) -> Self {
        self.user(PERSONAL_RECOVERY.to_owned(), Some(key), "")
    }

    /// Encrypts the volume; an institution's private key opens it.
    pub fn institution(self) -> Self {
        self.user(INSTITUTIONAL_RECOVERY.to_owned(), None, "")
    }

    /// Encrypts the volume; an iCloud account opens it.
    pub fn icloud(self) -> Self {
        self.user(ICLOUD_USER.to_owned(), None, "")
    }

    fn user(mut self, ident: String, password: Option<&str>, hint: &str) -> Self {
        self.is_encrypted = true;
        let (password, hint) = (password.map(str::to_owned), hint.to_owned());
        self.users.push(User { ident, password, hint, rounds: 7 });
        self
    }

    /// `ConversionStatus`, and which pieces are not encrypted.
    pub fn status(mut self, status: &'static str, plain_pieces: &[usize]) -> Self {
        (self.status, self.plain_pieces) = (status, plain_pieces.to_vec());
        self
    }

    /// Compresses the list of the family, with so many bytes in it that can't be: several blocks are needed.
    pub fn compressed(mut self, filler: usize) -> Self {
        (self.compressed, self.filler) = (true, filler);
        self
    }

    /// Wipes the family: users and keys are in the key file alone, as they are on a startup disk.
    pub fn wiped(mut self) -> Self {
        self.wiped = true;
        self
    }

    /// Addresses of the map count from the record of unused space.
    pub fn relative(mut self) -> Self {
        self.relative = true;
        self
    }

    /// Leaves the older transaction out: not every reader copes with one.
    pub fn one_transaction(mut self) -> Self {
        self.one_transaction = true;
        self
    }

    /// What records say of their rounds of PBKDF2.
    pub fn claimed_rounds(mut self, rounds: u32) -> Self {
        self.claimed_rounds = Some(rounds);
        self
    }

    /// Another text in place of the family's list.
    pub fn family_list(mut self, text: &str) -> Self {
        self.family_list = Some(text.to_owned());
        self
    }

    /// Puts bytes at an offset of the address map behind its head.
    pub fn change_map(mut self, at: usize, bytes: &[u8]) -> Self {
        self.change_map.push((at, bytes.to_vec()));
        self
    }

    /// All physical volumes.
    pub fn build(&self) -> Built {
        let blocks = self.content.len().div_ceil(BLOCK) as u64;
        let pieces = self.pieces(blocks);
        let blocks_of = self.metadata_blocks(&pieces, blocks);
        let copy_blocks = (blocks_of.len() + 3).next_multiple_of(8) as u64 * (METADATA_BLOCK / BLOCK) as u64;
        // Data, metadata, the other two labels and the header again.
        let data_end = DATA + blocks + 8;
        let ends = [data_end + copy_blocks, data_end];
        let labels_end = data_end + 2 * copy_blocks;
        let pv_blocks = labels_end + 2 * LABEL_BLOCKS + 1;
        let labels = [1, 1 + LABEL_BLOCKS, labels_end, labels_end + LABEL_BLOCKS];
        let mut pvs: Vec<Vec<u8>> = (0..self.pvs).map(|_| vec![0; pv_blocks as usize * BLOCK]).collect();
        self.put_content(&mut pvs, &pieces);
        for (number, block) in blocks_of.iter().enumerate() {
            let mut block = block.clone();
            encrypt_metadata(number, &mut block);
            for start in ends {
                put(&mut pvs[0], start as usize * BLOCK + number * METADATA_BLOCK, &block);
            }
        }
        for (index, pv) in pvs.iter_mut().enumerate() {
            let header = header(index, pv_blocks, &labels);
            put(pv, 0, &header);
            put(pv, pv_blocks as usize * BLOCK - 512, &header);
            // The labels are written in turn, the one of the newest transaction first.
            for (label, txg) in labels.iter().zip([6u64, 3, 4, 5]) {
                let label_bytes = self.label(index, txg, (pv_blocks, copy_blocks), &ends);
                put(pv, *label as usize * BLOCK, label_bytes);
            }
        }
        let mut key_file = self.key_file_text().into_bytes();
        xts_encrypt_unit(&wipe_key(0), &[0; 16], 0, &mut key_file);
        let bytes = |start: u64, blocks: u64| start as usize * BLOCK..(start + blocks) as usize * BLOCK;
        Built {
            pvs,
            key_file,
            labels: labels.map(|start| bytes(start, LABEL_BLOCKS)),
            metadata: ends.map(|start| bytes(start, copy_blocks)),
            metadata_blocks: blocks_of,
        }
    }

    /// Where the blocks of the volume lie: pieces go round the physical volumes, the last one first.
    fn pieces(&self, blocks: u64) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut next = vec![DATA; self.pvs];
        let count = blocks.div_ceil(self.piece_blocks.min(blocks));
        for number in (0..count).rev() {
            let logical = number * self.piece_blocks.min(blocks);
            let count = self.piece_blocks.min(blocks - logical);
            let pv = number as usize % self.pvs;
            let plain = !self.is_encrypted || self.plain_pieces.contains(&(number as usize));
            pieces.push(Piece { logical, count, pv: pv as u16, block: next[pv], plain });
            next[pv] += count;
        }
        pieces.reverse();
        pieces
    }

    fn put_content(&self, pvs: &mut [Vec<u8>], pieces: &[Piece]) {
        let tweak = Sha256::digest([VOLUME_KEY, parse_uuid(FAMILY_UUID)].concat());
        for piece in pieces {
            let start = piece.logical as usize * BLOCK;
            let end = (start + piece.count as usize * BLOCK).min(self.content.len());
            let mut bytes = self.content[start..end].to_vec();
            if !piece.plain {
                xts_encrypt(&VOLUME_KEY, &tweak[..16], start as u64 / 512, &mut bytes);
            }
            put(&mut pvs[usize::from(piece.pv)], piece.block as usize * BLOCK, bytes);
        }
    }

    /// The blocks of the metadata, not encrypted. An older transaction comes first, with another name of the volume.
    fn metadata_blocks(&self, pieces: &[Piece], blocks: u64) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = Vec::new();
        let transactions = [(2, "Old name"), (3, "Volume")];
        for (txg, name) in transactions.into_iter().skip(usize::from(self.one_transaction)) {
            let mut objects: Vec<(u16, u64, Vec<u8>)> = vec![
                (0x0018, vaddr::SUPERBLOCK, pack![vaddr::FAMILY_TREE, 10_u64]),
                (0x0105, vaddr::FAMILY_TREE, pack![1_u64, vaddr::FAMILY]),
                (0x0305, vaddr::ADDRESS_MAP, self.address_map(pieces)),
                (0x0505, vaddr::UNUSED_SPACE, self.unused_space(blocks)),
                (0x001A, vaddr::VOLUME, self.volume(name)),
                (0x0205, vaddr::SNAPSHOT_TREE, pack![1_u64, 0_u64, vaddr::VOLUME]),
            ];
            objects.extend(self.family());
            out.push(block(0x0013, txg, 0, out.len(), [0; 128].to_vec(), false));
            let mut table = pack![(vaddr::MORE + 20) as u32];
            let mut addresses = vec![u64::MAX; vaddr::MORE as usize + 20];
            for (kind, object, body) in objects {
                addresses[object as usize] = 1 << 63 | out.len() as u64;
                let wiped = self.wiped && matches!(kind, 0x0019 | 0x0024);
                out.push(block(kind, txg, object, out.len(), body, wiped));
            }
            for address in addresses {
                table.extend(pack![address, 1_u32]);
            }
            out.push(block(0x0016, txg, 0, out.len(), table, false));
        }
        out
    }

    /// An entry of the address map.
    pub fn map_entry(&self, number: usize) -> Vec<u8> {
        let pieces = self.pieces(self.content.len().div_ceil(BLOCK) as u64);
        self.address_map(&pieces)[8 + number * 40..][..40].to_vec()
    }

    fn address_map(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut map = pack![pieces.len() as u64];
        for piece in pieces {
            let base = if self.relative { DATA } else { 0 };
            let address = (piece.block - base) | u64::from(piece.pv) << 48;
            map.extend(pack![0_u64, piece.logical, piece.count as u32, 0_u32, 0_u64, address]);
        }
        for (at, bytes) in &self.change_map {
            map.resize(map.len().max(at + bytes.len()), 0);
            put(&mut map, *at, bytes);
        }
        map
    }

    /// One record: the extent behind the volume, or where it begins.
    fn unused_space(&self, blocks: u64) -> Vec<u8> {
        if self.relative { pack![1_u64, blocks, DATA] } else { pack![1_u64, DATA + blocks, 8_u64] }
    }

    fn volume(&self, name: &str) -> Vec<u8> {
        let list = format!(
            "<dict><key>com.apple.corestorage.lv.familyUUID</key><string>{FAMILY_UUID}</string>\
             <key>com.apple.corestorage.lv.groupUUID</key><string>{GROUP_UUID}</string>\
             <key>com.apple.corestorage.lv.sequence</key><integer size=\"32\">0x3</integer>\
             <key>com.apple.corestorage.lv.contenthint</key><string>Apple_HFS</string>\
             <key>com.apple.corestorage.lv.name</key><string>{name}</string>\
             <key>com.apple.corestorage.lv.size</key><integer size=\"64\">{:#x}</integer>\
             <key>com.apple.corestorage.lv.uuid</key><string>{VOLUME_UUID}</string></dict>\0",
            self.content.len(),
        );
        let len = list.len() as u32;
        let mut body =
            pack![vaddr::FAMILY, vaddr::ADDRESS_MAP, 0_u64, 0_u64, 5_u64, vaddr::UNUSED_SPACE, 0_u64];
        body.extend(pack![len, len, 64_u32 + 120, len]);
        body.resize(120, 0);
        body.extend(list.as_bytes());
        body
    }

    /// The block of the family and those that continue it.
    fn family(&self) -> Vec<(u16, u64, Vec<u8>)> {
        let text = match &self.family_list {
            Some(text) => text.clone(),
            None => format!(
                "<dict ID=\"0\"><key>com.apple.corestorage.lvf.encryption.context</key>{}\
                 <key>com.apple.corestorage.lvf.groupUUID</key><string>{GROUP_UUID}</string>\
                 <key>com.apple.corestorage.lvf.uuid</key><string>{FAMILY_UUID}</string></dict>\0",
                self.context(),
            ),
        };
        let stored = match self.compressed {
            false => text.clone().into_bytes(),
            true => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap()
            }
        };
        let start = 944;
        let (here, rest) = stored.split_at(stored.len().min(METADATA_BLOCK - start));
        let parts: Vec<&[u8]> = rest.chunks(METADATA_BLOCK - 64 - 16).collect();
        let next = |number: usize| if number < parts.len() { vaddr::MORE + number as u64 } else { 0 };
        let mut body = pack![1_u64, 1_u64, 8_u64, vaddr::SNAPSHOT_TREE, next(0)];
        body.extend(pack![stored.len() as u32, text.len() as u32, start as u32, here.len() as u32]);
        body.resize(start - 64, 0);
        body.extend(here);
        let mut blocks = vec![(0x0019, vaddr::FAMILY, body)];
        for (number, part) in parts.iter().enumerate() {
            let mut body = pack![next(number + 1), part.len() as u32, 0_u32];
            body.extend(*part);
            blocks.push((0x0024, vaddr::MORE + number as u64, body));
        }
        blocks
    }

    fn label(
        &self,
        index: usize,
        txg: u64,
        (pv_blocks, copy_blocks): (u64, u64),
        copies: &[u64; 2],
    ) -> Vec<u8> {
        let mut list = format!(
            "<dict><key>com.apple.corestorage.label.sequence</key><integer size=\"32\">0x1</integer>\
             <key>com.apple.corestorage.lvg.uuid</key><string>{GROUP_UUID}</string>\
             <key>com.apple.corestorage.lvg.name</key><string>Group of the builder</string>\
             <key>com.apple.corestorage.lvg.physicalVolumes</key><array>"
        );
        for number in 0..self.pvs {
            write!(list, "<string>{}</string>", Built::pv_uuid(number)).unwrap();
        }
        list.push_str("</array></dict>\0");
        let mut body = pack![(LABEL_BLOCKS as usize * BLOCK) as u32, 3_u32];
        body.resize(156, 0);
        let len = list.len() as u32;
        body.extend(pack![
            METADATA_BLOCK as u32,
            METADATA_BLOCK as u32 + 48,
            len,
            len,
            0_u16,
            index as u16,
            pv_blocks
        ]);
        let mut label = block(0x0011, txg, 0, 0, body, false);
        label.extend(pack![0_u64, copy_blocks, 0_u64, 2_u64, copies[0], copies[1]]);
        label.extend(list.as_bytes());
        label
    }
}

fn encrypt_metadata(number: usize, block: &mut [u8]) {
    xts_encrypt_unit(&wipe_key(0), &parse_uuid(&Built::pv_uuid(0)), number as u64, block);
}

fn wipe_key(index: usize) -> [u8; 16] {
    [0x30 + index as u8; 16]
}

fn header(index: usize, pv_blocks: u64, labels: &[u64; 4]) -> Vec<u8> {
    let mut out = pack![pv_blocks * BLOCK as u64, 0_u64, 0_u64];
    out.extend(*b"CS");
    out.extend(pack![1_u16, 0_u16, 4_u16, BLOCK as u32, (LABEL_BLOCKS as usize * BLOCK) as u32]);
    labels.iter().for_each(|label| out.extend(pack![*label]));
    out.extend([0; 32]);
    out.extend(pack![16_u16, 0_u16, 2_u16, 0_u16]);
    out.extend(wipe_key(index));
    out.resize(304 - 64, 0);
    out.extend(parse_uuid(&Built::pv_uuid(index)));
    out.extend(parse_uuid(GROUP_UUID));
    with_head(0x0010, 1, (0, 0), out, 512)
}

/// A block of metadata with its checksum, or with the mark of a wiped one.
fn block(kind: u16, txg: u64, object: u64, number: usize, body: Vec<u8>, wiped: bool) -> Vec<u8> {
    let mut block = with_head(kind, txg, (object, number as u64), body, METADATA_BLOCK);
    if wiped {
        put(&mut block, 0, b"LVFwiped");
        block[64..].fill(0);
    }
    block
}

fn with_head(kind: u16, txg: u64, (object, number): (u64, u64), body: Vec<u8>, len: usize) -> Vec<u8> {
    let mut out =
        pack![0_u32, u32::MAX, 1_u16, kind, 0x01d7_0000_u32, txg, object, number, object, len as u32];
    out.resize(64, 0);
    out.extend(body);
    assert!(out.len() <= len, "{} bytes in a block of {len}", out.len());
    out.resize(len, 0);
    fix_checksum(&mut out);
    out
}

/// Makes the checksum of a block right.
pub fn fix_checksum(block: &mut [u8]) {
    const CRC_32C: Algorithm<u32> = Algorithm { xorout: 0, ..crc::CRC_32_ISCSI };
    let checksum = Crc::<u32>::new(&CRC_32C).checksum(&block[8..]);
    put(block, 0, checksum.to_le_bytes());
}
