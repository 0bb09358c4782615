//! Users and keys of a volume, as property lists.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use sha2::Sha256;

use super::{CoreStorage, User, VOLUME_KEY};
use crate::bytes::pack;
use crate::cipher::wrap;

/// The key that passwords unwrap and that wraps the volume's, and its name.
const KEY_KEY: [u8; 16] = *b"key of this key.";
const KEY_IDENT: &str = "5A5A5A5A-0006-4000-8000-00000000C0DE";

impl CoreStorage {
    /// The encryption context in the dialect, with references.
    pub(super) fn context(&self) -> String {
        let mut users = String::new();
        for (number, user) in self.users.iter().enumerate() {
            let key = match &user.password {
                Some(password) => {
                    let record = STANDARD.encode(self.wrapped_kek(number, user, password));
                    format!("<key>PassphraseWrappedKEKStruct</key><data>{record}</data>")
                }
                None => "<key>KeyWrappedKEKStruct</key><data>AAAA</data>".to_owned(),
            };
            let (ident, hint) = (&user.ident, &user.hint);
            write!(
                users,
                "<dict>{key}<key>WrapVersion</key><integer size=\"32\">0x1</integer>\
                 <key>UserType</key><integer size=\"32\">0x10000001</integer>\
                 <key>UserIdent</key><string>{ident}</string>\
                 <key>PassphraseHint</key><string ID=\"h{number}\">{hint}</string>\
                 <key>KeyEncryptingKeyIdent</key><string ID=\"k{number}\">{KEY_IDENT}</string>\
                 <key>UserFullName</key><string IDREF=\"h{number}\"/>\
                 <key>EFILoginGraphics</key><data>{}</data></dict>",
                STANDARD.encode(noise(self.filler)),
            )
            .unwrap();
        }
        let mut keys = "<dict><key>VolumeKeyIndex</key><integer size=\"32\" ID=\"9\">0x0</integer>\
             <key>KeyEncryptingKeyIdent</key><string>none</string><key>BlockAlgorithm</key><string>None</string>\
             <key>KEKWrappedVolumeKeyStruct</key><data></data></dict>"
            .to_owned();
        if self.is_encrypted {
            write!(
                keys,
                "<dict><key>VolumeKeyIndex</key><integer size=\"32\">0x1</integer>\
                 <key>KeyEncryptingKeyIdent</key><reference IDREF=\"k0\"/>\
                 <key>BlockAlgorithm</key><string>AES-XTS</string>\
                 <key>KEKWrappedVolumeKeyStruct</key><data>{}</data></dict>",
                STANDARD.encode(wrapped_volume_key()),
            )
            .unwrap();
        }
        let target = if self.is_encrypted { "<integer>0x1</integer>" } else { "<reference IDREF=\"9\"/>" };
        let status = self.status;
        format!(
            "<dict><key>CryptoUsers</key><array>{users}</array><key>WrappedVolumeKeys</key><array>{keys}</array>\
             <key>ConversionInfo</key><dict><key>TargetContext</key>{target}\
             <key>ConversionStatus</key><string>{status}</string></dict></dict>"
        )
    }

    /// The context as a file: a property list as any other.
    pub(super) fn key_file_text(&self) -> String {
        let plain = self.context().replace("<reference IDREF=\"9\"/>", "<integer>0</integer>");
        let plain = (0..self.users.len()).fold(plain, |text, number| {
            let key = format!("<string>{KEY_IDENT}</string>");
            let name = format!("<string>{}</string>", self.users[number].hint);
            text.replace(&format!("<reference IDREF=\"k{number}\"/>"), &key)
                .replace(&format!("<string IDREF=\"h{number}\"/>"), &name)
                .replace(&format!(" ID=\"k{number}\""), "")
                .replace(&format!(" ID=\"h{number}\""), "")
        });
        let plain = plain.replace(" ID=\"9\"", "").replace(" size=\"32\"", "");
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n{plain}\n</plist>\n")
    }

    fn wrapped_kek(&self, number: usize, user: &User, password: &str) -> Vec<u8> {
        let salt = [0x50 + number as u8; 16];
        let mut key = [0; 16];
        pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), &salt, user.rounds, &mut key).unwrap();
        let mut record = pack![3_u32, 16_u32];
        record.extend(salt);
        record.extend(pack![16_u32, 24_u32]);
        record.extend(wrap(&key, &KEY_KEY));
        record.resize(168, 0);
        record.extend(pack![self.claimed_rounds.unwrap_or(user.rounds)]);
        record.resize(284, 0);
        record
    }
}

fn wrapped_volume_key() -> Vec<u8> {
    let mut record = pack![2_u32, 24_u32];
    record.extend(wrap(&KEY_KEY, &VOLUME_KEY));
    record.resize(256, 0);
    record
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
