//! Signatures of requests: one recipe, made by the client and recomputed by whoever verifies.
//!
//! [`sign`] and [`verify`] share [`canonical`], the text that is signed; [`verify_request`] reads the parts of a request
//! from its headers, as a simulator does. A token (`jws`) says itself what it covers and has no such text.

#[cfg(feature = "transports")]
mod jws;
#[cfg(not(feature = "transports"))]
#[path = "jws_left_out.rs"]
mod jws;
mod sm2;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest as _;

use crate::manifest::{Digest, SignAlgorithm, SignEncoding, SignPart, Signer};

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// HTTP method, upper case.
    pub method: &'a str,
    /// Path without host and query.
    pub path: &'a str,
    /// The app; empty if the recipe has none.
    pub app: &'a str,
    /// Milliseconds since 1970, as sent.
    pub ts: &'a str,
    /// The nonce, as sent.
    pub nonce: &'a str,
    /// The body, as sent.
    pub body: &'a [u8],
}

/// The key is not one that the recipe can use. Never says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted}")]
pub struct BadKey {
    /// What the recipe needs, such as `64 hex digits or a PKCS#8 PEM`.
    pub wanted: &'static str,
}

/// Whether a key fits a recipe.
///
/// # Errors
/// [`BadKey`] with what the recipe needs.
pub fn check_key(signer: &Signer, key: &[u8]) -> Result<(), BadKey> {
    match &signer.algorithm {
        SignAlgorithm::Hmac(_) | SignAlgorithm::Concat(_) if key.is_empty() => Err(BadKey { wanted: "a text" }),
        SignAlgorithm::Hmac(_) | SignAlgorithm::Concat(_) => Ok(()),
        SignAlgorithm::Sm2 { id, .. } => sm2::signing_key(id, key).map(|_| ()),
        SignAlgorithm::Jws(algorithm) => jws::check_key(*algorithm, key),
    }
}

/// The text a signer signs: its parts, joined. Holds the key where the recipe says so.
#[must_use]
pub fn canonical(signer: &Signer, key: &[u8], signed: &Signed<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, part) in signer.parts.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(signer.join.as_bytes());
        }
        match part {
            SignPart::Method => text.extend_from_slice(signed.method.as_bytes()),
            SignPart::Path => text.extend_from_slice(signed.path.as_bytes()),
            SignPart::App => text.extend_from_slice(signed.app.as_bytes()),
            SignPart::Key => text.extend_from_slice(key),
            SignPart::Timestamp => text.extend_from_slice(signed.ts.as_bytes()),
            SignPart::Nonce => text.extend_from_slice(signed.nonce.as_bytes()),
            SignPart::Body => text.extend_from_slice(signed.body),
            SignPart::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
            SignPart::BodyHash => {
                let digest = digest(signer.algorithm.digest(), signed.body);
                text.extend_from_slice(signer.encoding.write(&digest).as_bytes());
            }
        }
    }
    text
}

/// The signature as its header carries it, prefix included.
///
/// # Errors
/// [`BadKey`] if the key does not fit the recipe.
pub fn sign(signer: &Signer, key: &[u8], signed: &Signed<'_>) -> Result<String, BadKey> {
    let text = || canonical(signer, key, signed);
    let bytes = match &signer.algorithm {
        SignAlgorithm::Hmac(digest) => hmac(*digest, key, &text()),
        SignAlgorithm::Concat(kind) => digest(*kind, &text()),
        SignAlgorithm::Sm2 { id, form } => sm2::sign(id, *form, key, &text())?,
        SignAlgorithm::Jws(algorithm) => {
            return jws::sign(*algorithm, key, signed).map(|token| format!("{}{token}", signer.prefix));
        }
    };
    Ok(format!("{}{}", signer.prefix, signer.encoding.write(&bytes)))
}

/// Whether a header's signature is right. Compares digests in constant time. For [`SignAlgorithm::Jws`] a time or nonce
/// that is empty in `signed` is taken from the token alone.
#[must_use]
pub fn verify(signer: &Signer, key: &[u8], signed: &Signed<'_>, signature: &str) -> bool {
    let Some(signature) = signature.strip_prefix(signer.prefix.as_str()) else { return false };
    if let SignAlgorithm::Jws(algorithm) = &signer.algorithm {
        return jws::verify(*algorithm, key, signed, signature);
    }
    let Some(bytes) = signer.encoding.read(signature) else { return false };
    let text = canonical(signer, key, signed);
    match &signer.algorithm {
        SignAlgorithm::Hmac(digest) => equal(&hmac(*digest, key, &text), &bytes),
        SignAlgorithm::Concat(kind) => equal(&digest(*kind, &text), &bytes),
        SignAlgorithm::Sm2 { id, form } => sm2::verify(id, *form, key, &text, &bytes),
        SignAlgorithm::Jws(_) => false,
    }
}

/// Whether a request proves who sent it: its headers hold what the recipe sends, and the signature is right.
pub fn verify_request<'h>(
    signer: &Signer,
    key: &[u8],
    sent: &Signed<'h>,
    header: impl Fn(&str) -> Option<&'h str>,
) -> bool {
    let of = |name: &Option<String>| name.as_ref().map_or(Some(""), |name| header(name));
    let (Some(app), Some(ts), Some(nonce)) =
        (of(&signer.headers.app), of(&signer.headers.ts), of(&signer.headers.nonce))
    else {
        return false;
    };
    let signed = Signed { ts, nonce, ..*sent };
    (signer.headers.app.is_none() || app == sent.app)
        && header(&signer.headers.sign).is_some_and(|signature| verify(signer, key, &signed, signature))
}

impl SignAlgorithm {
    /// The hash under it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        match self {
            Self::Hmac(digest) | Self::Concat(digest) => *digest,
            Self::Sm2 { .. } => Digest::Sm3,
            Self::Jws(_) => Digest::Sha256,
        }
    }
}

impl SignEncoding {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }

    fn read(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex | Self::HexUpper => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }
}

/// A digest of bytes.
fn digest(kind: Digest, bytes: &[u8]) -> Vec<u8> {
    match kind {
        Digest::Sm3 => sm3::Sm3::digest(bytes).to_vec(),
        Digest::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        Digest::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        Digest::Md5 => md5::Md5::digest(bytes).to_vec(),
    }
}

fn hmac(kind: Digest, key: &[u8], text: &[u8]) -> Vec<u8> {
    match kind {
        Digest::Sm3 => mac::<Hmac<sm3::Sm3>>(key, text),
        Digest::Sha256 => mac::<Hmac<sha2::Sha256>>(key, text),
        Digest::Sha1 => mac::<Hmac<sha1::Sha1>>(key, text),
        Digest::Md5 => mac::<Hmac<md5::Md5>>(key, text),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length, so there is nothing to fail.
    <M as KeyInit>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

/// Equality that takes as long for a near miss as for a far one. Nothing equals the empty text.
fn equal(left: &[u8], right: &[u8]) -> bool {
    !left.is_empty()
        && left.len() == right.len()
        && left.iter().zip(right).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;
