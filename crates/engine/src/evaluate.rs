//! The kernel: evaluates typed expressions over the columns of a slice.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use hedui_base::columns::date_to_days;
use hedui_base::{ColumnType, SourceId};
use hedui_rules::Program;
use hedui_rules::program::{CompareOp, Entity, Expr, ExprKind, Over};
use jiff::civil::Date;

use crate::aggregate::extreme_of;
use crate::civil;
use crate::counted::CountedOfFacts;
use crate::given::Given;
use crate::interval::Span;
use crate::lives::Lives;
use crate::operand::{Operand as _, compare_texts};
use crate::operators::Operators;
use crate::parameters::{Key, Lookups, Place};
use crate::reads::reads_columns;
use crate::reasons::Why;
use crate::register::{Each, Known, Presence, Register, Slot, zip};
use crate::shared::Shared;
use crate::slice::Slice;

/// What one row of a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Household,
    Person,
    /// The records (and ghosts) of a dataset.
    Records(usize),
}

impl From<Entity> for Scope {
    fn from(entity: Entity) -> Self {
        match entity {
            Entity::Household => Self::Household,
            Entity::Person => Self::Person,
        }
    }
}

/// The records a fact is about to aggregate.
#[derive(Clone, Debug)]
pub(crate) struct FactRecords {
    pub(crate) dataset: usize,
    /// Which of them pass the fact's filter; none means all.
    pub(crate) passed: Option<Register>,
}

/// A value taken by `ASSUME`: case of the slice, step, reason.
pub(crate) type Assumed = (u32, usize, Arc<str>);

/// A slice at work.
#[derive(Debug)]
pub(crate) struct Kernel<'a> {
    pub(crate) program: &'a Program,
    pub(crate) slice: Slice<'a>,
    pub(crate) as_of: Date,
    pub(crate) today: i64,
    /// The different places of the slice.
    pub(crate) places: Vec<Place<'a>>,
    /// Index into them by case.
    pub(crate) place_of: Vec<u32>,
    pub(crate) lookups: Lookups<'a>,
    /// One per step computed so far.
    pub(crate) registers: Vec<Register>,
    /// The step at work.
    pub(crate) step: usize,
    pub(crate) fact: Option<FactRecords>,
    /// Which records facts counted, for those in [`Kernel::keep`].
    pub(crate) counted: CountedOfFacts,
    /// Facts whose record masks are kept.
    pub(crate) keep: Arc<[bool]>,
    pub(crate) assumed: BTreeSet<Assumed>,
    /// Whether any parameter has a value declared for want of a row, once somebody asked.
    pub(crate) fallbacks: OnceLock<bool>,
    /// What is not computed but given.
    pub(crate) given: Given,
    /// Which expressions are computed once for all who write them; none: each for itself.
    pub(crate) shared: Option<Arc<Shared>>,
    /// Their columns so far, by class.
    pub(crate) memo: Vec<Option<Register>>,
    /// Which columns are let go of on the way; none: all are kept.
    pub(crate) lives: Option<Arc<Lives>>,
}

impl<'a> Kernel<'a> {
    pub(crate) fn new(program: &'a Program, slice: Slice<'a>, as_of: Date, keep: Arc<[bool]>) -> Self {
        let (mut places, mut place_of) = (Vec::new(), Vec::with_capacity(slice.cases.len()));
        for case in slice.cases.clone() {
            let place = slice.place(case);
            let known = places.iter().rposition(|known| *known == place);
            place_of.push(known.unwrap_or(places.len()) as u32);
            if known.is_none() {
                places.push(place);
            }
        }
        Self {
            program,
            places,
            place_of,
            slice,
            as_of,
            today: date_to_days(as_of),
            lookups: Lookups::default(),
            registers: Vec::with_capacity(program.steps.len()),
            step: 0,
            fact: None,
            counted: CountedOfFacts::default(),
            keep,
            assumed: BTreeSet::new(),
            fallbacks: OnceLock::new(),
            given: Given::default(),
            shared: None,
            memo: Vec::new(),
            lives: None,
        }
    }

    /// The same slice, computed so far, under a program that differs in some steps or parameters.
    pub(crate) fn fork<'m>(&self, program: &'m Program) -> Kernel<'m>
    where
        'a: 'm,
    {
        Kernel {
            program,
            places: self.places.clone(),
            place_of: self.place_of.clone(),
            slice: self.slice.clone(),
            as_of: self.as_of,
            today: self.today,
            lookups: Lookups::default(),
            registers: self.registers.clone(),
            step: 0,
            fact: None,
            counted: CountedOfFacts::default(),
            keep: Arc::clone(&self.keep),
            assumed: self.assumed.clone(),
            fallbacks: OnceLock::new(),
            given: Given::default(),
            shared: None,
            memo: Vec::new(),
            lives: None,
        }
    }

    pub(crate) fn rows(&self, scope: Scope) -> usize {
        match scope {
            Scope::Household => self.slice.cases.len(),
            Scope::Person => self.slice.persons.len(),
            Scope::Records(dataset) => self.slice.frames[dataset].owner.len(),
        }
    }

    pub(crate) fn owner_scope(&self, dataset: usize) -> Scope {
        self.program.datasets[dataset].entity.into()
    }

    /// Case of the slice that a row belongs to.
    pub(crate) fn case_of(&self, scope: Scope, row: usize) -> usize {
        match scope {
            Scope::Household => row,
            Scope::Person => self.slice.case_of[row] as usize,
            Scope::Records(dataset) => {
                let owner = self.slice.frames[dataset].owner[row] as usize;
                self.case_of(self.owner_scope(dataset), owner)
            }
        }
    }

    pub(crate) fn place(&self, case: usize) -> Place<'a> {
        self.places[self.place_of[case] as usize]
    }

    pub(crate) fn operators(&mut self) -> Operators<'_> {
        let rule = self.program.steps.get(self.step).map_or("", |step| &step.name);
        Operators { reasons: &mut self.slice.reasons, step: self.step, rule }
    }

    /// The column of an expression, one value per row of the scope.
    pub(crate) fn eval(&mut self, expr: &'a Expr, scope: Scope) -> Register {
        match scope {
            Scope::Records(dataset) if is_of_owner(expr) => {
                let of_owner = self.eval(expr, self.owner_scope(dataset));
                return of_owner.gather(&self.slice.frames[dataset].owner);
            }
            Scope::Person if is_of_household(expr) => {
                let of_case = self.eval(expr, Scope::Household);
                return of_case.gather(&self.slice.case_of);
            }
            _ => {}
        }
        let Some(class) = self.shared.as_ref().and_then(|shared| shared.class(expr, scope)) else {
            return self.eval_anew(expr, scope);
        };
        if let Some(known) = &self.memo[class] {
            return known.clone();
        }
        let found = self.eval_anew(expr, scope);
        // Whatever breaks has to be blamed on the rule at work.
        if !self.slice.reasons.any_fault() {
            self.memo[class] = Some(found.clone());
        }
        found
    }

    fn eval_anew(&mut self, expr: &'a Expr, scope: Scope) -> Register {
        let known = |value, rows| Register::same(Slot::known(value), rows);
        let rows = self.rows(scope);
        match &expr.kind {
            ExprKind::Int(value) => known(*value, rows),
            ExprKind::Text(text) => known(self.slice.texts.intern(text), rows),
            ExprKind::AsOf => known(self.today, rows),
            ExprKind::Residence => self.residence(scope),
            ExprKind::IsMember => self.slice.members.clone(),
            ExprKind::Column(column) => self.column(column.index(), scope),
            ExprKind::Input(input) => self.slice.inputs[input.index()].clone(),
            ExprKind::Step(step) => self.registers[step.index()].clone(),
            ExprKind::Household(inner) => self.eval(inner, Scope::Household),
            ExprKind::Parameter { id, keys } => match self.program.parameters[id.index()].scale {
                Some(scale) => self.scale(id.index(), scale, keys, scope),
                None => self.parameter(id.index(), keys, scope),
            },
            ExprKind::Not(a) => Register::not(&self.eval(a, scope)),
            ExprKind::And(all) => self.fold(all, scope, Register::and),
            ExprKind::Or(all) => self.fold(all, scope, Register::or),
            ExprKind::Compare(op, a, b) => self.compare(*op, a, b, scope),
            ExprKind::In(value, list) => self.is_in(value, list, scope),
            ExprKind::IsNone(a) => Register::absent(&self.eval(a, scope)),
            ExprKind::Case(branches, otherwise) => self.case(branches, otherwise, scope, !expr.ty.is_int()),
            ExprKind::Neg(a) => {
                let a = self.eval(a, scope);
                self.operators().neg(&a)
            }
            ExprKind::Abs(a) => {
                let a = self.eval(a, scope);
                self.operators().abs(&a)
            }
            ExprKind::Add(a, b) => {
                let (a, b) = self.both(a, b, scope);
                self.operators().add(&a, &b)
            }
            ExprKind::Sub(a, b) => {
                let (a, b) = self.both(a, b, scope);
                self.operators().sub(&a, &b)
            }
            ExprKind::Mul(a, b, drop) => {
                let (a, b) = self.both(a, b, scope);
                self.operators().mul(&a, &b, *drop)
            }
            ExprKind::Div(a, b, raise) => {
                let (a, b) = self.both(a, b, scope);
                self.operators().div(&a, &b, *raise)
            }
            ExprKind::Rescale(a, by) => {
                let a = self.eval(a, scope);
                self.operators().rescale(&a, *by)
            }
            ExprKind::Round(mode, a, multiple) => {
                let (a, multiple) = self.both(a, multiple, scope);
                self.operators().round(&a, &multiple, *mode)
            }
            ExprKind::Least(all) => self.extreme(all, false, scope),
            ExprKind::Greatest(all) => self.extreme(all, true, scope),
            ExprKind::AddMonths(a, months) => {
                let is_month = a.ty == ColumnType::Month;
                let a = self.eval(a, scope);
                let months = *months;
                let moved = move |v: i64| {
                    if is_month { v.checked_add(months.into()) } else { civil::add_months(v, months) }
                };
                self.operators().rising(&a, moved)
            }
            ExprKind::ShiftMonths(a, months) => {
                let (a, months) = self.both(a, months, scope);
                let moved = |day: i64, by: i64| civil::add_months(day, i32::try_from(by).ok()?);
                self.operators().rising_both(&a, &months, moved)
            }
            ExprKind::PerMonth(a) => {
                let a = self.eval(a, scope);
                let mut operators = self.operators();
                Register::of(a.slots().map(|slot| operators.per_month(slot)))
            }
            ExprKind::Spread(a, _) => {
                let a = self.eval(a, scope);
                let twelve = known(12, rows);
                self.operators().div(&a, &twelve, 0)
            }
            ExprKind::AddDays(a, days) => {
                let a = self.eval(a, scope);
                self.operators().rising(&a, |v| v.checked_add(i64::from(*days)))
            }
            ExprKind::MonthOf(a) => self.months(a, scope),
            ExprKind::Age(birth) => {
                let birth = self.eval(birth, scope);
                let today = self.today;
                self.operators().falling(&birth, |v| civil::age(v, today))
            }
            ExprKind::MonthsBetween(from, to) => {
                let (from, to) = (self.months(from, scope), self.months(to, scope));
                self.operators().sub(&to, &from)
            }
            ExprKind::DaysBetween(from, to) => {
                let (from, to) = self.both(from, to, scope);
                self.operators().sub(&to, &from)
            }
            ExprKind::Aggregate(of) => self.aggregate(of, scope),
            ExprKind::Dated(first, versions) => self.eval(Expr::in_force(first, versions, self.as_of), scope),
            ExprKind::Assume { value, instead, reason } => self.assume(value, instead, reason, scope),
        }
    }

    fn both(&mut self, a: &'a Expr, b: &'a Expr, scope: Scope) -> (Register, Register) {
        (self.eval(a, scope), self.eval(b, scope))
    }

    fn fold(
        &mut self,
        all: &'a [Expr],
        scope: Scope,
        op: impl Fn(&Register, &Register, &mut crate::reasons::Reasons) -> Register,
    ) -> Register {
        let mut folded: Option<Register> = None;
        for expr in all {
            let next = self.eval(expr, scope);
            folded = Some(match folded {
                None => next,
                Some(so_far) => op(&so_far, &next, &mut self.slice.reasons),
            });
        }
        folded.unwrap_or_default()
    }

    fn column(&self, column: usize, scope: Scope) -> Register {
        match scope {
            Scope::Records(dataset) => self.slice.frames[dataset].columns[column].clone(),
            // The checker lets columns appear over records only.
            _ => Register::same(Slot::NONE, self.rows(scope)),
        }
    }

    fn residence(&mut self, scope: Scope) -> Register {
        let slots: Vec<Slot> = (0..self.rows(scope))
            .map(|row| match self.place(self.case_of(scope, row)).residence {
                Some(text) => Slot::known(self.slice.texts.intern(text)),
                None => Slot::within(Span::ALL, Presence::Some, self.no_residence()),
            })
            .collect();
        Register::of(slots.into_iter())
    }

    pub(crate) fn no_residence(&mut self) -> Why {
        self.slice.reasons.because(&SourceId::from("residence"), "null")
    }

    fn compare(&mut self, op: CompareOp, a: &'a Expr, b: &'a Expr, scope: Scope) -> Register {
        let ordered = !matches!(op, CompareOp::Eq | CompareOp::Ne);
        let is_text = !a.ty.is_int();
        let (a, b) = self.both(a, b, scope);
        if !(is_text && ordered) {
            return self.operators().compare(op, &a, &b);
        }
        let Self { slice, program, step, .. } = self;
        let rule = program.steps.get(*step).map_or("", |step| &step.name);
        let mut operators = Operators { reasons: &mut slice.reasons, step: *step, rule };
        let texts = &slice.texts;
        let slots = a.slots().zip(b.slots()).map(|both| compare_texts(&mut operators, op, both, |id| texts.get(id)));
        Register::of(slots)
    }

    fn is_in(&mut self, value: &'a Expr, list: &'a [Expr], scope: Scope) -> Register {
        let value = self.eval(value, scope);
        let mut found = Register::same(Slot::known(0), value.len());
        for item in list {
            let item = self.eval(item, scope);
            let same = self.operators().compare(CompareOp::Eq, &value, &item);
            found = found.or(&same, &mut self.slice.reasons);
        }
        found
    }

    fn case(&mut self, branches: &'a [(Expr, Expr)], otherwise: &'a Expr, scope: Scope, is_text: bool) -> Register {
        let branches: Vec<_> = branches.iter().map(|(c, v)| (self.eval(c, scope), self.eval(v, scope))).collect();
        let otherwise = self.eval(otherwise, scope);
        let branches: Vec<_> = branches.iter().map(|(c, v)| (c, v)).collect();
        self.operators().case(&branches, &otherwise, is_text)
    }

    fn extreme(&mut self, all: &'a [Expr], largest: bool, scope: Scope) -> Register {
        let columns: Vec<_> = all.iter().map(|expr| self.eval(expr, scope)).collect();
        let rows = self.rows(scope);
        let reasons = &mut self.slice.reasons;
        let mut slow = |row: usize| extreme_of(columns.iter().map(|c| c.get(row)), largest, reasons);
        if columns.iter().all(|c| c.as_same().is_some()) && rows > 0 {
            return Register::same(slow(0), rows);
        }
        let Some((first, more)) = columns.split_first() else { return Register::same(Slot::NONE, rows) };
        let (mut best, mut none, mut open) =
            (zip(first.known(), Known::All(0), rows, |v, _| v), Vec::new(), Vec::new());
        first.add_none(&mut none);
        columns.iter().for_each(|column| column.add_open(&mut open));
        for column in more {
            let values = column.known();
            let better = |old: i64, new: i64| if largest { old.max(new) } else { old.min(new) };
            if none.is_empty() && !column.has_none() {
                best.iter_mut().enumerate().for_each(|(row, old)| *old = better(*old, values.at(row)));
                continue;
            }
            none.resize(rows, false);
            for (row, (old, none)) in best.iter_mut().zip(&mut none).enumerate() {
                // What is none is left out.
                if !column.is_none_at(row) {
                    let value = values.at(row);
                    *old = if std::mem::take(none) { value } else { better(*old, value) };
                }
            }
        }
        Register::mended(best, none, &open, slow)
    }

    /// Months, from months or dates.
    pub(crate) fn months(&mut self, expr: &'a Expr, scope: Scope) -> Register {
        let value = self.eval(expr, scope);
        if expr.ty == ColumnType::Month { value } else { self.operators().rising(&value, civil::month_of) }
    }

    fn assume(&mut self, value: &'a Expr, instead: &'a Expr, reason: &'a Arc<str>, scope: Scope) -> Register {
        let value = self.eval(value, scope);
        if value.is_settled() {
            return value;
        }
        let instead = self.eval(instead, scope);
        let mut assumed = Each::with_capacity(value.len());
        for (row, slot) in value.slots().enumerate() {
            assumed.push(self.assumed_slot(slot, instead.get(row), self.case_of(scope, row), reason));
        }
        Register::each(assumed)
    }

    /// A value, or what stands in for it while it is open, which is noted for the case.
    pub(crate) fn assumed_slot(&mut self, value: Slot, instead: Slot, case: usize, reason: &Arc<str>) -> Slot {
        if value.is_known() || self.slice.reasons.first_fault(value.why).is_some() {
            value
        } else if self.given.probe.is_some_and(|probe| self.slice.reasons.includes(value.why, probe)) {
            value.hull(instead, value.why)
        } else {
            self.assumed.insert((case as u32, self.step, Arc::clone(reason)));
            instead
        }
    }
}

/// A key column's value as lookups take it.
pub(crate) fn key_of(slot: Slot, ty: ColumnType) -> Key {
    match (ty.is_int(), slot.span) {
        _ if slot.is_none() => Key::None,
        (true, span) if slot.presence == Presence::Maybe => Key::Maybe(span.lo, span.hi),
        (true, span) => Key::Number(span.lo, span.hi),
        (false, _) if slot.is_known() => Key::Text(slot.span.lo),
        (false, _) => Key::AnyText,
    }
}

/// Whether an expression over records is its owner's: computed once per owner, then handed to their records.
pub(crate) fn is_of_owner(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Residence
        | ExprKind::IsMember
        | ExprKind::Input(_)
        | ExprKind::Step(_)
        | ExprKind::Household(_)
        | ExprKind::Aggregate(_) => true,
        ExprKind::Parameter { keys, .. } => !keys.iter().any(reads_columns),
        _ => false,
    }
}

/// Whether a person's expression is the household's: computed once per household, then handed to its people.
pub(crate) fn is_of_household(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Household(_) | ExprKind::AsOf | ExprKind::Residence => true,
        ExprKind::Parameter { keys, .. } => keys.is_empty(),
        ExprKind::Aggregate(of) => of.over != Over::Records,
        _ => false,
    }
}
