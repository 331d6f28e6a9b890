//! `hedui store`

use std::path::Path;

use hedui_ledger::Ledger;
use hedui_store::{FileProblem, Remains, Removed, Store};
use hedui_verify::WorkspaceOptions;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

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
            let done = store.compact(&mut conn, WORTH_MERGING).await?;
            terminal::line(format!(
                "{} file(s) and {} row(s) of the catalogue merged into {} file(s), {} rows",
                done.merged, done.inlined, done.written, done.rows
            ));
            Ok(0)
        }
        StoreVerb::Retain { data, older_than, dry_run } => retained(shell, &data, older_than, dry_run).await,
        StoreVerb::History { data } => history(shell, &data).await,
    }
}

async fn opened(data: &Path) -> Result<(Ledger, Store), Failure> {
    let ws = existing(data, WorkspaceOptions::default()).await?;
    let ledger = Ledger::open(data).await.map_err(internal)?;
    let mut conn = ledger.connection().await.map_err(internal)?;
    let store = Store::open(data, &mut conn, ws.catalogue()).await?;
    drop(conn);
    Ok((ledger, store))
}

async fn verify(shell: Shell, data: &Path) -> Ended {
    let (ledger, store) = opened(data).await?;
    let mut conn = ledger.connection().await.map_err(internal)?;
    let found = store.verify(&mut conn).await?;
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

async fn retained(shell: Shell, data: &Path, older_than: Span, dry_run: bool) -> Ended {
    let ws = existing(data, WorkspaceOptions::default()).await?;
    let now = ws.now().to_zoned(TimeZone::fixed(Offset::constant(8)));
    let before = now
        .checked_sub(older_than)
        .map_err(|_| Failure::input("--older-than reaches back before the year 1; give a shorter time"))?
        .timestamp();
    if dry_run {
        let mut conn = ws.ledger().connection().await.map_err(internal)?;
        let found = ws.store().remains(&mut conn, before).await?;
        shown(shell, before, None, &found);
        return Ok(0);
    }
    let done = hedui_verify::retain(&ws, before, "store retain").await?;
    shown(shell, before, Some(&done.removed), &done.remains);
    Ok(if done.remains.none() { 0 } else { failure::ATTENTION })
}

fn shown(shell: Shell, before: Timestamp, removed: Option<&Removed>, remains: &Remains) {
    if shell.json {
        let removed = removed.map(|r| {
            serde_json::json!({ "oldest_snapshot": r.oldest.0, "snapshots": r.snapshots, "rows": r.rows, "inlined": r.inlined, "files": r.files })
        });
        let remains = serde_json::json!({ "rows": remains.rows, "inlined": remains.inlined, "snapshots": remains.snapshots, "files": remains.files });
        terminal::json(&serde_json::json!({ "before": before, "removed": removed, "remains": remains }));
        return;
    }
    if let Some(r) = removed {
        terminal::line(format!(
            "replaced at or before {before} and removed: {} row(s) in files, {} in the catalogue; {} snapshot(s) can be read no more, the oldest is {} now; {} file(s) are needed no more",
            r.rows, r.inlined, r.snapshots, r.oldest, r.files
        ));
    }
    let words = if remains.none() {
        format!("a scan of every file and of the catalogue finds nothing that was replaced at or before {before}")
    } else {
        format!(
            "a scan finds, replaced at or before {before}: {} row(s) in files, {} in the catalogue, {} older snapshot(s), {} file(s) that wait until nobody reads",
            remains.rows, remains.inlined, remains.snapshots, remains.files
        )
    };
    terminal::line(words);
}

async fn history(shell: Shell, data: &Path) -> Ended {
    let (ledger, store) = opened(data).await?;
    let mut conn = ledger.connection().await.map_err(internal)?;
    let entries = store.history(&mut conn).await?;
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
