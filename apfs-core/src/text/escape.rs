//! Names as text that is safe on a terminal and loses nothing.

use core::fmt::{self, Write};

/// Shows stored bytes as text: valid UTF-8 as it is, everything that could deceive a reader escaped.
///
/// Control characters, bidirectional marks and the backslash become `\u{..}` or `\\`, bytes that are not UTF-8
/// become `\xNN`: what is printed tells the stored bytes, and no name moves the cursor. NUL, with which names of HFS+
/// begin, is shown by its picture `␀`, and that character as `\u{2400}`.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.iter().all(|byte| matches!(byte, 0x20..=0x5B | 0x5D..=0x7E)) {
            return f.write_str(core::str::from_utf8(self.0).unwrap_or_default());
        }
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\r' => f.write_str("\\r")?,
                    '\0' => f.write_char('␀')?,
                    '␀' => f.write_str("\\u{2400}")?,
                    c if c.is_control() || is_invisible(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Characters that change the order or look of the text around them, or can't be seen at all.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Control and bidirectional characters, backslashes and broken bytes are shown, not obeyed.
    #[test]
    fn escapes() {
        assert_eq!(Escaped("ä b".as_bytes()).to_string(), "ä b");
        assert_eq!(Escaped(b"a\x1b[2J\n\\").to_string(), "a\\u{1b}[2J\\n\\\\");
        assert_eq!(Escaped("x\u{202e}gpj".as_bytes()).to_string(), "x\\u{202e}gpj");
        assert_eq!(Escaped(b"\xff\x01").to_string(), "\\xff\\u{1}");
    }

    /// NUL is told from the picture that it is shown by.
    #[test]
    fn nul() {
        assert_eq!(Escaped(b"\0HFS+").to_string(), "␀HFS+");
        assert_eq!(Escaped("␀\0".as_bytes()).to_string(), "\\u{2400}␀");
    }
}
