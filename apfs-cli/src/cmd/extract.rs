//! `apfs extract`: files of an image become files of the host, or a tar archive.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use apfs_core::text::escape::Escaped;
use apfs_core::{FileId, FsExt};
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::args::Common;
use crate::complete::in_image;
use crate::exit::{Failure, Outcome};
use crate::extract::pax::Archive;
use crate::extract::report::{Report, Summary};
use crate::extract::tar::TarTree;
use crate::extract::{Options, name};
use crate::out::Out;
use crate::place::Hidden;
use crate::session::{Session, Target};

/// Bytes of an archive gathered before they are written.
const TAR_BUFFER: usize = 1 << 20;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs extract disk.img -o out                 everything; with several volumes each in its own folder
  apfs extract disk.img /Users -o out          what is below /Users
  apfs extract disk.img --to tar | tar -t      everything as a tar archive (pax format)
  apfs extract disk.img --to tar -o disk.tar --snapshot before

Kept: content with its holes, times, permissions, links, extended attributes and resource forks (as user.NAME; what
the target can't hold goes into ._NAME, the AppleDouble form). What hard links to directories lead to is extracted at
each of them. Nothing is written outside the target, whatever names and links the
image has.")]
pub(crate) struct Extract {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Directory whose content, or file which, is extracted
    #[arg(value_name = "PATH", default_value = "/", add = ArgValueCompleter::new(in_image))]
    pub(crate) path: OsString,

    /// Directory to fill, new or empty; with --to tar the archive (- for standard output)
    #[arg(short, long, value_name = "DIR|FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// A tar archive, or the directory to fill
    #[arg(long, value_name = "tar|DIR", help_heading = "Output")]
    pub(crate) to: Option<OsString>,

    #[command(flatten)]
    pub(crate) hidden: Hidden,

    /// Replace files that exist, and fill a directory that is not empty
    #[arg(long, help_heading = "Output")]
    pub(crate) overwrite: bool,

    /// Also owners, set-user-id bits, devices, pipes and sockets
    #[arg(long, help_heading = "Output")]
    pub(crate) preserve_special: bool,

    /// Keep the readable beginning of damaged files, as NAME.partial
    #[arg(long, help_heading = "Output")]
    pub(crate) keep_damaged: bool,
}

/// A volume and what of it is extracted.
struct Part<'a> {
    target: &'a Target,
    start: FileId,
    /// Folder for it in the target, empty if it is the only one.
    folder: Vec<u8>,
}

/// Where to.
enum Destination<'a> {
    Dir(&'a Path),
    Tar(Option<&'a Path>),
}

/// Extracts what was asked for.
pub(crate) fn run(args: &Extract) -> Result<Outcome, Failure> {
    let destination = destination(args)?;
    let options = Options {
        overwrite: args.overwrite,
        preserve_special: args.preserve_special,
        keep_damaged: args.keep_damaged,
        all: args.hidden.all,
    };
    let mut outcome = Outcome::default();
    let session = Session::open(&args.common)?;
    let targets = session.targets(false, &mut outcome)?;
    let parts = parts(&targets, args, &mut outcome)?;
    let report = Report::new(outcome, args.common.json);
    let shown = args.path.as_encoded_bytes();
    let to_stdout = matches!(destination, Destination::Tar(None));
    match destination {
        Destination::Dir(dir) => to_dir(dir, &parts, shown, options, &report)?,
        Destination::Tar(file) => to_tar(file, &parts, shown, options, &report)?,
    }
    let (summary, outcome) = report.finish();
    say(&summary, args.common.json, to_stdout)?;
    Ok(outcome)
}

fn say(summary: &Summary, json: bool, to_stdout: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    if json {
        out.json(summary)?;
    } else if !to_stdout {
        out.display(summary)?;
        out.line()?;
    }
    Ok(out.flush()?)
}

fn destination(args: &Extract) -> Result<Destination<'_>, Failure> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    match (args.to.as_deref(), args.output.as_deref()) {
        (Some(to), output) if to == OsStr::new("tar") => {
            let file = output.filter(|path| *path != Path::new("-"));
            if file.is_none() && args.common.json {
                return usage("--json needs -o FILE here: the archive goes to standard output");
            }
            if file.is_none() && std::io::stdout().is_terminal() {
                return usage("an archive is nothing for a terminal: redirect it, or give -o FILE");
            }
            Ok(Destination::Tar(file))
        }
        (Some(_), Some(_)) => usage("-o DIR and --to DIR are the same: give one of them"),
        (Some(to), None) => Ok(Destination::Dir(Path::new(to))),
        (None, Some(dir)) => Ok(Destination::Dir(dir)),
        (None, None) => usage("where to? give -o DIR, or --to tar"),
    }
}

/// The volumes that have the path, each with a folder of its own if there are several.
fn parts<'a>(targets: &'a [Target], args: &Extract, outcome: &mut Outcome) -> Result<Vec<Part<'a>>, Failure> {
    let path = args.path.as_encoded_bytes();
    let (mut parts, mut taken) = (Vec::new(), HashSet::new());
    for target in targets {
        match target.view.find(target.in_volume(path)) {
            Ok(start) => {
                let mut folder = Vec::new();
                if targets.len() > 1 {
                    let wanted = name::folder(target.volume_name().as_bytes());
                    folder.clone_from(&wanted);
                    // Volumes may have one name, and names that differ in case only may be one on the target.
                    let mut number = 1;
                    while !taken.insert(folder.to_ascii_lowercase()) {
                        number = u32::saturating_add(number, 1);
                        folder = name::numbered(&wanted, number);
                    }
                }
                parts.push(Part { target, start, folder });
            }
            Err(error) => {
                outcome.problem(format!("{}: {}: {error}", target.volume_name(), Escaped(path)));
            }
        }
    }
    if parts.is_empty() {
        return Err(Failure::Usage(format!("{}: nothing to extract", Escaped(path))));
    }
    Ok(parts)
}

#[cfg(unix)]
fn to_dir(
    dir: &Path,
    parts: &[Part<'_>],
    shown: &[u8],
    options: Options,
    report: &Report,
) -> Result<(), Failure> {
    use std::os::fd::AsFd;

    use crate::extract::host::{HostDir, open_beneath};
    use crate::extract::tree::Tree;

    let name = dir.display().to_string();
    let failure = |error: rustix::io::Errno| Failure::Io(name.clone(), error.into());
    std::fs::create_dir_all(dir).map_err(Failure::io(&name))?;
    let mut there = std::fs::read_dir(dir).map_err(Failure::io(&name))?;
    if !options.overwrite && there.next().is_some() {
        return Err(Failure::Usage(format!("{name} is not empty: give a new directory, or --overwrite")));
    }
    let root = File::open(dir).map_err(Failure::io(&name))?;
    // Files get the permissions that they have in the image.
    rustix::process::umask(rustix::fs::Mode::empty());
    for part in parts {
        let mut folder = Vec::new();
        if !part.folder.is_empty() {
            let open = HostDir::open(root.as_fd(), Vec::new(), Vec::new(), options.overwrite);
            folder = open.and_then(|root| root.make_dir(&part.folder)).map_err(failure)?.name;
        }
        let root = open_beneath(root.as_fd(), &folder).map_err(failure)?;
        Tree::new(&part.target.view, root, report, options).extract(part.start, shown)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn to_dir(_: &Path, _: &[Part<'_>], _: &[u8], _: Options, _: &Report) -> Result<(), Failure> {
    Err(Failure::Usage("this system's directories are not supported yet: use --to tar".to_owned()))
}

fn to_tar(
    file: Option<&Path>,
    parts: &[Part<'_>],
    shown: &[u8],
    options: Options,
    report: &Report,
) -> Result<(), Failure> {
    let out: Box<dyn Write> = match file {
        Some(path) => Box::new(archive_file(path, options)?),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut archive = Archive::new(BufWriter::with_capacity(TAR_BUFFER, out));
    for part in parts {
        let mut tree = TarTree::new(&part.target.view, &mut archive, report, options);
        tree.extract(part.start, shown, &part.folder)?;
    }
    archive.finish()?;
    Ok(())
}

fn archive_file(path: &Path, options: Options) -> Result<File, Failure> {
    let mut how = OpenOptions::new();
    how.write(true);
    if options.overwrite {
        how.create(true).truncate(true)
    } else {
        how.create_new(true)
    };
    how.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{} exists: choose another name, or give --overwrite", path.display()))
        }
        _ => Failure::Io(path.display().to_string(), error),
    })
}
