//! People whose records lie in another bucket than their case: a bucket hands their rows on to the later one that needs them.
//!
//! A case is computed in the bucket of its largest key, so rows travel only upwards, and every bucket is read once.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::table::Value;
use crate::VerifyError;

/// One record of somebody, on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CarriedRow {
    /// Source id.
    pub(super) source: Box<str>,
    /// Row in the files of the bucket it comes from.
    pub(super) raw: u32,
    /// In the order of the columns that the program uses.
    pub(super) values: Vec<Value>,
}

/// Everything that a program reads of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// The bucket it comes from.
    pub(super) bucket: u32,
    /// By dataset of the program.
    pub(super) rows: Vec<Vec<CarriedRow>>,
    /// Source id, code of the outcome, letter.
    pub(super) outcomes: Vec<(Box<str>, u8, Box<str>)>,
}

/// Whom and for which program: key of the person, index of the program.
pub(super) type Wanted = (i64, usize);

/// What buckets hand on to each other. It lies in a file until it is taken: people who live far from their household are
/// as many as the country is large. Of each there are eight bytes in memory.
#[derive(Debug)]
pub(super) struct Exchange {
    /// People in a bucket.
    people: i64,
    /// Who is wanted elsewhere, by bucket: ascending once [`Exchange::seal`] was called.
    wanted: BTreeMap<u32, Vec<Near>>,
    /// Which earlier buckets a bucket waits for.
    needs: BTreeMap<u32, Bits>,
    state: Mutex<State>,
    changed: Condvar,
    /// Without a name; gone with the process.
    file: File,
    folder: PathBuf,
}

/// Somebody by their place in their bucket, and the index of the program.
type Near = (u32, u16);

#[derive(Debug, Default)]
struct State {
    done: Bits,
    failed: bool,
    /// Where in the file lies what a bucket handed on.
    blocks: FxHashMap<u32, Block>,
    end: u64,
}

/// What a bucket handed on, in the order of who is wanted of it.
#[derive(Debug)]
struct Block {
    start: u64,
    /// Where each ends, from the start.
    ends: Vec<u32>,
}

/// A set of buckets.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, bucket: u32) {
        let at = bucket as usize / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (bucket % 64);
    }

    fn is_subset(&self, of: &Self) -> bool {
        self.0.iter().enumerate().all(|(at, bits)| bits & !of.0.get(at).copied().unwrap_or(0) == 0)
    }
}

impl Exchange {
    /// Nobody is wanted yet; what will be handed on lies in a folder. `people` are in a bucket.
    pub(super) fn new(folder: &Path, people: u32) -> Result<Self, VerifyError> {
        Ok(Self {
            people: i64::from(people.max(1)),
            wanted: BTreeMap::new(),
            needs: BTreeMap::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
            file: tempfile::tempfile_in(folder).map_err(VerifyError::io(folder))?,
            folder: folder.to_owned(),
        })
    }

    /// The bucket somebody lies in, and their place there.
    fn near(&self, (who, program): Wanted) -> Result<(u32, Near), VerifyError> {
        let near = || {
            let (bucket, place) = (u32::try_from(who / self.people).ok()?, u32::try_from(who % self.people).ok()?);
            Some((bucket, (place, u16::try_from(program).ok()?)))
        };
        near().ok_or_else(|| VerifyError::Internal("a person of the store has no key".to_owned()))
    }

    /// Notes that a case computed in bucket `by` needs somebody of an earlier one, which is returned.
    pub(super) fn want(&mut self, by: u32, wanted: Wanted) -> Result<u32, VerifyError> {
        let (from, near) = self.near(wanted)?;
        self.wanted.entry(from).or_default().push(near);
        self.needs.entry(by).or_default().insert(from);
        Ok(from)
    }

    /// All who are wanted are noted.
    pub(super) fn seal(&mut self) {
        for wanted in self.wanted.values_mut() {
            wanted.sort_unstable();
            wanted.dedup();
            wanted.shrink_to_fit();
        }
    }

    /// Who of a bucket is wanted elsewhere, ascending.
    pub(super) fn wanted(&self, bucket: u32) -> impl Iterator<Item = Wanted> {
        let first = i64::from(bucket) * self.people;
        let wanted = self.wanted.get(&bucket).into_iter().flatten();
        wanted.map(move |(place, program)| (first + i64::from(*place), usize::from(*program)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what a bucket has for others: everybody who is wanted of it, in any order.
    pub(super) fn hand_on(&self, bucket: u32, mut carried: Vec<(Wanted, Carried)>) -> Result<(), VerifyError> {
        carried.sort_by_key(|(wanted, _)| *wanted);
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(carried.len()));
        for (_, carried) in &carried {
            carried.put(&mut bytes);
            let end = u32::try_from(bytes.len());
            ends.push(end.map_err(|_| VerifyError::Internal("a bucket hands on more than 4 GB".to_owned()))?);
        }
        if !self.wanted(bucket).eq(carried.iter().map(|(wanted, _)| *wanted)) {
            return Err(VerifyError::Internal("a bucket handed on others than those who are wanted".to_owned()));
        }
        let mut state = self.lock();
        let start = state.end;
        self.file.write_all_at(&bytes, start).map_err(VerifyError::io(&self.folder))?;
        state.end += bytes.len() as u64;
        state.blocks.insert(bucket, Block { start, ends });
        state.done.insert(bucket);
        self.changed.notify_all();
        Ok(())
    }

    /// Lets everybody go who waits: a bucket could not be read.
    pub(super) fn fail(&self) {
        self.lock().failed = true;
        self.changed.notify_all();
    }

    /// Waits until all buckets that this one needs have handed on their rows. `false` if one of them failed.
    pub(super) fn wait(&self, bucket: u32) -> bool {
        let Some(needs) = self.needs.get(&bucket) else { return !self.lock().failed };
        let mut state = self.lock();
        while !state.failed && !needs.is_subset(&state.done) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.failed
    }

    /// Somebody's rows, if an earlier bucket handed them on.
    pub(super) fn take(&self, wanted: Wanted) -> Result<Option<Carried>, VerifyError> {
        let (bucket, near) = self.near(wanted)?;
        let Some(at) = self.wanted.get(&bucket).and_then(|all| all.binary_search(&near).ok()) else { return Ok(None) };
        let (from, to) = {
            let state = self.lock();
            let Some(block) = state.blocks.get(&bucket) else { return Ok(None) };
            let before = at.checked_sub(1).map_or(0, |before| block.ends[before]);
            (block.start + u64::from(before), block.start + u64::from(block.ends[at]))
        };
        let mut bytes = vec![0; (to - from) as usize];
        self.file.read_exact_at(&mut bytes, from).map_err(VerifyError::io(&self.folder))?;
        let broken = || VerifyError::Internal("what a bucket handed on cannot be read again".to_owned());
        Carried::taken(&mut bytes.as_slice()).ok_or_else(broken).map(Some)
    }
}

/// A thread at work: if it panics, nobody waits for what it would have handed on.
pub(super) struct AtWork<'e>(pub(super) &'e Exchange);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

impl Carried {
    fn put(&self, to: &mut Vec<u8>) {
        number(to, i64::from(self.bucket));
        number(to, self.rows.len() as i64);
        for rows in &self.rows {
            number(to, rows.len() as i64);
            for row in rows {
                text(to, &row.source);
                number(to, i64::from(row.raw));
                number(to, row.values.len() as i64);
                for value in &row.values {
                    match value {
                        Value::Null => to.push(0),
                        Value::Int(value) => {
                            to.push(1);
                            number(to, *value);
                        }
                        Value::Word(word) => {
                            to.push(2);
                            text(to, word);
                        }
                    }
                }
            }
        }
        number(to, self.outcomes.len() as i64);
        for (source, code, letter) in &self.outcomes {
            text(to, source);
            to.push(*code);
            text(to, letter);
        }
    }

    fn taken(from: &mut &[u8]) -> Option<Self> {
        let bucket = u32::try_from(take_number(from)?).ok()?;
        let row = |from: &mut &[u8]| {
            let (source, raw) = (take_text(from)?, u32::try_from(take_number(from)?).ok()?);
            let value = |from: &mut &[u8]| match take_byte(from)? {
                0 => Some(Value::Null),
                1 => Some(Value::Int(take_number(from)?)),
                _ => Some(Value::Word(take_text(from)?)),
            };
            Some(CarriedRow { source, raw, values: take_list(from, value)? })
        };
        let rows = take_list(from, |from| take_list(from, row))?;
        let outcomes = take_list(from, |from| Some((take_text(from)?, take_byte(from)?, take_text(from)?)))?;
        Some(Self { bucket, rows, outcomes })
    }
}

fn number(to: &mut Vec<u8>, number: i64) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn text(to: &mut Vec<u8>, text: &str) {
    number(to, text.len() as i64);
    to.extend_from_slice(text.as_bytes());
}

fn take_byte(from: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = from.split_first()?;
    *from = rest;
    Some(*byte)
}

fn take_number(from: &mut &[u8]) -> Option<i64> {
    let (number, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(i64::from_le_bytes(*number))
}

fn take_text(from: &mut &[u8]) -> Option<Box<str>> {
    let length = usize::try_from(take_number(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(std::str::from_utf8(text).ok()?.into())
}

fn take_list<T>(from: &mut &[u8], one: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = take_number(from)?;
    (0..count).map(|_| one(from)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_handed_on_is_taken_as_it_was_and_as_often_as_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let mut exchange = Exchange::new(folder.path(), 16).unwrap();
        for wanted in [(57, 0), (53, 1), (53, 0), (53, 1), (73, 0)] {
            assert_eq!(exchange.want(9, wanted).unwrap(), wanted.0 as u32 / 16);
        }
        exchange.seal();
        assert_eq!(exchange.wanted(3).collect::<Vec<_>>(), [(53, 0), (53, 1), (57, 0)]);
        let row = |raw| CarriedRow {
            source: "银行".into(),
            raw,
            values: vec![
                Value::Null,
                Value::Int(i64::MIN),
                Value::Int(-1),
                Value::Word("定期".into()),
                Value::Word("".into()),
            ],
        };
        let carried = |bucket| Carried {
            bucket,
            rows: vec![vec![], vec![row(0), row(u32::MAX)], vec![CarriedRow { values: vec![], ..row(7) }]],
            outcomes: vec![("bank.a".into(), 3, "L-1".into()), ("tax".into(), 0, "".into())],
        };
        assert!(exchange.hand_on(4, vec![]).is_err(), "one of them is wanted");
        let of_three = vec![((57, 0), carried(7)), ((53, 0), carried(3)), ((53, 1), Carried::default())];
        exchange.hand_on(3, of_three).unwrap();
        assert_eq!(exchange.take((73, 0)).unwrap(), None, "not yet");
        exchange.hand_on(4, vec![((73, 0), carried(4))]).unwrap();
        assert!(exchange.wait(9));
        for _ in 0..2 {
            assert_eq!(exchange.take((53, 0)).unwrap(), Some(carried(3)));
            assert_eq!(exchange.take((53, 1)).unwrap(), Some(Carried::default()));
            assert_eq!(exchange.take((57, 0)).unwrap(), Some(carried(7)));
            assert_eq!(exchange.take((73, 0)).unwrap(), Some(carried(4)));
        }
        assert_eq!(exchange.take((73, 1)).unwrap(), None);
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the file has no name");
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let folder = tempfile::tempdir().unwrap();
        let mut exchange = Exchange::new(folder.path(), 16).unwrap();
        exchange.want(1, (5, 0)).unwrap();
        exchange.seal();
        let exchange = &exchange;
        std::thread::scope(|scope| {
            let panicked = scope.spawn(move || {
                let _at_work = AtWork(exchange);
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            assert!(!exchange.wait(1));
            assert!(panicked.join().is_err());
        });
    }
}
