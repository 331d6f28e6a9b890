//! One household, now: ask the sources that answer at once, use what is fresh, leave the slow ones pending, compare.

use std::time::Duration;

use hedui_base::{CaseId, Outcome, PersonKey};
use hedui_ledger::{AskFilter, AuditEvent, Verification};
use hedui_verify::{AcquireMode, AcquireRequest, Report, Selection, Workspace};
use jiff::civil::Date;
use serde_json::{Value as Json, json};

use crate::problem::Problem;
use crate::state::AppState;
use crate::wire::{ReportBody, VerificationState};

/// What a run is about.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) case: CaseId,
    pub(crate) as_of: Date,
    pub(crate) actor: String,
}

/// Starts a run that ends by itself, whether or not the caller waits; the handle tells when.
pub(crate) fn start(state: &AppState, run: Run) -> tokio::task::JoinHandle<()> {
    let running = state.begin_run(&run.id);
    let state = state.clone();
    tokio::spawn(async move {
        if let Err(problem) = ask_and_report(&state, &run).await {
            let failed = save_failure(state.workspace(), &run, &problem).await;
            if failed.is_err() {
                tracing::error!(verification = run.id, "the failure of a verification could not be saved");
            }
        }
        drop(running);
    })
}

async fn ask_and_report(state: &AppState, run: &Run) -> Result<(), Problem> {
    let workspace = state.workspace();
    let request = AcquireRequest {
        cases: Selection::Cases(vec![run.case.clone()]),
        mode: AcquireMode::LiveOnly,
        deadline: Duration::ZERO,
        actor: run.actor.clone(),
        ..AcquireRequest::all(run.as_of)
    };
    hedui_verify::acquire(workspace, request).await?;
    make_report(workspace, run, "verification.reported").await
}

/// Compares with what is stored now and keeps the report.
async fn make_report(workspace: &Workspace, run: &Run, action: &str) -> Result<(), Problem> {
    let report = hedui_verify::check(workspace, &run.case, run.as_of).await?;
    let standing = standing(&report);
    let subjects = report.people.iter().map(|p| p.person).collect();
    let detail = json!({
        "verification": run.id, "case": run.case, "as_of": run.as_of, "pack": report.pack.id,
        "state": standing.as_str(), "category": report.category,
    });
    save(workspace, run, standing, &to_json(&ReportBody::from(&report))?, action, subjects, detail).await
}

async fn save_failure(workspace: &Workspace, run: &Run, problem: &Problem) -> Result<(), Problem> {
    let detail = json!({ "verification": run.id, "case": run.case, "problem": problem.kind().slug() });
    let body = json!({ "as_of": run.as_of, "problem": problem.to_body() });
    save(workspace, run, VerificationState::Failed, &body, "verification.failed", Vec::new(), detail).await
}

async fn save(
    workspace: &Workspace,
    run: &Run,
    standing: VerificationState,
    report: &Json,
    action: &str,
    subjects: Vec<PersonKey>,
    detail: Json,
) -> Result<(), Problem> {
    let (ledger, now) = (workspace.ledger(), workspace.now());
    let event = AuditEvent { actor: run.actor.clone(), action: action.to_owned(), subjects, detail };
    let mut tx = ledger.begin().await?;
    ledger.save_report(&mut tx, &run.id, standing.as_str(), report, now).await?;
    ledger.audit(&mut tx, &[event], now).await?;
    Ok(tx.commit().await?)
}

/// Compares again if answers have come since the report was made, or if it never was (the server stopped in between).
pub(crate) async fn refresh(state: &AppState, known: Verification, actor: &str) -> Result<Verification, Problem> {
    let workspace = state.workspace();
    if state.is_running(&known.id) {
        return Ok(known);
    }
    let case = workspace.ledger().case(&known.case).await?;
    let people = case.map(|c| c.people.iter().map(|p| p.person).collect());
    let asks = workspace.ledger().asks(&AskFilter { people, ..AskFilter::default() }).await?;
    let news = asks.iter().filter_map(|ask| ask.settled_at).max().is_some_and(|at| at > known.updated_at);
    let made = known.report.as_ref().is_some_and(|report| report.get("problem").is_none());
    if made && !news {
        return Ok(known);
    }
    let as_of = known
        .report
        .as_ref()
        .and_then(|r| r["as_of"].as_str())
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| workspace.today());
    let run = Run { id: known.id.clone(), case: known.case.clone(), as_of, actor: actor.to_owned() };
    make_report(workspace, &run, "verification.compared_again").await?;
    Ok(workspace.ledger().verification(&known.id).await?.unwrap_or(known))
}

/// Whether anything may still come by itself.
fn standing(report: &Report) -> VerificationState {
    let waits = |outcome: Option<Outcome>| matches!(outcome, None | Some(Outcome::Pending));
    if report.coverage.iter().any(|line| waits(line.outcome)) {
        VerificationState::WaitingSources
    } else if report.completeness.unknown > 0 {
        VerificationState::CompleteWithGaps
    } else {
        VerificationState::Complete
    }
}

fn to_json(report: &ReportBody) -> Result<Json, Problem> {
    serde_json::to_value(report).map_err(|_| Problem::new(crate::problem::Kind::Internal))
}
