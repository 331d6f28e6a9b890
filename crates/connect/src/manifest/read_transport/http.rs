//! Reads what `http` and `soap` need.

use super::super::block::Block;
use super::super::read::Reading;
use super::super::read_outcome::selector;
use super::super::tree::{Place, Value};
use super::super::{AskBlock, Given, KeyPart, PagePlan, SignAlgorithm, SignHeaders, SignPart, Signer};
use super::given;
use crate::selector::Format;
use crate::template::Template;

pub(super) fn path(block: &Block<'_>) -> String {
    let (path, place) = block.need_text("path", "the path under the site's endpoint");
    if !path.is_empty() && (!path.starts_with('/') || path.contains(['?', '{', ' '])) {
        block.report(
            place
                .error("connect::bad_url_path", "a path begins with / and holds no query", "here")
                .help("what is asked goes into the body: nothing personal may stand in a URL"),
        );
    }
    path.to_owned()
}

pub(super) fn headers(block: &Block<'_>) -> Vec<(String, Given)> {
    let Some(node) = block.node("headers") else { return Vec::new() };
    let Value::Table(table) = &node.value else {
        block.report(node.place.error("connect::wrong_type", "`headers` must be a table", "here"));
        return Vec::new();
    };
    table
        .entries
        .iter()
        .filter_map(|(name, place, node)| match &node.value {
            Value::Text(text) => Some((name.to_lowercase(), given(text))),
            _ => {
                block.report(place.error("connect::wrong_type", format!("header `{name}` must be a text"), "here"));
                None
            }
        })
        .collect()
}

pub(super) fn signer(block: Block<'_>) -> Option<Signer> {
    let algorithms = [("hmac_sm3", SignAlgorithm::HmacSm3), ("hmac_sha256", SignAlgorithm::HmacSha256)];
    if block.node("use").is_none() {
        block.missing("use", "hmac_sm3 or hmac_sha256");
    }
    let algorithm = block.text_at("use").and_then(|(t, p)| block.pick("signer", t, p, &algorithms));
    let app = given(block.need_text("app", "who we are, such as secret:gw_app").0);
    let (key_text, key_place) = block.need_text("key", "such as secret:gw_key");
    let key = given(key_text);
    if matches!(&key, Given::Literal(text) if !text.is_empty()) {
        block.report(
            key_place
                .error("connect::secret_in_manifest", "a key does not stand in a manifest", "here")
                .help("write secret:NAME, and the key in site.toml"),
        );
    }
    let words = [
        ("method", SignPart::Method),
        ("path", SignPart::Path),
        ("app", SignPart::App),
        ("ts", SignPart::Timestamp),
        ("nonce", SignPart::Nonce),
        ("body_hash", SignPart::BodyHash),
        ("body", SignPart::Body),
    ];
    if block.node("parts").is_none() {
        block.missing(
            "parts",
            "what is signed, such as [\"method\", \"path\", \"app\", \"ts\", \"nonce\", \"body_hash\"]",
        );
    }
    let parts = block
        .texts("parts")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(text, place)| block.pick("signed part", text, place, &words))
        .collect();
    let headers = block.block("headers").map(|inner| {
        let name = |key| inner.need_text(key, "the header's name").0.to_lowercase();
        let headers = SignHeaders { app: name("app"), ts: name("ts"), nonce: name("nonce"), sign: name("sign") };
        inner.finish(&[]);
        headers
    });
    if headers.is_none() {
        block.missing("headers", "{ app = .., ts = .., nonce = .., sign = .. }");
    }
    block.finish(&[]);
    Some(Signer { algorithm: algorithm?, app, key, parts, headers: headers? })
}

pub(super) fn body(block: &Block<'_>, format: Format, ask: &AskBlock, reading: &Reading<'_>) -> Template {
    let inline = block.text_at("body");
    let named = block.text_at("body_file");
    let (text, place): (String, Place) = match (inline, named) {
        (Some((text, place)), None) => (text.to_owned(), place.clone()),
        (None, Some((name, place))) => match reading.file_beside(place, name) {
            Some(file) => {
                let span = 0..file.text.lines().next().map_or(0, str::len);
                (file.text.clone(), Place { file, span })
            }
            None => return Template::new("", format),
        },
        (Some(_), Some((_, place))) => {
            block.report(place.error("connect::two_bodies", "`body` and `body_file` are both given", "one too many"));
            return Template::new("", format);
        }
        (None, None) => {
            block.missing("body", "the request's body, or body_file = a template beside this manifest");
            return Template::new("", format);
        }
    };
    let template = Template::new(text, format);
    let with_id = ask.key.contains(&KeyPart::IdNumber);
    if let Err(error) = template.try_out(ask.months.is_some(), ask.batch, with_id) {
        block.report(place.error("connect::bad_template", error, "this template").help(
            "it may read subjects (id_number, name), period.from and period.until, request_id, page_no, page_size",
        ));
    }
    template
}

pub(super) fn page(block: Block<'_>) -> Option<PagePlan> {
    let size = block.number("size").filter(|n| *n > 0);
    if size.is_none() {
        block.missing("size", "rows a page");
    }
    let total = selector(&block, "total", Format::Xml);
    if total.is_none() && block.node("total").is_none() {
        block.missing("total", "where a page says how many rows there are in all");
    }
    let check_total = block.flag("check_total").unwrap_or(true);
    block.finish(&[]);
    Some(PagePlan { size: size?, total: total?, check_total })
}
