//! The error object: status, message and place of a failed call.

use core::ffi::{CStr, c_char};
use std::ffi::CString;

use apfs_core::{Corrupt, Error, Place};

use crate::guard;
use crate::lock::apfs_lock_reason;
use crate::ptr::Owned;
use crate::status::apfs_status;

/// `apfs_place.offset` is known.
pub const APFS_PLACE_OFFSET: u32 = 1;
/// `apfs_place.block` is known.
pub const APFS_PLACE_BLOCK: u32 = 2;
/// `apfs_place.oid` is known.
pub const APFS_PLACE_OID: u32 = 4;
/// `apfs_place.xid` is known.
pub const APFS_PLACE_XID: u32 = 8;
/// `apfs_place.node` is known.
pub const APFS_PLACE_NODE: u32 = 0x10;
/// `apfs_place.cnid` is known.
pub const APFS_PLACE_CNID: u32 = 0x20;

/// What went wrong in a call. Free it with `apfs_error_free`.
#[derive(Debug)]
pub struct apfs_error {
    status: apfs_status,
    message: CString,
    damage: Option<Damage>,
    lock: apfs_lock_reason,
}

#[derive(Debug)]
struct Damage {
    code: u32,
    structure: CString,
    field: CString,
    expected: CString,
    found: CString,
    numbers: Numbers,
}

/// The numbers of a place, those that are not known 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    /// APFS_PLACE_*.
    pub(crate) known: u32,
    pub(crate) offset: u64,
    pub(crate) block: u64,
    pub(crate) oid: u64,
    pub(crate) xid: u64,
    pub(crate) node: u32,
    pub(crate) cnid: u32,
}

/// Where an image is damaged, by Apple's names. The text belongs to the error object.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_place {
    /// Structure, for example `nx_superblock_t`.
    pub structure: *const c_char,
    /// Field of the structure, empty if the whole structure is meant.
    pub field: *const c_char,
    /// What should stand there, empty if that can't be said.
    pub expected: *const c_char,
    /// What stands there, empty if that can't be said.
    pub found: *const c_char,
    /// Which of the numbers below are known: APFS_PLACE_*.
    pub known: u32,
    /// Byte offset inside the structure or block.
    pub offset: u64,
    /// Block number in the container.
    pub block: u64,
    /// Object id.
    pub oid: u64,
    /// Transaction id.
    pub xid: u64,
    /// HFS+: number of a node in its tree.
    pub node: u32,
    /// HFS+: number of a file or folder.
    pub cnid: u32,
}

impl Owned for apfs_error {}

impl apfs_error {
    pub(crate) fn status(&self) -> apfs_status {
        self.status
    }

    pub(crate) fn lock_reason(&self) -> apfs_lock_reason {
        self.lock
    }

    pub(crate) fn panicked(message: &str) -> apfs_error {
        let message = text(&format!("internal error, please report it: {message}"));
        apfs_error { status: apfs_status::Panic, message, damage: None, lock: apfs_lock_reason::None }
    }
}

impl From<&Error> for apfs_error {
    fn from(error: &Error) -> apfs_error {
        apfs_error {
            status: error.class().into(),
            message: text(&error.to_string()),
            damage: error.corrupt().map(Damage::from),
            lock: error.lock().map_or(apfs_lock_reason::None, |locked| locked.why.into()),
        }
    }
}

impl From<&Corrupt> for apfs_error {
    fn from(corrupt: &Corrupt) -> apfs_error {
        let message = text(&corrupt.to_string());
        let (damage, lock) = (Some(corrupt.into()), apfs_lock_reason::None);
        apfs_error { status: apfs_status::Corrupt, message, damage, lock }
    }
}

impl From<&Place> for Numbers {
    fn from(place: &Place) -> Numbers {
        let known = [
            (place.offset.is_some(), APFS_PLACE_OFFSET),
            (place.block.is_some(), APFS_PLACE_BLOCK),
            (place.oid.is_some(), APFS_PLACE_OID),
            (place.xid.is_some(), APFS_PLACE_XID),
            (place.node.is_some(), APFS_PLACE_NODE),
            (place.cnid.is_some(), APFS_PLACE_CNID),
        ];
        Numbers {
            known: known.iter().filter(|(known, _)| *known).fold(0, |bits, (_, bit)| bits | bit),
            offset: place.offset.unwrap_or(0),
            block: place.block.map_or(0, |block| block.0),
            oid: place.oid.map_or(0, |oid| oid.0),
            xid: place.xid.map_or(0, |xid| xid.0),
            node: place.node.unwrap_or(0),
            cnid: place.cnid.unwrap_or(0),
        }
    }
}

impl From<&Corrupt> for Damage {
    fn from(corrupt: &Corrupt) -> Damage {
        let place = &corrupt.place;
        Damage {
            code: corrupt.damage.code(),
            structure: text(place.structure),
            field: text(place.field),
            expected: text(&corrupt.expected),
            found: text(&corrupt.found),
            numbers: place.into(),
        }
    }
}

/// Text for C: a NUL inside would hide what follows.
fn text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{FFFD}")).unwrap_or_default()
}

/// Status of an error, as the failed call returned it; APFS_STATUS_OK for NULL.
///
/// # Safety
/// `error` is NULL or not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_error_status(error: *const apfs_error) -> apfs_status {
    guard::or(apfs_status::Panic, || optional!(error).map_or(apfs_status::Ok, |error| error.status))
}

/// Message in English, one line, ended by a NUL. It belongs to the error object; for NULL it is "no error".
///
/// # Safety
/// `error` is NULL or not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_error_message(error: *const apfs_error) -> *const c_char {
    let none: &CStr = c"no error";
    guard::or(none.as_ptr(), || optional!(error).map_or(none, |error| &error.message).as_ptr())
}

/// Number of the kind of damage (1 checksum, 2 magic number, ...; docs of `apfs_core::Damage`); 0 if it is none.
///
/// # Safety
/// `error` is NULL or not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_error_damage(error: *const apfs_error) -> u32 {
    guard::or(0, || optional!(error).and_then(|error| error.damage.as_ref()).map_or(0, |damage| damage.code))
}

/// Place of the damage. False, and nothing written, if the error is not about damage or a parameter is NULL.
///
/// # Safety
/// `error` is NULL or not yet freed; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_error_place(error: *const apfs_error, out: *mut apfs_place) -> bool {
    let place = || {
        let damage = given!(error).damage.as_ref().ok_or_else(|| Error::not_found("place"))?;
        let (out, numbers) = (out!(out), damage.numbers);
        out.put(apfs_place {
            structure: damage.structure.as_ptr(),
            field: damage.field.as_ptr(),
            expected: damage.expected.as_ptr(),
            found: damage.found.as_ptr(),
            known: numbers.known,
            offset: numbers.offset,
            block: numbers.block,
            oid: numbers.oid,
            xid: numbers.xid,
            node: numbers.node,
            cnid: numbers.cnid,
        });
        Ok(())
    };
    guard::run(place).is_ok()
}

/// Frees an error. NULL is allowed.
///
/// # Safety
/// `error` is NULL or not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_error_free(error: *mut apfs_error) {
    free_owned!(error);
}
