//! A directory of the host that is being filled: opened without following links, names created and never reused.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{self, Errno};

use super::name;
use super::report::lock;

/// How directories are opened: a link in the place of one is refused.
const DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How files are made: nothing that exists is ever opened.
pub(crate) const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Numbers that are tried for one colliding name.
const MAX_TRIES: u32 = 100;

/// Opens a directory below another one, each component by itself and none through a link.
pub(crate) fn open_beneath(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut here: Option<OwnedFd> = None;
    for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        if !name::is_component(part) {
            return Err(Errno::INVAL);
        }
        let above = here.as_ref().map_or(root, AsFd::as_fd);
        here = Some(rustix::fs::openat(above, part, DIR, Mode::empty())?);
    }
    match here {
        Some(here) => Ok(here),
        None => rustix::fs::openat(root, ".", DIR, Mode::empty()),
    }
}

/// One directory that is being filled.
#[derive(Debug)]
pub(crate) struct HostDir {
    fd: OwnedFd,
    /// Path from the root of the target, without slashes at its ends.
    pub(crate) path: Vec<u8>,
    /// Path in the image, for messages; empty for the root.
    pub(crate) shown: Vec<u8>,
    /// Something will still be looked for in it: its own attributes must wait for the end.
    keep_open: AtomicBool,
    /// Numbers that colliding names have come to.
    numbers: Mutex<HashMap<Vec<u8>, u32>>,
    /// Inodes made in this run, where older ones may be replaced.
    made: Option<Mutex<HashSet<u64>>>,
}

/// What came of making an entry.
#[derive(Debug)]
pub(crate) struct New<T> {
    pub(crate) what: T,
    /// Its name on the host.
    pub(crate) name: Vec<u8>,
    /// Why that is not the stored name.
    pub(crate) renamed: Option<&'static str>,
}

impl HostDir {
    /// Opens a directory of the target. With `overwrite`, entries of earlier runs are replaced.
    pub(crate) fn open(
        root: BorrowedFd<'_>,
        path: Vec<u8>,
        shown: Vec<u8>,
        overwrite: bool,
    ) -> io::Result<HostDir> {
        let fd = open_beneath(root, &path)?;
        let made = overwrite.then(Mutex::default);
        Ok(HostDir { fd, path, shown, keep_open: AtomicBool::new(false), numbers: Mutex::default(), made })
    }

    /// Host path of an entry, from the root of the target.
    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        if self.path.is_empty() { name.to_vec() } else { [&self.path, &b"/"[..], name].concat() }
    }

    /// Path of an entry in the image.
    pub(crate) fn shown_of(&self, name: &[u8]) -> Vec<u8> {
        [&self.shown, &b"/"[..], name].concat()
    }

    /// Its attributes, which may forbid to enter it, have to wait for the end.
    pub(crate) fn keep_open(&self) {
        self.keep_open.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_kept_open(&self) -> bool {
        self.keep_open.load(Ordering::Relaxed)
    }

    /// Makes an entry under its name, or, where that is taken or refused, under one like it.
    pub(crate) fn make<T>(
        &self,
        wanted: &[u8],
        mut make: impl FnMut(&[u8]) -> io::Result<T>,
    ) -> io::Result<New<T>> {
        let plain = name::without_nul(wanted);
        let mut renamed = plain.is_some().then_some(name::HAS_NUL);
        let mut base = plain.unwrap_or_else(|| wanted.to_vec());
        if !name::is_component(&base) {
            return Err(Errno::INVAL);
        }
        let mut candidate = base.clone();
        for _ in 0..MAX_TRIES {
            match make(&candidate) {
                Ok(what) => {
                    self.remember(&candidate)?;
                    return Ok(New { what, name: candidate, renamed });
                }
                Err(Errno::EXIST) if self.clear(&candidate)? => {}
                Err(Errno::EXIST) => {
                    renamed = Some("another entry has this name here");
                    candidate = name::numbered(&base, self.next_number(&base));
                }
                Err(Errno::NAMETOOLONG) if base.len() > name::MAX_NAME => {
                    renamed = Some("the name is too long for the target");
                    base = name::with_tail(&base, b"");
                    candidate.clone_from(&base);
                }
                Err(error @ (Errno::INVAL | Errno::ILSEQ)) => {
                    let plain = name::sanitised(&base);
                    if plain == base {
                        return Err(error);
                    }
                    renamed = Some("the target refuses the name");
                    base = plain;
                    candidate.clone_from(&base);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Errno::EXIST)
    }

    /// Makes a directory, or with overwriting takes the one that is there.
    pub(crate) fn make_dir(&self, wanted: &[u8]) -> io::Result<New<()>> {
        self.make(wanted, |name| match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU) {
            Err(Errno::EXIST) if self.is_older_dir(name)? => Ok(()),
            made => made,
        })
    }

    /// Removes an entry that was made in this run.
    pub(crate) fn remove(&self, name: &[u8]) -> io::Result<()> {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())
    }

    /// Gives an entry of this run another name, which must be free.
    pub(crate) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<New<()>> {
        let renamed = self.make(to, |to| {
            // A link and an unlink instead of a rename: that never replaces anything, on any system.
            rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())
        })?;
        self.remove(from)?;
        Ok(renamed)
    }

    fn next_number(&self, base: &[u8]) -> u32 {
        let mut numbers = lock(&self.numbers);
        let number = numbers.entry(base.to_vec()).or_insert(1);
        *number = number.saturating_add(1);
        *number
    }

    fn inode(&self, name: &[u8]) -> io::Result<(u64, FileType)> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((stat.st_ino, FileType::from_raw_mode(stat.st_mode)))
    }

    fn remember(&self, name: &[u8]) -> io::Result<()> {
        if let Some(made) = &self.made {
            lock(made).insert(self.inode(name)?.0);
        }
        Ok(())
    }

    /// True if overwriting is on and the entry is none of this run.
    fn is_older(&self, inode: u64) -> bool {
        self.made.as_ref().is_some_and(|made| !lock(made).contains(&inode))
    }

    fn is_older_dir(&self, name: &[u8]) -> io::Result<bool> {
        if self.made.is_none() {
            return Ok(false);
        }
        let (inode, kind) = self.inode(name)?;
        Ok(kind == FileType::Directory && self.is_older(inode))
    }

    /// Removes what an earlier run has left under a name. Directories stay.
    fn clear(&self, name: &[u8]) -> io::Result<bool> {
        if self.made.is_none() {
            return Ok(false);
        }
        let (inode, kind) = self.inode(name)?;
        if kind == FileType::Directory || !self.is_older(inode) {
            return Ok(false);
        }
        self.remove(name)?;
        Ok(true)
    }
}

impl AsFd for HostDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
