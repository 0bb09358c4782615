//! `apfs info` for people, in the manner of `diskutil apfs list`.

use core::fmt::Display;
use std::io;

use apfs_core::text::escape::Escaped;
use indicatif::DecimalBytes;

use super::core_storage::CoreStorage;
use super::hfs::HfsVolume;
use super::model::{Container, Image, Partition, Pending, Volume, Writer};
use crate::layer_row::{EncryptionRow, LayerRow, UdifRow};
use crate::out::Out;
use crate::protection_row::ProtectionRow;

/// Prints everything.
pub(super) fn show(image: &Image, out: &mut Out) -> io::Result<()> {
    let scheme = match image.scheme {
        "gpt" => "GUID partition table",
        "apm" => "Apple partition map",
        "mbr" => "master boot record",
        _ => "no partition table",
    };
    let backup = if image.table_from_backup { " (its copy at the end)" } else { "" };
    let path = Escaped(image.image.as_bytes());
    out.display(format_args!("{path}: {}, {scheme}{backup}", size(image.size)))?;
    out.line()?;
    image.layers.iter().try_for_each(|layer| show_layer(layer, out))?;
    image.partitions.iter().try_for_each(|partition| show_partition(partition, out))
}

fn show_layer(layer: &LayerRow, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    out.line()?;
    out.display(format_args!("In a {}, {} inside", layer.name, size(layer.size)))?;
    out.line()?;
    if let Some(encryption) = &layer.encryption {
        show_encryption(encryption, out)?;
    }
    if let Some(bytes) = layer.band_size {
        field(out, INDENT, "Bands of", size(bytes))?;
    }
    if let Some(udif) = &layer.udif {
        let chunks: Vec<_> = udif.chunks.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        field(out, INDENT, "Chunks", chunks.join(", "))?;
        let UdifRow { expanded_chunks, compressed_chunks, .. } = udif;
        field(out, INDENT, "Expanded for this", format_args!("{expanded_chunks} of {compressed_chunks}"))?;
        if udif.segments > 1 {
            field(out, INDENT, "Segments", udif.segments)?;
        }
        field(out, INDENT, "Checksum of the data", &udif.data_checksum)?;
        field(out, INDENT, "Checksum of all", &udif.master_checksum)?;
        field(out, INDENT, "Code signature", yes(udif.signed))?;
        for table in &udif.tables {
            let name = Escaped(table.name.as_bytes());
            let text = format!("{name}, {} at byte {}, {}", size(table.size), table.offset, table.checksum);
            field(out, INDENT, "Table", text)?;
        }
    }
    layer.findings.iter().try_for_each(|finding| field(out, INDENT, "Finding", finding))
}

/// How a disk image is encrypted.
pub(super) fn show_encryption(encryption: &EncryptionRow, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    let cipher = format!("{}, blocks of {} bytes", encryption.cipher, encryption.block_size);
    field(out, INDENT, "Encrypted", cipher)?;
    field(out, INDENT, "UUID", &encryption.uuid)?;
    encryption.methods.iter().try_for_each(|method| field(out, INDENT, "Opens with", method))
}

fn show_partition(partition: &Partition, out: &mut Out) -> io::Result<()> {
    let Partition { part, type_name, label, content, offset, .. } = partition;
    out.line()?;
    out.display(format_args!("Partition {part}: {content}, {} at byte {offset}", size(partition.size)))?;
    if !type_name.is_empty() {
        out.display(format_args!(", type {}", Escaped(type_name.as_bytes())))?;
    }
    if !label.is_empty() {
        out.display(format_args!(", label {}", Escaped(label.as_bytes())))?;
    }
    out.line()?;
    if let Some(error) = &partition.error {
        field(out, "|   ", "Not readable", error)?;
    }
    if let Some(main) = partition.fusion_main {
        let text = format!("second device (tier 2) of the container in partition {main}");
        field(out, "|   ", "Fusion", text)?;
    }
    if let Some(volume) = &partition.hfs {
        show_hfs(volume, out)?;
    }
    if let Some(group) = &partition.core_storage {
        show_core_storage(group, out)?;
    }
    match &partition.container {
        Some(container) => show_container(container, out),
        None => Ok(()),
    }
}

fn show_core_storage(group: &CoreStorage, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    title(out, "+-- ", &format_args!("CoreStorage group {}", group.uuid), INDENT)?;
    field(out, INDENT, "Name", Escaped(group.name.as_bytes()))?;
    let parts: Vec<_> = group.parts.iter().map(ToString::to_string).collect();
    field(out, INDENT, "Partitions", parts.join(", "))?;
    group.findings.iter().try_for_each(|finding| field(out, INDENT, "Finding", finding))?;
    for volume in &group.volumes {
        let name = Escaped(volume.name.as_bytes());
        title(out, "|\n+-> ", &format_args!("Logical volume {}: {name}", volume.index), INDENT)?;
        field(out, INDENT, "UUID", &volume.uuid)?;
        field(out, INDENT, "Size", size(volume.size))?;
        field(out, INDENT, "Content", Escaped(volume.content.as_bytes()))?;
        match &volume.protection {
            Some(protection) => show_protection(protection, out)?,
            None => field(out, INDENT, "Encrypted", yes(volume.encrypted))?,
        }
        if let Some(locked) = &volume.locked {
            field(out, INDENT, "Not readable", locked)?;
        }
        volume.findings.iter().try_for_each(|finding| field(out, INDENT, "Finding", finding))?;
        if let Some(volume) = &volume.hfs {
            show_hfs(volume, out)?;
        }
        if let Some(container) = &volume.container {
            show_container(container, out)?;
        }
    }
    Ok(())
}

fn show_hfs(volume: &HfsVolume, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    let name = Escaped(volume.name.as_bytes());
    title(out, "+-> ", &format_args!("Volume 0: {name}"), INDENT)?;
    field(out, INDENT, "Format", format_args!("{}, {}", volume.variant, volume.names))?;
    if volume.from_copy {
        field(out, INDENT, "Volume header", "damaged, its copy at the end is used")?;
    }
    if let Some(uuid) = &volume.uuid {
        field(out, INDENT, "UUID", uuid)?;
    }
    if let Some(wrapper) = &volume.wrapper {
        let text = format!("classic HFS volume, {} at byte {} of it", size(wrapper.size), wrapper.offset);
        field(out, INDENT, "Embedded in a", text)?;
    }
    field(out, INDENT, "Size", size(volume.size))?;
    field(out, INDENT, "Blocks", format_args!("{} of {} bytes", volume.blocks, volume.block_size))?;
    field(out, INDENT, "Free", size(volume.free_bytes))?;
    field(out, INDENT, "Content", format_args!("{} files, {} folders", volume.files, volume.folders))?;
    list(out, INDENT, "Attributes", &volume.attributes)?;
    field(out, INDENT, "Cleanly unmounted", yes(volume.clean))?;
    if let Some(journal) = &volume.journal {
        field(out, INDENT, "Journal", &journal.words)?;
    }
    field(out, INDENT, "Last mounted by", &volume.last_mounted_by)?;
    field(out, INDENT, "Write count", volume.write_count)?;
    if let Some(created) = &volume.created_local {
        field(out, INDENT, "Created", format_args!("{created} (local time of its maker)"))?;
    }
    let times =
        [("Modified", &volume.modified), ("Backed up", &volume.backed_up), ("Checked", &volume.checked)];
    for (label, time) in times {
        if let Some(time) = time {
            field(out, INDENT, label, &time.time)?;
        }
    }
    field(out, INDENT, "Next file id", volume.next_catalog_id)?;
    let encodings: Vec<_> = volume.text_encodings.iter().map(ToString::to_string).collect();
    list(out, INDENT, "Text encodings", &encodings)?;
    let mut label = "Blessed";
    for blessed in &volume.blessed {
        let path =
            blessed.path.as_ref().map_or("not there".to_owned(), |path| Escaped(path.as_bytes()).to_string());
        field(out, INDENT, label, format_args!("{} {}: {path}", blessed.what, blessed.cnid))?;
        label = "";
    }
    for file in &volume.special_files {
        let label = format!("File {}", file.what);
        field(out, INDENT, &label, format_args!("{} in {} blocks", size(file.size), file.blocks))?;
    }
    volume.findings.iter().try_for_each(|finding| field(out, INDENT, "Finding", finding))
}

fn show_container(container: &Container, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    title(out, "+-- ", &format_args!("Container {}", container.uuid), INDENT)?;
    field(out, INDENT, "Size", size(container.size))?;
    field(out, INDENT, "Blocks", format_args!("{} of {} bytes", container.blocks, container.block_size))?;
    field(out, INDENT, "Transaction", container.xid)?;
    list(out, INDENT, "Features", &container.features)?;
    list(out, INDENT, "Read-only features", &container.readonly_compatible_features)?;
    list(out, INDENT, "Incompatible features", &container.incompatible_features)?;
    list(out, INDENT, "Flags", &container.flags)?;
    if let Some(version) = &container.newest_mounted_version {
        field(out, INDENT, "Newest APFS mounted", version)?;
    }
    if let Some(damage) = &container.ephemeral_damage {
        field(out, INDENT, "No whole checkpoint", damage)?;
    }
    let mut label = "Checkpoints";
    for checkpoint in &container.checkpoints {
        let (xid, block, state) = (checkpoint.xid, checkpoint.block, checkpoint.state);
        let reason = checkpoint.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        field(out, INDENT, label, format_args!("{xid} in block {block}, {state}{reason}"))?;
        label = "";
    }
    if let Some(fusion) = &container.fusion {
        fusion.show(&mut |label, text| field(out, INDENT, label, text))?;
    }
    for volume in &container.volumes {
        show_volume(volume, out)?;
    }
    for damaged in &container.damaged_volumes {
        out.display(format_args!("|\n+-> Volume {}: {}", damaged.index, damaged.error))?;
        out.line()?;
    }
    container.groups.show(out, &|out, text| title(out, "|\n+-> ", &text, INDENT), &|out, label, text| {
        field(out, INDENT, label, text)
    })
}

fn show_volume(volume: &Volume, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    let name = Escaped(volume.name.as_bytes());
    title(out, "|\n+-> ", &format_args!("Volume {}: {name}", volume.index), INDENT)?;
    field(out, INDENT, "UUID", &volume.uuid)?;
    field(out, INDENT, "Role", &volume.role)?;
    if let Some(group) = &volume.group {
        field(out, INDENT, "Volume group", group)?;
    }
    field(out, INDENT, "Names", volume.names)?;
    match &volume.protection {
        Some(protection) => show_protection(protection, out)?,
        None => field(out, INDENT, "Encrypted", yes(volume.encrypted))?,
    }
    field(out, INDENT, "Sealed", yes(volume.sealed))?;
    field(out, INDENT, "Used", size(volume.used_bytes))?;
    if let Some(quota) = volume.quota_bytes {
        field(out, INDENT, "Quota", size(quota))?;
    }
    if let Some(reserve) = volume.reserve_bytes {
        field(out, INDENT, "Reserve", size(reserve))?;
    }
    let Volume { files, directories, symlinks, others, .. } = volume;
    let content =
        format!("{files} files, {directories} directories, {symlinks} symbolic links, {others} others");
    field(out, INDENT, "Content", content)?;
    list(out, INDENT, "Features", &volume.features)?;
    list(out, INDENT, "Read-only features", &volume.readonly_compatible_features)?;
    list(out, INDENT, "Incompatible features", &volume.incompatible_features)?;
    list(out, INDENT, "Flags", &volume.flags)?;
    field(out, INDENT, "Modified", &volume.modified.time)?;
    if let Some(unmounted) = &volume.unmounted {
        field(out, INDENT, "Unmounted", &unmounted.time)?;
    }
    writers(out, "Formatted by", volume.formatted_by.as_slice())?;
    writers(out, "Modified by", &volume.modified_by)?;
    if let Some(revert) = &volume.pending_revert {
        field(out, INDENT, "Pending revert to", pending(revert))?;
    }
    if let Some(root) = &volume.root_snapshot {
        field(out, INDENT, "Root from snapshot", pending(root))?;
    }
    field(out, INDENT, "Snapshots", volume.snapshot_count)?;
    if let Some(error) = &volume.snapshots_error {
        field(out, INDENT, "", error)?;
    }
    for snapshot in &volume.snapshots {
        let reason = snapshot.reason.map_or(String::new(), |reason| format!(" ({reason})"));
        let (xid, time, name) = (snapshot.xid, &snapshot.create_time, &snapshot.stored_name);
        field(out, INDENT, "", format_args!("{xid} of {time}: {name}{reason}"))?;
    }
    Ok(())
}

fn show_protection(protection: &ProtectionRow, out: &mut Out) -> io::Result<()> {
    const INDENT: &str = "|   ";
    field(out, INDENT, "Encrypted", protection.words())?;
    protection.records.iter().try_for_each(|record| field(out, INDENT, "Opens with", record.words()))?;
    match &protection.hint {
        Some(hint) => field(out, INDENT, "Password hint", Escaped(hint.as_bytes())),
        None => Ok(()),
    }
}

fn writers<'a>(out: &mut Out, label: &str, writers: impl IntoIterator<Item = &'a Writer>) -> io::Result<()> {
    let mut label = label;
    for writer in writers {
        let (program, time, xid) = (Escaped(writer.program.as_bytes()), &writer.at.time, writer.last_xid);
        field(out, "|   ", label, format_args!("{program}, {time}, transaction {xid}"))?;
        label = "";
    }
    Ok(())
}

fn pending(pending: &Pending) -> String {
    match &pending.snapshot {
        Some(name) => format!("{} (transaction {})", Escaped(name.as_bytes()), pending.xid),
        None => format!("transaction {}, of which there is no snapshot", pending.xid),
    }
}

fn title(out: &mut Out, mark: &str, title: &dyn Display, indent: &str) -> io::Result<()> {
    out.display(format_args!("{mark}{title}\n{indent}{}", "-".repeat(60)))?;
    out.line()
}

fn field(out: &mut Out, indent: &str, label: &str, value: impl Display) -> io::Result<()> {
    let colon = if label.is_empty() { " " } else { ":" };
    out.display(format_args!("{indent}{:<23}{value}", format_args!("{label}{colon}").to_string()))?;
    out.line()
}

/// Names of flags; no line if there are none.
fn list(out: &mut Out, indent: &str, label: &str, names: &[String]) -> io::Result<()> {
    if names.is_empty() { Ok(()) } else { field(out, indent, label, names.join(", ")) }
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn size(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", DecimalBytes(bytes))
}
