//! HFS+ volumes that together have every feature of the format, each small.

use crate::build::hfs::item::{HAS_DATE_ADDED, UNIX_TO_MAC};
use crate::build::hfs::{Alternate, Content, HfsBuilder, JournalState};
use crate::compress::{decmpfs, sample};

/// A volume with its name.
pub type Named = (&'static str, HfsBuilder);

/// Every volume.
pub fn all() -> Vec<Named> {
    let mut all = vec![
        ("rich", rich("Rich")),
        ("rich-hfsx", rich("Rich X").case_sensitive()),
        ("rich-hfsx-folding", rich("Rich XF").extended()),
        ("small", small("Small")),
        ("tall", tall()),
        ("fragments", fragments()),
        ("special-fragments", special_fragments()),
        ("fork-attributes", fork_attributes(8)),
        ("attribute-extents", fork_attributes(30)),
        ("file-links", file_links()),
        ("old-links", file_links().old_links_again()),
        ("dir-links", dir_links()),
        ("compressed", compressed(&decmpfs::KINDS)),
        ("compressed-usual", compressed(&[3, 4, 7, 8])),
        ("names", names()),
        ("surrogates", surrogates()),
        ("names-hfsx", names_by_units()),
        ("odd-files", odd_files()),
        ("journaled", rich("Journaled").journal(512 << 10, JournalState::Empty)),
        ("journal-need-init", rich("Need Init").journal(512 << 10, JournalState::NeedInit)),
        ("journal-external", rich("External").journal(0, JournalState::External("UUID".into()))),
        ("maps", maps()),
        ("trailing", trailing()),
        ("time-machine", HfsBuilder::new("Backup").time_machine("My Mac")),
        ("empty", HfsBuilder::new("Empty")),
        ("bare", HfsBuilder::new("Bare").option(|options| options.has_attributes_file = false)),
    ];
    for (name, block_size, catalog, extents, attributes) in SIZES {
        let volume = rich(name).block_size(block_size).node_sizes(catalog, extents, attributes);
        all.push((name, volume));
    }
    all
}

/// Names, block sizes, and node sizes of catalog, extents and attributes file.
const SIZES: [(&str, usize, usize, usize, usize); 6] = [
    ("blocks-512", 512, 4096, 512, 4096),
    ("blocks-1024", 1024, 8192, 1024, 16384),
    ("blocks-8192", 8192, 16384, 2048, 32768),
    ("blocks-16384", 16384, 32768, 8192, 4096),
    ("blocks-65536", 65536, 4096, 32768, 8192),
    ("small-nodes", 2048, 1024, 512, 1024),
];

/// Bytes of which no two blocks are alike.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251 + n / 65_521) as u8).collect()
}

/// Every kind of file, and something in every tree.
pub fn rich(name: &str) -> HfsBuilder {
    let volume = HfsBuilder::new(name)
        .private_folders()
        .dir("/folder")
        .dir("/folder/deeper")
        .dir("/folder/deeper/deepest")
        .dir("/empty folder")
        .file("/empty", b"")
        .file("/folder/text", b"some text\n")
        .file("/folder/deeper/large", pattern(300_000))
        .fragmented("/folder/pieces", pattern(90_000), 11)
        .resource("/folder/text", Content::new(pattern(5000)))
        .resource("/empty", Content::pieces(pattern(40_000), 10))
        .symlink("/link", "folder/text")
        .symlink("/folder/broken", "/nowhere")
        .hardlink("/folder/text", "/again")
        .xattr("/folder/text", "small", b"value")
        .xattr("/folder", "of a folder", [7; 300])
        .xattr("/", "of the root", b"root")
        .xattr("/empty", "nothing", b"")
        .item("/folder/text", |item| {
            item.set_type(b"TEXT", b"ttxt");
            (item.owner, item.group, item.mode) = (99, 99, 0o100_640);
        })
        .item("/folder/deeper", |item| (item.admin_flags, item.owner_flags) = (0x02, 0x05));
    (0..20).fold(volume, |volume, n| volume.file(&format!("/folder/deeper/file {n:02}"), pattern(n * 50)))
}

/// As many features as possible in little metadata.
pub fn small(name: &str) -> HfsBuilder {
    HfsBuilder::new(name)
        .block_size(512)
        .node_sizes(1024, 512, 1024)
        .option(|options| options.catalog.max_records = 5)
        .dir("/d")
        .dir("/d/e")
        .file("/d/one", pattern(1300))
        .fragmented("/d/pieces", pattern(9000), 17)
        .file("/two", pattern(700))
        .resource("/two", Content::pieces(pattern(5000), 9))
        .xattr("/two", "small", b"value")
        .fork_xattr("/two", "fork", pattern(6000), 10)
        .xattr("/d", "small", b"of a folder")
        .symlink("/link", "d/one")
        .hardlink("/two", "/d/again")
        .dir("/shared")
        .file("/shared/inner", b"inner")
        .dir_link("/shared", "/d/e/shared")
        .char_device("/d/tty", 4, 2)
        .item("/d/one", |item| item.finder[..8].copy_from_slice(b"TEXTttxt"))
}

/// Few records in a node, and nodes out of order.
pub fn tall() -> HfsBuilder {
    let volume = HfsBuilder::new("Tall").dir("/d").max_records_per_node(3).scattered_nodes();
    (0..120).fold(volume, |volume, n| {
        let path = format!("/d/file {n}");
        let volume = volume.file(&path, pattern(n)).xattr(&path, "n", n.to_string());
        if n % 10 == 0 { volume.fragmented(&format!("/d/pieces {n}"), pattern(60_000), 15) } else { volume }
    })
}

/// Forks in more runs than one and than two records hold.
pub fn fragments() -> HfsBuilder {
    [1, 7, 8, 9, 15, 16, 17, 24, 25, 40, 200].iter().fold(HfsBuilder::new("Fragments"), |volume, pieces| {
        let path = format!("/{pieces}");
        let len = pieces * 4096 * 3 / 2 + 77;
        volume
            .fragmented(&path, pattern(len), *pieces)
            .resource(&path, Content::pieces(pattern(len + 5000), *pieces))
    })
}

/// Trees and bitmap whose own runs overflow.
pub fn special_fragments() -> HfsBuilder {
    let volume = (0..150).fold(HfsBuilder::new("Special").dir("/d"), |volume, n| {
        let path = format!("/d/a file with a name of some length, number {n}");
        volume.file(&path, pattern(n)).xattr(&path, "com.example.attribute", [n as u8; 500])
    });
    volume.special_pieces(20, 12, 9).option(|options| {
        options.bad_blocks = 19;
        options.startup = Content::pieces(pattern(60_000), 13);
    })
}

/// Attributes in blocks of their own, in up to `pieces` runs.
pub fn fork_attributes(pieces: usize) -> HfsBuilder {
    HfsBuilder::new("Forks")
        .dir("/d")
        .file("/d/file", b"data")
        .fork_xattr("/d/file", "one", pattern(6000), 1)
        .fork_xattr("/d/file", "eight", pattern(8 * 4096), 8)
        .fork_xattr("/d/file", "nine", pattern(9 * 4096 - 5), pieces.min(9))
        .fork_xattr("/d/file", "thirty", pattern(31 * 4096 + 1), pieces)
        .fork_xattr("/d", "of a folder", pattern(9000), 2)
        .xattr("/d/file", "inline", pattern(3000))
        .xattr("/d/file", "com.apple.system.Security", pattern(68))
}

/// Files with several names.
pub fn file_links() -> HfsBuilder {
    HfsBuilder::new("Links")
        .private_folders()
        .dir("/a")
        .dir("/a/b")
        .file("/a/two", pattern(5000))
        .hardlink("/a/two", "/a/b/two again")
        .file("/five", b"five")
        .resource("/five", Content::new(pattern(700)))
        .xattr("/five", "attribute", "of all five")
        .hardlink("/five", "/a/5.1")
        .hardlink("/five", "/a/5.2")
        .hardlink("/a/5.1", "/a/b/5.3")
        .hardlink("/five", "/5.4")
        .symlink("/link", "five")
        .hardlink("/link", "/link again")
        .file("/gone", b"still open")
        .orphan("/gone")
}

trait Again {
    /// The same links as other systems write them.
    fn old_links_again(self) -> HfsBuilder;
}

impl Again for HfsBuilder {
    fn old_links_again(self) -> HfsBuilder {
        HfsBuilder::new("Old")
            .old_links()
            .dir("/a")
            .file("/a/two", pattern(5000))
            .hardlink("/a/two", "/two again")
            .file("/three", b"three")
            .hardlink("/three", "/a/3.1")
            .hardlink("/three", "/a/3.2")
    }
}

/// Folders with several names, one below another.
pub fn dir_links() -> HfsBuilder {
    HfsBuilder::new("Dir Links")
        .private_folders()
        .dir("/a")
        .dir("/a/shared")
        .dir("/a/shared/inner")
        .dir("/a/shared/plain")
        .file("/a/shared/plain/file", b"below a link")
        .file("/a/shared/inner/file", pattern(5000))
        .file("/a/shared/top", b"top")
        .dir("/b")
        .dir("/b/c")
        .dir_link("/a/shared", "/b/shared too")
        .dir_link("/b/shared too", "/b/c/shared three")
        .dir_link("/a/shared/inner", "/b/inner")
        .hardlink("/a/shared/top", "/b/top")
}

/// Compressed files of some types.
pub fn compressed(kinds: &[u32]) -> HfsBuilder {
    let volume = kinds.iter().fold(HfsBuilder::new("Packed").dir("/d"), |volume, kind| {
        let len = compressed_len(*kind);
        let (attribute, fork) = decmpfs::packed(*kind, &compressed_content(*kind, len));
        volume.compressed(&format!("/d/type {kind}"), attribute, fork.as_deref())
    });
    volume.file("/not packed", b"plain").item("/not packed", |item| item.owner_flags |= 0x20)
}

/// Length of what is packed in a file of a type.
pub fn compressed_len(kind: u32) -> usize {
    if kind % 2 == 1 { 300 } else { 150_000 }
}

/// What is packed in a file of a type.
pub fn compressed_content(kind: u32, len: usize) -> Vec<u8> {
    sample::text(len, u64::from(kind))
}

/// Names that are easily taken for others.
pub fn names() -> HfsBuilder {
    let long = "x".repeat(255);
    let accents = "e\u{301}".repeat(127);
    let texts = [
        "a:b",
        "A",
        "b",
        "Z",
        "_",
        "a b",
        "nul\u{2400}inside",
        "\u{2400}first",
        "e\u{301}",
        "a\u{302}\u{323}",
        "\u{212A}",
        "\u{200C}zero\u{200D}width",
        "\u{1100}\u{1161}\u{11A8}",
        "\u{1F600}",
        "\u{FB01}",
        "\u{3B1}",
        "tab\there",
        "line\nfeed",
        ".hidden",
        "...",
        "trailing ",
        "\u{F6}",
        "%2F",
        "a\\b",
        &long,
        &accents,
    ];
    let volume = texts.iter().fold(HfsBuilder::new("Names: caf\u{65}\u{301}"), |volume, name| {
        volume.file(&format!("/{name}"), name)
    });
    volume.dir("/Dir: with").file("/Dir: with/a:b:c", "slashes")
}

/// Names that are no Unicode text.
pub fn surrogates() -> HfsBuilder {
    HfsBuilder::new("Surrogates")
        .file("/lone high", "high")
        .rename("/lone high", &[0x61, 0xD83D])
        .file("/lone low", "low")
        .rename("/lone low", &[0xDE00, 0x62])
        .file("/back to front", "reversed")
        .rename("/back to front", &[0xDE00, 0xD83D])
}

/// Names that only a case-sensitive volume tells apart.
pub fn names_by_units() -> HfsBuilder {
    let texts =
        ["a", "A", "B", "b", "\u{E000}", "\u{1F600}", "a\u{200C}", "\u{391}", "\u{3B1}", "\u{2400}", "aa"];
    let volume = HfsBuilder::new("Units").case_sensitive();
    texts.iter().fold(volume, |volume, name| volume.file(&format!("/{name}"), name))
}

/// Devices, pipes, aliases, dates at the ends, Finder info, flags, special permission words.
pub fn odd_files() -> HfsBuilder {
    HfsBuilder::new("Odd")
        .option(|options| {
            options.extra_attributes |= 0x2000_0000;
            options.finder_info = [20, 0, 0, 0, 0, 20, 0, 0];
        })
        .dir("/d")
        .fifo("/d/pipe")
        .socket("/d/socket")
        .char_device("/d/tty", 4, 2)
        .block_device("/d/disk", 14, 0xAB_CDEF)
        .alias("/d/alias")
        .file("/d/dates", "")
        .item("/d/dates", |item| item.dates = [0, 1, u32::MAX, UNIX_TO_MAC, UNIX_TO_MAC - 1])
        .file("/d/expanded", "")
        .item("/d/expanded", |item| {
            item.flags |= 0x1000;
            item.dates = [0, 1_700_000_000, u32::MAX, 1, 2];
        })
        .file("/d/no mode", "bits")
        .item("/d/no mode", |item| (item.mode, item.owner, item.group) = (0, 0, 0))
        .file("/d/flags", "")
        .item("/d/flags", |item| (item.admin_flags, item.owner_flags, item.flags) = (0x1F, 0xCF, 0x0001))
        .dir("/d/finder")
        .item("/d/finder", |item| {
            item.finder = core::array::from_fn(|n| n as u8 + 1);
            item.flags |= HAS_DATE_ADDED;
        })
        .file("/d/added", "")
        .date_added("/d/added", 1_600_000_000)
        .file("/d/encoding", "")
        .item("/d/encoding", |item| item.encoding = 140)
        .file("/d/unicode", "")
        .item("/d/unicode", |item| item.encoding = 126)
        .file_of("/d/more blocks", Content { extra_blocks: 5, ..Content::new(pattern(5000)) })
        .file_of("/d/only blocks", Content { extra_blocks: 3, ..Content::default() })
        .file("/d/special", "")
        .item("/d/special", |item| item.special = 1)
        .hot_files(&[(20, 100), (21, 5)])
        .folder_counts()
}

/// Trees with map nodes, of both lengths that a map record may have.
pub fn maps() -> HfsBuilder {
    rich("Maps").option(|options| {
        (options.extents.node_size, options.extents.spare_nodes) = (512, 7000);
        (options.catalog.node_size, options.catalog.spare_nodes) = (1024, 9000);
        options.catalog.map_slack = 2;
    })
}

/// A device that is longer than the volume.
pub fn trailing() -> HfsBuilder {
    rich("Trailing").option(|options| (options.trailing, options.alternate) = (3000, Alternate::Both))
}
