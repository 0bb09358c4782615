//! What can be wrong with a record, and the checks that all names pass.

use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Error;

/// What is wrong with a record; the caller knows where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flaw {
    /// Kind of damage.
    pub damage: Damage,
    /// Structure by Apple's name.
    pub structure: &'static str,
    /// Field, may be empty.
    pub field: &'static str,
}

impl Flaw {
    pub(crate) fn new(damage: Damage, structure: &'static str, field: &'static str) -> Flaw {
        Flaw { damage, structure, field }
    }

    /// The error, with the place of the node that holds the record and the id that the record is about.
    pub(crate) fn at(self, node: Place, id: u64) -> Error {
        let oid = Some(crate::base::ids::Oid(id));
        let place = Place { structure: self.structure, field: self.field, oid, ..node };
        Corrupt::new(self.damage, place).into()
    }
}

/// True if a name is one component of a path: a slash, a NUL or a dot entry would lead out of its directory.
pub(crate) fn is_component(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().any(|byte| matches!(byte, 0 | b'/')) && !matches!(name, b"." | b"..")
}

/// A name of `len` bytes, its NUL included, at the start of `bytes`; without the NUL.
pub(crate) fn name<'a>(bytes: &'a [u8], len: usize, structure: &'static str) -> Result<&'a [u8], Flaw> {
    let stored = bytes.get(..len).ok_or(Flaw::new(Damage::Bounds, structure, "name_len"))?;
    let name = stored.strip_suffix(&[0]).filter(|name| !name.is_empty());
    name.ok_or(Flaw::new(Damage::Name, structure, "name"))
}
