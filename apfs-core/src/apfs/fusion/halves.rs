//! Halves of Fusion pairs on partitions and other devices, finding each other.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::half::{Half, first_is_main};
use crate::base::error::{Error, Result};
use crate::io::read_at::ReadAt;

/// The halves on a disk, and those that were given along with it.
#[derive(Clone, Default)]
pub(crate) struct Halves {
    /// By partition.
    pub(crate) own: Vec<(usize, Half)>,
    pub(crate) others: Vec<(Half, Arc<dyn ReadAt>)>,
}

/// Where the other half of a pair is.
pub(crate) enum Other {
    Partition(usize),
    Device(Arc<dyn ReadAt>),
}

impl Halves {
    fn half(&self, index: usize) -> Option<&Half> {
        self.own.iter().find(|(own, _)| *own == index).map(|(_, half)| half)
    }

    /// The half on another partition that belongs to one, and whether that is the main one. Of several that fit none is
    /// taken: which of them counts would be a guess.
    fn partner(&self, index: usize) -> Option<(usize, bool)> {
        let half = self.half(index)?;
        let fits = |(other, found): &(usize, Half)| Some((*other, first_is_main(found, half).ok()?));
        let mut fitting = self.own.iter().filter_map(fits);
        let first = fitting.next();
        first.filter(|_| fitting.next().is_none())
    }

    /// The partition of the main half, if that is another one than this.
    pub(crate) fn main_of(&self, index: usize) -> Option<usize> {
        self.partner(index).filter(|(_, is_main)| *is_main).map(|(other, _)| other)
    }

    /// The other half of a pair.
    pub(crate) fn second_of(&self, index: usize) -> Option<Other> {
        if let Some((other, _)) = self.partner(index) {
            return Some(Other::Partition(other));
        }
        let half = self.half(index)?;
        let fits = |(other, _): &&(Half, Arc<dyn ReadAt>)| first_is_main(half, other).is_ok();
        self.others.iter().find(fits).map(|(_, device)| Other::Device(device.clone()))
    }

    /// An error unless one of the halves that were given belongs to one on the disk.
    pub(crate) fn joins(&self) -> Result<()> {
        let (Some((_, own)), Some((other, _))) = (self.own.first(), self.others.first()) else {
            let which = if self.own.is_empty() { "first" } else { "second" };
            return Err(Error::not_found(alloc::format!(
                "a half of a Fusion pair on the {which} device: one that is no half needs no second"
            )));
        };
        let pairs =
            self.own.iter().flat_map(|(_, own)| self.others.iter().map(move |(other, _)| (own, other)));
        match pairs.into_iter().any(|(own, other)| first_is_main(own, other).is_ok()) {
            true => Ok(()),
            false => first_is_main(own, other).map(|_| ()),
        }
    }
}

impl fmt::Debug for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves").field("own", &self.own).field("others", &self.others.len()).finish()
    }
}
