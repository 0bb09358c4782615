//! The program `apfs`: looks into APFS disk images and extracts from them, without a Mac.
//!
//! Exit status: 0 complete and clean; 1 finished, but something is damaged, different, locked or left out (said on
//! standard error); 2 could not.

mod args;
mod cmd;
mod content;
mod digest;
mod exit;
mod extract;
mod flags;
mod out;
mod parts;
mod place;
mod progress;
mod row;
mod session;
mod snapshot_row;
mod time;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    exit::finish(cmd::run(args))
}
