//! What the tests of disk images share.

use apfs_core::{ReadAt, Result};

/// Bytes of which no two sectors are alike.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A part of a device.
pub(crate) fn read(device: &dyn ReadAt, at: u64, len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0xA5; len];
    device.read_exact_at(at, &mut bytes)?;
    Ok(bytes)
}

/// Reads a device whole, by its runs, and in parts that begin and end anywhere: all must be what was expected.
pub(crate) fn check(device: &dyn ReadAt, expected: &[u8]) {
    assert_eq!(device.len(), expected.len() as u64);
    assert!(read(device, 0, expected.len()).unwrap() == expected, "the whole device");
    let mut at = 0;
    while let Some(run) = device.run_at(at as u64) {
        let end = at + run.len as usize;
        assert!(run.len > 0 && end <= expected.len(), "{run:?} at {at}");
        assert!(!run.zeros || expected[at..end].iter().all(|byte| *byte == 0), "{run:?} at {at} are zeros");
        at = end;
    }
    assert_eq!(at, expected.len(), "runs reach the end");
    for step in [1, 511, 512, 4097] {
        for at in (0..expected.len()).step_by(expected.len() / 40 + 1) {
            let len = step.min(expected.len() - at);
            assert!(read(device, at as u64, len).unwrap() == expected[at..at + len], "{len} bytes at {at}");
        }
    }
    assert!(read(device, expected.len() as u64, 1).is_err());
    assert!(read(device, u64::MAX, 2).is_err());
}
