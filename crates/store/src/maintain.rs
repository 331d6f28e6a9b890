//! Looking after the store: is every file there and unchanged, what was published when, and fewer, larger files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use polars::frame::DataFrame;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use crate::ducklake::{self, LakeFile};
use crate::file::Written;
use crate::inline::{self, Rows};
use crate::publish::{add_file, by_bucket, settle_all};
use crate::retain::{is_lock, scheduled};
use crate::store::Inner;
use crate::{SnapshotId, Store, StoreError, file, frame};

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Files in the catalogue, of all snapshots.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that lie in the catalogue itself, of all snapshots.
    pub inlined: u64,
    /// What is wrong, by path.
    pub problems: Vec<FileProblem>,
}

/// One file that is not as the catalogue says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum FileProblem {
    /// In the catalogue, not on disk.
    #[error("{}: missing; restore it from a backup", .0.display())]
    Missing(PathBuf),
    /// Its content is not what was published.
    #[error("{}: its content changed since it was published; restore it from a backup", .0.display())]
    Changed(PathBuf),
    /// Rows in the catalogue are not what was published.
    #[error(
        "rows of `{table}` that snapshot {snapshot} brought into the catalogue changed since; restore the database from a backup"
    )]
    Inlined {
        /// Of which table.
        table: String,
        /// Which snapshot brought them.
        snapshot: i64,
    },
    /// On disk, in no snapshot: left behind by a run that was stopped. Harmless; it may be removed while nothing runs.
    #[error("{}: in no snapshot, left behind by a stopped run or held by one that reads; it may be removed while nothing runs", .0.display())]
    Litter(PathBuf),
}

impl FileProblem {
    /// Whether published data is damaged.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        !matches!(self, Self::Litter(_))
    }
}

/// One snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its id.
    pub id: SnapshotId,
    /// When it was published.
    pub time: Timestamp,
    /// What changed, in DuckLake's words.
    pub changes: String,
    /// Files it added.
    pub files: i64,
    /// Rows it added, in files or in the catalogue.
    pub rows: i64,
    /// How many of them went into the catalogue.
    pub inlined: i64,
}

/// What [`Store::compact`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Files that were merged. They stay on disk for older snapshots.
    pub merged: usize,
    /// Files that stand for them now.
    pub written: usize,
    /// Rows in those.
    pub rows: usize,
    /// How many of these lay in the catalogue before.
    pub inlined: usize,
}

/// What becomes one file: files of one bucket, and rows of the catalogue.
#[derive(Debug, Default)]
struct Group {
    files: Vec<LakeFile>,
    rows: Option<DataFrame>,
}

impl Store {
    /// Compares what is there with what was published: every file of every snapshot is there with its checksum, and nothing
    /// else is, and so are the rows that lie in the catalogue.
    ///
    /// # Errors
    /// If the database or a folder cannot be read; damage is not an error but part of the result.
    pub async fn verify(&self, conn: &mut AnyConnection) -> Result<Verification, StoreError> {
        let files = ducklake::files(conn, None, None).await?;
        let inner = Arc::clone(&self.inner);
        let scheduled = scheduled(conn).await?;
        let compared = tokio::task::spawn_blocking(move || verify(&inner, &files, &scheduled));
        let mut result = compared.await.map_err(|_| StoreError::Stopped)??;
        let known = self.inner.inlined.all(conn).await?;
        for table in self.inner.tables.values() {
            let Some(inlined) = known.get(&table.lake.id) else { continue };
            for (snapshot, sound, rows) in inline::compared(conn, table.lake.id, inlined).await? {
                result.inlined += rows;
                if !sound {
                    result.problems.push(FileProblem::Inlined { table: table.shape.name.clone(), snapshot });
                }
            }
        }
        Ok(result)
    }

    /// All snapshots, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn history(&self, conn: &mut AnyConnection) -> Result<Vec<HistoryEntry>, StoreError> {
        let sql = format!(
            "SELECT s.snapshot_id, {}, COALESCE(c.changes_made, ''), COALESCE(f.files, 0), COALESCE(f.records, 0), COALESCE(i.records, 0) \
             FROM ducklake_snapshot s LEFT JOIN ducklake_snapshot_changes c ON c.snapshot_id = s.snapshot_id \
             LEFT JOIN (SELECT begin_snapshot, COUNT(*) AS files, CAST(SUM(record_count) AS BIGINT) AS records \
             FROM ducklake_data_file GROUP BY begin_snapshot) f ON f.begin_snapshot = s.snapshot_id \
             LEFT JOIN (SELECT snapshot_id, CAST(SUM(row_count) AS BIGINT) AS records \
             FROM store_inlined GROUP BY snapshot_id) i ON i.snapshot_id = s.snapshot_id ORDER BY s.snapshot_id",
            ducklake::Dialect::of(conn).moment_text("s.snapshot_time")
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(conn).await?;
        rows.iter()
            .map(|row| {
                Ok(HistoryEntry {
                    id: SnapshotId(row.try_get(0)?),
                    time: ducklake::parse_time(&row.try_get::<String, _>(1)?)?,
                    changes: row.try_get(2)?,
                    files: row.try_get(3)?,
                    rows: row.try_get::<i64, _>(4)? + row.try_get::<i64, _>(5)?,
                    inlined: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// Merges the files of every bucket that has at least `files` of them into one, and writes rows that lie in the
    /// catalogue to files, in a snapshot of its own. Superseded answers are kept; older snapshots go on reading what they
    /// read before, which stays where it is. Readers and writers are held up only while the catalogue changes, not while
    /// files are written.
    ///
    /// # Errors
    /// If files cannot be read or written.
    pub async fn compact(&self, conn: &mut AnyConnection, files: usize) -> Result<Compaction, StoreError> {
        let Some(seen) = ducklake::head(conn).await? else { return Ok(Compaction::default()) };
        let mut groups: BTreeMap<(String, u32), Group> = BTreeMap::new();
        for file in ducklake::files(conn, Some(seen.id), None).await? {
            if self.inner.tables.contains_key(&file.table) {
                groups.entry((file.table.clone(), file.bucket)).or_default().files.push(file);
            }
        }
        let mut inlined: BTreeMap<String, usize> = BTreeMap::new();
        for (table, rows) in self.inlined(conn, Rows::Of(seen.id)).await? {
            for (bucket, rows) in by_bucket(&self.inner, &rows)? {
                groups.entry((table.clone(), bucket)).or_default().rows = Some(rows);
            }
            inlined.insert(table, rows.height());
        }
        for group in groups.values_mut() {
            // Rows of the catalogue go to a file in any case, be it one of their own.
            if group.files.len() + usize::from(group.rows.is_some()) < files.max(2) {
                group.files.clear();
            }
        }
        groups.retain(|_, group| !group.files.is_empty() || group.rows.is_some());
        if groups.is_empty() {
            return Ok(Compaction::default());
        }
        let old: Vec<i64> = groups.values().flat_map(|g| &g.files).map(|f| f.id).collect();
        let inner = Arc::clone(&self.inner);
        let written =
            tokio::task::spawn_blocking(move || merge(&inner, groups)).await.map_err(|_| StoreError::Stopped)??;

        let mut tx = conn.begin().await?;
        ducklake::lock(&mut tx).await?;
        let head = ducklake::head(&mut tx).await?.ok_or(StoreError::Stopped)?;
        let mut next = head.next();
        let live = ducklake::files(&mut tx, Some(head.id), None).await?;
        let live: BTreeSet<i64> = live.into_iter().map(|f| f.id).collect();
        let mut changed = BTreeSet::new();
        let mut untouched = old.iter().all(|id| live.contains(id));
        let known = self.inner.inlined.all(&mut tx).await?;
        for (name, rows) in &inlined {
            let table = self.inner.tables.get(name).ok_or(StoreError::Stopped)?.lake.id;
            let mut ended = 0;
            for part in known.get(&table).into_iter().flatten() {
                ended += part.end(&mut tx, seen.id, next.id).await?;
            }
            untouched &= ended == *rows as u64;
            inline::ended(&mut tx, table, seen.id, next.id, ended).await?;
            changed.insert(format!("inline_flush:{table}"));
        }
        if !untouched {
            // Someone else compacted meanwhile: their work stands, ours is litter and is taken away.
            tx.rollback().await?;
            return Ok(Compaction::default());
        }
        let inner = Arc::clone(&self.inner);
        let settled = tokio::task::spawn_blocking(move || settle_all(&inner, written))
            .await
            .map_err(|_| StoreError::Stopped)??;
        let mut done = Compaction { merged: old.len(), inlined: inlined.values().sum(), ..Compaction::default() };
        for id in &old {
            sqlx::query("UPDATE ducklake_data_file SET end_snapshot = $1 WHERE data_file_id = $2")
                .bind(next.id)
                .bind(*id)
                .execute(&mut *tx)
                .await?;
        }
        for (dataset, written, name) in &settled {
            let table = self.inner.tables.get(dataset).ok_or(StoreError::Stopped)?;
            add_file(&mut tx, &mut next, table, written, name).await?;
            // The rows were counted when they first came.
            sqlx::query("UPDATE ducklake_table_stats SET record_count = record_count - $2 WHERE table_id = $1")
                .bind(table.lake.id)
                .bind(written.rows as i64)
                .execute(&mut *tx)
                .await?;
            changed.insert(format!("merge_adjacent:{}", table.lake.id));
            done.written += 1;
            done.rows += written.rows;
        }
        let changes: Vec<String> = changed.into_iter().collect();
        next.insert(&mut tx, &changes.join(",")).await?;
        tx.commit().await?;
        Ok(done)
    }
}

fn merge(inner: &Inner, groups: BTreeMap<(String, u32), Group>) -> Result<Vec<(String, Written)>, StoreError> {
    let mut written = Vec::with_capacity(groups.len());
    for ((name, bucket), group) in groups {
        let Some(table) = inner.tables.get(&name) else { continue };
        let columns: Vec<_> = table.shape.columns.iter().collect();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let mut all = frame::conform(&DataFrame::default(), &columns)?;
        for file in group.files {
            all.vstack_mut(&frame::conform(&inner.read(&name, &file.name, &names)?, &columns)?)?;
        }
        if let Some(rows) = group.rows {
            all.vstack_mut(&rows)?;
        }
        all.rechunk_mut();
        let mut all = frame::sorted(&all, table.sort_keys())?;
        let file = file::write(&table.folder(&inner.folder), &table.shape, bucket, &mut all)?;
        written.push((name, file));
    }
    Ok(written)
}

fn verify(inner: &Inner, files: &[LakeFile], scheduled: &[String]) -> Result<Verification, StoreError> {
    // Files that wait to be deleted are no litter, and nobody needs them.
    let mut known: BTreeSet<PathBuf> = scheduled.iter().map(|name| inner.folder.join(name)).collect();
    let mut result = Verification { files: files.len(), ..Verification::default() };
    for entry in files {
        let path = inner.path(&entry.table, &entry.name);
        result.bytes += u64::try_from(entry.bytes).unwrap_or(0);
        if !path.exists() {
            result.problems.push(FileProblem::Missing(path.clone()));
        } else if file::checksum(&path)? != entry.sha256 {
            result.problems.push(FileProblem::Changed(path.clone()));
        }
        known.insert(path);
    }
    let mut folders = vec![inner.folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
            let path = entry.map_err(StoreError::io(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !known.contains(&path) && !is_lock(&path) {
                result.problems.push(FileProblem::Litter(path));
            }
        }
    }
    result.problems.sort();
    Ok(result)
}
