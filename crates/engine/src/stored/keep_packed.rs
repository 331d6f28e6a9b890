//! What is kept of packed cases: written straight from columns, without a value in between. The bytes are those that
//! [`encode`](super::codec::encode) makes of the same case spelled out.

use std::cell::OnceCell;

use hedui_base::Tri;
use hedui_rules::program::{DatasetUse, Entity};

use super::bytes::Writer;
use super::checksum::{Part, ValuesSum, text_sum};
use super::codec::{self, OutcomeRuns, Shape};
use super::{DatumRef, StoredSetting};
use crate::evaluate::Kernel;
use crate::given::FreeCell;
use crate::output::Reason;
use crate::packed::{Packed, PackedColumn, PackedDataset, Words};
use crate::register::{Presence, Register, Slot};
use crate::slice::Frame;

/// Keeps the cases of a slice; made once a slice.
pub(crate) struct Keeper<'k, 'p> {
    kernel: &'k Kernel<'p>,
    packed: &'k Packed,
    shape: &'k Shape,
    setting: &'k StoredSetting,
    facts: Vec<Fact<'k>>,
    /// Cells of facts that are not the usual one, by fact and row.
    unusual: ByCase<Unusual>,
    /// Inputs that are declared, by input and row.
    declared: ByCase<Declared>,
    /// By source of the packed cases, as far as they are asked for.
    source_sums: Vec<OnceCell<i64>>,
}

struct Fact<'k> {
    step: usize,
    dataset: usize,
    entity: Entity,
    is_number: bool,
    /// How many facts before this one are of households, and how many of people.
    before: (usize, usize),
    /// Which records each aggregate counted; none means all.
    masks: &'k [Option<Register>],
    /// Whether one of them counts every record.
    all: bool,
}

/// An input that somebody declared.
#[derive(Clone, Copy)]
struct Declared {
    case: u32,
    input: u32,
    /// Row of the packed cases or persons.
    row: u32,
}

/// A fact's cell that is not the usual one.
#[derive(Clone, Copy)]
struct Unusual {
    case: u32,
    fact: u32,
    row: u32,
    slot: Slot,
}

/// Rows of an entity that belong to a case.
struct Owners {
    case: std::ops::Range<usize>,
    people: std::ops::Range<usize>,
}

impl Owners {
    fn of(&self, entity: Entity) -> std::ops::Range<usize> {
        match entity {
            Entity::Household => self.case.clone(),
            Entity::Person => self.people.clone(),
        }
    }
}

impl<'k, 'p> Keeper<'k, 'p> {
    pub(crate) fn new(
        kernel: &'k Kernel<'p>,
        packed: &'k Packed,
        shape: &'k Shape,
        setting: &'k StoredSetting,
    ) -> Self {
        let mut unusual: Vec<Unusual> = Vec::with_capacity(kernel.slice.cases.len() * 32);
        let mut before = (0, 0);
        let mut facts = Vec::with_capacity(shape.facts.len());
        for (step, dataset) in &shape.facts {
            let definition = &kernel.program.steps[*step];
            let (entity, is_number) = (definition.entity, definition.ty.is_int());
            let case_of = |row: usize| match entity {
                Entity::Household => row,
                Entity::Person => kernel.slice.case_of[row] as usize,
            };
            let usual = codec::usual_slot(is_number);
            kernel.registers[*step].each_but(usual, |row, slot| {
                unusual.push(Unusual { case: case_of(row) as u32, fact: facts.len() as u32, row: row as u32, slot });
            });
            let masks = kernel.counted.get(step).map_or(&[][..], Vec::as_slice);
            facts.push(Fact {
                step: *step,
                dataset: *dataset,
                entity,
                is_number,
                before,
                masks,
                all: masks.iter().any(Option::is_none),
            });
            match entity {
                Entity::Household => before.0 += 1,
                Entity::Person => before.1 += 1,
            }
        }
        let source_sums = vec![OnceCell::new(); packed.sources.len()];
        let cases = kernel.slice.cases.len();
        let unusual = ByCase::of(unusual, cases, |cell| cell.case);
        let declared = ByCase::of(declared(kernel, packed), cases, |one| one.case);
        Self { kernel, packed, shape, setting, facts, unusual, declared, source_sums }
    }

    /// The bytes kept of a case of the slice; its records' sums are [`super::Sums::Values`].
    pub(crate) fn bytes(&self, case: usize) -> Vec<u8> {
        let (kernel, packed, slice) = (self.kernel, self.packed, &self.kernel.slice);
        let row = slice.cases.start + case;
        let owners = Owners { case: case..case + 1, people: slice.people.of(case) };
        let rows = &slice.persons[owners.people.clone()];
        let mut out = Writer { bytes: Vec::with_capacity(512), ..Writer::default() };
        let people = rows.iter().map(|row| (packed.persons.key[*row as usize], packed.persons.role[*row as usize]));
        codec::encode_head(&mut out, packed.cases.area[row], packed.words.get(packed.cases.residence[row]), people);
        self.inputs(&mut out, case, &owners);
        self.outcomes(&mut out, rows);
        self.values(&mut out, case, &owners);
        let frames = || kernel.program.datasets.iter().zip(&slice.frames).zip(&packed.datasets);
        // Most people have no record in most datasets.
        let mut some = Vec::with_capacity(slice.frames.len());
        for ((dataset, frame), _) in frames() {
            let of = owners.of(dataset.entity);
            let start = frame.runs.start.as_slice();
            let (first, last) = (start[of.start], start[of.end]);
            some.push(first < last);
            if first == last {
                out.usuals(of.len());
                continue;
            }
            of.for_each(|owner| codec::encode_count(&mut out, frame.runs.of(owner).len()));
        }
        out.end();
        for (((dataset, frame), own), _) in frames().zip(&some).filter(|(_, some)| **some) {
            if let Some(sum) = self.sum(dataset, frame, own, &owners) {
                out.bytes.extend_from_slice(&sum.to_le_bytes());
            }
        }
        self.counted(&mut out, &owners, &some);
        out.end();
        out.bytes
    }

    fn inputs(&self, out: &mut Writer, case: usize, owners: &Owners) {
        let (program, people) = (self.kernel.program, owners.people.len());
        // Where the inputs before one begin: values of households, and lists of people.
        let (mut next, mut place, mut done) = (0, 0, 0);
        let values = |entity: Entity| owners.of(entity).len();
        for Declared { input, row, .. } in self.declared.of_case(case) {
            let input = *input as usize;
            while next < input {
                place += values(program.inputs[next].entity);
                next += 1;
            }
            let (columns, first) = match program.inputs[input].entity {
                Entity::Household => (&self.packed.cases.inputs, self.kernel.slice.cases.start + case),
                Entity::Person => {
                    (&self.packed.persons.inputs, self.kernel.slice.persons[owners.people.start] as usize)
                }
            };
            let Some(column) = &columns[input] else { continue };
            let (at, row) = (place + (*row as usize - first), *row as usize);
            out.usuals(at - done);
            done = at + 1;
            let number = column.int(row).map(DatumRef::Int);
            let value = number.or_else(|| self.packed.words.get(column.word(row)?).map(DatumRef::Text));
            codec::encode_input(out, &program.inputs[input], value);
        }
        let count = |entity: Entity| program.inputs.iter().filter(|input| input.entity == entity).count();
        out.usuals(count(Entity::Household) + count(Entity::Person) * people - done);
        out.end();
    }

    fn outcomes(&self, out: &mut Writer, rows: &[u32]) {
        let mut runs = OutcomeRuns::default();
        for (source, served) in self.shape.served.iter().enumerate() {
            match served {
                None => {}
                Some(Entity::Household) => runs.push(out, u8::MAX),
                Some(Entity::Person) => {
                    let codes = self.packed.outcomes.get(source).map_or(&[][..], Vec::as_slice);
                    match rows.first().and_then(|first| codes.get(*first as usize..*first as usize + rows.len())) {
                        // People of a case lie beside each other.
                        Some(codes) => runs.extend(out, codes),
                        None => rows.iter().for_each(|_| runs.push(out, u8::MAX)),
                    }
                }
            }
        }
        runs.end(out);
    }

    fn values(&self, out: &mut Writer, case: usize, owners: &Owners) {
        let mut sets: Vec<Vec<Reason>> = Vec::new();
        let people = owners.people.len();
        let mut done = 0;
        for Unusual { fact, row, slot, .. } in self.unusual.of_case(case).copied() {
            let fact = &self.facts[fact as usize];
            let owner = row as usize - owners.of(fact.entity).start;
            let at = fact.before.0 + fact.before.1 * people + owner;
            out.usuals(at - done);
            done = at + 1;
            out.unusual();
            if fact.is_number && slot.is_known() && slot.presence == Presence::Some {
                codec::encode_number(out, slot.span.lo);
            } else {
                let cell = FreeCell::of(self.kernel, slot, self.kernel.program.steps[fact.step].ty);
                codec::encode_cell(out, self.setting, &cell, &mut sets);
            }
        }
        let all = |fact: &Fact<'_>| fact.before.0 + fact.before.1 * people + owners.of(fact.entity).len();
        out.usuals(self.facts.last().map_or(0, all) - done);
        out.end();
    }

    fn sum(&self, dataset: &DatasetUse, frame: &Frame<'_>, own: &PackedDataset, owners: &Owners) -> Option<u32> {
        let mut sum = None;
        for (owner, at) in owners.of(dataset.entity).enumerate() {
            for position in frame.runs.of(at) {
                let row = frame.rows[position] as usize;
                let source = own.source.get(row).map_or_else(|| text_sum(""), |source| self.source_sum(*source));
                let values = own.columns.iter().map(|column| match column {
                    Some(PackedColumn::Int { values, valid }) if valid.is_empty() || valid[row] => {
                        Part::Int(values[row])
                    }
                    Some(PackedColumn::Word(ids)) => self.packed.words.sum(ids[row]).map_or(Part::Null, Part::Sum),
                    _ => Part::Null,
                });
                let sum = sum.get_or_insert_with(ValuesSum::default);
                sum.row(owner, source, values);
            }
        }
        sum.map(|sum| sum.finish())
    }

    fn source_sum(&self, source: u16) -> i64 {
        let text = || self.packed.sources.get(usize::from(source)).map_or("", |source| source.as_str());
        let known = self.source_sums.get(usize::from(source));
        known.map_or_else(|| text_sum(text()), |known| *known.get_or_init(|| text_sum(text())))
    }

    /// `some` says of which datasets the case has any record.
    fn counted(&self, out: &mut Writer, owners: &Owners, some: &[bool]) {
        let mut masks = Vec::new();
        for fact in self.facts.iter().filter(|fact| some[fact.dataset]) {
            let frame = &self.kernel.slice.frames[fact.dataset];
            for owner in owners.of(self.kernel.program.datasets[fact.dataset].entity) {
                let rows = frame.runs.of(owner);
                if rows.is_empty() {
                    continue;
                }
                // An aggregate without a mask counts every record.
                if fact.all {
                    out.usual();
                    continue;
                }
                if let [Some(one)] = fact.masks
                    && one.is_settled_in(rows.clone())
                {
                    // None is not met, and holds 0.
                    let met = one.known();
                    masks.clear();
                    masks.extend(rows.map(|row| if met.at(row) == 0 { Tri::NotMet } else { Tri::Met }));
                    codec::encode_masks(out, &masks);
                    continue;
                }
                let any = |row: usize| match fact.masks {
                    [Some(one)] => one.get(row).truth().0,
                    several => several.iter().flatten().fold(Tri::NotMet, |any, mask| any.or(mask.get(row).truth().0)),
                };
                masks.clear();
                masks.extend(rows.map(any));
                codec::encode_masks(out, &masks);
            }
        }
    }
}

/// The inputs that the people and households of a slice declared.
fn declared(kernel: &Kernel<'_>, packed: &Packed) -> Vec<Declared> {
    let slice = &kernel.slice;
    let mut declared = Vec::with_capacity(slice.cases.len() * 16);
    for (at, input) in kernel.program.inputs.iter().enumerate() {
        let columns = match input.entity {
            Entity::Household => &packed.cases.inputs,
            Entity::Person => &packed.persons.inputs,
        };
        let Some(column) = columns.get(at).and_then(Option::as_ref) else { continue };
        let is_there = |row: usize| match column {
            PackedColumn::Int { valid, .. } => valid.get(row) != Some(&false),
            PackedColumn::Word(words) => words[row] != Words::NULL,
        };
        let mut add = |case: usize, row: usize| {
            if is_there(row) {
                declared.push(Declared { case: case as u32, input: at as u32, row: row as u32 });
            }
        };
        match input.entity {
            Entity::Household => slice.cases.clone().enumerate().for_each(|(case, row)| add(case, row)),
            Entity::Person => {
                let people = slice.persons.iter().zip(&slice.case_of);
                people.for_each(|(row, case)| add(*case as usize, *row as usize));
            }
        }
    }
    declared
}

/// Things of a slice's cases, to be had by case, in the order in which they came.
struct ByCase<T> {
    all: Vec<T>,
    /// Those of case `c` are at `order[start[c]..start[c + 1]]`.
    order: Vec<u32>,
    start: Vec<u32>,
}

impl<T> ByCase<T> {
    fn of(all: Vec<T>, cases: usize, case_of: impl Fn(&T) -> u32) -> Self {
        let mut start = vec![0u32; cases + 1];
        all.iter().for_each(|one| start[case_of(one) as usize + 1] += 1);
        for case in 0..cases {
            start[case + 1] += start[case];
        }
        let (mut next, mut order) = (start.clone(), vec![0; all.len()]);
        for (at, one) in all.iter().enumerate() {
            let place = &mut next[case_of(one) as usize];
            order[*place as usize] = at as u32;
            *place += 1;
        }
        Self { all, order, start }
    }

    fn of_case(&self, case: usize) -> impl Iterator<Item = &T> {
        let order = &self.order[self.start[case] as usize..self.start[case + 1] as usize];
        order.iter().map(|at| &self.all[*at as usize])
    }
}
