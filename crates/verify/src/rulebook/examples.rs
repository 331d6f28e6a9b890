//! For each rule the case that shows it best.

use std::collections::BTreeMap;

use hedui_base::{PersonKey, Tri};
use hedui_engine::input::Caseload;
use hedui_engine::output::Cell;
use hedui_engine::{Held, Trace, Value, trace};
use hedui_rules::Program;
use hedui_rules::book::Examples;
use hedui_rules::cases::Case;
use hedui_rules::program::Entity;
use hedui_rules::words::Lang;
use hedui_rules::written::Written;

use super::worked::Worked;
use crate::rule_cases::caseload;

/// Works one case through for each rule that a case of the pack gives a value to.
///
/// The case chosen is the one with the most telling value: met before not met, an amount before zero; then one that
/// expects that very rule; then the smallest; then the first. So the same cases always give the same examples.
#[must_use]
pub fn examples(program: &Program, cases: &[Case], written: &[Written], lang: Lang) -> Examples {
    let loads: Vec<Caseload> = cases.iter().map(|case| caseload(program, case)).collect();
    let traces: Vec<Option<Trace<'_>>> =
        cases.iter().zip(&loads).map(|(case, load)| trace(program, load, 0, case.as_of).ok()).collect();
    let mut found = BTreeMap::new();
    for rule in written {
        let step = rule.result();
        let Some(entity) = program.step(&step).map(|step| program.steps[step.index()].entity) else { continue };
        let mut best: Option<(Rank, usize, Option<PersonKey>)> = None;
        for (index, (case, trace)) in cases.iter().zip(&traces).enumerate() {
            let Some(trace) = trace else { continue };
            let people: Vec<Option<PersonKey>> = match entity {
                Entity::Household => vec![None],
                Entity::Person => trace.persons().iter().map(|(person, _)| Some(*person)).collect(),
            };
            for person in people {
                let Some(value) = trace.value(&step, person) else { continue };
                let rank = (telling(&value), expects(case, rule.name(), &step, person), std::cmp::Reverse(size(case)));
                if best.as_ref().is_none_or(|(other, ..)| rank > *other) {
                    best = Some((rank, index, person));
                }
            }
        }
        let Some((rank, index, person)) = best else { continue };
        let Some(trace) = traces[index].as_ref().filter(|_| rank.0 > 0) else { continue };
        let worked = Worked { program, case: &cases[index], trace, lang };
        if let Some(example) = worked.example(&step, person) {
            found.insert(rule.name().to_owned(), example);
        }
    }
    found
}

type Rank = (u8, bool, std::cmp::Reverse<usize>);

/// How much a value shows of its rule.
fn telling(value: &Value) -> u8 {
    match &value.held {
        Held::Condition(Tri::Met) => 4,
        Held::Number(Cell::Known(v)) if *v != 0 => 4,
        Held::Text(Some(_)) => 4,
        Held::Condition(Tri::NotMet) => 3,
        Held::Number(Cell::Between(..)) | Held::Condition(Tri::Undetermined) | Held::UnknownText => 2,
        Held::Number(Cell::Known(_)) => 1,
        Held::Number(Cell::None) | Held::Text(None) => 0,
    }
}

/// Whether a case was written about a rule.
fn expects(case: &Case, rule: &str, step: &str, person: Option<PersonKey>) -> bool {
    let of_person = person.and_then(|person| case.persons.get(person.0 as usize)).map(|person| &person.expect);
    let mut values = case.expect.values.iter().chain(&case.expect.margins).chain(of_person.into_iter().flatten());
    values.any(|expected| expected.step == step || expected.step == rule)
        || case.expect.flags.iter().any(|flag| flag == rule)
}

/// How much there is to read in a case.
fn size(case: &Case) -> usize {
    let records = case.records.values().map(Vec::len).sum::<usize>();
    let people = case.persons.iter().map(|p| 3 + p.inputs.len() + p.records.values().map(Vec::len).sum::<usize>());
    records + case.inputs.len() + people.sum::<usize>()
}
