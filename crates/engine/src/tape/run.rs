//! Plays a tape for one household.

use std::sync::Arc;

use hedui_base::{AreaCode, Tri};
use hedui_rules::Program;
use hedui_rules::program::{Entity, FlagSeverity};
use rustc_hash::FxHashMap;

use super::cells::Cells;
use super::{Aggregated, Asked, At, Level, Masks, Node, OWN, Op, Tape};
use crate::aggregate::{self, Context, extreme_of, nothing_of};
use crate::evaluate::{Kernel, key_of};
use crate::interval::Span;
use crate::operand::{Operand as _, compare_texts};
use crate::operators::known;
use crate::packed::{Packed, PackedColumn, Words};
use crate::packed_slice::{ghost_cell, null_cell};
use crate::parameters::{Key, Looked, Place};
use crate::reasons::Why;
use crate::register::{Known, Presence, Register, Slot, and, or};
use crate::slice::Slice;
use crate::{by_month, civil};

/// Room to play in, used again for one household after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    cells: Cells,
    counts: Vec<usize>,
    keys: Vec<Key>,
    items: aggregate::Items,
    by_month: by_month::Items,
    /// What was found out of places, by area: one for each residence.
    places: FxHashMap<AreaCode, Vec<Here>>,
    /// The words of the household before: where the texts of the tape are among them.
    words: Option<(Arc<Words>, Vec<Option<u32>>)>,
}

impl<'a> Kernel<'a> {
    /// Computes everything for the only case of a bare slice, and leaves the registers of the steps that are `wanted`.
    ///
    /// False if anything broke anywhere: then nothing of what is left may be used.
    pub(crate) fn play(&mut self, tape: &Tape<'a>, packed: &'a Packed, scratch: &mut Scratch, wanted: &[bool]) -> bool {
        scratch.cells.clear();
        let texts = scratch.texts(tape, &packed.words);
        let Scratch { cells, counts, keys, items, by_month, places, .. } = scratch;
        let here = here(places, self.place(CASE), (tape, self.program));
        let has = self.count(counts);
        let mut player = Player { kernel: self, tape, packed, cells, counts, keys, items, by_month, here, texts };
        for (at, node) in tape.nodes.iter().enumerate() {
            let rows = player.counts[node.level.index()];
            if node.reads & has == 0 {
                player.fixed(at, node, rows);
            } else if rows == 0 {
                player.cells.none();
            } else {
                player.compute(&node.op, node.level, rows);
            }
            debug_assert_eq!(player.cells.len(), at + 1, "each operation leaves cells");
        }
        player.leave(wanted);
        let texts = player.texts;
        scratch.words = Some((Arc::clone(&packed.words), texts));
        !self.slice.reasons.any_fault()
    }
}

impl Kernel<'_> {
    /// Counts the rows of each level, and says what the only case of the slice has of what operations read: its own, and
    /// datasets of which it has a record or a ghost.
    fn count(&self, counts: &mut Vec<usize>) -> u64 {
        counts.clear();
        counts.extend([1, self.slice.persons.len()]);
        counts.extend(self.slice.frames.iter().map(|frame| frame.owner.len()));
        let frames = counts[Level::records(0).index()..].iter().enumerate().filter(|(_, rows)| **rows > 0);
        frames.fold(OWN, |has, (dataset, _)| has | Tape::bit(dataset))
    }
}

impl Scratch {
    /// Where the texts of a tape are among some words.
    fn texts(&mut self, tape: &Tape<'_>, words: &Arc<Words>) -> Vec<Option<u32>> {
        match self.words.take() {
            Some((known, texts)) if Arc::ptr_eq(&known, words) => texts,
            _ => tape.texts.iter().map(|text| words.find(text)).collect(),
        }
    }
}

struct Player<'s, 'a> {
    kernel: &'s mut Kernel<'a>,
    tape: &'s Tape<'a>,
    packed: &'a Packed,
    cells: &'s mut Cells,
    /// Rows by level.
    counts: &'s [usize],
    keys: &'s mut Vec<Key>,
    items: &'s mut aggregate::Items,
    by_month: &'s mut by_month::Items,
    here: &'s mut Here,
    texts: Vec<Option<u32>>,
}

/// A cell that is the same for many households: a known value, none for certain, or open for a reason of the program's own.
#[derive(Clone, Debug)]
enum Fixed {
    Value(i64),
    None,
    Open(Box<Slot>),
}

/// What was found out of a place.
#[derive(Debug)]
struct Here {
    residence: Option<Box<str>>,
    /// What is the same for all households that have nothing of what it reads, by operation.
    fixed: Vec<Option<Fixed>>,
    /// By input, once it was asked for and while it is the same for all: what it holds that was not declared.
    undeclared: Vec<Option<Slot>>,
    /// By parameter, once it was asked for: the rows that hold here, as [`InForce::at`](crate::parameters::InForce::at).
    in_force: Vec<Option<Option<Box<[u32]>>>>,
    /// Numbers that parameters have for one number or for none, by operation and that.
    looked_up: FxHashMap<(At, i64), i64>,
}

/// How many numbers of parameters are remembered of a place at most.
const LOOKED_UP: usize = 4_096;

/// Places of which that is remembered at most: the villages of a district.
const PLACES: usize = 4_096;

/// The only case of the slice.
const CASE: usize = 0;

impl<'a> Player<'_, 'a> {
    /// The cell of an operation that reads nothing the household has: remembered, or computed and then remembered if it is settled.
    fn fixed(&mut self, at: usize, node: &Node<'a>, rows: usize) {
        match &self.here.fixed[at] {
            Some(Fixed::Value(value)) => self.cells.value(*value),
            Some(Fixed::None) => self.cells.none(),
            Some(Fixed::Open(slot)) => self.cells.same(**slot),
            None if rows == 0 => self.cells.none(),
            None => {
                self.compute(&node.op, node.level, rows);
                if self.cells.is_same(at as At) {
                    let slot = self.cells.get(at as At, 0);
                    self.here.fixed[at] = match slot.presence {
                        Presence::None => Some(Fixed::None),
                        Presence::Some if slot.is_known() => Some(Fixed::Value(slot.span.lo)),
                        _ if self.kernel.slice.reasons.is_standing(slot.why) => Some(Fixed::Open(Box::new(slot))),
                        Presence::Some | Presence::Maybe => None,
                    };
                }
            }
        }
    }

    /// The cells of an operation, of which there are some.
    #[inline]
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
                let assume = |value, instead| kernel.assumed_slot(value, instead, CASE, of.reason);
                cells.binary(rows, (of.value, of.instead), |value, _| Some(value), assume);
            }
            Op::FlagCount(severity) => self.count_flags(*severity),
        }
    }

    fn parameter(&mut self, Asked { id, keys, step }: &Asked, rows: usize) {
        let Self { kernel, cells, tape, .. } = self;
        kernel.step = step.unwrap_or(0);
        let same = keys.iter().all(|(key, _)| cells.is_same(*key));
        let Here { looked_up, in_force: known_rows, .. } = &mut *self.here;
        let in_force = &tape.in_force[*id];
        let at_place = known_rows[*id].get_or_insert_with(|| in_force.at(kernel.place(CASE)));
        let at = cells.len() as At;
        let is_number = kernel.program.parameters[*id].ty.is_int();
        cells.extend(rows, same, |cells, row| {
            let asked = match &keys[..] {
                [] => Some(0),
                [(key, ty)] if ty.is_int() => cells.known(*key, row),
                _ => None,
            };
            let asked = asked.filter(|_| is_number).map(|asked| (at, asked));
            if let Some(value) = asked.and_then(|asked| looked_up.get(&asked)) {
                return Slot::known(*value);
            }
            let why = take_keys(self.keys, keys, cells, row, kernel);
            let known = at_place.as_deref().and_then(|at| in_force.look_up(at, self.keys, &mut kernel.slice.texts));
            let looked = known.unwrap_or_else(|| kernel.look_up(*id, self.keys, CASE));
            if let (Some(asked), Looked::Value(value)) = (asked, looked)
                && looked_up.len() < LOOKED_UP
            {
                looked_up.insert(asked, value);
            }
            let (slot, fallback) = kernel.looked(*id, looked, why, CASE);
            if fallback {
                kernel.assume_fallback(*id, CASE);
            }
            slot
        });
    }

    fn rising(&mut self, rows: usize, a: At, f: impl Fn(i64) -> Option<i64>) {
        let kernel = &mut *self.kernel;
        self.cells.unary(rows, a, &f, |a| kernel.operators().rising(&a, &f));
    }

    fn column(&mut self, column: usize, level: Level, rows: usize) {
        let Some(dataset) = level.dataset() else { return self.cells.none() };
        let Slice { frames, reasons, .. } = &mut self.kernel.slice;
        let (frame, own) = (&frames[dataset], &self.packed.datasets[dataset]);
        let spec = &self.kernel.program.datasets[dataset].columns[column].spec;
        let values = own.columns.get(column).and_then(Option::as_ref);
        let all_known = frame.unanswered.is_empty();
        let records = || frame.rows.iter().map(|row| *row as usize);
        match values.filter(|_| all_known) {
            Some(PackedColumn::Int { values, valid }) if valid.is_empty() || records().all(|row| valid[row]) => {
                return self.cells.values(records().map(|row| values[row]));
            }
            Some(PackedColumn::Word(words)) if records().all(|row| words[row] != Words::NULL) => {
                return self.cells.values(records().map(|row| i64::from(words[row])));
            }
            _ => {}
        }
        self.cells.extend(rows, false, |_, at| match frame.rows.get(at) {
            Some(row) => {
                let row = *row as usize;
                values
                    .and_then(|values| value(values, row))
                    .unwrap_or_else(|| null_cell((self.packed, own), spec, row, reasons))
            }
            None => ghost_cell(spec, frame.unanswered(at)),
        });
    }

    fn input(&mut self, input: usize, level: Level, rows: usize) {
        let (declared, first) = match level {
            Level::HOUSEHOLD => (&self.packed.cases.inputs, self.kernel.slice.cases.start),
            _ => (&self.packed.persons.inputs, self.kernel.slice.persons.first().map_or(0, |first| *first as usize)),
        };
        let column = declared.get(input).and_then(Option::as_ref);
        let column = column.filter(|column| (first..first + rows).any(|row| column.is_there(row)));
        let missing = self.undeclared(input);
        match column {
            Some(column) => {
                self.cells.extend(rows, false, |_, row| value(column, first + row).unwrap_or(missing));
            }
            None => self.cells.same(missing),
        }
    }

    /// What an input holds that was not declared.
    fn undeclared(&mut self, input: usize) -> Slot {
        if let Some(known) = self.here.undeclared[input] {
            return known;
        }
        let (slice, declared) = (&mut self.kernel.slice, &self.kernel.program.inputs[input]);
        let slot = slice.undeclared(declared);
        // The numbers of texts are those of a household's words.
        let lasts = if slot.is_known() {
            declared.spec.ty.is_int() || slot.is_none()
        } else {
            slice.reasons.is_standing(slot.why)
        };
        self.here.undeclared[input] = Some(slot).filter(|_| lasts);
        slot
    }

    fn aggregate(&mut self, of: &Aggregated) {
        let step = self.kernel.step;
        let Slice { frames, people, reasons, texts, .. } = &mut self.kernel.slice;
        let frame = of.dataset.map(|dataset| &frames[dataset]);
        let runs = frame.map_or(&*people, |frame| &frame.runs);
        // Of no records at all everybody has the same.
        if frame.is_some_and(|frame| frame.owner.is_empty()) {
            return self.cells.same(nothing_of(of.function));
        }
        // Nor of records none of which counts.
        if runs.ghost.is_empty() && of.inside.is_some_and(|inside| self.cells.settled(inside) == Some(false)) {
            return self.cells.same(nothing_of(of.function));
        }
        let unanswered = |row: usize| frame.map_or(Why::KNOWN, |frame| frame.unanswered(row));
        let mut context = Context { reasons, texts, step };
        self.cells.extend(runs.owners(), false, |cells, owner| {
            let (rows, ghost) = (runs.of(owner), runs.ghost(owner));
            if rows.is_empty() && ghost.is_none() {
                return nothing_of(of.function);
            }
            // What is known in all rows is read without asking what each row is.
            let known = |at: Option<At>| at.map_or(Some(Known::All(1)), |at| cells.all_known(at));
            if let (Some(inside), Some(argument), None) = (known(of.inside), known(of.argument), of.month) {
                let (inside, argument) = (known_cells(inside), known_cells(argument));
                let read = aggregate::Cells { rows: rows.clone(), ghost, inside, argument };
                if let Some(plain) = aggregate::plain_of_owner(of.function, &read, of.is_text) {
                    return plain;
                }
            }
            let cell = |at: Option<At>| move |row: usize| at.map_or(Slot::known(1), |at| cells.get(at, row));
            let (inside, argument) = (cell(of.inside), cell(of.argument));
            if let Some(month) = of.month {
                let month = |row: usize| cells.get(month, row);
                let read = by_month::Cells { rows, ghost, argument, month, inside };
                return by_month::by_month(of.function, read, unanswered, self.by_month, &mut context);
            }
            let read = aggregate::Cells { rows, ghost, inside, argument };
            match aggregate::plain_of_owner(of.function, &read, of.is_text) {
                Some(plain) => plain,
                None => aggregate::of_owner(of.function, read, unanswered, of.is_text, self.items, &mut context),
            }
        });
    }

    /// How many flags of a severity the household has, as the kernel counts them.
    fn count_flags(&mut self, severity: FlagSeverity) {
        let program = self.kernel.program;
        let (mut raised, mut open, mut why) = (0, 0, Why::KNOWN);
        for flag in program.flags.iter().filter(|flag| flag.severity == severity) {
            let step = flag.when.index();
            if self.cells.settled(self.tape.steps[step].0) == Some(false) {
                continue;
            }
            let rows = self.counts[Level::from(program.steps[step].entity).index()];
            for row in 0..rows {
                if flag.entity == Entity::Person && !self.kernel.slice.is_member(row) {
                    continue;
                }
                let (tri, because) = self.cells.get(self.tape.steps[step].0, row).truth();
                let reasons = &mut self.kernel.slice.reasons;
                match tri {
                    Tri::Met => raised += 1,
                    // Out of play where no institution offers what could raise it.
                    Tri::Undetermined if !reasons.are_all(because, "no_source") => {
                        open += 1;
                        why = reasons.union(why, because);
                    }
                    Tri::Undetermined | Tri::NotMet => {}
                }
            }
        }
        let counted = Slot::within(Span { lo: raised, hi: raised + open }, Presence::Some, why);
        self.cells.same(counted);
    }

    /// Hands what is wanted to the kernel.
    fn leave(&mut self, wanted: &[bool]) {
        let people = self.kernel.slice.persons.len();
        let steps = self.tape.steps.iter().zip(wanted);
        self.kernel.registers.extend(steps.map(|((at, of_people), wanted)| match wanted {
            true => self.cells.register(*at, if *of_people { people } else { 1 }),
            false => Register::OVER,
        }));
        self.kernel.counted.reserve(self.tape.masks.len());
        for Masks { step, dataset, inside } in &self.tape.masks {
            let frame = &self.kernel.slice.frames[*dataset];
            // Of no records none is looked at.
            if !frame.rows.is_empty() {
                let rows = frame.owner.len();
                let masks = inside.iter().map(|mask| mask.map(|at| self.cells.register(at, rows))).collect();
                self.kernel.counted.insert(*step, masks);
            }
        }
    }
}

/// What was found out of a place so far.
fn here<'h>(
    places: &'h mut FxHashMap<AreaCode, Vec<Here>>,
    place: Place<'_>,
    (tape, program): (&Tape<'_>, &Program),
) -> &'h mut Here {
    if places.len() > PLACES {
        places.clear();
    }
    let residences = places.entry(place.area).or_default();
    let at = residences.iter().position(|here| here.residence.as_deref() == place.residence);
    let at = at.unwrap_or_else(|| {
        let residence = place.residence.map(Box::from);
        let (fixed, in_force) = (vec![None; tape.nodes.len()], vec![None; tape.in_force.len()]);
        let undeclared = vec![None; program.inputs.len()];
        residences.push(Here { residence, fixed, undeclared, in_force, looked_up: FxHashMap::default() });
        residences.len() - 1
    });
    &mut residences[at]
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

/// Cells of known values.
fn known_cells(of: Known<'_>) -> impl Fn(usize) -> Slot + '_ {
    move |row| Slot::known(of.at(row))
}

/// Reads the keys of a lookup, and why they are open.
fn take_keys(
    keys: &mut Vec<Key>,
    of: &[(At, hedui_base::ColumnType)],
    cells: &Cells,
    row: usize,
    kernel: &mut Kernel<'_>,
) -> Why {
    keys.clear();
    of.iter().fold(Why::KNOWN, |why, (at, ty)| {
        let slot = cells.get(*at, row);
        keys.push(key_of(slot, *ty));
        kernel.slice.reasons.union(why, slot.why)
    })
}

/// The value in a row of a packed column.
#[inline]
fn value(column: &PackedColumn, row: usize) -> Option<Slot> {
    match column {
        PackedColumn::Int { .. } => column.int(row).map(Slot::known),
        PackedColumn::Word(_) => column.word(row).map(|word| Slot::known(i64::from(word))),
    }
}
