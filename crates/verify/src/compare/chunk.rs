//! Some cases with all that comparing them needs, and the comparison itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hedui_base::{CaseId, Fen, Letter, PersonKey};
use hedui_engine::input::Caseload;
use hedui_engine::output::{CaseFinding, RaisedFlag};
use hedui_engine::stored::run_keeping;
use hedui_engine::{Derived, RunOptions, run};
use hedui_ledger::{Case, SavedFinding};
use hedui_rules::Program;
use hedui_store::Snapshot;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::CaseFailure;
use super::caseload::{Answers, Born, Setting};
use super::tally::CoverageTally;
use crate::{VerifyError, Workspace};

/// Some cases, who is in them, and the letters they came with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) cases: Vec<Case>,
    pub(crate) letters: HashMap<CaseId, Vec<Letter>>,
    pub(crate) born: HashMap<PersonKey, Born>,
    /// Whether to keep what explains each case later.
    pub(crate) keep: bool,
}

/// One case compared.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    /// Row in the chunk or caseload.
    pub(crate) row: usize,
    pub(crate) program: Arc<Program>,
    pub(crate) finding: CaseFinding,
    pub(crate) derived: Derived,
    pub(crate) flags: Vec<RaisedFlag>,
    /// What explains it later, if that was asked for.
    pub(crate) kept: Option<Vec<u8>>,
}

/// Rows of cases by the program in force for them.
pub(crate) type ByProgram = Vec<(Arc<Program>, Vec<usize>)>;

impl Chunk {
    /// Reads letters and birth dates of some cases.
    pub(crate) async fn load(ws: &Workspace, cases: Vec<Case>) -> Result<Self, VerifyError> {
        let ids: Vec<CaseId> = cases.iter().map(|c| c.id.clone()).collect();
        let letters = ws.ledger().letters_for(&ids).await?;
        let mut people: Vec<PersonKey> = cases.iter().flat_map(|c| &c.people).map(|p| p.person).collect();
        people.sort_unstable();
        people.dedup();
        let born = ws.ledger().people(&people).await?.iter().map(|p| (p.key, Born::of(p))).collect();
        Ok(Self { cases, letters, born, keep: false })
    }

    /// The rows of the cases by the program in force for them on a day.
    pub(crate) fn by_program(&self, ws: &Workspace, day: Date) -> Result<ByProgram, VerifyError> {
        let mut by_pack: BTreeMap<String, (Arc<Program>, Vec<usize>)> = BTreeMap::new();
        for (row, case) in self.cases.iter().enumerate() {
            let program = ws.program_for(case.area, day)?;
            by_pack.entry(program.pack.id.clone()).or_insert_with(|| (program, Vec::new())).1.push(row);
        }
        Ok(by_pack.into_values().collect())
    }

    pub(crate) fn people_of(&self, rows: &[usize]) -> Vec<PersonKey> {
        rows.iter().flat_map(|row| &self.cases[*row].people).map(|p| p.person).collect()
    }

    /// Compares every case with what a snapshot knows. Blocking: reads files and computes.
    pub(crate) fn compare(
        &self,
        ws: &Workspace,
        snapshot: &Snapshot,
        as_of: Date,
        tally: &mut CoverageTally,
    ) -> Result<(Vec<Compared>, Vec<CaseFailure>), VerifyError> {
        let (mut compared, mut failures) = (Vec::with_capacity(self.cases.len()), Vec::new());
        for (program, rows) in self.by_program(ws, as_of)? {
            let answers = Answers::load(snapshot, &program, &self.people_of(&rows))?;
            self.run(ws, &program, &rows, &answers, as_of, tally, &mut compared, &mut failures)?;
        }
        compared.sort_by_key(|c| c.row);
        Ok((compared, failures))
    }

    /// Runs one program over the cases at `rows`.
    #[allow(clippy::too_many_arguments, reason = "inputs, day and three sinks; a struct would only rename them")]
    pub(crate) fn run(
        &self,
        ws: &Workspace,
        program: &Arc<Program>,
        rows: &[usize],
        answers: &Answers,
        as_of: Date,
        tally: &mut CoverageTally,
        compared: &mut Vec<Compared>,
        failures: &mut Vec<CaseFailure>,
    ) -> Result<(), VerifyError> {
        for (here, caseload) in self.caseloads(ws, program, rows, answers)? {
            tally.add(&caseload);
            let (found, failed) = compare_keeping(program, &caseload, as_of, self.keep);
            compared.extend(found.into_iter().map(|one| Compared { row: here[one.row], ..one }));
            failures.extend(failed);
        }
        Ok(())
    }

    /// The cases at `rows` as the engine reads them, with the row in this chunk of each of theirs.
    pub(crate) fn caseloads(
        &self,
        ws: &Workspace,
        program: &Program,
        rows: &[usize],
        answers: &Answers,
    ) -> Result<Vec<(Vec<usize>, Caseload)>, VerifyError> {
        let setting = Setting { registry: ws.registry(), letters: &self.letters, born: &self.born };
        let cases: Vec<&Case> = rows.iter().map(|row| &self.cases[*row]).collect();
        let mut caseloads = setting.caseloads(program, &cases, answers)?;
        for (here, _) in &mut caseloads {
            here.iter_mut().for_each(|row| *row = rows[*row]);
        }
        Ok(caseloads)
    }
}

/// Runs a program over a caseload: what every batch comes down to.
pub(crate) fn compare_caseload(
    program: &Arc<Program>,
    caseload: &Caseload,
    as_of: Date,
) -> (Vec<Compared>, Vec<CaseFailure>) {
    compare_keeping(program, caseload, as_of, false)
}

/// The same, and keeps what explains each case later.
pub(crate) fn compare_keeping(
    program: &Arc<Program>,
    caseload: &Caseload,
    as_of: Date,
    keep: bool,
) -> (Vec<Compared>, Vec<CaseFailure>) {
    let options = RunOptions::default();
    let (findings, kept) = if keep {
        run_keeping(program, caseload, as_of, &options)
    } else {
        (run(program, caseload, as_of, &options), Vec::new())
    };
    let mut kept: HashMap<usize, Vec<u8>> = kept.into_iter().map(|one| (one.row, one.bytes)).collect();
    let mut flags: HashMap<usize, Vec<RaisedFlag>> = HashMap::new();
    for flag in findings.flags {
        flags.entry(flag.row).or_default().push(flag);
    }
    let compared = findings.cases.into_iter().map(|finding| Compared {
        row: finding.row,
        program: Arc::clone(program),
        flags: flags.remove(&finding.row).unwrap_or_default(),
        derived: Derived::of(program, &finding),
        kept: kept.remove(&finding.row),
        finding,
    });
    let compared = compared.collect();
    let failures = findings.errors.iter().map(|e| CaseFailure { case: e.case.clone(), reason: e.to_string() });
    (compared, failures.collect())
}

/// What the ledger keeps of one comparison.
pub(crate) fn saved(compared: &Compared, as_of: Date, known_at: Timestamp) -> SavedFinding {
    let program = &compared.program;
    let schemes: serde_json::Map<String, serde_json::Value> = program
        .schemes
        .iter()
        .zip(&compared.finding.schemes)
        .map(|(scheme, found)| (scheme.id.clone(), json!(found.finding)))
        .collect();
    let possible: Vec<&str> = compared.derived.possible.iter().map(|i| program.schemes[*i].id.as_str()).collect();
    let flags: Vec<serde_json::Value> = compared
        .flags
        .iter()
        .map(|raised| json!({ "flag": program.flags[raised.flag].id, "person": raised.person }))
        .collect();
    SavedFinding {
        case: compared.finding.case.clone(),
        as_of,
        known_at,
        pack: program.pack.id.clone(),
        pack_version: program.pack.version.clone(),
        pack_hash: program.pack.hash.clone(),
        category: compared.derived.category.map(|i| program.schemes[i].id.clone()),
        amount: compared.derived.amount_fen.map(Fen::new),
        findings: json!({
            "schemes": schemes,
            "possible": possible,
            "waiting_on": compared.derived.waiting_names(),
            "flags": flags,
        }),
    }
}

/// Months between rechecks of each case under its own scheme, where the pack says so without any answer.
pub(crate) async fn recheck_months(
    ws: &Workspace,
    cases: &[Case],
    day: Date,
) -> Result<HashMap<CaseId, i64>, VerifyError> {
    let mut months = HashMap::with_capacity(cases.len());
    for part in cases.chunks(super::batch::CHUNK) {
        let chunk = Chunk::load(ws, part.to_vec()).await?;
        let ws = ws.clone();
        let found = tokio::task::spawn_blocking(move || -> Result<Vec<(CaseId, i64)>, VerifyError> {
            let mut found = Vec::new();
            for (program, rows) in chunk.by_program(&ws, day)? {
                let (mut compared, mut failures) = (Vec::new(), Vec::new());
                let nothing = Answers::default();
                let mut tally = CoverageTally::default();
                chunk.run(&ws, &program, &rows, &nothing, day, &mut tally, &mut compared, &mut failures)?;
                for one in compared {
                    let case = &chunk.cases[one.row];
                    if let Some(months) = scheme_months(&one, &case.scheme) {
                        found.push((case.id.clone(), months));
                    }
                }
            }
            Ok(found)
        })
        .await
        .map_err(|e| VerifyError::Internal(e.to_string()))??;
        months.extend(found);
    }
    Ok(months)
}

/// Months between rechecks under the category concluded, or under the scheme of the case.
pub(crate) fn scheme_months(compared: &Compared, scheme: &str) -> Option<i64> {
    let of = |i: usize| compared.finding.schemes.get(i)?.recheck_months;
    let own = || compared.program.schemes.iter().position(|s| s.id == scheme).and_then(of);
    compared.derived.category.and_then(of).or_else(own)
}
