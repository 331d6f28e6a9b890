//! Runs the cases of a pack against its rules: what came out otherwise than expected, and what no case reaches.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::{
    AnswerId, AskId, CaseId, Column, ColumnSpec, ColumnType, Outcome, PersonKey, Records, SourceId, Table, Tri,
};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::Cell;
use hedui_engine::{Held, Trace, Value, show_number, trace};
use hedui_rules::Program;
use hedui_rules::cases::{Case, CasePerson, CaseRole, Expected, ExpectedValue, Row};
use hedui_rules::program::{Entity, ParameterValue, Step};
use serde::Serialize;

use crate::compare::Derived;

/// What running the cases of a pack showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// Cases run.
    pub cases: usize,
    /// Cases in which everything came out as expected.
    pub passed: usize,
    /// Everything that did not, in the order of the cases.
    pub differences: Vec<Difference>,
    /// Rules, branches and results that could be reached.
    pub reachable: usize,
    /// Those that no case reaches, in the order of the program.
    pub unreached: Vec<Unreached>,
}

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

/// Something that no case of the pack reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreached {
    /// What never happened.
    pub gap: Gap,
    /// The rule, test, flag or scheme.
    pub name: String,
    /// File of the rule within the pack.
    pub file: String,
    /// Line of the rule.
    pub line: usize,
}

/// What a pack's cases leave open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// The rule never had a value other than nothing, and no case expects one.
    Value,
    /// This branch of a `CASE` was never taken.
    Branch(String),
    /// The test or scheme was never met.
    Met,
    /// The test or scheme was never certainly not met.
    NotMet,
    /// The flag was never raised.
    Raised,
    /// The flag was always raised.
    NotRaised,
}

/// Runs cases and compares. Each case is a caseload of its own, as of its own day.
#[must_use]
pub fn run_cases(program: &Program, cases: &[Case]) -> CaseReport {
    let mut report = CaseReport { cases: cases.len(), ..CaseReport::default() };
    let mut reached = BTreeSet::new();
    let mut reachable = reachable(program);
    for case in cases {
        let caseload = caseload(program, case);
        let before = report.differences.len();
        match trace(program, &caseload, 0, case.as_of) {
            Ok(trace) => {
                Comparison { program, case, trace: &trace, differences: &mut report.differences }.everything();
                reach(program, &trace, &mut reachable, &mut reached);
                let expected = case.expect.values.iter().chain(case.persons.iter().flat_map(|p| &p.expect));
                reached.extend(expected.filter_map(|e| Some((program.step(&e.step)?.index(), Gap::Value))));
            }
            Err(error) => report.differences.push(Difference {
                case: case.title.clone(),
                name: String::new(),
                person: None,
                expected: "a result".to_owned(),
                got: error.to_string(),
                file: case.file.clone(),
                line: case.line,
            }),
        }
        report.passed += usize::from(report.differences.len() == before);
    }
    report.reachable = reachable.len();
    for ((step, gap), name) in reachable {
        if !reached.contains(&(step, gap.clone())) {
            let rule = &program.steps[step].rule;
            report.unreached.push(Unreached { gap, name, file: rule.file.clone(), line: rule.line });
        }
    }
    report
}

/// What a case can reach: by step and gap, under the name that people know.
type Reachable = BTreeMap<(usize, Gap), String>;

fn reachable(program: &Program) -> Reachable {
    let results: BTreeSet<usize> = program.tests.iter().map(|test| test.result.index()).collect();
    let mut reachable = Reachable::new();
    for (step, definition) in program.steps.iter().enumerate() {
        // The parts of a test, flag or scheme are reached through it.
        if !definition.name.contains('.') && !results.contains(&step) {
            reachable.insert((step, Gap::Value), definition.name.clone());
        }
    }
    for test in &program.tests {
        reachable.insert((test.result.index(), Gap::Met), test.name.clone());
        reachable.insert((test.result.index(), Gap::NotMet), test.name.clone());
    }
    for flag in &program.flags {
        reachable.insert((flag.when.index(), Gap::Raised), flag.id.clone());
        reachable.insert((flag.when.index(), Gap::NotRaised), flag.id.clone());
    }
    for scheme in &program.schemes {
        reachable.insert((scheme.when.index(), Gap::Met), scheme.id.clone());
        reachable.insert((scheme.when.index(), Gap::NotMet), scheme.id.clone());
    }
    reachable
}

/// Notes what one case reaches. Branches are listed as they are first seen.
fn reach(program: &Program, trace: &Trace<'_>, reachable: &mut Reachable, reached: &mut BTreeSet<(usize, Gap)>) {
    for (step, definition) in program.steps.iter().enumerate() {
        if values(trace, definition).iter().any(is_something) {
            reached.insert((step, Gap::Value));
        }
    }
    for branch in trace.branches() {
        let gap = Gap::Branch(format!("{}: {}", branch.branch + 1, branch.condition));
        let key = (branch.step.index(), gap);
        if branch.taken {
            reached.insert(key.clone());
        }
        reachable.entry(key).or_insert_with(|| program.steps[branch.step.index()].name.clone());
    }
    let findings = trace.findings();
    let Some(finding) = findings.cases.first() else { return };
    let results = program.tests.iter().zip(&finding.tests).map(|(test, found)| (test.result, found.result));
    let schemes = program.schemes.iter().zip(&finding.schemes).map(|(scheme, found)| (scheme.when, found.finding));
    for (step, result) in results.chain(schemes) {
        match result {
            Tri::Met => _ = reached.insert((step.index(), Gap::Met)),
            Tri::NotMet => _ = reached.insert((step.index(), Gap::NotMet)),
            Tri::Undetermined => {}
        }
    }
    for (i, flag) in program.flags.iter().enumerate() {
        let raised = findings.flags.iter().any(|f| f.flag == i);
        let open = values(trace, &program.steps[flag.when.index()])
            .iter()
            .any(|value| value.condition() == Some(Tri::Undetermined));
        if raised {
            reached.insert((flag.when.index(), Gap::Raised));
        } else if !open {
            reached.insert((flag.when.index(), Gap::NotRaised));
        }
    }
}

/// A step's values in a case: the household's, or those of all its people.
fn values(trace: &Trace<'_>, step: &Step) -> Vec<Value> {
    match step.entity {
        Entity::Household => trace.value(&step.name, None).into_iter().collect(),
        Entity::Person => {
            trace.persons().iter().filter_map(|(person, _)| trace.value(&step.name, Some(*person))).collect()
        }
    }
}

/// Whether a rule did anything: zero, none and `not_met` are what comes of nothing.
fn is_something(value: &Value) -> bool {
    match &value.held {
        Held::Number(cell) => !matches!(cell, Cell::Known(0) | Cell::None),
        Held::Condition(tri) => *tri != Tri::NotMet,
        Held::Text(text) => text.is_some(),
        Held::UnknownText => true,
    }
}

/// One case against what it expects.
struct Comparison<'c> {
    program: &'c Program,
    case: &'c Case,
    trace: &'c Trace<'c>,
    differences: &'c mut Vec<Difference>,
}

impl Comparison<'_> {
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
            self.margin(expected);
        }
        self.flags();
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

    fn margin(&mut self, expected: &ExpectedValue) {
        let tests = self.program.tests.iter().zip(&self.trace.findings().cases[0].tests);
        let Some((test, found)) = tests.into_iter().find(|(test, _)| test.name == expected.step) else { return };
        let ty = match self.program.steps[test.value.index()].ty {
            ColumnType::Date | ColumnType::Month => ColumnType::Int,
            ty => ty,
        };
        let got = Value { ty, held: Held::Number(found.margin) };
        if !agrees(&expected.value, &got) {
            let name = format!("margin.{}", expected.name);
            self.differs(&name, None, shown(&expected.value, ty), plain(&got), expected.line);
        }
    }

    fn flags(&mut self) {
        let raised: BTreeSet<&str> =
            self.trace.findings().flags.iter().map(|flag| self.program.flags[flag.flag].id.as_str()).collect();
        let list = join(&raised);
        for flag in self.case.expect.flags.iter().filter(|flag| !raised.contains(flag.as_str())) {
            self.differs("flags", None, format!("{flag} raised"), format!("raised: {list}"), self.case.line);
        }
        for flag in self.case.expect.no_flags.iter().filter(|flag| raised.contains(flag.as_str())) {
            self.differs("no_flags", None, format!("{flag} not raised"), format!("raised: {list}"), self.case.line);
        }
    }

    fn standing(&mut self) {
        let derived = Derived::of(self.program, &self.trace.findings().cases[0]);
        let id = |scheme: usize| self.program.schemes[scheme].id.as_str();
        let possible: BTreeSet<&str> = derived.possible.iter().map(|scheme| id(*scheme)).collect();
        let waiting: BTreeSet<&str> = derived.waiting_on.iter().map(|reason| reason.source.as_str()).collect();
        let category = BTreeSet::from([derived.category.map_or("", id)]);
        let expect = &self.case.expect;
        let wanted = |list: &Option<Vec<String>>| list.clone();
        for (name, expected, got) in [
            ("possible", wanted(&expect.possible), possible),
            ("waiting_on", wanted(&expect.waiting_on), waiting),
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

fn join(names: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn agrees(expected: &Expected, got: &Value) -> bool {
    match (expected, &got.held) {
        (Expected::Value(ParameterValue::Int(v)), Held::Number(cell)) => cell.known() == Some(*v),
        (Expected::Value(ParameterValue::Int(v)), Held::Condition(tri)) => *tri == Tri::from(*v != 0),
        (Expected::Value(ParameterValue::Text(text)), Held::Text(Some(got))) => text == got,
        (Expected::Unknown, Held::Number(cell)) => matches!(cell, Cell::Between(..)),
        (Expected::Unknown, Held::Condition(tri)) => *tri == Tri::Undetermined,
        (Expected::Unknown, Held::UnknownText) | (Expected::None, Held::Text(None)) => true,
        (Expected::None, Held::Number(cell)) => *cell == Cell::None,
        (Expected::Between(lo, hi), Held::Number(Cell::Between(a, b))) => {
            lo.unwrap_or(i64::MIN) == *a && hi.unwrap_or(i64::MAX) == *b
        }
        _ => false,
    }
}

fn shown(expected: &Expected, ty: ColumnType) -> String {
    let number = |v: i64| show_number(ty, v);
    match expected {
        Expected::Value(ParameterValue::Int(v)) if ty == ColumnType::Bool => Tri::from(*v != 0).to_string(),
        Expected::Value(ParameterValue::Int(v)) => number(*v),
        Expected::Value(ParameterValue::Text(text)) => text.to_string(),
        Expected::Unknown if ty == ColumnType::Bool => Tri::Undetermined.to_string(),
        Expected::Unknown => "unknown".to_owned(),
        Expected::None => "none".to_owned(),
        Expected::Between(lo, hi) => bounds(lo.map(number), hi.map(number)),
    }
}

fn bounds(lo: Option<String>, hi: Option<String>) -> String {
    let word = |end: Option<String>, word: &str| end.map(|end| format!(", {word} {end}")).unwrap_or_default();
    format!("unknown{}{}", word(lo, "at least"), word(hi, "at most"))
}

/// A value in the words that cases are written in.
fn plain(value: &Value) -> String {
    let end = |v: i64| (v != i64::MIN && v != i64::MAX).then(|| show_number(value.ty, v));
    match &value.held {
        Held::Condition(tri) => tri.to_string(),
        Held::Number(Cell::Known(v)) => show_number(value.ty, *v),
        Held::Number(Cell::Between(lo, hi)) => bounds(end(*lo), end(*hi)),
        Held::Text(Some(text)) => text.to_string(),
        Held::Number(Cell::None) | Held::Text(None) => "none".to_owned(),
        Held::UnknownText => "unknown".to_owned(),
    }
}

/// A case as a caseload of one. People are numbered in the order of the case.
pub(crate) fn caseload(program: &Program, case: &Case) -> Caseload {
    let mut load = Caseload::default();
    load.cases.id.push(CaseId::from(case.title.as_str()));
    load.cases.area.push(case.area);
    load.cases.residence.push(case.residence.as_deref().map(Into::into));
    load.cases.inputs = inputs(program, Entity::Household, &[&case.inputs]);
    for (place, person) in case.persons.iter().enumerate() {
        load.persons.case.push(0);
        load.persons.key.push(PersonKey(place as u32));
        load.persons.role.push(match person.role {
            CaseRole::Member => Role::Member,
            CaseRole::Obligor => Role::Obligor,
        });
    }
    let given: Vec<_> = case.persons.iter().map(|person| &person.inputs).collect();
    load.persons.inputs = inputs(program, Entity::Person, &given);
    for dataset in &program.datasets {
        let owners: Vec<Owner<'_>> = match dataset.entity {
            Entity::Household => vec![(None, rows(&case.records, &dataset.name))],
            Entity::Person => {
                case.persons.iter().map(|person| (Some(person), rows(&person.records, &dataset.name))).collect()
            }
        };
        cover(&mut load, case, &dataset.name, &owners);
        let columns: Vec<(&str, &ColumnSpec)> = dataset.columns.iter().map(|c| (c.name.as_str(), &c.spec)).collect();
        load.records.insert(dataset.name.clone(), records(&columns, &owners));
    }
    load
}

/// Whose records, and which: a person's, or the household's.
type Owner<'c> = (Option<&'c CasePerson>, &'c [Row]);

fn rows<'c>(records: &'c BTreeMap<String, Vec<Row>>, dataset: &str) -> &'c [Row] {
    records.get(dataset).map_or(&[], Vec::as_slice)
}

/// Which sources of a dataset answered about whom: as the case says, else found where they have rows.
fn cover(load: &mut Caseload, case: &Case, dataset: &str, owners: &[Owner<'_>]) {
    let mut sources = BTreeSet::from([dataset]);
    sources.extend(case.sources.iter().filter(|(_, serves)| *serves == dataset).map(|(source, _)| source.as_str()));
    sources.extend(owners.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.source.as_str())));
    for source in sources {
        let id = load.coverage.sources.len() as u16;
        load.coverage.sources.push((SourceId::from(source), dataset.to_owned()));
        for (place, (person, rows)) in owners.iter().enumerate() {
            let said = person.and_then(|p| p.outcomes.get(source)).or_else(|| case.outcomes.get(source));
            let has_rows = rows.iter().any(|row| row.source == source);
            let outcome = said.copied().unwrap_or(if has_rows { Outcome::Found } else { Outcome::NoRecord });
            load.coverage.outcomes.insert((PersonKey(place as u32), id), outcome);
        }
    }
}

fn records(columns: &[(&str, &ColumnSpec)], owners: &[Owner<'_>]) -> Records {
    let mut records = Records::default();
    let mut all: Vec<&Row> = Vec::new();
    for (place, (_, rows)) in owners.iter().enumerate() {
        for row in *rows {
            records.person.push(PersonKey(place as u32));
            records.source.push(SourceId::from(row.source.as_str()));
            records.record_id.push(format!("{}", all.len() + 1).into());
            records.as_of.push(None);
            records.ask.push(AskId(0));
            records.answer.push(AnswerId(0));
            all.push(row);
        }
    }
    let values = |name: &str| all.iter().map(|row| row.values.get(name)).collect::<Vec<_>>();
    records.table = Table {
        rows: all.len(),
        columns: columns.iter().map(|(name, spec)| ((*name).to_owned(), column(spec.ty, values(name)))).collect(),
    };
    records
}

fn inputs(program: &Program, entity: Entity, given: &[&BTreeMap<String, ParameterValue>]) -> Table {
    let declared = program.inputs.iter().filter(|input| input.entity == entity);
    let columns = declared.map(|input| {
        let values = given.iter().map(|given| given.get(&input.name)).collect();
        (input.name.clone(), column(input.spec.ty, values))
    });
    Table { rows: given.len(), columns: columns.collect() }
}

fn column(ty: ColumnType, values: Vec<Option<&ParameterValue>>) -> Column {
    if ty.is_int() {
        let number = |value: Option<&ParameterValue>| match value {
            Some(ParameterValue::Int(v)) => Some(*v),
            _ => None,
        };
        return Column::Int(values.into_iter().map(number).collect());
    }
    let text = |value: Option<&ParameterValue>| match value {
        Some(ParameterValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    Column::Text(values.into_iter().map(text).collect())
}

#[cfg(test)]
mod tests;
