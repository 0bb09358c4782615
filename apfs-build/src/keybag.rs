//! Keybags of containers and volumes, and the key blobs in them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::bytes::{pack, put};
use super::cipher::{wrap, xts_encrypt};
use super::encryption::{Encryption, Unlock};
use super::object::Header;

const CONTAINER_KEYBAG: u32 = 0x6b65_7973;
const VOLUME_KEYBAG: u32 = 0x7265_6373;
const VOLUME_KEY: u16 = 2;
const UNLOCK_RECORDS: u16 = 3;
const HINT: u16 = 4;
const COOKIE: u16 = 0xf8;

const HARDWARE: u32 = 1;
const CORE_STORAGE: u32 = 2;

/// One entry: id, tag, data.
type Entry = ([u8; 16], u16, Vec<u8>);

/// An encrypted volume as its container's keybag has it.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    pub uuid: [u8; 16],
    pub encryption: &'a Encryption,
    /// Block of the volume's own keybag.
    pub keybag: u64,
}

/// The container's keybag, as it lies in a block.
pub fn container_keybag(
    nx_uuid: [u8; 16],
    block: u64,
    xid: u64,
    members: &[Member<'_>],
    block_size: usize,
) -> Vec<u8> {
    let mut entries = vec![([0; 16], COOKIE, b"IMAKEYBAGCOOKIE!".to_vec())];
    for Member { uuid, encryption, keybag } in members {
        if !encryption.keyless {
            entries.push((*uuid, VOLUME_KEY, volume_key_blob(encryption)));
        }
        entries.push((*uuid, UNLOCK_RECORDS, pack![*keybag, 1_u64]));
    }
    let unaligned = members.iter().any(|member| member.encryption.unaligned);
    let plain = members.iter().any(|member| member.encryption.plain_keybags);
    encode(CONTAINER_KEYBAG, &entries, (nx_uuid, block, xid), (unaligned, plain), block_size)
}

/// A volume's keybag, as it lies in a block.
pub fn volume_keybag(member: &Member<'_>, xid: u64, block_size: usize) -> Vec<u8> {
    let Member { uuid, encryption, keybag } = member;
    let mut entries: Vec<Entry> = Vec::new();
    for (number, unlock) in encryption.unlocks.iter().enumerate() {
        let data = unlock.opaque.clone().unwrap_or_else(|| unlock_blob(unlock, number as u8, encryption));
        entries.push((unlock.uuid.unwrap_or(*uuid), UNLOCK_RECORDS, data));
    }
    if let Some(hint) = &encryption.hint {
        entries.push((*uuid, HINT, hint.clone().into_bytes()));
    }
    let form = (encryption.unaligned, encryption.plain_keybags);
    encode(VOLUME_KEYBAG, &entries, (*uuid, *keybag, xid), form, block_size)
}

fn encode(
    o_type: u32,
    entries: &[Entry],
    (uuid, block, xid): ([u8; 16], u64, u64),
    (unaligned, plain): (bool, bool),
    block_size: usize,
) -> Vec<u8> {
    let mut body = Vec::new();
    for (uuid, tag, data) in entries {
        body.extend_from_slice(uuid);
        body.extend(pack![*tag, data.len() as u16, 0_u32]);
        body.extend_from_slice(data);
        if !unaligned {
            body.resize(body.len().next_multiple_of(16), 0);
        }
    }
    let mut object = vec![0; block_size];
    put(&mut object, 0x20, pack![2_u16, entries.len() as u16, body.len() as u32 + 16]);
    put(&mut object, 0x30, &body);
    Header { o_oid: 0, o_xid: xid, o_type, o_subtype: 0 }.stamp(&mut object);
    if !plain {
        xts_encrypt(&uuid, &uuid, block * (block_size / 512) as u64, &mut object);
    }
    object
}

/// The key that unwraps the volume's.
fn key_key(encryption: &Encryption) -> Vec<u8> {
    let mut key = Sha256::digest(b"key of the key").to_vec();
    key.truncate(encryption.key.len());
    key
}

fn volume_key_blob(encryption: &Encryption) -> Vec<u8> {
    let wrapped = wrap(&key_key(encryption), encryption.foreign_key.as_ref().unwrap_or(&encryption.key));
    let mut more = Vec::new();
    if encryption.is_core_storage() {
        // Fields of a conversion that nobody needs; they make the blob long.
        more = element(0x86, &[7; 300]);
    }
    blob(
        encryption.key_uuid,
        flags(encryption.hardware_bound, 1, encryption),
        &wrapped,
        more,
        encryption.broken,
    )
}

fn unlock_blob(unlock: &Unlock, number: u8, encryption: &Encryption) -> Vec<u8> {
    let salt = [number ^ 0x5a; 16];
    let mut derived = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(unlock.password.as_bytes(), &salt, unlock.rounds, &mut derived);
    let key = if encryption.is_core_storage() { &derived[..16] } else { &derived };
    let wrapped = wrap(key, &key_key(encryption));
    let claimed = unlock.claimed_rounds.to_be_bytes();
    let zeros = claimed.iter().take_while(|byte| **byte == 0).count().min(7);
    // A DER number whose first bit is set would be negative.
    let sign: &[u8] = if claimed[zeros] >= 0x80 { &[0] } else { &[] };
    let more = [element(0x84, &[sign, &claimed[zeros..]].concat()), element(0x85, &salt)].concat();
    blob([number; 16], flags(unlock.hardware_bound, 2, encryption), &wrapped, more, unlock.broken)
}

fn flags(hardware_bound: bool, kind: u8, encryption: &Encryption) -> [u8; 8] {
    let mut flags = [0, 0, 0, 0, kind, 0x11, 0x22, 0x33];
    let converted = if encryption.is_core_storage() { CORE_STORAGE } else { 0 };
    put(&mut flags, 0, (converted | if hardware_bound { HARDWARE } else { 0 }).to_le_bytes());
    flags
}

fn blob(uuid: [u8; 16], flags: [u8; 8], wrapped: &[u8], more: Vec<u8>, broken: bool) -> Vec<u8> {
    let mut field = wrapped.to_vec();
    field.resize(40, 0);
    let inner =
        [element(0x80, &[0]), element(0x81, &uuid), element(0x82, &flags), element(0x83, &field), more];
    let inner = element(0xa3, &inner.concat());
    let salt = *b"hmacsalt";
    let key = Sha256::digest([&[0x01, 0x16, 0x20, 0x17, 0x15, 0x05], salt.as_slice()].concat());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(&inner);
    let mut code = mac.finalize().into_bytes();
    code[0] ^= u8::from(broken);
    let outer = [element(0x80, &[0]), element(0x81, &code), element(0x82, &salt), inner];
    let mut blob = element(0x30, &outer.concat());
    blob.resize(blob.len() + 4, 0);
    blob
}

/// A DER element with a definite length.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = match value.len() {
        len @ 0..=0x7f => vec![len as u8],
        len @ 0x80..=0xff => vec![0x81, len as u8],
        len => vec![0x82, (len >> 8) as u8, len as u8],
    };
    [&[tag], len.as_slice(), value].concat()
}
