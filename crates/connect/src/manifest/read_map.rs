//! Reads `[map.DATASET]`: every field against the column it fills.

use hedui_base::catalogue::{ColumnSpec, ColumnType};
use hedui_base::{Dataset, diagnostic};

use super::block::Block;
use super::model::{Field, Map};
use super::read::Reading;
use super::read_outcome::selector;
use super::tree::{Place, Value};
use crate::convert::{Accept, CodeTable, Converter, DATE_WORDS, DayOfMonth, MoneyUnit, says_day};
use crate::selector::Format;

pub(super) const CONVERTERS: [&str; 16] = [
    "text",
    "trim",
    "id_number",
    "name",
    "date",
    "month",
    "fen",
    "decimal(n)",
    "int",
    "bool",
    "code",
    "area_code",
    "address",
    "plate",
    "hash",
    "const",
];

pub(super) fn read(block: Block<'_>, format: Format, reading: &Reading<'_>) -> Option<Map> {
    let mut maps = Vec::new();
    for (name, dataset) in &reading.catalogue.datasets {
        // Block::block wants a name that lives as long as the program; dataset names come from files.
        if let Some((place, inner)) = sub_block(&block, name) {
            maps.push(read_dataset(inner, &place, dataset, format, reading));
        }
    }
    let unknown = block.entries().iter().filter(|(key, ..)| !reading.catalogue.datasets.contains_key(key));
    for (key, place, _) in unknown {
        let near = diagnostic::nearest(key, reading.catalogue.datasets.keys().map(String::as_str));
        let help = near
            .map_or_else(|| "a dataset is a file in connectors/datasets".into(), |n| format!("did you mean `{n}`?"));
        block
            .report(place.error("connect::unknown_dataset", format!("there is no dataset `{key}`"), "here").help(help));
    }
    if maps.len() > 1 {
        block.report(
            block
                .place()
                .error("connect::two_datasets", "a source fills one dataset", "here")
                .help("write a second manifest beside this one: connector.NAME.toml"),
        );
    }
    if block.entries().is_empty() {
        block.missing("DATASET", "[map.vehicle] and its columns");
    }
    maps.pop()
}

fn sub_block<'a>(block: &Block<'a>, name: &str) -> Option<(Place, Block<'a>)> {
    let (_, key_place, node) = block.entries().iter().find(|(key, ..)| key == name)?;
    match &node.value {
        Value::Table(table) => {
            Some((key_place.clone(), Block::new(format!("map.{name}"), table, node.place.clone(), block.out())))
        }
        other => {
            let text = format!("[map.{name}] must be a table, not {}", other.kind());
            block.report(
                node.place.error("connect::wrong_type", text, "here").help("one line a column: { from = .., to = .. }"),
            );
            None
        }
    }
}

fn read_dataset(block: Block<'_>, place: &Place, dataset: &Dataset, format: Format, reading: &Reading<'_>) -> Map {
    let mut fields = Vec::new();
    let mut as_of = None;
    for (column, key_place, node) in block.entries() {
        let Value::Table(table) = &node.value else {
            block.report(
                node.place
                    .error("connect::wrong_type", format!("`{column}` must be a table"), "here")
                    .help("{ from = \"…\", to = \"…\" }"),
            );
            continue;
        };
        let inner = Block::new(format!("map.{}.{column}", dataset.name), table, key_place.clone(), block.out());
        if column == "as_of" && !dataset.columns.contains_key("as_of") {
            as_of = field(column, inner, format, None, reading);
            continue;
        }
        let Some(spec) = dataset.columns.get(column) else {
            let near = diagnostic::nearest(column, dataset.columns.keys().map(String::as_str));
            let known =
                || format!("`{}` has {}", dataset.name, dataset.columns.keys().cloned().collect::<Vec<_>>().join(", "));
            block.report(
                key_place
                    .error(
                        "connect::unknown_column",
                        format!("dataset `{}` has no column `{column}`", dataset.name),
                        "here",
                    )
                    .help(near.map_or_else(known, |n| format!("did you mean `{n}`?"))),
            );
            continue;
        };
        fields.extend(field(column, inner, format, Some(spec), reading));
    }
    for key in &dataset.key {
        if !block.entries().iter().any(|(column, ..)| column == key) {
            block.report(
                place
                    .error(
                        "connect::key_not_mapped",
                        format!("`{key}` is part of the key of `{}` and is not mapped", dataset.name),
                        "here",
                    )
                    .help("without its key a record cannot be told from another"),
            );
        }
    }
    Map { dataset: dataset.name.clone(), fields, as_of }
}

/// One field. Without a column it is an `as_of`, which must be a date.
pub(super) fn field(
    column: &str,
    block: Block<'_>,
    format: Format,
    spec: Option<&ColumnSpec>,
    reading: &Reading<'_>,
) -> Option<Field> {
    let from = selector(&block, "from", format);
    let (word, place) = block.need_text("to", "the converter, such as text, date, fen");
    let word_place = place.clone();
    let converter = converter(&block, word, spec, reading);
    let is_const = matches!(converter, Some(Converter::Const { .. }));
    if from.is_none() && !is_const && block.node("from").is_none() {
        block.missing("from", "where the value stands in a row");
    }
    if from.is_some() && is_const {
        block.report(word_place.error(
            "connect::unused_option",
            "a const reads nothing, so `from` does nothing",
            "here",
        ));
    }
    if let Some(converter) = &converter {
        check_type(&block, &word_place, column, converter, spec);
    }
    let field = Field {
        column: column.to_owned(),
        from,
        null: block.texts("null").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect(),
        text_only: block.word("numeric_cell", &[("quarantine", ())]).is_some(),
        optional: block.flag("optional").unwrap_or(false),
        converter: converter?,
    };
    block.finish(&[
        ("accept", "fen and decimal"),
        ("day", "date"),
        ("format", "date and month"),
        ("formats", "date and month"),
        ("unit", "fen"),
        ("round", "fen and decimal"),
        ("yes", "bool"),
        ("no", "bool"),
        ("table", "code"),
        ("table_file", "code"),
        ("other", "code"),
        ("never", "code"),
        ("value", "const"),
    ]);
    Some(field)
}

fn converter(block: &Block<'_>, word: &str, spec: Option<&ColumnSpec>, reading: &Reading<'_>) -> Option<Converter> {
    Some(match word {
        "" => return None,
        "text" => Converter::Text,
        "trim" => Converter::Trim,
        "id_number" => Converter::IdNumber,
        "name" => Converter::Name,
        "date" => {
            let day = block.word("day", &[("first", DayOfMonth::First), ("last", DayOfMonth::Last)]);
            Converter::Date { formats: formats(block, day.is_none()), day }
        }
        "month" => Converter::Month { formats: formats(block, false) },
        "fen" => {
            let words = [("yuan", MoneyUnit::Yuan), ("fen", MoneyUnit::Fen), ("wan_yuan", MoneyUnit::WanYuan)];
            if block.node("unit").is_none() {
                block.report(
                    block
                        .place()
                        .error(
                            "connect::money_without_unit",
                            "an amount without its unit can be wrong by ten thousand times",
                            "here",
                        )
                        .help("unit = \"yuan\", \"fen\" or \"wan_yuan\""),
                );
            }
            let unit = block.word("unit", &words);
            let accept = accept(block, &Accept::WORDS);
            Converter::Fen { round: block.flag("round").unwrap_or(false), unit: unit?, accept }
        }
        "int" => Converter::Int,
        "bool" => {
            let list = |key| block.texts(key).unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect();
            let (yes, no): (Vec<String>, Vec<String>) = (list("yes"), list("no"));
            for (key, words) in [("yes", &yes), ("no", &no)] {
                if words.is_empty() {
                    block.missing(key, "the words that mean it: neither is guessed");
                }
            }
            Converter::Bool { yes, no }
        }
        "code" => code(block, spec, reading)?,
        "area_code" => Converter::AreaCode,
        "address" => Converter::Address,
        "plate" => Converter::Plate,
        "hash" => Converter::Hash,
        "const" => {
            let (value, place) = block.need_text("value", "the text");
            check_code(block, value, place, spec);
            Converter::Const { value: value.into() }
        }
        _ => {
            if let Some(scale) =
                word.strip_prefix("decimal(").and_then(|w| w.strip_suffix(')')).and_then(|w| w.parse().ok())
                && (1..=9).contains(&scale)
            {
                let accept = accept(block, &["grouping", "full_width", "parentheses", "dash_null"]);
                return Some(Converter::Decimal { scale, round: block.flag("round").unwrap_or(false), accept });
            }
            let near = diagnostic::nearest(word, CONVERTERS);
            let near = near.map_or_else(String::new, |n| format!("did you mean `{n}`? "));
            if let Some((_, place)) = block.text_at("to") {
                block.report(
                    place
                        .error("connect::unknown_converter", format!("`{word}` is not a converter"), "here")
                        .help(format!("{near}one of {}", CONVERTERS.join(", "))),
                );
            }
            return None;
        }
    })
}

/// Ways of writing a number that are read besides plain digits.
fn accept(block: &Block<'_>, words: &[&'static str]) -> Accept {
    let mut accept = Accept::default();
    let known: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
    for (text, place) in block.texts("accept").unwrap_or_default() {
        if let Some(word) = block.pick("way of writing here", text, place, &known) {
            accept.add(word);
        }
    }
    accept
}

/// Forms of a date; with a day each, if `days`.
fn formats(block: &Block<'_>, days: bool) -> Vec<String> {
    let mut formats: Vec<(String, Place)> =
        block.texts("formats").unwrap_or_default().into_iter().map(|(t, p)| (t.to_owned(), p.clone())).collect();
    formats.extend(block.text_at("format").map(|(t, p)| (t.to_owned(), p.clone())));
    if formats.is_empty() {
        block.missing("format", "such as %Y%m%d, %Y-%m-%d or %Y%m");
    }
    // A day may stand before a time of day, as databases write an instant.
    let sample = jiff::civil::datetime(2026, 5, 17, 8, 30, 0, 0);
    for (format, place) in formats.iter().filter(|(format, _)| !DATE_WORDS.contains(&format.as_str())) {
        let written = sample.strftime(format.as_str()).to_string();
        if !format.contains("%Y") || !format.contains("%m") || written.contains('%') {
            block.report(
                place
                    .error("connect::bad_format", format!("`{format}` is not a date format"), "here")
                    .help("such as %Y%m%d, or cn (2024年7月31日), excel, excel1904 (days counted by a workbook)"),
            );
        } else if days && !says_day(format) {
            block.report(
                place
                    .error("connect::bad_format", format!("`{format}` says no day"), "here")
                    .help("day = \"first\" or \"last\" says which day of its month such a date is"),
            );
        }
    }
    formats.into_iter().map(|(format, _)| format).collect()
}

fn code(block: &Block<'_>, spec: Option<&ColumnSpec>, reading: &Reading<'_>) -> Option<Converter> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let inline = block.node("table");
    let named = block.text_at("table_file");
    if inline.is_none() && named.is_none() {
        block.missing("table", "{ \"1\" = \"open\" }, or table_file = \"codes/….csv\"");
    }
    if let Some(node) = inline {
        let Value::Table(table) = &node.value else {
            block.report(node.place.error("connect::wrong_type", "`table` must be a table", "here"));
            return None;
        };
        for (wire, place, value) in &table.entries {
            if let Value::Text(canonical) = &value.value {
                check_code(block, canonical, &value.place, spec);
                rows.push((wire.clone(), canonical.clone()));
            } else {
                block.report(place.error(
                    "connect::wrong_type",
                    format!("the meaning of `{wire}` must be a text"),
                    "here",
                ));
            }
        }
    }
    if let Some((name, place)) = named {
        rows.extend(code_file(block, name, place, spec, reading));
    }
    let other = block.text_at("other").and_then(|(text, place)| {
        if text == "quarantine" {
            return None;
        }
        check_code(block, text, place, spec);
        Some(text.into())
    });
    total(block, &rows, other.as_deref(), spec);
    Some(Converter::Code { table: CodeTable::new(rows), other })
}

/// Every code of the column has a wire code, or the manifest says that this institution never sends it.
fn total(block: &Block<'_>, rows: &[(String, String)], other: Option<&str>, spec: Option<&ColumnSpec>) {
    let never = block.texts("never").unwrap_or_default();
    let sent = |code: &str| other == Some(code) || rows.iter().any(|(_, canonical)| canonical == code);
    for (code, place) in &never {
        check_code(block, code, place, spec);
        if sent(code) {
            let text = format!("`{code}` is never sent, and has a wire code");
            block.report(place.error("connect::code_is_sent", text, "here").help("remove it from one of the two"));
        }
    }
    let Some(spec) = spec else { return };
    let lacks = |code: &&String| !sent(code) && !never.iter().any(|(n, _)| n == code);
    let lacking: Vec<&str> = spec.codes.keys().filter(lacks).map(String::as_str).collect();
    if !lacking.is_empty() {
        let text = format!("no wire code means {}", lacking.join(" or "));
        let list = lacking.iter().map(|code| format!("\"{code}\"")).collect::<Vec<_>>().join(", ");
        block.report(
            block
                .place()
                .warning("connect::codes_not_total", text, "its table")
                .help(format!("complete the table, or say never = [{list}] if this institution never sends it")),
        );
    }
}

/// A CSV of `wire,canonical,title`.
fn code_file(
    block: &Block<'_>,
    name: &str,
    place: &Place,
    spec: Option<&ColumnSpec>,
    reading: &Reading<'_>,
) -> Vec<(String, String)> {
    let Some(file) = reading.file_beside(place, name) else { return Vec::new() };
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut offset = 0;
    for (index, line) in file.text.split_inclusive('\n').enumerate() {
        let at = Place { file: file.clone(), span: offset..offset + line.trim_end().len() };
        offset += line.len();
        let cells: Vec<&str> = line.trim_end().split(',').collect();
        if index == 0 {
            if cells.first() != Some(&"wire") || cells.get(1) != Some(&"canonical") {
                block.report(at.error("connect::bad_code_file", "the first line must be wire,canonical,title", "here"));
                return rows;
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let (Some(wire), Some(canonical)) = (cells.first(), cells.get(1)) else {
            block.report(at.error("connect::bad_code_file", "a line is wire,canonical,title", "here"));
            continue;
        };
        if rows.iter().any(|(w, _)| w == wire) {
            block.report(at.error("connect::bad_code_file", format!("code `{wire}` stands twice"), "second time"));
        }
        check_code(block, canonical, &at, spec);
        rows.push(((*wire).to_owned(), (*canonical).to_owned()));
    }
    rows
}

fn check_code(block: &Block<'_>, canonical: &str, place: &Place, spec: Option<&ColumnSpec>) {
    let Some(spec) = spec else { return };
    if spec.ty != ColumnType::Code || spec.codes.is_empty() || spec.codes.contains_key(canonical) {
        return;
    }
    let near = diagnostic::nearest(canonical, spec.codes.keys().map(String::as_str));
    let near = near.map_or_else(String::new, |n| format!("did you mean `{n}`? "));
    let codes = spec.codes.keys().cloned().collect::<Vec<_>>().join(", ");
    block.report(
        place
            .error("connect::unknown_code", format!("`{canonical}` is not one of the column's codes"), "here")
            .help(format!("{near}one of {codes}")),
    );
}

fn check_type(block: &Block<'_>, place: &Place, column: &str, converter: &Converter, spec: Option<&ColumnSpec>) {
    let Some(spec) = spec else {
        if !matches!(converter, Converter::Date { .. }) {
            block.report(place.error("connect::type_mismatch", format!("`{column}` must be a date"), "here"));
        }
        return;
    };
    let open_code = spec.ty == ColumnType::Code && spec.codes.is_empty();
    let fits = match converter {
        Converter::Text | Converter::Trim | Converter::Plate => spec.ty == ColumnType::Text || open_code,
        Converter::IdNumber | Converter::Name | Converter::AreaCode | Converter::Address | Converter::Hash => {
            spec.ty == ColumnType::Text
        }
        Converter::Const { .. } => matches!(spec.ty, ColumnType::Text | ColumnType::Code),
        Converter::Code { .. } => spec.ty == ColumnType::Code,
        Converter::Date { .. } => spec.ty == ColumnType::Date,
        Converter::Month { .. } => spec.ty == ColumnType::Month,
        Converter::Fen { .. } => matches!(spec.ty, ColumnType::Money(_)),
        Converter::Decimal { scale, .. } => {
            spec.ty == ColumnType::Decimal(*scale) || (spec.ty == ColumnType::Area && *scale == 2)
        }
        Converter::Int => spec.ty == ColumnType::Int,
        Converter::Bool { .. } => spec.ty == ColumnType::Bool,
    };
    if !fits {
        let hint = match spec.ty {
            ColumnType::Text => "text, trim, name, id_number, area_code, address, plate or hash".into(),
            ColumnType::Code => "code (or text, if the column's codes are open)".into(),
            ColumnType::Money(_) => "fen, with its unit".into(),
            ColumnType::Area => "decimal(2)".into(),
            ColumnType::Person => "nothing: link people by the echo".into(),
            other => other.to_string(),
        };
        block.report(
            place
                .error(
                    "connect::type_mismatch",
                    format!("`{column}` is {}, and `{}` does not give that", spec.ty, converter.word()),
                    "here",
                )
                .help(format!("convert it by {hint}")),
        );
    }
}
