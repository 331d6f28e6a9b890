//! A row-by-row interpreter for worlds without holes: the meaning of a program, written as plainly as possible.

use std::collections::BTreeMap;

use hedui_base::columns::{date_to_days, days_to_date};
use hedui_base::{ColumnType, Month};
use hedui_engine::input::{Caseload, Role};
use hedui_rules::Program;
use hedui_rules::program::*;

use crate::build::AS_OF;

/// Something the interpreter has no value for: division by zero, a number out of range.
#[derive(Debug)]
pub(crate) struct NoValue;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val {
    None,
    Int(i128),
    Text(String),
}

/// Where an expression is evaluated.
#[derive(Clone, Debug, Default)]
pub(crate) struct At {
    pub(crate) case: usize,
    pub(crate) person: Option<usize>,
    pub(crate) record: Option<(usize, usize)>,
    pub(crate) fact: Option<(usize, Vec<usize>)>,
}

pub(crate) struct Reference<'a> {
    pub(crate) program: &'a Program,
    pub(crate) load: &'a Caseload,
}

type Found = Result<Val, NoValue>;

fn truth(value: &Val) -> bool {
    matches!(value, Val::Int(v) if *v != 0)
}

fn half_away(a: i128, b: i128) -> i128 {
    let sign = if (a < 0) == (b < 0) { 1 } else { -1 };
    sign * ((2 * a.abs() + b.abs()) / (2 * b.abs()))
}

/// How many multiples, seen from zero: the two neighbours of the magnitude are tried.
fn near_zero(a: i128, to: i128, mode: RoundMode) -> i128 {
    let size = a.abs();
    let (inner, outer) = (size / to, (size + to - 1) / to);
    let (to_inner, to_outer) = (size - inner * to, outer * to - size);
    let outwards = match mode {
        RoundMode::Up => true,
        RoundMode::Down => false,
        RoundMode::HalfDown => to_outer < to_inner,
        _ => to_outer < to_inner || (to_outer == to_inner && inner % 2 == 1),
    };
    a.signum() * if outwards { outer } else { inner }
}

fn ten(power: u8) -> i128 {
    10i128.pow(power.into())
}

fn date(days: i128) -> Result<jiff::civil::Date, NoValue> {
    days_to_date(days as i64).ok_or(NoValue)
}

/// A scale of whole numbers without places and keys.
fn scaled(parameter: &Parameter, kind: ScaleKind, of: i128) -> Found {
    let mut brackets: Vec<(i128, i128)> = Vec::new();
    for row in &parameter.rows {
        let (KeyMatch::Range(over, _), RowValue::Known(ParameterValue::Int(value))) = (&row.keys[0], &row.value) else {
            return Err(NoValue);
        };
        brackets.push(((*over).into(), (*value).into()));
    }
    brackets.sort_unstable();
    let below = brackets.iter().filter(|(over, _)| *over <= of);
    if kind == ScaleKind::Single {
        return below.max_by_key(|(over, _)| *over).map(|(_, value)| Val::Int(*value)).ok_or(NoValue);
    }
    let mut total = 0;
    for (index, (over, rate)) in brackets.iter().enumerate() {
        let end = brackets.get(index + 1).map_or(of, |next| of.min(next.0));
        total += (end - over).max(0) * rate;
    }
    Ok(Val::Int(half_away(total, ten(6))))
}

impl Reference<'_> {
    pub(crate) fn step(&self, id: usize, at: &At) -> Found {
        let step = &self.program.steps[id];
        let mut own = At { case: at.case, person: at.person, ..At::default() };
        match &step.kind {
            StepKind::Formula(expr) => self.eval(expr, &own),
            StepKind::FlagCount(_) => Err(NoValue),
            StepKind::Fact { dataset, filter, value } => {
                let name = &self.program.datasets[dataset.index()].name;
                let key = self.load.persons.key[at.person.unwrap()];
                let mut passed = Vec::new();
                if let Some(records) = self.load.records.get(name) {
                    for row in (0..records.len()).filter(|row| records.person[*row] == key) {
                        let inside = At { record: Some((dataset.index(), row)), ..own.clone() };
                        let counts = match filter {
                            Some(filter) => truth(&self.eval(filter, &inside)?),
                            None => true,
                        };
                        if counts {
                            passed.push(row);
                        }
                    }
                }
                own.fact = Some((dataset.index(), passed));
                self.eval(value, &own)
            }
        }
    }

    fn int(&self, expr: &Expr, at: &At) -> Result<Option<i128>, NoValue> {
        match self.eval(expr, at)? {
            Val::Int(v) => Ok(Some(v)),
            Val::None => Ok(None),
            Val::Text(_) => Err(NoValue),
        }
    }

    fn one(&self, a: &Expr, at: &At, f: impl Fn(i128) -> Result<i128, NoValue>) -> Found {
        self.int(a, at)?.map_or(Ok(Val::None), |v| f(v).map(Val::Int))
    }

    fn two(&self, a: &Expr, b: &Expr, at: &At, f: impl Fn(i128, i128) -> Result<i128, NoValue>) -> Found {
        match (self.int(a, at)?, self.int(b, at)?) {
            (Some(a), Some(b)) => f(a, b).map(Val::Int),
            _ => Ok(Val::None),
        }
    }

    fn month(&self, expr: &Expr, at: &At) -> Result<Option<i128>, NoValue> {
        let Some(value) = self.int(expr, at)? else { return Ok(None) };
        Ok(Some(if expr.ty == ColumnType::Month { value } else { Month::of(date(value)?).index().into() }))
    }

    pub(crate) fn eval(&self, expr: &Expr, at: &At) -> Found {
        let value = self.plain(expr, at)?;
        match value {
            // What the engine would refuse, the interpreter refuses long before.
            Val::Int(v) if v.abs() > 1 << 61 => Err(NoValue),
            value => Ok(value),
        }
    }

    fn plain(&self, expr: &Expr, at: &At) -> Found {
        let bool = |b: bool| Ok(Val::Int(i128::from(b)));
        let days = |d| Val::Int(date_to_days(d).into());
        match &expr.kind {
            ExprKind::Int(v) => Ok(Val::Int((*v).into())),
            ExprKind::Text(t) => Ok(Val::Text(t.to_string())),
            ExprKind::AsOf => Ok(days(AS_OF)),
            ExprKind::Residence => Ok(Val::Text("urban".into())),
            ExprKind::IsMember => bool(self.load.persons.role[at.person.unwrap()] == Role::Member),
            ExprKind::Column(id) => {
                let (dataset, row) = at.record.unwrap();
                let dataset = &self.program.datasets[dataset];
                let table = &self.load.records[&dataset.name].table;
                let name = &dataset.columns[id.index()].name;
                Ok(match (table.int(name, row), table.text(name, row)) {
                    (Some(v), _) => Val::Int(v.into()),
                    (_, Some(t)) => Val::Text(t.into()),
                    _ => Val::None,
                })
            }
            ExprKind::Input(id) => {
                let input = &self.program.inputs[id.index()];
                let (table, row) = match input.entity {
                    Entity::Person => (&self.load.persons.inputs, at.person.unwrap()),
                    Entity::Household => (&self.load.cases.inputs, at.case),
                };
                Ok(table.int(&input.name, row).map_or(Val::None, |v| Val::Int(v.into())))
            }
            ExprKind::Step(id) => self.step(id.index(), at),
            ExprKind::Household(inner) => self.eval(inner, &At { case: at.case, ..At::default() }),
            ExprKind::Parameter { id, keys } => {
                let Some(key) = self.int(&keys[0], at)? else { return Err(NoValue) };
                let parameter = &self.program.parameters[id.index()];
                if let Some(scale) = parameter.scale {
                    return scaled(parameter, scale.kind, key);
                }
                let row = parameter.rows.iter().find(|r| r.keys[0].accepts(&KeyValue::Int(key as i64)));
                match (row.map(|r| &r.value), parameter.fallback.as_ref().map(|f| &f.value)) {
                    (Some(RowValue::Known(ParameterValue::Int(v))), _) => {
                        let beyond = match row.unwrap().keys[0] {
                            KeyMatch::Range(from, i64::MAX) => key - i128::from(from),
                            _ => 0,
                        };
                        Ok(Val::Int(i128::from(*v) + beyond * i128::from(row.unwrap().each.unwrap_or(0))))
                    }
                    (None, Some(ParameterValue::Int(v))) => Ok(Val::Int((*v).into())),
                    _ => Err(NoValue),
                }
            }
            ExprKind::Not(a) => bool(!truth(&self.eval(a, at)?)),
            ExprKind::And(all) => {
                let all: Vec<Val> = all.iter().map(|e| self.eval(e, at)).collect::<Result<_, _>>()?;
                bool(all.iter().all(truth))
            }
            ExprKind::Or(all) => {
                let all: Vec<Val> = all.iter().map(|e| self.eval(e, at)).collect::<Result<_, _>>()?;
                bool(all.iter().any(truth))
            }
            ExprKind::Compare(op, a, b) => {
                let (a, b) = (self.eval(a, at)?, self.eval(b, at)?);
                let order = match (&a, &b) {
                    (Val::Int(a), Val::Int(b)) => a.cmp(b),
                    (Val::Text(a), Val::Text(b)) => a.cmp(b),
                    _ => return bool(false),
                };
                bool(match op {
                    CompareOp::Eq => order.is_eq(),
                    CompareOp::Ne => order.is_ne(),
                    CompareOp::Lt => order.is_lt(),
                    CompareOp::Le => order.is_le(),
                    CompareOp::Gt => order.is_gt(),
                    CompareOp::Ge => order.is_ge(),
                })
            }
            ExprKind::In(a, list) => {
                let a = self.eval(a, at)?;
                let list: Vec<Val> = list.iter().map(|e| self.eval(e, at)).collect::<Result<_, _>>()?;
                bool(a != Val::None && list.contains(&a))
            }
            ExprKind::IsNone(a) => bool(self.eval(a, at)? == Val::None),
            ExprKind::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    if truth(&self.eval(condition, at)?) {
                        return self.eval(value, at);
                    }
                }
                self.eval(otherwise, at)
            }
            ExprKind::Neg(a) => self.one(a, at, |v| Ok(-v)),
            ExprKind::Abs(a) => self.one(a, at, |v| Ok(v.abs())),
            ExprKind::Add(a, b) => self.two(a, b, at, |a, b| Ok(a + b)),
            ExprKind::Sub(a, b) => self.two(a, b, at, |a, b| Ok(a - b)),
            ExprKind::Mul(a, b, drop) => self.two(a, b, at, |a, b| Ok(half_away(a * b, ten(*drop)))),
            ExprKind::Div(a, b, raise) => self.two(a, b, at, |a, b| match (b, *raise) {
                (0, _) => Err(NoValue),
                (b, 0..) => Ok(half_away(a * ten(*raise as u8), b)),
                (b, raise) => Ok(half_away(a, b * ten(raise.unsigned_abs()))),
            }),
            ExprKind::Rescale(a, by) => self
                .one(a, at, |v| Ok(if *by >= 0 { v * ten(*by as u8) } else { half_away(v, ten(by.unsigned_abs())) })),
            ExprKind::Round(mode, a, to) => self.two(a, to, at, |a, to| match (to, mode) {
                (..=0, _) => Err(NoValue),
                (_, RoundMode::Nearest) => Ok(half_away(a, to) * to),
                (_, RoundMode::HalfEven | RoundMode::HalfDown | RoundMode::Up | RoundMode::Down) => {
                    Ok(near_zero(a, to, *mode) * to)
                }
                (_, RoundMode::Floor) => Ok(a.div_euclid(to) * to),
                (_, RoundMode::Ceil) => Ok((a + to - 1).div_euclid(to) * to),
            }),
            ExprKind::Least(all) | ExprKind::Greatest(all) => {
                let all: Vec<Option<i128>> = all.iter().map(|e| self.int(e, at)).collect::<Result<_, _>>()?;
                let there = all.into_iter().flatten();
                let found = if matches!(expr.kind, ExprKind::Least(_)) { there.min() } else { there.max() };
                Ok(found.map_or(Val::None, Val::Int))
            }
            ExprKind::AddMonths(a, months) if a.ty == ColumnType::Month => {
                self.one(a, at, |v| Ok(v + i128::from(*months)))
            }
            ExprKind::AddMonths(a, months) => self.one(a, at, |v| {
                let moved = date(v)?.checked_add(jiff::Span::new().months(*months)).map_err(|_| NoValue)?;
                Ok(date_to_days(moved).into())
            }),
            ExprKind::ShiftMonths(a, months) => self.two(a, months, at, |day, by| {
                let by = jiff::Span::new().try_months(by as i64).map_err(|_| NoValue)?;
                Ok(date_to_days(date(day)?.checked_add(by).map_err(|_| NoValue)?).into())
            }),
            ExprKind::Spread(a, _) => self.one(a, at, |v| Ok(half_away(v, 12))),
            // One of the months that the year allows: its twelfth. The kernel only says bounds.
            ExprKind::PerMonth(a) => self.one(a, at, |v| Ok(v / 12)),
            ExprKind::AddDays(a, more) => self.one(a, at, |v| Ok(v + i128::from(*more))),
            ExprKind::MonthOf(a) => Ok(self.month(a, at)?.map_or(Val::None, Val::Int)),
            ExprKind::Age(a) => self.one(a, at, |v| {
                let birth = date(v)?;
                let had = (AS_OF.month(), AS_OF.day()) >= (birth.month(), birth.day());
                Ok(i128::from(AS_OF.year() - birth.year()) - i128::from(!had))
            }),
            ExprKind::MonthsBetween(a, b) => match (self.month(a, at)?, self.month(b, at)?) {
                (Some(a), Some(b)) => Ok(Val::Int(b - a)),
                _ => Ok(Val::None),
            },
            ExprKind::DaysBetween(a, b) => self.two(a, b, at, |a, b| Ok(b - a)),
            ExprKind::Aggregate(of) => self.aggregate(of, at),
            ExprKind::Dated(first, versions) => {
                let mut now = &**first;
                for (from, version) in versions {
                    if *from <= AS_OF {
                        now = version;
                    }
                }
                self.eval(now, at)
            }
            ExprKind::Assume { value, .. } => self.eval(value, at),
        }
    }

    fn aggregate(&self, of: &Aggregate, at: &At) -> Found {
        let rows: Vec<At> = match of.over {
            Over::Records => {
                let (dataset, rows) = at.fact.clone().unwrap();
                rows.into_iter().map(|row| At { record: Some((dataset, row)), fact: None, ..at.clone() }).collect()
            }
            Over::Members | Over::Obligors => {
                let wanted = if of.over == Over::Members { Role::Member } else { Role::Obligor };
                let persons = &self.load.persons;
                (0..persons.key.len())
                    .filter(|p| persons.case[*p] as usize == at.case && persons.role[*p] == wanted)
                    .map(|p| At { case: at.case, person: Some(p), ..At::default() })
                    .collect()
            }
        };
        let mut values = Vec::new();
        let mut months: BTreeMap<i128, i128> = BTreeMap::new();
        for row in rows {
            let counts = match &of.filter {
                Some(filter) => truth(&self.eval(filter, &row)?),
                None => true,
            };
            if !counts {
                continue;
            }
            match &of.argument {
                Some(argument) if of.function.is_by_month() => {
                    let month = self.month(of.by.as_ref().unwrap(), &row)?;
                    if let (Some(value), Some(month)) = (self.int(argument, &row)?, month) {
                        *months.entry(month).or_default() += value;
                    }
                }
                None => values.push(1),
                Some(argument) => values.extend(self.int(argument, &row)?),
            }
        }
        let count = values.len() as i128;
        let optional = |value: Option<i128>| Ok(value.map_or(Val::None, Val::Int));
        match of.function {
            AggregateFn::Sum => Ok(Val::Int(values.iter().sum())),
            AggregateFn::Count => Ok(Val::Int(count)),
            AggregateFn::CountDistinct => {
                values.sort_unstable();
                values.dedup();
                Ok(Val::Int(values.len() as i128))
            }
            AggregateFn::Min => optional(values.into_iter().min()),
            AggregateFn::Max => optional(values.into_iter().max()),
            AggregateFn::Avg => optional((count > 0).then(|| half_away(values.iter().sum(), count))),
            AggregateFn::MonthFirst => optional(months.into_values().next()),
            AggregateFn::MonthLast => optional(months.into_values().next_back()),
            AggregateFn::MonthMax => optional(months.into_values().max()),
            AggregateFn::MonthMin => optional(months.into_values().min()),
            AggregateFn::BoolOr => Ok(Val::Int(i128::from(values.iter().any(|v| *v != 0)))),
            AggregateFn::BoolAnd => Ok(Val::Int(i128::from(values.iter().all(|v| *v != 0)))),
        }
    }
}
