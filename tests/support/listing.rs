//! Opening built images, and everything a view says put into comparable form.

use std::collections::BTreeMap;
use std::sync::Arc;

use apfs_core::apfs::{Container, View};
use apfs_core::{Error, FileId, Fs, FsExt, Kind, OpenOptions, ReadAt, Result, Scan, Secret, StreamId};

use crate::digest::sha256;

/// Opens a container with default options.
pub fn open(bytes: impl Into<Vec<u8>>) -> Result<Container> {
    Container::open(Arc::new(bytes.into()), OpenOptions::default())
}

/// Opens a container with passwords and keys.
pub fn open_with(bytes: impl Into<Vec<u8>>, secrets: &[Secret]) -> Result<Container> {
    let options = OpenOptions { secrets: secrets.to_vec(), ..OpenOptions::default() };
    Container::open(Arc::new(bytes.into()), options)
}

/// Opens a container by force.
pub fn open_forced(bytes: impl Into<Vec<u8>>) -> Result<Container> {
    let options = OpenOptions { force: true, ..OpenOptions::default() };
    Container::open(Arc::new(bytes.into()), options)
}

/// The live view of the first volume of a sound image.
pub fn view(bytes: impl Into<Vec<u8>>) -> View {
    open(bytes).unwrap().volume(0).unwrap().view().unwrap()
}

/// The live view of the first volume on a device.
pub fn view_on(device: Arc<dyn ReadAt>) -> Result<View> {
    Container::open(device, OpenOptions::default())?.volume(0)?.view()
}

/// A whole stream.
pub fn read_stream(fs: &dyn Fs, id: FileId, stream: &StreamId) -> Result<Vec<u8>> {
    let len = fs.stream_len(id, stream)?;
    assert!(len < 1 << 30, "a stream of {len} bytes in a test image");
    let mut bytes = vec![0; len as usize];
    let read = fs.read_at(id, stream, 0, &mut bytes)?;
    assert_eq!(read, bytes.len(), "a read inside a stream gives all of it");
    Ok(bytes)
}

/// The content of the file at a path.
pub fn read(fs: &dyn Fs, path: &str) -> Result<Vec<u8>> {
    read_stream(fs, fs.find(path)?, &StreamId::Data)
}

/// What a file looks like: metadata, content, link target and attributes, each with its error if it has one.
pub fn describe(fs: &dyn Fs, id: FileId) -> String {
    let stat = match fs.stat(id) {
        Ok(stat) => stat,
        Err(error) => return format!("stat: {error}"),
    };
    let hash = |bytes: Result<Vec<u8>>| match bytes {
        Ok(bytes) => format!("{} {}", bytes.len(), sha256(&bytes)),
        Err(error) => error.to_string(),
    };
    let content = match stat.kind {
        Kind::File => hash(read_stream(fs, id, &StreamId::Data)),
        Kind::Symlink => format!("{:?}", fs.read_link(id).map_err(|error| error.to_string())),
        _ => String::new(),
    };
    let xattrs = match fs.xattrs(id) {
        Ok(xattrs) => {
            let value = |name: &apfs_core::Name| hash(read_stream(fs, id, &StreamId::Xattr(name.clone())));
            xattrs
                .iter()
                .map(|xattr| format!("{xattr:?} {}", value(&xattr.name)))
                .collect::<Vec<_>>()
                .join(";")
        }
        Err(error) => error.to_string(),
    };
    format!("{stat:?} | {content} | {xattrs}")
}

/// Everything below the root by path, and the errors of the walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub files: BTreeMap<Vec<u8>, String>,
    pub errors: Vec<String>,
}

/// Walks a view and describes every entry.
pub fn list(fs: &dyn Fs) -> Listing {
    let mut listing = Listing::default();
    for entry in fs.walk(fs.root()) {
        match entry {
            Ok(entry) => {
                let twice = listing.files.insert(entry.path.clone(), describe(fs, entry.entry.id));
                assert!(twice.is_none(), "{:?} came twice", String::from_utf8_lossy(&entry.path));
            }
            Err(error) => listing.errors.push(error.to_string()),
        }
    }
    listing
}

/// The listing of a sound view.
pub fn list_sound(fs: &dyn Fs) -> BTreeMap<Vec<u8>, String> {
    let listing = list(fs);
    assert_eq!(listing.errors, [""; 0]);
    listing.files
}

/// Path and metadata of every entry, as a walk over all that there is gives them.
pub fn walked(view: &(impl Fs + ?Sized)) -> Vec<(Vec<u8>, String)> {
    let entries = view.walk(view.root()).private(true).map(|entry| entry.unwrap());
    let mut all: Vec<_> = entries.map(|entry| (entry.path, format!("{:?}", entry.stat))).collect();
    all.sort();
    all
}

/// Path and metadata of every entry, as a scan gives them.
pub fn scanned(view: &(impl Scan + ?Sized)) -> Vec<(Vec<u8>, String)> {
    let mut all = Vec::new();
    let ledger = view.scan(None, &mut |entry| {
        let entry = entry.map_err(|error| error.error)?;
        all.push((entry.path.to_vec(), format!("{:?}", entry.stat)));
        Ok(())
    });
    assert_eq!(ledger.unwrap().entries(), all.len() as u64);
    all.sort();
    all
}

/// Path and metadata of every entry, scanned in parts as several threads would.
pub fn scanned_in_parts(view: &(impl Scan + ?Sized), parts: usize) -> Vec<(Vec<u8>, String)> {
    let mut all = Vec::new();
    let mut whole = apfs_core::ScanLedger::default();
    let mut sink = |entry: core::result::Result<apfs_core::ScanEntry<'_>, apfs_core::WalkError>| {
        let entry = entry.map_err(|error| error.error)?;
        all.push((entry.path.to_vec(), format!("{:?}", entry.stat)));
        Ok::<(), Error>(())
    };
    for part in view.scan_parts(parts) {
        whole.merge(&view.scan_range(part, None, &mut sink).unwrap());
    }
    view.reconcile(&whole, &mut sink).unwrap();
    all.sort();
    all
}
