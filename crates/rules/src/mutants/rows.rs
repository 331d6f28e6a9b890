//! Changes to the rows of dated parameters: the value a tenth up and down, a condition flipped, the dates by a day.

use jiff::civil::Date;

use super::edit::{Edit, Mutant};
use super::words::{bumps, number};
use super::{Print, is_own};
use crate::program::{
    ExprKind, Parameter, ParameterId, ParameterRow, ParameterValue, Program, RowValue, StepId, StepKind,
};

/// Changes to the pack's own rows of all parameters that any step reads.
pub(super) fn changes(program: &Program, print: Print<'_>) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (index, parameter) in program.parameters.iter().enumerate() {
        let id = ParameterId(index as u32);
        let steps = readers(program, id);
        if steps.is_empty() {
            continue;
        }
        for (row, written) in parameter.rows.iter().enumerate() {
            if !is_own(program, &written.file) {
                continue;
            }
            let mut push = |change: String, days: Vec<Date>, rows: Vec<(usize, ParameterRow)>| {
                mutants.push(Mutant {
                    rule: format!("parameter {}", parameter.name),
                    file: written.file.clone(),
                    line: written.line,
                    change,
                    steps: steps.clone(),
                    row: Some((id, row)),
                    days,
                    edit: Edit::Rows { parameter: id, rows },
                });
            };
            let ty = parameter.published_type(written);
            let words = |v| number(program, print, v, ty);
            if let RowValue::Known(ParameterValue::Int(value)) = written.value {
                for other in bumps(ty, value) {
                    let changed =
                        ParameterRow { value: RowValue::Known(ParameterValue::Int(other)), ..written.clone() };
                    push(format!("{} -> {}", words(value), words(other)), Vec::new(), vec![(row, changed)]);
                }
            }
            for (each, other) in
                written.each.into_iter().flat_map(|each| bumps(ty, each).into_iter().map(move |o| (each, o)))
            {
                let changed = ParameterRow { each: Some(other), ..written.clone() };
                push(format!("each further {} -> {}", words(each), words(other)), Vec::new(), vec![(row, changed)]);
            }
            for moved in dates(program, parameter, row) {
                let word = if moved.begins { "begins" } else { "ends" };
                push(format!("{word} {} -> {}", moved.day, moved.other), moved.days(), moved.rows);
            }
        }
    }
    mutants
}

/// Steps that read a parameter.
fn readers(program: &Program, id: ParameterId) -> Vec<StepId> {
    let reads = |expr: &crate::program::Expr| {
        expr.all().iter().any(|e| matches!(&e.kind, ExprKind::Parameter { id: read, .. } if *read == id))
    };
    let steps = program.steps.iter().enumerate().filter(|(_, step)| match &step.kind {
        StepKind::Formula(value) => reads(value),
        StepKind::Fact { filter, value, .. } => filter.iter().chain([value]).any(reads),
        StepKind::FlagCount(_) => false,
    });
    steps.map(|(index, _)| StepId(index as u32)).collect()
}

/// A row that begins or ends on another day; a row that it takes over from moves with it.
struct Moved {
    begins: bool,
    day: Date,
    other: Date,
    rows: Vec<(usize, ParameterRow)>,
}

impl Moved {
    /// The days on which the two differ: of two neighbouring first (or last) days one lies between.
    fn days(&self) -> Vec<Date> {
        vec![if self.begins { self.day.min(self.other) } else { self.day.max(self.other) }]
    }
}

fn dates(program: &Program, parameter: &Parameter, row: usize) -> Vec<Moved> {
    let written = &parameter.rows[row];
    let mut moved = Vec::new();
    let (Ok(before), Ok(after)) = (written.from.yesterday(), written.from.tomorrow()) else { return moved };
    let earlier: Vec<usize> = touching(parameter, row, |other| other.until == Some(before));
    // The pack speaks of no day before its own first.
    if written.from >= program.pack.from {
        let mut days = vec![after];
        if !earlier.is_empty() && before >= program.pack.from {
            days.push(before);
        }
        for from in days {
            let mut rows = vec![(row, ParameterRow { from, ..written.clone() })];
            let until = from.yesterday().ok();
            rows.extend(earlier.iter().map(|at| (*at, ParameterRow { until, ..parameter.rows[*at].clone() })));
            moved.push(Moved { begins: true, day: written.from, other: from, rows });
        }
    }
    let Some(until) = written.until else { return moved };
    let followed = !touching(parameter, row, |other| until.tomorrow().ok() == Some(other.from)).is_empty();
    let (Ok(shorter), Ok(longer)) = (until.yesterday(), until.tomorrow()) else { return moved };
    if followed || until < program.pack.from {
        return moved;
    }
    for other in [shorter, longer] {
        let changed = ParameterRow { until: Some(other), ..written.clone() };
        moved.push(Moved { begins: false, day: until, other, rows: vec![(row, changed)] });
    }
    moved
}

/// Rows for the same area, residence and keys that pass.
fn touching(parameter: &Parameter, row: usize, passes: impl Fn(&ParameterRow) -> bool) -> Vec<usize> {
    let written = &parameter.rows[row];
    let same = |other: &ParameterRow| {
        (other.area, &other.residence, &other.keys) == (written.area, &written.residence, &written.keys)
    };
    let rows = parameter.rows.iter().enumerate();
    rows.filter(|(at, other)| *at != row && same(other) && passes(other)).map(|(at, _)| at).collect()
}
