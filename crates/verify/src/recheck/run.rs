//! One recheck, from who is due to the next due date.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hedui_base::{CaseId, Fen, PersonKey};
use hedui_ledger::{Case, NewReview, SavedFinding};
use hedui_store::{At, Snapshot, StoreError};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use super::why::{Between, yuan};
use super::{RecheckRequest, RecheckSummary, RecheckedCase, Standing};
use crate::compare::{Chunk, Compared, CoverageTally, saved, scheme_months, selected};
use crate::report::flag_line;
use crate::review::CHANGE;
use crate::{AcquireMode, AcquireRequest, Event, FlagLine, PackLine, Selection, VerifyError, Workspace, acquire};

/// Cases rechecked at once.
const CHUNK: usize = 500;

/// Rechecks the households that are due: asks again, compares, says what changed and why, raises reviews, sets the
/// next due date.
///
/// A household whose finding is still open stays due, so that the next recheck completes it.
///
/// # Errors
/// As [`crate::acquire`] and [`crate::batch`].
#[tracing::instrument(name = "recheck", skip_all, fields(due = %request.due))]
pub async fn recheck(ws: &Workspace, request: RecheckRequest) -> Result<RecheckSummary, VerifyError> {
    let ws = ws.on(request.due);
    let cases = selected(&ws, &Selection::Due(request.due)).await?;
    let ids: Vec<CaseId> = cases.iter().map(|c| c.id.clone()).collect();
    let mut summary = RecheckSummary { due: Some(request.due), ..RecheckSummary::default() };
    if ids.is_empty() {
        return Ok(summary);
    }
    if request.ask {
        let asking = AcquireRequest {
            cases: Selection::Cases(ids.clone()),
            as_of: request.due,
            sources: None,
            mode: AcquireMode::Everything,
            deadline: request.deadline,
            actor: request.actor.clone(),
            progress: Arc::clone(&request.progress),
        };
        summary.acquired = Some(acquire(&ws, asking).await?);
    }
    let total = cases.len();
    let mut before = ws.ledger().last_findings(&ids).await?;
    let mut snapshots = Snapshots::new(&ws).await?;
    let mut rest = cases;
    let mut done = 0;
    while !rest.is_empty() {
        let part: Vec<Case> = rest.drain(..rest.len().min(CHUNK)).collect();
        done += part.len();
        let old: HashMap<CaseId, SavedFinding> =
            part.iter().filter_map(|c| before.remove(&c.id).map(|f| (c.id.clone(), f))).collect();
        let moments: BTreeSet<Timestamp> = old.values().map(|f| f.known_at).collect();
        let past = snapshots.at(&ws, moments).await?;
        let chunk = Chunk::load(&ws, part).await?;
        let keys: Vec<PersonKey> = chunk.cases.iter().flat_map(|c| &c.people).map(|p| p.person).collect();
        let names: HashMap<PersonKey, String> =
            ws.ledger().people(&keys).await?.iter().map(|p| (p.key, p.masked_name())).collect();
        let part =
            Part { ws: ws.clone(), chunk, old, past, latest: Arc::clone(&snapshots.latest), names, due: request.due };
        let compared = tokio::task::spawn_blocking(move || part.compare())
            .await
            .map_err(|e| VerifyError::Internal(e.to_string()))??;
        finish(&ws, &request, compared, &mut summary).await?;
        request.progress.event(Event::Compared { done, total });
    }
    summary.cases.sort_by(|a, b| a.case.cmp(&b.case));
    Ok(summary)
}

/// The newest snapshot, and those of earlier verifications.
struct Snapshots {
    latest: Arc<Snapshot>,
    past: BTreeMap<Timestamp, Arc<Snapshot>>,
}

impl Snapshots {
    async fn new(ws: &Workspace) -> Result<Self, VerifyError> {
        let mut connection = ws.ledger().connection().await?;
        let latest = Arc::new(ws.store().snapshot(&mut connection, At::Latest).await?);
        Ok(Self { latest, past: BTreeMap::new() })
    }

    async fn at(
        &mut self,
        ws: &Workspace,
        moments: BTreeSet<Timestamp>,
    ) -> Result<BTreeMap<Timestamp, Arc<Snapshot>>, VerifyError> {
        let mut connection = ws.ledger().connection().await?;
        let mut found = BTreeMap::new();
        for moment in moments {
            let snapshot = match self.past.get(&moment) {
                Some(snapshot) => Arc::clone(snapshot),
                None => {
                    let snapshot = match ws.store().snapshot(&mut connection, At::Time(moment)).await {
                        Ok(snapshot) => Arc::new(snapshot),
                        // Retention removed what was known then: changes of data since have no cause to be shown.
                        Err(StoreError::NoSnapshot(_)) => {
                            tracing::warn!(%moment, "what was known at the last verification was removed by retention");
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    };
                    self.past.insert(moment, Arc::clone(&snapshot));
                    snapshot
                }
            };
            found.insert(moment, snapshot);
        }
        Ok(found)
    }
}

/// Some households that are due, with all that comparing them with before needs.
struct Part {
    ws: Workspace,
    chunk: Chunk,
    old: HashMap<CaseId, SavedFinding>,
    past: BTreeMap<Timestamp, Arc<Snapshot>>,
    latest: Arc<Snapshot>,
    names: HashMap<PersonKey, String>,
    due: Date,
}

/// What a part came to.
struct Outcome {
    cases: Vec<(RecheckedCase, SavedFinding, Vec<NewReview>)>,
    failures: Vec<(CaseId, String)>,
}

impl Part {
    fn compare(&self) -> Result<Outcome, VerifyError> {
        let mut tally = CoverageTally::default();
        let (compared, failures) = self.chunk.compare(&self.ws, &self.latest, self.due, &mut tally)?;
        let mut outcome = Outcome {
            cases: Vec::with_capacity(compared.len()),
            failures: failures.into_iter().map(|f| (f.case, f.reason)).collect(),
        };
        for one in &compared {
            match self.one(one) {
                Ok(case) => outcome.cases.push(case),
                Err(VerifyError::Case(error)) => outcome.failures.push((error.case.clone(), error.to_string())),
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    fn one(&self, compared: &Compared) -> Result<(RecheckedCase, SavedFinding, Vec<NewReview>), VerifyError> {
        let case = &self.chunk.cases[compared.row];
        let program = &compared.program;
        let old = self.old.get(&case.id);
        let after = standing(compared, self.due);
        let before = old.map(Standing::of);
        let had: BTreeSet<(String, Option<u64>)> = old.map(flags_of).unwrap_or_default();
        let key = |raised: &hedui_engine::output::RaisedFlag| {
            (program.flags[raised.flag].id.clone(), raised.person.map(|p| u64::from(p.0)))
        };
        let has: BTreeSet<_> = compared.flags.iter().map(key).collect();
        let title = |id: &str| self.ws.registry().get(id).map_or_else(|| id.to_owned(), |s| s.title.zh.clone());
        let new_flags: Vec<FlagLine> = compared
            .flags
            .iter()
            .filter(|raised| !had.contains(&key(raised)))
            .map(|raised| flag_line(program, raised, self.due, title))
            .collect();
        let gone_flags: Vec<String> = had.difference(&has).map(|(id, _)| id.clone()).collect();
        let changed = before.as_ref().is_some_and(|b| !b.same_conclusion(&after));
        let mut causes = Vec::new();
        if let (Some(old), true) = (old, changed || !new_flags.is_empty() || !gone_flags.is_empty()) {
            let between = Between {
                ws: &self.ws,
                case,
                letters: &self.chunk.letters,
                born: &self.chunk.born,
                names: &self.names,
                before: old,
                now: self.due,
                program,
                old_snapshot: self.past.get(&old.known_at).unwrap_or(&self.latest),
                new_snapshot: &self.latest,
            };
            causes = between.causes()?;
        }
        let settled = compared.derived.is_settled();
        let next_due = if settled {
            scheme_months(compared, &case.scheme).and_then(|months| self.due.checked_add(months.months()).ok())
        } else {
            None
        };
        let mut rechecked = RecheckedCase {
            case: case.id.clone(),
            due: case.next_due.unwrap_or(self.due),
            before,
            after,
            changed,
            causes,
            new_flags,
            gone_flags,
            next_due,
            reviews: 0,
        };
        let reviews = self.reviews(case, compared, &rechecked);
        rechecked.reviews = reviews.len();
        Ok((rechecked, saved(compared, self.due, self.latest.known_at()), reviews))
    }

    /// A task for every flag raised anew, and one for a changed finding.
    fn reviews(&self, case: &Case, compared: &Compared, rechecked: &RecheckedCase) -> Vec<NewReview> {
        let as_of = self.due.to_string();
        let mut reviews: Vec<NewReview> = rechecked
            .new_flags
            .iter()
            .map(|flag| NewReview {
                case: case.id.clone(),
                person: flag.person,
                flag: flag.flag.clone(),
                severity: flag.severity.clone(),
                kind: flag.follow_up.clone(),
                detail: json!({ "text": format!("{}：{}", flag.title, flag.follow_up_zh), "as_of": as_of, "flag": flag }),
                area: case.area,
            })
            .collect();
        if rechecked.changed {
            let before = rechecked.before.as_ref();
            let old = before.and_then(|b| b.paid());
            let new = rechecked.after.paid();
            let lower = matches!((old, new), (Some(a), Some(b)) if b < a);
            let program = &compared.program;
            let word = |standing: Option<&Standing>| -> String {
                let id = standing.and_then(|s| s.category.as_deref());
                let title = id.and_then(|id| program.schemes.iter().find(|s| s.id == id)).map(|s| s.title.clone());
                title.unwrap_or_else(|| match standing {
                    Some(s) if !s.possible.is_empty() => "存疑待核".to_owned(),
                    _ => "均不符合".to_owned(),
                })
            };
            let causes: Vec<&str> = rechecked.causes.iter().map(|c| c.text.as_str()).collect();
            let text = format!(
                "核对结果变化：{}（{}）→ {}（{}）。{}",
                word(before),
                yuan(old),
                word(Some(&rechecked.after)),
                yuan(new),
                causes.join("；")
            );
            reviews.push(NewReview {
                case: case.id.clone(),
                person: None,
                flag: CHANGE.to_owned(),
                severity: if lower { "high" } else { "medium" }.to_owned(),
                kind: "recompute".to_owned(),
                detail: json!({ "text": text, "as_of": as_of, "causes": rechecked.causes }),
                area: case.area,
            });
        }
        reviews
    }
}

/// Writes down what a part came to, in one transaction, and counts it.
async fn finish(
    ws: &Workspace,
    request: &RecheckRequest,
    outcome: Outcome,
    summary: &mut RecheckSummary,
) -> Result<(), VerifyError> {
    let now = ws.now();
    let (mut kept, mut reviews, mut due) = (Vec::new(), Vec::new(), Vec::new());
    for (case, finding, own) in outcome.cases {
        kept.push(finding);
        reviews.extend(own);
        if let Some(next) = case.next_due {
            due.push((case.case.clone(), Some(next)));
        }
        summary.count(&case);
        summary.cases.push(case);
    }
    summary.failures.extend(outcome.failures);
    let event = hedui_ledger::AuditEvent {
        actor: request.actor.clone(),
        action: "case.rechecked".to_owned(),
        subjects: Vec::new(),
        detail: json!({ "due": request.due, "cases": kept.iter().map(|f| &f.case).collect::<Vec<_>>() }),
    };
    let mut tx = ws.ledger().begin().await?;
    ws.ledger().save_findings(&mut tx, &kept, now).await?;
    ws.ledger().raise_reviews(&mut tx, &reviews, now).await?;
    ws.ledger().set_next_due(&mut tx, &due).await?;
    ws.ledger().audit(&mut tx, &[event], now).await?;
    Ok(tx.commit().await?)
}

fn standing(compared: &Compared, as_of: Date) -> Standing {
    let program = &compared.program;
    let id = |i: &usize| program.schemes[*i].id.clone();
    Standing {
        as_of: Some(as_of),
        pack: PackLine::of(program),
        category: compared.derived.category.as_ref().map(id),
        possible: compared.derived.possible.iter().map(id).collect(),
        waiting_on: compared.derived.waiting_names(),
        findings: program
            .schemes
            .iter()
            .zip(&compared.finding.schemes)
            .map(|(scheme, found)| (scheme.id.clone(), found.finding.as_str().to_owned()))
            .collect(),
        amount_fen: compared.derived.amount_fen,
    }
}

fn texts(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn flags_of(finding: &SavedFinding) -> BTreeSet<(String, Option<u64>)> {
    let flags = finding.findings["flags"].as_array().into_iter().flatten();
    flags.filter_map(|f| Some((f["flag"].as_str()?.to_owned(), f["person"].as_u64()))).collect()
}

impl Standing {
    fn of(finding: &SavedFinding) -> Self {
        let schemes = finding.findings["schemes"].as_object();
        Self {
            as_of: Some(finding.as_of),
            pack: PackLine {
                id: finding.pack.clone(),
                title: String::new(),
                version: finding.pack_version.clone(),
                hash: finding.pack_hash.clone(),
            },
            category: finding.category.clone(),
            possible: texts(&finding.findings["possible"]),
            waiting_on: texts(&finding.findings["waiting_on"]),
            findings: schemes
                .into_iter()
                .flatten()
                .filter_map(|(id, word)| Some((id.clone(), word.as_str()?.to_owned())))
                .collect(),
            amount_fen: finding.amount.map(Fen::fen),
        }
    }

    fn same_conclusion(&self, other: &Self) -> bool {
        self.category == other.category
            && self.possible == other.possible
            && self.findings == other.findings
            && self.amount_fen == other.amount_fen
    }

    /// What it pays a month: nothing if nothing is possible, unknown while it is open.
    fn paid(&self) -> Option<i64> {
        self.amount_fen.or(if self.possible.is_empty() { Some(0) } else { None })
    }
}

impl RecheckSummary {
    fn count(&mut self, case: &RecheckedCase) {
        let Some(before) = &case.before else {
            self.unchanged += 1;
            return;
        };
        match (before.paid(), case.after.paid()) {
            (Some(old), Some(new)) if new > old => self.raised += 1,
            (Some(old), Some(new)) if new < old => self.lowered += 1,
            _ => {}
        }
        self.recategorised += usize::from(before.category != case.after.category);
        self.unchanged += usize::from(!case.changed);
    }
}
