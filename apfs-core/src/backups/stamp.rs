//! The names of backups: a local time, and often what the backup is.

use core::fmt;

/// Length of `YYYY-MM-DD-HHMMSS`.
const LEN: usize = 17;

/// When a backup was begun, as its name says: in the time zone of the Mac, which nothing tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Year.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day, from 1.
    pub day: u8,
    /// Hour.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
}

impl Stamp {
    /// The stamp that a name begins with, and what follows it.
    pub(super) fn begin(name: &[u8]) -> Option<(Stamp, &[u8])> {
        let (stamp, rest) = name.split_at_checked(LEN)?;
        let number = |from: usize, len: usize| {
            let digits = stamp.get(from..from.checked_add(len)?)?;
            let all = digits.iter().all(u8::is_ascii_digit);
            core::str::from_utf8(digits).ok().filter(|_| all)?.parse::<u16>().ok()
        };
        let small = |from| number(from, 2).and_then(|number| u8::try_from(number).ok());
        let dashes = [4, 7, 10].iter().all(|at| stamp.get(*at) == Some(&b'-'));
        let stamp = Stamp {
            year: number(0, 4)?,
            month: small(5)?,
            day: small(8)?,
            hour: small(11)?,
            minute: small(13)?,
            second: small(15)?,
        };
        let is_time = (1..=12).contains(&stamp.month)
            && (1..=31).contains(&stamp.day)
            && stamp.hour < 24
            && stamp.minute < 60
            && stamp.second < 61;
        (dashes && is_time).then_some((stamp, rest))
    }
}

/// As names have it: `2020-01-16-145806`.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamp { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}-{hour:02}{minute:02}{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Names of the format sheet, and some that only look like them.
    #[test]
    fn names() {
        let (stamp, rest) = Stamp::begin(b"2020-01-16-145806").unwrap();
        assert_eq!((stamp.to_string().as_str(), rest), ("2020-01-16-145806", &b""[..]));
        assert_eq!(Stamp::begin(b"2020-01-17-000000.inProgress").unwrap().1, b".inProgress");
        for wrong in [
            "2020-01-16-14580",
            "2020-13-16-145806",
            "2020-01-16_145806",
            "2020-01-16-246006",
            "+020-01-16-145806",
            "Latest",
        ] {
            assert_eq!(Stamp::begin(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
