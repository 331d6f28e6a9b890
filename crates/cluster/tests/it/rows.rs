//! A caseload as relations: what the SQL is given.

use hedui_base::columns::days_to_date;
use hedui_base::{Column, ColumnType};
use hedui_cluster::{Dialect, Setting, Source, Subjects};
use hedui_engine::input::{Caseload, Role};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use jiff::civil::Date;

/// The setting of a caseload.
pub(crate) fn setting(load: &Caseload, as_of: Date) -> Setting {
    let mut setting = Setting::new(as_of);
    for (id, dataset) in &load.coverage.sources {
        let (id, dataset) = (id.as_str().to_owned(), dataset.clone());
        setting.sources.push(Source { id, dataset, subjects: Subjects::Everyone });
    }
    setting.complete.clone_from(&load.coverage.complete);
    setting
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn type_of(ty: ColumnType, dialect: Dialect) -> &'static str {
    match ty {
        ColumnType::Text | ColumnType::Code if dialect == Dialect::Spark => "STRING",
        ColumnType::Text | ColumnType::Code => "VARCHAR",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Date => "DATE",
        _ => "BIGINT",
    }
}

fn value(column: Option<&Column>, ty: ColumnType, row: usize) -> String {
    let null = || "NULL".to_owned();
    match column {
        Some(Column::Int(values)) if ty.is_int() => match (values[row], ty) {
            (None, _) => null(),
            (Some(v), ColumnType::Bool) => (v != 0).to_string(),
            (Some(v), ColumnType::Date) => days_to_date(v).map_or_else(null, |d| format!("DATE '{d}'")),
            (Some(v), _) => v.to_string(),
        },
        Some(Column::Text(values)) if !ty.is_int() => values[row].as_deref().map_or_else(null, text),
        _ => null(),
    }
}

/// A table as a statement for each engine.
fn table(name: &str, columns: &[(String, &'static str)], rows: &[Vec<String>], dialect: Dialect) -> Vec<String> {
    let quote = if dialect == Dialect::Spark { '`' } else { '"' };
    let names: Vec<String> = columns.iter().map(|(name, _)| format!("{quote}{name}{quote}")).collect();
    let typed: Vec<String> =
        names.iter().zip(columns).map(|(name, (_, ty))| format!("CAST({name} AS {ty}) AS {name}")).collect();
    let nulls = vec!["NULL".to_owned(); columns.len()];
    let given: Vec<String> = rows.iter().chain([&nulls]).map(|row| format!("({})", row.join(", "))).collect();
    let kind = if dialect == Dialect::Spark { "CREATE OR REPLACE TEMP VIEW" } else { "CREATE OR REPLACE TEMP TABLE" };
    vec![format!(
        "{kind} {name} AS SELECT {} FROM (VALUES {}) t({}) WHERE {} IS NOT NULL",
        typed.join(", "),
        given.join(", "),
        names.join(", "),
        names[0],
    )]
}

/// All relations of a caseload.
pub(crate) fn statements(program: &Program, load: &Caseload, dialect: Dialect) -> Vec<String> {
    let string = type_of(ColumnType::Text, dialect);
    let mut all = Vec::new();
    let inputs = |entity: Entity| program.inputs.iter().filter(move |input| input.entity == entity);
    let mut columns: Vec<(String, &'static str)> = vec![
        ("case_row".into(), "BIGINT"),
        ("case_id".into(), string),
        ("area".into(), string),
        ("residence".into(), string),
    ];
    columns.extend(inputs(Entity::Household).map(|i| (i.name.clone(), type_of(i.spec.ty, dialect))));
    let cases = &load.cases;
    let rows: Vec<Vec<String>> = (0..cases.id.len())
        .map(|row| {
            let residence = cases.residence[row].as_deref().map_or_else(|| "NULL".to_owned(), text);
            let mut cells =
                vec![row.to_string(), text(cases.id[row].as_str()), text(&cases.area[row].to_string()), residence];
            cells.extend(inputs(Entity::Household).map(|i| value(cases.inputs.columns.get(&i.name), i.spec.ty, row)));
            cells
        })
        .collect();
    all.extend(table("cases", &columns, &rows, dialect));
    let mut columns: Vec<(String, &'static str)> =
        vec![("case_row".into(), "BIGINT"), ("person".into(), "BIGINT"), ("role".into(), string)];
    columns.extend(inputs(Entity::Person).map(|i| (i.name.clone(), type_of(i.spec.ty, dialect))));
    let persons = &load.persons;
    let rows: Vec<Vec<String>> = (0..persons.case.len())
        .map(|row| {
            let role = if persons.role[row] == Role::Member { "member" } else { "obligor" };
            let mut cells = vec![persons.case[row].to_string(), persons.key[row].0.to_string(), text(role)];
            cells.extend(inputs(Entity::Person).map(|i| value(persons.inputs.columns.get(&i.name), i.spec.ty, row)));
            cells
        })
        .collect();
    all.extend(table("persons", &columns, &rows, dialect));
    for dataset in &program.datasets {
        let key = if dataset.entity == Entity::Person { "person" } else { "case_row" };
        let mut columns: Vec<(String, &'static str)> = vec![
            (key.into(), "BIGINT"),
            ("source".into(), string),
            ("record_id".into(), string),
            ("as_of".into(), "DATE"),
        ];
        columns.extend(dataset.columns.iter().map(|c| (c.name.clone(), type_of(c.spec.ty, dialect))));
        let mut rows = Vec::new();
        if let Some(records) = load.records.get(&dataset.name) {
            for row in 0..records.len() {
                let day = records.as_of[row].map_or_else(|| "NULL".to_owned(), |d| format!("DATE '{d}'"));
                let mut cells = vec![
                    records.person[row].0.to_string(),
                    text(records.source[row].as_str()),
                    text(&records.record_id[row]),
                    day,
                ];
                cells.extend(dataset.columns.iter().map(|c| value(records.table.columns.get(&c.name), c.spec.ty, row)));
                rows.push(cells);
            }
        }
        all.extend(table(&format!("d_{}", dataset.name), &columns, &rows, dialect));
    }
    let columns: Vec<(String, &'static str)> =
        vec![("person".into(), "BIGINT"), ("source".into(), string), ("outcome".into(), string)];
    let mut rows: Vec<Vec<String>> = load
        .coverage
        .outcomes
        .iter()
        .map(|((person, source), outcome)| {
            let source = &load.coverage.sources[usize::from(*source)].0;
            vec![person.0.to_string(), text(source.as_str()), text(outcome.as_str())]
        })
        .collect();
    rows.sort();
    all.extend(table("coverage", &columns, &rows, dialect));
    all
}
