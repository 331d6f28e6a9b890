//! `[parameter.X]`: one dated value in place, or a table of them.

use hedui_base::ColumnType;
use jiff::civil::Date;
use toml::de::DeValue;

use super::ast::{Literal, ParameterNotes, ParameterSource, RuleBody};
use super::fields::Fields;
use crate::parameters::period;
use crate::spot::{Also as _, Spot, Spotted};

pub(super) fn parameter(fields: &Fields<'_>, cite: Option<String>) -> RuleBody {
    let ty = fields.need_type("type = \"money/month\"").map(|t| t.value);
    let notes = notes(fields, ty);
    let table = fields.text("table");
    let value = fields.literal("value");
    let gap = fields.text("gap");
    let (from, until, confirm_by) = (fields.date("from"), fields.date("until"), fields.date("confirm_by"));
    if let (Some(value), Some(gap)) = (&value, &gap) {
        two_sources(fields, (&value.spot, "a value"), (&gap.spot, "and a gap"));
    }
    let spot = value.as_ref().map(|v| &v.spot).or(gap.as_ref().map(|g| &g.spot)).cloned();
    let source = match (table, spot) {
        (Some(table), None) => ParameterSource::Table(table),
        (None, Some(spot)) => {
            check_inline(fields, cite.is_some(), from, until);
            ParameterSource::Inline {
                value,
                gap: gap.map(|g| g.value).unwrap_or_default(),
                spot,
                confirm_by,
                from: from.unwrap_or(Date::MIN),
                until,
                cite: cite.unwrap_or_default(),
            }
        }
        (Some(table), Some(spot)) => {
            two_sources(fields, (&table.spot, "a table"), (&spot, "and a value"));
            ParameterSource::Missing
        }
        (None, None) => {
            if ["table", "value", "gap"].into_iter().all(|key| fields.get(key).is_none()) {
                fields.missing("table", "table = \"values.csv\"` or `value = .., from = .., cite = ..");
            }
            ParameterSource::Missing
        }
    };
    RuleBody::Parameter { ty, source, notes }
}

fn two_sources(fields: &Fields<'_>, (first, label): (&Spot, &str), (second, other): (&Spot, &str)) {
    fields.reader.push(
        first
            .error("rules::wrong_value", format!("{} has both {label} {other}", fields.what), label)
            .also(second, other)
            .help("keep one of them"),
    );
}

/// What a value in place needs beside it.
fn check_inline(fields: &Fields<'_>, has_cite: bool, from: Option<Date>, until: Option<Date>) {
    if fields.get("from").is_none() {
        fields.missing("from", "from = 2026-01-01");
    }
    if !has_cite {
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
}

fn notes(fields: &Fields<'_>, ty: Option<ColumnType>) -> ParameterNotes {
    let per = fields.text("per").and_then(|word| period(&word, ty, &mut fields.reader.mistakes.borrow_mut()));
    let bound = |key| {
        fields.know(key);
        Some(fields.scaled(key, ty?)?.value)
    };
    let (min, max) = (bound("min"), bound("max"));
    let exemption = fields.bool("exemption").unwrap_or(false);
    if let (true, Some(place), Some(ty)) = (exemption, fields.key_spot("exemption"), ty)
        && ty != ColumnType::Bool
    {
        fields.reader.push(
            place
                .error(
                    "rules::type_mismatch",
                    format!("an exemption is true or false, this is of type {ty}"),
                    "not a bool",
                )
                .help("write type = \"bool\", and use it in a condition"),
        );
    }
    ParameterNotes { per, min, max, exemption, fallback: fallback(fields), scale: None }
}

/// `fallback = { value = .., reason = ".." }`
fn fallback(fields: &Fields<'_>) -> Option<(Spotted<Literal>, String)> {
    let written = fields.get("fallback")?;
    let DeValue::Table(table) = written.get_ref() else {
        fields.reader.wrong_kind(written, "a value and a reason, such as { value = 0.00, reason = \"..\" }");
        return None;
    };
    let spot = fields.reader.spot(written.span());
    let inner = Fields::new(fields.reader, format!("the fallback of {}", fields.what), spot, table);
    if inner.get("value").is_none() {
        inner.missing("value", "value = 0.00");
    }
    let value = inner.literal("value");
    let reason = inner.need_text("reason", "reason = \"..\"");
    inner.finish();
    Some((value?, reason?.value))
}
