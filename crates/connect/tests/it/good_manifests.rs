//! Manifests whose samples are as untidy as files are: each in `tests/good` loads without a word.

use std::path::Path;

use hedui_base::SourceText;
use hedui_connect::{InstitutionFolder, Registry, catalogue};

#[test]
fn every_sample_comes_out_as_it_says() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(tests.join("good")).unwrap() {
        let path = entry.unwrap().path();
        let mut folders = Registry::read_dir(&tests.join("bad/templates")).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = SourceText::new("test/connector.toml", text);
        folders.push(InstitutionFolder { name: "test".into(), files: vec![file] });
        let loaded = Registry::load(&folders, &catalogue(), None);
        count += loaded.registry.iter().map(|source| source.manifest.samples.len()).sum::<usize>();
        wrong.extend(loaded.diagnostics.iter().map(|d| format!("{name}: {d}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 7, "{count} samples");
}
