//! C interface of apfs-core.
