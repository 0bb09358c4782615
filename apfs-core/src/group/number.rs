//! Numbers of files in a merged tree: which member, and the number of the file there.
//!
//! Keys of records have 60 bits for the number of a file; the four above them say which member is meant. That holds
//! whatever the volumes say: numbers of System and Data do not overlap on a Mac, those of the others do, and those of a
//! hostile image may.

use crate::base::ids::FileId;

/// Bits of a number in its volume (`OBJ_ID_MASK`).
const BITS: u32 = 60;
const MASK: u64 = (1 << BITS) - 1;

/// A member of a merged tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(u8);

impl Tag {
    /// The System volume: its numbers stay as they are.
    pub(super) const SYSTEM: Tag = Tag(0);
    /// Directories that no volume has.
    pub(super) const MADE_UP: Tag = Tag(15);

    /// The tag of a member by its place in the list of members; `None` if there are too many.
    pub(super) fn of(index: usize) -> Option<Tag> {
        u8::try_from(index).ok().map(Tag).filter(|tag| *tag < Tag::MADE_UP)
    }

    /// Place in the list of members.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The smallest number of this member.
    pub(super) fn first(self) -> u64 {
        u64::from(self.0) << BITS
    }

    /// The number in the merged tree. One that no file of a volume can have becomes [`NOWHERE`].
    pub(super) fn merged(self, own: FileId) -> FileId {
        if own.0 > MASK { NOWHERE } else { FileId(self.first() | own.0) }
    }
}

/// A number that no file has: what entries lead to whose own numbers are out of range.
pub(super) const NOWHERE: FileId = FileId(u64::MAX);

/// Member and number there.
pub(super) fn split(merged: FileId) -> (Tag, FileId) {
    let tag = u8::try_from(merged.0 >> BITS).unwrap_or(Tag::MADE_UP.0);
    (Tag(tag), FileId(merged.0 & MASK))
}

/// The part of a range of merged numbers that one member has, in its own numbers.
pub(super) fn part_of(range: &core::ops::Range<u64>, tag: Tag) -> Option<core::ops::Range<u64>> {
    let (first, last) = (tag.first(), tag.first() | MASK);
    if range.start > last || range.end <= first {
        return None;
    }
    let start = range.start.saturating_sub(first);
    let end = if range.end > last { u64::MAX } else { range.end.saturating_sub(first) };
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number is found again in its member; System's own stay; what has more than 60 bits is nowhere.
    #[test]
    fn there_and_back() {
        let data = Tag::of(1).unwrap();
        assert_eq!(Tag::SYSTEM.merged(FileId(2)), FileId(2));
        for own in [2, 0x0FFF_FFFF_0000_0010, MASK] {
            assert_eq!(split(data.merged(FileId(own))), (data, FileId(own)));
        }
        assert_eq!(data.merged(FileId(MASK + 1)), NOWHERE);
        assert_eq!(split(NOWHERE).0, Tag::MADE_UP);
        assert!(Tag::of(14).is_some() && Tag::of(15).is_none());
    }

    /// Ranges of merged numbers are cut into those of the members, which together are the whole.
    #[test]
    fn parts_of_ranges() {
        let (data, all) = (Tag::of(1).unwrap(), 0..u64::MAX);
        assert_eq!(part_of(&all, Tag::SYSTEM), Some(0..u64::MAX));
        assert_eq!(part_of(&all, data), Some(0..u64::MAX));
        let cut = data.first() + 50;
        assert_eq!(part_of(&(100..cut), Tag::SYSTEM), Some(100..u64::MAX));
        assert_eq!(part_of(&(100..cut), data), Some(0..50));
        assert_eq!(part_of(&(cut..u64::MAX), data), Some(50..u64::MAX));
        assert_eq!(part_of(&(cut..u64::MAX), Tag::SYSTEM), None);
        assert_eq!(part_of(&(0..data.first()), data), None);
    }
}
