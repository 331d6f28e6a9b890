//! The cells that operations leave: values and what kind each is beside each other, so that known values, which nearly all
//! are, are a number and a byte.

use super::At;
use crate::register::{Presence, Register, Slot};

/// Rows up to which it is looked at whether all hold the same: those of people rather than of records.
const FEW: usize = 8;

/// What a cell is.
const VALUE: u8 = 0;
const NONE: u8 = 1;
/// Its value is the place of a slot.
const OPEN: u8 = 2;

/// The cells of all operations so far.
#[derive(Debug, Default)]
pub(super) struct Cells {
    values: Vec<i64>,
    kinds: Vec<u8>,
    open: Vec<Slot>,
    places: Vec<Place>,
}

/// Where the cells of an operation lie.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    /// 0 where one cell stands for all rows.
    stride: u32,
}

impl Place {
    #[inline]
    const fn at(self, row: usize) -> usize {
        (self.start + self.stride * row as u32) as usize
    }
}

impl Cells {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.kinds.clear();
        self.open.clear();
        self.places.clear();
    }

    /// How many operations have left cells.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    #[inline]
    fn slot(&self, at: usize) -> Slot {
        let value = self.values[at];
        match self.kinds[at] {
            VALUE => Slot::known(value),
            NONE => Slot::NONE,
            _ => self.open[value as usize],
        }
    }

    #[inline]
    pub(super) fn get(&self, at: At, row: usize) -> Slot {
        self.slot(self.places[at as usize].at(row))
    }

    /// The value of a cell, if it is a known one.
    #[inline]
    pub(super) fn known(&self, at: At, row: usize) -> Option<i64> {
        let at = self.places[at as usize].at(row);
        (self.kinds[at] == VALUE).then(|| self.values[at])
    }

    #[inline]
    pub(super) fn is_same(&self, at: At) -> bool {
        self.places[at as usize].stride == 0
    }

    #[inline]
    fn push(&mut self, slot: Slot) {
        let (value, kind) = match slot.presence {
            Presence::None => (0, NONE),
            Presence::Some if slot.is_known() => (slot.span.lo, VALUE),
            _ => {
                self.open.push(slot);
                (self.open.len() as i64 - 1, OPEN)
            }
        };
        self.values.push(value);
        self.kinds.push(kind);
    }

    /// Notes where the cells from `start` on belong, as one if they are few and the same.
    #[inline]
    fn place(&mut self, start: usize) {
        let count = self.values.len() - start;
        let mut stride = u32::from(count > 1);
        let few = 2..=FEW;
        if few.contains(&count) {
            let (values, kinds) = (&self.values[start..], &self.kinds[start..]);
            if kinds.iter().all(|kind| *kind == kinds[0] && *kind != OPEN) && values.iter().all(|v| *v == values[0]) {
                self.values.truncate(start + 1);
                self.kinds.truncate(start + 1);
                stride = 0;
            }
        }
        self.places.push(Place { start: start as u32, stride });
    }

    /// The cells of an operation that has no rows.
    pub(super) fn nothing(&mut self) {
        self.places.push(Place { start: self.values.len() as u32, stride: 0 });
    }

    /// Cells from those of other operations: one for all rows where those are the same in all.
    pub(super) fn extend(&mut self, rows: usize, same: bool, mut cell: impl FnMut(&Self, usize) -> Slot) {
        let start = self.values.len();
        for row in 0..if same { rows.min(1) } else { rows } {
            let slot = cell(self, row);
            self.push(slot);
        }
        self.place(start);
    }

    /// A cell that is known.
    pub(super) fn value(&mut self, value: i64) {
        self.places.push(Place { start: self.values.len() as u32, stride: 0 });
        self.values.push(value);
        self.kinds.push(VALUE);
    }

    /// A cell that is none.
    pub(super) fn none(&mut self) {
        self.places.push(Place { start: self.values.len() as u32, stride: 0 });
        self.values.push(0);
        self.kinds.push(NONE);
    }

    /// Known cells, one a row.
    pub(super) fn values(&mut self, values: impl Iterator<Item = i64>) {
        let start = self.values.len();
        self.values.extend(values);
        self.kinds.resize(self.values.len(), VALUE);
        self.place(start);
    }

    /// Room for known cells behind those that are there; none if not all of the operands are known.
    fn room(&mut self, count: usize, operands: &[Place]) -> Option<(&[i64], &mut [i64])> {
        let known = |place: &Place| {
            let cells = if place.stride == 0 { 1 } else { count };
            self.kinds[place.at(0)..place.at(0) + cells].iter().all(|kind| *kind == VALUE)
        };
        if !operands.iter().all(known) {
            return None;
        }
        let start = self.values.len();
        self.values.resize(start + count, 0);
        let (old, new) = self.values.split_at_mut(start);
        Some((old, new))
    }

    /// An operation on one: what is known of a known value, and what of anything else, or of what `known` cannot say.
    pub(super) fn unary(
        &mut self,
        rows: usize,
        a: At,
        known: impl Fn(i64) -> Option<i64>,
        mut cell: impl FnMut(Slot) -> Slot,
    ) {
        let (a, start) = (self.places[a as usize], self.values.len());
        let count = if a.stride == 0 { rows.min(1) } else { rows };
        if let Some((old, new)) = self.room(count, &[a]) {
            let mut broke = false;
            for (row, new) in new.iter_mut().enumerate() {
                *new = known(old[a.at(row)]).unwrap_or_else(|| {
                    broke = true;
                    0
                });
            }
            if !broke {
                self.kinds.resize(start + count, VALUE);
                return self.place(start);
            }
            self.values.truncate(start);
        }
        for row in 0..count {
            let slot = cell(self.slot(a.at(row)));
            self.push(slot);
        }
        self.place(start);
    }

    /// An operation on two.
    pub(super) fn binary(
        &mut self,
        rows: usize,
        (a, b): (At, At),
        known: impl Fn(i64, i64) -> Option<i64>,
        mut cell: impl FnMut(Slot, Slot) -> Slot,
    ) {
        let (a, b, start) = (self.places[a as usize], self.places[b as usize], self.values.len());
        let count = if a.stride | b.stride == 0 { rows.min(1) } else { rows };
        if let Some((old, new)) = self.room(count, &[a, b]) {
            let mut broke = false;
            for (row, new) in new.iter_mut().enumerate() {
                *new = known(old[a.at(row)], old[b.at(row)]).unwrap_or_else(|| {
                    broke = true;
                    0
                });
            }
            if !broke {
                self.kinds.resize(start + count, VALUE);
                return self.place(start);
            }
            self.values.truncate(start);
        }
        for row in 0..count {
            let slot = cell(self.slot(a.at(row)), self.slot(b.at(row)));
            self.push(slot);
        }
        self.place(start);
    }

    /// As the kernel has it.
    pub(super) fn register(&self, at: At, rows: usize) -> Register {
        match rows {
            0 => Register::OVER,
            _ if self.is_same(at) => Register::same(self.get(at, 0), rows),
            _ => Register::of((0..rows).map(|row| self.get(at, row))),
        }
    }
}
