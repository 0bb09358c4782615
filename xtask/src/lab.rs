//! Large images made with a real kernel driver, kept between runs.

use std::path::{Path, PathBuf};

use crate::run::{Failed, cargo, command, root, run, target};

/// An image that the lab makes.
struct Recipe {
    name: &'static str,
    /// How the volume is formatted, where that is not APFS.
    format: &'static [&'static str],
    /// Sizes of the disk and of the guest's memory.
    size: &'static str,
    memory: &'static str,
    /// The job that fills it.
    job: &'static [&'static str],
}

const IMAGES: [Recipe; 5] = [
    Recipe { name: "many100k", format: &[], size: "8G", memory: "4G", job: &["many", "100000", "hash"] },
    Recipe { name: "many1m", format: &[], size: "40G", memory: "6G", job: &["many", "1000000", "nohash"] },
    Recipe { name: "bulk", format: &[], size: "8G", memory: "3G", job: &["bulk", "4096"] },
    Recipe {
        name: "hfs100k",
        format: &["-t", "hfsplus", "-m", "-J -v Many"],
        size: "4G",
        memory: "3G",
        job: &["many", "100000", "hash"],
    },
    Recipe {
        name: "hfsbulk",
        format: &["-t", "hfsplus", "-m", "-J -v Bulk"],
        size: "8G",
        memory: "3G",
        job: &["bulk", "4096"],
    },
];

/// Debian packages that the lab and the comparisons need.
const PACKAGES: [&str; 20] = [
    "busybox-static",
    "gcc",
    "libc6-dev",
    "make",
    "cpio",
    "kmod",
    "binutils",
    "python3",
    "flex",
    "bison",
    "bc",
    "xz-utils",
    "zstd",
    "libfsapfs-utils",
    "libfshfs-utils",
    "sleuthkit",
    "7zip",
    "dmg2img",
    "time",
    "valgrind",
];

/// Folder with the images: `APFS_LAB_IMAGES`, or one below the build folder.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("APFS_LAB_IMAGES").map_or_else(|| target().join("lab/images"), PathBuf::from)
}

/// Folder beside the project that brings the lab's recipes and the corpus.
pub(crate) fn shared() -> PathBuf {
    root().join("../shared")
}

/// Unpacks a recent checker and formatter of APFS; `None` where their recipe is not there.
pub(crate) fn checkers() -> Result<Option<PathBuf>, Failed> {
    let recipe = shared().join("tools/apfsprogs.sh");
    if !recipe.exists() {
        println!("== {} is not there: no other checker of APFS is asked", recipe.display());
        return Ok(None);
    }
    let folder = target().join("apfsprogs");
    let mut unpack = command("bash", &[]);
    unpack.arg(recipe).arg(&folder);
    run(unpack)?;
    Ok(Some(folder.join("usr/sbin")))
}

/// Makes the images that are not there yet.
pub(crate) fn make_images() -> Result<PathBuf, Failed> {
    let folder = folder();
    let image = |recipe: &Recipe| folder.join(format!("{}.img", recipe.name));
    let missing: Vec<_> = IMAGES.iter().filter(|recipe| !image(recipe).exists()).collect();
    if missing.is_empty() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).map_err(|error| Failed(format!("{}: {error}", folder.display())))?;
    let lab = set_up()?;
    for recipe in missing {
        let image = image(recipe);
        let mut make = command(lab.join("make-image.sh"), &["-o", &image.to_string_lossy()]);
        make.args(recipe.format).args(["-s", recipe.size, "-r", recipe.memory]).args(recipe.job);
        make.env("KERNEL_LAB_DIR", lab.join("build"));
        if recipe.name == "many1m" {
            // The checker needs more than a quarter of an hour for this one.
            make.env("APFSCK", "true");
        }
        run(make)?;
    }
    Ok(folder)
}

/// Makes a volume that was caught before its journal was replayed, and has the kernel list what replaying gives.
pub(crate) fn make_caught(folder: &Path) -> Result<(), Failed> {
    let (caught, replayed) = (folder.join("caught.img"), folder.join("replayed.img"));
    let mut make = cargo(&["run", "--release", "-p", "apfs-tests", "--example", "make_hfs_caught"]);
    make.arg(&caught).arg(&replayed);
    run(make)?;
    let mut list = command(root().join("xtask/list-with-kernel.sh"), &[]);
    list.arg(set_up()?.join("build/uml")).arg(replayed).arg(caught.with_extension("tsv"));
    run(list)
}

/// Copies the recipes, since they build beside themselves, and builds the guest kernel once.
fn set_up() -> Result<PathBuf, Failed> {
    let recipes = shared().join("tools/kernel-lab");
    if !recipes.exists() {
        return Err(Failed(format!("{} is not there: no large images can be made", recipes.display())));
    }
    let lab = target().join("lab/kernel-lab");
    if !lab.join("build/backend").exists() {
        install_packages()?;
        run(command("mkdir", &["-p", &lab.to_string_lossy()]))?;
        let from = format!("{}/.", recipes.display());
        run(command("cp", &["-r", "--no-preserve=mode", &from, &lab.to_string_lossy()]))?;
        run(command("chmod", &["-R", "u+rwx", &lab.to_string_lossy()]))?;
        let mut set_up = command(lab.join("setup.sh"), &["uml"]);
        set_up.env("KERNEL_LAB_DIR", lab.join("build"));
        run(set_up)?;
    }
    Ok(lab)
}

/// Installs what is needed where that is possible.
pub(crate) fn install_packages() -> Result<(), Failed> {
    if !Path::new("/usr/bin/apt-get").exists() {
        println!("== no apt-get: programs that are missing are left out");
        return Ok(());
    }
    run(command("apt-get", &["-qq", "update"]))?;
    let mut install = command("apt-get", &["-qq", "install", "-y"]);
    install.args(PACKAGES).env("DEBIAN_FRONTEND", "noninteractive");
    run(install)
}
