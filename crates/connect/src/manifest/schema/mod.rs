//! `connectors/schema.json`: the grammar of manifests for editors, written down from what the reader itself asks for.
//!
//! In tests every [`Block`](super::block::Block) tells which keys it looks up, in which form and with which words. Reading
//! every manifest that ships and every broken one of the tests shows the whole grammar; `grammar.toml` beside this file
//! has a sentence for each key. A key without a sentence, a sentence without a key and a stale schema fail a test.

mod json;
mod page;
pub(super) mod trace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hedui_base::SourceText;

use crate::registry::{InstitutionFolder, Registry, catalogue};

/// What the reader does with one key of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Key {
    /// Forms it is read in: text, number, flag, texts, table, tables.
    forms: Vec<&'static str>,
    /// Words of its closed list, in the order the reader has them.
    words: Vec<String>,
    /// Transport kinds whose manifests were asked for it.
    kinds: Vec<String>,
    /// Those of them where it is a word of the list; elsewhere it is any text.
    worded: Vec<String>,
    /// What it says, from `grammar.toml`.
    text: String,
}

impl Key {
    /// Whether it is a word of the list wherever it stands.
    fn closed(&self) -> bool {
        !self.words.is_empty() && self.kinds.iter().all(|kind| self.worded.contains(kind))
    }
}

/// Keys by table: `transport.put` and so on; `map` is apart, because its keys are datasets and columns.
type Grammar = BTreeMap<String, BTreeMap<String, Key>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads every manifest there is and gathers what was asked for.
fn traced() -> Grammar {
    let mut grammar = Grammar::new();
    let shipped = Registry::read_dir(&root().join("connectors/institutions")).unwrap();
    let templates = Registry::read_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates")).unwrap();
    for folder in &shipped {
        for file in folder.files.iter().filter(|f| f.name.ends_with(".toml")) {
            let mut folders: Vec<InstitutionFolder> =
                shipped.iter().filter(|f| f.name.starts_with('_') || f.name == folder.name).cloned().collect();
            for other in &mut folders {
                let keep =
                    |f: &SourceText| !f.name.ends_with(".toml") || f.name == file.name || other.name != folder.name;
                other.files.retain(|f| keep(f));
            }
            trace::gather(&folders, &mut grammar);
        }
    }
    let tests = ["bad", "good"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder));
    for entry in tests.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = SourceText::new("test/connector.toml", std::fs::read_to_string(&path).unwrap());
            let mut folders = templates.clone();
            folders.push(InstitutionFolder { name: "test".into(), files: vec![text] });
            trace::gather(&folders, &mut grammar);
        }
    }
    grammar
}

/// The sentences of `grammar.toml`, put beside the keys.
fn described() -> Grammar {
    let mut grammar = traced();
    let text: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(include_str!("grammar.toml")).unwrap();
    let mut problems = Vec::new();
    for (table, keys) in &text {
        for (key, sentence) in keys {
            match grammar.get_mut(table).and_then(|t| t.get_mut(key)) {
                Some(known) => known.text.clone_from(sentence),
                None => problems.push(format!("grammar.toml describes [{table}] {key}, which no reader asks for")),
            }
        }
    }
    for (table, keys) in &grammar {
        for (key, known) in keys {
            if known.text.is_empty() {
                problems.push(format!(
                    "grammar.toml has no sentence for [{table}] {key} ({:?} {:?})",
                    known.forms, known.words
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    grammar
}

/// Compares a generated file with what is kept; `HEDUI_GENERATE=1` writes it instead.
fn fresh(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("HEDUI_GENERATE").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "{path} is stale: run HEDUI_GENERATE=1 cargo test -p hedui-connect --lib schema");
}

#[test]
fn the_schema_and_the_page_of_the_grammar_are_fresh() {
    let grammar = described();
    let schema = json::schema(&grammar, &catalogue());
    fresh("connectors/schema.json", &format!("{schema:#}\n"));
    fresh("docs/reference/manifest.md", &page::page(&grammar));
}

/// Words that no institution which ships needs, with the reason.
const UNUSED: [(&str, &str, &str); 40] = [
    ("transport", "kind", "dci"),
    ("transport.signer", "parts", "key"),
    // The only word there is, and what is done anyway.
    ("limits.retry", "jitter", "full"),
    // Faults and pages that say so exist; here all of them are said by items or by the total.
    ("outcome.envelope", "is", "no_record"),
    ("outcome.fault", "is", "no_record"),
    ("outcome.fault", "is", "throttled"),
    ("outcome.item_is", "is", "failed"),
    // A recorded reply is parsed: it cannot be pending, and who is not asked is in no sample.
    ("sample.expect", "outcome", "pending"),
    ("sample.expect", "outcome", "overdue"),
    ("sample.expect", "outcome", "unsendable"),
    ("sample.expect", "outcome", "not_applicable"),
    // Every institution here masks the numbers it sends; raw ones are compared as echoes and not mapped.
    ("field", "to", "id_number"),
    ("field", "to", "hash"),
    // Files of every sort, and cells of every form, are tried by tests/good, tests/cells and tests/files.
    ("transport", "format", "csv"),
    ("transport", "format", "txt"),
    ("transport", "format", "fixed"),
    ("transport", "format", "xlsx"),
    ("transport", "format", "xls"),
    ("transport", "format", "html"),
    ("transport", "format", "auto"),
    ("transport", "encoding", "gbk"),
    ("transport", "encoding", "gb18030"),
    ("transport", "encoding", "utf-8"),
    ("transport", "encoding", "utf-16le"),
    ("transport", "encoding", "utf-16be"),
    ("transport", "encoding", "mixed"),
    ("transport", "every", "month"),
    ("transport", "every", "quarter"),
    ("transport", "every", "year"),
    ("transport", "replace", "per_period"),
    ("field", "accept", "grouping"),
    ("field", "accept", "full_width"),
    ("field", "accept", "unit_suffix"),
    ("field", "accept", "parentheses"),
    ("field", "accept", "dash_null"),
    ("field", "accept", "currency_sign"),
    ("field", "day", "first"),
    ("field", "day", "last"),
    ("quality.link", "other_name", "costs"),
    ("quality.link", "other_name", "rules_out"),
];

/// Lists of which every gateway uses another word, and what few registries speak: each is tried over the wire in
/// `tests/it/wire.rs`, `paging.rs`, `dci.rs` and `exchange/`.
const TRIED: [(&str, &str); 23] = [
    ("transport", "encoding"),
    ("transport", "mode"),
    ("transport", "query"),
    ("transport.cipher", "encoding"),
    ("transport.cipher", "use"),
    ("transport.page", "style"),
    ("transport.signer", "alg"),
    ("transport.signer", "digest"),
    ("transport.signer", "encoding"),
    ("transport.signer", "form"),
    ("transport.signer", "use"),
    ("ask", "variants"),
    ("transport", "via"),
    ("transport.put", "format"),
    ("transport.put", "encoding"),
    ("transport.put", "compress"),
    ("transport.put.cipher", "use"),
    ("transport.put.columns", "value"),
    ("transport.put.columns", "align"),
    ("transport.get", "encoding"),
    ("transport.get", "compress"),
    ("transport.get", "format"),
    ("transport.get.cipher", "use"),
];

/// Every word of every closed list is used by an institution that ships, so that each is tried from end to end.
#[test]
fn every_word_is_used_by_an_institution_that_ships() {
    let mut used: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for folder in Registry::read_dir(&root().join("connectors/institutions")).unwrap() {
        for file in folder.files.iter().filter(|f| f.name.ends_with(".toml")) {
            let manifest: toml::Table = toml::from_str(&file.text).unwrap();
            walk("", &manifest, &mut used);
        }
    }
    let mut problems = Vec::new();
    for (table, keys) in traced() {
        for (key, known) in keys {
            let empty = Vec::new();
            let here = used.get(&(table.clone(), key.clone())).unwrap_or(&empty);
            for word in &known.words {
                let excused = UNUSED.iter().any(|(t, k, w)| *t == table && *k == key && w == word)
                    || TRIED.contains(&(table.as_str(), key.as_str()));
                if !here.contains(word) && !excused {
                    problems.push(format!("[{table}] {key} = \"{word}\""));
                }
            }
        }
    }
    let converters = used.get(&("field".to_owned(), "to".to_owned())).cloned().unwrap_or_default();
    for word in super::read_map::CONVERTERS {
        let start = word.trim_end_matches("n)");
        let excused = UNUSED.iter().any(|(t, k, w)| *t == "field" && *k == "to" && *w == word);
        if !excused && !converters.iter().any(|used| used.starts_with(start)) {
            problems.push(format!("converter {word}"));
        }
    }
    assert!(problems.is_empty(), "{} are used nowhere:\n{}", problems.len(), problems.join("\n"));
}

/// Every text of a manifest under its table and key.
fn walk(table: &str, values: &toml::Table, used: &mut BTreeMap<(String, String), Vec<String>>) {
    for (key, value) in values {
        let inner = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
        let texts = used.entry((trace::name(table), key.clone())).or_default();
        match value {
            toml::Value::String(text) => texts.push(text.clone()),
            toml::Value::Array(items) => {
                texts.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned)));
                for item in items.iter().filter_map(toml::Value::as_table) {
                    walk(&inner, item, used);
                }
            }
            toml::Value::Table(inside) => walk(&inner, inside, used),
            _ => {}
        }
    }
}
