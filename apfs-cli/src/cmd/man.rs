//! `apfs man` and `apfs completions`: made from the definitions of the command line.

use std::io;
use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use crate::args::Args;
use crate::complete;
use crate::exit::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs man | man -l -                     read it
  apfs man /usr/local/share/man/man1      write apfs.1, apfs-ls.1 and so on")]
pub(crate) struct Man {
    /// Directory to write the pages of all commands into
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  source <(apfs completions bash)         in ~/.bashrc
  source <(apfs completions zsh)          in ~/.zshrc
  apfs completions fish | source          in ~/.config/fish/config.fish

The shell then asks this program while you type: paths inside an image are completed too. What they print belongs to
this version of the program.")]
pub(crate) struct Completions {
    /// Shell that is to complete
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the page of the program, or writes a page for each command.
pub(crate) fn run(args: &Man) -> Result<Outcome, Failure> {
    let command = Args::command();
    match &args.dir {
        Some(dir) => {
            clap_mangen::generate_to(command, dir).map_err(Failure::io(dir.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            print(&page)?;
        }
    }
    Ok(Outcome::default())
}

/// Prints completions.
pub(crate) fn completions(args: &Completions) -> Result<Outcome, Failure> {
    let mut text = Vec::new();
    complete::register(&args.shell.to_string(), &mut text)?;
    print(&text)?;
    Ok(Outcome::default())
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut out = Out::new();
    out.bytes(text)?;
    out.flush()
}
