//! All cases of a data folder, chunk by chunk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hedui_engine::stored::StoredSetting;
use hedui_ledger::{Case, CaseFilter};
use hedui_rules::Program;
use hedui_store::{At, Snapshot};
use jiff::civil::Date;

use super::chunk::{Chunk, saved};
use super::results::ResultFiles;
use super::tally::{CoverageTally, FindingTally};
use super::{BatchRequest, BatchSummary, buckets};
use crate::accept::cases_by_id;
use crate::kept::{KeptFiles, KeptOrigin};
use crate::{Event, Selection, VerifyError, Workspace};

/// Cases compared at once: their records and columns are in memory together.
pub(crate) const CHUNK: usize = 2_000;

/// The cases of a selection, in order of registration.
pub(crate) async fn selected(ws: &Workspace, selection: &Selection) -> Result<Vec<Case>, VerifyError> {
    match selection {
        Selection::All => Ok(ws.ledger().cases(&CaseFilter::default()).await?),
        Selection::Due(day) => {
            let filter = CaseFilter { due_by: Some(*day), in_receipt: Some(true), ..CaseFilter::default() };
            Ok(ws.ledger().cases(&filter).await?)
        }
        Selection::Cases(ids) => {
            let mut found = cases_by_id(ws, ids).await?;
            let mut cases = Vec::with_capacity(ids.len());
            for id in ids {
                match found.remove(id) {
                    Some(case) => cases.push(case),
                    None if cases.iter().any(|c: &Case| c.id == *id) => {}
                    None => return Err(VerifyError::UnknownCase(id.clone())),
                }
            }
            cases.sort_by_key(|c| c.position);
            Ok(cases)
        }
    }
}

/// The programs in force for the areas of some cases on a day, by pack id.
fn programs(ws: &Workspace, cases: &[Case], day: Date) -> Result<Vec<Arc<Program>>, VerifyError> {
    let mut by_pack = BTreeMap::new();
    let mut areas: Vec<_> = cases.iter().map(|c| c.area).collect();
    areas.sort_unstable();
    areas.dedup();
    for area in areas {
        let program = ws.program_for(area, day)?;
        by_pack.insert(program.pack.id.clone(), program);
    }
    Ok(by_pack.into_values().collect())
}

pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), VerifyError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| VerifyError::Internal(e.to_string()))?;
    std::fs::write(path, text + "\n").map_err(VerifyError::io(path))
}

/// Compares cases with what the store knows and writes `findings.parquet`, `flags.parquet` and `summary.json`.
///
/// The files depend on cases, answers, rules and `as_of` only: the same again gives the same bytes but for `known_at`.
/// What was concluded is kept in the ledger, for the next recheck to compare with.
///
/// # Errors
/// Broken packs, or a folder that cannot be written. A case that cannot be computed is listed, not an error.
#[tracing::instrument(name = "compare", skip_all, fields(as_of = %request.as_of))]
pub async fn batch(ws: &Workspace, request: BatchRequest) -> Result<BatchSummary, VerifyError> {
    std::fs::create_dir_all(&request.out).map_err(VerifyError::io(&request.out))?;
    let at = request.known_at.map_or(At::Latest, At::Time);
    let mut connection = ws.ledger().connection().await?;
    let snapshot = Arc::new(ws.store().snapshot(&mut connection, at).await?);
    drop(connection);
    if matches!(request.cases, Selection::All) && buckets::has_cases(&snapshot) {
        return of_store(ws, request, snapshot).await;
    }
    let cases = selected(ws, &request.cases).await?;
    let programs = programs(ws, &cases, request.as_of)?;
    let mut files = ResultFiles::new(&programs, request.as_of, Some(snapshot.known_at()));
    let (mut findings, mut coverage) = (FindingTally::new(&programs), CoverageTally::default());
    let mut summary =
        BatchSummary { as_of: Some(request.as_of), known_at: Some(snapshot.known_at()), ..BatchSummary::default() };
    let mut explanations = request.explain.then(|| {
        let data = std::path::absolute(ws.dir()).unwrap_or_else(|_| ws.dir().to_path_buf());
        KeptFiles::new(request.as_of, Some(snapshot.known_at()), KeptOrigin::Data { data })
    });
    let total = cases.len();
    let mut done = 0;
    let mut rest = cases;
    while !rest.is_empty() {
        let part: Vec<Case> = rest.drain(..rest.len().min(CHUNK)).collect();
        done += part.len();
        let chunk = Chunk { keep: request.explain, ..Chunk::load(ws, part).await? };
        let (own, at, as_of) = (ws.clone(), Arc::clone(&snapshot), request.as_of);
        let work = move || {
            let mut tally = coverage;
            let result = chunk.compare(&own, &at, as_of, &mut tally);
            (chunk, tally, result)
        };
        let (chunk, tally, result) =
            tokio::task::spawn_blocking(work).await.map_err(|e| VerifyError::Internal(e.to_string()))?;
        coverage = tally;
        let (compared, failures) = result?;
        summary.failures.extend(failures);
        let mut kept = Vec::with_capacity(compared.len());
        for one in &compared {
            findings.add(one);
            files.finding(&one.program, chunk.cases[one.row].area, &one.finding, &one.derived);
            for raised in &one.flags {
                files.flag(&one.program, raised);
            }
            if let Some(explanations) = &mut explanations {
                explanations.add(one, || StoredSetting {
                    sources: ws.registry().iter().map(serves).collect(),
                    ..StoredSetting::default()
                });
            }
            kept.push(saved(one, request.as_of, snapshot.known_at()));
        }
        let mut tx = ws.ledger().begin().await?;
        ws.ledger().save_findings(&mut tx, &kept, ws.now()).await?;
        tx.commit().await?;
        request.progress.event(Event::Compared { done, total });
    }
    findings.into_summary(&mut summary);
    summary.people = coverage.people();
    summary.sources = coverage.totals(|id| ws.registry().get(id).map_or_else(String::new, |s| s.title.zh.clone()));
    if let Some(explanations) = explanations {
        summary.explanations = Some(explanations.write(&request.out, ws.library(), &programs)?);
    }
    finish(files, &mut summary, &request.out)?;
    Ok(summary)
}

/// The same over the cases that lie in the store.
async fn of_store(ws: &Workspace, request: BatchRequest, snapshot: Arc<Snapshot>) -> Result<BatchSummary, VerifyError> {
    let ws = ws.clone();
    let work = move || {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let job = buckets::Job {
            ws: &ws,
            snapshot: &snapshot,
            as_of: request.as_of,
            threads: request.threads.unwrap_or_else(all),
            explain: request.explain,
            out: &request.out,
            progress: &*request.progress,
        };
        let summary = buckets::run(&job)?;
        write_json(&request.out.join("summary.json"), &summary)?;
        Ok(summary)
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| VerifyError::Internal(e.to_string()))?
}

/// A source and the dataset it serves, as caseloads list them.
fn serves(source: &Arc<hedui_connect::Source>) -> (hedui_base::SourceId, String) {
    (source.id.clone(), source.dataset.name.clone())
}

/// Writes the three files of a batch.
pub(super) fn finish(files: ResultFiles, summary: &mut BatchSummary, out: &Path) -> Result<(), VerifyError> {
    summary.findings_file = out.join("findings.parquet");
    summary.flags_file = out.join("flags.parquet");
    files.write(&summary.findings_file, &summary.flags_file)?;
    write_json(&out.join("summary.json"), summary)
}
