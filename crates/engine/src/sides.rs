//! Which sides of every condition a case sees, and which rows of parameters it uses: what coverage is counted by.
//!
//! Only what counts is seen: an operand after the one that settled the result, a branch after the one taken, and a
//! record or person that an aggregate leaves out see nothing.

use hedui_base::Tri;
use hedui_rules::Program;
use hedui_rules::program::{DatasetId, Expr, ExprKind, Over, StepId, StepKind};
use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::evaluate::{Kernel, Scope, key_of};
use crate::parameters::candidates;
use crate::print::print;

/// A side that a condition inside a formula can come out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// This branch of a `CASE` is taken.
    Taken,
    /// This branch of a `CASE` is come to and passed over, and another one follows.
    Passed,
    /// `ELSE` is taken.
    Otherwise,
    /// What a rule says before its first version, or this version, is in force.
    InForce,
    /// This part of an `AND` or `OR` is come to and met.
    PartMet,
    /// This part of an `AND` or `OR` is come to and not met.
    PartNotMet,
}

/// One side of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The step it stands in.
    pub step: StepId,
    /// First day of the text it stands in, if the rule changes on days.
    pub version: Option<Date>,
    /// Which side.
    pub side: Side,
    /// The condition as text.
    pub condition: String,
}

/// All sides of all conditions of a program.
#[derive(Debug, Default)]
pub struct Points {
    /// In the order of the steps.
    pub list: Vec<Point>,
    /// The first point of a condition, by where its expression lies in memory.
    first: FxHashMap<usize, usize>,
}

/// What cases have seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Indexes into [`Points::list`].
    pub points: FxHashSet<usize>,
    /// Rows of parameters: index of the parameter, index of the row; one past the last where none holds.
    pub rows: FxHashSet<(usize, usize)>,
}

impl Points {
    /// Lists the sides of a program. They hold for this very program, not for a copy of it.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let mut points = Self::default();
        for (index, step) in program.steps.iter().enumerate() {
            let at = Point { step: StepId(index as u32), version: None, side: Side::InForce, condition: String::new() };
            match &step.kind {
                StepKind::FlagCount(_) => {}
                StepKind::Formula(value) => points.inside(&at, (program, None), value),
                StepKind::Fact { dataset, filter, value } => {
                    for expr in filter.iter().chain([value]) {
                        points.inside(&at, (program, Some(*dataset)), expr);
                    }
                }
            }
        }
        points
    }

    fn inside(&mut self, at: &Point, (program, dataset): (&Program, Option<DatasetId>), expr: &Expr) {
        let first = self.list.len();
        let mut push = |side, condition| self.list.push(Point { side, condition, ..at.clone() });
        let text = |e: &Expr| print(program, dataset, e);
        match &expr.kind {
            ExprKind::Case(branches, _) => {
                for (number, (condition, _)) in branches.iter().enumerate() {
                    let last = number + 1 == branches.len();
                    push(Side::Taken, text(condition));
                    push(if last { Side::Otherwise } else { Side::Passed }, text(condition));
                }
            }
            ExprKind::Dated(before, versions) => {
                push(Side::InForce, versions.first().map(|(day, _)| format!("before {day}")).unwrap_or_default());
                for (day, _) in versions {
                    let version = Some(*day);
                    let condition = format!("from {day}");
                    self.list.push(Point { step: at.step, version, side: Side::InForce, condition });
                }
                self.first.insert(address(expr), first);
                self.inside(at, (program, dataset), before);
                for (day, version) in versions {
                    self.inside(&Point { version: Some(*day), ..at.clone() }, (program, dataset), version);
                }
                return;
            }
            ExprKind::And(all) | ExprKind::Or(all) => {
                for part in all {
                    push(Side::PartMet, text(part));
                    push(Side::PartNotMet, text(part));
                }
            }
            _ => {}
        }
        if self.list.len() > first {
            self.first.insert(address(expr), first);
        }
        for part in expr.parts() {
            self.inside(at, (program, dataset), part);
        }
    }
}

fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

/// Looks through a computed slice for what its rows see.
pub(crate) fn look(kernel: &mut Kernel<'_>, points: &Points, seen: &mut Seen) {
    let program = kernel.program;
    for (step, definition) in program.steps.iter().enumerate() {
        kernel.step = step;
        let scope = Scope::from(definition.entity);
        let everybody = vec![true; kernel.rows(scope)];
        match &definition.kind {
            StepKind::FlagCount(_) => {}
            StepKind::Formula(value) => Looker { kernel, points, seen }.at(value, scope, &everybody),
            StepKind::Fact { dataset, filter, value } => {
                if let Some(filter) = filter {
                    let records = Scope::Records(dataset.index());
                    let real = Looker { kernel, points, seen }.records(dataset.index(), scope, &everybody);
                    Looker { kernel, points, seen }.at(filter, records, &real);
                }
                kernel.enter_fact(step);
                Looker { kernel, points, seen }.at(value, scope, &everybody);
                kernel.fact = None;
            }
        }
    }
}

struct Looker<'l, 'a> {
    kernel: &'l mut Kernel<'a>,
    points: &'l Points,
    seen: &'l mut Seen,
}

impl<'a> Looker<'_, 'a> {
    /// An expression and all inside it, for those rows that come to it.
    fn at(&mut self, expr: &'a Expr, scope: Scope, live: &[bool]) {
        if !live.contains(&true) {
            return;
        }
        let first = self.points.first.get(&address(expr)).copied();
        match (&expr.kind, first) {
            (ExprKind::Case(branches, otherwise), Some(first)) => {
                let mut left = live.to_vec();
                for (number, (condition, value)) in branches.iter().enumerate() {
                    self.at(condition, scope, &left);
                    let (taken, passed) = self.sides(condition, scope, &left, first + 2 * number);
                    self.at(value, scope, &taken);
                    left = passed;
                }
                self.at(otherwise, scope, &left);
            }
            (ExprKind::Dated(before, versions), Some(first)) => {
                let day = self.kernel.as_of;
                let version = versions.iter().rposition(|(from, _)| *from <= day);
                self.seen.points.insert(first + version.map_or(0, |version| version + 1));
                self.at(Expr::in_force(before, versions, day), scope, live);
            }
            (ExprKind::And(all) | ExprKind::Or(all), Some(first)) => {
                let is_and = matches!(expr.kind, ExprKind::And(_));
                let mut left = live.to_vec();
                for (number, part) in all.iter().enumerate() {
                    self.at(part, scope, &left);
                    let (met, not_met) = self.sides(part, scope, &left, first + 2 * number);
                    left = if is_and { met } else { not_met };
                }
            }
            (ExprKind::Household(inner), _) => {
                let cases = self.cases(scope, live);
                self.at(inner, Scope::Household, &cases);
            }
            (ExprKind::Aggregate(of), _) => {
                let (inside, all) = match of.over {
                    Over::Records => {
                        let Some(dataset) = self.kernel.fact.as_ref().map(|fact| fact.dataset) else { return };
                        (Scope::Records(dataset), self.records(dataset, scope, live))
                    }
                    Over::Members | Over::Obligors => (Scope::Person, self.people(of.over, scope, live)),
                };
                if let Some(filter) = of.filter.as_deref() {
                    self.at(filter, inside, &all);
                }
                let counted = match of.over {
                    Over::Records => self.kernel.counted_records(of),
                    Over::Members | Over::Obligors => Some(self.kernel.counted_people(of)),
                };
                let counts = |row: usize| counted.as_ref().is_none_or(|c| c.get(row).truth().0 == Tri::Met);
                let counted: Vec<bool> = all.iter().enumerate().map(|(row, live)| *live && counts(row)).collect();
                for part in [&of.argument, &of.by].into_iter().filter_map(|part| part.as_deref()) {
                    self.at(part, inside, &counted);
                }
            }
            (ExprKind::Parameter { id, keys }, _) => {
                keys.iter().for_each(|key| self.at(key, scope, live));
                self.rows_of(id.index(), keys, scope, live);
            }
            _ => {
                for part in expr.parts() {
                    self.at(part, scope, live);
                }
            }
        }
    }

    /// Notes the two sides of a condition; says which of the rows that came to it met it, and which did not.
    fn sides(&mut self, condition: &'a Expr, scope: Scope, live: &[bool], point: usize) -> (Vec<bool>, Vec<bool>) {
        let result = self.kernel.eval(condition, scope);
        let side = |tri: Tri| -> Vec<bool> {
            live.iter().enumerate().map(|(row, live)| *live && result.get(row).truth().0 == tri).collect()
        };
        let sides = (side(Tri::Met), side(Tri::NotMet));
        for (offset, side) in [&sides.0, &sides.1].into_iter().enumerate() {
            if side.contains(&true) {
                self.seen.points.insert(point + offset);
            }
        }
        sides
    }

    /// Households of which a row is live.
    fn cases(&self, scope: Scope, live: &[bool]) -> Vec<bool> {
        let mut cases = vec![false; self.kernel.rows(Scope::Household)];
        for (row, _) in live.iter().enumerate().filter(|(_, live)| **live) {
            cases[self.kernel.case_of(scope, row)] = true;
        }
        cases
    }

    /// Members or obligors of live households.
    fn people(&self, over: Over, scope: Scope, live: &[bool]) -> Vec<bool> {
        let cases = self.cases(scope, live);
        let counts = |person: usize| {
            self.kernel.slice.is_member(person) == (over == Over::Members)
                && cases[self.kernel.case_of(Scope::Person, person)]
        };
        (0..self.kernel.rows(Scope::Person)).map(counts).collect()
    }

    /// Records of live owners; what nobody has seen is left out.
    fn records(&self, dataset: usize, scope: Scope, live: &[bool]) -> Vec<bool> {
        let frame = &self.kernel.slice.frames[dataset];
        let owners = self.kernel.owner_scope(dataset) == scope;
        let owned = |row: usize| !owners || live[frame.owner[row] as usize];
        (0..frame.owner.len()).map(|row| row < frame.rows.len() && owned(row)).collect()
    }

    /// Rows of a parameter that are in force for certain.
    fn rows_of(&mut self, id: usize, keys: &'a [Expr], scope: Scope, live: &[bool]) {
        let columns: Vec<_> = keys.iter().map(|key| (self.kernel.eval(key, scope), key.ty)).collect();
        let parameter = &self.kernel.program.parameters[id];
        for (row, _) in live.iter().enumerate().filter(|(_, live)| **live) {
            let values: Vec<_> = columns.iter().map(|(column, ty)| key_of(column.get(row), *ty)).collect();
            let place = self.kernel.place(self.kernel.case_of(scope, row));
            let found = candidates(parameter, place, &values, self.kernel.as_of, &self.kernel.slice.texts);
            let at = match (found.rows.as_slice(), found.none) {
                ([found], false) => parameter.rows.iter().position(|row| std::ptr::eq(row, *found)),
                ([], true) => Some(parameter.rows.len()),
                _ => None,
            };
            self.seen.rows.extend(at.map(|at| (id, at)));
        }
    }
}
