//! Encrypted disk images of both versions, in the direction that the library does not have.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use des::TdesEde3;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Bytes before the first block in version 2.
const DATA_OFFSET: usize = 0x2000;
const SALT: [u8; 20] = *b"salt of the builder.";

/// A key record of version 2.
#[derive(Clone, Debug)]
enum Record {
    Password(String, [u8; 5]),
    Certificate,
    Other(u32),
    /// A password record whose offset is past the end of the file.
    Lost,
}

/// An encrypted disk image.
#[derive(Clone, Debug)]
pub struct EncryptedImage {
    version: u32,
    key: Vec<u8>,
    block_size: usize,
    rounds: u32,
    records: Vec<Record>,
    wrong_mac: bool,
}

impl EncryptedImage {
    /// Version 1 or 2, an AES key of 128 or 256 bits, blocks of 512 bytes. Nothing opens it yet.
    pub fn new(version: u32, key_bits: usize) -> Self {
        let key = (0..key_bits / 8).map(|n| (n * 11 + 3) as u8).collect();
        EncryptedImage { version, key, block_size: 512, rounds: 3, records: Vec::new(), wrong_mac: false }
    }

    /// Bytes that are encrypted together.
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.block_size = bytes;
        self
    }

    /// What the header says about rounds of PBKDF2; as many are done, up to 1000.
    pub fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    /// Adds a password.
    pub fn password(self, password: &str) -> Self {
        self.record(Record::Password(password.to_owned(), *b"CKIE\0"))
    }

    /// Adds a password under which the keys unwrap with sound padding, but not to what the check wants to see.
    pub fn unchecked_password(mut self, password: &str) -> Self {
        self.wrong_mac = true;
        self.record(Record::Password(password.to_owned(), *b"CKIF\0"))
    }

    /// Adds a key for a certificate.
    pub fn certificate(self) -> Self {
        self.record(Record::Certificate)
    }

    /// Adds a key record of another type.
    pub fn other(self, key_type: u32) -> Self {
        self.record(Record::Other(key_type))
    }

    /// Adds a password record that is not in the file.
    pub fn lost_record(self) -> Self {
        self.record(Record::Lost)
    }

    fn record(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    /// AES key and HMAC key, one behind the other.
    pub fn raw_key(&self) -> Vec<u8> {
        [self.key.as_slice(), &hmac_key()].concat()
    }

    /// The whole file.
    pub fn build(&self, plain: &[u8]) -> Vec<u8> {
        let data = self.encrypt(plain);
        if self.version == 1 {
            return [data, self.trailer(plain.len())].concat();
        }
        let mut header = self.header(plain.len());
        header.resize(DATA_OFFSET, 0);
        [header, data].concat()
    }

    /// The header alone, as the token of a bundle is.
    pub fn token(&self) -> Vec<u8> {
        if self.version == 1 { self.trailer(0) } else { self.header(0) }
    }

    /// Blocks encrypted one by one, the last one padded with zeros.
    pub fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, block) in plain.chunks(self.block_size).enumerate() {
            let mut block = block.to_vec();
            block.resize(self.block_size, 0);
            let mut last: [u8; 16] =
                hmac(&hmac_key(), &(number as u32).to_be_bytes())[..16].try_into().unwrap();
            for cell in block.chunks(16) {
                let mut cell: [u8; 16] = core::array::from_fn(|n| cell[n] ^ last[n]);
                match self.key.len() {
                    16 => Aes128::new_from_slice(&self.key).unwrap().encrypt_block((&mut cell).into()),
                    _ => Aes256::new_from_slice(&self.key).unwrap().encrypt_block((&mut cell).into()),
                }
                out.extend(cell);
                last = cell;
            }
        }
        out
    }

    fn wrapping_key(&self, password: &str) -> [u8; 24] {
        let mut key = [0; 24];
        let rounds = self.rounds.min(1000);
        pbkdf2::pbkdf2::<Hmac<Sha1>>(password.as_bytes(), &SALT, rounds, &mut key).unwrap();
        key
    }

    fn kdf(&self) -> Vec<u8> {
        let mut out = be(&[103, 0, self.rounds, 20]);
        out.extend(SALT);
        out.resize(48, 0);
        out
    }

    fn header(&self, len: usize) -> Vec<u8> {
        let bits = self.key.len() as u32 * 8;
        let mut out = b"encrcdsa".to_vec();
        out.extend(be(&[2, 16, 5, 0x8000_0001, bits, 91, 160]));
        out.extend(*b"uuid of an image");
        out.extend(be(&[self.block_size as u32]));
        out.extend((len as u64).to_be_bytes());
        out.extend((DATA_OFFSET as u64).to_be_bytes());
        out.extend(be(&[self.records.len() as u32]));
        // Records lie behind the pointers, in the opposite order and with room between them.
        let mut bodies = Vec::new();
        let first = out.len() + 20 * self.records.len() + 36;
        let mut places = Vec::new();
        for record in self.records.iter().rev() {
            let (key_type, body) = self.body(record);
            let at = if matches!(record, Record::Lost) { 1 << 40 } else { first + bodies.len() };
            places.push((key_type, at, 0x268));
            bodies.extend(body);
            bodies.resize(bodies.len().next_multiple_of(0x268), 0xEE);
        }
        for (key_type, at, size) in places.into_iter().rev() {
            out.extend(be(&[key_type]));
            out.extend((at as u64).to_be_bytes());
            out.extend(u64::to_be_bytes(size));
        }
        out.resize(first, 0);
        [out, bodies].concat()
    }

    fn body(&self, record: &Record) -> (u32, Vec<u8>) {
        match record {
            Record::Certificate => (2, vec![0xCE; 0x268]),
            Record::Other(key_type) => (*key_type, vec![0xEE; 0x268]),
            Record::Lost => (1, Vec::new()),
            Record::Password(password, check) => {
                let plain = [self.raw_key().as_slice(), check].concat();
                let iv = *b"blob iv.";
                let blob = des_encrypt(&self.wrapping_key(password), iv, &plain);
                let mut body = self.kdf();
                body.extend(be(&[8]));
                body.extend(iv);
                body.extend([0; 24]);
                body.extend(be(&[192, 17, 7, 6, blob.len() as u32]));
                body.extend(blob);
                (1, body)
            }
        }
    }

    fn trailer(&self, len: usize) -> Vec<u8> {
        let Some(Record::Password(password, _)) = self.records.first() else {
            panic!("version 1 has one password")
        };
        let wrapping = self.wrapping_key(password);
        let integrity = *b"integrity of header.";
        let wrapped = |key: &[u8]| {
            let wrapped = wrap(&wrapping, key);
            let mut out = be(&[wrapped.len() as u32]);
            out.extend(wrapped);
            out.resize(260, 0);
            out
        };
        let mut out = b"uuid of an image".to_vec();
        out.extend(be(&[self.block_size as u32, 17, 7, 6, 192, 8]));
        out.extend(self.kdf());
        out.extend(be(&[16, 5, 0x8000_0001, self.key.len() as u32 * 8]));
        out.extend([0x55; 32]);
        out.extend(wrapped(&self.key));
        for key in [hmac_key(), integrity] {
            out.extend(be(&[91, 160]));
            out.extend([0; 32]);
            out.extend(wrapped(&key));
        }
        out.extend(be(&[20]));
        let mut mac = hmac(&integrity, &out);
        mac[0] ^= u8::from(self.wrong_mac);
        out.extend(mac);
        out.resize(0x4E8, 0);
        out.extend((len as u64).to_be_bytes());
        out.extend(be(&[1]));
        out.extend(*b"cdsaencr");
        out
    }
}

fn hmac_key() -> [u8; 20] {
    *b"key of block vectors"
}

fn be(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 20] {
    Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().into()
}

/// Triple DES in CBC mode with the padding of PKCS #7.
fn des_encrypt(key: &[u8; 24], iv: [u8; 8], plain: &[u8]) -> Vec<u8> {
    let padding = 8 - plain.len() % 8;
    let plain = [plain, &vec![padding as u8; padding]].concat();
    let cipher = TdesEde3::new_from_slice(key).unwrap();
    let mut last = iv;
    let mut out = Vec::new();
    for cell in plain.chunks(8) {
        last = core::array::from_fn(|n| cell[n] ^ last[n]);
        cipher.encrypt_block((&mut last).into());
        out.extend(last);
    }
    out
}

/// Wraps a key as CSSM does: with an empty description, encrypted, reversed and encrypted again.
fn wrap(wrapping: &[u8; 24], key: &[u8]) -> Vec<u8> {
    let iv = *b"inner iv";
    let inner = des_encrypt(wrapping, iv, &[&[0; 4], key].concat());
    let mut outer = [iv.as_slice(), &inner].concat();
    outer.reverse();
    des_encrypt(wrapping, [0x4A, 0xDD, 0xA2, 0x2C, 0x79, 0xE8, 0x21, 0x05], &outer)
}
