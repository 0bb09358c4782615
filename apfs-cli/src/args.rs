//! The command line. Help, man page and completions are made from these definitions.

use std::path::PathBuf;

use apfs_core::{Checksums, Format};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::cmd::{
    backups, cat, check, convert, diff, extract, find, hash, history, info, ls, man, snapshots, space, stat,
    tree, unlock, verify, xattr,
};
use crate::exit::Failure;
use crate::secrets::SecretArgs;

/// Look into APFS and HFS+ disk images, without a Mac. Nothing is ever written to an image.
#[derive(Debug, Parser)]
#[command(name = "apfs", version, propagate_version = true, max_term_width = 110, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  apfs info disk.img                      what is on it: partitions, volumes, snapshots
  apfs ls -lR disk.img                    every file of every volume
  apfs ls disk.img /Users --volume Data   one directory of one volume
  apfs cat disk.img /etc/hosts > hosts    a file's content
  apfs backups disk.img                   what Time Machine left

Exit status: 0 complete and clean; 1 finished, but something is damaged, different, locked or left out
(said on standard error); 2 could not.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is on an image: partitions, containers, checkpoints, volumes, snapshots
    Info(info::Info),
    /// List files: names, or all metadata
    Ls(ls::Ls),
    /// Show directories as a tree
    Tree(tree::Tree),
    /// Show everything that is known about files
    Stat(stat::Stat),
    /// Print the content of files
    Cat(cat::Cat),
    /// List extended attributes, or print one
    Xattr(xattr::Xattr),
    /// Extract files into a directory or a tar archive
    Extract(extract::Extract),
    /// Print SHA-256 sums of files
    Hash(hash::Hash),
    /// Find files by name, type, size, time, number or attribute
    Find(find::Find),
    /// List the snapshots of volumes
    Snapshots(snapshots::Snapshots),
    /// Account for every block: whose it is, what snapshots keep, what is lost
    Space(space::Space),
    /// Show what differs between two states of a volume: snapshots, live, older checkpoints
    Diff(diff::Diff),
    /// Show all versions of a file over snapshots and checkpoints
    History(history::HistoryArgs),
    /// List the backups that Time Machine left: machines, dates, states, volumes
    Backups(backups::Backups),
    /// Write the raw disk in a disk image to a file
    Convert(convert::Convert),
    /// Compare the checksums that a disk image carries
    Verify(verify::Verify),
    /// Check file systems: read every structure, and compare what is said twice
    Check(check::Check),
    /// Show what is encrypted and what would open it, or which secret does
    Unlock(unlock::Unlock),
    /// Print the manual page, or write those of all commands into a directory
    Man(man::Man),
    /// Print completions for a shell
    Completions(man::Completions),
}

/// The image, and how to get at the disk in it.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Source {
    /// Disk image, sparse bundle, first file of a split image, or device node
    #[arg(value_name = "IMAGE", help_heading = None)]
    pub(crate) image: PathBuf,

    /// The other device of a Fusion pair, in any order
    #[arg(long, value_name = "IMAGE", help_heading = "How to read")]
    pub(crate) tier2: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) secrets: SecretArgs,

    /// Take the image for one of this format, whatever it looks like: raw, udif, cdsaencr, encrcdsa, sparseimage,
    /// sparsebundle, asif, split, ewf
    #[arg(long = "as", value_name = "FORMAT", help_heading = "How to read")]
    pub(crate) open_as: Option<Format>,

    /// Map the image into memory instead of reading it; the program dies if the file gets shorter meanwhile
    #[arg(long, help_heading = "How to read")]
    pub(crate) mmap: bool,
}

/// What every command about volumes takes.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Only this volume: its name, index, UUID, or role (role:data)
    #[arg(long, value_name = "NAME|INDEX|UUID|role:ROLE", help_heading = "Which state of which volume")]
    pub(crate) volume: Option<String>,

    /// The state that a snapshot keeps: by name, UUID, transaction, or the newest until a date or time
    #[arg(long, value_name = "NAME|UUID|XID|TIME", help_heading = "Which state of which volume")]
    pub(crate) snapshot: Option<String>,

    /// In a backup of Time Machine: its name, the time in it, or latest; MACHINE/ before it chooses among several
    #[arg(
        long,
        value_name = "[MACHINE/]BACKUP",
        conflicts_with = "snapshot",
        help_heading = "Which state of which volume"
    )]
    pub(crate) backup: Option<String>,

    /// System and Data of one macOS as the one tree that it shows; --volume chooses among several by the name of either
    /// or the UUID of the group
    #[arg(long, conflicts_with = "backup", help_heading = "Which state of which volume")]
    pub(crate) merged: bool,

    /// With --merged: System without Data, for Data that is locked or damaged
    #[arg(long, requires = "merged", help_heading = "Which state of which volume")]
    pub(crate) without_data: bool,

    /// An older checkpoint of the container, by transaction
    #[arg(long, value_name = "XID", help_heading = "Which state of which volume")]
    pub(crate) checkpoint: Option<u64>,

    /// Only this partition, by the number that info shows
    #[arg(long, value_name = "N", help_heading = "Which state of which volume")]
    pub(crate) partition: Option<usize>,

    /// What to do when a stored checksum does not match
    #[arg(long, value_enum, default_value_t, value_name = "POLICY", help_heading = "How to read")]
    pub(crate) checksums: ChecksumPolicy,

    /// HFS+: show volumes as they are stored, without what their journals would change
    #[arg(long, help_heading = "How to read")]
    pub(crate) no_journal: bool,

    /// Go on in spite of unknown features or a state on its way out; answers may be wrong
    #[arg(long, help_heading = "How to read")]
    pub(crate) force: bool,

    /// Print JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl Common {
    /// Refuses what only commands about files understand.
    pub(crate) fn without_backup(&self) -> Result<(), Failure> {
        let flag = match self {
            Common { backup: Some(_), .. } => "--backup",
            Common { merged: true, .. } => "--merged",
            _ => return Ok(()),
        };
        Err(Failure::Usage(format!("{flag} is for commands that show files: leave it out")))
    }
}

/// What to do when a stored checksum does not match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChecksumPolicy {
    /// Refuse the object
    #[default]
    Require,
    /// Say it and go on
    Report,
    /// Do not look
    Ignore,
}

impl From<ChecksumPolicy> for Checksums {
    fn from(policy: ChecksumPolicy) -> Checksums {
        match policy {
            ChecksumPolicy::Require => Checksums::Require,
            ChecksumPolicy::Report => Checksums::Report,
            ChecksumPolicy::Ignore => Checksums::Ignore,
        }
    }
}
