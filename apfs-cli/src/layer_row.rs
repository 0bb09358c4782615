//! One disk image around a disk, as `apfs info` and `apfs unlock` show it.

use std::collections::BTreeMap;

use apfs_core::Layer;
use apfs_core::image::encrypted::EncryptionInfo;
use apfs_core::image::layers::Image;
use apfs_core::image::udif::Udif;
use serde::Serialize;

/// A layer, with what its format tells besides.
#[derive(Debug, Serialize)]
pub(crate) struct LayerRow {
    pub(crate) format: &'static str,
    /// Name of the format for people.
    #[serde(skip)]
    pub(crate) name: String,
    /// Bytes of the disk in it.
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) udif: Option<UdifRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encryption: Option<EncryptionRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) band_size: Option<u64>,
    /// What contradicts itself or is damaged without making the image unreadable.
    pub(crate) findings: Vec<String>,
}

/// Facts about a UDIF image.
#[derive(Debug, Serialize)]
pub(crate) struct UdifRow {
    pub(crate) variant: u32,
    pub(crate) flags: u32,
    pub(crate) segments: usize,
    pub(crate) signed: bool,
    pub(crate) data_checksum: String,
    pub(crate) master_checksum: String,
    /// How many chunks are stored in each way.
    pub(crate) chunks: BTreeMap<&'static str, usize>,
    /// Compressed chunks that were expanded to show this.
    pub(crate) expanded_chunks: usize,
    pub(crate) compressed_chunks: usize,
    pub(crate) tables: Vec<TableRow>,
}

/// A table of chunks.
#[derive(Debug, Serialize)]
pub(crate) struct TableRow {
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) checksum: String,
}

/// How an image is encrypted.
#[derive(Debug, Serialize)]
pub(crate) struct EncryptionRow {
    pub(crate) cipher: String,
    pub(crate) block_size: u32,
    pub(crate) uuid: String,
    /// What opens it.
    pub(crate) methods: Vec<String>,
}

impl LayerRow {
    pub(crate) fn new(layer: &Layer) -> LayerRow {
        let mut row = LayerRow {
            format: layer.format.word(),
            name: layer.format.to_string(),
            size: layer.len,
            udif: None,
            encryption: None,
            band_size: None,
            findings: layer.image.findings().iter().map(ToString::to_string).collect(),
        };
        match &layer.image {
            Image::Udif(image) => row.udif = Some(UdifRow::new(image)),
            Image::Encrypted(image) => row.encryption = Some(EncryptionRow::new(image.info())),
            Image::Bundle(bundle) => row.band_size = Some(bundle.band_len()),
            _ => {}
        }
        row
    }
}

impl UdifRow {
    fn new(image: &Udif) -> UdifRow {
        let trailer = image.main_trailer();
        let expanded = image.expanded();
        let tables = image.tables().iter().map(|table| TableRow {
            name: table.name.clone(),
            offset: table.start.saturating_mul(512),
            size: table.sectors.saturating_mul(512),
            checksum: table.checksum.to_string(),
        });
        let mut chunks = BTreeMap::new();
        for (kind, count) in image.chunk_counts() {
            let all = chunks.entry(kind.word()).or_insert(0usize);
            *all = all.saturating_add(count);
        }
        UdifRow {
            variant: trailer.variant,
            flags: trailer.flags,
            segments: image.trailers().len(),
            signed: image.is_signed(),
            data_checksum: trailer.data_checksum.to_string(),
            master_checksum: trailer.master_checksum.to_string(),
            chunks,
            expanded_chunks: expanded.chunks,
            compressed_chunks: expanded.of,
            tables: tables.collect(),
        }
    }
}

impl EncryptionRow {
    pub(crate) fn new(info: &EncryptionInfo) -> EncryptionRow {
        EncryptionRow {
            cipher: format!("AES-{}", info.key_bits),
            block_size: info.block_size,
            uuid: info.uuid.to_string(),
            methods: info.methods.iter().map(ToString::to_string).collect(),
        }
    }
}
