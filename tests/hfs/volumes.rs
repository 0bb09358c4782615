//! Every feature of the format, read back in every way.

use apfs_core::{Class, FsExt, OpenOptions};
use apfs_tests::build::hfs::{HfsRole, wrapper};
use apfs_tests::hfs_volumes::{self, rich};

use crate::expect::{check, open, open_sound, shown};

/// All volumes of the builder are what their descriptions say.
#[test]
fn every_volume_is_read_as_it_was_described() {
    for (name, volume) in hfs_volumes::all() {
        println!("{name}");
        check(&open_sound(volume.build().bytes), &volume);
    }
}

/// The same within a classic HFS volume.
#[test]
fn wrapped_volumes() {
    for (name, volume) in hfs_volumes::all().into_iter().filter(|(name, _)| !name.contains("blocks-65536")) {
        println!("{name}");
        let (bytes, start) = wrapper::wrap(&volume.build().bytes, "Wrapper");
        let opened = open(bytes).unwrap();
        assert_eq!(opened.wrapper().map(|wrapper| wrapper.start), Some(start as u64));
        check(&opened, &volume);
    }
}

/// A classic volume with files of its own is named, and not read.
#[test]
fn classic_volumes_are_refused_by_name() {
    let error = open(wrapper::standard("Old")).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains("classic HFS"), "{error}");
}

/// A disk finds the volume by itself, also behind a partition table.
#[test]
fn volumes_are_found_on_disks() {
    let volume = rich("On a disk");
    let bytes = volume.build().bytes;
    let (gpt, _) = apfs_tests::build::Gpt::new(512)
        .partition(*b"\x00\x53\x46\x48\x00\x00\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac", "Disk", &bytes)
        .build();
    for device in [bytes.clone(), gpt] {
        let disk = apfs_core::Disk::open(std::sync::Arc::new(device), &OpenOptions::default()).unwrap();
        let volumes = disk.volumes(&OpenOptions::default()).unwrap();
        let [Ok(found)] = &volumes[..] else { panic!("{volumes:?}") };
        assert_eq!(found.name().as_bytes(), shown(&volume.items[&2].name));
        let fs = found.view().unwrap();
        check(fs.as_hfs().unwrap(), &volume);
    }
}

/// The second header serves where the first is lost, and the other way round; both ways are reported.
#[test]
fn either_header_is_enough() {
    for (name, volume) in [("rich", rich("Headers")), ("trailing", hfs_volumes::trailing())] {
        let image = volume.build();
        for role in [HfsRole::Header, HfsRole::AlternateHeader] {
            for damage in [0, 2, 40, 112] {
                let mut bytes = image.bytes.clone();
                for place in image.all(role) {
                    // Signature, version, block size, extents of the bitmap.
                    bytes[place.range.start + damage..][..4].fill(0xFE);
                }
                let opened = open(bytes).unwrap_or_else(|error| panic!("{name} {role:?} {damage}: {error}"));
                assert!(!opened.findings().is_empty(), "{name}: {role:?}, byte {damage}");
                if damage != 112 {
                    check(&opened, &volume);
                }
            }
        }
    }
}

/// A header whose catalog leads nowhere is passed over for the copy that leads somewhere.
#[test]
fn the_header_that_leads_to_files_counts() {
    let volume = rich("Headers");
    let image = volume.build();
    for field in [272, 272 + 12, 272 + 16, 272 + 20, 192 + 16, 44] {
        let mut bytes = image.bytes.clone();
        bytes[1024 + field..][..4].fill(0x7E);
        let opened = open(bytes).unwrap_or_else(|error| panic!("byte {field}: {error}"));
        assert!(!opened.findings().is_empty(), "byte {field}");
        check(&opened, &volume);
    }
}

/// Where both headers are lost there is no volume.
#[test]
fn without_headers_there_is_nothing() {
    let mut image = rich("Headers").build();
    image.edit_headers(|header| header[0] = 0);
    let error = open(image.bytes).unwrap_err();
    assert_eq!(error.class(), Class::Corrupt, "{error}");
}

/// A stored name of another form is found by what a user types, decomposed or not, in any case.
#[test]
fn names_as_they_are_typed() {
    let volume = open_sound(hfs_volumes::names().build().bytes);
    for (typed, stored) in [
        ("/\u{E9}", "e\u{301}"),
        ("/e\u{301}", "e\u{301}"),
        ("/E\u{301}", "e\u{301}"),
        ("/\u{C9}", "e\u{301}"),
        ("/o\u{308}", "\u{F6}"),
        ("/\u{F6}", "\u{F6}"),
        ("/a:B", "a:b"),
        ("/zerowidth", "\u{200C}zero\u{200D}width"),
        ("/\u{AC01}", "\u{1100}\u{1161}\u{11A8}"),
        ("/nul\u{2400}inside", "nul\u{2400}inside"),
        ("/NUL\0inside", "nul\u{2400}inside"),
        ("/dir: with/A:B:C", "slashes"),
    ] {
        let found =
            apfs_tests::listing::read(&volume, typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
        // Every file holds its own name as it was given.
        assert_eq!(found, stored.as_bytes(), "{typed}");
    }
    let volume = open_sound(hfs_volumes::names_by_units().build().bytes);
    for name in ["a", "A", "b", "B", "\u{391}", "\u{3B1}", "a\u{200C}"] {
        assert_eq!(apfs_tests::listing::read(&volume, &format!("/{name}")).unwrap(), name.as_bytes());
    }
    assert!(volume.find("/AA").is_err());
}
