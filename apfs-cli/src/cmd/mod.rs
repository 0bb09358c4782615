//! One file a command.

mod ls;

use crate::args::{Args, Command};
use crate::exit::{Failure, Outcome};

/// Runs the command that was asked for.
pub(crate) fn run(args: Args) -> Result<Outcome, Failure> {
    match args.command {
        Command::Ls(args) => ls::run(&args),
    }
}
