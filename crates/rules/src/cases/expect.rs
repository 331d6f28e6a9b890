//! What must come out of a case.

use hedui_base::ColumnType;
use toml::Spanned;
use toml::de::DeValue;

use super::ast::{CasePerson, Expect, Expected, ExpectedValue};
use super::from_toml::{Context, key_spot};
use crate::program::{Entity, ParameterValue};
use crate::resolved::{self, Named};
use crate::spot::{Also as _, Spotted};
use crate::value;

type Value<'t> = Spanned<DeValue<'t>>;

/// `expect` of a case.
pub(super) fn household(context: &Context<'_>, value: &Value<'_>) -> Expect {
    let mut expect = Expect::default();
    let Some(table) = value.get_ref().as_table() else {
        context.reader.wrong_kind(value, "names and values, such as { dibao = \"met\" }");
        return expect;
    };
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
    let mut flags = Flags::default();
    for (key, item) in table.iter() {
        let name = Spotted { value: key.get_ref().to_string(), spot: key_spot(context, key) };
        match name.value.as_str() {
            "flags" => flags.raised = context.reader.texts(item),
            "no_flags" => flags.not_raised = context.reader.texts(item),
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
            "margin" => expect.margins = margins(context, item, Entity::Household),
            "assumed" => {
                let steps: Vec<&str> = context.pack.steps.iter().map(|step| step.name.value.as_str()).collect();
                expect.assumed = Some(known("rule", &steps, context.reader.texts(item)));
            }
            "error" => expect.error = texts(context, item),
            _ => expect.values.extend(expected(context, name, item, Entity::Household)),
        }
    }
    (expect.flags, expect.no_flags) = flags.checked(context, Entity::Household);
    if expect.error.is_some() && table.len() > 1 {
        context.reader.push(
            context
                .reader
                .spot(value.span())
                .error("rules::case_bad_value", "a case that cannot be computed has no values", "`error` and more")
                .help("expect the error alone; write another case for the values"),
        );
    }
    expect
}

/// One text or several.
fn texts(context: &Context<'_>, value: &Value<'_>) -> Option<Vec<String>> {
    if value.get_ref().is_array() {
        return Some(context.reader.texts(value).into_iter().map(|text| text.value).collect());
    }
    context.reader.text(value).map(|text| vec![text.value])
}

/// Flags as a case lists them.
#[derive(Default)]
struct Flags {
    raised: Vec<Spotted<String>>,
    not_raised: Vec<Spotted<String>>,
}

impl Flags {
    /// Their names, if there are such flags; for a person only those of persons.
    fn checked(self, context: &Context<'_>, entity: Entity) -> (Vec<String>, Vec<String>) {
        let of = |flag: &&resolved::Flag| {
            entity == Entity::Household || context.pack.steps[flag.when.0].entity != Some(Entity::Household)
        };
        let known: Vec<&str> = context.pack.flags.iter().filter(of).map(|flag| flag.name.as_str()).collect();
        for name in self.raised.iter().chain(&self.not_raised) {
            let household = context.pack.flags.iter().any(|flag| flag.name == name.value);
            match known.contains(&name.value.as_str()) {
                true => {}
                false if household => wrong_place(context, name, entity),
                false => context.unknown("flag", name, &known),
            }
        }
        for name in &self.not_raised {
            if let Some(raised) = self.raised.iter().find(|raised| raised.value == name.value) {
                context.reader.push(
                    name.spot
                        .error(
                            "rules::case_bad_value",
                            format!("`{}` cannot be both raised and not raised", name.value),
                            "not raised",
                        )
                        .also(&raised.spot, "raised")
                        .help("keep it in `flags` or in `no_flags`"),
                );
            }
        }
        let names = |list: Vec<Spotted<String>>| list.into_iter().map(|name| name.value).collect();
        (names(self.raised), names(self.not_raised))
    }
}

fn wrong_place(context: &Context<'_>, name: &Spotted<String>, entity: Entity) {
    let (whose, help) = match entity {
        Entity::Household => ("a person", "write it inside the person: member = [{ .., expect = { .. } }]"),
        Entity::Person => ("the household", "write it in the `expect` of the case"),
    };
    context.reader.push(
        name.spot
            .error("rules::case_wrong_place", format!("`{}` belongs to {whose}", name.value), "not here")
            .help(help),
    );
}

/// `expect` of a person.
pub(super) fn person(context: &Context<'_>, value: &Value<'_>, person: &mut CasePerson) {
    let Some(table) = value.get_ref().as_table() else {
        return context.reader.wrong_kind(value, "names and values, such as { net_income_month = 900.00 }");
    };
    let mut flags = Flags::default();
    for (key, item) in table.iter() {
        let name = Spotted { value: key.get_ref().to_string(), spot: key_spot(context, key) };
        match name.value.as_str() {
            "flags" => flags.raised = context.reader.texts(item),
            "no_flags" => flags.not_raised = context.reader.texts(item),
            "margin" => person.margins = margins(context, item, Entity::Person),
            _ => person.expect.extend(expected(context, name, item, Entity::Person)),
        }
    }
    (person.flags, person.no_flags) = flags.checked(context, Entity::Person);
}

/// Margins by test, in the scale of the test's value.
fn margins(context: &Context<'_>, value: &Value<'_>, entity: Entity) -> Vec<ExpectedValue> {
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
        // A household may ask for the smallest margin of its members.
        if entity == Entity::Person && context.pack.steps[node.0].entity == Some(Entity::Household) {
            wrong_place(context, &name, entity);
            continue;
        }
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
            known.extend(["possible", "waiting_on", "category", "assumed", "error"]);
        }
        known.extend(["flags", "no_flags", "margin"]);
        context.unknown("variable, test or scheme", &name, &known);
        return None;
    };
    let step = &context.pack.steps[node.0];
    if step.entity.is_some_and(|e| e != entity) {
        wrong_place(context, &name, entity);
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
