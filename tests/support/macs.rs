//! A small Mac: System and Data of one group, firmlinks by attribute and by list, Preboot and VM beside them.

use apfs_build::{Encryption, Image, ImageBuilder, VolumeBuilder};

pub const GROUP: [u8; 16] = *b"group of a mac..";

/// Role of the volume with what a Mac needs to start.
pub const PREBOOT: u16 = 0x10;
/// Role of the volume with swap files.
pub const VM: u16 = 0x08;

/// Name of the snapshot that the Mac starts from.
pub const BOOTED: &str = "com.apple.os.update-0123456789ABCDEF";

/// The list of firmlinks, three of which the directories do not say themselves.
pub const LIST: [(&str, &str); 6] = [
    ("/AppleInternal", "AppleInternal"),
    ("/Applications", "Applications"),
    ("/System/Library/Caches", "System/Library/Caches"),
    ("/Users", "Users"),
    ("/private", "private"),
    ("/usr/local", "usr/local"),
];

/// System before its snapshot is taken. Its objects are numbered from 0x0FFFFFFF00000010 on, in this order.
pub fn system() -> VolumeBuilder {
    VolumeBuilder::new("Mac")
        .system(GROUP)
        .dir("/System")
        .dir("/System/Library")
        .dir("/System/Library/Caches")
        .dir("/System/Volumes")
        .dir("/System/Volumes/Data")
        .dir("/System/Volumes/Preboot")
        .dir("/System/Volumes/VM")
        .firmlink("/Applications", "/Applications\0")
        .firmlink("/Users", "Users")
        .dir("/bin")
        .file("/bin/sh", "shell")
        .symlink("/etc", "private/etc")
        .dir("/private")
        .dir("/usr")
        .firmlink("/usr/local", "usr/local")
        .dir("/usr/share")
        .firmlink_list(&LIST)
}

/// System with the snapshot that is started from, and a change since.
pub fn booted() -> VolumeBuilder {
    system().snapshot(BOOTED).file("/bin/too new", "not yet").sealed()
}

/// Data. Its objects are numbered from 16 on, in this order.
pub fn data() -> VolumeBuilder {
    VolumeBuilder::new("Mac - Data")
        .data(GROUP)
        .dir("/Applications")
        .dir("/System")
        .dir("/System/Library")
        .dir("/System/Library/Caches")
        .file("/System/Library/Caches/c", "cached")
        .dir("/Users")
        .dir("/Users/ada")
        .file("/Users/ada/notes", "some notes")
        .symlink("/Users/ada/shell", "/bin/sh")
        .symlink("/Users/ada/up", "../../bin/sh")
        .dir("/left")
        .file("/left/over", "no firmlink leads here")
        .symlink("/left/home", "/Users/ada")
        .dir("/private")
        .dir("/private/etc")
        .file("/private/etc/hosts", "localhost")
        .dir("/usr")
        .dir("/usr/local")
        .file("/usr/local/tool", "a tool")
        .hardlink("/Users/ada/notes", "/left/notes too")
}

pub fn preboot() -> VolumeBuilder {
    VolumeBuilder::new("Preboot").role(PREBOOT).dir("/boot").file("/boot/kernel", "a kernel")
}

pub fn vm() -> VolumeBuilder {
    VolumeBuilder::new("VM").role(VM).file("/swapfile0", "swapped")
}

/// The volumes in one container.
pub fn container(volumes: impl IntoIterator<Item = VolumeBuilder>) -> Image {
    volumes.into_iter().fold(ImageBuilder::new(), ImageBuilder::volume).build()
}

/// The whole Mac, sealed and started from its snapshot.
pub fn mac() -> Image {
    container([booted(), data(), preboot(), vm()])
}

/// The same with an encrypted Data volume.
pub fn locked(encryption: Encryption) -> Image {
    container([booted(), data().encrypted(encryption), preboot(), vm()])
}
