//! A small pack as a book and two states of it compared, in both languages: what is printed is what is kept.

use std::path::PathBuf;

use hedui_base::{Catalogue, SourceText};
use hedui_engine::rulebook::rulebook;
use hedui_rules::book::{BookOptions, html, markdown};
use hedui_rules::changes::{Changes, Side, changes, document};
use hedui_rules::words::Lang;
use hedui_rules::{Checked, Library, PackFolder};
use jiff::civil::{Date, date};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules")
}

fn library(state: &str) -> (Library, Checked) {
    let files: Vec<_> = std::fs::read_dir(fixtures().join("datasets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| SourceText::new(path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    let pack = PackFolder::read(&fixtures().join("book").join(state).join("county")).unwrap();
    let library = Library::new(vec![pack], Catalogue::parse(&files).unwrap());
    let checked = library.check("county");
    let errors: Vec<String> = checked.diagnostics.iter().filter(|d| d.is_error()).map(ToString::to_string).collect();
    assert_eq!(errors.join("\n"), "");
    (library, checked)
}

fn made(lang: Lang) -> hedui_rules::book::Document {
    let (library, checked) = library("new");
    let program = checked.program.unwrap();
    let report = hedui_engine::cases::run_cases(&program, &checked.cases);
    assert_eq!(report.differences, [], "the examples are right");
    rulebook(&library.written("county"), &program, &checked.cases, BookOptions { lang, on: date(2026, 6, 30) })
}

fn compared(old: &str, new: &str, lang: Lang, on: Option<Date>) -> Changes {
    let ((before, old), (after, new)) = (library(old), library(new));
    let (before, after) = (before.written("county"), after.written("county"));
    let (old_program, new_program) = (old.program.unwrap(), new.program.unwrap());
    let old = Side { program: &old_program, written: &before, cases: &old.cases };
    changes(old, Side { program: &new_program, written: &after, cases: &new.cases }, lang, on)
}

#[test]
fn a_pack_is_a_book_in_both_languages() {
    insta::assert_snapshot!("book_zh", markdown(&made(Lang::Zh)));
    insta::assert_snapshot!("book_en", markdown(&made(Lang::En)));
    insta::assert_snapshot!("book_html", html(&made(Lang::Zh)));
}

#[test]
fn a_page_stands_alone_and_its_links_lead_somewhere() {
    let page = html(&made(Lang::Zh));
    assert!(!page.contains("http"), "no address outside");
    assert!(page.contains("&lt;示例&gt; &amp; *特殊* 字符 | 不得成为标记"), "what is written is not markup");
    for part in page.split("href=\"#").skip(1) {
        let anchor = part.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
    }
    assert_eq!(page, html(&made(Lang::Zh)), "the same every time");
}

#[test]
fn what_changed_is_said_in_both_languages() {
    for (name, lang) in [("changes_zh", Lang::Zh), ("changes_en", Lang::En)] {
        let changes = compared("old", "new", lang, None);
        insta::assert_snapshot!(name, markdown(&document(&changes, lang)));
    }
    let on = compared("old", "new", Lang::Zh, Some(date(2026, 7, 31)));
    insta::assert_snapshot!("changes_on_a_day", markdown(&document(&on, Lang::Zh)));
}

#[test]
fn a_pack_does_not_differ_from_itself() {
    let same = compared("new", "new", Lang::Zh, None);
    assert!(same.is_empty(), "{same:#?}");
    assert_eq!(markdown(&document(&same, Lang::Zh)), "# county 的变化：2 → 2\n\n没有变化。\n");
}
