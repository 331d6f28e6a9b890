//! What is looked up in a snapshot before it is printed: under which packs its cases are, and which answers may be corrections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use hedui_base::AreaCode;
use hedui_rules::Program;
use hedui_store::{CASES, COVERAGE, Scan, ScannedColumn, Snapshot};
use jiff::civil::Date;

use crate::{VerifyError, Workspace};

/// The cases under one pack.
pub(super) struct PackCases {
    pub(super) program: Arc<Program>,
    pub(super) areas: Vec<String>,
    pub(super) cases: usize,
}

/// The packs in force for the cases of a store.
pub(super) fn cases_by_pack(ws: &Workspace, snapshot: &Snapshot, day: Date) -> Result<Vec<PackCases>, VerifyError> {
    let mut areas: BTreeMap<String, usize> = BTreeMap::new();
    for bucket in snapshot.buckets(CASES) {
        let (ids, words) = words(snapshot.scan(CASES, bucket, &["area"])?.columns.into_iter().next())?;
        let mut counts = vec![0; words.len()];
        for id in ids {
            *counts.get_mut(id as usize).ok_or_else(|| damaged("a case without an area"))? += 1;
        }
        for (word, count) in words.iter().zip(counts) {
            *areas.entry(word.to_string()).or_default() += count;
        }
    }
    let mut packs: Vec<PackCases> = Vec::new();
    for (word, cases) in areas {
        let area: AreaCode = word.parse().map_err(|_| damaged("an area that is no division code"))?;
        let program = ws.program_for(area, day)?;
        match packs.iter_mut().find(|known| known.program.pack.id == program.pack.id) {
            Some(known) => {
                known.areas.push(word);
                known.cases += cases;
            }
            None => packs.push(PackCases { program, areas: vec![word], cases }),
        }
    }
    Ok(packs)
}

/// Which files of the coverage hold answers that may stand for an earlier one.
#[derive(Debug, Default)]
pub(super) struct Later {
    pub(super) files: Vec<PathBuf>,
    /// Sources with rows in them.
    pub(super) corrected: BTreeSet<String>,
    /// All sources that the coverage names.
    pub(super) sources: BTreeSet<String>,
}

impl Later {
    /// Looks at the coverage: at all its pairs if `closely`, or only at who answered.
    pub(super) fn of(snapshot: &Snapshot, closely: bool) -> Result<Self, VerifyError> {
        let mut later = Self::default();
        for bucket in snapshot.buckets(COVERAGE) {
            let names: &[&str] = if closely { &["source", "person", "answer"] } else { &["source"] };
            let Scan { rows, columns, ends } = snapshot.scan(COVERAGE, bucket, names)?;
            let mut columns = columns.into_iter();
            let (source, sources) = words(columns.next())?;
            later.sources.extend(sources.iter().map(|name| name.to_string()));
            if !closely {
                continue;
            }
            let (Some(ScannedColumn::Ints { values: person, .. }), Some(ScannedColumn::Ints { values: answer, .. })) =
                (columns.next(), columns.next())
            else {
                return Err(damaged("a person or an answer that is no number"));
            };
            let people = snapshot.bucket_people() as usize;
            let first = i64::from(bucket) * people as i64;
            // As a rule the first file has every pair once, and the others what came later.
            let base = ends.first().copied().unwrap_or(rows);
            let mut seen = vec![false; sources.len() * people];
            let cell = |row: usize| source[row] as usize * people + (person[row] - first) as usize;
            let repeats = (0..base).any(|row| std::mem::replace(&mut seen[cell(row)], true));
            let newest = answer[..base].iter().max();
            let in_order = answer[base..].iter().min() > newest || base == rows;
            let from = if repeats || !in_order { 0 } else { 1 };
            let parts = snapshot.bucket_parts(COVERAGE, bucket);
            later.files.extend(parts.into_iter().skip(from).map(|part| part.path));
            let start = if from == 0 { 0 } else { base };
            let mut named = vec![false; sources.len()];
            source[start..].iter().for_each(|id| named[*id as usize] = true);
            later
                .corrected
                .extend(sources.iter().zip(named).filter(|(_, named)| *named).map(|(name, _)| name.to_string()));
        }
        Ok(later)
    }
}

fn damaged(what: &str) -> VerifyError {
    VerifyError::Internal(format!("the store has {what}; `hedui store verify` looks for damage"))
}

fn words(column: Option<ScannedColumn>) -> Result<(Vec<u32>, Vec<Box<str>>), VerifyError> {
    match column {
        Some(ScannedColumn::Words { ids, words }) => Ok((ids, words)),
        _ => Err(damaged("a column of another type than its table")),
    }
}
