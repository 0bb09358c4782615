//! What can be wrong with a record, before it is known where the record lies.

use super::damage::{Corrupt, Damage, Place};
use super::error::Error;
use super::ids::Oid;

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
        let oid = Some(Oid(id));
        let place = Place { structure: self.structure, field: self.field, oid, ..node };
        Corrupt::new(self.damage, place).into()
    }

    /// The error, with the place of the node that holds the record and the catalog node id that the record is about.
    pub(crate) fn at_cnid(self, node: Place, cnid: u32) -> Error {
        let place = Place { structure: self.structure, field: self.field, cnid: Some(cnid), ..node };
        Corrupt::new(self.damage, place).into()
    }
}
