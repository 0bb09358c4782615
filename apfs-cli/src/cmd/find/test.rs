//! The conditions of `apfs find`.

use core::str::FromStr;
use std::ffi::OsString;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use apfs_core::text::escape::Escaped;
use apfs_core::{Fs, Kind, Stat, Timestamp};
use clap::ValueEnum;
use globset::{GlobBuilder, GlobMatcher};

use super::Conditions;
use crate::exit::{Failure, Outcome};
use crate::extract::xattrs::RESOURCE_FORK;
use crate::session::Target;

const DAY_NS: i64 = 86_400_000_000_000;

/// A kind of file by the letter that find uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TypeLetter {
    F,
    D,
    L,
    B,
    C,
    P,
    S,
    W,
}

impl TypeLetter {
    fn kind(self) -> Kind {
        match self {
            TypeLetter::F => Kind::File,
            TypeLetter::D => Kind::Dir,
            TypeLetter::L => Kind::Symlink,
            TypeLetter::B => Kind::BlockDevice,
            TypeLetter::C => Kind::CharDevice,
            TypeLetter::P => Kind::Fifo,
            TypeLetter::S => Kind::Socket,
            TypeLetter::W => Kind::Whiteout,
        }
    }
}

/// A number to compare with: `+N` more, `-N` less, `N` exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    More(u64),
    Less(u64),
    Exactly(u64),
}

impl Amount {
    fn meets(self, value: u64) -> bool {
        match self {
            Amount::More(limit) => value > limit,
            Amount::Less(limit) => value < limit,
            Amount::Exactly(wanted) => value == wanted,
        }
    }
}

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Amount, &'static str> {
        const HELP: &str = "a whole number, with + or - before it and k, M, G or T behind it";
        let (make, number): (fn(u64) -> Amount, _) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(number), _) => (Amount::More, number),
            (_, Some(number)) => (Amount::Less, number),
            _ => (Amount::Exactly, text),
        };
        let suffixes = [("k", 10), ("K", 10), ("M", 20), ("G", 30), ("T", 40)];
        let suffix = suffixes.iter().find(|(suffix, _)| number.ends_with(suffix));
        let (digits, shift) = suffix
            .map_or((number, 0), |(suffix, shift)| (number.strip_suffix(suffix).unwrap_or(number), *shift));
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HELP);
        }
        let count: u64 = digits.parse().map_err(|_| HELP)?;
        count.checked_mul(1 << shift).map(make).ok_or("a number below 2^64")
    }
}

/// A point in time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant(Timestamp);

impl FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Instant, &'static str> {
        const HELP: &str = "a time as 2024-05-01 or '2024-05-01 12:30:00', in UTC";
        let midnight = if text.contains([' ', 'T']) { "" } else { " 00:00:00" };
        let time = humantime::parse_rfc3339_weak(&format!("{text}{midnight}")).map_err(|_| HELP)?;
        timestamp(time).map(Instant).ok_or(HELP)
    }
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok().map(Timestamp)
}

/// All conditions, ready to be asked.
#[derive(Debug)]
pub(super) struct Tests {
    names: Vec<GlobMatcher>,
    kinds: Vec<Kind>,
    size: Option<Amount>,
    newer: Option<Instant>,
    older: Option<Instant>,
    mtime: Option<Amount>,
    now: Timestamp,
    ino: Option<u64>,
    xattr: Option<OsString>,
}

impl Tests {
    /// Compiles the patterns.
    pub(super) fn new(conditions: &Conditions) -> Result<Tests, Failure> {
        let patterns = [(&conditions.name, false), (&conditions.iname, true)];
        let patterns = patterns.into_iter().filter_map(|(text, fold)| Some((text.as_ref()?, fold)));
        let compile = |(text, fold): (&String, bool)| {
            let glob = GlobBuilder::new(text).case_insensitive(fold).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| Failure::Usage(error.to_string()))
        };
        Ok(Tests {
            names: patterns.map(compile).collect::<Result<_, _>>()?,
            kinds: conditions.kinds.iter().map(|letter| letter.kind()).collect(),
            size: conditions.size,
            newer: conditions.newer,
            older: conditions.older,
            mtime: conditions.mtime,
            now: timestamp(SystemTime::now()).unwrap_or_default(),
            ino: conditions.ino,
            xattr: conditions.xattr.clone(),
        })
    }

    /// True if a file meets all conditions. What can't be found out is said, and counts as not met.
    pub(super) fn meets(&self, target: &Target, path: &[u8], stat: &Stat, outcome: &mut Outcome) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        self.names.iter().all(|glob| matches_name(glob, name))
            && (self.kinds.is_empty() || self.kinds.contains(&stat.kind))
            && self.size.is_none_or(|size| stat.kind == Kind::File && size.meets(stat.size))
            && self.meets_times(stat)
            && self.ino.is_none_or(|ino| target.view.own_number(stat.id).0 == ino)
            && self.xattr.as_ref().is_none_or(|wanted| {
                let xattrs = target.view.xattrs(stat.id).unwrap_or_else(|error| {
                    outcome.problem(format!("{}: {error}", Escaped(path)));
                    Vec::new()
                });
                xattrs.iter().any(|xattr| xattr.name.as_bytes() == wanted.as_encoded_bytes())
                    // HFS+ keeps it elsewhere.
                    || wanted.as_encoded_bytes() == RESOURCE_FORK && stat.resource_size.is_some_and(|size| size > 0)
            })
    }

    fn meets_times(&self, stat: &Stat) -> bool {
        let Some(modified) = stat.modified else {
            return self.newer.is_none() && self.older.is_none() && self.mtime.is_none();
        };
        let days = self.now.0.saturating_sub(modified.0).div_euclid(DAY_NS);
        self.newer.is_none_or(|limit| modified > limit.0)
            && self.older.is_none_or(|limit| modified < limit.0)
            // What lies in the future is zero days old.
            && self.mtime.is_none_or(|age| age.meets(u64::try_from(days).unwrap_or(0)))
    }
}

/// Bytes that are not Unicode match as U+FFFD.
fn matches_name(glob: &GlobMatcher, name: &[u8]) -> bool {
    glob.is_match(Path::new(String::from_utf8_lossy(name).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signs and suffixes as find(1) has them, counted in bytes.
    #[test]
    fn amounts() {
        assert_eq!("+10k".parse(), Ok(Amount::More(10_240)));
        assert_eq!("-2G".parse(), Ok(Amount::Less(2 << 30)));
        assert_eq!("0".parse(), Ok(Amount::Exactly(0)));
        for wrong in ["", "+", "k", "1kk", "1x", "--1", "99999999999T"] {
            assert!(wrong.parse::<Amount>().is_err(), "{wrong}");
        }
        assert!(Amount::More(1).meets(2) && !Amount::More(1).meets(1) && Amount::Less(1).meets(0));
    }

    /// Dates begin at midnight UTC.
    #[test]
    fn instants() {
        assert_eq!("1970-01-02".parse(), Ok(Instant(Timestamp(DAY_NS))));
        assert_eq!("1970-01-01 00:00:01".parse(), Ok(Instant(Timestamp(1_000_000_000))));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Instant(Timestamp(1_000_000_000))));
        assert!("yesterday".parse::<Instant>().is_err());
    }
}
