//! Names for the host: which are safe, and what to do with those that are taken, too long or refused.

/// Longest name of common file systems, in bytes.
pub(crate) const MAX_NAME: usize = 255;

/// Bytes after the last dot that still count as an extension.
const MAX_EXTENSION: usize = 16;

/// Marks a file that could be read in part only.
pub(crate) const PARTIAL: &[u8] = b".partial";

/// True if a name names something in its own directory and nothing else.
pub(crate) fn is_component(name: &[u8]) -> bool {
    is_stored_component(name) && !name.contains(&0)
}

/// The same of a name in an image, which may have NULs on HFS+.
pub(crate) fn is_stored_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/')
}

/// The name with U+2400 in the place of NULs, as macOS shows it, if it has any.
pub(crate) fn without_nul(name: &[u8]) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = name.split(|byte| *byte == 0).collect();
    (parts.len() > 1).then(|| parts.join("\u{2400}".as_bytes()))
}

/// Why a name is not kept.
pub(crate) const HAS_NUL: &str = "no target takes a name with a NUL";

/// A name in place of a taken one, `report (2).txt`; never longer than [`MAX_NAME`].
pub(crate) fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    let dot = dot.filter(|dot| name.len().saturating_sub(*dot) <= MAX_EXTENSION).unwrap_or(name.len());
    let (stem, extension) = name.split_at_checked(dot).unwrap_or((name, b""));
    let tail = [format!(" ({number})").as_bytes(), extension].concat();
    with_tail(stem, &tail)
}

/// The name with something behind it, shortened if needed.
pub(crate) fn with_tail(name: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut room = MAX_NAME.saturating_sub(tail.len()).min(name.len());
    // Not in the middle of a character.
    while room > 0 && name.get(room).is_some_and(|byte| byte & 0xC0 == 0x80) {
        room = room.saturating_sub(1);
    }
    [name.get(..room).unwrap_or(name), tail].concat()
}

/// A name that every file system takes: what only some take becomes `_`.
pub(crate) fn sanitised(name: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(name);
    let plain = |c: char| match c {
        '\0'..='\x1F' | '\x7F' | char::REPLACEMENT_CHARACTER => '_',
        '"' | '*' | '/' | ':' | '<' | '>' | '?' | '\\' | '|' => '_',
        other => other,
    };
    let mut name: String = text.chars().map(plain).collect();
    if name.is_empty() || name.ends_with(['.', ' ']) {
        name.pop();
        name.push('_');
    }
    name.into_bytes()
}

/// A volume's name as the name of a folder.
pub(crate) fn folder(volume: &[u8]) -> Vec<u8> {
    if is_component(volume) { with_tail(volume, b"") } else { with_tail(&sanitised(volume), b"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number stands before the extension, and long names are cut between characters.
    #[test]
    fn numbers() {
        assert_eq!(numbered(b"a.txt", 2), b"a (2).txt");
        assert_eq!(numbered(b".profile", 3), b".profile (3)");
        assert_eq!(numbered(b"plain", 2), b"plain (2)");
        let long = numbered("ä".repeat(200).as_bytes(), 2);
        assert!(long.len() <= MAX_NAME && core::str::from_utf8(&long).is_ok());
        assert!(long.ends_with(b" (2)"));
    }

    /// NULs are shown as macOS shows them, and everything else is left alone.
    #[test]
    fn nuls() {
        assert_eq!(without_nul(b"\0\0a\0").unwrap(), "\u{2400}\u{2400}a\u{2400}".as_bytes());
        assert_eq!(without_nul(b"a:b"), None);
        assert!(is_stored_component(b"a\0") && !is_component(b"a\0") && !is_stored_component(b"a/\0"));
    }

    /// No volume name leads out of the target.
    #[test]
    fn folders() {
        assert_eq!(folder(b"Macintosh HD"), b"Macintosh HD");
        assert_eq!(folder(b"../../etc"), b".._.._etc");
        for name in [&b".."[..], b".", b"", b"/", b"a/b", b"a\0b"] {
            assert!(is_component(&folder(name)), "{name:?}");
        }
    }
}
