//! Reads `[transport]`: one file a kind.

mod drop;
mod files;
mod http;
mod sql;

use super::block::Block;
use super::read::Reading;
use super::{AskBlock, Given, HttpPlan, SoapPlan, Transport};
use crate::selector::Format;

/// `transport.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportKind {
    Http,
    Soap,
    Files,
    Sql,
    Drop,
}

const USERS: [(&str, &str); 21] = [
    ("method", "transport http"),
    ("path", "transports http and soap"),
    ("headers", "transports http and soap"),
    ("signer", "transport http"),
    ("body", "transports http and soap"),
    ("body_file", "transports http and soap"),
    ("action", "transport soap"),
    ("page", "transport soap"),
    ("via", "transport file_exchange"),
    ("login", "transport file_exchange"),
    ("put", "transport file_exchange"),
    ("get", "transport file_exchange"),
    ("match", "transport file_exchange"),
    ("driver", "transport sql"),
    ("query", "transport sql"),
    ("health", "transport sql"),
    ("health_min", "transport sql"),
    ("file", "transport drop"),
    ("header", "transport drop"),
    ("trailer", "transport drop"),
    ("sheet", "no transport"),
];

pub(super) fn kind(block: &Block<'_>) -> Option<TransportKind> {
    let words = [
        ("http", TransportKind::Http),
        ("soap", TransportKind::Soap),
        ("file_exchange", TransportKind::Files),
        ("sql", TransportKind::Sql),
        ("drop", TransportKind::Drop),
    ];
    if block.node("kind").is_none() {
        block.missing("kind", "http, soap, file_exchange, sql or drop");
    }
    block.word("kind", &words)
}

pub(super) fn read(block: Block<'_>, kind: TransportKind, ask: &AskBlock, reading: &Reading<'_>) -> Option<Transport> {
    let transport = match kind {
        TransportKind::Http => Some(Transport::Http(HttpPlan {
            method: block.word("method", &[("POST", "POST")]).unwrap_or("POST").to_owned(),
            path: http::path(&block),
            headers: http::headers(&block),
            signer: block.block("signer").and_then(http::signer),
            body: http::body(&block, Format::Json, ask, reading),
        })),
        TransportKind::Soap => Some(Transport::Soap(SoapPlan {
            path: http::path(&block),
            action: block.need_text("action", "the SOAPAction").0.to_owned(),
            body: http::body(&block, Format::Xml, ask, reading),
            headers: http::headers(&block),
            page: block.block("page").and_then(http::page),
        })),
        TransportKind::Files => files::files(&block),
        TransportKind::Sql => Some(Transport::Sql(sql::sql(&block))),
        TransportKind::Drop => Some(Transport::Drop(drop::drop_plan(&block))),
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
                let signer = plan.signer.iter().flat_map(|s| [&s.app, &s.key]);
                signer.chain(plan.headers.iter().map(|(_, g)| g)).collect()
            }
            Self::Soap(plan) => plan.headers.iter().map(|(_, g)| g).collect(),
            Self::Files(plan) => vec![&plan.user, &plan.password],
            Self::Sql(_) | Self::Drop(_) => Vec::new(),
        }
    }
}
