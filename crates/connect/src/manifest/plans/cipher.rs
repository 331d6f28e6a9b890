//! The plan of an encrypted body.

use super::Given;
use crate::cipher::Cipher;

/// What of a JSON body is encrypted.
#[derive(Clone, Debug)]
pub struct CipherPlan {
    /// Algorithm.
    pub cipher: Cipher,
    /// The key: a secret of 16 or 32 bytes in hex.
    pub key: Given,
    /// What of the request; none if it travels in the clear.
    pub request: Option<CipherPlace>,
    /// What of the reply; none if it comes in the clear.
    pub response: Option<CipherPlace>,
    /// How ciphertext is written.
    pub encoding: CipherEncoding,
}

/// Which part of a body is ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CipherPlace {
    /// All of it.
    Body,
    /// The value under these keys, one inside the other: `$.data` is `["data"]`.
    Field(Vec<String>),
}

/// How ciphertext is written in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherEncoding {
    /// Base64 with padding.
    Base64,
    /// Lower-case hex.
    Hex,
}
