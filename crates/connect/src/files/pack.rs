//! Files as they travel: in an archive, encrypted, or both. Unpacking trusts nothing: neither sizes nor names.

use std::io::{Cursor, Read, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{AesMode, ZipArchive, ZipWriter};

use super::names::Pattern;
use crate::cipher;
use crate::manifest::{Archive, Given, Pack};
use crate::reply::MAX_BODY;
use crate::site::{InstitutionSite, given};

/// Bytes a packed byte may become, beyond [`FREE`]: tables of text shrink to a tenth, perhaps a fiftieth.
const MAX_RATIO: usize = 200;
/// Bytes that may come out whatever went in.
const FREE: usize = 1024 * 1024;
/// Members an archive may have.
const MAX_MEMBERS: usize = 100;

/// Why a file could not be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpackable {
    /// Our password or key does not open it: it may be right tomorrow, and nothing was lost.
    #[error("the password or key does not open it")]
    Locked,
    /// It is not what the manifest says: no archive, cut off, another member, not encrypted at all.
    #[error("not packed as the manifest says, or damaged")]
    Damaged,
    /// It would become larger than any reply may be.
    #[error("it would become too large")]
    TooLarge,
    /// The site does not give a secret that the manifest names.
    #[error("a secret is missing")]
    MissingSecret,
}

/// What a packed file holds.
///
/// # Errors
/// [`Unpackable`]; nothing of the content is in it.
pub fn unpack(pack: &Pack, bytes: &[u8], site: &InstitutionSite) -> Result<Vec<u8>, Unpackable> {
    let opened;
    let bytes = match &pack.cipher {
        None => bytes,
        Some(plan) => {
            let key = plan.cipher.key(secret(&plan.key, site)?).map_err(|_| Unpackable::Locked)?;
            // Damage and another key look alike; the key is the one that we can mend.
            opened = cipher::open(plan.cipher, &key, bytes).map_err(|_| Unpackable::Locked)?;
            opened.as_slice()
        }
    };
    match &pack.archive {
        None => Ok(bytes.to_vec()),
        Some(Archive::Gzip) => bounded(MultiGzDecoder::new(bytes), bytes.len()),
        Some(Archive::Zip { member, password }) => {
            let password = password.as_ref().map(|p| secret(p, site)).transpose()?;
            from_zip(bytes, member.as_deref(), password)
        }
    }
}

/// The inverse of [`unpack`], for request files and for the simulators. `name` is the name of the archive's member.
///
/// # Errors
/// [`Unpackable::MissingSecret`], or [`Unpackable::Locked`] if a key is no key of its cipher.
pub fn pack(pack: &Pack, name: &str, bytes: &[u8], site: &InstitutionSite) -> Result<Vec<u8>, Unpackable> {
    let bytes = match &pack.archive {
        None => bytes.to_vec(),
        Some(Archive::Gzip) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|_| Unpackable::Damaged)?
        }
        Some(Archive::Zip { password, .. }) => {
            let password = password.as_ref().map(|p| secret(p, site)).transpose()?;
            into_zip(name, bytes, password).map_err(|_| Unpackable::Damaged)?
        }
    };
    match &pack.cipher {
        None => Ok(bytes),
        Some(plan) => {
            let key = plan.cipher.key(secret(&plan.key, site)?).map_err(|_| Unpackable::Locked)?;
            cipher::seal(plan.cipher, &key, &bytes).map_err(|_| Unpackable::Locked)
        }
    }
}

fn secret<'a>(text: &'a Given, site: &'a InstitutionSite) -> Result<&'a str, Unpackable> {
    given(text, site).map_err(|_| Unpackable::MissingSecret)
}

/// Reads what comes out of a decoder as long as it is in proportion to what went in.
fn bounded(from: impl Read, packed: usize) -> Result<Vec<u8>, Unpackable> {
    let limit = MAX_BODY.min(packed.saturating_mul(MAX_RATIO).saturating_add(FREE));
    let mut bytes = Vec::new();
    let read = from.take(limit as u64 + 1).read_to_end(&mut bytes);
    if bytes.len() > limit {
        return Err(Unpackable::TooLarge);
    }
    read.map_err(|_| Unpackable::Damaged)?;
    Ok(bytes)
}

fn from_zip(bytes: &[u8], member: Option<&str>, password: Option<&str>) -> Result<Vec<u8>, Unpackable> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Unpackable::Damaged)?;
    if archive.len() > MAX_MEMBERS || archive.has_duplicate_names() {
        return Err(Unpackable::Damaged);
    }
    let pattern = member.map(Pattern::plain);
    let mut wanted = None;
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index_raw(index) else { return Err(Unpackable::Damaged) };
        if entry.is_dir() {
            continue;
        }
        // Only compared, never used as a path: `../x.csv` is a member called x.csv.
        let name = member_name(entry.name_raw());
        if pattern.as_ref().is_some_and(|p| p.matches(&name).is_none()) {
            continue;
        }
        if wanted.is_some() {
            return Err(Unpackable::Damaged);
        }
        if entry.encrypted() != password.is_some() {
            // What should be encrypted and is not, may come from anybody.
            return Err(if password.is_some() { Unpackable::Damaged } else { Unpackable::Locked });
        }
        wanted = Some((index, usize::try_from(entry.compressed_size()).unwrap_or(usize::MAX)));
    }
    let (index, packed) = wanted.ok_or(Unpackable::Damaged)?;
    let entry = match password {
        None => archive.by_index(index),
        Some(password) => archive.by_index_decrypt(index, password.as_bytes()),
    };
    match entry {
        Ok(entry) => bounded(entry, packed.min(bytes.len())),
        Err(ZipError::InvalidPassword) => Err(Unpackable::Locked),
        Err(_) => Err(Unpackable::Damaged),
    }
}

/// The last part of a member's name. Chinese systems write GBK and do not say so.
fn member_name(raw: &[u8]) -> String {
    let name = std::str::from_utf8(raw).map_or_else(|_| encoding_rs::GB18030.decode(raw).0.into_owned(), str::to_owned);
    name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

fn into_zip(name: &str, bytes: &[u8], password: Option<&str>) -> Result<Vec<u8>, ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    // A fixed time, so that the same content is the same archive.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    match password {
        None => writer.start_file(name, options)?,
        Some(password) => writer.start_file(name, options.with_aes_encryption(AesMode::Aes256, password))?,
    }
    writer.write_all(bytes)?;
    Ok(writer.finish()?.into_inner())
}
