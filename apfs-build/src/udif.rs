//! UDIF disk images: tables of chunks, each stored in a way of one's choice, and every way to wrap them.

use crc::{CRC_32_ISO_HDLC, Crc};

use super::bytes::put;
use super::resource_fork::resource_fork;
use crate::compress;

const SECTOR: usize = 512;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// How a chunk is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Zero,
    Raw,
    Ignore,
    Adc,
    Zlib,
    Bzip2,
    Lzfse,
    Lzma,
}

impl Store {
    /// Every way that stores something.
    pub const DATA: [Store; 6] =
        [Store::Raw, Store::Adc, Store::Zlib, Store::Bzip2, Store::Lzfse, Store::Lzma];

    fn number(self) -> u32 {
        match self {
            Store::Zero => 0,
            Store::Raw => 1,
            Store::Ignore => 2,
            Store::Adc => 0x8000_0004,
            Store::Zlib => 0x8000_0005,
            Store::Bzip2 => 0x8000_0006,
            Store::Lzfse => 0x8000_0007,
            Store::Lzma => 0x8000_0008,
        }
    }

    fn encode(self, data: &[u8]) -> Vec<u8> {
        match self {
            Store::Zero | Store::Ignore => Vec::new(),
            Store::Raw => data.to_vec(),
            Store::Adc => compress::adc(data),
            Store::Zlib => compress::zlib(data),
            Store::Bzip2 => compress::bzip2(data),
            Store::Lzfse => compress::lzfse(data),
            Store::Lzma => compress::xz(data),
        }
    }
}

/// An entry of a table, every field as it will stand there.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: u32,
    pub comment: u32,
    pub first: u64,
    pub sectors: u64,
    pub offset: u64,
    pub len: u64,
}

/// A table of chunks.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    /// First sector on the disk.
    pub start: u64,
    pub sectors: u64,
    pub data_offset: u64,
    pub entries: Vec<Entry>,
    pub checksum: (u32, u32, u32),
    /// How many entries the table says it has, if not as many as it has.
    pub count: Option<u32>,
    /// What the chunks expand to.
    disk: Vec<u8>,
    /// What of it the checksum is of.
    summed: Vec<u8>,
}

/// Where the tables are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    #[default]
    Xml,
    Fork,
    Both,
}

/// An image in the making.
#[derive(Clone, Debug, Default)]
pub struct Udif {
    pub tables: Vec<Table>,
    /// Sectors that the trailer says the disk has, if not as many as it has.
    pub sectors: Option<u64>,
    pub lists: Lists,
    /// Bytes in front of everything, which no offset counts.
    pub prefix: Vec<u8>,
    /// The trailer stands at the start.
    pub trailer_first: bool,
    /// Bytes between tables and trailer: a code signature.
    pub signature: Vec<u8>,
    /// The data fork: stored chunks one behind the other.
    pub fork: Vec<u8>,
}

impl Udif {
    pub fn new() -> Udif {
        Udif::default()
    }

    /// Begins a table at a sector.
    pub fn table(mut self, name: &str, start: u64) -> Udif {
        self.tables.push(Table {
            name: name.to_owned(),
            start,
            sectors: 0,
            data_offset: 0,
            entries: Vec::new(),
            checksum: (2, 32, 0),
            count: None,
            disk: Vec::new(),
            summed: Vec::new(),
        });
        self
    }

    /// Appends a chunk to the last table. Ignored and zero chunks have the length of the data and nothing else of it.
    pub fn chunk(mut self, store: Store, data: &[u8]) -> Udif {
        assert_eq!(data.len() % SECTOR, 0);
        let stored = store.encode(data);
        let table = self.tables.last_mut().unwrap();
        table.entries.push(Entry {
            kind: store.number(),
            comment: 0,
            first: table.sectors,
            sectors: (data.len() / SECTOR) as u64,
            offset: self.fork.len() as u64 - table.data_offset,
            len: stored.len() as u64,
        });
        self.fork.extend(stored);
        let zeros = matches!(store, Store::Zero | Store::Ignore);
        let data = if zeros { vec![0; data.len()] } else { data.to_vec() };
        if store != Store::Ignore {
            table.summed.extend(&data);
        }
        table.sectors += (data.len() / SECTOR) as u64;
        table.disk.extend(data);
        self
    }

    /// Appends a comment to the last table.
    pub fn comment(mut self, comment: [u8; 4]) -> Udif {
        let table = self.tables.last_mut().unwrap();
        let (kind, comment) = (0x7FFF_FFFE, u32::from_be_bytes(comment));
        table.entries.push(Entry { kind, comment, first: table.sectors, sectors: 0, offset: 0, len: 0 });
        self
    }

    /// Sectors of the last table that no chunk describes.
    pub fn gap(mut self, sectors: u64) -> Udif {
        let table = self.tables.last_mut().unwrap();
        table.sectors += sectors;
        table.disk.resize(table.sectors as usize * SECTOR, 0);
        self
    }

    /// Chunks of the tables that follow are stored behind so many bytes, which their tables know.
    pub fn data_offset(mut self, offset: u64) -> Udif {
        self.fork.resize(offset as usize, 0xDD);
        self.tables.last_mut().unwrap().data_offset = offset;
        self
    }

    /// The disk that should come out.
    pub fn disk(&self) -> Vec<u8> {
        let end = self.tables.iter().map(|table| table.start + table.sectors).max().unwrap_or(0);
        let mut disk = vec![0; self.sectors.unwrap_or(0).max(end) as usize * SECTOR];
        for table in &self.tables {
            put(&mut disk, table.start as usize * SECTOR, &table.disk);
        }
        disk
    }

    /// The image.
    pub fn build(&self) -> Vec<u8> {
        self.build_segments(&[]).remove(0)
    }

    /// The image in several files: the data fork is cut at these places.
    pub fn build_segments(&self, cuts: &[usize]) -> Vec<Vec<u8>> {
        let tables: Vec<Vec<u8>> = self.tables.iter().map(Table::bytes).collect();
        let sums: Vec<u8> = tables.iter().flat_map(|table| table[72..76].to_vec()).collect();
        let xml = match self.lists {
            Lists::Fork => Vec::new(),
            _ => self.xml(&tables),
        };
        let rsrc = match self.lists {
            Lists::Xml => Vec::new(),
            _ => {
                let named = self.tables.iter().zip(&tables).enumerate();
                let blkx = named
                    .map(|(id, (table, bytes))| (*b"blkx", id as i16 - 1, table.name.clone(), bytes.clone()));
                resource_fork(&blkx.chain([(*b"plst", 0, String::new(), vec![0; 9])]).collect::<Vec<_>>())
            }
        };
        let sectors = self.sectors.unwrap_or_else(|| self.disk().len() as u64 / SECTOR as u64);
        let bounds: Vec<usize> =
            [0].into_iter().chain(cuts.iter().copied()).chain([self.fork.len()]).collect();
        let count = bounds.len() - 1;
        let mut files = Vec::new();
        for (number, part) in bounds.windows(2).enumerate() {
            let data = &self.fork[part[0]..part[1]];
            let (xml, rsrc) = if number == 0 { (&xml[..], &rsrc[..]) } else { (&[][..], &[][..]) };
            let data_at = if self.trailer_first { 512 } else { 0 };
            let mut body = vec![0; data_at];
            body.extend(data);
            let (xml_at, rsrc_at) = (body.len(), body.len() + xml.len());
            body.extend(xml);
            body.extend(rsrc);
            let signature_at = body.len();
            body.extend(&self.signature);
            let mut koly = vec![0; 512];
            let long =
                |koly: &mut Vec<u8>, at: usize, value: usize| put(koly, at, (value as u64).to_be_bytes());
            let word = |koly: &mut Vec<u8>, at: usize, value: u32| put(koly, at, value.to_be_bytes());
            put(&mut koly, 0, b"koly");
            for (at, value) in [(4, 4), (8, 512), (12, 1), (56, number as u32 + 1), (60, count as u32)] {
                word(&mut koly, at, value);
            }
            for (at, value) in [(80, 2), (84, 32), (88, CRC.checksum(data)), (352, 2), (356, 32), (488, 1)] {
                word(&mut koly, at, value);
            }
            word(&mut koly, 360, CRC.checksum(&sums));
            put(&mut koly, 64, b"segments of one.");
            for (at, value) in [(16, part[0]), (24, data_at), (32, data.len()), (492, sectors as usize)] {
                long(&mut koly, at, value);
            }
            for (at, offset, len) in [
                (40, rsrc_at, rsrc.len()),
                (216, xml_at, xml.len()),
                (296, signature_at, self.signature.len()),
            ] {
                long(&mut koly, at, if len == 0 { 0 } else { offset });
                long(&mut koly, at + 8, len);
            }
            if self.trailer_first {
                put(&mut body, 0, &koly);
            } else {
                body.extend(&koly);
            }
            files.push([&self.prefix[..], &body].concat());
        }
        files
    }

    fn xml(&self, tables: &[Vec<u8>]) -> Vec<u8> {
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST \
             1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n\
             <key>resource-fork</key>\n<dict>\n\t<key>blkx</key>\n\t<array>\n",
        );
        for (index, (table, bytes)) in self.tables.iter().zip(tables).enumerate() {
            let (name, id) = (table.name.replace('&', "&amp;"), index as i64 - 1);
            xml += "\t\t<dict>\n\t\t\t<key>Attributes</key>\n\t\t\t<string>0x0050</string>\n";
            xml +=
                &format!("\t\t\t<key>CFName</key>\n\t\t\t<string>{name}</string>\n\t\t\t<key>Data</key>\n");
            xml += &format!("\t\t\t<data>\n{}\t\t\t</data>\n", base64(bytes));
            xml += &format!("\t\t\t<key>ID</key>\n\t\t\t<string>{id}</string>\n\t\t</dict>\n");
        }
        xml += "\t</array>\n\t<key>plst</key>\n\t<array/>\n</dict>\n</dict>\n</plist>\n";
        xml.into_bytes()
    }
}

impl Table {
    /// The table as it stands in the image.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 204];
        put(&mut bytes, 0, b"mish");
        put(&mut bytes, 4, 1u32.to_be_bytes());
        for (at, value) in [(8, self.start), (16, self.sectors), (24, self.data_offset)] {
            put(&mut bytes, at, value.to_be_bytes());
        }
        put(&mut bytes, 32, 0x808u32.to_be_bytes());
        let (kind, bits, change) = self.checksum;
        let value = CRC.checksum(&self.summed) ^ change;
        for (at, value) in [(64, kind), (68, bits), (72, value)] {
            put(&mut bytes, at, value.to_be_bytes());
        }
        let end = Entry { kind: 0xFFFF_FFFF, comment: 0, first: self.sectors, sectors: 0, offset: 0, len: 0 };
        let count = self.count.unwrap_or(self.entries.len() as u32 + 1);
        put(&mut bytes, 200, count.to_be_bytes());
        for entry in self.entries.iter().chain([&end]) {
            bytes.extend(entry.kind.to_be_bytes());
            bytes.extend(entry.comment.to_be_bytes());
            for value in [entry.first, entry.sectors, entry.offset, entry.len] {
                bytes.extend(value.to_be_bytes());
            }
        }
        bytes
    }
}

/// Lines of base64 behind three tabs.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = String::new();
    for three in bytes.chunks(3) {
        let number =
            three.iter().enumerate().fold(0u32, |sum, (n, byte)| sum | u32::from(*byte) << (16 - 8 * n));
        for n in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * n) & 63) as usize] as char;
            digits.push(if n > three.len() { '=' } else { digit });
        }
    }
    let lines = digits.as_bytes().chunks(52).map(|line| format!("\t\t\t{}\n", String::from_utf8_lossy(line)));
    lines.collect()
}
