//! Groups of volumes: those of one macOS, each of them also as one tree.

use apfs_core::apfs::Volume;
use apfs_core::group::{Groups, MergeOptions, VolumeGroup};
use apfs_core::{AnyFs, Error, Name, Result};

use crate::container::apfs_container;
use crate::error::apfs_error;
use crate::problem::apfs_problems;
use crate::ptr::{Shared, apfs_bytes, share};
use crate::status::apfs_status;
use crate::view::apfs_view;

/// Merge flag: System as it is live, not at the snapshot that a Mac starts from.
pub const APFS_MERGE_SYSTEM_LIVE: u32 = 1;
/// Merge flag: System and the others without Data, as if there were none: for Data that is locked or damaged.
pub const APFS_MERGE_WITHOUT_DATA: u32 = 2;

/// The volume groups of a container.
#[derive(Debug)]
pub struct apfs_groups {
    groups: Groups,
    /// Name and members of each.
    listed: Vec<(Name, Vec<Member>)>,
}

impl Shared for apfs_groups {}

#[derive(Debug)]
struct Member {
    name: Name,
    directory: &'static str,
    slot: usize,
    role: u16,
    membership: apfs_membership,
}

/// The volumes of one macOS. Text belongs to the list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_group {
    /// What its members have in common (`apfs_volume_group_id`).
    pub id: [u8; 16],
    /// Name of its System volume, of another member if there is none.
    pub name: apfs_bytes,
    /// Number of members, companions included.
    pub members: usize,
    /// Number of things that are not as they should be.
    pub problems: usize,
}

/// What a volume is in a group.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_membership {
    /// System: one on a Mac.
    System = 1,
    /// Data: one on a Mac.
    Data = 2,
    /// A member with another role: none on a Mac.
    Other = 3,
    /// Not in the group but in the same container, and macOS shows it in the same tree: Preboot, VM, ...
    Companion = 4,
}

/// A volume of a group. Text belongs to the list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_member {
    /// Slot in the container.
    pub slot: usize,
    /// Role as stored, as `apfs_volume_info.role`.
    pub role: u16,
    /// What it is in the group.
    pub membership: apfs_membership,
    /// Name of the volume.
    pub name: apfs_bytes,
    /// Of a companion: name of its directory in /System/Volumes; else empty.
    pub directory: apfs_bytes,
}

/// Which states are joined. All zeros, or NULL, is what a Mac shows.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_merge_options {
    /// APFS_MERGE_*, or 0.
    pub flags: u32,
    /// System at this snapshot, as for `apfs_view_open_at`; NULL for the one that a Mac starts from.
    pub system: *const u8,
    /// Bytes of it.
    pub system_len: usize,
    /// Data at this snapshot, as for `apfs_view_open_at`; NULL for the live one.
    pub data: *const u8,
    /// Bytes of it.
    pub data_len: usize,
}

impl Member {
    fn new(volume: &Volume, membership: apfs_membership, directory: &'static str) -> Member {
        let (slot, role) = (volume.slot(), volume.role().0);
        Member { name: volume.name(), directory, slot, role, membership }
    }

    fn all(group: &VolumeGroup) -> Vec<Member> {
        let of = |volumes: &[Volume], membership| -> Vec<Member> {
            volumes.iter().map(|volume| Member::new(volume, membership, "")).collect()
        };
        let mut all = of(&group.systems, apfs_membership::System);
        all.extend(of(&group.data, apfs_membership::Data));
        all.extend(of(&group.others, apfs_membership::Other));
        let companions = group.companions.iter();
        all.extend(companions.map(|it| Member::new(&it.volume, apfs_membership::Companion, it.directory)));
        all
    }
}

impl From<&Member> for apfs_member {
    fn from(member: &Member) -> apfs_member {
        apfs_member {
            slot: member.slot,
            role: member.role,
            membership: member.membership,
            name: member.name.as_bytes().into(),
            directory: member.directory.as_bytes().into(),
        }
    }
}

impl apfs_groups {
    fn nth(&self, nth: usize) -> Result<(&VolumeGroup, &(Name, Vec<Member>))> {
        let (groups, listed) = (&self.groups.groups, &self.listed);
        let missing = || Error::not_found(format!("group {nth}, there are {}", groups.len()));
        groups.get(nth).zip(listed.get(nth)).ok_or_else(missing)
    }
}

/// Checks the caller's options, if there are any.
fn parse(options: Option<&apfs_merge_options>, group: &VolumeGroup) -> Result<MergeOptions> {
    let Some(options) = options else { return Ok(MergeOptions::default()) };
    if options.flags & !(APFS_MERGE_SYSTEM_LIVE | APFS_MERGE_WITHOUT_DATA) != 0 {
        return Err(Error::Misuse("options: unknown flag"));
    }
    let without_data = options.flags & APFS_MERGE_WITHOUT_DATA != 0;
    let system = match bytes!(options.system, options.system_len) {
        b"" => None,
        wanted => Some(group.system()?.snapshot(wanted)?),
    };
    let data = match bytes!(options.data, options.data_len) {
        b"" => None,
        _ if without_data => return Err(Error::Misuse("options: a snapshot of Data, and no Data")),
        wanted => Some(group.pair()?.1.snapshot(wanted)?),
    };
    let system_live = options.flags & APFS_MERGE_SYSTEM_LIVE != 0;
    if system_live && system.is_some() {
        return Err(Error::Misuse("options: System live, and at a snapshot"));
    }
    Ok(MergeOptions { system, system_live, data, without_data })
}

/// Finds the volume groups of a container. Locked volumes count too.
///
/// # Safety
/// `container` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_groups_open(
    container: *const apfs_container,
    out: *mut *const apfs_groups,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, out) = (given!(container), out!(out));
        let groups = Groups::find(&container.container);
        let listed = groups.groups.iter().map(|group| (group.name(), Member::all(group))).collect();
        out.put(share(apfs_groups { groups, listed }));
        Ok(())
    })
}

/// Lists groups, by id, from number `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
///
/// # Safety
/// `groups` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_groups_list(
    groups: *const apfs_groups,
    first: usize,
    out: *mut apfs_group,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (groups, out, n) = (given!(groups), slots!(out, cap), out!(n));
        let all = groups.groups.groups.iter().zip(&groups.listed).skip(first);
        n.put(out.fill(all.map(|(group, (name, members))| apfs_group {
            id: group.id.0,
            name: name.as_bytes().into(),
            members: members.len(),
            problems: group.problems.len(),
        })));
        Ok(())
    })
}

/// Lists the volumes of a group, by the place of that in the list, from number `first` on: up to `cap` into `out`, how
/// many into `n`. None written means the end.
///
/// # Safety
/// `groups` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_groups_members(
    groups: *const apfs_groups,
    nth: usize,
    first: usize,
    out: *mut apfs_member,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (groups, out, n) = (given!(groups), slots!(out, cap), out!(n));
        let (_, (_, members)) = groups.nth(nth)?;
        n.put(out.fill(members.iter().skip(first).map(apfs_member::from)));
        Ok(())
    })
}

/// What is not as it should be with a group, by its place in the list; of (size_t)-1 what concerns no single group.
///
/// # Safety
/// `groups` is a handle; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_groups_problems(
    groups: *const apfs_groups,
    nth: usize,
    out: *mut *const apfs_problems,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (groups, out) = (given!(groups), out!(out));
        let problems = match nth {
            usize::MAX => &groups.groups.problems,
            nth => &groups.nth(nth)?.0.problems,
        };
        out.put(share(apfs_problems::of_groups(problems)));
        Ok(())
    })
}

/// Opens System and Data of a group, by its place in the list, as the one tree that macOS shows. It is a view like any
/// other: list it, read it, scan it. `apfs_view_backing` says what is behind a file. `options` may be NULL.
///
/// APFS_STATUS_LOCKED if one of the two is; unlock it by `apfs_volume_unlock` on a volume of the same container. Where
/// several volumes have a role it is an error, never a guess.
///
/// # Safety
/// `groups` is a handle; `options` may be NULL; `out` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_view_open_merged(
    groups: *const apfs_groups,
    nth: usize,
    options: *const apfs_merge_options,
    out: *mut *const apfs_view,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (groups, out) = (given!(groups), out!(out));
        let (group, _) = groups.nth(nth)?;
        let merged = group.view(&parse(optional!(options), group)?)?;
        out.put(share(apfs_view { view: AnyFs::Merged(merged) }));
        Ok(())
    })
}

/// Frees a list of groups. What was opened from it stays usable. NULL is allowed.
///
/// # Safety
/// `groups` is NULL or a handle that is not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_groups_free(groups: *const apfs_groups) {
    free_shared!(groups);
}
