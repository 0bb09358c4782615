//! Standard output: one big buffer, JSON lines beside text.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use apfs_core::Kind;
use apfs_core::text::escape::Escaped;
use serde::Serialize;

/// Bytes gathered before they are written.
const FLUSH_AT: usize = 256 << 10;

const DIRECTORY: Style = AnsiColor::Blue.on_default().bold();
const LINK: Style = AnsiColor::Cyan.on_default();

/// A buffer in front of standard output. Nothing is printed behind it.
#[derive(Debug, Default)]
pub(crate) struct Out {
    buffer: Vec<u8>,
    colour: bool,
    /// Nothing is written out: somebody else does, later.
    page: bool,
}

impl Out {
    pub(crate) fn new() -> Out {
        // Decided by the terminal, NO_COLOR and CLICOLOR.
        let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        Out { buffer: Vec::with_capacity(FLUSH_AT.saturating_mul(2)), colour, page: false }
    }

    /// Lines that are gathered to be appended to this output later.
    pub(crate) fn new_page(&self) -> Out {
        Out { buffer: Vec::new(), colour: self.colour, page: true }
    }

    /// Appends the lines of a page.
    pub(crate) fn page(&mut self, page: &Out) -> io::Result<()> {
        self.bytes(&page.buffer)
    }

    /// The buffer, to append to. Call [`Out::line`] after each line.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends a line.
    pub(crate) fn line(&mut self) -> io::Result<()> {
        self.buffer.push(b'\n');
        if self.buffer.len() >= FLUSH_AT && !self.page { self.flush() } else { Ok(()) }
    }

    /// Appends an integer, filled up with spaces on the left.
    pub(crate) fn padded(&mut self, number: impl itoa::Integer, width: usize) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        let fill = width.saturating_sub(digits.len());
        self.buffer.resize(self.buffer.len().saturating_add(fill), b' ');
        self.buffer.extend_from_slice(digits);
    }

    /// Appends anything that displays.
    pub(crate) fn display(&mut self, value: impl core::fmt::Display) -> io::Result<()> {
        write!(self.buffer, "{value}")
    }

    /// Appends a name or path as safe text, coloured by what it names.
    pub(crate) fn name(&mut self, name: &[u8], kind: Kind) -> io::Result<()> {
        let style = match kind {
            Kind::Dir => DIRECTORY,
            Kind::Symlink => LINK,
            _ => return self.escaped(name),
        };
        if !self.colour {
            return self.escaped(name);
        }
        self.display(style)?;
        self.escaped(name)?;
        self.display(format_args!("{style:#}"))
    }

    /// Appends a name or path as safe text; nearly all of them need no escaping.
    pub(crate) fn escaped(&mut self, name: &[u8]) -> io::Result<()> {
        // Looking at all bytes is quicker than stopping at the first bad one.
        if name.iter().fold(true, |plain, byte| plain & matches!(byte, 0x20..=0x5B | 0x5D..=0x7E)) {
            self.buffer.extend_from_slice(name);
            return Ok(());
        }
        self.display(Escaped(name))
    }

    /// Appends bytes as they are. What is gathered is written out as soon as it is long.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len().saturating_add(bytes.len()) > FLUSH_AT {
            self.flush()?;
        }
        if bytes.len() >= FLUSH_AT {
            return io::stdout().lock().write_all(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, value)?;
        self.line()
    }

    /// Writes out what is in the buffer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let written = io::stdout().lock().write_all(&self.buffer);
        self.buffer.clear();
        written.and_then(|()| io::stdout().lock().flush())
    }
}

/// Bytes as text of small hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
