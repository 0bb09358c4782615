//! Lists of SHA-256 sums: lines of sha256sum and of `apfs hash`, and the JSON lines of `apfs hash` and `apfs ls --hash`.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use apfs_core::text::escape::Escaped;
use serde::Deserialize;

use crate::exit::Failure;

/// Digits of a sum.
const DIGITS: usize = 64;

/// What is expected of one file.
#[derive(Debug)]
pub(super) struct Expected {
    /// Small hexadecimal digits.
    pub(super) sum: String,
    seen: AtomicBool,
}

impl Expected {
    /// Remembers that the file is there.
    pub(super) fn see(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    /// True if the file is there.
    pub(super) fn was_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }
}

/// Sums of files by their paths.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Name of the volume, empty where the list does not say; then the path from the root.
    sums: BTreeMap<(String, Vec<u8>), Expected>,
    volumes: BTreeSet<String>,
    /// It has lines of JSON: those are of all files, what the file system keeps for itself included.
    pub(super) has_private: bool,
}

/// What is needed of a line of JSON.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default)]
    volume: String,
    path: String,
    #[serde(default)]
    path_raw: Option<String>,
    #[serde(default)]
    sha256: Option<String>,
}

impl List {
    /// Reads a list.
    pub(super) fn read(path: &Path) -> Result<List, Failure> {
        let bytes = std::fs::read(path).map_err(Failure::io(path.display()))?;
        List::parse(&bytes).map_err(|why| Failure::Usage(format!("{}, {why}", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<List, String> {
        let mut list = List::default();
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1u64..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            list.has_private |= line.starts_with(b"{");
            let found = if line.starts_with(b"{") { json(line) } else { text(line).map(Some) };
            let Some((volume, path, sum)) = found.map_err(|why| format!("line {number}: {why}"))? else {
                continue;
            };
            let expected = Expected { sum, seen: AtomicBool::new(false) };
            list.volumes.insert(volume.clone());
            if let Some(other) = list.sums.get(&(volume.clone(), path.clone())) {
                if other.sum != expected.sum {
                    return Err(format!("line {number}: {} has another sum before", Escaped(&path)));
                }
                continue;
            }
            list.sums.insert((volume, path), expected);
        }
        if list.sums.is_empty() {
            return Err("no sum in it".to_owned());
        }
        Ok(list)
    }

    /// The part of the list that is of a volume. A list of one volume is taken for any: names change.
    pub(super) fn of_volume(&self, name: &str) -> BTreeMap<&[u8], &Expected> {
        let all = self.volumes.len() == 1;
        let ours = self.sums.iter().filter(|((volume, _), _)| all || volume == name);
        ours.map(|((_, path), expected)| (path.as_slice(), expected)).collect()
    }
}

type Line = (String, Vec<u8>, String);

fn json(line: &[u8]) -> Result<Option<Line>, String> {
    let row: Row = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Some(sum) = row.sha256 else { return Ok(None) };
    let path = match &row.path_raw {
        Some(raw) => unhex(raw).ok_or("path_raw is not hexadecimal")?,
        None => row.path.into_bytes(),
    };
    Ok(Some((row.volume, from_root(&path), sum_of(sum.as_bytes())?)))
}

fn text(line: &[u8]) -> Result<Line, String> {
    let (escaped, line) = match line.strip_prefix(b"\\") {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (sum, rest) = line.split_at_checked(DIGITS).ok_or("not a SHA-256 sum and a path")?;
    let path = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"));
    let path = path.filter(|path| !path.is_empty()).ok_or("not a SHA-256 sum and a path")?;
    let path = if escaped { unescape(path)? } else { path.to_vec() };
    Ok((String::new(), from_root(&path), sum_of(sum)?))
}

fn sum_of(digits: &[u8]) -> Result<String, String> {
    let digits = core::str::from_utf8(digits).unwrap_or("");
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("not a SHA-256 sum".to_owned());
    }
    Ok(digits.to_ascii_lowercase())
}

/// `./etc/hosts` and `etc/hosts` as `/etc/hosts`.
fn from_root(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    [b"/", path].concat()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Undoes the escapes of sha256sum and of [`Escaped`].
fn unescape(path: &[u8]) -> Result<Vec<u8>, String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path);
    let unknown = || format!("unknown escape in {}", String::from_utf8_lossy(path));
    loop {
        let Some(at) = rest.iter().position(|byte| *byte == b'\\') else {
            bytes.extend_from_slice(rest);
            return Ok(bytes);
        };
        let (before, escape) = rest.split_at_checked(at).ok_or_else(unknown)?;
        bytes.extend_from_slice(before);
        let (letter, after) = escape.get(1..).and_then(<[u8]>::split_first).ok_or_else(unknown)?;
        let digits = |count: usize| core::str::from_utf8(after.get(..count)?).ok();
        rest = after;
        match letter {
            b'\\' => bytes.push(b'\\'),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let byte = digits(2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(byte.ok_or_else(unknown)?);
                rest = after.get(2..).ok_or_else(unknown)?;
            }
            b'u' => {
                let end = after.iter().position(|byte| *byte == b'}').ok_or_else(unknown)?;
                let digits = digits(end).and_then(|digits| digits.strip_prefix('{'));
                let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let c = number.and_then(char::from_u32).ok_or_else(unknown)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after.get(end.saturating_add(1)..).ok_or_else(unknown)?;
            }
            _ => return Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All kinds of lines lead to the same paths; comments and rows without a sum are passed over.
    #[test]
    fn lines() {
        let sum = "0123456789abcdef".repeat(4);
        let upper = sum.to_uppercase();
        let text = format!(
            "# System\n{sum}  ./a b\n{upper} */c\r\n\\{sum}  /d\\n\\\\\\xff\\u{{202e}}\n\
             {{\"path\":\"/e\",\"sha256\":\"{sum}\",\"size\":3}}\n{{\"path\":\"/dir\",\"type\":\"dir\"}}\n\
             {{\"path\":\"/?\",\"path_raw\":\"2fff\",\"sha256\":\"{sum}\"}}\n\n"
        );
        let list = List::parse(text.as_bytes()).unwrap();
        let files = list.of_volume("any");
        let paths: Vec<&[u8]> = files.keys().copied().collect();
        let deceiving = [b"/d\n\\\xff".as_slice(), "\u{202e}".as_bytes()].concat();
        assert_eq!(paths, [b"/a b".as_slice(), b"/c", &deceiving, b"/e", b"/\xff"]);
        assert!(files.values().all(|expected| expected.sum == sum));
    }

    /// What is no list, or says two things of a file, is refused with the line.
    #[test]
    fn refuses() {
        let (one, other) = ("1".repeat(64), "2".repeat(64));
        for (text, why) in [
            (String::new(), "no sum"),
            (format!("{one} x"), "line 1: not a SHA-256"),
            (format!("{}g  x", &one[1..]), "line 1: not a SHA-256"),
            (format!("\n{one}  x\n{other}  ./x"), "line 3: /x has another"),
            (format!("\\{one}  \\q"), "line 1: unknown escape"),
            (format!("\\{one}  \\"), "line 1: unknown escape"),
            ("{\"path\"".to_owned(), "line 1"),
        ] {
            let error = List::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    /// A list of several volumes is taken by their names, one of a single volume for any.
    #[test]
    fn volumes() {
        let row = |volume: &str| {
            format!("{{\"volume\":\"{volume}\",\"path\":\"/{volume}\",\"sha256\":\"{}\"}}\n", "1".repeat(64))
        };
        let both = List::parse((row("A") + &row("B")).as_bytes()).unwrap();
        assert_eq!(both.of_volume("B").keys().collect::<Vec<_>>(), [b"/B"]);
        assert_eq!(List::parse(row("A").as_bytes()).unwrap().of_volume("B").len(), 1);
    }
}
