//! The demonstration image: what is in it, and how it changes between its two snapshots.

use crate::build::{Encryption, Image, ImageBuilder, Unlock, VolumeBuilder};

/// Blocks of 4 KiB: the file stays under 1 MiB.
const BLOCKS: u64 = 240;

const README: &str = "Welcome to the demonstration image.

It is a small APFS container with one volume and two snapshots, made without a Mac.
Look around: list it, read its files, open the snapshots and compare them.
";

const HAIKU_DRAFT: &str = "blocks in a long row\neach one knows its own checksum\n(third line to follow)\n";
const HAIKU: &str = "blocks in a long row\neach one knows its own checksum\nsnow on the platters\n";

const PLAN_DRAFT: &str = "# Plan\n\n1. Read the superblock.\n2. Find the object map.\n";
const PLAN: &str =
    "# Plan\n\n1. Read the superblock.\n2. Find the object map.\n3. Walk the tree.\n4. Have tea.\n";

const BUDGET: &str = "item,price\npaper,4.20\npencils,3.10\ntea,12.00\n";

/// Password of the encrypted volume of [`encrypted`].
pub const PASSWORD: &str = "correct horse";

/// How that volume is encrypted.
pub fn protection() -> Encryption {
    Encryption::native([Unlock::user(7, "another"), Unlock::disk(PASSWORD)])
        .with(|encryption| encryption.hint = Some("a horse".to_owned()))
}

/// An image for tests of what is locked: a volume `Secret` that [`PASSWORD`] opens, with a hint and a
/// snapshot, and one that is open.
pub fn encrypted() -> Image {
    let secret = VolumeBuilder::new("Secret").dir("/d").file("/d/x", "behind a lock").snapshot("then");
    let secret = secret.encrypted(protection());
    let open = VolumeBuilder::new("Open").file("/x", "in the open");
    ImageBuilder::new().volume(secret).volume(open).build()
}

/// Builds the demonstration image. Every build gives the same bytes.
pub fn demo() -> Image {
    let uuid = *b"apfs demo volume";
    let volume = VolumeBuilder::new("Demo").option(|options| options.apfs_vol_uuid = Some(uuid));
    let volume = names(volume)
        .file("/README.txt", README)
        .dir("/Documents")
        .file("/Documents/Haiku.txt", HAIKU_DRAFT)
        .dir("/Documents/Projects")
        .dir("/Documents/Projects/2026")
        .file("/Documents/Projects/2026/Plan.md", PLAN_DRAFT)
        .file("/Documents/Projects/2026/Budget.csv", BUDGET)
        .file("/Documents/Old notes.txt", "Nothing here is needed any more.\n")
        .dir("/Pictures")
        .file("/Pictures/Gradient.pgm", gradient())
        .dir("/Trash")
        .snapshot("before");
    let volume = volume
        .overwrite("/Documents/Haiku.txt", 0, HAIKU)
        .overwrite("/Documents/Projects/2026/Plan.md", 0, PLAN)
        .rename("/Documents/Old notes.txt", "/Trash/Old notes.txt")
        .dir("/Links")
        .symlink("/Links/Plan", "../Documents/Projects/2026/Plan.md")
        .symlink("/Links/Pictures", "/Pictures")
        .symlink("/Links/Nowhere", "does/not/exist")
        .hardlink("/README.txt", "/Links/Readme again.txt")
        .snapshot("between");
    let volume = volume
        .remove("/Trash/Old notes.txt")
        .dir("/Special")
        .file("/Special/empty", "")
        .sparse("/Special/sparse.bin", 200_000, &[(65_536, b"an island in a sea of zeros\n")])
        .fragmented("/Special/fragmented.txt", lines(), 1)
        .fifo("/Special/pipe")
        .xattr("/README.txt", "org.example.language", "en")
        .xattr("/Pictures", "org.example.note", "a folder can have attributes too")
        .stream_xattr("/Pictures/Gradient.pgm", "org.example.thumbnail", [0x80; 5000])
        .inode("/Special/pipe", |inode| inode.mode = inode.mode & !0o777 | 0o600)
        .inode("/Documents/Projects/2026/Budget.csv", |inode| inode.owner = 502);
    ImageBuilder::new().uuid(*b"apfs demo image.").checkpoints(2).min_blocks(BLOCKS).volume(volume).build()
}

/// Names beyond ASCII, composed and decomposed, with the forms by which the volume compares them.
fn names(volume: VolumeBuilder) -> VolumeBuilder {
    volume
        .form_of("\u{dc}n\u{ef}code", "u\u{308}ni\u{308}code")
        .form_of("Gr\u{fc}\u{df}e.txt", "gru\u{308}sse.txt")
        .form_of("cafe\u{301}.txt", "cafe\u{301}.txt")
        .form_of(
            "\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}.txt",
            "\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}.txt",
        )
        .form_of("\u{1f34f} apple.txt", "\u{1f34f} apple.txt")
        .form_of("\u{3a9}mega.txt", "\u{3c9}mega.txt")
        .dir("/\u{dc}n\u{ef}code")
        .file("/\u{dc}n\u{ef}code/Gr\u{fc}\u{df}e.txt", "Sch\u{f6}ne Gr\u{fc}\u{df}e!\n")
        .file("/\u{dc}n\u{ef}code/cafe\u{301}.txt", "The accent of this name is a character of its own.\n")
        .file(
            "/\u{dc}n\u{ef}code/\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}.txt",
            "\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}\n",
        )
        .file("/\u{dc}n\u{ef}code/\u{1f34f} apple.txt", "An apple a day.\n")
        .file("/\u{dc}n\u{ef}code/\u{3a9}mega.txt", "The last letter.\n")
}

/// A picture of 64 by 64 grey points, as plain as picture files get.
fn gradient() -> Vec<u8> {
    let points = (0..64_u32).flat_map(|y| (0..64_u32).map(move |x| ((x + y) * 2) as u8));
    b"P5\n64 64\n255\n".iter().copied().chain(points).collect()
}

/// Numbered lines over three blocks.
fn lines() -> String {
    (1..=600).map(|number| format!("line {number:4} of 600\n")).collect()
}
