//! `apfs space` as text.

use std::io;

use apfs_core::text::escape::Escaped;

use super::report::{ContainerReport, HfsReport, IdentityRow, Report, VolumeRow};
use crate::out::Out;

/// Writes the report.
pub(super) fn show(report: &Report, out: &mut Out) -> io::Result<()> {
    for found in &report.containers {
        container(found, out)?;
    }
    report.hfs.iter().try_for_each(|found| hfs(found, out))
}

fn line(out: &mut Out, indent: usize, what: &str, blocks: u64, block_size: u64) -> io::Result<()> {
    let width = 36usize.saturating_sub(indent);
    out.display(format_args!("{:indent$}{what:<width$}", ""))?;
    out.padded(blocks, 14);
    out.padded(blocks.saturating_mul(block_size), 20);
    out.line()
}

fn container(found: &ContainerReport, out: &mut Out) -> io::Result<()> {
    let size = found.block_size;
    out.display(format_args!(
        "Partition {}: container of {} blocks of {size} bytes",
        found.part, found.blocks
    ))?;
    out.line()?;
    out.display(format_args!("{:<36}{:>14}{:>20}", "  ", "BLOCKS", "BYTES"))?;
    out.line()?;
    line(out, 2, "in use", found.allocated, size)?;
    line(out, 2, "free", found.blocks.saturating_sub(found.allocated), size)?;
    out.display("  container itself")?;
    out.line()?;
    for owner in &found.container {
        line(out, 4, owner.owner, owner.blocks, size)?;
    }
    for row in &found.volumes {
        volume(row, size, out)?;
    }
    for (what, blocks) in [
        ("lost: in use, without an owner", found.leaked),
        ("with two owners", found.claimed_twice),
        ("owned, and marked as free", found.not_allocated),
    ] {
        line(out, 2, what, blocks, size)?;
    }
    identity(out, "  in use by the space manager", &found.used)?;
    for finding in &found.findings {
        out.escaped(format!("  ! {}", finding.message).as_bytes())?;
        out.line()?;
    }
    if found.findings_left_out > 0 {
        out.display(format_args!("  ! and {} more (--all shows them)", found.findings_left_out))?;
        out.line()?;
    }
    Ok(())
}

fn volume(row: &VolumeRow, size: u64, out: &mut Out) -> io::Result<()> {
    out.display(format_args!("  volume {}: {}", row.index, Escaped(row.name.as_bytes())))?;
    out.line()?;
    line(out, 4, "metadata", row.metadata, size)?;
    line(out, 4, "metadata of snapshots alone", row.metadata_kept, size)?;
    line(out, 4, "data", row.data, size)?;
    line(out, 6, "shared by clones", row.data_shared, size)?;
    line(out, 6, "of snapshots alone", row.data_kept, size)?;
    identity(out, "    in use by the volume's count", &row.alloc_count)?;
    for snapshot in &row.snapshots {
        let what = format!("snapshot {} frees", snapshot.xid);
        let width = 32usize;
        out.display(format_args!("    {what:<width$}"))?;
        out.padded(snapshot.frees, 14);
        out.padded(snapshot.frees.saturating_mul(size), 20);
        out.display(format_args!("  {}", Escaped(snapshot.name.as_bytes())))?;
        out.line()?;
    }
    Ok(())
}

fn identity(out: &mut Out, what: &str, row: &IdentityRow) -> io::Result<()> {
    let verdict = if row.holds { "as counted" } else { "WRONG" };
    let IdentityRow { stored, counted, .. } = row;
    out.display(format_args!("{what}: {stored} stored, {counted} counted: {verdict}"))?;
    out.line()
}

fn hfs(found: &HfsReport, out: &mut Out) -> io::Result<()> {
    let HfsReport { part, blocks, block_size, .. } = found;
    let name = Escaped(found.name.as_bytes());
    out.display(format_args!(
        "Partition {part}: HFS+ volume {name} of {blocks} blocks of {block_size} bytes"
    ))?;
    out.line()?;
    line(out, 2, "in use", found.allocated, *block_size)?;
    line(out, 2, "free", found.free.counted, *block_size)?;
    identity(out, "  free by the volume's header", &found.free)
}
