//! Checking: everything is read, and what is said twice is compared.

use apfs_core::apfs::Container;
use apfs_core::base::report::Cancel;
use apfs_core::check::{self, CheckOptions, Finding, Summary};
use apfs_core::{AnyVolume, Corrupt, Error, Result};
use pyo3::prelude::*;

use crate::errors::{OrRaise, finding};
use crate::signals;

/// Severity, code, name, message, slot of the volume, partition, exception with the place.
type FindingTuple =
    (&'static str, &'static str, &'static str, String, Option<usize>, Option<usize>, Py<PyAny>);
/// Counts of something by name.
type Counts = Vec<(&'static str, u64)>;
/// Findings, errors, warnings and notes, findings by code, what was checked, what was not and why.
pub(crate) type Report = (Vec<FindingTuple>, (u64, u64, u64), Counts, Counts, Vec<(String, String)>);
/// Code, name, group, severity, text.
type RuleTuple = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// All rules, in the order of their codes.
#[pyfunction]
pub(crate) fn rules() -> Vec<RuleTuple> {
    let rules = check::rules().into_iter();
    rules.map(|rule| (rule.code, rule.name, rule.group.name, rule.severity.name(), rule.text)).collect()
}

/// A check under way: what it has found.
pub(crate) struct Checking {
    options: CheckOptions,
    findings: Vec<(Option<usize>, Finding)>,
    summary: Summary,
}

impl Checking {
    pub(crate) fn new(snapshots: bool, findings_per_rule: u64) -> Checking {
        let mut options = CheckOptions::default();
        (options.snapshots, options.findings_per_rule) = (snapshots, findings_per_rule);
        Checking { options, findings: Vec::new(), summary: Summary::default() }
    }

    /// Checks what is around file systems; `layers` is what is wrong with the disk images.
    pub(crate) fn around(&mut self, disk: &apfs_core::Disk, layers: &[Corrupt]) {
        for finding in layers.iter().map(check::disk::of_layer) {
            self.summary.tally.add(finding.severity());
            let count = self.summary.by_code.entry(finding.rule.code).or_default();
            *count = count.saturating_add(1);
            self.findings.push((None, finding));
        }
        let findings = &mut self.findings;
        let summary = check::disk::around(disk, &self.options, &mut |finding| findings.push((None, finding)));
        self.summary.add(summary);
    }

    pub(crate) fn container(&mut self, partition: usize, container: &Container) -> Result<()> {
        // Secrets that were given are tried when a view is opened; whether that worked the check says.
        for (_, volume) in container.volumes() {
            let _ = volume.and_then(|volume| volume.view());
        }
        let findings = &mut self.findings;
        let mut sink = |finding| findings.push((Some(partition), finding));
        let cancel: Option<Cancel<'_>> = Some(&signals::interrupted);
        let summary = check::apfs::check(container, &self.options, cancel, &mut sink)?;
        self.summary.add(summary);
        Ok(())
    }

    /// An HFS+ volume by itself, of an APFS volume its container.
    pub(crate) fn volume(&mut self, partition: usize, volume: &AnyVolume) -> Result<()> {
        let volume = match volume {
            AnyVolume::Apfs(volume) => return self.container(partition, volume.container()),
            AnyVolume::Hfs(volume) => volume,
            _ => return Err(Error::unsupported("checking a volume of this kind", "")),
        };
        let findings = &mut self.findings;
        let mut sink = |finding| findings.push((Some(partition), finding));
        let cancel: Option<Cancel<'_>> = Some(&signals::interrupted);
        let summary = check::hfs::check(volume, &self.options, cancel, &mut sink)?;
        self.summary.add(summary);
        Ok(())
    }

    pub(crate) fn not_opened(&mut self, error: &Error) {
        let findings = &mut self.findings;
        let mut sink = |finding| findings.push((None, finding));
        self.summary.add(check::disk::not_opened("volume", error, &self.options, &mut sink));
    }

    pub(crate) fn report(self, py: Python<'_>, result: Result<()>) -> PyResult<Report> {
        result.or_raise(py, None)?;
        let convert = |(partition, found): (Option<usize>, Finding)| {
            let (rule, corrupt) = (found.rule, &found.corrupt);
            let message = match found.remark.as_str() {
                "" => corrupt.to_string(),
                remark => format!("{corrupt} ({remark})"),
            };
            let place = finding(py, corrupt)?.into_value(py).into_any();
            let severity = found.severity().name();
            Ok((severity, rule.code, rule.name, message, found.volume, partition, place))
        };
        let findings = self.findings.into_iter().map(convert).collect::<PyResult<_>>()?;
        let Summary { tally, by_code, checked, unchecked, .. } = self.summary;
        let tally = (tally.errors, tally.warnings, tally.notes);
        let unchecked = unchecked.into_iter().map(|unchecked| (unchecked.what, unchecked.why)).collect();
        Ok((findings, tally, by_code.into_iter().collect(), checked.into_iter().collect(), unchecked))
    }
}
