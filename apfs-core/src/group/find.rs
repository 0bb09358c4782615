//! Which volumes of a container belong together (sheet apfs-03, section 4).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::apfs::raw::volume::VolumeFeatures;
use crate::apfs::{Container, Role, Volume};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::fs::types::Name;

use super::merged::{MergeOptions, MergedView};

/// Role of the volume that a Mac starts from.
const SYSTEM: Role = Role(1);
/// Role of the volume that everything else is on.
const DATA: Role = Role(0x40);

/// Roles of the other volumes of a Mac, and the names of the directories in `/System/Volumes` where macOS mounts them.
const COMPANIONS: [(Role, &str); 6] = [
    (Role(0x10), "Preboot"),
    (Role(0x04), "Recovery"),
    (Role(0xC0), "Update"),
    (Role(0x08), "VM"),
    (Role(0x100), "xarts"),
    (Role(0x140), "Hardware"),
];

/// What is not as it should be with groups and their members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupProblem {
    /// No member has the role of System.
    #[error("no System volume")]
    NoSystem,
    /// No member has the role of Data.
    #[error("no Data volume")]
    NoData,
    /// More than one member has the role of System.
    #[error("{} System volumes: {}", .0.len(), names(.0))]
    SeveralSystems(Vec<Name>),
    /// More than one member has the role of Data.
    #[error("{} Data volumes: {}", .0.len(), names(.0))]
    SeveralData(Vec<Name>),
    /// System or Data lacks the feature of a member (`APFS_FEATURE_VOLGRP_SYSTEM_INO_SPACE`).
    #[error("volume {0} is a member by its group id, not by its features")]
    NoFeature(Name),
    /// A volume has the feature of a member and no group id.
    #[error("volume {0} is a member of a group by its features, and has no group id")]
    NoGroupId(Name),
    /// A member is neither System nor Data.
    #[error("volume {0} is a member with the role {1}")]
    OtherRole(Name, Role),
    /// Several volumes of the container have a role that one volume has on a Mac: neither is taken.
    #[error("{count} volumes with the role {0}: {names}", count = .1.len(), names = names(.1))]
    SeveralCompanions(Role, Vec<Name>),
    /// A volume of the container can't be read: whether it is a member is not known.
    #[error("volume {0} can't be read, and may be a member: {1}")]
    Unreadable(usize, String),
}

fn names(names: &[Name]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl GroupProblem {
    /// Word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            GroupProblem::NoSystem => "no-system",
            GroupProblem::NoData => "no-data",
            GroupProblem::SeveralSystems(_) => "several-systems",
            GroupProblem::SeveralData(_) => "several-data",
            GroupProblem::NoFeature(_) => "no-feature",
            GroupProblem::NoGroupId(_) => "no-group-id",
            GroupProblem::OtherRole(..) => "other-role",
            GroupProblem::SeveralCompanions(..) => "several-companions",
            GroupProblem::Unreadable(..) => "unreadable",
        }
    }

    /// True if System and Data can't be joined because of it.
    fn stands_in_the_way(&self) -> bool {
        use GroupProblem::{NoData, NoSystem, SeveralData, SeveralSystems};
        matches!(self, NoSystem | NoData | SeveralSystems(_) | SeveralData(_))
    }

    /// True if nobody can say what is meant: the image contradicts itself.
    fn is_contradiction(&self) -> bool {
        matches!(self, GroupProblem::SeveralSystems(_) | GroupProblem::SeveralData(_))
    }
}

/// A volume that macOS mounts in `/System/Volumes` beside Data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Companion {
    /// Name of its directory there.
    pub directory: &'static str,
    /// The volume. It is in the same container, not in the group.
    pub volume: Volume,
}

/// The volumes of one macOS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VolumeGroup {
    /// What its members have in common (`apfs_volume_group_id`).
    pub id: Uuid,
    /// The volumes with the role of System: one on a Mac.
    pub systems: Vec<Volume>,
    /// The volumes with the role of Data: one on a Mac.
    pub data: Vec<Volume>,
    /// Members with other roles: none on a Mac.
    pub others: Vec<Volume>,
    /// Other volumes of the container that macOS shows in the same tree.
    pub companions: Vec<Companion>,
    /// What is not as it should be.
    pub problems: Vec<GroupProblem>,
}

/// The groups of a container.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Groups {
    /// Each with its members, by id.
    pub groups: Vec<VolumeGroup>,
    /// What concerns no single group.
    pub problems: Vec<GroupProblem>,
}

impl Groups {
    /// Finds the groups of a container. Only superblocks of volumes are looked at: locked ones count too.
    #[must_use]
    pub fn find(container: &Container) -> Groups {
        let (mut volumes, mut problems) = (Vec::new(), Vec::new());
        for (slot, volume) in container.volumes() {
            match volume {
                Ok(volume) => volumes.push(volume),
                Err(error) => problems.push(GroupProblem::Unreadable(slot, error.to_string())),
            }
        }
        let (companions, several) = companions(&volumes);
        problems.extend(several);
        let mut members: BTreeMap<[u8; 16], Vec<Volume>> = BTreeMap::new();
        for volume in volumes {
            match volume.group() {
                Some(group) => members.entry(group.0).or_default().push(volume),
                None if has_feature(&volume) => problems.push(GroupProblem::NoGroupId(volume.name())),
                None => {}
            }
        }
        let unreadable: Vec<_> =
            problems.iter().filter(|problem| matches!(problem, GroupProblem::Unreadable(..))).collect();
        let groups = members
            .into_iter()
            .map(|(id, members)| VolumeGroup::new(Uuid(id), members, &companions, &unreadable));
        Groups { groups: groups.collect(), problems }
    }
}

/// The volumes beside System and Data, and what is not clear about them.
fn companions(volumes: &[Volume]) -> (Vec<Companion>, Vec<GroupProblem>) {
    let (mut companions, mut problems) = (Vec::new(), Vec::new());
    for (role, directory) in COMPANIONS {
        let mut of_role = volumes.iter().filter(|volume| volume.role() == role && volume.group().is_none());
        match (of_role.next(), of_role.next()) {
            (Some(volume), None) => companions.push(Companion { directory, volume: volume.clone() }),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(of_role).map(Volume::name).collect();
                problems.push(GroupProblem::SeveralCompanions(role, all));
            }
            (None, _) => {}
        }
    }
    (companions, problems)
}

fn has_feature(volume: &Volume) -> bool {
    volume.superblock().features().contains(VolumeFeatures::VOLGRP_SYSTEM_INO_SPACE)
}

impl VolumeGroup {
    fn new(
        id: Uuid,
        members: Vec<Volume>,
        companions: &[Companion],
        unreadable: &[&GroupProblem],
    ) -> VolumeGroup {
        let (mut systems, mut data, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for volume in members {
            match volume.role() {
                SYSTEM => systems.push(volume),
                DATA => data.push(volume),
                _ => others.push(volume),
            }
        }
        let all_names = |volumes: &[Volume]| volumes.iter().map(Volume::name).collect::<Vec<_>>();
        let mut problems = Vec::new();
        match systems.len() {
            0 => problems.push(GroupProblem::NoSystem),
            1 => {}
            _ => problems.push(GroupProblem::SeveralSystems(all_names(&systems))),
        }
        match data.len() {
            0 => problems.push(GroupProblem::NoData),
            1 => {}
            _ => problems.push(GroupProblem::SeveralData(all_names(&data))),
        }
        // Nothing is missing for certain as long as a volume can't be read.
        if systems.is_empty() || data.is_empty() {
            problems.extend(unreadable.iter().map(|problem| (*problem).clone()));
        }
        let without = systems.iter().chain(&data).filter(|volume| !has_feature(volume));
        problems.extend(without.map(|volume| GroupProblem::NoFeature(volume.name())));
        problems.extend(others.iter().map(|volume| GroupProblem::OtherRole(volume.name(), volume.role())));
        VolumeGroup { id, systems, data, others, companions: companions.to_vec(), problems }
    }

    /// Name of its System volume, of another member if there is none.
    #[must_use]
    pub fn name(&self) -> Name {
        let mut all = self.systems.iter().chain(&self.data).chain(&self.others);
        all.next().map(Volume::name).unwrap_or_default()
    }

    /// The one System volume and the one Data volume.
    ///
    /// # Errors
    /// `Corrupt` if there are several of a role: which one is meant would be a guess. `Unsupported` if one is not there.
    pub fn pair(&self) -> Result<(&Volume, &Volume)> {
        let system = self.system()?;
        match (self.data.as_slice(), self.obstacle()) {
            ([data], None) => Ok((system, data)),
            (_, Some(error)) => Err(error),
            (_, None) => Err(self.refusal(&GroupProblem::NoData)),
        }
    }

    /// The one System volume.
    ///
    /// # Errors
    /// As [`VolumeGroup::pair`].
    pub fn system(&self) -> Result<&Volume> {
        match self.systems.as_slice() {
            [system] => Ok(system),
            _ => Err(self.obstacle().unwrap_or_else(|| self.refusal(&GroupProblem::NoSystem))),
        }
    }

    /// Why System and Data can't be joined, if they can't.
    fn obstacle(&self) -> Option<Error> {
        self.problems.iter().find(|problem| problem.stands_in_the_way()).map(|problem| self.refusal(problem))
    }

    fn refusal(&self, problem: &GroupProblem) -> Error {
        if problem.is_contradiction() {
            let place = Place::new("apfs_superblock_t", "apfs_role");
            let finding = Corrupt::new(Damage::Contradiction, place).expected("one of each role in a group");
            return finding.found(alloc::format!("{problem}, in volume group {}", self.id)).into();
        }
        let unreadable = self.problems.iter().find(|p| matches!(p, GroupProblem::Unreadable(..)));
        let more = unreadable.map_or(String::new(), |problem| alloc::format!("; {problem}"));
        let what = alloc::format!("volume group {} as one tree: {problem}{more}", self.id);
        Error::unsupported(what, "its volumes can be shown one by one")
    }

    /// System and Data as one tree, as macOS shows it.
    ///
    /// # Errors
    /// As [`VolumeGroup::pair`]; `Locked` if one of the two is, and whatever keeps one of them from being read. The error
    /// names the volume.
    pub fn view(&self, options: &MergeOptions) -> Result<MergedView> {
        MergedView::open(self, options)
    }
}
