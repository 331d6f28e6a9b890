//! What is kept of packed cases: written straight from columns, without a value in between. The bytes are those that
//! [`encode`](super::codec::encode) makes of the same case spelled out.

use hedui_base::Tri;
use hedui_rules::program::{DatasetUse, Entity};

use super::bytes::Writer;
use super::checksum::{Part, ValuesSum};
use super::codec::{self, Shape};
use super::{DatumRef, StoredSetting};
use crate::evaluate::Kernel;
use crate::given::FreeCell;
use crate::output::Reason;
use crate::packed::{Packed, PackedColumn, PackedDataset};
use crate::register::{Presence, Register};
use crate::slice::Frame;

/// Keeps the cases of a slice; made once a slice.
pub(crate) struct Keeper<'k, 'p> {
    kernel: &'k Kernel<'p>,
    packed: &'k Packed,
    shape: &'k Shape,
    setting: &'k StoredSetting,
    facts: Vec<Fact<'k>>,
}

struct Fact<'k> {
    step: usize,
    dataset: usize,
    entity: Entity,
    register: &'k Register,
    is_number: bool,
    /// Whether the cells of all cases are the usual one.
    is_usual: bool,
    /// Which records each aggregate counted; none means all.
    masks: &'k [Option<Register>],
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
        let fact = |(step, dataset): &(usize, usize)| {
            let definition = &kernel.program.steps[*step];
            let (register, is_number) = (&kernel.registers[*step], definition.ty.is_int());
            Fact {
                step: *step,
                dataset: *dataset,
                entity: definition.entity,
                register,
                is_number,
                is_usual: register.as_same() == Some(codec::usual_slot(is_number)),
                masks: kernel.counted.get(step).map_or(&[][..], Vec::as_slice),
            }
        };
        Self { kernel, packed, shape, setting, facts: shape.facts.iter().map(fact).collect() }
    }

    /// The bytes kept of a case of the slice; its records' sums are [`super::Sums::Values`].
    pub(crate) fn bytes(&self, case: usize) -> Vec<u8> {
        let (kernel, packed, slice) = (self.kernel, self.packed, &self.kernel.slice);
        let row = slice.cases.start + case;
        let owners = Owners { case: case..case + 1, people: slice.people.of(case) };
        let rows = &slice.persons[owners.people.clone()];
        let mut out = Writer::default();
        let people = rows.iter().map(|row| (packed.persons.key[*row as usize], packed.persons.role[*row as usize]));
        codec::encode_head(&mut out, packed.cases.area[row], packed.words.get(packed.cases.residence[row]), people);
        for (at, input) in kernel.program.inputs.iter().enumerate() {
            let datum = |column: &Option<PackedColumn>, row: usize| {
                let column = column.as_ref()?;
                let number = column.int(row).map(DatumRef::Int);
                number.or_else(|| packed.words.get(column.word(row)?).map(DatumRef::Text))
            };
            match input.entity {
                Entity::Household => {
                    let value = packed.cases.inputs.get(at).and_then(|column| datum(column, row));
                    codec::encode_input(&mut out, input, value);
                }
                Entity::Person => {
                    let column = packed.persons.inputs.get(at);
                    for row in rows {
                        let value = column.and_then(|column| datum(column, *row as usize));
                        codec::encode_input(&mut out, input, value);
                    }
                }
            }
        }
        out.end();
        self.outcomes(&mut out, rows);
        self.values(&mut out, &owners);
        let frames = || kernel.program.datasets.iter().zip(&slice.frames).zip(&packed.datasets);
        for ((dataset, frame), _) in frames() {
            for owner in owners.of(dataset.entity) {
                codec::encode_count(&mut out, frame.runs.of(owner).len());
            }
        }
        out.end();
        for ((dataset, frame), own) in frames() {
            if let Some(sum) = self.sum(dataset, frame, own, &owners) {
                out.bytes.extend_from_slice(&sum.to_le_bytes());
            }
        }
        self.counted(&mut out, &owners);
        out.end();
        out.bytes
    }

    fn outcomes(&self, out: &mut Writer, rows: &[u32]) {
        let codes = self.shape.served.iter().enumerate().flat_map(|(source, served)| {
            let known = self.packed.outcomes.get(source);
            let (household, people) = match served {
                None => (None, &[][..]),
                Some(Entity::Household) => (Some(None), &[][..]),
                Some(Entity::Person) => (None, rows),
            };
            let person = move |row: &u32| known.and_then(|codes| codes.get(*row as usize)).copied();
            household.into_iter().chain(people.iter().map(person))
        });
        codec::encode_outcomes(out, codes);
    }

    fn values(&self, out: &mut Writer, owners: &Owners) {
        let mut sets: Vec<Vec<Reason>> = Vec::new();
        for fact in &self.facts {
            let rows = owners.of(fact.entity);
            if fact.is_usual {
                rows.for_each(|_| out.usual());
                continue;
            }
            let usual = codec::usual_slot(fact.is_number);
            for row in rows {
                let slot = fact.register.get(row);
                if slot == usual {
                    out.usual();
                    continue;
                }
                out.unusual();
                if fact.is_number && slot.is_known() && slot.presence == Presence::Some {
                    codec::encode_number(out, slot.span.lo);
                } else {
                    let cell = FreeCell::of(self.kernel, slot, self.kernel.program.steps[fact.step].ty);
                    codec::encode_cell(out, self.setting, &cell, &mut sets);
                }
            }
        }
        out.end();
    }

    fn sum(&self, dataset: &DatasetUse, frame: &Frame<'_>, own: &PackedDataset, owners: &Owners) -> Option<u32> {
        let mut sum = None;
        for (owner, at) in owners.of(dataset.entity).enumerate() {
            for position in frame.runs.of(at) {
                let row = frame.rows[position] as usize;
                let source = own.source.get(row).and_then(|source| self.packed.sources.get(usize::from(*source)));
                let values = own.columns.iter().map(|column| match column {
                    Some(PackedColumn::Int { values, valid }) if valid.is_empty() || valid[row] => {
                        Part::Int(values[row])
                    }
                    Some(PackedColumn::Word(ids)) => self.packed.words.get(ids[row]).map_or(Part::Null, Part::Text),
                    _ => Part::Null,
                });
                let sum = sum.get_or_insert_with(ValuesSum::default);
                sum.row(owner, source.map_or("", |source| source.as_str()), values);
            }
        }
        sum.map(|sum| sum.finish())
    }

    fn counted(&self, out: &mut Writer, owners: &Owners) {
        let mut masks = Vec::new();
        for fact in &self.facts {
            let frame = &self.kernel.slice.frames[fact.dataset];
            // An aggregate without a mask counts every record.
            let all = fact.masks.iter().any(Option::is_none);
            for owner in owners.of(self.kernel.program.datasets[fact.dataset].entity) {
                let rows = frame.runs.of(owner);
                if rows.is_empty() {
                    continue;
                }
                if all {
                    out.usual();
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
