//! What lowers a program to a plan: one [`Slot`] per step, its columns in the plan.

use hedui_base::ColumnType;
use hedui_base::columns::date_to_days;
use hedui_rules::Program;
use hedui_rules::program::{Entity, StepKind};

use crate::atoms::Atoms;
use crate::plan::{Plan, Scope};
use crate::setting::{Mode, Options, Setting};
use crate::slot::{Presence, Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};
use crate::{ClusterError, Dialect};

/// The records that a fact is about to sum up.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) dataset: usize,
    /// Which of them pass its filter; none means all.
    pub(crate) passed: Option<Slot>,
    /// For evidence: which records each aggregate counted.
    pub(crate) counted: Vec<Sql>,
}

pub(crate) struct Printer<'a> {
    pub(crate) program: &'a Program,
    pub(crate) setting: &'a Setting,
    pub(crate) options: Options,
    pub(crate) today: i64,
    pub(crate) plan: Plan,
    pub(crate) atoms: Atoms,
    pub(crate) steps: Vec<Slot>,
    /// The step at work.
    pub(crate) step: usize,
    pub(crate) fact: Option<Fact>,
    /// By step: for each record, that some aggregate of the fact counted it.
    pub(crate) counted: Vec<Option<Sql>>,
    /// By dataset: why its owner's records are not all known.
    pub(crate) unanswered: Vec<Why>,
}

/// A value with all its parts as columns or literals.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) lo: Sql,
    pub(crate) hi: Sql,
    pub(crate) code: Option<Sql>,
}

pub(crate) const fn sort_of(ty: ColumnType) -> Sort {
    match ty {
        ColumnType::Bool => Sort::Truth,
        ColumnType::Text | ColumnType::Code => Sort::Text,
        _ => Sort::Number,
    }
}

pub(crate) const fn scope_of(entity: Entity) -> Scope {
    match entity {
        Entity::Household => Scope::Household,
        Entity::Person => Scope::Person,
    }
}

impl<'a> Printer<'a> {
    pub(crate) fn new(program: &'a Program, setting: &'a Setting, options: Options) -> Self {
        let owners = program.datasets.iter().map(|dataset| scope_of(dataset.entity)).collect();
        let mut plan = Plan::new(owners);
        plan.denied = setting.denied;
        plan.per_case = setting.denied || options.mode == Mode::Full;
        let mut printer = Self {
            program,
            setting,
            options,
            today: date_to_days(setting.as_of),
            plan,
            atoms: Atoms::new(),
            steps: Vec::new(),
            step: 0,
            fact: None,
            counted: Vec::new(),
            unanswered: vec![Why::default(); program.datasets.len()],
        };
        match options.mode {
            Mode::Full => printer.coverage(),
            Mode::Known => {
                printer.asked();
                printer.plan.merged = options.dialect == Dialect::DuckDb;
            }
        }
        printer
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        self.options.dialect
    }

    pub(crate) fn is_full(&self) -> bool {
        self.options.mode == Mode::Full
    }

    /// Lowers all steps, in their order.
    pub(crate) fn run(&mut self) -> Result<(), ClusterError> {
        let program = self.program;
        for (index, step) in program.steps.iter().enumerate() {
            self.step = index;
            let scope = scope_of(step.entity);
            let slot = match &step.kind {
                StepKind::Formula(expr) => self.eval(expr, scope)?,
                StepKind::FlagCount(severity) => self.count_flags(*severity),
                StepKind::Fact { dataset, filter, value } => {
                    let dataset = dataset.index();
                    let passed = match filter {
                        Some(filter) => Some(self.eval(filter, Scope::Records(dataset))?),
                        None => None,
                    };
                    let passed = passed.map(|slot| self.condition(&slot));
                    self.fact = Some(Fact { dataset, passed, counted: Vec::new() });
                    let slot = self.eval(value, scope)?;
                    let fact = self.fact.take();
                    self.counted.resize(index, None);
                    self.counted.push(fact.map(|fact| any(fact.counted)));
                    slot
                }
            };
            let slot = self.named(slot);
            self.steps.push(slot);
        }
        self.counted.resize(program.steps.len(), None);
        Ok(())
    }

    /// A step's value with its parts as columns, the first of them under the step's name.
    fn named(&mut self, slot: Slot) -> Slot {
        let step = &self.program.steps[self.step];
        let rule = &step.rule;
        let place = if rule.file.is_empty() { String::new() } else { format!(" ({}:{})", rule.file, rule.line) };
        let note = format!("{} {}{place}", step.name, rule.title).replace('\n', " ");
        let slot = self.bound(slot);
        self.plan.note(&slot.lo, &note);
        slot
    }

    pub(crate) fn bind(&mut self, sql: Sql) -> Sql {
        self.plan.bind(sql)
    }

    /// The same value with all parts bound.
    pub(crate) fn bound(&mut self, slot: Slot) -> Slot {
        let lo = self.bind(slot.lo);
        let hi = slot.hi.map(|hi| self.bind(hi));
        let presence = match slot.presence {
            Presence::Code(code) => Presence::Code(self.bind(code)),
            other => other,
        };
        let why = self.bound_why(&slot.why);
        Slot { lo, hi, presence, why, sort: slot.sort }
    }

    pub(crate) fn bound_why(&mut self, why: &Why) -> Why {
        why.map(|sql| self.plan.bind(sql.clone()))
    }

    /// The reason of a name.
    pub(crate) fn because(&mut self, name: &str) -> Why {
        let atom = self.atoms.of(name, false);
        Why::one(atom.word, Sql::number(atom.bit as i64), atom.bit)
    }

    /// That a computation broke.
    pub(crate) fn fault() -> Why {
        let atom = Atoms::FAULT;
        Why::one(atom.word, Sql::number(atom.bit as i64), atom.bit)
    }

    /// A slot from its parts: none is 0 and has no reason, and what is exact has none either.
    pub(crate) fn finish(&mut self, sort: Sort, lo: Sql, hi: Option<Sql>, code: Option<Sql>, why: Why) -> Slot {
        let code = code.filter(|code| !code.is("0")).map(|code| self.bind(code));
        let hi = hi.filter(|hi| *hi != lo);
        if why.is_empty() {
            return match code {
                None => Slot::known(lo, sort),
                Some(code) => Slot::optional(q!("CASE WHEN {} = 0 THEN {} END", code, lo), sort),
            };
        }
        let (mut lo, mut hi) = (self.bind(lo), hi.map(|hi| self.bind(hi)));
        if let Some(code) = &code {
            let zero = zero(sort);
            let there = |sql: &Sql| q!("CASE WHEN {} = 2 THEN {} ELSE {} END", code, zero, sql);
            (lo, hi) = (self.plan.bind(there(&lo)), hi.map(|hi| self.plan.bind(there(&hi))));
        }
        let exact = match (&hi, sort) {
            (Some(hi), _) => q!("{} = {}", lo, hi),
            (None, Sort::Truth) => Sql::truth(true),
            (None, _) => q!("{} IS NOT NULL", lo),
        };
        let exact = match &code {
            Some(code) => q!("{} = 2 OR ({} = 0 AND {})", code, code, exact),
            None => exact,
        };
        let exact = if why.0.len() > 1 { self.bind(exact) } else { exact };
        let why = why.map(|sql| self.plan.bind(q!("CASE WHEN {} THEN 0 ELSE {} END", exact, sql)));
        Slot { lo, hi, presence: code.map_or(Presence::Always, Presence::Code), why, sort }
    }

    /// All parts apart.
    pub(crate) fn view(&mut self, slot: &Slot) -> View {
        let lo = self.bind(slot.lo.clone());
        match &slot.presence {
            Presence::Always => {
                let hi = slot.hi.clone().map_or_else(|| lo.clone(), |hi| self.bind(hi));
                View { lo, hi, code: None }
            }
            Presence::Code(code) => {
                let hi = slot.hi.clone().map_or_else(|| lo.clone(), |hi| self.bind(hi));
                View { lo, hi, code: Some(self.bind(code.clone())) }
            }
            Presence::Null => {
                let code = self.bind(q!("CASE WHEN {} IS NULL THEN 2 ELSE 0 END", lo));
                let zero = zero(slot.sort);
                let lo = if zero.is("NULL") { lo } else { self.bind(q!("COALESCE({}, {})", lo, zero)) };
                View { hi: lo.clone(), lo, code: Some(code) }
            }
        }
    }

    /// The worst of several presences.
    pub(crate) fn worst(codes: &[Option<Sql>]) -> Option<Sql> {
        let mut open: Vec<Sql> = Vec::new();
        for code in codes.iter().flatten() {
            if !open.contains(code) {
                open.push(code.clone());
            }
        }
        match open.len() {
            0 => None,
            1 => open.pop(),
            _ => Some(q!("GREATEST({})", Sql::join(&open, ", "))),
        }
    }

    /// A condition: none is not met.
    pub(crate) fn condition(&mut self, slot: &Slot) -> Slot {
        debug_assert_eq!(slot.sort, Sort::Truth);
        match &slot.presence {
            Presence::Always => slot.clone(),
            Presence::Null => Slot::truth(q!("({} IS TRUE)", slot.lo)),
            Presence::Code(code) => {
                let lo = q!("({} = 0 AND {})", code, slot.lo);
                let hi = q!("({} <> 2 AND {})", code, slot.hi());
                self.finish(Sort::Truth, lo, Some(hi), None, slot.why.clone())
            }
        }
    }

    /// A condition from whether it is met for certain and whether it may be.
    pub(crate) fn undetermined(&mut self, lo: Sql, hi: Sql, why: Why) -> Slot {
        self.finish(Sort::Truth, lo, Some(hi), None, why)
    }

    /// Conditions joined by Kleene's AND: one that is not met absorbs the others and their reasons.
    pub(crate) fn conjunction(&mut self, parts: &[Slot]) -> Slot {
        let parts: Vec<Slot> = parts.iter().map(|part| self.condition(part)).collect();
        let lo = all(parts.iter().map(|p| p.lo.clone()));
        if parts.iter().all(Slot::is_closed) {
            return Slot::truth(lo);
        }
        let hi = all(parts.iter().map(|p| p.hi().clone()));
        let why = parts.iter().fold(Why::default(), |why, part| why.or(&part.why));
        self.undetermined(lo, hi, why)
    }

    /// The same for OR: one that is met absorbs.
    pub(crate) fn disjunction(&mut self, parts: &[Slot]) -> Slot {
        let parts: Vec<Slot> = parts.iter().map(|part| self.condition(part)).collect();
        let lo = any(parts.iter().map(|p| p.lo.clone()));
        if parts.iter().all(Slot::is_closed) {
            return Slot::truth(lo);
        }
        let hi = any(parts.iter().map(|p| p.hi().clone()));
        let why = parts.iter().fold(Why::default(), |why, part| why.or(&part.why));
        self.undetermined(lo, hi, why)
    }

    pub(crate) fn negation(&mut self, part: &Slot) -> Slot {
        let part = self.condition(part);
        let (lo, hi) = (not(part.hi()), not(&part.lo));
        if part.is_closed() {
            return Slot::truth(lo);
        }
        let part = Slot { lo: self.bind(lo), hi: Some(self.bind(hi)), ..part };
        Slot { why: part.why.clone(), ..part }
    }

    /// A condition as 0 and 1.
    pub(crate) fn as_number(&mut self, slot: Slot) -> Slot {
        if slot.sort != Sort::Truth {
            return slot;
        }
        let number = |sql: &Sql| match sql.text.as_str() {
            "TRUE" => Sql::number(1),
            "FALSE" => Sql::number(0),
            _ => q!("CAST({} AS BIGINT)", sql),
        };
        let lo = self.bind(number(&slot.lo));
        let hi = slot.hi.as_ref().map(|hi| self.plan.bind(number(hi)));
        Slot { lo, hi, sort: Sort::Number, ..slot }
    }
}

/// What stands in the columns of a none.
pub(crate) fn zero(sort: Sort) -> Sql {
    match sort {
        Sort::Number => Sql::number(0),
        Sort::Text => Sql::literal("NULL"),
        Sort::Truth => Sql::truth(false),
    }
}
