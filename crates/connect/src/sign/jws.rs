//! Signatures as compact tokens (RFC 7515): `iss` is the app, `iat` the time, `jti` the nonce, `body_hash` the hex
//! SHA-256 of the body.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{BadKey, Signed, digest, equal};
use crate::manifest::{Digest, JwsAlgorithm};

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    jti: String,
    body_hash: String,
}

impl Claims {
    fn of(signed: &Signed<'_>) -> Self {
        Self {
            iss: signed.app.to_owned(),
            iat: seconds(signed.ts).unwrap_or_default(),
            jti: signed.nonce.to_owned(),
            body_hash: hex::encode(digest(Digest::Sha256, signed.body)),
        }
    }
}

/// A token counts whole seconds.
fn seconds(millis: &str) -> Option<i64> {
    millis.parse::<i64>().ok().map(|millis| millis.div_euclid(1000))
}

impl JwsAlgorithm {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    const fn bad(self) -> BadKey {
        BadKey {
            wanted: match self {
                Self::Hs256 => "a shared key of 32 bytes or more",
                Self::Es256 => "a private key on P-256 as PKCS#8 PEM",
                Self::Rs256 => "an RSA private key as PEM",
                Self::EdDsa => "an Ed25519 private key as PKCS#8 PEM",
            },
        }
    }

    fn encoding_key(self, key: &[u8]) -> Result<EncodingKey, BadKey> {
        match self {
            // RFC 7518, 3.2: a key as long as the hash, at least.
            Self::Hs256 if key.len() < 32 => Err(self.bad()),
            Self::Hs256 => Ok(EncodingKey::from_secret(key)),
            Self::Es256 => EncodingKey::from_ec_pem(key).map_err(|_| self.bad()),
            Self::Rs256 => EncodingKey::from_rsa_pem(key).map_err(|_| self.bad()),
            Self::EdDsa => EncodingKey::from_ed_pem(key).map_err(|_| self.bad()),
        }
    }
}

/// Whether a key fits: it must sign, too, because a PEM of the wrong kind is only noticed then.
pub(super) fn check_key(algorithm: JwsAlgorithm, key: &[u8]) -> Result<(), BadKey> {
    let signed = Signed { method: "POST", path: "/", app: "", ts: "0", nonce: "", body: b"" };
    sign(algorithm, key, &signed).map(|_| ())
}

pub(super) fn sign(algorithm: JwsAlgorithm, key: &[u8], signed: &Signed<'_>) -> Result<String, BadKey> {
    let key = algorithm.encoding_key(key)?;
    jsonwebtoken::encode(&Header::new(algorithm.algorithm()), &Claims::of(signed), &key).map_err(|_| algorithm.bad())
}

pub(super) fn verify(algorithm: JwsAlgorithm, key: &[u8], signed: &Signed<'_>, token: &str) -> bool {
    let Ok(key) = algorithm.encoding_key(key) else { return false };
    // The verifier holds the private key, as a simulator does; the public one follows from it.
    let Ok(public) = Jwk::from_encoding_key(&key, algorithm.algorithm()).and_then(|jwk| DecodingKey::from_jwk(&jwk))
    else {
        return false;
    };
    let mut validation = Validation::new(algorithm.algorithm());
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let Ok(token) = jsonwebtoken::decode::<Claims>(token, &public, &validation) else { return false };
    let (claims, expected) = (token.claims, Claims::of(signed));
    let time = signed.ts.is_empty() || Some(claims.iat) == seconds(signed.ts);
    let nonce = signed.nonce.is_empty() || claims.jti == expected.jti;
    time && nonce && claims.iss == expected.iss && equal(claims.body_hash.as_bytes(), expected.body_hash.as_bytes())
}
