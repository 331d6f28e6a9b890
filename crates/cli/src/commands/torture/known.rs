//! What a data folder knows: its asks, every outcome there ever was, those that count, the records, the findings.

use std::collections::BTreeMap;
use std::path::Path;

use hedui_base::{Outcome, PersonKey};
use hedui_store::results::{self, ResultColumn};
use hedui_store::{At, CoverageRow, StoreError};
use hedui_verify::{BatchRequest, Selection, Workspace, WorkspaceOptions};
use jiff::civil::Date;

/// A (person, source) pair.
pub(super) type Pair = (PersonKey, String);

/// One ask, record, finding or flag, so that two folders can be laid side by side. It is never printed whole: what
/// institutions say about people has no place in a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// What it is, in words that may be printed.
    pub(super) place: String,
    /// What tells it from others of that place.
    pub(super) key: String,
    /// All its columns but for when something became known.
    pub(super) cells: BTreeMap<String, String>,
}

/// What is known at one moment.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Where every ask stands in the ledger.
    pub(super) asks: Vec<Row>,
    /// How every pair stands in the store.
    pub(super) outcomes: BTreeMap<Pair, Outcome>,
    /// Every live record.
    pub(super) records: Vec<Row>,
    /// Findings and flags.
    pub(super) findings: Vec<Row>,
}

/// Why a folder cannot be read.
type Broken = String;

pub(super) async fn open(data: &Path, site: &Path, connectors: Option<&Path>, day: Date) -> Result<Workspace, Broken> {
    let options = WorkspaceOptions {
        site: Some(site.to_path_buf()),
        extra_connectors: connectors.map(Path::to_path_buf).into_iter().collect(),
        today: Some(day),
        ..WorkspaceOptions::default()
    };
    Workspace::open(data, options).await.map_err(|e| format!("the data folder cannot be opened: {e}"))
}

/// Every outcome there ever was, oldest first for each pair; nothing if nothing was ever published.
pub(super) async fn history(ws: &Workspace) -> Result<Vec<CoverageRow>, Broken> {
    let people = people(ws).await?;
    let mut connection = ws.ledger().connection().await.map_err(text)?;
    let snapshot = match ws.store().snapshot(&mut connection, At::Latest).await {
        Ok(snapshot) => snapshot,
        Err(StoreError::NoSnapshot(_)) => return Ok(Vec::new()),
        Err(error) => return Err(text(error)),
    };
    tokio::task::spawn_blocking(move || snapshot.coverage_history(&people)).await.map_err(text)?.map_err(text)
}

/// How every pair stands now.
pub(super) async fn outcomes(ws: &Workspace) -> Result<BTreeMap<Pair, Outcome>, Broken> {
    let mut outcomes = BTreeMap::new();
    for row in history(ws).await? {
        outcomes.insert((row.person, row.source.to_string()), row.outcome);
    }
    Ok(outcomes)
}

/// What counts now; results are written to `out`.
pub(super) async fn known(ws: &Workspace, day: Date, out: &Path) -> Result<Known, Broken> {
    let outcomes = outcomes(ws).await?;
    let people = people(ws).await?;
    let asks = ws.ledger().asks_now(&people).await.map_err(text)?.into_iter().map(|ask| {
        let outcome = ask.outcome.map_or_else(|| "none".to_owned(), |outcome| outcome.to_string());
        let cells = [("state", format!("{:?}", ask.state)), ("outcome", outcome)];
        Row {
            place: format!("ask about {} at {} for {}", ask.person, ask.source, ask.period),
            key: String::new(),
            cells: cells.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    });
    let mut connection = ws.ledger().connection().await.map_err(text)?;
    let snapshot = ws.store().snapshot(&mut connection, At::Latest).await.map_err(text)?;
    let datasets: Vec<String> = hedui_connect::catalogue().datasets.keys().cloned().collect();
    let read = move || {
        let mut records = Vec::new();
        for dataset in datasets {
            let rows = snapshot.records(&dataset, &people, None)?;
            for row in 0..rows.len() {
                let columns = rows.table.columns.iter();
                let mut cells: BTreeMap<String, String> =
                    columns.map(|(name, column)| (name.clone(), format!("{:?}", column.take(&[row])))).collect();
                cells.insert("as_of".to_owned(), format!("{:?}", rows.as_of[row]));
                records.push(Row {
                    place: format!("{dataset} record of {} from {}", rows.person[row], rows.source[row]),
                    key: rows.record_id[row].to_string(),
                    cells,
                });
            }
        }
        Ok::<_, StoreError>(records)
    };
    let asks = asks.collect();
    let records = tokio::task::spawn_blocking(read).await.map_err(text)?.map_err(text)?;
    Ok(Known { asks, outcomes, records, findings: findings(ws, day, out).await? })
}

async fn people(ws: &Workspace) -> Result<Vec<PersonKey>, Broken> {
    Ok((0..=ws.ledger().person_count().await.map_err(text)?).map(PersonKey).collect())
}

/// Findings and flags.
async fn findings(ws: &Workspace, day: Date, out: &Path) -> Result<Vec<Row>, Broken> {
    let request = BatchRequest::new(Selection::All, day, out);
    let summary = hedui_verify::batch(ws, request).await.map_err(text)?;
    if !summary.failures.is_empty() {
        return Err(format!("{} cases could not be compared", summary.failures.len()));
    }
    let mut found = Vec::new();
    for (file, place) in [("findings.parquet", &["case", "pack"][..]), ("flags.parquet", &["case", "person", "flag"])] {
        let columns = results::read(&out.join(file)).map_err(text)?;
        let count = columns.first().map_or(0, |(_, column)| column.len());
        for row in 0..count {
            let cells: BTreeMap<String, String> = columns
                .iter()
                .filter(|(name, _)| name != "known_at")
                .map(|(name, column)| (name.clone(), cell(column, row)))
                .collect();
            let named = place.iter().filter_map(|name| Some(format!("{name} {}", cells.get(*name)?)));
            let place = format!("{file}, {}", named.collect::<Vec<_>>().join(", "));
            found.push(Row { place, key: String::new(), cells });
        }
    }
    Ok(found)
}

fn cell(column: &ResultColumn, row: usize) -> String {
    match column {
        ResultColumn::Text(v) => shown(v[row].as_deref()),
        ResultColumn::Int(v) => shown(v[row]),
        ResultColumn::Money(v) => shown(v[row]),
        ResultColumn::Date(v) => shown(v[row]),
        ResultColumn::Time(v) => shown(v[row]),
        ResultColumn::Bool(v) => shown(v[row]),
        ResultColumn::Bytes(v) => format!("{:?}", v[row]),
    }
}

fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// Whether the audit log is whole and every file of the store is what the catalogue says.
pub(super) async fn sound(ws: &Workspace) -> Result<(), Broken> {
    if let Some(problem) = ws.ledger().audit_verify(None).await.map_err(text)?.problem {
        return Err(format!("the audit log is damaged: {problem:?}"));
    }
    let mut connection = ws.ledger().connection().await.map_err(text)?;
    let verified = ws.store().verify(&mut connection).await.map_err(text)?;
    match verified.problems.iter().find(|problem| problem.is_damage()) {
        Some(problem) => Err(format!("the store is damaged: {problem:?}")),
        None => Ok(()),
    }
}

fn text(error: impl std::fmt::Display) -> Broken {
    error.to_string()
}
