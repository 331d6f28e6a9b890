//! Programs from rules as text, over the datasets of the fixtures.

use std::fs;
use std::path::PathBuf;

use hedui_base::{Catalogue, SourceText};
use hedui_rules::{Library, PackFolder, Program};

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules")
}

pub(crate) fn catalogue() -> Catalogue {
    let entries = fs::read_dir(fixtures().join("datasets")).unwrap().map(|e| e.unwrap().path());
    let files: Vec<_> =
        entries.map(|p| SourceText::new(p.display().to_string(), fs::read_to_string(&p).unwrap())).collect();
    Catalogue::parse(&files).unwrap()
}

fn compile(pack: PackFolder) -> Program {
    let id = pack.id.clone();
    let checked = Library::new(vec![pack], catalogue()).check(&id);
    let mistakes: Vec<String> = checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.to_string()).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    (*checked.program.unwrap()).clone()
}

/// A good pack of the fixtures.
pub(crate) fn fixture(id: &str) -> Program {
    compile(PackFolder::read(&fixtures().join("good").join(id)).unwrap())
}

/// A pack of these rules, in force from 2020.
#[allow(dead_code, reason = "used by tests of single functions")]
pub(crate) fn written(rules: &str) -> Program {
    let head = "[pack]\nid = 'p'\ntitle = 'p'\nversion = '1'\nfrom = 2020-01-01\n";
    let files = [("pack.toml".to_owned(), head.to_owned()), ("rules.toml".to_owned(), rules.to_owned())];
    compile(PackFolder::from_files("p", files))
}
