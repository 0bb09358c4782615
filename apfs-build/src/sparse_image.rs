//! Sparse disk images: bands in any order, with index nodes behind the header node.

/// Slots of the header node and of an index node.
const SLOTS: [usize; 2] = [1008, 1010];
const NODE: usize = 4096;

/// A sparse image of which only the bands that were given are stored.
#[derive(Clone, Debug)]
pub struct SparseImage {
    band_sectors: usize,
    sectors: usize,
    /// Number and content, in the order of the file.
    bands: Vec<(u32, Vec<u8>)>,
    /// Slots that are used of each node.
    slots: [usize; 2],
}

impl SparseImage {
    pub fn new(band_sectors: usize, sectors: usize) -> Self {
        SparseImage { band_sectors, sectors, bands: Vec::new(), slots: SLOTS }
    }

    /// Uses only so many slots of each node, which makes more nodes.
    pub fn slots(mut self, count: usize) -> Self {
        self.slots = [count, count];
        self
    }

    /// Stores a band, counted from 0.
    pub fn band(mut self, number: u32, content: &[u8]) -> Self {
        self.bands.push((number, content.to_vec()));
        self
    }

    /// The file, and the offset of every node.
    pub fn build(&self) -> (Vec<u8>, Vec<usize>) {
        let band_len = self.band_sectors * 512;
        let (mut file, mut nodes) = (Vec::new(), Vec::new());
        let mut rest = self.bands.as_slice();
        while !rest.is_empty() || nodes.is_empty() {
            let slots = self.slots[usize::from(!nodes.is_empty())];
            let (now, later) = rest.split_at(rest.len().min(slots));
            let start = file.len();
            let mut node = if nodes.is_empty() { self.header() } else { index(nodes.len()) };
            for (number, _) in now {
                node.extend((number + 1).to_be_bytes());
            }
            node.resize(NODE, 0);
            // The field of the node before this one.
            if let Some(before) = nodes.last() {
                let field = before + if nodes.len() == 1 { 20 } else { 12 };
                file[field..field + 8].copy_from_slice(&(start as u64).to_be_bytes());
            }
            nodes.push(start);
            file.extend(node);
            for (_, content) in now {
                file.extend(content);
                file.resize(file.len() + band_len - content.len(), 0xEE);
            }
            rest = later;
        }
        (file, nodes)
    }

    fn header(&self) -> Vec<u8> {
        let mut out = b"sprs".to_vec();
        for number in [3, self.band_sectors as u32, 1, self.sectors as u32] {
            out.extend(number.to_be_bytes());
        }
        out.extend([0; 8]);
        out.extend((self.sectors as u64).to_be_bytes());
        out.resize(64, 0);
        out
    }
}

fn index(number: usize) -> Vec<u8> {
    let mut out = b"sprs".to_vec();
    out.extend((number as u32).to_be_bytes());
    out.resize(56, 0);
    out
}
