//! From the bytes kept of a case, and its records as far as they can be read again, to a trace as on its day.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::{CaseId, Column, Outcome, PersonKey, Records, Table};
use hedui_rules::Program;
use hedui_rules::program::{DatasetUse, Entity};
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::checksum::{checksum, in_order, values_sum};
use super::codec::decode;
use super::shape::Shape;
use super::{Datum, Stored, StoredError, StoredSetting, Sums};
use crate::evaluate::Kernel;
use crate::evidence::EvidencePlan;
use crate::given::{FreeCell, Gone};
use crate::index::Index;
use crate::input::{Caseload, Cases, Coverage, Persons};
use crate::output::CaseError;
use crate::register::{Register, Slot};
use crate::slice::Slice;
use crate::trace::{Trace, traced};

/// A case as it was computed.
#[derive(Debug)]
pub struct Restored<'p> {
    program: &'p Program,
    load: Caseload,
    facts: Vec<(usize, Vec<FreeCell>)>,
    gone: Arc<Gone>,
    /// Names of the datasets whose records are gone, or are not what they were.
    pub removed: Vec<String>,
}

/// Reads the bytes of a case. The program must be the one that computed it.
///
/// `records` are those of the case's people by dataset, as they can be read now; others among them do no harm. For a
/// dataset of households their `person` is `household`. Records of a source that the case could not see are left out.
///
/// # Errors
/// [`StoredError`] if the bytes are not what was kept under this program and setting.
pub fn restore<'p>(
    program: &'p Program,
    setting: &StoredSetting,
    case: CaseId,
    bytes: &[u8],
    records: &BTreeMap<String, Records>,
    household: PersonKey,
) -> Result<Restored<'p>, StoredError> {
    let shape = Shape::of(program, setting);
    let stored = decode(program, setting, &shape, bytes)?;
    let keys: Vec<PersonKey> = stored.people.iter().map(|(key, _)| *key).collect();
    let mut read = BTreeMap::new();
    let mut removed = Vec::new();
    let mut lost = vec![false; program.datasets.len()];
    for (i, dataset) in program.datasets.iter().enumerate() {
        let owners = if dataset.entity == Entity::Household { vec![household] } else { keys.clone() };
        let all = records.get(&dataset.name);
        let mut rows: Vec<Vec<u32>> = Vec::new();
        for owner in &owners {
            let mut own: Vec<u32> = Vec::new();
            if let Some(all) = all {
                let is = |row: usize| all.person[row] == *owner && !hidden(&stored, setting, dataset, all, row, &keys);
                own.extend((0..all.len()).filter(|row| is(*row)).map(|row| row as u32));
                in_order(all, &mut own);
            }
            rows.push(own);
        }
        let same_count = rows.iter().map(Vec::len).eq(stored.records[i].iter().copied());
        let none = stored.checksums[i] == 0;
        let same = same_count
            && (none
                || all.is_some_and(|all| {
                    let sum = if setting.sums == Sums::Values { values_sum } else { checksum };
                    sum(dataset, all, &rows) == stored.checksums[i]
                }));
        if !same {
            lost[i] = true;
            removed.push(dataset.name.clone());
        } else if let (Some(all), false) = (all, none) {
            let of_household = dataset.entity == Entity::Household;
            read.insert(dataset.name.clone(), taken(all, &rows.concat(), dataset, of_household));
        }
    }
    let mut counted = FxHashMap::default();
    for ((step, dataset), masks) in shape.facts.iter().zip(&stored.counted) {
        if lost[*dataset] {
            counted.insert(*step, masks.clone());
        }
    }
    let load = caseload(program, setting, &shape, case, &stored, read);
    let facts = shape.facts.into_iter().map(|(step, _)| step).zip(stored.facts).collect();
    Ok(Restored { program, load, facts, gone: Arc::new(Gone { counted }), removed })
}

impl Restored<'_> {
    /// The case computed again from the values that its facts had.
    ///
    /// # Errors
    /// [`CaseError`] as a run would list it.
    pub fn trace(&self, as_of: Date) -> Result<Trace<'_>, CaseError> {
        let index = Index::new(self.program, &self.load);
        let mut slice = Slice::new(self.program, &self.load, &index, 0..1);
        let mut registers = FxHashMap::default();
        for (step, cells) in &self.facts {
            let slots: Vec<Slot> = cells.iter().map(|cell| cell.slot(&mut slice)).collect();
            registers.insert(*step, Register::of(slots.into_iter()));
        }
        let mut kernel = Kernel::new(self.program, slice, as_of, [].into());
        kernel.given.registers = registers;
        kernel.given.gone = Some(Arc::clone(&self.gone));
        traced(kernel, &EvidencePlan::new(self.program))
    }

    /// The people of the case, by key.
    #[must_use]
    pub fn people(&self) -> &[PersonKey] {
        &self.load.persons.key
    }
}

/// The people in a stored case, before anything else of it is read.
///
/// # Errors
/// As [`restore`].
pub fn people_of(program: &Program, setting: &StoredSetting, bytes: &[u8]) -> Result<Vec<PersonKey>, StoredError> {
    Ok(decode(program, setting, &Shape::of(program, setting), bytes)?.people.into_iter().map(|(key, _)| key).collect())
}

/// Whether the case could not see a record: its source was not to be asked for it, or its letter did not allow it.
fn hidden(
    stored: &Stored,
    setting: &StoredSetting,
    dataset: &DatasetUse,
    records: &Records,
    row: usize,
    keys: &[PersonKey],
) -> bool {
    let place = match dataset.entity {
        Entity::Household => Some(0),
        Entity::Person => keys.iter().position(|key| *key == records.person[row]),
    };
    let source = setting.sources.iter().position(|(id, d)| *id == records.source[row] && *d == dataset.name);
    let outcome = source.zip(place).and_then(|(source, place)| *stored.outcomes[source].get(place)?);
    matches!(outcome, Some(Outcome::NotApplicable | Outcome::NotAuthorised))
}

fn caseload(
    program: &Program,
    setting: &StoredSetting,
    shape: &Shape,
    case: CaseId,
    stored: &Stored,
    records: BTreeMap<String, Records>,
) -> Caseload {
    let mut load = Caseload {
        cases: Cases {
            id: vec![case],
            area: vec![stored.area],
            residence: vec![stored.residence.clone()],
            inputs: Table { rows: 1, columns: BTreeMap::new() },
        },
        persons: Persons {
            case: vec![0; stored.people.len()],
            key: stored.people.iter().map(|(key, _)| *key).collect(),
            role: stored.people.iter().map(|(_, role)| *role).collect(),
            inputs: Table { rows: stored.people.len(), columns: BTreeMap::new() },
        },
        records,
        coverage: Coverage {
            sources: setting.sources.clone(),
            outcomes: FxHashMap::default(),
            complete: setting.complete.clone(),
        },
    };
    for (input, values) in program.inputs.iter().zip(&stored.inputs) {
        let column = if input.spec.ty.is_int() {
            let int = |value: &Option<Datum>| if let Some(Datum::Int(v)) = value { Some(*v) } else { None };
            Column::Int(values.iter().map(int).collect())
        } else {
            let text = |value: &Option<Datum>| if let Some(Datum::Text(v)) = value { Some(v.clone()) } else { None };
            Column::Text(values.iter().map(text).collect())
        };
        let table = match input.entity {
            Entity::Household => &mut load.cases.inputs,
            Entity::Person => &mut load.persons.inputs,
        };
        table.columns.insert(input.name.clone(), column);
    }
    for ((source, served), outcomes) in (0u16..).zip(&shape.served).zip(&stored.outcomes) {
        let of_household = *served == Some(Entity::Household);
        for (i, outcome) in outcomes.iter().enumerate() {
            let owner = if of_household { PersonKey(0) } else { load.persons.key[i] };
            if let Some(outcome) = outcome {
                load.coverage.outcomes.insert((owner, source), *outcome);
            }
        }
    }
    load
}

fn taken(records: &Records, rows: &[u32], dataset: &DatasetUse, of_household: bool) -> Records {
    let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
    let column = |name: &String| Some((name.clone(), records.table.columns.get(name)?.take(&rows)));
    Records {
        person: rows.iter().map(|r| if of_household { PersonKey(0) } else { records.person[*r] }).collect(),
        source: rows.iter().map(|r| records.source[*r].clone()).collect(),
        record_id: rows.iter().map(|r| records.record_id[*r].clone()).collect(),
        as_of: rows.iter().map(|r| records.as_of[*r]).collect(),
        ask: rows.iter().map(|r| records.ask[*r]).collect(),
        answer: rows.iter().map(|r| records.answer[*r]).collect(),
        table: Table {
            rows: rows.len(),
            columns: dataset.columns.iter().filter_map(|used| column(&used.name)).collect(),
        },
    }
}
