//! Changes to formulas: comparisons, numbers, signs, connectives, branches, rounding.

use hedui_base::ColumnType;
use jiff::civil::Date;

use super::edit::{Edit, Mutant, Part};
use super::words::{bumps, rule, short, slip};
use super::{Print, is_own};
use crate::program::{
    Aggregate, AggregateFn, CompareOp, DatasetId, Expr, ExprKind, Program, Relation, RoundMode, Scheme, StepId,
    StepKind,
};

/// Changes to the formulas that the pack itself writes.
pub(super) fn changes(program: &Program, print: Print<'_>) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (index, step) in program.steps.iter().enumerate() {
        if !is_own(program, &step.rule.file) || is_of_any_member(program, StepId(index as u32)) {
            continue;
        }
        let mut at = Writer {
            program,
            print,
            step: StepId(index as u32),
            part: Part::Value,
            dataset: None,
            version: None,
            mutants: &mut mutants,
        };
        match &step.kind {
            StepKind::Formula(value) => at.formula(value),
            StepKind::Fact { dataset, filter, value } => {
                at.dataset = Some(*dataset);
                at.formula(value);
                at.part = Part::Filter;
                filter.iter().for_each(|filter| at.formula(filter));
            }
            StepKind::FlagCount(_) => {}
        }
    }
    mutants
}

/// Whether a step only gathers what a scheme of persons finds of each: nobody wrote its formula.
fn is_of_any_member(program: &Program, step: StepId) -> bool {
    let gathers = |scheme: &&Scheme| [Some(scheme.when), scheme.amount, scheme.until].contains(&Some(step));
    program.schemes.iter().filter(|scheme| scheme.persons.is_some()).any(|scheme| gathers(&scheme))
}

/// One expression of one step.
struct Writer<'w> {
    program: &'w Program,
    print: Print<'w>,
    step: StepId,
    part: Part,
    dataset: Option<DatasetId>,
    /// The first day of the text at hand, if the rule changes on days.
    version: Option<Date>,
    mutants: &'w mut Vec<Mutant>,
}

impl Writer<'_> {
    fn formula(&mut self, whole: &Expr) {
        if self.comparison_of_a_test(whole) {
            return;
        }
        self.inside(whole, 0, None);
    }

    /// A test's result says its relation in words; its value and limit are steps of their own.
    fn comparison_of_a_test(&mut self, whole: &Expr) -> bool {
        let test = self.program.tests.iter().find(|test| test.result == self.step);
        let (Some(written), ExprKind::Compare(op, a, b)) = (test.and_then(|t| t.relation), &whole.kind) else {
            return false;
        };
        let other = slip(*op);
        let said = match other {
            CompareOp::Lt => Relation::Below,
            CompareOp::Le => Relation::AtMost,
            CompareOp::Gt => Relation::Above,
            CompareOp::Ge => Relation::AtLeast,
            CompareOp::Eq | CompareOp::Ne => return false,
        };
        let kind = ExprKind::Compare(other, a.clone(), b.clone());
        self.push(0, Expr::new(kind, whole.ty), format!("{} -> {}", written.key(), said.key()));
        true
    }

    fn push(&mut self, place: usize, other: Expr, change: String) {
        let (file, line) = self.program.steps[self.step.index()].rule.place(self.version);
        self.mutants.push(Mutant {
            rule: rule(self.program, self.step),
            file: file.to_owned(),
            line,
            change,
            steps: vec![self.step],
            row: None,
            days: Vec::new(),
            edit: Edit::Expr { step: self.step, part: self.part, place, other },
        });
    }

    fn shown(&self, expr: &Expr) -> String {
        (self.print)(self.program, self.dataset, expr)
    }

    /// An expression becomes another; both are shown.
    fn replace(&mut self, place: usize, expr: &Expr, kind: ExprKind) {
        let other = Expr::new(kind, expr.ty);
        let change = format!("{} -> {}", short(&self.shown(expr)), short(&self.shown(&other)));
        self.push(place, other, change);
    }

    /// A function becomes another of the same arguments.
    fn rename(&mut self, place: usize, expr: &Expr, kind: ExprKind) {
        let other = Expr::new(kind, expr.ty);
        let name = |e: &Expr| match &e.kind {
            ExprKind::Round(mode, ..) => format!("{}{}", mode.function(), mode.argument()),
            ExprKind::Aggregate(of) => of.function.as_str().to_owned(),
            _ => self.shown(e).split('(').next().unwrap_or_default().to_owned(),
        };
        let change = format!("{} -> {} in {}", name(expr), name(&other), short(&self.shown(expr)));
        self.push(place, other, change);
    }

    /// Changes to an expression at a place, and to all inside it. Returns the place after it.
    fn inside(&mut self, expr: &Expr, place: usize, around: Option<&Expr>) -> usize {
        self.here(expr, place, around);
        let around =
            if matches!(expr.kind, ExprKind::Rescale(..) | ExprKind::Household(_)) { around } else { Some(expr) };
        let mut next = place + 1;
        if let ExprKind::Dated(first, versions) = &expr.kind {
            next = self.inside(first, next, None);
            for (from, version) in versions {
                self.version = Some(*from);
                next = self.inside(version, next, None);
            }
            self.version = None;
            return next;
        }
        for part in expr.parts() {
            next = self.inside(part, next, around);
        }
        next
    }

    fn here(&mut self, expr: &Expr, place: usize, around: Option<&Expr>) {
        match &expr.kind {
            ExprKind::Int(value) => self.number(expr, *value, place, around),
            ExprKind::Not(a) => self.replace(place, expr, a.kind.clone()),
            ExprKind::IsNone(_) => self.replace(place, expr, ExprKind::Not(Box::new(expr.clone()))),
            ExprKind::And(all) => self.connective(expr, all, ExprKind::Or(all.clone()), "AND -> OR", place),
            ExprKind::Or(all) => self.connective(expr, all, ExprKind::And(all.clone()), "OR -> AND", place),
            ExprKind::Compare(op, a, b) if !agrees_at_equality(around, expr) => {
                self.replace(place, expr, ExprKind::Compare(slip(*op), a.clone(), b.clone()));
            }
            ExprKind::Dated(first, versions) => self.versions(expr, first, versions, place),
            ExprKind::In(a, list) => self.items(expr, a, list, place),
            ExprKind::Case(branches, otherwise) => self.branches(expr, branches, otherwise, place),
            ExprKind::Add(a, b) => self.sign(expr, b, ExprKind::Sub(a.clone(), b.clone()), ["+", "-"], place),
            ExprKind::Sub(a, b) => self.sign(expr, b, ExprKind::Add(a.clone(), b.clone()), ["-", "+"], place),
            ExprKind::Round(mode, a, to) => self.rounding(expr, *mode, a, to, place),
            ExprKind::Aggregate(of) => {
                if let Some(function) = opposite(of.function) {
                    self.rename(place, expr, ExprKind::Aggregate(Aggregate { function, ..of.clone() }));
                }
            }
            ExprKind::Least(all) => self.rename(place, expr, ExprKind::Greatest(all.clone())),
            ExprKind::Greatest(all) => self.rename(place, expr, ExprKind::Least(all.clone())),
            ExprKind::AddMonths(a, n) => {
                for other in bumps(ColumnType::Int, i64::from(*n)) {
                    self.replace(place, expr, ExprKind::AddMonths(a.clone(), other as i32));
                }
            }
            ExprKind::AddDays(a, n) => {
                for other in bumps(ColumnType::Int, i64::from(*n)) {
                    self.replace(place, expr, ExprKind::AddDays(a.clone(), other as i32));
                }
            }
            _ => {}
        }
    }

    fn connective(&mut self, expr: &Expr, all: &[Expr], kind: ExprKind, words: &str, place: usize) {
        let first: Vec<String> = all.iter().take(2).map(|part| format!("`{}`", short(&self.shown(part)))).collect();
        let more = if all.len() > 2 { " ..." } else { "" };
        self.push(place, Expr::new(kind, expr.ty), format!("{words} between {}{more}", first.join(", ")));
    }

    fn sign(&mut self, expr: &Expr, of: &Expr, kind: ExprKind, [before, after]: [&str; 2], place: usize) {
        let of = short(&self.shown(of));
        self.push(place, Expr::new(kind, expr.ty), format!("{before} {of} -> {after} {of}"));
    }

    /// A version that begins a day earlier or later.
    fn versions(&mut self, expr: &Expr, first: &Expr, versions: &[(Date, Expr)], place: usize) {
        for (number, (from, _)) in versions.iter().enumerate() {
            for other in [from.yesterday(), from.tomorrow()].into_iter().flatten() {
                let mut versions = versions.to_vec();
                versions[number].0 = other;
                let changed = Expr::new(ExprKind::Dated(Box::new(first.clone()), versions), expr.ty);
                self.version = Some(*from);
                self.push(place, changed, format!("begins {from} -> {other}"));
                self.version = None;
                if let Some(mutant) = self.mutants.last_mut() {
                    mutant.days = vec![other.min(*from)];
                }
            }
        }
    }

    /// Leaves out one of a list.
    fn items(&mut self, expr: &Expr, of: &Expr, list: &[Expr], place: usize) {
        for left_out in 0..list.len() {
            let mut list = list.to_vec();
            let item = self.shown(&list.remove(left_out));
            let kind = if list.is_empty() { ExprKind::Int(0) } else { ExprKind::In(Box::new(of.clone()), list) };
            let change = format!("{item} left out of {}", short(&self.shown(expr)));
            self.push(place, Expr::new(kind, expr.ty), change);
        }
    }

    /// Leaves out one branch.
    fn branches(&mut self, expr: &Expr, branches: &[(Expr, Expr)], otherwise: &Expr, place: usize) {
        for left_out in 0..branches.len() {
            let mut branches = branches.to_vec();
            let (condition, _) = branches.remove(left_out);
            let kind = if branches.is_empty() {
                otherwise.kind.clone()
            } else {
                ExprKind::Case(branches, Box::new(otherwise.clone()))
            };
            let change = format!("branch WHEN {} left out", short(&self.shown(&condition)));
            self.push(place, Expr::new(kind, expr.ty), change);
        }
    }

    fn rounding(&mut self, expr: &Expr, mode: RoundMode, of: &Expr, to: &Expr, place: usize) {
        let others: &[RoundMode] = match mode {
            RoundMode::Nearest => &[RoundMode::Floor, RoundMode::Ceil],
            RoundMode::Floor => &[RoundMode::Ceil],
            RoundMode::Ceil => &[RoundMode::Floor],
            RoundMode::HalfEven => &[RoundMode::Nearest, RoundMode::Down],
            RoundMode::HalfDown => &[RoundMode::Nearest, RoundMode::Up],
            RoundMode::Up => &[RoundMode::Nearest, RoundMode::Down],
            RoundMode::Down => &[RoundMode::Nearest, RoundMode::Up],
        };
        for other in others {
            self.rename(place, expr, ExprKind::Round(*other, Box::new(of.clone()), Box::new(to.clone())));
        }
    }

    fn number(&mut self, expr: &Expr, value: i64, place: usize, around: Option<&Expr>) {
        for other in neighbours(expr, value, around) {
            let changed = Expr::new(ExprKind::Int(other), expr.ty);
            let (before, after) = (self.shown(expr), self.shown(&changed));
            let within = around.map(|e| format!(" in {}", short(&self.shown(e)))).unwrap_or_default();
            self.push(place, changed, format!("{before} -> {after}{within}"));
        }
    }
}

/// The first for the last, the smallest for the largest, any for all.
const fn opposite(function: AggregateFn) -> Option<AggregateFn> {
    Some(match function {
        AggregateFn::Min => AggregateFn::Max,
        AggregateFn::Max => AggregateFn::Min,
        AggregateFn::BoolOr => AggregateFn::BoolAnd,
        AggregateFn::BoolAnd => AggregateFn::BoolOr,
        AggregateFn::MonthFirst => AggregateFn::MonthLast,
        AggregateFn::MonthLast => AggregateFn::MonthFirst,
        AggregateFn::MonthMax => AggregateFn::MonthMin,
        AggregateFn::MonthMin => AggregateFn::MonthMax,
        AggregateFn::Sum | AggregateFn::Count | AggregateFn::CountDistinct | AggregateFn::Avg => return None,
    })
}

/// What a number may become where it stands.
fn neighbours(expr: &Expr, value: i64, around: Option<&Expr>) -> Vec<i64> {
    let others = bumps(expr.ty, value);
    match around.map(|e| &e.kind) {
        // To a multiple ten times as large.
        Some(ExprKind::Round(_, _, to)) if **to == *expr => value.checked_mul(10).into_iter().collect(),
        Some(ExprKind::Compare(op, left, right)) => {
            let ordered = !matches!(op, CompareOp::Eq | CompareOp::Ne);
            // `x > 0` of an amount is held in its place by `x >= 0`: the next amount is a hundredth away.
            if ordered && value == 0 && expr.ty != ColumnType::Int {
                return Vec::new();
            }
            // Of whole numbers `x > 3` changed to `x > 2` is the `x >= 3` that stands in the list anyway.
            let same = match (op, **left == *expr, **right == *expr) {
                (CompareOp::Lt | CompareOp::Ge, false, true) | (CompareOp::Le | CompareOp::Gt, true, false) => 1,
                (CompareOp::Le | CompareOp::Gt, false, true) | (CompareOp::Lt | CompareOp::Ge, true, false) => -1,
                _ => 0,
            };
            let same = (expr.ty == ColumnType::Int && same != 0).then(|| value.saturating_add(same));
            others.into_iter().filter(|other| Some(*other) != same).collect()
        }
        _ => others,
    }
}

/// Whether a comparison chooses between two values that are the same where its sides are equal, as in
/// `CASE WHEN a > b THEN a - b ELSE 0 END`: then `>` and `>=` do the same.
fn agrees_at_equality(around: Option<&Expr>, comparison: &Expr) -> bool {
    let (Some(ExprKind::Case(branches, otherwise)), ExprKind::Compare(op, a, b)) =
        (around.map(|e| &e.kind), &comparison.kind)
    else {
        return false;
    };
    let Some((condition, value)) = branches.last() else { return false };
    !matches!(op, CompareOp::Eq | CompareOp::Ne)
        && condition == comparison
        && with_equal(value, a, b) == with_equal(otherwise, a, b)
}

/// An expression where two others have one value.
fn with_equal(expr: &Expr, a: &Expr, b: &Expr) -> Expr {
    if expr == b {
        return a.clone();
    }
    let mut expr = expr.clone();
    for part in expr.parts_mut() {
        *part = with_equal(part, a, b);
    }
    let nothing = |e: &Expr| matches!(e.kind, ExprKind::Int(0));
    let is_nothing = match &expr.kind {
        ExprKind::Sub(x, y) => x == y,
        ExprKind::Mul(x, y, _) => nothing(x) || nothing(y),
        ExprKind::Rescale(x, _) | ExprKind::Neg(x) => nothing(x),
        _ => false,
    };
    if is_nothing {
        expr.kind = ExprKind::Int(0);
    }
    expr
}
