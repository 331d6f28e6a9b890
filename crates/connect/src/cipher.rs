//! Encrypted bodies and files: a random IV or nonce, then the ciphertext.
//!
//! [`seal`] and [`open`] work on bytes; how ciphertext is written into a body is the caller's matter. SM4-CBC hides but
//! does not authenticate: [`open`] notices most damage by its padding, and what it lets through is text that the parser
//! then refuses. The GCM modes notice every change.

use std::fmt;

use aes::{Aes128, Aes256};
use aes_gcm::aead::{Aead, KeyInit, Nonce};
use aes_gcm::{AesGcm, KeySizeUser};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::consts::U12;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use sm4::Sm4;

/// Algorithms compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// SM4 (GB/T 32907) in CBC with PKCS#7 padding; a key of 16 bytes, an IV of 16.
    Sm4Cbc,
    /// SM4 in GCM as in RFC 8998; a key of 16 bytes, a nonce of 12, a tag of 16 at the end.
    Sm4Gcm,
    /// AES in GCM; a key of 16 or 32 bytes, a nonce of 12, a tag of 16 at the end.
    AesGcm,
}

/// A key. Never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// Why bytes were not encrypted or decrypted. Quotes neither key nor text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The key is not hex of the right length.
    #[error("a key of {0} bytes in hex")]
    Key(&'static str),
    /// Ciphertext that this key did not make, or that was changed.
    #[error("the ciphertext is damaged, or of another key")]
    Damaged,
}

impl Cipher {
    /// Reads a key written in hex.
    ///
    /// # Errors
    /// [`CipherError::Key`] if it is not hex, or of another length.
    pub fn key(self, text: &str) -> Result<Key, CipherError> {
        let (lengths, shown): (&[usize], _) = match self {
            Self::Sm4Cbc | Self::Sm4Gcm => (&[16], "16"),
            Self::AesGcm => (&[16, 32], "16 or 32"),
        };
        let bytes = hex::decode(text.trim()).map_err(|_| CipherError::Key(shown))?;
        if lengths.contains(&bytes.len()) { Ok(Key(bytes)) } else { Err(CipherError::Key(shown)) }
    }

    const fn iv_len(self) -> usize {
        match self {
            Self::Sm4Cbc => 16,
            Self::Sm4Gcm | Self::AesGcm => 12,
        }
    }
}

/// Encrypts: IV or nonce first, both random.
///
/// # Errors
/// [`CipherError::Key`] if the key was made for another cipher.
pub fn seal(cipher: Cipher, key: &Key, plain: &[u8]) -> Result<Vec<u8>, CipherError> {
    let random: [u8; 16] = rand::random();
    seal_with(cipher, key, &random[..cipher.iv_len()], plain)
}

/// Decrypts what [`seal`] made.
///
/// # Errors
/// [`CipherError::Damaged`] if it was cut, changed, or made with another key.
pub fn open(cipher: Cipher, key: &Key, sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
    let (iv, text) = sealed.split_at_checked(cipher.iv_len()).ok_or(CipherError::Damaged)?;
    match (cipher, key.0.len()) {
        (Cipher::Sm4Cbc, 16) => cbc::Decryptor::<Sm4>::new_from_slices(&key.0, iv)
            .map_err(|_| CipherError::Key("16"))?
            .decrypt_padded_vec::<Pkcs7>(text)
            .map_err(|_| CipherError::Damaged),
        (Cipher::Sm4Gcm, 16) => gcm_open::<AesGcm<Sm4, U12>>(key, iv, text),
        (Cipher::AesGcm, 16) => gcm_open::<AesGcm<Aes128, U12>>(key, iv, text),
        (Cipher::AesGcm, 32) => gcm_open::<AesGcm<Aes256, U12>>(key, iv, text),
        _ => Err(CipherError::Key("16")),
    }
}

fn seal_with(cipher: Cipher, key: &Key, iv: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
    let text = match (cipher, key.0.len()) {
        (Cipher::Sm4Cbc, 16) => cbc::Encryptor::<Sm4>::new_from_slices(&key.0, iv)
            .map_err(|_| CipherError::Key("16"))?
            .encrypt_padded_vec::<Pkcs7>(plain),
        (Cipher::Sm4Gcm, 16) => gcm_seal::<AesGcm<Sm4, U12>>(key, iv, plain)?,
        (Cipher::AesGcm, 16) => gcm_seal::<AesGcm<Aes128, U12>>(key, iv, plain)?,
        (Cipher::AesGcm, 32) => gcm_seal::<AesGcm<Aes256, U12>>(key, iv, plain)?,
        _ => return Err(CipherError::Key("16")),
    };
    Ok([iv, &text].concat())
}

fn gcm_seal<C: Aead + KeyInit + KeySizeUser>(key: &Key, iv: &[u8], plain: &[u8]) -> Result<Vec<u8>, CipherError> {
    let cipher = C::new_from_slice(&key.0).map_err(|_| CipherError::Key("16"))?;
    let nonce = Nonce::<C>::try_from(iv).map_err(|_| CipherError::Damaged)?;
    cipher.encrypt(&nonce, plain).map_err(|_| CipherError::Damaged)
}

fn gcm_open<C: Aead + KeyInit + KeySizeUser>(key: &Key, iv: &[u8], text: &[u8]) -> Result<Vec<u8>, CipherError> {
    let cipher = C::new_from_slice(&key.0).map_err(|_| CipherError::Key("16"))?;
    let nonce = Nonce::<C>::try_from(iv).map_err(|_| CipherError::Damaged)?;
    cipher.decrypt(&nonce, text).map_err(|_| CipherError::Damaged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use aes_gcm::aead::Payload;
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "0123456789abcdeffedcba9876543210";

    #[test]
    fn known_answers() {
        // RFC 8998, A.1: SM4-GCM.
        let hex = |text: &str| hex::decode(text).unwrap();
        let plain = hex(
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
        );
        let cipher = AesGcm::<Sm4, U12>::new_from_slice(&hex(KEY)).unwrap();
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let nonce = Nonce::<AesGcm<Sm4, U12>>::try_from(hex("00001234567800000000abcd").as_slice()).unwrap();
        let sealed = cipher.encrypt(&nonce, Payload { msg: &plain, aad: &aad }).unwrap();
        let expected = "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d83de3541e4c2b58177e065a9bf7b62ec";
        assert_eq!(hex::encode(sealed), expected);

        // GB/T 32907, A.1: one block of SM4. Under a zero IV the first block of CBC is that block.
        let key = Cipher::Sm4Cbc.key(KEY).unwrap();
        let sealed = seal_with(Cipher::Sm4Cbc, &key, &[0; 16], &hex(KEY)).unwrap();
        assert_eq!(hex::encode(&sealed[16..32]), "681edf34d206965e86b3e94f536e4246");

        // The GCM specification, test case 14: AES-256, one block of zeros.
        let key = Cipher::AesGcm.key(&"0".repeat(64)).unwrap();
        let sealed = seal_with(Cipher::AesGcm, &key, &[0; 12], &[0; 16]).unwrap();
        assert_eq!(hex::encode(&sealed[12..]), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    }

    #[test]
    fn a_key_is_hex_of_the_right_length_and_stays_hidden() {
        for (cipher, text) in [
            (Cipher::Sm4Cbc, "00"),
            (Cipher::Sm4Gcm, &KEY.repeat(2)),
            (Cipher::AesGcm, &KEY[..24]),
            (Cipher::AesGcm, "not hex at all, but 32 long 12345"),
        ] {
            assert!(matches!(cipher.key(text), Err(CipherError::Key(_))), "{cipher:?}");
        }
        assert_eq!(format!("{:?}", Cipher::Sm4Gcm.key(KEY).unwrap()), "Key(***)");
        let long = Cipher::AesGcm.key(&KEY.repeat(2)).unwrap();
        assert!(matches!(seal(Cipher::Sm4Gcm, &long, b""), Err(CipherError::Key(_))));
        assert!(matches!(open(Cipher::Sm4Gcm, &long, &[0; 64]), Err(CipherError::Key(_))));
    }

    fn ciphers() -> impl Strategy<Value = (Cipher, Key)> {
        prop_oneof![
            Just((Cipher::Sm4Cbc, KEY.to_owned())),
            Just((Cipher::Sm4Gcm, KEY.to_owned())),
            Just((Cipher::AesGcm, KEY.to_owned())),
            Just((Cipher::AesGcm, KEY.repeat(2))),
        ]
        .prop_map(|(cipher, text)| (cipher, cipher.key(&text).unwrap()))
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_any_change_is_no_text((cipher, key) in ciphers(), plain: Vec<u8>, at: prop::sample::Index, bit in 0u8..8) {
            let mut sealed = seal(cipher, &key, &plain).unwrap();
            prop_assert_eq!(open(cipher, &key, &sealed).unwrap(), plain.clone());
            let index = at.index(sealed.len());
            sealed[index] ^= 1 << bit;
            match open(cipher, &key, &sealed) {
                Err(error) => prop_assert_eq!(error, CipherError::Damaged),
                // CBC does not authenticate: what comes out is at least not what went in.
                Ok(other) => prop_assert!(cipher == Cipher::Sm4Cbc && other != plain),
            }
            sealed.truncate(index);
            prop_assert!(open(cipher, &key, &sealed).is_err() || cipher == Cipher::Sm4Cbc);
        }
    }
}
