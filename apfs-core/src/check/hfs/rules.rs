//! The rules of HFS+ (sheet hfsplus, section 12), with codes that never change their meaning.

use crate::check::rule::{Group, Rule, Severity};

macro_rules! groups {
    ($($id:ident = $code:literal $name:literal;)*) => {
        $(static $id: Group = Group { code: $code, name: $name };)*
    };
}

macro_rules! rules {
    ($($id:ident = $group:ident $code:literal $severity:ident $name:literal $text:literal;)*) => {
        $(pub(super) static $id: Rule = Rule::new(&$group, $code, Severity::$severity, $name, $text);)*

        /// All rules of HFS+, in the order of their codes.
        pub static RULES: &[&Rule] = &[$(&$id),*];
    };
}

groups! {
    HEADER = "H01" "volume header";
    WRAPPER = "H02" "wrapper";
    JOURNAL = "H03" "journal";
    TREE = "H04" "B-tree headers";
    MAP = "H05" "B-tree node maps";
    NODE = "H06" "B-tree nodes";
    CATALOG = "H07" "catalog";
    EXTENTS = "H08" "extents overflow";
    FORK = "H09" "forks";
    BITMAP = "H10" "allocation bitmap";
    ATTRIBUTE = "H11" "attributes";
    LINK = "H12" "hard links";
    COMPRESSION = "H13" "compression";
    SPECIAL = "H14" "symbolic links and special files";
}

rules! {
    HEADER_DAMAGED = HEADER "H0101" Error "header-damaged"
        "The volume header and all it leads to can be read.";
    HEADER_COPY = HEADER "H0102" Warning "header-copy-missing"
        "A valid copy of the volume header stands near the end of the volume.";
    HEADER_DIFFERS = HEADER "H0103" Error "header-copy-differs"
        "The copy of the volume header describes the same structure.";
    HEADER_PAST_END = HEADER "H0104" Error "volume-past-end"
        "All blocks of the volume are on the device.";
    FILE_COUNT = HEADER "H0105" Error "file-count"
        "fileCount is the number of file records in the catalog.";
    FOLDER_COUNT = HEADER "H0106" Error "folder-count"
        "folderCount is the number of folder records in the catalog, the root excepted.";
    FREE_BLOCKS = HEADER "H0107" Error "free-blocks"
        "freeBlocks is the number of clear bits in the allocation bitmap.";
    NEXT_CNID = HEADER "H0108" Error "next-cnid"
        "nextCatalogID is above every number in use, unless numbers are used again, and not reserved.";
    UNCLEAN = HEADER "H0109" Note "not-unmounted"
        "The volume was unmounted cleanly.";
    INCONSISTENT = HEADER "H0110" Warning "said-inconsistent"
        "The volume does not say of itself that it is inconsistent.";
    ATTRIBUTES = HEADER "H0111" Warning "header-attributes"
        "Only known attributes are set in the volume header, and none that means nothing on a disk.";
    DATES = HEADER "H0112" Warning "creation-dates"
        "The creation date of the header, in local time, is a time zone away from that of the root folder.";
    ENCODINGS = HEADER "H0113" Warning "encodings"
        "encodingsBitmap has the encoding of every record.";
    BLESSED = HEADER "H0114" Warning "blessed-folders"
        "The folders that the Finder information of the header names exist.";
    SPARED = HEADER "H0115" Warning "spared-blocks"
        "The attribute for bad blocks is set exactly if the bad-block file has extents.";
    NEXT_ALLOCATION = HEADER "H0116" Warning "next-allocation"
        "nextAllocation is a block of the volume.";
    LAST_MOUNTED = HEADER "H0117" Warning "last-mounted"
        "The journal was not given up when the volume was last mounted, and who did that has a printable name.";
    CLUMPS = HEADER "H0118" Note "clump-sizes"
        "Clump sizes are multiples of the block size.";
    WRAPPER_GEOMETRY = WRAPPER "H0201" Warning "wrapper-geometry"
        "The embedded volume ends where its wrapper says.";
    JOURNAL_DAMAGED = JOURNAL "H0301" Error "journal-damaged"
        "Info block, header and transactions of the journal are sound.";
    JOURNAL_DIRTY = JOURNAL "H0302" Note "journal-not-replayed"
        "All transactions of the journal are in place. If not, the volume is checked as it will be once they are.";
    JOURNAL_FILES = JOURNAL "H0303" Error "journal-files"
        "The files of the journal lie where header and info block say.";
    JOURNAL_ELSEWHERE = JOURNAL "H0304" Note "journal-elsewhere"
        "The journal lies in the volume and has been written.";
    JOURNAL_BLOCK = JOURNAL "H0305" Warning "journal-info-block"
        "A volume without a journal names no info block.";
    TREE_UNREADABLE = TREE "H0401" Error "tree-unreadable"
        "The header and root of a tree can be read.";
    TREE_DEPTH = TREE "H0402" Error "tree-depth"
        "treeDepth is the number of levels.";
    TREE_RECORDS = TREE "H0403" Error "leaf-records"
        "leafRecords is the number of records in all leaves.";
    FIRST_LEAF = TREE "H0404" Error "first-leaf"
        "firstLeafNode is the leaf with the lowest keys.";
    LAST_LEAF = TREE "H0405" Error "last-leaf"
        "lastLeafNode is the leaf with the highest keys.";
    MAX_KEY = TREE "H0406" Error "max-key-length"
        "maxKeyLength is that of the kind of tree.";
    TOTAL_NODES = TREE "H0407" Error "total-nodes"
        "totalNodes is how many nodes the tree's file has room for.";
    FREE_NODES = TREE "H0408" Error "free-nodes"
        "freeNodes is the number of clear bits in the map of nodes.";
    TREE_FIELDS = TREE "H0409" Warning "tree-header-fields"
        "Type, attributes and reserved fields of a tree's header are as usual.";
    HEADER_NODE = TREE "H0410" Error "header-node"
        "The header node has three records in their places.";
    MAP_FREE = MAP "H0501" Error "node-used-but-free"
        "Every node that is reached is marked as used.";
    MAP_LOST = MAP "H0502" Error "node-not-reached"
        "Every node that is marked as used is reached from the root or the header.";
    MAP_NODE = MAP "H0503" Error "map-node"
        "Map nodes form a chain that has a bit for every node.";
    MAP_TRAILING = MAP "H0504" Warning "map-trailing-bits"
        "Bits behind the last node are clear.";
    UNUSED_NODE = MAP "H0505" Warning "unused-node-not-zero"
        "Unused nodes are zeros, if the volume says so.";
    MAP_LEAK = MAP "H0506" Warning "node-leaked"
        "Every node that is marked as used holds something.";
    NODE_UNREADABLE = NODE "H0601" Error "node-unreadable"
        "Every node can be read.";
    NODE_HEAD = NODE "H0602" Error "node-descriptor"
        "Kind, height, links and number of records of a node make sense.";
    NODE_OFFSETS = NODE "H0603" Error "node-offsets"
        "Records of a node lie one after another inside of it.";
    NODE_KEYS = NODE "H0604" Error "node-keys"
        "Keys have valid lengths and increase.";
    NODE_HEIGHT = NODE "H0605" Error "node-height"
        "A node is one lower than the node that leads to it.";
    NODE_NEXT = NODE "H0606" Error "node-next"
        "fLink is the next node of the level.";
    NODE_PREVIOUS = NODE "H0607" Error "node-previous"
        "bLink is the previous node of the level.";
    NODE_SEPARATOR = NODE "H0608" Error "node-separator"
        "The key that leads to a node is the node's first key.";
    NODE_TWICE = NODE "H0609" Error "node-reached-twice"
        "Every node is reached once.";
    NODE_BOUNDS = NODE "H0610" Error "node-bounds"
        "All keys of a node are below the key that leads to the next one.";
    NODE_RESERVED = NODE "H0611" Warning "node-reserved"
        "The reserved field of a node is zero.";
    NODE_CHILD = NODE "H0612" Error "node-child"
        "An index record leads to a node of the tree.";
    RECORD = CATALOG "H0701" Error "catalog-record"
        "A record of the catalog is of a known type and as long as that.";
    RECORD_KEY = CATALOG "H0702" Error "catalog-key"
        "Threads have keys without a name, files and folders have keys with one.";
    THREAD_MISSING = CATALOG "H0703" Error "thread-missing"
        "Every folder and file has a thread, files of very old systems excepted.";
    THREAD_DIFFERS = CATALOG "H0704" Error "thread-differs"
        "A thread names folder, name and kind of its file or folder.";
    THREAD_ALONE = CATALOG "H0705" Error "thread-alone"
        "Every thread belongs to a file or folder.";
    CNID = CATALOG "H0706" Error "cnid"
        "Numbers of files and folders are not reserved ones.";
    CNID_TWICE = CATALOG "H0707" Error "cnid-twice"
        "No two records have the same number.";
    PARENT = CATALOG "H0708" Error "parent-missing"
        "Everything lies in a folder that exists.";
    VALENCE = CATALOG "H0709" Error "valence"
        "valence is the number of entries of a folder.";
    SUBFOLDERS = CATALOG "H0710" Error "subfolders"
        "folderCount, if kept, is the number of folders in a folder.";
    NAME = CATALOG "H0711" Warning "name-form"
        "Names are decomposed as the format demands, and can be found by what they read.";
    MODE = CATALOG "H0712" Warning "mode"
        "The mode says folder for folders, and something else for files.";
    FLAGS = CATALOG "H0713" Warning "record-flags"
        "Flags of a record are known and fit its kind.";
    LOOP = CATALOG "H0714" Error "folder-loop"
        "Every folder is reached from the root.";
    RESERVED = CATALOG "H0715" Warning "record-reserved"
        "Reserved fields of a record are zero.";
    ROOT = CATALOG "H0716" Error "root-folder"
        "There is a root folder, and nothing else beside it.";
    THREAD_FLAG = CATALOG "H0717" Warning "thread-flag"
        "The flag for a thread is set on files, which have one.";
    EXTENT_RECORD = EXTENTS "H0801" Error "extent-record"
        "A record of the extents overflow file has a valid key and eight extents.";
    EXTENT_ALONE = EXTENTS "H0802" Error "extent-record-alone"
        "Every record of the extents overflow file belongs to a fork that needs it.";
    EXTENT_MISSING = EXTENTS "H0803" Error "extents-missing"
        "A fork with more than eight extents has records that continue it without a gap.";
    EXTENT_RANGE = FORK "H0901" Error "extent-past-end"
        "Extents lie inside the volume.";
    EXTENT_LIST = FORK "H0902" Error "extent-list"
        "The first empty extent ends the list.";
    EXTENT_OVERLAP = FORK "H0903" Error "extents-overlap"
        "No block belongs to two files, or twice to one.";
    FORK_BLOCKS = FORK "H0904" Error "fork-blocks"
        "totalBlocks is the number of blocks of all extents.";
    FORK_SIZE = FORK "H0905" Error "fork-size"
        "A fork has blocks for all its bytes.";
    BITMAP_UNREADABLE = BITMAP "H1001" Error "bitmap-unreadable"
        "The allocation bitmap can be read and has a bit for every block.";
    BITMAP_FREE = BITMAP "H1002" Error "block-used-but-free"
        "Every block in use is marked as used.";
    BITMAP_LEAK = BITMAP "H1003" Warning "block-leaked"
        "Every block that is marked as used belongs to something.";
    BITMAP_TRAILING = BITMAP "H1004" Warning "bitmap-trailing-bits"
        "Bits behind the last block are clear.";
    ATTRIBUTE_RECORD = ATTRIBUTE "H1101" Error "attribute-record"
        "A record of the attributes file is of a known type and as long as that.";
    ATTRIBUTE_OWNER = ATTRIBUTE "H1102" Error "attribute-owner"
        "Every attribute belongs to a file or folder.";
    ATTRIBUTE_FLAG = ATTRIBUTE "H1103" Warning "attribute-flag"
        "The flag for attributes is set exactly on what has some.";
    SECURITY_FLAG = ATTRIBUTE "H1104" Warning "security-flag"
        "The flag for an access control list is set exactly on what has one.";
    ATTRIBUTE_EXTENTS = ATTRIBUTE "H1105" Error "attribute-extents"
        "More extents of an attribute continue its fork without a gap, and belong to one.";
    ATTRIBUTE_KEY = ATTRIBUTE "H1106" Warning "attribute-key"
        "Attributes have names, and unused fields of their records are zero.";
    LINK_TARGET = LINK "H1201" Error "link-target"
        "Every hard link leads to a file or folder in a private folder.";
    LINK_COUNT = LINK "H1202" Error "link-count"
        "linkCount is the number of hard links.";
    LINK_CHAIN = LINK "H1203" Error "link-chain"
        "Links of one file name each other, and the file names the first.";
    LINK_CONTENT = LINK "H1204" Error "link-content"
        "A hard link to a file has no content of its own.";
    LINK_ORPHAN = LINK "H1205" Warning "link-orphan"
        "Every file in the private folder has links, or waits to be deleted.";
    LINK_FLAG = LINK "H1206" Warning "link-flag"
        "A link and what it leads to both say that they are connected, or neither.";
    LINK_NAME = LINK "H1207" Warning "link-name"
        "What lies in a private folder has the name that its number demands.";
    LINK_DATE = LINK "H1208" Note "link-date"
        "A link has the creation date of the private folder or of the root.";
    COMPRESSED_FLAG = COMPRESSION "H1301" Warning "compressed-flag"
        "Files with the flag for compression have the attribute for it, and the other way round.";
    COMPRESSED_HEADER = COMPRESSION "H1302" Error "compressed-content"
        "The header of a compressed file, and the table of its chunks, make sense.";
    COMPRESSED_DATA = COMPRESSION "H1303" Warning "compressed-data-fork"
        "A compressed file has no data fork.";
    SYMLINK_EMPTY = SPECIAL "H1401" Error "symlink-empty"
        "A symbolic link has a target.";
    SYMLINK_TYPE = SPECIAL "H1402" Note "symlink-type"
        "A symbolic link has the Finder type and creator of one.";
    SPECIAL_DATA = SPECIAL "H1403" Warning "special-file-data"
        "Devices, pipes and sockets have no content.";
    SYMLINK_LONG = SPECIAL "H1404" Warning "symlink-long"
        "The target of a symbolic link has at most 1,024 bytes, as macOS demands.";
}
