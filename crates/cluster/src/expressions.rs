//! Expressions: which operator each kind is, and the values of inputs, columns, cases and assumptions.

use hedui_base::ColumnType;
use hedui_base::catalogue::NullMeaning;
use hedui_base::{ColumnSpec, Month};
use hedui_rules::program::{Expr, ExprKind, Over, ParameterValue};

use crate::ClusterError;
use crate::comparisons::when;
use crate::plan::Scope;
use crate::printer::{Printer, View, scope_of, sort_of};
use crate::slot::{Presence, Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};

impl Printer<'_> {
    /// An expression evaluated for rows of a scope.
    pub(crate) fn eval(&mut self, expr: &Expr, scope: Scope) -> Result<Slot, ClusterError> {
        Ok(match &expr.kind {
            ExprKind::Int(value) if expr.ty == ColumnType::Bool => Slot::truth(Sql::truth(*value != 0)),
            ExprKind::Int(value) => Slot::number(*value),
            ExprKind::Text(text) => Slot::known(Sql::literal(self.dialect().text(text)), Sort::Text),
            ExprKind::AsOf => Slot::number(self.today),
            ExprKind::Residence => self.residence(),
            ExprKind::IsMember => Slot::truth(self.is_member()),
            ExprKind::Column(column) => match scope {
                Scope::Records(dataset) => self.record_column(dataset, column.index()),
                _ => Slot::optional(Sql::literal("NULL"), sort_of(expr.ty)),
            },
            ExprKind::Input(input) => self.input(input.index()),
            ExprKind::Step(step) => self.steps[step.index()].clone(),
            ExprKind::Household(inner) => self.eval(inner, Scope::Household)?,
            ExprKind::Parameter { id, keys } => {
                let keys = keys.iter().map(|key| Ok((self.eval(key, scope)?, key.ty)));
                let keys = keys.collect::<Result<Vec<_>, ClusterError>>()?;
                match self.program.parameters[id.index()].scale {
                    Some(scale) => self.scale(id.index(), scale, &keys),
                    None => self.parameter(id.index(), &keys),
                }
            }
            ExprKind::Not(a) => {
                let a = self.eval(a, scope)?;
                self.negation(&a)
            }
            ExprKind::And(list) => {
                let list = self.list(list, scope)?;
                self.conjunction(&list)
            }
            ExprKind::Or(list) => {
                let list = self.list(list, scope)?;
                self.disjunction(&list)
            }
            ExprKind::Compare(op, a, b) => {
                let (a, b) = self.both(a, b, scope)?;
                self.compare(*op, &a, &b)
            }
            ExprKind::In(value, list) => {
                let (value, list) = (self.eval(value, scope)?, self.list(list, scope)?);
                self.is_in(&value, &list)
            }
            ExprKind::IsNone(a) => {
                let a = self.eval(a, scope)?;
                self.is_absent(&a)
            }
            ExprKind::Case(branches, otherwise) => {
                let mut taken = Vec::new();
                for (condition, value) in branches {
                    let (condition, value) = self.both(condition, value, scope)?;
                    taken.push((self.condition(&condition), value));
                }
                let otherwise = self.eval(otherwise, scope)?;
                self.case(&taken, &otherwise, sort_of(expr.ty))
            }
            ExprKind::Neg(a) => {
                let a = self.eval(a, scope)?;
                self.neg(&a)
            }
            ExprKind::Abs(a) => {
                let a = self.eval(a, scope)?;
                self.abs(&a)
            }
            ExprKind::Add(a, b) => {
                let (a, b) = self.both(a, b, scope)?;
                self.add(&a, &b)
            }
            ExprKind::Sub(a, b) => {
                let (a, b) = self.both(a, b, scope)?;
                self.sub(&a, &b)
            }
            ExprKind::Mul(a, b, drop) => {
                let (a, b) = self.both(a, b, scope)?;
                self.mul(&a, &b, *drop)
            }
            ExprKind::Div(a, b, raise) => {
                let (a, b) = self.both(a, b, scope)?;
                self.div(&a, &b, *raise)
            }
            ExprKind::Rescale(a, by) => {
                let a = self.eval(a, scope)?;
                self.rescale(&a, *by)
            }
            ExprKind::Round(mode, a, multiple) => {
                let (a, multiple) = self.both(a, multiple, scope)?;
                self.round(&a, &multiple, *mode)
            }
            ExprKind::Least(list) => {
                let list = self.list(list, scope)?;
                self.extreme(&list, false)
            }
            ExprKind::Greatest(list) => {
                let list = self.list(list, scope)?;
                self.extreme(&list, true)
            }
            ExprKind::AddMonths(a, months) if a.ty == ColumnType::Month => {
                let a = self.eval(a, scope)?;
                self.moved(&a, i64::from(*months))
            }
            ExprKind::AddMonths(a, months) => {
                let (a, months) = (self.eval(a, scope)?, Sql::number((*months).into()));
                self.rising(&a, move |p, v| p.add_months(v, &months))
            }
            ExprKind::ShiftMonths(a, months) => {
                let (a, months) = self.both(a, months, scope)?;
                self.shift_months(&a, &months)
            }
            ExprKind::PerMonth(a) => {
                let a = self.eval(a, scope)?;
                self.per_month(&a)
            }
            ExprKind::Spread(a, _) => {
                let a = self.eval(a, scope)?;
                self.div(&a, &Slot::number(12), 0)
            }
            ExprKind::AddDays(a, days) => {
                let a = self.eval(a, scope)?;
                self.moved(&a, i64::from(*days))
            }
            ExprKind::MonthOf(a) => self.months(a, scope)?,
            ExprKind::Age(birth) => {
                let birth = self.eval(birth, scope)?;
                self.age(&birth)
            }
            ExprKind::MonthsBetween(from, to) => {
                let (from, to) = (self.months(from, scope)?, self.months(to, scope)?);
                self.sub(&to, &from)
            }
            ExprKind::DaysBetween(from, to) => {
                let (from, to) = self.both(from, to, scope)?;
                self.sub(&to, &from)
            }
            ExprKind::Aggregate(of) => match of.over {
                Over::Records => self.aggregate_records(of, expr.ty)?,
                Over::Members | Over::Obligors => self.aggregate_people(of, expr.ty)?,
            },
            ExprKind::Dated(first, versions) => {
                self.eval(Expr::in_force(first, versions, self.setting.as_of), scope)?
            }
            ExprKind::Assume { value, instead, .. } => {
                let (value, instead) = self.both(value, instead, scope)?;
                self.assume(&value, &instead)
            }
        })
    }

    fn both(&mut self, a: &Expr, b: &Expr, scope: Scope) -> Result<(Slot, Slot), ClusterError> {
        Ok((self.eval(a, scope)?, self.eval(b, scope)?))
    }

    fn list(&mut self, list: &[Expr], scope: Scope) -> Result<Vec<Slot>, ClusterError> {
        list.iter().map(|expr| self.eval(expr, scope)).collect()
    }

    /// Months, from months or dates.
    pub(crate) fn months(&mut self, expr: &Expr, scope: Scope) -> Result<Slot, ClusterError> {
        let value = self.eval(expr, scope)?;
        if expr.ty == ColumnType::Month {
            return Ok(value);
        }
        if let Some(day) = value.lo.number.and_then(hedui_base::columns::days_to_date) {
            return Ok(Slot::number(Month::of(day).index()));
        }
        Ok(self.rising(&value, |p, v| p.month_of(v)))
    }

    /// Whether the person is a member.
    pub(crate) fn is_member(&mut self) -> Sql {
        self.plan.base("is_member", Scope::Person, "(b.role = 'member')")
    }

    /// `urban` or `rural`; unknown where nobody said.
    pub(crate) fn residence(&mut self) -> Slot {
        let lo = self.plan.base("residence", Scope::Household, "b.residence");
        if !self.is_full() {
            return Slot::known(lo, Sort::Text);
        }
        let unsaid = self.because("residence");
        let open = q!("({} IS NULL)", lo);
        self.finish(Sort::Text, lo, None, None, unsaid.when(&open))
    }

    /// A declared input of the entity it belongs to.
    fn input(&mut self, index: usize) -> Slot {
        let input = &self.program.inputs[index];
        let (spec, scope) = (&input.spec, scope_of(input.entity));
        let text = self.read_as(&format!("b.{}", quoted(&input.name, self.dialect())), spec.ty);
        let raw = self.plan.base("i", scope, &text);
        let sort = sort_of(spec.ty);
        if let Some(default) = &input.default {
            let default = match default {
                ParameterValue::Int(v) if sort == Sort::Truth => Sql::truth(*v != 0),
                ParameterValue::Int(v) => Sql::number(*v),
                ParameterValue::Text(text) => Sql::literal(self.dialect().text(text)),
            };
            return Slot::known(q!("COALESCE({}, {})", raw, default), sort);
        }
        match spec.null {
            NullMeaning::None => Slot::optional(raw, sort),
            NullMeaning::Unknown if !self.is_full() => Slot::known(raw, sort),
            NullMeaning::Unknown => {
                let why = self.because(&input.name.clone());
                let open = q!("({} IS NULL)", raw);
                let (lo, hi) = ends_of(spec, &raw);
                self.finish(sort, lo, Some(hi), None, why.when(&open))
            }
        }
    }

    /// A column of the given relations in the program's own integers.
    pub(crate) fn read_as(&self, column: &str, ty: ColumnType) -> String {
        match ty {
            ColumnType::Date => self.dialect().days(column),
            _ => column.to_owned(),
        }
    }

    /// A column of the record at hand; a ghost has it at the bounds of its specification.
    fn record_column(&mut self, dataset: usize, column: usize) -> Slot {
        let used = &self.program.datasets[dataset].columns[column];
        let (spec, scope) = (&used.spec, Scope::Records(dataset));
        let text = self.read_as(&format!("r.{}", quoted(&used.name, self.dialect())), spec.ty);
        let raw = self.plan.base("r", scope, &text);
        let sort = sort_of(spec.ty);
        let optional = spec.null == NullMeaning::None;
        let missing = self.unanswered[dataset].clone();
        if !self.is_full() || (optional && missing.is_empty()) {
            return if optional { Slot::optional(raw, sort) } else { Slot::known(raw, sort) };
        }
        let ghost = self.ghost(dataset);
        let (lo, hi) = ends_of(spec, &raw);
        if optional {
            let code = q!("CASE WHEN {} THEN 1 WHEN {} IS NULL THEN 2 ELSE 0 END", ghost, raw);
            return self.finish(sort, lo, Some(hi), Some(code), missing.when(&ghost));
        }
        let unsent = all([q!("{} IS NULL", raw), not(&ghost)]);
        let why = missing.when(&ghost).or(&self.sender(dataset).when(&unsent));
        self.finish(sort, lo, Some(hi), None, why)
    }

    /// The first branch whose condition is met; the hull of all that could be, while that is open.
    fn case(&mut self, branches: &[(Slot, Slot)], otherwise: &Slot, sort: Sort) -> Slot {
        let values = || branches.iter().map(|(_, value)| value).chain([otherwise]);
        let settled = branches.iter().all(|(condition, _)| condition.is_closed());
        if settled && values().all(Slot::is_closed) {
            let optional = values().any(|value| value.presence != Presence::Always);
            let lo = choice(branches.iter().map(|(c, v)| (c.lo.clone(), v.lo.clone())), &otherwise.lo);
            return if optional { Slot::optional(lo, sort) } else { Slot::known(lo, sort) };
        }
        let views: Vec<View> = branches.iter().map(|(_, v)| v).chain([otherwise]).map(|v| self.view(v)).collect();
        let codes: Vec<Sql> = views.iter().map(|view| view.code.clone().unwrap_or_else(|| Sql::number(0))).collect();
        let has_codes = views.iter().any(|view| view.code.is_some());
        if settled {
            let conditions: Vec<Sql> = branches.iter().map(|(c, _)| self.plan.bind(c.lo.clone())).collect();
            let pick = |of: &dyn Fn(usize) -> Sql| {
                choice(conditions.iter().enumerate().map(|(i, c)| (c.clone(), of(i))), &of(conditions.len()))
            };
            let lo = pick(&|i| views[i].lo.clone());
            let hi = pick(&|i| views[i].hi.clone());
            let code = has_codes.then(|| pick(&|i| codes[i].clone()));
            let whys: Vec<&Why> = values().map(|value| &value.why).collect();
            let words: std::collections::BTreeSet<usize> = whys.iter().flat_map(|why| why.0.keys().copied()).collect();
            let mut why = Why::default();
            for word in words {
                let of = |i: usize| whys[i].0.get(&word).map_or_else(|| Sql::number(0), |(sql, _)| sql.clone());
                let bits = whys.iter().filter_map(|why| why.0.get(&word)).fold(0, |all, (_, bits)| all | bits);
                why.0.insert(word, (pick(&of), bits));
            }
            return self.finish(sort, lo, Some(hi), code, why);
        }
        // Which branches may be taken: reached because none before is met for certain, and not ruled out.
        let mut taken = Vec::new();
        let mut reached = Sql::truth(true);
        for (condition, _) in branches {
            let may = all([reached.clone(), condition.hi().clone()]);
            taken.push(self.bind(may));
            reached = all([reached, not(&condition.lo)]);
            reached = self.bind(reached);
        }
        taken.push(reached);
        let counts: Vec<Sql> = taken
            .iter()
            .zip(&views)
            .map(|(taken, view)| match &view.code {
                Some(code) => all([taken.clone(), q!("{} <> 2", code)]),
                None => taken.clone(),
            })
            .collect();
        let ends = |of: &dyn Fn(&View) -> Sql| counts.iter().cloned().zip(views.iter().map(of)).collect::<Vec<_>>();
        let (los, his) = (ends(&|v| v.lo.clone()), ends(&|v| v.hi.clone()));
        let (lo, hi) = match sort {
            Sort::Number => (self.end_of(los.into_iter(), "LEAST"), self.end_of(his.into_iter(), "GREATEST")),
            Sort::Truth => {
                let lo = all(los.iter().map(|(counts, lo)| any([not(counts), lo.clone()])));
                let hi = any(his.iter().map(|(counts, hi)| all([counts.clone(), hi.clone()])));
                (lo, hi)
            }
            Sort::Text => {
                let least = self.end_of(los.iter().cloned(), "LEAST");
                let most = self.end_of(los.into_iter(), "GREATEST");
                let same = q!("CASE WHEN {} = {} THEN {} END", least, most, least);
                (same.clone(), same)
            }
        };
        let code = has_codes.then(|| {
            let of_taken: Vec<Sql> = taken.iter().zip(&codes).map(|(t, code)| when(t, code)).collect();
            let list = Sql::join(&of_taken, ", ");
            q!("CASE WHEN LEAST({}) = 2 THEN 2 WHEN GREATEST({}) > 0 THEN 1 ELSE 0 END", list, list)
        });
        let mut why = Why::default();
        for (i, value) in values().enumerate() {
            let own = branches.get(i).map_or_else(Why::default, |(condition, _)| condition.why.clone());
            why = why.or(&value.why.clone().or(&own).when(&taken[i]));
        }
        self.finish(sort, lo, Some(hi), code, why)
    }

    /// The value, or what is assumed where it is unknown. What broke stays broken.
    fn assume(&mut self, value: &Slot, instead: &Slot) -> Slot {
        if value.is_closed() {
            return value.clone();
        }
        let (view, other) = (self.view(value), self.view(instead));
        let stays = any([
            value.is_value(),
            value.is_none(),
            match value.why.0.get(&0) {
                Some((word, bits)) if bits & 1 != 0 => q!("({} & 1 <> 0)", word),
                _ => Sql::truth(false),
            },
        ]);
        let stays = self.bind(q!("COALESCE({}, FALSE)", stays));
        let pick =
            |a: &Sql, b: &Sql| if a == b { a.clone() } else { q!("CASE WHEN {} THEN {} ELSE {} END", stays, a, b) };
        let none = Sql::number(0);
        let code = (view.code.is_some() || other.code.is_some())
            .then(|| pick(view.code.as_ref().unwrap_or(&none), other.code.as_ref().unwrap_or(&none)));
        let fault = Why(value
            .why
            .0
            .iter()
            .filter(|(word, (_, bits))| **word == 0 && bits & 1 != 0)
            .map(|(w, (s, _))| (*w, (s.clone(), 1)))
            .collect());
        let why = fault.when(&stays).or(&instead.why.when(&not(&stays)));
        // A broken value keeps all its reasons, but the fault alone decides the case.
        self.finish(value.sort, pick(&view.lo, &other.lo), Some(pick(&view.hi, &other.hi)), code, why)
    }
}

/// `CASE WHEN .. THEN .. ELSE .. END`, without branches that say the same.
fn choice(branches: impl Iterator<Item = (Sql, Sql)>, otherwise: &Sql) -> Sql {
    let branches: Vec<(Sql, Sql)> = branches.collect();
    if branches.iter().all(|(_, value)| value == otherwise) {
        return otherwise.clone();
    }
    let lines: Vec<Sql> = branches.iter().map(|(c, v)| q!("WHEN {} THEN {}", c, v)).collect();
    let chosen = q!("CASE {} ELSE {} END", Sql::join(&lines, " "), otherwise);
    // Literals alone would be numbers of 32 bits.
    let literals = branches.iter().map(|(_, value)| value).chain([otherwise]).all(|value| value.number.is_some());
    if literals { q!("CAST({} AS BIGINT)", chosen) } else { chosen }
}

/// What a value of a column can be where it is null.
fn ends_of(spec: &ColumnSpec, raw: &Sql) -> (Sql, Sql) {
    match sort_of(spec.ty) {
        Sort::Truth => (q!("COALESCE({}, FALSE)", raw), q!("COALESCE({}, TRUE)", raw)),
        Sort::Text => (raw.clone(), raw.clone()),
        Sort::Number => {
            let end = |end: Option<i64>| match end {
                Some(end) if end != i64::MIN && end != i64::MAX => q!("COALESCE({}, {})", raw, Sql::number(end)),
                _ => raw.clone(),
            };
            (end(spec.min), end(spec.max))
        }
    }
}

/// A column's name as the given relations write it.
pub(crate) fn quoted(name: &str, dialect: crate::Dialect) -> String {
    match dialect {
        crate::Dialect::DuckDb => format!("\"{name}\""),
        crate::Dialect::Spark => format!("`{name}`"),
    }
}
