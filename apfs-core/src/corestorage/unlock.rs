//! From a password to the key of a volume (sheet corestorage, section 7).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::family::{Context, CryptoUser, User};
use crate::base::error::{Error, Result};
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::crypto::hash::sha256;
use crate::crypto::kdf::pbkdf2_sha256;
use crate::crypto::keywrap::unwrap;
use crate::crypto::xts::Xts;

/// Groups of a recovery key, and letters and digits of each.
const GROUPS: (usize, usize) = (6, 4);

/// Tries secrets one after the other.
pub(super) struct Attempts<'a> {
    limits: &'a Limits,
    left: u32,
    /// A user was left out, because of too much key derivation; or what a secret opens is damaged.
    pub(super) failed: Option<Error>,
}

/// What a secret gave.
pub(super) struct Opened {
    pub(super) key: Arc<Xts>,
    /// Whose password it was; none if the key itself was given.
    pub(super) user: Option<CryptoUser>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(limits: &'a Limits) -> Attempts<'a> {
        Attempts { limits, left: limits.unlock_attempts, failed: None }
    }

    fn spend(&mut self) -> Result<()> {
        let most = u64::from(self.limits.unlock_attempts);
        let error = || Error::limit("attempts to unlock", most, most.saturating_add(1));
        self.left = self.left.checked_sub(1).ok_or_else(error)?;
        Ok(())
    }

    /// The keys that a secret opens, likely ones first. A volume key that was given can only be told right by what it
    /// decrypts.
    ///
    /// # Errors
    /// `Limit` for more attempts than [`Limits::unlock_attempts`].
    pub(super) fn open(
        &mut self,
        secret: &Secret,
        context: Option<&Context>,
        family: Uuid,
    ) -> Result<Vec<Opened>> {
        match (secret, context) {
            (Secret::Key(key), _) => {
                self.spend()?;
                Ok(xts(key, family).map(|key| Opened { key, user: None }).into_iter().collect())
            }
            (Secret::Password(password), Some(context)) => self.open_with_password(password, context, family),
            (Secret::Password(_), None) | (Secret::KeyFile(_), _) => Ok(Vec::new()),
        }
    }

    fn open_with_password(
        &mut self,
        password: &[u8],
        context: &Context,
        family: Uuid,
    ) -> Result<Vec<Opened>> {
        let mut opened = Vec::new();
        let mut left = self.limits.kdf_rounds;
        let dashed = with_dashes(password);
        for user in &context.users {
            let Some(kek) = &user.kek else { continue };
            for password in
                [Some(password), dashed.as_ref().map(|dashed| dashed.as_slice())].into_iter().flatten()
            {
                self.spend()?;
                // All users together cost a password no more than one may. Another one may ask for less.
                let Some(rest) = left.checked_sub(kek.rounds) else {
                    let most = self.limits.kdf_rounds;
                    let wanted = u64::from(most.saturating_sub(left)).saturating_add(kek.rounds.into());
                    self.failed = Some(Error::limit("rounds of key derivation", most.into(), wanted));
                    continue;
                };
                left = rest;
                let mut key = Zeroizing::new([0; 16]);
                pbkdf2_sha256(password, &kek.salt, kek.rounds, &mut *key, self.limits)?;
                let Some(key_key) = unwrap(&*key, &kek.key) else { continue };
                opened.extend(volume_keys(user, &key_key, context, family));
                if !opened.is_empty() {
                    return Ok(opened);
                }
            }
        }
        Ok(opened)
    }
}

/// The keys of volumes that a key unwraps; first those that name it.
fn volume_keys(user: &User, key_key: &[u8], context: &Context, family: Uuid) -> Vec<Opened> {
    let (named, others): (Vec<_>, Vec<_>) = context.keys.iter().partition(|key| key.key_id == user.key_id);
    let keys = named.into_iter().chain(others).filter_map(|wrapped| unwrap(key_key, &wrapped.key));
    let keys = keys.filter_map(|key| xts(&key, family));
    keys.map(|key| Opened { key, user: Some(user.shown.clone()) }).collect()
}

/// The ciphers of a volume key: 32 bytes are both keys, to 16 the second one is made of them and the family's id.
fn xts(key: &[u8], family: Uuid) -> Option<Arc<Xts>> {
    let (data, tweak) = key.split_first_chunk::<16>()?;
    let mut second = Zeroizing::new([0; 16]);
    if tweak.is_empty() {
        second.copy_from_slice(sha256(&[data, &family.0]).first_chunk::<16>()?);
    } else {
        *second = *<&[u8; 16]>::try_from(tweak).ok()?;
    }
    Some(Arc::new(Xts::aes128(data, &second)))
}

/// A recovery key as it has to be: in capital letters, with dashes. `None` for what is none, or is so already.
fn with_dashes(password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (groups, len) = GROUPS;
    let is_between = |byte: &u8| matches!(byte, b'-' | b' ');
    let count = password.iter().filter(|byte| !is_between(byte)).count();
    if count != groups.saturating_mul(len)
        || !password.iter().all(|byte| byte.is_ascii_alphanumeric() || is_between(byte))
    {
        return None;
    }
    // As long as it will be: a buffer that grows would leave a copy behind.
    let mut dashed = Zeroizing::new(Vec::with_capacity(count.saturating_add(groups)));
    for (index, byte) in password.iter().filter(|byte| !is_between(byte)).enumerate() {
        if index > 0 && index.checked_rem(len) == Some(0) {
            dashed.push(b'-');
        }
        dashed.push(byte.to_ascii_uppercase());
    }
    (dashed.as_slice() != password).then_some(dashed)
}

/// Name of a volume in messages.
pub(super) fn what(name: &str, uuid: Uuid) -> String {
    match name {
        "" => alloc::format!("logical volume {uuid}"),
        name => alloc::format!("logical volume {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recovery keys are taken as they are typed; passwords are left alone.
    #[test]
    fn recovery_keys() {
        let dashed = |text: &str| with_dashes(text.as_bytes()).map(|key| key.to_vec());
        let whole = b"35AJ-AC98-TI1H-N4M3-HDUQ-UQFG".to_vec();
        assert_eq!(dashed("35AJAC98TI1HN4M3HDUQUQFG"), Some(whole.clone()));
        assert_eq!(dashed("35aj ac98 ti1h n4m3 hduq uqfg"), Some(whole.clone()));
        assert_eq!(dashed("35AJ-AC98-TI1H-N4M3-HDUQ-UQFG"), None);
        for password in
            ["", "35AJAC98TI1HN4M3HDUQUQF", "35AJAC98TI1HN4M3HDUQUQFGX", "35AJ_AC98TI1HN4M3HDUQUQFG"]
        {
            assert_eq!(dashed(password), None, "{password}");
        }
    }

    /// Keys come in two lengths, and the family makes the second half of the short one.
    #[test]
    fn lengths() {
        for (len, ok) in
            [(0, false), (15, false), (16, true), (17, false), (31, false), (32, true), (33, false)]
        {
            assert_eq!(xts(&alloc::vec![7; len], Uuid([1; 16])).is_some(), ok, "{len}");
        }
        let unit = |family| {
            let mut unit = [[0u8; 512]];
            xts(&[7; 16], Uuid([family; 16])).unwrap().decrypt(0, &mut unit);
            unit
        };
        assert_ne!(unit(1), unit(2));
    }
}
