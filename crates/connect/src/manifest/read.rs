//! Reads a manifest file, with the template it extends, into a [`Manifest`]; every mistake is reported, none stops it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::catalogue::Title;
use hedui_base::{Catalogue, Diagnostic, Outcome, SourceText};
use jiff::civil::Date;
use sha2::Digest as _;

use super::block::{Block, Out};
use super::read_limits::{default_limits, read_limits};
use super::tree::{self, Place, Table, Value};
use super::{
    Access, AskBlock, Class, Every, IdVariant, KeyPart, Manifest, Sample, SampleExpect, SampleSubject, Slot,
    SourceBlock, Subjects, Transport,
};
use super::{read_map, read_outcome, read_transport};

/// Scopes a letter can grant.
pub(super) const SCOPES: [(&str, ()); 9] = [
    ("identity", ()),
    ("income", ()),
    ("assets", ()),
    ("financial", ()),
    ("utilities", ()),
    ("benefits", ()),
    ("medical", ()),
    ("education", ()),
    ("consumption", ()),
];

/// All files of all folders, by name.
pub(crate) struct Files(BTreeMap<String, Arc<SourceText>>);

impl Files {
    pub(crate) fn new(files: impl IntoIterator<Item = Arc<SourceText>>) -> Self {
        Self(files.into_iter().map(|f| (f.name.clone(), f)).collect())
    }
}

/// What reading one manifest needs.
pub(super) struct Reading<'a> {
    pub(super) files: &'a Files,
    pub(super) catalogue: &'a Catalogue,
    pub(super) out: &'a Out,
    used: RefCell<Vec<Arc<SourceText>>>,
}

impl Reading<'_> {
    /// A file named beside the text at `place`.
    pub(super) fn file_beside(&self, place: &Place, name: &str) -> Option<Arc<SourceText>> {
        let folder = place.file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let full = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Some(file) = self.files.0.get(&full) else {
            self.out.borrow_mut().push(
                place
                    .error("connect::missing_file", format!("there is no `{name}` beside this manifest"), "named here")
                    .help(format!("create {full}")),
            );
            return None;
        };
        self.used.borrow_mut().push(Arc::clone(file));
        Some(Arc::clone(file))
    }
}

/// Reads one manifest. The hash covers every file it is made of.
pub(crate) fn read_manifest(
    file: &Arc<SourceText>,
    files: &Files,
    catalogue: &Catalogue,
) -> (Option<Manifest>, String, Vec<Diagnostic>) {
    let (own, diagnostics) = tree::read(file);
    if !diagnostics.is_empty() {
        return (None, String::new(), diagnostics);
    }
    let out = RefCell::new(Vec::new());
    let reading = Reading { files, catalogue, out: &out, used: RefCell::new(vec![Arc::clone(file)]) };
    let Some(table) = extended(own, &reading, 0) else { return (None, String::new(), out.into_inner()) };
    let place = Place { file: Arc::clone(file), span: 0..0 };
    let root = Block::new("", &table, place, &out);
    let _ = root.text("extends");
    let manifest = read_root(&root, &reading);
    root.finish(&[]);
    let mut hasher = sha2::Sha256::new();
    for used in reading.used.into_inner() {
        hasher.update(used.name.as_bytes());
        hasher.update([0]);
        hasher.update(used.text.as_bytes());
        hasher.update([0]);
    }
    (manifest, hex::encode(hasher.finalize()), out.into_inner())
}

/// Lays a manifest over the template it extends; none if there is no such template.
fn extended(own: Table, reading: &Reading<'_>, depth: usize) -> Option<Table> {
    let Some(node) = own.get("extends").cloned() else { return Some(own) };
    let Value::Text(name) = &node.value else { return Some(own) };
    let full = format!("{name}/connector.toml");
    let Some(base) = reading.files.0.get(&full).filter(|_| depth < 4 && name.starts_with('_')) else {
        reading.out.borrow_mut().push(
            node.place
                .error("connect::unknown_template", format!("there is no template `{name}`"), "named here")
                .help("a template is a folder beside this one whose name begins with _, with a connector.toml"),
        );
        return None;
    };
    reading.used.borrow_mut().push(Arc::clone(base));
    let (base, diagnostics) = tree::read(base);
    reading.out.borrow_mut().extend(diagnostics);
    let mut table = extended(base, reading, depth + 1)?;
    table.merge(own);
    Some(table)
}

fn read_root(root: &Block<'_>, reading: &Reading<'_>) -> Option<Manifest> {
    let need = |key: &'static str| {
        let block = root.block(key);
        if block.is_none() && root.node(key).is_none() {
            root.report(
                root.place().error("connect::missing_block", format!("there is no [{key}]"), "in this file").help(
                    "a manifest has source, access, ask, transport, limits, outcome, map, quality and [[sample]]",
                ),
            );
        }
        block
    };
    let source = need("source").map(read_source);
    let access = need("access").map(read_access);
    let transport_block = need("transport");
    let kind = transport_block.as_ref().and_then(read_transport::kind);
    let ask = need("ask").map(|b| read_ask(b, kind));
    let transport = match (transport_block, kind, &ask) {
        (Some(block), Some(kind), Some(ask)) => read_transport::read(block, kind, ask, reading),
        _ => None,
    };
    let limits = root.block("limits").map_or_else(default_limits, |b| read_limits(b, kind));
    let outcome = need("outcome");
    let map = need("map");
    let quality = need("quality");
    let samples: Vec<Sample> =
        root.blocks("sample").unwrap_or_default().into_iter().map(|b| read_sample(b, transport.as_ref())).collect();
    if samples.is_empty() {
        root.report(
            root.place()
                .warning(
                    "connect::no_sample",
                    "there is no [[sample]]: nothing shows that this manifest works",
                    "in this file",
                )
                .help("add a recorded reply with invented people and what must come out"),
        );
    }
    let (transport, ask) = (transport?, ask?);
    let map = map.and_then(|b| read_map::read(b, transport.format(), reading));
    let quality = quality.map(|b| read_outcome::quality(b, &transport, map.as_ref(), reading));
    let outcome = match &quality {
        Some(quality) => outcome.and_then(|b| read_outcome::read(b, &transport, &ask, quality, reading)),
        None => None,
    };
    Some(Manifest {
        source: source?,
        access: access?,
        ask,
        transport,
        limits,
        outcome: outcome?,
        map: map?,
        quality: quality?,
        samples,
    })
}

fn title(block: &Block<'_>, key: &'static str) -> Title {
    let Some(inner) = block.block(key) else {
        if block.node(key).is_none() {
            block.missing(key, "{ zh = \"…\", en = \"…\" }");
        }
        return Title::default();
    };
    let title = Title {
        zh: inner.need_text("zh", "Chinese is what caseworkers see").0.to_owned(),
        en: inner.text("en").unwrap_or_default().to_owned(),
    };
    inner.finish(&[]);
    title
}

fn read_source(block: Block<'_>) -> SourceBlock {
    let (id, place) = block.need_text("id", "such as police.hukou");
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let good = id.split_once('.').is_some_and(|(who, what)| plain(who) && plain(what));
    if !id.is_empty() && !good {
        block.report(
            place
                .error("connect::bad_id", format!("`{id}` is not a source id"), "here")
                .help("two lower-case words joined by a dot: who.what, such as police.hukou"),
        );
    }
    match block.number::<u32>("schema") {
        Some(1) => {}
        None if block.node("schema").is_none() => block.missing("schema", "schema = 1"),
        None => {}
        Some(other) => {
            if let Some(node) = block.node("schema") {
                block.report(
                    node.place
                        .error("connect::schema", format!("schema {other} is not known"), "here")
                        .help("schema = 1"),
                );
            }
        }
    }
    let (title, institution) = (title(&block, "title"), title(&block, "institution"));
    if block.node("class").is_none() {
        block.missing("class", "department, organisation, utility, bank or relay");
    }
    let class = block.word("class", &Class::WORDS).unwrap_or(Class::Department);
    let source = SourceBlock { id: id.to_owned(), title, institution, class };
    block.finish(&[]);
    source
}

fn read_access(block: Block<'_>) -> Access {
    let (scope, place) = block.need_text("scope", "the scope a letter must grant, such as assets");
    if !scope.is_empty() {
        let _ = block.pick("scope", scope, place, &SCOPES);
    }
    let words = [
        ("members", Subjects::Members),
        ("members_and_obligors", Subjects::MembersAndObligors),
        ("applicant", Subjects::Applicant),
    ];
    if block.node("subjects").is_none() {
        block.missing("subjects", "members, members_and_obligors or applicant");
    }
    let access = Access {
        scope: scope.to_owned(),
        subjects: block.word("subjects", &words).unwrap_or(Subjects::Members),
        purposes: block.texts("purpose").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect(),
    };
    block.finish(&[]);
    access
}

fn read_ask(block: Block<'_>, kind: Option<read_transport::TransportKind>) -> AskBlock {
    use read_transport::TransportKind::{Dci, DciLater, Drop, DropAway, Files, Http, Soap, Sql};
    let words = [
        ("id_number", KeyPart::IdNumber),
        ("name", KeyPart::Name),
        ("account", KeyPart::Account),
        ("address", KeyPart::Address),
    ];
    let key: Vec<KeyPart> = block
        .texts("key")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(text, place)| block.pick("key", text, place, &words))
        .collect();
    if block.node("key").is_none() {
        block.missing("key", "what must be known of a person, such as [\"id_number\", \"name\"]");
    } else if matches!(kind, Some(Dci | DciLater)) && !key.contains(&KeyPart::IdNumber) {
        block.report(
            block
                .place()
                .error("connect::no_id_in_key", "a dci search asks by identity number, and `key` lacks it", "here")
                .help("key = [\"id_number\"]"),
        );
    }
    let batch = block.number("batch").unwrap_or(1).max(1);
    let variants = if matches!(kind, Some(Sql | Files)) {
        let words = [("id18", IdVariant::Id18), ("id15", IdVariant::Id15)];
        block
            .texts("variants")
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(text, place)| block.pick("variant", text, place, &words))
            .collect()
    } else {
        Vec::new()
    };
    let windows = matches!(kind, Some(Http | Soap) | None);
    let (months, window) = if matches!(kind, Some(Dci | DciLater)) {
        (None, None)
    } else {
        block.block("period").map_or((None, None), |inner| read_period(inner, windows))
    };
    if matches!(kind, Some(Drop | DropAway)) && months.is_none() {
        block.missing("period", "period = { months = 12, end = \"last_closed_month\" }: which files are looked into");
    }
    block.finish(&[
        ("variants", "transports sql and file_exchange"),
        ("period", "transports http, soap, file_exchange, sql and drop"),
    ]);
    AskBlock { key, batch, variants, months, window }
}

/// The months asked for, and how many of them a call.
fn read_period(block: Block<'_>, windows: bool) -> (Option<u32>, Option<u32>) {
    let months: Option<u32> = block.number("months");
    if months.is_none() {
        block.missing("months", "how many closed months");
    }
    let _ = block.word("end", &[("last_closed_month", ())]);
    let window = if windows { block.number("window") } else { None };
    if let (Some(window), Some(node)) = (window, block.node("window").filter(|_| windows))
        && (window == 0 || months.is_some_and(|months| window > months))
    {
        block.report(
            node.place
                .error("connect::bad_window", format!("a call cannot ask for {window} months of this period"), "here")
                .help("at least 1 month and at most `months`; without `window` all are asked for at once"),
        );
    }
    block.finish(&[("window", "transports http and soap")]);
    (months, window)
}

fn read_sample(block: Block<'_>, transport: Option<&Transport>) -> Sample {
    let subjects = block
        .blocks("subjects")
        .unwrap_or_default()
        .into_iter()
        .map(|inner| {
            let own = |key| inner.text(key).map(str::to_owned);
            let subject = SampleSubject {
                id_number: own("id_number"),
                name: own("name"),
                account: own("account"),
                address: own("address"),
            };
            inner.finish(&[]);
            subject
        })
        .collect();
    let period = block.text_at("period").and_then(|(text, place)| {
        let parsed = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        if parsed.is_none() {
            let report = place.error("connect::bad_period", format!("`{text}` is not a period"), "here");
            block.report(report.help("such as 2025-06..2026-05"));
        }
        parsed
    });
    let mut reply = Vec::new();
    let mut sheets = Vec::new();
    if let Some(Transport::Drop(plan)) = transport {
        sheets = read_sheets(&block, plan.every);
    } else if let Some(node) = block.node("reply") {
        match &node.value {
            Value::Text(text) => reply.push(text.clone()),
            Value::Array(_) => {
                reply.extend(block.texts("reply").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()));
            }
            other => block.report(node.place.error(
                "connect::wrong_type",
                format!("`reply` must be a text or a list of pages, not {}", other.kind()),
                "here",
            )),
        }
    } else if transport.is_some() {
        block.missing("reply", "the recorded reply, as text");
    }
    let dated = matches!(transport, Some(Transport::Sql(plan)) if plan.loaded.is_some());
    let received = if dated { received(&block) } else { None };
    let expect = block.blocks("expect").unwrap_or_default().into_iter().filter_map(read_expect).collect();
    let sample = Sample {
        title: block.need_text("title", "what it shows").0.to_owned(),
        subjects,
        period,
        reply,
        sheets,
        received,
        expect,
        quarantine: block.texts("quarantine").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect(),
        place: block.place().clone(),
    };
    block.finish(&[
        ("sheets", "transport drop"),
        ("reply", "transports other than drop"),
        ("received", "transport sql with `loaded`"),
    ]);
    sample
}

/// The day on which a sample's reply came: the age of a view is counted from it.
fn received(block: &Block<'_>) -> Option<Date> {
    let (text, place) = block.need_text("received", "the day the reply came, such as 2026-06-30");
    let parsed = text.parse().ok();
    if parsed.is_none() && !text.is_empty() {
        block.report(place.error("connect::bad_period", format!("`{text}` is not a day"), "here"));
    }
    parsed
}

fn read_sheets(block: &Block<'_>, every: Every) -> Vec<(String, serde_json::Value)> {
    let Some(node) = block.node("sheets") else {
        block.missing("sheets", "{ \"2026-05\" = [[..], ..] }");
        return Vec::new();
    };
    let Value::Table(table) = &node.value else { return Vec::new() };
    let mut sheets = Vec::new();
    for (period, place, file) in &table.entries {
        // Several files of a period are told apart by what follows its name, as in `2026-05 file 2`.
        let label = period.split_once(' ').map_or(period.as_str(), |(label, _)| label);
        if Slot::parse(every, label).is_none() {
            block.report(
                place
                    .error("connect::bad_period", format!("`{label}` is not a period of this source's files"), "here")
                    .help("2026-05, 2026Q2 or 2026, as `every` says"),
            );
        }
        sheets.push((period.clone(), to_json(&file.value)));
    }
    sheets
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => serde_json::Value::String(text.clone()),
        Value::Number(text) => serde_json::from_str(text).unwrap_or(serde_json::Value::Null),
        Value::Bool(value) => serde_json::Value::Bool(*value),
        Value::Array(items) => items.iter().map(|i| to_json(&i.value)).collect(),
        Value::Table(table) => {
            serde_json::Value::Object(table.entries.iter().map(|(k, _, v)| (k.clone(), to_json(&v.value))).collect())
        }
    }
}

fn read_expect(block: Block<'_>) -> Option<SampleExpect> {
    let words = Outcome::ALL.map(|outcome| (outcome.as_str(), outcome));
    let outcome = block.word("outcome", &words);
    if block.node("outcome").is_none() {
        block.missing("outcome", "such as found");
    }
    let as_of = block.text("as_of").map(str::to_owned);
    let mut rows = Vec::new();
    if let Some(node) = block.node("rows")
        && let Value::Array(items) = &node.value
    {
        for item in items {
            let Value::Table(table) = &item.value else { continue };
            let text = |value: &Value| match value {
                Value::Text(text) | Value::Number(text) => text.clone(),
                Value::Bool(value) => value.to_string(),
                Value::Array(_) | Value::Table(_) => String::new(),
            };
            rows.push(table.entries.iter().map(|(k, _, v)| (k.clone(), text(&v.value))).collect());
        }
    }
    let expect = SampleExpect { outcome: outcome?, as_of, rows, place: block.place().clone() };
    block.finish(&[]);
    Some(expect)
}
