//! `apfs convert`: the raw disk in a disk image.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use apfs_core::Limits;
use apfs_core::image::path::files_of;
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Source;
use crate::copy::{Copied, copy};
use crate::exit::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs convert disk.dmg disk.img          the raw disk; zeros become holes of the file
  apfs convert --keep-damaged bad.dmg out.img
                                          what can be read, zeros elsewhere; lost places are said

While it is being written the file is called OUT.partial.")]
pub(crate) struct Convert {
    #[command(flatten)]
    source: Source,

    /// File to write
    #[arg(value_name = "OUT")]
    out: PathBuf,

    /// Replace a file that exists
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// Go on behind places that can't be read, and leave zeros there
    #[arg(long, help_heading = "Output")]
    keep_damaged: bool,

    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    image: String,
    out: String,
    layers: Vec<&'static str>,
    bytes: u64,
    written: u64,
    lost: Vec<Lost>,
}

#[derive(Debug, Serialize)]
struct Lost {
    offset: u64,
    bytes: u64,
    error: String,
}

/// Writes the disk to a file.
pub(crate) fn run(args: &Convert) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    if args.source.tier2.is_some() {
        let text = "convert writes one device: convert both devices of a Fusion pair, each without --tier2";
        return Err(Failure::Usage(text.to_owned()));
    }
    let unwrapped = args.source.unwrap()?;
    let len = unwrapped.device.len();
    let target = Target::create(&files_of(&args.source.image, &Limits::default()), &args.out, args.force)?;
    target.file.set_len(len).map_err(Failure::io(target.partial.display()))?;
    outcome.layer_findings(&unwrapped.layers);
    outcome.show_progress_of(len);
    let write = |at: u64, bytes: &[u8]| {
        write_all_at(&target.file, at, bytes).map_err(Failure::io(target.partial.display()))
    };
    let Copied { written, lost } = copy(&*unwrapped.device, &write, args.keep_damaged, outcome.progress())
        .map_err(|failure| match failure {
            Failure::Core(what, error) => Failure::Core(format!("{}: {what}", args.source.name()), error),
            failure => failure,
        })?;
    target.finish()?;
    outcome.progress().finish();
    let lost: Vec<_> = lost
        .into_iter()
        .map(|(range, error)| Lost {
            offset: range.start,
            bytes: range.end.saturating_sub(range.start),
            error: error.to_string(),
        })
        .collect();
    for Lost { offset, bytes, error } in &lost {
        outcome.problem(format!("{bytes} bytes at {offset} are lost, zeros are there: {error}"));
    }
    let summary = Summary {
        schema: "apfs.convert/1",
        image: args.source.name(),
        out: args.out.display().to_string(),
        layers: unwrapped.layers.iter().map(|layer| layer.format.word()).collect(),
        bytes: len,
        written,
        lost,
    };
    say(&summary, args.json)?;
    Ok(outcome)
}

fn say(summary: &Summary, json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    if json {
        out.json(summary)?;
    } else {
        let Summary { out: path, bytes, written, .. } = summary;
        out.display(format_args!("{path}: {bytes} bytes, {written} of them written, the others zeros"))?;
        out.line()?;
    }
    Ok(out.flush()?)
}

/// A file that gets its name when it is complete, and vanishes if it never is.
struct Target<'a> {
    file: File,
    partial: PathBuf,
    path: &'a Path,
    complete: bool,
}

impl<'a> Target<'a> {
    fn create(image: &[PathBuf], path: &'a Path, force: bool) -> Result<Target<'a>, Failure> {
        let name = path.display();
        let mut partial = OsString::from(path);
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        for there in [path, &partial] {
            if image.iter().any(|file| is_of(there, file)) {
                return Err(Failure::Usage(format!("{} is a part of the image itself", there.display())));
            }
            let Ok(about) = fs::metadata(there) else { continue };
            if !about.is_file() {
                return Err(Failure::Usage(format!("{} is not a file", there.display())));
            }
            if !force {
                let text = format!("{} exists: choose another name, or give --force", there.display());
                return Err(Failure::Usage(text));
            }
        }
        if path.file_name().is_none() {
            return Err(Failure::Usage(format!("{name} names no file")));
        }
        if force
            && let Err(error) = fs::remove_file(&partial)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Failure::Io(partial.display().to_string(), error));
        }
        // Not a link that somebody put there meanwhile.
        let file = OpenOptions::new().write(true).create_new(true).open(&partial);
        let file = file.map_err(Failure::io(partial.display()))?;
        Ok(Target { file, partial, path, complete: false })
    }

    fn finish(mut self) -> Result<(), Failure> {
        fs::rename(&self.partial, self.path).map_err(Failure::io(self.path.display()))?;
        self.complete = true;
        Ok(())
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        if !self.complete {
            // The failure that led here is what is said.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// True if a path is that of a file, or in a folder, by whatever name.
fn is_of(path: &Path, image: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if let (Ok(path), Ok(image)) = (fs::metadata(path), fs::metadata(image))
            && (path.dev(), path.ino()) == (image.dev(), image.ino())
        {
            return true;
        }
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let places = [fs::canonicalize(path), fs::canonicalize(parent)];
    fs::canonicalize(image).is_ok_and(|image| places.iter().flatten().any(|place| place.starts_with(&image)))
}

#[cfg(unix)]
fn write_all_at(file: &File, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
fn write_all_at(mut file: &File, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    use std::sync::{Mutex, PoisonError};

    static CURSOR: Mutex<()> = Mutex::new(());
    let _turn = CURSOR.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}
