//! A case as a caseload of one. People are numbered in the order of the case.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::{
    AnswerId, AskId, CaseId, Column, ColumnSpec, ColumnType, Outcome, PersonKey, Records, SourceId, Table,
};
use hedui_rules::Program;
use hedui_rules::cases::{Case, CasePerson, CaseRole, Row};
use hedui_rules::program::{Entity, ParameterValue};

use crate::input::{Caseload, Role};

/// The caseload of a case.
#[must_use]
pub fn caseload(program: &Program, case: &Case) -> Caseload {
    let mut load = Caseload::default();
    load.cases.id.push(CaseId::from(case.title.as_str()));
    load.cases.area.push(case.area);
    load.cases.residence.push(case.residence.as_deref().map(Into::into));
    load.cases.inputs = inputs(program, Entity::Household, &[&case.inputs]);
    for (place, person) in case.persons.iter().enumerate() {
        load.persons.case.push(0);
        load.persons.key.push(PersonKey(place as u32));
        load.persons.role.push(match person.role {
            CaseRole::Member => Role::Member,
            CaseRole::Obligor => Role::Obligor,
        });
    }
    let given: Vec<_> = case.persons.iter().map(|person| &person.inputs).collect();
    load.persons.inputs = inputs(program, Entity::Person, &given);
    for dataset in &program.datasets {
        let owners: Vec<Owner<'_>> = match dataset.entity {
            Entity::Household => vec![(None, rows(&case.records, &dataset.name))],
            Entity::Person => {
                case.persons.iter().map(|person| (Some(person), rows(&person.records, &dataset.name))).collect()
            }
        };
        cover(&mut load, case, &dataset.name, &owners);
        let columns: Vec<(&str, &ColumnSpec)> = dataset.columns.iter().map(|c| (c.name.as_str(), &c.spec)).collect();
        load.records.insert(dataset.name.clone(), records(&columns, &owners));
    }
    load
}

/// Whose records, and which: a person's, or the household's.
type Owner<'c> = (Option<&'c CasePerson>, &'c [Row]);

fn rows<'c>(records: &'c BTreeMap<String, Vec<Row>>, dataset: &str) -> &'c [Row] {
    records.get(dataset).map_or(&[], Vec::as_slice)
}

/// Which sources of a dataset answered about whom: as the case says, else found where they have rows.
fn cover(load: &mut Caseload, case: &Case, dataset: &str, owners: &[Owner<'_>]) {
    let mut sources = BTreeSet::from([dataset]);
    sources.extend(case.sources.iter().filter(|(_, serves)| *serves == dataset).map(|(source, _)| source.as_str()));
    sources.extend(owners.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.source.as_str())));
    for source in sources {
        let id = load.coverage.sources.len() as u16;
        load.coverage.sources.push((SourceId::from(source), dataset.to_owned()));
        for (place, (person, rows)) in owners.iter().enumerate() {
            let said = person.and_then(|p| p.outcomes.get(source)).or_else(|| case.outcomes.get(source));
            let has_rows = rows.iter().any(|row| row.source == source);
            let outcome = said.copied().unwrap_or(if has_rows { Outcome::Found } else { Outcome::NoRecord });
            load.coverage.outcomes.insert((PersonKey(place as u32), id), outcome);
        }
    }
}

fn records(columns: &[(&str, &ColumnSpec)], owners: &[Owner<'_>]) -> Records {
    let mut records = Records::default();
    let mut all: Vec<&Row> = Vec::new();
    for (place, (_, rows)) in owners.iter().enumerate() {
        for row in *rows {
            records.person.push(PersonKey(place as u32));
            records.source.push(SourceId::from(row.source.as_str()));
            records.record_id.push(format!("{}", all.len() + 1).into());
            records.as_of.push(None);
            records.ask.push(AskId(0));
            records.answer.push(AnswerId(0));
            all.push(row);
        }
    }
    let values = |name: &str| all.iter().map(|row| row.values.get(name)).collect::<Vec<_>>();
    records.table = Table {
        rows: all.len(),
        columns: columns.iter().map(|(name, spec)| ((*name).to_owned(), column(spec.ty, values(name)))).collect(),
    };
    records
}

fn inputs(program: &Program, entity: Entity, given: &[&BTreeMap<String, ParameterValue>]) -> Table {
    let declared = program.inputs.iter().filter(|input| input.entity == entity);
    let columns = declared.map(|input| {
        let values = given.iter().map(|given| given.get(&input.name)).collect();
        (input.name.clone(), column(input.spec.ty, values))
    });
    Table { rows: given.len(), columns: columns.collect() }
}

fn column(ty: ColumnType, values: Vec<Option<&ParameterValue>>) -> Column {
    if ty.is_int() {
        let number = |value: Option<&ParameterValue>| match value {
            Some(ParameterValue::Int(v)) => Some(*v),
            _ => None,
        };
        return Column::Int(values.into_iter().map(number).collect());
    }
    let text = |value: Option<&ParameterValue>| match value {
        Some(ParameterValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    Column::Text(values.into_iter().map(text).collect())
}
