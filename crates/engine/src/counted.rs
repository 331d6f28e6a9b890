//! Aggregates of expressions: which records or people count, and what comes of them.

use hedui_rules::program::{Aggregate, Over};

use crate::aggregate::{Context, Rows, aggregate, nothing_of};
use crate::by_month;
use crate::evaluate::{Kernel, Scope};
use crate::reasons::Why;
use crate::register::{Register, Slot};

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
            self.counted.entry(self.step).or_default().push(inside.clone());
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
