//! A volume as Time Machine fills it.

use super::builder::HfsBuilder;

/// Names of the backups, oldest first; the last one was not completed.
pub const BACKUPS: [&str; 4] =
    ["2020-01-16-145806", "2020-01-17-150210", "2020-01-18-090000", "2020-01-19-090000"];

const STRUCTURE: &str = "com.apple.timemachine.private.structure.metadata";

impl HfsBuilder {
    /// The backups of one machine. Unchanged files are links to files, unchanged folders links to folders.
    pub fn time_machine(self, machine: &str) -> Self {
        let store = format!("/Backups.backupdb/{machine}");
        let mut disk = self
            .dir("/Backups.backupdb")
            .dir(&store)
            .xattr("/Backups.backupdb", STRUCTURE, "SnapshotStorage")
            .xattr(&store, STRUCTURE, "MachineStore")
            .xattr(&store, "com.apple.backupd.BackupMachineAddress", "00:11:22:33:44:55")
            .xattr(&store, "com.apple.backupd.HostUUID", "11111111-2222-3333-4444-555555555555")
            .xattr(&store, "com.apple.backupd.ModelID", "MacBookPro8,1")
            .xattr(&store, "com.apple.backupd.ComputerName", machine);
        let mut before: Option<String> = None;
        for (number, stamp) in BACKUPS.iter().enumerate() {
            let is_complete = number + 1 < BACKUPS.len();
            let backup = if is_complete {
                format!("{store}/{stamp}")
            } else {
                disk = disk.dir(&format!("{store}/{stamp}.inProgress"));
                format!("{store}/{stamp}.inProgress/0A1B2C3D-0000-4000-8000-000000000000")
            };
            disk = disk.dir(&backup).backup_facts(&backup, number as u64, is_complete);
            disk = disk.backup_content(&format!("{backup}/Macintosh HD"), before.as_deref(), number as u8);
            before = Some(format!("{backup}/Macintosh HD"));
        }
        disk.symlink(&format!("{store}/Latest"), BACKUPS[BACKUPS.len() - 2])
            .file("/.com.apple.timemachine.supported", "")
            .dir("/.RecoverySets")
    }

    fn backup_facts(self, backup: &str, number: u64, is_complete: bool) -> Self {
        let start = 1_579_186_686_000_000 + number * 86_400_000_000;
        let disk = self
            .xattr(backup, STRUCTURE, "Backup")
            .xattr(backup, "com.apple.backup.SnapshotVersion", "1")
            .xattr(backup, "com.apple.backup.SnapshotNumber", (number + 7).to_string())
            .xattr(backup, "com.apple.backupd.SnapshotType", "1")
            .xattr(backup, "com.apple.backupd.SnapshotStartDate", start.to_string());
        if !is_complete {
            return disk;
        }
        disk.xattr(backup, "com.apple.backupd.SnapshotState", "4")
            .xattr(backup, "com.apple.backupd.SnapshotCompletionDate", (start + 60_000_000).to_string())
            .xattr(backup, "com.apple.backupd.SnapshotTotalBytesCopied", "123456")
            .file(&format!("{backup}/.Backup.log"), "done\n")
    }

    fn backup_content(self, volume: &str, before: Option<&str>, number: u8) -> Self {
        let path = |name: &str| format!("{volume}/{name}");
        let disk = self
            .dir(volume)
            .xattr(volume, STRUCTURE, "VolumeStore")
            .xattr(volume, "com.apple.backupd.SnapshotVolumeUUID", "99999999-8888-7777-6666-555555555555")
            .xattr(volume, "com.apple.backupd.VolumeBytesUsed", "1000000")
            .xattr(volume, "com.apple.backupd.fstypename", "hfs")
            .dir(&path("Users"))
            .file(&path("Users/changed"), [number; 700]);
        match before {
            None => disk
                .dir(&path("System"))
                .dir(&path("System/Library"))
                .file(&path("System/Library/core"), [9; 5000])
                .symlink(&path("System/link"), "Library/core")
                .file(&path("Users/same"), [8; 3000]),
            Some(before) => disk
                .dir_link(&format!("{before}/System"), &path("System"))
                .hardlink(&format!("{before}/Users/same"), &path("Users/same")),
        }
    }
}
