//! Checking: everything is read, and what is said twice is compared.

use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering};

use apfs_core::apfs::Container;
use apfs_core::check::{self, CheckOptions, Finding, Rule, Severity, Summary};
use apfs_core::{AnyVolume, Error, Result, hfsplus};

use crate::container::apfs_container;
use crate::disk::apfs_disk;
use crate::error::{Numbers, apfs_error};
use crate::ptr::{Hook, apfs_bytes, share};
use crate::status::apfs_status;
use crate::summary::apfs_summary;
use crate::volume::apfs_volume;

/// Check flag: read the trees of all snapshots too.
pub const APFS_CHECK_SNAPSHOTS: u32 = 1;

/// How bad it is when a rule is broken.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum apfs_severity {
    /// Worth knowing, nothing is wrong.
    Note = 1,
    /// Unusual, or wrong where no file can suffer from it.
    Warning = 2,
    /// Wrong: something is lost, or will be when the volume is written to.
    Error = 3,
}

/// Choices for a check. All zeros, or NULL, reads everything of the newest state.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_check_options {
    /// APFS_CHECK_*, or 0.
    pub flags: u32,
    /// Findings of one rule in one container or volume that are told; those beyond are counted only. 0 for 100.
    pub findings_per_rule: u64,
}

/// A rule that is broken somewhere. Valid during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_check_finding {
    /// How bad it is.
    pub severity: apfs_severity,
    /// Code of the rule, for example "A0703"; it never changes its meaning (`docs/rules.md`).
    pub code: apfs_bytes,
    /// Short name of the rule.
    pub name: apfs_bytes,
    /// What is wrong, and where, in words.
    pub message: apfs_bytes,
    /// Structure, by Apple's name.
    pub structure: apfs_bytes,
    /// Field of the structure, empty if all of it is meant.
    pub field: apfs_bytes,
    /// What should stand there, empty if that can't be said.
    pub expected: apfs_bytes,
    /// What stands there, empty if that can't be said.
    pub found: apfs_bytes,
    /// Partition that it is in; (size_t)-1 if it is about the disk, or that is not known.
    pub partition: usize,
    /// Slot of the volume; (size_t)-1 for a container itself, and on HFS+.
    pub volume: usize,
    /// Which of the numbers below are known: APFS_PLACE_*.
    pub known: u32,
    /// Byte offset inside the structure or block.
    pub offset: u64,
    /// Block number in the container.
    pub block: u64,
    /// Object id.
    pub oid: u64,
    /// Transaction id.
    pub xid: u64,
    /// HFS+: number of a node in its tree.
    pub node: u32,
    /// HFS+: number of a file or folder.
    pub cnid: u32,
}

/// Receives the findings of a check, one at a time, in the thread that checks. Returns 0 to go on; must not unwind.
pub type apfs_check_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, finding: *const apfs_check_finding) -> i32>;

/// A rule. Text lives for ever.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct apfs_rule {
    /// How bad it is when it is broken.
    pub severity: apfs_severity,
    /// Its code, for example "A0703".
    pub code: apfs_bytes,
    /// Its name of words and hyphens.
    pub name: apfs_bytes,
    /// Name of its group, for example "object maps".
    pub group: apfs_bytes,
    /// What must hold, in one sentence.
    pub text: apfs_bytes,
}

impl From<Severity> for apfs_severity {
    fn from(severity: Severity) -> apfs_severity {
        match severity {
            Severity::Note => apfs_severity::Note,
            Severity::Warning => apfs_severity::Warning,
            _ => apfs_severity::Error,
        }
    }
}

impl From<&Rule> for apfs_rule {
    fn from(rule: &Rule) -> apfs_rule {
        apfs_rule {
            severity: rule.severity.into(),
            code: rule.code.as_bytes().into(),
            name: rule.name.as_bytes().into(),
            group: rule.group.name.as_bytes().into(),
            text: rule.text.as_bytes().into(),
        }
    }
}

/// A check under way: where its findings go.
struct Checking {
    hook: Hook<apfs_check_finding>,
    options: CheckOptions,
    partition: usize,
    stopped: AtomicBool,
}

impl Checking {
    fn new(hook: Hook<apfs_check_finding>, options: Option<&apfs_check_options>) -> Result<Checking> {
        let mut parsed = CheckOptions::default();
        if let Some(options) = options {
            if options.flags & !APFS_CHECK_SNAPSHOTS != 0 {
                return Err(Error::Misuse("options: unknown flag"));
            }
            parsed.snapshots = options.flags & APFS_CHECK_SNAPSHOTS != 0;
            if options.findings_per_rule != 0 {
                parsed.findings_per_rule = options.findings_per_rule;
            }
        }
        Ok(Checking { hook, options: parsed, partition: usize::MAX, stopped: AtomicBool::new(false) })
    }

    /// Hands a finding over, unless the caller wanted no more.
    fn tell(&self, finding: &Finding) {
        if self.stopped.load(Ordering::Relaxed) {
            return;
        }
        let (rule, corrupt) = (finding.rule, &finding.corrupt);
        let message = match finding.remark.as_str() {
            "" => corrupt.to_string(),
            remark => format!("{corrupt} ({remark})"),
        };
        let numbers = Numbers::from(&corrupt.place);
        let told = self.hook.call(&apfs_check_finding {
            severity: finding.severity().into(),
            code: rule.code.as_bytes().into(),
            name: rule.name.as_bytes().into(),
            message: message.as_bytes().into(),
            structure: corrupt.place.structure.as_bytes().into(),
            field: corrupt.place.field.as_bytes().into(),
            expected: corrupt.expected.as_bytes().into(),
            found: corrupt.found.as_bytes().into(),
            partition: self.partition,
            volume: finding.volume.unwrap_or(usize::MAX),
            known: numbers.known,
            offset: numbers.offset,
            block: numbers.block,
            oid: numbers.oid,
            xid: numbers.xid,
            node: numbers.node,
            cnid: numbers.cnid,
        });
        if !told {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    fn is_stopped(&self) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn container(&self, container: &Container) -> Result<Summary> {
        // Secrets that were given are tried when a view is opened; whether that worked the check says.
        for (_, volume) in container.volumes() {
            let _ = volume.and_then(|volume| volume.view());
        }
        let stopped = &self.stopped;
        let cancel = || stopped.load(Ordering::Relaxed);
        let summary =
            check::apfs::check(container, &self.options, Some(&cancel), &mut |finding| self.tell(&finding))?;
        self.is_stopped().map(|()| summary)
    }

    fn hfs(&self, volume: &hfsplus::Volume) -> Result<Summary> {
        let stopped = &self.stopped;
        let cancel = || stopped.load(Ordering::Relaxed);
        let summary =
            check::hfs::check(volume, &self.options, Some(&cancel), &mut |finding| self.tell(&finding))?;
        self.is_stopped().map(|()| summary)
    }

    fn not_opened(&self, error: &Error) -> Result<Summary> {
        let what = format!("partition {}", self.partition);
        let summary =
            check::disk::not_opened(&what, error, &self.options, &mut |finding| self.tell(&finding));
        self.is_stopped().map(|()| summary)
    }

    fn disk(&mut self, disk: &apfs_disk) -> Result<Summary> {
        let mut total = check::disk::around(&disk.disk, &self.options, &mut |finding| self.tell(&finding));
        self.is_stopped()?;
        let volumes = disk.volumes()?;
        let mut checked: Vec<usize> = Vec::new();
        for listed in volumes {
            self.partition = listed.partition;
            total.add(match &listed.volume {
                Ok(AnyVolume::Hfs(volume)) => self.hfs(volume)?,
                _ if checked.contains(&listed.partition) => continue,
                Ok(AnyVolume::Apfs(volume)) => {
                    checked.push(listed.partition);
                    self.container(volume.container())?
                }
                Ok(_) => continue,
                Err(error) => match disk.disk.container(listed.partition, disk.options.clone()) {
                    Ok(container) => {
                        checked.push(listed.partition);
                        self.container(&container)?
                    }
                    Err(_) => self.not_opened(error)?,
                },
            });
        }
        Ok(total)
    }
}

/// Checks all that is on a disk: disk images, partition table, APFS containers, HFS+ volumes; each structure is read, and
/// what is said twice is compared. What is wrong is given to `finding` as it is found, and its sum to `out`: that a disk
/// is damaged is no failure of the call. Fails with APFS_STATUS_CANCELLED if `finding` returned anything but 0.
///
/// # Safety
/// `disk` is a handle; `options` may be NULL; `finding` does what it promises with `context`; `out` is writable; `err` is
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_disk_check(
    disk: *const apfs_disk,
    options: *const apfs_check_options,
    finding: apfs_check_fn,
    context: *mut c_void,
    out: *mut *const apfs_summary,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (disk, hook, out) = (given!(disk), each_hook!(finding, context), out!(out));
        let summary = Checking::new(hook, optional!(options))?.disk(disk)?;
        out.put(share(apfs_summary::from(summary)));
        Ok(())
    })
}

/// Checks an APFS container with all its volumes, as `apfs_disk_check`. Volumes that are locked are checked as far as that
/// goes without a key; unlock them before.
///
/// # Safety
/// `container` is a handle; `options` may be NULL; `finding` does what it promises with `context`; `out` is writable;
/// `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_container_check(
    container: *const apfs_container,
    options: *const apfs_check_options,
    finding: apfs_check_fn,
    context: *mut c_void,
    out: *mut *const apfs_summary,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (container, hook, out) = (given!(container), each_hook!(finding, context), out!(out));
        let mut checking = Checking::new(hook, optional!(options))?;
        checking.partition = container.partition;
        out.put(share(apfs_summary::from(checking.container(&container.container)?)));
        Ok(())
    })
}

/// Checks a volume, as `apfs_disk_check`: an HFS+ volume by itself, of an APFS volume the container that it is in, with all
/// its volumes, since they share the blocks.
///
/// # Safety
/// `volume` is a handle; `options` may be NULL; `finding` does what it promises with `context`; `out` is writable; `err`
/// is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_volume_check(
    volume: *const apfs_volume,
    options: *const apfs_check_options,
    finding: apfs_check_fn,
    context: *mut c_void,
    out: *mut *const apfs_summary,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (volume, hook, out) = (given!(volume), each_hook!(finding, context), out!(out));
        let mut checking = Checking::new(hook, optional!(options))?;
        checking.partition = volume.partition;
        let summary = match &volume.volume {
            AnyVolume::Apfs(volume) => checking.container(volume.container())?,
            AnyVolume::Hfs(volume) => checking.hfs(volume)?,
            _ => return Err(Error::unsupported("checking a volume of this kind", "")),
        };
        out.put(share(apfs_summary::from(summary)));
        Ok(())
    })
}

/// Lists all rules, in the order of their codes, from number `first` on: up to `cap` into `out`, how many into `n`. None
/// written means the end.
///
/// # Safety
/// `out` has room for `cap` entries; `n` is writable; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn apfs_rules(
    first: usize,
    out: *mut apfs_rule,
    cap: usize,
    n: *mut usize,
    err: *mut *mut apfs_error,
) -> apfs_status {
    call!(err, {
        let (out, n) = (slots!(out, cap), out!(n));
        n.put(out.fill(check::rules().into_iter().skip(first).map(apfs_rule::from)));
        Ok(())
    })
}
