//! What a change must pass, and what makes committed files anew.

use crate::run::{Failed, cargo, command, exists, output, root, run, target};

/// Everything, in the order in which failures are cheapest to find.
pub(crate) fn test() -> Result<(), Failed> {
    check()?;
    rust()?;
    no_std()?;
    python()?;
    fuzz()?;
    println!("== all tests passed");
    Ok(())
}

/// Format, lints, documentation.
pub(crate) fn check() -> Result<(), Failed> {
    run(cargo(&["fmt", "--all", "--check"]))?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo(&["clippy", "-p", "apfs-core", "--no-default-features", "--", "-D", "warnings"]))?;
    run(cargo(&["clippy", "-p", "apfs-core", "--features", "ewf", "--", "-D", "warnings"]))?;
    let mut doc = cargo(&["doc", "-p", "apfs-core", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc)
}

/// Tests of all Rust crates but the Python one, which needs an interpreter to link.
pub(crate) fn rust() -> Result<(), Failed> {
    // The program that some tests start.
    run(cargo(&["build", "--release", "-p", "apfs-cli"]))?;
    run(cargo(&["test", "--workspace", "--exclude", "apfs-py", "--exclude", "apfs-benches"]))?;
    run(cargo(&["test", "-p", "apfs-tests", "--features", "ewf", "--test", "image", "ewf"]))?;
    run(cargo(&["test", "-p", "apfs-cli", "--features", "ewf", "--test", "cli", "never_a_segment"]))
}

/// Links the core into a program without std and runs it on the sample.
pub(crate) fn no_std() -> Result<(), Failed> {
    run(command("sh", &["tests/no_std/run.sh", "samples/demo.img"]))
}

/// Builds the Python package into an environment of its own and runs its tests.
pub(crate) fn python() -> Result<(), Failed> {
    let environment = target().join("python");
    let python = environment.join("bin/python");
    if !exists("python3") {
        println!("== python: skipped, there is no python3");
        return Ok(());
    }
    if !python.exists() {
        run(command("python3", &["-m", "venv", &environment.to_string_lossy()]))?;
    }
    let in_environment = |args: &[&str]| {
        let mut command = command(&python, args);
        command.env("VIRTUAL_ENV", &environment).env_remove("CONDA_PREFIX");
        command
    };
    run(in_environment(&["-m", "pip", "install", "--quiet", "maturin", "pytest", "mypy"]))?;
    run(in_environment(&["-m", "maturin", "develop", "--release", "-m", "apfs-py/Cargo.toml"]))?;
    let mut tests = in_environment(&["-m", "pytest", "-q", "apfs-py/tests"]);
    tests.env("APFS_TEST_IMAGE", root().join("samples/demo.img"));
    run(cargo(&["build", "--release", "-p", "apfs-cli"]))?;
    tests.env("APFS_TEST_PROGRAM", target().join("release/apfs"));
    let made = [
        ("APFS_TEST_ENCRYPTED", "encrypted", "make_encrypted"),
        ("APFS_TEST_HFS", "hfs", "make_hfs"),
        ("APFS_TEST_APFS", "apfs", "make_apfs"),
    ];
    for (variable, folder, example) in made {
        let folder = target().join(folder);
        let mut make = cargo(&["run", "--quiet", "-p", "apfs-tests", "--example", example]);
        make.arg(&folder);
        run(make)?;
        tests.env(variable, folder);
    }
    run(tests)
}

/// Replays past findings and runs thousands of mutated images; needs no fuzzer and no nightly toolchain.
pub(crate) fn fuzz() -> Result<(), Failed> {
    let mut tests =
        cargo(&["test", "--release", "--no-default-features", "--manifest-path", "fuzz/Cargo.toml"]);
    tests.env("CARGO_TARGET_DIR", target().join("fuzz"));
    run(tests)
}

/// Writes the table of all rules of checks anew.
pub(crate) fn rules() -> Result<(), Failed> {
    let mut tests = cargo(&["test", "-p", "apfs-tests", "--test", "arch", "rules"]);
    tests.env("APFS_UPDATE_RULES", "1");
    run(tests)
}

/// Writes the C header anew.
pub(crate) fn header() -> Result<(), Failed> {
    let mut tests = cargo(&["test", "-p", "apfs-ffi", "--test", "header"]);
    tests.env("APFS_UPDATE_HEADER", "1");
    run(tests)
}

/// Makes the sample image anew.
pub(crate) fn sample() -> Result<(), Failed> {
    run(cargo(&["run", "-p", "apfs-tests", "--example", "make_sample"]))
}

/// Criterion benchmarks.
pub(crate) fn bench() -> Result<(), Failed> {
    let version = output(cargo(&["--version"]))?;
    println!("== {}", version.trim());
    run(cargo(&["bench", "-p", "apfs-benches"]))
}
