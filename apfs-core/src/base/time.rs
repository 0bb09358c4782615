//! Points in time as Apple stores them.

use core::fmt;

/// Nanoseconds since 1970-01-01 UTC, negative before (sheet apfs-01: parsed as signed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Nanoseconds after [`Timestamp::seconds`], 0 to 999,999,999.
    #[must_use]
    pub fn subsec_nanos(self) -> u32 {
        u32::try_from(self.0.rem_euclid(1_000_000_000)).unwrap_or(0)
    }

    /// Year, month, day, hour, minute, second in UTC (proleptic Gregorian calendar).
    #[must_use]
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "seconds of an i64 of nanoseconds: the year stays below 2263"
    )]
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32) {
        let seconds = self.seconds();
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days since 0000-03-01, so that the leap day is the last of its year; an era has 400 years.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        (year, small(month), small(day), small(second / 3600), small(second / 60 % 60), small(second % 60))
    }

    /// The last moment of what a date (`2024-05-01`) or time (`2024-05-01 12:30`, `2024-05-01T12:30:00Z`) in UTC covers:
    /// of a date the end of the day. `None` for any other text.
    #[must_use]
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "every number is below 10,000: sums and products of days and seconds stay far inside an i64"
    )]
    pub fn end_of(text: &str) -> Option<Timestamp> {
        let digits = |text: &str, len: usize| -> Option<i64> {
            (text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse().ok())?
        };
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time.strip_suffix('Z').unwrap_or(time))),
            None => (text, None),
        };
        let mut date = date.split('-');
        let (year, month, day) =
            (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if date.next().is_some() || !(1..=last).contains(&day) {
            return None;
        }
        // The same calendar as `civil`, the other way round.
        let shifted_year = year - i64::from(month <= 2);
        let (era, year_of_era) = (shifted_year.div_euclid(400), shifted_year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days =
            era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
        let (second, covers) = match time {
            None => (0, 86_400),
            Some(time) => {
                let mut parts = time.split(':');
                let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
                let (second, covers) = match parts.next() {
                    Some(second) => (digits(second.split('.').next()?, 2)?, 1),
                    None => (0, 60),
                };
                if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
                    return None;
                }
                (hour * 3600 + minute * 60 + second, covers)
            }
        };
        let end = (days * 86_400 + second + covers).checked_mul(1_000_000_000)?;
        end.checked_sub(1).map(Timestamp)
    }
}

/// RFC 3339 in UTC with nanoseconds, for example `2017-11-28T12:00:00.000000001Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        let nanos = self.subsec_nanos();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Dates cover a day, times a minute or second; what is no date is none (reference: `date -u -d TEXT +%s`).
    #[test]
    fn ends_of_dates() {
        let seconds = |text: &str| Timestamp::end_of(text).map(|time| (time.0 + 1) / 1_000_000_000);
        assert_eq!(seconds("1970-01-01"), Some(86_400));
        assert_eq!(seconds("2024-02-29"), Some(1_709_251_200));
        assert_eq!(seconds("2024-02-29 12:30"), Some(1_709_209_860));
        assert_eq!(seconds("2017-11-28T12:00:01Z"), Some(1_511_870_402));
        assert_eq!(seconds("2017-11-28T12:00:01.25Z"), Some(1_511_870_402));
        for text in
            ["", "2023-02-29", "2024-13-01", "2024-1-1", "20240101", "2024-01-01 25:00", "2024-01-01-x"]
        {
            assert_eq!(Timestamp::end_of(text), None, "{text}");
        }
    }

    /// Known instants, before and after 1970 and on a leap day (reference: `date -u -d @N`).
    #[test]
    fn calendar() {
        let at = |seconds: i64, nanos: i64| Timestamp(seconds * 1_000_000_000 + nanos).to_string();
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(951_782_400, 5), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(at(-1, 1), "1969-12-31T23:59:59.000000001Z");
        assert_eq!(at(7_258_118_400, 0), "2200-01-01T00:00:00.000000000Z");
        assert_eq!(Timestamp(i64::MIN).to_string(), "1677-09-21T00:12:43.145224192Z");
    }
}
