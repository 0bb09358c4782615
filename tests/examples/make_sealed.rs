//! Writes a sealed volume to a file, small or of so many mebibytes:
//! `cargo run -p apfs-tests --example make_sealed FILE [HASH_TYPE | large MEBIBYTES | snapshot]`.

use apfs_tests::sealed;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<u32>().ok());
    let image = match args.get(1).map(String::as_str) {
        Some("large") => sealed::large(usize::try_from(number(2).unwrap_or(256)).unwrap_or(256) << 20),
        Some("snapshot") => sealed::booted(8),
        _ => sealed::image(8, |seal| seal.im_hash_type = number(1).unwrap_or(1)),
    };
    let file = args.first().ok_or_else(|| std::io::Error::other("which file?"))?;
    std::fs::write(file, image.bytes)
}
