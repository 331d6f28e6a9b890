//! Reads `cipher`.

use super::super::block::Block;
use super::super::tree::Place;
use super::super::{CipherEncoding, CipherPlace, CipherPlan};
use super::signer::secret;
use crate::cipher::Cipher;
use crate::selector::{Format, Selector};

/// Algorithms by their names in manifests.
pub(super) fn algorithm(block: &Block<'_>) -> Option<Cipher> {
    let words = [("sm4_cbc", Cipher::Sm4Cbc), ("sm4_gcm", Cipher::Sm4Gcm), ("aes_gcm", Cipher::AesGcm)];
    let (text, place) = match block.text_at("use") {
        Some(found) => found,
        None => {
            if block.node("use").is_none() {
                block.missing("use", "sm4_gcm, sm4_cbc or aes_gcm");
            }
            return None;
        }
    };
    if text.ends_with("_ecb") {
        let why = "ECB encrypts equal blocks alike: who reads the line sees which answers are the same";
        block.report(
            place
                .error("connect::ecb", format!("`{text}` is not accepted: {why}"), "here")
                .help("agree on sm4_gcm with the institution, or on sm4_cbc if its gateway knows no GCM"),
        );
        return None;
    }
    block.pick("cipher", text, place, &words)
}

pub(super) fn cipher(block: Block<'_>) -> Option<CipherPlan> {
    let cipher = algorithm(&block);
    let key = secret(&block, "key", "such as secret:gw_sm4, in site.toml as hex");
    let place_of = |key: &'static str| block.text_at(key).and_then(|(text, place)| place_in(&block, text, place));
    let (request, response) = (place_of("request"), place_of("response"));
    if block.node("request").is_none() && block.node("response").is_none() {
        block.missing("request", "what is encrypted: request = \"$.data\" or \"body\", response likewise");
    }
    let words = [("base64", CipherEncoding::Base64), ("hex", CipherEncoding::Hex)];
    let encoding = block.word("encoding", &words).unwrap_or(CipherEncoding::Base64);
    block.finish(&[]);
    Some(CipherPlan { cipher: cipher?, key, request, response, encoding })
}

fn place_in(block: &Block<'_>, text: &str, place: &Place) -> Option<CipherPlace> {
    if text == "body" {
        return Some(CipherPlace::Body);
    }
    let selector = Selector::compile(text, Format::Json).ok();
    let keys = selector.as_ref().and_then(Selector::keys).filter(|(keys, each)| !each && !keys.is_empty());
    if keys.is_none() {
        block.report(
            place
                .error("connect::bad_path", format!("`{text}` is not one field of a body"), "here")
                .help("\"body\" for all of it, or the path of one field, such as $.data"),
        );
    }
    Some(CipherPlace::Field(keys?.0.into_iter().map(str::to_owned).collect()))
}
