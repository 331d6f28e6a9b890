//! What every target does with its bytes, and what must hold whatever they are.
//!
//! The first byte of an input picks one of the built-in sources of the target's kind, so that every mapping is tried; the
//! rest is the reply. Only public functions are called.

mod forms;

use std::sync::OnceLock;

use hedui_base::{AskId, Fen, Outcome, PersonKey, ResidentId, SourceText, catalogue::ColumnType};
use hedui_connect::manifest::{Sample, Transport};
use hedui_connect::{
    AskPeriod, InstitutionFolder, Loaded, Media, Parsed, Part, RawReply, Registry, Source, SubjectKey, parse,
    read_request, unpack,
};

/// What a target does with its bytes.
pub type Body = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Body); 7] = [
    ("csv", csv),
    ("xlsx", xlsx),
    ("xml", xml),
    ("json_mapping", json_mapping),
    ("rows", rows),
    ("manifest", manifest),
    ("packed", packed),
];

fn loaded() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(|| {
        let mut folders = Registry::embedded_folders();
        folders.extend(forms::folders());
        let loaded = Registry::load(&folders, catalogue(), None);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        loaded
    })
}

/// The sources whose replies a target reads: the built-in ones, and those of further forms.
fn sources(target: &str) -> Vec<&'static Source> {
    let fits = |source: &&Source| match &source.manifest.transport {
        Transport::Http(_) | Transport::Dci(_) => target == "json_mapping",
        Transport::Soap(_) => target == "xml",
        Transport::Files(_) => target == "csv",
        Transport::Sql(_) => target == "rows",
        Transport::Drop(plan) if plan.layout.format.is_text() => target == "csv",
        Transport::Drop(_) => target == "xlsx",
    };
    loaded().registry.iter().map(|source| &**source).filter(fits).collect()
}

/// A delimited file in the manifest's encoding, and one of our requests that somebody else has written over.
pub fn csv(data: &[u8]) {
    reply("csv", data);
    let Some((pick, body)) = data.split_first() else { return };
    let files = sources("csv").into_iter().filter_map(|source| match &source.manifest.transport {
        Transport::Files(plan) => Some(plan),
        _ => None,
    });
    if let Some(plan) = files.cycle().nth(usize::from(*pick)) {
        let _ = read_request(&plan.put, body);
    }
}

/// A workbook, or what is sold as one, of every month that is asked for.
pub fn xlsx(data: &[u8]) {
    reply("xlsx", data);
}

/// A SOAP page.
pub fn xml(data: &[u8]) {
    reply("xml", data);
}

/// A JSON page.
pub fn json_mapping(data: &[u8]) {
    reply("json_mapping", data);
}

/// What a view returned.
pub fn rows(data: &[u8]) {
    reply("rows", data);
}

/// A manifest beside the built-in templates.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut folders: Vec<InstitutionFolder> =
        Registry::embedded_folders().into_iter().filter(|folder| folder.name.starts_with('_')).collect();
    let file = SourceText::new("fuzzed/connector.toml", text);
    folders.push(InstitutionFolder { name: "fuzzed".into(), files: vec![file] });
    let loaded = Registry::load(&folders, catalogue(), None);
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
    // A manifest either gives a source or says why not.
    assert!(!loaded.registry.is_empty() || loaded.has_errors(), "nothing was loaded and nothing is wrong");
}

/// A packed file: whatever comes out is in proportion to what went in.
pub fn packed(data: &[u8]) {
    let Some((pick, body)) = data.split_first() else { return };
    let (packs, site) = forms::packs();
    let Some(pack) = packs.get(usize::from(*pick) % packs.len().max(1)) else { return };
    if let Ok(bytes) = unpack(pack, body, &site) {
        assert!(bytes.len() <= body.len() * 200 + (1 << 20), "{} bytes from {}", bytes.len(), body.len());
    }
}

fn catalogue() -> &'static hedui_base::Catalogue {
    static CATALOGUE: OnceLock<hedui_base::Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(hedui_connect::catalogue)
}

/// Two invented people, with everything that a source could ask for.
fn people() -> Vec<SubjectKey> {
    let people = [("990000197001010018", "张三", "W1"), ("990001196803150217", "李四", "W2")];
    people
        .into_iter()
        .zip(1..)
        .map(|((id, name, account), number)| SubjectKey {
            ask: AskId(number),
            person: PersonKey(number as u32),
            id: ResidentId::parse(id).ok(),
            name: Some(name.into()),
            account: Some(account.into()),
            address: Some("镇江市京口区某路1号".into()),
        })
        .collect()
}

fn raw(source: &Source, subjects: &[SubjectKey], parts: Vec<Part>) -> RawReply {
    let period = source.period(jiff::civil::date(2026, 6, 30));
    RawReply {
        source: source.id.clone(),
        manifest: source.manifest_hash.clone(),
        received: "2026-06-30T02:00:00Z".parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        period: period.or(Some(AskPeriod { from: month("2026-05"), until: month("2026-05") })),
        sent: subjects.iter().zip(1..).map(|(subject, seq)| (seq, subject.ask)).collect(),
        refused: Vec::new(),
        parts,
    }
}

fn month(text: &str) -> hedui_base::Month {
    text.parse().expect("a month")
}

fn reply(target: &str, data: &[u8]) {
    let Some((pick, body)) = data.split_first() else { return };
    let sources = sources(target);
    let Some(source) = sources.get(usize::from(*pick) % sources.len().max(1)) else { return };
    // A part is a page or a file; a drop has one a month, named by it, and a hole in it proves nothing.
    let (name, media) = match &source.manifest.transport {
        Transport::Http(_) | Transport::Dci(_) => ("page-1", Media::Json),
        Transport::Soap(_) => ("page-1", Media::Xml),
        Transport::Files(_) => ("page-1", Media::Csv),
        Transport::Sql(_) => ("page-1", Media::Rows),
        Transport::Drop(_) => ("2026-05", Media::Table),
    };
    let part = Part { name: name.into(), media, status: Some(200), body: body.to_vec() };
    // Everybody was asked; where a call is about one person, one was.
    let mut subjects = people();
    subjects.truncate(source.batch);
    let raw_reply = raw(source, &subjects, vec![part]);
    let parsed = parse(source, &subjects, &raw_reply);
    holds(source, &subjects, &parsed);
    // A reply without any part says nothing about anybody.
    let silent = parse(source, &subjects, &raw(source, &subjects, Vec::new()));
    assert!(silent.answers.iter().all(|a| !matches!(a.outcome, Outcome::NoRecord | Outcome::Found)), "{}", source.id);
    // What is stored parses alike.
    let stored = RawReply::from_bytes(&raw_reply.to_bytes()).expect("a stored reply");
    assert_eq!(parse(source, &subjects, &stored), parsed, "{}", source.id);
}

/// What holds for the answers to any bytes.
fn holds(source: &Source, subjects: &[SubjectKey], parsed: &Parsed) {
    let asked: Vec<_> = subjects.iter().map(|s| s.ask).collect();
    let answered: Vec<_> = parsed.answers.iter().map(|a| a.ask).collect();
    assert_eq!(asked, answered, "{}: one answer a person, in order", source.id);
    for answer in &parsed.answers {
        let with_rows = matches!(answer.outcome, Outcome::Found | Outcome::Partial);
        assert!(with_rows || answer.records.is_empty(), "{}: rows without being found", source.id);
        assert!(answer.outcome != Outcome::Found || !answer.records.is_empty(), "{}: found nothing", source.id);
        assert!(answer.outcome != Outcome::NoRecord || source.can_clear, "{}: cleared without a proof", source.id);
        for (column, spec) in &source.dataset.columns {
            for row in 0..answer.records.len() {
                let Some(number) = answer.records.table.int(column, row).filter(|_| spec.ty.is_int()) else { continue };
                if matches!(spec.ty, ColumnType::Money(_)) {
                    let limit = Fen::INGEST_LIMIT.fen().unsigned_abs();
                    assert!(number.unsigned_abs() <= limit, "{}: {column} is beyond every sum", source.id);
                }
                assert!(spec.min.is_none_or(|min| number >= min), "{}: {column} is below its least", source.id);
                assert!(spec.max.is_none_or(|max| number <= max), "{}: {column} is above its most", source.id);
            }
        }
    }
}

/// Inputs to begin with: the samples of all manifests of the target's kind.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    if target == "manifest" {
        let folders = Registry::embedded_folders();
        let files = folders.iter().flat_map(|folder| &folder.files).filter(|file| file.name.ends_with(".toml"));
        return files.map(|file| file.text.as_bytes().to_vec()).collect();
    }
    if target == "packed" {
        return forms::packed_seeds();
    }
    let mut seeds = Vec::new();
    for (pick, source) in sources(target).iter().enumerate().take(256) {
        if source.institution == "forms" {
            seeds.extend(forms::seeds(source).into_iter().map(|file| [&[pick as u8], file.as_slice()].concat()));
        }
        for sample in &source.manifest.samples {
            for body in bodies(source, sample) {
                let mut seed = vec![pick as u8];
                seed.extend(body);
                seeds.push(seed);
            }
        }
    }
    seeds
}

fn bodies(source: &Source, sample: &Sample) -> Vec<Vec<u8>> {
    match &source.manifest.transport {
        Transport::Drop(_) => sample.sheets.iter().filter_map(|(_, rows)| workbook(rows)).collect(),
        _ => sample.reply.iter().map(|text| text.clone().into_bytes()).collect(),
    }
}

/// A sample's sheet as a workbook.
fn workbook(rows: &serde_json::Value) -> Option<Vec<u8>> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows.as_array()?) {
        for (column, cell) in (0..).zip(cells.as_array()?) {
            match cell {
                serde_json::Value::String(text) => sheet.write(row, column, text.as_str()).ok()?,
                serde_json::Value::Number(number) => {
                    sheet.write(row, column, number.as_str().parse::<f64>().ok()?).ok()?
                }
                _ => continue,
            };
        }
    }
    book.save_to_buffer().ok()
}
