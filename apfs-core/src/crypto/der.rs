//! A reader of DER as far as key blobs need it: tags of one byte and definite lengths.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element<'a> {
    /// Its tag.
    pub tag: u8,
    /// What it holds.
    pub value: &'a [u8],
    /// All of it: tag, length and value.
    pub whole: &'a [u8],
}

impl Element<'_> {
    /// The value as an unsigned number; `None` if it does not fit.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let digits = self.value.iter().skip_while(|byte| **byte == 0);
        digits.clone().nth(8).is_none().then(|| digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// The elements of some bytes, one after the other. It ends where no whole element follows: real blobs have padding.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The elements from the start of `bytes` on.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Elements<'a> {
        Elements(bytes)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        // A tag of several bytes begins so; none is in use.
        if tag & 0x1F == 0x1F {
            return None;
        }
        let (len, rest) = match first {
            ..=0x7F => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                let len = digits.iter().fold(0u32, |len, digit| len << 8 | u32::from(*digit));
                (usize::try_from(len).ok()?, rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        let (whole, _) = self.0.split_at_checked(self.0.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(Element { tag, value, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Short and long lengths, and the padding behind the last element.
    #[test]
    fn lengths() {
        let bytes = [[0x81, 2, 7, 8].as_slice(), &[0x30, 0x81, 1, 9], &[0x04, 0x82, 0, 0], &[0; 0]].concat();
        let found: Vec<_> = Elements::new(&bytes).collect();
        assert_eq!(found[0], Element { tag: 0x81, value: &[7, 8], whole: &[0x81, 2, 7, 8] });
        assert_eq!(found[1], Element { tag: 0x30, value: &[9], whole: &[0x30, 0x81, 1, 9] });
        assert_eq!(found[2], Element { tag: 4, value: &[], whole: &[4, 0x82, 0, 0] });
        assert_eq!(found.len(), 3);
    }

    /// Lengths that leave the bytes, that are indefinite or of absurd size, and tags of several bytes end it.
    #[test]
    fn bad_elements() {
        for bytes in [
            &[0x81][..],
            &[0x81, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0x82, 1],
            &[0x9F, 1, 1, 1],
        ] {
            assert_eq!(Elements::new(bytes).next(), None, "{bytes:x?}");
        }
    }

    /// Numbers of any length that fit, with and without leading zeros.
    #[test]
    fn numbers() {
        let number = |bytes: &[u8]| Element { tag: 2, value: bytes, whole: bytes }.number();
        assert_eq!(number(&[1, 0x86, 0xA0]), Some(100_000));
        assert_eq!(number(&[0, 0xFF, 0xFF, 0xFF, 0xFF]), Some(u64::from(u32::MAX)));
        assert_eq!(number(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), Some(u64::MAX));
        assert_eq!((number(&[]), number(&[1, 0, 0, 0, 0, 0, 0, 0, 0])), (Some(0), None));
    }
}
