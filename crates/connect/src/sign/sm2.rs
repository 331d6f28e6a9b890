//! SM2 signatures with SM3 (GB/T 32918.2): the text is hashed together with the signer's id and public key.

use ::sm2::SecretKey;
use ::sm2::dsa::signature::{Signer as _, Verifier as _};
use ::sm2::dsa::{Signature, SigningKey};
use ::sm2::pkcs8::DecodePrivateKey as _;

use super::BadKey;
use crate::manifest::Sm2Form;

const BAD: BadKey = BadKey { wanted: "an SM2 private key: 64 hex digits, or a PKCS#8 PEM" };

/// A private key given as 64 hex digits or as a PKCS#8 PEM.
pub(super) fn signing_key(id: &str, key: &[u8]) -> Result<SigningKey, BadKey> {
    let text = std::str::from_utf8(key).map_err(|_| BAD)?.trim();
    let secret = if text.starts_with("-----BEGIN") {
        SecretKey::from_pkcs8_pem(text).map_err(|_| BAD)?
    } else {
        SecretKey::from_slice(&hex::decode(text).map_err(|_| BAD)?).map_err(|_| BAD)?
    };
    SigningKey::new(id, &secret).map_err(|_| BAD)
}

pub(super) fn sign(id: &str, form: Sm2Form, key: &[u8], text: &[u8]) -> Result<Vec<u8>, BadKey> {
    // The nonce of a signature is derived from key and text, so a bad random source cannot give the key away.
    let signature: Signature = signing_key(id, key)?.try_sign(text).map_err(|_| BAD)?;
    Ok(match form {
        Sm2Form::Raw => signature.to_vec(),
        Sm2Form::Der => signature.to_der().to_vec(),
    })
}

pub(super) fn verify(id: &str, form: Sm2Form, key: &[u8], text: &[u8], bytes: &[u8]) -> bool {
    let Ok(key) = signing_key(id, key) else { return false };
    let signature = match form {
        Sm2Form::Raw => Signature::from_slice(bytes),
        Sm2Form::Der => Signature::from_der(bytes),
    };
    signature.is_ok_and(|signature| key.verifying_key().verify(text, &signature).is_ok())
}
