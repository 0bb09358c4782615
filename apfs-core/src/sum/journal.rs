//! The checksum of the HFS+ journal (sheet hfsplus, section 8).

/// A running checksum over bytes of the journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalSum(u32);

impl JournalSum {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum << 8 ^ sum.wrapping_add(u32::from(*byte)));
    }

    /// The checksum of all bytes taken so far.
    #[must_use]
    pub fn value(self) -> u32 {
        !self.0
    }
}

/// The checksum of a structure that holds it at an offset: those four bytes are taken as zeros.
#[must_use]
pub fn structure_sum(bytes: &[u8], at: usize) -> u32 {
    let (before, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    let mut sum = JournalSum::default();
    sum.update(before);
    sum.update([0; 4].get(..rest.len().min(4)).unwrap_or_default());
    sum.update(rest.get(4..).unwrap_or_default());
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: &[&[u8]]) -> u32 {
        let mut sum = JournalSum::default();
        parts.iter().for_each(|part| sum.update(part));
        sum.value()
    }

    /// Values worked out by hand from the formula; parts give what the whole gives.
    #[test]
    fn by_hand() {
        assert_eq!(sum(&[]), 0xFFFF_FFFF);
        assert_eq!(sum(&[&[0, 0, 0]]), 0xFFFF_FFFF);
        assert_eq!(sum(&[&[1]]), !1);
        // 0x100 ^ (1 + 2), then 0x1_0300 ^ (0x103 + 0xFF).
        assert_eq!(sum(&[&[1, 2]]), !0x103);
        assert_eq!(sum(&[&[1, 2, 0xFF]]), !0x1_0102);
        assert_eq!(sum(&[&[1], &[], &[2, 0xFF]]), !0x1_0102);
    }

    /// What stands in place of the checksum does not count.
    #[test]
    fn of_structures() {
        let zeroed = sum(&[&[1, 0, 0, 0, 0, 2]]);
        assert_eq!(structure_sum(&[1, 9, 9, 9, 9, 2], 1), zeroed);
        assert_eq!(structure_sum(&[1, 9, 9], 1), sum(&[&[1, 0, 0]]));
        assert_eq!(structure_sum(&[1], 9), sum(&[&[1]]));
    }
}
