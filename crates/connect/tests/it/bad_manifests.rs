//! Broken manifests: one file each in `tests/bad`, what is said about it in a snapshot.

use std::path::Path;

use hedui_base::SourceText;
use hedui_connect::{InstitutionFolder, Registry, catalogue};

/// Loads one manifest beside the templates it may extend.
fn check(text: &str) -> String {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates");
    let mut folders = Registry::read_dir(&templates).unwrap();
    folders.push(InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] });
    let loaded = Registry::load(&folders, &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    format!("{}\nsources that can be asked: {}", shown.join("\n"), loaded.registry.len())
}

#[test]
fn every_mistake_has_a_place_and_a_help() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "{}", names.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../bad/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in names {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let shown = check(&std::fs::read_to_string(&path).unwrap());
            assert!(shown.contains("error[") || shown.contains("warning["), "{name} is not bad:\n{shown}");
            assert!(shown.contains("-->"), "{name} has no place:\n{shown}");
            insta::assert_snapshot!(name, shown);
        }
    });
}

#[test]
fn the_templates_of_the_bad_ones_are_good() {
    for template in ["_http", "_dci", "_sql", "_drop", "_files"] {
        let shown = check(&format!("extends = \"{template}\"\n[source]\nid = \"test.one\"\n"));
        assert_eq!(shown, "\nsources that can be asked: 1", "{template}: {shown}");
    }
}
