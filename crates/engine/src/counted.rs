//! Aggregates of expressions: which records or people count, and what comes of them.

use hedui_rules::program::{Aggregate, Over};
use smallvec::SmallVec;

use crate::aggregate::{Context, Rows, aggregate, nothing_of};
use crate::by_month;
use crate::evaluate::{Kernel, Scope};
use crate::reasons::Why;
use crate::register::{Register, Slot};

/// Which records each aggregate of a fact counts, as a rule of the only one; none means all.
pub(crate) type Masks = SmallVec<[Option<Register>; 1]>;

/// Those of facts, by step.
#[derive(Debug, Default)]
pub(crate) struct MasksOfFacts(Vec<(usize, Masks)>);

impl MasksOfFacts {
    pub(crate) fn get(&self, step: usize) -> &[Option<Register>] {
        let at = self.0.binary_search_by_key(&step, |(of, _)| *of);
        at.map_or(&[], |at| &self.0[at].1)
    }

    /// The same, while steps are asked for in their order: `from` is where to look.
    pub(crate) fn next(&self, step: usize, from: &mut usize) -> &[Option<Register>] {
        while self.0.get(*from).is_some_and(|(of, _)| *of < step) {
            *from += 1;
        }
        self.0.get(*from).filter(|(of, _)| *of == step).map_or(&[], |(_, masks)| masks)
    }

    pub(crate) fn reserve(&mut self, facts: usize) {
        self.0.reserve(facts);
    }

    /// Those of a step, of which there need not be any yet.
    pub(crate) fn of(&mut self, step: usize) -> &mut Masks {
        let at = self.0.binary_search_by_key(&step, |(of, _)| *of).unwrap_or_else(|at| {
            self.0.insert(at, (step, Masks::new()));
            at
        });
        &mut self.0[at].1
    }
}

impl<'a> Kernel<'a> {
    pub(crate) fn aggregate(&mut self, of: &'a Aggregate, scope: Scope) -> Register {
        match of.over {
            Over::Records => self.aggregate_records(of),
            Over::Members | Over::Obligors => {
                debug_assert_eq!(scope, Scope::Household, "people are aggregated by household");
                self.aggregate_people(of)
            }
        }
    }

    fn aggregate_records(&mut self, of: &'a Aggregate) -> Register {
        let Some(fact) = &self.fact else { return Register::default() };
        let frame = &self.slice.frames[fact.dataset];
        let parts = [&of.argument, &of.by, &of.filter].into_iter().filter_map(|part| part.as_deref());
        if frame.owner.is_empty() && parts.into_iter().all(|part| self.is_idle(fact.dataset, part)) {
            return nothing(of, frame.runs.owners());
        }
        let inside = self.counted_records(of);
        let Some(fact) = &self.fact else { return Register::default() };
        let dataset = fact.dataset;
        if self.keep.get(self.step) == Some(&true) {
            self.counted.of(self.step).push(inside.clone());
        }
        let argument = of.argument.as_deref().map(|a| (self.eval(a, Scope::Records(dataset)), a.ty));
        let argument = argument.as_ref().map(|(register, ty)| (register, *ty));
        let month = of.by.as_deref().map(|month| self.months(month, Scope::Records(dataset)));
        let slice = &mut self.slice;
        let frame = &slice.frames[dataset];
        let mut context = Context { reasons: &mut slice.reasons, texts: &slice.texts, step: self.step };
        let unanswered = |row| frame.unanswered(row);
        if let (Some(month), Some((argument, _))) = (month, argument) {
            let mut items = by_month::Items::default();
            return Register::of((0..frame.runs.owners()).map(|owner| {
                let cells = by_month::Cells {
                    rows: frame.runs.of(owner),
                    ghost: frame.runs.ghost(owner),
                    argument: |row| argument.get(row),
                    month: |row| month.get(row),
                    inside: |row| inside.as_ref().map_or(Slot::known(1), |inside| inside.get(row)),
                };
                by_month::by_month(of.function, cells, unanswered, &mut items, &mut context)
            }));
        }
        let rows = Rows { runs: &frame.runs, owner: &frame.owner };
        aggregate(of.function, argument, inside.as_ref(), rows, unanswered, &mut context)
    }

    /// Which records of the fact at work an aggregate counts; none means all.
    pub(crate) fn counted_records(&mut self, of: &'a Aggregate) -> Option<Register> {
        let fact = self.fact.clone()?;
        let own = of.filter.as_deref().map(|filter| self.eval(filter, Scope::Records(fact.dataset)));
        match (fact.passed, own) {
            (Some(a), Some(b)) => Some(a.and(&b, &mut self.slice.reasons)),
            (a, b) => a.or(b),
        }
    }

    fn aggregate_people(&mut self, of: &'a Aggregate) -> Register {
        let inside = self.counted_people(of);
        let argument = of.argument.as_deref().map(|a| (self.eval(a, Scope::Person), a.ty));
        let argument = argument.as_ref().map(|(register, ty)| (register, *ty));
        let slice = &mut self.slice;
        let mut context = Context { reasons: &mut slice.reasons, texts: &slice.texts, step: self.step };
        let rows = Rows { runs: &slice.people, owner: &slice.case_of };
        aggregate(of.function, argument, Some(&inside), rows, |_| Why::KNOWN, &mut context)
    }

    /// Which people an aggregate counts: by role, then by filter.
    pub(crate) fn counted_people(&mut self, of: &'a Aggregate) -> Register {
        let role = if of.over == Over::Members { &self.slice.members } else { &self.slice.obligors }.clone();
        match of.filter.as_deref() {
            None => role,
            Some(filter) => {
                let filter = self.eval(filter, Scope::Person);
                role.and(&filter, &mut self.slice.reasons)
            }
        }
    }
}

/// An aggregate over no records at all.
fn nothing(of: &Aggregate, owners: usize) -> Register {
    Register::same(nothing_of(of.function), owners)
}
