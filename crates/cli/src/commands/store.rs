//! `hedui store`

use std::path::Path;

use hedui_ledger::Ledger;
use hedui_store::{FileProblem, Store};
use hedui_verify::WorkspaceOptions;

use super::{Ended, Shell, existing};
use crate::args::StoreVerb;
use crate::failure::{self, Failure, chain};
use crate::terminal;

/// Files of a bucket from which merging them is worth a snapshot.
const WORTH_MERGING: usize = 2;

pub(crate) async fn run(shell: Shell, verb: StoreVerb) -> Ended {
    match verb {
        StoreVerb::Verify { data } => verify(shell, &data).await,
        StoreVerb::Compact { data } => {
            let (ledger, store) = opened(&data).await?;
            let mut conn = ledger.connection().await.map_err(internal)?;
            let done = store.compact(&mut conn, WORTH_MERGING).await.map_err(internal)?;
            terminal::line(format!(
                "{} file(s) and {} row(s) of the catalogue merged into {} file(s), {} rows",
                done.merged, done.inlined, done.written, done.rows
            ));
            Ok(0)
        }
        StoreVerb::History { data } => history(shell, &data).await,
    }
}

async fn opened(data: &Path) -> Result<(Ledger, Store), Failure> {
    let ws = existing(data, WorkspaceOptions::default()).await?;
    let ledger = Ledger::open(data).await.map_err(internal)?;
    let mut conn = ledger.connection().await.map_err(internal)?;
    let store = Store::open(data, &mut conn, ws.catalogue()).await.map_err(internal)?;
    drop(conn);
    Ok((ledger, store))
}

async fn verify(shell: Shell, data: &Path) -> Ended {
    let (ledger, store) = opened(data).await?;
    let mut conn = ledger.connection().await.map_err(internal)?;
    let found = store.verify(&mut conn).await.map_err(internal)?;
    if shell.json {
        let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        let counts = (found.files, found.bytes, found.inlined);
        terminal::json(
            &serde_json::json!({ "files": counts.0, "bytes": counts.1, "inlined": counts.2, "problems": problems }),
        );
    } else {
        terminal::line(format!(
            "{} files, {} bytes, {} rows in the catalogue",
            found.files, found.bytes, found.inlined
        ));
        found.problems.iter().for_each(terminal::line);
        if found.problems.is_empty() {
            terminal::line("every file and row is there and unchanged");
        }
    }
    Ok(if found.problems.iter().any(FileProblem::is_damage) { failure::ATTENTION } else { 0 })
}

async fn history(shell: Shell, data: &Path) -> Ended {
    let (ledger, store) = opened(data).await?;
    let mut conn = ledger.connection().await.map_err(internal)?;
    let entries = store.history(&mut conn).await.map_err(internal)?;
    if shell.json {
        let list: Vec<_> = entries
            .iter()
            .map(|e| serde_json::json!({ "snapshot": e.id.0, "time": e.time, "files": e.files, "rows": e.rows, "inlined": e.inlined, "changes": e.changes }))
            .collect();
        terminal::json(&serde_json::Value::Array(list));
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let counts = [e.files, e.rows, e.inlined].map(|n| n.to_string());
            [e.id.0.to_string(), e.time.to_string()].into_iter().chain(counts).chain([said(&e.changes)]).collect()
        })
        .collect();
    terminal::table(&["snapshot", "known_at", "files", "rows", "in catalogue", "what happened"], &rows);
    Ok(0)
}

/// What a snapshot did, in words: DuckLake's list names every table by number.
fn said(changes: &str) -> String {
    let words = [
        ("created_schema", "store created"),
        ("created_table", "dataset added"),
        ("altered_table", "column added"),
        ("inserted_into_table", "published"),
        ("inlined_insert", "published"),
        ("merge_adjacent", "compacted"),
        ("inline_flush", "compacted"),
        ("retained", "old evidence removed"),
    ];
    let mut said: Vec<&str> = Vec::new();
    for change in changes.split(',') {
        let word = change.split(':').next().unwrap_or_default();
        let word = words.iter().find(|(known, _)| *known == word).map_or(word, |(_, word)| word);
        if !said.contains(&word) {
            said.push(word);
        }
    }
    said.join(", ")
}

fn internal(error: impl std::error::Error) -> Failure {
    Failure::internal(chain(&error))
}
