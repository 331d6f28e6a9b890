#![allow(clippy::unwrap_used, reason = "tests")]
use std::sync::OnceLock;

use proptest::prelude::*;
use rcgen::KeyPair;

use super::*;
use crate::manifest::{Given, JwsAlgorithm, SignHeaders, Sm2Form};

/// The private key of the example in GB/T 32918.5, A.2.
const SM2_KEY: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
const SM2_ID: &str = "1234567812345678";

fn signer(algorithm: SignAlgorithm, parts: &[SignPart]) -> Signer {
    let given = || Given::Literal(String::new());
    Signer {
        algorithm,
        app: Some(given()),
        key: given(),
        parts: parts.to_vec(),
        join: "\n".into(),
        encoding: SignEncoding::Hex,
        headers: SignHeaders {
            app: Some("x-app".into()),
            ts: Some("x-ts".into()),
            nonce: Some("x-nonce".into()),
            sign: "x-sign".into(),
        },
        prefix: String::new(),
    }
}

const fn body(body: &[u8]) -> Signed<'_> {
    Signed { method: "POST", path: "/", app: "", ts: "", nonce: "", body }
}

#[test]
fn known_answers() {
    // RFC 4231, test case 2.
    let hmac = signer(SignAlgorithm::Hmac(Digest::Sha256), &[SignPart::Body]);
    assert_eq!(
        sign(&hmac, b"Jefe", &body(b"what do ya want for nothing?")).unwrap(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    // The standards' own digests of "abc": GB/T 32905 A.1, FIPS 180-4, RFC 1321 A.5. Here "ab" is the key.
    for (kind, expected) in [
        (Digest::Sm3, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (Digest::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Digest::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Digest::Md5, "900150983cd24fb0d6963f7d28e17f72"),
    ] {
        let mut concat = signer(SignAlgorithm::Concat(kind), &[SignPart::Key, SignPart::Literal("c".into())]);
        concat.join.clear();
        assert_eq!(sign(&concat, b"ab", &body(b"")).unwrap(), expected);
        concat.encoding = SignEncoding::HexUpper;
        assert_eq!(sign(&concat, b"ab", &body(b"")).unwrap(), expected.to_uppercase());
    }
    // GB/T 32918.5, A.2: a signature that its own random number made, so it can only be verified.
    let sm2 = signer(
        SignAlgorithm::Sm2 { id: SM2_ID.into(), form: Sm2Form::Raw },
        &[SignPart::Literal("message digest".into())],
    );
    let known = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
    assert!(verify(&sm2, SM2_KEY.as_bytes(), &body(b""), known));
    let other_id = Signer { algorithm: SignAlgorithm::Sm2 { id: "other".into(), form: Sm2Form::Raw }, ..sm2 };
    assert!(!verify(&other_id, SM2_KEY.as_bytes(), &body(b""), known), "the id is part of what is signed");
}

#[test]
fn the_text_is_joined_as_the_recipe_says() {
    let all = [
        SignPart::App,
        SignPart::Key,
        SignPart::Literal("&ts=".into()),
        SignPart::Timestamp,
        SignPart::Nonce,
        SignPart::Method,
        SignPart::Path,
        SignPart::BodyHash,
    ];
    let mut recipe = signer(SignAlgorithm::Concat(Digest::Md5), &all);
    recipe.join = "|".into();
    let signed = Signed { method: "POST", path: "/a", app: "app", ts: "7", nonce: "n", body: b"abc" };
    let text = String::from_utf8(canonical(&recipe, b"key", &signed)).unwrap();
    assert_eq!(text, "app|key|&ts=|7|n|POST|/a|900150983cd24fb0d6963f7d28e17f72");
}

#[test]
fn a_bad_key_is_told_apart_from_a_good_one() {
    let sm2 = signer(SignAlgorithm::Sm2 { id: SM2_ID.into(), form: Sm2Form::Der }, &[SignPart::Body]);
    for bad in ["", "00", &"0".repeat(64), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        assert!(check_key(&sm2, bad.as_bytes()).is_err());
        assert!(sign(&sm2, bad.as_bytes(), &body(b"")).is_err() && !verify(&sm2, bad.as_bytes(), &body(b""), ""));
    }
    assert!(check_key(&sm2, SM2_KEY.as_bytes()).is_ok());
    let p256 = &keys()[0].1;
    for algorithm in [JwsAlgorithm::Hs256, JwsAlgorithm::Es256, JwsAlgorithm::Rs256, JwsAlgorithm::EdDsa] {
        let jws = signer(SignAlgorithm::Jws(algorithm), &[]);
        assert!(check_key(&jws, b"short").is_err(), "{algorithm:?}");
        let fits = matches!(algorithm, JwsAlgorithm::Hs256 | JwsAlgorithm::Es256);
        assert_eq!(check_key(&jws, p256).is_ok(), fits, "{algorithm:?}");
    }
    assert!(check_key(&signer(SignAlgorithm::Hmac(Digest::Sm3), &[]), b"").is_err());
}

#[test]
fn sm2_keys_come_as_hex_or_pem() {
    use ::sm2::SecretKey;
    use ::sm2::pkcs8::EncodePrivateKey as _;
    let secret = SecretKey::from_slice(&hex::decode(SM2_KEY).unwrap()).unwrap();
    let pem = secret.to_pkcs8_pem(::sm2::pkcs8::LineEnding::LF).unwrap();
    let recipe = signer(SignAlgorithm::Sm2 { id: SM2_ID.into(), form: Sm2Form::Der }, &[SignPart::Body]);
    let signature = sign(&recipe, pem.as_bytes(), &body(b"x")).unwrap();
    assert!(verify(&recipe, SM2_KEY.as_bytes(), &body(b"x"), &signature));
}

#[test]
fn a_request_is_verified_from_its_headers() {
    let parts = [SignPart::App, SignPart::Timestamp, SignPart::Nonce, SignPart::Body];
    let recipe = signer(SignAlgorithm::Hmac(Digest::Sm3), &parts);
    let signed = Signed { method: "POST", path: "/", app: "demo", ts: "1", nonce: "2", body: b"{}" };
    let signature = sign(&recipe, b"k", &signed).unwrap();
    let sent = Signed { ts: "", nonce: "", ..signed };
    let with = |left_out: &'static str, app: &'static str| {
        let signature = signature.as_str();
        verify_request(&recipe, b"k", &sent, move |name: &str| match name {
            name if name == left_out => None,
            "x-app" => Some(app),
            "x-ts" => Some("1"),
            "x-nonce" => Some("2"),
            "x-sign" => Some(signature),
            _ => None,
        })
    };
    assert!(with("", "demo"));
    assert!(!with("", "someone else"));
    for header in ["x-app", "x-ts", "x-nonce", "x-sign"] {
        assert!(!with(header, "demo"), "{header}");
    }
}

/// The private key of the example in RFC 8410, 10.3.
const ED25519_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

/// Recipes of every kind with a key that fits.
fn keys() -> &'static [(Signer, Vec<u8>)] {
    static KEYS: OnceLock<Vec<(Signer, Vec<u8>)>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let pem = |algorithm| KeyPair::generate_for(algorithm).unwrap().serialize_pem().into_bytes();
        let parts = [
            SignPart::Method,
            SignPart::Path,
            SignPart::App,
            SignPart::Key,
            SignPart::Timestamp,
            SignPart::Nonce,
            SignPart::BodyHash,
        ];
        let sm2 = |form| SignAlgorithm::Sm2 { id: SM2_ID.into(), form };
        let jws = |algorithm| Signer { prefix: "Bearer ".into(), ..signer(SignAlgorithm::Jws(algorithm), &[]) };
        let base64 = |signer| Signer { encoding: SignEncoding::Base64, ..signer };
        vec![
            (jws(JwsAlgorithm::Es256), pem(&rcgen::PKCS_ECDSA_P256_SHA256)),
            (jws(JwsAlgorithm::EdDsa), ED25519_KEY.as_bytes().to_vec()),
            (jws(JwsAlgorithm::Rs256), pem(&rcgen::PKCS_RSA_SHA256)),
            (jws(JwsAlgorithm::Hs256), vec![7; 32]),
            (signer(SignAlgorithm::Hmac(Digest::Sm3), &parts), b"k".to_vec()),
            (base64(signer(SignAlgorithm::Hmac(Digest::Sha256), &parts)), b"k".to_vec()),
            (base64(signer(SignAlgorithm::Concat(Digest::Sha1), &parts)), b"k".to_vec()),
            (signer(sm2(Sm2Form::Raw), &parts), SM2_KEY.as_bytes().to_vec()),
            (base64(signer(sm2(Sm2Form::Der), &parts)), SM2_KEY.as_bytes().to_vec()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_change_breaks_a_signature(
        which in 0usize..9,
        change in 0usize..7,
        ts in 1_000u64..4_000_000_000_000,
        text: Vec<u8>,
        at: prop::sample::Index,
    ) {
        let (recipe, key) = &keys()[which];
        let ts = ts.to_string();
        let signed = Signed { method: "POST", path: "/a", app: "demo", ts: &ts, nonce: "n", body: &text };
        let mut signature = sign(recipe, key, &signed).unwrap();
        prop_assert!(verify(recipe, key, &signed, &signature));
        // A token says the second and neither path nor method.
        let token = matches!(recipe.algorithm, SignAlgorithm::Jws(_));
        let later = (ts.parse::<u64>().unwrap() + 1_000).to_string();
        let longer = [text.as_slice(), b" "].concat();
        let mut changed = signed;
        match change {
            0 => changed.body = &longer,
            1 => changed.ts = &later,
            2 => changed.nonce = "m",
            3 => changed.app = "demo2",
            4 => if !token { changed.path = "/b" } else { changed.nonce = "m" },
            5 => if !token { changed.method = "PUT" } else { changed.app = "x" },
            _ => {
                let index = at.index(signature.len());
                let other = if signature.as_bytes()[index] == b'0' { "1" } else { "0" };
                signature.replace_range(index..=index, other);
                // The last letter of base64 may hold bits that mean nothing.
                if index + 3 >= signature.len() && recipe.encoding != SignEncoding::Hex {
                    return Ok(());
                }
                if token && (index + 1 == signature.len() || signature.as_bytes().get(index + 1) == Some(&b'.')) {
                    return Ok(());
                }
            }
        }
        prop_assert!(!verify(recipe, key, &changed, &signature), "{:?} {}", recipe.algorithm, change);
    }
}
