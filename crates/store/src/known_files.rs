//! Which files a bucket has, kept from one look-up to the next: asking the catalogue for them anew is a tenth of opening a household.
//!
//! A snapshot never changes but by a removal, which is counted in the catalogue. What is kept here belongs to one snapshot and one
//! count of removals, both of which every reader reads first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::AnyConnection;

use crate::StoreError;
use crate::ducklake::{self, State};
use crate::snapshot::PinnedFile;

/// Buckets of which files are kept, at most: those of 30 million people, some 10 KB each.
const MOST_BUCKETS: usize = 2_048;

/// The files of a bucket, by table, oldest first.
pub(crate) type OfBucket = Arc<[(Box<str>, PinnedFile)]>;

/// The files of the buckets looked at last.
#[derive(Debug, Default)]
pub(crate) struct KnownFiles(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    state: Option<State>,
    buckets: HashMap<u32, OfBucket>,
}

impl KnownFiles {
    /// The files that some buckets have in a state of the store.
    pub(crate) async fn of(
        &self,
        conn: &mut AnyConnection,
        state: &State,
        buckets: &BTreeSet<u32>,
    ) -> Result<Vec<(u32, OfBucket)>, StoreError> {
        let mut found = self.get(state, buckets);
        let missing: BTreeSet<u32> =
            buckets.iter().filter(|bucket| found.iter().all(|(b, _)| b != *bucket)).copied().collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let mut by_bucket: BTreeMap<u32, Vec<(Box<str>, PinnedFile)>> =
            missing.iter().map(|bucket| (*bucket, Vec::new())).collect();
        let mut add = |table: &str, bucket, file| by_bucket.entry(bucket).or_default().push((table.into(), file));
        ducklake::each_file(conn, state.id, Some(&missing), None, &mut add).await?;
        let read: Vec<(u32, OfBucket)> = by_bucket.into_iter().map(|(bucket, files)| (bucket, files.into())).collect();
        // A removal in between would have left some of them out, or named others.
        if ducklake::snapshot_at(conn, Some(state.id), None).await?.as_ref() == Some(state) {
            self.keep(state, &read);
        }
        found.extend(read);
        Ok(found)
    }

    fn get(&self, state: &State, buckets: &BTreeSet<u32>) -> Vec<(u32, OfBucket)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.state.as_ref() != Some(state) {
            return Vec::new();
        }
        buckets.iter().filter_map(|bucket| Some((*bucket, Arc::clone(kept.buckets.get(bucket)?)))).collect()
    }

    fn keep(&self, state: &State, read: &[(u32, OfBucket)]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.state.as_ref() != Some(state) {
            // Whoever still reads an older state asks the catalogue.
            if kept.state.as_ref().is_some_and(|known| (known.id, known.removals) > (state.id, state.removals)) {
                return;
            }
            *kept = Kept { state: Some(state.clone()), ..Kept::default() };
        }
        if kept.buckets.len() + read.len() > MOST_BUCKETS {
            kept.buckets.clear();
        }
        kept.buckets.extend(read.iter().map(|(bucket, files)| (*bucket, Arc::clone(files))));
    }
}
