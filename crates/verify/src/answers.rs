//! What one source says about one household: every person's answer, and the rows that came with it.

use hedui_base::{CaseId, ColumnType, Dataset, Outcome, PersonKey, Records, SourceId};
use hedui_engine::show_number;
use hedui_store::At;
use jiff::civil::Date;
use serde::Serialize;

use crate::report::masked_key;
use crate::{VerifyError, Workspace, check};

/// One person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerLine {
    /// Whose.
    pub person: PersonKey,
    /// Masked name and relation to the applicant.
    pub called: String,
    /// How the ask ended; none if nobody asked yet.
    pub outcome: Option<Outcome>,
    /// The same in words, with the cause where it is no answer.
    pub text: String,
    /// What day it is true for.
    pub as_of: Option<Date>,
    /// Number of the letter that allowed it.
    pub letter: Option<String>,
    /// What came with it.
    pub records: Vec<AnswerRecord>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerRecord {
    /// Natural key; account-like keys show their last four characters.
    pub record_id: String,
    /// What day it is true for.
    pub as_of: Option<Date>,
    /// Chinese title and shown value of every column that is there.
    pub columns: Vec<(String, String)>,
}

/// What a source's kept answers say about the people of one case, as this case's letters allow it to be seen. Nobody is
/// asked.
///
/// # Errors
/// As [`check`], and [`VerifyError::UnknownSource`].
pub async fn source_answers(
    ws: &Workspace,
    source: &SourceId,
    case: &CaseId,
    as_of: Date,
) -> Result<Vec<AnswerLine>, VerifyError> {
    let known = ws.registry().get(source.as_str()).ok_or_else(|| VerifyError::UnknownSource(source.clone()))?;
    let dataset = known.dataset.clone();
    let report = check(ws, case, as_of).await?;
    let lines: Vec<AnswerLine> = report
        .coverage
        .iter()
        .filter(|line| line.source == source.as_str() && line.outcome != Some(Outcome::NotApplicable))
        .map(|line| AnswerLine {
            person: line.person,
            called: report
                .people
                .iter()
                .find(|p| p.person == line.person)
                .map_or_else(String::new, |p| format!("{}·{}", p.name, p.relation_zh)),
            outcome: line.outcome,
            text: line.text.clone(),
            as_of: line.as_of,
            letter: line.letter.clone(),
            records: Vec::new(),
        })
        .collect();
    let mut connection = ws.ledger().connection().await?;
    // A letter that does not allow the answer does not allow its rows, whoever else may see them.
    let seen = |line: &&AnswerLine| matches!(line.outcome, Some(Outcome::Found | Outcome::Partial));
    let people: Vec<PersonKey> = lines.iter().filter(seen).map(|line| line.person).collect();
    let snapshot = ws.store().snapshot_of(&mut connection, At::Latest, &people).await?;
    drop(connection);
    let source = source.clone();
    let read = move || -> Result<Vec<AnswerLine>, VerifyError> {
        let kept = snapshot.records(&dataset.name, &people, None)?;
        let rows = (0..kept.len()).filter(|row| kept.source[*row] == source);
        let mut lines = lines;
        for row in rows {
            if let Some(line) = lines.iter_mut().find(|line| line.person == kept.person[row]) {
                line.records.push(shown(&dataset, &kept, row));
            }
        }
        Ok(lines)
    };
    tokio::task::spawn_blocking(read).await.map_err(|e| VerifyError::Internal(e.to_string()))?
}

fn shown(dataset: &Dataset, kept: &Records, row: usize) -> AnswerRecord {
    let value = |name: &str, ty: ColumnType| match ty {
        ColumnType::Code => {
            let code = kept.table.text(name, row)?;
            Some(dataset.columns[name].codes.get(code).map_or_else(|| code.to_owned(), Clone::clone))
        }
        ColumnType::Text => kept.table.text(name, row).map(masked_key),
        _ => kept.table.int(name, row).map(|v| show_number(ty, v)),
    };
    let columns =
        dataset.columns.iter().filter_map(|(name, spec)| Some((spec.title.zh.clone(), value(name, spec.ty)?)));
    AnswerRecord { record_id: masked_key(&kept.record_id[row]), as_of: kept.as_of[row], columns: columns.collect() }
}
