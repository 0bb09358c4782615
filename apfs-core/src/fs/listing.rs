//! Going through the entries of a directory, which stand side by side in a tree.

use super::types::{DirPos, DirState};
use crate::base::error::Result;
use crate::tree::cursor::Cursor;
use crate::tree::node::{Record, SearchTree};

/// Gives up to `max` records of a directory to `each`, which says whether one was an entry, and moves `pos` past them.
///
/// They begin at the key `first`; `belongs` says of a key whether it is one of the directory. After an error `pos` is
/// behind what could not be read.
pub(crate) fn list<T: SearchTree>(
    tree: &T,
    first: &[u8],
    belongs: impl Fn(&[u8]) -> bool,
    pos: &mut DirPos,
    max: usize,
    mut each: impl FnMut(&Record<T::Node>) -> Result<bool>,
) -> Result<()> {
    let mut cursor = Cursor::new();
    let found = match &pos.0 {
        DirState::End => return Ok(()),
        DirState::Start => cursor.seek(tree, first),
        DirState::After(key) | DirState::At(key) => cursor.seek(tree, key),
    };
    let mut moved = found.map(|()| {
        let here = cursor.record().map(|record| record.key().to_vec());
        matches!((&pos.0, here), (DirState::After(key), Some(here)) if **key == *here)
    });
    if let Ok(true) = moved {
        moved = cursor.advance(tree).map(|()| true);
    }
    let mut taken = 0usize;
    loop {
        if let Err(error) = moved {
            // Go on behind the node that can't be read, if the directory goes on there at all.
            let behind = cursor.key_behind().filter(|key| belongs(key));
            pos.0 = behind.map_or(DirState::End, |key| DirState::At(key.into()));
            return Err(error);
        }
        let Some(record) = cursor.record().filter(|record| belongs(record.key())) else {
            pos.0 = DirState::End;
            return Ok(());
        };
        if taken == max {
            return Ok(());
        }
        pos.0 = DirState::After(record.key().into());
        taken = taken.saturating_add(usize::from(each(&record)?));
        moved = cursor.advance(tree).map(|()| true);
    }
}
