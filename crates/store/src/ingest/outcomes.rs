//! What is known of whom a source was asked about: an outcome for every (person, source), with the rows or without.

use std::collections::BTreeMap;

use hedui_base::Outcome;

use super::{Ingest, IngestSource};
use crate::bulk::COVERAGE_BLOCK;
use crate::columns::{BulkColumn, Ints, Texts};

impl Ingest {
    /// Outcomes of a bucket, by block of people, source and person. `found` says of each whether there are rows.
    pub(super) fn outcomes(
        &self,
        bucket: u32,
        found: &[bool],
        letter: &(dyn Fn(u32) -> String + Sync),
    ) -> Vec<(&'static str, BulkColumn)> {
        let people = self.store.bucket_people();
        let keys = (bucket * people).max(1)..((bucket + 1) * people).min(self.people.len() as u32 + 1);
        let mut letters: Vec<Box<str>> = Vec::new();
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        let mut of_number = |number: u32| {
            *numbers.entry(number).or_insert_with(|| {
                letters.push(letter(number).into());
                letters.len() as u32 - 1
            })
        };
        // Key, whom to ask, code of the letter.
        let everybody: Vec<(u32, u8, u32)> = keys
            .map(|key| {
                let (standing, number) = self.people[key as usize - 1];
                (key, standing, of_number(number))
            })
            .collect();
        let most = everybody.len() * self.sources.len();
        let (mut persons, mut places) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let (mut outcomes, mut codes) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let (mut source_runs, mut asked, mut answered, mut as_of) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for block in everybody.chunk_by(|a, b| a.0 / COVERAGE_BLOCK == b.0 / COVERAGE_BLOCK) {
            for (nth, source) in self.sources.iter().enumerate() {
                let before = outcomes.len();
                let found = &found[nth * people as usize..][..people as usize];
                let first = self.place(bucket, nth, 0);
                for (key, _, letter) in block.iter().filter(|(_, standing, _)| standing & source.asks != 0) {
                    let within = key % people;
                    persons.push(i64::from(*key));
                    places.push(first + i64::from(within));
                    outcomes.push(u32::from(!found[within as usize]));
                    codes.push(*letter);
                }
                let count = (outcomes.len() - before) as u32;
                if count > 0 {
                    source_runs.push((Some(nth as u32), count));
                    asked.push((Some(source.asked), count));
                    answered.push((Some(source.answered), count));
                    as_of.push((Some(source.as_of), count));
                }
            }
        }
        let words = |of: &dyn Fn(&IngestSource) -> &str| self.sources.iter().map(|s| of(s).into()).collect();
        let outcome_words = [Outcome::Found, Outcome::NoRecord].map(|o| o.as_str().into()).to_vec();
        let place = Ints::all(places);
        vec![
            ("person", BulkColumn::Ints(Ints::all(persons))),
            ("source", BulkColumn::TextRuns(words(&|s| s.id.as_str()), source_runs.clone())),
            ("outcome", BulkColumn::Texts(Texts::numbered(outcome_words, outcomes))),
            ("ask", BulkColumn::Ints(place.clone())),
            ("answer", BulkColumn::Ints(place)),
            ("asked", BulkColumn::IntRuns(asked)),
            ("answered", BulkColumn::IntRuns(answered)),
            ("as_of", BulkColumn::IntRuns(as_of)),
            ("letter", BulkColumn::Texts(Texts::numbered(letters, codes))),
            ("manifest", BulkColumn::TextRuns(words(&|s| s.manifest.as_str()), source_runs)),
        ]
    }
}
