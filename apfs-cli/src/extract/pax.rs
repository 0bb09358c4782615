//! Tar archives in the pax format: ustar headers, with records before them for all that does not fit.

use core::ops::Range;
use std::io::{self, Write};

use apfs_core::Timestamp;
use tar::{EntryType, Header};

/// Tar's unit.
const BLOCK: usize = 512;

/// Bytes of a name in a header.
const HEADER_NAME: usize = 100;

/// What an entry is, without its content.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: EntryType,
    /// Relative, without slashes at its ends.
    pub(crate) path: &'a [u8],
    /// Target of a symbolic link, or path of the first name of a file.
    pub(crate) link: &'a [u8],
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) device: (u32, u32),
    pub(crate) modified: Option<Timestamp>,
    pub(crate) accessed: Option<Timestamp>,
    pub(crate) created: Option<Timestamp>,
}

/// An archive being written.
#[derive(Debug)]
pub(crate) struct Archive<W: Write> {
    out: W,
    records: Vec<u8>,
    /// Bytes of content since the last header.
    content: u64,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(out: W) -> Archive<W> {
        Archive { out, records: Vec::new(), content: 0 }
    }

    /// Adds a record to the next entry.
    pub(crate) fn record(&mut self, key: &[u8], value: &[u8]) {
        // The length counts itself.
        let rest = key.len().saturating_add(value.len()).saturating_add(3);
        let mut len = rest.saturating_add(1);
        while len != rest.saturating_add(digits(len)) {
            len = rest.saturating_add(digits(len));
        }
        self.records.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
        for part in [b" ", key, b"=", value, b"\n"] {
            self.records.extend_from_slice(part);
        }
    }

    /// Begins an entry; its content, `entry.size` bytes, is then written with [`Archive::write`].
    pub(crate) fn begin(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.begin_sized(entry, entry.path, entry.size)
    }

    /// Begins a file with holes (GNU sparse format 1.0). Its content is the bytes of the runs, in order.
    pub(crate) fn begin_sparse(&mut self, entry: &Entry<'_>, runs: &[Range<u64>]) -> io::Result<()> {
        let (dir, name) = match entry.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => entry.path.split_at_checked(slash.saturating_add(1)).unwrap_or_default(),
            None => (&[][..], entry.path),
        };
        let header_path = [dir, b"GNUSparseFile.0/", name].concat();
        let mut map = Vec::new();
        let ends_with_hole = runs.last().is_none_or(|last| last.end < entry.size);
        let count = runs.len().saturating_add(usize::from(ends_with_hole));
        let mut number = |number: u64| {
            map.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            map.push(b'\n');
        };
        number(u64::try_from(count).unwrap_or(u64::MAX));
        let mut size = 0u64;
        for run in runs {
            let len = run.end.saturating_sub(run.start);
            number(run.start);
            number(len);
            size = size.saturating_add(len);
        }
        if ends_with_hole {
            number(entry.size);
            number(0);
        }
        map.resize(map.len().next_multiple_of(BLOCK), 0);
        self.record(b"GNU.sparse.major", b"1");
        self.record(b"GNU.sparse.minor", b"0");
        self.record(b"GNU.sparse.name", entry.path);
        self.record(b"GNU.sparse.realsize", itoa::Buffer::new().format(entry.size).as_bytes());
        let size = size.saturating_add(u64::try_from(map.len()).unwrap_or(u64::MAX));
        self.begin_sized(entry, &header_path, size)?;
        self.write(&map)
    }

    fn begin_sized(&mut self, entry: &Entry<'_>, path: &[u8], size: u64) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode.into());
        header.set_uid(entry.uid.into());
        header.set_gid(entry.gid.into());
        header.set_size(size);
        let seconds = entry.modified.map_or(0, Timestamp::seconds);
        header.set_mtime(u64::try_from(seconds).unwrap_or(0));
        if matches!(entry.kind, EntryType::Char | EntryType::Block) {
            header.set_device_major(entry.device.0)?;
            header.set_device_minor(entry.device.1)?;
        }
        let mut name = path.to_vec();
        if entry.kind == EntryType::Directory {
            name.push(b'/');
        }
        if !fits(&name) {
            self.text_record(b"path", &name);
        }
        if !fits(entry.link) {
            self.text_record(b"linkpath", entry.link);
        }
        const SIZE_IN_HEADER: u64 = 0o77_777_777_777;
        if size > SIZE_IN_HEADER {
            self.record(b"size", itoa::Buffer::new().format(size).as_bytes());
        }
        for (key, time) in [
            (&b"mtime"[..], entry.modified),
            (b"atime", entry.accessed),
            (b"LIBARCHIVE.creationtime", entry.created),
        ] {
            if let Some(time) = time {
                self.record(key, decimal(time).as_bytes());
            }
        }
        fill(&mut header.as_old_mut().name, &name);
        fill(&mut header.as_old_mut().linkname, entry.link);
        header.set_cksum();
        self.write_records()?;
        self.out.write_all(header.as_bytes())
    }

    /// A record with text; bytes that are no UTF-8 are announced.
    fn text_record(&mut self, key: &[u8], value: &[u8]) {
        if core::str::from_utf8(value).is_err() {
            self.record(b"hdrcharset", b"BINARY");
        }
        self.record(key, value);
    }

    fn write_records(&mut self) -> io::Result<()> {
        let records = core::mem::take(&mut self.records);
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_size(u64::try_from(records.len()).unwrap_or(u64::MAX));
        fill(&mut header.as_old_mut().name, b"PaxHeaders/entry");
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        self.write(&records)?;
        self.end()?;
        self.records = records;
        self.records.clear();
        Ok(())
    }

    /// Writes content.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.content = self.content.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.out.write_all(bytes)
    }

    /// Writes zeros in place of content that can't be read.
    pub(crate) fn write_zeros(&mut self, mut count: u64) -> io::Result<()> {
        let zeros = [0; 4096];
        while count > 0 {
            let now = usize::try_from(count).unwrap_or(zeros.len()).min(zeros.len());
            self.write(zeros.get(..now).unwrap_or(&zeros))?;
            count = count.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Ends the content of an entry.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let rest = self.content.next_multiple_of(512).saturating_sub(self.content);
        self.content = 0;
        let zeros = [0; BLOCK];
        self.out.write_all(usize::try_from(rest).ok().and_then(|rest| zeros.get(..rest)).unwrap_or(&[]))
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

fn digits(number: usize) -> usize {
    itoa::Buffer::new().format(number).len()
}

/// Names that a plain header can hold in a way that every reader understands.
fn fits(name: &[u8]) -> bool {
    name.len() < HEADER_NAME && name.is_ascii()
}

fn fill(field: &mut [u8], bytes: &[u8]) {
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Seconds with a fraction, as pax writes times: towards zero and not down as [`Timestamp::seconds`].
fn decimal(time: Timestamp) -> String {
    const SECOND: u64 = 1_000_000_000;
    let (sign, ns) = (if time.0 < 0 { "-" } else { "" }, time.0.unsigned_abs());
    match (ns.div_euclid(SECOND), ns.rem_euclid(SECOND)) {
        (seconds, 0) => format!("{sign}{seconds}"),
        (seconds, fraction) => format!("{sign}{seconds}.{fraction:09}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of a record counts its own digits, also where one more digit makes it longer.
    #[test]
    fn record_lengths() {
        for len in 0..1200 {
            let mut archive = Archive::new(Vec::new());
            archive.record(b"path", &vec![b'x'; len]);
            let text = String::from_utf8(archive.records).unwrap();
            let (said, _) = text.split_once(' ').unwrap();
            assert_eq!(said.parse(), Ok(text.len()));
        }
    }

    /// Times before 1970 keep their fraction.
    #[test]
    fn times() {
        assert_eq!(decimal(Timestamp(1_500_000_000)), "1.500000000");
        assert_eq!(decimal(Timestamp(-1_500_000_000)), "-1.500000000");
        assert_eq!(decimal(Timestamp(-1)), "-0.000000001");
    }
}
