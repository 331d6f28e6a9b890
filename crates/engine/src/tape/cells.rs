//! The cells that operations leave. Nearly all are known values, and most are the same in all rows: of such a number in
//! the head of the operation is all there is.

use super::At;
use crate::counted::Counted;
use crate::register::{Known, Presence, Register, Slot};

/// Rows up to which it is looked at whether all hold the same: those of people rather than of records.
const FEW: usize = 8;

/// The cells of the operations of a tape: those settled, and over them those of the household at work.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// By operation; none where nothing was left yet.
    heads: Vec<Head>,
    /// The operation at work.
    at: usize,
    /// Of operations whose rows differ and are all known.
    values: Vec<i64>,
    /// Of operations of which something is none or open.
    slots: Vec<Slot>,
    /// Operations computed since cells were settled, and what was in their heads.
    before: Vec<(At, Head)>,
    /// How many values and slots there were then.
    settled: (usize, usize),
}

/// What an operation left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    value: i64,
    kind: Kind,
}

/// What the cells of an operation are, and what the value in its head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The same in all rows.
    Value,
    /// None in all rows, or there are no rows. The value is 0.
    None,
    /// The same in all rows: place of a slot.
    Open,
    /// Where the values of the rows begin.
    Values,
    /// Where the slots of the rows begin.
    Slots,
}

impl Head {
    const NONE: Self = Self { value: 0, kind: Kind::None };

    const fn is_same(self) -> bool {
        matches!(self.kind, Kind::Value | Kind::None | Kind::Open)
    }

    /// A condition that is settled, the same way for all rows.
    fn settled(self) -> Option<bool> {
        matches!(self.kind, Kind::Value | Kind::None).then_some(self.value != 0)
    }
}

impl Cells {
    /// Of so many operations, none of which has left anything.
    pub(super) fn of(operations: usize) -> Self {
        Self { heads: vec![Head::NONE; operations], ..Self::default() }
    }

    /// Says whose cells come next.
    #[inline]
    pub(super) fn begin(&mut self, at: usize) {
        self.at = at;
        self.before.push((at as At, self.heads[at]));
    }

    /// The operation at work.
    pub(super) const fn at(&self) -> At {
        self.at as At
    }

    /// Whether the operation at work left something else than was there before it.
    #[inline]
    pub(super) fn differ(&self, rows: usize) -> bool {
        let Some((_, old)) = self.before.last() else { return true };
        let new = self.heads[self.at];
        let (from, new_from) = (old.value as usize, new.value as usize);
        old.kind != new.kind
            || match old.kind {
                Kind::Value | Kind::None => old.value != new.value,
                Kind::Open => self.slots[from] != self.slots[new_from],
                Kind::Values => self.values[from..from + rows] != self.values[new_from..new_from + rows],
                Kind::Slots => true,
            }
    }

    /// Whether what the operation at work left can be settled: its rows are the same or all known, and what is open in them is
    /// open for a `standing` reason.
    pub(super) fn can_settle(&self, standing: impl Fn(Slot) -> bool) -> bool {
        let head = self.heads[self.at];
        match head.kind {
            Kind::Value | Kind::None | Kind::Values => true,
            Kind::Open => standing(self.slots[head.value as usize]),
            Kind::Slots => false,
        }
    }

    /// Settles all cells.
    pub(super) fn settle(&mut self) {
        self.before.clear();
        self.settled = (self.values.len(), self.slots.len());
    }

    /// Makes the cells what they were when they were settled.
    pub(super) fn undo(&mut self) {
        let (values, slots) = self.settled;
        self.before.drain(..).for_each(|(at, head)| self.heads[at as usize] = head);
        self.values.truncate(values);
        self.slots.truncate(slots);
    }

    #[inline]
    fn leave(&mut self, head: Head) {
        self.heads[self.at] = head;
    }

    #[inline]
    fn head(&self, at: At) -> Head {
        self.heads[at as usize]
    }

    #[inline]
    fn slot(&self, head: Head, row: usize) -> Slot {
        match head.kind {
            Kind::Value => Slot::known(head.value),
            Kind::None => Slot::NONE,
            Kind::Open => self.slots[head.value as usize],
            Kind::Values => Slot::known(self.values[head.value as usize + row]),
            Kind::Slots => self.slots[head.value as usize + row],
        }
    }

    #[inline]
    pub(super) fn get(&self, at: At, row: usize) -> Slot {
        self.slot(self.head(at), row)
    }

    /// Whether all rows hold the same.
    #[inline]
    pub(super) fn is_same(&self, at: At) -> bool {
        self.head(at).is_same()
    }

    /// A condition that is settled, the same way for all rows.
    #[inline]
    pub(super) fn settled(&self, at: At) -> Option<bool> {
        self.head(at).settled()
    }

    /// Whether all rows hold what facts hold as a rule: 0, or none if it is not a number.
    #[inline]
    pub(super) fn is_usual(&self, at: At, is_number: bool) -> bool {
        let head = self.head(at);
        head.value == 0 && head.kind == if is_number { Kind::Value } else { Kind::None }
    }

    /// The value that all rows hold, if it is known.
    #[inline]
    pub(super) fn as_value(&self, at: At) -> Option<i64> {
        let head = self.head(at);
        (head.kind == Kind::Value).then_some(head.value)
    }

    /// The known values of an operation, from its first row on; none unless every row has one.
    #[inline]
    fn values_of(&self, head: Head) -> Option<Known<'_>> {
        match head.kind {
            Kind::Value => Some(Known::All(head.value)),
            Kind::Values => Some(Known::Rows(&self.values[head.value as usize..])),
            Kind::None | Kind::Open | Kind::Slots => None,
        }
    }

    /// The known values of an operation, from its first row on; none unless every row has one.
    #[inline]
    pub(super) fn all_known(&self, at: At) -> Option<Known<'_>> {
        self.values_of(self.head(at))
    }

    /// The value of a cell, if it is a known one.
    #[inline]
    pub(super) fn known(&self, at: At, row: usize) -> Option<i64> {
        match self.all_known(at) {
            Some(values) => Some(values.at(row)),
            None => plain(self.get(at, row)),
        }
    }

    /// A known value for all rows.
    #[inline]
    pub(super) fn value(&mut self, value: i64) {
        self.leave(Head { value, kind: Kind::Value });
    }

    /// None for all rows.
    #[inline]
    pub(super) fn none(&mut self) {
        self.leave(Head::NONE);
    }

    /// The same for all rows.
    pub(super) fn same(&mut self, slot: Slot) {
        match plain(slot) {
            Some(value) => self.value(value),
            None if slot.is_none() => self.none(),
            None => {
                self.leave(Head { value: self.slots.len() as i64, kind: Kind::Open });
                self.slots.push(slot);
            }
        }
    }

    /// What another operation left, for the same rows.
    #[inline]
    pub(super) fn copy(&mut self, of: At) {
        let head = self.head(of);
        self.leave(head);
    }

    /// Notes that the values from `start` on are of one operation: as one value if they are few and the same.
    #[inline]
    fn place(&mut self, start: usize) {
        let rows = &self.values[start..];
        if let [first, more @ ..] = rows
            && rows.len() <= FEW
            && more.iter().all(|value| value == first)
        {
            let first = *first;
            self.values.truncate(start);
            return self.value(first);
        }
        self.leave(Head { value: start as i64, kind: Kind::Values });
    }

    /// Cells from those of other operations: one for all rows where those are the same in all.
    #[inline]
    pub(super) fn extend(&mut self, rows: usize, same: bool, mut cell: impl FnMut(&Self, usize) -> Slot) {
        if rows == 0 {
            return self.none();
        }
        if same {
            let slot = cell(self, 0);
            return self.same(slot);
        }
        let start = self.values.len();
        for row in 0..rows {
            let slot = cell(self, row);
            match plain(slot) {
                Some(value) => self.values.push(value),
                None => return self.mixed((start, slot), row + 1..rows, cell),
            }
        }
        self.place(start);
    }

    /// Cells of which those from `start` on are known values, the next is not, and the others are to come.
    #[inline(never)]
    fn mixed(
        &mut self,
        (start, slot): (usize, Slot),
        more: std::ops::Range<usize>,
        mut cell: impl FnMut(&Self, usize) -> Slot,
    ) {
        let from = self.slots.len();
        self.slots.extend(self.values.drain(start..).map(Slot::known));
        self.slots.push(slot);
        for row in more {
            let slot = cell(self, row);
            self.slots.push(slot);
        }
        let rows = &self.slots[from..];
        if let [only] = rows
            && !only.is_none()
        {
            return self.leave(Head { value: from as i64, kind: Kind::Open });
        }
        if rows.len() <= FEW && rows.iter().all(|slot| slot.is_none()) {
            self.slots.truncate(from);
            return self.none();
        }
        self.leave(Head { value: from as i64, kind: Kind::Slots });
    }

    /// Known values of as many rows, from those that there are; false, and nothing left, where any row has no result.
    #[inline]
    fn each_known(&mut self, rows: usize, mut value: impl FnMut(&[i64], usize) -> Option<i64>) -> bool {
        let start = self.values.len();
        self.values.resize(start + rows, 0);
        let (old, new) = self.values.split_at_mut(start);
        let mut broke = false;
        for (row, new) in new.iter_mut().enumerate() {
            *new = value(old, row).unwrap_or_else(|| {
                broke = true;
                0
            });
        }
        if broke {
            self.values.truncate(start);
        } else {
            self.place(start);
        }
        !broke
    }

    /// Known cells, one a row.
    pub(super) fn values(&mut self, values: impl Iterator<Item = i64>) {
        let start = self.values.len();
        self.values.extend(values);
        self.place(start);
    }

    /// An operation on one: what is known of a known value, and what of anything else, or of what `known` cannot say.
    #[inline]
    pub(super) fn unary(
        &mut self,
        rows: usize,
        a: At,
        known: impl Fn(i64) -> Option<i64>,
        mut cell: impl FnMut(Slot) -> Slot,
    ) {
        let a = self.head(a);
        if a.kind == Kind::Value
            && let Some(value) = known(a.value)
        {
            return self.value(value);
        }
        if a.kind == Kind::Values && self.each_known(rows, |old, row| known(old[a.value as usize + row])) {
            return;
        }
        self.extend(rows, a.is_same(), |cells, row| {
            let a = cells.slot(a, row);
            plain(a).and_then(&known).map_or_else(|| cell(a), Slot::known)
        });
    }

    /// An operation on two.
    #[inline]
    pub(super) fn binary(
        &mut self,
        rows: usize,
        (a, b): (At, At),
        known: impl Fn(i64, i64) -> Option<i64>,
        mut cell: impl FnMut(Slot, Slot) -> Slot,
    ) {
        let (a, b) = (self.head(a), self.head(b));
        if (a.kind, b.kind) == (Kind::Value, Kind::Value)
            && let Some(value) = known(a.value, b.value)
        {
            return self.value(value);
        }
        let done = match (a.kind, b.kind) {
            (Kind::Values, Kind::Values) => {
                self.each_known(rows, |old, row| known(old[a.value as usize + row], old[b.value as usize + row]))
            }
            (Kind::Values, Kind::Value) => {
                self.each_known(rows, |old, row| known(old[a.value as usize + row], b.value))
            }
            (Kind::Value, Kind::Values) => {
                self.each_known(rows, |old, row| known(a.value, old[b.value as usize + row]))
            }
            _ => false,
        };
        if done {
            return;
        }
        self.extend(rows, a.is_same() && b.is_same(), |cells, row| {
            let (a, b) = (cells.slot(a, row), cells.slot(b, row));
            let both = plain(a).zip(plain(b));
            both.and_then(|(a, b)| known(a, b)).map_or_else(|| cell(a, b), Slot::known)
        });
    }

    /// Both conditions, or either: `absorbs` is what settles the result whatever the other is.
    #[inline]
    pub(super) fn junction(
        &mut self,
        rows: usize,
        (a, b): (At, At),
        absorbs: bool,
        cell: impl FnMut(Slot, Slot) -> Slot,
    ) {
        let heads = (self.head(a), self.head(b));
        match (heads.0.settled(), heads.1.settled()) {
            (Some(a), _) | (_, Some(a)) if a == absorbs => self.value(i64::from(absorbs)),
            (_, Some(b)) if b == absorbs => self.value(i64::from(absorbs)),
            (Some(_), Some(_)) => self.value(i64::from(!absorbs)),
            // The other one decides.
            (Some(_), None) if heads.1.kind == Kind::Values => self.copy(b),
            (None, Some(_)) if heads.0.kind == Kind::Values => self.copy(a),
            _ => self.binary(rows, (a, b), |a, b| Some(if absorbs { a | b } else { a & b }), cell),
        }
    }

    /// Conditions of so many rows as a word of bits; none unless they fit into one, or are the same, and all of them are settled.
    pub(super) fn bits(&self, at: At, rows: usize) -> Option<u64> {
        let head = self.head(at);
        match head.kind {
            Kind::Value | Kind::None => Some(if head.value == 0 { 0 } else { u64::MAX }),
            Kind::Values if rows <= Counted::WORD => {
                let values = &self.values[head.value as usize..][..rows];
                Some(values.iter().rev().fold(0, |bits, value| bits << 1 | u64::from(*value != 0)))
            }
            Kind::Open | Kind::Slots | Kind::Values => None,
        }
    }

    /// As the kernel has it.
    pub(super) fn register(&self, at: At, rows: usize) -> Register {
        let head = self.head(at);
        let from = head.value as usize;
        match head.kind {
            _ if rows == 0 => Register::OVER,
            Kind::Values => Register::of_known(&self.values[from..from + rows]),
            Kind::Slots => Register::of(self.slots[from..from + rows].iter().copied()),
            Kind::Value | Kind::None | Kind::Open => Register::same(self.slot(head, 0), rows),
        }
    }
}

/// The value of a cell, if it is a known one.
#[inline]
fn plain(slot: Slot) -> Option<i64> {
    (slot.presence == Presence::Some && slot.is_known()).then_some(slot.span.lo)
}
