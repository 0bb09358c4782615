//! Names of flags.

use bitflags::Flags;

/// BSD flags of files (`bsd_flags`), as `chflags` and the system headers name them.
const BSD: [(u64, &str); 17] = [
    (0x1, "UF_NODUMP"),
    (0x2, "UF_IMMUTABLE"),
    (0x4, "UF_APPEND"),
    (0x8, "UF_OPAQUE"),
    (0x10, "UF_NOUNLINK"),
    (0x20, "UF_COMPRESSED"),
    (0x40, "UF_TRACKED"),
    (0x80, "UF_DATAVAULT"),
    (0x8000, "UF_HIDDEN"),
    (0x1_0000, "SF_ARCHIVED"),
    (0x2_0000, "SF_IMMUTABLE"),
    (0x4_0000, "SF_APPEND"),
    (0x8_0000, "SF_RESTRICTED"),
    (0x10_0000, "SF_NOUNLINK"),
    (0x20_0000, "SF_SNAPSHOT"),
    (0x80_0000, "SF_FIRMLINK"),
    (0x4000_0000, "SF_DATALESS"),
];

/// Flags that APFS keeps for itself (`internal_flags`).
const INODE: [(u64, &str); 32] = [
    (0x1, "INODE_IS_APFS_PRIVATE"),
    (0x2, "INODE_MAINTAIN_DIR_STATS"),
    (0x4, "INODE_DIR_STATS_ORIGIN"),
    (0x8, "INODE_PROT_CLASS_EXPLICIT"),
    (0x10, "INODE_WAS_CLONED"),
    (0x20, "INODE_FLAG_UNUSED"),
    (0x40, "INODE_HAS_SECURITY_EA"),
    (0x80, "INODE_BEING_TRUNCATED"),
    (0x100, "INODE_HAS_FINDER_INFO"),
    (0x200, "INODE_IS_SPARSE"),
    (0x400, "INODE_WAS_EVER_CLONED"),
    (0x800, "INODE_ACTIVE_FILE_TRIMMED"),
    (0x1000, "INODE_PINNED_TO_MAIN"),
    (0x2000, "INODE_PINNED_TO_TIER2"),
    (0x4000, "INODE_HAS_RSRC_FORK"),
    (0x8000, "INODE_NO_RSRC_FORK"),
    (0x1_0000, "INODE_ALLOCATION_SPILLEDOVER"),
    (0x2_0000, "INODE_FAST_PROMOTE"),
    (0x4_0000, "INODE_HAS_UNCOMPRESSED_SIZE"),
    (0x8_0000, "INODE_IS_PURGEABLE"),
    (0x10_0000, "INODE_WANTS_TO_BE_PURGEABLE"),
    (0x20_0000, "INODE_IS_SYNC_ROOT"),
    (0x40_0000, "INODE_SNAPSHOT_COW_EXEMPTION"),
    (0x80_0000, "INODE_PROT_CLASS_UPGRADE_ROLLIP"),
    (0x200_0000, "INODE_HAS_PURGEABLE_FLAGS"),
    (0x400_0000, "INODE_HAS_SOURCE_PURGE_ID"),
    (0x1000_0000, "INODE_HAS_ATTRIBUTION_TAG"),
    (0x2000_0000, "INODE_MAINTAIN_SPECULATIVE_TELEMETRY"),
    (0x4000_0000, "INODE_SPECULATIVE_TELEMETRY_ACTIVE"),
    (1 << 46, "INODE_INSIDE_GRAFT"),
    (1 << 47, "INODE_IS_GRAFT_DIR"),
    (1 << 49, "INODE_IS_GRAFT_FILE"),
];

/// Flags of a container (`nx_flags`).
const CONTAINER: [(u64, &str); 3] = [(1, "RESERVED_1"), (2, "RESERVED_2"), (4, "CRYPTO_SW")];

/// Finder flags of files and folders (`fdFlags`, `frFlags`).
const FINDER: [(u64, &str); 11] = [
    (0x1, "isOnDesk"),
    (0xE, "color"),
    (0x40, "isShared"),
    (0x80, "hasNoINITs"),
    (0x100, "hasBeenInited"),
    (0x400, "hasCustomIcon"),
    (0x800, "isStationery"),
    (0x1000, "nameLocked"),
    (0x2000, "hasBundle"),
    (0x4000, "isInvisible"),
    (0x8000, "isAlias"),
];

/// Flags of an extended attribute.
const XATTR: [(u64, &str); 4] =
    [(1, "stream"), (2, "embedded"), (4, "owned by the file system"), (8, "reserved 8")];

/// Names of the BSD flags that are set.
pub(crate) fn bsd(flags: u32) -> Vec<String> {
    names(u64::from(flags), &BSD)
}

/// Names of the inode flags that are set.
pub(crate) fn inode(flags: u64) -> Vec<String> {
    names(flags, &INODE)
}

/// Names of the container flags that are set.
pub(crate) fn container(flags: u64) -> Vec<String> {
    names(flags, &CONTAINER)
}

/// Names of the Finder flags that are set.
pub(crate) fn finder(flags: u16) -> Vec<String> {
    names(u64::from(flags), &FINDER)
}

/// Names of the attribute flags that are set.
pub(crate) fn xattr(flags: u16) -> Vec<String> {
    names(u64::from(flags), &XATTR)
}

/// Names of the flags that are set in a set of the library.
pub(crate) fn of_set<F: Flags<Bits: Into<u64>> + Copy>(set: F) -> Vec<String> {
    let mut names: Vec<String> = set.iter_names().map(|(name, _)| name.to_owned()).collect();
    push_rest(&mut names, set.bits().into() & !F::all().bits().into());
    names
}

/// Flags of which none has a name.
pub(crate) fn unnamed(flags: u64) -> Vec<String> {
    names(flags, &[])
}

fn names(flags: u64, table: &[(u64, &str)]) -> Vec<String> {
    let mut rest = flags;
    let mut names = Vec::new();
    for (flag, name) in table {
        if flags & flag != 0 {
            names.push((*name).to_owned());
            rest &= !flag;
        }
    }
    push_rest(&mut names, rest);
    names
}

/// Bits without a name are shown, never lost.
fn push_rest(names: &mut Vec<String>, rest: u64) {
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known bits have names, the others stay visible as one number.
    #[test]
    fn unknown_bits_stay() {
        assert_eq!(bsd(0x20 | 0x400 | 0x800), ["UF_COMPRESSED", "0xc00"]);
        assert_eq!(bsd(0), [""; 0]);
        let set = apfs_core::apfs::raw::container::NxFeatures::from_bits_retain(3 | 1 << 60);
        assert_eq!(of_set(set), ["DEFRAG", "LCFD", "0x1000000000000000"]);
    }
}
