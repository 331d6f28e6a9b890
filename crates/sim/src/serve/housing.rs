//! The housing office: its own SQLite database with the view that it lets others read.
//!
//! The faults `wrong_person` and `bad_id` do nothing here: a view is asked by number, so a row under another number is
//! simply not returned, which no reader could tell from no record.

use std::path::Path;
use std::str::FromStr;

use hedui_base::ResidentId;
use hedui_connect::manifest::SqlPlan;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::ServeError;
use super::faults::FaultKind;
use super::wire::WireSource;
use crate::city::City;

/// The view's name in the manifest's one SELECT.
fn view(wire: &WireSource, plan: &SqlPlan) -> Result<String, ServeError> {
    let from = plan.query.find(" FROM ").map(|at| &plan.query[at + 6..]);
    let name = from.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { Ok(name.to_owned()) } else { Err(wire.lack("a plain view name after FROM")) }
}

/// Writes the database anew, with all columns as text, as the manifest's SELECT reads them.
pub(super) async fn write(wire: &WireSource, plan: &SqlPlan, city: &City, file: &Path) -> Result<(), ServeError> {
    let institution = wire.source.institution.clone();
    let broken = |source| ServeError::Database { institution: institution.clone(), source };
    let _ = std::fs::remove_file(file);
    let options = SqliteConnectOptions::from_str("sqlite:")
        .map_err(broken)?
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.connect().await.map_err(broken)?;
    let outcome = &wire.source.manifest.outcome;
    let map = &wire.source.manifest.map;
    let key = outcome.item_key.as_ref().ok_or_else(|| wire.lack("[outcome] item_key"))?.as_str().to_owned();
    let name = outcome.echo_name.as_ref().map(|s| s.as_str().to_owned());
    let mut columns = vec![key.clone()];
    columns.extend(name.clone());
    columns.extend(map.fields.iter().chain(&map.as_of).filter_map(|f| f.from.as_ref()).map(|s| s.as_str().to_owned()));
    if !columns.iter().all(|c| c.chars().all(|c| c.is_alphanumeric() || c == '_')) {
        return Err(wire.lack("plain column names"));
    }
    // Names come from a checked manifest; values are bound.
    let defined = columns.iter().map(|c| format!("{c} TEXT NOT NULL")).collect::<Vec<_>>().join(", ");
    let view = view(wire, plan)?;
    for statement in [
        format!("CREATE TABLE fwxx_dengji ({defined})"),
        format!("CREATE INDEX fwxx_dengji_zjhm ON fwxx_dengji ({key})"),
        format!("CREATE VIEW {view} AS SELECT {} FROM fwxx_dengji", columns.join(", ")),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.map_err(broken)?;
    }
    let marks = (1..=columns.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO fwxx_dengji VALUES ({marks})");
    let mut transaction = connection.begin().await.map_err(broken)?;
    let old = old_numbers(city);
    for (id, entry) in wire.entries().filter(|_| !wire.has(FaultKind::Truncated)) {
        for (nth, row) in wire.look_up(id, None).iter().enumerate() {
            let form = ResidentId::parse(id).ok().and_then(|id| id.old_form());
            let number = form.filter(|_| old.contains(&(id, nth))).unwrap_or_else(|| id.to_owned());
            let mut values = vec![number];
            values.extend(name.as_ref().map(|_| entry.name.clone()));
            let cells = row.cells.iter().filter(|c| !c.path.is_empty());
            values.extend(cells.map(|c| c.text.clone()));
            let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
            for value in values {
                query = query.bind(value);
            }
            query.execute(&mut *transaction).await.map_err(broken)?;
        }
    }
    transaction.commit().await.map_err(broken)?;
    connection.close().await.map_err(broken)
}

/// Which homes (by owner and position) are still registered under an old number.
fn old_numbers(city: &City) -> std::collections::HashSet<(&str, usize)> {
    let members = city.households.iter().flat_map(|h| &h.members);
    members
        .flat_map(|m| m.records.homes.iter().enumerate().filter(|(_, h)| h.old_number).map(|(i, _)| (m.id.reveal(), i)))
        .collect()
}
