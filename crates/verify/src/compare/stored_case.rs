//! One case of those that lie in the store, as the ledger would give it: for a check of one household.

use std::collections::HashMap;

use hedui_base::columns::days_to_date;
use hedui_base::{AreaCode, CaseId, ColumnSpec, ColumnType, Letter, Month, PersonKey, Table};
use hedui_ledger::{Case, CasePerson, Role};
use hedui_rules::Program;
use hedui_rules::program::{Entity, Input};
use hedui_store::{At, Snapshot, StoredCase};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::caseload::Born;
use super::chunk::Chunk;
use crate::{VerifyError, Workspace};

/// The chunk of one case and the state it was read from, pinned for its people; none if the store does not know it.
pub(crate) async fn stored_chunk(
    ws: &Workspace,
    case: &CaseId,
    as_of: Date,
) -> Result<Option<(Chunk, Snapshot)>, VerifyError> {
    let mut connection = ws.ledger().connection().await?;
    let Some(found) = ws.store().case(&mut connection, At::Latest, case.as_str()).await? else { return Ok(None) };
    drop(connection);
    let area: AreaCode = found
        .case
        .text("area", 0)
        .and_then(|area| area.parse().ok())
        .ok_or_else(|| VerifyError::Internal("a case of the store has no area".to_owned()))?;
    let program = ws.program_for(area, as_of)?;
    Ok(Some((chunk(&program, (case, area), &found), found.snapshot)))
}

fn chunk(program: &Program, (id, area): (&CaseId, AreaCode), found: &StoredCase) -> Chunk {
    let inputs = |entity: Entity| program.inputs.iter().filter(move |input| input.entity == entity);
    let declared = |table: &Table, row: usize, entity: Entity| -> Map<String, Value> {
        let value = |input: &Input| Some((input.name.clone(), declared(table, row, &input.name, &input.spec)?));
        inputs(entity).filter_map(value).collect()
    };
    let StoredCase { case: household, people: rows, .. } = found;
    let (mut people, mut born) = (Vec::new(), HashMap::new());
    for row in 0..rows.rows {
        let Some(person) = rows.int("who", row).and_then(|who| u32::try_from(who).ok()).map(PersonKey) else {
            continue;
        };
        let on = rows.int("birth_date", row).and_then(days_to_date);
        born.insert(person, Born { on, male: rows.text("sex", row).map(|sex| sex == "male") });
        people.push(CasePerson {
            person,
            role: if rows.text("role", row) == Some("member") { Role::Member } else { Role::Obligor },
            relation: rows.text("relation", row).unwrap_or_default().to_owned(),
            declared: declared(rows, row, Entity::Person),
            accounts: Vec::new(),
        });
    }
    let letters = household.text("letters", 0).unwrap_or_default().split(',').filter(|number| !number.is_empty());
    let letters: Vec<Letter> = letters.map(named).collect();
    let case = Case {
        id: id.clone(),
        position: household.int("position", 0).unwrap_or_default(),
        scheme: household.text("scheme", 0).unwrap_or_default().to_owned(),
        area,
        residence: household.text("residence", 0).map(str::to_owned),
        in_receipt: household.int("in_receipt", 0) == Some(1),
        enrolled_on: None,
        next_due: None,
        declared: declared(household, 0, Entity::Household),
        people,
        updated_at: found.snapshot.known_at(),
    };
    let letters = HashMap::from([(id.clone(), letters)]);
    Chunk { cases: vec![case], letters, born, keep: false }
}

/// A letter of which only the number is known: it shows whose answers are whose, and allows no look-up.
fn named(number: &str) -> Letter {
    Letter {
        number: number.to_owned(),
        purposes: Vec::new(),
        scopes: Vec::new(),
        covers: Vec::new(),
        valid_from: Date::MIN,
        valid_until: None,
        revoked_on: None,
    }
}

/// A declared value as an intake writes it; none if the table has no such column, or nothing in it.
fn declared(table: &Table, row: usize, name: &str, spec: &ColumnSpec) -> Option<Value> {
    if !spec.ty.is_int() {
        return table.text(name, row).map(Value::from);
    }
    let value = table.int(name, row)?;
    Some(match spec.ty {
        ColumnType::Bool => json!(value != 0),
        ColumnType::Date => json!(days_to_date(value)?.to_string()),
        ColumnType::Month => json!(Month::from_index(value)?.to_string()),
        ColumnType::Money(_) => json!(rust_decimal::Decimal::new(value, 2).to_string()),
        ty => json!(rust_decimal::Decimal::new(value, ty.scale().into()).to_string()),
    })
}
