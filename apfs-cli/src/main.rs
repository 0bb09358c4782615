//! The program `apfs`: looks into APFS disk images and extracts from them, without a Mac.
//!
//! Exit status: 0 complete and clean; 1 finished, but something is damaged, different, locked or left out (said on
//! standard error); 2 could not.

mod args;
mod cmd;
mod digest;
mod exit;
mod out;
mod row;
mod session;
mod time;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    exit::finish(cmd::run(args))
}
