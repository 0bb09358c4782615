//! Floor 6: one door. Finds what is on a disk and opens it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::any::AnyVolume;
use crate::apfs::fusion::half::Half;
use crate::apfs::fusion::halves::{Halves, Other};
use crate::apfs::{Container, Volume};
use crate::base::damage::Corrupt;
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::options::OpenOptions;
use crate::corestorage::{Group, LogicalVolume, PhysicalVolume};
use crate::group::Groups;
use crate::hfsplus;
use crate::image::format::Format;
use crate::image::layers::{Layer, Unwrapped, unwrap};
use crate::image::part::table::{Entry, PartitionType, Table};
#[cfg(feature = "std")]
use crate::image::path::{Opened, open_path};
use crate::image::probe::{Content, probe, probe_at};
use crate::io::read_at::ReadAt;
use crate::io::window::Window;

pub use crate::image::part::table::Scheme;

/// One partition: what it is and where.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Partition {
    /// Its number: used entries in the order of the table, from 0; logical partitions after the others.
    pub index: usize,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// Type in a GUID partition table.
    pub type_guid: Option<Uuid>,
    /// Type in an Apple partition map.
    pub type_text: Option<String>,
    /// Type in a master boot record.
    pub type_byte: Option<u8>,
    /// Name of the type, empty if it has none.
    pub type_name: &'static str,
    /// Name in the table.
    pub label: String,
    /// What is in it, by its signature.
    pub content: Content,
}

impl Partition {
    fn new(index: usize, entry: Entry, device: &dyn ReadAt) -> Partition {
        let (mut type_guid, mut type_text, mut type_byte) = (None, None, None);
        let type_name = entry.kind.name().unwrap_or("");
        match entry.kind {
            PartitionType::Guid(guid) => type_guid = Some(guid),
            PartitionType::Text(text) => type_text = Some(text),
            PartitionType::Byte(byte) => type_byte = Some(byte),
        }
        Partition {
            index,
            start: entry.start,
            len: entry.len,
            type_guid,
            type_text,
            type_byte,
            type_name,
            label: entry.label,
            content: probe_at(device, entry.start, entry.len).unwrap_or(Content::Unknown),
        }
    }

    /// True if no files can be in it by its type: the map itself, free space, drivers and the like.
    #[must_use]
    pub fn is_filler(&self) -> bool {
        const FILLERS: [&str; 9] = [
            "Apple_partition_map",
            "Apple_Free",
            "Apple_Void",
            "Apple_Extra",
            "Apple_Patches",
            "Apple_Loader",
            "Apple_Driver",
            "Apple_Bootstrap",
            "Apple_Label",
        ];
        FILLERS.contains(&self.type_name)
    }
}

/// A disk: its partitions and what they hold.
///
/// ```
/// # fn main() -> apfs_core::Result<()> {
/// # let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img");
/// use apfs_core::{Disk, Fs, FsExt};
///
/// let disk = Disk::open_file(sample)?;
/// for volume in disk.volumes(&Default::default())? {
///     let view = volume?.view()?;
///     for entry in view.list(view.root())? {
///         println!("{}", entry.name);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Disk {
    source: Arc<dyn ReadAt>,
    layers: Vec<Layer>,
    device: Arc<dyn ReadAt>,
    scheme: Scheme,
    partitions: Vec<Partition>,
    table_from_backup: bool,
    findings: Vec<Corrupt>,
    fusion: Halves,
}

impl Disk {
    /// Looks what is on a device. Disk images are taken off first, one inside another, encrypted ones with the
    /// secrets of `options`.
    ///
    /// # Errors
    /// `Unsupported` for a known format that this version does not read, `Locked` for an encrypted image that no
    /// secret fits, `NotFound` if nothing is recognised.
    pub fn open(device: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Disk> {
        Disk::open_as(device, None, options)
    }

    /// Looks what is on a device whose outermost layer is of a given format, whatever it looks like;
    /// [`Format::Raw`] takes nothing off.
    ///
    /// # Errors
    /// As [`Disk::open`].
    pub fn open_as(source: Arc<dyn ReadAt>, format: Option<Format>, options: &OpenOptions) -> Result<Disk> {
        let Unwrapped { device, layers } = unwrap(source.clone(), format, &options.secrets, &options.limits)?;
        Ok(Disk { source, layers, ..Disk::of_raw(device, options)? })
    }

    /// Looks what is on a disk that has nothing around it.
    fn of_raw(device: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Disk> {
        let whole = probe(&*device);
        let known = *whole.as_ref().unwrap_or(&Content::Unknown);
        if let Some(table) = Table::find(&*device, known, &options.limits)? {
            return Ok(Disk::with_table(device, table));
        }
        let content = match whole? {
            Content::Unknown => return Err(Error::not_found("no Apple file system and no partition table")),
            Content::Image(what, hint) | Content::Other(what, hint) => {
                return Err(Error::unsupported(what, hint));
            }
            content => content,
        };
        let partition = Partition {
            index: 0,
            start: 0,
            len: device.len(),
            type_guid: None,
            type_text: None,
            type_byte: None,
            type_name: "",
            label: String::new(),
            content,
        };
        Ok(Disk {
            source: device.clone(),
            layers: Vec::new(),
            device,
            scheme: Scheme::None,
            partitions: alloc::vec![partition],
            table_from_backup: false,
            findings: Vec::new(),
            fusion: Halves::default(),
        }
        .with_halves())
    }

    fn with_table(device: Arc<dyn ReadAt>, table: Table) -> Disk {
        let entries = table.entries.into_iter().enumerate();
        let partitions = entries.map(|(index, entry)| Partition::new(index, entry, &*device)).collect();
        Disk {
            source: device.clone(),
            layers: Vec::new(),
            device,
            scheme: table.scheme,
            partitions,
            table_from_backup: table.from_backup,
            findings: table.findings,
            fusion: Halves::default(),
        }
        .with_halves()
    }

    /// Looks which partitions are halves of Fusion pairs.
    fn with_halves(mut self) -> Disk {
        for index in self.apfs_partitions() {
            if let Some(half) = self.partition_device(index).ok().and_then(|device| Half::peek(&device)) {
                self.fusion.own.push((index, half));
            }
        }
        self
    }

    /// The same disk, with the halves of Fusion pairs that another one holds. Which device is which they say themselves.
    /// Two halves on one disk find each other without this.
    ///
    /// # Errors
    /// `NotFound` if nothing on the other disk belongs to a container on this one, `Corrupt` if the ids of the two
    /// devices contradict each other.
    pub fn with_second(mut self, other: &Disk) -> Result<Disk> {
        let halves = other.fusion.own.iter();
        let halves = halves.filter_map(|(index, half)| Some((*half, other.partition_device(*index).ok()?)));
        self.fusion.others.extend(halves);
        self.fusion.joins().map(|()| self)
    }

    /// The partition with the first half of the Fusion pair whose second half is this one; `None` if it is none, or the
    /// first half is on no partition of this disk.
    #[must_use]
    pub fn fusion_main_of(&self, index: usize) -> Option<usize> {
        self.fusion.main_of(index)
    }

    /// The other half of the Fusion pair that a partition is half of, if it is here.
    fn second_of(&self, index: usize) -> Option<Arc<dyn ReadAt>> {
        match self.fusion.second_of(index)? {
            Other::Partition(other) => self.partition_device(other).ok(),
            Other::Device(device) => Some(device),
        }
    }

    /// Opens a path with default options, see [`Disk::open_path`].
    ///
    /// # Errors
    /// As [`Disk::open_path`].
    #[cfg(feature = "std")]
    pub fn open_file(path: impl AsRef<std::path::Path>) -> Result<Disk> {
        Disk::open_path(path, &OpenOptions::default())
    }

    /// Looks what is at a path: a file or device node, a sparse bundle, or all numbered files of a disk in pieces, given
    /// any of them.
    ///
    /// # Errors
    /// As [`Disk::open`], and `Io` if it can't be opened, `NotFound` if a piece is missing.
    #[cfg(feature = "std")]
    pub fn open_path(path: impl AsRef<std::path::Path>, options: &OpenOptions) -> Result<Disk> {
        Disk::open_path_as(path, None, options)
    }

    /// Looks what is at a path whose outermost layer is of a given format, whatever it looks like; [`Format::Raw`] takes
    /// the file alone, as it is.
    ///
    /// # Errors
    /// As [`Disk::open_path`].
    #[cfg(feature = "std")]
    pub fn open_path_as(
        path: impl AsRef<std::path::Path>,
        format: Option<Format>,
        options: &OpenOptions,
    ) -> Result<Disk> {
        let Opened { source, unwrapped } = open_path(path, format, &options.secrets, &options.limits)?;
        Ok(Disk { source, layers: unwrapped.layers, ..Disk::of_raw(unwrapped.device, options)? })
    }

    /// The same disk, read through another device over its own: one that counts, keeps or can be closed. The images
    /// around it are let go of.
    #[must_use]
    pub fn through(self, wrap: impl FnOnce(Arc<dyn ReadAt>) -> Arc<dyn ReadAt>) -> Disk {
        let device = wrap(self.device);
        Disk { source: device.clone(), layers: Vec::new(), device, ..self }
    }

    /// How its partitions are described.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its partitions; one if there is no table.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// True if the first partition table is damaged and the one at the end was used.
    #[must_use]
    pub fn table_from_backup(&self) -> bool {
        self.table_from_backup
    }

    /// What is wrong with the partition table, where that does not stop reading.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.findings
    }

    /// What it was opened from: the outermost disk image, or the disk itself.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn ReadAt> {
        &self.source
    }

    /// The disk images around the disk, outermost first; none around a raw disk.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The disk itself, without the disk images around it.
    #[must_use]
    pub fn device(&self) -> &Arc<dyn ReadAt> {
        &self.device
    }

    /// A partition as a device.
    ///
    /// # Errors
    /// `NotFound` if there is no such partition.
    pub fn partition_device(&self, index: usize) -> Result<Arc<dyn ReadAt>> {
        let partition = self.partitions.get(index);
        let partition = partition.ok_or_else(|| Error::not_found(alloc::format!("partition {index}")))?;
        if self.scheme == Scheme::None {
            return Ok(self.device.clone());
        }
        Ok(Arc::new(Window::new(self.device.clone(), partition.start, partition.len)))
    }

    /// The APFS container in a partition; both devices of a Fusion pair if they are here.
    ///
    /// # Errors
    /// As [`Container::open`] and [`Container::open_fusion`]; `Unsupported` if something else is there.
    pub fn container(&self, index: usize, options: OpenOptions) -> Result<Container> {
        let device = self.partition_device(index)?;
        let partition = self.partitions.get(index);
        let is_apfs_type = partition.is_some_and(|partition| partition.type_name.starts_with("Apple_APFS"));
        match partition.map_or(Content::Unknown, |partition| partition.content) {
            Content::Apfs => match self.second_of(index) {
                Some(second) => Container::open_fusion(device, second, options),
                None => Container::open(device, options),
            },
            Content::Unknown if is_apfs_type => Container::open(device, options),
            Content::Unknown => Err(Error::not_found(alloc::format!("APFS container in partition {index}"))),
            other => Err(Error::unsupported(alloc::format!("{other}"), other.advice())),
        }
    }

    /// The HFS+ volume in a partition.
    ///
    /// # Errors
    /// As [`hfsplus::Volume::open`]; `Unsupported` if something else is there.
    pub fn hfs_volume(&self, index: usize, options: OpenOptions) -> Result<hfsplus::Volume> {
        let device = self.partition_device(index)?;
        let partition = self.partitions.get(index);
        match partition.map_or(Content::Unknown, |partition| partition.content) {
            Content::HfsPlus | Content::HfsX | Content::HfsWrapper => hfsplus::Volume::open(device, options),
            // Neither may its first header be valid any more.
            Content::Unknown => hfsplus::Volume::open(device, options),
            other => Err(Error::unsupported(alloc::format!("{other}"), other.advice())),
        }
    }

    /// All volumes on the disk: those of APFS containers and HFS+ ones, with the numbers of their partitions. A damaged
    /// container or volume is an error of its own.
    ///
    /// # Errors
    /// As [`Disk::no_volume`] if there is none at all.
    pub fn volumes(&self, options: &OpenOptions) -> Result<Vec<Result<AnyVolume>>> {
        let mut volumes = Vec::new();
        // Opening a group may take a password, which is slow on purpose: each is opened once.
        let mut groups = self.volume_groups(options);
        for partition in &self.partitions {
            if let Some(found) = self.volumes_among(partition.index, options, &mut groups) {
                match found {
                    Ok(found) => volumes.extend(found),
                    Err(error) => volumes.push(Err(error)),
                }
            }
        }
        if volumes.is_empty() { Err(self.no_volume()) } else { Ok(volumes) }
    }

    /// The volumes in one partition; `None` if it holds none that is read. Those of a CoreStorage group are in the first
    /// of its partitions.
    pub fn volumes_in(&self, index: usize, options: &OpenOptions) -> Option<Result<Vec<Result<AnyVolume>>>> {
        let is_group = self.core_storage_partitions().contains(&index);
        let mut groups = if is_group { self.volume_groups(options) } else { Vec::new() };
        self.volumes_among(index, options, &mut groups)
    }

    /// The volumes in one partition; the group that begins there is taken out of `groups`.
    fn volumes_among(
        &self,
        index: usize,
        options: &OpenOptions,
        groups: &mut Vec<(Vec<usize>, Result<Group>)>,
    ) -> Option<Result<Vec<Result<AnyVolume>>>> {
        if self.apfs_partitions().contains(&index) {
            let container = self.container(index, options.clone());
            let volumes = |container: Container| container.volumes();
            let any = |(_, volume): (usize, Result<Volume>)| volume.map(AnyVolume::Apfs);
            return Some(container.map(|container| volumes(container).into_iter().map(any).collect()));
        }
        if self.hfs_partitions().contains(&index) {
            let volume = self.hfs_volume(index, options.clone());
            return Some(volume.map(|volume| alloc::vec![Ok(AnyVolume::Hfs(volume))]));
        }
        let own = groups.iter().position(|(partitions, _)| partitions.first() == Some(&index))?;
        let (_, group) = groups.swap_remove(own);
        let each = |group: Group| {
            let volumes = group.logical_volumes().iter().map(|volume| self.volumes_on(volume, options));
            volumes.flat_map(|volumes| volumes.unwrap_or_else(|error| alloc::vec![Err(error)])).collect()
        };
        Some(group.map(each))
    }

    /// The volumes on a logical volume of CoreStorage: nearly always one HFS+ volume.
    ///
    /// # Errors
    /// As [`LogicalVolume::device`] and [`hfsplus::Volume::open`]; `Unsupported` if something else is there.
    pub fn volumes_on(
        &self,
        logical: &LogicalVolume,
        options: &OpenOptions,
    ) -> Result<Vec<Result<AnyVolume>>> {
        let device = logical.device()?;
        match probe(&*device)? {
            Content::Apfs => {
                let volumes = Container::open(device, options.clone())?.volumes().into_iter();
                Ok(volumes.map(|(_, volume)| volume.map(AnyVolume::Apfs)).collect())
            }
            // Its first header may no longer be valid, and the head of the physical volume may lie in its boot blocks.
            Content::HfsPlus
            | Content::HfsX
            | Content::HfsWrapper
            | Content::CoreStorage
            | Content::Unknown => {
                let volume = hfsplus::Volume::open(device, options.clone())?;
                Ok(alloc::vec![Ok(AnyVolume::Hfs(volume))])
            }
            other => Err(Error::unsupported(alloc::format!("{other}"), other.advice())),
        }
    }

    /// Numbers of the partitions that hold an HFS+ volume, or should by their type.
    #[must_use]
    pub fn hfs_partitions(&self) -> Vec<usize> {
        let holds = |partition: &&Partition| match partition.content {
            Content::HfsPlus | Content::HfsX | Content::HfsWrapper => true,
            Content::Unknown => partition.type_name.starts_with("Apple_HFS"),
            _ => false,
        };
        self.partitions.iter().filter(holds).map(|partition| partition.index).collect()
    }

    /// Numbers of the partitions that hold a CoreStorage physical volume, or should by their type.
    #[must_use]
    pub fn core_storage_partitions(&self) -> Vec<usize> {
        let is_typed = |partition: &Partition| partition.type_name == "Apple_CoreStorage";
        let holds = |partition: &&Partition| partition.content == Content::CoreStorage || is_typed(partition);
        self.partitions.iter().filter(holds).map(|partition| partition.index).collect()
    }

    /// The CoreStorage volume groups of the disk, each with the numbers of its partitions. What can't be opened, such as
    /// one of which another disk has a part, is an error of its own.
    ///
    /// Groups that are spread over several disks are put together with [`Group::open`].
    #[must_use]
    pub fn volume_groups(&self, options: &OpenOptions) -> Vec<(Vec<usize>, Result<Group>)> {
        let mut groups = Vec::new();
        let mut volumes: BTreeMap<Uuid, (Vec<usize>, Vec<PhysicalVolume>)> = BTreeMap::new();
        for index in self.core_storage_partitions() {
            match self.partition_device(index).and_then(PhysicalVolume::open) {
                Ok(volume) => {
                    let (indices, volumes) = volumes.entry(volume.group_uuid()).or_default();
                    indices.push(index);
                    volumes.push(volume);
                }
                Err(error) => groups.push((alloc::vec![index], Err(error))),
            }
        }
        groups.extend(volumes.into_values().map(|(indices, volumes)| (indices, Group::of(volumes, options))));
        groups.sort_by(|(one, _), (other, _)| one.cmp(other));
        groups
    }

    /// The logical volumes of all CoreStorage groups on the disk, each with the number of the first of its group's
    /// partitions. A group that can't be opened is an error.
    #[must_use]
    pub fn logical_volumes(&self, options: &OpenOptions) -> Vec<(usize, Result<LogicalVolume>)> {
        let mut volumes = Vec::new();
        for (partitions, group) in self.volume_groups(options) {
            let first = partitions.first().copied().unwrap_or(0);
            match group {
                Ok(group) => {
                    volumes.extend(group.logical_volumes().iter().map(|volume| (first, Ok(volume.clone()))));
                }
                Err(error) => volumes.push((first, Err(error))),
            }
        }
        volumes
    }

    /// The groups of volumes that belong to one macOS, of every APFS container on the disk, with the numbers of the
    /// partitions. A container that can't be opened is an error of its own.
    #[must_use]
    pub fn mac_groups(&self, options: &OpenOptions) -> Vec<(usize, Result<Groups>)> {
        let find = |index| (index, self.container(index, options.clone()).map(|it| Groups::find(&it)));
        self.apfs_partitions().into_iter().map(find).collect()
    }

    /// The error of a disk without any volume that is read: `Unsupported` with what it holds instead, `NotFound` if
    /// that is nothing known.
    #[must_use]
    pub fn no_volume(&self) -> Error {
        let held: Vec<Content> = self.partitions.iter().map(|partition| partition.content).collect();
        let apple = held.iter().find(|content| content.is_apple_volume());
        let named = apple.or_else(|| held.iter().find(|content| **content != Content::Unknown));
        match named.filter(|content| **content != Content::Apfs) {
            Some(Content::Wrapped(format)) if self.scheme == Scheme::None => {
                Error::unsupported(format.name(), "it was opened as a raw disk; open it as what it is")
            }
            Some(content) => {
                Error::unsupported(alloc::format!("{content}, no Apple volume"), content.advice())
            }
            None => Error::not_found("no APFS or HFS+ volume"),
        }
    }

    /// Numbers of the partitions that hold an APFS container, or should by their type. A Fusion pair counts as what its
    /// first half is on.
    #[must_use]
    pub fn apfs_partitions(&self) -> Vec<usize> {
        let holds = |partition: &&Partition| {
            partition.content == Content::Apfs
                || (partition.content == Content::Unknown && partition.type_name.starts_with("Apple_APFS"))
        };
        let found = self.partitions.iter().filter(holds).map(|partition| partition.index);
        found.filter(|index| self.fusion.main_of(*index).is_none()).collect()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk")
            .field("scheme", &self.scheme)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
