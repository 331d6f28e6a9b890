//! Keys and sealed values: one master key per data folder, one data key per person.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{LedgerError, Result};

/// A 256-bit key that is wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The keys derived from `keys/master.key`, each for one use.
pub(crate) struct Vault {
    kek: Key,
    index: Key,
    head: Key,
    blob: Key,
}

impl Vault {
    /// Reads the master key of a data folder, or makes one if the ledger does not exist yet.
    pub(crate) fn open(dir: &Path, ledger_exists: bool) -> Result<Self> {
        let path = dir.join("keys").join("master.key");
        let folder = |source| LedgerError::Folder { path: "keys/master.key".into(), source };
        if !path.exists() {
            if ledger_exists {
                return Err(LedgerError::MissingKey);
            }
            create(&path).map_err(folder)?;
        }
        let mode = fs::metadata(&path).map_err(folder)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!("keys/master.key can be read by others; set its mode to 0600");
        }
        let mut master = Key::new([0; 32]);
        let mut file = File::open(&path).map_err(folder)?;
        file.read_exact(&mut *master).map_err(folder)?;
        let derive = |label: &str| Key::new(mac(&master, &[label.as_bytes()]));
        Ok(Self {
            kek: derive("hedui ledger key-encryption key 1"),
            index: derive("hedui ledger look-up index 1"),
            head: derive("hedui ledger audit head 1"),
            blob: derive("hedui ledger blob 1"),
        })
    }

    /// A value that only this master key gives, to notice a wrong key before anything is written with it.
    pub(crate) fn check_value(&self) -> String {
        hex::encode(&mac(&self.kek, &[b"check"])[..16])
    }

    /// The keyed look-up hash of a normalised value, in hex. Different labels never collide.
    pub(crate) fn index(&self, parts: &[&[u8]]) -> String {
        hex::encode(mac(&self.index, parts))
    }

    pub(crate) fn head_mac(&self, size: i64, hash: &str) -> String {
        hex::encode(mac(&self.head, &[&size.to_be_bytes(), hash.as_bytes()]))
    }

    /// A fresh data key, and its wrapped form for the row of `person`.
    pub(crate) fn new_data_key(&self, person: u32) -> Result<(Key, String)> {
        let mut key = Key::new([0; 32]);
        rand::fill(&mut key[..]);
        let wrapped = seal(&self.kek, format!("key {person}").as_bytes(), &key[..])?;
        Ok((key, hex::encode(wrapped)))
    }

    pub(crate) fn unwrap_data_key(&self, person: u32, wrapped: &str) -> Result<Key> {
        let bytes = hex::decode(wrapped).map_err(|_| LedgerError::Malformed { what: "data key" })?;
        let plain = unseal(&self.kek, format!("key {person}").as_bytes(), &bytes)
            .ok_or(LedgerError::Sealed { what: "data key" })?;
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| LedgerError::Malformed { what: "data key" })?;
        Ok(Key::new(key))
    }

    pub(crate) fn seal_blob(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        seal(&self.blob, name.as_bytes(), bytes)
    }

    pub(crate) fn open_blob(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        unseal(&self.blob, name.as_bytes(), sealed)
            .map(|mut plain| std::mem::take(&mut *plain))
            .ok_or(LedgerError::Sealed { what: "blob" })
    }
}

/// Seals text under a person's data key; `label` names the row and column, so that it opens nowhere else.
pub(crate) fn seal_text(key: &Key, label: &str, plain: &str) -> Result<String> {
    Ok(hex::encode(seal(key, label.as_bytes(), plain.as_bytes())?))
}

pub(crate) fn open_text(key: &Key, label: &str, sealed: &str, what: &'static str) -> Result<Zeroizing<String>> {
    let bytes = hex::decode(sealed).map_err(|_| LedgerError::Malformed { what })?;
    let mut plain = unseal(key, label.as_bytes(), &bytes).ok_or(LedgerError::Sealed { what })?;
    String::from_utf8(std::mem::take(&mut *plain)).map(Zeroizing::new).map_err(|_| LedgerError::Malformed { what })
}

/// The key under which audit leaves commit to a person; gone when the data key is.
pub(crate) fn audit_key(data_key: &Key) -> Key {
    Key::new(mac(data_key, &[b"hedui audit subject 1"]))
}

/// HMAC-SHA256 over parts, each preceded by its length so that no two lists of parts look alike.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut padded = Zeroizing::new([0u8; 64]);
    padded[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*padded).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// AES-256-GCM: a random 96-bit nonce, then the ciphertext with its tag.
fn seal(key: &Key, label: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0u8; 12];
    rand::fill(&mut nonce);
    let cipher = Aes256Gcm::new((&**key).into());
    let body = cipher
        .encrypt((&nonce).into(), Payload { msg: plain, aad: label })
        .map_err(|_| LedgerError::Sealed { what: "value (too long to seal)" })?;
    Ok([&nonce[..], &body].concat())
}

fn unseal(key: &Key, label: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_first_chunk::<12>()?;
    let cipher = Aes256Gcm::new((&**key).into());
    cipher.decrypt(nonce.into(), Payload { msg: body, aad: label }).ok().map(Zeroizing::new)
}

/// Writes a new master key so that it appears whole or not at all.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    let mut key = Key::new([0; 32]);
    rand::fill(&mut key[..]);
    let temporary = folder.join(format!(".master.key.{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&key[..])?;
    file.sync_all()?;
    let made = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    fs::remove_file(&temporary)?;
    made?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let key = Key::new([7; 32]);
        let sealed = seal_text(&key, "person 1", "张三").unwrap();
        assert_eq!(*open_text(&key, "person 1", &sealed, "name").unwrap(), "张三");
        assert!(open_text(&key, "person 2", &sealed, "name").is_err());
        assert!(open_text(&Key::new([8; 32]), "person 1", &sealed, "name").is_err());
        let mut bytes = hex::decode(&sealed).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(open_text(&key, "person 1", &hex::encode(bytes), "name").is_err());
        assert_ne!(sealed, seal_text(&key, "person 1", "张三").unwrap(), "nonces differ");
    }

    #[test]
    fn parts_do_not_run_together() {
        let key = [1; 32];
        assert_ne!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"a", b"bc"]));
    }
}
