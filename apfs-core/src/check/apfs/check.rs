//! The order of a check: the container first, then every volume, then the space manager against all of them.

use alloc::vec::Vec;

use super::super::finding::Findings;
use super::super::options::CheckOptions;
use super::super::report::Report;
use super::super::summary::Summary;
use super::claims::Claims;
use super::context::Context;
use super::omap::{self, Whose};
use super::rules::{NEXT_OID, OMAP_UNUSED, VOLUME_FIELD};
use super::{checkpoint, container, fusion, keybags, spaceman, volume};
use crate::apfs::Container;
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::Result;
use crate::base::ids::Oid;
use crate::base::report::Cancel;

/// Checks a container: everything that its checkpoint leads to. Findings are given as they are made; nothing but the
/// caller's wish ends a check early. Volumes that are locked are checked as far as that needs no key.
///
/// ```
/// # fn main() -> apfs_core::Result<()> {
/// # let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/demo.img");
/// # let device = std::sync::Arc::new(apfs_core::io::file::FileDevice::open(sample)?);
/// # let container = apfs_core::apfs::Container::open(device, apfs_core::OpenOptions::default())?;
/// use apfs_core::check::{self, CheckOptions};
///
/// let summary = check::apfs::check(&container, &CheckOptions::default(), None, &mut |finding| {
///     println!("{finding}");
/// })?;
/// assert!(summary.tally.is_clean());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Cancelled`; `Limit` where the container has more than can be compared in memory. What one volume has too much is
/// told as not checked.
pub fn check(
    container: &Container,
    options: &CheckOptions,
    cancel: Option<Cancel<'_>>,
    findings: &mut Findings<'_>,
) -> Result<Summary> {
    let report = Report::new(options, findings);
    let mut check = Context { container, options, cancel, report, lost_nodes: 0 };
    let mut claims = Claims::new(container.limits().space_runs);
    let mut ephemeral = Vec::new();
    container::superblock(&mut check)?;
    container::block_zero(&mut check)?;
    checkpoint::check(&mut check)?;
    container::areas(&mut check, &mut claims)?;
    container::jumpstart(&mut check, &mut claims)?;
    container::reaper(&mut check, &mut ephemeral)?;
    let spaceman = spaceman::read(&mut check, &mut claims, &mut ephemeral)?;
    fusion::check(&mut check, &mut claims, &mut ephemeral)?;
    checkpoint::unused(&mut check, &ephemeral);
    let mappings = omap::read(&mut check, container.omap(), Whose::Container, &mut claims)?;
    let raw = container.superblock().raw();
    let is_volume = |oid: Oid| raw.nx_fs_oid.iter().any(|slot| slot.get() == oid.0);
    for (oid, mapping) in &mappings.all {
        let place = Place::new("omap_val_t", "ov_paddr").block(mapping.block).oid(*oid).xid(mapping.xid);
        if oid.0 >= raw.nx_next_oid.get() {
            check.broken(&NEXT_OID, Corrupt::new(Damage::Range, place.clone()).found(oid));
        }
        if !is_volume(*oid) {
            check.broken(&OMAP_UNUSED, Corrupt::new(Damage::Missing, place));
        }
    }
    let (mut volumes, mut members, mut reserves) = (Vec::new(), Vec::new(), 0u64);
    for (slot, opened) in container.volumes() {
        check.go_on()?;
        check.report.about(Some(slot));
        match opened {
            Ok(volume) => {
                let reserve = volume.superblock().raw().apfs_fs_reserve_block_count.get();
                reserves = reserves.saturating_add(reserve);
                match volume::check(&mut check, &volume, &mut claims) {
                    Ok(member) => members.push(member),
                    Err(error) => {
                        // More than fits in memory: the other volumes are checked all the same.
                        claims.complete = false;
                        check.error(&alloc::format!("volume {}", volume.name()), error)?;
                    }
                }
                volumes.push(volume);
            }
            Err(error) => {
                claims.complete = false;
                check.error_or(&VOLUME_FIELD, "volume", error)?;
            }
        }
    }
    check.report.about(None);
    check.report.checked("volumes", crate::base::bytes::len64(volumes.len()));
    volume::compare(&mut check, &members);
    keybags::check(&mut check, &volumes, &mut claims)?;
    if let Some((spaceman, in_pool)) = spaceman {
        spaceman::compare(&mut check, &spaceman, in_pool, claims, reserves)?;
    }
    Ok(check.report.finish())
}
