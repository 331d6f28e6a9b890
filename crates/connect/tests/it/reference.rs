//! Generated files are fresh, and the schema says of every manifest what the reader says.

use std::path::{Path, PathBuf};

use hedui_connect::{Registry, catalogue, manifest_schema, reference};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_page_of_institutions_is_fresh() {
    let text = reference(&Registry::embedded(&catalogue(), None).registry);
    let file = root().join("docs/reference/connectors.md");
    if std::env::var_os("HEDUI_GENERATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "docs/reference/connectors.md is stale: run HEDUI_GENERATE=1 cargo test -p hedui-connect");
}

/// A manifest as JSON, as an editor's language server sees it.
fn as_json(text: &str) -> serde_json::Value {
    let table: toml::Table = toml::from_str(text).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn every_manifest_that_ships_fits_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&manifest_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut checked = 0;
    for folder in Registry::read_dir(&root().join("connectors/institutions")).unwrap() {
        for file in folder.files.iter().filter(|f| f.name.ends_with(".toml")) {
            let manifest = as_json(&file.text);
            let wrong: Vec<String> =
                validator.iter_errors(&manifest).map(|e| format!("{} at {}", e, e.instance_path())).collect();
            assert!(wrong.is_empty(), "{}:\n{}", file.name, wrong.join("\n"));
            checked += 1;
        }
    }
    assert!(checked >= 80, "{checked}");
}

#[test]
fn a_mistyped_key_or_word_does_not_fit_it() {
    let schema: serde_json::Value = serde_json::from_str(&manifest_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut refused = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")).unwrap() {
        let path = entry.unwrap().path();
        let snapshot = path.with_file_name("snapshots").join(path.file_name().unwrap()).with_extension("snap");
        let said = std::fs::read_to_string(&snapshot).unwrap_or_default();
        if path.extension().is_none_or(|e| e != "toml") || !said.contains("error[connect::unknown_key]") {
            continue;
        }
        let manifest = as_json(&std::fs::read_to_string(&path).unwrap());
        assert!(!validator.is_valid(&manifest), "{} fits the schema", path.display());
        refused += 1;
    }
    assert!(refused >= 1, "no case has an unknown key");
    for wrong in [
        "[source]\nclass = \"departement\"\n",
        "[transport]\nkind = \"http\"\nlogin = { user = \"secret:u\" }\n",
        "[map.vehicle]\nplate = { to = \"plate\" }\n",
    ] {
        assert!(!validator.is_valid(&as_json(wrong)), "{wrong}");
    }
}
