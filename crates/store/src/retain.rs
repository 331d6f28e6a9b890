//! Retention: superseded evidence older than a limit is removed, and a scan shows that none is left.
//!
//! The newest snapshot at or before the limit is kept, with all later ones; older ones expire. What was superseded in it
//! already cannot count in any later one either, so such rows are rewritten away wherever they lie: files are replaced by
//! files without them, for every snapshot that has them, and rows of the catalogue are deleted. Files that nothing needs any
//! more are deleted once no reader holds a snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use polars::frame::DataFrame;
use sqlx::{AnyConnection, Row as _};

use crate::ducklake::{self, Dialect, LakeFile, State};
use crate::file::{self, Written};
use crate::inline::{self, Rows};
use crate::publish::settle_all;
use crate::snapshot::SnapshotId;
use crate::store::{Inner, Table};
use crate::{Store, StoreError, frame};

/// What is to be removed, worked out and written beside what is there; nothing has changed yet.
#[derive(Debug)]
pub struct Removal {
    /// The oldest snapshot that stays.
    floor: i64,
    /// Files as they were when this was worked out, by id, with when they ended.
    seen: BTreeMap<i64, Option<i64>>,
    /// What stands for a file from now on; none if nothing of it is left.
    replaced: Vec<(LakeFile, Option<Written>)>,
    /// (person, source) and newest answer at the floor, by bucket.
    newest: Newest,
    /// Rows in files that go.
    rows: usize,
}

/// The newest answer of every (person, source) at the floor.
pub(crate) type Newest = HashMap<(i64, Arc<str>), i64>;

/// What [`Store::remove`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The oldest snapshot that can be read from now on.
    pub oldest: SnapshotId,
    /// Snapshots that can be read no more.
    pub snapshots: u64,
    /// Superseded rows taken out of files.
    pub rows: usize,
    /// Superseded rows taken out of the catalogue.
    pub inlined: usize,
    /// Files that nothing needs any more, to be deleted by [`Store::sweep`].
    pub files: usize,
}

/// What a scan of everything finds of evidence that was superseded before a moment; all zero after a removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Superseded rows in files of any snapshot.
    pub rows: usize,
    /// Superseded rows in the catalogue.
    pub inlined: usize,
    /// Snapshots older than the one that was newest at the moment.
    pub snapshots: i64,
    /// Files on disk that nothing needs.
    pub files: usize,
}

impl Remains {
    /// Whether nothing is left.
    #[must_use]
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// Name of the file that readers hold locked as long as they may open files of a snapshot.
const READERS: &str = "readers.lock";

/// A lock that says: files are being read. Whoever deletes some may be waited for, and may be another future of this very
/// thread: so no thread that runs futures is held up.
pub(crate) async fn reading(inner: &Inner) -> Result<File, StoreError> {
    let (path, file) = lock_file(inner)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
        Err(TryLockError::WouldBlock) => {
            let wait = move || file.lock_shared().map(|()| file);
            let locked = tokio::task::spawn_blocking(wait).await.map_err(|_| StoreError::Stopped)?;
            locked.map_err(StoreError::io(&path))
        }
    }
}

fn lock_file(inner: &Inner) -> Result<(std::path::PathBuf, File), StoreError> {
    let path = inner.folder.join(READERS);
    // A store that may only be read has one already.
    let opened = File::open(&path).or_else(|_| File::options().create(true).append(true).open(&path));
    let file = opened.map_err(StoreError::io(&path))?;
    Ok((path, file))
}

/// Whether a path is the store's own and no file of data.
pub(crate) fn is_lock(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == READERS)
}

impl Store {
    /// Works out what was superseded at or before a moment, and writes the files that are to stand for those that hold some
    /// of it. None if there was no snapshot yet, so nothing to remove. Nobody is held up.
    ///
    /// # Errors
    /// If files cannot be read or written.
    pub async fn removal(&self, conn: &mut AnyConnection, before: Timestamp) -> Result<Option<Removal>, StoreError> {
        let Some(State { id: floor, .. }) = ducklake::snapshot_at(conn, None, Some(before)).await? else {
            return Ok(None);
        };
        let newest = self.newest_at(conn, floor).await?;
        let files = ducklake::files(conn, None, None).await?;
        let ends = ends(conn).await?;
        let needed = |file: &&LakeFile| ends.get(&file.id).is_none_or(|end| end.is_none_or(|end| end > floor));
        let needed: Vec<LakeFile> = files.iter().filter(needed).cloned().collect();
        let inner = Arc::clone(&self.inner);
        let written = tokio::task::spawn_blocking(move || {
            let mut replaced = Vec::new();
            let mut rows = 0;
            for file in needed {
                let Some(table) = inner.tables.get(&file.table) else { continue };
                let Some((rest, gone)) = without(&inner, table, &file, &newest)? else { continue };
                let written = match rest {
                    Some(mut rest) => {
                        Some(file::write(&table.folder(&inner.folder), &table.shape, file.bucket, &mut rest)?)
                    }
                    None => None,
                };
                rows += gone;
                replaced.push((file, written));
            }
            Ok::<_, StoreError>((replaced, rows, newest))
        });
        let (replaced, rows, newest) = written.await.map_err(|_| StoreError::Stopped)??;
        Ok(Some(Removal { floor, seen: ends, replaced, newest, rows }))
    }

    /// Removes it inside the caller's transaction, in which whoever calls notes down that and why. None if somebody
    /// compacted since it was worked out: then it has to be worked out again.
    ///
    /// # Errors
    /// What the database or file system says.
    pub async fn remove(&self, conn: &mut AnyConnection, removal: Removal) -> Result<Option<Removed>, StoreError> {
        ducklake::lock(conn).await?;
        let now = ends(conn).await?;
        if removal.seen.iter().any(|(id, end)| now.get(id) != Some(end)) {
            return Ok(None);
        }
        if Dialect::of(conn) == Dialect::Sqlite {
            // Otherwise what is deleted stays in the file until something else is written over it.
            sqlx::query("PRAGMA secure_delete = ON").execute(&mut *conn).await?;
        }
        ducklake::count_removal(conn).await?;
        let floor = removal.floor;
        let mut removed = Removed { oldest: SnapshotId(floor), rows: removal.rows, ..Removed::default() };
        let (mut settle, mut kept) = (Vec::new(), Vec::new());
        let mut touched: BTreeSet<i64> = BTreeSet::new();
        for (file, written) in removal.replaced {
            let table = self.inner.tables.get(&file.table).ok_or(StoreError::Stopped)?;
            touched.insert(table.lake.id);
            schedule(conn, &file).await?;
            removed.files += 1;
            match written {
                Some(written) => {
                    settle.push((file.table.clone(), written));
                    kept.push(file);
                }
                None => forget_file(conn, file.id).await?,
            }
        }
        let inner = Arc::clone(&self.inner);
        let settled = tokio::task::spawn_blocking(move || settle_all(&inner, settle))
            .await
            .map_err(|_| StoreError::Stopped)??;
        for (file, (_, written, name)) in kept.iter().zip(&settled) {
            let table = self.inner.tables.get(&file.table).ok_or(StoreError::Stopped)?;
            replace_file(conn, table, file.id, written, name).await?;
        }
        for file in ducklake::files(conn, None, None).await? {
            if now.get(&file.id).copied().flatten().is_some_and(|end| end <= floor) {
                schedule(conn, &file).await?;
                forget_file(conn, file.id).await?;
                removed.files += 1;
            }
        }
        let known = self.inner.inlined.all(conn).await?;
        for table in self.inner.tables.values() {
            for part in known.get(&table.lake.id).into_iter().flatten() {
                let gone = part.remove(conn, table, floor, &removal.newest).await?;
                removed.inlined += gone;
                if gone > 0 {
                    touched.insert(table.lake.id);
                }
            }
        }
        for table in self.inner.tables.values().filter(|t| touched.contains(&t.lake.id)) {
            self.recount(conn, table).await?;
        }
        for sql in [
            "DELETE FROM ducklake_snapshot_changes WHERE snapshot_id < $1",
            "DELETE FROM ducklake_snapshot WHERE snapshot_id < $1",
        ] {
            removed.snapshots = sqlx::query(sql).bind(floor).execute(&mut *conn).await?.rows_affected();
        }
        Ok(Some(removed))
    }

    /// Deletes files that nothing needs any more, and says how many it deleted and how many wait for readers to end.
    ///
    /// # Errors
    /// What the database or file system says.
    pub async fn sweep(&self, conn: &mut AnyConnection) -> Result<(usize, usize), StoreError> {
        if Dialect::of(conn) == Dialect::Sqlite {
            // What was deleted is still in the write-ahead log until that is folded in; with readers about, a later run does it.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *conn).await?;
        }
        let names: Vec<String> = scheduled(conn).await?;
        if names.is_empty() {
            return Ok((0, 0));
        }
        let (path, readers) = lock_file(&self.inner)?;
        match readers.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok((0, names.len())),
            Err(TryLockError::Error(error)) => return Err(StoreError::io(&path)(error)),
        }
        // A file of the same content may have come again meanwhile.
        let used: BTreeSet<String> =
            ducklake::files(conn, None, None).await?.into_iter().map(|f| format!("{}/{}", f.table, f.name)).collect();
        for name in &names {
            let path = self.inner.folder.join(name);
            if !used.contains(name)
                && let Err(error) = fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(StoreError::io(&path)(error));
            }
            sqlx::query("DELETE FROM ducklake_files_scheduled_for_deletion WHERE path = $1")
                .bind(name)
                .execute(&mut *conn)
                .await?;
        }
        Ok((names.len(), 0))
    }

    /// Scans all that is there for evidence superseded at or before a moment: the proof of a removal.
    ///
    /// # Errors
    /// If files cannot be read.
    pub async fn remains(&self, conn: &mut AnyConnection, before: Timestamp) -> Result<Remains, StoreError> {
        let mut remains = Remains { files: scheduled(conn).await?.len(), ..Remains::default() };
        let Some(State { id: floor, .. }) = ducklake::snapshot_at(conn, None, Some(before)).await? else {
            return Ok(remains);
        };
        let older = sqlx::query("SELECT COUNT(*) FROM ducklake_snapshot WHERE snapshot_id < $1").bind(floor);
        remains.snapshots = older.fetch_one(&mut *conn).await?.try_get(0)?;
        let newest = self.newest_at(conn, floor).await?;
        let files = ducklake::files(conn, None, None).await?;
        let known = self.inner.inlined.all(conn).await?;
        for table in self.inner.tables.values() {
            for part in known.get(&table.lake.id).into_iter().flatten() {
                let rows = part.read(conn, table, Rows::All).await?;
                remains.inlined += superseded(&rows, &newest)?.iter().filter(|gone| **gone).count();
            }
        }
        let inner = Arc::clone(&self.inner);
        let counted = tokio::task::spawn_blocking(move || {
            let mut rows = 0;
            for file in &files {
                if inner.tables.contains_key(&file.table) {
                    let keys = inner.read(&file.table, &file.name, &KEYS)?;
                    rows += superseded(&keys, &newest)?.iter().filter(|gone| **gone).count();
                }
            }
            Ok::<_, StoreError>(rows)
        });
        remains.rows = counted.await.map_err(|_| StoreError::Stopped)??;
        Ok(remains)
    }

    async fn newest_at(&self, conn: &mut AnyConnection, floor: i64) -> Result<Newest, StoreError> {
        let table = self.inner.coverage()?;
        let mut newest = Newest::new();
        let known = self.inner.inlined.all(conn).await?;
        for part in known.get(&table.lake.id).into_iter().flatten() {
            add_newest(&part.read(conn, table, Rows::Of(floor)).await?, &mut newest)?;
        }
        let files = ducklake::files(conn, Some(floor), None).await?;
        let inner = Arc::clone(&self.inner);
        let read = tokio::task::spawn_blocking(move || {
            for file in files.iter().filter(|f| f.table == crate::shape::COVERAGE) {
                add_newest(&inner.read(&file.table, &file.name, &KEYS)?, &mut newest)?;
            }
            Ok::<_, StoreError>(newest)
        });
        read.await.map_err(|_| StoreError::Stopped)?
    }

    /// Works out anew what the catalogue says of a whole table, so that its least and largest values are none of those that
    /// went.
    async fn recount(&self, conn: &mut AnyConnection, table: &Table) -> Result<(), StoreError> {
        let id = table.lake.id;
        let mut columns: BTreeMap<i64, file::ColumnStats> = BTreeMap::new();
        let rows = sqlx::query(
            "SELECT column_id, value_count, null_count, min_value, max_value FROM ducklake_file_column_stats WHERE table_id = $1",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await?;
        let mut widen = |column: i64, ty: &str, stats: file::ColumnStats| {
            let all = match columns.get(&column) {
                Some(all) => crate::publish::widened(ty, all, &stats),
                None => stats,
            };
            columns.insert(column, all);
        };
        for row in rows {
            let column: i64 = row.try_get(0)?;
            let Some((_, name, ty)) = table.lake.columns.iter().find(|(id, ..)| *id == column) else { continue };
            let count =
                |at| -> Result<usize, sqlx::Error> { Ok(usize::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0)) };
            let stats = file::ColumnStats {
                column: name.clone(),
                values: count(1)?,
                nulls: count(2)?,
                min: row.try_get(3)?,
                max: row.try_get(4)?,
            };
            widen(column, ty, stats);
        }
        let known = self.inner.inlined.all(conn).await?;
        for part in known.get(&id).into_iter().flatten() {
            let rows = part.read(conn, table, Rows::All).await?;
            for (column, name, ty) in table.lake.columns.iter().filter(|_| rows.height() > 0) {
                widen(*column, ty, inline::stats_of(&rows, name, crate::shape::Kind::from_ducklake(ty))?);
            }
        }
        sqlx::query(
            "UPDATE ducklake_table_stats SET record_count = \
             (SELECT COALESCE(CAST(SUM(f.record_count) AS BIGINT), 0) FROM ducklake_data_file f WHERE f.table_id = $1 AND f.end_snapshot IS NULL) + \
             (SELECT COALESCE(CAST(SUM(i.row_count) AS BIGINT), 0) FROM store_inlined i WHERE i.table_id = $1 AND i.end_snapshot IS NULL) \
             WHERE table_id = $1",
        )
        .bind(id)
        .execute(&mut *conn)
        .await?;
        sqlx::query("DELETE FROM ducklake_table_column_stats WHERE table_id = $1").bind(id).execute(&mut *conn).await?;
        for (column, _, ty) in &table.lake.columns {
            if let Some(stats) = columns.get(column) {
                crate::publish::column_totals(conn, id, *column, ty, None, stats).await?;
            }
        }
        Ok(())
    }
}

const KEYS: [&str; 3] = ["person", "source", "answer"];

fn add_newest(rows: &DataFrame, newest: &mut Newest) -> Result<(), StoreError> {
    if rows.height() == 0 {
        return Ok(());
    }
    let (persons, answers) = (frame::required(rows, "person")?, frame::required(rows, "answer")?);
    for ((person, source), answer) in persons.into_iter().zip(frame::text_values(rows, "source")?).zip(answers) {
        let known = newest.entry((person, source.unwrap_or_default())).or_insert(answer);
        *known = answer.max(*known);
    }
    Ok(())
}

/// Which rows belong to an answer that a newer one had replaced.
pub(crate) fn superseded(rows: &DataFrame, newest: &Newest) -> Result<Vec<bool>, StoreError> {
    if rows.height() == 0 {
        return Ok(Vec::new());
    }
    let (persons, answers) = (frame::required(rows, "person")?, frame::required(rows, "answer")?);
    let sources = frame::text_values(rows, "source")?;
    let keys = persons.into_iter().zip(sources).zip(answers);
    let gone = keys.map(|((person, source), answer)| {
        newest.get(&(person, source.unwrap_or_default())).is_some_and(|newest| answer < *newest)
    });
    Ok(gone.collect())
}

/// A file's rows without those superseded, and how many these are; none if it has no such rows.
fn without(
    inner: &Inner,
    table: &Table,
    file: &LakeFile,
    newest: &Newest,
) -> Result<Option<(Option<DataFrame>, usize)>, StoreError> {
    let gone = superseded(&inner.read(&file.table, &file.name, &KEYS)?, newest)?;
    let count = gone.iter().filter(|gone| **gone).count();
    if count == 0 {
        return Ok(None);
    }
    if count == gone.len() {
        return Ok(Some((None, count)));
    }
    let columns: Vec<_> = table.shape.columns.iter().collect();
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let all = frame::conform(&inner.read(&file.table, &file.name, &names)?, &columns)?;
    let keep: Vec<usize> = (0..gone.len()).filter(|row| !gone[*row]).collect();
    let rest = frame::take(&all, &keep)?;
    Ok(Some((Some(rest), count)))
}

/// All files of the catalogue, with the snapshot they end at.
async fn ends(conn: &mut AnyConnection) -> Result<BTreeMap<i64, Option<i64>>, StoreError> {
    let rows = sqlx::query("SELECT data_file_id, end_snapshot FROM ducklake_data_file").fetch_all(conn).await?;
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
}

/// Files that wait to be deleted, by their path within the store.
pub(crate) async fn scheduled(conn: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
    let rows =
        sqlx::query("SELECT path FROM ducklake_files_scheduled_for_deletion ORDER BY path").fetch_all(conn).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?)
}

async fn schedule(conn: &mut AnyConnection, file: &LakeFile) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO ducklake_files_scheduled_for_deletion(data_file_id, path, path_is_relative, schedule_start) VALUES ($1, $2, TRUE, {})",
        Dialect::of(conn).moment("$3")
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(file.id)
        .bind(format!("{}/{}", file.table, file.name))
        .bind(ducklake::time_text(Timestamp::now(), "+00"))
        .execute(conn)
        .await?;
    Ok(())
}

async fn forget_file(conn: &mut AnyConnection, id: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM ducklake_file_column_stats WHERE data_file_id = $1",
        "DELETE FROM store_file WHERE data_file_id = $1",
        "DELETE FROM ducklake_data_file WHERE data_file_id = $1",
    ] {
        sqlx::query(sql).bind(id).execute(&mut *conn).await?;
    }
    Ok(())
}

async fn replace_file(
    conn: &mut AnyConnection,
    table: &Table,
    id: i64,
    written: &Written,
    name: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE ducklake_data_file SET path = $2, record_count = $3, file_size_bytes = $4, footer_size = $5, mapping_id = $6 WHERE data_file_id = $1",
    )
    .bind(id)
    .bind(name)
    .bind(written.rows as i64)
    .bind(written.bytes as i64)
    .bind(written.footer as i64)
    .bind(table.lake.mapping)
    .execute(&mut *conn)
    .await?;
    sqlx::query("UPDATE store_file SET sha256 = $2, min_person = $3, max_person = $4 WHERE data_file_id = $1")
        .bind(id)
        .bind(&written.sha256)
        .bind(written.persons.0)
        .bind(written.persons.1)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM ducklake_file_column_stats WHERE data_file_id = $1").bind(id).execute(&mut *conn).await?;
    crate::publish::add_stats(conn, table, id, written).await
}
