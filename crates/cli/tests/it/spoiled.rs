//! A disk that spoiled or lost a file of the store: whoever reads it is told which one and what to do, and nothing is
//! concluded without it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::scene::{AS_OF, ends, ok};

/// The store's files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    below.filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect()
}

#[test]
fn a_spoiled_file_of_the_store_is_named_and_called_neither_input_nor_our_fault() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    ok(&["sim", "city", "--direct", "--households", "150", "--out", &path("city")]);
    let (data, out) = (path("city/data"), path("out"));
    let batch = ["batch", "--data", &data, "--as-of", AS_OF, "--out", &out];
    let size = |file: &PathBuf| fs::metadata(file).unwrap().len();
    let largest = files(Path::new(&data)).into_iter().max_by_key(size).unwrap();
    let name = largest.file_name().unwrap().to_str().unwrap().to_owned();

    File::options().write(true).open(&largest).unwrap().set_len(size(&largest) / 2).unwrap();
    let said = String::from_utf8(ends(&batch, 3).stderr).unwrap();
    let line = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(line.contains(&name) && line.ends_with("run `hedui store verify`"), "{said}");
    assert!(!said.contains("internal"), "{said}");
    let found = String::from_utf8(ends(&["store", "verify", "--data", &data], 1).stdout).unwrap();
    assert!(found.contains(&name), "{found}");

    fs::remove_file(&largest).unwrap();
    let ended = ends(&["--json", "batch", "--data", &data, "--as-of", AS_OF, "--out", &out], 3);
    let said: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(said["error"], "machine", "{said}");
    assert!(said["message"].as_str().unwrap().contains(&name), "{said}");
    assert!(!Path::new(&out).join("findings.parquet").exists());
}
