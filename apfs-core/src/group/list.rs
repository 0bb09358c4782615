//! The list of firmlinks on a System volume, `/usr/share/firmlinks`: a line for each, path and target with a tab between
//! (sheet apfs-04, section 6).

use alloc::vec::Vec;

use crate::apfs::View;
use crate::base::bytes::{to_usize, zeroed};
use crate::base::error::{Class, Error, Result};
use crate::fs::path::FsExt;
use crate::fs::types::StreamId;
use crate::fs::view::Fs;

/// Where the list is.
pub(super) const LIST: &[u8] = b"/usr/share/firmlinks";

/// Longest path of a file on a Mac (`MAXPATHLEN`).
pub(super) const MOST_PATH: usize = 1024;
/// Longest list: those of Macs have less than a kilobyte.
const MOST_BYTES: u64 = 1 << 20;
/// What targets began with in early versions of macOS 10.15.
const DEVICE: &[u8] = b"Device/";

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Path of a directory of System, with its slash.
    pub(super) path: &'t [u8],
    /// Path in Data, without a slash before it.
    pub(super) target: &'t [u8],
}

/// Reads the list; `None` if there is none.
pub(super) fn read(system: &View) -> Result<Option<Vec<u8>>> {
    let id = match system.find(LIST) {
        Ok(id) => id,
        Err(error) if matches!(error.class(), Class::NotFound | Class::WrongKind) => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = system.stream_len(id, &StreamId::Data)?;
    if len > MOST_BYTES {
        return Err(Error::limit("length of the list of firmlinks", MOST_BYTES, len));
    }
    let mut text = zeroed(to_usize(len)?)?;
    let read = system.read_at(id, &StreamId::Data, 0, &mut text)?;
    text.truncate(read);
    Ok(Some(text))
}

/// The lines that are not empty with their numbers, from 1; `None` for one that is no firmlink.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Option<Line<'_>>)> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.map(|line| line.strip_suffix(b"\0").unwrap_or(line));
    lines.zip(1..).filter(|(line, _)| !line.is_empty()).map(|(line, number)| (number, parse(line)))
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (path, target) = line.split_at_checked(tab)?;
    let target = relative(target.strip_prefix(b"\t")?);
    (path.starts_with(b"/") && path.len() <= MOST_PATH && !target.is_empty()).then_some(Line { path, target })
}

/// A target as a path in Data: without the NUL or line end behind it and the slashes before it, which some have.
pub(super) fn relative(target: &[u8]) -> &[u8] {
    let target = target.strip_suffix(b"\0").unwrap_or(target);
    let mut target = target.strip_suffix(b"\n").unwrap_or(target);
    while let Some(rest) = target.strip_prefix(b"/") {
        target = rest;
    }
    target
}

/// A target without what early versions put before it; `None` if there is no such thing.
pub(super) fn without_device(target: &[u8]) -> Option<&[u8]> {
    target.strip_prefix(DEVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(usize, Option<(&str, &str)>)> {
        let text_of = |bytes| core::str::from_utf8(bytes).unwrap();
        let line = |line: Line<'static>| (text_of(line.path), text_of(line.target));
        let text: &'static str = alloc::string::String::from(text).leak();
        lines(text.as_bytes()).map(|(number, parsed)| (number, parsed.map(line))).collect()
    }

    /// Lines as macOS writes them, and as older and other versions may; what is no firmlink is told with its number.
    #[test]
    fn lines_of_all_forms() {
        assert_eq!(
            parsed("/Users\tUsers\n\n/usr/local\t/usr/local\r\n/cores\tDevice/cores\0"),
            [
                (1, Some(("/Users", "Users"))),
                (3, Some(("/usr/local", "usr/local"))),
                (4, Some(("/cores", "Device/cores"))),
            ]
        );
        assert_eq!(parsed("Users\tUsers\n/a b\n/x\t/\n"), [(1, None), (2, None), (3, None)]);
        assert_eq!(parsed(&alloc::format!("/{}\tx", "a".repeat(MOST_PATH))), [(1, None)]);
        assert_eq!(parsed(""), []);
    }

    /// One NUL or line end goes, and all slashes at the beginning.
    #[test]
    fn targets_of_all_forms() {
        for target in ["Users", "/Users", "//Users", "Users\0", "/Users\n", "Users\n\0"] {
            assert_eq!(relative(target.as_bytes()), b"Users", "{target:?}");
        }
        assert_eq!(relative(b"/"), b"");
        assert_eq!(without_device(b"Device/Users"), Some(&b"Users"[..]));
        assert_eq!(without_device(b"Users"), None);
    }
}
