//! One case with everything its report needs.

use std::collections::HashMap;
use std::sync::Arc;

use hedui_base::{CaseId, PersonKey};
use hedui_engine::input::Caseload;
use hedui_engine::{Trace, TracePlan, trace_by};
use hedui_ledger::{Ask, AskFilter, Case, Person};
use hedui_rules::Program;
use hedui_store::{At, CoverageRow};
use jiff::Timestamp;
use jiff::civil::Date;
use tracing::debug_span;

use super::tree::Names;
use super::words::relation_zh;
use crate::compare::{Answers, Chunk, Setting, selected, stored_chunk};
use crate::{Selection, VerifyError, Workspace};

/// One case, its people, answers and columns.
pub(super) struct One {
    pub(super) case: Case,
    pub(super) people: Vec<Person>,
    pub(super) program: Arc<Program>,
    plan: TracePlan,
    pub(super) coverage: Vec<CoverageRow>,
    /// Asks that are planned or sent and not settled yet.
    pub(super) open: Vec<Ask>,
    pub(super) caseload: Caseload,
    pub(super) as_of: Date,
    pub(super) known_at: Timestamp,
}

impl One {
    pub(super) async fn load(ws: &Workspace, case: &CaseId, as_of: Date) -> Result<Self, VerifyError> {
        let finding = debug_span!("case");
        let (chunk, stored) = match selected(ws, &Selection::Cases(vec![case.clone()])).await {
            Ok(cases) => (Chunk::load(ws, cases).await?, None),
            Err(VerifyError::UnknownCase(id)) => {
                let (chunk, snapshot) = stored_chunk(ws, case, as_of).await?.ok_or(VerifyError::UnknownCase(id))?;
                (chunk, Some(snapshot))
            }
            Err(error) => return Err(error),
        };
        let case = chunk.cases.first().cloned().ok_or_else(|| VerifyError::UnknownCase(case.clone()))?;
        let program = ws.program_for(case.area, as_of)?;
        let keys: Vec<PersonKey> = case.people.iter().map(|p| p.person).collect();
        let in_store = stored.is_some();
        drop(finding);
        let snapshot = match stored {
            Some(snapshot) => snapshot,
            None => {
                let _pinning = debug_span!("pin");
                // Nothing is looked up of anybody else.
                let mut connection = ws.ledger().connection().await?;
                ws.store().snapshot_of(&mut connection, At::Latest, &keys).await?
            }
        };
        let people_of = debug_span!("people");
        let people = if in_store {
            // Nobody there has a name or a number.
            keys.iter().map(|key| Person { key: *key, id: None, id_problem: None, name: None }).collect()
        } else {
            ws.ledger().people(&keys).await?
        };
        let filter = AskFilter { people: Some(keys.clone()), open: true, ..AskFilter::default() };
        let open = ws.ledger().asks(&filter).await?;
        drop(people_of);
        let (own, at) = (ws.clone(), Arc::clone(&program));
        let work = move || -> Result<_, VerifyError> {
            let answers = debug_span!("read").in_scope(|| Answers::load(&snapshot, &at, &keys))?;
            let _columns = debug_span!("columns").entered();
            let setting = Setting { registry: own.registry(), letters: &chunk.letters, born: &chunk.born };
            let mut built = setting.caseloads(&at, &[&chunk.cases[0]], &answers)?;
            let (_, caseload) = built.pop().ok_or_else(|| VerifyError::Internal("no caseload".to_owned()))?;
            Ok((answers.coverage, caseload, snapshot.known_at()))
        };
        let (coverage, caseload, known_at) =
            tokio::task::spawn_blocking(work).await.map_err(|e| VerifyError::Internal(e.to_string()))??;
        let plan = ws.trace_plan(&program);
        Ok(Self { case, people, program, plan, coverage, open, caseload, as_of, known_at })
    }

    pub(super) fn trace(&self) -> Result<Trace<'_>, VerifyError> {
        let trace = || trace_by(&self.plan, &self.program, &self.caseload, 0, self.as_of);
        Ok(debug_span!("kernel").in_scope(trace)?)
    }

    pub(super) fn names<'a>(&self, ws: &'a Workspace) -> Names<'a> {
        let entries = self.case.people.iter().zip(&self.people);
        let people: HashMap<PersonKey, String> =
            entries.map(|(entry, p)| (p.key, called(p, &entry.relation))).collect();
        Names { registry: ws.registry(), people }
    }
}

/// What a person is called in a tree: the masked name and the relation to the applicant.
pub(crate) fn called(person: &Person, relation: &str) -> String {
    format!("{}·{}", person.masked_name(), relation_zh(relation))
}
