//! A caseload packed: the same cases, people, records and outcomes in whole columns.

use std::sync::Arc;

use hedui_base::{Column, ColumnType, Records, Table};
use hedui_rules::Program;
use hedui_rules::program::{DatasetUse, Entity};

use crate::index::{DatasetIndex, Index};
use crate::input::Caseload;
use crate::packed::{Packed, PackedCases, PackedColumn, PackedDataset, PackedPersons, Unanswered, Words};

impl Packed {
    /// Packs a caseload for a program.
    #[must_use]
    pub fn of(program: &Program, caseload: &Caseload) -> Self {
        let index = Index::new(program, caseload);
        let (cases, persons) = (&caseload.cases, &caseload.persons);
        let mut words = Words::of(program);
        let people: Vec<usize> = index.persons(&(0..cases.id.len())).into_iter().map(|row| row as usize).collect();
        let all: Vec<usize> = (0..cases.id.len()).collect();
        let inputs = |entity: Entity, table: &Table, rows: &[usize], words: &mut Words| {
            let of = |input: &hedui_rules::program::Input| {
                if input.entity != entity {
                    return None;
                }
                table.columns.get(&input.name).and_then(|column| pack(column, input.spec.ty, rows, words))
            };
            program.inputs.iter().map(of).collect::<Vec<_>>()
        };
        let household = inputs(Entity::Household, &cases.inputs, &all, &mut words);
        let personal = inputs(Entity::Person, &persons.inputs, &people, &mut words);
        let residence = cases.residence.iter().map(|text| text.as_ref().map_or(Words::NULL, |t| words.intern(t)));
        let residence = residence.collect();
        let mut sources = Vec::new();
        let datasets = program
            .datasets
            .iter()
            .zip(&index.datasets)
            .map(|(dataset, own)| dataset_of(dataset, own, caseload, &people, &mut words, &mut sources));
        let datasets = datasets.collect();
        Self {
            cases: PackedCases { id: cases.id.clone(), area: cases.area.clone(), residence, inputs: household },
            persons: PackedPersons {
                case: people.iter().map(|row| persons.case[*row]).collect(),
                key: people.iter().map(|row| persons.key[*row]).collect(),
                owner: (0..people.len() as u32).collect(),
                role: people.iter().map(|row| persons.role[*row]).collect(),
                inputs: personal,
            },
            datasets,
            sources,
            outcomes: outcomes(caseload, &people),
            words: Arc::new(words),
        }
    }
}

/// Codes of outcomes by source and person.
fn outcomes(caseload: &Caseload, people: &[usize]) -> Vec<Vec<u8>> {
    let of = |source: u16| {
        let code = |row: &usize| caseload.coverage.outcomes.get(&(caseload.persons.key[*row], source));
        people.iter().map(|row| code(row).map_or(u8::MAX, |outcome| outcome.code())).collect()
    };
    (0u16..).zip(&caseload.coverage.sources).map(|(source, _)| of(source)).collect()
}

fn dataset_of(
    dataset: &DatasetUse,
    index: &DatasetIndex<'_>,
    caseload: &Caseload,
    people: &[usize],
    words: &mut Words,
    sources: &mut Vec<hedui_base::SourceId>,
) -> PackedDataset {
    let owners: Vec<hedui_base::PersonKey> = match dataset.entity {
        Entity::Person => people.iter().map(|row| caseload.persons.key[*row]).collect(),
        Entity::Household => (0..caseload.cases.id.len() as u32).map(hedui_base::PersonKey).collect(),
    };
    let reach = match (owners.iter().min(), owners.iter().max()) {
        (Some(first), Some(last)) => index.between(*first, *last),
        _ => 0..0,
    };
    let (mut start, mut rows) = (vec![0], Vec::new());
    for owner in &owners {
        rows.extend(index.of(*owner, &reach).map(|row| row as usize));
        start.push(rows.len() as u32);
    }
    let empty = Records::default();
    let records = index.records.unwrap_or(&empty);
    let columns = dataset
        .columns
        .iter()
        .map(|used| records.table.columns.get(&used.name).and_then(|column| pack(column, used.spec.ty, &rows, words)));
    let columns = columns.collect();
    let mut number = |source: &hedui_base::SourceId| {
        let known = sources.iter().position(|known| known == source);
        known.unwrap_or_else(|| {
            sources.push(source.clone());
            sources.len() - 1
        }) as u16
    };
    let source = rows.iter().map(|row| number(&records.source[*row])).collect();
    let mut unanswered = Vec::new();
    let coverage = &caseload.coverage;
    for (row, owner) in (0u32..).zip(&owners) {
        for at in &index.sources {
            let outcome = coverage.outcomes.get(&(*owner, *at)).copied();
            if !outcome.map_or(index.complete, |o| !o.is_unknown()) {
                let source = number(&coverage.sources[usize::from(*at)].0);
                unanswered.push(Unanswered { row, source, outcome });
            }
        }
    }
    PackedDataset { start, columns, source, unanswered, served: index.complete || !index.sources.is_empty() }
}

/// The rows of a column; none for a column of the wrong kind, which reads as null.
fn pack(column: &Column, ty: ColumnType, rows: &[usize], words: &mut Words) -> Option<PackedColumn> {
    match column {
        Column::Int(values) if ty.is_int() => {
            let value = |row: &usize| values[*row].unwrap_or(0);
            let bool = ty == ColumnType::Bool;
            let values_of = rows.iter().map(|row| if bool { i64::from(value(row) != 0) } else { value(row) }).collect();
            let valid: Vec<bool> = rows.iter().map(|row| values[*row].is_some()).collect();
            let valid = if valid.contains(&false) { valid } else { Vec::new() };
            Some(PackedColumn::Int { values: values_of, valid })
        }
        Column::Text(texts) if !ty.is_int() => {
            let word = |row: &usize| texts[*row].as_ref().map_or(Words::NULL, |text| words.intern(text));
            Some(PackedColumn::Word(rows.iter().map(word).collect()))
        }
        _ => None,
    }
}
