//! The outcomes of one bucket of people as columns: by block of people, source, then person, as the store keeps them in bulk.

use hedui_base::Outcome;
use hedui_store::{BulkColumn, Ints};
use jiff::Timestamp;

use super::fates::detail;
use super::sources::Sources;

/// One outcome of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) person: i64,
    /// Whose letter allowed it, as an index of the letters.
    pub(super) letter: u32,
    pub(super) outcome: Outcome,
    pub(super) ask: i64,
    pub(super) answer: i64,
}

/// What is the same for every outcome of a source in a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Timestamp,
    pub(super) as_of: i64,
}

/// Values beside each other that are often the same.
#[derive(Debug)]
struct Runs<T>(Vec<(Option<T>, u32)>);

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Runs<T> {
    fn push(&mut self, value: Option<T>) {
        match self.0.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => self.0.push((value, 1)),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Coverage {
    person: Ints,
    source: Runs<u32>,
    outcome: Vec<u32>,
    ask: Ints,
    answer: Ints,
    asked: Runs<i64>,
    answered: Runs<i64>,
    as_of: Runs<i64>,
    due: Runs<i64>,
    letter: Vec<u32>,
    detail: Runs<u32>,
}

/// Causes by number.
const DETAILS: [Outcome; 3] = [Outcome::Failed, Outcome::Partial, Outcome::Unsendable];

impl Coverage {
    pub(super) fn rows(&self) -> usize {
        self.outcome.len()
    }

    pub(super) fn push(&mut self, source: usize, asked: Asked, ending: Ending) {
        let outcome = ending.outcome;
        let answered = outcome.is_answer() || outcome == Outcome::Partial;
        let due = match outcome {
            Outcome::Pending => Some(asked.as_of + 10),
            Outcome::Overdue => Some(asked.as_of - 1),
            _ => None,
        };
        self.person.push(Some(ending.person));
        self.source.push(Some(source as u32));
        self.outcome.push(u32::from(outcome.code()));
        self.ask.push(Some(ending.ask));
        self.answer.push(Some(ending.answer));
        self.asked.push(Some(asked.at.as_microsecond()));
        self.answered.push(answered.then(|| asked.at.as_microsecond() + 3_600_000_000));
        self.as_of.push(answered.then_some(asked.as_of));
        self.due.push(due);
        self.letter.push(ending.letter);
        self.detail.push(DETAILS.iter().position(|o| *o == outcome).map(|at| at as u32));
    }

    /// The columns by name.
    pub(super) fn into_columns(
        self,
        sources: &Sources,
        ids: &[Box<str>],
        letters: &[Box<str>],
    ) -> Vec<(&'static str, BulkColumn)> {
        let manifests: Vec<Box<str>> = sources.all.iter().map(|s| s.manifest.as_str().into()).collect();
        let outcomes: Vec<Box<str>> = Outcome::ALL.iter().map(|o| o.as_str().into()).collect();
        let details: Vec<Box<str>> = DETAILS.iter().filter_map(|o| detail(*o)).map(Into::into).collect();
        let coded = |words: &[Box<str>], codes| BulkColumn::Texts(super::tables::coded(words, codes));
        vec![
            ("person", BulkColumn::Ints(self.person)),
            ("manifest", BulkColumn::TextRuns(manifests, self.source.0.clone())),
            ("source", BulkColumn::TextRuns(ids.to_vec(), self.source.0)),
            ("outcome", coded(&outcomes, self.outcome)),
            ("ask", BulkColumn::Ints(self.ask)),
            ("answer", BulkColumn::Ints(self.answer)),
            ("asked", BulkColumn::IntRuns(self.asked.0)),
            ("answered", BulkColumn::IntRuns(self.answered.0)),
            ("as_of", BulkColumn::IntRuns(self.as_of.0)),
            ("due", BulkColumn::IntRuns(self.due.0)),
            ("letter", coded(letters, self.letter)),
            ("detail", BulkColumn::TextRuns(details, self.detail.0)),
        ]
    }
}
