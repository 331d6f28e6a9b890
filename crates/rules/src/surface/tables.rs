//! One table of a pack, by kind: `[parameter.X]`, `[input.X]`, `[fact.X]` and so on.

use std::collections::BTreeMap;

use hedui_base::catalogue::{NullMeaning, Per, Title};
use hedui_base::{ColumnSpec, Dataset};
use toml::de::{DeTable, DeValue};

use super::allow::allow;
use super::ast::{Rule, RuleBody, TestCheck};
use super::fields::{Fields, Reader};
use super::parameter::parameter;
use super::scale::scale;
use super::versions::versions;
use crate::program::{Entity, FlagSeverity, FollowUp, Relation};
use crate::spot::Spotted;

/// A table that declares a rule.
pub(super) fn rule(reader: &Reader, word: &str, name: Spotted<String>, table: &DeTable<'_>) -> Rule {
    let what = if word == "score" { "[score]".to_owned() } else { format!("[{word}.{}]", name.value) };
    let fields = Fields::new(reader, what, name.spot.clone(), table);
    let overrides = fields
        .bool("override")
        .filter(|on| *on)
        .map(|_| fields.key_spot("override").unwrap_or_else(|| name.spot.clone()));
    let title = fields.title();
    let allow = allow(&fields);
    if title.is_none() && fields.get("title").is_none() && word != "score" {
        if ["parameter", "scale", "input", "flag", "scheme"].contains(&word) {
            fields.missing("title", "title = { zh = \"..\" }");
        } else if !allow.iter().any(|a| a.lint.value == "missing_title") {
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
        "scale" => scale(&fields),
        "input" => {
            let default = fields.literal("default");
            let receipt = fields.get("means").is_some() && fields.word("means", &[("receipt", ())]).is_some();
            RuleBody::Input {
                receipt,
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
            entity: if fields.get("entity").is_some() { fields.entity() } else { Some(Entity::Household) },
            order: fields.int("order").unwrap_or_else(|| {
                if fields.get("order").is_none() {
                    fields.missing("order", "order = 1");
                }
                0
            }),
            when: fields.need_formula("when", "when = \"a_test AND another_test\""),
            amount: fields.formula("amount"),
            recheck_months: fields.formula("recheck_months"),
            until: fields.formula("until"),
        },
        _ => RuleBody::Score { formula: fields.need_formula("formula", "formula = \"100 - 10 * flags_high\"") },
    };
    let versions = versions(&fields, &body);
    fields.finish();
    let title_en = title.as_ref().map(|t| t.en.clone()).unwrap_or_default();
    let title =
        title.map(|t| t.zh).unwrap_or_else(|| if word == "score" { "评分".to_owned() } else { name.value.clone() });
    Rule { name, overrides, title, title_en, cite, allow, body, versions }
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
    let bound = |key| fields.scaled(key, ty?).map(|bound| bound.value);
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

pub(super) fn dataset(reader: &Reader, name: &Spotted<String>, table: &DeTable<'_>) -> Option<Dataset> {
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
