//! Looking after the store: is every file there and unchanged, what was published when, and fewer, larger files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use crate::ducklake::{self, LakeFile};
use crate::file::Written;
use crate::publish::{add_file, settle_all};
use crate::store::Inner;
use crate::{SnapshotId, Store, StoreError, file, frame};

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Files in the catalogue, of all snapshots.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
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
    /// On disk, in no snapshot: left behind by a run that was stopped. Harmless; it may be removed while nothing runs.
    #[error("{}: in no snapshot, left behind by a stopped run; it may be removed while nothing runs", .0.display())]
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
    /// Rows in them.
    pub rows: i64,
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
}

impl Store {
    /// Compares the files on disk with the catalogue: every file of every snapshot is there with its checksum, and
    /// nothing else is.
    ///
    /// # Errors
    /// If the database or a folder cannot be read; damage is not an error but part of the result.
    pub async fn verify(&self, conn: &mut AnyConnection) -> Result<Verification, StoreError> {
        let files = ducklake::files(conn, None).await?;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || verify(&inner, &files)).await.map_err(|_| StoreError::Stopped)?
    }

    /// All snapshots, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn history(&self, conn: &mut AnyConnection) -> Result<Vec<HistoryEntry>, StoreError> {
        let sql = format!(
            "SELECT s.snapshot_id, {}, COALESCE(c.changes_made, ''), COALESCE(f.files, 0), COALESCE(f.records, 0) \
             FROM ducklake_snapshot s LEFT JOIN ducklake_snapshot_changes c ON c.snapshot_id = s.snapshot_id \
             LEFT JOIN (SELECT begin_snapshot, COUNT(*) AS files, CAST(SUM(record_count) AS BIGINT) AS records \
             FROM ducklake_data_file GROUP BY begin_snapshot) f ON f.begin_snapshot = s.snapshot_id ORDER BY s.snapshot_id",
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
                    rows: row.try_get(4)?,
                })
            })
            .collect()
    }

    /// Merges the files of every bucket that has at least `files` of them into one, in a snapshot of its own. Superseded
    /// answers are kept; older snapshots go on reading the old files, which stay on disk.
    ///
    /// # Errors
    /// If files cannot be read or written.
    pub async fn compact(&self, conn: &mut AnyConnection, files: usize) -> Result<Compaction, StoreError> {
        let Some(head) = ducklake::head(conn).await? else { return Ok(Compaction::default()) };
        let mut groups: BTreeMap<(String, u32), Vec<LakeFile>> = BTreeMap::new();
        for file in ducklake::files(conn, Some(head.id)).await? {
            if self.inner.tables.contains_key(&file.table) {
                groups.entry((file.table.clone(), file.bucket)).or_default().push(file);
            }
        }
        groups.retain(|_, group| group.len() >= files.max(2));
        if groups.is_empty() {
            return Ok(Compaction::default());
        }
        let old: Vec<i64> = groups.values().flatten().map(|f| f.id).collect();
        let inner = Arc::clone(&self.inner);
        let written =
            tokio::task::spawn_blocking(move || merge(&inner, &groups)).await.map_err(|_| StoreError::Stopped)??;

        let mut tx = conn.begin().await?;
        ducklake::lock(&mut tx).await?;
        let head = ducklake::head(&mut tx).await?.ok_or(StoreError::Stopped)?;
        let live: BTreeSet<i64> = ducklake::files(&mut tx, Some(head.id)).await?.into_iter().map(|f| f.id).collect();
        if !old.iter().all(|id| live.contains(id)) {
            // Someone else compacted meanwhile: their work stands, ours is litter and is taken away.
            return Ok(Compaction::default());
        }
        let inner = Arc::clone(&self.inner);
        let settled = tokio::task::spawn_blocking(move || settle_all(&inner, written))
            .await
            .map_err(|_| StoreError::Stopped)??;
        let mut next = head.next();
        let mut changed = BTreeSet::new();
        let mut done = Compaction { merged: old.len(), ..Compaction::default() };
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
            changed.insert(table.lake.id);
            done.written += 1;
            done.rows += written.rows;
        }
        let changes: Vec<String> = changed.iter().map(|id| format!("merge_adjacent:{id}")).collect();
        next.insert(&mut tx, &changes.join(",")).await?;
        tx.commit().await?;
        Ok(done)
    }
}

fn merge(inner: &Inner, groups: &BTreeMap<(String, u32), Vec<LakeFile>>) -> Result<Vec<(String, Written)>, StoreError> {
    let mut written = Vec::with_capacity(groups.len());
    for ((name, bucket), files) in groups {
        let Some(table) = inner.tables.get(name) else { continue };
        let columns: Vec<_> = table.shape.columns.iter().collect();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let mut all = frame::conform(&polars::frame::DataFrame::default(), &columns)?;
        for file in files {
            all.vstack_mut(&frame::conform(&inner.read(name, &file.name, &names)?, &columns)?)?;
        }
        all.rechunk_mut();
        let mut all = frame::sorted(&all, table.sort_keys())?;
        written.push((name.clone(), file::write(&table.folder(&inner.folder), &table.shape, *bucket, &mut all)?));
    }
    Ok(written)
}

fn verify(inner: &Inner, files: &[LakeFile]) -> Result<Verification, StoreError> {
    let mut known = BTreeSet::new();
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
            } else if !known.contains(&path) {
                result.problems.push(FileProblem::Litter(path));
            }
        }
    }
    result.problems.sort();
    Ok(result)
}
