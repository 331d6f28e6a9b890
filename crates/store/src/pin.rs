//! Pinning a snapshot: which files it has, and the rows that lie in the catalogue itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use hedui_base::PersonKey;
use polars::frame::DataFrame;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::ducklake::{self, State};
use crate::file::{self, Written};
use crate::inline::{Inlined, Rows};
use crate::publish::by_bucket;
use crate::retain::reading;
use crate::snapshot::{At, Files, Pinned, PinnedFile, Snapshot, SnapshotId};
use crate::store::Inner;
use crate::{Store, StoreError, frame};

/// Folder, within the store's, of files that a reader makes for itself of rows in the catalogue.
const SPILLED: &str = "spilled";

impl Store {
    /// Pins a snapshot: whatever is published later, its reads stay the same.
    ///
    /// Rows that lie in the catalogue itself are written to files of the snapshot's own, which go when it is dropped: so
    /// whoever reads files reads all there is.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`] if there is none with that id, or none yet at that time.
    pub async fn snapshot(&self, conn: &mut AnyConnection, at: At) -> Result<Snapshot, StoreError> {
        let reading = Some(reading(&self.inner).await?);
        let state = find(conn, at).await?;
        let id = SnapshotId(state.id);
        let mut files = Files::default();
        let mut add = |table: &str, bucket, file| files.add(table, bucket, file);
        ducklake::each_file(conn, id.0, None, None, &mut add).await?;
        let rows = self.inlined(conn, Rows::Of(id.0)).await?;
        still(conn, id).await?;
        let mut pinned = Pinned { files, reading, ..Pinned::of(state) };
        if !rows.is_empty() {
            let inner = Arc::clone(&self.inner);
            let spilled = tokio::task::spawn_blocking(move || spill(&inner, &rows));
            for (table, bucket, file, written) in spilled.await.map_err(|_| StoreError::Stopped)?? {
                pinned.files.add(&table, bucket, file);
                pinned.spilled.push(written);
            }
        }
        Ok(Snapshot::new(Arc::clone(&self.inner), pinned))
    }

    /// Pins a snapshot for some people only: what the catalogue knows of the others is not even looked up, so that opening
    /// one household takes no longer in a large store than in a small one.
    ///
    /// # Errors
    /// As [`Store::snapshot`]. Asking the snapshot for other people is [`StoreError::NotPinned`].
    pub async fn snapshot_of(
        &self,
        conn: &mut AnyConnection,
        at: At,
        people: &[PersonKey],
    ) -> Result<Snapshot, StoreError> {
        let buckets: BTreeSet<u32> = people.iter().map(|p| self.inner.bucket_of(*p)).collect();
        let mut snapshot = self.snapshot_of_buckets(conn, at, &buckets).await?;
        self.admit(conn, &mut snapshot, &buckets, people).await?;
        Ok(snapshot)
    }

    /// Pins the files of some buckets, whose cases can be read; nobody's records can be before [`Store::admit`].
    pub(crate) async fn snapshot_of_buckets(
        &self,
        conn: &mut AnyConnection,
        at: At,
        buckets: &BTreeSet<u32>,
    ) -> Result<Snapshot, StoreError> {
        let reading = Some(reading(&self.inner).await?);
        let state = find(conn, at).await?;
        let files = self.inner.files.of(conn, &state, buckets).await?;
        let pinned = Pinned { people: Some(BTreeSet::new()), reading, ..Pinned::of(state) };
        let mut snapshot = Snapshot::new(Arc::clone(&self.inner), pinned);
        snapshot.add_files(&files);
        Ok(snapshot)
    }

    /// Lets the records of some people, and of nobody else, be read from a snapshot of some buckets.
    pub(crate) async fn admit(
        &self,
        conn: &mut AnyConnection,
        snapshot: &mut Snapshot,
        pinned: &BTreeSet<u32>,
        people: &[PersonKey],
    ) -> Result<(), StoreError> {
        let id = snapshot.id();
        let mut more: BTreeSet<u32> = people.iter().map(|p| self.inner.bucket_of(*p)).collect();
        more.retain(|bucket| !pinned.contains(bucket));
        let files = self.inner.files.of(conn, snapshot.state(), &more).await?;
        let people: BTreeSet<i64> = people.iter().map(|p| i64::from(p.0)).collect();
        let keys: Vec<i64> = people.iter().copied().collect();
        let mut held: BTreeMap<String, BTreeMap<u32, DataFrame>> = BTreeMap::new();
        for (table, rows) in self.inlined(conn, Rows::OfPeople(id.0, &keys)).await? {
            held.insert(table, by_bucket(&self.inner, &rows)?);
        }
        still(conn, id).await?;
        snapshot.add_files(&files);
        snapshot.admit(people, held);
        Ok(())
    }

    /// Pins the files of `cases` and `people` in some buckets alone: their rows never lie in the catalogue.
    pub(crate) async fn snapshot_of_cases(
        &self,
        conn: &mut AnyConnection,
        at: At,
        buckets: &BTreeSet<u32>,
    ) -> Result<Snapshot, StoreError> {
        let reading = Some(reading(&self.inner).await?);
        let state = find(conn, at).await?;
        let id = SnapshotId(state.id);
        let tables: Vec<i64> = self.inner.case_tables.values().map(|table| table.lake.id).collect();
        let mut files = Files::default();
        let mut add = |table: &str, bucket, file| files.add(table, bucket, file);
        ducklake::each_file(conn, id.0, Some(buckets), Some(&tables), &mut add).await?;
        still(conn, id).await?;
        // Nobody's records may be read from it.
        let pinned = Pinned { files, people: Some(BTreeSet::new()), reading, ..Pinned::of(state) };
        Ok(Snapshot::new(Arc::clone(&self.inner), pinned))
    }

    /// Rows in the catalogue, by table, sorted as in its files.
    pub(crate) async fn inlined(
        &self,
        conn: &mut AnyConnection,
        which: Rows<'_>,
    ) -> Result<BTreeMap<String, DataFrame>, StoreError> {
        let mut all = BTreeMap::new();
        if matches!(which, Rows::OfPeople(_, people) if people.is_empty()) {
            return Ok(all);
        }
        let mut known = self.inner.inlined.all(conn).await?;
        if let Rows::OfPeople(_, people) = which {
            let having = having(conn, known.values().flatten(), people).await?;
            known.values_mut().for_each(|parts| parts.retain(|part| having.contains(&part.name)));
        }
        for table in self.inner.tables.values() {
            let mut rows: Option<DataFrame> = None;
            for inlined in known.get(&table.lake.id).into_iter().flatten() {
                let read = inlined.read(conn, table, which).await?;
                match &mut rows {
                    _ if read.height() == 0 => {}
                    None => rows = Some(read),
                    Some(rows) => drop(rows.vstack_mut(&read)?),
                }
            }
            if let Some(mut rows) = rows {
                rows.rechunk_mut();
                all.insert(table.shape.name.clone(), frame::sorted(&rows, table.sort_keys())?);
            }
        }
        Ok(all)
    }
}

async fn find(conn: &mut AnyConnection, at: At) -> Result<State, StoreError> {
    let (id, time) = match at {
        At::Latest => (None, None),
        At::Time(time) => (None, Some(time)),
        At::Id(SnapshotId(id)) => (Some(id), None),
    };
    ducklake::snapshot_at(conn, id, time).await?.ok_or_else(|| {
        StoreError::NoSnapshot(match at {
            At::Latest => "at all".to_owned(),
            At::Time(time) => format!("as early as {time}"),
            At::Id(id) => id.to_string(),
        })
    })
}

/// Tables of inlined rows asked at once.
const TABLES_AT_ONCE: usize = 100;

/// Which tables have any inlined rows of some people: there may be one for every dataset, and most have none.
async fn having(
    conn: &mut AnyConnection,
    tables: impl Iterator<Item = &Arc<Inlined>>,
    people: &[i64],
) -> Result<BTreeSet<String>, StoreError> {
    let people: Vec<String> = people.iter().map(i64::to_string).collect();
    let people = people.join(",");
    let ask = |table: &Arc<Inlined>| {
        let name = &table.name;
        format!("SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name} WHERE person IN ({people}))")
    };
    let asks: Vec<String> = tables.map(ask).collect();
    let mut found = BTreeSet::new();
    for part in asks.chunks(TABLES_AT_ONCE) {
        for row in sqlx::query(AssertSqlSafe(part.join(" UNION ALL "))).fetch_all(&mut *conn).await? {
            found.insert(row.try_get(0)?);
        }
    }
    Ok(found)
}

/// Makes sure that a snapshot did not expire while the catalogue was asked, statement by statement, what it has: a removal
/// takes snapshots and their files away in one transaction.
async fn still(conn: &mut AnyConnection, id: SnapshotId) -> Result<(), StoreError> {
    find(conn, At::Id(id)).await.map(drop)
}

/// Rows of the catalogue in a file: its table, its bucket, and what it is.
type Spilled = (String, u32, PinnedFile, Written);

/// Writes rows of the catalogue to files, one a table and bucket, that whoever holds them removes by dropping them.
fn spill(inner: &Inner, rows: &BTreeMap<String, DataFrame>) -> Result<Vec<Spilled>, StoreError> {
    let mut files = Vec::new();
    for (name, rows) in rows {
        let Some(table) = inner.tables.get(name) else { continue };
        let folder = inner.folder.join(SPILLED).join(name);
        for (bucket, mut rows) in by_bucket(inner, rows)? {
            let mut written = file::write(&folder, &table.shape, bucket, &mut rows)?;
            let made = written.temporary.clone().ok_or(StoreError::Stopped)?;
            // Other readers go by the name.
            let path = made.with_extension("parquet");
            fs::rename(&made, &path).map_err(StoreError::io(&path))?;
            written.temporary = Some(path.clone());
            let file = PinnedFile {
                // An absolute path stands for itself wherever it is joined to a folder.
                name: path.display().to_string().into(),
                persons: written.persons,
                rows: written.rows as i64,
                is_temporary: true,
            };
            files.push((name.clone(), bucket, file, written));
        }
    }
    Ok(files)
}
