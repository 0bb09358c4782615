//! Standard output: one big buffer, JSON lines beside text.

use std::io::{self, Write};

use serde::Serialize;

/// Bytes gathered before they are written.
const FLUSH_AT: usize = 256 << 10;

/// A buffer in front of standard output. Nothing is printed behind it.
#[derive(Debug, Default)]
pub(crate) struct Out {
    buffer: Vec<u8>,
}

impl Out {
    pub(crate) fn new() -> Out {
        Out { buffer: Vec::with_capacity(FLUSH_AT.saturating_mul(2)) }
    }

    /// The buffer, to append to. Call [`Out::line`] after each line.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends a line.
    pub(crate) fn line(&mut self) -> io::Result<()> {
        self.buffer.push(b'\n');
        if self.buffer.len() >= FLUSH_AT { self.flush() } else { Ok(()) }
    }

    /// Appends an integer.
    pub(crate) fn number(&mut self, number: impl itoa::Integer) {
        self.buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
    pub(crate) fn display(&mut self, value: impl std::fmt::Display) -> io::Result<()> {
        write!(self.buffer, "{value}")
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
        written
    }
}

/// Bytes as text of small hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
