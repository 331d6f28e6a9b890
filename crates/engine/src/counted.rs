//! Aggregates of expressions: which records or people count, and what comes of them.

use std::ops::Range;

use hedui_base::Tri;
use hedui_rules::program::{Aggregate, Over};
use smallvec::{SmallVec, smallvec};

use crate::aggregate::{Context, Rows, aggregate, nothing_of};
use crate::by_month;
use crate::evaluate::{Kernel, Scope};
use crate::reasons::Why;
use crate::register::{Known, Register, Slot};

/// Which records a fact counts: those that any of its aggregates does. A bit for each row of the frame, 64 to a word.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// Those it counts for certain.
    met: Bits,
    /// Those of which something unknown decides, unless they are counted for certain; no words where there are none.
    open: Bits,
}

type Bits = SmallVec<[u64; 1]>;

impl Counted {
    /// Bits of a word.
    pub(crate) const WORD: usize = u64::BITS as usize;

    /// None of so many rows.
    pub(crate) fn none(rows: usize) -> Self {
        Self { met: smallvec![0; rows.div_ceil(Self::WORD)], open: Bits::new() }
    }

    /// Whether it counts the record in a row of the frame.
    pub(crate) fn at(&self, row: usize) -> Tri {
        let is_set = |bits: &Bits| bits.get(row / Self::WORD).is_some_and(|word| word >> (row % Self::WORD) & 1 == 1);
        match (is_set(&self.met), is_set(&self.open)) {
            (true, _) => Tri::Met,
            (false, true) => Tri::Undetermined,
            (false, false) => Tri::NotMet,
        }
    }

    /// Rows beside each other, of which there are some and at most a word's bits, from the lowest bit on; none if there are
    /// more, or something unknown decides of any.
    pub(crate) fn settled(&self, rows: &Range<u32>) -> Option<u64> {
        let (from, count) = (rows.start as usize, rows.len());
        if count > Self::WORD || (!self.open.is_empty() && part(&self.open, from, count) != 0) {
            return None;
        }
        Some(part(&self.met, from, count))
    }

    /// Adds what one more aggregate counts of all rows, which are the rows of its mask; none means all.
    pub(crate) fn add(&mut self, mask: Option<&Register>) {
        let Some(mask) = mask else { return self.met.fill(u64::MAX) };
        if let Some(same) = mask.as_same() {
            return match same.truth().0 {
                Tri::NotMet => {}
                Tri::Met => self.met.fill(u64::MAX),
                Tri::Undetermined => self.open = smallvec![u64::MAX; self.met.len()],
            };
        }
        if let Known::Rows(known) = mask.known() {
            // What is none or open holds 0.
            for (word, values) in self.met.iter_mut().zip(known.chunks(Self::WORD)) {
                *word |= values.iter().rev().fold(0, |bits, value| bits << 1 | u64::from(*value != 0));
            }
        }
        for (row, slot) in mask.open() {
            let (word, bit) = (row as usize / Self::WORD, 1 << (row as usize % Self::WORD));
            match slot.truth().0 {
                Tri::NotMet => {}
                Tri::Met => self.met[word] |= bit,
                Tri::Undetermined => {
                    self.open.resize(self.met.len(), 0);
                    self.open[word] |= bit;
                }
            }
        }
    }

    /// The same of a mask that is settled, of rows that fit in a word.
    pub(crate) fn add_bits(&mut self, bits: u64) {
        self.met.iter_mut().for_each(|word| *word |= bits);
    }
}

/// So many bits from one on, at most a word's.
fn part(words: &[u64], from: usize, count: usize) -> u64 {
    let (word, shift) = (from / Counted::WORD, from % Counted::WORD);
    let beyond = if shift + count > Counted::WORD { words[word + 1] << (Counted::WORD - shift) } else { 0 };
    (words[word] >> shift | beyond) & (u64::MAX >> (Counted::WORD - count))
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

    /// Notes what one more aggregate of a fact counts of so many rows.
    fn add(&mut self, step: usize, mask: Option<&Register>, rows: usize) {
        if self.0.last().is_none_or(|(last, _)| *last != step) {
            self.push(step, Counted::none(rows));
        }
        if let Some((_, counted)) = self.0.last_mut() {
            counted.add(mask);
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
            self.counted.add(self.step, inside.as_ref(), self.slice.frames[dataset].owner.len());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::Span;
    use crate::reasons::Reasons;
    use crate::register::Presence;

    /// Not met, met, none, and two that something unknown decides.
    fn cell() -> impl Strategy<Value = Slot> {
        let why = Reasons::default().because(&"bank.a".into(), "failed");
        let open = |presence| Slot::within(Span { lo: 0, hi: 1 }, presence, why);
        prop_oneof![
            4 => Just(Slot::known(0)),
            4 => Just(Slot::known(1)),
            1 => Just(Slot::NONE),
            1 => Just(open(Presence::Some)),
            1 => Just(open(Presence::Maybe)),
        ]
    }

    /// What some aggregates count of so many rows: all, the same of each, or one cell a row.
    fn masks() -> impl Strategy<Value = (usize, Vec<Option<Vec<Slot>>>)> {
        (1usize..200).prop_flat_map(|rows| {
            let mask = prop_oneof![
                1 => Just(None),
                2 => cell().prop_map(move |cell| Some(vec![cell; rows])),
                2 => prop::collection::vec(prop_oneof![Just(Slot::known(0)), Just(Slot::known(1))], rows).prop_map(Some),
                2 => prop::collection::vec(cell(), rows).prop_map(Some),
            ];
            (Just(rows), prop::collection::vec(mask, 0..3))
        })
    }

    proptest! {
        #[test]
        fn a_record_is_counted_where_any_mask_counts_it((rows, masks) in masks(), from in 0usize..200, count in 1usize..70) {
            let mut counted = Counted::none(rows);
            for mask in &masks {
                let register = mask.as_ref().map(|cells| match &cells[..] {
                    [first, more @ ..] if more.iter().all(|cell| cell == first) => Register::same(*first, rows),
                    cells => Register::of(cells.iter().copied()),
                });
                counted.add(register.as_ref());
            }
            let expected = |row: usize| {
                let one = |mask: &Option<Vec<Slot>>| mask.as_ref().map_or(Tri::Met, |cells| cells[row].truth().0);
                masks.iter().fold(Tri::NotMet, |any, mask| any.or(one(mask)))
            };
            for row in 0..rows {
                prop_assert_eq!(counted.at(row), expected(row));
            }
            let run = from.min(rows - 1)..(from.min(rows - 1) + count).min(rows);
            let all: Vec<Tri> = run.clone().map(expected).collect();
            let bits = all.iter().rev().fold(0u64, |bits, tri| bits << 1 | u64::from(*tri == Tri::Met));
            match counted.settled(&(run.start as u32..run.end as u32)) {
                Some(found) => {
                    prop_assert_eq!(found, bits);
                    prop_assert!(!all.contains(&Tri::Undetermined));
                }
                // Of a word's rows none is said only where one of them is open to some mask.
                None => {
                    let open = |row: usize| masks.iter().flatten().any(|cells| cells[row].truth().0 == Tri::Undetermined);
                    prop_assert!(run.len() > Counted::WORD || run.clone().any(open));
                }
            }
        }
    }
}
