//! Signatures of requests: one recipe, made by the client and recomputed by whoever verifies.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest as _;

use crate::manifest::{SignAlgorithm, SignPart, Signer};

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// HTTP method, upper case.
    pub method: &'a str,
    /// Path without host and query.
    pub path: &'a str,
    /// The app.
    pub app: &'a str,
    /// Milliseconds since 1970, as sent.
    pub ts: &'a str,
    /// The nonce, as sent.
    pub nonce: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The text a signer signs: its parts, joined by newlines.
#[must_use]
pub fn canonical(signer: &Signer, signed: &Signed<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, part) in signer.parts.iter().enumerate() {
        if index > 0 {
            text.push(b'\n');
        }
        match part {
            SignPart::Method => text.extend_from_slice(signed.method.as_bytes()),
            SignPart::Path => text.extend_from_slice(signed.path.as_bytes()),
            SignPart::App => text.extend_from_slice(signed.app.as_bytes()),
            SignPart::Timestamp => text.extend_from_slice(signed.ts.as_bytes()),
            SignPart::Nonce => text.extend_from_slice(signed.nonce.as_bytes()),
            SignPart::Body => text.extend_from_slice(signed.body),
            SignPart::BodyHash => text.extend_from_slice(digest(signer.algorithm, signed.body).as_bytes()),
        }
    }
    text
}

/// The signature, lower-case hex.
#[must_use]
pub fn sign(signer: &Signer, key: &[u8], signed: &Signed<'_>) -> String {
    let text = canonical(signer, signed);
    match signer.algorithm {
        SignAlgorithm::HmacSm3 => mac::<Hmac<sm3::Sm3>>(key, &text),
        SignAlgorithm::HmacSha256 => mac::<Hmac<sha2::Sha256>>(key, &text),
    }
}

/// Whether a signature is right, compared in constant time.
#[must_use]
pub fn verify(signer: &Signer, key: &[u8], signed: &Signed<'_>, signature: &str) -> bool {
    let text = canonical(signer, signed);
    let Ok(bytes) = hex::decode(signature) else { return false };
    match signer.algorithm {
        SignAlgorithm::HmacSm3 => check::<Hmac<sm3::Sm3>>(key, &text, &bytes),
        SignAlgorithm::HmacSha256 => check::<Hmac<sha2::Sha256>>(key, &text, &bytes),
    }
}

fn digest(algorithm: SignAlgorithm, body: &[u8]) -> String {
    match algorithm {
        SignAlgorithm::HmacSm3 => hex::encode(sm3::Sm3::digest(body)),
        SignAlgorithm::HmacSha256 => hex::encode(sha2::Sha256::digest(body)),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> String {
    // HMAC takes a key of any length, so there is nothing to fail.
    <M as KeyInit>::new_from_slice(key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(text);
            hex::encode(mac.finalize().into_bytes())
        },
    )
}

fn check<M: Mac + KeyInit>(key: &[u8], text: &[u8], signature: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(key).is_ok_and(|mut mac| {
        mac.update(text);
        mac.verify_slice(signature).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Given, SignHeaders};

    fn signer(algorithm: SignAlgorithm) -> Signer {
        let headers = SignHeaders { app: "a".into(), ts: "t".into(), nonce: "n".into(), sign: "s".into() };
        let given = || Given::Literal(String::new());
        Signer { algorithm, app: given(), key: given(), parts: vec![SignPart::Body], headers }
    }

    #[test]
    fn known_answers() {
        let signed =
            Signed { method: "POST", path: "/", app: "", ts: "", nonce: "", body: b"what do ya want for nothing?" };
        // RFC 4231, test case 2.
        assert_eq!(
            sign(&signer(SignAlgorithm::HmacSha256), b"Jefe", &signed),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        // SM3 of "abc" is the standard's own example (GB/T 32905, annex A.1).
        assert_eq!(
            digest(SignAlgorithm::HmacSm3, b"abc"),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
    }

    #[test]
    fn any_change_breaks_a_signature() {
        let mut recipe = signer(SignAlgorithm::HmacSm3);
        recipe.parts = vec![
            SignPart::Method,
            SignPart::Path,
            SignPart::App,
            SignPart::Timestamp,
            SignPart::Nonce,
            SignPart::BodyHash,
        ];
        let signed = Signed { method: "POST", path: "/a", app: "demo", ts: "1", nonce: "2", body: b"{}" };
        let signature = sign(&recipe, b"key", &signed);
        assert!(verify(&recipe, b"key", &signed, &signature));
        assert!(!verify(&recipe, b"other", &signed, &signature));
        assert!(!verify(&recipe, b"key", &Signed { body: b"{ }", ..signed }, &signature));
        assert!(!verify(&recipe, b"key", &Signed { ts: "3", ..signed }, &signature));
        assert!(!verify(&recipe, b"key", &signed, "zz"));
    }
}
