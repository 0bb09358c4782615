//! The program `apfs`: looks into APFS and HFS+ disk images and extracts from them, without a Mac.
//!
//! Exit status: 0 complete and clean; 1 finished, but something is damaged, different, locked or left out (said on
//! standard error); 2 could not.

mod ahead;
mod args;
mod backing_row;
mod change_row;
mod cmd;
mod complete;
mod content;
mod copy;
mod digest;
mod exit;
mod extract;
mod flags;
mod held;
mod journal_row;
mod layer_row;
mod map;
mod out;
mod parts;
mod place;
mod progress;
mod protection_row;
mod row;
mod secrets;
mod session;
mod snapshot_row;
mod source;
mod state;
mod time;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::{Failure, Outcome};

fn main() -> ExitCode {
    complete::answer();
    let args = Args::parse();
    exit::finish(run(args))
}

/// Runs the command that was asked for.
fn run(args: Args) -> Result<Outcome, Failure> {
    match args.command {
        Command::Info(args) => cmd::info::run(&args),
        Command::Ls(args) => cmd::ls::run(&args),
        Command::Tree(args) => cmd::tree::run(&args),
        Command::Stat(args) => cmd::stat::run(&args),
        Command::Cat(args) => cmd::cat::run(&args),
        Command::Xattr(args) => cmd::xattr::run(&args),
        Command::Extract(args) => cmd::extract::run(&args),
        Command::Hash(args) => cmd::hash::run(&args),
        Command::Find(args) => cmd::find::run(&args),
        Command::Snapshots(args) => cmd::snapshots::run(&args),
        Command::Space(args) => cmd::space::run(&args),
        Command::Diff(args) => cmd::diff::run(&args),
        Command::History(args) => cmd::history::run(&args),
        Command::Backups(args) => cmd::backups::run(&args),
        Command::Convert(args) => cmd::convert::run(&args),
        Command::Verify(args) => cmd::verify::run(&args),
        Command::Check(args) => cmd::check::run(&args),
        Command::Unlock(args) => cmd::unlock::run(&args),
        Command::Man(args) => cmd::man::run(&args),
        Command::Completions(args) => cmd::man::completions(&args),
    }
}
