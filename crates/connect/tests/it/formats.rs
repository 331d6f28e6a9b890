//! Files of every format: what is written is read back, what is damaged is nobody's answer, what is too large is refused.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{Outcome, SourceText};
use hedui_connect::grid::{self, GridFormat, Layout, Written};
use hedui_connect::manifest::Transport;
use hedui_connect::{
    AskPeriod, InstitutionFolder, Media, Parsed, Part, RawReply, Registry, Source, SubjectKey, catalogue, parse,
};
use proptest::prelude::*;

/// A source of dropped files; `transport` is laid over the template's.
fn source(transport: &str, map: &str) -> Arc<Source> {
    checked(transport, map, ", \"trailer.sum == sum(fee)\"")
}

fn checked(transport: &str, map: &str, sum: &str) -> Arc<Source> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates");
    let mut folders = Registry::read_dir(&templates).unwrap();
    let text = format!(
        "extends = \"_drop\"\n[source]\nid = \"test.format\"\n[transport]\nfile = \"水费_{{yyyymm}}.x\"\n{transport}\n[map.utility_use]\n{map}\n\
         [quality]\nmust = [\"trailer.count == rows\"{sum}]\n\
         [[sample]]\ntitle = \"none\"\nsubjects = []\nexpect = []\nsheets = {{}}\n"
    );
    folders.push(InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] });
    let loaded = Registry::load(&folders, &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.registry.get("test.format").cloned().unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

fn layout(source: &Source) -> &Layout {
    match &source.manifest.transport {
        Transport::Drop(plan) => &plan.layout,
        other => panic!("{other:?}"),
    }
}

fn subjects(accounts: &[&str]) -> Vec<SubjectKey> {
    accounts
        .iter()
        .zip(1u32..)
        .map(|(account, n)| SubjectKey {
            ask: hedui_base::AskId(i64::from(n)),
            person: hedui_base::PersonKey(n),
            id: None,
            name: None,
            account: Some((*account).to_owned()),
            address: None,
        })
        .collect()
}

fn read(source: &Source, accounts: &[&str], body: Vec<u8>) -> Parsed {
    let month = "2026-05".parse().unwrap();
    let raw = RawReply {
        source: source.id.clone(),
        manifest: String::new(),
        received: jiff::Timestamp::UNIX_EPOCH,
        period: Some(AskPeriod { from: month, until: month }),
        sent: Vec::new(),
        refused: Vec::new(),
        parts: vec![Part { name: "2026-05".into(), media: Media::Table, status: None, body }],
    };
    parse(source, &subjects(accounts), &raw)
}

fn outcomes(parsed: &Parsed) -> Vec<Outcome> {
    parsed.answers.iter().map(|a| a.outcome).collect()
}

fn places(parsed: &Parsed) -> Vec<String> {
    parsed.quarantine.iter().map(|q| format!("{} {}", q.reason, q.place)).collect()
}

#[test]
fn a_workbook_of_97_is_read_with_its_merged_names_and_numbers_are_not_accounts() {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/merged.xls")).unwrap();
    let transport = "format = \"auto\"\nheader_rows = 2";
    let map = "account = { numeric_cell = \"quarantine\" }\nmonth = { from = \"抄表日\", to = \"month\", format = \"excel\" }\n\
        fee = { from = \"五月/金额\", to = \"fen\", unit = \"yuan\" }\nusage = { from = \"五月/用量\", to = \"decimal(2)\" }";
    let open = checked(&format!("{transport}\ntrailer = {{ find = \"合计\", count = \"地址\" }}"), map, "");
    let parsed = read(&open, &["W1"], bytes.clone());
    assert_eq!(places(&parsed), ["trailer_mismatch 2026-05 last row"], "it has no closing row");
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates/_drop/connector.toml"))
            .unwrap();
    let text = text
        .replace("trailer = { find = \"合计\", count = \"地址\", sum = \"金额\" }", transport)
        .replace("none = \"period_loaded\"\n", "")
        .replace("must = [\"trailer.count == rows\"]\n", "")
        .replace(
            "account = { from = \"户号\", to = \"text\" }",
            "account = { from = \"户号\", to = \"text\", numeric_cell = \"quarantine\" }",
        )
        .replace(
            "month = { from = \"年月\", to = \"month\", format = \"%Y%m\" }",
            "month = { from = \"抄表日\", to = \"month\", format = \"excel\" }",
        )
        .replace(
            "fee = { from = \"金额\", to = \"fen\", unit = \"yuan\" }",
            "fee = { from = \"五月/金额\", to = \"fen\", unit = \"yuan\" }",
        );
    let text = format!("{}\n", text.split("[[sample]]").next().unwrap())
        .replace("[source]\n", "[source]\nid = \"test.xls\"\n");
    let folder = InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] };
    let loaded = Registry::load(&[folder], &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let source = loaded.registry.get("test.xls").unwrap_or_else(|| panic!("{}", shown.join("\n")));
    let parsed = read(source, &["W1", "123"], bytes);
    assert_eq!(outcomes(&parsed), [Outcome::Partial, Outcome::Failed], "row 5 may be anybody's");
    assert_eq!(parsed.answers[0].records.table.int("fee", 0), Some(3875));
    assert_eq!(places(&parsed), ["id_precision_lost 2026-05 row 5 column A (户号)"]);
}

const COLUMNS: [&str; 4] = ["户号", "地址", "年月", "金额"];

/// One layout a format, each as untidy as it can be, and whether it stands in the file's first row.
fn layouts() -> Vec<Arc<Source>> {
    let messy =
        "alias = { \"用户 编号\" = \"户号\" }\nskip = [{ column = \"地址\", contains = \"小计\" }]\nuntil = \"备注\"\n";
    let given = "columns = [\"户号\", \"地址\", \"年月\", \"金额\"]\n";
    [
        format!("format = \"csv\"\n{messy}"),
        format!("format = \"csv\"\nencoding = \"gb18030\"\ndelimiter = \"|\"\nquote = \"'\"\n{messy}"),
        format!("format = \"csv\"\nencoding = \"utf-16le\"\n{messy}"),
        format!("format = \"csv\"\nencoding = \"utf-16be\"\ndelimiter = \"\\t\"\n{messy}"),
        format!("format = \"xlsx\"\n{messy}"),
        format!("format = \"auto\"\n{messy}"),
        format!("format = \"html\"\nencoding = \"gbk\"\n{messy}"),
    ]
    .into_iter()
    .map(|text| source(&text, ""))
    .chain([format!("format = \"txt\"\nencoding = \"gbk\"\ndelimiter = \"|\"\n{given}")].map(|text| {
        // The template finds its names by a header; this one gives them.
        own(&text)
    }))
    .collect()
}

/// A source whose file has no names.
fn own(transport: &str) -> Arc<Source> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates/_drop/connector.toml"))
            .unwrap();
    let text = text
        .replace(
            "must = [\"trailer.count == rows\"]",
            "must = [\"trailer.count == rows\", \"trailer.sum == sum(fee)\"]",
        )
        .replace("header = \"户号\"\n", transport)
        .replace("[source]\n", "[source]\nid = \"test.own\"\n");
    let text = text.split("[[sample]]").next().unwrap().to_owned();
    let folder = InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] };
    let loaded = Registry::load(&[folder], &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.registry.get("test.own").cloned().unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

fn written(rows: &[(String, i64)], mess: bool) -> Written<'static> {
    let cell = |text: String| Some(text);
    Written {
        columns: COLUMNS.to_vec(),
        rows: rows
            .iter()
            .enumerate()
            .map(|(n, (address, fen))| {
                vec![
                    cell(format!("W{n}")),
                    cell(address.clone()),
                    cell("202605".into()),
                    cell(hedui_base::Fen::new(*fen).to_string()),
                ]
            })
            .collect(),
        sum: Some(hedui_base::Fen::new(rows.iter().map(|(_, fen)| fen).sum()).to_string()),
        miscount: 0,
        mess,
    }
}

fn all() -> &'static [Arc<Source>] {
    static ALL: std::sync::OnceLock<Vec<Arc<Source>>> = std::sync::OnceLock::new();
    ALL.get_or_init(layouts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_written_is_read_back(rows in proptest::collection::vec(("[一-十路号&<>'a-z0-9]{1,8}", 0i64..1_000_000), 0..24), mess in any::<bool>()) {
        for source in all() {
            let bytes = grid::write(layout(source), &written(&rows, mess)).unwrap();
            let accounts: Vec<String> = (0..=rows.len()).map(|n| format!("W{n}")).collect();
            let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
            let parsed = read(source, &accounts, bytes);
            prop_assert!(parsed.quarantine.is_empty(), "{:?} {:?}", layout(source).format, places(&parsed));
            for (n, (_, fen)) in rows.iter().enumerate() {
                prop_assert_eq!(parsed.answers[n].outcome, Outcome::Found);
                prop_assert_eq!(parsed.answers[n].records.table.int("fee", 0), Some(*fen));
            }
            prop_assert_eq!(parsed.answers[rows.len()].outcome, Outcome::NoRecord);
        }
    }

    #[test]
    fn no_cut_and_no_garbage_is_an_answer(cut in 0usize..100, flipped in proptest::collection::vec(any::<u8>(), 1..40)) {
        for source in all() {
            let rows: Vec<(String, i64)> = (0..12).map(|n| (format!("某路{n}号"), n * 101)).collect();
            let whole = grid::write(layout(source), &written(&rows, false)).unwrap();
            // The last line's end may be missing: nothing is lost by that.
            let end = (whole.len() * cut / 100).min(whole.len() - 4);
            let parsed = read(source, &["W1", "W99"], whole[..end].to_vec());
            prop_assert_eq!(outcomes(&parsed), vec![Outcome::Failed, Outcome::Failed]);
            let mut garbled = whole.clone();
            let from = end.min(garbled.len().saturating_sub(flipped.len()));
            garbled.splice(from..from + flipped.len().min(garbled.len() - from), flipped.iter().copied());
            // Whatever it comes to, it ends, and says one thing of each.
            prop_assert_eq!(read(source, &["W1", "W99"], garbled).answers.len(), 2);
        }
    }
}

#[test]
fn months_and_two_rows_of_names_are_written_as_they_are_read() {
    let months = checked(
        "format = \"xlsx\"\nheader_rows = 2\nmonths = { columns = \"%Y年%m月\", month = \"年月\" }\ntrailer = { find = \"合计\", count = \"地址\" }",
        "month = { from = \"年月\", to = \"month\", format = \"cn\" }",
        "",
    );
    let cell = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let table = Written {
        columns: vec!["户号", "地址", "年月", "金额"],
        rows: [["W1", "a", "2026年5月", "1.00"], ["W2", "b", "2026年5月", "2.00"], ["W1", "a", "2026年6月", "3.00"]]
            .map(|row| row.map(cell).to_vec())
            .to_vec(),
        ..Written::default()
    };
    for format in [GridFormat::Xlsx, GridFormat::Html] {
        let layout = Layout { format, ..layout(&months).clone() };
        let bytes = grid::write(&layout, &table).unwrap();
        if format == GridFormat::Xlsx {
            let parsed = read(&months, &["W1", "W2", "W3"], bytes);
            // June is another file's month.
            assert_eq!(outcomes(&parsed), [Outcome::Partial, Outcome::Found, Outcome::NoRecord]);
            assert_eq!(parsed.answers[1].records.table.int("fee", 0), Some(200));
        } else {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains("<th colspan=\"1\" rowspan=2>户号</th>"), "{text}");
        }
    }
}

#[test]
fn a_file_of_another_sort_than_declared_and_a_column_twice_are_refused() {
    let sheet = source("format = \"xls\"", "");
    let text = grid::write(&Layout::new(GridFormat::Xlsx), &written(&[], false)).unwrap();
    let parsed = read(&sheet, &["W1"], text);
    assert_eq!(places(&parsed), ["schema_drift 2026-05 it is declared xls and is xlsx"]);
    let csv = source("format = \"csv\"", "");
    let parsed = read(&csv, &["W1"], "户号,地址,年月,金额,金额\n合计,共0户,,0,0\n".into());
    assert_eq!(places(&parsed), ["schema_drift 2026-05 columns D and E are both `金额`"]);
    let parsed = read(&csv, &["W1"], "户号,地址,年月\n合计,共0户,\n".into());
    assert_eq!(places(&parsed), ["schema_drift 2026-05 column `金额` is missing"]);
    let parsed = read(&csv, &["W1"], "户号,地址,年月,金额\nW1,a,202605,x\nW2,b,202605\n合计,共2户,,0\n".into());
    assert_eq!(places(&parsed), ["schema_drift 2026-05 row 3: 3 columns", "bad_money 2026-05 row 2 column D (金额)"]);
}
