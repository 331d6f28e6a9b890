//! Reads `[transport]` for each kind.

use sqlparser::ast::Statement;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use super::block::Block;
use super::read::Reading;
use super::read_outcome::selector;
use super::tree::{Place, Value};
use super::{
    AskBlock, DropPlan, DropTrailer, Encoding, FilePlan, GetPlan, Given, HttpPlan, KeyPart, PagePlan, PutColumn,
    PutPlan, SignAlgorithm, SignHeaders, SignPart, Signer, SoapPlan, SqlPlan, Transport,
};
use crate::selector::Format;
use crate::template::Template;

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
            path: path(&block),
            headers: headers(&block),
            signer: block.block("signer").and_then(signer),
            body: body(&block, Format::Json, ask, reading),
        })),
        TransportKind::Soap => Some(Transport::Soap(SoapPlan {
            path: path(&block),
            action: block.need_text("action", "the SOAPAction").0.to_owned(),
            body: body(&block, Format::Xml, ask, reading),
            headers: headers(&block),
            page: block.block("page").and_then(page),
        })),
        TransportKind::Files => files(&block),
        TransportKind::Sql => Some(Transport::Sql(sql(&block))),
        TransportKind::Drop => Some(Transport::Drop(drop_plan(&block))),
    };
    block.finish(&USERS);
    transport
}

fn path(block: &Block<'_>) -> String {
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

/// `secret:NAME` or a literal.
fn given(text: &str) -> Given {
    text.strip_prefix("secret:").map_or_else(|| Given::Literal(text.to_owned()), |name| Given::Secret(name.to_owned()))
}

fn headers(block: &Block<'_>) -> Vec<(String, Given)> {
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

fn signer(block: Block<'_>) -> Option<Signer> {
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

fn body(block: &Block<'_>, format: Format, ask: &AskBlock, reading: &Reading<'_>) -> Template {
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

fn page(block: Block<'_>) -> Option<PagePlan> {
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

const ENCODINGS: [(&str, Encoding); 3] =
    [("gbk", Encoding::Gbk), ("gb18030", Encoding::Gb18030), ("utf-8", Encoding::Utf8)];

fn delimiter(block: &Block<'_>) -> u8 {
    let Some((text, place)) = block.text_at("delimiter") else { return b',' };
    match text.as_bytes() {
        [byte] => *byte,
        _ => {
            block.report(place.error("connect::bad_delimiter", "a delimiter is one ASCII character", "here"));
            b','
        }
    }
}

fn file_name(block: &Block<'_>) -> String {
    let (name, place) = block.need_text("name", "such as REQ_{date}_{batch}.csv");
    if !name.is_empty() && (!name.contains("{batch}") || name.contains(['/', '\\'])) {
        block.report(
            place
                .error("connect::bad_file_name", "a file name needs {batch} and no folder", "here")
                .help("the batch tells the files of two requests of one day apart; the folder goes into `dir`"),
        );
    }
    name.to_owned()
}

fn files(block: &Block<'_>) -> Option<Transport> {
    let _ = block.word("via", &[("sftp", ())]);
    let login = block.block("login").map(|inner| {
        let user = given(inner.need_text("user", "such as secret:sftp_user").0);
        let password = given(inner.need_text("password", "such as secret:sftp_password").0);
        inner.finish(&[]);
        (user, password)
    });
    if login.is_none() {
        block.missing("login", "{ user = \"secret:..\", password = \"secret:..\" }");
    }
    let put = block.block("put").map(put_plan);
    let get = block.block("get").map(get_plan);
    for (key, given) in [("put", put.is_some()), ("get", get.is_some())] {
        if !given {
            block.missing(if key == "put" { "put" } else { "get" }, "the file's folder, name and form");
        }
    }
    let match_column = block.need_text("match", "the reply's column that repeats the request's seq").0.to_owned();
    let (user, password) = login?;
    Some(Transport::Files(Box::new(FilePlan { user, password, put: put?, get: get?, match_column })))
}

fn put_plan(block: Block<'_>) -> PutPlan {
    let words = [("seq", PutColumn::Seq), ("name", PutColumn::Name), ("id_number", PutColumn::IdNumber)];
    let columns: Vec<(String, PutColumn)> = block
        .blocks("columns")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|inner| {
            let name = inner.need_text("name", "the column's name").0.to_owned();
            let value = inner.word("value", &words);
            inner.finish(&[]);
            Some((name, value?))
        })
        .collect();
    if !columns.iter().any(|(_, value)| *value == PutColumn::Seq) {
        block.report(
            block
                .place()
                .error("connect::no_seq", "no column of the request holds seq", "here")
                .help("the reply's rows are matched to the request's by that number"),
        );
    }
    let _ = block.word("on_unmappable", &[("refuse_subject", ())]);
    let plan = PutPlan {
        dir: block.text("dir").unwrap_or(".").to_owned(),
        name: file_name(&block),
        encoding: block.word("encoding", &ENCODINGS).unwrap_or(Encoding::Utf8),
        delimiter: delimiter(&block),
        header: block.flag("header").unwrap_or(true),
        columns,
        temp: block.text("temp").unwrap_or(".part").to_owned(),
        marker: block.text("marker").unwrap_or(".ok").to_owned(),
    };
    block.finish(&[]);
    plan
}

fn get_plan(block: Block<'_>) -> GetPlan {
    let trailer = block.text_at("trailer").map(|(text, place)| {
        if !text.contains("{count}") {
            block.report(
                place
                    .error("connect::bad_trailer", "a trailer needs {count}", "here")
                    .help("the last line as the institution writes it, such as #count:{count};sum:{sum}"),
            );
        }
        text.to_owned()
    });
    let plan = GetPlan {
        dir: block.text("dir").unwrap_or(".").to_owned(),
        name: file_name(&block),
        marker: block.text("marker").unwrap_or(".ok").to_owned(),
        encoding: block.word("encoding", &ENCODINGS).unwrap_or(Encoding::Utf8),
        delimiter: delimiter(&block),
        trailer,
    };
    block.finish(&[]);
    plan
}

fn sql(block: &Block<'_>) -> SqlPlan {
    let _ = block.word("driver", &[("sqlite", ())]);
    let (query, place) = block.need_text("query", "one SELECT with :id_number[] where the numbers go");
    if !query.is_empty() {
        if !query.contains(":id_number[]") {
            let report = place.error("connect::no_key_in_query", "the query does not ask for anybody", "here");
            block.report(report.help("write WHERE column IN (:id_number[])"));
        }
        one_select(block, query, place);
    }
    let health = block.text_at("health").map(|(text, place)| {
        one_select(block, text, place);
        text.to_owned()
    });
    SqlPlan { query: query.to_owned(), health, health_min: block.number("health_min").unwrap_or(1) }
}

fn one_select(block: &Block<'_>, text: &str, place: &Place) {
    let plain = text.replace(":id_number[]", "?");
    let help = "a view is only read: one SELECT and nothing else";
    match Parser::parse_sql(&SQLiteDialect {}, &plain) {
        Ok(statements) if matches!(statements.as_slice(), [Statement::Query(_)]) => {}
        Ok(_) => block.report(place.error("connect::not_one_select", "this is not one SELECT", "here").help(help)),
        Err(error) => block.report(place.error("connect::bad_sql", error.to_string(), "does not parse").help(help)),
    }
}

fn drop_plan(block: &Block<'_>) -> DropPlan {
    let (file, place) = block.need_text("file", "such as 水费_{yyyymm}.xlsx");
    if !file.is_empty() && (!file.contains("{yyyymm}") || file.contains(['/', '\\'])) {
        block.report(
            place
                .error("connect::bad_file_name", "a dropped file's name needs {yyyymm} and no folder", "here")
                .help("one file a month; the folder is the site's endpoint"),
        );
    }
    let trailer = block.block("trailer").map(|inner| {
        let own = |key| inner.need_text(key, "a column's name").0.to_owned();
        let trailer = DropTrailer { find: own("find"), count: own("count"), sum: own("sum") };
        inner.finish(&[]);
        trailer
    });
    DropPlan {
        file: file.to_owned(),
        header: block.need_text("header", "a column name by which the header row is found").0.to_owned(),
        trailer,
    }
}

impl Transport {
    /// Everything that may be a secret of the site.
    pub(crate) fn secrets(&self) -> Vec<&Given> {
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
