//! A simulation over a data folder: both sets of programs on each chunk as it is loaded.

use std::sync::Arc;

use hedui_ledger::Case;
use hedui_rules::Program;
use hedui_store::{At, Snapshot};
use jiff::civil::Date;

use super::household_type::{HouseholdType, household_types};
use super::side::Programs;
use super::tally::{Both, Tally, outcomes, prepare};
use super::{SimulateRequest, Simulation};
use crate::compare::{Answers, CHUNK, Chunk, compare_caseload, selected};
use crate::{Event, VerifyError, Workspace};

/// Compares the cases of a data folder under two sets of rules and tells the difference. Stores nothing.
///
/// Every figure is the one that two runs of [`crate::batch`] over the same answers give.
///
/// # Errors
/// Broken packs or settings, a named pack that no case uses, or a folder that cannot be written.
#[tracing::instrument(name = "simulate", skip_all, fields(as_of = %request.reform.as_of))]
pub async fn simulate(ws: &Workspace, request: SimulateRequest) -> Result<Simulation, VerifyError> {
    let reform = &request.reform;
    prepare(reform.out.as_deref())?;
    let cases = selected(ws, &request.cases).await?;
    let areas = || cases.iter().map(|c| c.area);
    let before = Arc::new(reform.before.ready("--baseline", ws.library(), areas(), reform.as_of)?);
    let after = Arc::new(reform.after.ready("--reform", ws.library(), areas(), reform.as_of)?);
    let at = request.known_at.map_or(At::Latest, At::Time);
    let mut connection = ws.ledger().connection().await?;
    let snapshot = Arc::new(ws.store().snapshot(&mut connection, at).await?);
    drop(connection);
    let mut found = Simulation { known_at: Some(snapshot.known_at()), ..Simulation::default() };
    let mut tally = Tally::new(reform, &before, &after);
    let total = cases.len();
    let mut done = 0;
    let mut rest = cases;
    while !rest.is_empty() {
        let part: Vec<Case> = rest.drain(..rest.len().min(CHUNK)).collect();
        done += part.len();
        found.people += part.iter().map(|c| c.people.len()).sum::<usize>();
        let chunk = Chunk::load(ws, part).await?;
        let (own, at, as_of) = (ws.clone(), Arc::clone(&snapshot), reform.as_of);
        let (before, after) = (Arc::clone(&before), Arc::clone(&after));
        let work = move || compare_both(&own, &chunk, &at, as_of, &before, &after);
        let both = tokio::task::spawn_blocking(work).await.map_err(|e| VerifyError::Internal(e.to_string()))??;
        both.iter().for_each(|both| tally.add(both));
        reform.progress.event(Event::Compared { done, total });
    }
    let changed = |programs: &Arc<Programs>| programs.changed.clone();
    tally.finish(changed(&before), changed(&after), found)
}

/// Both programs for the cases at some rows of a chunk.
type Pair = (Arc<Program>, Arc<Program>, Vec<usize>);

/// The rows of a chunk by the two programs that compute them.
fn pairs(chunk: &Chunk, before: &Programs, after: &Programs) -> Result<Vec<Pair>, VerifyError> {
    let mut pairs: Vec<Pair> = Vec::new();
    for (row, case) in chunk.cases.iter().enumerate() {
        let (a, b) = (before.for_area(case.area)?, after.for_area(case.area)?);
        match pairs.iter_mut().find(|(c, d, _)| Arc::ptr_eq(a, c) && Arc::ptr_eq(b, d)) {
            Some((.., rows)) => rows.push(row),
            None => pairs.push((Arc::clone(a), Arc::clone(b), vec![row])),
        }
    }
    Ok(pairs)
}

/// Every case of a chunk under both, in order. Blocking: reads files and computes.
fn compare_both(
    ws: &Workspace,
    chunk: &Chunk,
    snapshot: &Snapshot,
    as_of: Date,
    before: &Programs,
    after: &Programs,
) -> Result<Vec<Both>, VerifyError> {
    let mut both: Vec<Option<Both>> = Vec::new();
    both.resize_with(chunk.cases.len(), || None);
    for (program, reformed, rows) in pairs(chunk, before, after)? {
        let answers = Answers::load_for(snapshot, &[&program, &reformed], &chunk.people_of(&rows))?;
        let mut kinds: Vec<(usize, HouseholdType)> = Vec::with_capacity(rows.len());
        let mut sides = [&program, &reformed].map(|_| Vec::new());
        let mut failed = [&program, &reformed].map(|_| Vec::new());
        for (side, program) in [&program, &reformed].into_iter().enumerate() {
            for (here, caseload) in chunk.caseloads(ws, program, &rows, &answers)? {
                if side == 0 {
                    kinds.extend(here.iter().copied().zip(household_types(program, &caseload, as_of)));
                }
                let (compared, failures) = compare_caseload(program, &caseload, as_of);
                sides[side].extend(compared);
                failed[side].extend(failures);
            }
        }
        let ([first, second], [broken, broken_after]) = (sides, failed);
        let (mut first, mut second) = (outcomes(&first, broken), outcomes(&second, broken_after));
        for (row, kind) in kinds {
            let case = &chunk.cases[row];
            let lost = || VerifyError::Internal(format!("case {} was not compared", case.id));
            both[row] = Some(Both {
                case: case.id.clone(),
                area: case.area,
                kind,
                before: (Arc::clone(&program), first.remove(&case.id).ok_or_else(lost)?),
                after: (Arc::clone(&reformed), second.remove(&case.id).ok_or_else(lost)?),
            });
        }
    }
    Ok(both.into_iter().flatten().collect())
}
