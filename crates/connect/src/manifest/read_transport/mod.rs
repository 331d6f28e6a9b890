//! Reads `[transport]`: one file a kind.

mod cipher;
mod dci;
mod drop;
mod files;
mod http;
mod select;
mod signer;
mod sql;

use super::block::Block;
use super::read::Reading;
use super::{AskBlock, Given, HttpPlan, Login, Signer, SoapPlan, Transport};
use crate::selector::Format;

/// `transport.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportKind {
    Http,
    Soap,
    Dci,
    /// `dci` with `mode = "async"`: its answers come later.
    DciLater,
    Files,
    Sql,
    Drop,
    /// `drop` with `via = "sftp"` or `"ftps"`: its files are fetched over a network.
    DropAway,
}

const USERS: [(&str, &str); 48] = [
    ("method", "transport http"),
    ("path", "transports http, soap and dci"),
    ("headers", "transports http, soap and dci"),
    ("signer", "transports http, soap and dci"),
    ("cipher", "transport http"),
    ("body", "transports http and soap"),
    ("body_file", "transports http and soap"),
    ("action", "transport soap"),
    ("page", "transports http and soap"),
    ("mode", "transport dci"),
    ("sender", "transport dci"),
    ("receiver", "transport dci"),
    ("reg_type", "transport dci"),
    ("record_type", "transport dci"),
    ("id_type", "transport dci"),
    ("page_size", "transport dci"),
    ("via", "transports file_exchange and drop"),
    ("login", "transports file_exchange, sql and drop"),
    ("dir", "transport drop (put and get have their own)"),
    ("put", "transport file_exchange"),
    ("get", "transport file_exchange"),
    ("match", "transport file_exchange"),
    ("dialect", "transport sql"),
    ("views", "transport sql"),
    ("query", "transports sql and dci"),
    ("health", "transport sql"),
    ("health_min", "transport sql"),
    ("loaded", "transport sql"),
    ("loaded_within", "transport sql"),
    ("file", "transport drop"),
    ("every", "transport drop"),
    ("replace", "transport drop"),
    ("marker", "transport drop (put and get have their own)"),
    ("stable", "transport drop"),
    ("format", "transport drop"),
    ("encoding", "transports http, soap and drop (text and pages)"),
    ("delimiter", "transport drop (csv and txt)"),
    ("quote", "transport drop (csv)"),
    ("columns", "transport drop (csv, txt and fixed)"),
    ("sheet", "transport drop (workbooks)"),
    ("header", "transport drop, where columns does not name them"),
    ("header_row", "transport drop, where columns does not name them"),
    ("header_rows", "transport drop, where columns does not name them"),
    ("alias", "transport drop"),
    ("skip", "transport drop"),
    ("until", "transport drop"),
    ("months", "transport drop"),
    ("trailer", "transport drop"),
];

pub(super) fn kind(block: &Block<'_>) -> Option<TransportKind> {
    let words = [
        ("http", TransportKind::Http),
        ("soap", TransportKind::Soap),
        ("dci", TransportKind::Dci),
        ("file_exchange", TransportKind::Files),
        ("sql", TransportKind::Sql),
        ("drop", TransportKind::Drop),
    ];
    if block.node("kind").is_none() {
        block.missing("kind", "http, soap, dci, file_exchange, sql or drop");
    }
    match block.word("kind", &words)? {
        TransportKind::Dci if block.text("mode") == Some("async") => Some(TransportKind::DciLater),
        TransportKind::Drop if matches!(block.text("via"), Some("sftp" | "ftps")) => Some(TransportKind::DropAway),
        kind => Some(kind),
    }
}

pub(super) fn read(block: Block<'_>, kind: TransportKind, ask: &AskBlock, reading: &Reading<'_>) -> Option<Transport> {
    let transport = match kind {
        TransportKind::Http => {
            let body = http::body(&block, Format::Json, ask, reading);
            Some(Transport::Http(HttpPlan {
                method: block.word("method", &[("POST", "POST")]).unwrap_or("POST").to_owned(),
                path: http::path(&block),
                headers: http::headers(&block),
                signer: block.block("signer").and_then(signer::signer),
                cipher: block.block("cipher").and_then(cipher::cipher),
                encoding: http::encoding(&block, &body),
                page: block.block("page").and_then(|inner| http::page(inner, Format::Json, &body)),
                body,
            }))
        }
        TransportKind::Soap => {
            let body = http::body(&block, Format::Xml, ask, reading);
            Some(Transport::Soap(SoapPlan {
                path: http::path(&block),
                action: block.need_text("action", "the SOAPAction").0.to_owned(),
                headers: http::headers(&block),
                signer: block.block("signer").and_then(signer::signer),
                encoding: http::encoding(&block, &body),
                page: block.block("page").and_then(|inner| http::page(inner, Format::Xml, &body)),
                body,
            }))
        }
        TransportKind::Dci | TransportKind::DciLater => Some(dci::dci(&block)),
        TransportKind::Files => files::files(&block, ask),
        TransportKind::Sql => Some(Transport::Sql(sql::sql(&block, ask))),
        TransportKind::Drop | TransportKind::DropAway => Some(Transport::Drop(drop::drop_plan(&block))),
    };
    block.finish(&USERS);
    transport
}

/// `secret:NAME` or a literal.
fn given(text: &str) -> Given {
    text.strip_prefix("secret:").map_or_else(|| Given::Literal(text.to_owned()), |name| Given::Secret(name.to_owned()))
}

impl Transport {
    /// Everything that may be a secret of the site.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Given> {
        match self {
            Self::Http(plan) => {
                let cipher = plan.cipher.iter().map(|c| &c.key);
                signed(plan.signer.as_ref(), &plan.headers).chain(cipher).collect()
            }
            Self::Soap(plan) => signed(plan.signer.as_ref(), &plan.headers).collect(),
            Self::Dci(plan) => signed(plan.signer.as_ref(), &plan.headers).chain([&plan.sender]).collect(),
            Self::Files(plan) => plan.secrets(),
            Self::Sql(plan) => plan.login.iter().flat_map(|l| [&l.user, &l.password]).collect(),
            Self::Drop(plan) => plan.login.iter().flat_map(Login::secrets).collect(),
        }
    }
}

/// What headers and signatures take from the site.
fn signed<'p>(signer: Option<&'p Signer>, headers: &'p [(String, Given)]) -> impl Iterator<Item = &'p Given> {
    signer.into_iter().flat_map(|s| s.app.iter().chain([&s.key])).chain(headers.iter().map(|(_, g)| g))
}
