//! The built program, run on images of the image builder: output, exit status, standard error.

mod backups;
mod check;
mod complete;
mod core_storage;
mod diff;
mod exit;
mod files;
mod find;
mod fusion;
mod hfs;
mod image;
mod info;
mod list;
mod merged;
mod secrets;
mod snapshots;
mod space;
mod support;
mod verify;
