//! People whose records lie in another bucket than their case: a bucket hands their rows on to the later one that needs them.
//!
//! A case is computed in the bucket of its largest key, so rows travel only upwards, and every bucket is read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::table::Value;

/// One record of somebody, on its own.
#[derive(Clone, Debug)]
pub(super) struct CarriedRow {
    /// Source id.
    pub(super) source: Box<str>,
    /// Row in the files of the bucket it comes from.
    pub(super) raw: u32,
    /// In the order of the columns that the program uses.
    pub(super) values: Vec<Value>,
}

/// Everything that a program reads of somebody.
#[derive(Clone, Debug, Default)]
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

/// What buckets hand on to each other.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Who is wanted elsewhere, by bucket.
    wanted: BTreeMap<u32, BTreeSet<Wanted>>,
    /// Which earlier buckets a bucket waits for.
    needs: BTreeMap<u32, BTreeSet<u32>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    done: BTreeSet<u32>,
    failed: bool,
    carried: FxHashMap<Wanted, (Arc<Carried>, usize)>,
    /// How often each is still to be taken.
    uses: FxHashMap<Wanted, usize>,
}

impl Exchange {
    /// Notes that a case computed in bucket `by` needs somebody of bucket `from`.
    pub(super) fn want(&mut self, from: u32, by: u32, wanted: Wanted) {
        self.wanted.entry(from).or_default().insert(wanted);
        self.needs.entry(by).or_default().insert(from);
    }

    /// Notes that one more bucket will take somebody.
    pub(super) fn count(&mut self, wanted: Wanted) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        *state.uses.entry(wanted).or_default() += 1;
    }

    /// Who of a bucket is wanted elsewhere.
    pub(super) fn wanted(&self, bucket: u32) -> impl Iterator<Item = &Wanted> {
        self.wanted.get(&bucket).into_iter().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what a bucket has for others.
    pub(super) fn hand_on(&self, bucket: u32, carried: Vec<(Wanted, Carried)>) {
        let mut state = self.lock();
        for (wanted, carried) in carried {
            let uses = state.uses.get(&wanted).copied().unwrap_or(1);
            state.carried.insert(wanted, (Arc::new(carried), uses));
        }
        state.done.insert(bucket);
        self.changed.notify_all();
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

    /// Takes somebody's rows; who was taken as often as wanted is forgotten.
    pub(super) fn take(&self, wanted: Wanted) -> Option<Arc<Carried>> {
        let mut state = self.lock();
        let (carried, uses) = state.carried.get_mut(&wanted)?;
        let taken = Arc::clone(carried);
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            state.carried.remove(&wanted);
        }
        Some(taken)
    }
}
