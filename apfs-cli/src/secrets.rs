//! Where passwords and keys come from: files, descriptors, the environment, the command line, the terminal.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use apfs_core::Secret;
use clap::Args as ClapArgs;
use zeroize::Zeroizing;

use crate::exit::{Failure, is_quiet};

/// Variable that holds a password.
const VARIABLE: &str = "APFS_PASSWORD";
/// Bytes of a file or descriptor that a secret may have.
const LONGEST: usize = 64 << 10;

/// Passwords and keys to try, each on everything that is encrypted.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct SecretArgs {
    /// File that holds a password; one line end at its end is not part of it. May be given several times
    #[arg(long, value_name = "FILE", help_heading = "What opens it")]
    password_file: Vec<PathBuf>,

    /// Open descriptor to read a password from, for example 3 with `3< file`
    #[arg(long, value_name = "N", help_heading = "What opens it")]
    password_fd: Vec<u32>,

    /// Password or personal recovery key. Others can see it in the process list: prefer --password-file or the
    /// variable APFS_PASSWORD
    #[arg(long, value_name = "PASSWORD", help_heading = "What opens it")]
    password: Vec<PasswordText>,

    /// File that holds a raw key in hexadecimal or as bytes: 32 or 16 of an APFS volume, 36 or 52 (AES and HMAC key)
    /// of an encrypted disk image
    #[arg(long, value_name = "FILE", help_heading = "What opens it")]
    key_file: Vec<PathBuf>,

    /// Never ask for a password on the terminal
    #[arg(long, help_heading = "What opens it")]
    no_prompt: bool,
}

/// A password from the command line, kept out of debug output.
#[derive(Clone)]
struct PasswordText(String);

impl core::fmt::Debug for PasswordText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("..")
    }
}

impl From<String> for PasswordText {
    fn from(text: String) -> PasswordText {
        PasswordText(text)
    }
}

impl SecretArgs {
    /// All secrets that were given.
    pub(crate) fn gather(&self) -> Result<Vec<Secret>, Failure> {
        Ok(self.named()?.into_iter().map(|(_, secret)| secret).collect())
    }

    /// All secrets that were given, each with where it came from: in the order in which the help lists their options,
    /// the variable last.
    pub(crate) fn named(&self) -> Result<Vec<(String, Secret)>, Failure> {
        let mut secrets = Vec::new();
        for path in &self.password_file {
            let bytes = read_all(path).map_err(Failure::io(path.display()))?;
            let name = format!("password file {}", path.display());
            secrets.push((name, Secret::password(without_line_end(&bytes))));
        }
        for number in &self.password_fd {
            let name = format!("descriptor {number}");
            let bytes = read_all(&PathBuf::from(format!("/dev/fd/{number}"))).map_err(Failure::io(&name))?;
            secrets.push((name, Secret::password(without_line_end(&bytes))));
        }
        for (index, text) in self.password.iter().enumerate() {
            let name = format!("--password, number {}", index.saturating_add(1));
            secrets.push((name, Secret::password(text.0.as_str())));
        }
        for path in &self.key_file {
            let bytes = read_all(path).map_err(Failure::io(path.display()))?;
            let secret = key(&bytes).ok_or_else(|| {
                let what = "no raw key: 16, 32, 36 or 52 bytes, or twice as many hexadecimal digits";
                Failure::Usage(format!("{}: {what}", path.display()))
            })?;
            secrets.push((format!("key file {}", path.display()), secret));
        }
        if let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) {
            secrets.push((format!("variable {VARIABLE}"), Secret::password(text.into_encoded_bytes())));
        }
        Ok(secrets)
    }

    /// Asks for a password, if somebody sits at the terminal; `None` if not, or for an empty answer.
    pub(crate) fn ask(&self, what: &str) -> Option<Secret> {
        if self.no_prompt || is_quiet() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let text = Zeroizing::new(rpassword::prompt_password(format!("Password for {what}: ")).ok()?);
        (!text.is_empty()).then(|| Secret::password(text.as_str()))
    }
}

fn read_all(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // All of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST.saturating_add(1)));
    let most = u64::try_from(bytes.capacity()).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too long for a password or key"));
    }
    Ok(bytes)
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// A raw key, by its length or as hexadecimal digits.
fn key(bytes: &[u8]) -> Option<Secret> {
    let is_key = |len: usize| matches!(len, 16 | 32 | 36 | 52);
    let digits = core::str::from_utf8(bytes).ok().and_then(Secret::key_from_hex);
    let digits = digits.filter(|secret| matches!(secret, Secret::Key(key) if is_key(key.len())));
    digits.or_else(|| is_key(bytes.len()).then(|| Secret::key(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line end goes, whatever its kind; more stay.
    #[test]
    fn line_ends() {
        for (given, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("", "")] {
            assert_eq!(without_line_end(given.as_bytes()), kept.as_bytes());
        }
    }

    /// Keys come as digits or as bytes; 32 digits are a key of 16 bytes, not one of 32.
    #[test]
    fn keys() {
        assert_eq!(
            key(b"00112233445566778899aabbccddeeff\n").unwrap(),
            Secret::key([
                0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF
            ])
        );
        assert_eq!(key(&[0xFF; 52]), Some(Secret::key([0xFF; 52])));
        assert_eq!(key(&[0xFF; 33]), None);
        assert_eq!(key(b"0011"), None);
    }
}
