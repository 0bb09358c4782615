//! What is behind a file of a merged tree: volume, number there, and what shows it.

use apfs_core::FileId;
use apfs_core::group::{Backing, MergedView, Reached};
use apfs_core::text::escape::Escaped;
use serde::Serialize;

use crate::row::lossy;

/// Volume, number there, and what shows it.
#[derive(Debug, Serialize)]
pub(crate) struct BackingRow {
    volume: String,
    volume_index: usize,
    role: String,
    snapshot: Option<String>,
    ino: u64,
    /// `system`, `firmlink` or `mount`.
    by: &'static str,
    /// Directory of the firmlink or mount point.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Where the firmlink leads on the Data volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// What says that it is a firmlink: `attribute` or `list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

impl BackingRow {
    /// What is behind a file; `None` for a directory that no volume has.
    pub(crate) fn new(merged: &MergedView, id: FileId) -> apfs_core::Result<Option<BackingRow>> {
        let Some(Backing { view, id: own, .. }) = merged.backing(id) else { return Ok(None) };
        let (volume, text) = (view.volume(), |bytes: &[u8]| lossy(bytes).into_owned());
        let (mut at, mut target, mut source) = (None, None, None);
        let by = match merged.reached(id)? {
            Reached::Firmlink(firmlink) => {
                at = Some(text(firmlink.path.as_bytes()));
                target = Some(text(firmlink.target.as_bytes()));
                source = Some(firmlink.source.word());
                "firmlink"
            }
            Reached::Mount(path) => {
                at = Some(text(path));
                "mount"
            }
            _ => "system",
        };
        Ok(Some(BackingRow {
            volume: text(volume.name().as_bytes()),
            volume_index: volume.slot(),
            role: volume.role().to_string(),
            snapshot: view.snapshot().map(|snapshot| text(snapshot.name.as_bytes())),
            ino: own.0,
            by,
            at,
            target,
            source,
        }))
    }

    /// The same for people.
    pub(crate) fn words(&self) -> String {
        let BackingRow { volume, volume_index, role, ino, .. } = self;
        let escaped = |text: &str| Escaped(text.as_bytes()).to_string();
        let snapshot =
            self.snapshot.as_deref().map_or(String::new(), |name| format!(" at {}", escaped(name)));
        let at = escaped(self.at.as_deref().unwrap_or_default());
        let by = match self.by {
            "firmlink" => format!(", by firmlink {at}"),
            "mount" => format!(", mounted at {at}"),
            _ => String::new(),
        };
        format!("{}{snapshot} (volume {volume_index}, {role}), file {ino}{by}", escaped(volume))
    }
}
