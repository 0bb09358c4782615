//! Keys from passwords: PBKDF2 (RFC 8018), with a ceiling on what an image can ask for.

use hmac::{EagerHash, Hmac};
use sha1::Sha1;
use sha2::Sha256;

use crate::base::error::{Error, Result};
use crate::base::limits::Limits;

/// Fills `out` with a key derived by HMAC-SHA-1, as encrypted disk images do.
///
/// # Errors
/// [`Error::Limit`] for more rounds than [`Limits::kdf_rounds`], those of all blocks of `out` together.
pub fn pbkdf2_sha1(password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8], limits: &Limits) -> Result<()> {
    derive::<Sha1>(password, salt, rounds, out, limits)
}

/// Fills `out` with a key derived by HMAC-SHA-256, as APFS does.
///
/// # Errors
/// [`Error::Limit`] for more rounds than [`Limits::kdf_rounds`], those of all blocks of `out` together.
pub fn pbkdf2_sha256(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    out: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    derive::<Sha256>(password, salt, rounds, out, limits)
}

fn derive<H: EagerHash>(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    out: &mut [u8],
    limits: &Limits,
) -> Result<()>
where
    Hmac<H>: hmac::KeyInit + hmac::digest::FixedOutput + Clone,
{
    // Every block of output repeats all rounds.
    let blocks = out.len().div_ceil(<H as hmac::digest::Digest>::output_size());
    let work = u64::from(rounds).saturating_mul(crate::base::bytes::len64(blocks));
    if work > u64::from(limits.kdf_rounds) {
        return Err(Error::limit("rounds of key derivation", u64::from(limits.kdf_rounds), work));
    }
    pbkdf2::pbkdf2::<Hmac<H>>(password, salt, rounds, out)
        .map_err(|_| Error::Misuse("HMAC takes passwords of any length"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    type Kdf = fn(&[u8], &[u8], u32, &mut [u8], &Limits) -> Result<()>;

    fn hex(kdf: Kdf, password: &str, salt: &str, rounds: u32, len: usize) -> String {
        let mut out = vec![0; len];
        kdf(password.as_bytes(), salt.as_bytes(), rounds, &mut out, &Limits::default()).unwrap();
        out.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
    }

    /// The vectors of RFC 6070, but for the one of 16 million rounds.
    #[test]
    fn rfc_6070() {
        let short = |rounds| hex(pbkdf2_sha1, "password", "salt", rounds, 20);
        assert_eq!(short(1), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
        assert_eq!(short(2), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
        assert_eq!(short(4096), "4b007901b765489abead49d926f721d065a429c1");
        let (password, salt) = ("passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt");
        assert_eq!(
            hex(pbkdf2_sha1, password, salt, 4096, 25),
            "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"
        );
        assert_eq!(hex(pbkdf2_sha1, "pass\0word", "sa\0lt", 4096, 16), "56fa6aa75548099dcc37d7f03425e0c3");
    }

    /// The first vector of RFC 7914, section 11.
    #[test]
    fn rfc_7914() {
        assert_eq!(
            hex(pbkdf2_sha256, "passwd", "salt", 1, 64),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
             49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
        );
    }

    /// More rounds than allowed are refused before any is run, and so are blocks that multiply them.
    #[test]
    fn ceiling() {
        let limits = Limits { kdf_rounds: 1000, ..Limits::default() };
        let run = |rounds, len: usize| pbkdf2_sha256(b"p", b"s", rounds, &mut vec![0; len], &limits);
        assert!(run(1000, 32).is_ok());
        for (rounds, len) in [(1001, 32), (501, 33), (u32::MAX, 32)] {
            assert!(matches!(run(rounds, len), Err(Error::Limit(_))), "{rounds} {len}");
        }
    }
}
