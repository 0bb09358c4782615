//! Version 1: the header at the end of the file, `cdsaencr` (sheet dmg, section 6).

use alloc::boxed::Box;
use alloc::vec::Vec;

use zerocopy::IntoBytes;
use zeroize::Zeroizing;

use super::header::{Header, Lock, check_block_size, key_len};
use super::info::EncryptionInfo;
use super::keys::{DataKeys, HMAC_KEY_LEN};
use super::password::{Password, require};
use super::raw::{
    ALGORITHM_3DES, ALGORITHM_AES, MAC_OFFSET, MODE_CBC, MODE_CBC_PAD, PADDING_PKCS7, PRF_HMAC_SHA1,
    SIGNATURE_V1, TrailerV1, WrappedKey,
};
use crate::base::bytes::{get, len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::crypto::cbc::decrypt_3des;
use crate::crypto::mac::HmacSha1;
use crate::image::format::Format;
use crate::io::read_at::ReadAt;

/// Name of the header in messages.
const TRAILER: &str = "cdsaencr trailer";
/// Initialization vector of the outer layer of a wrapped key (RFC 2630, 12.6).
const WRAP_IV: [u8; 8] = [0x4A, 0xDD, 0xA2, 0x2C, 0x79, 0xE8, 0x21, 0x05];

/// True if a device ends with such a header.
pub(super) fn is_here(device: &dyn ReadAt) -> Result<bool> {
    let mut end = SIGNATURE_V1;
    if device.len() < len64(size_of::<TrailerV1>()) {
        return Ok(false);
    }
    device.read_exact_at(device.len().saturating_sub(len64(end.len())), &mut end)?;
    Ok(end == SIGNATURE_V1)
}

/// Reads the header.
pub(super) fn read(device: &dyn ReadAt) -> Result<Header> {
    let end = device.len().saturating_sub(len64(size_of::<TrailerV1>()));
    let mut bytes = zeroed(size_of::<TrailerV1>())?;
    device.read_exact_at(end, &mut bytes)?;
    let raw = pod::<TrailerV1>(&bytes).ok_or(Error::Misuse("a header was read whole"))?;
    require("header version", raw.version.get(), 1)?;
    require("cipher", raw.encryption_algorithm.get(), ALGORITHM_AES)?;
    require("cipher mode", raw.encryption_mode.get(), MODE_CBC)?;
    require("initialization vectors of function", raw.hmac_algorithm.algorithm.get(), PRF_HMAC_SHA1)?;
    let key_bits = raw.key_bits.get();
    let key_len = key_len(key_bits, TRAILER)?;
    let lock = match PasswordLock::new(raw, key_len) {
        Ok(lock) => Lock::PasswordV1(Box::new(lock)),
        Err(error) => Lock::Unreadable(error),
    };
    let info = EncryptionInfo {
        format: Format::EncryptedV1,
        uuid: Uuid(raw.uuid),
        key_bits,
        block_size: check_block_size(raw.block_size.get(), TRAILER)?,
        len: raw.data_size.get(),
        methods: alloc::vec![lock.method()],
    };
    Ok(Header { info, key_len, data: 0..end, locks: alloc::vec![lock] })
}

/// The keys of the data, wrapped by a password, and the key of the header's own code.
#[derive(Debug)]
pub(super) struct PasswordLock {
    pub(super) password: Password,
    key_len: usize,
    data_key: Vec<u8>,
    hmac_key: Vec<u8>,
    integrity_key: Vec<u8>,
    /// What the code covers.
    covered: Vec<u8>,
    code: Vec<u8>,
}

impl PasswordLock {
    fn new(raw: &TrailerV1, key_len: usize) -> Result<PasswordLock> {
        require("key wrapping", raw.wrap_algorithm.get(), ALGORITHM_3DES)?;
        require("key wrapping of bits", raw.wrap_key_bits.get(), 192)?;
        require("key wrapping of padding", raw.wrap_padding.get(), PADDING_PKCS7)?;
        require("key wrapping of mode", raw.wrap_mode.get(), MODE_CBC_PAD)?;
        require("integrity function", raw.integrity_algorithm.algorithm.get(), PRF_HMAC_SHA1)?;
        let part = |bytes: &[u8], len: u32, field| -> Result<Vec<u8>> {
            let part = get(bytes, 0, to_usize(u64::from(len))?).map(<[u8]>::to_vec);
            let corrupt = || Corrupt::new(Damage::Bounds, Place::new(TRAILER, field)).found(len);
            part.ok_or_else(|| corrupt().into())
        };
        let key = |key: &WrappedKey, field| part(&key.bytes, key.len.get(), field);
        Ok(PasswordLock {
            password: Password::parse(&raw.kdf, TRAILER)?,
            key_len,
            data_key: key(&raw.data_key, "length of the wrapped key")?,
            hmac_key: key(&raw.hmac_key, "length of the wrapped HMAC key")?,
            integrity_key: key(&raw.integrity_key, "length of the wrapped integrity key")?,
            covered: get(raw.as_bytes(), 0, MAC_OFFSET).unwrap_or(&[]).to_vec(),
            code: part(&raw.mac, raw.mac_len.get(), "length of the code")?,
        })
    }

    /// The keys; `None` if the password is wrong. Padding can be right by chance: the code of the header decides.
    pub(super) fn open(&self, password: &[u8], limits: &Limits) -> Result<Option<DataKeys>> {
        let key = self.password.derive(password, limits)?;
        let keys = || {
            let integrity = HmacSha1::new(&unwrap(&key, &self.integrity_key, HMAC_KEY_LEN)?)?;
            let data = unwrap(&key, &self.data_key, self.key_len)?;
            let hmac = unwrap(&key, &self.hmac_key, HMAC_KEY_LEN)?;
            integrity.is(&self.covered, &self.code).then(|| DataKeys::new(&data, &hmac)).flatten()
        };
        Ok(keys())
    }
}

/// Unwraps a key of `len` bytes (RFC 2630, section 12.6, as CSSM does it: with padding, and with the length of a
/// description before the key, which is none). `None` if the wrapping key is wrong.
fn unwrap(key: &[u8; 24], wrapped: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut outer = decrypt_3des(key, &WRAP_IV, wrapped)?;
    outer.reverse();
    let (iv, inner) = outer.split_first_chunk()?;
    let mut plain = decrypt_3des(key, iv, inner)?;
    let (description, found) = plain.split_at_checked(4)?;
    if description != [0; 4] || found.len() != len {
        return None;
    }
    plain.drain(..4);
    Some(plain)
}
