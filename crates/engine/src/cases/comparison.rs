//! One case against what it expects.

use std::collections::BTreeSet;

use hedui_base::{ColumnType, PersonKey};
use hedui_rules::Program;
use hedui_rules::cases::{Case, ExpectedValue};
use serde::Serialize;

use super::wording::{agrees, join, plain, shown};
use crate::output::CaseError;
use crate::shown::{Held, Value};
use crate::standing::Derived;
use crate::trace::Trace;

/// One expectation that was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Title of the case.
    pub case: String,
    /// What was looked at: a variable, test, scheme, `flags`, `margin.x`; empty if the case could not be computed.
    pub name: String,
    /// Place of the person in the case, members first, for a person's value.
    pub person: Option<usize>,
    /// What the case expects.
    pub expected: String,
    /// What came out.
    pub got: String,
    /// File within the pack.
    pub file: String,
    /// Line of the expectation, or of the case.
    pub line: usize,
}

/// What came out otherwise than the case expects.
pub(super) fn differences(program: &Program, case: &Case, result: Result<&Trace<'_>, &CaseError>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let line = case.line;
    let mut whole = |expected: String, got: String| {
        let (case, file) = (case.title.clone(), case.file.clone());
        differences.push(Difference { case, name: String::new(), person: None, expected, got, file, line });
    };
    match (result, &case.expect.error) {
        (Ok(trace), None) => Comparison { program, case, trace, differences: &mut differences }.everything(),
        (Ok(_), Some(parts)) => whole(error_with(parts), "a result".to_owned()),
        (Err(error), None) => whole("a result".to_owned(), error.to_string()),
        (Err(error), Some(parts)) => {
            let message = error.to_string();
            if !parts.iter().all(|part| message.contains(part.as_str())) {
                whole(error_with(parts), message);
            }
        }
    }
    differences
}

fn error_with(parts: &[String]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    format!("an error with {}", parts.join(" and "))
}

/// One case against what it expects.
struct Comparison<'c, 't> {
    program: &'c Program,
    case: &'c Case,
    trace: &'c Trace<'t>,
    differences: &'c mut Vec<Difference>,
}

impl Comparison<'_, '_> {
    fn everything(&mut self) {
        let case = self.case;
        for expected in &case.expect.values {
            self.value(expected, None);
        }
        for (place, person) in case.persons.iter().enumerate() {
            for expected in &person.expect {
                self.value(expected, Some(place));
            }
        }
        for expected in &case.expect.margins {
            self.margin(expected, None);
        }
        for (place, person) in case.persons.iter().enumerate() {
            for expected in &person.margins {
                self.margin(expected, Some(place));
            }
            self.flags(&person.flags, &person.no_flags, Some(place));
        }
        self.flags(&case.expect.flags, &case.expect.no_flags, None);
        self.standing();
    }

    fn differs(&mut self, name: &str, person: Option<usize>, expected: String, got: String, line: usize) {
        let (case, file) = (self.case.title.clone(), self.case.file.clone());
        self.differences.push(Difference { case, name: name.to_owned(), person, expected, got, file, line });
    }

    fn value(&mut self, expected: &ExpectedValue, place: Option<usize>) {
        let person = place.map(|place| PersonKey(place as u32));
        let Some(got) = self.trace.value(&expected.step, person) else {
            return self.differs(&expected.name, place, "a value".into(), "no such rule".into(), expected.line);
        };
        if !agrees(&expected.value, &got) {
            self.differs(&expected.name, place, shown(&expected.value, got.ty), plain(&got), expected.line);
        }
    }

    fn margin(&mut self, expected: &ExpectedValue, place: Option<usize>) {
        let tests = self.program.tests.iter().zip(&self.trace.findings().cases[0].tests);
        let Some((test, found)) = tests.into_iter().find(|(test, _)| test.name == expected.step) else { return };
        let ty = match self.program.steps[test.value.index()].ty {
            ColumnType::Date | ColumnType::Month => ColumnType::Int,
            ty => ty,
        };
        let margin = match place {
            None => found.margin,
            Some(place) => self.trace.margin(test, PersonKey(place as u32)),
        };
        let got = Value { ty, held: Held::Number(margin) };
        if !agrees(&expected.value, &got) {
            let name = format!("margin.{}", expected.name);
            self.differs(&name, place, shown(&expected.value, ty), plain(&got), expected.line);
        }
    }

    /// Flags that must be raised and those that must not: for the household as a whole, or for one of its people.
    fn flags(&mut self, wanted: &[String], unwanted: &[String], place: Option<usize>) {
        if wanted.is_empty() && unwanted.is_empty() {
            return;
        }
        let person = place.map(|place| PersonKey(place as u32));
        let raised = self.trace.findings().flags.iter().filter(|flag| person.is_none() || flag.person == person);
        let raised: BTreeSet<&str> = raised.map(|flag| self.program.flags[flag.flag].id.as_str()).collect();
        let list = join(&raised);
        for flag in wanted.iter().filter(|flag| !raised.contains(flag.as_str())) {
            self.differs("flags", place, format!("{flag} raised"), format!("raised: {list}"), self.case.line);
        }
        for flag in unwanted.iter().filter(|flag| raised.contains(flag.as_str())) {
            self.differs("no_flags", place, format!("{flag} not raised"), format!("raised: {list}"), self.case.line);
        }
    }

    fn standing(&mut self) {
        let derived = Derived::of(self.program, &self.trace.findings().cases[0]);
        let id = |scheme: usize| self.program.schemes[scheme].id.as_str();
        let possible: BTreeSet<&str> = derived.possible.iter().map(|scheme| id(*scheme)).collect();
        let waiting: BTreeSet<&str> = derived.waiting_on.iter().map(|reason| reason.source.as_str()).collect();
        let category = BTreeSet::from([derived.category.map_or("", id)]);
        let assumed = &self.trace.findings().cases[0].assumed;
        let assumed: BTreeSet<&str> = assumed.iter().map(|(rule, _)| rule.as_str()).collect();
        let expect = &self.case.expect;
        let wanted = |list: &Option<Vec<String>>| list.clone();
        for (name, expected, got) in [
            ("possible", wanted(&expect.possible), possible),
            ("waiting_on", wanted(&expect.waiting_on), waiting),
            ("assumed", wanted(&expect.assumed), assumed),
            ("category", expect.category.clone().map(|category| vec![category]), category),
        ] {
            let Some(expected) = expected else { continue };
            let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
            if expected != got {
                self.differs(name, None, join(&expected), join(&got), self.case.line);
            }
        }
    }
}
