//! Disks and disk images cut into numbered files (sheet sparse-images, section 5; sheet dmg, section 2.4).
//!
//! `disk.001`, `disk.dd.000`, `disk.r00`, `disk.part1`, `disk.aa` are parts of a disk; `disk.dmg` and `disk.002.dmgpart`
//! are segments of one UDIF image.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::file_pool::PooledFile;
use crate::io::pieces::{Pieces, Source};
use crate::io::read_at::ReadAt;

/// Files that belong together, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parts {
    /// A disk in pieces: put one behind the other they are what was cut.
    Pieces(Vec<PathBuf>),
    /// Segments of a UDIF image, each with a trailer of its own.
    UdifSegments(Vec<PathBuf>),
}

/// The other parts of what a path is a part of; `None` if its name is not that of one.
///
/// # Errors
/// `NotFound` if a part is missing before or between others, `Corrupt` if one is there twice, `Limit` for more parts than
/// allowed, `Unsupported` for a name that is not UTF-8, `Io`.
pub fn parts(path: &Path, limits: &Limits) -> Result<Option<Parts>> {
    let Some(name) = path.file_name() else { return Ok(None) };
    let Some(name) = name.to_str() else {
        let name = name.to_string_lossy();
        // Opened alone it would be a disk that ends early.
        return match Family::of(&name).filter(|(family, _)| family.is_certain(&name)) {
            Some(_) => Err(Error::unsupported("part of a disk whose name is not UTF-8", "rename its parts")),
            None => Ok(None),
        };
    };
    if let Some(stem) = segment_stem(name) {
        return segments(path, stem, limits);
    }
    let Some((family, number)) = Family::of(name) else { return Ok(None) };
    let found = siblings(path, limits, |name| {
        Family::of(name).filter(|(other, _)| *other == family).map(|(_, number)| number)
    })?;
    let first = found.keys().next().map_or(number, |first| family.numbering.first(*first));
    // A name may look like that of a part by chance; then there are no parts before it.
    if !family.is_certain(name) && (first..number).any(|number| !found.contains_key(&number)) {
        return Ok(None);
    }
    let parts = in_order(found, first, |number| family.name(number))?;
    Ok(Some(Parts::Pieces(parts)))
}

/// One device of pieces that follow one another. They are opened as they are needed.
///
/// # Errors
/// `Corrupt` if a part other than the last one is not as long as the first, `Io`.
pub fn join(parts: &[PathBuf]) -> Result<Pieces> {
    let files = PooledFile::all(parts)?;
    let whole = files.first().map_or(0, PooledFile::len);
    let mut pieces = Pieces::new();
    for (file, left) in files.into_iter().zip((0..parts.len()).rev()) {
        // A part that was cut would move everything behind it.
        if file.len() > whole || (file.len() < whole && left > 0) {
            let corrupt = Corrupt::new(Damage::Contradiction, Place::new("split image", "length of a part"));
            let found = format!("{} in {}", file.len(), file.path().display());
            return Err(corrupt.expected(whole).found(found).into());
        }
        pieces.push(file.len(), Source::Device(Arc::new(file), 0))?;
    }
    Ok(pieces)
}

/// What all parts of one disk have in common in their names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Family {
    stem: String,
    numbering: Numbering,
}

/// How parts are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbering {
    /// A word and digits, at least so many: `001`, `r00`, `part1`.
    Digits(&'static str, usize),
    /// Two letters: `aa`, `ab`, up to `zz`.
    Letters,
}

impl Numbering {
    /// The number that the first part has, if the lowest one found is `lowest`: digits begin at 0 or 1.
    fn first(self, lowest: u32) -> u32 {
        match self {
            Numbering::Digits(..) => lowest.min(1),
            Numbering::Letters => 0,
        }
    }
}

impl Family {
    /// The family that a name belongs to, and its number there.
    fn of(name: &str) -> Option<(Family, u32)> {
        let (stem, extension) = name.rsplit_once('.')?;
        let digits = [("", 3), ("r", 2), ("part", 1)].into_iter().find_map(|(word, least)| {
            let digits = extension.strip_prefix(word)?;
            let is_number = digits.len() >= least && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok().map(|number| (Numbering::Digits(word, least), number)))?
        });
        let letters = || match extension.as_bytes() {
            [high @ b'a'..=b'z', low @ b'a'..=b'z'] => {
                let digit = |letter: &u8| u32::from(letter.saturating_sub(b'a'));
                Some((Numbering::Letters, digit(high).saturating_mul(26).saturating_add(digit(low))))
            }
            _ => None,
        };
        let (numbering, number) = digits.or_else(letters)?;
        Some((Family { stem: stem.to_owned(), numbering }, number))
    }

    /// True if nothing but a part has such a name: `.003`, and not `.2024` or `.gz`.
    fn is_certain(&self, name: &str) -> bool {
        match self.numbering {
            Numbering::Digits("", _) => {
                name.rsplit_once('.').is_some_and(|(_, digits)| digits.starts_with('0'))
            }
            Numbering::Digits(..) => true,
            Numbering::Letters => false,
        }
    }

    /// The name of a part, for messages.
    fn name(&self, number: u32) -> String {
        let stem = &self.stem;
        match self.numbering {
            Numbering::Digits(word, least) => format!("{stem}.{word}{number:0least$}"),
            Numbering::Letters => {
                let letter = |digit: u32| char::from_digit(digit.saturating_add(10), 36).unwrap_or('?');
                format!("{stem}.{}{}", letter(number / 26), letter(number % 26))
            }
        }
    }
}

/// What stands before `.dmg`, or before the number and `.dmgpart`.
fn segment_stem(name: &str) -> Option<&str> {
    name.strip_suffix(".dmg").or_else(|| segment_number(name).map(|(stem, _)| stem))
}

fn segment_number(name: &str) -> Option<(&str, u32)> {
    let (stem, number) = name.strip_suffix(".dmgpart")?.rsplit_once('.')?;
    Some((stem, number.parse().ok()?))
}

/// The segments of a UDIF image; `None` if it is whole.
fn segments(path: &Path, stem: &str, limits: &Limits) -> Result<Option<Parts>> {
    let second = path.with_file_name(format!("{stem}.002.dmgpart"));
    if path.extension().is_some_and(|extension| extension == "dmg") && !second.exists() {
        return Ok(None);
    }
    let first = format!("{stem}.dmg");
    let found = siblings(path, limits, |name| match segment_number(name) {
        Some((other, number)) => (other == stem).then_some(number),
        None => (name == first).then_some(1),
    })?;
    let name = |number| if number == 1 { first.clone() } else { format!("{stem}.{number:03}.dmgpart") };
    Ok(Some(Parts::UdifSegments(in_order(found, 1, name)?)))
}

/// The files beside a path that have a number, by number.
fn siblings(
    path: &Path,
    limits: &Limits,
    number: impl Fn(&str) -> Option<u32>,
) -> Result<BTreeMap<u32, PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fail = |cause: std::io::Error| Error::io(0, 0, format!("{}: {cause}", folder.display()));
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let Some(number) = path.file_name().and_then(|name| name.to_str()).and_then(&number) else {
            continue;
        };
        if found.len() >= limits.image_segments {
            let limit = len64(limits.image_segments);
            return Err(Error::limit("parts of a disk image", limit, limit.saturating_add(1)));
        }
        let text = format!("{}", path.display());
        if found.insert(number, path).is_some() {
            let place = Place::new("split image", "number of a part");
            return Err(Corrupt::new(Damage::Contradiction, place).found(text).into());
        }
    }
    Ok(found)
}

/// The files without their numbers, of which none may be missing from `expected` on.
fn in_order(
    found: BTreeMap<u32, PathBuf>,
    mut expected: u32,
    name: impl Fn(u32) -> String,
) -> Result<Vec<PathBuf>> {
    let mut parts = Vec::with_capacity(found.len());
    for (number, path) in found {
        if number != expected {
            return Err(Error::not_found(format!("part {} of a split image", name(expected))));
        }
        expected = expected.saturating_add(1);
        parts.push(path);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> Option<(String, u32)> {
        Family::of(name).map(|(family, number)| (family.stem, number))
    }

    /// Names of parts are told from others, and a name leads back to its number.
    #[test]
    fn names() {
        for (name, expected) in [
            ("disk.001", 1),
            ("disk.000", 0),
            ("disk.1000", 1000),
            ("disk.r07", 7),
            ("disk.part12", 12),
            ("disk.aa", 0),
            ("disk.ba", 26),
        ] {
            let (family, found) = Family::of(name).unwrap();
            assert_eq!((family.stem.as_str(), found), ("disk", expected), "{name}");
            assert_eq!(family.name(expected), name);
        }
        assert_eq!(number("disk.dd.001"), Some(("disk.dd".into(), 1)));
        for name in
            ["disk", "disk.img", "disk.15", "disk.r7", "disk.part", "disk.Aa", "disk.99999999999", ".", ""]
        {
            assert_eq!(number(name), None, "{name}");
        }
        assert_eq!(segment_number("a.b.012.dmgpart"), Some(("a.b", 12)));
        assert_eq!(segment_stem("a.dmg"), Some("a"));
        assert_eq!(segment_stem("a.dmgpart"), None);
    }
}
