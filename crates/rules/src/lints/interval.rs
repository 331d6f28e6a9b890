//! What values can be at all: from types, the `min` and `max` of columns and inputs, and rows of parameters.

use hedui_base::{ColumnSpec, ColumnType};
use jiff::civil::Date;

use crate::program::{
    Aggregate, AggregateFn, Expr, ExprKind, Parameter, ParameterValue, Program, RowValue, StepId, StepKind,
};

/// Beyond every value.
const ENDLESS: i128 = 1 << 90;

/// Bounds of a number, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub lo: i128,
    pub hi: i128,
}

const ALL: Interval = Interval { lo: -ENDLESS, hi: ENDLESS };

impl Interval {
    fn new(lo: i128, hi: i128) -> Self {
        Self { lo: lo.clamp(-ENDLESS, ENDLESS), hi: hi.clamp(-ENDLESS, ENDLESS) }
    }

    fn hull(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// Ends that went out of bounds stay there.
    fn plus(self, other: Self) -> Self {
        let add = |a: i128, b: i128| {
            if a.abs() >= ENDLESS {
                a
            } else if b.abs() >= ENDLESS {
                b
            } else {
                a + b
            }
        };
        Self::new(add(self.lo, other.lo), add(self.hi, other.hi))
    }

    fn negated(self) -> Self {
        Self::new(-self.hi, -self.lo)
    }

    /// Wider by what rounding can change.
    fn within(self, by: i128) -> Self {
        self.plus(Self { lo: -by, hi: by })
    }

    fn times(self, other: Self, drop: u8) -> Self {
        let product = |a: i128, b: i128| match (a, b) {
            (0, _) | (_, 0) => 0,
            _ if a.abs() >= ENDLESS || b.abs() >= ENDLESS => ENDLESS * a.signum() * b.signum(),
            _ => a.saturating_mul(b),
        };
        let ends = [(self.lo, other.lo), (self.lo, other.hi), (self.hi, other.lo), (self.hi, other.hi)];
        let ends = ends.map(|(a, b)| product(a, b));
        let (lo, hi) = ends.iter().fold((ends[0], ends[0]), |(lo, hi), e| (lo.min(*e), hi.max(*e)));
        // Outwards, so that rounding stays inside; an end that is endless stays so.
        let unit = 10i128.pow(drop.into());
        let end = |e: i128, divided: i128| if e.abs() >= ENDLESS { e } else { divided };
        Self::new(end(lo, lo.div_euclid(unit)), end(hi, -(-hi).div_euclid(unit)))
    }
}

/// What each step of a program can be.
pub(super) struct Intervals<'p> {
    program: &'p Program,
    day: Date,
    steps: Vec<Interval>,
    /// The dataset of the fact at hand.
    dataset: Option<usize>,
}

impl<'p> Intervals<'p> {
    pub(super) fn of(program: &'p Program, day: Date) -> Self {
        let mut found = Self { program, day, steps: Vec::with_capacity(program.steps.len()), dataset: None };
        for step in &program.steps {
            let interval = match &step.kind {
                StepKind::Fact { dataset, value, .. } => {
                    found.dataset = Some(dataset.index());
                    let interval = found.expr(value);
                    found.dataset = None;
                    interval
                }
                StepKind::Formula(expr) => found.expr(expr),
                StepKind::FlagCount(_) => Interval { lo: 0, hi: ENDLESS },
            };
            found.steps.push(interval);
        }
        found
    }

    pub(super) fn step(&self, id: StepId) -> Interval {
        self.steps.get(id.index()).copied().unwrap_or(ALL)
    }

    pub(super) fn expr(&self, expr: &Expr) -> Interval {
        let of = |e: &Expr| self.expr(e);
        let hull = |list: &mut dyn Iterator<Item = &Expr>| list.map(of).reduce(Interval::hull).unwrap_or(ALL);
        match &expr.kind {
            _ if expr.ty == ColumnType::Bool => Interval { lo: 0, hi: 1 },
            ExprKind::Int(v) => Interval { lo: (*v).into(), hi: (*v).into() },
            ExprKind::Column(id) => {
                let columns = self.dataset.map(|dataset| &self.program.datasets[dataset].columns);
                columns.and_then(|columns| columns.get(id.index())).map_or(ALL, |column| bounds(&column.spec))
            }
            ExprKind::Input(id) => bounds(&self.program.inputs[id.index()].spec),
            ExprKind::Step(id) => self.step(*id),
            ExprKind::Household(inner) => of(inner),
            ExprKind::Parameter { id, .. } => self.parameter(&self.program.parameters[id.index()]),
            ExprKind::Neg(a) => of(a).negated(),
            ExprKind::Add(a, b) => of(a).plus(of(b)),
            ExprKind::Sub(a, b) => of(a).plus(of(b).negated()),
            ExprKind::Mul(a, b, drop) => of(a).times(of(b), *drop),
            ExprKind::Rescale(a, by) if *by >= 0 => {
                let unit = 10i128.pow(by.unsigned_abs().into());
                of(a).times(Interval { lo: unit, hi: unit }, 0)
            }
            ExprKind::Rescale(a, by) => of(a).times(Interval { lo: 1, hi: 1 }, by.unsigned_abs()),
            ExprKind::Round(_, a, multiple) => of(a).within(of(multiple).hi.max(1)),
            ExprKind::Least(list) => {
                let all: Vec<Interval> = list.iter().map(of).collect();
                let low = |f: fn(&Interval) -> i128| all.iter().map(f).min().unwrap_or(-ENDLESS);
                Interval { lo: low(|i| i.lo), hi: low(|i| i.hi) }
            }
            ExprKind::Greatest(list) => {
                let all: Vec<Interval> = list.iter().map(of).collect();
                let high = |f: fn(&Interval) -> i128| all.iter().map(f).max().unwrap_or(ENDLESS);
                Interval { lo: high(|i| i.lo), hi: high(|i| i.hi) }
            }
            ExprKind::Abs(a) => {
                let a = of(a);
                let lo = if a.lo <= 0 && a.hi >= 0 { 0 } else { a.lo.abs().min(a.hi.abs()) };
                Interval { lo, hi: a.lo.abs().max(a.hi.abs()) }
            }
            ExprKind::Case(branches, otherwise) => {
                hull(&mut branches.iter().map(|(_, value)| value).chain([&**otherwise]))
            }
            ExprKind::Dated(first, versions) => {
                hull(&mut std::iter::once(&**first).chain(versions.iter().map(|v| &v.1)))
            }
            ExprKind::Assume { value, instead, .. } => of(value).hull(of(instead)),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            _ => ALL,
        }
    }

    fn aggregate(&self, of: &Aggregate) -> Interval {
        let argument = of.argument.as_deref().map_or(ALL, |argument| self.expr(argument));
        match of.function {
            AggregateFn::Count | AggregateFn::CountDistinct => Interval { lo: 0, hi: ENDLESS },
            AggregateFn::Min | AggregateFn::Max | AggregateFn::Avg => argument,
            _ if argument.lo >= 0 => Interval { lo: 0, hi: ENDLESS },
            _ if argument.hi <= 0 => Interval { lo: -ENDLESS, hi: 0 },
            _ => ALL,
        }
    }

    /// All rows in force on the day, with what gaps lie between.
    fn parameter(&self, parameter: &Parameter) -> Interval {
        if parameter.scale.is_some() {
            return ALL;
        }
        let end = |bound: Option<i64>, none: i128| bound.map_or(none, i128::from);
        let rows = parameter.rows.iter().filter(|row| row.holds_on(self.day)).map(|row| match &row.value {
            RowValue::Gap(_) => {
                Interval { lo: end(parameter.bounds.0, -ENDLESS), hi: end(parameter.bounds.1, ENDLESS) }
            }
            _ => parameter.read(row, 0).map_or(ALL, |value| {
                let value = i128::from(value);
                let each = row.each.unwrap_or(0);
                let lo = if each < 0 { -ENDLESS } else { value };
                Interval { lo, hi: if each > 0 { ENDLESS } else { value } }
            }),
        });
        let fallback = parameter.fallback.iter().filter_map(|fallback| match fallback.value {
            ParameterValue::Int(value) => Some(Interval { lo: value.into(), hi: value.into() }),
            ParameterValue::Text(_) => None,
        });
        rows.chain(fallback).reduce(Interval::hull).unwrap_or(ALL)
    }
}

fn bounds(spec: &ColumnSpec) -> Interval {
    Interval { lo: spec.min.map_or(-ENDLESS, i128::from), hi: spec.max.map_or(ENDLESS, i128::from) }
}
