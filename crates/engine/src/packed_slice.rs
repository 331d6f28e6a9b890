//! Slices of packed cases: columns are copied run by run, and nothing is looked up.

use std::ops::Range;
use std::sync::Arc;

use hedui_base::catalogue::NullMeaning;
use hedui_base::{ColumnSpec, Outcome, SourceId};
use hedui_rules::Program;
use hedui_rules::program::{DatasetUse, Entity, Input};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use crate::input::Role;
use crate::packed::{Packed, PackedColumn, PackedDataset, Unanswered, Words};
use crate::reasons::{Reasons, Standing, Why};
use crate::register::{Each, Presence, Register, Slot};
use crate::slice::{FewRows, Frame, Of, Runs, Slice, bounds, starts};

/// Runs of rows that lie beside each other: of one household there is one, as a rule.
type Pieces = SmallVec<[Range<usize>; 2]>;

/// Rows of a dataset in a slice, and whose they are.
struct Rows {
    pieces: Pieces,
    owner: FewRows,
    runs: Runs,
    unanswered: Vec<Why>,
}

impl<'a> Slice<'a> {
    pub(crate) fn of_packed(
        program: &'a Program,
        packed: &'a Packed,
        cases: Range<usize>,
        standing: &Arc<Standing>,
    ) -> Self {
        Self::cut(program, packed, cases, (true, standing))
    }

    /// Without inputs and columns of records: who is there, and whose records lie where.
    pub(crate) fn of_packed_bare(
        program: &'a Program,
        packed: &'a Packed,
        cases: Range<usize>,
        standing: &Arc<Standing>,
    ) -> Self {
        Self::cut(program, packed, cases, (false, standing))
    }

    fn cut(
        program: &'a Program,
        packed: &'a Packed,
        cases: Range<usize>,
        (columns, standing): (bool, &Arc<Standing>),
    ) -> Self {
        let of = &packed.persons;
        let first = of.case.partition_point(|case| (*case as usize) < cases.start);
        let last = first + of.case[first..].partition_point(|case| (*case as usize) < cases.end);
        let case_of: Vec<u32> = of.case[first..last].iter().map(|case| case - cases.start as u32).collect();
        let people = Runs { start: starts(cases.len(), &case_of), ghost: Vec::new() };
        let mut slice = Self::empty(Of::Packed(packed), cases, (first as u32..last as u32).collect(), case_of, people);
        slice.reasons = Reasons::over(Arc::clone(standing));
        let role =
            |role: Role| Register::of(of.role[first..last].iter().map(|own| Slot::known(i64::from(*own == role))));
        (slice.members, slice.obligors) = (role(Role::Member), role(Role::Obligor));
        if columns {
            let inputs = program.inputs.iter().enumerate();
            slice.inputs = inputs.map(|(at, input)| slice.packed_input(packed, input, at, first..last)).collect();
        }
        let datasets = program.datasets.iter().zip(&packed.datasets);
        let frame = |(dataset, own)| slice.packed_frame(packed, dataset, own, (first..last, columns));
        slice.frames = datasets.map(frame).collect();
        slice
    }

    fn packed_input(&mut self, packed: &'a Packed, input: &'a Input, at: usize, people: Range<usize>) -> Register {
        let (columns, rows) = match input.entity {
            Entity::Person => (&packed.persons.inputs, people),
            Entity::Household => (&packed.cases.inputs, self.cases.clone()),
        };
        let missing = self.undeclared(input);
        let count = rows.len();
        let Some(column) = columns.get(at).and_then(Option::as_ref) else { return Register::same(missing, count) };
        let mut each = Each::with_capacity(count);
        each.extend(column, rows, missing.is_none(), |_| missing);
        Register::each(each)
    }

    fn packed_frame(
        &mut self,
        packed: &'a Packed,
        dataset: &'a DatasetUse,
        own: &'a PackedDataset,
        (people, columns): (Range<usize>, bool),
    ) -> Frame<'a> {
        let owners = owners_of(dataset, (&people, &self.cases));
        if !columns && !packed.has_any(dataset, own, owners.clone()) {
            let runs = Runs { start: smallvec![0; owners.len() + 1], ghost: Vec::new() };
            return Frame { runs, ..Frame::default() };
        }
        let rows = self.packed_rows(packed, dataset, own, people);
        let mut of_records = Vec::new();
        if columns {
            of_records.extend(dataset.columns.iter().enumerate().map(|(at, column)| {
                if rows.owner.is_empty() {
                    return Register::same(Slot::NONE, 0);
                }
                let values = own.columns.get(at).and_then(Option::as_ref);
                self.packed_column(packed, own, &column.spec, values, &rows)
            }));
        }
        let Rows { pieces, owner, runs, unanswered } = rows;
        let mut rows = FewRows::with_capacity(owner.len());
        pieces.into_iter().for_each(|piece| rows.extend(piece.start as u32..piece.end as u32));
        Frame { records: None, rows, owner, runs, unanswered, columns: of_records }
    }

    fn packed_rows(
        &mut self,
        packed: &'a Packed,
        dataset: &'a DatasetUse,
        own: &'a PackedDataset,
        people: Range<usize>,
    ) -> Rows {
        let of = owners_of(dataset, (&people, &self.cases));
        let (owners, first) = (of.len(), of.start);
        let mut start = SmallVec::with_capacity(owners + 1);
        let (mut owner, mut pieces) = (FewRows::new(), Pieces::new());
        start.push(0);
        if own.start.is_empty() {
            start.resize(owners + 1, 0);
        } else {
            for at in 0..owners {
                let of = match dataset.entity {
                    Entity::Person => packed.persons.owner[first + at] as usize,
                    Entity::Household => first + at,
                };
                let rows = own.start[of] as usize..own.start[of + 1] as usize;
                if !rows.is_empty() {
                    owner.resize(owner.len() + rows.len(), at as u32);
                    match pieces.last_mut() {
                        Some(last) if last.end == rows.start => last.end = rows.end,
                        _ => pieces.push(rows),
                    }
                }
                start.push(owner.len() as u32);
            }
        }
        let mut rows = Rows { pieces, owner, runs: Runs { start, ghost: Vec::new() }, unanswered: Vec::new() };
        if own.served {
            let silent = own.silent(of);
            let mut seen: FxHashMap<(u16, Option<Outcome>), Why> = FxHashMap::default();
            for Unanswered { row, source, outcome } in silent {
                let reasons = &mut self.reasons;
                let why = *seen.entry((*source, *outcome)).or_insert_with(|| {
                    reasons.because(&packed.sources[usize::from(*source)], outcome.map_or("not_asked", Outcome::as_str))
                });
                let owner = *row - first as u32;
                // One ghost an owner, for all reasons.
                match rows.unanswered.last_mut() {
                    Some(last) if rows.owner.last() == Some(&owner) => *last = reasons.union(*last, why),
                    _ => rows.ghost(owners, owner, why),
                }
            }
        } else {
            let why = self.reasons.because(&SourceId::from(dataset.name.as_str()), "no_source");
            (0..owners as u32).for_each(|owner| rows.ghost(owners, owner, why));
        }
        rows
    }

    fn packed_column(
        &mut self,
        packed: &'a Packed,
        own: &'a PackedDataset,
        spec: &ColumnSpec,
        values: Option<&'a PackedColumn>,
        rows: &Rows,
    ) -> Register {
        let reasons = &mut self.reasons;
        let mut null = |row: usize| null_cell((packed, own), spec, row, reasons);
        let mut each = Each::with_capacity(rows.owner.len());
        for piece in &rows.pieces {
            match values {
                Some(column) => each.extend(column, piece.clone(), spec.null == NullMeaning::None, &mut null),
                None => piece.clone().for_each(|row| each.push(null(row))),
            }
        }
        for why in &rows.unanswered {
            each.push(ghost_cell(spec, *why));
        }
        Register::each(each)
    }
}

/// The rows of the people, or of the cases, that a dataset is about.
fn owners_of(dataset: &DatasetUse, (people, cases): (&Range<usize>, &Range<usize>)) -> Range<usize> {
    match dataset.entity {
        Entity::Person => people.clone(),
        Entity::Household => cases.clone(),
    }
}

impl Packed {
    /// Whether there is a record of some owners, or one that nobody has seen.
    fn has_any(&self, dataset: &DatasetUse, own: &PackedDataset, owners: Range<usize>) -> bool {
        let is_owner = |of: usize| own.start[of] < own.start[of + 1];
        let has_records = !own.start.is_empty()
            && match dataset.entity {
                Entity::Person => self.persons.owner[owners.clone()].iter().any(|of| is_owner(*of as usize)),
                Entity::Household => owners.clone().any(is_owner),
            };
        has_records || !own.served || own.silent(owners).next().is_some()
    }
}

impl PackedDataset {
    /// Where sources did not answer about some owners.
    fn silent(&self, owners: Range<usize>) -> impl Iterator<Item = &Unanswered> {
        let from = self.unanswered.partition_point(|u| (u.row as usize) < owners.start);
        self.unanswered[from..].iter().take_while(move |u| (u.row as usize) < owners.end)
    }
}

/// What a record holds where a column of it is null.
pub(crate) fn null_cell(
    (packed, own): (&Packed, &PackedDataset),
    spec: &ColumnSpec,
    row: usize,
    reasons: &mut Reasons,
) -> Slot {
    match spec.null {
        NullMeaning::None => Slot::NONE,
        NullMeaning::Unknown => {
            let source = own.source.get(row).and_then(|source| packed.sources.get(usize::from(*source)));
            let why = reasons.because(source.unwrap_or(&SourceId::from("")), "null");
            Slot::within(bounds(spec), Presence::Some, why)
        }
    }
}

/// What any record that nobody has seen may hold.
pub(crate) fn ghost_cell(spec: &ColumnSpec, why: Why) -> Slot {
    let presence = if spec.null == NullMeaning::None { Presence::Maybe } else { Presence::Some };
    Slot::within(bounds(spec), presence, why)
}

impl Rows {
    /// Adds the ghost of an owner who has none yet.
    fn ghost(&mut self, owners: usize, owner: u32, why: Why) {
        self.runs.ghost.resize(owners, Runs::NO_GHOST);
        self.runs.ghost[owner as usize] = self.owner.len() as u32;
        self.owner.push(owner);
        self.unanswered.push(why);
    }
}

impl Each {
    /// Takes rows of a packed column beyond all that were taken so far.
    fn extend(
        &mut self,
        column: &PackedColumn,
        rows: Range<usize>,
        null_is_none: bool,
        mut null: impl FnMut(usize) -> Slot,
    ) {
        match column {
            PackedColumn::Int { values, valid } if valid.is_empty() => {
                self.known.extend_from_slice(&values[rows]);
                if !self.none.is_empty() {
                    self.none.resize(self.known.len(), false);
                }
            }
            PackedColumn::Int { values, valid } if null_is_none => {
                self.none.resize(self.known.len(), false);
                let there = valid[rows.clone()].iter();
                // What is none holds 0.
                self.known.extend(values[rows].iter().zip(there.clone()).map(|(v, there)| if *there { *v } else { 0 }));
                self.none.extend(there.map(|there| !there));
            }
            PackedColumn::Int { values, valid } => {
                for row in rows {
                    self.push(if valid[row] { Slot::known(values[row]) } else { null(row) });
                }
            }
            PackedColumn::Word(words) => {
                for row in rows {
                    let word = words[row];
                    self.push(if word == Words::NULL { null(row) } else { Slot::known(i64::from(word)) });
                }
            }
        }
    }
}
