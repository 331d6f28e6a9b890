//! What a data folder knows: every outcome there ever was, the outcomes that count, the records, the findings.

use std::collections::BTreeMap;
use std::path::Path;

use hedui_base::{Column, Outcome, PersonKey};
use hedui_store::results::{self, ResultColumn};
use hedui_store::{At, CoverageRow, StoreError};
use hedui_verify::{BatchRequest, Selection, Workspace, WorkspaceOptions};
use jiff::civil::Date;

/// A (person, source) pair.
pub(super) type Pair = (PersonKey, String);

/// What is known at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// How every pair stands.
    pub(super) outcomes: BTreeMap<Pair, Outcome>,
    /// Every live record as text, sorted, with all its columns.
    pub(super) records: Vec<String>,
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

/// What counts now.
pub(super) async fn known(ws: &Workspace) -> Result<Known, Broken> {
    let outcomes = outcomes(ws).await?;
    let people = people(ws).await?;
    let mut connection = ws.ledger().connection().await.map_err(text)?;
    let snapshot = ws.store().snapshot(&mut connection, At::Latest).await.map_err(text)?;
    let datasets: Vec<String> = hedui_connect::catalogue().datasets.keys().cloned().collect();
    let read = move || {
        let mut records = Vec::new();
        for dataset in datasets {
            let rows = snapshot.records(&dataset, &people, None)?;
            for row in 0..rows.len() {
                let (person, source, id) = (rows.person[row], &rows.source[row], &rows.record_id[row]);
                let columns: Vec<(&String, Column)> =
                    rows.table.columns.iter().map(|(name, column)| (name, column.take(&[row]))).collect();
                records.push(format!("{dataset} {person} {source} {id} {:?} {columns:?}", rows.as_of[row]));
            }
        }
        records.sort_unstable();
        Ok::<_, StoreError>(records)
    };
    let records = tokio::task::spawn_blocking(read).await.map_err(text)?.map_err(text)?;
    Ok(Known { outcomes, records })
}

async fn people(ws: &Workspace) -> Result<Vec<PersonKey>, Broken> {
    Ok((0..=ws.ledger().person_count().await.map_err(text)?).map(PersonKey).collect())
}

/// Findings and flags as texts, but for when they became known.
pub(super) async fn findings(ws: &Workspace, day: Date, out: &Path) -> Result<Vec<String>, Broken> {
    let request = BatchRequest::new(Selection::All, day, out);
    let summary = hedui_verify::batch(ws, request).await.map_err(text)?;
    if !summary.failures.is_empty() {
        return Err(format!("{} cases could not be compared", summary.failures.len()));
    }
    let mut lines = Vec::new();
    for file in ["findings.parquet", "flags.parquet"] {
        let columns = results::read(&out.join(file)).map_err(text)?;
        let count = columns.first().map_or(0, |(_, column)| column.len());
        for row in 0..count {
            let cells =
                columns.iter().filter(|(name, _)| name != "known_at").map(|(name, column)| cell(name, column, row));
            lines.push(format!("{file} {}", cells.collect::<Vec<_>>().join(" ")));
        }
    }
    Ok(lines)
}

fn cell(name: &str, column: &ResultColumn, row: usize) -> String {
    match column {
        ResultColumn::Text(v) => format!("{name}={:?}", v[row]),
        ResultColumn::Int(v) => format!("{name}={:?}", v[row]),
        ResultColumn::Money(v) => format!("{name}={:?}", v[row]),
        ResultColumn::Date(v) => format!("{name}={:?}", v[row]),
        ResultColumn::Time(v) => format!("{name}={:?}", v[row]),
        ResultColumn::Bool(v) => format!("{name}={:?}", v[row]),
        ResultColumn::Bytes(v) => format!("{name}={:?}", v[row]),
    }
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
