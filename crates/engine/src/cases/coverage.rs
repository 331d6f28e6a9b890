//! What the cases of a pack reach: its rules, both sides of all conditions, its rows of parameters.

use std::collections::BTreeMap;

use hedui_base::Tri;
use hedui_rules::Program;
use hedui_rules::cases::Case;
use hedui_rules::mutants::is_own;
use hedui_rules::program::Scheme;
use serde::Serialize;

use crate::output::Cell;
use crate::shown::{Held, Value};
use crate::sides::{Points, Seen, Side};
use crate::trace::Trace;

/// Something that no case of the pack reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreached {
    /// What never happened.
    pub gap: Gap,
    /// The rule, test, flag, scheme or parameter.
    pub name: String,
    /// File of the rule within the pack.
    pub file: String,
    /// Line of the rule or row.
    pub line: usize,
}

/// What a pack's cases leave open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// The rule never had a value other than nothing, and no case expects one.
    Value,
    /// The test or scheme was never met.
    Met,
    /// The test or scheme was never certainly not met.
    NotMet,
    /// The flag was never raised.
    Raised,
    /// The flag was always raised.
    NotRaised,
    /// This branch of a `CASE` was never taken.
    Branch(String),
    /// Every case that came to this branch of a `CASE` took it.
    NotPassed(String),
    /// The `ELSE` of a `CASE` was never taken: every case that came to its last branch took that.
    Otherwise(String),
    /// No case speaks of a day on which this version of the rule is in force.
    Version(String),
    /// This part of an `AND` or `OR` was never met where it mattered.
    PartMet(String),
    /// This part of an `AND` or `OR` was never certainly not met where it mattered.
    PartNotMet(String),
    /// What holds where no row of a parameter does was never used.
    Fallback,
    /// This row of a parameter was never in force.
    Row(String),
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value => f.write_str("no case looks at it"),
            Self::Met => f.write_str("no case meets it"),
            Self::NotMet => f.write_str("no case fails it"),
            Self::Raised => f.write_str("no case raises it"),
            Self::NotRaised => f.write_str("every case raises it"),
            Self::Branch(branch) => write!(f, "no case takes the branch WHEN {branch}"),
            Self::NotPassed(branch) => write!(f, "no case passes over the branch WHEN {branch}"),
            Self::Otherwise(branch) => write!(f, "no case takes the ELSE after WHEN {branch}"),
            Self::Version(days) => write!(f, "no case is of a day {days}"),
            Self::PartMet(part) => write!(f, "no case meets the part {part}"),
            Self::PartNotMet(part) => write!(f, "no case fails by the part {part}"),
            Self::Fallback => f.write_str("no case uses the fallback"),
            Self::Row(row) => write!(f, "no case uses the row {row}"),
        }
    }
}

/// How much is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// What a case could reach.
    pub reachable: usize,
    /// What some case reaches.
    pub reached: usize,
}

/// A thing to reach and whether it was.
#[derive(Debug)]
struct Goal {
    what: Unreached,
    own: bool,
    reached: bool,
}

/// What is reached so far.
#[derive(Debug)]
pub(super) struct Coverage<'p> {
    program: &'p Program,
    goals: Vec<Goal>,
    /// Of a step's value and of the two sides of a test, flag or scheme.
    values: BTreeMap<(usize, Gap), usize>,
    points: Points,
    /// The goal of the first point; the others follow it.
    first_point: usize,
    rows: BTreeMap<(usize, usize), usize>,
    seen: Seen,
}

impl<'p> Coverage<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        let mut coverage = Self {
            program,
            goals: Vec::new(),
            values: BTreeMap::new(),
            points: Points::of(program),
            first_point: 0,
            rows: BTreeMap::new(),
            seen: Seen::default(),
        };
        coverage.rules();
        coverage.first_point = coverage.goals.len();
        coverage.sides();
        coverage.parameter_rows();
        coverage
    }

    fn goal(&mut self, gap: Gap, name: &str, file: &str, line: usize) -> usize {
        let own = is_own(self.program, file);
        let what = Unreached { gap, name: name.to_owned(), file: file.to_owned(), line };
        self.goals.push(Goal { what, own, reached: false });
        self.goals.len() - 1
    }

    fn of_step(&mut self, step: usize, gap: Gap, name: &str) -> usize {
        let rule = &self.program.steps[step].rule;
        self.goal(gap, name, &rule.file, rule.line)
    }

    fn rules(&mut self) {
        let program = self.program;
        for (step, definition) in program.steps.iter().enumerate() {
            let name = definition.name.as_str();
            let gaps = if let Some(test) = program.tests.iter().find(|test| test.result.index() == step) {
                vec![(Gap::Met, test.name.as_str()), (Gap::NotMet, &test.name)]
            } else if let Some(flag) = program.flags.iter().find(|flag| flag.when.index() == step) {
                vec![(Gap::Raised, flag.id.as_str()), (Gap::NotRaised, &flag.id)]
            } else if let Some(scheme) = program.schemes.iter().find(|scheme| scheme.when.index() == step) {
                vec![(Gap::Met, scheme.id.as_str()), (Gap::NotMet, &scheme.id)]
            } else if let Some(scheme) = of_person(program, step) {
                vec![(Gap::Met, scheme), (Gap::NotMet, scheme)]
            } else if name.contains('.') {
                // The parts of a test, flag or scheme are reached through it.
                Vec::new()
            } else {
                vec![(Gap::Value, name)]
            };
            for (gap, name) in gaps {
                let goal = self.of_step(step, gap.clone(), name);
                self.values.insert((step, gap), goal);
            }
        }
    }

    fn sides(&mut self) {
        let points = std::mem::take(&mut self.points);
        for point in &points.list {
            let condition = point.condition.clone();
            let gap = match point.side {
                Side::Taken => Gap::Branch(condition),
                Side::Passed => Gap::NotPassed(condition),
                Side::Otherwise => Gap::Otherwise(condition),
                Side::InForce => Gap::Version(condition),
                Side::PartMet => Gap::PartMet(condition),
                Side::PartNotMet => Gap::PartNotMet(condition),
            };
            let step = &self.program.steps[point.step.index()];
            let (file, line) = step.rule.place(point.version);
            self.goal(gap, step.name.strip_suffix(".when").unwrap_or(&step.name), file, line);
        }
        self.points = points;
    }

    fn parameter_rows(&mut self) {
        let program = self.program;
        let read = program.parameters_read();
        for (index, parameter) in program.parameters.iter().enumerate().filter(|(index, _)| read[*index]) {
            for (row, written) in parameter.rows.iter().enumerate() {
                let area = written.area.map(|area| format!("{area} ")).unwrap_or_default();
                let until = written.until.map(|until| format!(" until {until}")).unwrap_or_default();
                let gap = Gap::Row(format!("{area}from {}{until}", written.from));
                let goal = self.goal(gap, &parameter.name, &written.file, written.line);
                self.rows.insert((index, row), goal);
            }
            if parameter.fallback.is_some() {
                let goal = self.goal(Gap::Fallback, &parameter.name, &parameter.file, parameter.line);
                self.rows.insert((index, parameter.rows.len()), goal);
            }
        }
    }

    /// Notes what one case reaches.
    pub(super) fn reach(&mut self, case: &Case, trace: &Trace<'_>) {
        trace.look(&self.points, &mut self.seen);
        let mut reached = Vec::new();
        for ((step, gap), goal) in &self.values {
            let judged = *gap != Gap::Value;
            let values = trace.values(*step, judged);
            let is = |tri: Tri| values.iter().any(|value| value.condition() == Some(tri));
            let all = |tri: Tri| values.iter().all(|value| value.condition() == Some(tri));
            let reaches = match gap {
                Gap::Value => values.iter().any(is_something),
                Gap::Met | Gap::Raised => is(Tri::Met),
                Gap::NotMet => is(Tri::NotMet),
                Gap::NotRaised => all(Tri::NotMet),
                _ => false,
            };
            if reaches {
                reached.push(*goal);
            }
        }
        let expected = case.expect.values.iter().chain(case.persons.iter().flat_map(|p| &p.expect));
        for expected in expected {
            let step = self.program.step(&expected.step).map(|step| step.index());
            reached.extend(step.and_then(|step| self.values.get(&(step, Gap::Value))));
        }
        for goal in reached {
            self.goals[goal].reached = true;
        }
    }

    /// Counts of the pack's own and of the inherited, and what of its own is left.
    pub(super) fn finish(mut self) -> (Reached, Reached, Vec<Unreached>) {
        for point in &self.seen.points {
            self.goals[self.first_point + point].reached = true;
        }
        for row in &self.seen.rows {
            if let Some(goal) = self.rows.get(row) {
                self.goals[*goal].reached = true;
            }
        }
        let (mut own, mut inherited, mut left) = (Reached::default(), Reached::default(), Vec::new());
        for goal in self.goals {
            let count = if goal.own { &mut own } else { &mut inherited };
            count.reachable += 1;
            count.reached += usize::from(goal.reached);
            if goal.own && !goal.reached {
                left.push(goal.what);
            }
        }
        left.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        (own, inherited, left)
    }
}

/// The name of a scheme's condition for a person.
fn of_person(program: &Program, step: usize) -> Option<&str> {
    let is = |scheme: &&Scheme| scheme.persons.as_ref().is_some_and(|of| of.when.index() == step);
    program.schemes.iter().find(is).map(|_| program.steps[step].name.as_str())
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
