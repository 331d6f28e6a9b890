//! `fixtures/rules/good/*` and `fixtures/rules/bad/*`: a folder is a pack, or holds packs of which `local` is checked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hedui_base::{Catalogue, SourceText};
use hedui_rules::{Checked, Library, PackFolder, diagnostics};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules")
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(of).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    all.sort();
    all
}

fn catalogue() -> Catalogue {
    let files: Vec<_> = fs::read_dir(fixtures().join("datasets"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| SourceText::new(p.file_name().unwrap().to_str().unwrap(), fs::read_to_string(&p).unwrap()))
        .collect();
    Catalogue::parse(&files).unwrap()
}

fn library(folder: &Path) -> (Library, String) {
    let (packs, id) = if folder.join("pack.toml").exists() {
        (vec![PackFolder::read(folder).unwrap()], folder.file_name().unwrap().to_str().unwrap().to_owned())
    } else {
        (folders(folder).iter().map(|p| PackFolder::read(p).unwrap()).collect(), "local".to_owned())
    };
    (Library::new(packs, catalogue()), id)
}

fn check(folder: &Path) -> Checked {
    let (library, id) = library(folder);
    library.check(&id)
}

fn remarks(checked: &Checked) -> String {
    checked.diagnostics.iter().map(|d| format!("{d}\n\n")).collect()
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

#[test]
fn good_packs_become_programs() {
    for folder in folders(&fixtures().join("good")) {
        let checked = check(&folder);
        assert_eq!(remarks(&checked), "", "{}", folder.display());
        let program = checked.program.unwrap();
        assert_eq!(program.pack.hash.len(), 64);
        let cases: String = checked.cases.iter().map(|c| format!("{c:#?}\n")).collect();
        insta::assert_snapshot!(format!("good__{}", name(&folder)), format!("{program}{cases}"));
    }
}

#[test]
fn bad_packs_tell_every_mistake_with_its_place() {
    let mut incomplete = String::new();
    for folder in folders(&fixtures().join("bad")) {
        let checked = check(&folder);
        assert!(!checked.diagnostics.is_empty(), "{}", folder.display());
        for diagnostic in &checked.diagnostics {
            let known = diagnostics::KINDS.iter().any(|(code, _)| *code == diagnostic.code);
            assert!(known, "{} is not listed in diagnostics::KINDS", diagnostic.code);
            if diagnostic.place().is_none() || diagnostic.help.is_none() {
                incomplete.push_str(&format!("{diagnostic}\n\n"));
            }
        }
        insta::assert_snapshot!(format!("bad__{}", name(&folder)), remarks(&checked));
    }
    assert!(incomplete.is_empty(), "without place or help:\n{incomplete}");
}

#[test]
fn every_kind_of_mistake_has_a_fixture() {
    let mut seen: BTreeSet<&str> =
        folders(&fixtures().join("bad")).iter().flat_map(|folder| check(folder).diagnostics).map(|d| d.code).collect();
    let unknown = Library::new(Vec::new(), catalogue()).check("nowhere");
    seen.extend(unknown.diagnostics.iter().map(|d| d.code));
    let missing: Vec<&str> =
        diagnostics::KINDS.iter().map(|(code, _)| *code).filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "no fixture shows {missing:?}");
    assert!(diagnostics::KINDS.is_sorted());
}

#[test]
fn an_error_in_the_rules_leaves_no_program() {
    for folder in folders(&fixtures().join("bad")) {
        let checked = check(&folder);
        let in_rules = |code: &str| !code.starts_with("rules::case_") || code == "rules::case_without_else";
        let broken = checked
            .diagnostics
            .iter()
            .any(|d| d.is_error() && in_rules(d.code) && !d.labels[0].file.name.contains("/cases/"));
        assert_eq!(checked.program.is_none(), broken, "{}", folder.display());
    }
}

#[test]
fn the_pack_of_an_area_is_the_longest_in_force() {
    let head = |area: &str, from: &str| {
        format!("[pack]\nid = \"ID\"\ntitle = \"包\"\nversion = \"1\"\nfrom = {from}\n{area}\n")
    };
    let pack = |id: &str, area: &str, from: &str| {
        PackFolder::from_files(id, [("pack.toml".to_owned(), head(area, from).replace("ID", id))])
    };
    let library = Library::new(
        vec![
            pack("frame", "", "2020-01-01"),
            pack("city", "area = \"321100\"\nuntil = 2026-06-30", "2024-01-01"),
            pack("city_new", "area = \"321100\"", "2026-07-01"),
            pack("county", "area = \"321181\"", "2025-01-01"),
        ],
        Catalogue::default(),
    );
    let pack_of = |area: &str, day: &str| library.for_area(area.parse().unwrap(), day.parse().unwrap());
    assert_eq!(pack_of("321181", "2025-01-01").unwrap(), "county");
    assert_eq!(pack_of("321181", "2024-12-31").unwrap(), "city", "the county's pack begins a day later");
    assert_eq!(pack_of("321102", "2026-06-30").unwrap(), "city");
    assert_eq!(pack_of("321102", "2026-07-01").unwrap(), "city_new");
    assert_eq!(pack_of("110101", "2026-07-01").unwrap(), "frame");
    assert!(pack_of("110101", "2019-12-31").unwrap_err().to_string().contains("no rule pack"));
}

#[test]
fn the_hash_changes_with_any_byte_of_the_pack_or_its_base() {
    let folder = fixtures().join("good/local");
    let read = |which: &str| PackFolder::read(&folder.join(which)).unwrap();
    let hash = |base: PackFolder, local: PackFolder| {
        Library::new(vec![base, local], catalogue()).compile("local").unwrap().pack.hash.clone()
    };
    let changed = |pack: PackFolder| {
        PackFolder::from_files(pack.id, pack.files.iter().map(|f| (f.name.clone(), f.text.replace("SUM", "sum"))))
    };
    let plain = hash(read("base"), read("local"));
    assert_eq!(plain, hash(read("base"), read("local")));
    assert_ne!(plain, hash(changed(read("base")), read("local")));
    assert_ne!(plain, hash(read("base"), changed(read("local"))));
}

/// Every formula of every fixture that can be read, printed and read again, is the same.
#[test]
fn printing_then_reading_gives_the_same_expression() {
    use hedui_rules::surface;
    let read = |text: &str| {
        let quoted = format!("'''{text}'''");
        let file = SourceText::new("x", quoted.as_str());
        let mut mistakes = Vec::new();
        let formula = surface::parse_formula(&file, 0..quoted.len(), text, &mut mistakes);
        mistakes.is_empty().then(|| formula.expr.to_string())
    };
    let mut seen = 0;
    for pack in folders(&fixtures().join("bad")).into_iter().chain([fixtures().join("good/whole")]) {
        if !pack.join("pack.toml").exists() {
            continue;
        }
        for file in PackFolder::read(&pack).unwrap().files {
            for line in file.text.lines() {
                let Some(printed) = line.split_once(" = \"").and_then(|(_, t)| read(t.strip_suffix('"')?)) else {
                    continue;
                };
                assert_eq!(read(&printed).as_deref(), Some(printed.as_str()), "{line}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} formulas");
}

/// `fixtures/rules/lints/*`: well formed packs that look wrong on 2026-11-22.
#[test]
fn lints_tell_known_mistakes_unless_they_are_allowed() {
    let day = jiff::civil::date(2026, 11, 22);
    let mut seen = BTreeSet::new();
    for folder in folders(&fixtures().join("lints")) {
        let (library, id) = library(&folder);
        let checked = library.check(&id);
        assert_eq!(remarks(&checked), "", "{}", folder.display());
        let found = library.lint(&id, day);
        for lint in &found {
            assert!(!lint.is_error() && lint.place().is_some() && lint.help.is_some(), "{lint}");
        }
        seen.extend(found.iter().map(|lint| lint.code));
        let text: String = found.iter().map(|d| format!("{d}\n\n")).collect();
        insta::assert_snapshot!(format!("lints__{}", name(&folder)), text);
    }
    let known: BTreeSet<&str> = diagnostics::LINTS.iter().map(|(code, _)| *code).collect();
    assert_eq!(seen, known);
}
