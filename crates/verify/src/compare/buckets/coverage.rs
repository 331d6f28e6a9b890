//! How every (person, source) pair of a bucket stands: the newest outcome, and which answers are superseded.

use hedui_base::Outcome;
use hedui_store::{COVERAGE, ScannedColumn, Snapshot};
use rustc_hash::FxHashMap;

use super::sources::Sources;
use super::table::{ints, words};
use crate::VerifyError;

/// No answer at all.
pub(super) const UNASKED: u8 = u8::MAX;
/// Marks a pair that has several answers while they are counted.
const SEVERAL: u8 = 0x80;

/// The outcomes of the people of a bucket.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    people: usize,
    /// By source and then person: code of the outcome, or [`UNASKED`].
    codes: Vec<u8>,
    /// The newest answer of pairs that have several, by cell.
    newest: FxHashMap<u32, i64>,
    /// Which sources have such pairs.
    superseded: Vec<bool>,
    /// By person: the letter of every answer, or [`MIXED`].
    letter: Vec<u32>,
    /// Letters by number.
    pub(super) letters: Vec<Box<str>>,
    /// Rows of the few people whose answers came under several letters.
    mixed: Rows,
}

#[derive(Debug, Default)]
struct Rows {
    /// From the first of the bucket.
    person: Vec<u32>,
    source: Vec<u16>,
    letter: Vec<u32>,
    answer: Vec<i64>,
}

const NO_LETTER: u32 = u32::MAX;
/// More than one letter.
pub(super) const MIXED: u32 = u32::MAX - 1;

impl Outcomes {
    /// Reads the outcomes of a bucket whose first person is `first`.
    pub(super) fn read(
        snapshot: &Snapshot,
        bucket: u32,
        (first, people): (i64, usize),
        sources: &mut Sources,
    ) -> Result<Self, VerifyError> {
        // A bucket has some million pairs: each column is made small before the next is read.
        let one = |name: &str| -> Result<Option<ScannedColumn>, VerifyError> {
            Ok(snapshot.scan(COVERAGE, bucket, &[name])?.columns.into_iter().next())
        };
        // Neither is ever null; a file that says otherwise is damaged.
        let damaged = || {
            VerifyError::Internal(
                "coverage has a row without source, outcome or one of its people; run `hedui store verify`".to_owned(),
            )
        };
        let (ids, names) = words(one("source")?)?;
        let number: Vec<u16> = names.iter().map(|word| sources.number(word)).collect();
        let of = |id: &u32| number.get(*id as usize).copied();
        let source = ids.iter().map(of).collect::<Option<Vec<u16>>>().ok_or_else(damaged)?;
        let (ids, names) = words(one("outcome")?)?;
        let code = names
            .iter()
            .map(|word| word.parse::<Outcome>().map(|outcome| outcome.code()))
            .collect::<Result<Vec<u8>, _>>()
            .map_err(|_| VerifyError::Internal("an outcome in coverage is none of the nine".to_owned()))?;
        let of = |id: &u32| code.get(*id as usize).copied();
        let outcome = ids.iter().map(of).collect::<Option<Vec<u8>>>().ok_or_else(damaged)?;
        drop(ids);
        let of = |person: i64| u32::try_from(person.checked_sub(first)?).ok().filter(|at| (*at as usize) < people);
        let person = ints(one("person")?)?.0.into_iter().map(of).collect::<Option<Vec<u32>>>().ok_or_else(damaged)?;
        let (letter, letters) = words(one("letter")?)?;
        let answer = ints(one("answer")?)?.0;
        let rows = person.len();
        let mut found = Self {
            people,
            codes: vec![UNASKED; people * sources.len()],
            superseded: vec![false; sources.len()],
            letter: vec![NO_LETTER; people],
            letters,
            ..Self::default()
        };
        let mut several = false;
        for row in 0..rows {
            let at = person[row] as usize;
            let code = &mut found.codes[usize::from(source[row]) * people + at];
            several |= *code != UNASKED;
            *code = if *code == UNASKED { outcome[row] } else { SEVERAL };
            let known = &mut found.letter[at];
            if *known != letter[row] {
                *known = if *known == NO_LETTER { letter[row] } else { MIXED };
            }
        }
        if several {
            let mut outcomes: FxHashMap<u32, u8> = FxHashMap::default();
            for row in 0..rows {
                let cell = usize::from(source[row]) * people + person[row] as usize;
                if found.codes[cell] == SEVERAL {
                    let newest = found.newest.entry(cell as u32).or_insert(i64::MIN);
                    if answer[row] > *newest {
                        *newest = answer[row];
                        outcomes.insert(cell as u32, outcome[row]);
                    }
                }
            }
            for (cell, code) in outcomes {
                found.codes[cell as usize] = code;
                found.superseded[cell as usize / people] = true;
            }
        }
        for row in (0..rows).filter(|row| found.letter[person[*row] as usize] == MIXED) {
            let mixed = &mut found.mixed;
            mixed.person.push(person[row]);
            mixed.source.push(source[row]);
            mixed.letter.push(letter[row]);
            mixed.answer.push(answer[row]);
        }
        Ok(found)
    }

    /// Codes of a source by person of the bucket; empty for a source that nobody of it was asked about.
    pub(super) fn of_source(&self, source: usize) -> &[u8] {
        self.codes.get(source * self.people..(source + 1) * self.people).unwrap_or_default()
    }

    /// How a pair stands.
    pub(super) fn code(&self, source: usize, person: usize) -> u8 {
        self.of_source(source).get(person).copied().unwrap_or(UNASKED)
    }

    /// Whether any answer of these sources is superseded, so that rows have to be looked at.
    pub(super) fn any_superseded(&self, sources: impl IntoIterator<Item = u32>) -> bool {
        !self.newest.is_empty() && sources.into_iter().any(|source| self.superseded.get(source as usize) == Some(&true))
    }

    /// Whether a row that an answer brought is live.
    pub(super) fn is_live(&self, source: u32, person: usize, answer: i64) -> bool {
        if self.superseded.get(source as usize) != Some(&true) {
            return true;
        }
        self.newest.get(&((source as usize * self.people + person) as u32)).is_none_or(|newest| *newest == answer)
    }

    /// The letter that brought all answers about a person; none if there are no answers.
    pub(super) fn letter(&self, person: usize) -> Option<u32> {
        self.letter.get(person).copied().filter(|letter| *letter != NO_LETTER)
    }

    /// The letter of the newest answer of every source about some people of the bucket, by person and source.
    pub(super) fn letters_of(&self, people: &[u32]) -> FxHashMap<(u32, u32), u32> {
        let mut found = FxHashMap::default();
        if people.is_empty() {
            return found;
        }
        let mut newest: FxHashMap<(u32, u32), i64> = FxHashMap::default();
        let mut wanted = vec![false; self.people];
        for person in people {
            wanted[*person as usize] = true;
            let letter = self.letter[*person as usize];
            if letter != MIXED {
                let answered = (0..).zip(self.codes.chunks(self.people.max(1)));
                let answered = answered.filter(|(_, codes)| codes[*person as usize] != UNASKED);
                found.extend(answered.map(|(source, _)| ((*person, source), letter)));
            }
        }
        let Rows { person, source, letter, answer } = &self.mixed;
        for row in 0..person.len() {
            if wanted[person[row] as usize] {
                let pair = (person[row], u32::from(source[row]));
                let known = newest.entry(pair).or_insert(i64::MIN);
                if answer[row] > *known {
                    *known = answer[row];
                    found.insert(pair, letter[row]);
                }
            }
        }
        found
    }
}
