//! HMAC-SHA-1 (RFC 2104) under a key that is set up once.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// A key of HMAC-SHA-1, ready for use.
#[derive(Clone)]
pub struct HmacSha1(Hmac<Sha1>);

impl HmacSha1 {
    /// Sets a key up; `None` if the MAC refuses it, which HMAC never does.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<HmacSha1> {
        Hmac::new_from_slice(key).ok().map(HmacSha1)
    }

    /// The code of a message.
    #[must_use]
    pub fn of(&self, message: &[u8]) -> [u8; 20] {
        self.0.clone().chain_update(message).finalize().into_bytes().into()
    }

    /// True if `code` is the code of a message, in time that does not depend on where they differ.
    #[must_use]
    pub fn is(&self, message: &[u8], code: &[u8]) -> bool {
        self.0.clone().chain_update(message).verify_slice(code).is_ok()
    }
}

impl fmt::Debug for HmacSha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha1(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second vector of RFC 2202; a code that is cut is no code.
    #[test]
    fn rfc_2202() {
        let mac = HmacSha1::new(b"Jefe").unwrap();
        let code = mac.of(b"what do ya want for nothing?");
        let hex: alloc::string::String = code.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert!(mac.is(b"what do ya want for nothing?", &code));
        assert!(!mac.is(b"what do ya want for nothing?", &code[..19]));
        assert!(!mac.is(b"what do ya want for nothing!", &code));
    }
}
