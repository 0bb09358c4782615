//! One file a command.

pub(crate) mod cat;
pub(crate) mod extract;
pub(crate) mod find;
pub(crate) mod hash;
pub(crate) mod info;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod snapshots;
pub(crate) mod stat;
pub(crate) mod tree;
pub(crate) mod xattr;

use crate::args::{Args, Command};
use crate::exit::{Failure, Outcome};

/// Runs the command that was asked for.
pub(crate) fn run(args: Args) -> Result<Outcome, Failure> {
    match args.command {
        Command::Info(args) => info::run(&args),
        Command::Ls(args) => ls::run(&args),
        Command::Tree(args) => tree::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Cat(args) => cat::run(&args),
        Command::Xattr(args) => xattr::run(&args),
        Command::Extract(args) => extract::run(&args),
        Command::Hash(args) => hash::run(&args),
        Command::Find(args) => find::run(&args),
        Command::Snapshots(args) => snapshots::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Completions(args) => man::completions(&args),
    }
}
