//! A register: one column of values. What is known are plain numbers in a row; what is none or unknown lies beside them, so
//! that a few unknown cells cost what they are, and not the whole column.

use std::sync::Arc;

use hedui_base::Tri;

use crate::pool::Pooled;
use crate::reasons::{Reasons, Why};
pub(crate) use crate::slot::{Presence, Slot};

/// One column of values.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    rows: usize,
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    /// Every row holds the same.
    Same(Slot),
    /// A few rows, such as the people of one household, all of them settled.
    Few(Few),
    /// Shared by whoever reads the column.
    Each(Arc<Each>),
}

/// Rows that lie in the column itself.
const FEW: usize = 4;

/// A few settled rows.
#[derive(Clone, Copy, Debug, Default)]
struct Few {
    /// Known values; 0 in rows that hold none.
    known: [i64; FEW],
    /// Which rows hold none.
    none: [bool; FEW],
}

impl Few {
    fn get(&self, row: usize) -> Slot {
        if self.none[row] { Slot::NONE } else { Slot::known(self.known[row]) }
    }
}

/// A column whose rows differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Each {
    /// Known values; 0 in rows that hold none and in rows that are open.
    pub(crate) known: Pooled,
    /// Which rows hold none for certain; empty if no row does.
    pub(crate) none: Vec<bool>,
    /// The rows that are neither known nor none for certain, ascending.
    pub(crate) open: Vec<(u32, Slot)>,
}

impl Each {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { known: Pooled::with_room(rows), ..Self::default() }
    }

    #[inline]
    fn get(&self, row: usize) -> Slot {
        if self.none.get(row) == Some(&true) {
            return Slot::NONE;
        }
        if self.open.is_empty() {
            return Slot::known(self.known[row]);
        }
        match self.open.binary_search_by_key(&(row as u32), |(row, _)| *row) {
            Ok(at) => self.open[at].1,
            Err(_) => Slot::known(self.known[row]),
        }
    }

    /// Takes a slot for a row beyond all that were taken so far.
    #[inline]
    pub(crate) fn push(&mut self, slot: Slot) {
        let row = self.known.len();
        let (simple, none) = (slot.is_known() && slot.presence == Presence::Some, slot.is_none());
        self.known.push(if simple { slot.span.lo } else { 0 });
        if none && self.none.is_empty() {
            self.none.reserve(self.known.capacity());
            self.none.resize(row, false);
        }
        if none || !self.none.is_empty() {
            self.none.push(none);
        }
        if !simple && !none {
            self.open.push((row as u32, slot));
        }
    }
}

/// The known values of a column: one for all rows, or one a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'r> {
    /// For all.
    All(i64),
    /// One a row.
    Rows(&'r [i64]),
}

impl Known<'_> {
    pub(crate) fn at(self, row: usize) -> i64 {
        match self {
            Self::All(value) => value,
            Self::Rows(values) => values[row],
        }
    }
}

/// The rows of a column that are open.
#[derive(Clone, Copy, Debug)]
enum OpenRows<'r> {
    No,
    All(u32),
    Some(&'r [(u32, Slot)]),
}

impl Default for Register {
    fn default() -> Self {
        Self::OVER
    }
}

impl PartialEq for Register {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.slots().zip(other.slots()).all(|(a, b)| a == b)
    }
}

impl Register {
    /// A column that is not there, or not any more.
    pub(crate) const OVER: Self = Self::same(Slot::NONE, 0);

    /// A column of known values.
    pub(crate) fn closed(known: impl Into<Pooled>) -> Self {
        Self::each(Each { known: known.into(), none: Vec::new(), open: Vec::new() })
    }

    /// A column of some known values, which are copied.
    pub(crate) fn of_known(values: &[i64]) -> Self {
        match *values {
            [only] => Self::same(Slot::known(only), 1),
            _ if values.len() <= FEW => {
                let mut few = Few::default();
                few.known[..values.len()].copy_from_slice(values);
                Self { rows: values.len(), cells: Cells::Few(few) }
            }
            _ => Self::closed(Pooled::of(values.iter().copied())),
        }
    }

    /// A column from its parts.
    pub(crate) fn each(each: Each) -> Self {
        match each.known.len() {
            1 => Self::same(each.get(0), 1),
            rows => Self { rows, cells: Cells::Each(Arc::new(each)) },
        }
    }

    /// The same in every row.
    pub(crate) const fn same(slot: Slot, rows: usize) -> Self {
        Self { rows, cells: Cells::Same(slot) }
    }

    pub(crate) fn of(slots: impl ExactSizeIterator<Item = Slot>) -> Self {
        let rows = slots.len();
        let mut slots = slots;
        if rows == 1
            && let Some(slot) = slots.next()
        {
            return Self::same(slot, 1);
        }
        if rows <= FEW {
            return Self::few(slots, rows);
        }
        let mut each = Each::with_capacity(rows);
        slots.for_each(|slot| each.push(slot));
        Self::each(each)
    }

    fn few(mut slots: impl Iterator<Item = Slot>, rows: usize) -> Self {
        let (mut few, mut row) = (Few::default(), 0);
        let open = slots.by_ref().find(|slot| {
            few.known[row] = if slot.is_none() { 0 } else { slot.span.lo };
            few.none[row] = slot.is_none();
            row += usize::from(slot.is_known());
            !slot.is_known()
        });
        let Some(open) = open else { return Self { rows, cells: Cells::Few(few) } };
        let mut each = Each::default();
        (0..row).for_each(|row| each.push(few.get(row)));
        each.push(open);
        slots.for_each(|slot| each.push(slot));
        Self::each(each)
    }

    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn get(&self, row: usize) -> Slot {
        match &self.cells {
            Cells::Same(slot) => *slot,
            Cells::Few(few) => few.get(row),
            Cells::Each(each) => each.get(row),
        }
    }

    /// What every row holds, if that is known to be the same.
    pub(crate) const fn as_same(&self) -> Option<Slot> {
        match &self.cells {
            Cells::Same(slot) => Some(*slot),
            Cells::Few(_) | Cells::Each(_) => None,
        }
    }

    pub(crate) fn slots(&self) -> impl ExactSizeIterator<Item = Slot> + '_ {
        let mut open = match &self.cells {
            Cells::Same(_) | Cells::Few(_) => [].iter(),
            Cells::Each(each) => each.open.iter(),
        }
        .peekable();
        (0..self.rows).map(move |row| match &self.cells {
            Cells::Same(slot) => *slot,
            Cells::Few(few) => few.get(row),
            Cells::Each(each) => match open.next_if(|(at, _)| *at == row as u32) {
                Some((_, slot)) => *slot,
                None if each.none.get(row) == Some(&true) => Slot::NONE,
                None => Slot::known(each.known[row]),
            },
        })
    }

    /// Whether every cell is a known value.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.cells {
            Cells::Same(slot) => slot.is_known() && slot.presence == Presence::Some,
            Cells::Few(few) => !few.none.contains(&true),
            Cells::Each(each) => each.none.is_empty() && each.open.is_empty(),
        }
    }

    /// Whether every cell is known: a value, or none for certain.
    pub(crate) fn is_settled(&self) -> bool {
        match &self.cells {
            Cells::Same(slot) => slot.is_known(),
            Cells::Few(_) => true,
            Cells::Each(each) => each.open.is_empty(),
        }
    }

    /// The known values; 0 where there is none or something open.
    pub(crate) fn known(&self) -> Known<'_> {
        match &self.cells {
            Cells::Same(slot) if slot.is_known() && slot.presence == Presence::Some => Known::All(slot.span.lo),
            Cells::Same(_) => Known::All(0),
            Cells::Few(few) => Known::Rows(&few.known[..self.rows]),
            Cells::Each(each) => Known::Rows(&each.known),
        }
    }

    /// Whether any row holds none for certain.
    pub(crate) fn has_none(&self) -> bool {
        match &self.cells {
            Cells::Same(slot) => slot.is_none(),
            Cells::Few(few) => few.none.contains(&true),
            Cells::Each(each) => !each.none.is_empty(),
        }
    }

    /// Whether a row holds none for certain.
    pub(crate) fn is_none_at(&self, row: usize) -> bool {
        match &self.cells {
            Cells::Same(slot) => slot.is_none(),
            Cells::Few(few) => few.none[row],
            Cells::Each(each) => each.none.get(row) == Some(&true),
        }
    }

    /// Adds the rows that hold none for certain to a mask of all rows; an empty mask has none.
    pub(crate) fn add_none(&self, mask: &mut Vec<bool>) {
        let own = match &self.cells {
            Cells::Same(slot) if slot.is_none() => {
                mask.clear();
                mask.resize(self.rows, true);
                return;
            }
            Cells::Few(few) if few.none.contains(&true) => &few.none[..self.rows],
            Cells::Same(_) | Cells::Few(_) => return,
            Cells::Each(each) => each.none.as_slice(),
        };
        if mask.is_empty() {
            mask.extend_from_slice(own);
        } else {
            mask.iter_mut().zip(own).for_each(|(mask, none)| *mask |= none);
        }
    }

    fn open_rows(&self) -> OpenRows<'_> {
        match &self.cells {
            Cells::Same(slot) if slot.is_known() => OpenRows::No,
            Cells::Same(_) => OpenRows::All(self.rows as u32),
            Cells::Few(_) => OpenRows::No,
            Cells::Each(each) if each.open.is_empty() => OpenRows::No,
            Cells::Each(each) => OpenRows::Some(&each.open),
        }
    }

    /// Adds the rows that are open to an ascending list without repetition.
    pub(crate) fn add_open(&self, rows: &mut Vec<u32>) {
        match self.open_rows() {
            OpenRows::No => {}
            OpenRows::All(all) => {
                rows.clear();
                rows.extend(0..all);
            }
            OpenRows::Some(open) if rows.is_empty() => rows.extend(open.iter().map(|(row, _)| *row)),
            OpenRows::Some(open) => {
                rows.extend(open.iter().map(|(row, _)| *row));
                rows.sort_unstable();
                rows.dedup();
            }
        }
    }

    /// The rows that are open, with what is in them.
    pub(crate) fn open(&self) -> impl Iterator<Item = (u32, Slot)> + '_ {
        let (all, some): (_, &[(u32, Slot)]) = match (&self.cells, self.open_rows()) {
            (Cells::Same(slot), OpenRows::All(rows)) => (Some((*slot, rows)), &[]),
            (_, OpenRows::Some(open)) => (None, open),
            _ => (None, &[]),
        };
        all.into_iter().flat_map(|(slot, rows)| (0..rows).map(move |row| (row, slot))).chain(some.iter().copied())
    }

    /// Known values with what is none, and then with some rows as they really are.
    ///
    /// `known` holds a value for every row; it counts in those that are in neither list. `rows` ascend.
    pub(crate) fn mended(
        known: impl Into<Pooled>,
        mut none: Vec<bool>,
        rows: &[u32],
        mut slot: impl FnMut(usize) -> Slot,
    ) -> Self {
        let mut known = known.into();
        if !none.is_empty() {
            known.iter_mut().zip(&none).filter(|(_, none)| **none).for_each(|(known, _)| *known = 0);
        }
        let mut open = Vec::new();
        for row in rows {
            let at = *row as usize;
            let found = slot(at);
            let (simple, is_none) = (found.is_known() && found.presence == Presence::Some, found.is_none());
            known[at] = if simple { found.span.lo } else { 0 };
            if is_none && none.is_empty() {
                none.resize(known.len(), false);
            }
            if let Some(none) = none.get_mut(at) {
                *none = is_none;
            }
            if !simple && !is_none {
                open.push((*row, found));
            }
        }
        Self::each(Each { known, none, open })
    }

    /// The values of owners, once per row that belongs to them.
    pub(crate) fn gather(&self, owner: &[u32]) -> Self {
        let each = match &self.cells {
            Cells::Same(slot) => return Self::same(*slot, owner.len()),
            Cells::Few(few) => return Self::of(owner.iter().map(|owner| few.get(*owner as usize))),
            Cells::Each(each) => each,
        };
        let known = Pooled::of(owner.iter().map(|o| each.known[*o as usize]));
        let none =
            if each.none.is_empty() { Vec::new() } else { owner.iter().map(|o| each.none[*o as usize]).collect() };
        let mut open = Vec::new();
        if !each.open.is_empty() {
            let mut is_open = vec![false; each.known.len()];
            each.open.iter().for_each(|(row, _)| is_open[*row as usize] = true);
            let rows = owner.iter().enumerate().filter(|(_, o)| is_open[**o as usize]);
            open.extend(rows.map(|(row, o)| (row as u32, each.get(*o as usize))));
        }
        Self::each(Each { known, none, open })
    }

    /// The rows that do not hold what is usual, ascending.
    pub(crate) fn each_but(&self, usual: Slot, mut each: impl FnMut(usize)) {
        match &self.cells {
            Cells::Same(slot) if *slot == usual => {}
            Cells::Each(cells) if cells.none.is_empty() && cells.open.is_empty() && usual == Slot::known(0) => {
                // Most rows do: eight are passed over at once.
                for (nth, eight) in cells.known.chunks(8).enumerate() {
                    if eight.iter().fold(0, |all, value| all | value) != 0 {
                        let rows = eight.iter().enumerate().filter(|(_, value)| **value != 0);
                        rows.for_each(|(row, _)| each(nth * 8 + row));
                    }
                }
            }
            _ => self.slots().enumerate().filter(|(_, slot)| *slot != usual).for_each(|(row, _)| each(row)),
        }
    }

    /// Replaces a cell.
    pub(crate) fn set(&mut self, row: usize, slot: Slot) {
        let slots: Vec<Slot> = self.slots().enumerate().map(|(at, old)| if at == row { slot } else { old }).collect();
        *self = Self::of(slots.into_iter());
    }

    /// Both conditions, cell by cell.
    pub(crate) fn and(&self, other: &Self, reasons: &mut Reasons) -> Self {
        self.junction(other, |a, b| a & b, |a, b| and(a, b, reasons))
    }

    /// Either condition, cell by cell.
    pub(crate) fn or(&self, other: &Self, reasons: &mut Reasons) -> Self {
        self.junction(other, |a, b| a | b, |a, b| or(a, b, reasons))
    }

    fn junction(&self, other: &Self, bits: impl Fn(i64, i64) -> i64, mut slow: impl FnMut(Slot, Slot) -> Slot) -> Self {
        if let (Some(a), Some(b)) = (self.as_same(), other.as_same()) {
            return Self::same(slow(a, b), self.rows);
        }
        // A condition that is settled for all rows may settle the result, or leave it as the other side has it.
        for (one, rest) in [(self, other), (other, self)] {
            if let Some(same) = one.as_same()
                && let (settled, Why::KNOWN) = same.truth()
            {
                let bit = i64::from(settled == Tri::Met);
                if bits(bit, 0) == bits(bit, 1) {
                    return Self::same(Slot::known(bits(bit, 0)), self.rows);
                }
                if rest.is_closed() {
                    return rest.clone();
                }
            }
        }
        // None is not met, and holds 0.
        let known = zip(self.known(), other.known(), self.rows, bits);
        let mut open = Vec::new();
        self.add_open(&mut open);
        other.add_open(&mut open);
        Self::mended(known, Vec::new(), &open, |row| slow(self.get(row), other.get(row)))
    }
}

/// One value a row from two columns of known values.
pub(crate) fn zip(a: Known<'_>, b: Known<'_>, rows: usize, mut f: impl FnMut(i64, i64) -> i64) -> Pooled {
    match (a, b) {
        (Known::All(a), Known::All(b)) => Pooled::of((0..rows).map(|_| f(a, b))),
        (Known::All(a), Known::Rows(b)) => Pooled::of(b.iter().map(|b| f(a, *b))),
        (Known::Rows(a), Known::All(b)) => Pooled::of(a.iter().map(|a| f(*a, b))),
        (Known::Rows(a), Known::Rows(b)) => Pooled::of(a.iter().zip(b).map(|(a, b)| f(*a, *b))),
    }
}

/// Kleene conjunction: `not_met` absorbs the other side's reasons.
pub(crate) fn and(a: Slot, b: Slot, reasons: &mut Reasons) -> Slot {
    let ((a, why_a), (b, why_b)) = (a.truth(), b.truth());
    let tri = a.and(b);
    Slot::of_truth(tri, if tri == Tri::Undetermined { reasons.union(why_a, why_b) } else { Why::KNOWN })
}

/// Kleene disjunction: `met` absorbs the other side's reasons.
pub(crate) fn or(a: Slot, b: Slot, reasons: &mut Reasons) -> Slot {
    let ((a, why_a), (b, why_b)) = (a.truth(), b.truth());
    let tri = a.or(b);
    Slot::of_truth(tri, if tri == Tri::Undetermined { reasons.union(why_a, why_b) } else { Why::KNOWN })
}
