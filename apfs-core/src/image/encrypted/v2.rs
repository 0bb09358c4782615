//! Version 2: the header at the start of the file, `encrcdsa` (sheet dmg, section 5).

use alloc::vec::Vec;

use super::header::{Header, Lock, check_block_size, key_len};
use super::info::EncryptionInfo;
use super::keys::{DataKeys, HMAC_KEY_LEN};
use super::password::{Password, require};
use super::raw::{
    ALGORITHM_3DES, ALGORITHM_AES, HeaderV2, KEY_CERTIFICATE, KEY_PASSWORD, KeyPointer, MODE_CBC,
    MODE_CBC_PAD, PADDING_PKCS7, PRF_HMAC_SHA1, PasswordRecord, SIGNATURE_V2,
};
use crate::base::bytes::{get, len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::crypto::cbc::decrypt_3des;
use crate::image::format::Format;
use crate::io::read_at::ReadAt;

/// Name of the header in messages.
const HEADER: &str = "encrcdsa header";
/// Name of a record in messages.
const RECORD: &str = "encrcdsa password record";
/// Longest wrapped keys; 64 bytes are usual.
const MAX_BLOB: u32 = 1024;
/// What stands behind the keys when they were unwrapped rightly.
const CHECK: &[u8] = b"CKIE\0";

/// True if a device starts with such a header.
pub(super) fn is_here(device: &dyn ReadAt) -> Result<bool> {
    let mut start = SIGNATURE_V2;
    if device.len() < len64(start.len()) {
        return Ok(false);
    }
    device.read_exact_at(0, &mut start)?;
    Ok(start == SIGNATURE_V2)
}

/// Reads the header.
pub(super) fn read(device: &dyn ReadAt, limits: &Limits) -> Result<Header> {
    let bytes = read_bytes(device, 0, len64(size_of::<HeaderV2>()), HEADER)?;
    let raw = pod::<HeaderV2>(&bytes).ok_or(Error::Misuse("a header was read whole"))?;
    require("header version", raw.version.get(), 2)?;
    require("cipher", raw.encryption_algorithm.get(), ALGORITHM_AES)?;
    require("cipher mode", raw.encryption_mode.get(), MODE_CBC)?;
    require("initialization vectors of function", raw.prf_algorithm.get(), PRF_HMAC_SHA1)?;
    let key_bits = raw.key_bits.get();
    let key_len = key_len(key_bits, HEADER)?;
    let (count, limit) = (raw.key_count.get(), limits.unlock_attempts);
    if count > limit {
        return Err(Error::limit("keys of an encrypted disk image", u64::from(limit), u64::from(count)));
    }
    let pointers = u64::from(count).saturating_mul(len64(size_of::<KeyPointer>()));
    let pointers = read_bytes(device, len64(size_of::<HeaderV2>()), pointers, HEADER)?;
    let pointers = pointers.chunks_exact(size_of::<KeyPointer>()).filter_map(pod::<KeyPointer>);
    let locks: Vec<Lock> = pointers
        .map(|pointer| match pointer.key_type.get() {
            KEY_PASSWORD => match PasswordLock::read(device, pointer, key_len) {
                Ok(lock) => Lock::PasswordV2(lock),
                Err(error) => Lock::Unreadable(error),
            },
            KEY_CERTIFICATE => Lock::Certificate,
            other => Lock::Other(other),
        })
        .collect();
    let info = EncryptionInfo {
        format: Format::EncryptedV2,
        uuid: Uuid(raw.uuid),
        key_bits,
        block_size: check_block_size(raw.block_size.get(), HEADER)?,
        len: raw.data_size.get(),
        methods: locks.iter().map(Lock::method).collect(),
    };
    let start = raw.data_offset.get();
    Ok(Header { info, key_len, data: start..device.len().max(start), locks })
}

fn read_bytes(device: &dyn ReadAt, at: u64, len: u64, structure: &'static str) -> Result<Vec<u8>> {
    if at.checked_add(len).is_none_or(|end| end > device.len()) {
        return Err(Error::damage(Damage::Bounds, Place::new(structure, "").offset(at)));
    }
    let mut bytes = zeroed(to_usize(len)?)?;
    device.read_exact_at(at, &mut bytes)?;
    Ok(bytes)
}

/// The keys of the data, wrapped by a password.
#[derive(Debug)]
pub(super) struct PasswordLock {
    pub(super) password: Password,
    key_len: usize,
    iv: [u8; 8],
    blob: Vec<u8>,
}

impl PasswordLock {
    fn read(device: &dyn ReadAt, pointer: &KeyPointer, key_len: usize) -> Result<PasswordLock> {
        let (at, size) = (pointer.offset.get(), pointer.size.get());
        let place = |field| Place::new(RECORD, field).offset(at);
        let len = len64(size_of::<PasswordRecord>());
        let rest =
            size.checked_sub(len).ok_or_else(|| Corrupt::new(Damage::Bounds, place("size")).found(size))?;
        let bytes = read_bytes(device, at, len, RECORD)?;
        let raw = pod::<PasswordRecord>(&bytes).ok_or(Error::Misuse("a record was read whole"))?;
        let password = Password::parse(&raw.kdf, RECORD)?;
        require("key wrapping", raw.blob_algorithm.get(), ALGORITHM_3DES)?;
        require("key wrapping of bits", raw.blob_key_bits.get(), 192)?;
        require("key wrapping of padding", raw.blob_padding.get(), PADDING_PKCS7)?;
        require("key wrapping of mode", raw.blob_mode.get(), MODE_CBC_PAD)?;
        require("key wrapping of vector size", raw.blob_iv_size.get(), 8)?;
        let blob_len = raw.blob_len.get();
        if blob_len > MAX_BLOB || u64::from(blob_len) > rest {
            return Err(Corrupt::new(Damage::Bounds, place("blob length")).found(blob_len).into());
        }
        let blob = read_bytes(device, at.saturating_add(len), u64::from(blob_len), RECORD)?;
        let iv = *raw.blob_iv.first_chunk().ok_or(Error::Misuse("an array is long enough"))?;
        Ok(PasswordLock { password, key_len, iv, blob })
    }

    /// The keys; `None` if the password is wrong. Padding alone is right for one wrong password of 256: what stands
    /// behind the keys decides.
    pub(super) fn open(&self, password: &[u8], limits: &Limits) -> Result<Option<DataKeys>> {
        let key = self.password.derive(password, limits)?;
        let plain = decrypt_3des(&key, &self.iv, &self.blob);
        let keys = plain.as_ref().and_then(|plain| {
            let len = self.key_len.checked_add(HMAC_KEY_LEN)?;
            let is_right = plain.get(len..) == Some(CHECK);
            is_right.then(|| DataKeys::from_bytes(get(plain, 0, len)?)).flatten()
        });
        Ok(keys)
    }
}
