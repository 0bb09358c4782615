//! Who can own blocks of a container (sheet apfs-06, section 4).

use core::fmt;

use crate::base::ids::{BlockRange, Oid};

/// What blocks of the container itself are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContainerPart {
    /// Block 0: the superblock's copy.
    BlockZero,
    /// Checkpoint descriptor area: superblocks and checkpoint maps.
    DescriptorArea,
    /// Checkpoint data area: ephemeral objects.
    DataArea,
    /// Trees that list the runs of scattered areas.
    AreaTree,
    /// Ring of the internal pool's bitmaps.
    PoolBitmaps,
    /// Internal pool of the space manager.
    Pool,
    /// Blocks given up, kept for older checkpoints.
    FreeQueue,
    /// Object map of the container.
    ObjectMap,
    /// What that map leads to beside volumes.
    Object,
    /// Keybag of the container.
    Keybag,
    /// Wrapped media key.
    MediaKey,
    /// Driver for starting a Mac, and the block that says where it is.
    EfiJumpstart,
    /// Write-back cache of a Fusion pair.
    FusionCache,
    /// Middle tree of a Fusion pair.
    MiddleTree,
    /// Blocks of the main device that hold copies of blocks of tier 2.
    FusionCopy,
    /// Blocks on their way out of a part that is being cut off, and where they go.
    Eviction,
}

/// What blocks of a volume are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VolumePart {
    /// Its superblock.
    Superblock,
    /// Its keybag.
    Keybag,
    /// Object map: its head and its tree.
    ObjectMap,
    /// Tree of the object map's snapshots.
    ObjectMapSnapshots,
    /// Nodes of the file-system tree and other objects that the object map leads to now.
    Object,
    /// The same, replaced since: versions that are there for snapshots.
    KeptObject,
    /// Extent reference tree.
    ExtentReferences,
    /// Extent reference trees of snapshots.
    KeptExtentReferences,
    /// Tree of snapshots.
    Snapshots,
    /// Superblocks of snapshots.
    KeptSuperblock,
    /// Tree of a sealed volume's file extents.
    FileExtents,
    /// The same of snapshots, where it is another one.
    KeptFileExtents,
    /// Further trees of newer systems.
    OtherTree,
    /// Data of files and attributes.
    Data,
}

/// Who owns blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The container.
    Container(ContainerPart),
    /// The volume in a slot.
    Volume(usize, VolumePart),
}

impl Owner {
    /// Short name of small letters and hyphens, the same for every volume.
    #[must_use]
    pub fn part(self) -> &'static str {
        match self {
            Owner::Container(part) => match part {
                ContainerPart::BlockZero => "block-zero",
                ContainerPart::DescriptorArea => "descriptor-area",
                ContainerPart::DataArea => "data-area",
                ContainerPart::AreaTree => "area-tree",
                ContainerPart::PoolBitmaps => "pool-bitmaps",
                ContainerPart::Pool => "pool",
                ContainerPart::FreeQueue => "free-queue",
                ContainerPart::ObjectMap => "object-map",
                ContainerPart::Object => "object",
                ContainerPart::Keybag => "keybag",
                ContainerPart::MediaKey => "media-key",
                ContainerPart::EfiJumpstart => "efi-jumpstart",
                ContainerPart::FusionCache => "fusion-cache",
                ContainerPart::MiddleTree => "fusion-middle-tree",
                ContainerPart::FusionCopy => "fusion-copy",
                ContainerPart::Eviction => "eviction",
            },
            Owner::Volume(_, part) => match part {
                VolumePart::Superblock => "superblock",
                VolumePart::Keybag => "keybag",
                VolumePart::ObjectMap => "object-map",
                VolumePart::ObjectMapSnapshots => "object-map-snapshots",
                VolumePart::Object => "object",
                VolumePart::KeptObject => "kept-object",
                VolumePart::ExtentReferences => "extent-references",
                VolumePart::KeptExtentReferences => "kept-extent-references",
                VolumePart::Snapshots => "snapshots",
                VolumePart::KeptSuperblock => "kept-superblock",
                VolumePart::FileExtents => "file-extents",
                VolumePart::KeptFileExtents => "kept-file-extents",
                VolumePart::OtherTree => "other-tree",
                VolumePart::Data => "data",
            },
        }
    }

    /// Slot of the volume.
    #[must_use]
    pub fn volume(self) -> Option<usize> {
        match self {
            Owner::Container(_) => None,
            Owner::Volume(slot, _) => Some(slot),
        }
    }

    /// True for blocks that the volume's own count (`apfs_fs_alloc_count`) includes.
    #[must_use]
    pub fn is_counted(self) -> bool {
        match self {
            Owner::Container(_) => false,
            Owner::Volume(_, part) => {
                !matches!(part, VolumePart::Superblock | VolumePart::KeptSuperblock | VolumePart::Keybag)
            }
        }
    }

    /// True for metadata that is there for snapshots and not for the live volume.
    #[must_use]
    pub fn is_kept(self) -> bool {
        use VolumePart::{KeptExtentReferences, KeptFileExtents, KeptObject, KeptSuperblock};
        let kept = [KeptObject, KeptExtentReferences, KeptSuperblock, KeptFileExtents];
        matches!(self, Owner::Volume(_, part) if kept.contains(&part))
    }

    /// True for data of files.
    #[must_use]
    pub fn is_data(self) -> bool {
        matches!(self, Owner::Volume(_, VolumePart::Data))
    }

    /// True for owners of which several may have a block together: states of a sealed volume have one extent tree.
    pub(super) fn shares_with(self, other: Owner) -> bool {
        let is_shared = |owner| {
            use VolumePart::{FileExtents, KeptFileExtents};
            matches!(owner, Owner::Volume(_, FileExtents | KeptFileExtents))
        };
        self.volume() == other.volume() && is_shared(self) && is_shared(other)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Container(_) => write!(f, "container {}", self.part()),
            Owner::Volume(slot, _) => write!(f, "volume {slot} {}", self.part()),
        }
    }
}

/// Blocks and who owns them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The blocks, at least one.
    pub run: BlockRange,
    /// Who owns them.
    pub owner: Owner,
    /// What they are, by Apple's name or the name of the tree.
    pub structure: &'static str,
    /// Object id; of data the stream, file or attribute that it was allocated for; 0 if there is none.
    pub oid: Oid,
}

impl Claim {
    /// A claim of an owner without an object id.
    pub(super) fn of(owner: Owner, structure: &'static str, run: BlockRange) -> Claim {
        Claim { run, owner, structure, oid: Oid(0) }
    }
}
