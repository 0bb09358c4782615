//! Structures of CoreStorage as they lie on disk, little-endian but for ids (sheet corestorage).

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Head of every block of metadata (`metadata_header`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MetadataHeader {
    /// CRC-32C of the block from byte 8 on, not inverted.
    pub mh_cksum: U32,
    /// What the checksum starts from: all ones.
    pub mh_cksum_initial: U32,
    /// 1.
    pub mh_format_version: U16,
    /// `BLK_TYPE_*`.
    pub mh_blk_type: u8,
    /// What a tree is for: `BLK_SUBTYPE_*`.
    pub mh_blk_subtype: u8,
    /// Version of the software that wrote it.
    pub mh_bundle_version: U32,
    /// Transaction.
    pub mh_txg_id: U64,
    /// Object id.
    pub mh_vaddr: U64,
    /// Number of the block in the metadata.
    pub mh_laddr: U64,
    /// Object id of the tree's root or the list's head.
    pub mh_blk_owner: U64,
    /// Bytes of the block.
    pub mh_blk_size: U32,
    /// Flags.
    pub mh_blk_flags: u8,
    /// Zero.
    pub reserved: [u8; 11],
}

const _: () = assert!(size_of::<MetadataHeader>() == 64);

/// First and last bytes of a physical volume (`dk_vol_header`).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VolHeader {
    /// Type [`BLK_TYPE_VOLUME_HEADER`], 512 bytes.
    pub vh_header: MetadataHeader,
    /// Bytes of the physical volume.
    pub vh_pv_nbytes: U64,
    /// Not zero while it is resized.
    pub vh_pv_resize: U64,
    /// Bytes before it was resized.
    pub vh_old_pv_nbytes: U64,
    /// [`SIGNATURE`].
    pub vh_endianness: [u8; 2],
    /// [`CKSUM_CRC32C`].
    pub vh_cksum_alg: U16,
    /// Zero.
    pub reserved2: U16,
    /// Disk labels, at most 4.
    pub vh_num_labels: U16,
    /// Bytes of a block: the unit of all addresses on a physical volume.
    pub vh_blksz: U32,
    /// Bytes set aside for a disk label.
    pub vh_label_max_nbytes: U32,
    /// Blocks that the disk labels begin at.
    pub vh_label_addr: [U64; 4],
    /// Where they are moved to.
    pub vh_move_label_addr: [U64; 4],
    /// Bytes of the keys of the metadata.
    pub vh_wipe_key_nbytes: [U16; 2],
    /// How they are used: [`WIPE_KEY_AES_XTS`].
    pub vh_wipe_key_alg: [U16; 2],
    /// Keys of the metadata.
    pub vh_wipe_key: [[u8; 64]; 2],
    /// Id of the physical volume; also the second key of the metadata.
    pub vh_pv_uuid: [u8; 16],
    /// Id of the volume group.
    pub vh_lvg_uuid: [u8; 16],
    /// Zero.
    pub reserved3: [u8; 176],
}

const _: () = assert!(size_of::<VolHeader>() == VOL_HEADER_LEN);

/// A disk label behind the head of its first block.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DiskLabel {
    /// Bytes of the label, heads of blocks included.
    pub nbytes: U32,
    /// Not understood; a checksum of unknown extent among it.
    pub unknown: [u8; 152],
    /// Where the [`GroupDescriptor`] begins, from the start of the label.
    pub descriptor_offset: U32,
    /// Where the property list begins, from the start of the label.
    pub plist_offset: U32,
    /// Bytes of the property list.
    pub plist_nbytes: U32,
    /// The same again.
    pub plist_nbytes_copy: U32,
    /// Not understood.
    pub unknown2: U16,
    /// Number of the physical volume in its group.
    pub pv_index: U16,
    /// Blocks of the physical volume.
    pub pv_blocks: U64,
}

const _: () = assert!(size_of::<DiskLabel>() == 184);

/// Where the encrypted metadata lie. A property list follows.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct GroupDescriptor {
    /// Zero.
    pub reserved: U64,
    /// Blocks of each copy.
    pub blocks: U64,
    /// Zero.
    pub reserved2: U64,
    /// Copies: 2.
    pub copies: U64,
    /// First block of each copy: a [`PvAddress`].
    pub addresses: [U64; 2],
}

const _: () = assert!(size_of::<GroupDescriptor>() == 48);

/// An entry of a virtual address table, which is a number of entries (4 bytes) and the entries: where the object of that
/// number lies.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AddressEntry {
    /// Block in the metadata and [`ADDRESS_IN_USE`].
    pub laddr: U64,
    /// 1.
    pub count: U32,
}

const _: () = assert!(size_of::<AddressEntry>() == 12);

/// Start of the block of a logical volume family behind its head, [`BLK_TYPE_FAMILY`].
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FamilyBlock {
    /// Not understood.
    pub unknown: [u8; 32],
    /// Object that continues the property list; 0 for none.
    pub next: U64,
    /// The property list.
    pub plist: PlistPart,
}

const _: () = assert!(size_of::<FamilyBlock>() == 56);

/// Start of the block of a logical volume behind its head, [`BLK_TYPE_VOLUME`].
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VolumeBlock {
    /// Object id of its family.
    pub family: U64,
    /// Object id of the root of its address map.
    pub address_map: U64,
    /// Zero.
    pub reserved: [u8; 16],
    /// Object id of its summary of free space.
    pub free_space: U64,
    /// Object id of the root of its tree of unused space.
    pub unused_space: U64,
    /// Zero.
    pub reserved2: U64,
    /// The property list.
    pub plist: PlistPart,
}

const _: () = assert!(size_of::<VolumeBlock>() == 72);

/// A property list in a block, or the beginning of one.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PlistPart {
    /// Bytes of all parts together.
    pub stored_nbytes: U32,
    /// Bytes of the list. Not compressed if they are as many, else with zlib.
    pub nbytes: U32,
    /// Where it begins, from the start of the block's head.
    pub offset: U32,
    /// Bytes in this block.
    pub nbytes_here: U32,
}

const _: () = assert!(size_of::<PlistPart>() == 16);

/// Start of a block that continues a property list behind its head, [`BLK_TYPE_FAMILY_MORE`]. The part follows.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ContinuationBlock {
    /// Object that continues it further; 0 for none.
    pub next: U64,
    /// Bytes in this block behind this.
    pub nbytes: U32,
    /// Not understood.
    pub unknown: U32,
}

const _: () = assert!(size_of::<ContinuationBlock>() == 16);

/// An entry of an address map: blocks of a logical volume that follow one another on a physical one.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MapEntry {
    /// Zero.
    pub reserved: U64,
    /// First block in the logical volume.
    pub logical: U64,
    /// How many.
    pub count: U32,
    /// 0 or 0x0040_0000; not understood.
    pub flags: U32,
    /// Zero.
    pub reserved2: U64,
    /// First block on the physical volume: a [`PvAddress`].
    pub address: U64,
}

const _: () = assert!(size_of::<MapEntry>() == 40);

/// An entry of a tree of unused space.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct UnusedEntry {
    /// First block, or how many.
    pub first: U64,
    /// How many, or the first block: a [`PvAddress`].
    pub second: U64,
}

const _: () = assert!(size_of::<UnusedEntry>() == 16);

/// Block 48 bits wide and, above it, the number of its physical volume in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PvAddress {
    /// Number of the physical volume.
    pub pv: u16,
    /// Block on it.
    pub block: u64,
}

impl PvAddress {
    /// The two parts of a stored number.
    #[must_use]
    pub fn new(stored: u64) -> PvAddress {
        let [a, b, c, d, e, f, g, h] = stored.to_le_bytes();
        PvAddress { pv: u16::from_le_bytes([g, h]), block: u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) }
    }
}

/// Start of `PassphraseWrappedKEKStruct`: a key that a password unwraps.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PassphraseWrappedKek {
    /// 3.
    pub salt_type: U32,
    /// 16.
    pub salt_nbytes: U32,
    /// Salt of PBKDF2.
    pub salt: [u8; 16],
    /// 16.
    pub key_type: U32,
    /// 24.
    pub key_nbytes: U32,
    /// The key that wraps the volume's, wrapped.
    pub key: [u8; 24],
    /// Not understood.
    pub unknown: [u8; 112],
    /// Rounds of PBKDF2.
    pub rounds: U32,
}

const _: () = assert!(size_of::<PassphraseWrappedKek>() == 172);

/// Start of `KEKWrappedVolumeKeyStruct`.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct KekWrappedVolumeKey {
    /// 2.
    pub key_type: U32,
    /// 24.
    pub key_nbytes: U32,
    /// The volume's key, wrapped.
    pub key: [u8; 24],
}

const _: () = assert!(size_of::<KekWrappedVolumeKey>() == 32);

/// Bytes of a [`VolHeader`].
pub const VOL_HEADER_LEN: usize = 512;
/// Bytes of a block of metadata.
pub const METADATA_BLOCK: usize = 8192;
/// [`VolHeader::vh_endianness`].
pub const SIGNATURE: [u8; 2] = *b"CS";
/// [`VolHeader::vh_cksum_alg`].
pub const CKSUM_CRC32C: u16 = 1;
/// [`VolHeader::vh_wipe_key_alg`].
pub const WIPE_KEY_AES_XTS: u16 = 2;
/// In place of the checksum: the content was wiped.
pub const WIPED: [u8; 8] = *b"LVFwiped";

/// Leaf of a tree.
pub const BLK_TYPE_LEAF: u8 = 4;
/// Root of a tree that has no other node.
pub const BLK_TYPE_ROOT_LEAF: u8 = 5;
/// Header of a physical volume.
pub const BLK_TYPE_VOLUME_HEADER: u8 = 0x10;
/// Disk label.
pub const BLK_TYPE_DISK_LABEL: u8 = 0x11;
/// Virtual address table.
pub const BLK_TYPE_ADDRESS_TABLE: u8 = 0x16;
/// Logical volume family.
pub const BLK_TYPE_FAMILY: u8 = 0x19;
/// Logical volume.
pub const BLK_TYPE_VOLUME: u8 = 0x1A;
/// What did not fit into the block of a family.
pub const BLK_TYPE_FAMILY_MORE: u8 = 0x24;

/// Bit of an [`AddressEntry`]: the object exists.
pub const ADDRESS_IN_USE: u64 = 1 << 63;

/// Tree of a logical volume's address map.
pub const BLK_SUBTYPE_ADDRESS_MAP: u8 = 3;
/// Tree of a logical volume's unused space.
pub const BLK_SUBTYPE_UNUSED_SPACE: u8 = 5;

/// User of a personal recovery key (sheet apfs-07: APFS took the ids of special users over).
pub const PERSONAL_RECOVERY_USER: [u8; 16] = id(0xEBC6_C064_0000_11AA_AA11_0030_6543_ECAC);
/// User of an institutional recovery key.
pub const INSTITUTIONAL_RECOVERY_USER: [u8; 16] = id(0xC064_EBC6_0000_11AA_AA11_0030_6543_ECAC);
/// User of an institution.
pub const INSTITUTIONAL_USER: [u8; 16] = id(0x2FA3_1400_BAFF_4DE7_AE2A_C3AA_6E1F_D340);
/// User of a recovery key kept in an iCloud account.
pub const ICLOUD_RECOVERY_USER: [u8; 16] = id(0x64C0_C6EB_0000_11AA_AA11_0030_6543_ECAC);
/// User by an iCloud account.
pub const ICLOUD_USER: [u8; 16] = id(0xEC1C_2AD9_B618_4ED6_BD8D_50F3_61C2_7507);

const fn id(number: u128) -> [u8; 16] {
    number.to_be_bytes()
}
