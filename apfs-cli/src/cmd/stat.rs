//! `apfs stat`: everything that is known about files.

mod hfs;

use core::fmt::{Display, LowerHex};
use std::ffi::OsString;
use std::io;

use apfs_core::decmpfs::kind_name;
use apfs_core::hfsplus::CatalogFacts;
use apfs_core::text::escape::Escaped;
use apfs_core::{ExtentKind, ExtentRun, Fs, Kind, Stat as Metadata, StreamId, Timestamp, XattrInfo};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::args::Common;
use crate::backing_row::BackingRow;
use crate::cmd::ls::mode_text;
use crate::complete::in_image;
use crate::exit::{Failure, Outcome};
use crate::flags;
use crate::out::Out;
use crate::place::{self, Follow, Found, Item};
use crate::row::{Row, RowContext, lossy, resource_fork};
use crate::session::Session;
use hfs::HfsRow;

/// Extents asked for at a time.
const BATCH: usize = 256;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs stat disk.img /etc/hosts           times, flags, links, attributes
  apfs stat --extents disk.img /big       also where its bytes lie
  apfs stat disk.img '/System Folder'     of HFS+ also catalog flags, Finder type and creator, text encoding
  apfs stat --merged mac.img /Users       also which volume is behind it, and by which firmlink
  apfs stat --json disk.img /a /b         one JSON object with all files")]
pub(crate) struct Stat {
    #[command(flatten)]
    common: Common,

    /// Files or directories
    #[arg(value_name = "PATH", required = true, add = ArgValueCompleter::new(in_image))]
    paths: Vec<OsString>,

    /// Also the extents of the data stream: offset in the file, length, offset in the container or HFS+ volume, in
    /// bytes
    #[arg(long, help_heading = "Output")]
    extents: bool,

    /// Follow a symbolic link at the end of a path
    #[arg(short = 'L', long, help_heading = "Which state of which volume")]
    follow: bool,
}

#[derive(Debug, Serialize)]
struct Listing<'a> {
    schema: &'static str,
    files: Vec<FileRow<'a>>,
}

/// The row of a listing, and what only this command says.
#[derive(Debug, Serialize)]
struct FileRow<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    parent: u64,
    allocated: u64,
    links: Vec<String>,
    bsd_flag_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_flag_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection_class: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_generation: Option<u32>,
    /// What only HFS+ says.
    #[serde(skip_serializing_if = "Option::is_none")]
    hfs: Option<HfsRow>,
    /// What is behind a file of a merged tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    backing: Option<&'a BackingRow>,
    modified: Option<String>,
    changed: Option<String>,
    created: Option<String>,
    accessed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extent_list: Option<Vec<ExtentRow>>,
}

#[derive(Debug, Serialize)]
struct ExtentRow {
    offset: u64,
    length: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_offset: Option<u64>,
    crypto_id: u64,
}

/// A file with what was read about it. Parts that can't be read are said and missing.
struct Details<'a> {
    file: &'a Found<'a>,
    path: Vec<u8>,
    stat: Metadata,
    links: Vec<Vec<u8>>,
    extents: Option<Vec<ExtentRun>>,
    facts: Option<CatalogFacts>,
    backing: Option<BackingRow>,
}

/// Shows all files that were asked for.
pub(crate) fn run(args: &Stat) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let follow = if args.follow { Follow::Yes } else { Follow::No };
    let found = place::find(&targets, &args.paths, follow, &mut outcome)?;
    let mut all = Vec::new();
    for file in &found {
        match Details::gather(args, file, &mut outcome) {
            Ok(details) => all.push(details),
            Err(error) => outcome.problem(format!("{}: {error}", Escaped(&file.path()))),
        }
    }
    let mut out = Out::new();
    if args.common.json {
        let files = all.iter().map(|details| details.row(&mut outcome)).collect();
        out.json(&Listing { schema: "apfs.stat/1", files })?;
    } else {
        for (index, details) in all.iter().enumerate() {
            if index > 0 {
                out.line()?;
            }
            details.show(&mut out, &mut outcome)?;
        }
    }
    out.flush()?;
    Ok(outcome)
}

impl<'a> Details<'a> {
    fn gather(args: &Stat, file: &'a Found<'a>, outcome: &mut Outcome) -> apfs_core::Result<Details<'a>> {
        let (view, path) = (&file.target.view, file.path());
        let stat = view.stat(file.id)?;
        let links = link_paths(file).unwrap_or_else(|error| {
            outcome.problem(format!("{}: links: {error}", Escaped(&path)));
            Vec::new()
        });
        let wanted = args.extents && stat.kind == Kind::File;
        let extents = wanted.then(|| extents(file)).and_then(|extents| {
            extents.map_err(|error| outcome.problem(format!("{}: extents: {error}", Escaped(&path)))).ok()
        });
        let facts = view.as_hfs().map(|volume| volume.facts(file.id)).transpose()?;
        let backing = view.as_merged().map(|merged| BackingRow::new(merged, file.id)).transpose()?.flatten();
        Ok(Details { file, path, stat, links, extents, facts, backing })
    }

    fn item(&self) -> Item<'_> {
        Item { path: &self.path, stat: &self.stat, link_id: self.file.link_id() }
    }

    fn row(&self, outcome: &mut Outcome) -> FileRow<'_> {
        let stat = &self.stat;
        let context = RowContext { target: self.file.target, hash: false };
        let is_apfs = self.file.target.view.as_hfs().is_none();
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        FileRow {
            row: Row::new(&context, &self.item(), outcome),
            parent: self.file.target.view.own_number(stat.parent).0,
            allocated: stat.allocated,
            links: self.links.iter().map(|path| lossy(path).into_owned()).collect(),
            bsd_flag_names: flags::bsd(stat.bsd_flags),
            internal_flag_names: is_apfs.then(|| flags::inode(stat.internal_flags)),
            protection_class: is_apfs.then_some(stat.protection_class),
            compression: stat.compression.map(|compression| kind_name(compression.kind)),
            write_generation: is_apfs.then_some(stat.write_generation),
            hfs: self.facts.as_ref().map(HfsRow::new),
            backing: self.backing.as_ref(),
            modified: text(stat.modified),
            changed: text(stat.changed),
            created: text(stat.created),
            accessed: text(stat.accessed),
            extent_list: self.extents.as_ref().map(|runs| runs.iter().map(ExtentRow::new).collect()),
        }
    }

    fn show(&self, out: &mut Out, outcome: &mut Outcome) -> io::Result<()> {
        let (stat, target) = (&self.stat, self.file.target);
        field(out, "Path", Escaped(&self.path))?;
        field(out, "Volume", format_args!("{} (partition {})", target.title(), target.part))?;
        let mode = mode_text(stat).map(char::from).into_iter().collect::<String>();
        field(out, "Type", stat.kind.word())?;
        field(out, "Mode", format_args!("{mode} ({:06o})", stat.mode))?;
        if stat.kind == Kind::Symlink {
            match target.view.read_link(stat.id) {
                Ok(to) => field(out, "Target", to)?,
                Err(error) => outcome.problem(format!("{}: {error}", Escaped(&self.path))),
            }
        }
        if let Some(backing) = &self.backing {
            field(out, "Backed by", backing.words())?;
        }
        field(out, "File id", target.view.own_number(stat.id))?;
        field(out, "Parent", target.view.own_number(stat.parent))?;
        if self.facts.is_none() {
            field(out, "Data stream", stat.private_id)?;
        }
        if let Some(link) = self.file.link_id() {
            field(out, "This link", link)?;
        }
        match stat.nchildren {
            Some(count) => field(out, "Entries", count)?,
            None => field(out, "Links", stat.nlink)?,
        }
        for path in &self.links {
            field(out, "", Escaped(path))?;
        }
        field(out, "Owner", stat.uid)?;
        field(out, "Group", stat.gid)?;
        field(out, "Size", stat.size)?;
        field(out, "Allocated", stat.allocated)?;
        if let Some(sparse) = stat.sparse_bytes {
            field(out, "Holes", format_args!("{sparse} bytes"))?;
        }
        if let Some(size) = resource_fork(stat) {
            field(out, "Resource fork", size)?;
        }
        if let Some(compression) = stat.compression {
            field(out, "Compression", kind_name(compression.kind))?;
        }
        if let Some(rdev) = stat.rdev {
            field(out, "Device", format_args!("{}, {}", rdev >> 24, rdev & 0xFF_FFFF))?;
        }
        if let Some(document) = stat.document_id {
            field(out, "Document id", document)?;
        }
        let times = [
            ("Modified", stat.modified),
            ("Changed", stat.changed),
            ("Created", stat.created),
            ("Accessed", stat.accessed),
        ];
        for (label, time) in times {
            if let Some(time) = time {
                field(out, label, format_args!("{time} ({} ns)", time.0))?;
            }
        }
        flag_field(out, "BSD flags", stat.bsd_flags, &flags::bsd(stat.bsd_flags))?;
        match &self.facts {
            Some(facts) => HfsRow::new(facts).show(out)?,
            None => {
                flag_field(out, "APFS flags", stat.internal_flags, &flags::inode(stat.internal_flags))?;
                field(out, "Protection class", stat.protection_class)?;
                field(out, "Write generation", stat.write_generation)?;
            }
        }
        self.show_xattrs(out, outcome)?;
        self.show_extents(out)
    }

    fn show_xattrs(&self, out: &mut Out, outcome: &mut Outcome) -> io::Result<()> {
        let xattrs = self.file.target.view.xattrs(self.file.id).unwrap_or_else(|error| {
            outcome.problem(format!("{}: attributes: {error}", Escaped(&self.path)));
            Vec::new()
        });
        let mut label = "Attributes";
        for XattrInfo { name, size, flags, .. } in &xattrs {
            let flags = match &self.facts {
                // HFS+ attributes have no flags.
                Some(_) => String::new(),
                None => format!(" ({})", flags::xattr(*flags).join(", ")),
            };
            field(out, label, format_args!("{name}, {size} bytes{flags}"))?;
            label = "";
        }
        Ok(())
    }

    fn show_extents(&self, out: &mut Out) -> io::Result<()> {
        let mut label = "Extents";
        for run in self.extents.iter().flatten() {
            let ExtentRow { offset, length, kind, container_offset, .. } = ExtentRow::new(run);
            let place = container_offset.map_or(String::new(), |offset| format!(" at {offset}"));
            field(out, label, format_args!("{offset:>12} {length:>12} {kind}{place}"))?;
            label = "";
        }
        Ok(())
    }
}

impl ExtentRow {
    fn new(run: &ExtentRun) -> ExtentRow {
        let (kind, container_offset) = match run.kind {
            ExtentKind::Data(offset) => ("data", Some(offset)),
            ExtentKind::Hole => ("hole", None),
            ExtentKind::Unwritten => ("unwritten", None),
            _ => ("unknown", None),
        };
        let ExtentRun { logical: offset, len: length, crypto_id, .. } = *run;
        ExtentRow { offset, length, kind, container_offset, crypto_id }
    }
}

/// Every path of a file.
fn link_paths(file: &Found<'_>) -> apfs_core::Result<Vec<Vec<u8>>> {
    let view = &file.target.view;
    if file.id == view.root() {
        return Ok(vec![b"/".to_vec()]);
    }
    let mut paths = Vec::new();
    for (dir, name) in view.links(file.id)? {
        let mut path = view.path_of(dir)?;
        if path == b"/" {
            path.clear();
        }
        path.push(b'/');
        path.extend_from_slice(name.as_bytes());
        paths.push(path);
    }
    Ok(paths)
}

fn extents(file: &Found<'_>) -> apfs_core::Result<Vec<ExtentRun>> {
    let (mut runs, mut from) = (Vec::new(), 0u64);
    loop {
        let before = runs.len();
        file.target.view.extents(file.id, &StreamId::Raw, from, &mut runs, BATCH)?;
        match runs.last() {
            Some(last) if runs.len() > before => from = last.logical.saturating_add(last.len),
            _ => return Ok(runs),
        }
    }
}

pub(super) fn flag_field(
    out: &mut Out,
    label: &str,
    flags: impl LowerHex,
    names: &[String],
) -> io::Result<()> {
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    field(out, label, format_args!("{flags:#x}{names}"))
}

pub(super) fn field(out: &mut Out, label: &str, value: impl Display) -> io::Result<()> {
    let colon = if label.is_empty() { " " } else { ":" };
    out.display(format_args!("{:<18}{value}", format!("{label}{colon}")))?;
    out.line()
}
