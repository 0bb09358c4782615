//! Logical volumes: what is said of them, and their bytes once they are unlocked.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::conversion::Look;
use super::device::{Device, Form};
use super::family::{Context, CryptoUser, Encryption, Family};
use super::header::PhysicalVolume;
use super::map::{Extent, Map};
use super::unlock::{Attempts, Opened, what};
use crate::base::damage::{Corrupt, Damage, Place};
use crate::base::error::{Error, LockReason, Result};
use crate::base::ids::Uuid;
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::base::sync::Mutex;
use crate::crypto::xts::Xts;
use crate::io::read_at::ReadAt;

/// A volume of a group, on which a file system is. Cheap to clone; what opens one opens its clones.
#[derive(Clone)]
pub struct LogicalVolume {
    inner: Arc<Inner>,
}

/// What is known of a volume.
pub(super) struct Known {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    pub(super) len: u64,
    pub(super) content_hint: String,
    pub(super) family_uuid: Uuid,
    pub(super) family: Family,
    /// The family was wiped on purpose, as startup disks do that keep it elsewhere.
    pub(super) is_wiped: bool,
    pub(super) map: Result<Map, Corrupt>,
    pub(super) volumes: Arc<[PhysicalVolume]>,
    pub(super) findings: Vec<Corrupt>,
}

struct Inner {
    known: Known,
    secrets: Vec<Secret>,
    limits: Limits,
    state: Mutex<State>,
}

/// What was found out since.
#[derive(Clone, Default)]
struct State {
    /// Its bytes.
    device: Option<Arc<Device>>,
    /// Why the secrets of the group do not open it. Deriving keys takes seconds.
    refusal: Option<LockReason>,
}

/// What opened a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unlocked {
    /// Whose password it was; `None` if the volume's key itself was given.
    pub user: Option<CryptoUser>,
}

/// How much of a volume whose encryption is being changed is stored how, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conversion {
    /// As it is.
    pub plain: u64,
    /// Encrypted.
    pub encrypted: u64,
    /// There is no telling; reading it fails.
    pub unknown: u64,
}

impl LogicalVolume {
    pub(super) fn new(known: Known, secrets: &[Secret], limits: &Limits) -> LogicalVolume {
        let (secrets, limits) = (secrets.to_vec(), limits.clone());
        LogicalVolume { inner: Arc::new(Inner { known, secrets, limits, state: Mutex::default() }) }
    }

    /// Its id.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.inner.known.uuid
    }

    /// Its name, may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.known.name
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.inner.known.len
    }

    /// True if it has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What should be on it, as a partition type in text form, for example `Apple_HFS`; may be empty.
    #[must_use]
    pub fn content_hint(&self) -> &str {
        &self.inner.known.content_hint
    }

    /// Id of its family, which the key of its tweaks is made of.
    #[must_use]
    pub fn family_uuid(&self) -> Uuid {
        self.inner.known.family_uuid
    }

    /// How it is encrypted.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        match &self.inner.known.family {
            Family::Known(context) => context.encryption,
            Family::Elsewhere if self.inner.known.is_wiped => Encryption::Encrypted,
            Family::Elsewhere | Family::Damaged(_) => Encryption::Unknown,
        }
    }

    /// Who opens it, in stored order; nobody as long as that is in a file elsewhere.
    pub fn users(&self) -> impl Iterator<Item = &CryptoUser> {
        self.context().into_iter().flat_map(|context| &context.users).map(|user| &user.shown)
    }

    /// Numbers of the physical volumes that it lies on, in [`Group::physical_volumes`](super::Group::physical_volumes).
    #[must_use]
    pub fn physical_volumes(&self) -> Vec<usize> {
        let extents = self.inner.known.map.iter().flat_map(|map| &map.extents);
        let mut numbers: Vec<usize> = extents.map(|extent| usize::from(extent.address.pv)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// What is wrong with what describes it, where that costs only a part.
    #[must_use]
    pub fn findings(&self) -> &[Corrupt] {
        &self.inner.known.findings
    }

    /// True if its bytes can be read: it is not encrypted, or has been unlocked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.device().is_ok()
    }

    /// Its bytes, decrypted as they are read. Where the group was opened with secrets, they are tried.
    ///
    /// # Errors
    /// `Locked` with the reason if no secret fits or none would, `Corrupt` if its address map contradicts itself or
    /// nothing that the right key decrypts is sound, `Limit` for more key derivation or attempts than allowed.
    pub fn device(&self) -> Result<Arc<dyn ReadAt>> {
        self.open().map(|device| -> Arc<dyn ReadAt> { device })
    }

    /// How much of it is encrypted, while that is being changed; `None` at other times.
    ///
    /// # Errors
    /// As [`LogicalVolume::device`].
    pub fn conversion(&self) -> Result<Option<Conversion>> {
        if !matches!(self.encryption(), Encryption::Converting(_)) {
            return Ok(None);
        }
        let mut found = Conversion::default();
        for (extent, form) in &self.open()?.extents {
            let sum = match form {
                Form::Plain => &mut found.plain,
                Form::Encrypted => &mut found.encrypted,
                Form::Unknown => &mut found.unknown,
            };
            *sum = sum.saturating_add(extent.end.saturating_sub(extent.start));
        }
        Ok(Some(found))
    }

    /// Opens it with one secret: a password, a recovery key with or without its dashes, or the volume's key. From then
    /// on [`LogicalVolume::device`] gives its bytes.
    ///
    /// # Errors
    /// As [`LogicalVolume::device`]; `Misuse` if it is not encrypted, or for a key file, which belongs to the options
    /// that a group is opened with.
    pub fn unlock(&self, secret: &Secret) -> Result<Unlocked> {
        if self.encryption() == Encryption::None {
            return Err(Error::Misuse("a volume that is not encrypted needs no unlocking"));
        }
        if matches!(secret, Secret::KeyFile(_)) {
            return Err(Error::Misuse("a key file belongs to the options that the group is opened with"));
        }
        let (device, user) = self.try_all(core::slice::from_ref(secret))?;
        self.inner.state.with(|state| state.device = Some(Arc::new(device)));
        Ok(Unlocked { user })
    }

    fn context(&self) -> Option<&Context> {
        match &self.inner.known.family {
            Family::Known(context) => Some(context),
            Family::Elsewhere | Family::Damaged(_) => None,
        }
    }

    fn open(&self) -> Result<Arc<Device>> {
        let State { device, refusal } = self.inner.state.with(|state| state.clone());
        if let Some(device) = device {
            return Ok(device);
        }
        let device = match self.plain()? {
            Some(device) => device,
            None => {
                if let Some(why) = refusal {
                    return Err(self.locked(why));
                }
                match self.try_all(&self.inner.secrets) {
                    Ok((device, _)) => device,
                    Err(Error::Locked(locked)) => {
                        self.inner.state.with(|state| state.refusal = Some(locked.why));
                        return Err(Error::Locked(locked));
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let device = Arc::new(device);
        self.inner.state.with(|state| state.device = Some(device.clone()));
        Ok(device)
    }

    /// Its bytes if no key is needed for any of them.
    fn plain(&self) -> Result<Option<Device>> {
        let recognised = || self.assemble(|_, _| Ok(Form::Plain), None);
        match self.encryption() {
            // A volume without a file system is still a volume.
            Encryption::None => match recognised()? {
                Some(device) => Ok(Some(device)),
                None => self.build(self.map()?, |_, _| Ok(Form::Plain), None).map(Some),
            },
            Encryption::Encrypted => Ok(None),
            Encryption::Unknown => recognised(),
            Encryption::Converting(_) => {
                let look = Look::at(self.map()?.extents.len())?;
                let device = self.assemble(|device, extent| look.form(device, extent, None), None)?;
                Ok(device.filter(|device| device.extents.iter().all(|(_, form)| *form == Form::Plain)))
            }
        }
    }

    /// Its bytes with the first secret that opens it, and whose password that was.
    fn try_all(&self, secrets: &[Secret]) -> Result<(Device, Option<CryptoUser>)> {
        let mut attempts = Attempts::new(&self.inner.limits);
        for secret in secrets {
            for Opened { key, user } in attempts.open(secret, self.context(), self.family_uuid())? {
                match self.with_key(key) {
                    Ok(Some(device)) => return Ok((device, user)),
                    // A key that was unwrapped is the right one, so that something else is wrong.
                    Ok(None) if user.is_some() => attempts.failed = Some(self.nothing_known()),
                    Ok(None) => {}
                    Err(error) => attempts.failed = Some(error),
                }
            }
        }
        if let Some(error) = attempts.failed {
            return Err(error);
        }
        let is_tried = secrets.iter().any(|secret| !matches!(secret, Secret::KeyFile(_)));
        Err(match &self.inner.known.family {
            Family::Damaged(corrupt) => corrupt.clone().into(),
            Family::Elsewhere => self.locked(LockReason::NeedsKeyFile),
            Family::Known(context) => match context.reason() {
                LockReason::NeedsSecret if is_tried => self.locked(LockReason::WrongSecret),
                why => self.locked(why),
            },
        })
    }

    /// Its bytes under a key; `None` if they are those of no file system.
    fn with_key(&self, key: Arc<Xts>) -> Result<Option<Device>> {
        if !matches!(self.encryption(), Encryption::Converting(_)) {
            return self.assemble(|_, _| Ok(Form::Encrypted), Some(key));
        }
        let look = Look::at(self.map()?.extents.len())?;
        let form = |device: &Device, extent: &Extent| look.form(device, extent, device.key.as_deref());
        let device = self.assemble(form, Some(key))?;
        // Plain extents prove no key.
        Ok(device.filter(|device| device.extents.iter().any(|(_, form)| *form == Form::Encrypted)))
    }

    /// Its bytes if they are those of a file system. Addresses are taken as absolute first, then as counted from the
    /// base of the map: both have been described, and only the bytes tell.
    fn assemble(
        &self,
        form: impl Fn(&Device, &Extent) -> Result<Form>,
        key: Option<Arc<Xts>>,
    ) -> Result<Option<Device>> {
        let map = self.map()?;
        let shifted = map.shifted(&self.inner.known.volumes);
        for map in [Some(map), shifted.as_ref()].into_iter().flatten() {
            let device = self.build(map, &form, key.clone())?;
            if is_file_system(&device)? {
                return Ok(Some(device));
            }
        }
        Ok(None)
    }

    fn build(
        &self,
        map: &Map,
        form: impl Fn(&Device, &Extent) -> Result<Form>,
        key: Option<Arc<Xts>>,
    ) -> Result<Device> {
        let (volumes, len) = (self.inner.known.volumes.clone(), self.len());
        let mut device = Device { volumes, extents: Vec::new(), len, key };
        for extent in &map.extents {
            let form = form(&device, extent)?;
            device.extents.push((*extent, form));
        }
        Ok(device)
    }

    fn map(&self) -> Result<&Map> {
        self.inner.known.map.as_ref().map_err(|corrupt| corrupt.clone().into())
    }

    fn locked(&self, why: LockReason) -> Error {
        Error::locked(what(self.name(), self.uuid()), why)
    }

    fn nothing_known(&self) -> Error {
        match self.encryption() {
            Encryption::Converting(_) => self.locked(LockReason::Converting(None)),
            _ => {
                let corrupt =
                    Corrupt::new(Damage::Magic, Place::new("logical volume", "").offset(HFS_HEADER));
                corrupt.found("no file system that the key decrypts, though the password is right").into()
            }
        }
    }
}

/// Where the header of an HFS+ volume stands, and from the end its copy.
const HFS_HEADER: u64 = 1024;
/// Signatures and versions of HFS+ and HFSX.
const HFS_START: [[u8; 4]; 2] = [*b"H+\0\x04", *b"HX\0\x05"];
/// Where the signature of an APFS container stands, and the signature.
const APFS_MAGIC: (u64, [u8; 4]) = (32, *b"NXSB");

/// True if a file system that CoreStorage is used for is on a device. What can't be read is not there.
///
/// # Errors
/// I/O.
fn is_file_system(device: &Device) -> Result<bool> {
    let read = |at: u64| {
        let mut bytes = [0; 4];
        match device.read_exact_at(at, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(Error::Corrupt(_) | Error::Locked(_)) => Ok([0; 4]),
            Err(error) => Err(error),
        }
    };
    if device.len < HFS_HEADER.saturating_mul(2) {
        return Ok(false);
    }
    let (magic_at, magic) = APFS_MAGIC;
    Ok(HFS_START.contains(&read(HFS_HEADER)?)
        || read(magic_at)? == magic
        || HFS_START.contains(&read(device.len.saturating_sub(HFS_HEADER))?))
}

/// Name, length and encryption, for example `logical volume Data (652738560 bytes, FileVault 2)`.
impl fmt::Display for LogicalVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes, {})", what(self.name(), self.uuid()), self.len(), self.encryption())
    }
}

impl fmt::Debug for LogicalVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogicalVolume")
            .field("uuid", &self.uuid())
            .field("name", &self.name())
            .field("len", &self.len())
            .field("encryption", &self.encryption())
            .finish_non_exhaustive()
    }
}
