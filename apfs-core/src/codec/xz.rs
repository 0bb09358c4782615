//! LZMA in an .xz stream, by the crate `lzma-rust2`.

#[cfg(not(feature = "std"))]
use lzma_rust2::Read;
use lzma_rust2::XzReader;
#[cfg(feature = "std")]
use std::io::Read;

use super::fault::Fault;

/// KiB that a decoder may take however little it expands to: the largest preset of xz asks for a dictionary of 64 MiB.
/// Memory is taken only as far as there is data to fill it.
const LEAST_MEMORY: u32 = 65 << 10;

/// Expands one .xz stream, whose length and checks must be right.
///
/// # Errors
/// The stream is damaged, shorter or longer than promised, or asks for a dictionary far larger than the output.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    let memory = u32::try_from(dst.len().div_ceil(1 << 10)).unwrap_or(u32::MAX).saturating_mul(2);
    let mut stream = XzReader::new_mem_limit(src, false, memory.max(LEAST_MEMORY));
    stream.read_exact(dst).map_err(|_| damaged("the stream is damaged or ends early"))?;
    // Checks, index and footer stand behind the data.
    match stream.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(damaged("the stream is longer than promised")),
        Err(_) => Err(damaged("the end of the stream is damaged")),
    }
}

fn damaged(why: &'static str) -> Fault {
    Fault::new("xz", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// What the reference program made of "hello\n", with a CRC-32.
    const HELLO: [u8; 60] = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x16,
        0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x00,
        0x00, 0x00, 0x20, 0x30, 0x3a, 0x36, 0x00, 0x01, 0x1a, 0x06, 0xc5, 0xea, 0xc8, 0x79, 0x90, 0x42, 0x99,
        0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
    ];

    /// The same without a check, and with a dictionary of 1 GiB.
    const GREEDY: [u8; 56] = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x00, 0xff, 0x12, 0xd9, 0x41, 0x02, 0x00, 0x21, 0x01, 0x24,
        0x00, 0x00, 0x00, 0x5e, 0x1f, 0xc7, 0xf9, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x00,
        0x00, 0x00, 0x00, 0x01, 0x16, 0x06, 0xc9, 0xa5, 0x7d, 0xd5, 0x06, 0x72, 0x9e, 0x7a, 0x01, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x59, 0x5a,
    ];

    /// A stream expands to its bytes, with anything behind it; another length, a flipped bit or a cut is found.
    #[test]
    fn known_stream() {
        let mut dst = [0; 6];
        decode(&[HELLO.as_slice(), b"junk"].concat(), &mut dst).unwrap();
        assert_eq!(&dst, b"hello\n");
        for len in [0, 5, 7] {
            assert!(decode(&HELLO, &mut vec![0; len]).is_err(), "{len}");
        }
        for cut in 0..HELLO.len() {
            assert!(decode(&HELLO[..cut], &mut dst).is_err(), "{cut}");
        }
        for byte in 0..HELLO.len() {
            let mut bad = HELLO;
            bad[byte] ^= 0x10;
            let same = decode(&bad, &mut dst).is_ok();
            assert!(!same || dst == *b"hello\n", "{byte}");
        }
    }

    /// A header cannot ask for any amount of memory.
    #[test]
    fn dictionary_is_limited() {
        let mut dst = [0; 6];
        assert_eq!(decode(&GREEDY, &mut dst), Err(damaged("the stream is damaged or ends early")));
    }
}
