//! The committed header is the one that the sources give.

use std::path::Path;

/// `include/apfs.h` is what cbindgen makes of the sources. `APFS_UPDATE_HEADER=1` writes it anew.
#[test]
fn header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let version = format!("#define APFS_VERSION \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(
        config.after_includes.as_ref().unwrap().contains(&version),
        "cbindgen.toml: after_includes lacks {version}"
    );
    let bindings = cbindgen::Builder::new().with_config(config).with_src(root.join("src/lib.rs")).generate();
    let mut made = Vec::new();
    bindings.unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let path = root.join("include/apfs.h");
    if std::env::var_os("APFS_UPDATE_HEADER").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "include/apfs.h differs from the sources: run APFS_UPDATE_HEADER=1 cargo test -p apfs-ffi --test header"
    );
}
