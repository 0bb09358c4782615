//! Times in listings.

use apfs_core::Timestamp;

/// Appends `YYYY-MM-DD hh:mm:ss` in UTC.
pub(crate) fn push_time(text: &mut Vec<u8>, time: Timestamp) {
    let (year, month, day, hour, minute, second) = time.civil();
    let mut digits = itoa::Buffer::new();
    text.extend_from_slice(digits.format(year).as_bytes());
    for (separator, value) in [(b'-', month), (b'-', day), (b' ', hour), (b':', minute), (b':', second)] {
        text.push(separator);
        if value < 10 {
            text.push(b'0');
        }
        text.extend_from_slice(digits.format(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that `ls --full-time` begins with.
    #[test]
    fn form() {
        let mut text = Vec::new();
        push_time(&mut text, Timestamp(1_511_870_401_000_000_007));
        assert_eq!(text, b"2017-11-28 12:00:01");
    }
}
