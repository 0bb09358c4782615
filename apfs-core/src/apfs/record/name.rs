//! The checks that all names pass.

use crate::base::damage::Damage;
use crate::base::flaw::Flaw;

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
