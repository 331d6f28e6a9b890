//! Changes to the rows of dated parameters: the value a tenth up and down, a condition flipped, the dates by a day.

use jiff::civil::Date;

use super::edit::{Edit, Mutant};
use super::words::{bumps, number};
use super::{Print, is_own};
use crate::program::{
    ExprKind, Fallback, KeyMatch, Parameter, ParameterId, ParameterRow, ParameterValue, Program, RowValue, StepId,
    StepKind,
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
        mutants.extend(fallback(program, print, id, &steps));
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
            for (over, other, changed) in brackets(parameter, written) {
                let of = parameter.scale.map_or(parameter.ty, |scale| scale.of);
                let words = |v| number(program, print, v, of);
                push(format!("from {} -> from {}", words(over), words(other)), Vec::new(), vec![(row, changed)]);
            }
            for moved in dates(program, parameter, row) {
                let word = if moved.begins { "begins" } else { "ends" };
                push(format!("{word} {} -> {}", moved.day, moved.other), moved.days(), moved.rows);
            }
        }
    }
    mutants
}

/// A bracket of a scale that begins elsewhere: where, where instead, and the row then. The one that begins at nothing stays.
fn brackets(parameter: &Parameter, row: &ParameterRow) -> Vec<(i64, i64, ParameterRow)> {
    let (Some(scale), Some(KeyMatch::Range(over, end))) = (parameter.scale, row.keys.last()) else { return Vec::new() };
    if *over == 0 {
        return Vec::new();
    }
    let begins = |other: i64| {
        let mut row = row.clone();
        if let Some(last) = row.keys.last_mut() {
            *last = KeyMatch::Range(other, *end);
        }
        (*over, other, row)
    };
    bumps(scale.of, *over).into_iter().map(begins).collect()
}

/// Changes to what holds where no row does.
fn fallback(program: &Program, print: Print<'_>, id: ParameterId, steps: &[StepId]) -> Vec<Mutant> {
    let parameter = &program.parameters[id.index()];
    let Some(Fallback { value: ParameterValue::Int(value), reason }) = &parameter.fallback else { return Vec::new() };
    if !is_own(program, &parameter.file) {
        return Vec::new();
    }
    let words = |v| number(program, print, v, parameter.ty);
    let changed = |other: i64| Mutant {
        rule: format!("parameter {}", parameter.name),
        file: parameter.file.clone(),
        line: parameter.line,
        change: format!("fallback {} -> {}", words(*value), words(other)),
        steps: steps.to_vec(),
        row: Some((id, parameter.rows.len())),
        days: Vec::new(),
        edit: Edit::Fallback {
            parameter: id,
            other: Some(Fallback { value: ParameterValue::Int(other), reason: reason.clone() }),
        },
    };
    bumps(parameter.ty, *value).into_iter().map(changed).collect()
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

/// A day later; a day earlier too where another row held until then. Rows that begin (or end) on one day with nothing
/// before (or after) them move together, told of the first.
fn dates(program: &Program, parameter: &Parameter, row: usize) -> Vec<Moved> {
    let written = &parameter.rows[row];
    let mut moved = Vec::new();
    let (Ok(before), Ok(after)) = (written.from.yesterday(), written.from.tomorrow()) else { return moved };
    let earlier = touching(parameter, row, |other| other.until == Some(before));
    // The pack speaks of no day before its own first.
    if written.from >= program.pack.from {
        let together = |at: usize, from| (at, ParameterRow { from, ..parameter.rows[at].clone() });
        if earlier.is_empty() {
            let alone = |at: usize| touching(parameter, at, |other| other.until == Some(before)).is_empty();
            let group = own_rows(program, parameter, |at, other| other.from == written.from && alone(at));
            if group.first() == Some(&row) {
                let rows = group.into_iter().map(|at| together(at, after)).collect();
                moved.push(Moved { begins: true, day: written.from, other: after, rows });
            }
        } else {
            for from in [Some(after), Some(before).filter(|day| *day >= program.pack.from)].into_iter().flatten() {
                let mut rows = vec![together(row, from)];
                let until = from.yesterday().ok();
                rows.extend(earlier.iter().map(|at| (*at, ParameterRow { until, ..parameter.rows[*at].clone() })));
                moved.push(Moved { begins: true, day: written.from, other: from, rows });
            }
        }
    }
    moved.extend(end(program, parameter, row));
    moved
}

/// A day shorter, for rows that nothing follows. A day longer would be an error that becomes a value: that no row holds
/// is not written anywhere.
fn end(program: &Program, parameter: &Parameter, row: usize) -> Option<Moved> {
    let until = parameter.rows[row].until.filter(|until| *until >= program.pack.from)?;
    let other = until.yesterday().ok()?;
    let next = until.tomorrow().ok()?;
    let last = |at: usize| touching(parameter, at, |after| after.from == next).is_empty();
    let group = own_rows(program, parameter, |at, other| other.until == Some(until) && last(at));
    if group.first() != Some(&row) {
        return None;
    }
    let shorter = |at: usize| (at, ParameterRow { until: Some(other), ..parameter.rows[at].clone() });
    Some(Moved { begins: false, day: until, other, rows: group.into_iter().map(shorter).collect() })
}

/// The pack's own rows that pass.
fn own_rows(program: &Program, parameter: &Parameter, passes: impl Fn(usize, &ParameterRow) -> bool) -> Vec<usize> {
    let rows = parameter.rows.iter().enumerate();
    rows.filter(|(at, row)| is_own(program, &row.file) && passes(*at, row)).map(|(at, _)| at).collect()
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
