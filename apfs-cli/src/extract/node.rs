//! What is made inside a directory of the host: files, symbolic links, special files, and their attributes.

use std::os::fd::AsFd;

use apfs_core::text::escape::Escaped;
use apfs_core::{Fs, Kind, Stat};
use rustix::fs::{FileType, Mode, XattrFlags};
use rustix::io::Errno;

use super::apple_double::AppleDouble;
use super::attrs::Attrs;
use super::content::Content;
use super::host::{HostDir, NEW_FILE};
use super::tree::{Stop, Tree};
use super::xattrs::{self, Attribute};
use super::{name, special};

/// Longest value of an attribute on Linux.
const MAX_VALUE: u64 = 65_536;

/// Where Linux lets users keep attributes.
const PREFIX: &[u8] = b"user.";

impl Tree<'_> {
    /// Makes a file with all it has. Gives its name on the host, `None` if it is not complete.
    pub(super) fn file(
        &self,
        dir: &HostDir,
        name: &[u8],
        stat: &Stat,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Stop> {
        let attrs = Attrs::of(stat, self.options);
        let wanted = self.wanted_xattrs(stat, &dir.shown_of(name));
        // Attributes can be set on files that may be written to only, whatever else the open file allows.
        let mode_at_once = wanted.is_empty() && !self.options.preserve_special;
        let mode = if mode_at_once { attrs.mode() } else { Mode::RUSR | Mode::WUSR };
        let new = dir.make(name, |name| rustix::fs::openat(dir, name, NEW_FILE, mode))?;
        let file = new.what;
        let mut end = 0;
        let content = Content::new(self.view, stat);
        let mut damage = None;
        match self.data(&file, &content, &mut end, buffer) {
            Ok(()) => {}
            Err(Stop::Entry(why)) if self.options.keep_damaged => damage = Some(why),
            Err(stop) => {
                dir.remove(&new.name)?;
                return Err(stop);
            }
        }
        if damage.is_none()
            && end < content.size()
            && let Err(error) = rustix::fs::ftruncate(&file, content.size())
        {
            dir.remove(&new.name)?;
            return Err(error.into());
        }
        self.say_renamed(dir, name, &new.name, new.renamed);
        self.report.files.add(1);
        let rest = self.xattrs(&file, &wanted, stat, &dir.shown_of(name));
        if mode_at_once {
            rustix::fs::futimens(&file, &attrs.times())?;
        } else {
            self.give(&file, &attrs)?;
        }
        if !rest.is_empty() {
            self.apple_double(dir, &new.name, stat, &rest, &dir.shown_of(name))?;
        }
        let Some(why) = damage else { return Ok(Some(new.name)) };
        let kept = dir.rename(&new.name, &name::with_tail(&new.name, name::PARTIAL))?;
        self.report.partial.add(1);
        let (size, kept) = (content.size(), Escaped(&kept.name));
        self.report.problem(&dir.shown_of(name), format_args!("{end} of {size} bytes kept as {kept}: {why}"));
        Ok(None)
    }

    /// Writes the data and leaves holes where there is none. `end` is where the data written so far ends.
    fn data(
        &self,
        file: impl AsFd,
        content: &Content<'_>,
        end: &mut u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        for range in content.runs() {
            content.read::<Stop>(range?, buffer, &mut |offset, mut piece| {
                let mut at = offset;
                while !piece.is_empty() {
                    let written = rustix::io::pwrite(&file, piece, at)?;
                    if written == 0 {
                        return Err(Errno::IO.into());
                    }
                    at = at.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
                    piece = piece.get(written..).unwrap_or(&[]);
                }
                self.report.written(at.saturating_sub(offset));
                *end = at;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Makes a symbolic link. It is never followed.
    pub(super) fn symlink(&self, dir: &HostDir, name: &[u8], stat: &Stat) -> Result<Vec<u8>, Stop> {
        let target = self.view.read_link(stat.id)?;
        let new = dir.make(name, |name| rustix::fs::symlinkat(target.as_bytes(), dir, name))?;
        self.say_renamed(dir, name, &new.name, new.renamed);
        self.report.symlinks.add(1);
        self.finish_at(dir, name, &new.name, stat)?;
        Ok(new.name)
    }

    /// Makes a device, pipe or socket, if that was asked for.
    pub(super) fn special(&self, dir: &HostDir, name: &[u8], stat: &Stat) -> Result<Vec<u8>, Stop> {
        let word = stat.kind.word();
        if !self.options.preserve_special {
            return Err(Stop::Entry(format!("{word}; --preserve-special extracts it")));
        }
        let kind = match stat.kind {
            Kind::Fifo => FileType::Fifo,
            Kind::Socket => FileType::Socket,
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            _ => return Err(Stop::Entry(format!("this system has no {word}"))),
        };
        let (major, minor) = special::device(stat);
        let (device, mode) = (rustix::fs::makedev(major, minor), Attrs::of(stat, self.options).mode());
        if (rustix::fs::major(device), rustix::fs::minor(device)) != (major, minor) {
            return Err(Stop::Entry(format!("this system has no device number {major}:{minor}")));
        }
        let new = dir.make(name, |name| rustix::fs::mknodat(dir, name, kind, mode, device))?;
        self.say_renamed(dir, name, &new.name, new.renamed);
        self.report.special.add(1);
        self.finish_at(dir, name, &new.name, stat)?;
        Ok(new.name)
    }

    /// Owner, times and attributes of what is not opened.
    fn finish_at(&self, dir: &HostDir, name: &[u8], host_name: &[u8], stat: &Stat) -> Result<(), Stop> {
        let attrs = Attrs::of(stat, self.options);
        if self.options.preserve_special {
            self.owner_given(attrs.give_owner_at(dir, host_name))?;
        }
        attrs.give_times_at(dir, host_name)?;
        // Linux has no attributes of users on anything but files and directories.
        let rest = self.wanted_xattrs(stat, &dir.shown_of(name));
        if rest.is_empty() {
            Ok(())
        } else {
            self.apple_double(dir, host_name, stat, &rest, &dir.shown_of(name))
        }
    }

    /// The attributes that a copy should have; that they can't be read is said, and the rest is kept.
    pub(super) fn wanted_xattrs(&self, stat: &Stat, shown: &[u8]) -> Vec<Attribute> {
        xattrs::wanted(self.view, stat).unwrap_or_else(|error| {
            self.report.problem(shown, format_args!("extended attributes: {error}"));
            Vec::new()
        })
    }

    /// Sets attributes of an open file; gives those that do not fit.
    pub(super) fn xattrs(
        &self,
        file: impl AsFd,
        wanted: &[Attribute],
        stat: &Stat,
        shown: &[u8],
    ) -> Vec<Attribute> {
        let mut rest = Vec::new();
        for xattr in wanted {
            if xattr.size > MAX_VALUE {
                rest.push(xattr.clone());
                continue;
            }
            match xattr.value(self.view, stat) {
                Ok(value) => {
                    let name = [PREFIX, xattr.name.as_bytes()].concat();
                    if rustix::fs::fsetxattr(&file, &name, &value, XattrFlags::empty()).is_err() {
                        rest.push(xattr.clone());
                    }
                }
                Err(error) => {
                    self.report.left_out(shown, format_args!("attribute {}: {error}", xattr.name));
                }
            }
        }
        rest
    }

    /// Puts attributes into an AppleDouble file beside a file.
    pub(super) fn apple_double(
        &self,
        dir: &HostDir,
        beside: &[u8],
        stat: &Stat,
        xattrs: &[Attribute],
        shown: &[u8],
    ) -> Result<(), Stop> {
        let double = match AppleDouble::new(self.view, stat, xattrs) {
            Ok(double) => double,
            Err(error) => {
                self.report.left_out(shown, format_args!("extended attributes: {error}"));
                return Ok(());
            }
        };
        for refused in &double.refused {
            self.report.left_out(shown, format_args!("attribute {refused}: its name is too long"));
        }
        let name = [b"._", beside].concat();
        // No more people may read it than the file whose attributes it holds.
        let readable = Mode::from_bits_truncate(u32::from(stat.mode) & 0o666);
        let new = dir.make(&name, |name| rustix::fs::openat(dir, name, NEW_FILE, readable))?;
        let mut file = std::fs::File::from(new.what);
        let written = double.write::<Stop>(self.view, stat, &mut |bytes| {
            std::io::Write::write_all(&mut file, bytes).map_err(|error| {
                Errno::from_io_error(&error).map_or_else(|| Stop::Entry(error.to_string()), Stop::from)
            })
        });
        match written {
            Ok(()) => {
                self.report.apple_double.add(1);
                let names: Vec<String> = xattrs.iter().map(|xattr| xattr.name.to_string()).collect();
                let place = Escaped(&new.name);
                self.report.note(shown, format_args!("kept in {place}: {}", names.join(", ")));
                Ok(())
            }
            Err(Stop::Entry(why)) => {
                dir.remove(&new.name)?;
                self.report.left_out(shown, format_args!("extended attributes: {why}"));
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }
}
