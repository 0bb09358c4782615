//! Headers of encrypted disk images as they lie in the file; all numbers big-endian (sheet dmg, sections 5 and 6).

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Start of a file of version 2.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct HeaderV2 {
    /// [`SIGNATURE_V2`].
    pub(super) signature: [u8; 8],
    /// 2.
    pub(super) version: U32,
    pub(super) enc_iv_size: U32,
    /// [`MODE_CBC`].
    pub(super) encryption_mode: U32,
    /// [`ALGORITHM_AES`].
    pub(super) encryption_algorithm: U32,
    pub(super) key_bits: U32,
    /// [`PRF_HMAC_SHA1`].
    pub(super) prf_algorithm: U32,
    pub(super) prf_key_bits: U32,
    pub(super) uuid: [u8; 16],
    pub(super) block_size: U32,
    /// Bytes of plain text.
    pub(super) data_size: U64,
    /// Where the first block lies in the file.
    pub(super) data_offset: U64,
    /// How many [`KeyPointer`]s follow.
    pub(super) key_count: U32,
}

/// Where the record of one key lies.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct KeyPointer {
    pub(super) key_type: U32,
    pub(super) offset: U64,
    pub(super) size: U64,
}

/// [`KeyPointer::key_type`] of a [`PasswordRecord`].
pub(super) const KEY_PASSWORD: u32 = 1;
/// [`KeyPointer::key_type`] of a key wrapped for a certificate.
pub(super) const KEY_CERTIFICATE: u32 = 2;

/// Keys wrapped by a password.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PasswordRecord {
    pub(super) kdf: Kdf,
    pub(super) blob_iv_size: U32,
    pub(super) blob_iv: [u8; 32],
    pub(super) blob_key_bits: U32,
    pub(super) blob_algorithm: U32,
    pub(super) blob_padding: U32,
    pub(super) blob_mode: U32,
    /// Bytes that follow.
    pub(super) blob_len: U32,
}

/// How the wrapping key is made of the password.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Kdf {
    /// [`KDF_PBKDF2`].
    pub(super) algorithm: U32,
    /// [`PRNG_SHA1_HMAC`].
    pub(super) prng: U32,
    pub(super) rounds: U32,
    pub(super) salt_len: U32,
    pub(super) salt: [u8; 32],
}

/// End of a file of version 1.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct TrailerV1 {
    pub(super) uuid: [u8; 16],
    pub(super) block_size: U32,
    pub(super) wrap_algorithm: U32,
    pub(super) wrap_padding: U32,
    pub(super) wrap_mode: U32,
    pub(super) wrap_key_bits: U32,
    pub(super) wrap_iv_size: U32,
    pub(super) kdf: Kdf,
    pub(super) enc_iv_size: U32,
    pub(super) encryption_mode: U32,
    pub(super) encryption_algorithm: U32,
    pub(super) key_bits: U32,
    pub(super) iv: [u8; 32],
    pub(super) data_key: WrappedKey,
    pub(super) hmac_algorithm: KeyedHash,
    pub(super) hmac_key: WrappedKey,
    pub(super) integrity_algorithm: KeyedHash,
    pub(super) integrity_key: WrappedKey,
    pub(super) mac_len: U32,
    pub(super) mac: [u8; 256],
    /// Bytes of plain text; 0 in the token of a sparse bundle.
    pub(super) data_size: U64,
    /// 1.
    pub(super) version: U32,
    /// [`SIGNATURE_V1`].
    pub(super) signature: [u8; 8],
}

/// A key wrapped by the password's.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct WrappedKey {
    pub(super) len: U32,
    pub(super) bytes: [u8; 256],
}

/// What a wrapped key of a keyed hash is for.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct KeyedHash {
    /// [`PRF_HMAC_SHA1`].
    pub(super) algorithm: U32,
    pub(super) key_bits: U32,
    pub(super) iv: [u8; 32],
}

/// Where the code of [`TrailerV1`] stands, which covers all that is before it.
pub(super) const MAC_OFFSET: usize = 0x3E8;

const _: () = assert!(
    size_of::<HeaderV2>() == 76
        && size_of::<KeyPointer>() == 20
        && size_of::<PasswordRecord>() == 104
        && size_of::<TrailerV1>() == 1276
        && core::mem::offset_of!(TrailerV1, mac) == MAC_OFFSET
);

/// First bytes of version 2.
pub(super) const SIGNATURE_V2: [u8; 8] = *b"encrcdsa";
/// Last bytes of version 1.
pub(super) const SIGNATURE_V1: [u8; 8] = *b"cdsaencr";
/// `CSSM_ALGID_AES`.
pub(super) const ALGORITHM_AES: u32 = 0x8000_0001;
/// `CSSM_ALGID_3DES_3KEY_EDE`.
pub(super) const ALGORITHM_3DES: u32 = 17;
/// `CSSM_ALGMODE_CBC_IV8`.
pub(super) const MODE_CBC: u32 = 5;
/// `CSSM_ALGMODE_CBCPadIV8`.
pub(super) const MODE_CBC_PAD: u32 = 6;
/// `CSSM_PADDING_PKCS7`.
pub(super) const PADDING_PKCS7: u32 = 7;
/// `CSSM_ALGID_SHA1HMAC`.
pub(super) const PRF_HMAC_SHA1: u32 = 91;
/// `CSSM_ALGID_PKCS5_PBKDF2`.
pub(super) const KDF_PBKDF2: u32 = 103;
/// `CSSM_PKCS5_PBKDF2_PRF_HMAC_SHA1`.
pub(super) const PRNG_SHA1_HMAC: u32 = 0;
