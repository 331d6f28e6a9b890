//! What must come out of a case.

use hedui_base::ColumnType;
use toml::Spanned;
use toml::de::DeValue;

use super::ast::{Expect, Expected, ExpectedValue};
use super::from_toml::{Context, key_spot};
use crate::program::{Entity, ParameterValue};
use crate::resolved::Named;
use crate::spot::Spotted;
use crate::value;

type Value<'t> = Spanned<DeValue<'t>>;

/// `expect` of a case.
pub(super) fn household(context: &Context<'_>, value: &Value<'_>) -> Expect {
    let mut expect = Expect::default();
    let Some(table) = value.get_ref().as_table() else {
        context.reader.wrong_kind(value, "names and values, such as { dibao = \"met\" }");
        return expect;
    };
    let flags: Vec<&str> = context.pack.flags.iter().map(|f| f.name.as_str()).collect();
    let schemes: Vec<&str> = context.pack.schemes.iter().map(|s| s.name.as_str()).collect();
    let known = |what: &str, list: &[&str], names: Vec<Spotted<String>>| {
        names
            .into_iter()
            .inspect(|name| {
                if !list.contains(&name.value.as_str()) {
                    context.unknown(what, name, list);
                }
            })
            .map(|name| name.value)
            .collect::<Vec<_>>()
    };
    for (key, item) in table.iter() {
        let name = Spotted { value: key.get_ref().to_string(), spot: key_spot(context, key) };
        match name.value.as_str() {
            "flags" => expect.flags = known("flag", &flags, context.reader.texts(item)),
            "no_flags" => expect.no_flags = known("flag", &flags, context.reader.texts(item)),
            "possible" => expect.possible = Some(known("scheme", &schemes, context.reader.texts(item))),
            "waiting_on" => {
                expect.waiting_on = Some(context.reader.texts(item).into_iter().map(|t| t.value).collect());
            }
            "category" => {
                if let Some(text) = context.reader.text(item) {
                    let none = text.value.is_empty();
                    let names = if none { vec![text.value] } else { known("scheme", &schemes, vec![text]) };
                    expect.category = names.into_iter().next();
                }
            }
            "margin" => expect.margins = margins(context, item),
            _ => expect.values.extend(expected(context, name, item, Entity::Household)),
        }
    }
    expect
}

/// `expect` of a person.
pub(super) fn person(context: &Context<'_>, value: &Value<'_>) -> Vec<ExpectedValue> {
    let Some(table) = value.get_ref().as_table() else {
        context.reader.wrong_kind(value, "names and values, such as { net_income_month = 900.00 }");
        return Vec::new();
    };
    table
        .iter()
        .filter_map(|(key, item)| {
            let name = Spotted { value: key.get_ref().to_string(), spot: key_spot(context, key) };
            expected(context, name, item, Entity::Person)
        })
        .collect()
}

/// Margins by test, in the scale of the test's value.
fn margins(context: &Context<'_>, value: &Value<'_>) -> Vec<ExpectedValue> {
    let Some(table) = value.get_ref().as_table() else {
        context.reader.wrong_kind(value, "tests and margins, such as { income_below_standard = 12.00 }");
        return Vec::new();
    };
    let mut margins = Vec::new();
    for (key, item) in table.iter() {
        let name = Spotted { value: key.get_ref().to_string(), spot: key_spot(context, key) };
        let test = context.pack.tests.iter().find(|t| t.name == name.value);
        let Some((node, ..)) = test.and_then(|t| t.limit) else {
            let known: Vec<&str> =
                context.pack.tests.iter().filter(|t| t.limit.is_some()).map(|t| t.name.as_str()).collect();
            context.unknown("test with a limit", &name, &known);
            continue;
        };
        let Some(ty) = context.types.types[node.0] else { continue };
        // The margin of dates and months is a number of days or months.
        let ty = if matches!(ty, ColumnType::Date | ColumnType::Month) { ColumnType::Int } else { ty };
        if let Some(value) = expected_value(context, item, ty) {
            margins.push(ExpectedValue { step: name.value.clone(), line: name.spot.line(), name: name.value, value });
        }
    }
    margins
}

/// One name and its value.
fn expected(context: &Context<'_>, name: Spotted<String>, item: &Value<'_>, entity: Entity) -> Option<ExpectedValue> {
    let Some(Named::Step(node)) = context.pack.names.get(&name.value).copied() else {
        let steps = context.pack.names.iter().filter_map(|(n, named)| match named {
            Named::Step(node) if context.pack.steps[node.0].entity == Some(entity) => Some(n.as_str()),
            _ => None,
        });
        let mut known: Vec<&str> = steps.collect();
        if entity == Entity::Household {
            known.extend(["flags", "no_flags", "possible", "waiting_on", "category", "margin"]);
        }
        context.unknown("variable, test or scheme", &name, &known);
        return None;
    };
    let step = &context.pack.steps[node.0];
    if step.entity.is_some_and(|e| e != entity) {
        let (whose, help) = match entity {
            Entity::Household => ("a person", "write it inside the person: member = [{ .., expect = { .. } }]"),
            Entity::Person => ("the household", "write it in the `expect` of the case"),
        };
        context.reader.push(
            name.spot
                .error("rules::case_wrong_place", format!("`{}` belongs to {whose}", name.value), "not here")
                .help(help),
        );
        return None;
    }
    let value = expected_value(context, item, context.types.types[node.0]?)?;
    Some(ExpectedValue { step: step.name.value.clone(), line: name.spot.line(), name: name.value, value })
}

fn expected_value(context: &Context<'_>, item: &Value<'_>, ty: ColumnType) -> Option<Expected> {
    let known = |n: i64| Some(Expected::Value(ParameterValue::Int(n)));
    match (item.get_ref(), ty) {
        (DeValue::String(text), ColumnType::Bool) => match text.as_ref() {
            "met" => known(1),
            "not_met" => known(0),
            "undetermined" | "unknown" => Some(Expected::Unknown),
            _ => {
                context.reader.push(
                    context
                        .reader
                        .spot(item.span())
                        .error("rules::case_bad_value", format!("`{text}` is no result"), "not a result")
                        .help("write met, not_met or undetermined"),
                );
                None
            }
        },
        (DeValue::String(text), _) if text == "unknown" => Some(Expected::Unknown),
        (DeValue::String(text), _) if text == "none" => Some(Expected::None),
        (DeValue::Table(table), ty) if ty.is_int() => {
            let mut bounds = [None, None];
            for (key, bound) in table.iter() {
                let at = match key.get_ref().as_ref() {
                    "at_least" => 0,
                    "at_most" => 1,
                    _ => {
                        let name = Spotted { value: key.get_ref().to_string(), spot: key_spot(context, key) };
                        context.unknown("bound", &name, &["at_least", "at_most"]);
                        return None;
                    }
                };
                let literal = context.reader.literal(bound)?;
                match value::typed(&literal.value, ty) {
                    Ok(ParameterValue::Int(n)) => bounds[at] = Some(n),
                    _ => {
                        context.typed(bound, ty);
                        return None;
                    }
                }
            }
            Some(Expected::Between(bounds[0], bounds[1]))
        }
        _ => context.typed(item, ty).map(Expected::Value),
    }
}
