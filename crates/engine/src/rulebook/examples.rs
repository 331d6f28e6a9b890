//! For each rule the case that shows it best.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hedui_base::{PersonKey, Tri};
use hedui_rules::Program;
use hedui_rules::book::Examples;
use hedui_rules::cases::{Case, CasePerson};
use hedui_rules::program::{Entity, ParameterValue};
use hedui_rules::words::Lang;
use hedui_rules::written::Written;
use jiff::civil::Date;

use super::worked::Worked;
use crate::cases::caseload;
use crate::input::Caseload;
use crate::output::Cell;
use crate::shown::{Held, Value};
use crate::trace::{Trace, trace};

/// Works one case through for each rule that a case of the pack gives a value to.
///
/// The case chosen is the one with the most telling value: met before not met, an amount before zero; then one on whose
/// day the rule says the same as on `on`; then one that expects that very rule; then the smallest; then the first. So the same cases always give the same examples.
#[must_use]
pub fn examples(program: &Program, cases: &[Case], written: &[Written], lang: Lang, on: Date) -> Examples {
    let loads: Vec<Caseload> = cases.iter().map(|case| caseload(program, case)).collect();
    let traces: Vec<Option<Trace<'_>>> =
        cases.iter().zip(&loads).map(|(case, load)| trace(program, load, 0, case.as_of).ok()).collect();
    let traced: Vec<(&Case, &Trace<'_>)> =
        cases.iter().zip(&traces).filter_map(|(case, trace)| Some((case, trace.as_ref()?))).collect();
    let mut found = BTreeMap::new();
    for rule in written {
        let step = rule.result();
        let Some(entity) = program.step(&step).map(|step| program.steps[step.index()].entity) else { continue };
        let mut candidates: Vec<(Rank, usize, Option<PersonKey>)> = Vec::new();
        for (index, (case, trace)) in traced.iter().enumerate() {
            let people: Vec<Option<PersonKey>> = match entity {
                Entity::Household => vec![None],
                Entity::Person => trace.persons().iter().map(|(person, _)| Some(*person)).collect(),
            };
            candidates.extend(people.into_iter().filter_map(|person| {
                let mut shows = telling(&trace.value(&step, person)?);
                // A scheme shows most where it pays.
                let amount = trace.value(&format!("{}.amount", rule.name()), person);
                if shows > 0 && amount.is_some_and(|amount| amount.number().is_some_and(|n| n > 0)) {
                    shows += 1;
                }
                let about = expects(case, rule.name(), &step, person);
                let current = version(rule, case.as_of) == version(rule, on);
                let rank = (shows, current, about, !is_bare(case), Reverse(size(case)));
                (shows > 0).then_some((rank, index, person))
            }));
        }
        // The sort is stable, so that of equal ones the first case comes first.
        candidates.sort_by_key(|(rank, ..)| Reverse(*rank));
        let best = candidates.first().map(|(rank, ..)| (rank.0, rank.1));
        let close = candidates.iter().take(TRIED).filter(|(rank, ..)| Some((rank.0, rank.1)) == best);
        let mut worked = close.filter_map(|(_, index, person)| {
            let (case, trace) = traced[*index];
            Worked { program, case, trace, lang }.example(&step, *person)
        });
        let Some(first) = worked.next() else { continue };
        // An example that depends on nothing in the case shows little.
        let example =
            if first.given.is_empty() { worked.find(|other| !other.given.is_empty()).unwrap_or(first) } else { first };
        found.insert(rule.name().to_owned(), example);
    }
    found
}

/// How many of the best cases are worked through to find one that shows something.
const TRIED: usize = 8;

/// Which of its versions a rule has on a day.
fn version(rule: &Written, day: Date) -> usize {
    rule.versions().filter(|version| version.from <= day).count()
}

/// How much it shows, whether the rule says there what the book shows, whether it is about the rule, whether there is
/// something in it, how little there is to read.
type Rank = (u8, bool, bool, bool, Reverse<usize>);

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

/// Whether a case says nothing of what people have or earn.
fn is_bare(case: &Case) -> bool {
    let empty = |person: &CasePerson| {
        person.records.is_empty() && !person.inputs.values().any(|v| matches!(v, ParameterValue::Int(1..)))
    };
    case.records.is_empty() && case.inputs.is_empty() && case.persons.iter().all(empty)
}

/// How much there is to read in a case.
fn size(case: &Case) -> usize {
    let records = case.records.values().map(Vec::len).sum::<usize>();
    let people = case.persons.iter().map(|p| 3 + p.inputs.len() + p.records.values().map(Vec::len).sum::<usize>());
    records + case.inputs.len() + people.sum::<usize>()
}
