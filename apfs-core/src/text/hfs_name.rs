//! How HFS+ stores, compares and shows names (sheet hfsplus, sections 4.6 and 4.7).
//!
//! A stored name is UTF-16 in big-endian order, without the word that tells its length.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::hfs_tables::{CLASSES, DECOMPOSITIONS, FOLD_INDEX, FOLD_PAGES};

/// Code units that a name has at most.
const MAX_UNITS: usize = 255;

const SLASH: u16 = 0x2F;
const COLON: u16 = 0x3A;
/// What a NUL is shown as, by macOS and by [`Escaped`](super::escape::Escaped).
const PICTURE_OF_NUL: u16 = 0x2400;

/// Which names of an HFS+ volume are the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfsNameRule {
    /// Equal after folding; some characters do not count at all (HFS+, and HFSX with `keyCompareType` 0xCF).
    CaseFolding,
    /// Equal code units (HFSX with `keyCompareType` 0xBC).
    Binary,
}

impl HfsNameRule {
    /// The order of stored names in a catalog. A last odd byte does not count.
    #[must_use]
    pub fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
        match self {
            // Big-endian units are in the order of their bytes.
            HfsNameRule::Binary => a.as_flattened().cmp(b.as_flattened()),
            HfsNameRule::CaseFolding => {
                let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                let (mut a, mut b) = (a.iter().skip(same), b.iter().skip(same));
                loop {
                    match (next_folded(&mut a), next_folded(&mut b)) {
                        (0, 0) => return Ordering::Equal,
                        (a, b) if a != b => return a.cmp(&b),
                        _ => {}
                    }
                }
            }
        }
    }

    /// True if both stored names are the same name.
    #[must_use]
    pub fn same(self, a: &[u8], b: &[u8]) -> bool {
        self.compare(a, b) == Ordering::Equal
    }

    /// True if both stored names are the same name once they are decomposed and their marks put in order again.
    ///
    /// Volumes of Mac OS before 10.3 and of Linux hold names that are not stored as macOS would: they are not found
    /// by the key of what a user types, but are among the names for which this is true.
    #[must_use]
    pub fn equivalent(self, a: &[u8], b: &[u8]) -> bool {
        self.same(a, b) || !(is_ascii(a) && is_ascii(b)) && self.same(&restored(a), &restored(b))
    }
}

/// Appends a stored name as it is shown: UTF-8, `/` as `:`. A NUL stays one, and a surrogate that has no partner
/// becomes the three bytes that UTF-8 would give it (WTF-8), so that [`to_stored_as_is`] leads back. Only names with a
/// `:`, which no system stores, are shown as another name would be.
pub fn push_text(stored: &[u8], out: &mut Vec<u8>) {
    if is_ascii(stored) {
        let shown = |[_, low]: &[u8; 2]| if *low == b'/' { b':' } else { *low };
        return out.extend(stored.as_chunks().0.iter().map(shown));
    }
    let start = out.len();
    push_plain(stored, out);
    // Bytes of other characters are above those of ASCII.
    out.iter_mut().skip(start).filter(|byte| **byte == b'/').for_each(|byte| *byte = b':');
}

/// Appends the stored name of an attribute: UTF-8 without exceptions for `/` and `:`; surrogates as [`push_text`] does.
pub fn push_plain(stored: &[u8], out: &mut Vec<u8>) {
    for c in char::decode_utf16(units(stored)) {
        match c {
            Ok(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                let [a, b, c] = [0xE0 | high >> 4, 0x80 | (high & 15) << 2 | low >> 6, 0x80 | low & 63];
                out.extend_from_slice(&[a, b, c]);
            }
        }
    }
}

/// The stored name of a name as shown or typed: the key to look up. `:` becomes `/`, U+2400 (`␀`) becomes NUL;
/// characters are decomposed by Unicode 3.2, marks put in order.
///
/// `None` if no stored name is shown so: not UTF-8 nor WTF-8, with a `/`, or too long for a name.
#[must_use]
pub fn to_stored(text: &[u8]) -> Option<Vec<u8>> {
    let mut stored = Vec::new();
    for unit in typed_units(text)? {
        push_decomposed(if unit == PICTURE_OF_NUL { 0 } else { unit }, &mut stored);
    }
    put_marks_in_order(&mut stored);
    (stored.len() <= MAX_UNITS).then(|| bytes(&stored))
}

/// The stored name that [`push_text`] shows as this text: nothing is decomposed, and U+2400 is itself.
///
/// `None` if no stored name is shown so: not UTF-8 nor WTF-8, with a `/`, or too long for a name.
#[must_use]
pub fn to_stored_as_is(text: &[u8]) -> Option<Vec<u8>> {
    typed_units(text).map(|units| bytes(&units))
}

/// The stored name of an attribute; `None` if it is not UTF-8 nor WTF-8, or too long for a name.
#[must_use]
pub fn to_stored_plain(text: &[u8]) -> Option<Vec<u8>> {
    plain_units(text).map(|units| bytes(&units))
}

fn units(stored: &[u8]) -> impl Iterator<Item = u16> {
    stored.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit))
}

fn bytes(units: &[u16]) -> Vec<u8> {
    units.iter().flat_map(|unit| unit.to_be_bytes()).collect()
}

fn is_ascii(stored: &[u8]) -> bool {
    units(stored).fold(0, |all, unit| all | unit) < 0x80
}

/// What a unit is compared as; 0 if it does not count.
fn fold(unit: u16) -> u16 {
    let [high, low] = unit.to_be_bytes();
    let page = FOLD_INDEX.get(usize::from(high)).and_then(|page| FOLD_PAGES.get(usize::from(*page)));
    page.and_then(|page| page.get(usize::from(low))).copied().unwrap_or(unit)
}

/// The next unit that counts, folded; 0 at the end.
fn next_folded<'a>(units: &mut impl Iterator<Item = &'a [u8; 2]>) -> u16 {
    units.map(|unit| fold(u16::from_be_bytes(*unit))).find(|folded| *folded != 0).unwrap_or(0)
}

/// A stored name, decomposed and in order.
fn restored(stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    units(stored).for_each(|unit| push_decomposed(unit, &mut out));
    put_marks_in_order(&mut out);
    bytes(&out)
}

/// Code units of a shown name, `:` as `/`.
fn typed_units(text: &[u8]) -> Option<Vec<u16>> {
    let mut units = plain_units(text)?;
    for unit in &mut units {
        match *unit {
            SLASH => return None,
            COLON => *unit = SLASH,
            _ => {}
        }
    }
    Some(units)
}

/// Code units of a name as text.
fn plain_units(text: &[u8]) -> Option<Vec<u16>> {
    // A unit takes three bytes at most.
    let mut rest = Some(text).filter(|text| text.len() <= MAX_UNITS.saturating_mul(3))?;
    let mut units = Vec::new();
    while let Some(chunk) = rest.utf8_chunks().next() {
        units.extend(chunk.valid().encode_utf16());
        rest = rest.get(chunk.valid().len()..)?;
        if rest.is_empty() {
            break;
        }
        let lone = lone_surrogate(rest)?;
        let has_partner = lone >= 0xDC00 && matches!(units.last(), Some(0xD800..0xDC00));
        if has_partner {
            return None;
        }
        units.push(lone);
        rest = rest.get(3..)?;
    }
    Some(units).filter(|units| units.len() <= MAX_UNITS)
}

/// The surrogate that stands at the start of a text as three bytes.
fn lone_surrogate(text: &[u8]) -> Option<u16> {
    match *text {
        [0xED, high @ 0xA0..=0xBF, low @ 0x80..=0xBF, ..] => {
            Some(0xD000 | u16::from(high & 63) << 6 | u16::from(low & 63))
        }
        _ => None,
    }
}

/// Appends what a unit is stored as.
fn push_decomposed(unit: u16, out: &mut Vec<u16>) {
    match unit {
        0..0xC0 => out.push(unit),
        0xAC00..=0xD7A3 => push_syllable(unit, out),
        _ => match DECOMPOSITIONS.binary_search_by_key(&unit, |entry| entry.0) {
            Ok(at) => {
                let parts = DECOMPOSITIONS.get(at).map_or([0; 4], |entry| entry.1);
                out.extend(parts.into_iter().take_while(|part| *part != 0));
            }
            Err(_) => out.push(unit),
        },
    }
}

/// Appends the letters of a Hangul syllable (Unicode, section 3.12).
fn push_syllable(syllable: u16, out: &mut Vec<u16>) {
    let index = syllable.saturating_sub(0xAC00);
    let (lead, vowel, tail) = (index / 588, index % 588 / 28, index % 28);
    out.push(0x1100_u16.saturating_add(lead));
    out.push(0x1161_u16.saturating_add(vowel));
    if tail > 0 {
        out.push(0x11A7_u16.saturating_add(tail));
    }
}

/// Combining class of a unit; 0 for what keeps its place.
fn class(unit: u16) -> u8 {
    let at = CLASSES.partition_point(|(_, last, _)| *last < unit);
    CLASSES.get(at).filter(|(first, _, _)| *first <= unit).map_or(0, |(_, _, class)| *class)
}

/// Sorts each run of marks by class; marks of one class keep their order.
fn put_marks_in_order(units: &mut [u16]) {
    for run in units.chunk_by_mut(|_, unit| class(*unit) != 0) {
        // A run begins with the character that carries the marks: its class is 0, or it is the name's first.
        run.sort_by_key(|unit| class(*unit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::crc32::crc32;
    use Ordering::{Equal, Greater, Less};
    use alloc::string::String;

    fn stored(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    fn shown(stored: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_text(stored, &mut out);
        out
    }

    /// All 65,536 units fold as Apple's table says, told by the order alone: the check value of the sheet.
    #[test]
    fn folds() {
        let rule = HfsNameRule::CaseFolding;
        let mut units: Vec<[u8; 2]> = (0..=u16::MAX).map(u16::to_be_bytes).collect();
        units.sort_by(|a, b| rule.compare(a, b));
        let mut folds = alloc::vec![[0; 2]; units.len()];
        for same in units.chunk_by(|a, b| rule.same(a, b)) {
            // What units fold to is the last of them.
            let target = if rule.same(&same[0], &[]) { [0; 2] } else { *same.iter().max().unwrap() };
            same.iter().for_each(|unit| folds[usize::from(u16::from_be_bytes(*unit))] = target);
        }
        assert_eq!(crc32(folds.as_flattened()), 0x4629_1121);
    }

    /// All decompositions are Apple's: the check value of the sheet, through the public way.
    #[test]
    fn decompositions() {
        let mut lines = String::new();
        for c in (0..=0xFFFF).filter_map(char::from_u32) {
            let is_hangul = ('\u{AC00}'..='\u{D7A3}').contains(&c);
            if matches!(c, '/' | ':' | '\u{2400}') || is_hangul {
                continue;
            }
            let key = to_stored(c.encode_utf8(&mut [0; 4]).as_bytes()).unwrap();
            let units: Vec<String> = units(&key).map(|unit| alloc::format!("{unit:04X}")).collect();
            if key != stored(c.encode_utf8(&mut [0; 4])) {
                lines += &alloc::format!("{:04X}:{}\n", u32::from(c), units.join(" "));
            }
        }
        assert_eq!(crc32(lines.as_bytes()), 0x6199_DAA3);
    }

    /// Hangul is decomposed by rule, and what lies beyond the BMP is left alone.
    #[test]
    fn syllables_and_pairs() {
        assert_eq!(to_stored("각".as_bytes()).unwrap(), stored("\u{1100}\u{1161}\u{11A8}"));
        assert_eq!(to_stored("가힣".as_bytes()).unwrap(), stored("\u{1100}\u{1161}\u{1112}\u{1175}\u{11C2}"));
        assert_eq!(to_stored("\u{1D15E}\u{2F800}".as_bytes()).unwrap(), stored("\u{1D15E}\u{2F800}"));
        assert_eq!(to_stored("\u{212B}\u{F900}".as_bytes()).unwrap(), stored("\u{212B}\u{F900}"));
    }

    /// Marks are sorted by class, those of one class keep their order, and newer marks are not sorted.
    #[test]
    fn marks() {
        let key = |text: &str| to_stored(text.as_bytes()).unwrap();
        assert_eq!(key("ệ"), stored("e\u{323}\u{302}"));
        assert_eq!(key("e\u{302}\u{323}x\u{301}\u{300}"), stored("e\u{323}\u{302}x\u{301}\u{300}"));
        assert_eq!(key("\u{302}\u{323}e"), stored("\u{323}\u{302}e"));
        assert_eq!(key("\u{391}\u{345}\u{313}"), stored("\u{391}\u{313}\u{345}"));
        assert_eq!(key("x\u{17DD}\u{CBC}"), stored("x\u{CBC}\u{17DD}"), "classes that Apple added");
        assert_eq!(key("x\u{302}\u{1DC2}"), stored("x\u{302}\u{1DC2}"), "U+1DC2 came with Unicode 4.1");
    }

    /// Case does not count, nor do invisible characters; NUL is last; shorter is smaller.
    #[test]
    fn case_folding_order() {
        let rule = HfsNameRule::CaseFolding;
        let compare = |a: &str, b: &str| rule.compare(&stored(a), &stored(b));
        assert_eq!(compare("README", "readme"), Equal);
        assert_eq!(compare("a\u{200C}b\u{FEFF}", "\u{FEFF}AB"), Equal);
        assert_eq!(compare("a", "B"), Less);
        assert_eq!(compare("_", "A"), Less, "letters are compared as small ones, which stand behind");
        assert_eq!(compare("a", "ab"), Less);
        assert_eq!(compare("", "\u{200D}"), Equal);
        assert_eq!(compare("\0\0\0\0HFS+ Private Data", "\u{FFFD}"), Greater);
        assert_eq!(compare("ԱΣ\u{3E2}Ⅷ", "աσ\u{3E3}ⅷ"), Equal);
        assert_eq!(compare("É", "é"), Less, "composed letters are not folded");
        assert_eq!(compare("ß", "SS"), Greater);
        assert!(rule.same(b"\0a\0", b"\0A"), "an odd byte does not count");
    }

    /// Binary order is that of code units, so characters beyond the BMP stand before U+E000.
    #[test]
    fn binary_order() {
        let compare = |a: &str, b: &str| HfsNameRule::Binary.compare(&stored(a), &stored(b));
        assert_eq!(compare("A", "a"), Less);
        assert_eq!(compare("a", "ab"), Less);
        assert_eq!(compare("\u{1F600}", "\u{E000}"), Less);
        assert_eq!(compare("a\0", "a"), Greater);
        assert!(!HfsNameRule::Binary.same(&stored("a\u{200C}"), &stored("a")));
    }

    /// Names that Linux or an old system stored otherwise are equivalent, and others are not.
    #[test]
    fn equivalent_names() {
        for rule in [HfsNameRule::CaseFolding, HfsNameRule::Binary] {
            let equivalent = |a: &str, b: &str| rule.equivalent(&stored(a), &stored(b));
            assert!(equivalent("e\u{302}\u{323}", "e\u{323}\u{302}"));
            assert!(equivalent("\u{439}", "\u{438}\u{306}"));
            assert!(!equivalent("e\u{302}", "e\u{301}"));
            assert!(!equivalent("a", "b"));
            assert_eq!(equivalent("É", "e\u{301}"), rule == HfsNameRule::CaseFolding);
        }
    }

    /// `/` is shown as `:` and typed so; NUL is typed as it is or as its picture.
    #[test]
    fn shown_and_typed() {
        let private = stored("\0\0\0\0HFS+ Private Data");
        assert_eq!(shown(&stored("a/b\0c")), b"a:b\0c");
        assert_eq!(to_stored("␀␀␀␀HFS+ Private Data".as_bytes()).unwrap(), private);
        assert_eq!(to_stored(b"\0\0\0\0HFS+ Private Data").unwrap(), private);
        assert_eq!(to_stored(b"a:b").unwrap(), stored("a/b"));
        assert_eq!(to_stored_as_is("␀é:".as_bytes()).unwrap(), stored("␀é/"));
        assert_eq!((to_stored(b"a/b"), to_stored_as_is(b"a/b")), (None, None));
    }

    /// Lone surrogates are shown as three bytes and come back; pairs have one form only.
    #[test]
    fn surrogates() {
        let lone = [0xDC, 0, 0xD8, 0, 0, b'x', 0xDB, 0xFF];
        assert_eq!(shown(&lone), b"\xED\xB0\x80\xED\xA0\x80x\xED\xAF\xBF");
        assert_eq!(to_stored_as_is(&shown(&lone)).unwrap(), lone);
        assert_eq!(to_stored(&shown(&lone)).unwrap(), lone);
        assert_eq!(shown(&stored("😀")), "😀".as_bytes());
        assert_eq!(to_stored(b"\xED\xA0\xBD\xED\xB8\x80"), None, "a pair written as two");
        for broken in [&b"\xED\xA0"[..], b"\xFF", b"a\xC3", b"\xC0\x80", b"\xF5\x80\x80\x80"] {
            assert_eq!((to_stored(broken), to_stored_as_is(broken)), (None, None), "{broken:?}");
        }
    }

    /// What is shown leads back to every name without a colon.
    #[test]
    fn inverse() {
        let mut state = 1_u32;
        for _ in 0..2000 {
            let mut name = Vec::new();
            for _ in 0..9 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [high, low, kind, _] = state.to_be_bytes();
                let unit = [if kind & 1 == 0 { 0xD8 | high & 7 } else { high }, low];
                name.extend(if unit == [0, b':'] { [0, 0] } else { unit });
            }
            assert_eq!(to_stored_as_is(&shown(&name)).unwrap(), name);
        }
    }

    /// A name has 255 units at most, counted as stored.
    #[test]
    fn length() {
        assert_eq!(to_stored(&[b'a'; 255]).unwrap().len(), 510);
        assert_eq!(to_stored(&[b'a'; 256]), None);
        assert_eq!(to_stored_as_is(&[b'a'; 256]), None);
        assert_eq!(to_stored("é".repeat(128).as_bytes()), None);
        assert_eq!(to_stored("😀".repeat(128).as_bytes()), None);
        assert_eq!(to_stored(b""), Some(Vec::new()));
    }
}
