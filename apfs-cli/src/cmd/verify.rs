//! `apfs verify`: the checksums that a disk image carries, the seals of volumes, and lists of hashes made earlier.

mod crc;
mod list;
mod manifest;
mod seal;

use core::num::NonZero;
use std::path::PathBuf;
use std::thread;

use apfs_core::{Class, Error, Layer};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::out::Out;
use crate::session::{Session, Target};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs verify disk.dmg                      every checksum and every seal on it, and whether it holds
  apfs verify --only seal --volume System disk.img
                                            the seal of one volume, live and as it boots
  apfs verify --snapshot NAME disk.img      the seal of the state that a snapshot keeps
  apfs hash --volume Data disk.img > list   later: apfs verify --volume Data --manifest list disk.img
  apfs verify --json disk.img               one JSON object

A seal is checked by computing the hashes of all nodes and files. Verdicts: intact; broken, the volume says that it was
changed after it was sealed; mismatch, with the nodes and files that differ; unknown, a hash function that is not
computed here; unreadable. That a seal is Apple's own only the boot policy of a Mac can say.

A list has lines of sha256sum (SUM, two spaces, PATH), of `apfs hash`, or JSON lines of `apfs hash` or `apfs ls --hash`.

Exit status 1: something is wrong or can't be read. If there is nothing that can be verified: exit status 2.")]
pub(crate) struct Verify {
    #[command(flatten)]
    common: Common,

    /// Only this: checksums of the image, seals of volumes, the list of --manifest; several with commas
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    only: Vec<What>,

    /// Compare the files of a volume with this list of SHA-256 sums
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    /// Threads that compute; without it one for each processor
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

/// What can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Checksums that the image stores
    Crc,
    /// Seals of volumes
    Seal,
    /// A list of sums
    Manifest,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    image: String,
    layers: Vec<crc::LayerReport>,
    seals: Vec<seal::SealReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<manifest::ManifestReport>,
}

impl Verify {
    fn wants(&self, what: What) -> bool {
        self.only.is_empty() || self.only.contains(&what)
    }

    /// True if it is a finding that it can't be verified.
    fn insists_on(&self, what: What) -> bool {
        self.only.contains(&what)
    }
}

/// Verifies all that was asked for.
pub(crate) fn run(args: &Verify) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let list = match (&args.manifest, args.wants(What::Manifest)) {
        (Some(path), true) => Some(list::List::read(path)?),
        (None, _) if args.insists_on(What::Manifest) => {
            return Err(Failure::Usage("which list? --manifest FILE".to_owned()));
        }
        _ => None,
    };
    let threads = args.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let image = args.common.source.name();
    let mut report =
        Report { schema: "apfs.verify/1", image, layers: Vec::new(), seals: Vec::new(), manifest: None };
    outcome.show_progress();
    let layers = |layers: &[Layer], outcome: &Outcome| {
        let wanted = layers.iter().filter(|_| args.wants(What::Crc));
        wanted.filter_map(|layer| crc::report(layer, threads, outcome.progress())).collect::<Vec<_>>()
    };
    if args.only == [What::Crc] {
        let unwrapped = args.common.source.unwrap()?;
        report.layers = layers(&unwrapped.layers, &outcome);
        outcome.layer_findings(&unwrapped.layers);
    } else {
        match Session::open(&args.common) {
            Ok(session) => {
                report.layers = layers(session.disk.layers(), &outcome);
                volumes(args, &session, list.as_ref(), threads, &mut report, &mut outcome)?;
            }
            // What is in an image need not be a disk for its checksums to be right.
            Err(Failure::Core(what, error)) if args.wants(What::Crc) && error.class() != Class::Locked => {
                let unwrapped = args.common.source.unwrap()?;
                report.layers = layers(&unwrapped.layers, &outcome);
                outcome.layer_findings(&unwrapped.layers);
                if list.is_some() || args.insists_on(What::Seal) || !is_nothing(&error) {
                    outcome.problem(Failure::Core(what, error));
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    outcome.progress().finish();
    tell(args, &report, &mut outcome)?;
    Ok(outcome)
}

/// True if there is no file system that is read here.
fn is_nothing(error: &Error) -> bool {
    matches!(error.class(), Class::NotFound | Class::Unsupported)
}

/// Verifies what is on the disk.
fn volumes(
    args: &Verify,
    session: &Session,
    list: Option<&list::List>,
    threads: usize,
    report: &mut Report,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let targets = match session.targets(false, outcome) {
        Ok(targets) => targets,
        Err(failure) if list.is_some() || args.insists_on(What::Seal) => return Err(failure),
        Err(Failure::Core(_, error)) if is_nothing(&error) => return Ok(()),
        Err(failure) => {
            outcome.problem(failure);
            return Ok(());
        }
    };
    if args.wants(What::Seal) {
        for target in &targets {
            seal::verify(target, args.common.snapshot.is_none(), threads, outcome, &mut report.seals);
        }
    }
    let Some(list) = list else { return Ok(()) };
    let [_] = targets.as_slice() else {
        let names: Vec<String> = targets.iter().map(Target::title).collect();
        let text = format!("a list is of one volume; choose it with --volume: {}", names.join(", "));
        return Err(Failure::Usage(text));
    };
    report.manifest = Some(manifest::compare(&targets, list, threads, outcome)?);
    Ok(())
}

/// Prints the report and says what is wrong.
fn tell(args: &Verify, report: &Report, outcome: &mut Outcome) -> Result<(), Failure> {
    let mut out = Out::new();
    if args.common.json {
        out.json(report)?;
    } else {
        for layer in &report.layers {
            layer.show(&report.image, &mut out)?;
        }
        for seal in &report.seals {
            seal.show(&mut out)?;
        }
        if let Some(manifest) = &report.manifest {
            manifest.show(&mut out)?;
        }
    }
    out.flush()?;
    let any = report.layers.iter().any(crc::LayerReport::has_verdict)
        || report.seals.iter().any(seal::SealReport::has_verdict)
        || report.manifest.is_some();
    for layer in &report.layers {
        layer.say(outcome);
    }
    for seal in &report.seals {
        seal.say(outcome);
    }
    if let Some(manifest) = &report.manifest {
        manifest.say(outcome);
    }
    if args.insists_on(What::Seal) && report.seals.is_empty() {
        return Err(Failure::Usage(format!("{}: no sealed volume", report.image)));
    }
    if !any {
        return Err(Failure::Usage(format!(
            "{}: no checksum or seal that can be verified (`apfs check` reads every structure)",
            report.image
        )));
    }
    Ok(())
}
