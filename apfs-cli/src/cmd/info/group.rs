//! What `apfs info` says of volume groups.

use std::io;

use apfs_core::apfs;
use apfs_core::group::{Groups, MergeOptions, MergedView, Source, VolumeGroup};
use apfs_core::text::escape::Escaped;
use serde::Serialize;

use crate::out::Out;
use crate::row::lossy;
use crate::session::Session;

/// The groups of a container, and what concerns no single one.
#[derive(Debug, Serialize)]
pub(super) struct GroupRows {
    pub(super) groups: Vec<GroupRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) group_problems: Vec<ProblemRow>,
}

/// The volumes of one macOS.
#[derive(Debug, Serialize)]
pub(super) struct GroupRow {
    id: String,
    name: String,
    members: Vec<MemberRow>,
    /// Volumes that macOS shows in the same tree.
    companions: Vec<CompanionRow>,
    problems: Vec<ProblemRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<MergedRow>,
    /// Why its volumes can't be shown as one tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct MemberRow {
    index: usize,
    name: String,
    role: String,
}

#[derive(Debug, Serialize)]
struct CompanionRow {
    index: usize,
    name: String,
    /// Name of its directory in `/System/Volumes`.
    directory: &'static str,
}

/// What is not as it should be.
#[derive(Debug, Serialize)]
pub(super) struct ProblemRow {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    message: String,
}

/// The merged tree.
#[derive(Debug, Serialize)]
struct MergedRow {
    /// How the state of System was chosen: `root-to-xid`, `newest-update` or `live`.
    boot: &'static str,
    #[serde(skip)]
    boot_words: String,
    /// Snapshot that System is shown at.
    snapshot: Option<String>,
    firmlinks: Vec<FirmlinkRow>,
    findings: Vec<ProblemRow>,
}

#[derive(Debug, Serialize)]
struct FirmlinkRow {
    path: String,
    target: String,
    source: &'static str,
}

impl GroupRows {
    pub(super) fn gather(container: &apfs::Container, session: &Session) -> GroupRows {
        let found = Groups::find(container);
        let problem = |problem| ProblemRow::new(problem);
        GroupRows {
            groups: found
                .groups
                .iter()
                .filter(|group| session.wants_group(group))
                .map(GroupRow::new)
                .collect(),
            group_problems: found.problems.iter().map(problem).collect(),
        }
    }

    pub(super) fn show(
        &self,
        out: &mut Out,
        title: &dyn Fn(&mut Out, &str) -> io::Result<()>,
        field: &dyn Fn(&mut Out, &str, &str) -> io::Result<()>,
    ) -> io::Result<()> {
        for group in &self.groups {
            title(out, &format!("Volume group {}: {}", group.id, Escaped(group.name.as_bytes())))?;
            group.show(&mut |label, text| field(out, label, text))?;
        }
        let mut label = "Volume groups";
        for problem in &self.group_problems {
            field(out, label, &problem.message)?;
            label = "";
        }
        Ok(())
    }
}

impl ProblemRow {
    fn new(problem: &apfs_core::group::GroupProblem) -> ProblemRow {
        ProblemRow { code: problem.word(), path: None, message: problem.to_string() }
    }
}

impl GroupRow {
    fn new(group: &VolumeGroup) -> GroupRow {
        let name = |volume: &apfs::Volume| lossy(volume.name().as_bytes()).into_owned();
        let members = group.systems.iter().chain(&group.data).chain(&group.others).map(|volume| MemberRow {
            index: volume.slot(),
            name: name(volume),
            role: volume.role().to_string(),
        });
        let companions = group.companions.iter().map(|companion| CompanionRow {
            index: companion.volume.slot(),
            name: name(&companion.volume),
            directory: companion.directory,
        });
        let (merged, error) = match group.view(&MergeOptions::default()) {
            Ok(view) => (Some(MergedRow::new(&view)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        GroupRow {
            id: group.id.to_string(),
            name: lossy(group.name().as_bytes()).into_owned(),
            members: members.collect(),
            companions: companions.collect(),
            problems: group.problems.iter().map(ProblemRow::new).collect(),
            merged,
            error,
        }
    }

    fn show(&self, field: &mut dyn FnMut(&str, &str) -> io::Result<()>) -> io::Result<()> {
        let mut label = "Members";
        for MemberRow { index, name, role } in &self.members {
            field(label, &format!("volume {index}: {} ({role})", Escaped(name.as_bytes())))?;
            label = "";
        }
        let mut label = "Beside them";
        for CompanionRow { index, name, directory } in &self.companions {
            field(label, &format!("volume {index}: {}, as {directory}", Escaped(name.as_bytes())))?;
            label = "";
        }
        let mut label = "Problem";
        for problem in &self.problems {
            field(label, &problem.message)?;
            label = "";
        }
        if let Some(error) = &self.error {
            field("Not as one tree", error)?;
        }
        let Some(merged) = &self.merged else { return Ok(()) };
        let snapshot = merged.snapshot.as_ref();
        let snapshot = snapshot.map_or(String::new(), |name| format!(" ({})", Escaped(name.as_bytes())));
        field("System shown at", &format!("{}{snapshot}", merged.boot_words))?;
        let by = |word: &str| merged.firmlinks.iter().filter(|firmlink| firmlink.source == word).count();
        let (attribute, list) = (by(Source::Attribute.word()), by(Source::List.word()));
        let count = merged.firmlinks.len();
        field("Firmlinks", &format!("{count}: {attribute} by attribute, {list} by list alone"))?;
        let mut label = "Finding";
        for ProblemRow { path, message, .. } in &merged.findings {
            let path = path.as_deref().unwrap_or_default();
            field(label, &format!("{}: {message}", Escaped(path.as_bytes())))?;
            label = "";
        }
        Ok(())
    }
}

impl MergedRow {
    fn new(view: &MergedView) -> MergedRow {
        let text = |name: &apfs_core::Name| lossy(name.as_bytes()).into_owned();
        let firmlinks = view.firmlinks().iter().map(|firmlink| FirmlinkRow {
            path: text(&firmlink.path),
            target: text(&firmlink.target),
            source: firmlink.source.word(),
        });
        let findings = view.findings().iter().map(|finding| ProblemRow {
            code: finding.problem.word(),
            path: Some(text(&finding.path)),
            message: finding.problem.to_string(),
        });
        MergedRow {
            boot: view.boot().word(),
            boot_words: view.boot().to_string(),
            snapshot: view.system().snapshot().map(|snapshot| text(&snapshot.name)),
            firmlinks: firmlinks.collect(),
            findings: findings.collect(),
        }
    }
}
