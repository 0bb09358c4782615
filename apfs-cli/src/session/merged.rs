//! `--merged`: System and Data of one macOS as one tree.

use apfs_core::apfs::Volume;
use apfs_core::group::{Groups, MergeOptions, MergedView, VolumeGroup};
use apfs_core::{AnyFs, AnyVolume, Error};

use super::{Session, Target, is_volume};
use crate::exit::{Failure, Outcome};
use crate::held::Held;

impl Session {
    /// The merged trees of all groups that were asked for. What is not as it should be with them is said.
    pub(super) fn merged(&self, outcome: &mut Outcome) -> Result<Vec<Target>, Failure> {
        let (mut targets, mut failed, mut seen) = (Vec::new(), None::<Failure>, Vec::new());
        for (part, held) in self.held(outcome)? {
            let Ok(Held::Container(container)) = held else { continue };
            let found = Groups::find(&container);
            for group in &found.groups {
                seen.push(format!("{} ({})", group.name(), group.id));
                if !self.wants_group(group) {
                    continue;
                }
                let opened = self.open_group(group);
                match opened {
                    Ok(view) => {
                        say_findings(&view, outcome);
                        let index = view.system().volume().slot();
                        targets.push(Target { part, index, view: AnyFs::Merged(view), backup: None });
                    }
                    Err(failure) => {
                        if let Some(earlier) = failed.replace(failure) {
                            outcome.problem(earlier);
                        }
                    }
                }
            }
        }
        let image = self.common.source.image.display();
        match (failed, self.wanted_volume()) {
            (Some(failure), _) if targets.is_empty() => Err(failure),
            (None, Some(wanted)) if targets.is_empty() && !seen.is_empty() => {
                let text = format!("no volume group with {wanted}; there are: {}", seen.join(", "));
                Err(Failure::Usage(text))
            }
            (None, _) if targets.is_empty() => {
                let text = "no volume group, so there is nothing to merge: leave out --merged";
                Err(Failure::Usage(format!("{image}: {text}")))
            }
            (failed, _) => {
                failed.into_iter().for_each(|failure| outcome.problem(failure));
                Ok(targets)
            }
        }
    }

    /// True if the group, or its System or Data volume, is the one that was asked for, or none was.
    pub(crate) fn wants_group(&self, group: &VolumeGroup) -> bool {
        let Some(wanted) = self.wanted_volume() else { return true };
        let mut members = group.systems.iter().chain(&group.data);
        group.id.to_string().eq_ignore_ascii_case(wanted)
            || members.any(|volume| is_volume(&AnyVolume::Apfs(volume.clone()), volume.slot(), wanted))
    }

    fn open_group(&self, group: &VolumeGroup) -> Result<MergedView, Failure> {
        let what = format!("{}, merged", group.name());
        let mut options = MergeOptions { without_data: self.common.without_data, ..MergeOptions::default() };
        if let Some(wanted) = &self.common.snapshot {
            let (system, data) = (group.systems.as_slice(), group.data.as_slice());
            options.system = snapshot_of(system, wanted).map_err(Failure::core(&what))?;
            options.data = snapshot_of(data, wanted).map_err(Failure::core(&what))?;
            if options.system.is_none() && options.data.is_none() {
                return Err(Failure::Usage(format!("{what}: no snapshot {wanted} of System or Data")));
            }
        }
        let mut members = group.systems.iter().chain(group.data.iter().filter(|_| !options.without_data));
        let locked = members.find(|volume| volume.is_locked());
        let view = || group.view(&options);
        let opened = match locked {
            Some(volume) => self.asking(
                &format!("volume {}", volume.name()),
                |secret| volume.unlock(secret).map(|_| ()),
                view,
            ),
            None => view(),
        };
        opened.map_err(|error| match error {
            Error::Locked(_) => Failure::Usage(format!("{what}: {error}; --without-data shows System alone")),
            error => Failure::Core(what, error),
        })
    }
}

/// The snapshot of a name, if the one volume has it.
fn snapshot_of(volumes: &[Volume], wanted: &str) -> apfs_core::Result<Option<apfs_core::apfs::Snapshot>> {
    let [volume] = volumes else { return Ok(None) };
    match volume.snapshot(wanted) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says what keeps the tree from being what a Mac shows.
fn say_findings(view: &MergedView, outcome: &mut Outcome) {
    let name = view.group().name();
    for problem in &view.group().problems {
        outcome.problem(format!("{name}, merged: {problem}"));
    }
    for finding in view.findings().iter().filter(|finding| !finding.problem.is_usual()) {
        outcome.problem(format!("{name}, merged: {finding}"));
    }
}
