//! Keybags (sheet apfs-07, sections 2 and 3).

use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Head of a keybag behind its object header (`kb_locker_t`); entries follow.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct KbLocker {
    /// 2.
    pub kl_version: U16,
    /// Entries.
    pub kl_nkeys: U16,
    /// Bytes: on images with this head, in the public reference without it.
    pub kl_nbytes: U32,
    /// Zero.
    pub padding: [u8; 8],
}

const _: () = assert!(size_of::<KbLocker>() == 16);

/// Head of an entry (`keybag_entry_t`); its data follows.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct KeybagEntry {
    /// Volume or user that it is about.
    pub ke_uuid: [u8; 16],
    /// `KB_TAG_*`.
    pub ke_tag: U16,
    /// Bytes of data.
    pub ke_keylen: U16,
    /// Zero.
    pub padding: U32,
}

const _: () = assert!(size_of::<KeybagEntry>() == 24);

/// `kl_version` of every released version.
pub const APFS_KEYBAG_VERSION: u16 = 2;

/// Container keybag: `o_type`, all of it.
pub const OBJECT_TYPE_CONTAINER_KEYBAG: u32 = 0x6B65_7973;
/// Volume keybag: `o_type`, all of it.
pub const OBJECT_TYPE_VOLUME_KEYBAG: u32 = 0x7265_6373;

/// Container keybag: wrapped key of a volume.
pub const KB_TAG_VOLUME_KEY: u16 = 2;
/// Container keybag: where the keybag of a volume lies. Volume keybag: a wrapped key that unwraps the volume's.
pub const KB_TAG_VOLUME_UNLOCK_RECORDS: u16 = 3;
/// Volume keybag: hint to the password.
pub const KB_TAG_VOLUME_PASSPHRASE_HINT: u16 = 4;
/// Highest tag in use, but for [`KB_TAG_RESERVED_F8`].
pub const KB_TAG_LAST: u16 = 7;
/// Marks a container keybag with a text.
pub const KB_TAG_RESERVED_F8: u16 = 0xF8;

/// Record of a personal recovery key.
pub const APFS_FV_PERSONAL_RECOVERY_KEY_UUID: [u8; 16] = id(0xEBC6_C064_0000_11AA_AA11_0030_6543_ECAC);
/// Record of an institutional recovery key.
pub const APFS_FV_INSTITUTIONAL_RECOVERY_KEY_UUID: [u8; 16] = id(0xC064_EBC6_0000_11AA_AA11_0030_6543_ECAC);
/// Record of an institutional user.
pub const APFS_FV_INSTITUTIONAL_USER_UUID: [u8; 16] = id(0x2FA3_1400_BAFF_4DE7_AE2A_C3AA_6E1F_D340);
/// Record of a recovery key kept in an iCloud account.
pub const APFS_FV_ICLOUD_RECOVERY_KEY_UUID: [u8; 16] = id(0x64C0_C6EB_0000_11AA_AA11_0030_6543_ECAC);
/// Record of an iCloud user.
pub const APFS_FV_ICLOUD_USER_UUID: [u8; 16] = id(0xEC1C_2AD9_B618_4ED6_BD8D_50F3_61C2_7507);

const fn id(number: u128) -> [u8; 16] {
    number.to_be_bytes()
}

/// Key blob flag: the key is bound to the hardware.
pub const KEY_BLOB_HARDWARE: u32 = 1;
/// Key blob flag: an AES-128 key of CoreStorage, taken over by a conversion.
pub const KEY_BLOB_CORE_STORAGE: u32 = 2;
