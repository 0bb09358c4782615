//! Compiles the C programs of `tests/c` with the system's compiler and runs them on images made here.
//!
//! Each runs under Valgrind and with the address sanitizer, and against the shared library.
#![cfg(target_os = "linux")]
#![allow(
    clippy::as_conversions,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a panic is a failed test"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use apfs_core::ReadAt;
use apfs_tests::build::encrypted_image::EncryptedImage;
use apfs_tests::build::{Image, ImageBuilder, VolumeBuilder};
use apfs_tests::{apfs_images, corpus, hfs_images, sample};

/// What a program that links the static library needs besides, as the README says.
const SYSTEM_LIBRARIES: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn temp(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Builds the library as cargo does for its users; returns the folder of `libapfs.a` and `libapfs.so`.
fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root()).args(["build", "-p", "apfs-ffi", "--lib", "--message-format=json"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let files = messages.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
        let mut paths = files.filter_map(|file| file.as_str().map(PathBuf::from));
        let archive = paths.find(|path| path.ends_with("libapfs.a")).expect("cargo made no libapfs.a");
        archive.parent().unwrap().to_owned()
    })
}

/// The image that the programs read: two volumes, one of them with a snapshot.
fn image() -> Image {
    let data = VolumeBuilder::new("Data")
        .role(0x40)
        .group(*b"group of volumes")
        .dir("/docs")
        .file("/docs/hello.txt", [b'o'; 10_000])
        .xattr("/docs/hello.txt", "user.color", "blue")
        .stream_xattr("/docs/hello.txt", "large", [7; 9000])
        .symlink("/link", "docs/hello.txt")
        .sparse("/holes", 300_000, &[(131_072, &[5; 70_000])])
        .dir("/many");
    let data = (0..300).fold(data, |data, n| data.file(&format!("/many/file {n}"), ""));
    let data =
        data.snapshot("before").overwrite("/docs/hello.txt", 0, [b"new!".as_slice(), &[b'n'; 4092]].concat());
    let secret = VolumeBuilder::new("Secret").encrypted_flag();
    ImageBuilder::new().max_records_per_node(20).volume(data).volume(secret).build()
}

/// Writes the sound and the damaged images; returns the arguments of `api`.
fn arguments(name: &str) -> Vec<String> {
    let write = |what: &str, image: &Image| {
        let path = temp(&format!("{name}-{what}.img"));
        std::fs::write(&path, &image.bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let sound = image();
    let (root, mut damaged_root) = (sound.fs_root(0), sound.clone());
    let unused = unused_byte(&sound, root);
    damaged_root.block_mut(root)[unused] ^= 0xff;
    let (leaves, mut damaged_dir) = (sound.fs_leaves_of(0, sound.inode(0, "/many")), sound.clone());
    damaged_dir.corrupt(leaves[leaves.len() / 2]);
    let path = temp(&format!("{name}.sparseimage"));
    std::fs::write(&path, sparse_image(&sound.bytes)).unwrap();
    let sparse = path.to_str().unwrap().to_owned();
    vec![
        write("sound", &sound),
        write("root", &damaged_root),
        root.to_string(),
        write("dir", &damaged_dir),
        env!("CARGO_PKG_VERSION").to_owned(),
        sparse,
    ]
}

/// A `.sparseimage` of the image: a header of 4096 bytes with the number of every band plus 1, then the bands.
fn sparse_image(disk: &[u8]) -> Vec<u8> {
    const BAND: usize = 1 << 20;
    let sectors = disk.len().div_ceil(512) as u32;
    let fields = [3, (BAND / 512) as u32, 1, sectors].map(u32::to_be_bytes).concat();
    let mut bytes = [b"sprs".as_slice(), &fields].concat();
    bytes.resize(64, 0);
    bytes.extend((0..disk.len().div_ceil(BAND)).flat_map(|band| (band as u32 + 1).to_be_bytes()));
    bytes.resize(4096, 0);
    bytes.extend(disk);
    bytes.resize(4096 + disk.len().next_multiple_of(BAND), 0);
    bytes
}

/// A byte of a tree node that nothing uses: with checksums ignored the answer stays right.
fn unused_byte(image: &Image, block: u64) -> usize {
    let bytes = image.block(block);
    let zeros = bytes.windows(64).position(|window| window.iter().all(|byte| *byte == 0));
    zeros.expect("a root node with few records has free space") + 32
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// A compiler call with every warning an error.
fn compiler(source: &str, program: &Path) -> Command {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"]);
    cc.arg("-I").arg(root().join("include")).arg("-o").arg(program);
    cc.arg(root().join("tests/c").join(source));
    cc
}

fn compile_static(source: &str, program: &Path, flags: &[&str]) {
    let mut cc = compiler(source, program);
    run(cc.args(flags).arg(library().join("libapfs.a")).args(SYSTEM_LIBRARIES));
}

/// Tells whether a tool is there: missing ones are said, and their test is left out.
fn has(tool: &str, mut probe: Command) -> bool {
    let there = probe.output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("left out: no {tool} on this machine");
    }
    there
}

/// Flags for the address sanitizer and its sister.
const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// Tells, once, whether a program with the address sanitizer can be made and run.
fn has_address_sanitizer() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let (source, probe) = (temp("probe.c"), temp("probe"));
        std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
        let mut cc = Command::new("cc");
        cc.arg("-fsanitize=address,undefined").arg(&source).arg("-o").arg(&probe);
        has("address sanitizer", cc) && has("address sanitizer that runs", Command::new(&probe))
    })
}

fn valgrind() -> Option<Command> {
    let mut version = Command::new("valgrind");
    version.arg("--version");
    has("valgrind", version).then(|| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=all"]);
        valgrind
    })
}

/// The whole interface from C: no invalid access and nothing lost, says Valgrind.
#[test]
fn api_under_valgrind() {
    let program = temp("api");
    compile_static("api.c", &program, &[]);
    let arguments = arguments("valgrind");
    run(Command::new(&program).args(&arguments));
    if let Some(mut valgrind) = valgrind() {
        run(valgrind.arg(&program).args(&arguments));
    }
}

/// The whole interface from C with the address sanitizer, which knows the bounds of C's own arrays.
#[test]
fn api_with_address_sanitizer() {
    if has_address_sanitizer() {
        let program = temp("api-asan");
        compile_static("api.c", &program, &SANITIZERS);
        run(Command::new(&program).args(arguments("asan")));
    }
}

/// What is encrypted, from C and under Valgrind: what it needs, what does not open it, what does.
#[test]
fn encrypted_volume_and_image() {
    let program = temp("encrypted");
    compile_static("encrypted.c", &program, &[]);
    let image = sample::encrypted().bytes;
    let around = EncryptedImage::new(2, 256).password(sample::PASSWORD).build(&image);
    for (name, bytes, place) in [("volume", &image, "volume"), ("image", &around, "image")] {
        let path = temp(&format!("encrypted-{name}.img"));
        std::fs::write(&path, bytes).unwrap();
        let arguments = [path.to_str().unwrap(), sample::PASSWORD, place];
        run(Command::new(&program).args(arguments));
        if let Some(mut valgrind) = valgrind() {
            run(valgrind.arg(&program).args(arguments));
        }
    }
}

/// HFS+ from C, also under Valgrind and with the address sanitizer: beside APFS, its journal, and what is damaged.
#[test]
fn hfs_volumes() {
    let arguments = hfs_images::all().map(|(name, bytes)| {
        let path = temp(&format!("hfs-{name}.img"));
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string()
    });
    let arguments = [arguments.as_slice(), &[sample::PASSWORD.into()]].concat();
    let program = temp("hfs");
    compile_static("hfs.c", &program, &[]);
    run(Command::new(&program).args(&arguments));
    if let Some(mut valgrind) = valgrind() {
        run(valgrind.arg(&program).args(&arguments));
    }
    if has_address_sanitizer() {
        let program = temp("hfs-asan");
        compile_static("hfs.c", &program, &SANITIZERS);
        run(Command::new(&program).args(&arguments));
    }
}

/// Writes an image for a program.
fn written(name: &str, bytes: &[u8]) -> OsString {
    let path = temp(name);
    std::fs::write(&path, bytes).unwrap();
    path.into_os_string()
}

/// Runs a program by itself, under Valgrind and with the address sanitizer.
fn run_thrice(name: &str, arguments: &[OsString]) {
    let (source, program) = (format!("{name}.c"), temp(name));
    compile_static(&source, &program, &[]);
    run(Command::new(&program).args(arguments));
    if let Some(mut valgrind) = valgrind() {
        run(valgrind.arg(&program).args(arguments));
    }
    if has_address_sanitizer() {
        let program = temp(&format!("{name}-asan"));
        compile_static(&source, &program, &SANITIZERS);
        run(Command::new(&program).args(arguments));
    }
}

/// Snapshots and older checkpoints, what differs between them, and the history of a file.
#[test]
fn states_and_changes() {
    run_thrice("states", &[written("states.img", &sample::demo().bytes)]);
}

/// An image of `apfs_images` in a file of a program.
fn made(program: &str, name: &str) -> OsString {
    let images = apfs_images::all();
    let (_, bytes) = images.iter().find(|(other, _)| *other == name).unwrap();
    written(&format!("{program}-{name}.img"), bytes)
}

/// System and Data of a Mac as one tree, and its groups.
#[test]
fn merged_tree() {
    run_thrice("mac", &[made("mac", "mac"), made("mac", "mac-locked"), sample::PASSWORD.into()]);
}

/// Seals that hold and those that do not.
#[test]
fn seals() {
    let names = ["sealed", "sealed-broken", "sealed-data", "sealed-node", "space"];
    run_thrice("seal", &names.map(|name| made("seal", name)));
}

/// Checks of sound and damaged volumes of both kinds.
#[test]
fn checks() {
    let [mixed, _, _, damaged, _] = hfs_images::all();
    let hfs = [("check-mixed.img", mixed.1), ("check-damaged.img", damaged.1)];
    let hfs = hfs.map(|(name, bytes)| written(name, &bytes));
    let apfs = [made("check", "leaked"), written("check-locked.img", &sample::encrypted().bytes)];
    run_thrice("check", &[apfs.as_slice(), &hfs, &[sample::PASSWORD.into()]].concat());
}

/// Whose every block is.
#[test]
fn space() {
    run_thrice("space", &["space", "leaked"].map(|name| made("space", name)));
}

/// The two devices of a Fusion pair, together and one by one.
#[test]
fn fusion_pair() {
    run_thrice("fusion", &["fusion-main", "fusion-tier2"].map(|name| made("fusion", name)));
}

/// What is encrypted in images of the corpus.
#[test]
fn encrypted_images_of_the_corpus() {
    let Some(folder) = corpus::folder() else { return };
    let program = temp("encrypted-corpus");
    compile_static("encrypted.c", &program, &[]);
    for (image, password, place) in [
        ("dmgwiz-input_aes256.dmg", "test123", "image"),
        ("john-apfs-media.dmg", "password", "volume"),
        ("dissect-encrypted.raw.gz", "password", "volume"),
    ] {
        let stored = folder.join("images").join(image);
        if !stored.exists() {
            continue;
        }
        let device = corpus::device(&stored);
        let mut bytes = vec![0; usize::try_from(device.len()).unwrap()];
        device.read_exact_at(0, &mut bytes).unwrap();
        let path = temp(image);
        std::fs::write(&path, bytes).unwrap();
        run(Command::new(&program).args([path.to_str().unwrap(), password, place]));
        std::fs::remove_file(path).unwrap();
    }
}

/// The example of the README, against the shared library: lists the root and prints the file.
#[test]
fn example_runs() {
    let program = temp("example");
    let mut cc = compiler("example.c", &program);
    let rpath = format!("-Wl,-rpath,{}", library().display());
    run(cc.arg("-L").arg(library()).arg("-lapfs").arg(rpath));
    let image = arguments("example").remove(0);
    let output = run(Command::new(&program).args([&image, "/link"])).stdout;
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains(" docs\n") && text.ends_with("ooo"), "{text}");
    let missing = Command::new(&program).args([&image, "/no"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("not found: no"));
}

/// The README shows the example as it is compiled here.
#[test]
fn readme_has_the_example() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let example = std::fs::read_to_string(root().join("tests/c/example.c")).unwrap();
    assert!(readme.contains(&format!("```c\n{example}```\n")), "copy tests/c/example.c into README.md");
}

/// C++ takes the header as well.
#[test]
fn header_is_valid_cpp() {
    let mut version = Command::new("c++");
    version.arg("--version");
    if has("C++ compiler", version) {
        let source = temp("header.cpp");
        std::fs::write(&source, "#include \"apfs.h\"\nint main() { return apfs_version() == nullptr; }\n")
            .unwrap();
        let mut cpp = Command::new("c++");
        cpp.args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"]).arg(root().join("include"));
        run(cpp.arg(source));
    }
}
