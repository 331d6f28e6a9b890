//! The packs that come with hedui have no mistakes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use hedui_base::{Catalogue, SourceText};
use hedui_rules::{Library, PackFolder};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn library() -> Library {
    let mut files: Vec<Arc<SourceText>> = fs::read_dir(root().join("connectors/datasets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| SourceText::new(path.file_name().unwrap().to_str().unwrap(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let catalogue = Catalogue::parse(&files).unwrap();
    let packs = fs::read_dir(root().join("rules"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| PackFolder::read(&path).unwrap())
        .collect();
    Library::new(packs, catalogue)
}

#[test]
fn every_pack_compiles_and_its_cases_read() {
    let library = library();
    let mut errors = String::new();
    for id in library.ids() {
        let checked = library.check(id);
        for diagnostic in &checked.diagnostics {
            errors.push_str(&format!("{diagnostic}\n\n"));
        }
    }
    assert!(errors.is_empty(), "{errors}");
}
