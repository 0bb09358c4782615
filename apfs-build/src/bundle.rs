//! Sparse bundles: a folder of bands.

use std::fs;
use std::path::Path;

/// Writes a bundle without any band.
pub fn bundle(folder: &Path, size: u64, band_size: u64, token: &[u8]) {
    fs::create_dir_all(folder.join("bands")).unwrap();
    let list = list(size, band_size);
    fs::write(folder.join("Info.plist"), &list).unwrap();
    fs::write(folder.join("Info.bckup"), &list).unwrap();
    fs::write(folder.join("token"), token).unwrap();
}

/// Writes a band.
pub fn band(folder: &Path, number: u64, content: &[u8]) {
    fs::write(folder.join("bands").join(format!("{number:x}")), content).unwrap();
}

/// The property list.
pub fn list(size: u64, band_size: u64) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n\
         \t<key>CFBundleInfoDictionaryVersion</key>\n\t<string>6.0</string>\n\
         \t<key>band-size</key>\n\t<integer>{band_size}</integer>\n\
         \t<key>bundle-backingstore-version</key>\n\t<integer>1</integer>\n\
         \t<key>diskimage-bundle-type</key>\n\t<string>com.apple.diskimage.sparsebundle</string>\n\
         \t<key>size</key>\n\t<integer>{size}</integer>\n</dict>\n</plist>\n"
    )
}
