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

/// Words that no institution which ships uses, with the reason.
const UNUSED: [(&str, &str, &str); 9] = [
    // A recorded reply is parsed: it cannot be pending, and who is not asked is in no sample.
    ("sample.expect", "outcome", "pending"),
    ("sample.expect", "outcome", "overdue"),
    ("sample.expect", "outcome", "unsendable"),
    ("sample.expect", "outcome", "not_applicable"),
    // Every institution here masks the numbers it sends; raw ones are compared as echoes and not mapped.
    ("field", "to", "id_number"),
    ("field", "to", "hash"),
    // Workbooks of 97 to 2003 are read and by nothing written, so no simulator could hand one in; tests/files holds some.
    ("transport", "format", "xls"),
    ("transport.get", "format", "xls"),
    // A bank's reply files are in it; over HTTP and in dropped files nobody has met it.
    ("transport", "encoding", "utf-16be"),
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
                // `const:TEXT` is any text after the colon.
                let open = word.strip_suffix("TEXT");
                let is = |text: &String| text == word || open.is_some_and(|start| text.starts_with(start));
                judge(&table, &key, word, here.iter().any(is), &mut problems);
            }
        }
    }
    let converters = used.get(&("field".to_owned(), "to".to_owned())).cloned().unwrap_or_default();
    for word in super::read_map::CONVERTERS {
        let start = word.trim_end_matches("n)");
        judge("field", "to", word, converters.iter().any(|used| used.starts_with(start)), &mut problems);
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// A word that is used nowhere needs an excuse, and one that is used must have none.
fn judge(table: &str, key: &str, word: &str, used: bool, problems: &mut Vec<String>) {
    match (used, UNUSED.contains(&(table, key, word))) {
        (false, false) => problems.push(format!("[{table}] {key} = \"{word}\" is used by no institution that ships")),
        (true, true) => problems.push(format!("[{table}] {key} = \"{word}\" is used and excused as unused")),
        _ => {}
    }
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
