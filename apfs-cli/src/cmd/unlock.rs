//! `apfs unlock`: what is encrypted, what would open it, and which of the given secrets does.

use apfs_core::apfs::{Encryption, Volume};
use apfs_core::corestorage::LogicalVolume;
use apfs_core::image::path::open_path;
use apfs_core::text::escape::Escaped;
use apfs_core::{AnyVolume, Class, Error, Limits, Secret};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::args::Common;
use crate::exit::{Failure, Outcome};
use crate::held::Held;
use crate::layer_row::EncryptionRow;
use crate::out::Out;
use crate::protection_row::{ProtectionRow, RecordRow};
use crate::row::lossy;
use crate::session::Session;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs unlock disk.img                    what is encrypted and what would open it: users, recovery keys, hint
  apfs unlock --check --password-file p disk.dmg
                                          which secret opens what; exit status 1 if something stays locked
  APFS_PASSWORD=... apfs ls -lR disk.img  any command takes the secrets, and asks on a terminal

A personal recovery key is a password: type it with its dashes.")]
pub(crate) struct Unlock {
    #[command(flatten)]
    common: Common,

    /// Try every given secret on everything that is encrypted
    #[arg(long, help_heading = "Output")]
    check: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    image: String,
    /// The encrypted image around the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_image: Option<ImageRow>,
    /// The encrypted volumes; absent if the image could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    volumes: Option<Vec<VolumeRow>>,
}

#[derive(Debug, Serialize)]
struct ImageRow {
    format: &'static str,
    #[serde(skip)]
    name: String,
    #[serde(flatten)]
    encryption: EncryptionRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_by: Option<Vec<OpenedBy>>,
}

#[derive(Debug, Serialize)]
struct VolumeRow {
    part: usize,
    volume: String,
    volume_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection: Option<ProtectionRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_by: Option<Vec<OpenedBy>>,
    /// Why its files can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A secret that fits.
#[derive(Debug, Serialize)]
struct OpenedBy {
    /// Where the secret came from; never the secret itself.
    secret: String,
    /// The record that it opened, of a volume and not by its raw key.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<RecordRow>,
}

/// Shows everything that is encrypted.
pub(crate) fn run(args: &Unlock) -> Result<Outcome, Failure> {
    args.common.without_backup()?;
    let (mut outcome, source) = (Outcome::default(), &args.common.source);
    let secrets = source.secrets.named()?;
    let disk_image = source.encryption()?.map(|info| ImageRow {
        format: info.format.word(),
        name: info.format.to_string(),
        encryption: EncryptionRow::new(&info),
        opened_by: args.check.then(|| opens_image(args, &secrets)),
    });
    let opened = Session::open(&args.common);
    let (volumes, failed) = match opened.and_then(|session| volumes(args, &session, &secrets, &mut outcome)) {
        Ok(volumes) => (Some(volumes), None),
        // The image itself is locked, or holds no volume: that much can be told.
        Err(failure) if disk_image.is_some() => (None, Some(failure)),
        Err(failure) => return Err(failure),
    };
    let report = Report { schema: "apfs.unlock/1", image: source.name(), disk_image, volumes };
    let mut out = Out::new();
    if args.common.json {
        out.json(&report)?;
    } else {
        show(&report, &mut out)?;
    }
    out.flush()?;
    if let Some(failure) = failed {
        outcome.problem(failure);
    }
    Ok(outcome)
}

/// The secrets that open the image by themselves.
fn opens_image(args: &Unlock, secrets: &[(String, Secret)]) -> Vec<OpenedBy> {
    let source = &args.common.source;
    let opens = |secret: &Secret| {
        let secret = core::slice::from_ref(secret);
        let opened = open_path(&source.image, source.open_as, secret, &Limits::default());
        // What is in it need not be anything that this version reads.
        matches!(opened, Ok(_) | Err(Error::Unsupported(_)))
    };
    let fitting = secrets.iter().filter(|(_, secret)| opens(secret));
    fitting.map(|(name, _)| OpenedBy { secret: name.clone(), record: None }).collect()
}

fn volumes(
    args: &Unlock,
    session: &Session,
    secrets: &[(String, Secret)],
    outcome: &mut Outcome,
) -> Result<Vec<VolumeRow>, Failure> {
    let (mut rows, mut failed, mut found) = (Vec::new(), None, false);
    for (part, held) in session.held(outcome)? {
        match held {
            Ok(Held::Container(container)) => {
                for (index, volume) in container.volumes() {
                    match volume {
                        Ok(volume) if session.wants(&AnyVolume::Apfs(volume.clone()), index) => {
                            found = true;
                            rows.extend(of_volume(args, part, &volume, secrets, outcome));
                        }
                        Ok(_) => {}
                        Err(error) => outcome.problem(format!("partition {part}, volume {index}: {error}")),
                    }
                }
            }
            Ok(Held::CoreStorage(group, _)) => {
                for (index, volume) in group.logical_volumes().iter().enumerate() {
                    if session.wants_logical(volume, index) {
                        found = true;
                        rows.extend(of_logical(args, (part, index), volume, secrets, outcome));
                    }
                }
            }
            Ok(Held::Hfs(volume)) => found |= session.wants(&AnyVolume::Hfs(volume), 0),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match session.wanted_volume() {
        Some(wanted) if !found && failed.is_none() => Err(Failure::Usage(format!("no volume {wanted}"))),
        _ if !found => Err(session.nothing(failed)),
        _ => Ok(rows),
    }
}

/// An APFS volume; `None` if it is not encrypted.
fn of_volume(
    args: &Unlock,
    part: usize,
    volume: &Volume,
    secrets: &[(String, Secret)],
    outcome: &mut Outcome,
) -> Option<VolumeRow> {
    if volume.superblock().encryption() == Encryption::None {
        return None;
    }
    let protection = match volume.protection() {
        Ok(protection) => ProtectionRow::new(&protection),
        Err(error) => {
            outcome.problem(format!("volume {}: {error}", volume.name()));
            None
        }
    };
    let (opened_by, reason) = match args.check {
        true => {
            let (opened_by, reason) = opens_volume(volume, secrets);
            (Some(opened_by), reason)
        }
        false => (None, None),
    };
    if let Some(reason) = &reason {
        outcome.problem(reason);
    }
    Some(VolumeRow {
        part,
        volume: lossy(volume.name().as_bytes()).into_owned(),
        volume_index: volume.slot(),
        protection,
        opened_by,
        reason,
    })
}

/// A CoreStorage volume; `None` if it is not encrypted.
fn of_logical(
    args: &Unlock,
    (part, index): (usize, usize),
    volume: &LogicalVolume,
    secrets: &[(String, Secret)],
    outcome: &mut Outcome,
) -> Option<VolumeRow> {
    let protection = Some(ProtectionRow::of_logical(volume)?);
    let mut opened_by = Vec::new();
    for (name, secret) in secrets.iter().filter(|_| args.check) {
        if let Ok(unlocked) = volume.unlock(secret) {
            let record = unlocked.user.as_ref().map(RecordRow::of_user);
            opened_by.push(OpenedBy { secret: name.clone(), record });
        }
    }
    let reason = args.check.then(|| volume.device().err()).flatten().map(|error| error.to_string());
    if let Some(reason) = &reason {
        outcome.problem(reason);
    }
    Some(VolumeRow {
        part,
        volume: volume.name().to_owned(),
        volume_index: index,
        protection,
        opened_by: args.check.then_some(opened_by),
        reason,
    })
}

/// The secrets that open a volume, and why its files can't be read all the same.
fn opens_volume(volume: &Volume, secrets: &[(String, Secret)]) -> (Vec<OpenedBy>, Option<String>) {
    let (mut opened_by, mut failed) = (Vec::new(), None);
    for (name, secret) in secrets {
        match volume.unlock(secret) {
            Ok(unlocked) => opened_by.push(OpenedBy {
                secret: name.clone(),
                record: unlocked.record.as_ref().map(RecordRow::new),
            }),
            Err(error) => failed = Some(error),
        }
    }
    // Without any secret the volume itself says what is missing, and with the right one what else is in the way.
    if !opened_by.is_empty() || failed.is_none() {
        failed = volume.view().err();
    }
    let reason = failed.map(|error| match error.class() {
        Class::Locked => error.to_string(),
        _ => format!("volume {}: {error}", volume.name()),
    });
    (opened_by, reason)
}

fn show(report: &Report, out: &mut Out) -> std::io::Result<()> {
    let name = Escaped(report.image.as_bytes());
    if let Some(image) = &report.disk_image {
        out.display(format_args!("{name}: {}, {}", image.name, image.encryption.cipher))?;
        out.line()?;
        for method in &image.encryption.methods {
            line(out, "opens with", method)?;
        }
        opened(out, image.opened_by.as_deref())?;
    }
    let Some(volumes) = &report.volumes else { return Ok(()) };
    if volumes.is_empty() && report.disk_image.is_none() {
        out.display(format_args!("{name}: nothing is encrypted"))?;
        return out.line();
    }
    for row in volumes {
        let words = row.protection.as_ref().map_or("keybag damaged".to_owned(), ProtectionRow::words);
        let volume = Escaped(row.volume.as_bytes());
        out.display(format_args!("Partition {}, volume {}: {volume}: {words}", row.part, row.volume_index))?;
        out.line()?;
        for record in row.protection.iter().flat_map(|protection| &protection.records) {
            line(out, "opens with", &record.words())?;
        }
        if let Some(hint) = row.protection.as_ref().and_then(|protection| protection.hint.as_ref()) {
            line(out, "hint", &Escaped(hint.as_bytes()).to_string())?;
        }
        opened(out, row.opened_by.as_deref())?;
    }
    Ok(())
}

fn opened(out: &mut Out, by: Option<&[OpenedBy]>) -> std::io::Result<()> {
    for OpenedBy { secret, record } in by.unwrap_or_default() {
        let record =
            record.as_ref().map_or(String::new(), |record| format!(", as {} {}", record.kind, record.uuid));
        line(out, "OPENED BY", &format!("{}{record}", Escaped(secret.as_bytes())))?;
    }
    if by.is_some_and(<[OpenedBy]>::is_empty) {
        line(out, "LOCKED", "no given secret opens it")?;
    }
    Ok(())
}

fn line(out: &mut Out, label: &str, text: &str) -> std::io::Result<()> {
    out.display(format_args!("    {label:<12}{text}"))?;
    out.line()
}
