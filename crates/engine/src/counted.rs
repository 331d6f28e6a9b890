//! Aggregates of expressions: which records or people count, and what comes of them.

use hedui_base::Tri;
use hedui_rules::program::{Aggregate, Over};
use smallvec::{SmallVec, smallvec};

use crate::aggregate::{Context, Rows, aggregate, nothing_of};
use crate::by_month;
use crate::evaluate::{Kernel, Scope};
use crate::reasons::Why;
use crate::register::{Register, Slot};

/// Which records a fact counts: those that any of its aggregates does.
#[derive(Clone, Debug)]
pub(crate) enum Counted {
    /// Of at most [`Counted::BITS`] records that are counted or not for certain: bit `n` for row `n` of the frame.
    Bits(u64),
    /// What each aggregate counts, as a rule the only one; none means all.
    Masks(Masks),
}

/// Which records each aggregate of a fact counts; none means all.
pub(crate) type Masks = SmallVec<[Option<Register>; 1]>;

impl Counted {
    /// Rows of a frame up to which bits say it.
    pub(crate) const BITS: usize = u64::BITS as usize;

    /// Whether it counts the record in a row of the frame.
    pub(crate) fn at(&self, row: usize) -> Tri {
        match self {
            Self::Bits(bits) if bits >> row & 1 == 1 => Tri::Met,
            Self::Bits(_) => Tri::NotMet,
            Self::Masks(masks) => masks
                .iter()
                .fold(Tri::NotMet, |any, mask| any.or(mask.as_ref().map_or(Tri::Met, |mask| mask.get(row).truth().0))),
        }
    }
}

/// Which records facts count, by step.
#[derive(Debug, Default)]
pub(crate) struct CountedOfFacts(Vec<(usize, Counted)>);

impl CountedOfFacts {
    /// None for a fact of which it was not noted.
    pub(crate) fn get(&self, step: usize) -> Option<&Counted> {
        let at = self.0.binary_search_by_key(&step, |(of, _)| *of).ok()?;
        Some(&self.0[at].1)
    }

    /// The same, while steps are asked for in their order: `from` is where to look.
    pub(crate) fn next(&self, step: usize, from: &mut usize) -> Option<&Counted> {
        while self.0.get(*from).is_some_and(|(of, _)| *of < step) {
            *from += 1;
        }
        self.0.get(*from).filter(|(of, _)| *of == step).map(|(_, counted)| counted)
    }

    pub(crate) fn reserve(&mut self, facts: usize) {
        self.0.reserve(facts);
    }

    /// Notes all that a fact counts; steps come in their order.
    pub(crate) fn push(&mut self, step: usize, counted: Counted) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last < step), "facts come in the order of their steps");
        self.0.push((step, counted));
    }

    /// Notes what one more aggregate of a fact counts.
    fn add(&mut self, step: usize, mask: Option<Register>) {
        match self.0.last_mut() {
            Some((last, Counted::Masks(masks))) if *last == step => masks.push(mask),
            _ => self.push(step, Counted::Masks(smallvec![mask])),
        }
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
            self.counted.add(self.step, inside.clone());
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
