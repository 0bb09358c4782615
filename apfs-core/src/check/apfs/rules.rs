//! All rules of APFS, in the groups and the order of sheet apfs-10, section 5.
//!
//! Codes are for ever: a rule that is given up leaves its number unused.

use super::super::rule::{Group, Rule, Severity};

macro_rules! rules {
    ($($group:ident $group_code:literal $group_name:literal {
        $($rule:ident $code:literal $severity:ident $name:literal $text:literal)*
    })*) => {
        $(
            static $group: Group = Group { code: $group_code, name: $group_name };
            $(pub(super) static $rule: Rule =
                Rule::new(&$group, $code, Severity::$severity, $name, $text);)*
        )*

        /// Every rule that is checked on APFS, by code.
        #[must_use]
        pub fn rules() -> &'static [&'static Rule] {
            static ALL: &[&Rule] = &[$($(&$rule,)*)*];
            ALL
        }
    };
}

rules! {
    HEADERS "A01" "object headers" {
        CHECKSUM "A0101" Error "checksum" "The stored checksum is that of the object's bytes."
        OBJECT_ID "A0102" Error "object-id" "An object's header has the id by which it was found."
        OBJECT_TYPE "A0103" Error "object-type" "An object has the type, subtype and storage that lead to it."
        OBJECT_XID "A0104" Error "object-transaction" "An object's transaction is not 0 and the one that leads to it."
        OBJECT_FLAGS "A0105" Error "object-flags" "The type of an object has no flags but those that may be on disk."
        PAST_END "A0106" Error "past-end" "Every block that is referred to lies in the container."
        UNREADABLE "A0107" Error "unreadable" "Every block that is referred to can be read from the device."
        STRUCTURE "A0108" Error "structure" "Every structure is as long as it says and its fields make sense."
    }
    IDS "A02" "object ids" {
        RESERVED_OID "A0201" Error "reserved-object-id" "Virtual and ephemeral objects have ids of at least 1024."
        NEXT_OID "A0202" Error "next-object-id" "The next object id of the container is above all that are used."
        SAME_OID "A0203" Error "ambiguous-object-id" "An ephemeral object id stands for one object."
    }
    BLOCK_ZERO "A03" "block 0" {
        ZERO_DAMAGED "A0301" Error "block-0-damaged" "Block 0 holds a sound copy of a container superblock."
        ZERO_NEWER "A0302" Warning "block-0-newer" "The copy in block 0 is not newer than the checkpoints."
        ZERO_DIFFERS "A0303" Error "block-0-differs" "Block 0 names the same container and checkpoint areas as the checkpoint."
    }
    CONTAINER "A04" "container" {
        NX_FIELD "A0401" Error "superblock" "The container superblock makes sense."
        DEVICE_SHORT "A0402" Error "device-too-short" "The device is as long as the container."
        NEXT_XID "A0403" Error "next-transaction" "The next transaction follows the checkpoint's."
        MAX_VOLUMES "A0404" Warning "volume-slots" "A container has room for one volume per 512 MiB, at most 100, and none in higher slots."
        NX_FEATURES "A0405" Warning "container-features" "Features of the container are known, and version 2 is among them."
        NX_FUSION "A0406" Error "fusion-fields" "Only a Fusion container has a Fusion id, middle tree and write-back cache."
        NX_TEST "A0407" Warning "test-fields" "Fields for tests are 0."
        NX_FLAGS "A0408" Warning "container-flags" "Flags of the container are known."
        EPHEMERAL_INFO "A0409" Warning "ephemeral-info" "The sizes of ephemeral data are those of a container of this size."
        SAME_VOLUME "A0410" Error "volume-twice" "No volume superblock is in two slots."
        LCFD "A0411" Warning "low-capacity-fusion" "The feature for low-capacity Fusion drives is on Fusion containers alone."
    }
    CHECKPOINT "A05" "checkpoint" {
        CHECKPOINT_PASSED "A0501" Error "checkpoint-passed-over" "The newest checkpoint is whole."
        RING_INDEX "A0502" Error "ring-index" "A checkpoint lies inside the rings and ends where the next one begins."
        CHECKPOINT_MAP "A0503" Error "checkpoint-map" "Map blocks of a checkpoint are sound, in order, and the last one alone is flagged as such."
        MAPPING "A0504" Error "ephemeral-mapping" "Mappings of ephemeral objects have a whole size, zero padding and a known type."
        EPHEMERAL_OBJECT "A0505" Error "ephemeral-object" "Every mapped ephemeral object is there and sound."
        EPHEMERAL_PLACE "A0506" Error "ephemeral-place" "Ephemeral objects lie one behind the other in the data area."
        EPHEMERAL_UNUSED "A0507" Warning "ephemeral-unused" "Every mapped ephemeral object is used."
        EPHEMERAL_VOLUME "A0508" Error "ephemeral-volume" "Ephemeral objects belong to a volume that is there, or to none."
    }
    SPACEMAN "A06" "space manager" {
        SM_FIELD "A0601" Error "space-manager" "The space manager is there and its sizes and counts fit the container."
        SM_FREE "A0602" Error "free-count" "The free blocks of a device are those of its chunks."
        CHUNK_INFO "A0603" Error "chunk-info" "Chunk infos are sound, in order, and fit the device."
        CHUNK_FREE "A0604" Error "chunk-free-count" "The free blocks of a chunk are the clear bits of its bitmap."
        CHUNK_XID "A0605" Error "chunk-transaction" "Chunks are not newer than the space manager."
        USED_BUT_FREE "A0606" Error "used-but-free" "Blocks that are used are marked so in the bitmap."
        LEAKED "A0607" Warning "leaked" "Blocks that are marked as used belong to someone."
        CLAIMED_TWICE "A0608" Error "claimed-twice" "No block belongs to two owners."
        POOL_BITMAP "A0609" Error "pool-bitmap" "The internal pool's bitmap marks the blocks of the space manager and its free queue."
        POOL_RING "A0610" Error "pool-ring" "The ring of pool bitmaps has its free blocks in one chain, without those in use."
        SM_RESERVE "A0611" Warning "reserves" "The reserved blocks are those that volumes reserve."
        BITMAP_TAIL "A0612" Warning "bitmap-tail" "Bits behind the end of the device are clear."
        SM_FLAGS "A0613" Warning "space-manager-version" "Flags and version of the space manager are known."
    }
    FREE_QUEUE "A07" "free queues" {
        FQ_ENTRY "A0701" Error "free-queue-entry" "Entries of free queues are of a past transaction and lie on their device or in the pool."
        FQ_COUNT "A0702" Error "free-queue-count" "The blocks of a free queue are as many as the space manager says."
        FQ_OLDEST "A0703" Error "free-queue-oldest" "The oldest transaction of a free queue is that of its first entry."
        FQ_OVERLAP "A0704" Error "free-queue-overlap" "No block is in a free queue twice."
        FQ_LIMIT "A0705" Warning "free-queue-limit" "The tree of a free queue has no more nodes than its limit."
        FQ_VALUE "A0706" Warning "free-queue-value" "Entries of one block have no value."
    }
    REAPER "A08" "reaper" {
        REAPER_FIELD "A0801" Error "reaper" "The reaper is there and sound."
        REAPER_IDS "A0802" Error "reaper-ids" "The last completed id is below the next one."
        REAPER_FLAGS "A0803" Warning "reaper-flags" "The reaper's flags are known and the one that is always set is set."
        REAPER_BUFFER "A0804" Warning "reaper-buffer" "The reaper's state buffer fills its block."
        REAPER_EMPTY "A0805" Error "reaper-lists" "Head, tail and number of the reaper's lists agree."
        REAPER_LIST "A0806" Error "reaper-list" "Reap lists are sound, and their entries as many as they say."
    }
    BTREE "A09" "B-trees" {
        NODE "A0901" Error "node" "Tables, keys and values of a node lie inside it."
        NODE_LEVEL "A0902" Error "node-level" "The level of a node is one below that of its parent."
        KEY_ORDER "A0903" Error "key-order" "Keys of a tree are strictly increasing."
        SEPARATOR "A0904" Error "separator" "An entry of an index node has the first key of the node that it leads to."
        NODE_OVERLAP "A0905" Error "node-overlap" "Keys and values of a node do not overlap."
        FREE_SPACE "A0906" Error "node-free-space" "Freed bytes of a node are as many as its lists say."
        FREE_LIST "A0907" Error "node-free-list" "The lists of free places in a node lead to free places."
        KEY_COUNT "A0908" Error "tree-key-count" "A tree has as many records as its footer says."
        NODE_COUNT "A0909" Error "tree-node-count" "A tree has as many nodes as its footer says."
        LONGEST "A0910" Error "tree-longest" "No key and value of a tree is longer than its footer says."
        TREE_FLAGS "A0911" Error "tree-flags" "The flags of a tree and its nodes are those of its kind."
        CHILD_XID "A0912" Error "child-newer" "Nodes of a physical tree are not newer than their parents."
        NODE_TABLE "A0913" Warning "node-table" "The table of a node begins at its start."
    }
    OMAP "A10" "object maps" {
        OMAP_FIELD "A1001" Error "object-map" "Object maps are sound and their flags and tree types known."
        OMAP_VALUE "A1002" Error "object-mapping" "Mappings have known flags, a size of one block, and a transaction that is not 0 nor above the map's."
        OMAP_MISSING "A1003" Error "mapping-missing" "Every virtual object that is referred to has a mapping."
        OMAP_UNUSED "A1004" Warning "mapping-leaked" "Every mapping is used by an object of the live volume or of a snapshot."
        OMAP_ENCRYPTED "A1005" Error "mapping-encrypted" "Mappings say that objects are encrypted if the volume is."
        OMAP_SNAPSHOTS "A1006" Error "object-map-snapshots" "Count and newest of a map's snapshots are those of its snapshot tree."
        OMAP_CONTAINER "A1007" Error "container-object-map" "The container's map is managed by hand and has no snapshots; a volume's is not."
        OMAP_SHARED "A1008" Error "mapping-shared" "No block is mapped twice."
        OMAP_DELETED "A1009" Error "mapping-deleted" "Nothing refers to an object that is mapped as deleted."
    }
    VOLUME "A11" "volumes" {
        VOLUME_FIELD "A1101" Error "volume-superblock" "A volume superblock is there and sound."
        VOLUME_NAME "A1102" Error "volume-name" "A volume has a name that ends and is UTF-8."
        VOLUME_FEATURES "A1103" Warning "volume-features" "Features of a volume are known."
        VOLUME_FLAGS "A1104" Warning "volume-flags" "Flags of a volume are known and do not contradict each other."
        VOLUME_ROLE "A1105" Warning "volume-role" "The role of a volume is known."
        VOLUME_INDEX "A1106" Error "volume-index" "A volume knows its slot."
        NUM_FILES "A1107" Error "volume-files" "A volume has as many regular files as it says."
        NUM_DIRS "A1108" Error "volume-directories" "A volume has as many directories as it says."
        NUM_SYMLINKS "A1109" Error "volume-symlinks" "A volume has as many symbolic links as it says."
        NUM_OTHER "A1110" Error "volume-other-files" "A volume has as many devices, pipes and sockets as it says."
        NUM_SNAPSHOTS "A1111" Error "volume-snapshots" "A volume has as many snapshots as it says."
        ALLOC_COUNT "A1112" Error "volume-blocks" "A volume uses as many blocks as it says."
        QUOTA "A1113" Error "volume-quota" "A volume does not reserve nor use more blocks than its quota."
        TOTALS "A1114" Error "volume-totals" "A volume has not freed more blocks than it ever took."
        TREE_TYPES "A1115" Error "volume-tree-types" "A volume names its trees' types as they are."
        MODIFIED_BY "A1116" Warning "volume-history" "The writers of a volume are listed newest first, without gaps."
        NEXT_OBJ_ID "A1117" Error "next-file-id" "The next id of a volume is above all its ids."
        NEXT_DOC_ID "A1118" Error "next-document-id" "The next document id of a volume is above all its document ids."
        META_CRYPTO "A1119" Warning "volume-crypto" "The volume's own key state is of version 5, or empty."
        SEALED "A1120" Error "volume-sealed" "A volume has a seal and an extent tree exactly if it is sealed."
        CASE_FLAGS "A1121" Error "volume-case" "A volume compares names in one way."
        PFK_FLAGS "A1122" Warning "volume-file-keys" "Feature and flag for per-file keys are set together."
        VOLUME_RESERVED "A1123" Warning "volume-reserved" "Reserved fields of a volume are 0."
        VOLUME_XID "A1124" Error "volume-transaction" "Transactions that a volume names are not above its own."
        REVERT "A1125" Note "volume-revert" "A volume waits to be reverted to a snapshot."
    }
    VOLUME_GROUP "A12" "volume groups" {
        GROUP_FEATURE "A1201" Warning "group-feature" "Members of volume groups have the feature for it, and no one else has."
        GROUP_ROLES "A1202" Error "group-roles" "A volume group has one system and one data volume, and no others."
        GROUP_IDS "A1203" Error "group-ids" "File ids of the system and the data volume of a group are apart."
        SAME_UUID "A1204" Error "volume-uuid-twice" "No two volumes have the same id."
    }
    KEYS "A13" "keys" {
        KEY_FORM "A1301" Error "key-size" "Keys have the size of their type."
        RECORD_TYPE "A1302" Warning "record-type" "Types of records are known and in the tree where they belong."
        NAME_HASH "A1303" Error "name-hash" "The hash in a directory key is that of the name."
        NAME_UTF8 "A1304" Warning "name-utf8" "Names are UTF-8."
        NAME_TWICE "A1305" Error "name-twice" "A directory has no two entries of the same name."
    }
    INODE "A14" "inodes" {
        INODE_VALUE "A1401" Error "inode" "Inodes can be read."
        INODE_MODE "A1402" Error "inode-mode" "The mode of an inode has a known type."
        INODE_ID "A1403" Error "inode-id" "File ids below 16 are the root's and the private directory's."
        INODE_MISSING "A1404" Error "inode-missing" "Records of a file belong to an inode."
        NCHILDREN "A1405" Warning "directory-count" "A directory has as many entries as it says."
        NLINK "A1406" Error "link-count" "A file has as many names as it says."
        INODE_NAME "A1407" Error "inode-name" "Name and parent in an inode are those of its directory record."
        NO_ROOT "A1408" Error "root-missing" "A volume has a root directory and a private directory."
        FINDER_FLAG "A1409" Warning "finder-flag" "The flag for Finder info is set exactly if there is one."
        SPARSE_FLAG "A1410" Error "sparse-flag" "The flag for sparse files is set exactly if bytes of holes are counted."
        SIZE_FLAG "A1411" Error "size-flag" "An uncompressed size is kept only where the flag says so."
        RSRC_FLAGS "A1412" Error "fork-flags" "A file does not say both that it has a resource fork and that it has none."
        RSRC_FLAG "A1413" Warning "fork-flag" "The flag for resource forks is set exactly if there is one."
        PINNED "A1414" Error "pinned" "A file is not pinned to both devices."
        INODE_FLAGS "A1415" Warning "inode-flags" "Internal flags of inodes are known."
        BSD_FLAGS "A1416" Warning "file-flags" "Flags of files are known."
        PROTECTION_CLASS "A1417" Error "protection-class" "Protection classes are known."
        SECURITY_FLAG "A1418" Warning "security-flag" "The flag for access lists is set exactly if there is one."
        SYMLINK_TARGET "A1419" Error "symlink-target" "Symbolic links have a target, and nothing else has."
        NOT_A_FILE "A1420" Error "stream-owner" "Only regular files have data streams."
        DIR_LINKED "A1421" Error "directory-linked" "A directory is in one directory, once."
        DIR_LOST "A1422" Error "directory-lost" "Every directory can be reached from the root."
        NO_ENTRY "A1423" Error "inode-lost" "Every inode is in a directory."
        DOCUMENT_FLAG "A1424" Warning "document-flag" "Files have a document id exactly if they are tracked."
        INODE_PAD "A1425" Warning "inode-padding" "Padding in inodes is 0."
        DEVICE_NUMBER "A1426" Error "device-number" "Devices, and nothing else, have a device number."
        NLINK_RANGE "A1427" Error "link-count-range" "Numbers of links and entries are not negative."
    }
    XFIELDS "A15" "extended fields" {
        XFIELD_BLOB "A1501" Error "fields" "Extended fields lie inside their record and fill it."
        XFIELD_TYPE "A1502" Warning "field-type" "Types of extended fields are known."
        XFIELD_SIZE "A1503" Error "field-size" "Extended fields have the size of their type."
        XFIELD_TWICE "A1504" Error "field-twice" "No record has two extended fields of one type."
        XFIELD_PADDING "A1505" Warning "field-padding" "Padding of extended fields is 0."
        XFIELD_FLAGS "A1506" Warning "field-flags" "Flags of extended fields are known."
        XFIELD_EMPTY "A1507" Warning "fields-empty" "A blob of extended fields has at least one."
    }
    DREC "A16" "directory records" {
        DREC_VALUE "A1601" Error "directory-record" "Directory records can be read."
        DREC_TYPE "A1602" Error "directory-record-type" "The type in a directory record is that of the file."
        DREC_FLAGS "A1603" Warning "directory-record-flags" "Flags of directory records are known."
        DREC_TARGET "A1604" Error "directory-record-target" "Directory records lead to inodes."
        DREC_PARENT "A1605" Error "directory-record-parent" "Directory records are in directories."
    }
    SIBLINGS "A17" "hard links" {
        SIBLING_VALUE "A1701" Error "link" "Records of hard links can be read."
        SIBLING_NO_MAP "A1702" Error "link-map-missing" "Every hard link has a map record that leads to its file."
        SIBLING_NO_LINK "A1703" Error "link-missing" "Every map record has a hard link."
        SIBLING_NAMES "A1704" Error "link-names" "Hard links and directory records have the same names and numbers."
        SIBLING_ID "A1705" Error "link-id" "Numbers of hard links are not reserved and not used twice."
        SIBLING_BETA "A1706" Warning "link-maps-none" "A volume with hard links has map records."
        SIBLING_DIR "A1707" Warning "link-to-directory" "Directories have no hard links."
    }
    ORPHANS "A18" "orphans and purgeable files" {
        ORPHAN_NAME "A1801" Error "orphan-name" "Entries of the private directory are named for their file, and those of the purgeable one too."
        ORPHAN_LINKED "A1802" Error "orphan-linked" "Orphans have no other names."
    }
    DSTREAMS "A19" "data streams" {
        STREAM_ORDER "A1901" Error "stream-extents" "Extents of a stream follow one another from 0."
        STREAM_ALLOCATED "A1902" Error "stream-allocated" "The extents of a stream are as long as its allocated size."
        STREAM_SIZE "A1903" Error "stream-size" "A stream is not longer than what is allocated for it."
        STREAM_USERS "A1904" Error "stream-users" "A stream has as many users as it says."
        STREAM_SHARED "A1905" Error "stream-shared" "A stream belongs to files or to one attribute."
        STREAM_HOLES "A1906" Error "stream-holes" "The holes of a sparse file are as long as it says."
        STREAM_PREALLOC "A1907" Warning "stream-preallocated" "Extents are allocated in advance only on volumes with the feature."
        STREAM_UNUSED "A1908" Error "stream-unused" "Every data stream is used."
        STREAM_MISSING "A1909" Error "stream-missing" "Streams of files have a record that counts their users."
        EXTENT_VALUE "A1910" Error "file-extent" "File extents can be read, are whole blocks, and lie in the container."
        EXTENT_FLAGS "A1911" Warning "file-extent-flags" "Flags of file extents are known."
        STREAM_ATTRIBUTE "A1912" Error "attribute-stream" "Streams of attributes are not sparse and have no users counted."
        STREAM_VALUE "A1913" Error "stream-record" "Records that count users of streams can be read, and count at least one."
    }
    PHYS "A20" "physical extents" {
        PHYS_VALUE "A2001" Error "extent-reference" "Records of extent references can be read, are not empty, and lie in the container."
        PHYS_MISSING "A2002" Error "extent-unreferenced" "Blocks of files are in the extent reference trees."
        PHYS_COUNT "A2003" Error "extent-count" "Blocks have as many references as there are extents of files that use them."
        PHYS_KIND "A2004" Error "extent-kind" "Extent references are new or updates."
        PHYS_OVERLAP "A2005" Error "extent-overlap" "No block was allocated twice."
        PHYS_UPDATE "A2006" Error "extent-update" "Updates are about extents of older trees."
        PHYS_OWNER "A2007" Error "extent-owner" "New extents have an owner and updates have none."
        PHYS_UNUSED "A2008" Error "extent-unused" "Blocks that no file uses are kept by no one but snapshots."
    }
    XATTR "A21" "extended attributes" {
        XATTR_VALUE "A2101" Error "attribute" "Extended attributes can be read and are either in the record or in a stream."
        XATTR_LONG "A2102" Error "attribute-length" "Attributes in records are at most 3804 bytes long."
        XATTR_FLAGS "A2103" Warning "attribute-flags" "Flags of attributes are known."
        XATTR_OWNER "A2104" Warning "attribute-owner" "The target of a symbolic link is the file system's own attribute, and those of programs are not."
        XATTR_FORK "A2105" Warning "attribute-fork" "Resource forks are in streams."
        XATTR_EXCESS "A2106" Error "attribute-excess" "The record of an attribute ends with its value."
        FINDER_SIZE "A2107" Error "finder-info" "Finder info has 32 bytes and is kept once."
    }
    DECMPFS "A22" "compressed files" {
        DECMPFS_HEADER "A2201" Error "compression-header" "Headers of compressed files can be read."
        DECMPFS_FLAG "A2202" Error "compression-flag" "A file says that it is compressed exactly if it has a compression header."
        DECMPFS_TYPE "A2203" Warning "compression-type" "Types of compression are known."
        DECMPFS_FORK "A2204" Error "compression-fork" "Files compressed into their resource fork have one."
        DECMPFS_SIZE "A2205" Error "compression-size" "The size that a compressed file keeps is that of its header."
        DECMPFS_TABLE "A2206" Error "compression-table" "The table of chunks lies inside the fork."
    }
    CRYPTO "A23" "key states" {
        CRYPTO_VALUE "A2301" Error "key-state" "Key states can be read."
        CRYPTO_VERSION "A2302" Warning "key-state-version" "Key states are of version 5 with a known class."
        CRYPTO_PLAIN "A2303" Warning "key-state-unencrypted" "Volumes that are not encrypted have no key states but the one for software."
        CRYPTO_ID "A2304" Error "key-state-id" "Reserved numbers are no key states."
        CRYPTO_MISSING "A2305" Error "key-state-missing" "Key states that extents name are there."
    }
    DIR_STATS "A24" "directory statistics" {
        STATS_VALUE "A2401" Error "directory-statistics" "Statistics of directories can be read."
        STATS_MISSING "A2402" Error "directory-statistics-missing" "Statistics that a directory names are there."
        STATS_UNUSED "A2403" Warning "directory-statistics-unused" "Statistics belong to one directory."
        STATS_CHAIN "A2404" Error "directory-statistics-chain" "Statistics are chained to others that are there."
    }
    SNAPSHOTS "A25" "snapshots" {
        SNAP_VALUE "A2501" Error "snapshot" "Records of snapshots can be read."
        SNAP_NAME_MISSING "A2502" Error "snapshot-name-missing" "Every snapshot has a record by its name."
        SNAP_RECORD_MISSING "A2503" Error "snapshot-record-missing" "Every name of a snapshot leads to its record."
        SNAP_OMAP "A2504" Error "snapshot-not-mapped" "Every snapshot is in the object map, and the other way round."
        SNAP_XID "A2505" Error "snapshot-transaction" "Snapshots are not newer than their volume."
        SNAP_SUPERBLOCK "A2506" Error "snapshot-superblock" "The copy of the superblock that a snapshot keeps is sound and its volume's."
        SNAP_META_EXT "A2507" Warning "snapshot-metadata" "More metadata of a snapshot, where it is kept, is sound."
        SNAP_TREE_TYPE "A2508" Error "snapshot-tree-type" "A snapshot names the type of its extent reference tree."
        SNAP_FLAGS "A2509" Note "snapshot-flags" "Snapshots are not on their way out."
        SNAP_COUNT "A2510" Warning "snapshot-count" "The copy of the superblock counts the snapshots before it."
        SNAP_ROOT "A2511" Error "snapshot-tree" "The trees of a snapshot are there."
    }
    INTEGRITY "A26" "sealed volumes" {
        SEAL_FIELD "A2601" Error "seal" "The seal of a volume is there, of a known version and hash type, and its hash inside it."
        SEAL_BROKEN "A2602" Warning "seal-broken" "The seal of a volume is not marked as broken."
        SEAL_FILES "A2603" Error "seal-extents" "A sealed volume has its file extents in the tree for them."
        SEAL_HASH "A2604" Error "seal-hash" "Trees and data of a sealed volume have the hashes that are stored."
        SEAL_RESERVED "A2605" Warning "seal-reserved" "Reserved fields of a seal are 0."
    }
    KEYBAG "A27" "keybags" {
        KEYBAG_FORM "A2701" Error "keybag" "Keybags can be read: checksum, type, version and bounds of their entries."
        KEYBAG_TAG "A2702" Warning "keybag-tag" "Entries of keybags are of kinds that belong there."
        KEYBAG_MISSING "A2703" Error "keybag-missing" "Encrypted volumes have their keys in the container's keybag."
        KEYBAG_BLOB "A2704" Error "keybag-key" "Wrapped keys can be read and their check value is right."
    }
    JUMPSTART "A28" "EFI jumpstart" {
        JUMPSTART_FIELD "A2801" Error "jumpstart" "The EFI jumpstart has its magic number and version."
        JUMPSTART_EXTENTS "A2802" Error "jumpstart-extents" "The driver's extents are not empty, lie in the container, and cover it exactly."
    }
    FUSION "A29" "Fusion" {
        FUSION_TREE "A2901" Error "middle-tree" "The middle tree of a Fusion container can be read."
        FUSION_CACHE "A2902" Error "write-back-cache" "The write-back cache of a Fusion container can be read."
        FUSION_MEMBER "A2903" Warning "fusion-member" "Both devices of a Fusion container are here."
        FUSION_IDS "A2904" Warning "fusion-ids" "The lowest bit of the Fusion id is clear on the main device and set on tier 2."
        FUSION_SIZE "A2905" Error "fusion-device-size" "Both devices of a Fusion container are as long as the space manager says."
        MIDDLE_ENTRY "A2906" Error "middle-tree-entry" "The middle tree leads from blocks of tier 2 to blocks of the main device that are either newer or equal."
        MIDDLE_OVERLAP "A2907" Error "middle-tree-overlap" "Entries of the middle tree do not overlap."
        CACHE_ENTRY "A2908" Error "write-back-entry" "Entries of the write-back cache lead from the main device to tier 2."
        CACHE_OFFSETS "A2909" Error "write-back-offsets" "The offsets of the write-back cache fit its lists."
        CACHE_MISSING "A2910" Warning "write-back-missing" "A Fusion container has a write-back cache."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes begin with their group's and go up, names are unique, texts are sentences.
    #[test]
    fn in_order() {
        let all = rules();
        assert!(all.len() > 150);
        for pair in all.windows(2) {
            assert!(pair[0].code < pair[1].code, "{}", pair[1].code);
        }
        let mut names = alloc::collections::BTreeSet::new();
        for rule in all {
            assert!(rule.code.starts_with(rule.group.code) && rule.code.len() == 5, "{}", rule.code);
            assert!(names.insert(rule.name), "{}", rule.name);
            assert!(rule.text.ends_with('.'), "{}", rule.code);
        }
    }
}
