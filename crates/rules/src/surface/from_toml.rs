//! Files and tables: from the text of one pack to [`Pack`].

use std::collections::BTreeMap;

use hedui_base::catalogue::{NullMeaning, Per, Title};
use hedui_base::diagnostic::nearest;
use hedui_base::{ColumnSpec, Dataset, Diagnostic};
use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::ast::{Head, Literal, Lost, Pack, ParameterSource, Rule, RuleBody, TestCheck};
use super::fields::{Fields, Reader};
use crate::folder::PackFolder;
use crate::program::{Entity, FlagSeverity, FollowUp, Relation};
use crate::spot::{Spot, Spotted};
use crate::value;

const TABLES: [&str; 9] = ["parameter", "input", "dataset", "fact", "variable", "test", "flag", "scheme", "score"];

/// Reads the rules of a pack. Mistakes are pushed; what is wrong is left out or stands as an error in the tree.
pub fn from_toml(folder: &PackFolder, mistakes: &mut Vec<Diagnostic>) -> Pack {
    let mut pack = Pack { head: empty_head(folder), rules: Vec::new(), datasets: Vec::new(), lost: Lost::default() };
    let (mut has_head, mut unreadable_head) = (false, false);
    for file in &folder.files {
        let name = folder.name_within(file);
        if name.starts_with("cases/") || !name.ends_with(".toml") {
            continue;
        }
        let reader = Reader::new(file);
        let mut readable = true;
        let document = parse_document(&reader, &mut readable);
        if !readable {
            pack.lost.note(&file.text);
            unreadable_head |= name == "pack.toml";
        }
        for (key, value) in document.iter() {
            let spot = reader.spot(key.span());
            let word = key.get_ref().as_ref();
            match (word, value.get_ref()) {
                ("pack", DeValue::Table(table)) if name == "pack.toml" => {
                    has_head = true;
                    pack.head = head(&reader, folder, spot, table);
                }
                ("score", DeValue::Table(table)) => {
                    pack.rules.push(rule(&reader, "score", Spotted { value: "score".to_owned(), spot }, table));
                }
                (word, DeValue::Table(tables)) if TABLES.contains(&word) => {
                    named_tables(&reader, word, spot, tables, &mut pack);
                }
                (word, _) if word == "pack" || TABLES.contains(&word) => {
                    reader.push(
                        spot.error("rules::wrong_value", format!("`{word}` has to be a table here"), "not a table")
                            .help(format!("write [{word}.NAME] above its keys; [pack] belongs into pack.toml")),
                    );
                }
                // A key that lost its table is no mistake of its own.
                (_, value) if !readable && value.as_table().is_none_or(|t| t.is_empty()) => {}
                (word, _) => {
                    let help = nearest(word, TABLES).map_or_else(
                        || format!("a pack has tables [X.NAME] where X is one of {}", TABLES.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    reader.push(
                        spot.error("rules::unknown_key", format!("a pack has no table `{word}`"), "unknown table")
                            .help(help),
                    );
                }
            }
        }
        mistakes.extend(without_echoes(reader.mistakes.into_inner()));
    }
    if !has_head && !unreadable_head {
        mistakes.push(
            Diagnostic::error("rules::missing_key", format!("pack `{}` has no [pack] in a pack.toml", folder.id))
                .help("add pack.toml with [pack] id, title, version, from (and area, extends for a local pack)"),
        );
    }
    pack
}

/// Reads `[pack]` alone, without telling mistakes: enough to choose a pack by area and day.
pub(crate) fn read_head(folder: &PackFolder) -> Option<Head> {
    let reader = Reader::new(folder.file("pack.toml")?);
    let document = parse_document(&reader, &mut true);
    let table = document.get("pack")?.get_ref().as_table()?;
    let head = head(&reader, folder, reader.spot(0..0), table);
    reader.mistakes.into_inner().iter().all(|m| !m.is_error()).then_some(head)
}

/// Parses TOML as far as it can be understood; `readable` becomes false if something may have been lost.
pub(crate) fn parse_document<'t>(reader: &'t Reader, readable: &mut bool) -> DeTable<'t> {
    let text = reader.file.text.as_str();
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut repeated_header = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        if !error.message().contains("duplicate key") {
            *readable = false;
            reader.push(
                reader
                    .spot(span)
                    .error("rules::toml", format!("this is not TOML: {}", error.message()), "here")
                    .help("write `key = value`; texts in double quotes, several lines in ''' quotes"),
            );
            continue;
        }
        let header = section(text, span.start);
        if repeated_header == Some(header) {
            continue; // All keys below a repeated header are repeated too.
        }
        if header <= span.start && !text[header..span.start].contains('\n') {
            repeated_header = Some(header);
        }
        let name = text.get(span.clone()).unwrap_or("");
        let mut mistake = reader.spot(span.clone()).error(
            "rules::duplicate_key",
            format!("`{name}` stands twice in this file"),
            "second",
        );
        if let Some(first) = first_of(text, &span, header) {
            mistake = mistake.at(&reader.file, first, "first");
        }
        reader.push(mistake.help("a name stands only once; rename one of them or remove it"));
    }
    document.into_inner()
}

/// Where the line of the table header above a place begins; the start of the text if there is none.
fn section(text: &str, at: usize) -> usize {
    let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
    if text[line..].trim_start().starts_with('[') {
        return line;
    }
    text[..line]
        .match_indices('\n')
        .map(|(n, _)| n + 1)
        .chain([0])
        .filter(|n| text[*n..].starts_with('['))
        .max()
        .unwrap_or(0)
}

/// Where a repeated key stood first: as the same header above, or as a key of the same section.
fn first_of(text: &str, span: &std::ops::Range<usize>, header: usize) -> Option<std::ops::Range<usize>> {
    let name = text.get(span.clone())?;
    let line = text[..span.start].rfind('\n').map_or(0, |n| n + 1);
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(n, _)| n + 1));
    let found = if line == header {
        let whole = text[line..].lines().next()?.trim_end();
        starts.take_while(|n| *n < line).find(|n| text[*n..].lines().next().is_some_and(|l| l.trim_end() == whole))?
    } else {
        let is_key = |l: &str| l.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
        starts.filter(|n| (header..line).contains(n)).find(|n| text[*n..].lines().next().is_some_and(is_key))?
    };
    let start = found + text[found..].find(name)?;
    Some(start..start + name.len())
}

/// Leaves out what only follows from TOML that could not be read: other remarks on the same lines, and keys that
/// lost their table.
fn without_echoes(mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let line = |m: &Diagnostic| m.labels.first().map(|l| l.file.line_column(l.span.start).0);
    let broken: Vec<_> = mistakes.iter().filter(|m| m.code == "rules::toml").map(line).collect();
    mistakes.into_iter().filter(|m| m.code == "rules::toml" || !broken.contains(&line(m))).collect()
}

fn empty_head(folder: &PackFolder) -> Head {
    Head {
        id: folder.id.clone(),
        title: Title::default(),
        area: None,
        extends: None,
        version: String::new(),
        from: Date::MIN,
        until: None,
    }
}

fn head(reader: &Reader, folder: &PackFolder, spot: Spot, table: &DeTable<'_>) -> Head {
    let fields = Fields::new(reader, "[pack]", spot, table);
    if let Some(id) = fields.need_text("id", &format!("id = \"{}\"", folder.id))
        && id.value != folder.id
    {
        reader.push(
            id.spot
                .error(
                    "rules::pack_id",
                    format!("pack `{}` lies in the folder `{}`", id.value, folder.id),
                    "another name",
                )
                .help("a pack is named as its folder"),
        );
    }
    let title = fields.title().unwrap_or_else(|| {
        if fields.get("title").is_none() {
            fields.missing("title", "title = { zh = \"..\" }");
        }
        Title::default()
    });
    let area = fields.text("area").and_then(|text| value::area(&text).map_err(|mistake| reader.push(mistake)).ok());
    let from = fields.need_date("from", "from = 2026-01-01");
    let until = fields.date("until");
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        reader.push(
            fields
                .key_spot("until")
                .unwrap_or_else(|| fields.spot.clone())
                .error(
                    "rules::until_before_from",
                    format!("the pack ends on {until}, before it begins on {from}"),
                    "ends too early",
                )
                .help("`until` is the last day in force; leave it out while there is none"),
        );
    }
    let head = Head {
        id: folder.id.clone(),
        title,
        area,
        extends: fields.text("extends"),
        version: fields.need_text("version", "version = \"2026.1\"").map(|v| v.value).unwrap_or_default(),
        from: from.unwrap_or(Date::MIN),
        until,
    };
    let _ = fields.cite();
    fields.finish();
    head
}

fn named_tables(reader: &Reader, word: &str, spot: Spot, tables: &DeTable<'_>, pack: &mut Pack) {
    for (key, value) in tables.iter() {
        let name = Spotted { value: key.get_ref().to_string(), spot: reader.spot(key.span()) };
        let DeValue::Table(table) = value.get_ref() else {
            reader.push(
                spot.clone()
                    .error("rules::wrong_value", format!("[{word}] needs a name"), "no name")
                    .help(format!("write [{word}.NAME] and its keys below")),
            );
            return;
        };
        check_name(reader, word, &name);
        if word == "dataset" {
            if let Some(dataset) = dataset(reader, &name, table) {
                pack.datasets.push((name, dataset));
            }
        } else {
            pack.rules.push(rule(reader, word, name, table));
        }
    }
}

fn check_name(reader: &Reader, word: &str, name: &Spotted<String>) {
    const TAKEN: [&str; 9] =
        ["as_of", "residence", "is_member", "member", "obligor", "household", "score", "true", "false"];
    let plain = name.value.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        reader.push(
            name.spot
                .error("rules::bad_name", format!("`{}` cannot be a name", name.value), "not a name")
                .help("names are ASCII letters, digits and _, and begin with a letter; Chinese belongs into `title`"),
        );
    } else if TAKEN.contains(&name.value.as_str()) {
        reader.push(
            name.spot
                .error("rules::bad_name", format!("`{}` is a word of the rule language", name.value), "taken")
                .help(format!("choose another name for this {word}")),
        );
    }
}

fn rule(reader: &Reader, word: &str, name: Spotted<String>, table: &DeTable<'_>) -> Rule {
    let what = if word == "score" { "[score]".to_owned() } else { format!("[{word}.{}]", name.value) };
    let fields = Fields::new(reader, what, name.spot.clone(), table);
    let overrides = fields
        .bool("override")
        .filter(|on| *on)
        .map(|_| fields.key_spot("override").unwrap_or_else(|| name.spot.clone()));
    let title = fields.title();
    if title.is_none() && fields.get("title").is_none() && word != "score" {
        if ["parameter", "input", "flag", "scheme"].contains(&word) {
            fields.missing("title", "title = { zh = \"..\" }");
        } else {
            reader.push(
                name.spot
                    .warning("rules::missing_title", format!("{} has no title", fields.what), "no Chinese title")
                    .help("add `title = { zh = \"..\" }`: reports and calculation sheets print it"),
            );
        }
    }
    let cite = fields.cite();
    let body = match word {
        "parameter" => parameter(&fields, cite.clone()),
        "input" => {
            let default = fields.literal("default");
            RuleBody::Input {
                entity: fields.need_entity(),
                spec: column_spec(&fields, title.clone().unwrap_or_default()),
                default,
            }
        }
        "fact" => RuleBody::Fact {
            entity: fields.need_entity(),
            from: fields.need_text("from", "from = \"deposit\""),
            filter: fields.formula("where"),
            value: fields.need_formula("value", "value = \"SUM(balance)\""),
        },
        "variable" => RuleBody::Variable {
            entity: fields.need_entity(),
            ty: fields.need_type("type = \"money/month\""),
            formula: fields.need_formula("formula", "formula = \"..\""),
        },
        "test" => RuleBody::Test {
            entity: if fields.get("entity").is_some() { fields.entity() } else { Some(Entity::Household) },
            check: test_check(&fields),
        },
        "flag" => flag(&fields, cite.is_some()),
        "scheme" => RuleBody::Scheme {
            order: fields.int("order").unwrap_or_else(|| {
                if fields.get("order").is_none() {
                    fields.missing("order", "order = 1");
                }
                0
            }),
            when: fields.need_formula("when", "when = \"a_test AND another_test\""),
            amount: fields.formula("amount"),
            recheck_months: fields.formula("recheck_months"),
        },
        _ => RuleBody::Score { formula: fields.need_formula("formula", "formula = \"100 - 10 * flags_high\"") },
    };
    fields.finish();
    let title =
        title.map(|t| t.zh).unwrap_or_else(|| if word == "score" { "评分".to_owned() } else { name.value.clone() });
    Rule { name, overrides, title, cite, body }
}

fn parameter(fields: &Fields<'_>, cite: Option<String>) -> RuleBody {
    let ty = fields.need_type("type = \"money/month\"").map(|t| t.value);
    let table = fields.text("table");
    let value = fields.literal("value");
    let (from, until) = (fields.date("from"), fields.date("until"));
    let source = match (table, value) {
        (Some(table), None) => ParameterSource::Table(table),
        (None, Some(value)) => {
            if fields.get("from").is_none() {
                fields.missing("from", "from = 2026-01-01");
            }
            if cite.is_none() {
                fields.reader.push(
                    fields
                        .spot
                        .error(
                            "rules::missing_cite",
                            format!("{} does not say where its value was published", fields.what),
                            "no `cite`",
                        )
                        .help("add `cite = \"document, number, article\"`: every policy value has its source"),
                );
            }
            if let (Some(from), Some(until)) = (from, until)
                && until < from
            {
                fields.reader.push(
                    fields
                        .key_spot("until")
                        .unwrap_or_else(|| fields.spot.clone())
                        .error(
                            "rules::until_before_from",
                            format!("ends on {until}, before it begins on {from}"),
                            "ends too early",
                        )
                        .help("`until` is the last day the value holds"),
                );
            }
            ParameterSource::Inline { value, from: from.unwrap_or(Date::MIN), until, cite: cite.unwrap_or_default() }
        }
        (Some(table), Some(value)) => {
            fields.reader.push(
                table
                    .spot
                    .error("rules::wrong_value", format!("{} has both a table and a value", fields.what), "a table")
                    .at(&value.spot.file, value.spot.span, "and a value")
                    .help("keep one of them"),
            );
            ParameterSource::Missing
        }
        (None, None) => {
            if fields.get("table").is_none() && fields.get("value").is_none() {
                fields.missing("table", "table = \"values.csv\"` or `value = .., from = .., cite = ..");
            }
            ParameterSource::Missing
        }
    };
    RuleBody::Parameter { ty, source }
}

fn test_check(fields: &Fields<'_>) -> TestCheck {
    const RELATIONS: [(&str, Relation); 4] = [
        ("below", Relation::Below),
        ("at_most", Relation::AtMost),
        ("above", Relation::Above),
        ("at_least", Relation::AtLeast),
    ];
    let limits: Vec<_> =
        RELATIONS.into_iter().filter_map(|(key, r)| fields.get(key).map(|value| (key, r, value))).collect();
    if fields.get("when").is_some() {
        let when = fields.need_formula("when", "");
        if let Some((key, ..)) = limits.first() {
            let place = fields.key_spot(key).unwrap_or_else(|| fields.spot.clone());
            fields.reader.push(
                place
                    .error(
                        "rules::test_shape",
                        format!("{} has `when` and `{key}`", fields.what),
                        "a limit beside `when`",
                    )
                    .help("a test is either `value` with one of below, at_most, above, at_least, or `when` alone"),
            );
        } else if fields.get("value").is_some() {
            fields.reader.push(
                fields
                    .key_spot("value")
                    .unwrap_or_else(|| fields.spot.clone())
                    .error(
                        "rules::test_shape",
                        format!("{} has `when` and `value`", fields.what),
                        "a value beside `when`",
                    )
                    .help("a test is either `value` with one of below, at_most, above, at_least, or `when` alone"),
            );
        }
        return TestCheck::When(when);
    }
    let value = fields.need_formula("value", "value = \"income_per_capita\"");
    match limits.as_slice() {
        [(key, relation, _)] => TestCheck::Limit { value, relation: *relation, limit: fields.need_formula(key, "") },
        [] => {
            fields.missing("below", "below = \"..\"` (or at_most, above, at_least), or `when = \"..\"");
            TestCheck::Limit { value, relation: Relation::Below, limit: fields.broken_formula() }
        }
        [(first, relation, _), (second, ..), ..] => {
            let place = |key: &str| fields.key_spot(key).unwrap_or_else(|| fields.spot.clone());
            let other = place(second);
            fields.reader.push(
                place(first)
                    .error(
                        "rules::test_shape",
                        format!("{} has two limits, `{first}` and `{second}`", fields.what),
                        "one",
                    )
                    .at(&other.file, other.span, "two")
                    .help("make two tests, and join them with AND where they are used"),
            );
            TestCheck::Limit { value, relation: *relation, limit: fields.need_formula(first, "") }
        }
    }
}

fn flag(fields: &Fields<'_>, has_cite: bool) -> RuleBody {
    let severities = FlagSeverity::ALL.map(|s| (s.as_str(), s));
    let follow_ups = FollowUp::ALL.map(|f| (f.as_str(), f));
    if !has_cite && fields.get("cite").is_none() {
        fields.reader.push(
            fields
                .spot
                .error("rules::missing_cite", format!("{} has no `cite`", fields.what), "no `cite`")
                .help("add the clause it rests on, or cite = \"[design]\" for an indicator of our own"),
        );
    }
    if fields.get("evidence").is_none() {
        fields.missing("evidence", "evidence = [\"vehicle\"]");
    }
    RuleBody::Flag {
        entity: fields.need_entity(),
        when: fields.need_formula("when", "when = \"..\""),
        declared: fields.formula("declared"),
        found: fields.formula("found"),
        severity: fields.need_word("severity", &severities, "severity = \"high\""),
        follow_up: fields.need_word("follow_up", &follow_ups, "follow_up = \"desk\""),
        evidence: fields.texts("evidence"),
    }
}

/// Type, unit, bounds and null meaning of an input or a column.
fn column_spec(fields: &Fields<'_>, title: Title) -> Option<ColumnSpec> {
    let ty = fields.need_type("type = \"money/month\"").map(|t| t.value);
    let null = if fields.get("null").is_some() {
        fields.word("null", &[("unknown", NullMeaning::Unknown), ("none", NullMeaning::None)])
    } else {
        Some(NullMeaning::Unknown)
    };
    let bound = |key: &'static str| {
        let literal = fields.literal(key)?;
        let Literal::Number(number) = &literal.value else {
            fields.reader.push(literal.spot.error(
                "rules::wrong_value",
                format!("`{key}` is a number"),
                "not a number",
            ));
            return None;
        };
        match value::scaled(*number, ty?.scale()) {
            Ok(bound) => Some(bound),
            Err(why) => {
                let message = format!("`{key}` does not fit its type");
                let mistake = literal.spot.error("rules::bad_value", message, why);
                fields.reader.push(mistake.help("write it in whole units of the type, such as yuan"));
                None
            }
        }
    };
    let (min, max) = (bound("min"), bound("max"));
    let codes = codes(fields);
    let level = fields.text("level").map_or_else(|| "L3".to_owned(), |t| t.value);
    let mzt073 = fields.text("mzt073").map(|t| t.value);
    Some(ColumnSpec { title, ty: ty?, null: null.unwrap_or_default(), min, max, codes, level, mzt073 })
}

/// `codes = { self = "本人", .. }`, or a list of codes.
fn codes(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(value) = fields.get("codes") else { return BTreeMap::new() };
    match value.get_ref() {
        DeValue::Array(_) => fields.reader.texts(value).into_iter().map(|t| (t.value.clone(), t.value)).collect(),
        DeValue::Table(table) => table
            .iter()
            .filter_map(|(key, title)| Some((key.get_ref().to_string(), fields.reader.text(title)?.value)))
            .collect(),
        _ => {
            fields.reader.wrong_kind(value, "codes and titles, such as { urban = \"城镇\", rural = \"农村\" }");
            BTreeMap::new()
        }
    }
}

fn dataset(reader: &Reader, name: &Spotted<String>, table: &DeTable<'_>) -> Option<Dataset> {
    let fields = Fields::new(reader, format!("[dataset.{}]", name.value), name.spot.clone(), table);
    let title = fields.title();
    if title.is_none() && fields.get("title").is_none() {
        fields.missing("title", "title = { zh = \"..\" }");
    }
    let per = fields.need_word(
        "per",
        &[("person", Per::Person), ("household", Per::Household), ("account", Per::Account)],
        "per = \"person\"",
    );
    let key = fields.texts("key");
    let mut columns = BTreeMap::new();
    let mut whole = true;
    match fields.get("column").map(toml::Spanned::get_ref) {
        Some(DeValue::Table(written)) => {
            for (column, value) in written.iter() {
                let spot = reader.spot(column.span());
                let DeValue::Table(table) = value.get_ref() else {
                    reader.wrong_kind(value, "a column's keys");
                    continue;
                };
                let what = format!("[dataset.{}.column.{}]", name.value, column.get_ref());
                let fields = Fields::new(reader, what, spot, table);
                let title = fields.title().unwrap_or_default();
                match column_spec(&fields, title) {
                    Some(spec) => {
                        columns.insert(column.get_ref().to_string(), spec);
                    }
                    None => whole = false,
                }
                fields.finish();
            }
        }
        _ => fields.missing("column", &format!("[dataset.{}.column.NAME]", name.value)),
    }
    for key in key.iter().filter(|k| whole && !columns.contains_key(&k.value)) {
        reader.push(
            key.spot
                .error(
                    "rules::undefined_name",
                    format!("key `{}` is no column of this dataset", key.value),
                    "no such column",
                )
                .help(format!("columns: {}", columns.keys().cloned().collect::<Vec<_>>().join(", "))),
        );
    }
    fields.finish();
    Some(Dataset {
        name: name.value.clone(),
        title: title.unwrap_or_default(),
        per: per?,
        key: key.into_iter().map(|k| k.value).collect(),
        columns,
    })
}
