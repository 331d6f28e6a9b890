use std::path::Path;
use std::sync::Arc;

use hedui_verify::{PlainRequest, Silent, VerifyError, batch_plain};
use jiff::civil::date;

use crate::town::Rows;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn request(records: &Path, out: &Path) -> PlainRequest {
    PlainRequest {
        records: records.to_path_buf(),
        cases: records.join("cases.csv"),
        pack: root().join("rules/zhenjiang").display().to_string(),
        extra_rules: Vec::new(),
        as_of: date(2026, 6, 30),
        out: out.to_path_buf(),
        lenient: false,
        explain: false,
        progress: Arc::new(Silent),
    }
}

/// The table in `fixtures/plain/README.md` is what must come out.
#[test]
fn the_plain_example_comes_out_as_its_readme_says() {
    let folder = root().join("fixtures/plain");
    let out = tempfile::tempdir().unwrap();
    let summary = batch_plain(request(&folder, out.path())).unwrap();
    assert_eq!(summary.failures, []);
    let rows = Rows::read(&summary.findings_file);
    let flags = Rows::read(&summary.flags_file);
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut checked = 0;
    for line in readme.lines().filter(|l| l.starts_with("| P-")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let row = rows.row(cells[0]);
        assert_eq!(rows.column("finding_dibao")[row], cells[2], "{line}");
        assert_eq!(rows.column("finding_dibao_marginal")[row], cells[3], "{line}");
        let amount = if cells[4].is_empty() { String::new() } else { format!("{}00", cells[4]) };
        assert_eq!(rows.column("amount_fen")[row], amount, "{line}");
        let mut raised: Vec<&str> = flags
            .column("case")
            .iter()
            .zip(flags.column("flag"))
            .filter(|(case, _)| *case == cells[0])
            .map(|(_, flag)| flag.as_str())
            .collect();
        raised.sort_unstable();
        assert_eq!(raised.join(", "), cells[5], "{line}");
        if let Some(source) = cells[6].strip_prefix("waiting on ") {
            assert_eq!(rows.column("waiting_on")[row], source, "{line}");
        }
        checked += 1;
    }
    assert_eq!(checked, summary.cases);
}

#[test]
fn every_problem_of_a_folder_is_listed_and_lenient_sets_its_case_aside() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("fixtures/plain")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("deposit.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    let broken: String = text
        .lines()
        .enumerate()
        .map(|(i, line)| if i == 1 { line.replacen(".00", ".005", 1) + "\n" } else { line.to_owned() + "\n" })
        .collect();
    assert_ne!(broken, text);
    std::fs::write(&file, broken).unwrap();
    let out = tempfile::tempdir().unwrap();
    let strict = batch_plain(request(folder.path(), out.path())).unwrap_err();
    let VerifyError::Input(problems) = strict else { panic!("{strict}") };
    assert!(problems[0].at.starts_with("deposit.csv:"), "{problems:?}");
    assert!(!problems[0].message.contains(".005"), "no value is repeated");
    let lenient = batch_plain(PlainRequest { lenient: true, ..request(folder.path(), out.path()) }).unwrap();
    assert_eq!((lenient.cases, lenient.rejected), (11, 1));
    let rejected = std::fs::read_to_string(out.path().join("rejected.csv")).unwrap();
    assert!(rejected.starts_with("case,file,row,column,reason\nP-"), "{rejected}");
}
