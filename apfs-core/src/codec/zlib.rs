//! zlib streams (RFC 1950), by miniz_oxide.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::fault::Fault;

/// Bytes before the deflate data.
const HEADER: usize = 2;

/// Low bits of the first byte: the method deflate.
const DEFLATE: u8 = 8;

/// Bit of the second byte: the data builds on a dictionary that is not in the stream.
const PRESET_DICTIONARY: u8 = 0x20;

/// Fills `dst` from a zlib stream. The Adler-32 behind the data is not looked at: newer files lack it, or have other
/// bytes in its place.
///
/// # Errors
/// A header that is not zlib's, damaged data, or data of another length than `dst`.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    let (header, data) = src.split_at_checked(HEADER).ok_or(fault("header is cut off"))?;
    check_header(header)?;
    let mut inflater = DecompressorOxide::default();
    let (status, _, written) =
        decompress(&mut inflater, data, dst, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::HasMoreOutput => Err(fault("more bytes than promised")),
        // What was promised is here; whether the end of the data is marked as well does not matter.
        _ if written == dst.len() => Ok(()),
        TINFLStatus::Done => Err(fault("fewer bytes than promised")),
        TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => Err(fault("data is cut off")),
        _ => Err(fault("damaged data")),
    }
}

fn check_header(header: &[u8]) -> Result<(), Fault> {
    let &[method, flags] = header else { return Err(fault("header is cut off")) };
    if method & 0xF != DEFLATE || method >> 4 > 7 || u16::from_be_bytes([method, flags]) % 31 != 0 {
        return Err(fault("not a zlib header"));
    }
    if flags & PRESET_DICTIONARY != 0 {
        return Err(fault("needs a preset dictionary"));
    }
    Ok(())
}

fn fault(why: &'static str) -> Fault {
    Fault::new("zlib", why)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// `hello hello hello hello\n`, by Python's zlib.
    const HELLO: [u8; 17] = [
        0x78, 0xda, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0xb9, 0x00, 0x70, 0xbe, 0x08, 0xbb,
    ];
    const TEXT: &[u8; 24] = b"hello hello hello hello\n";

    fn decoded(src: &[u8], len: usize) -> Result<Vec<u8>, &'static str> {
        let mut dst = alloc::vec![0xAA; len];
        decode(src, &mut dst).map_err(|fault| fault.why)?;
        Ok(dst)
    }

    /// A stream comes out, with its checksum, without it, and with something else in its place.
    #[test]
    fn checksum_does_not_matter() {
        assert_eq!(decoded(&HELLO, 24).unwrap(), TEXT);
        assert_eq!(decoded(&HELLO[..13], 24).unwrap(), TEXT);
        let junk = [&HELLO[..13], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        assert_eq!(decoded(&junk, 24).unwrap(), TEXT);
    }

    /// A promise that is not kept is a fault, whichever way it is broken.
    #[test]
    fn other_length_than_promised() {
        assert_eq!(decoded(&HELLO, 25), Err("fewer bytes than promised"));
        assert_eq!(decoded(&HELLO, 23), Err("more bytes than promised"));
        assert_eq!(decoded(&HELLO, 0), Err("more bytes than promised"));
        assert_eq!(decoded(&HELLO[..8], 24), Err("data is cut off"));
    }

    /// Stored blocks, a stream of nothing, and streams that are not zlib's.
    #[test]
    fn odd_streams() {
        let stored = [&[0x78, 0x01, 0x01, 3, 0, 0xFC, 0xFF][..], b"abc"].concat();
        assert_eq!(decoded(&stored, 3).unwrap(), b"abc");
        assert_eq!(decoded(&stored, 2), Err("more bytes than promised"));
        assert_eq!(decoded(&[0x78, 0x9c, 3, 0], 0).unwrap(), b"");
        assert_eq!(decoded(&[0x78, 0x9d, 3, 0], 0), Err("not a zlib header"));
        assert_eq!(decoded(&[0x88, 0x1c, 3, 0], 0), Err("not a zlib header"));
        assert_eq!(decoded(&[0x78, 0xbb, 3, 0], 0), Err("needs a preset dictionary"));
        assert_eq!(decoded(&[0x78], 1), Err("header is cut off"));
        assert_eq!(decoded(&[0x78, 0x9c, 7], 1), Err("damaged data"));
    }
}
