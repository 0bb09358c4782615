//! How a volume is encrypted, and what opens it.

use sha2::{Digest, Sha256};

use super::bytes::pack;
use super::cipher::xts_encrypt;

pub const PERSONAL_RECOVERY: &str = "EBC6C064-0000-11AA-AA11-00306543ECAC";
pub const INSTITUTIONAL_RECOVERY: &str = "C064EBC6-0000-11AA-AA11-00306543ECAC";
pub const INSTITUTIONAL_USER: &str = "2FA31400-BAFF-4DE7-AE2A-C3AA6E1FD340";
pub const ICLOUD_RECOVERY: &str = "64C0C6EB-0000-11AA-AA11-00306543ECAC";
pub const ICLOUD_USER: &str = "EC1C2AD9-B618-4ED6-BD8D-50F361C27507";

/// One unlock record.
#[derive(Clone, Debug)]
pub struct Unlock {
    /// `None`: the volume's own, which stands for a disk password.
    pub uuid: Option<[u8; 16]>,
    pub password: String,
    pub rounds: u32,
    /// What the record says of its rounds.
    pub claimed_rounds: u64,
    pub hardware_bound: bool,
    /// Breaks the HMAC of the blob.
    pub broken: bool,
    /// The record's data in place of a blob: something wrapped with a public key.
    pub opaque: Option<Vec<u8>>,
}

impl Unlock {
    fn new(uuid: Option<[u8; 16]>, password: &str) -> Self {
        let (password, rounds) = (password.to_owned(), 10);
        let claimed_rounds = u64::from(rounds);
        Unlock { uuid, password, rounds, claimed_rounds, hardware_bound: false, broken: false, opaque: None }
    }

    /// The password of a disk.
    pub fn disk(password: &str) -> Self {
        Unlock::new(None, password)
    }

    /// A user's login password.
    pub fn user(number: u8, password: &str) -> Self {
        Unlock::new(Some([number; 16]), password)
    }

    /// A record of a kind that an id stands for.
    pub fn of(uuid: &str, password: &str) -> Self {
        Unlock::new(Some(parse_uuid(uuid)), password)
    }

    /// A record that no password opens.
    pub fn opaque(uuid: &str) -> Self {
        let mut unlock = Unlock::of(uuid, "");
        unlock.opaque = Some(vec![0xab; 256]);
        unlock
    }

    /// Changes anything.
    pub fn with(mut self, change: impl FnOnce(&mut Unlock)) -> Self {
        change(&mut self);
        self
    }
}

/// Encryption of a volume with one key.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// The volume's key: 32 bytes, 16 after a conversion from CoreStorage.
    pub key: Vec<u8>,
    /// Id of the key.
    pub key_uuid: [u8; 16],
    /// Blocks that the tweaks of file data lie below their blocks.
    pub shift: u64,
    pub unlocks: Vec<Unlock>,
    pub hint: Option<String>,
    /// The volume's key is bound to hardware.
    pub hardware_bound: bool,
    /// Entries of the keybags follow one another without alignment.
    pub unaligned: bool,
    /// Keybags that are not encrypted.
    pub plain_keybags: bool,
    /// Breaks the HMAC of the volume key's blob.
    pub broken: bool,
    /// No entry for the volume's key.
    pub keyless: bool,
    /// A key that is wrapped in place of the volume's: all checks pass, and nothing decrypts.
    pub foreign_key: Option<Vec<u8>>,
}

impl Encryption {
    /// As macOS formats an encrypted volume.
    pub fn native(unlocks: impl Into<Vec<Unlock>>) -> Self {
        let digest = Sha256::digest(b"volume key");
        Encryption {
            key: digest.to_vec(),
            key_uuid: *b"id of volume key",
            shift: 0,
            unlocks: unlocks.into(),
            hint: None,
            hardware_bound: false,
            unaligned: false,
            plain_keybags: false,
            broken: false,
            keyless: false,
            foreign_key: None,
        }
    }

    /// As macOS converts an HFS+ volume under FileVault.
    pub fn core_storage(unlocks: impl Into<Vec<Unlock>>) -> Self {
        let mut encryption = Encryption::native(unlocks);
        encryption.key.truncate(16);
        encryption.shift = 5;
        encryption
    }

    /// Changes anything.
    pub fn with(mut self, change: impl FnOnce(&mut Encryption)) -> Self {
        change(&mut self);
        self
    }

    pub fn is_core_storage(&self) -> bool {
        self.key.len() == 16
    }

    /// The number a block of file data has for the cipher.
    pub fn tweak_of(&self, block: u64) -> u64 {
        block.wrapping_sub(self.shift)
    }

    /// Encrypts blocks in place, `tweak` being the first one's number for the cipher.
    pub fn encrypt(&self, tweak: u64, block_size: usize, blocks: &mut [u8]) {
        let first = tweak * (block_size / 512) as u64;
        if self.is_core_storage() {
            let second = Sha256::digest([self.key.as_slice(), &self.key_uuid].concat());
            xts_encrypt(&self.key, &second[..16], first, blocks);
        } else {
            xts_encrypt(&self.key[..16], &self.key[16..], first, blocks);
        }
    }
}

/// An id as `diskutil` writes it.
pub fn parse_uuid(text: &str) -> [u8; 16] {
    let digits = u128::from_str_radix(&text.replace('-', ""), 16).unwrap();
    digits.to_be_bytes()
}

/// `er_state_phys_t`, its header still to be stamped: version 1 or 2, blocks done and in all.
pub fn er_state(version: u32, done: u64, total: u64, block_size: usize) -> Vec<u8> {
    const MAGIC: u32 = 0x464c_4142;
    const ENCRYPTING: u64 = 1;
    let head = pack![MAGIC, version, ENCRYPTING, 0_u64, 0_u64, 0_u64];
    let tail = if version == 1 { pack![0_u64, 0_u64, done, total] } else { pack![done, total] };
    let mut object = vec![0; 0x20];
    object.extend([head, tail].concat());
    object.resize(block_size, 0);
    object
}
