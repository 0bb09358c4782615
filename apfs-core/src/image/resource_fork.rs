//! Resource forks, the way of the classic Mac OS to keep small things beside a file's data (sheet decmpfs, section 4).

use alloc::boxed::Box;
use alloc::vec::Vec;

use zerocopy::byteorder::big_endian::{I16, U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::base::bytes::{get, len64, pod, to_usize, zeroed};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::io::read_at::ReadAt;

/// Header at the start of the fork.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    data_offset: U32,
    map_offset: U32,
    data_length: U32,
    map_length: U32,
}

/// Start of the map.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawMap {
    header_copy: [u8; 16],
    reserved: [u8; 6],
    attributes: U16,
    type_list: U16,
    name_list: U16,
}

/// A kind of resources.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawType {
    kind: [u8; 4],
    last: U16,
    references: U16,
}

/// A resource.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawReference {
    id: I16,
    name: U16,
    attributes_and_offset: U32,
    handle: U32,
}

const _: () = assert!(size_of::<RawHeader>() == 16 && size_of::<RawMap>() == 28);
const _: () = assert!(size_of::<RawType>() == 8 && size_of::<RawReference>() == 12);

/// Marks a resource without a name.
const NO_NAME: u16 = 0xFFFF;

/// One resource and where its data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resource {
    /// Its kind, four characters.
    pub kind: [u8; 4],
    /// Its number.
    pub id: i16,
    /// Its name in the encoding of its time, empty if it has none.
    pub name: Vec<u8>,
    /// First byte of its data in the fork.
    pub start: u64,
    /// Length of its data in bytes.
    pub len: u64,
}

/// The directory of a resource fork; the data stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceFork {
    /// All resources, in the order of the map.
    pub resources: Vec<Resource>,
}

impl ResourceFork {
    /// Reads the directory of a fork.
    ///
    /// # Errors
    /// `Corrupt` if the map or a resource leaves the fork, `Limit` for a map of more than
    /// [`Limits::image_table_bytes`].
    pub fn read(fork: &dyn ReadAt, limits: &Limits) -> Result<ResourceFork> {
        let mut header = [0; size_of::<RawHeader>()];
        if fork.len() < len64(header.len()) {
            return Err(leaves("header").into());
        }
        fork.read_exact_at(0, &mut header)?;
        let header: &RawHeader = pod(&header).ok_or_else(|| leaves("header"))?;
        let (start, len) = (u64::from(header.map_offset.get()), u64::from(header.map_length.get()));
        if start.checked_add(len).is_none_or(|end| end > fork.len()) {
            return Err(leaves("map").found(format_args!("{len} bytes at {start}")).into());
        }
        if len > limits.image_table_bytes {
            return Err(Error::limit("map of a resource fork", limits.image_table_bytes, len));
        }
        let mut map = zeroed(to_usize(len)?)?;
        fork.read_exact_at(start, &mut map)?;
        let mut resources = Vec::new();
        let data = u64::from(header.data_offset.get());
        for (kind, reference) in references(&map)? {
            let start = data.saturating_add(u64::from(reference.attributes_and_offset.get() & 0x00FF_FFFF));
            let mut len = [0; 4];
            let end = start.saturating_add(len64(len.len()));
            if end > fork.len() {
                return Err(leaves("reference").found(format_args!("data at {start}")).into());
            }
            fork.read_exact_at(start, &mut len)?;
            let len = u64::from(u32::from_be_bytes(len));
            if end.saturating_add(len) > fork.len() {
                return Err(leaves("data").found(format_args!("{len} bytes at {end}")).into());
            }
            let name = name(&map, reference.name.get()).ok_or_else(|| leaves("name"))?;
            resources.push(Resource { kind, id: reference.id.get(), name: name.to_vec(), start: end, len });
        }
        Ok(ResourceFork { resources })
    }

    /// The resources of one kind.
    pub fn of_kind(&self, kind: [u8; 4]) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }
}

/// The resources in a map, each with its kind.
fn references(map: &[u8]) -> Result<Vec<([u8; 4], RawReference)>, Box<Corrupt>> {
    let leaves = || Box::new(leaves("type list"));
    let head: &RawMap = pod(map).ok_or_else(leaves)?;
    let types = map.get(usize::from(head.type_list.get())..).ok_or_else(leaves)?;
    let mut found = Vec::new();
    // Lists of several kinds may share their bytes: together they are still not longer than the map.
    let most = map.len().checked_div(size_of::<RawReference>()).unwrap_or(0);
    for index in 0..count(types.get(..2).ok_or_else(leaves)?) {
        let at = index.saturating_mul(size_of::<RawType>()).saturating_add(2);
        let kind: &RawType = types.get(at..).and_then(pod).ok_or_else(leaves)?;
        for index in 0..count(&kind.last.to_bytes()) {
            let at = index.saturating_mul(size_of::<RawReference>());
            let at = at.saturating_add(usize::from(kind.references.get()));
            let reference: &RawReference = types.get(at..).and_then(pod).ok_or_else(leaves)?;
            if found.len() >= most {
                let place = Place::new("resource fork", "reference list");
                return Err(Box::new(Corrupt::new(Damage::Overlap, place)));
            }
            found.push((kind.kind, *reference));
        }
    }
    Ok(found)
}

/// Lists are stored with their length less one; -1 is an empty one.
fn count(last: &[u8]) -> usize {
    let last = last.try_into().map_or(u16::MAX, u16::from_be_bytes);
    usize::from(last.wrapping_add(1))
}

fn name(map: &[u8], offset: u16) -> Option<&[u8]> {
    if offset == NO_NAME {
        return Some(&[]);
    }
    let head: &RawMap = pod(map)?;
    let at = usize::from(head.name_list.get()).checked_add(usize::from(offset))?;
    get(map, at.checked_add(1)?, usize::from(*map.get(at)?))
}

fn leaves(field: &'static str) -> Corrupt {
    Corrupt::new(Damage::Bounds, Place::new("resource fork", field))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fork with one `cmpf` and two `blkx`, the second one named, byte by byte.
    fn fork() -> Vec<u8> {
        let mut bytes = [0, 0, 1, 0, 0, 0, 1, 18, 0, 0, 0, 18, 0, 0, 0, 77].to_vec();
        bytes.resize(0x100, 0);
        bytes.extend([0, 0, 0, 2, b'x', b'y', 0, 0, 0, 3, b'a', b'b', b'c', 0, 0, 0, 1, b'z']);
        bytes.extend([0; 24]);
        bytes.extend([0, 28, 0, 74]);
        bytes.extend([0, 1]);
        bytes.extend([b'c', b'm', b'p', b'f', 0, 0, 0, 18]);
        bytes.extend([b'b', b'l', b'k', b'x', 0, 1, 0, 30]);
        bytes.extend([0, 1, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0xFF, 0xFF, 0xFF, 0xFF, 0x50, 0, 0, 6, 0, 0, 0, 0]);
        bytes.extend([0, 7, 0, 0, 0x50, 0, 0, 13, 0, 0, 0, 0]);
        // The map begins at 274 and its names at byte 82 of it.
        bytes[0x112 + 26..0x112 + 28].copy_from_slice(&[0, 82]);
        bytes[12..16].copy_from_slice(&[0, 0, 0, 85]);
        bytes.extend([2, b'h', b'i']);
        bytes
    }

    /// Kinds, numbers, names and places come out.
    #[test]
    fn directory() {
        let found = ResourceFork::read(&fork(), &Limits::default()).unwrap();
        let shown: Vec<_> = found.resources.iter().map(|one| (one.id, one.start, one.len)).collect();
        assert_eq!(shown, [(1, 0x104, 2), (-1, 0x10A, 3), (7, 0x111, 1)]);
        let blkx: Vec<_> = found.of_kind(*b"blkx").map(|one| one.name.as_slice()).collect();
        assert_eq!(blkx, [&b""[..], b"hi"]);
    }

    /// Cut anywhere or with any byte changed, a fork is read or refused, and never leads outside.
    #[test]
    fn damaged() {
        let sound = fork();
        for len in 0..sound.len() {
            assert!(ResourceFork::read(&sound[..len].to_vec(), &Limits::default()).is_err(), "{len}");
        }
        for at in (0..16).chain(0x100..sound.len()) {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bytes = sound.clone();
                bytes[at] = value;
                for one in
                    ResourceFork::read(&bytes, &Limits::default()).map_or(Vec::new(), |fork| fork.resources)
                {
                    assert!(one.start + one.len <= len64(bytes.len()));
                }
            }
        }
        let limits = Limits { image_table_bytes: 80, ..Limits::default() };
        assert!(matches!(ResourceFork::read(&sound, &limits), Err(Error::Limit(_))));
    }

    /// Kinds whose lists are the same bytes cannot multiply them without end.
    #[test]
    fn shared_lists() {
        let mut bytes = [0, 0, 0, 16, 0, 0, 0, 20, 0, 0, 0, 4, 0, 1, 0, 0].to_vec();
        bytes.extend([0; 4]);
        bytes.extend([0; 24]);
        bytes.extend([0, 28, 0, 0, 0x0F, 0xFF]);
        bytes.extend([b'b', b'l', b'k', b'x', 0x0F, 0xFF, 0, 0].repeat(0x1000));
        bytes.resize(20 + 0x1_0000, 0);
        let error = ResourceFork::read(&bytes, &Limits::default()).unwrap_err();
        assert_eq!(error.corrupt().map(|corrupt| corrupt.damage), Some(Damage::Overlap), "{error}");
    }
}
