//! Which blocks of a file system are in use.

use crate::base::bytes::len64;

/// Consecutive blocks that are all in use, or all free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockRun {
    /// First block.
    pub start: u64,
    /// Number of blocks, at least 1.
    pub count: u64,
    /// They are in use.
    pub used: bool,
}

/// Which bit of a byte stands for the first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBit {
    /// As HFS+ has it.
    Highest,
    /// As APFS has it.
    Lowest,
}

/// Cuts bits into runs of equal ones. They stand for blocks from `first` on, at most `count` of them.
pub(crate) fn each_run(
    bits: &[u8],
    order: FirstBit,
    first: u64,
    count: u64,
    each: &mut impl FnMut(BlockRun),
) {
    let count = count.min(len64(bits.len()).saturating_mul(8));
    let (mut run, mut at) = (None::<BlockRun>, 0u64);
    let mut add = |start: u64, count: u64, used: bool| match &mut run {
        Some(run) if run.used == used => run.count = run.count.saturating_add(count),
        _ => {
            if let Some(done) = run.replace(BlockRun { start: first.saturating_add(start), count, used }) {
                each(done);
            }
        }
    };
    for byte in bits {
        let here = count.saturating_sub(at).min(8);
        match byte {
            _ if here == 0 => break,
            0 | 0xFF => add(at, here, *byte != 0),
            byte => {
                let byte = if order == FirstBit::Lowest { byte.reverse_bits() } else { *byte };
                (0..here).for_each(|bit| add(at.saturating_add(bit), 1, byte << bit & 0x80 != 0));
            }
        }
        at = at.saturating_add(here);
    }
    if let Some(run) = run {
        each(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn runs(bits: &[u8], first: u64, count: u64) -> Vec<(u64, u64, bool)> {
        let mut runs = Vec::new();
        each_run(bits, FirstBit::Highest, first, count, &mut |run| {
            runs.push((run.start, run.count, run.used))
        });
        runs
    }

    /// Runs go across bytes, the highest bit is the first block, and blocks past the end do not count.
    #[test]
    fn cut_into_runs() {
        assert_eq!(runs(&[0xFF, 0xC0, 0], 100, 20), [(100, 10, true), (110, 10, false)]);
        assert_eq!(runs(&[0x0F, 0xF0], 0, 16), [(0, 4, false), (4, 8, true), (12, 4, false)]);
        assert_eq!(runs(&[0xFF], 0, 3), [(0, 3, true)]);
        assert_eq!(runs(&[0xFF], 0, 99), [(0, 8, true)], "no more than there are bits");
        assert_eq!(runs(&[], 0, 5), []);
    }

    /// The same with the lowest bit first.
    #[test]
    fn lowest_bit_first() {
        let mut runs = Vec::new();
        each_run(&[0xF0, 0x01], FirstBit::Lowest, 0, 12, &mut |run| {
            runs.push((run.start, run.count, run.used));
        });
        assert_eq!(runs, [(0, 4, false), (4, 5, true), (9, 3, false)]);
    }
}
