//! Times, permissions and owners on the host.

use std::os::fd::AsFd;

use apfs_core::{Stat, Timestamp};
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io;

use super::Options;

/// What a directory gets when everything in it is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attrs {
    mode: u16,
    uid: u32,
    gid: u32,
    modified: Option<Timestamp>,
    accessed: Option<Timestamp>,
}

impl Attrs {
    pub(crate) fn of(stat: &Stat, options: Options) -> Attrs {
        Attrs {
            mode: options.mode(stat.mode),
            uid: stat.uid,
            gid: stat.gid,
            modified: stat.modified,
            accessed: stat.accessed,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        Mode::from_bits_truncate(self.mode.into())
    }

    /// Access and modification time in the host's form.
    pub(crate) fn times(&self) -> Timestamps {
        Timestamps { last_access: timespec(self.accessed), last_modification: timespec(self.modified) }
    }

    /// Sets owner and group of an open file. Before the mode: a change of owner takes set-user-id away.
    pub(crate) fn give_owner(&self, file: impl AsFd) -> io::Result<()> {
        rustix::fs::fchown(file, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))
    }

    /// Sets owner and group of an entry, never of what it points to.
    pub(crate) fn give_owner_at(&self, dir: impl AsFd, name: &[u8]) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Sets the times of an entry, never of what it points to.
    pub(crate) fn give_times_at(&self, dir: impl AsFd, name: &[u8]) -> io::Result<()> {
        rustix::fs::utimensat(dir, name, &self.times(), AtFlags::SYMLINK_NOFOLLOW)
    }
}

fn timespec(time: Option<Timestamp>) -> Timespec {
    match time {
        Some(time) => Timespec { tv_sec: time.seconds(), tv_nsec: time.subsec_nanos().into() },
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    }
}
