//! Plays a tape for one household.

use super::cells::Cells;
use super::memory::{Family, Here, Memory, Remembered, TextPlaces};
use super::read::take_keys;
use super::{Asked, At, Level, Op, Tape};
use crate::aggregate::{self, extreme_of};
use crate::evaluate::Kernel;
use crate::interval::Span;
use crate::operand::{Operand as _, compare_texts};
use crate::operators::known;
use crate::packed::Packed;
use crate::parameters::Key;
use crate::register::{Presence, Register, Slot, and, or};
use crate::slice::Frame;
use crate::{by_month, civil};

/// Room to play in, used again for one household after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    counts: Vec<usize>,
    /// Which inputs were declared.
    declared: Vec<bool>,
    /// The operations that have to be computed.
    due: Vec<u64>,
    keys: Vec<Key>,
    items: aggregate::Items,
    by_month: by_month::Items,
    memory: Memory,
    /// Room for the columns of steps, none of which is there.
    registers: Vec<Register>,
    /// The steps whose columns were left.
    left: Vec<usize>,
}

impl Scratch {
    /// Takes back the room for columns.
    pub(crate) fn take_back(&mut self, mut registers: Vec<Register>) {
        self.left.drain(..).for_each(|step| registers[step] = Register::OVER);
        self.registers = registers;
    }
}

impl<'a> Kernel<'a> {
    /// Computes everything for the only case of a bare slice, and leaves the registers of steps that are read afterwards.
    ///
    /// False if anything broke anywhere: then nothing of what is left may be used.
    pub(crate) fn play(&mut self, tape: &Tape<'a>, packed: &'a Packed, scratch: &mut Scratch) -> bool {
        let Scratch { counts, declared, due, keys, items, by_month, memory, registers, left } = scratch;
        self.registers = std::mem::take(registers);
        self.count(counts);
        self.declares(packed, declared);
        let people = self.slice.persons.first().map_or(0, |first| *first as usize);
        let family = Family::of(&packed.persons.role[people..people + self.slice.persons.len()]);
        let remembered = memory.of(tape, self.place(CASE), family, &packed.words);
        let Remembered { here, settled, undeclared, texts, texts_known } = remembered;
        let (cells, open, noted) = (&mut settled.cells, &mut settled.open, false);
        let mut player = Player {
            kernel: self,
            tape,
            packed,
            cells,
            counts,
            keys,
            items,
            by_month,
            here,
            undeclared,
            texts,
            texts_known,
            noted,
        };
        let before = settled.declared.get_or_insert_with(|| {
            player.found(open);
            declared.as_slice().into()
        });
        due.clear();
        due.extend_from_slice(open);
        tape.due(counts, (declared, before), due);
        player.play(open, due);
        player.hand_over(tape, left);
        player.cells.undo();
        !self.slice.reasons.any_fault()
    }

    /// Counts the rows of each level.
    fn count(&self, counts: &mut Vec<usize>) {
        counts.clear();
        counts.extend([1, self.slice.persons.len()]);
        counts.extend(self.slice.frames.iter().map(|frame| frame.owner.len()));
    }

    /// Says which inputs the only case of the slice declared.
    fn declares(&self, packed: &Packed, declared: &mut Vec<bool>) {
        declared.clear();
        declared.extend(self.program.inputs.iter().enumerate().map(|(at, input)| {
            let (column, mut rows) = self.declared(packed, at, input.entity.into());
            column.is_some_and(|column| rows.any(|row| column.is_there(row)))
        }));
    }
}

impl Tape<'_> {
    /// Adds the operations that have to be computed beside those of which nothing is remembered, but for those that read what
    /// one of these leaves: of records of which there are any, and of inputs that were declared, now or by the family
    /// remembered.
    fn due(&self, counts: &[usize], (declared, before): (&[bool], &[bool]), due: &mut [u64]) {
        for (of_records, _) in
            self.of_records.iter().zip(&counts[Level::records(0).index()..]).filter(|(_, rows)| **rows > 0)
        {
            due.iter_mut().zip(of_records).for_each(|(due, readers)| *due |= readers);
        }
        for (input, at) in self.of_input.iter().enumerate() {
            if let Some(at) = at
                && (declared[input] || before.get(input) == Some(&true))
            {
                due[*at as usize / 64] |= 1 << (at % 64);
            }
        }
    }
}

pub(super) struct Player<'s, 'a> {
    pub(super) kernel: &'s mut Kernel<'a>,
    pub(super) tape: &'s Tape<'a>,
    pub(super) packed: &'a Packed,
    pub(super) cells: &'s mut Cells,
    /// Rows by level.
    pub(super) counts: &'s [usize],
    pub(super) keys: &'s mut Vec<Key>,
    pub(super) items: &'s mut aggregate::Items,
    pub(super) by_month: &'s mut by_month::Items,
    pub(super) here: &'s mut Here,
    pub(super) undeclared: &'s mut [Option<Slot>],
    texts: TextPlaces,
    /// Whether the household's words have all of them.
    pub(super) texts_known: bool,
    /// Whether the operation at work noted that a value was assumed.
    pub(super) noted: bool,
}

/// The only case of the slice.
pub(super) const CASE: usize = 0;

impl<'a> Player<'_, 'a> {
    /// Computes everything for the family as if no institution had a record of it, and settles it. What leaves a note in the
    /// kernel stays open: it has to be noted of every household.
    fn found(&mut self, open: &mut [u64]) {
        let nothing = self.kernel.slice.frames.iter().map(|_| Frame::default()).collect();
        let frames = std::mem::replace(&mut self.kernel.slice.frames, nothing);
        for (at, node) in self.tape.nodes.iter().enumerate() {
            let rows = if node.level.dataset().is_some() { 0 } else { self.counts[node.level.index()] };
            self.compute_at(at, rows);
            let reasons = &self.kernel.slice.reasons;
            if !self.noted && self.cells.can_settle(|slot| reasons.is_standing(slot.why)) {
                open[at / 64] &= !(1 << (at % 64));
            }
        }
        self.cells.settle();
        self.kernel.slice.frames = frames;
        self.kernel.assumed.clear();
    }

    /// Computes the operations that are due, and those that read what is not as it was.
    fn play(&mut self, open: &[u64], due: &mut [u64]) {
        for word in 0..due.len() {
            let mut rest = due[word];
            while rest != 0 {
                let (bit, at) = (rest & rest.wrapping_neg(), word * 64 + rest.trailing_zeros() as usize);
                let rows = self.counts[self.tape.nodes[at].level.index()];
                self.compute_at(at, rows);
                let consumers = self.tape.consumers(at);
                if !consumers.is_empty() && (open[word] & bit != 0 || self.cells.differ(rows)) {
                    consumers.iter().for_each(|at| due[*at as usize / 64] |= 1 << (at % 64));
                }
                // Operations read earlier ones alone.
                rest = due[word] & !(bit | (bit - 1));
            }
        }
    }

    #[inline(always)]
    fn compute_at(&mut self, at: usize, rows: usize) {
        let node = &self.tape.nodes[at];
        self.cells.begin(at);
        self.noted = false;
        if rows == 0 {
            self.cells.none();
        } else {
            self.compute(&node.op, node.level, rows);
        }
    }

    /// The cells of an operation, of which there are some. All but one of its calls are seldom made.
    #[inline(always)]
    fn compute(&mut self, op: &Op<'a>, level: Level, rows: usize) {
        let Self { kernel, cells, tape, .. } = self;
        match op {
            Op::Known(value) => cells.value(*value),
            Op::Text(index) => {
                let index = *index as usize;
                let id = match self.texts[index] {
                    Some(word) => i64::from(word),
                    None => kernel.slice.texts.intern(tape.texts[index]),
                };
                cells.value(id);
            }
            Op::Residence => {
                let slot = match kernel.place(CASE).residence {
                    Some(text) => Slot::known(kernel.slice.texts.intern(text)),
                    None => Slot::within(Span::ALL, Presence::Some, kernel.no_residence()),
                };
                cells.same(slot);
            }
            Op::IsMember => cells.extend(rows, false, |_, row| kernel.slice.members.get(row)),
            Op::IsObligor => cells.extend(rows, false, |_, row| kernel.slice.obligors.get(row)),
            Op::Column(column) => self.column(*column as usize, level, rows),
            Op::Input(input) => self.input(*input as usize, level, rows),
            Op::Gather(of) => match level.dataset() {
                Some(dataset) => {
                    let owner = &kernel.slice.frames[dataset].owner;
                    cells.extend(rows, cells.is_same(*of), |cells, row| cells.get(*of, owner[row] as usize));
                }
                None => cells.copy(*of),
            },
            Op::Parameter(asked) => self.parameter(asked, rows),
            Op::Scale(of) => {
                let (Asked { id, keys, .. }, scale) = &**of;
                let same = keys.iter().all(|(key, _)| cells.is_same(*key));
                cells.extend(rows, same, |cells, row| {
                    let why = take_keys(self.keys, keys, cells, row, kernel);
                    let of = keys.last().map_or(Slot::NONE, |(key, _)| cells.get(*key, row));
                    kernel.scale_at((*id, *scale), &tape.brackets[*id], (self.keys, of, why), CASE)
                });
            }
            Op::Not(a) => cells.unary(rows, *a, |a| Some(a ^ 1), |a| Slot::not(&a)),
            Op::And(a, b) => cells.junction(rows, (*a, *b), false, |a, b| and(a, b, &mut kernel.slice.reasons)),
            Op::Or(a, b) => cells.junction(rows, (*a, *b), true, |a, b| or(a, b, &mut kernel.slice.reasons)),
            Op::Compare(op, a, b) => {
                let known = |a, b| Some(i64::from(known::compare(*op, a, b)));
                cells.binary(rows, (*a, *b), known, |a, b| kernel.operators().compare(*op, &a, &b));
            }
            Op::CompareTexts(op, a, b) => {
                let texts = kernel.slice.texts.clone();
                let order = |a, b| compare_texts(&mut kernel.operators(), *op, (a, b), |id| texts.get(id));
                cells.binary(rows, (*a, *b), |_, _| None, order);
            }
            Op::IsNone(a) => cells.unary(rows, *a, |_| Some(0), |a| Slot::absent(&a)),
            Op::Case { branches, otherwise, is_text } => {
                if let Some(met) = met(cells, branches, *otherwise) {
                    return cells.copy(met);
                }
                let same =
                    cells.is_same(*otherwise) && branches.iter().all(|(c, v)| cells.is_same(*c) && cells.is_same(*v));
                let mut operators = kernel.operators();
                cells.extend(rows, same, |cells, row| {
                    if let Some(value) = first_met(cells, branches, *otherwise, row) {
                        return value;
                    }
                    let branches = branches.iter().map(|(c, v)| (cells.get(*c, row), cells.get(*v, row)));
                    operators.first_met(branches, cells.get(*otherwise, row), *is_text)
                });
            }
            Op::Neg(a) => cells.unary(rows, *a, |a| known::neg(a).ok(), |a| kernel.operators().neg(&a)),
            Op::Abs(a) => cells.unary(rows, *a, |a| known::abs(a).ok(), |a| kernel.operators().abs(&a)),
            Op::Add(a, b) => {
                cells.binary(rows, (*a, *b), |a, b| known::add(a, b).ok(), |a, b| kernel.operators().add(&a, &b));
            }
            Op::Sub(a, b) => {
                cells.binary(rows, (*a, *b), |a, b| known::sub(a, b).ok(), |a, b| kernel.operators().sub(&a, &b));
            }
            Op::Mul(a, b, drop) => {
                let known = known::mul(*drop);
                cells.binary(rows, (*a, *b), |a, b| known(a, b).ok(), |a, b| kernel.operators().mul(&a, &b, *drop));
            }
            Op::Div { a, b, raise, step } => {
                kernel.step = *step as usize;
                let known = known::div(*raise);
                cells.binary(rows, (*a, *b), |a, b| known(a, b).ok(), |a, b| kernel.operators().div(&a, &b, *raise));
            }
            Op::Rescale(a, by) => {
                let known = known::rescale(*by);
                cells.unary(rows, *a, |a| known(a).ok(), |a| kernel.operators().rescale(&a, *by));
            }
            Op::Round(mode, a, to) => {
                let known = known::round(*mode);
                let slow = |a, to| kernel.operators().round(&a, &to, *mode);
                cells.binary(rows, (*a, *to), |a, to| known(a, to).ok(), slow);
            }
            Op::Extreme { of, largest } => {
                let same = of.iter().all(|of| cells.is_same(*of));
                let reasons = &mut kernel.slice.reasons;
                cells.extend(rows, same, |cells, row| match largest_known(cells, of, *largest, row) {
                    Some(known) => Slot::known(known),
                    None => extreme_of(of.iter().map(|of| cells.get(*of, row)), *largest, reasons),
                });
            }
            Op::AddToMonth(a, months) => self.rising(rows, *a, |v| v.checked_add(i64::from(*months))),
            Op::AddMonths(a, months) => self.rising(rows, *a, |v| civil::add_months(v, *months)),
            Op::AddDays(a, days) => self.rising(rows, *a, |v| v.checked_add(i64::from(*days))),
            Op::MonthOf(a) => self.rising(rows, *a, civil::month_of),
            Op::ShiftMonths(a, months) => {
                let moved = |day: i64, by: i64| civil::add_months(day, i32::try_from(by).ok()?);
                let slow = |a, months| kernel.operators().rising_both(&a, &months, moved);
                cells.binary(rows, (*a, *months), moved, slow);
            }
            Op::PerMonth(a, step) => {
                kernel.step = *step as usize;
                cells.unary(rows, *a, |_| None, |a| kernel.operators().per_month(a));
            }
            Op::Age(birth) => {
                let today = kernel.today;
                let age = |v| civil::age(v, today);
                cells.unary(rows, *birth, age, |birth| kernel.operators().falling(&birth, age));
            }
            Op::Aggregate(of) => self.aggregate(of),
            Op::Assume(of) => {
                if cells.all_known(of.value).is_some() {
                    return cells.copy(of.value);
                }
                kernel.step = of.step;
                let noted = &mut self.noted;
                let assume = |value, instead| {
                    *noted = true;
                    kernel.assumed_slot(value, instead, CASE, of.reason)
                };
                cells.binary(rows, (of.value, of.instead), |value, _| Some(value), assume);
            }
            Op::FlagCount(severity) => self.count_flags(*severity),
        }
    }

    fn rising(&mut self, rows: usize, a: At, f: impl Fn(i64) -> Option<i64>) {
        let kernel = &mut *self.kernel;
        self.cells.unary(rows, a, &f, |a| kernel.operators().rising(&a, &f));
    }
}

/// The first branch that is met, if all rows meet it and none before it.
fn met(cells: &Cells, branches: &[(At, At)], otherwise: At) -> Option<At> {
    for (condition, value) in branches {
        match cells.as_value(*condition)? {
            0 => {}
            _ => return Some(*value),
        }
    }
    Some(otherwise)
}

/// The cell of the first branch that is met, while the conditions up to it are known.
fn first_met(cells: &Cells, branches: &[(At, At)], otherwise: At, row: usize) -> Option<Slot> {
    for (condition, value) in branches {
        match cells.known(*condition, row) {
            Some(0) => {}
            Some(_) => return Some(cells.get(*value, row)),
            None => return None,
        }
    }
    Some(cells.get(otherwise, row))
}

/// The largest or the smallest of some cells, while all are known values.
fn largest_known(cells: &Cells, of: &[At], largest: bool, row: usize) -> Option<i64> {
    let known = of.iter().map(|of| cells.known(*of, row));
    known.reduce(|best, next| best.zip(next).map(|(a, b)| if largest { a.max(b) } else { a.min(b) }))?
}
