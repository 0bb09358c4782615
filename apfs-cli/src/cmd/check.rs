//! `apfs check`: every structure of every file system, and what is said twice, compared.

use core::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use apfs_core::check::{self, CheckOptions, Finding, Rule, Severity, Summary};
use apfs_core::text::escape::Escaped;
use apfs_core::{AnyVolume, Class, Corrupt, Damage, Error, Format, Place};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use crate::args::{ChecksumPolicy, Common, Source};
use crate::exit::{Failure, Outcome};
use crate::held::Held;
use crate::out::Out;
use crate::secrets::SecretArgs;
use crate::session::Session;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  apfs check disk.img                       everything that is wrong, by volume and rule
  apfs check --json disk.img                a JSON object for each finding, then one with the summary
  apfs check --only H07 disk.img            rules of one group; --only H0709 one rule
  apfs check --severity error disk.img      neither warnings nor notes
  apfs check --snapshots disk.img           the trees of all snapshots too
  apfs check --list-rules                   what is checked, with codes

Nothing is repaired. Exit status 1: an error was found (with --strict a warning), or something could not be
checked: it is locked, or can't be read. Warnings and notes alone: 0.")]
pub(crate) struct Check {
    /// Disk image, sparse bundle, first file of a split image, or device node
    #[arg(value_name = "IMAGE", required_unless_present = "list_rules")]
    image: Option<PathBuf>,

    /// The other device of a Fusion pair, in any order
    #[arg(long, value_name = "IMAGE", help_heading = "How to read")]
    tier2: Option<PathBuf>,

    #[command(flatten)]
    secrets: SecretArgs,

    /// Take the image for one of this format, whatever it looks like (see `apfs info --help`)
    #[arg(long = "as", value_name = "FORMAT", help_heading = "How to read")]
    open_as: Option<Format>,

    /// Only this partition, by the number that info shows
    #[arg(long, value_name = "N")]
    partition: Option<usize>,

    /// An older checkpoint of the container, by transaction
    #[arg(long, value_name = "XID")]
    checkpoint: Option<u64>,

    /// HFS+: check volumes as they are stored, without what their journals would change
    #[arg(long)]
    no_journal: bool,

    /// Read the trees of all snapshots too
    #[arg(long)]
    snapshots: bool,

    /// Only findings of this group of rules or this rule; may be repeated
    #[arg(long, value_name = "GROUP|CODE")]
    only: Vec<String>,

    /// Only findings at least so bad
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    severity: Floor,

    /// Exit status 1 for warnings too
    #[arg(long)]
    strict: bool,

    /// Findings of one rule in one container or volume that are shown; the others are counted
    #[arg(long, value_name = "N", default_value_t = 100)]
    most: u64,

    /// List the rules; no image is needed
    #[arg(long)]
    list_rules: bool,

    /// Print JSON lines
    #[arg(long, help_heading = "Output")]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Floor {
    /// Everything
    #[default]
    Note,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
}

impl From<Floor> for Severity {
    fn from(floor: Floor) -> Severity {
        match floor {
            Floor::Note => Severity::Note,
            Floor::Warning => Severity::Warning,
            Floor::Error => Severity::Error,
        }
    }
}

/// A rule as a line of JSON.
#[derive(Debug, Serialize)]
struct RuleRow {
    code: &'static str,
    severity: &'static str,
    name: &'static str,
    group: &'static str,
    text: &'static str,
}

/// A finding as a line of JSON.
#[derive(Debug, Serialize)]
struct Row<'f> {
    severity: &'static str,
    code: &'static str,
    name: &'static str,
    structure: &'static str,
    field: &'static str,
    block: Option<u64>,
    oid: Option<u64>,
    xid: Option<u64>,
    volume: Option<usize>,
    partition: Option<usize>,
    node: Option<u32>,
    cnid: Option<u32>,
    offset: Option<u64>,
    expected: &'f str,
    found: &'f str,
    message: String,
}

/// The last line of JSON.
#[derive(Debug, Serialize)]
struct SummaryRow {
    summary: SummaryBody,
}

#[derive(Debug, Serialize)]
struct SummaryBody {
    schema: &'static str,
    image: String,
    errors: u64,
    warnings: u64,
    notes: u64,
    by_code: BTreeMap<&'static str, u64>,
    checked: BTreeMap<&'static str, u64>,
    unchecked: Vec<UncheckedRow>,
    elapsed_seconds: f64,
}

#[derive(Debug, Serialize)]
struct UncheckedRow {
    what: String,
    why: String,
}

/// Checks everything on the image.
pub(crate) fn run(args: &Check) -> Result<Outcome, Failure> {
    let rules = check::rules();
    for wanted in &args.only {
        if !rules.iter().any(|rule| is_meant(rule, wanted)) {
            return Err(Failure::Usage(format!("no rule or group {wanted}; see `apfs check --list-rules`")));
        }
    }
    if args.list_rules {
        return list(&rules, args);
    }
    let Some(image) = args.image.clone() else {
        return Err(Failure::Usage("which image? (--list-rules needs none)".to_owned()));
    };
    let source = Source {
        image,
        tier2: args.tier2.clone(),
        secrets: args.secrets.clone(),
        open_as: args.open_as,
        mmap: false,
    };
    let common = Common {
        source: source.clone(),
        volume: None,
        snapshot: None,
        backup: None,
        merged: false,
        without_data: false,
        checkpoint: args.checkpoint,
        partition: args.partition,
        checksums: ChecksumPolicy::Require,
        no_journal: args.no_journal,
        force: false,
        json: args.json,
    };
    let start = Instant::now();
    let mut session = Session::open(&common)?;
    // What readers would say is for the check to say.
    session.options.observer = None;
    let mut outcome = Outcome::default();
    outcome.show_working("reading and comparing every structure", args.json);
    let mut run = Run { args, out: Out::new(), part: None, heading: String::new(), counts: BTreeMap::new() };
    let summary = check_all(&session, &mut run, &mut outcome)?;
    outcome.progress().finish();
    let body = run.summary(source.name(), summary, start);
    outcome.shown(body.errors.saturating_add(if args.strict { body.warnings } else { 0 }));
    for UncheckedRow { what, why } in &body.unchecked {
        outcome.problem(format_args!("not checked: {what}: {why}"));
    }
    if args.json {
        run.out.json(&SummaryRow { summary: body })?;
        run.out.flush()?;
    } else {
        run.show(&body)?;
    }
    Ok(outcome)
}

fn list(rules: &[&'static Rule], args: &Check) -> Result<Outcome, Failure> {
    let mut out = Out::new();
    let mut group = "";
    for rule in rules.iter().filter(|rule| args.wants(rule)) {
        if args.json {
            let (code, name, text) = (rule.code, rule.name, rule.text);
            out.json(&RuleRow { code, severity: rule.severity.name(), name, group: rule.group.name, text })?;
            continue;
        }
        if group != rule.group.code {
            group = rule.group.code;
            out.display(format_args!("{group} {}\n", rule.group.name))?;
        }
        out.display(format_args!(
            "  {} {:<7} {:<28} {}",
            rule.code,
            rule.severity.name(),
            rule.name,
            rule.text
        ))?;
        out.line()?;
    }
    out.flush()?;
    Ok(Outcome::default())
}

fn is_meant(rule: &Rule, wanted: &str) -> bool {
    [rule.code, rule.group.code].iter().any(|code| code.eq_ignore_ascii_case(wanted))
}

impl Check {
    fn wants(&self, rule: &Rule) -> bool {
        let meant = self.only.is_empty() || self.only.iter().any(|wanted| is_meant(rule, wanted));
        meant && rule.severity >= Severity::from(self.severity)
    }
}

/// Checks all that the partitions hold, and what is around it.
fn check_all(session: &Session, run: &mut Run<'_>, outcome: &mut Outcome) -> Result<Summary, Failure> {
    let mut total = Summary::default();
    let disk = &session.disk;
    run.heading = "disk".to_owned();
    for layer in disk.layers() {
        for finding in layer.image.findings() {
            run.alone(check::disk::of_layer(finding))?;
        }
    }
    for finding in disk.findings() {
        run.alone(check::disk::of_table(finding))?;
    }
    if disk.table_from_backup() {
        let corrupt = Corrupt::new(Damage::Contradiction, Place::new("partition table", ""));
        run.alone(check::disk::of_table(&corrupt.found("damaged, its copy is used")))?;
    }
    // What is said on the way is said by the check as well.
    let mut aside = outcome.of_worker();
    let held = session.held(&mut aside)?;
    if held.is_empty() {
        return Err(session.nothing(None));
    }
    for (part, held) in held {
        run.part = Some(part);
        run.heading = format!("partition {part}");
        let summary = match held {
            Ok(held) => check_held(session, &held, run)?,
            Err(error) => run.not_opened(format!("partition {part}"), &error)?,
        };
        total.add(summary);
    }
    Ok(total)
}

fn check_held(session: &Session, held: &Held, run: &mut Run<'_>) -> Result<Summary, Failure> {
    let part = run.part.unwrap_or(0);
    let mut total = Summary::default();
    let volumes = session.volumes_of(held);
    for (index, volume) in &volumes {
        match volume {
            Ok(AnyVolume::Hfs(volume)) => {
                run.heading = format!("partition {part}, HFS+ volume {}", volume.name());
                let summary = run.collect(|options, cancel, sink| {
                    check::hfs::check(volume, options, Some(cancel), sink)
                })?;
                total.add(summary);
            }
            Ok(AnyVolume::Apfs(volume)) => {
                // Opens it, with what is typed if need be; whether that worked the check says.
                let what = format!("volume {}", volume.name());
                let _ = session.asking(&what, |secret| volume.unlock(secret).map(|_| ()), || volume.view());
            }
            Ok(_) => {}
            Err(error) => {
                let summary = run.not_opened(format!("partition {part}, volume {index}"), error)?;
                total.add(summary);
            }
        }
    }
    if let Held::Container(container) = held {
        run.heading = format!("partition {part}, APFS container");
        let summary = run.collect(|options, cancel, sink| apfs(container, options, cancel, sink))?;
        total.add(summary);
    }
    Ok(total)
}

/// The check of APFS.
fn apfs(
    container: &apfs_core::apfs::Container,
    options: &CheckOptions,
    cancel: &(dyn Fn() -> bool + Sync),
    sink: &mut dyn FnMut(Finding),
) -> apfs_core::Result<Summary> {
    check::apfs::check(container, options, Some(cancel), sink)
}

/// Findings on their way out.
struct Run<'a> {
    args: &'a Check,
    out: Out,
    part: Option<usize>,
    /// What is checked.
    heading: String,
    /// Findings that did not come from a check of a file system, by code.
    counts: BTreeMap<&'static str, u64>,
}

impl Run<'_> {
    /// Runs a check and shows what it finds: as it comes in JSON, by rule in text.
    fn collect(
        &mut self,
        check: impl FnOnce(
            &CheckOptions,
            &(dyn Fn() -> bool + Sync),
            &mut dyn FnMut(Finding),
        ) -> apfs_core::Result<Summary>,
    ) -> Result<Summary, Failure> {
        let mut options = CheckOptions::default();
        (options.snapshots, options.findings_per_rule) = (self.args.snapshots, self.args.most);
        let mut findings: Vec<Finding> = Vec::new();
        let failed = Cell::new(None);
        let summary = check(&options, &|| false, &mut |finding| {
            if !self.args.wants(finding.rule) {
                return;
            }
            if self.args.json {
                let part = self.part;
                if let Err(error) = self.out.json(&row(&finding, part)) {
                    failed.set(Some(error));
                }
            } else {
                findings.push(finding);
            }
        });
        if let Some(error) = failed.take() {
            return Err(error.into());
        }
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => self.not_opened(self.heading.clone(), &error)?,
        };
        self.show_findings(findings, &summary)?;
        Ok(summary)
    }

    /// Shows a finding that no check of a file system made.
    fn alone(&mut self, finding: Finding) -> std::io::Result<()> {
        let count = self.counts.entry(finding.rule.code).or_default();
        *count = count.saturating_add(1);
        if !self.args.wants(finding.rule) {
            return Ok(());
        }
        if self.args.json {
            return self.out.json(&row(&finding, self.part));
        }
        self.show_findings(vec![finding], &Summary::default())
    }

    /// Something could not be opened: damage is a finding, anything else was not checked.
    fn not_opened(&mut self, what: String, error: &Error) -> Result<Summary, Failure> {
        let mut summary = Summary::default();
        match check::disk::unreadable(error) {
            Some(finding) => self.alone(finding)?,
            None => {
                let why = match error.class() {
                    Class::Locked => "locked".to_owned(),
                    _ => error.to_string(),
                };
                summary.leave_out(what, why);
            }
        }
        Ok(summary)
    }

    /// Findings in the order of their rules, those that were not told counted.
    fn show_findings(&mut self, mut findings: Vec<Finding>, summary: &Summary) -> std::io::Result<()> {
        if findings.is_empty() {
            return Ok(());
        }
        findings.sort_by_key(|finding| finding.rule.code);
        self.out.display(Escaped(self.heading.as_bytes()))?;
        self.out.line()?;
        let mut group = "";
        for same in findings.chunk_by(|one, other| one.rule.code == other.rule.code) {
            let Some(rule) = same.first().map(|finding| finding.rule) else { continue };
            if rule.group.code != group {
                group = rule.group.code;
                self.out.display(format_args!("  {group} {}", rule.group.name))?;
                self.out.line()?;
            }
            for finding in same {
                self.out.display(format_args!("    {}", Escaped(text(finding).as_bytes())))?;
                self.out.line()?;
            }
            let shown = u64::try_from(same.len()).unwrap_or(u64::MAX);
            let all = summary.by_code.get(rule.code).copied().unwrap_or(shown);
            if all > shown {
                self.out.display(format_args!("    {} more of {}", all.saturating_sub(shown), rule.code))?;
                self.out.line()?;
            }
        }
        Ok(())
    }

    /// Counts of what was asked for.
    fn summary(&self, image: String, summary: Summary, start: Instant) -> SummaryBody {
        let mut by_code = summary.by_code;
        for (code, count) in &self.counts {
            let sum = by_code.entry(code).or_default();
            *sum = sum.saturating_add(*count);
        }
        let (mut errors, mut warnings, mut notes) = (0u64, 0u64, 0u64);
        let rules = check::rules();
        by_code.retain(|code, count| {
            let Some(rule) = rules.iter().find(|rule| rule.code == *code) else { return true };
            let sum = match rule.severity {
                Severity::Error => &mut errors,
                Severity::Warning => &mut warnings,
                _ => &mut notes,
            };
            let is_wanted = self.args.wants(rule);
            if is_wanted {
                *sum = sum.saturating_add(*count);
            }
            is_wanted
        });
        let unchecked = summary.unchecked.into_iter();
        SummaryBody {
            schema: "apfs.check/1",
            image,
            errors,
            warnings,
            notes,
            by_code,
            checked: summary.checked,
            unchecked: unchecked
                .map(|unchecked| UncheckedRow { what: unchecked.what, why: unchecked.why })
                .collect(),
            elapsed_seconds: start.elapsed().as_secs_f64(),
        }
    }

    /// The summary as text.
    fn show(&mut self, body: &SummaryBody) -> std::io::Result<()> {
        let checked: Vec<String> =
            body.checked.iter().map(|(what, count)| format!("{count} {what}")).collect();
        if !checked.is_empty() {
            self.out.display(format_args!("checked: {}", checked.join(", ")))?;
            self.out.line()?;
        }
        let (errors, warnings, notes) = (body.errors, body.warnings, body.notes);
        let elapsed = body.elapsed_seconds;
        self.out
            .display(format_args!("{errors} errors, {warnings} warnings, {notes} notes in {elapsed:.1} s"))?;
        self.out.line()?;
        self.out.flush()
    }
}

/// A finding without the name of its group.
fn text(finding: &Finding) -> String {
    match finding.volume {
        Some(volume) => format!("{finding}, volume {volume}"),
        None => finding.to_string(),
    }
}

fn row(finding: &Finding, partition: Option<usize>) -> Row<'_> {
    let (corrupt, place) = (&finding.corrupt, &finding.corrupt.place);
    let message = match finding.remark.as_str() {
        "" => corrupt.to_string(),
        remark => format!("{corrupt} ({remark})"),
    };
    Row {
        severity: finding.severity().name(),
        code: finding.rule.code,
        name: finding.rule.name,
        structure: place.structure,
        field: place.field,
        block: place.block.map(|block| block.0),
        oid: place.oid.map(|oid| oid.0),
        xid: place.xid.map(|xid| xid.0),
        volume: finding.volume,
        partition,
        node: place.node,
        cnid: place.cnid,
        offset: place.offset,
        expected: &corrupt.expected,
        found: &corrupt.found,
        message,
    }
}
