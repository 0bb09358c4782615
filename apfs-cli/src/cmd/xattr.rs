//! `apfs xattr`: extended attributes.

use std::ffi::OsString;
use std::slice;

use apfs_core::text::escape::Escaped;
use apfs_core::{AnyFs, FileId, Fs, FsExt, Name, StreamId, XattrInfo};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::args::Common;
use crate::complete::in_image;
use crate::content::Reader;
use crate::exit::{Failure, Outcome};
use crate::extract::xattrs::RESOURCE_FORK;
use crate::flags;
use crate::out::{Out, hex};
use crate::place::{self, Follow, Found};
use crate::row::{lossy, lossy_path};
use crate::session::Session;

/// Bytes in a line of a hexadecimal dump.
const DUMP_LINE: usize = 16;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs xattr disk.img /a                       names, sizes and flags, hidden attributes included
  apfs xattr disk.img /a user.note > note      one value as it is
  apfs xattr --hex disk.img /a com.apple.FinderInfo
  apfs xattr --json disk.img /a                all with their values in hexadecimal")]
pub(crate) struct Xattr {
    #[command(flatten)]
    common: Common,

    /// File or directory
    #[arg(value_name = "PATH", add = ArgValueCompleter::new(in_image))]
    path: OsString,

    /// Attribute to print
    #[arg(value_name = "NAME")]
    name: Option<OsString>,

    /// Print the value as a hexadecimal dump
    #[arg(long, requires = "name", help_heading = "Output")]
    hex: bool,

    /// Follow a symbolic link at the end of the path
    #[arg(short = 'L', long, help_heading = "Which state of which volume")]
    follow: bool,
}

#[derive(Debug, Serialize)]
struct Listing {
    schema: &'static str,
    files: Vec<FileRow>,
}

#[derive(Debug, Serialize)]
struct FileRow {
    part: usize,
    volume: String,
    volume_index: usize,
    snapshot: Option<String>,
    path: String,
    ino: u64,
    xattrs: Vec<XattrRow>,
}

#[derive(Debug, Serialize)]
struct XattrRow {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_raw: Option<String>,
    size: u64,
    /// APFS only.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flag_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<String>,
}

/// Lists attributes, or prints one.
pub(crate) fn run(args: &Xattr) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let follow = if args.follow { Follow::Yes } else { Follow::No };
    let found = place::find(&targets, slice::from_ref(&args.path), follow, &mut outcome)?;
    let mut out = Out::new();
    if args.common.json {
        let files = found.iter().map(|file| file_row(args, file, &mut outcome)).collect::<Result<_, _>>()?;
        out.json(&Listing { schema: "apfs.xattr/1", files })?;
    } else if let Some(name) = &args.name {
        place::one_volume_each(&found)?;
        for file in &found {
            print_value(args, file, &Name::from(name.as_encoded_bytes()), &mut out)?;
        }
    } else {
        for file in &found {
            if targets.len() > 1 {
                place::heading(&mut out, "", file.target)?;
            }
            for Attribute { name, size, flags } in wanted(args, file)? {
                out.display(format_args!("{size:>10}  {name}"))?;
                if let Some(flags) = flags {
                    out.display(format_args!("  ({})", flags::xattr(flags).join(", ")))?;
                }
                out.line()?;
            }
        }
    }
    out.flush()?;
    Ok(outcome)
}

/// What is said of an attribute.
struct Attribute {
    name: Name,
    size: u64,
    /// APFS only.
    flags: Option<u16>,
}

/// Everything that can be read as an attribute of a file, its resource fork included: HFS+ keeps that elsewhere.
fn all(view: &AnyFs, id: FileId) -> apfs_core::Result<Vec<Attribute>> {
    let mut xattrs: Vec<Attribute> = Vec::new();
    for XattrInfo { name, size, flags, .. } in view.xattrs(id)? {
        xattrs.push(Attribute { name, size, flags: view.as_hfs().is_none().then_some(flags) });
    }
    if let Some(size) = view.stat(id)?.resource_size.filter(|size| *size > 0)
        && view.as_hfs().is_some()
    {
        xattrs.push(Attribute { name: Name::from(RESOURCE_FORK), size, flags: None });
    }
    Ok(xattrs)
}

/// The attributes of a file, or the one of the wanted name.
fn wanted(args: &Xattr, file: &Found<'_>) -> Result<Vec<Attribute>, Failure> {
    let failed = |error| Failure::core(Escaped(&file.path()))(error);
    let mut xattrs = all(&file.target.view, file.id).map_err(failed)?;
    if let Some(name) = &args.name {
        let name = name.as_encoded_bytes();
        xattrs.retain(|xattr| xattr.name.as_bytes() == name);
        if xattrs.is_empty() {
            return Err(failed(apfs_core::Error::not_found(format!("attribute {}", Escaped(name)))));
        }
    }
    Ok(xattrs)
}

fn file_row(args: &Xattr, file: &Found<'_>, outcome: &mut Outcome) -> Result<FileRow, Failure> {
    let (target, path) = (file.target, file.path());
    let mut rows = Vec::new();
    for Attribute { name, size, flags } in wanted(args, file)? {
        let value = target.view.xattr(file.id, name.as_bytes());
        let value = value.map_err(|error| outcome.problem(format!("{}: {name}: {error}", Escaped(&path))));
        let bytes = name.as_bytes();
        rows.push(XattrRow {
            name: lossy(bytes).into_owned(),
            name_raw: name.to_str().is_none().then(|| hex(bytes)),
            size,
            flags,
            flag_names: flags.map(flags::xattr).unwrap_or_default(),
            value_hex: value.ok().map(|value| hex(&value)),
        });
    }
    let (volume, volume_index, snapshot) = target.place_of(file.id);
    Ok(FileRow {
        part: target.part,
        volume: lossy(volume.as_bytes()).into_owned(),
        volume_index,
        snapshot: snapshot.map(|name| lossy(name.as_bytes()).into_owned()),
        path: lossy_path(&target.view, &path).into_owned(),
        ino: target.view.own_number(file.id).0,
        xattrs: rows,
    })
}

fn print_value(args: &Xattr, file: &Found<'_>, name: &Name, out: &mut Out) -> Result<(), Failure> {
    let stream = StreamId::Xattr(name.clone());
    let failed = |error| Failure::core(Escaped(&file.path()))(error);
    let stat = file.target.view.stat(file.id).map_err(failed)?;
    let len = file.target.view.stream_len(file.id, &stream).map_err(failed)?;
    let mut offset = 0usize;
    Reader::default()
        .each_chunk(&file.target.view, (&stat, &stream), len, |chunk| {
            if !args.hex {
                return out.bytes(chunk);
            }
            for line in chunk.chunks(DUMP_LINE) {
                dump_line(out, offset, line)?;
                offset = offset.saturating_add(line.len());
            }
            Ok(())
        })?
        .map_err(failed)
}

/// Offset, bytes, and what of them is text.
fn dump_line(out: &mut Out, offset: usize, bytes: &[u8]) -> std::io::Result<()> {
    out.display(format_args!("{offset:08x} "))?;
    for index in 0..DUMP_LINE {
        match bytes.get(index) {
            Some(byte) => out.display(format_args!(" {byte:02x}"))?,
            None => out.display("   ")?,
        }
    }
    let text: String = bytes
        .iter()
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
        .collect();
    out.display(format_args!("  |{text}|"))?;
    out.line()
}
