//! One case of those that lie in the store, as the ledger would give it: for a check of one household.

use std::collections::HashMap;

use hedui_base::columns::days_to_date;
use hedui_base::{AreaCode, CaseId, ColumnSpec, ColumnType, Letter, Month, PersonKey};
use hedui_ledger::{Case, CasePerson, Role};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use hedui_store::{CASES, PEOPLE, Scan, ScannedColumn, Snapshot};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::caseload::Born;
use super::chunk::Chunk;
use crate::{VerifyError, Workspace};

/// The chunk of one case; none if neither the ledger nor the store knows it.
pub(crate) async fn stored_chunk(
    ws: &Workspace,
    snapshot: &Snapshot,
    case: &CaseId,
    as_of: Date,
) -> Result<Option<Chunk>, VerifyError> {
    let mut connection = ws.ledger().connection().await?;
    let buckets = ws.store().buckets_of_case(&mut connection, case.as_str()).await?;
    drop(connection);
    for bucket in buckets {
        let names = ["case", "person", "position", "area", "residence", "scheme", "in_receipt", "letters"];
        let found =
            Row::find(&names, &snapshot.scan(CASES, bucket, &names)?, |row| row.text("case") == Some(case.as_str()));
        let Some(found) = found.into_iter().next() else { continue };
        let area: AreaCode = found
            .text("area")
            .and_then(|area| area.parse().ok())
            .ok_or_else(|| VerifyError::Internal("a case of the store has no area".to_owned()))?;
        let program = ws.program_for(area, as_of)?;
        return of_bucket(snapshot, &program, bucket, (case, area), &found).map(Some);
    }
    Ok(None)
}

fn of_bucket(
    snapshot: &Snapshot,
    program: &Program,
    bucket: u32,
    (id, area): (&CaseId, AreaCode),
    found: &Row,
) -> Result<Chunk, VerifyError> {
    let key = |row: &Row| (row.int("person"), row.int("position"));
    let own = |row: &Row| key(row) == key(found);
    let inputs = |table: &str, entity: Entity| -> Vec<(&str, &ColumnSpec)> {
        let of = program.inputs.iter().filter(|i| i.entity == entity && snapshot.has_column(table, &i.name));
        of.map(|input| (input.name.as_str(), &input.spec)).collect()
    };
    let declared = |row: &Row, inputs: &[(&str, &ColumnSpec)]| -> Map<String, Value> {
        let value = |(name, spec): &(&str, &ColumnSpec)| Some(((*name).to_owned(), row.declared(name, spec)?));
        inputs.iter().filter_map(value).collect()
    };
    let of_household = inputs(CASES, Entity::Household);
    let mut names = vec!["person", "position"];
    names.extend(of_household.iter().map(|(name, _)| *name));
    let household = Row::find(&names, &snapshot.scan(CASES, bucket, &names)?, own);
    let of_person = inputs(PEOPLE, Entity::Person);
    let shared = ["person", "position", "who", "role", "relation", "birth_date", "sex"];
    let mut names = shared.to_vec();
    names.extend(of_person.iter().map(|(name, _)| *name).filter(|name| !shared.contains(name)));
    let mut rows = Row::find(&names, &snapshot.scan(PEOPLE, bucket, &names)?, own);
    rows.sort_by_key(|row| row.int("who"));
    let (mut people, mut born) = (Vec::new(), HashMap::new());
    for row in &rows {
        let Some(person) = row.int("who").and_then(|who| u32::try_from(who).ok()).map(PersonKey) else { continue };
        let on = row.int("birth_date").and_then(days_to_date);
        born.insert(person, Born { on, male: row.text("sex").map(|sex| sex == "male") });
        people.push(CasePerson {
            person,
            role: if row.text("role") == Some("member") { Role::Member } else { Role::Obligor },
            relation: row.text("relation").unwrap_or_default().to_owned(),
            declared: declared(row, &of_person),
            accounts: Vec::new(),
        });
    }
    let letters = found.text("letters").unwrap_or_default().split(',').filter(|number| !number.is_empty());
    let letters: Vec<Letter> = letters.map(named).collect();
    let case = Case {
        id: id.clone(),
        position: found.int("position").unwrap_or_default(),
        scheme: found.text("scheme").unwrap_or_default().to_owned(),
        area,
        residence: found.text("residence").map(str::to_owned),
        in_receipt: found.int("in_receipt") == Some(1),
        enrolled_on: None,
        next_due: None,
        declared: household.first().map(|row| declared(row, &of_household)).unwrap_or_default(),
        people,
        updated_at: snapshot.known_at(),
    };
    let letters = HashMap::from([(id.clone(), letters)]);
    Ok(Chunk { cases: vec![case], letters, born, keep: false })
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

/// One row of a table of the store.
#[derive(Clone, Debug, Default)]
struct Row {
    ints: HashMap<String, i64>,
    texts: HashMap<String, String>,
}

impl Row {
    /// The rows that pass, of columns with these names.
    fn find(names: &[&str], scan: &Scan, passes: impl Fn(&Self) -> bool) -> Vec<Self> {
        let row = |at: usize| {
            let mut row = Self::default();
            for (name, column) in names.iter().zip(&scan.columns) {
                match column {
                    ScannedColumn::Ints { values, valid } if valid.get(at) != Some(&false) => {
                        row.ints.insert((*name).to_owned(), values[at]);
                    }
                    ScannedColumn::Words { ids, words } => {
                        let word = words.get(ids[at] as usize);
                        word.into_iter().for_each(|word| drop(row.texts.insert((*name).to_owned(), word.to_string())));
                    }
                    ScannedColumn::Ints { .. } => {}
                }
            }
            row
        };
        (0..scan.rows).map(row).filter(passes).collect()
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.ints.get(name).copied()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// A declared value as an intake writes it.
    fn declared(&self, name: &str, spec: &ColumnSpec) -> Option<Value> {
        if !spec.ty.is_int() {
            return self.text(name).map(Value::from);
        }
        let value = self.int(name)?;
        Some(match spec.ty {
            ColumnType::Bool => json!(value != 0),
            ColumnType::Date => json!(days_to_date(value)?.to_string()),
            ColumnType::Month => json!(Month::from_index(value)?.to_string()),
            ColumnType::Money(_) => json!(rust_decimal::Decimal::new(value, 2).to_string()),
            ty => json!(rust_decimal::Decimal::new(value, ty.scale().into()).to_string()),
        })
    }
}
