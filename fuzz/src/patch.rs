//! An input: which seed, and a short list of changes to it. Any bytes are an input; inputs stay small.
//!
//! ```text
//! seed u8, then for each change: what u8
//!   set    region u16, offset u16, length u8, that many bytes   the object's checksum is repaired
//!   stale  the same                                             the checksum stays wrong
//!   copy   region u16, from region u16                          content behind the header, of another object
//!   cut    sixteenth u8                                         the image ends there
//! ```

use crate::fix;
use crate::seed::{Region, RegionKind, Seed, seeds};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    /// Overwrites bytes and repairs the checksum.
    Set {
        /// Number of the region, wraps around.
        region: u16,
        /// Offset in it, wraps around.
        offset: u16,
        /// New bytes.
        bytes: Vec<u8>,
    },
    /// Overwrites bytes; the checksum stays as it is.
    Stale {
        /// Number of the region, wraps around.
        region: u16,
        /// Offset in it, wraps around.
        offset: u16,
        /// New bytes.
        bytes: Vec<u8>,
    },
    /// Fills an object with the content of another one, its header excepted.
    Copy {
        /// Number of the region that is overwritten.
        region: u16,
        /// Number of the region that is copied.
        from: u16,
    },
    /// Cuts the image.
    Cut {
        /// How much is left, in 256ths.
        left: u8,
    },
}

/// A decoded input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Number of the seed, wraps around.
    pub seed: u8,
    /// Changes, in order.
    pub patches: Vec<Patch>,
}

const SET: u8 = 0;
const STALE: u8 = 1;
const COPY: u8 = 2;
const CUT: u8 = 3;
/// Bytes of an object's header.
const HEADER_LEN: usize = 0x20;

impl Input {
    /// Reads an input; what is incomplete at the end is left out.
    pub fn decode(bytes: &[u8]) -> Input {
        let mut bytes = Reader(bytes);
        let seed = bytes.u8().unwrap_or(0);
        let mut patches = Vec::new();
        while let Some(patch) = bytes.patch() {
            patches.push(patch);
        }
        Input { seed, patches }
    }

    /// The bytes of an input.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.seed];
        for patch in &self.patches {
            match patch {
                Patch::Set { region, offset, bytes } | Patch::Stale { region, offset, bytes } => {
                    out.push(if matches!(patch, Patch::Set { .. }) { SET } else { STALE });
                    out.extend(region.to_le_bytes());
                    out.extend(offset.to_le_bytes());
                    let bytes = &bytes[..bytes.len().min(255)];
                    out.push(bytes.len() as u8);
                    out.extend(bytes);
                }
                Patch::Copy { region, from } => {
                    out.push(COPY);
                    out.extend(region.to_le_bytes());
                    out.extend(from.to_le_bytes());
                }
                Patch::Cut { left } => out.extend([CUT, *left]),
            }
        }
        out
    }

    /// The seed that is changed.
    pub fn seed(&self) -> &'static Seed {
        let seeds = seeds();
        &seeds[usize::from(self.seed) % seeds.len()]
    }

    /// The changed image.
    pub fn image(&self) -> Vec<u8> {
        self.image_of(self.seed())
    }

    /// A seed with the changes.
    pub fn image_of(&self, seed: &Seed) -> Vec<u8> {
        let mut image = seed.bytes.clone();
        let mut touched: Vec<Region> = Vec::new();
        let mut len = image.len();
        for patch in &self.patches {
            match patch {
                Patch::Set { region, offset, bytes } | Patch::Stale { region, offset, bytes } => {
                    let region = region_of(seed, *region);
                    let at = usize::from(*offset) % region.len;
                    let count = bytes.len().min(region.len - at);
                    image[region.start + at..][..count].copy_from_slice(&bytes[..count]);
                    if matches!(patch, Patch::Set { .. }) {
                        touched.push(region);
                    }
                }
                Patch::Copy { region, from } => {
                    let (to, from) = (region_of(seed, *region), region_of(seed, *from));
                    let header = if matches!(to.kind, RegionKind::Object(_)) { HEADER_LEN } else { 0 };
                    let count = to.len.min(from.len).saturating_sub(header);
                    image.copy_within(from.start + header..from.start + header + count, to.start + header);
                    touched.push(to);
                }
                Patch::Cut { left } => len = seed.bytes.len() / 256 * usize::from(*left),
            }
        }
        for region in touched {
            match region.kind {
                RegionKind::Object(_) => fix::repair_object(&mut image[region.start..][..region.len]),
                RegionKind::Table => fix::repair_gpt(&mut image, seed.gpt_sector.unwrap_or(512)),
                RegionKind::Headerless | RegionKind::HfsNode | RegionKind::HfsHeader | RegionKind::Plain => {}
            }
        }
        image.truncate(len);
        image
    }
}

/// The region of a number.
pub fn region_of(seed: &Seed, number: u16) -> Region {
    seed.regions[usize::from(number) % seed.regions.len()]
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn patch(&mut self) -> Option<Patch> {
        match self.u8()? % 4 {
            what @ (SET | STALE) => {
                let (region, offset, len) = (self.u16()?, self.u16()?, self.u8()?);
                let bytes = self.take(usize::from(len))?.to_vec();
                Some(if what == SET {
                    Patch::Set { region, offset, bytes }
                } else {
                    Patch::Stale { region, offset, bytes }
                })
            }
            COPY => Some(Patch::Copy { region: self.u16()?, from: self.u16()? }),
            _ => Some(Patch::Cut { left: self.u8()? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read again.
    #[test]
    fn round_trip() {
        let input = Input {
            seed: 3,
            patches: vec![
                Patch::Set { region: 9, offset: 300, bytes: vec![1, 2, 3] },
                Patch::Stale { region: 1, offset: 0, bytes: vec![] },
                Patch::Copy { region: 2, from: 7 },
                Patch::Cut { left: 128 },
            ],
        };
        assert_eq!(Input::decode(&input.encode()), input);
    }

    /// Without changes the image is the seed's; a change is where it should be and its object is right.
    #[test]
    fn changes_what_it_says() {
        let mut input = Input { seed: 0, patches: Vec::new() };
        assert!(input.image() == input.seed().bytes);
        input.patches.push(Patch::Set { region: 0, offset: 0x40, bytes: vec![0xAB] });
        let (image, region) = (input.image(), region_of(input.seed(), 0));
        assert_eq!(image[region.start + 0x40], 0xAB);
        assert!(apfs_tests::build::object::checksum_is_right(&image[region.start..][..region.len]));
    }
}
