//! Every task of the project by one name, the same here and in CI: `cargo xtask TASK`.

mod full;
mod lab;
mod run;
mod tables;
mod tasks;

use std::process::ExitCode;

use run::Failed;

const HELP: &str = "\
usage: cargo xtask TASK

  test      everything a change must pass (what CI runs): the tasks from check to fuzz
  check     format, lints, documentation
  rust      tests of all Rust crates, the C programs and documentation examples among them
  no-std    links the core into a program without std and runs it
  python    builds the Python package into its own environment and tests it
  fuzz      replays past findings, then thousands of mutated images
  rules     writes docs/rules.md anew
  header    writes apfs-ffi/include/apfs.h anew
  tables    writes apfs-core/src/text/hfs_tables.rs anew, from xtask/data
  sample    makes samples/demo.img anew
  bench     criterion benchmarks
  full      what takes longer: images of 100,000 and 1,000,000 files made with a kernel driver, comparison with
            other tools, every bit of the metadata flipped (needs ../shared, Debian packages, an hour)";

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    match dispatch(&task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(what)) => {
            eprintln!("xtask: failed: {what}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(task: &str) -> Result<(), Failed> {
    match task {
        "test" => tasks::test(),
        "check" => tasks::check(),
        "rust" => tasks::rust(),
        "no-std" => tasks::no_std(),
        "python" => tasks::python(),
        "fuzz" => tasks::fuzz(),
        "rules" => tasks::rules(),
        "header" => tasks::header(),
        "tables" => tables::write(),
        "sample" => tasks::sample(),
        "bench" => tasks::bench(),
        "full" => full::full(),
        _ => {
            println!("{HELP}");
            if task.is_empty() { Ok(()) } else { Err(Failed(format!("no task {task}"))) }
        }
    }
}
