//! Status numbers. They are stable: a number is never given another meaning.

use core::ffi::{CStr, c_char};

use apfs_core::Class;

/// Result of a call: whose fault it is if it failed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_status {
    /// Done.
    Ok = 0,
    /// The device or the operating system failed.
    Io = 1,
    /// The image is damaged; the error object names the place.
    Corrupt = 2,
    /// The image is sound, this version can't read it.
    Unsupported = 3,
    /// A key is needed.
    Locked = 4,
    /// A configured ceiling was reached.
    Limit = 5,
    /// There is nothing of that name or number.
    NotFound = 6,
    /// There is something of another kind: a file where a directory is needed, too many symbolic links.
    WrongKind = 7,
    /// The caller stopped it.
    Cancelled = 8,
    /// The calling code is wrong: NULL where something is needed, an unknown flag.
    Misuse = 9,
    /// A failure that this version of the header has no number for.
    Other = 99,
    /// A bug in the library. The call had no effect; the handles stay usable.
    Panic = 100,
}

impl From<Class> for apfs_status {
    fn from(class: Class) -> apfs_status {
        match class {
            Class::Io => apfs_status::Io,
            Class::Corrupt => apfs_status::Corrupt,
            Class::Unsupported => apfs_status::Unsupported,
            Class::Locked => apfs_status::Locked,
            Class::Limit => apfs_status::Limit,
            Class::NotFound => apfs_status::NotFound,
            Class::WrongKind => apfs_status::WrongKind,
            Class::Cancelled => apfs_status::Cancelled,
            Class::Misuse => apfs_status::Misuse,
            _ => apfs_status::Other,
        }
    }
}

/// Every status with its words.
const TEXTS: [(u32, &CStr); 12] = [
    (0, c"done"),
    (1, c"input/output error"),
    (2, c"damaged"),
    (3, c"unsupported"),
    (4, c"locked"),
    (5, c"limit reached"),
    (6, c"not found"),
    (7, c"wrong kind of file"),
    (8, c"cancelled"),
    (9, c"wrong call"),
    (99, c"other failure"),
    (100, c"internal error"),
];

/// A few English words for a status number; lives for ever. "unknown status" for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn apfs_status_text(status: u32) -> *const c_char {
    let found = TEXTS.iter().find(|(number, _)| *number == status);
    found.map_or(c"unknown status", |(_, text)| text).as_ptr()
}

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "discriminants of an enum")]
mod tests {
    use super::*;

    /// Every class of the core has a number of its own, and the numbers stay what they are.
    #[test]
    fn covers_all_classes() {
        let numbers: Vec<u32> = Class::ALL.iter().map(|class| apfs_status::from(*class) as u32).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    /// Every status has words of its own.
    #[test]
    fn has_texts() {
        let special = [apfs_status::Ok, apfs_status::Other, apfs_status::Panic];
        let classes = Class::ALL.iter().map(|class| apfs_status::from(*class));
        for status in classes.chain(special) {
            assert!(TEXTS.iter().filter(|(number, _)| *number == status as u32).count() == 1, "{status:?}");
        }
    }
}
