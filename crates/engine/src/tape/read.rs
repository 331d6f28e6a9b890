//! What operations take from the household and from parameters.

use std::ops::Range;

use hedui_base::ColumnType;

use super::cells::Cells;
use super::memory::{Here, LOOKED_UP};
use super::run::{CASE, Player};
use super::{Asked, At, Level};
use crate::evaluate::{Kernel, key_of};
use crate::packed::{Packed, PackedColumn, Words};
use crate::packed_slice::{ghost_cell, null_cell};
use crate::parameters::{Key, Looked};
use crate::reasons::Why;
use crate::register::Slot;
use crate::slice::Slice;

impl Player<'_, '_> {
    pub(super) fn parameter(&mut self, Asked { id, keys, step }: &Asked, rows: usize) {
        let Self { kernel, cells, tape, .. } = self;
        kernel.step = step.unwrap_or(0);
        let same = keys.iter().all(|(key, _)| cells.is_same(*key));
        let Here { looked_up, in_force: at_place, .. } = &mut *self.here;
        let (in_force, at_place) = (&tape.in_force[*id], at_place[*id].as_deref());
        let (at, noted) = (cells.at(), &mut self.noted);
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
            let known = at_place.and_then(|at| in_force.look_up(at, self.keys, &mut kernel.slice.texts));
            let looked = known.unwrap_or_else(|| kernel.look_up(*id, self.keys, CASE));
            if let (Some(asked), Looked::Value(value)) = (asked, looked)
                && looked_up.len() < LOOKED_UP
            {
                looked_up.insert(asked, value);
            }
            let (slot, fallback) = kernel.looked(*id, looked, why, CASE);
            if fallback {
                *noted = true;
                kernel.assume_fallback(*id, CASE);
            }
            slot
        });
    }

    pub(super) fn column(&mut self, column: usize, level: Level, rows: usize) {
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

    pub(super) fn input(&mut self, input: usize, level: Level, rows: usize) {
        let missing = self.undeclared(input);
        let (column, declared) = self.kernel.declared(self.packed, input, level);
        let column = column.filter(|column| declared.clone().any(|row| column.is_there(row)));
        match column {
            Some(column) => {
                let first = declared.start;
                self.cells.extend(rows, false, |_, row| value(column, first + row).unwrap_or(missing));
            }
            None => self.cells.same(missing),
        }
    }

    /// What an input holds that was not declared.
    fn undeclared(&mut self, input: usize) -> Slot {
        if let Some(known) = self.undeclared[input] {
            return known;
        }
        let (slice, declared) = (&mut self.kernel.slice, &self.kernel.program.inputs[input]);
        let slot = slice.undeclared(declared);
        let lasts = slice.reasons.is_standing(slot.why) && (self.texts_known || declared.spec.ty.is_int());
        self.undeclared[input] = Some(slot).filter(|_| lasts);
        slot
    }
}

impl Kernel<'_> {
    /// What the only case of the slice declared of an input: the column, and its rows.
    pub(super) fn declared<'p>(
        &self,
        packed: &'p Packed,
        input: usize,
        level: Level,
    ) -> (Option<&'p PackedColumn>, Range<usize>) {
        let (columns, first, rows) = match level {
            Level::HOUSEHOLD => (&packed.cases.inputs, self.slice.cases.start, 1),
            _ => {
                let people = &self.slice.persons;
                (&packed.persons.inputs, people.first().map_or(0, |first| *first as usize), people.len())
            }
        };
        (columns.get(input).and_then(Option::as_ref), first..first + rows)
    }
}

/// Reads the keys of a lookup, and why they are open.
pub(super) fn take_keys(
    keys: &mut Vec<Key>,
    of: &[(At, ColumnType)],
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
