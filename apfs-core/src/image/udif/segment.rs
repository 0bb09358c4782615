//! The files of an image and the data fork that they hold together.

use alloc::sync::Arc;

use super::trailer::{Trailer, place};
use crate::base::bytes::len64;
use crate::base::damage::{Corrupt, Damage};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::resource_fork::ResourceFork;
use crate::io::pieces::{Pieces, Source};
use crate::io::read_at::ReadAt;
use crate::io::window::Window;

/// One file of an image.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) trailer: Trailer,
    /// The file from the start of the image on: something may have been put in front of it.
    pub(super) image: Window,
}

impl Segment {
    /// Reads a file's trailer and finds where the image begins in the file.
    pub(super) fn open(file: Arc<dyn ReadAt>, limits: &Limits) -> Result<Segment> {
        let trailer = Trailer::read(&*file)?;
        let len = file.len();
        let ends = [
            (trailer.xml_offset, trailer.xml_len),
            (trailer.signature_offset, trailer.signature_len),
            (trailer.fork_offset, trailer.fork_len),
            (trailer.data_offset, trailer.data_len),
        ];
        let shifts = ends
            .into_iter()
            .filter(|(_, len)| *len > 0)
            .filter_map(|(offset, len)| trailer.at.checked_sub(offset.checked_add(len)?));
        for shift in [0].into_iter().chain(shifts) {
            let image = Window::new(file.clone(), shift, len.saturating_sub(shift));
            let segment = Segment { trailer: trailer.clone(), image };
            if segment.looks_right(limits) {
                return Ok(segment);
            }
        }
        let field = if trailer.xml_len > 0 { "XMLOffset" } else { "RsrcForkOffset" };
        let found = if trailer.xml_len > 0 { trailer.xml_offset } else { trailer.fork_offset };
        Err(Corrupt::new(Damage::Magic, place(field)).found(found).into())
    }

    /// Whether a table of contents stands where the trailer says. Later segments may have none.
    fn looks_right(&self, limits: &Limits) -> bool {
        if self.trailer.xml_len > 0 {
            let mut start = [0; 5];
            let read = self.image.read_exact_at(self.trailer.xml_offset, &mut start);
            return read.is_ok() && (start == *b"<?xml" || start == *b"<plis" || start == *b"<!DOC");
        }
        if self.trailer.fork_len > 0 {
            return ResourceFork::read(&self.fork(), limits).is_ok_and(|fork| !fork.resources.is_empty());
        }
        true
    }

    /// True if it lists the chunks of the image.
    pub(super) fn has_tables(&self) -> bool {
        self.trailer.xml_len > 0 || self.trailer.fork_len > 0
    }

    /// The resource fork.
    pub(super) fn fork(&self) -> Window {
        self.part(self.trailer.fork_offset, self.trailer.fork_len)
    }

    /// The stored data of this file.
    pub(super) fn data(&self) -> Window {
        self.part(self.trailer.data_offset, self.trailer.data_len)
    }

    fn part(&self, offset: u64, len: u64) -> Window {
        let there = self.image.len().saturating_sub(offset);
        Window::new(Arc::new(self.image.clone()), offset, len.min(there))
    }

    /// True if a code signature stands where the trailer says.
    pub(super) fn has_signature(&self) -> bool {
        let mut magic = [0; 4];
        let read = self.image.read_exact_at(self.trailer.signature_offset, &mut magic);
        self.trailer.signature_len > 0 && read.is_ok() && magic == [0xFA, 0xDE, 0x0C, 0xC0]
    }
}

/// The data fork of all files as one device.
///
/// # Errors
/// `NotFound` if a file is missing, `Corrupt` if the files do not belong together.
pub(super) fn data_fork(segments: &[Segment], limits: &Limits) -> Result<Arc<dyn ReadAt>> {
    let [first, rest @ ..] = segments else { return Err(Error::Misuse("an image without files")) };
    let count = first.trailer.segments;
    if rest.is_empty() && count <= 1 {
        // Chunks may lie behind what the trailer calls data.
        let start = first.trailer.data_offset;
        let len = first.image.len().saturating_sub(start);
        return Ok(Arc::new(Window::new(Arc::new(first.image.clone()), start, len)));
    }
    if len64(segments.len()) > len64(limits.image_segments) {
        return Err(Error::limit(
            "segments of an image",
            len64(limits.image_segments),
            len64(segments.len()),
        ));
    }
    let mut pieces = Pieces::new();
    for (number, segment) in (1u32..).zip(segments) {
        let trailer = &segment.trailer;
        let strange = |field, expected: u64, found: u64| {
            Error::from(Corrupt::new(Damage::Contradiction, place(field)).expected(expected).found(found))
        };
        if trailer.segment_id != first.trailer.segment_id {
            let finding = Corrupt::new(Damage::Contradiction, place("SegmentID"));
            return Err(finding.expected(first.trailer.segment_id).found(trailer.segment_id).into());
        }
        if trailer.segment != number {
            return Err(strange("SegmentNumber", u64::from(number), u64::from(trailer.segment)));
        }
        if trailer.segments != count {
            return Err(strange("SegmentCount", u64::from(count), u64::from(trailer.segments)));
        }
        if trailer.running_offset != pieces.len() {
            return Err(strange("RunningDataForkOffset", pieces.len(), trailer.running_offset));
        }
        // The part that a cut file lacks must not move the next one.
        let data = Window::new(Arc::new(segment.image.clone()), trailer.data_offset, trailer.data_len);
        pieces.push(trailer.data_len, Source::Device(Arc::new(data), 0))?;
    }
    let there = len64(segments.len());
    if there < u64::from(count) {
        let next = there.saturating_add(1);
        return Err(Error::not_found(alloc::format!("segment {next} of {count} of the disk image")));
    }
    Ok(Arc::new(pieces))
}
