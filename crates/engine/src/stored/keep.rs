//! A run that keeps of each case what explains it later.

use hedui_base::{Column, PersonKey, Tri};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use jiff::civil::Date;

use super::checksum::checksum;
use super::codec::encode;
use super::shape::Shape;
use super::{Datum, KeptCase, Stored, StoredSetting};
use crate::evaluate::Kernel;
use crate::evidence::EvidencePlan;
use crate::given::FreeCell;
use crate::input::Caseload;
use crate::output::Findings;
use crate::register::Slot;
use crate::run::{RunOptions, run_and};

/// [`crate::run`], and for every case with a finding the bytes that explain it, in the order of the cases.
#[must_use]
pub fn run_keeping(
    program: &Program,
    caseload: &Caseload,
    as_of: Date,
    options: &RunOptions,
) -> (Findings, Vec<KeptCase>) {
    let mut plan = EvidencePlan::new(program);
    let setting = StoredSetting::of(&caseload.coverage);
    let shape = Shape::of(program, &setting);
    let mut keep = vec![false; program.steps.len()];
    shape.facts.iter().for_each(|(step, _)| keep[*step] = true);
    plan.keep = keep.into();
    let columns: Vec<Option<&Column>> = program
        .inputs
        .iter()
        .map(|input| match input.entity {
            Entity::Household => caseload.cases.inputs.columns.get(&input.name),
            Entity::Person => caseload.persons.inputs.columns.get(&input.name),
        })
        .collect();
    let (findings, kept) = run_and(program, caseload, as_of, options, &plan, |kernel, findings| {
        let one = |row: usize| {
            let stored = kernel.stored(caseload, row - kernel.slice.cases.start, &shape, &columns);
            KeptCase { row, bytes: encode(program, &setting, &shape, &stored) }
        };
        findings.cases.iter().map(|case| one(case.row)).collect::<Vec<_>>()
    });
    (findings, kept.into_iter().flatten().collect())
}

impl Kernel<'_> {
    /// What is kept of a case of the slice; `columns` are those of the inputs.
    fn stored(&self, caseload: &Caseload, case: usize, shape: &Shape, columns: &[Option<&Column>]) -> Stored {
        let (program, slice) = (self.program, &self.slice);
        let row = slice.cases.start + case;
        let people = slice.people.of(case);
        let person_rows: Vec<usize> = people.clone().map(|person| slice.persons[person] as usize).collect();
        let keys: Vec<PersonKey> = people.clone().map(|person| slice.person(person)).collect();
        let household = [PersonKey(row as u32)];
        let owners = |entity: Entity| match entity {
            Entity::Household => case..case + 1,
            Entity::Person => people.clone(),
        };
        let inputs = program.inputs.iter().zip(columns).map(|(input, column)| {
            let is_number = input.spec.ty.is_int();
            match input.entity {
                Entity::Household => vec![datum(*column, is_number, row)],
                Entity::Person => person_rows.iter().map(|row| datum(*column, is_number, *row)).collect(),
            }
        });
        let outcomes = (0u16..).zip(&shape.served).map(|(source, served)| {
            let of = |owner: &PersonKey| caseload.coverage.outcomes.get(&(*owner, source)).copied();
            match served {
                None => Vec::new(),
                Some(Entity::Household) => household.iter().map(of).collect(),
                Some(Entity::Person) => keys.iter().map(of).collect(),
            }
        });
        // Positions in the frame, by dataset and owner, in the order in which explanations list them.
        let positions: Vec<Vec<Vec<u32>>> = program
            .datasets
            .iter()
            .zip(&slice.frames)
            .map(|(dataset, frame)| {
                let of = |owner: usize| {
                    let mut own: Vec<u32> = frame.runs.of(owner).map(|position| position as u32).collect();
                    if let (Some(records), true) = (frame.records, own.len() > 1) {
                        let key = |position: &u32| {
                            let row = frame.rows[*position as usize] as usize;
                            (&records.source[row], &records.record_id[row])
                        };
                        if !own.is_sorted_by_key(key) {
                            own.sort_by(|a, b| key(a).cmp(&key(b)));
                        }
                    }
                    own
                };
                owners(dataset.entity).map(of).collect()
            })
            .collect();
        let checksums = program.datasets.iter().zip(&slice.frames).zip(&positions).map(|((dataset, frame), own)| {
            let Some(records) = frame.records.filter(|_| own.iter().any(|own| !own.is_empty())) else { return 0 };
            let row = |position: &u32| frame.rows[*position as usize];
            let rows: Vec<Vec<u32>> = own.iter().map(|own| own.iter().map(row).collect()).collect();
            checksum(dataset, records, &rows)
        });
        let cells = shape.facts.iter().map(|(step, _)| {
            let definition = &program.steps[*step];
            let register = &self.registers[*step];
            let zero = |row: usize| register.get(row) == Slot::known(0);
            if definition.ty.is_int() && owners(definition.entity).all(zero) {
                return Vec::new();
            }
            owners(definition.entity).map(|row| FreeCell::of(self, register.get(row), definition.ty)).collect()
        });
        let counted = shape.facts.iter().map(|(step, dataset)| {
            if positions[*dataset].iter().all(Vec::is_empty) {
                return Vec::new();
            }
            let counted = self.counted.get(*step);
            let of = |position: &u32| counted.map_or(Tri::NotMet, |counted| counted.at(*position as usize));
            positions[*dataset].iter().map(|own| own.iter().map(of).collect()).collect()
        });
        Stored {
            area: caseload.cases.area[row],
            residence: caseload.cases.residence[row].clone(),
            people: keys.iter().copied().zip(person_rows.iter().map(|row| caseload.persons.role[*row])).collect(),
            inputs: inputs.collect(),
            outcomes: outcomes.collect(),
            facts: cells.collect(),
            records: positions.iter().map(|owners| owners.iter().map(Vec::len).collect()).collect(),
            checksums: checksums.collect(),
            counted: counted.collect(),
        }
    }
}

fn datum(column: Option<&Column>, is_number: bool, row: usize) -> Option<Datum> {
    match (column?, is_number) {
        (Column::Int(values), true) => values[row].map(Datum::Int),
        (Column::Text(texts), false) => texts[row].clone().map(Datum::Text),
        // A column of the wrong kind reads as null.
        _ => None,
    }
}
