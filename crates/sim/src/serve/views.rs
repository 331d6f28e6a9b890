//! Institutions that let others read a view: an SQLite database of their own, all columns as text.
//!
//! The faults `wrong_person` and `bad_id` do nothing here: a view is asked by number, so a row under another number is
//! simply not returned, which no reader could tell from no record.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use hedui_base::ResidentId;
use hedui_connect::manifest::{SqlPlan, Transport};
use jiff::Span;
use jiff::civil::Date;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::ServeError;
use super::table::TableForm;
use super::wire::WireSource;
use crate::faults::{FaultKind, Mood};

/// One view: its name, its columns, and its lines.
pub(super) struct View {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) lines: Vec<Vec<String>>,
    /// Whether a text of it is no text.
    pub(super) garbled: bool,
}

/// Whether a name can stand in SQL as it is.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The view's name in the manifest's one SELECT.
fn view_name(wire: &WireSource, plan: &SqlPlan) -> Result<String, ServeError> {
    let mut words = plan.query.split_whitespace();
    words.by_ref().find(|word| word.eq_ignore_ascii_case("from"));
    let name = words.next().unwrap_or_default().trim_matches(['"', '`', ';']);
    if plain(name) { Ok(name.to_owned()) } else { Err(wire.lack("a plain view name after FROM")) }
}

/// Somebody who lives nowhere in the city and is asked about by nobody: born in 1900, in the last area there is.
fn outsider(nth: u64) -> (String, String) {
    let birth = Date::constant(1900, 1, 1).saturating_add(Span::new().days((nth / 900) as i64));
    let number = ResidentId::invented(999_999, birth, (1 + nth % 900) as u16);
    (number.map(|id| id.reveal().to_owned()).unwrap_or_default(), "外县人".to_owned())
}

impl View {
    /// All that a source's register holds, as the manifest's SELECT reads it.
    ///
    /// # Errors
    /// [`ServeError::Manifest`] if the SELECT or the columns are not plain enough to be served.
    pub(super) fn of(wire: &WireSource) -> Result<Self, ServeError> {
        let Transport::Sql(plan) = &wire.source.manifest.transport else {
            return Err(wire.lack("a view"));
        };
        if wire.source.manifest.outcome.item_key.is_none() {
            return Err(wire.lack("[outcome] item_key"));
        }
        let name = view_name(wire, plan)?;
        let form = TableForm::new(wire)?;
        let mood = wire.trouble.mood(0);
        let columns = form.header(wire, &[], mood);
        if !columns.iter().all(|column| plain(column)) {
            return Err(wire.lack("plain column names"));
        }
        let mut lines = Vec::new();
        for (id, person, rows) in wire.holders().filter(|_| !mood.truncated) {
            for row in wire.said(id, &rows, None, Mood { reordered: false, ..mood })? {
                let old = ResidentId::parse(id).ok().and_then(|id| id.old_form()).filter(|_| row.old_number);
                let echo = (old.unwrap_or_else(|| id.to_owned()), person.to_owned());
                lines.push(form.line(wire, &columns, &[], &echo, Some(&row)));
            }
        }
        // The register is of the whole county, not only of who applied: it is never as empty as a small city would have it.
        let least = plan.health_min.max(1);
        for nth in (lines.len() as u64..least).filter(|_| !mood.truncated) {
            lines.push(form.line(wire, &columns, &[], &outsider(nth), None));
        }
        if mood.reordered {
            lines.reverse();
        }
        Ok(Self { name, columns, lines, garbled: mood.garbled })
    }

    async fn write(&self, nth: usize, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        // Names come from a checked manifest; values are bound.
        let table = format!("dengji_{nth}");
        let (view, columns) = (&self.name, &self.columns);
        let defined = columns.iter().map(|c| format!("{c} TEXT NOT NULL")).collect::<Vec<_>>().join(", ");
        let key = columns.first().cloned().unwrap_or_default();
        for statement in [
            format!("CREATE TABLE {table} ({defined})"),
            format!("CREATE INDEX {table}_key ON {table} ({key})"),
            format!("CREATE VIEW {view} AS SELECT {} FROM {table}", columns.join(", ")),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
        let marks = (1..=columns.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
        let insert = format!("INSERT INTO {table} VALUES ({marks})");
        let mut transaction = connection.begin().await?;
        for line in &self.lines {
            let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
            for value in line {
                query = query.bind(value);
            }
            query.execute(&mut *transaction).await?;
        }
        if let (true, Some(last)) = (self.garbled, columns.last()) {
            let spoil = format!("UPDATE {table} SET {last} = CAST(x'ffff' AS TEXT) WHERE rowid % 2 = 0 OR rowid = 1");
            sqlx::query(AssertSqlSafe(spoil)).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }
}

/// Writes an institution's database anew, with a view a source; a reader sees the old one or the new one, whole.
pub(super) async fn write(wires: &[WireSource], file: &Path) -> Result<(), ServeError> {
    let up: Vec<&WireSource> = wires.iter().filter(|w| !w.trouble.has(FaultKind::Down)).collect();
    let Some(first) = up.first() else {
        let _ = std::fs::remove_file(file);
        return Ok(());
    };
    let mut views: BTreeMap<String, View> = BTreeMap::new();
    for wire in &up {
        let view = View::of(wire)?;
        if views.contains_key(&view.name) {
            return Err(wire.lack("a view of its own: another source of the institution reads the same"));
        }
        views.insert(view.name.clone(), view);
    }
    let institution = &first.source.institution;
    let broken = |source| ServeError::Database { institution: institution.clone(), source };
    let part = file.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let options = SqliteConnectOptions::from_str("sqlite:")
        .map_err(broken)?
        .filename(&part)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    let mut connection = options.connect().await.map_err(broken)?;
    for (nth, view) in views.values().enumerate() {
        view.write(nth, &mut connection).await.map_err(broken)?;
    }
    connection.close().await.map_err(broken)?;
    let unwritable =
        |source| ServeError::Io { institution: institution.clone(), what: file.display().to_string(), source };
    std::fs::rename(&part, file).map_err(unwritable)
}
