//! Large images made with a real kernel driver, kept between runs.

use std::path::{Path, PathBuf};

use crate::run::{Failed, command, root, run, target};

/// Image, job and its arguments, size of the container, memory of the guest.
const IMAGES: [(&str, &[&str], &str, &str); 3] = [
    ("many100k", &["many", "100000", "hash"], "8G", "4G"),
    ("many1m", &["many", "1000000", "nohash"], "40G", "6G"),
    ("bulk", &["bulk", "4096"], "8G", "3G"),
];

/// Debian packages that the lab and the comparisons need.
const PACKAGES: [&str; 19] = [
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

/// Makes the images that are not there yet.
pub(crate) fn make_images() -> Result<PathBuf, Failed> {
    let folder = folder();
    let missing: Vec<_> =
        IMAGES.iter().filter(|(name, ..)| !folder.join(format!("{name}.img")).exists()).collect();
    if missing.is_empty() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).map_err(|error| Failed(format!("{}: {error}", folder.display())))?;
    let lab = set_up()?;
    for (name, job, size, memory) in missing {
        let image = folder.join(format!("{name}.img"));
        let image = image.to_string_lossy();
        let mut make = command(lab.join("make-image.sh"), &["-o", &image, "-s", size, "-r", memory]);
        make.args(*job).env("KERNEL_LAB_DIR", lab.join("build"));
        if *name == "many1m" {
            // The checker needs more than a quarter of an hour for this one.
            make.env("APFSCK", "true");
        }
        run(make)?;
    }
    Ok(folder)
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
