//! Reads `signer`: a recipe that its receiver can recompute, or a report of what is missing.

use super::super::block::Block;
use super::super::tree::Place;
use super::super::{Digest, Given, JwsAlgorithm, SignAlgorithm, SignEncoding, SignHeaders, SignPart, Signer, Sm2Form};
use super::given;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Hmac(Digest),
    Concat,
    Sm2,
    Jws,
}

const USES: [(&str, Use); 5] = [
    ("hmac_sm3", Use::Hmac(Digest::Sm3)),
    ("hmac_sha256", Use::Hmac(Digest::Sha256)),
    ("digest_concat", Use::Concat),
    ("sm2_sm3", Use::Sm2),
    ("jws", Use::Jws),
];

const USERS: [(&str, &str); 7] = [
    ("digest", "signer digest_concat"),
    ("id", "signer sm2_sm3"),
    ("form", "signer sm2_sm3"),
    ("alg", "signer jws"),
    ("parts", "signers other than jws"),
    ("join", "signers other than jws"),
    ("encoding", "signers other than jws"),
];

/// The distinguishing id that GM/T 0009 gives those who agreed on no other.
const DEFAULT_SM2_ID: &str = "1234567812345678";

pub(super) fn signer(block: Block<'_>) -> Option<Signer> {
    if block.node("use").is_none() {
        block.missing("use", "hmac_sm3, hmac_sha256, digest_concat, sm2_sm3 or jws");
    }
    let used = block.text_at("use").and_then(|(t, p)| block.pick("signer", t, p, &USES));
    let app = block.text("app").map(given);
    let key = secret(&block, "key", "such as secret:gw_key");
    let algorithm = used.and_then(|used| algorithm(&block, used));
    let is_token = used == Some(Use::Jws);
    let parts = if is_token { Vec::new() } else { parts(&block, used) };
    let headers = headers(&block);
    if let Some((headers, place)) = &headers {
        check_headers(&block, &parts, headers, place);
    }
    let wants_app =
        is_token || parts.contains(&SignPart::App) || headers.as_ref().is_some_and(|(h, _)| h.app.is_some());
    if wants_app && app.is_none() && block.node("app").is_none() {
        block.missing("app", "who we are, such as secret:gw_app");
    }
    let (join, encoding) = if is_token {
        (None, None)
    } else {
        let words =
            [("hex", SignEncoding::Hex), ("hex_upper", SignEncoding::HexUpper), ("base64", SignEncoding::Base64)];
        (block.text("join").map(str::to_owned), block.word("encoding", &words))
    };
    let joined = if used == Some(Use::Concat) { "" } else { "\n" };
    let prefix = block.text("prefix").unwrap_or_default().to_owned();
    block.finish(&USERS);
    Some(Signer {
        algorithm: algorithm?,
        app,
        key,
        parts,
        join: join.unwrap_or_else(|| joined.to_owned()),
        encoding: encoding.unwrap_or(SignEncoding::Hex),
        headers: headers?.0,
        prefix,
    })
}

/// A secret that the site gives; a literal is reported.
pub(super) fn secret(block: &Block<'_>, key: &'static str, help: &str) -> Given {
    let (text, place) = block.need_text(key, help);
    let secret = given(text);
    if matches!(&secret, Given::Literal(text) if !text.is_empty()) {
        block.report(
            place
                .error("connect::secret_in_manifest", "a key does not stand in a manifest", "here")
                .help("write secret:NAME, and the key in site.toml"),
        );
    }
    secret
}

fn algorithm(block: &Block<'_>, used: Use) -> Option<SignAlgorithm> {
    Some(match used {
        Use::Hmac(digest) => SignAlgorithm::Hmac(digest),
        Use::Concat => {
            let words =
                [("sm3", Digest::Sm3), ("sha256", Digest::Sha256), ("sha1", Digest::Sha1), ("md5", Digest::Md5)];
            if block.node("digest").is_none() {
                block.missing("digest", "sm3, sha256, sha1 or md5");
            }
            SignAlgorithm::Concat(block.word("digest", &words)?)
        }
        Use::Sm2 => SignAlgorithm::Sm2 {
            id: block.text("id").unwrap_or(DEFAULT_SM2_ID).to_owned(),
            form: block.word("form", &[("raw", Sm2Form::Raw), ("der", Sm2Form::Der)]).unwrap_or(Sm2Form::Raw),
        },
        Use::Jws => {
            let words = [
                ("HS256", JwsAlgorithm::Hs256),
                ("ES256", JwsAlgorithm::Es256),
                ("RS256", JwsAlgorithm::Rs256),
                ("EdDSA", JwsAlgorithm::EdDsa),
            ];
            if block.node("alg").is_none() {
                block.missing("alg", "HS256, ES256, RS256 or EdDSA");
            }
            SignAlgorithm::Jws(block.word("alg", &words)?)
        }
    })
}

fn parts(block: &Block<'_>, used: Option<Use>) -> Vec<SignPart> {
    let words = [
        ("method", &SignPart::Method),
        ("path", &SignPart::Path),
        ("app", &SignPart::App),
        ("key", &SignPart::Key),
        ("ts", &SignPart::Timestamp),
        ("nonce", &SignPart::Nonce),
        ("body_hash", &SignPart::BodyHash),
        ("body", &SignPart::Body),
    ];
    let help = "what is signed, such as [\"method\", \"path\", \"app\", \"ts\", \"nonce\", \"body_hash\"]";
    let Some(node) = block.node("parts") else {
        block.missing("parts", help);
        return Vec::new();
    };
    let listed = block.texts("parts").unwrap_or_default();
    let parts: Vec<SignPart> = listed
        .into_iter()
        .filter_map(|(text, place)| match text.strip_prefix("literal:") {
            Some(literal) => Some(SignPart::Literal(literal.to_owned())),
            None => block.pick("signed part", text, place, &words).cloned(),
        })
        .collect();
    let has_key = parts.contains(&SignPart::Key);
    match used {
        Some(Use::Concat) if !has_key => block.report(
            node.place
                .error(
                    "connect::key_not_signed",
                    "a digest without the key proves nothing: anybody can make it",
                    "here",
                )
                .help("put \"key\" among the parts, where the gateway's note says the secret stands"),
        ),
        Some(Use::Hmac(_) | Use::Sm2 | Use::Jws) if has_key => block.report(
            node.place
                .error("connect::key_signed", "the key is a part of the text with digest_concat only", "here")
                .help("leave \"key\" out: this signer uses the key itself"),
        ),
        _ => {}
    }
    parts
}

fn headers(block: &Block<'_>) -> Option<(SignHeaders, Place)> {
    let Some(inner) = block.block("headers") else {
        if block.node("headers").is_none() {
            block.missing("headers", "{ sign = .. }, and app, ts, nonce where the recipe sends them");
        }
        return None;
    };
    let name = |key| inner.text(key).map(str::to_lowercase);
    let headers = SignHeaders {
        app: name("app"),
        ts: name("ts"),
        nonce: name("nonce"),
        sign: inner.need_text("sign", "the header that carries the signature").0.to_lowercase(),
    };
    let place = inner.place().clone();
    inner.finish(&[]);
    Some((headers, place))
}

/// Whoever verifies must be able to recompute: what is signed and not in the request must be sent.
fn check_headers(block: &Block<'_>, parts: &[SignPart], headers: &SignHeaders, place: &Place) {
    let pairs =
        [(SignPart::Timestamp, headers.ts.is_some(), "ts"), (SignPart::Nonce, headers.nonce.is_some(), "nonce")];
    for (part, sent, word) in pairs {
        if parts.contains(&part) && !sent {
            let text = format!("`{word}` is signed, but no header carries it");
            block.report(
                place
                    .error("connect::part_not_sent", text, "no header for it here")
                    .help(format!("add {word} = \"the header's name\": the receiver cannot know it otherwise")),
            );
        }
    }
}
