//! What is kept of packed cases: written straight from columns, without a value in between. The bytes are those that
//! [`encode`](super::codec::encode) makes of the same case spelled out.

use std::cell::OnceCell;
use std::ops::Range;

use hedui_rules::program::{self, DatasetUse, Entity};
use smallvec::SmallVec;

use super::StoredSetting;
use super::bytes::Writer;
use super::checksum::{Part, RowSum, ValuesSum, text_sum};
use super::codec::{self, OutcomeRuns};
use super::shape::{Shape, Values};
use crate::counted::Counted;
use crate::evaluate::Kernel;
use crate::given::FreeCell;
use crate::output::Reason;
use crate::packed::{Packed, PackedColumn, PackedDataset, Words};
use crate::register::Presence;
use crate::slice::Frame;

/// Bytes that what is kept of nearly every case has room in.
const ROOM: usize = 1 << 10;

/// Keeps the cases of a slice; made once a slice.
pub(crate) struct Keeper<'k, 'p> {
    kernel: &'k Kernel<'p>,
    packed: &'k Packed,
    setting: &'k StoredSetting,
    shape: &'k Shape,
    facts: Vec<Fact<'k>>,
    /// Cells of facts that are not the usual one, by fact and row.
    unusual: ByCase<Unusual>,
    /// Inputs that are declared, by input and row.
    declared: ByCase<Declared>,
    codes: Codes,
    /// By source that serves a dataset.
    outcomes: Vec<Asked<'k>>,
    /// The sum over each record.
    sums: RowSums,
}

/// By input, words that stand for its codes, each with the place among them; looked for when somebody declared one.
#[derive(Default)]
struct Codes(OnceCell<Box<[OnceCell<CodesOf>]>>);

/// Of one input.
type CodesOf = Vec<(u32, usize)>;

impl Codes {
    /// The place of a word among the codes of an input.
    fn place(&self, inputs: &[program::Input], input: usize, words: &Words, word: u32) -> Option<usize> {
        let all = self.0.get_or_init(|| inputs.iter().map(|_| OnceCell::new()).collect());
        let codes = all[input].get_or_init(|| {
            let codes = inputs[input].spec.codes.keys().enumerate();
            codes.filter_map(|(place, code)| Some((words.find(code)?, place))).collect()
        });
        codes.iter().find(|(known, _)| *known == word).map(|(_, place)| *place)
    }
}

/// A fact over records of which there are any.
struct Fact<'k> {
    dataset: usize,
    /// None if it counts no record whatever is in it.
    counted: Option<&'k Counted>,
}

/// Whom a source was asked about.
enum Asked<'k> {
    /// A household, which nothing is kept of.
    Household,
    /// People: codes of outcomes by row of the packed persons.
    People(&'k [u8]),
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
}

/// Rows of an entity that belong to a case.
struct Owners {
    case: Range<usize>,
    people: Range<usize>,
}

impl Owners {
    fn of(&self, entity: Entity) -> Range<usize> {
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
        let (mut facts, mut from) = (Vec::with_capacity(shape.facts.len()), 0);
        for (fact, ((step, dataset), values)) in shape.facts.iter().zip(&shape.fact_values).enumerate() {
            let case_of = |row: usize| match values.entity {
                Entity::Household => row,
                Entity::Person => kernel.slice.case_of[row] as usize,
            };
            let register = &kernel.registers[*step];
            register.each_but(codec::usual_slot(values.is_number), |row| {
                unusual.push(Unusual { case: case_of(row) as u32, fact: fact as u32, row: row as u32 });
            });
            if !kernel.slice.frames[*dataset].rows.is_empty() {
                facts.push(Fact { dataset: *dataset, counted: kernel.counted.next(*step, &mut from) });
            }
        }
        let sums = sums(kernel, packed);
        let asked = shape.served.iter().enumerate().filter_map(|(source, served)| match (*served)? {
            Entity::Household => Some(Asked::Household),
            Entity::Person => Some(Asked::People(packed.outcomes.get(source).map_or(&[], Vec::as_slice))),
        });
        let outcomes = asked.collect();
        let cases = kernel.slice.cases.len();
        let unusual = ByCase::of(unusual, cases, |cell| cell.case);
        let declared = ByCase::of(declared(kernel, packed, &shape.input_values), cases, |one| one.case);
        let codes = Codes::default();
        Self { kernel, packed, setting, shape, codes, facts, unusual, declared, outcomes, sums }
    }

    /// The bytes kept of cases of the slice; their records' sums are [`super::Sums::Values`].
    pub(crate) fn bytes(&self, cases: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
        let mut out = Writer::default();
        out.bytes.reserve(ROOM);
        let of = |case: usize| {
            out.bytes.clear();
            self.write(case, &mut out);
            out.bytes.as_slice().to_vec()
        };
        cases.map(of).collect()
    }

    fn write(&self, case: usize, out: &mut Writer) {
        let (kernel, packed, slice) = (self.kernel, self.packed, &self.kernel.slice);
        let row = slice.cases.start + case;
        let owners = Owners { case: case..case + 1, people: slice.people.of(case) };
        let rows = &slice.persons[owners.people.clone()];
        let people = rows.iter().map(|row| (packed.persons.key[*row as usize], packed.persons.role[*row as usize]));
        codec::encode_head(out, packed.cases.area[row], packed.words.get(packed.cases.residence[row]), people);
        self.inputs(out, case, &owners);
        self.outcomes(out, rows);
        self.values(out, case, &owners);
        // Most people have no record in most datasets.
        let mut records = Owned::default();
        for (dataset, frame) in kernel.program.datasets.iter().zip(&slice.frames) {
            let of = owners.of(dataset.entity);
            let start = &frame.runs.start.as_slice()[of.start..=of.end];
            records.first.push(records.runs.len() as u32);
            if start.first() == start.last() {
                out.usuals(of.len());
                continue;
            }
            for run in start.windows(2) {
                codec::encode_count(out, (run[1] - run[0]) as usize);
                if run[0] < run[1] {
                    records.runs.push(run[0]..run[1]);
                }
            }
        }
        records.first.push(records.runs.len() as u32);
        out.end();
        for dataset in 0..kernel.program.datasets.len() {
            let sums = self.sums.of(dataset);
            // Those of the owners lie beside each other.
            if let [first, .., last] | [first @ last] = records.of(dataset) {
                let mut sum = ValuesSum::default();
                sums[first.start as usize..last.end as usize].iter().for_each(|row| sum.add(*row));
                out.bytes.extend_from_slice(&sum.finish().to_le_bytes());
            }
        }
        self.counted(out, &records);
        out.end();
    }

    fn inputs(&self, out: &mut Writer, case: usize, owners: &Owners) {
        let people = owners.people.len();
        let mut done = 0;
        for Declared { input, row, .. } in self.declared.of_case(case) {
            let (input, row) = (*input as usize, *row as usize);
            let (columns, first) = match self.shape.input_values[input].entity {
                Entity::Household => (&self.packed.cases.inputs, self.kernel.slice.cases.start + case),
                Entity::Person => {
                    (&self.packed.persons.inputs, self.kernel.slice.persons[owners.people.start] as usize)
                }
            };
            let at = self.shape.input_values[input].start(people) + (row - first);
            out.usuals(at - done);
            done = at + 1;
            out.unusual();
            match &columns[input] {
                Some(PackedColumn::Int { values, .. }) => out.signed(values[row]),
                Some(PackedColumn::Word(ids)) => {
                    let inputs = &self.kernel.program.inputs;
                    let code = self.codes.place(inputs, input, &self.packed.words, ids[row]);
                    codec::encode_text(out, code, self.packed.words.get(ids[row]).unwrap_or_default());
                }
                None => {}
            }
        }
        out.usuals(self.shape.input_values.last().map_or(0, |input| input.end(people)) - done);
        out.end();
    }

    fn outcomes(&self, out: &mut Writer, rows: &[u32]) {
        let mut runs = OutcomeRuns::default();
        // People of a case lie beside each other.
        let first = rows.first().map_or(0, |first| *first as usize);
        for asked in &self.outcomes {
            match asked {
                Asked::Household => runs.push(out, u8::MAX),
                Asked::People(codes) => match codes.get(first..first + rows.len()) {
                    Some(codes) => runs.extend(out, codes),
                    None => rows.iter().for_each(|_| runs.push(out, u8::MAX)),
                },
            }
        }
        runs.end(out);
    }

    fn values(&self, out: &mut Writer, case: usize, owners: &Owners) {
        let mut sets: Vec<Vec<Reason>> = Vec::new();
        let people = owners.people.len();
        let mut done = 0;
        for Unusual { fact, row, .. } in self.unusual.of_case(case).iter().copied() {
            let (step, values) = (self.shape.facts[fact as usize].0, self.shape.fact_values[fact as usize]);
            let slot = self.kernel.registers[step].get(row as usize);
            let owner = row as usize - owners.of(values.entity).start;
            let at = values.start(people) + owner;
            out.usuals(at - done);
            done = at + 1;
            out.unusual();
            if values.is_number && slot.is_known() && slot.presence == Presence::Some {
                codec::encode_number(out, slot.span.lo);
            } else {
                let cell = FreeCell::of(self.kernel, slot, self.kernel.program.steps[step].ty);
                codec::encode_cell(out, self.setting, &cell, &mut sets);
            }
        }
        out.usuals(self.shape.fact_values.last().map_or(0, |values| values.end(people)) - done);
        out.end();
    }

    fn counted(&self, out: &mut Writer, records: &Owned) {
        let mut masks = Vec::new();
        for fact in &self.facts {
            for run in records.of(fact.dataset) {
                match fact.counted.map(|counted| (counted, counted.settled(run))) {
                    None => codec::encode_none_counted(out),
                    Some((_, Some(bits))) => codec::encode_settled_bits(out, bits, run.len()),
                    Some((counted, None)) => {
                        masks.clear();
                        masks.extend(run.clone().map(|row| counted.at(row as usize)));
                        codec::encode_masks(out, &masks);
                    }
                }
            }
        }
    }
}

/// The records of a case: of every owner who has any of a dataset, where they lie in its frame.
#[derive(Default)]
struct Owned {
    runs: SmallVec<[Range<u32>; 64]>,
    /// Those of dataset `d` are `runs[first[d]..first[d + 1]]`.
    first: SmallVec<[u32; 64]>,
}

impl Owned {
    fn of(&self, dataset: usize) -> &[Range<u32>] {
        &self.runs[self.first[dataset] as usize..self.first[dataset + 1] as usize]
    }
}

/// Sums by dataset and position in its frame.
#[derive(Default)]
struct RowSums {
    all: Vec<RowSum>,
    /// Those of dataset `d` are `all[first[d]..first[d + 1]]`.
    first: SmallVec<[u32; 64]>,
}

impl RowSums {
    fn of(&self, dataset: usize) -> &[RowSum] {
        &self.all[self.first[dataset] as usize..self.first[dataset + 1] as usize]
    }
}

/// The sum over every record of a slice, by dataset and position: column by column, since one row after the other would wait for
/// memory at every value.
fn sums(kernel: &Kernel<'_>, packed: &Packed) -> RowSums {
    let slice = &kernel.slice;
    let sources: Vec<OnceCell<i64>> = vec![OnceCell::new(); packed.sources.len()];
    let source_sum = |source: u16| {
        let text = || packed.sources.get(usize::from(source)).map_or("", |source| source.as_str());
        sources
            .get(usize::from(source))
            .map_or_else(|| text_sum(text()), |known| *known.get_or_init(|| text_sum(text())))
    };
    let mut found = RowSums::default();
    found.all.reserve(slice.frames.iter().map(|frame| frame.rows.len()).sum());
    found.first.push(0);
    // People are counted from the first of their case.
    let people = slice.case_of.iter().enumerate();
    let places: Vec<usize> = people.map(|(person, case)| person - slice.people.of(*case as usize).start).collect();
    let mut add = |((dataset, frame), own): ((&DatasetUse, &Frame<'_>), &PackedDataset)| {
        // Records beside each other come from the same source, as a rule.
        let mut last = (None, text_sum(""));
        let rows = frame.rows.iter().zip(&frame.owner);
        let begun = rows.map(|(row, owner)| {
            let source = own.source.get(*row as usize).copied();
            if source != last.0 {
                last = (source, source.map_or_else(|| text_sum(""), &source_sum));
            }
            let place = match dataset.entity {
                Entity::Household => 0,
                Entity::Person => places[*owner as usize],
            };
            RowSum::of(place, last.1)
        });
        let from = found.all.len();
        if frame.rows.is_empty() {
            return found.first.push(from as u32);
        }
        found.all.extend(begun);
        let sums = &mut found.all[from..];
        // Most people are in one case, and their records beside each other.
        let first = frame.rows.first().map_or(0, |first| *first as usize);
        let beside = frame.rows.iter().enumerate().all(|(nth, row)| *row as usize == first + nth);
        for column in &own.columns {
            match column {
                None => sums.iter_mut().for_each(|sum| sum.value(Part::Null)),
                Some(PackedColumn::Int { values, valid }) if valid.is_empty() && beside => {
                    let values = &values[first..first + sums.len()];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| sum.value(Part::Int(*value)));
                }
                Some(column) => {
                    let part = |row: usize| match column {
                        PackedColumn::Int { .. } => column.int(row).map_or(Part::Null, Part::Int),
                        PackedColumn::Word(ids) => packed.words.sum(ids[row]).map_or(Part::Null, Part::Sum),
                    };
                    sums.iter_mut().zip(&frame.rows).for_each(|(sum, row)| sum.value(part(*row as usize)));
                }
            }
        }
        found.first.push(found.all.len() as u32);
    };
    kernel.program.datasets.iter().zip(&slice.frames).zip(&packed.datasets).for_each(&mut add);
    found
}

/// The inputs that the people and households of a slice declared.
fn declared(kernel: &Kernel<'_>, packed: &Packed, inputs: &[Values]) -> Vec<Declared> {
    let slice = &kernel.slice;
    let mut declared = Vec::with_capacity(slice.cases.len() * 16);
    for (at, input) in inputs.iter().enumerate() {
        let columns = match input.entity {
            Entity::Household => &packed.cases.inputs,
            Entity::Person => &packed.persons.inputs,
        };
        let Some(column) = columns.get(at).and_then(Option::as_ref) else { continue };
        let mut add = |case: usize, row: usize| {
            if column.is_there(row) {
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
    /// Those of case `c` are at `start[c]..start[c + 1]`.
    start: Vec<u32>,
}

impl<T: Copy> ByCase<T> {
    fn of(all: Vec<T>, cases: usize, case_of: impl Fn(&T) -> u32) -> Self {
        if cases == 1 {
            return Self { start: vec![0, all.len() as u32], all };
        }
        let mut start = vec![0u32; cases + 1];
        all.iter().for_each(|one| start[case_of(one) as usize + 1] += 1);
        for case in 0..cases {
            start[case + 1] += start[case];
        }
        let (mut next, mut sorted) = (start.clone(), all.clone());
        for one in all {
            let place = &mut next[case_of(&one) as usize];
            sorted[*place as usize] = one;
            *place += 1;
        }
        Self { all: sorted, start }
    }

    fn of_case(&self, case: usize) -> &[T] {
        &self.all[self.start[case] as usize..self.start[case + 1] as usize]
    }
}
