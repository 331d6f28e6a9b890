//! The plan of a signature.

use super::Given;

/// How requests are signed: what is signed, with what, and where the parts travel.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Algorithm.
    pub algorithm: SignAlgorithm,
    /// Who we are to the gateway; none if neither the text nor a header holds it.
    pub app: Option<Given>,
    /// The shared or private key.
    pub key: Given,
    /// What is signed. Empty for [`SignAlgorithm::Jws`], whose token says itself what it covers.
    pub parts: Vec<SignPart>,
    /// What stands between the parts.
    pub join: String,
    /// How the signature and the body's digest are written.
    pub encoding: SignEncoding,
    /// Where the parts travel.
    pub headers: SignHeaders,
    /// What stands before the signature in its header, such as `Bearer `.
    pub prefix: String,
}

/// Algorithms compiled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignAlgorithm {
    /// `hmac_sm3`, `hmac_sha256`: a keyed digest.
    Hmac(Digest),
    /// `digest_concat`: a plain digest of a text that holds the key.
    Concat(Digest),
    /// `sm2_sm3` (GB/T 32918.2): the private key signs, the public one verifies.
    Sm2 {
        /// The signer's distinguishing id.
        id: String,
        /// How the two numbers of a signature are written.
        form: Sm2Form,
    },
    /// `jws`: a compact token with the app, the time, the nonce and the body's SHA-256.
    Jws(JwsAlgorithm),
}

/// Digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// GB/T 32905.
    Sm3,
    /// SHA-256.
    Sha256,
    /// SHA-1, for gateways that know no better; only as `digest_concat`.
    Sha1,
    /// MD5, for gateways that know no better; only as `digest_concat`.
    Md5,
}

/// How an SM2 signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sm2Form {
    /// r and s, 32 bytes each.
    Raw,
    /// ASN.1 `SEQUENCE { r, s }`.
    Der,
}

/// `alg` of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// ECDSA on P-256.
    Es256,
    /// RSA PKCS#1 v1.5.
    Rs256,
    /// Ed25519.
    EdDsa,
}

/// How bytes become text in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignEncoding {
    /// Lower-case hex.
    Hex,
    /// Upper-case hex.
    HexUpper,
    /// Base64 with padding.
    Base64,
}

/// One piece of the signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignPart {
    /// `POST`.
    Method,
    /// Path without host.
    Path,
    /// The app.
    App,
    /// The key itself (`digest_concat`).
    Key,
    /// Milliseconds since 1970.
    Timestamp,
    /// Random, once.
    Nonce,
    /// Digest of the body under the signer's hash, in the signer's encoding.
    BodyHash,
    /// The body itself.
    Body,
    /// A fixed text.
    Literal(String),
}

/// Where the parts of a signature travel: names of headers, lower case.
#[derive(Clone, Debug)]
pub struct SignHeaders {
    /// Carries the app.
    pub app: Option<String>,
    /// Carries the timestamp.
    pub ts: Option<String>,
    /// Carries the nonce.
    pub nonce: Option<String>,
    /// Carries the signature.
    pub sign: String,
}
