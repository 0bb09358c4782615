/* C interface of the apfs library. Generated from apfs-ffi/src: change it there.
 *
 * Conventions: apfs-ffi/README.md. In short: a call that can fail returns a status, writes its results only on
 * success, and takes an error object as its last parameter, which may be NULL. const means that nothing is changed.
 * What has _open has _free. Names are bytes with a length. */

#ifndef APFS_H
#define APFS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Version of the header as text.
#define APFS_VERSION "0.1.0"

// Check flag: read the trees of all snapshots too.
#define APFS_CHECK_SNAPSHOTS 1

// Container flag: newer checkpoints are damaged and were passed over; this is an older state.
#define APFS_CONTAINER_OLDER 1

// Container flag: the checkpoint's own objects (space manager, ...) are damaged; files can still be read.
#define APFS_CONTAINER_EPHEMERAL_DAMAGE 2

// `apfs_change.old_path` is known.
#define APFS_CHANGE_OLD_PATH 1

// `apfs_change.before` is known.
#define APFS_CHANGE_BEFORE 2

// `apfs_change.after` is known.
#define APFS_CHANGE_AFTER 4

// Field that differs: type or permissions.
#define APFS_FIELD_MODE 1

// Field that differs: owner.
#define APFS_FIELD_UID 2

// Field that differs: group.
#define APFS_FIELD_GID 4

// Field that differs: number of names.
#define APFS_FIELD_NLINK 8

// Field that differs: number of entries of a directory.
#define APFS_FIELD_NCHILDREN 16

// Field that differs: size as a program reads it.
#define APFS_FIELD_SIZE 32

// Field that differs: bytes allocated.
#define APFS_FIELD_ALLOCATED 64

// Field that differs: bytes of holes.
#define APFS_FIELD_SPARSE 128

// Field that differs: last change of the content.
#define APFS_FIELD_MTIME 256

// Field that differs: last change of the metadata.
#define APFS_FIELD_CTIME 512

// Field that differs: creation.
#define APFS_FIELD_BTIME 1024

// Field that differs: last access.
#define APFS_FIELD_ATIME 2048

// Field that differs: BSD flags.
#define APFS_FIELD_BSD_FLAGS 4096

// Field that differs: flags that the file system keeps for itself.
#define APFS_FIELD_INTERNAL_FLAGS 8192

// Field that differs: id of the data stream, as when a clone gets data of its own.
#define APFS_FIELD_STREAM 16384

// Field that differs: device number.
#define APFS_FIELD_RDEV 32768

// Field that differs: document id.
#define APFS_FIELD_DOCUMENT_ID 65536

// Field that differs: way of compression.
#define APFS_FIELD_COMPRESSION 131072

// Field that differs: protection class.
#define APFS_FIELD_PROTECTION_CLASS 262144

// Field that differs: counter of data changes.
#define APFS_FIELD_WRITE_GENERATION 524288

// Field that differs: something in the inode that has no name here, where nothing else of it differs.
#define APFS_FIELD_OTHER 1048576

// Entry flag: `added_ns` is known.
#define APFS_DIR_ENTRY_ADDED 1

// Entry flag: `link_id` is known.
#define APFS_DIR_ENTRY_LINK_ID 2

// Entry flag: the file system keeps it for itself and a Mac does not show it: private folders and journal files of
// HFS+. Listed by `apfs_dir_open_all` alone.
#define APFS_DIR_ENTRY_PRIVATE 4

// `apfs_place.offset` is known.
#define APFS_PLACE_OFFSET 1

// `apfs_place.block` is known.
#define APFS_PLACE_BLOCK 2

// `apfs_place.oid` is known.
#define APFS_PLACE_OID 4

// `apfs_place.xid` is known.
#define APFS_PLACE_XID 8

// `apfs_place.node` is known.
#define APFS_PLACE_NODE 16

// `apfs_place.cnid` is known.
#define APFS_PLACE_CNID 32

// Stream: the content as a program reads it.
#define APFS_STREAM_DATA 0

// Stream: the data stream as stored, compressed or not.
#define APFS_STREAM_RAW 1

// Stream: the resource fork.
#define APFS_STREAM_RESOURCE_FORK 2

// Stream: the value of the extended attribute of a name.
#define APFS_STREAM_XATTR 3

// Merge flag: System as it is live, not at the snapshot that a Mac starts from.
#define APFS_MERGE_SYSTEM_LIVE 1

// Merge flag: System and the others without Data, as if there were none: for Data that is locked or damaged.
#define APFS_MERGE_WITHOUT_DATA 2

// HFS+ flag: the volume header is damaged or leads nowhere, and its copy is used.
#define APFS_HFS_FROM_COPY 1

// HFS+ flag: it is embedded in a classic HFS volume.
#define APFS_HFS_WRAPPED 2

// HFS+ flag: `a` and `A` are two names.
#define APFS_HFS_CASE_SENSITIVE 4

// HFS+ flag: it was not unmounted cleanly.
#define APFS_HFS_DIRTY 8

// HFS+ flag: `created_local_ns` is known.
#define APFS_HFS_CREATED 16

// HFS+ flag: `modified_ns` is known.
#define APFS_HFS_MODIFIED 32

// HFS+ flag: `backed_up_ns` is known.
#define APFS_HFS_BACKED_UP 64

// HFS+ flag: `checked_ns` is known.
#define APFS_HFS_CHECKED 128

// Checksums: refuse an object whose checksum does not match.
#define APFS_CHECKSUMS_REQUIRE 0

// Checksums: call `finding` and go on with the bytes as they are.
#define APFS_CHECKSUMS_REPORT 1

// Checksums: do not look at them.
#define APFS_CHECKSUMS_IGNORE 2

// Options flag: go on in spite of features that this version does not know. Answers may be wrong.
#define APFS_OPTIONS_FORCE 1

// Options flag: show HFS+ volumes as they are stored, without what their journals would change.
#define APFS_OPTIONS_NO_JOURNAL 2

// Protection flag: the volume's key is bound to the hardware of the device that made it.
#define APFS_PROTECTION_HARDWARE_BOUND 1

// Protection flag: taken over from CoreStorage (FileVault on HFS+) by a conversion.
#define APFS_PROTECTION_FROM_CORE_STORAGE 2

// Protection flag: encryption is being changed and not finished; see `rolling_percent` and `rolling_flags`.
#define APFS_PROTECTION_ROLLING 4

// Unlock record flag: it also needs the hardware of the device that made it.
#define APFS_UNLOCK_HARDWARE_BOUND 1

// Unlock record flag: it should be opened by a password and is damaged.
#define APFS_UNLOCK_DAMAGED 2

// Unlock record flag: something that a person can type opens it.
#define APFS_UNLOCK_TAKES_PASSWORD 4

// Scan flag: also what the file system keeps for itself, see APFS_DIR_ENTRY_PRIVATE.
#define APFS_SCAN_PRIVATE 1

// Scan entry flag: `link_id` is known.
#define APFS_SCAN_ENTRY_LINK_ID 1

// Scan entry flag: the file system keeps it for itself, or it lies below such a directory.
#define APFS_SCAN_ENTRY_PRIVATE 2

// Secret: a password as typed, in UTF-8, or a personal recovery key with its dashes.
#define APFS_SECRET_PASSWORD 0

// Secret: a key itself. Of an APFS volume 32 bytes, or 16 after a conversion from CoreStorage; of an encrypted disk
// image 36 or 52 bytes, the AES key and the 20 bytes of the HMAC key behind it.
#define APFS_SECRET_KEY 1

// Snapshot flag of this library: it is on its way out (being deleted, merged, ...) and opens only by force.
#define APFS_SNAPSHOT_UNUSABLE 1

// Snapshot flag of this library: its deletion has begun.
#define APFS_SNAPSHOT_PENDING_DELETION 2

// Snapshot flag of this library: it was given up by a revert.
#define APFS_SNAPSHOT_REVERTED 4

// Snapshot flag of this library: it is being merged away.
#define APFS_SNAPSHOT_MERGING 8

// Snapshot flag of this library: it is giving up its data.
#define APFS_SNAPSHOT_PENDING_DATALESS 16

// Snapshot flag of this library: its name is one that macOS gives to a snapshot whose deletion has begun.
#define APFS_SNAPSHOT_PURGATORY 32

// Snapshot flag of this library: the object map does not keep its state.
#define APFS_SNAPSHOT_UNMAPPED 64

// Source flag: `read` may be called from several threads at once. Without it one call is made at a time.
#define APFS_SOURCE_PARALLEL 1

// Device: the only one, or the fast one of a Fusion pair.
#define APFS_DEVICE_MAIN 0

// Device: the slow one of a Fusion pair.
#define APFS_DEVICE_TIER2 1

// Major version of the header.
#define APFS_VERSION_MAJOR 0

// Minor version of the header.
#define APFS_VERSION_MINOR 1

// Patch version of the header.
#define APFS_VERSION_PATCH 0

// Version of the header as one number that grows: major << 16 | minor << 8 | patch.
#define APFS_VERSION_NUMBER (((APFS_VERSION_MAJOR << 16) | (APFS_VERSION_MINOR << 8)) | APFS_VERSION_PATCH)

// Path flag: a symbolic link at the end of the path is meant itself, not its target.
#define APFS_NO_FOLLOW 1

// `apfs_stat.nchildren` is known.
#define APFS_STAT_NCHILDREN 1

// `apfs_stat.sparse_bytes` is known.
#define APFS_STAT_SPARSE_BYTES 2

// `apfs_stat.modified_ns` is known.
#define APFS_STAT_MODIFIED 4

// `apfs_stat.changed_ns` is known.
#define APFS_STAT_CHANGED 8

// `apfs_stat.created_ns` is known.
#define APFS_STAT_CREATED 16

// `apfs_stat.accessed_ns` is known.
#define APFS_STAT_ACCESSED 32

// `apfs_stat.rdev` is known.
#define APFS_STAT_RDEV 64

// `apfs_stat.document_id` is known.
#define APFS_STAT_DOCUMENT_ID 128

// The file is compressed, `apfs_stat.compression` says how.
#define APFS_STAT_COMPRESSION 256

// `apfs_stat.resource_size` is known.
#define APFS_STAT_RESOURCE_SIZE 512

// Volume flag of this library: encrypted.
#define APFS_VOLUME_ENCRYPTED 1

// Volume flag of this library: sealed, its tree is hashed.
#define APFS_VOLUME_SEALED 2

// Volume flag of this library: names that differ in case only are the same name.
#define APFS_VOLUME_CASE_INSENSITIVE 4

// Volume flag of this library: encrypted, and not unlocked so far. Secrets of options are tried when a view is opened.
#define APFS_VOLUME_LOCKED 8

// Result of a call: whose fault it is if it failed.
typedef enum apfs_status {
    // Done.
    APFS_STATUS_OK = 0,
    // The device or the operating system failed.
    APFS_STATUS_IO = 1,
    // The image is damaged; the error object names the place.
    APFS_STATUS_CORRUPT = 2,
    // The image is sound, this version can't read it.
    APFS_STATUS_UNSUPPORTED = 3,
    // A key is needed.
    APFS_STATUS_LOCKED = 4,
    // A configured ceiling was reached.
    APFS_STATUS_LIMIT = 5,
    // There is nothing of that name or number.
    APFS_STATUS_NOT_FOUND = 6,
    // There is something of another kind: a file where a directory is needed, too many symbolic links.
    APFS_STATUS_WRONG_KIND = 7,
    // The caller stopped it.
    APFS_STATUS_CANCELLED = 8,
    // The calling code is wrong: NULL where something is needed, an unknown flag.
    APFS_STATUS_MISUSE = 9,
    // A failure that this version of the header has no number for.
    APFS_STATUS_OTHER = 99,
    // A bug in the library. The call had no effect; the handles stay usable.
    APFS_STATUS_PANIC = 100,
} apfs_status;

// How bad it is when a rule is broken.
typedef enum apfs_severity {
    // Worth knowing, nothing is wrong.
    APFS_SEVERITY_NOTE = 1,
    // Unusual, or wrong where no file can suffer from it.
    APFS_SEVERITY_WARNING = 2,
    // Wrong: something is lost, or will be when the volume is written to.
    APFS_SEVERITY_ERROR = 3,
} apfs_severity;

// Which file system a volume is.
typedef enum apfs_volume_kind {
    // Not known, since it can't be opened.
    APFS_VOLUME_KIND_UNKNOWN = 0,
    // APFS.
    APFS_VOLUME_KIND_APFS = 1,
    // HFS+ (Mac OS Extended).
    APFS_VOLUME_KIND_HFS_PLUS = 2,
    // HFSX: HFS+ that says itself how names are compared.
    APFS_VOLUME_KIND_HFSX = 3,
} apfs_volume_kind;

// What happened to a name, or to the file behind it.
typedef enum apfs_op {
    // Nothing: there is no change.
    APFS_OP_NONE = 0,
    // The name is in the second state only. Of a file with several names it may be one more of them.
    APFS_OP_CREATED = 1,
    // The name is in the first state only. A file with several names may have kept others.
    APFS_OP_DELETED = 2,
    // The file has another name or is in another directory. What is in a renamed directory is not listed for that.
    APFS_OP_RENAMED = 3,
    // Name and directory are the same; metadata, data or attributes are not.
    APFS_OP_MODIFIED = 4,
} apfs_op;

// Type of a file; the numbers are those of the type bits of a POSIX mode.
typedef enum apfs_kind {
    // None of the others.
    APFS_KIND_UNKNOWN = 0,
    // Named pipe.
    APFS_KIND_FIFO = 1,
    // Character device.
    APFS_KIND_CHAR_DEVICE = 2,
    // Directory.
    APFS_KIND_DIR = 4,
    // Block device.
    APFS_KIND_BLOCK_DEVICE = 6,
    // Regular file.
    APFS_KIND_FILE = 8,
    // Symbolic link.
    APFS_KIND_SYMLINK = 10,
    // Socket.
    APFS_KIND_SOCKET = 12,
    // Whiteout of a union mount.
    APFS_KIND_WHITEOUT = 14,
} apfs_kind;

// What happened to an extended attribute.
typedef enum apfs_xattr_op {
    // It is in the second state only.
    APFS_XATTR_OP_CREATED = 1,
    // It is in the first state only.
    APFS_XATTR_OP_DELETED = 2,
    // Its value, or how that is stored, differs.
    APFS_XATTR_OP_CHANGED = 3,
} apfs_xattr_op;

// What is in a partition.
typedef enum apfs_content {
    // Nothing known.
    APFS_CONTENT_UNKNOWN = 0,
    // An APFS container.
    APFS_CONTENT_APFS = 1,
    // An HFS+ or HFSX volume, also in an HFS wrapper.
    APFS_CONTENT_HFS_PLUS = 2,
    // Something else, named by `content_text`.
    APFS_CONTENT_OTHER = 3,
} apfs_content;

// What one run of a stream is.
typedef enum apfs_extent_kind {
    // Bytes in the container.
    APFS_EXTENT_KIND_DATA = 0,
    // Nothing is stored: zeros.
    APFS_EXTENT_KIND_HOLE = 1,
    // Space is reserved and never written: zeros.
    APFS_EXTENT_KIND_UNWRITTEN = 2,
    // Of a kind that this header does not name.
    APFS_EXTENT_KIND_OTHER = 3,
} apfs_extent_kind;

// What a volume is in a group.
typedef enum apfs_membership {
    // System: one on a Mac.
    APFS_MEMBERSHIP_SYSTEM = 1,
    // Data: one on a Mac.
    APFS_MEMBERSHIP_DATA = 2,
    // A member with another role: none on a Mac.
    APFS_MEMBERSHIP_OTHER = 3,
    // Not in the group but in the same container, and macOS shows it in the same tree: Preboot, VM, ...
    APFS_MEMBERSHIP_COMPANION = 4,
} apfs_membership;

// What the journal of a volume asks for.
typedef enum apfs_journal_state {
    // The volume has no journal.
    APFS_JOURNAL_STATE_NONE = 0,
    // Empty: the volume is as it is stored.
    APFS_JOURNAL_STATE_CLEAN = 1,
    // It holds changes, and the volume is shown with them; without them if it was opened with
    // APFS_OPTIONS_NO_JOURNAL.
    APFS_JOURNAL_STATE_DIRTY = 2,
    // Not written yet: whoever mounts the volume first has to make it.
    APFS_JOURNAL_STATE_NEEDS_INIT = 3,
    // On another device, which may hold changes that are missing here.
    APFS_JOURNAL_STATE_ON_OTHER_DEVICE = 4,
    // Damaged, and nothing of it can be replayed. The volume may lack changes.
    APFS_JOURNAL_STATE_UNUSABLE = 5,
    // Of a kind that this header does not name.
    APFS_JOURNAL_STATE_OTHER = 99,
} apfs_journal_state;

// Why something is still locked, and so what would help.
typedef enum apfs_lock_reason {
    // The error is of another kind.
    APFS_LOCK_REASON_NONE = 0,
    // No password or key was given, and one of them would do.
    APFS_LOCK_REASON_NEEDS_SECRET = 1,
    // None of the passwords and keys that were given fits.
    APFS_LOCK_REASON_WRONG_SECRET = 2,
    // Every file has a key of its own, wrapped by the secure hardware of its device (iOS, T2, Apple silicon).
    APFS_LOCK_REASON_PER_FILE_KEYS = 3,
    // All keys are wrapped by secure hardware (T2, Apple silicon).
    APFS_LOCK_REASON_HARDWARE_BOUND = 4,
    // Only a private key that an institution keeps opens it.
    APFS_LOCK_REASON_INSTITUTIONAL_KEY = 5,
    // Only a key kept in an iCloud account opens it.
    APFS_LOCK_REASON_ICLOUD_KEY = 6,
    // There is no record that would open it.
    APFS_LOCK_REASON_NO_KEY = 7,
    // Its encryption is being changed; the message says how far it is, if that is known.
    APFS_LOCK_REASON_CONVERTING = 8,
    // Its key records are in a file on another partition (CoreStorage startup disks).
    APFS_LOCK_REASON_NEEDS_KEY_FILE = 9,
    // A reason that this version of the header has no number for.
    APFS_LOCK_REASON_OTHER = 99,
} apfs_lock_reason;

// How a file got its place in a merged tree.
typedef enum apfs_reached {
    // It is on System.
    APFS_REACHED_SYSTEM = 1,
    // It is on Data, and a firmlink shows it.
    APFS_REACHED_FIRMLINK = 2,
    // It is on a volume that stands in a directory of its own.
    APFS_REACHED_MOUNT = 3,
    // It is a directory that no volume has, shown so that others can be reached.
    APFS_REACHED_MADE_UP = 4,
} apfs_reached;

// What says that a directory is a firmlink.
typedef enum apfs_firmlink_source {
    // It is none.
    APFS_FIRMLINK_SOURCE_NONE = 0,
    // Its flag and its attribute `com.apple.fs.firmlink`.
    APFS_FIRMLINK_SOURCE_ATTRIBUTE = 1,
    // The list `/usr/share/firmlinks`.
    APFS_FIRMLINK_SOURCE_LIST = 2,
} apfs_firmlink_source;

// Which keys the files of a volume have.
typedef enum apfs_encryption {
    // Not encrypted.
    APFS_ENCRYPTION_NONE = 0,
    // One key for everything, which software can use.
    APFS_ENCRYPTION_VOLUME_KEY = 1,
    // A key for every file, wrapped by secure hardware.
    APFS_ENCRYPTION_FILE_KEYS = 2,
    // A kind that this version of the header has no number for.
    APFS_ENCRYPTION_OTHER = 99,
} apfs_encryption;

// Who or what an unlock record is for.
typedef enum apfs_unlock_kind {
    // A user of the Mac, by login password.
    APFS_UNLOCK_KIND_USER = 1,
    // The password of a disk that belongs to no Mac's users.
    APFS_UNLOCK_KIND_DISK_PASSWORD = 2,
    // The recovery key that was shown when FileVault was turned on.
    APFS_UNLOCK_KIND_PERSONAL_RECOVERY = 3,
    // A recovery certificate of an institution.
    APFS_UNLOCK_KIND_INSTITUTIONAL_RECOVERY = 4,
    // A user of an institution.
    APFS_UNLOCK_KIND_INSTITUTIONAL_USER = 5,
    // A recovery key kept in an iCloud account.
    APFS_UNLOCK_KIND_ICLOUD_RECOVERY = 6,
    // A user by an iCloud account.
    APFS_UNLOCK_KIND_ICLOUD_USER = 7,
    // A kind that this version of the header has no number for.
    APFS_UNLOCK_KIND_OTHER = 99,
} apfs_unlock_kind;

// What a check of a seal comes to.
typedef enum apfs_seal_verdict {
    // Everything is what the seal says.
    APFS_SEAL_VERDICT_INTACT = 1,
    // Everything is what the seal says, and the volume itself says that it was changed after it was sealed.
    APFS_SEAL_VERDICT_BROKEN = 2,
    // Something is not what the seal says, or could not be compared with it.
    APFS_SEAL_VERDICT_MISMATCH = 3,
    // The hash function is not known: nothing could be compared.
    APFS_SEAL_VERDICT_UNKNOWN = 4,
} apfs_seal_verdict;

// What is not as it should be.
typedef enum apfs_space_finding_kind {
    // Blocks that are in use, and nothing refers to them.
    APFS_SPACE_FINDING_KIND_LEAKED = 1,
    // Blocks that two owners have.
    APFS_SPACE_FINDING_KIND_CLAIMED_TWICE = 2,
    // Blocks that someone owns and the bitmaps say are free.
    APFS_SPACE_FINDING_KIND_NOT_ALLOCATED = 3,
    // Something could not be read: what it owns is among the leaked blocks.
    APFS_SPACE_FINDING_KIND_DAMAGED = 4,
    // A kind that this header does not name.
    APFS_SPACE_FINDING_KIND_OTHER = 99,
} apfs_space_finding_kind;

// An APFS container at one checkpoint.
typedef struct apfs_container apfs_container;

// A comparison of two states: where it stands, and its last batch. Used by one thread at a time.
typedef struct apfs_delta apfs_delta;

// A listing of a directory: where it stands, and the names of the last batch. Used by one thread at a time.
typedef struct apfs_dir apfs_dir;

// A disk or disk image.
typedef struct apfs_disk apfs_disk;

// What went wrong in a call. Free it with `apfs_error_free`.
typedef struct apfs_error apfs_error;

// The volume groups of a container.
typedef struct apfs_groups apfs_groups;

// The versions of a file in the states that were added. Used by one thread at a time.
typedef struct apfs_history apfs_history;

// The hard links of one file or directory.
typedef struct apfs_links apfs_links;

// A list of problems of a group or of a merged tree.
typedef struct apfs_problems apfs_problems;

// A seal that was checked.
typedef struct apfs_seal_check apfs_seal_check;

// All blocks of a container, with their owners.
typedef struct apfs_space apfs_space;

// The end of a check: counts, and what was not checked.
typedef struct apfs_summary apfs_summary;

// A volume's files at one moment: live, or at a snapshot; or System and Data of one macOS as one tree.
typedef struct apfs_view apfs_view;

// A volume of any kind. It can always be asked for its name and snapshots; to read files open a view.
typedef struct apfs_volume apfs_volume;

// The extended attributes of one file.
typedef struct apfs_xattrs apfs_xattrs;

// Choices for a check. All zeros, or NULL, reads everything of the newest state.
typedef struct apfs_check_options {
    // APFS_CHECK_*, or 0.
    uint32_t flags;
    // Findings of one rule in one container or volume that are told; those beyond are counted only. 0 for 100.
    uint64_t findings_per_rule;
} apfs_check_options;

// Bytes that belong to a handle: valid as long as the handle, unless the function says less. Not ended by a NUL.
typedef struct apfs_bytes {
    // First byte, never NULL.
    const uint8_t *data;
    // Number of bytes.
    size_t len;
} apfs_bytes;

// A rule that is broken somewhere. Valid during the call.
typedef struct apfs_check_finding {
    // How bad it is.
    enum apfs_severity severity;
    // Code of the rule, for example "A0703"; it never changes its meaning (`docs/rules.md`).
    struct apfs_bytes code;
    // Short name of the rule.
    struct apfs_bytes name;
    // What is wrong, and where, in words.
    struct apfs_bytes message;
    // Structure, by Apple's name.
    struct apfs_bytes structure;
    // Field of the structure, empty if all of it is meant.
    struct apfs_bytes field;
    // What should stand there, empty if that can't be said.
    struct apfs_bytes expected;
    // What stands there, empty if that can't be said.
    struct apfs_bytes found;
    // Partition that it is in; (size_t)-1 if it is about the disk, or that is not known.
    size_t partition;
    // Slot of the volume; (size_t)-1 for a container itself, and on HFS+.
    size_t volume;
    // Which of the numbers below are known: APFS_PLACE_*.
    uint32_t known;
    // Byte offset inside the structure or block.
    uint64_t offset;
    // Block number in the container.
    uint64_t block;
    // Object id.
    uint64_t oid;
    // Transaction id.
    uint64_t xid;
    // HFS+: number of a node in its tree.
    uint32_t node;
    // HFS+: number of a file or folder.
    uint32_t cnid;
} apfs_check_finding;

// Receives the findings of a check, one at a time, in the thread that checks. Returns 0 to go on; must not unwind.
typedef int32_t (*apfs_check_fn)(void *context, const struct apfs_check_finding *finding);

// A rule. Text lives for ever.
typedef struct apfs_rule {
    // How bad it is when it is broken.
    enum apfs_severity severity;
    // Its code, for example "A0703".
    struct apfs_bytes code;
    // Its name of words and hyphens.
    struct apfs_bytes name;
    // Name of its group, for example "object maps".
    struct apfs_bytes group;
    // What must hold, in one sentence.
    struct apfs_bytes text;
} apfs_rule;

// Receives findings that do not stop the work; from any thread, also from several at once. The finding is freed by
// the library after the call.
typedef void (*apfs_finding_fn)(void *context, const struct apfs_error *finding);

// A password or key. The bytes are copied; the copies are wiped from memory when the handles made with them are
// freed, and never printed. Wiping your own copy is yours to do.
typedef struct apfs_secret {
    // APFS_SECRET_*.
    uint32_t kind;
    // First byte.
    const uint8_t *data;
    // Number of bytes; a NUL at the end is not counted.
    size_t len;
} apfs_secret;

// How a disk is opened. Start from `apfs_options_default`; what it points to need only live until the call returns,
// but for `finding_context`.
typedef struct apfs_options {
    // APFS: what to do when a checksum does not match: APFS_CHECKSUMS_*.
    uint32_t checksums;
    // APFS_OPTIONS_*, or 0.
    uint32_t flags;
    // Bytes that cached blocks of one container or HFS+ volume may take; 0 for the default.
    size_t cache_bytes;
    // APFS: open the checkpoint of this transaction; 0 for the newest.
    uint64_t checkpoint_xid;
    // Called for findings that do not stop the work, may be NULL.
    apfs_finding_fn finding;
    // First argument of `finding`; must live until all handles are freed.
    void *finding_context;
    // Passwords and keys for encrypted disk images and volumes; each is tried on each. May be NULL if there are none.
    const struct apfs_secret *secrets;
    // Number of secrets.
    size_t secret_count;
    // Format of the image, whatever it looks like, by its word: "raw", "udif", "encrcdsa", "cdsaencr", "sparseimage",
    // "sparsebundle", "asif", "split", "ewf". NULL to look.
    const char *open_as;
    // The disk with the other half of a Fusion pair, opened before; NULL if there is none, or both are on one disk. Which
    // half is which they say themselves. It may be freed afterwards. No meaning for `apfs_container_open`.
    const struct apfs_disk *tier2;
} apfs_options;

// What a container says about itself.
typedef struct apfs_container_info {
    // Id of the container.
    uint8_t uuid[16];
    // Transaction of the checkpoint.
    uint64_t xid;
    // Bytes in a block.
    uint64_t block_size;
    // Number of blocks.
    uint64_t block_count;
    // APFS_CONTAINER_*.
    uint32_t flags;
} apfs_container_info;

// What a volume says about itself. Text belongs to the handle that it was asked of.
typedef struct apfs_volume_info {
    // Number of the partition that it is in.
    size_t partition;
    // Slot in its container, 0 on HFS+: the number to open it by from the container.
    size_t slot;
    // Which file system it is.
    enum apfs_volume_kind kind;
    // APFS_STATUS_OK, or why the volume can't be opened; then all below is 0 or empty.
    enum apfs_status status;
    // Name.
    struct apfs_bytes name;
    // Id, zeros if it has none, as HFS+ volumes may.
    uint8_t uuid[16];
    // Id of its group, zeros if it is in none: System and Data of one macOS share it.
    uint8_t group[16];
    // What it is for, as stored: 0 none, 1 system, 2 user, 4 recovery, 8 VM, 0x10 preboot, 0x40 data, ...
    uint16_t role;
    // What matters to a reader: APFS_VOLUME_*.
    uint32_t flags;
    // Flags as stored: `apfs_fs_flags`, on HFS+ the `attributes` of the volume header.
    uint64_t fs_flags;
    // Features as stored without which it can't be read rightly (`apfs_incompatible_features`).
    uint64_t incompatible_features;
    // Number of snapshots as recorded.
    uint64_t snapshots;
} apfs_volume_info;

// What is known of a Fusion pair: two devices that are one container.
typedef struct apfs_fusion {
    // `nx_fusion_uuid` of the main device.
    uint8_t main_uuid[16];
    // `nx_fusion_uuid` of tier 2; what it should be if that is missing.
    uint8_t tier2_uuid[16];
    // Blocks of the main device.
    uint64_t main_blocks;
    // Blocks of tier 2.
    uint64_t tier2_blocks;
    // Bytes of tier 2; 0 if it is missing: data on it can't be read then, everything else can.
    uint64_t tier2_len;
    // How many things are wrong, the missing device among them.
    uint64_t findings;
} apfs_fusion;

// Metadata of one file or directory. Times are nanoseconds since 1970 UTC.
typedef struct apfs_stat {
    // Number of the file in its volume.
    uint64_t id;
    // Directory of the primary link.
    uint64_t parent;
    // Type.
    enum apfs_kind kind;
    // Which of the fields that not every file has are known: APFS_STAT_*. The others are 0.
    uint32_t known;
    // POSIX mode, all 16 bits as stored.
    uint16_t mode;
    // Owner.
    uint32_t uid;
    // Group.
    uint32_t gid;
    // Number of hard links; 1 for directories without links of their own.
    uint32_t nlink;
    // Directories: number of entries as recorded. Do not size anything by it: some volumes lie.
    uint32_t nchildren;
    // Bytes that a program reads: decompressed size of a compressed file, length of a link's target.
    uint64_t size;
    // Bytes allocated for the data stream, holes included.
    uint64_t allocated;
    // Bytes of holes.
    uint64_t sparse_bytes;
    // Last change of the content.
    int64_t modified_ns;
    // Last change of the metadata.
    int64_t changed_ns;
    // Creation.
    int64_t created_ns;
    // Last access.
    int64_t accessed_ns;
    // BSD flags (`UF_*`, `SF_*`).
    uint32_t bsd_flags;
    // Device number as stored; major in the top 8 bits.
    uint32_t rdev;
    // File-system flags (`INODE_*`).
    uint64_t internal_flags;
    // Id of the data stream; clones share one.
    uint64_t private_id;
    // Document id.
    uint32_t document_id;
    // `compression_type` of `com.apple.decmpfs`.
    uint32_t compression;
    // Default protection class as stored.
    uint32_t protection_class;
    // Counter of data changes.
    uint32_t write_generation;
    // Bytes of the resource fork, where that is no attribute: HFS+.
    uint64_t resource_size;
} apfs_stat;

// What differs between two states for one name or one file. Text lives as long as the function that gave it says.
//
// A file has one change with its fields, ranges and attributes: the first that is RENAMED if it was renamed, else
// MODIFIED. Further names that came or went are changes of their own with the same `ino`. A file that is in one state
// only has none of the three: all of it came or went.
typedef struct apfs_change {
    // What happened.
    enum apfs_op op;
    // Type; of what was deleted, in the first state.
    enum apfs_kind kind;
    // Which of `old_path`, `before` and `after` are known: APFS_CHANGE_*. The others are empty or 0.
    uint32_t known;
    // Metadata that differs: APFS_FIELD_*.
    uint32_t fields;
    // Number of the file.
    uint64_t ino;
    // Path in the second state; of what was deleted, in the first.
    struct apfs_bytes path;
    // Path in the first state, where the file is in both and that differs: it was renamed, or a directory above it.
    struct apfs_bytes old_path;
    // Number of ranges of data that differ.
    size_t range_count;
    // Number of extended attributes that differ.
    size_t xattr_count;
    // Metadata in the first state.
    struct apfs_stat before;
    // Metadata in the second state.
    struct apfs_stat after;
} apfs_change;

// Data that differs. A block that was written again counts, even with the bytes that it had. Of a compressed file all of
// it.
typedef struct apfs_range {
    // First byte.
    uint64_t offset;
    // Length in bytes.
    uint64_t len;
} apfs_range;

// An extended attribute that differs.
typedef struct apfs_xattr_change {
    // Its name.
    struct apfs_bytes name;
    // What happened to it.
    enum apfs_xattr_op op;
} apfs_xattr_change;

// What a comparison has read.
typedef struct apfs_delta_stats {
    // Changes given so far.
    uint64_t changes;
    // Leaves of the tree of files, of the first and the second state.
    uint64_t leaves[2];
    // Index nodes of the tree of files.
    uint64_t index_nodes[2];
    // Nodes of the object map that are newer than the older state.
    uint64_t omap_nodes;
    // Nodes of the object map that were read and passed over, since they are not newer.
    uint64_t older_omap_nodes;
    // True if leaves were found through the object map that both states share; false if through both trees.
    bool by_map;
} apfs_delta_stats;

// One entry of a directory.
typedef struct apfs_dir_entry {
    // Name as stored; valid until the next call with the listing.
    struct apfs_bytes name;
    // File that the entry leads to.
    uint64_t id;
    // Type as the directory says; `apfs_stat.kind` is what the file itself says.
    enum apfs_kind kind;
    // What is known of it: APFS_DIR_ENTRY_*. Fields below that are not known are 0.
    uint32_t known;
    // When the entry was made, in nanoseconds since 1970 UTC.
    int64_t added_ns;
    // Which of several hard links this is. A directory that has one can be met by several paths: do not enter it
    // inside itself.
    uint64_t link_id;
} apfs_dir_entry;

// Fills `buf` with the `len` bytes from `offset` on: all of them, and returns 0; or returns a number of its own
// (not 0) that the error message repeats. Called from whichever thread uses a handle.
typedef int32_t (*apfs_read_fn)(void *context, uint64_t offset, uint8_t *buf, size_t len);

// Gives the context back.
typedef void (*apfs_release_fn)(void *context);

// Your own source of bytes. The struct is copied; the context must live until it is released.
typedef struct apfs_source {
    // Reads; required.
    apfs_read_fn read;
    // Called once with the context when the library needs it no more, also if opening fails; may be NULL.
    apfs_release_fn release;
    // First argument of both functions.
    void *context;
    // Length in bytes.
    uint64_t len;
    // APFS_SOURCE_*, or 0.
    uint32_t flags;
} apfs_source;

// One partition. Text belongs to the disk.
typedef struct apfs_partition {
    // Its number: used entries in the order of the table, from 0; logical partitions after the others.
    size_t index;
    // First byte on the disk.
    uint64_t start;
    // Length in bytes.
    uint64_t len;
    // Type in a GUID partition table, else zeros.
    uint8_t type_guid[16];
    // Type in a master boot record, else 0.
    uint8_t type_byte;
    // Type in an Apple partition map, else empty.
    struct apfs_bytes type_text;
    // Name of the type, empty if it has none.
    struct apfs_bytes type_name;
    // Name in the table.
    struct apfs_bytes label;
    // What is in it.
    enum apfs_content content;
    // What is in it, in words; empty if nothing is known.
    struct apfs_bytes content_text;
} apfs_partition;

// A disk image around a disk. Text lives for ever.
typedef struct apfs_layer {
    // Its format by its word, as for `apfs_options.open_as`.
    struct apfs_bytes format;
    // Its format by a name for people.
    struct apfs_bytes name;
    // Bytes of the disk in it.
    uint64_t len;
} apfs_layer;

// Where an image is damaged, by Apple's names. The text belongs to the error object.
typedef struct apfs_place {
    // Structure, for example `nx_superblock_t`.
    const char *structure;
    // Field of the structure, empty if the whole structure is meant.
    const char *field;
    // What should stand there, empty if that can't be said.
    const char *expected;
    // What stands there, empty if that can't be said.
    const char *found;
    // Which of the numbers below are known: APFS_PLACE_*.
    uint32_t known;
    // Byte offset inside the structure or block.
    uint64_t offset;
    // Block number in the container.
    uint64_t block;
    // Object id.
    uint64_t oid;
    // Transaction id.
    uint64_t xid;
    // HFS+: number of a node in its tree.
    uint32_t node;
    // HFS+: number of a file or folder.
    uint32_t cnid;
} apfs_place;

// Which bytes of a file are meant. Where one is asked for, NULL means the content.
typedef struct apfs_stream {
    // APFS_STREAM_*.
    uint32_t kind;
    // Name of the extended attribute, for APFS_STREAM_XATTR; else not looked at.
    const uint8_t *name;
    // Bytes of the name.
    size_t name_len;
} apfs_stream;

// One run of a stream.
typedef struct apfs_extent {
    // Byte offset in the stream.
    uint64_t logical;
    // Length in bytes; the last run may pass the end of the stream.
    uint64_t len;
    // What it is.
    enum apfs_extent_kind kind;
    // Byte offset in the container, if `kind` is APFS_EXTENT_KIND_DATA; else 0.
    uint64_t physical;
    // Key or tweak as stored, 0 where there is none.
    uint64_t crypto_id;
} apfs_extent;

// The volumes of one macOS. Text belongs to the list.
typedef struct apfs_group {
    // What its members have in common (`apfs_volume_group_id`).
    uint8_t id[16];
    // Name of its System volume, of another member if there is none.
    struct apfs_bytes name;
    // Number of members, companions included.
    size_t members;
    // Number of things that are not as they should be.
    size_t problems;
} apfs_group;

// A volume of a group. Text belongs to the list.
typedef struct apfs_member {
    // Slot in the container.
    size_t slot;
    // Role as stored, as `apfs_volume_info.role`.
    uint16_t role;
    // What it is in the group.
    enum apfs_membership membership;
    // Name of the volume.
    struct apfs_bytes name;
    // Of a companion: name of its directory in /System/Volumes; else empty.
    struct apfs_bytes directory;
} apfs_member;

// Which states are joined. All zeros, or NULL, is what a Mac shows.
typedef struct apfs_merge_options {
    // APFS_MERGE_*, or 0.
    uint32_t flags;
    // System at this snapshot, as for `apfs_view_open_at`; NULL for the one that a Mac starts from.
    const uint8_t *system;
    // Bytes of it.
    size_t system_len;
    // Data at this snapshot, as for `apfs_view_open_at`; NULL for the live one.
    const uint8_t *data;
    // Bytes of it.
    size_t data_len;
} apfs_merge_options;

// What an HFS+ or HFSX volume says about itself, after its journal. Where the copy of the header is used, counts and
// dates are often old.
typedef struct apfs_hfs_info {
    // APFS_HFS_*.
    uint32_t flags;
    // Attributes as stored (`kHFSVolume*`): 0x100 cleanly unmounted, 0x2000 journaled, ...
    uint32_t attributes;
    // Who mounted it last, four characters: `10.0`, `HFSJ`, `fsck`, `H+Lx`, ...
    uint8_t last_mounted_version[4];
    // Bytes of an allocation block.
    uint32_t block_size;
    // Allocation blocks.
    uint32_t total_blocks;
    // Those that are free, as recorded.
    uint32_t free_blocks;
    // Files as recorded, those that hard links lead to included.
    uint32_t files;
    // Folders as recorded, the root not counted.
    uint32_t folders;
    // Next catalog node id: files have smaller numbers, unless they are reused.
    uint32_t next_id;
    // Counts mounts that could write.
    uint32_t write_count;
    // Text encodings that names had, a bit for each.
    uint64_t encodings;
    // `finderInfo` as stored: blessed folders, and the id that the UUID is made of.
    uint32_t finder_info[8];
    // Creation, in nanoseconds since 1970 of the local time of whoever made it.
    int64_t created_local_ns;
    // Last change, in nanoseconds since 1970 UTC.
    int64_t modified_ns;
    // Last backup, in nanoseconds since 1970 UTC.
    int64_t backed_up_ns;
    // Last check, in nanoseconds since 1970 UTC.
    int64_t checked_ns;
    // First byte of the volume in its partition: not 0 if it is embedded in a classic HFS volume.
    uint64_t start;
} apfs_hfs_info;

// The journal of an HFS+ volume. Text belongs to the volume.
typedef struct apfs_journal {
    // What it asks for; if that is APFS_JOURNAL_STATE_NONE, all below is 0.
    enum apfs_journal_state state;
    // True if the volume is shown as it is once this journal has been replayed.
    bool replayed;
    // True if its numbers are big-endian: written by a PowerPC.
    bool big_endian;
    // First byte, from the start of the volume; 0 if that can't be read.
    uint64_t offset;
    // Length in bytes; 0 if that can't be read.
    uint64_t len;
    // Where changes begin, from the start of the journal.
    uint64_t start;
    // Where changes end, from the start of the journal.
    uint64_t end;
    // Transactions to replay.
    uint64_t transactions;
    // Blocks that they write.
    uint64_t blocks;
    // Bytes of these blocks.
    uint64_t bytes;
    // UUID of the partition of a journal on another device as stored, else empty.
    struct apfs_bytes device;
} apfs_journal;

// A version of a file. Text lives until the next `apfs_history_add`.
typedef struct apfs_file_version {
    // The first state that has it, by its place among those that were added, from 0.
    size_t first_state;
    // How many states in a row have it.
    size_t states;
    // True if there is such a file in them; if not, all below is 0 or empty.
    bool exists;
    // Its path.
    struct apfs_bytes path;
    // Its metadata.
    struct apfs_stat stat;
    // What differs from the version before, if that has the file too; else its `op` is APFS_OP_NONE.
    struct apfs_change change;
} apfs_file_version;

// One hard link: a name in a directory. The name belongs to the list.
typedef struct apfs_link {
    // The directory; `apfs_view_path_of` says where it is.
    uint64_t dir;
    // Name as stored.
    struct apfs_bytes name;
} apfs_link;

// What a file of a merged tree is on its volume. Text belongs to the view.
typedef struct apfs_backing {
    // How it got its place.
    enum apfs_reached reached;
    // Slot of its volume in the container; (size_t)-1 if no volume has it.
    size_t slot;
    // Role of that volume as stored.
    uint16_t role;
    // Its number there.
    uint64_t id;
    // Transaction of the state that is shown.
    uint64_t xid;
    // Name of the snapshot that is shown, empty for the live state.
    struct apfs_bytes snapshot;
    // Directory of the firmlink or of the volume; else empty.
    struct apfs_bytes at;
    // Where the firmlink leads on Data; else empty.
    struct apfs_bytes target;
    // What says that it is a firmlink.
    enum apfs_firmlink_source source;
} apfs_backing;

// A directory of System that stands for one of Data. Text belongs to the view.
typedef struct apfs_firmlink {
    // Path on System, and in the merged tree.
    struct apfs_bytes path;
    // Path on Data.
    struct apfs_bytes target;
    // What says so.
    enum apfs_firmlink_source source;
} apfs_firmlink;

// Something that is not as it should be. Text belongs to the list.
typedef struct apfs_problem {
    // Which kind, in a word for programs: "no-data", "disagrees", "loop", ...
    struct apfs_bytes word;
    // What it is, in a sentence.
    struct apfs_bytes text;
    // Of a merged tree: path on the System volume; else empty.
    struct apfs_bytes path;
    // True for what is met on sound Macs too, and costs nothing.
    bool usual;
} apfs_problem;

// How a volume is encrypted. Text belongs to the volume.
typedef struct apfs_protection {
    // Which keys files have.
    enum apfs_encryption encryption;
    // APFS_PROTECTION_*.
    uint32_t flags;
    // Hint to the password, empty if there is none.
    struct apfs_bytes hint;
    // Number of unlock records.
    size_t records;
    // How much of a change of encryption is done, in percent; -1 if that can't be said.
    int32_t rolling_percent;
    // What the change is, as stored (`ersb_flags`).
    uint64_t rolling_flags;
} apfs_protection;

// One way to open a volume.
typedef struct apfs_unlock_record {
    // Id of the user, or one that stands for a kind.
    uint8_t uuid[16];
    // Who or what it is for.
    enum apfs_unlock_kind kind;
    // The same in words; lives for ever.
    struct apfs_bytes kind_text;
    // APFS_UNLOCK_*.
    uint32_t flags;
    // Rounds of key derivation that a password costs; 0 where no password opens it.
    uint32_t rounds;
} apfs_unlock_record;

// One link of one file, or what could not be read.
typedef struct apfs_scan_entry {
    // Path from the root, '/' for the root itself; of an error empty if it is not known. Valid during the call.
    struct apfs_bytes path;
    // Metadata. Of an error its `id` alone is set.
    struct apfs_stat stat;
    // What is known of it: APFS_SCAN_ENTRY_*.
    uint32_t known;
    // Which of several hard links this is.
    uint64_t link_id;
    // NULL, or why what is there could not be read. Valid during the call, and freed by the library.
    const struct apfs_error *error;
} apfs_scan_entry;

// Receives the entries of a scan, one at a time, in the thread that scans. Returns 0 to go on. It may use the view,
// and must not unwind.
typedef int32_t (*apfs_scan_fn)(void *context, const struct apfs_scan_entry *entry);

// What a sealed volume records of its seal. Nothing is compared.
typedef struct apfs_seal {
    // Version of the structure: 1 or 2 where it is sound.
    uint32_t version;
    // Flags as stored: 1 the seal is broken.
    uint32_t flags;
    // Number of the hash function: 1 SHA-256, ...
    uint32_t hash_type;
    // Bytes of the hash of the root node; 0 if the function is not known or the hash is not where it can be.
    uint32_t root_hash_len;
    // The hash of the root node.
    uint8_t root_hash[64];
    // Transaction that broke the seal, 0 if none did.
    uint64_t broken_xid;
    // Block of the structure.
    uint64_t block;
} apfs_seal;

// The end of a check.
typedef struct apfs_seal_result {
    // What it comes to.
    enum apfs_seal_verdict verdict;
    // Transaction that broke the seal, by the volume's own word; 0 if none did, or it does not say.
    uint64_t broken_xid;
    // Nodes that were compared, the root included.
    uint64_t nodes;
    // Regular files, those without data included.
    uint64_t files;
    // Pieces of data with a hash each.
    uint64_t pieces;
    // Bytes that were hashed.
    uint64_t bytes;
    // Contradictions in the record of the seal, in `apfs_seal_check_recorded`.
    size_t recorded_findings;
    // Nodes that are not what the seal says, in `apfs_seal_check_nodes`.
    size_t node_findings;
    // Pieces of files that are not what the seal says, in `apfs_seal_check_files`.
    size_t file_findings;
    // Findings that are not listed: of each kind the first thousand are.
    uint64_t more_findings;
} apfs_seal_result;

// A node of the tree that is not what the seal says, or can't be read. It belongs to the check.
typedef struct apfs_sealed_node {
    // Its object id.
    uint64_t oid;
    // Its block, 0 if the object map leads to none.
    uint64_t block;
    // Its level by the node above: 0 for a leaf.
    uint16_t level;
    // Number of the first file or stream whose records can be below it: nothing of theirs can be relied on.
    uint64_t first_id;
    // The number behind the last one.
    uint64_t end_id;
    // The hash differs, or why it can't be compared. Do not free it.
    const struct apfs_error *error;
} apfs_sealed_node;

// A piece of a file that is not what the seal says, or can't be read. It belongs to the check.
typedef struct apfs_sealed_file {
    // The file.
    uint64_t id;
    // Its path by its first link, empty if that can't be found.
    struct apfs_bytes path;
    // Number of the stream under which the hashes are kept.
    uint64_t stream;
    // Where the piece begins in what a program reads.
    uint64_t offset;
    // The hash differs, or why it can't be compared. Do not free it.
    const struct apfs_error *error;
} apfs_sealed_file;

// One snapshot. Text belongs to the volume.
typedef struct apfs_snapshot {
    // Name.
    struct apfs_bytes name;
    // Transaction: the state that it keeps.
    uint64_t xid;
    // Id, zeros if the volume keeps none.
    uint8_t uuid[16];
    // When it was taken, in nanoseconds since 1970 UTC.
    int64_t created_ns;
    // When its record was last changed, in nanoseconds since 1970 UTC.
    int64_t changed_ns;
    // APFS_SNAPSHOT_*.
    uint32_t flags;
    // Flags as stored in its record.
    uint32_t stored_flags;
} apfs_snapshot;

// Counts of blocks. Each block that several owners have counts for the first.
typedef struct apfs_space_info {
    // Bytes of a block.
    uint64_t block_size;
    // Blocks of all devices.
    uint64_t blocks;
    // Blocks in use by the bitmaps.
    uint64_t allocated;
    // Blocks about which the bitmaps could not be read.
    uint64_t unknown;
    // Blocks in use by the space manager's stored count of free ones.
    uint64_t used_stored;
    // Blocks in use as owners have them.
    uint64_t used_counted;
    // In use, and nothing refers to them.
    uint64_t leaked;
    // Two owners have them.
    uint64_t claimed_twice;
    // Owned, and free by the bitmaps.
    uint64_t not_allocated;
    // Things that could not be read.
    uint64_t damaged;
    // Entries of `apfs_space_findings`: at most 10,000.
    size_t findings;
    // True if every block in use has one owner, every owned block is in use, and all stored counts are right.
    bool sound;
} apfs_space_info;

// Blocks of one owner.
typedef struct apfs_space_owner {
    // Slot of the volume; (size_t)-1 for the container itself.
    size_t volume;
    // What they are for: "data", "object-map", "free-queue", ...; lives for ever.
    struct apfs_bytes part;
    // How many.
    uint64_t blocks;
} apfs_space_owner;

// Blocks of a volume. The name belongs to the handle.
typedef struct apfs_volume_space {
    // Slot.
    size_t slot;
    // Name.
    struct apfs_bytes name;
    // The volume's own count (`apfs_fs_alloc_count`).
    uint64_t alloc_stored;
    // The same, counted.
    uint64_t alloc_counted;
    // Metadata of the live state.
    uint64_t metadata;
    // Metadata that is there for snapshots.
    uint64_t kept_metadata;
    // Data, of all states.
    uint64_t data;
    // Data used once by the live volume.
    uint64_t data_unshared;
    // Data used several times by the live volume: clones share it.
    uint64_t data_shared;
    // Data used by snapshots alone.
    uint64_t data_kept;
    // Number of snapshots, in `apfs_space_snapshots`.
    size_t snapshots;
} apfs_volume_space;

// Blocks that would be free without a snapshot. The name belongs to the handle.
typedef struct apfs_freed {
    // Name of the snapshot.
    struct apfs_bytes name;
    // Its transaction.
    uint64_t xid;
    // Data of files that no other state has.
    uint64_t data;
    // Nodes and other objects that no other state has.
    uint64_t metadata;
    // Its superblock and its own trees, part of which may move to another state.
    uint64_t own;
} apfs_freed;

// Something that is not as it should be. Text belongs to the handle.
typedef struct apfs_space_finding {
    // Which kind.
    enum apfs_space_finding_kind kind;
    // First block.
    uint64_t start;
    // Number of blocks; 0 for damage.
    uint64_t count;
    // The owners of the blocks, or what could not be read, in words.
    struct apfs_bytes text;
} apfs_space_finding;

// Blocks of a device that are in use.
typedef struct apfs_run {
    // First block, by its number on the device.
    uint64_t start;
    // Number of blocks.
    uint64_t count;
    // NULL, or why the bitmaps of some blocks could not be read; then there are no blocks. Valid during the call.
    const struct apfs_error *error;
} apfs_run;

// Receives runs of blocks, one at a time, in the calling thread. Returns 0 to go on; must not unwind.
typedef int32_t (*apfs_run_fn)(void *context, const struct apfs_run *run);

// How many findings there were, those that were not told included.
typedef struct apfs_tally {
    // Something is lost, or will be when the volume is written to.
    uint64_t errors;
    // Unusual, or wrong where no file can suffer from it.
    uint64_t warnings;
    // Worth knowing.
    uint64_t notes;
    // Number of things that could not be checked, in `apfs_summary_unchecked`.
    size_t unchecked;
} apfs_tally;

// A count of something. Text belongs to the summary.
typedef struct apfs_count {
    // Code of a rule, or what was checked, for example "catalog records".
    struct apfs_bytes what;
    // How many.
    uint64_t count;
} apfs_count;

// Something that could not be checked. Text belongs to the summary.
typedef struct apfs_unchecked {
    // What, for example "volume 2".
    struct apfs_bytes what;
    // Why not, for example "locked".
    struct apfs_bytes why;
} apfs_unchecked;

// One extended attribute, without its value. The name belongs to the list.
typedef struct apfs_xattr {
    // Name as stored.
    struct apfs_bytes name;
    // Length of the value in bytes.
    uint64_t size;
    // Flags as stored: 1 stream, 2 embedded, 4 owned by the file system.
    uint16_t flags;
} apfs_xattr;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Checks all that is on a disk: disk images, partition table, APFS containers, HFS+ volumes; each structure is read, and
// what is said twice is compared. What is wrong is given to `finding` as it is found, and its sum to `out`: that a disk
// is damaged is no failure of the call. Fails with APFS_STATUS_CANCELLED if `finding` returned anything but 0.
//
// # Safety
// `disk` is a handle; `options` may be NULL; `finding` does what it promises with `context`; `out` is writable; `err` is
// NULL or writable.
enum apfs_status apfs_disk_check(const struct apfs_disk *disk,
                                 const struct apfs_check_options *options,
                                 apfs_check_fn finding,
                                 void *context,
                                 const struct apfs_summary **out,
                                 struct apfs_error **err);

// Checks an APFS container with all its volumes, as `apfs_disk_check`. Volumes that are locked are checked as far as that
// goes without a key; unlock them before.
//
// # Safety
// `container` is a handle; `options` may be NULL; `finding` does what it promises with `context`; `out` is writable;
// `err` is NULL or writable.
enum apfs_status apfs_container_check(const struct apfs_container *container,
                                      const struct apfs_check_options *options,
                                      apfs_check_fn finding,
                                      void *context,
                                      const struct apfs_summary **out,
                                      struct apfs_error **err);

// Checks a volume, as `apfs_disk_check`: an HFS+ volume by itself, of an APFS volume the container that it is in, with all
// its volumes, since they share the blocks.
//
// # Safety
// `volume` is a handle; `options` may be NULL; `finding` does what it promises with `context`; `out` is writable; `err`
// is NULL or writable.
enum apfs_status apfs_volume_check(const struct apfs_volume *volume,
                                   const struct apfs_check_options *options,
                                   apfs_check_fn finding,
                                   void *context,
                                   const struct apfs_summary **out,
                                   struct apfs_error **err);

// Lists all rules, in the order of their codes, from number `first` on: up to `cap` into `out`, how many into `n`. None
// written means the end.
//
// # Safety
// `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_rules(size_t first,
                            struct apfs_rule *out,
                            size_t cap,
                            size_t *n,
                            struct apfs_error **err);

// Opens the container in a partition (see `apfs_disk_first_apfs`). `options` of NULL means those of the
// disk; their `open_as` has no meaning here.
//
// # Safety
// `disk` is a handle; `options` may be NULL; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_container_open(const struct apfs_disk *disk,
                                     size_t partition,
                                     const struct apfs_options *options,
                                     const struct apfs_container **out,
                                     struct apfs_error **err);

// What a container says about itself.
//
// # Safety
// `container` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_container_get_info(const struct apfs_container *container,
                                         struct apfs_container_info *out,
                                         struct apfs_error **err);

// Lists volumes, in the order of their slots, from the `first` on (counted from 0, empty slots not): up to `cap`
// into `out`, how many into `n`. None written means the end. A damaged volume is in the list, with its status.
//
// # Safety
// `container` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_container_volumes(const struct apfs_container *container,
                                        size_t first,
                                        struct apfs_volume_info *out,
                                        size_t cap,
                                        size_t *n,
                                        struct apfs_error **err);

// Lists the transactions of the checkpoints that are still there, newest first, from number `first` on: up to `cap`
// into `out`, how many into `n`. None written means the end. Each can be asked for by `apfs_options.checkpoint_xid`; not
// all of them need be whole.
//
// # Safety
// `container` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_container_checkpoints(const struct apfs_container *container,
                                            size_t first,
                                            uint64_t *out,
                                            size_t cap,
                                            size_t *n,
                                            struct apfs_error **err);

// What is known of the Fusion pair that a container is. APFS_STATUS_NOT_FOUND if it is none.
//
// # Safety
// `container` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_container_get_fusion(const struct apfs_container *container,
                                           struct apfs_fusion *out,
                                           struct apfs_error **err);

// Frees a container. What was opened from it stays usable. NULL is allowed.
//
// # Safety
// `container` is NULL or a handle that is not yet freed.
void apfs_container_free(const struct apfs_container *container);

// Begins to compare two states of one APFS volume, also of different checkpoints of one disk. The cost follows what
// differs, not the size of the volume.
//
// # Safety
// `from` and `to` are handles; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_delta_open(const struct apfs_view *from,
                                 const struct apfs_view *to,
                                 struct apfs_delta **out,
                                 struct apfs_error **err);

// Gives the next changes, by the number of the file: up to `cap` into `out`, how many into `n`. None written means the
// end. What can't be compared is one failed call in its place; the next one goes on behind it. Text lives until the next
// call with the same comparison.
//
// # Safety
// `delta` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_delta_read(struct apfs_delta *delta,
                                 struct apfs_change *out,
                                 size_t cap,
                                 size_t *n,
                                 struct apfs_error **err);

// Lists the ranges of data that differ of a change of the last batch, by its place in that, from number `first` on: up
// to `cap` into `out`, how many into `n`.
//
// # Safety
// `delta` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_delta_ranges(const struct apfs_delta *delta,
                                   size_t nth,
                                   size_t first,
                                   struct apfs_range *out,
                                   size_t cap,
                                   size_t *n,
                                   struct apfs_error **err);

// Lists the extended attributes that differ of a change of the last batch, by its place in that, from number `first` on:
// up to `cap` into `out`, how many into `n`.
//
// # Safety
// `delta` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_delta_xattrs(const struct apfs_delta *delta,
                                   size_t nth,
                                   size_t first,
                                   struct apfs_xattr_change *out,
                                   size_t cap,
                                   size_t *n,
                                   struct apfs_error **err);

// What a comparison has read so far.
//
// # Safety
// `delta` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_delta_get_stats(const struct apfs_delta *delta,
                                      struct apfs_delta_stats *out,
                                      struct apfs_error **err);

// Frees a comparison. NULL is allowed.
//
// # Safety
// `delta` is NULL or a handle that is not yet freed.
void apfs_delta_free(struct apfs_delta *delta);

// Begins to list a directory, as a Mac shows it.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_dir_open(const struct apfs_view *view,
                               uint64_t id,
                               struct apfs_dir **out,
                               struct apfs_error **err);

// Begins to list a directory with every entry, those that a Mac does not show too.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_dir_open_all(const struct apfs_view *view,
                                   uint64_t id,
                                   struct apfs_dir **out,
                                   struct apfs_error **err);

// Lists on: up to `cap` (at least 1) entries into `out`, how many into `n`. None written means the end; fewer than
// `cap` does not. After an error for a damaged entry the next call goes on behind it.
//
// # Safety
// `dir` is a handle in use by this thread alone; `out` has room for `cap` entries; `n` is writable; `err` is NULL
// or writable.
enum apfs_status apfs_dir_read(struct apfs_dir *dir,
                               struct apfs_dir_entry *out,
                               size_t cap,
                               size_t *n,
                               struct apfs_error **err);

// Ends a listing. NULL is allowed.
//
// # Safety
// `dir` is NULL or a handle that is not yet freed.
void apfs_dir_free(struct apfs_dir *dir);

// Opens what is at a path, ended by a NUL: an image file or device node, a sparse bundle, or all files of an image in
// pieces, given one of them. Nothing is ever written to.
//
// # Safety
// `path` ends with a NUL; `options` may be NULL; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_disk_open(const char *path,
                                const struct apfs_options *options,
                                const struct apfs_disk **out,
                                struct apfs_error **err);

// Opens an image in memory. The bytes are not copied: they must stay as they are until all handles are freed.
//
// # Safety
// `data` is valid for `len` bytes; `options` may be NULL; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_disk_open_memory(const uint8_t *data,
                                       size_t len,
                                       const struct apfs_options *options,
                                       const struct apfs_disk **out,
                                       struct apfs_error **err);

// Opens an image through your own functions. The source's context is released when the last handle over it is
// freed, and also if opening fails, unless `source` or its `read` is NULL.
//
// # Safety
// `source` is valid and its functions keep their promises; `options` may be NULL; `out` is writable; `err` is NULL
// or writable.
enum apfs_status apfs_disk_open_source(const struct apfs_source *source,
                                       const struct apfs_options *options,
                                       const struct apfs_disk **out,
                                       struct apfs_error **err);

// Lists partitions from number `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
// A disk without a partition table has one partition.
//
// # Safety
// `disk` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_disk_partitions(const struct apfs_disk *disk,
                                      size_t first,
                                      struct apfs_partition *out,
                                      size_t cap,
                                      size_t *n,
                                      struct apfs_error **err);

// Lists the disk images around a disk, outermost first, from number `first` on: up to `cap` into `out`, how many into
// `n`. None written means the end; a raw disk has none.
//
// # Safety
// `disk` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_disk_layers(const struct apfs_disk *disk,
                                  size_t first,
                                  struct apfs_layer *out,
                                  size_t cap,
                                  size_t *n,
                                  struct apfs_error **err);

// How the partitions of a disk are described: "none", "gpt", "apm" or "mbr"; lives for ever. Empty for NULL.
//
// # Safety
// `disk` is NULL or a handle.
struct apfs_bytes apfs_disk_scheme(const struct apfs_disk *disk);

// Lists the volumes of a disk, of all partitions and every kind, from number `first` on: up to `cap` into `out`, how
// many into `n`. None written means the end. One that can't be opened is in the list, with its status; a container
// that can't be opened stands there as one volume. A disk without any volume that is read is an error that says what
// it holds instead. The options are those of the disk.
//
// # Safety
// `disk` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_disk_volumes(const struct apfs_disk *disk,
                                   size_t first,
                                   struct apfs_volume_info *out,
                                   size_t cap,
                                   size_t *n,
                                   struct apfs_error **err);

// Number of the first partition that holds an APFS container.
//
// # Safety
// `disk` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_disk_first_apfs(const struct apfs_disk *disk, size_t *out, struct apfs_error **err);

// Frees a disk. What was opened from it stays usable. NULL is allowed.
//
// # Safety
// `disk` is NULL or a handle that is not yet freed.
void apfs_disk_free(const struct apfs_disk *disk);

// Status of an error, as the failed call returned it; APFS_STATUS_OK for NULL.
//
// # Safety
// `error` is NULL or not yet freed.
enum apfs_status apfs_error_status(const struct apfs_error *error);

// Message in English, one line, ended by a NUL. It belongs to the error object; for NULL it is "no error".
//
// # Safety
// `error` is NULL or not yet freed.
const char *apfs_error_message(const struct apfs_error *error);

// Number of the kind of damage (1 checksum, 2 magic number, ...; docs of `apfs_core::Damage`); 0 if it is none.
//
// # Safety
// `error` is NULL or not yet freed.
uint32_t apfs_error_damage(const struct apfs_error *error);

// Place of the damage. False, and nothing written, if the error is not about damage or a parameter is NULL.
//
// # Safety
// `error` is NULL or not yet freed; `out` is NULL or writable.
bool apfs_error_place(const struct apfs_error *error, struct apfs_place *out);

// Frees an error. NULL is allowed.
//
// # Safety
// `error` is NULL or not yet freed.
void apfs_error_free(struct apfs_error *error);

// Lists the runs of a stream from byte `from` on: up to `cap` into `out`, how many into `n`. None written means the
// end; go on from `logical + len` of the last one.
//
// # Safety
// `view` is a handle; `stream` is NULL or valid; `out` has room for `cap` entries; `n` is writable; `err` is NULL
// or writable.
enum apfs_status apfs_view_extents(const struct apfs_view *view,
                                   uint64_t id,
                                   const struct apfs_stream *stream,
                                   uint64_t from,
                                   struct apfs_extent *out,
                                   size_t cap,
                                   size_t *n,
                                   struct apfs_error **err);

// Length of a stream in bytes.
//
// # Safety
// `view` is a handle; `stream` is NULL or valid; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_stream_len(const struct apfs_view *view,
                                      uint64_t id,
                                      const struct apfs_stream *stream,
                                      uint64_t *out,
                                      struct apfs_error **err);

// Reads a stream from byte `offset` on: up to `len` bytes into `buf`, how many into `n`, less than `len` only at
// the end of the stream. After an error the content of `buf` is not defined.
//
// # Safety
// `view` is a handle; `stream` is NULL or valid; `buf` has room for `len` bytes; `n` is writable; `err` is NULL or
// writable.
enum apfs_status apfs_view_read(const struct apfs_view *view,
                                uint64_t id,
                                const struct apfs_stream *stream,
                                uint64_t offset,
                                uint8_t *buf,
                                size_t len,
                                size_t *n,
                                struct apfs_error **err);

// Finds the volume groups of a container. Locked volumes count too.
//
// # Safety
// `container` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_groups_open(const struct apfs_container *container,
                                  const struct apfs_groups **out,
                                  struct apfs_error **err);

// Lists groups, by id, from number `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
//
// # Safety
// `groups` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_groups_list(const struct apfs_groups *groups,
                                  size_t first,
                                  struct apfs_group *out,
                                  size_t cap,
                                  size_t *n,
                                  struct apfs_error **err);

// Lists the volumes of a group, by the place of that in the list, from number `first` on: up to `cap` into `out`, how
// many into `n`. None written means the end.
//
// # Safety
// `groups` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_groups_members(const struct apfs_groups *groups,
                                     size_t nth,
                                     size_t first,
                                     struct apfs_member *out,
                                     size_t cap,
                                     size_t *n,
                                     struct apfs_error **err);

// What is not as it should be with a group, by its place in the list; of (size_t)-1 what concerns no single group.
//
// # Safety
// `groups` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_groups_problems(const struct apfs_groups *groups,
                                      size_t nth,
                                      const struct apfs_problems **out,
                                      struct apfs_error **err);

// Opens System and Data of a group, by its place in the list, as the one tree that macOS shows. It is a view like any
// other: list it, read it, scan it. `apfs_view_backing` says what is behind a file. `options` may be NULL.
//
// APFS_STATUS_LOCKED if one of the two is; unlock it by `apfs_volume_unlock` on a volume of the same container. Where
// several volumes have a role it is an error, never a guess.
//
// # Safety
// `groups` is a handle; `options` may be NULL; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_open_merged(const struct apfs_groups *groups,
                                       size_t nth,
                                       const struct apfs_merge_options *options,
                                       const struct apfs_view **out,
                                       struct apfs_error **err);

// Frees a list of groups. What was opened from it stays usable. NULL is allowed.
//
// # Safety
// `groups` is NULL or a handle that is not yet freed.
void apfs_groups_free(const struct apfs_groups *groups);

// What an HFS+ or HFSX volume says about itself. APFS_STATUS_UNSUPPORTED for any other.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_get_hfs_info(const struct apfs_volume *volume,
                                          struct apfs_hfs_info *out,
                                          struct apfs_error **err);

// The journal of an HFS+ or HFSX volume. APFS_STATUS_UNSUPPORTED for any other. What is wrong with it was told to
// `apfs_options.finding` when the volume was opened.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_get_journal(const struct apfs_volume *volume,
                                         struct apfs_journal *out,
                                         struct apfs_error **err);

// Begins the history of a file, which is followed by its number, through renames.
//
// # Safety
// `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_history_open(uint64_t id, struct apfs_history **out, struct apfs_error **err);

// Adds the next state; give them in the order of their transactions. One that can't be read is not added.
//
// # Safety
// `history` and `view` are handles; `err` is NULL or writable.
enum apfs_status apfs_history_add(struct apfs_history *history,
                                  const struct apfs_view *view,
                                  struct apfs_error **err);

// Lists the versions so far, in the order of the states, from number `first` on: up to `cap` into `out`, how many into
// `n`. None written means the end.
//
// # Safety
// `history` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_history_versions(const struct apfs_history *history,
                                       size_t first,
                                       struct apfs_file_version *out,
                                       size_t cap,
                                       size_t *n,
                                       struct apfs_error **err);

// Lists the ranges of data in which a version differs from the one before, from number `first` on: up to `cap` into
// `out`, how many into `n`.
//
// # Safety
// `history` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_history_ranges(const struct apfs_history *history,
                                     size_t nth,
                                     size_t first,
                                     struct apfs_range *out,
                                     size_t cap,
                                     size_t *n,
                                     struct apfs_error **err);

// Lists the extended attributes in which a version differs from the one before, from number `first` on: up to `cap` into
// `out`, how many into `n`.
//
// # Safety
// `history` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_history_xattrs(const struct apfs_history *history,
                                     size_t nth,
                                     size_t first,
                                     struct apfs_xattr_change *out,
                                     size_t cap,
                                     size_t *n,
                                     struct apfs_error **err);

// Frees a history. NULL is allowed.
//
// # Safety
// `history` is NULL or a handle that is not yet freed.
void apfs_history_free(struct apfs_history *history);

// Reads all hard links of a file or directory.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_links_open(const struct apfs_view *view,
                                 uint64_t id,
                                 const struct apfs_links **out,
                                 struct apfs_error **err);

// Gives the links from number `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
//
// # Safety
// `links` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_links_list(const struct apfs_links *links,
                                 size_t first,
                                 struct apfs_link *out,
                                 size_t cap,
                                 size_t *n,
                                 struct apfs_error **err);

// Frees a list of links. NULL is allowed.
//
// # Safety
// `links` is NULL or a handle that is not yet freed.
void apfs_links_free(const struct apfs_links *links);

// Path of a file or directory from the root, by its first link. Its length goes to `n`; the bytes go to `buf` only if
// all of them fit in `cap`, so compare `n` with `cap`. `buf` may be NULL if `cap` is 0.
//
// # Safety
// `view` is a handle; `buf` has room for `cap` bytes; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_path_of(const struct apfs_view *view,
                                   uint64_t id,
                                   uint8_t *buf,
                                   size_t cap,
                                   size_t *n,
                                   struct apfs_error **err);

// Why something is locked, if the error is APFS_STATUS_LOCKED; the error's message says it in a sentence.
// APFS_LOCK_REASON_NONE for any other error and for NULL.
//
// # Safety
// `error` is NULL or not yet freed.
enum apfs_lock_reason apfs_error_lock_reason(const struct apfs_error *error);

// One English word for a reason, such as "needs-secret"; lives for ever. "unknown" for any other number.
const char *apfs_lock_reason_text(uint32_t reason);

// What a file of a merged tree is on its volume. APFS_STATUS_UNSUPPORTED for any other view.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_backing(const struct apfs_view *view,
                                   uint64_t id,
                                   struct apfs_backing *out,
                                   struct apfs_error **err);

// Lists the firmlinks of a merged tree that are followed, by path, from number `first` on: up to `cap` into `out`, how
// many into `n`. None written means the end. APFS_STATUS_UNSUPPORTED for any other view.
//
// # Safety
// `view` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_firmlinks(const struct apfs_view *view,
                                     size_t first,
                                     struct apfs_firmlink *out,
                                     size_t cap,
                                     size_t *n,
                                     struct apfs_error **err);

// What is not as it should be with the firmlinks and mount points of a merged tree. APFS_STATUS_UNSUPPORTED for any
// other view.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_problems(const struct apfs_view *view,
                                    const struct apfs_problems **out,
                                    struct apfs_error **err);

// Default options: checksums required, newest checkpoint, default cache.
struct apfs_options apfs_options_default(void);

// Gives the problems of a list from number `first` on: up to `cap` into `out`, how many into `n`. None written means the
// end.
//
// # Safety
// `problems` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_problems_list(const struct apfs_problems *problems,
                                    size_t first,
                                    struct apfs_problem *out,
                                    size_t cap,
                                    size_t *n,
                                    struct apfs_error **err);

// Frees a list of problems. NULL is allowed.
//
// # Safety
// `problems` is NULL or a handle that is not yet freed.
void apfs_problems_free(const struct apfs_problems *problems);

// How a volume is encrypted. No password or key is needed for that. HFS+ volumes are not.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_get_protection(const struct apfs_volume *volume,
                                            struct apfs_protection *out,
                                            struct apfs_error **err);

// Lists what opens a volume, from the record number `first` on: up to `cap` into `out`, how many into `n`. None
// written means the end.
//
// # Safety
// `volume` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_unlock_records(const struct apfs_volume *volume,
                                            size_t first,
                                            struct apfs_unlock_record *out,
                                            size_t cap,
                                            size_t *n,
                                            struct apfs_error **err);

// Opens an encrypted volume with a password or key. From then on views of it and of every other handle to the same
// volume of the same container can be opened. Deriving a key from a password takes up to some seconds.
//
// # Safety
// `volume` is a handle; `secret` is valid, as are its bytes; `err` is NULL or writable.
enum apfs_status apfs_volume_unlock(const struct apfs_volume *volume,
                                    const struct apfs_secret *secret,
                                    struct apfs_error **err);

// Gives everything on a volume to `entry`, with its path, in the order of the records: several times faster than going
// through the directories. What can't be read is an entry of its own, and the scan goes on. `flags`: APFS_SCAN_PRIVATE
// or 0.
//
// With APFS_SCAN_PRIVATE every record comes once. Without, what a Mac shows comes: directories with several hard links
// (Time Machine on HFS+) with their content at each of them, for which a volume that has any is gone through by
// directories.
//
// Fails with APFS_STATUS_CANCELLED if `entry` returned anything but 0.
//
// # Safety
// `view` is a handle; `entry` does what it promises with `context`; `err` is NULL or writable.
enum apfs_status apfs_view_scan(const struct apfs_view *view,
                                uint32_t flags,
                                apfs_scan_fn entry,
                                void *context,
                                struct apfs_error **err);

// What a sealed volume records of its seal. APFS_STATUS_NOT_FOUND if it is not sealed.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_get_seal(const struct apfs_view *view,
                                    struct apfs_seal *out,
                                    struct apfs_error **err);

// Checks the seal of a view: the root hash, every node, the data of every file, on so many threads (0 for as many as the
// machine has). Returns when all is compared; what is not as the seal says is no failure of the call but its answer. It
// compares the volume with itself: whether its root hash is Apple's only the boot policy of a Mac says.
// APFS_STATUS_NOT_FOUND if the volume is not sealed.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_seal_check_open(const struct apfs_view *view,
                                      size_t threads,
                                      const struct apfs_seal_check **out,
                                      struct apfs_error **err);

// What a check comes to.
//
// # Safety
// `check` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_seal_check_get(const struct apfs_seal_check *check,
                                     struct apfs_seal_result *out,
                                     struct apfs_error **err);

// Lists the nodes that are not what the seal says, from number `first` on: up to `cap` into `out`, how many into `n`.
// None written means the end.
//
// # Safety
// `check` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_seal_check_nodes(const struct apfs_seal_check *check,
                                       size_t first,
                                       struct apfs_sealed_node *out,
                                       size_t cap,
                                       size_t *n,
                                       struct apfs_error **err);

// Lists the pieces of files that are not what the seal says, from number `first` on: up to `cap` into `out`, how many
// into `n`. None written means the end.
//
// # Safety
// `check` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_seal_check_files(const struct apfs_seal_check *check,
                                       size_t first,
                                       struct apfs_sealed_file *out,
                                       size_t cap,
                                       size_t *n,
                                       struct apfs_error **err);

// Lists the contradictions in the record of the seal, from number `first` on: up to `cap` into `out`, how many into `n`.
// None written means the end. They belong to the check: do not free them.
//
// # Safety
// `check` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_seal_check_recorded(const struct apfs_seal_check *check,
                                          size_t first,
                                          const struct apfs_error **out,
                                          size_t cap,
                                          size_t *n,
                                          struct apfs_error **err);

// Frees a check. NULL is allowed.
//
// # Safety
// `check` is NULL or a handle that is not yet freed.
void apfs_seal_check_free(const struct apfs_seal_check *check);

// Lists snapshots, oldest first, from number `first` on: up to `cap` into `out`, how many into `n`. None written
// means the end. HFS+ volumes have none.
//
// # Safety
// `volume` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_snapshots(const struct apfs_volume *volume,
                                       size_t first,
                                       struct apfs_snapshot *out,
                                       size_t cap,
                                       size_t *n,
                                       struct apfs_error **err);

// Tells whose every block of a container is: bitmaps against owners. Works on encrypted volumes without a key. Returns
// when all is read.
//
// # Safety
// `container` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_space_open(const struct apfs_container *container,
                                 const struct apfs_space **out,
                                 struct apfs_error **err);

// Counts of blocks.
//
// # Safety
// `space` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_space_get_info(const struct apfs_space *space,
                                     struct apfs_space_info *out,
                                     struct apfs_error **err);

// Lists the owners of blocks, from number `first` on: up to `cap` into `out`, how many into `n`. None written means the
// end.
//
// # Safety
// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_space_owners(const struct apfs_space *space,
                                   size_t first,
                                   struct apfs_space_owner *out,
                                   size_t cap,
                                   size_t *n,
                                   struct apfs_error **err);

// Lists the volumes that could be opened, from number `first` on: up to `cap` into `out`, how many into `n`. None written
// means the end.
//
// # Safety
// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_space_volumes(const struct apfs_space *space,
                                    size_t first,
                                    struct apfs_volume_space *out,
                                    size_t cap,
                                    size_t *n,
                                    struct apfs_error **err);

// Lists what deleting each snapshot alone would free, oldest first, of a volume by its place in the list, from number
// `first` on: up to `cap` into `out`, how many into `n`. None written means the end.
//
// # Safety
// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_space_snapshots(const struct apfs_space *space,
                                      size_t nth,
                                      size_t first,
                                      struct apfs_freed *out,
                                      size_t cap,
                                      size_t *n,
                                      struct apfs_error **err);

// Lists what is not as it should be, from number `first` on: up to `cap` into `out`, how many into `n`. None written means
// the end.
//
// # Safety
// `space` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_space_findings(const struct apfs_space *space,
                                     size_t first,
                                     struct apfs_space_finding *out,
                                     size_t cap,
                                     size_t *n,
                                     struct apfs_error **err);

// Frees what `apfs_space_open` gave. NULL is allowed.
//
// # Safety
// `space` is NULL or a handle that is not yet freed.
void apfs_space_free(const struct apfs_space *space);

// How much deleting one snapshot of an APFS volume alone would free, by its transaction. The name is left empty.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_freed_by_deleting(const struct apfs_volume *volume,
                                               uint64_t xid,
                                               struct apfs_freed *out,
                                               struct apfs_error **err);

// Gives all runs of blocks in use of a device (APFS_DEVICE_*) by the bitmaps to `run`, in order; what can't be read is a
// run with an error. Fails with APFS_STATUS_CANCELLED if `run` returned anything but 0.
//
// # Safety
// `container` is a handle; `run` does what it promises with `context`; `err` is NULL or writable.
enum apfs_status apfs_container_allocated(const struct apfs_container *container,
                                          uint32_t device,
                                          apfs_run_fn run,
                                          void *context,
                                          struct apfs_error **err);

// A few English words for a status number; lives for ever. "unknown status" for any other number.
const char *apfs_status_text(uint32_t status);

// How many findings there were.
//
// # Safety
// `summary` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_summary_get(const struct apfs_summary *summary,
                                  struct apfs_tally *out,
                                  struct apfs_error **err);

// Lists how often which rule is broken, by its code, from number `first` on: up to `cap` into `out`, how many into `n`.
//
// # Safety
// `summary` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_summary_codes(const struct apfs_summary *summary,
                                    size_t first,
                                    struct apfs_count *out,
                                    size_t cap,
                                    size_t *n,
                                    struct apfs_error **err);

// Lists how many of what were checked, from number `first` on: up to `cap` into `out`, how many into `n`.
//
// # Safety
// `summary` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_summary_checked(const struct apfs_summary *summary,
                                      size_t first,
                                      struct apfs_count *out,
                                      size_t cap,
                                      size_t *n,
                                      struct apfs_error **err);

// Lists what was not checked, from number `first` on: up to `cap` into `out`, how many into `n`.
//
// # Safety
// `summary` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_summary_unchecked(const struct apfs_summary *summary,
                                        size_t first,
                                        struct apfs_unchecked *out,
                                        size_t cap,
                                        size_t *n,
                                        struct apfs_error **err);

// Frees a summary. NULL is allowed.
//
// # Safety
// `summary` is NULL or a handle that is not yet freed.
void apfs_summary_free(const struct apfs_summary *summary);

// Version of the library as text, for example "0.1.0". Compare with APFS_VERSION of the header.
const char *apfs_version(void);

// Version of the library as a number. Compare with APFS_VERSION_NUMBER of the header.
uint32_t apfs_version_number(void);

// Opens the live state of a volume; HFS+ has no other.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_open(const struct apfs_volume *volume,
                                const struct apfs_view **out,
                                struct apfs_error **err);

// Opens the state that a snapshot keeps, by the snapshot's name.
//
// # Safety
// `volume` is a handle; `name` is valid for `name_len` bytes; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_open_snapshot(const struct apfs_volume *volume,
                                         const uint8_t *name,
                                         size_t name_len,
                                         const struct apfs_view **out,
                                         struct apfs_error **err);

// Opens the state that a snapshot keeps, by the snapshot's transaction.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_open_xid(const struct apfs_volume *volume,
                                    uint64_t xid,
                                    const struct apfs_view **out,
                                    struct apfs_error **err);

// Opens the state that a snapshot keeps, by a text that says which: its name; else its UUID, its transaction in decimal
// or hexadecimal (`0x2a`), or a date or time in UTC (`2024-05-01`, `2024-05-01 12:30:00`), which means the newest one
// taken until then, of a date until its end. APFS_STATUS_NOT_FOUND if there is none, or if several fit: the message
// lists them.
//
// # Safety
// `volume` is a handle; `wanted` is valid for `wanted_len` bytes; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_open_at(const struct apfs_volume *volume,
                                   const uint8_t *wanted,
                                   size_t wanted_len,
                                   const struct apfs_view **out,
                                   struct apfs_error **err);

// Number of the root directory; 0 for NULL.
//
// # Safety
// `view` is NULL or a handle.
uint64_t apfs_view_root(const struct apfs_view *view);

// Transaction of the state; 0 for NULL, for a merged tree, which is made of several, and on HFS+, which has none.
//
// # Safety
// `view` is NULL or a handle.
uint64_t apfs_view_xid(const struct apfs_view *view);

// Metadata of a file by its number.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_stat(const struct apfs_view *view,
                                uint64_t id,
                                struct apfs_stat *out,
                                struct apfs_error **err);

// Metadata of a file by its path: names separated by '/', from the root. `flags`: APFS_NO_FOLLOW or 0.
//
// # Safety
// `view` is a handle; `path` is valid for `path_len` bytes; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_stat_path(const struct apfs_view *view,
                                     const uint8_t *path,
                                     size_t path_len,
                                     uint32_t flags,
                                     struct apfs_stat *out,
                                     struct apfs_error **err);

// Number of the file at a path. `flags`: APFS_NO_FOLLOW or 0.
//
// # Safety
// `view` is a handle; `path` is valid for `path_len` bytes; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_find(const struct apfs_view *view,
                                const uint8_t *path,
                                size_t path_len,
                                uint32_t flags,
                                uint64_t *out,
                                struct apfs_error **err);

// Number of the file of a name in a directory, by the volume's own rule of which names are equal.
//
// # Safety
// `view` is a handle; `name` is valid for `name_len` bytes; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_lookup(const struct apfs_view *view,
                                  uint64_t dir,
                                  const uint8_t *name,
                                  size_t name_len,
                                  uint64_t *out,
                                  struct apfs_error **err);

// Target of a symbolic link. Its length goes to `n`; the bytes go to `buf` only if all of them fit in `cap`, so
// compare `n` with `cap`. `buf` may be NULL if `cap` is 0.
//
// # Safety
// `view` is a handle; `buf` has room for `cap` bytes; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_view_read_link(const struct apfs_view *view,
                                     uint64_t id,
                                     uint8_t *buf,
                                     size_t cap,
                                     size_t *n,
                                     struct apfs_error **err);

// Frees a view. What was opened from it stays usable. NULL is allowed.
//
// # Safety
// `view` is NULL or a handle that is not yet freed.
void apfs_view_free(const struct apfs_view *view);

// Opens the volume in a slot.
//
// # Safety
// `container` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_open(const struct apfs_container *container,
                                  size_t slot,
                                  const struct apfs_volume **out,
                                  struct apfs_error **err);

// Opens a volume of any kind by its place in the list of `apfs_disk_volumes`, counted from 0.
//
// # Safety
// `disk` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_open_nth(const struct apfs_disk *disk,
                                      size_t nth,
                                      const struct apfs_volume **out,
                                      struct apfs_error **err);

// What a volume says about itself.
//
// # Safety
// `volume` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_volume_get_info(const struct apfs_volume *volume,
                                      struct apfs_volume_info *out,
                                      struct apfs_error **err);

// Frees a volume. What was opened from it stays usable. NULL is allowed.
//
// # Safety
// `volume` is NULL or a handle that is not yet freed.
void apfs_volume_free(const struct apfs_volume *volume);

// Reads the list of a file's extended attributes, hidden ones included, in stored order.
//
// # Safety
// `view` is a handle; `out` is writable; `err` is NULL or writable.
enum apfs_status apfs_xattrs_open(const struct apfs_view *view,
                                  uint64_t id,
                                  const struct apfs_xattrs **out,
                                  struct apfs_error **err);

// Gives the attributes from number `first` on: up to `cap` into `out`, how many into `n`. None written means the
// end.
//
// # Safety
// `xattrs` is a handle; `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
enum apfs_status apfs_xattrs_list(const struct apfs_xattrs *xattrs,
                                  size_t first,
                                  struct apfs_xattr *out,
                                  size_t cap,
                                  size_t *n,
                                  struct apfs_error **err);

// Frees a list of attributes. NULL is allowed.
//
// # Safety
// `xattrs` is NULL or a handle that is not yet freed.
void apfs_xattrs_free(const struct apfs_xattrs *xattrs);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* APFS_H */
