//! States of an APFS volume as the command line names them.

use core::str::FromStr;

use apfs_core::apfs::{View, Volume};
use apfs_core::{Error, Xid};

use crate::session::Session;

/// A state: `live`, a snapshot, or an older checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Live,
    /// By name, UUID, transaction or time.
    Snapshot(String),
    /// By transaction, and a snapshot that it still had.
    Checkpoint(u64, Option<String>),
}

impl FromStr for State {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<State, &'static str> {
        if text == "live" {
            return Ok(State::Live);
        }
        let Some(rest) = text.strip_prefix("checkpoint:") else {
            return Ok(State::Snapshot(text.to_owned()));
        };
        let (xid, snapshot) = match rest.split_once('/') {
            Some((xid, snapshot)) => (xid, Some(snapshot.to_owned())),
            None => (rest, None),
        };
        let xid = match xid.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => xid.parse().ok(),
        };
        xid.map(|xid| State::Checkpoint(xid, snapshot)).ok_or("checkpoint: and its transaction")
    }
}

impl State {
    /// Opens the state of a volume.
    pub(crate) fn open(&self, session: &Session, part: usize, volume: &Volume) -> apfs_core::Result<View> {
        match self {
            State::Live => session.unlocked_view(volume, || volume.view()),
            State::Snapshot(wanted) => {
                let snapshot = volume.snapshot(wanted)?;
                session.unlocked_view(volume, || volume.view_at(&snapshot))
            }
            State::Checkpoint(xid, snapshot) => {
                let container = session.checkpoint(part, Xid(*xid))?;
                let mut volumes = container.volumes().into_iter().filter_map(|(_, found)| found.ok());
                let found = volumes.find(|found| found.uuid() == volume.uuid());
                let missing = || Error::not_found(format!("volume {} at checkpoint {xid}", volume.name()));
                let older = found.ok_or_else(missing)?;
                let snapshot = snapshot.as_ref().map(|wanted| older.snapshot(wanted)).transpose()?;
                session.unlocked_view(&older, || match &snapshot {
                    Some(snapshot) => older.view_at(snapshot),
                    None => older.view(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words for states; anything else is a snapshot.
    #[test]
    fn words() {
        assert_eq!("live".parse(), Ok(State::Live));
        assert_eq!("checkpoint:0x2a".parse(), Ok(State::Checkpoint(42, None)));
        assert_eq!("checkpoint:42/a/b".parse(), Ok(State::Checkpoint(42, Some("a/b".to_owned()))));
        assert_eq!("com.x".parse(), Ok(State::Snapshot("com.x".to_owned())));
        assert!("checkpoint:x".parse::<State>().is_err());
    }
}
