//! bzip2, by the crate of that name; it needs std.

use super::fault::Fault;

/// Expands one bzip2 stream, whose length and checksums must be right.
///
/// # Errors
/// The stream is damaged, or shorter or longer than promised. Without the feature `std`: always.
#[cfg(feature = "std")]
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<(), Fault> {
    use bzip2::{Decompress, Status};

    let mut stream = Decompress::new(false);
    let mut step = |dst: &mut [u8]| {
        let (read, written) = (stream.total_in(), stream.total_out());
        let rest = usize::try_from(read).ok().and_then(|read| src.get(read..)).unwrap_or(&[]);
        let status = stream.decompress(rest, dst).map_err(|_| damaged("the stream is damaged"))?;
        let moved = stream.total_out().saturating_sub(written);
        let stuck = moved == 0 && stream.total_in() == read;
        Ok((status == Status::StreamEnd, usize::try_from(moved).unwrap_or(usize::MAX), stuck))
    };
    let mut done = 0usize;
    while let Some(rest) = dst.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let (ended, moved, stuck) = step(rest)?;
        done = done.saturating_add(moved);
        if (ended || stuck) && done < dst.len() {
            return Err(damaged("the stream ends early"));
        }
        if ended {
            return Ok(());
        }
    }
    // The checksum of the last block stands behind its data.
    loop {
        match step(&mut [0])? {
            (_, 1.., _) => return Err(damaged("the stream is longer than promised")),
            (true, ..) => return Ok(()),
            (false, _, true) => return Err(damaged("the stream ends early")),
            (false, _, false) => {}
        }
    }
}

/// Without the feature `std` there is no decoder.
///
/// # Errors
/// Always.
#[cfg(not(feature = "std"))]
pub fn decode(_: &[u8], _: &mut [u8]) -> Result<(), Fault> {
    Err(damaged("this codec needs the feature `std`"))
}

fn damaged(why: &'static str) -> Fault {
    Fault::new("bzip2", why)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec;

    /// What the reference program made of "hello\n".
    const HELLO: [u8; 42] = [
        0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xc1, 0xc0, 0x80, 0xe2, 0x00, 0x00, 0x01,
        0x41, 0x00, 0x00, 0x10, 0x02, 0x44, 0xa0, 0x00, 0x30, 0xcd, 0x00, 0xc3, 0x46, 0x29, 0x97, 0x17, 0x72,
        0x45, 0x38, 0x50, 0x90, 0xc1, 0xc0, 0x80, 0xe2,
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
}
