//! CoreStorage: logical volumes on physical ones, FileVault 2 included (sheet corestorage).
