//! What the fuzz targets do, as plain functions: the targets, the replay of old findings and the smoke run share them.
//!
//! | module | holds |
//! |---|---|
//! | [`seed`] | images made by the builder of the tests, and where their objects lie |
//! | [`patch`] | an input: a short list of changes to a seed |
//! | [`fix`] | repairs checksums behind the changes, so that they reach the code behind the checksum test |
//! | [`mutate`] | changes of fields that a structure really has, with values that hurt |
//! | [`codec`] | streams and compressed files, made by encoders and then changed |
//! | [`target`] | one function per fuzz target: takes bytes, panics if a promise is broken |
//! | [`wrapped`] | the targets of disk images |
//! | [`udif`] | disk images, and the promises about them |
//! | [`hfs`] | HFS+ volumes, their nodes and records |
//! | [`check`] | checks of both file systems |
//! | [`fusion`] | pairs of devices |
//! | [`delta`] | comparisons of states |
//! | [`journal`] | journals of HFS+, and the promises about their replay |
//! | [`seal`] | the promises about seals |
//! | [`space`] | the promises about the blocks of a container and their owners |
//! | [`view`] | the promises about a mounted volume |
//! | [`meter`], [`rng`] | memory use, random numbers |

pub mod check;
pub mod codec;
pub mod delta;
pub mod fix;
pub mod fusion;
pub mod hfs;
pub mod journal;
pub mod meter;
pub mod mutate;
pub mod patch;
pub mod rng;
pub mod seal;
pub mod seed;
pub mod space;
pub mod target;
pub mod udif;
pub mod view;
pub mod wrapped;
