//! The two halves of a Fusion pair: which is which, and whether they belong together (sheet apfs-09, section 1).

use super::super::raw::container::NxIncompat;
use super::super::superblock::Superblock;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::{Paddr, Uuid};
use crate::io::read_at::ReadAt;

/// Lowest bit of the last byte: set on tier 2.
const TIER2_BIT: u128 = 1;
/// Highest bit of the first byte: set on the main device, by Apple's reference. It counts where the other does not tell.
const MAIN_BIT: u128 = 1 << 127;

/// What a device says of the pair that it is half of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    /// Container.
    pub(crate) container: Uuid,
    /// `nx_fusion_uuid`.
    pub(crate) fusion: Uuid,
}

impl Half {
    /// The half that a superblock is on; `None` if the container has one device.
    pub(crate) fn of(superblock: &Superblock) -> Option<Half> {
        let raw = superblock.raw();
        let features = NxIncompat::from_bits_retain(raw.nx_incompatible_features.get());
        let half = Half { container: superblock.uuid(), fusion: Uuid(raw.nx_fusion_uuid) };
        features.contains(NxIncompat::FUSION).then_some(half)
    }

    /// What the first block of a device says, if anything; its checksum is looked at later.
    pub(crate) fn peek(device: &dyn ReadAt) -> Option<Half> {
        let mut block = [0; 4096];
        device.read_exact_at(0, &mut block).ok()?;
        Half::of(&Superblock::parse(&block, Paddr(0)).ok()?)
    }

    /// True if the device is tier 2 by itself.
    pub(crate) fn is_tier2(&self) -> bool {
        u128::from_be_bytes(self.fusion.0) & TIER2_BIT != 0
    }

    /// The fusion id of the other half.
    pub(crate) fn other(&self) -> Uuid {
        Uuid((u128::from_be_bytes(self.fusion.0) ^ TIER2_BIT).to_be_bytes())
    }
}

/// True if the first of two halves is the main device.
///
/// The reference says that one bit tells and files made by mkapfs use another one: the one that differs counts.
pub(crate) fn first_is_main(one: &Half, other: &Half) -> Result<bool> {
    if one.container != other.container {
        let what = alloc::format!(
            "the second device of Fusion container {}: the one given belongs to container {}",
            one.container,
            other.container
        );
        return Err(Error::not_found(what));
    }
    let (a, b) = (u128::from_be_bytes(one.fusion.0), u128::from_be_bytes(other.fusion.0));
    match a ^ b {
        TIER2_BIT => Ok(a & TIER2_BIT == 0),
        MAIN_BIT => Ok(a & MAIN_BIT != 0),
        difference => {
            let place = Place::new("nx_superblock_t", "nx_fusion_uuid").block(Paddr(0));
            let expected = match difference {
                0 => alloc::format!("the other half of {}, not the same one again", one.fusion),
                _ => alloc::format!("{} but for one bit", one.fusion),
            };
            Err(Corrupt::new(Damage::Contradiction, place).expected(expected).found(other.fusion).into())
        }
    }
}

/// The error of a device that has no half of a Fusion pair and was given as one.
pub(crate) fn no_half(container: Uuid, which: &str) -> Error {
    let what = alloc::format!("{which} has no half of a Fusion pair: container {container} is on one device");
    Error::not_found(what)
}

/// The error of a second device without the first.
pub(crate) fn alone(half: &Half) -> Error {
    let what =
        alloc::format!("second device (tier 2) of Fusion container {} without the first", half.container);
    Error::unsupported(what, "open the main device, and give this one along with it (--tier2)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(first: u8, last: u8) -> Half {
        let mut fusion = [7; 16];
        (fusion[0], fusion[15]) = (first, last);
        Half { container: Uuid([1; 16]), fusion: Uuid(fusion) }
    }

    /// The lowest bit tells; where it does not, the highest; any other difference is an error.
    #[test]
    fn which_is_main() {
        let main = |one: &Half, other: &Half| first_is_main(one, other).ok();
        assert_eq!(main(&half(0, 6), &half(0, 7)), Some(true));
        assert_eq!(main(&half(0, 7), &half(0, 6)), Some(false));
        assert_eq!(main(&half(0x80, 7), &half(0x80, 6)), Some(false), "the highest bit is the same");
        assert_eq!(main(&half(0x80, 7), &half(0, 7)), Some(true));
        assert_eq!(main(&half(0, 6), &half(0x80, 6)), Some(false));
        assert_eq!(main(&half(0, 6), &half(0, 6)), None, "twice the same");
        assert_eq!(main(&half(0, 6), &half(0x80, 7)), None, "both bits");
        assert_eq!(main(&half(0, 6), &half(0, 4)), None, "another bit");
        let stranger = Half { container: Uuid([2; 16]), ..half(0, 7) };
        let error = first_is_main(&half(0, 6), &stranger).unwrap_err();
        assert!(alloc::format!("{error}").contains("02020202"));
    }
}
