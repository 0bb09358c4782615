//! The info block: where the journal of a volume is.

use alloc::string::String;

use crate::base::bytes::{len64, pod};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, Result};
use crate::hfsplus::raw::journal::{JournalInfoBlock, JournalInfoFlags};
use crate::io::read_at::ReadAt;

const STRUCTURE: &str = "JournalInfoBlock";

/// Where the journal of a volume is, as its info block says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JournalInfo {
    /// In the volume or elsewhere, and whether it has been written at all.
    pub flags: JournalInfoFlags,
    /// First byte of the journal, from the start of the volume.
    pub offset: u64,
    /// Bytes of the journal.
    pub size: u64,
    /// UUID of the partition that holds an external journal, if the field holds text.
    pub external_uuid: Option<String>,
    /// Serial number of the machine that has it, if the field holds text.
    pub machine_serial: Option<String>,
}

impl JournalInfo {
    pub(super) fn read(device: &dyn ReadAt, at: u64) -> Result<JournalInfo> {
        let mut bytes = [0; size_of::<JournalInfoBlock>()];
        if at.checked_add(len64(bytes.len())).is_none_or(|end| end > device.len()) {
            let place = Place::new("HFSPlusVolumeHeader", "journalInfoBlock").offset(at);
            return Err(Error::damage(Damage::PastEnd, place));
        }
        device.read_exact_at(at, &mut bytes)?;
        let raw: &JournalInfoBlock =
            pod(&bytes).ok_or_else(|| Error::damage(Damage::Bounds, Place::new(STRUCTURE, "")))?;
        Ok(JournalInfo {
            flags: JournalInfoFlags::from_bits_retain(raw.flags.get()),
            offset: raw.offset.get(),
            size: raw.size.get(),
            external_uuid: text(&raw.ext_jnl_uuid),
            machine_serial: text(&raw.machine_serial_num),
        })
    }

    /// The journal lies in a device of so many bytes.
    pub(super) fn check_inside(&self, device_len: u64) -> Result<()> {
        let end = self.offset.checked_add(self.size).filter(|end| *end <= device_len);
        end.map(drop).ok_or_else(|| {
            let place = Place::new(STRUCTURE, "offset");
            let found = format_args!("{} bytes at {}", self.size, self.offset);
            Corrupt::new(Damage::PastEnd, place).found(found).into()
        })
    }
}

/// Text of a C string. Unused fields are full of other things than zeros on some volumes: those have no end.
fn text(field: &[u8]) -> Option<String> {
    let end = field.iter().position(|byte| *byte == 0)?;
    let text = field.get(..end).filter(|text| !text.is_empty() && text.iter().all(u8::is_ascii_graphic))?;
    core::str::from_utf8(text).ok().map(String::from)
}
