//! The data of a file: where there is any, and the bytes.

use core::ops::Range;

use apfs_core::{AnyFs, ExtentKind, ExtentRun, FileId, Fs, Result, Stat, StreamId};

/// Bytes read at a time.
pub(crate) const CHUNK: usize = 4 << 20;

/// Bytes read at a time up to the place that can't be read.
const SMALL_STEP: usize = 4096;

/// Extent records asked for at a time.
const BATCH: usize = 256;

/// Takes bytes and the offset that they have in the file.
pub(crate) type Sink<'s, E> = dyn FnMut(u64, &[u8]) -> core::result::Result<(), E> + 's;

/// The content of one file.
#[derive(Debug)]
pub(crate) struct Content<'v> {
    view: &'v AnyFs,
    id: FileId,
    stream: StreamId,
    size: u64,
    has_extents: bool,
}

impl<'v> Content<'v> {
    /// What a program reads from a file.
    pub(crate) fn new(view: &'v AnyFs, stat: &Stat) -> Content<'v> {
        // What is stored as it is read is asked for directly: that saves a look at the inode for each read.
        let has_extents = stat.compression.is_none() && !stat.is_dataless();
        let stream = if has_extents { StreamId::Raw } else { StreamId::Data };
        Content { view, id: stat.id, stream, size: stat.size, has_extents }
    }

    /// Length in bytes, holes included.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The stretches that have data, in order; between them are holes.
    pub(crate) fn runs(&self) -> Runs<'_> {
        let whole = (!self.has_extents && self.size > 0).then_some(0..self.size);
        let done = !self.has_extents || self.size == 0;
        Runs { content: self, batch: Vec::new(), next: 0, from: 0, done, joined: whole, failed: None }
    }

    /// Reads the bytes of a range in pieces and gives each with its offset. The range has data.
    /// The sink's error ends it.
    pub(crate) fn read<E: From<apfs_core::Error>>(
        &self,
        range: Range<u64>,
        buffer: &mut Vec<u8>,
        sink: &mut Sink<'_, E>,
    ) -> core::result::Result<(), E> {
        let (mut at, mut step) = (range.start, CHUNK);
        while at < range.end {
            let wanted = usize::try_from(range.end.saturating_sub(at)).unwrap_or(step).min(step);
            if buffer.len() < wanted {
                buffer.resize(wanted, 0);
            }
            let Some(piece) = buffer.get_mut(..wanted) else { return Ok(()) };
            let read = match self.view.read_at(self.id, &self.stream, at, piece) {
                Ok(read) => read,
                // Somewhere in the piece: what stands before it is still given.
                Err(_) if wanted > SMALL_STEP => {
                    step = SMALL_STEP;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            sink(at, piece.get(..read).unwrap_or(&[]))?;
            if read == 0 {
                break;
            }
            at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// True if the last byte of a range can be read: a cheap look whether a shortened image still holds it.
    pub(crate) fn probe(&self, range: &Range<u64>) -> Result<()> {
        self.view.read_at(self.id, &self.stream, range.end.saturating_sub(1), &mut [0])?;
        Ok(())
    }
}

/// Iterator over the stretches of a file that have data. Adjacent extents come as one.
#[derive(Debug)]
pub(crate) struct Runs<'c> {
    content: &'c Content<'c>,
    batch: Vec<ExtentRun>,
    next: usize,
    from: u64,
    done: bool,
    joined: Option<Range<u64>>,
    /// What ends the iteration, after what comes before it.
    failed: Option<apfs_core::Error>,
}

impl Runs<'_> {
    fn extent(&mut self) -> Result<Option<ExtentRun>> {
        if let Some(run) = self.batch.get(self.next) {
            self.next = self.next.saturating_add(1);
            return Ok(Some(*run));
        }
        if self.done || self.from >= self.content.size {
            return Ok(None);
        }
        let Content { view, id, stream, .. } = self.content;
        self.batch.clear();
        self.next = 1;
        view.extents(*id, stream, self.from, &mut self.batch, BATCH)?;
        let end = self.batch.last().map(|last| last.logical.saturating_add(last.len));
        self.done = end.is_none_or(|end| end <= self.from);
        self.from = end.unwrap_or(self.from);
        Ok(self.batch.first().copied())
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<Range<u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        loop {
            let run = match self.extent() {
                Ok(Some(run)) => run,
                Ok(None) => return self.joined.take().map(Ok),
                Err(error) => {
                    self.done = true;
                    let Some(before) = self.joined.take() else { return Some(Err(error)) };
                    self.failed = Some(error);
                    return Some(Ok(before));
                }
            };
            let ExtentKind::Data(_) = run.kind else { continue };
            let end = run.logical.saturating_add(run.len).min(self.content.size);
            let range = run.logical..end;
            if range.is_empty() {
                continue;
            }
            match &mut self.joined {
                Some(before) if before.end == range.start => before.end = range.end,
                joined => {
                    if let Some(before) = joined.replace(range) {
                        return Some(Ok(before));
                    }
                }
            }
        }
    }
}
