//! Reads what `file_exchange` needs.

use super::super::block::Block;
use super::super::read_layout;
use super::super::tree::Place;
use super::super::{
    Align, Archive, AskBlock, Complete, Encoding, FileCipher, FilePlan, GetPlan, Given, Login, LoginProof, Pack,
    PutColumn, PutFormat, PutPlan, PutValue, Transport, Via,
};
use super::{cipher, given};
use crate::files::encode;
use crate::parse::grid::GridFormat;

const ENCODINGS: [(&str, Encoding); 5] = [
    ("gbk", Encoding::Gbk),
    ("gb18030", Encoding::Gb18030),
    ("utf-8", Encoding::Utf8),
    ("utf-16le", Encoding::Utf16Le),
    ("utf-16be", Encoding::Utf16Be),
];

pub(super) fn files(block: &Block<'_>, ask: &AskBlock) -> Option<Transport> {
    let (via, login) = reached(block, Via::Sftp);
    let put = block.block("put").map(|inner| put_plan(inner, ask));
    let get = block.block("get").map(get_plan);
    for (key, given) in [("put", put.is_some()), ("get", get.is_some())] {
        if !given {
            block.missing(key, "the file's folder, name and form");
        }
    }
    let match_column = block.need_text("match", "the reply's column that repeats the request's seq").0.to_owned();
    let lacks_login = via != Via::Dir && login.is_none();
    let (put, get) = (put?, get?);
    if lacks_login {
        return None;
    }
    Some(Transport::Files(Box::new(FilePlan { via, login, put, get, match_column })))
}

/// `via` and `login`: how the institution offers its files, and who we are there.
pub(super) fn reached(block: &Block<'_>, usual: Via) -> (Via, Option<Login>) {
    let via = block.word("via", &[("sftp", Via::Sftp), ("ftps", Via::Ftps), ("dir", Via::Dir)]).unwrap_or(usual);
    // Known, so that what is wrong about it is told below.
    let login_node = block.node("login");
    let login = match via {
        Via::Sftp | Via::Ftps => {
            if login_node.is_none() {
                block.missing("login", "{ user = \"secret:..\", password = \"secret:..\" }");
            }
            block.block("login").and_then(|inner| login(inner, via))
        }
        Via::Dir => {
            if let Some(node) = login_node {
                block.report(
                    node.place
                        .error("connect::unused_option", "`login` does nothing with via = \"dir\"", "unused")
                        .help("a folder asks nobody who we are; remove it, so that nobody relies on it"),
                );
            }
            None
        }
    };
    (via, login)
}

fn login(block: Block<'_>, via: Via) -> Option<Login> {
    let user = given(block.need_text("user", "such as secret:sftp_user").0);
    let password = secret(&block, "password");
    let key = if via == Via::Sftp { secret(&block, "key") } else { None };
    let passphrase = if key.is_some() { secret(&block, "passphrase") } else { None };
    let proof = match (password, key) {
        (Some(password), None) => Some(LoginProof::Password(password)),
        (None, Some(key)) => Some(LoginProof::Key { key, passphrase }),
        (Some(_), Some(_)) => {
            block.report(
                block
                    .place()
                    .error("connect::two_logins", "`password` and `key` are both given", "one too many")
                    .help("an account is opened by a password or by a key"),
            );
            None
        }
        (None, None) => {
            block.missing("password", "a password, or with sftp a key: secret:NAME");
            None
        }
    };
    block.finish(&[("key", "via sftp"), ("passphrase", "a login by key")]);
    Some(Login { user, proof: proof? })
}

/// A secret by its name; an empty name takes back what a template says. The secret itself does not stand in a manifest.
fn secret(block: &Block<'_>, key: &'static str) -> Option<Given> {
    let (text, place) = block.text_at(key).filter(|(text, _)| !text.is_empty())?;
    let given = given(text);
    if matches!(given, Given::Literal(_)) {
        block.report(
            place
                .error("connect::secret_in_manifest", format!("a {key} does not stand in a manifest"), "here")
                .help("write secret:NAME, and the secret in site.toml"),
        );
    }
    Some(given)
}

fn put_plan(block: Block<'_>, ask: &AskBlock) -> PutPlan {
    let formats = [
        ("csv", (PutFormat::Delimited, b',')),
        ("txt", (PutFormat::Delimited, b'|')),
        ("fixed", (PutFormat::Fixed, b' ')),
        ("xlsx", (PutFormat::Xlsx, b' ')),
    ];
    let (format, usual) = block.word("format", &formats).unwrap_or((PutFormat::Delimited, b','));
    let encoding = if format == PutFormat::Xlsx { None } else { block.word("encoding", &ENCODINGS) };
    let encoding = encoding.unwrap_or(Encoding::Utf8);
    let delimiter = if format == PutFormat::Delimited { delimiter(&block, usual) } else { usual };
    let header = format != PutFormat::Fixed && block.flag("header").unwrap_or(true);
    let columns: Vec<PutColumn> = block
        .blocks("columns")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|inner| column(inner, format, encoding, delimiter))
        .collect();
    if !columns.iter().any(|c| c.value == PutValue::Seq) {
        block.report(
            block
                .place()
                .error("connect::no_seq", "no column of the request holds seq", "here")
                .help("the reply's rows are matched to the request's by that number"),
        );
    }
    let tells_period = columns.iter().any(|c| matches!(c.value, PutValue::PeriodFrom(_) | PutValue::PeriodUntil(_)));
    if tells_period != ask.months.is_some() {
        let (text, help) = if tells_period {
            ("a column tells a period, and [ask] has none", "period = { months = 12, end = \"last_closed_month\" }")
        } else {
            (
                "[ask] period is told to nobody: no column holds it",
                "add columns with value period_from and period_until, or remove the period",
            )
        };
        block.report(block.place().error("connect::period_mismatch", text, "here").help(help));
    }
    let _ = block.word("on_unmappable", &[("refuse_subject", ())]);
    let plan = PutPlan {
        dir: block.text("dir").unwrap_or(".").to_owned(),
        name: file_name(&block, &["date", "batch"]),
        format,
        encoding,
        delimiter,
        header,
        columns,
        temp: temp(&block),
        marker: Some(block.text("marker").unwrap_or(".ok").to_owned()).filter(|m| !m.is_empty()),
        pack: pack(&block),
    };
    block.finish(&[
        ("encoding", "formats csv, txt and fixed"),
        ("delimiter", "formats csv and txt"),
        ("header", "formats csv, txt and xlsx"),
        ("member", "compress = \"zip\""),
        ("password", "compress = \"zip\""),
    ]);
    plan
}

fn temp(block: &Block<'_>) -> String {
    let Some((text, place)) = block.text_at("temp") else { return ".part".to_owned() };
    if text.is_empty() {
        block.report(
            place
                .error("connect::bad_file_name", "a file needs another name while it is written", "here")
                .help("a suffix such as .part: nobody must read half a file"),
        );
    }
    text.to_owned()
}

fn column(block: Block<'_>, format: PutFormat, encoding: Encoding, delimiter: u8) -> Option<PutColumn> {
    const MONTH: &str = "%Y%m";
    let name = block.need_text("name", "the column's name").0.to_owned();
    let (text, place) = block.need_text("value", "seq, name, id_number …");
    let own_format = |usual: &str| {
        let (text, place) = block.text_at("format").unwrap_or((usual, block.place()));
        let shown = jiff::fmt::strtime::format(text, jiff::civil::date(2026, 6, 1));
        if !text.contains('%') || shown.is_err() {
            block.report(
                place.error("connect::bad_date_format", format!("`{text}` is no format of a date"), "here").help(usual),
            );
        }
        text.to_owned()
    };
    let value = match text.strip_prefix("const:") {
        Some(text) => {
            check_const(&block, text, place, encoding, delimiter, format);
            Some(PutValue::Const(text.to_owned()))
        }
        None if text.is_empty() => None,
        None => match text {
            "period_from" => Some(PutValue::PeriodFrom(own_format(MONTH))),
            "period_until" => Some(PutValue::PeriodUntil(own_format(MONTH))),
            "request_date" => Some(PutValue::RequestDate(own_format("%Y%m%d"))),
            _ => {
                let words = [
                    ("seq", Some(0)),
                    ("name", Some(1)),
                    ("id_number", Some(2)),
                    ("id15", Some(3)),
                    ("letter", Some(4)),
                    ("purpose", Some(5)),
                    ("period_from", None),
                    ("period_until", None),
                    ("request_date", None),
                    ("const:TEXT", None),
                ];
                block.pick("value", text, place, &words).flatten().map(|index: usize| {
                    [
                        PutValue::Seq,
                        PutValue::Name,
                        PutValue::IdNumber,
                        PutValue::Id15,
                        PutValue::Letter,
                        PutValue::Purpose,
                    ][index]
                        .clone()
                })
            }
        },
    };
    let (mut width, mut align) = (0, Align::Left);
    if format == PutFormat::Fixed {
        width = block.number("width").unwrap_or(0);
        if width == 0 {
            block.missing("width", "how many bytes the column has in the file's encoding");
        }
        align = block.word("align", &[("left", Align::Left), ("right", Align::Right)]).unwrap_or(Align::Left);
        if let Some(PutValue::Const(text)) = &value
            && encode(encoding, text).is_some_and(|bytes| bytes.len() > width)
        {
            block.report(place.error("connect::too_wide", format!("`{text}` is wider than its column"), "here"));
        }
    }
    block.finish(&[
        ("format", "period_from, period_until and request_date"),
        ("width", "format fixed"),
        ("align", "format fixed"),
    ]);
    Some(PutColumn { name, value: value?, width, align })
}

fn check_const(block: &Block<'_>, text: &str, place: &Place, encoding: Encoding, delimiter: u8, format: PutFormat) {
    let cut = format == PutFormat::Delimited && text.contains(char::from(delimiter));
    if text.contains(['\n', '\r', '"']) || cut || encode(encoding, text).is_none() {
        block.report(
            place
                .error("connect::bad_const", "this text cannot stand in the file", "here")
                .help("no line break, quote or delimiter, and only what the encoding has"),
        );
    }
}

fn get_plan(block: Block<'_>) -> GetPlan {
    let name = file_name(&block, &["date", "batch", "n", "of"]);
    if name.contains("{n}") != name.contains("{of}") {
        block.report(
            block
                .place()
                .error("connect::bad_file_name", "a name in parts needs both {n} and {of}", "here")
                .help("without the number of all parts nobody knows whether the last one is there"),
        );
    }
    let plan = GetPlan {
        dir: block.text("dir").unwrap_or(".").to_owned(),
        name,
        complete: complete(&block),
        layout: read_layout::layout(&block, GridFormat::Csv),
        pack: pack(&block),
    };
    block.finish(&[
        ("member", "compress = \"zip\""),
        ("password", "compress = \"zip\""),
        ("encoding", "formats csv, txt, fixed, html and auto"),
        ("delimiter", "formats csv and txt"),
        ("quote", "format csv"),
        ("columns", "formats csv, txt and fixed"),
        ("sheet", "formats xlsx, xls, html and auto"),
    ]);
    plan
}

fn complete(block: &Block<'_>) -> Complete {
    let marker = block.text_at("marker");
    let stable = block.duration("stable").filter(|d| !d.is_zero());
    match (marker, stable) {
        (Some((_, place)), Some(_)) => {
            block.report(
                place
                    .error("connect::two_proofs", "`marker` and `stable` are both given", "one too many")
                    .help("a file is complete when its marker is there; stable is for institutions that write none"),
            );
            Complete::Marker(".ok".to_owned())
        }
        (Some(("", place)), None) => {
            block.report(
                place
                    .error("connect::no_marker", "without a marker nobody knows that the file is complete", "here")
                    .help("stable = \"30s\" waits until its size and time no longer change"),
            );
            Complete::Marker(".ok".to_owned())
        }
        (Some((text, _)), None) => Complete::Marker(text.to_owned()),
        (None, Some(stable)) => Complete::Stable(stable),
        (None, None) => Complete::Marker(".ok".to_owned()),
    }
}

fn pack(block: &Block<'_>) -> Pack {
    #[derive(Clone, Copy)]
    enum Word {
        Gzip,
        Zip,
    }
    let archive = block.word("compress", &[("gz", Word::Gzip), ("zip", Word::Zip)]).map(|word| match word {
        Word::Gzip => Archive::Gzip,
        Word::Zip => {
            Archive::Zip { member: block.text("member").map(str::to_owned), password: secret(block, "password") }
        }
    });
    let cipher = block.block("cipher").and_then(|inner| {
        let cipher = cipher::algorithm(&inner);
        let key = secret(&inner, "key");
        if inner.node("key").is_none() {
            inner.missing("key", "such as secret:bank_file_key");
        }
        inner.finish(&[]);
        Some(FileCipher { cipher: cipher?, key: key? })
    });
    Pack { archive, cipher }
}

fn file_name(block: &Block<'_>, known: &[&str]) -> String {
    let (name, place) = block.need_text("name", "such as REQ_{date}_{batch}.csv");
    if name.is_empty() {
        return String::new();
    }
    if !name.contains("{batch}") || name.contains(['/', '\\']) {
        block.report(
            place
                .error("connect::bad_file_name", "a file name needs {batch} and no folder", "here")
                .help("the batch tells the files of two requests of one day apart; the folder goes into `dir`"),
        );
    }
    if name.contains(['*', '?']) && !known.contains(&"n") {
        block.report(
            place
                .error("connect::bad_file_name", "a file of ours has one name", "here")
                .help("* and ? stand in names of the institution's files, in get"),
        );
    }
    for piece in name.split('{').skip(1) {
        let word = piece.split('}').next().unwrap_or_default();
        if !known.contains(&word) {
            let list = known.iter().map(|k| format!("{{{k}}}")).collect::<Vec<_>>().join(", ");
            block.report(
                place
                    .error("connect::bad_file_name", format!("`{{{word}}}` means nothing in this name"), "here")
                    .help(format!("it may hold {list}")),
            );
        }
    }
    name.to_owned()
}

fn delimiter(block: &Block<'_>, usual: u8) -> u8 {
    let Some((text, place)) = block.text_at("delimiter") else { return usual };
    match text.as_bytes() {
        [byte] => *byte,
        _ => {
            block.report(place.error("connect::bad_delimiter", "a delimiter is one ASCII character", "here"));
            usual
        }
    }
}
