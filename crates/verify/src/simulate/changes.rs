//! `changes.parquet` and `changes.csv`: one row a case that somebody has to look at again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::Tri;
use hedui_base::columns::days_to_date;
use hedui_engine::output::Cell;
use hedui_store::results::{self, ResultColumn};

use super::movement::{Movement, difference};
use super::outcome::{Amount, Outcome};
use super::tally::Both;
use crate::VerifyError;

const TEXTS: [&str; 18] = [
    "case",
    "area",
    "residence",
    "size",
    "in_receipt",
    "movement",
    "pack_before",
    "pack_after",
    "before",
    "after",
    "until_before",
    "until_after",
    "beside",
    "flipped",
    "limits",
    "waiting_on_before",
    "waiting_on_after",
    "failure",
];

const AMOUNTS: [&str; 7] = [
    "amount_before_fen",
    "amount_after_fen",
    "difference_fen",
    "before_at_least_fen",
    "before_at_most_fen",
    "after_at_least_fen",
    "after_at_most_fen",
];

struct Row {
    texts: [Option<Arc<str>>; TEXTS.len()],
    amounts: [Option<i64>; AMOUNTS.len()],
}

/// Changed cases, in the order of the cases.
#[derive(Default)]
pub(super) struct Changes {
    rows: Vec<Row>,
}

impl Changes {
    pub(super) fn add(&mut self, both: &Both) {
        let ((program, before), (program_after, after)) = (&both.before, &both.after);
        let movement = Movement::of(before, after);
        if !movement.needs_recheck(before, after) {
            return;
        }
        let [size, residence, in_receipt, ..] = &both.kind.words;
        let failure = [before, after].iter().filter_map(|o| o.failure.as_deref()).collect::<Vec<_>>().join("; ");
        let texts = [
            both.case.as_str(),
            &both.area.to_string(),
            residence,
            size,
            in_receipt,
            movement.as_str(),
            &program.pack.id,
            &program_after.pack.id,
            before.standing.word(),
            after.standing.word(),
            &day(before),
            &day(after),
            &beside(before, after),
            &flipped(before, after),
            &limits(before, after),
            &before.waiting_on.join(","),
            &after.waiting_on.join(","),
            &failure,
        ];
        let texts = texts.map(|text| (!text.is_empty()).then(|| Arc::from(text)));
        let bounds = |amount: Amount| if amount.exact().is_some() { (None, None) } else { amount.bounds() };
        let ((a, b), (c, d)) = (bounds(before.amount), bounds(after.amount));
        let amounts = [before.finding_amount(), after.finding_amount(), difference(before, after), a, b, c, d];
        self.rows.push(Row { texts, amounts });
    }

    /// Writes both files into a folder and gives the Parquet file.
    pub(super) fn write(self, out: &Path) -> Result<PathBuf, VerifyError> {
        let csv = out.join("changes.csv");
        let fault = |error: csv::Error| VerifyError::Io { path: csv.clone(), error: error.into() };
        let mut writer = csv::Writer::from_path(&csv).map_err(fault)?;
        writer.write_record(TEXTS.iter().chain(&AMOUNTS)).map_err(fault)?;
        for row in &self.rows {
            let texts = row.texts.iter().map(|t| t.as_deref().unwrap_or_default().to_owned());
            let amounts = row.amounts.iter().map(|a| a.map_or_else(String::new, |a| a.to_string()));
            writer.write_record(texts.chain(amounts)).map_err(fault)?;
        }
        writer.flush().map_err(VerifyError::io(&csv))?;
        let text = |i: usize| ResultColumn::Text(self.rows.iter().map(|row| row.texts[i].clone()).collect());
        let amount = |i: usize| ResultColumn::Int(self.rows.iter().map(|row| row.amounts[i]).collect());
        let texts = TEXTS.iter().enumerate().map(|(i, name)| (*name, text(i)));
        let columns: Vec<_> = texts.chain(AMOUNTS.iter().enumerate().map(|(i, name)| (*name, amount(i)))).collect();
        let path = out.join("changes.parquet");
        results::write(&path, &columns)?;
        Ok(path)
    }
}

/// The last day of what is given, where there is one.
fn day(outcome: &Outcome) -> String {
    outcome.until.and_then(Cell::known).and_then(days_to_date).map_or_else(String::new, |day| day.to_string())
}

/// What schemes other than the category pay, in fen, where that changed: `scheme:before>after`.
fn beside(before: &Outcome, after: &Outcome) -> String {
    let word = |side: &Outcome, scheme: &str| match side.beside(scheme) {
        None => "-".to_owned(),
        Some((Some(Tri::Met), Amount::Exact(fen))) => fen.to_string(),
        Some(_) => "?".to_owned(),
    };
    let mut schemes: Vec<&String> = before.paying.keys().chain(after.paying.keys()).collect();
    schemes.sort_unstable();
    schemes.dedup();
    let changed = schemes.into_iter().filter(|s| before.beside(s) != after.beside(s));
    let said: Vec<String> = changed.map(|s| format!("{s}:{}>{}", word(before, s), word(after, s))).collect();
    said.join(";")
}

/// Tests whose result changed: `name:before>after`; a test that only one side has is `-` on the other.
fn flipped(before: &Outcome, after: &Outcome) -> String {
    let word = |result: Option<Tri>| result.map_or("-", Tri::as_str);
    changed(before, after, |test| test.map(|(result, _)| *result), |a, b| format!("{}>{}", word(a), word(b)))
}

/// Tests whose limit changed, in the integers of their type (fen for money): `name:before>after`.
fn limits(before: &Outcome, after: &Outcome) -> String {
    let word = |limit: Option<i64>| limit.map_or_else(|| "?".to_owned(), |v| v.to_string());
    changed(before, after, |test| test.and_then(|(_, limit)| *limit), |a, b| format!("{}>{}", word(a), word(b)))
}

fn changed<T: PartialEq>(
    before: &Outcome,
    after: &Outcome,
    part: impl Fn(Option<&(Tri, Option<i64>)>) -> Option<T>,
    say: impl Fn(Option<T>, Option<T>) -> String,
) -> String {
    let mut names: Vec<&String> = before.tests.keys().chain(after.tests.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut said = Vec::new();
    for name in names {
        let (a, b) = (part(before.tests.get(name)), part(after.tests.get(name)));
        if a != b {
            said.push(format!("{name}:{}", say(a, b)));
        }
    }
    said.join(";")
}
