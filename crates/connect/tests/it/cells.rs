//! Cells as institutions write them: one file a converter in `tests/cells`, with what each comes to.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{Catalogue, Dataset, Fen, Month, Outcome, SourceText, columns};
use hedui_connect::{Converter, InstitutionFolder, Media, Part, RawReply, Registry, Source, Value, parse};
use proptest::prelude::*;

use crate::support::{ZHANG, key};

/// A dataset with a column of every sort that is converted here.
fn catalogue() -> Catalogue {
    let text = "[dataset]\nname = \"cell\"\ntitle = { zh = \"格\", en = \"Cell\" }\nper = \"person\"\nkey = [\"number\"]\n\
        [column.number]\ntitle = { zh = \"号\", en = \"Number\" }\ntype = \"text\"\nlevel = \"L1\"\n\
        [column.date]\ntitle = { zh = \"日\", en = \"Day\" }\ntype = \"date\"\nlevel = \"L1\"\n\
        [column.month]\ntitle = { zh = \"月\", en = \"Month\" }\ntype = \"month\"\nlevel = \"L1\"\n\
        [column.money]\ntitle = { zh = \"金额\", en = \"Amount\" }\ntype = \"money\"\nlevel = \"L1\"\n\
        [column.decimal]\ntitle = { zh = \"数\", en = \"Number\" }\ntype = \"decimal(2)\"\nlevel = \"L1\"\n";
    let dataset = Dataset::parse(&SourceText::new("cell.toml", text)).unwrap();
    let mut catalogue = Catalogue::default();
    catalogue.datasets.insert("cell".into(), Arc::new(dataset));
    catalogue
}

fn column(to: &str) -> &'static str {
    match to {
        "date" => "date",
        "month" => "month",
        "fen" => "money",
        _ => "decimal",
    }
}

/// A source that reads one cell with a converter.
fn source(to: &str, options: &str) -> Arc<Source> {
    let comma = if options.is_empty() { "" } else { ", " };
    let text = format!(
        "[source]\nid = \"test.cell\"\ntitle = {{ zh = \"格\", en = \"Cell\" }}\ninstitution = {{ zh = \"某局\", en = \"Bureau\" }}\nclass = \"department\"\nschema = 1\n\
         [access]\nscope = \"assets\"\nsubjects = \"members\"\n[ask]\nkey = [\"id_number\"]\nbatch = 1\n\
         [transport]\nkind = \"http\"\npath = \"/q\"\nbody = '{{\"id\":{{{{ subjects[0].id_number | tojson }}}}}}'\n\
         [outcome]\nenvelope = [{{ when = '*', is = \"ok\" }}]\nitem = \"$.list[*]\"\nitem_is = [{{ when = '$.n == \"0\"', is = \"no_record\" }}, {{ when = '*', is = \"found\" }}]\n\
         [map.cell]\nnumber = {{ from = \"$.n\", to = \"text\" }}\n{} = {{ from = \"$.v\", to = \"{to}\"{comma}{options} }}\n\
         [quality]\nfresh = \"1d\"\n",
        column(to)
    );
    let folder = InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] };
    let loaded = Registry::load(&[folder], &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().filter(|d| d.is_error()).map(ToString::to_string).collect();
    let found = loaded.registry.get("test.cell").cloned();
    found.unwrap_or_else(|| panic!("{to} {options}: {}", shown.join("\n")))
}

/// What a cell comes to: its value, `null`, or why not.
fn read(source: &Source, to: &str, cell: &toml::Value) -> String {
    let json = match cell {
        toml::Value::String(text) => serde_json::Value::String(text.clone()).to_string(),
        other => other.to_string(),
    };
    let body = format!("{{\"list\":[{{\"n\":\"1\",\"v\":{json}}}]}}").into_bytes();
    let raw = RawReply {
        source: source.id.clone(),
        manifest: String::new(),
        received: jiff::Timestamp::UNIX_EPOCH,
        period: None,
        sent: Vec::new(),
        refused: Vec::new(),
        parts: vec![Part { name: "page-1".into(), media: Media::Json, status: Some(200), body }],
    };
    let parsed = parse(source, &[key(1, ZHANG)], &raw);
    let answer = &parsed.answers[0];
    if answer.outcome != Outcome::Found {
        assert_eq!(answer.outcome, Outcome::Failed);
        // No place tells what stood there.
        assert_eq!(parsed.quarantine[0].place, "page-1 item 1 at $.v");
        return parsed.quarantine[0].reason.code().to_owned();
    }
    let Some(number) = answer.records.table.int(column(to), 0) else { return "null".into() };
    match to {
        "date" => columns::days_to_date(number).unwrap().to_string(),
        "month" => Month::from_index(number).unwrap().to_string(),
        "fen" => Fen::new(number).to_string(),
        _ => rust_decimal::Decimal::new(number, 2).normalize().to_string(),
    }
}

#[test]
fn every_cell_comes_to_what_its_case_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cells");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let to = file["to"].as_str().unwrap();
        for case in file["case"].as_array().unwrap() {
            let options = case["options"].as_str().unwrap();
            let source = source(to, options);
            for cell in case["cells"].as_array().unwrap() {
                let null = cell.get("null").and(Some("null"));
                let expected =
                    ["value", "reason"].into_iter().filter_map(|k| cell.get(k)?.as_str()).chain(null).next().unwrap();
                let is = read(&source, to, &cell["cell"]);
                if is != expected {
                    wrong.push(format!("{to} {{ {options} }}: {} is {is}, expected {expected}", cell["cell"]));
                }
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 100, "{count} cells");
}

/// The converter of a source's second column.
fn converter(to: &str, options: &str) -> (Arc<Source>, Converter) {
    let source = source(to, options);
    let converter = source.manifest.field(column(to)).unwrap().converter.clone();
    (source, converter)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(fen in -1_000_000_000_000i64..1_000_000_000_000, days in -25_000i64..70_000) {
        for options in ["unit = \"yuan\", accept = [\"grouping\", \"full_width\", \"unit_suffix\", \"parentheses\", \"dash_null\"]", "unit = \"wan_yuan\""] {
            let (source, converter) = converter("fen", options);
            let text = converter.unparse(&Value::Int(fen)).unwrap();
            prop_assert_eq!(read(&source, "fen", &text.into()), Fen::new(fen).to_string());
        }
        let date = columns::days_to_date(days).unwrap();
        for options in ["format = \"%Y-%m-%d\"", "format = \"cn\"", "formats = [\"excel\", \"cn\"]", "formats = [\"excel1904\", \"cn\"]"] {
            let (source, converter) = converter("date", options);
            let text = converter.unparse(&Value::Int(days)).unwrap();
            prop_assert_eq!(read(&source, "date", &text.into()), date.to_string(), "{}", options);
        }
        // A form without a day says only the day it stands for.
        let (source, converter) = converter("date", "format = \"%Y.%m\", day = \"last\"");
        let last = columns::date_to_days(date.last_of_month());
        let text = converter.unparse(&Value::Int(last)).unwrap();
        prop_assert_eq!(read(&source, "date", &text.into()), date.last_of_month().to_string());
        prop_assert_eq!(converter.unparse(&Value::Int(last - 1)), None);
    }

    #[test]
    fn no_text_makes_a_converter_stumble(text in "\\PC{0,12}|[0-9,.()年月日万亿元 ¥—-]{0,14}") {
        for (to, options) in [
            ("fen", "unit = \"yuan\", round = true, accept = [\"grouping\", \"full_width\", \"unit_suffix\", \"parentheses\", \"dash_null\", \"currency_sign\"]"),
            ("date", "formats = [\"cn\", \"excel\", \"excel1904\", \"%Y.%m\"], day = \"last\""),
            ("month", "formats = [\"cn\", \"excel\", \"%Y%m\"]"),
        ] {
            let source = source(to, options);
            let is = read(&source, to, &text.clone().into());
            prop_assert!(!is.is_empty());
        }
    }
}
