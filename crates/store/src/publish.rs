//! From rows in memory to rows in a snapshot: stage (on disk, invisible), then publish (one transaction of the caller).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::Records;
use polars::frame::DataFrame;
use sqlx::{AnyConnection, Row as _};

use crate::ducklake::{self, Head};
use crate::file::{self, ColumnStats, Written};
use crate::shape::COVERAGE;
use crate::store::{Inner, Table};
use crate::{CoverageRow, SnapshotId, Store, StoreError, frame, inline};

/// Rows of one dataset, checked and sorted, that are in no snapshot: a few in memory, more in files on disk, synced. Dropped
/// unpublished, it leaves nothing behind; a crash before publication leaves litter that [`Store::verify`] lists.
#[derive(Debug)]
pub struct Staged {
    dataset: String,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// Few enough to go into the catalogue.
    Rows(DataFrame),
    /// One file a bucket.
    Files(Vec<Written>),
}

impl Staged {
    /// Which dataset.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.held {
            Held::Rows(rows) => rows.height(),
            Held::Files(files) => files.iter().map(|f| f.rows).sum(),
        }
    }

    /// Settlements whose rows it holds.
    fn answers(&self) -> Result<BTreeSet<i64>, StoreError> {
        Ok(match &self.held {
            Held::Rows(rows) => frame::required(rows, "answer")?.into_iter().collect(),
            Held::Files(files) => files.iter().flat_map(|f| f.answers.iter().copied()).collect(),
        })
    }
}

impl Store {
    /// Sorts and checks rows of one dataset. Few rows stay in memory, more are written to temporary files: one per bucket of
    /// people, zstd, synced.
    ///
    /// Blocking: call it from `spawn_blocking` in async code.
    ///
    /// # Errors
    /// If a column is unknown, has the wrong kind, holds an amount beyond 10^15 fen, or the disk is full.
    pub fn stage(&self, dataset: &str, rows: &Records) -> Result<Staged, StoreError> {
        let table = self.table(dataset)?;
        frame::check_records(&table.shape, rows)?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| {
            let key = |r: usize| (rows.person[r], &rows.source[r], &rows.record_id[r], rows.answer[r]);
            key(*a).cmp(&key(*b))
        });
        let dataset = dataset.to_owned();
        if order.len() <= self.inline_rows {
            let held = Held::Rows(frame::from_records(&table.shape, rows, &order)?);
            return Ok(Staged { dataset, held });
        }
        let bucket = |row: usize| self.inner.bucket_of(rows.person[row]);
        let folder = table.folder(&self.inner.folder);
        let mut files = Vec::new();
        for run in order.chunk_by(|a, b| bucket(*a) == bucket(*b)) {
            let mut frame = frame::from_records(&table.shape, rows, run)?;
            files.push(file::write(&folder, &table.shape, bucket(run[0]), &mut frame)?);
        }
        Ok(Staged { dataset, held: Held::Files(files) })
    }

    /// Publishes staged rows and the outcomes that brought them, as one snapshot, inside the caller's transaction: they
    /// become visible when it commits, or not at all. Without an open transaction this promise does not hold.
    ///
    /// An answer published before is skipped with its rows, so repeating a publication changes nothing and gives back
    /// the newest snapshot. Takes the database's write lock until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError::RowsWithoutOutcome`] if rows belong to an answer that neither `coverage` nor the store has.
    pub async fn publish(
        &self,
        conn: &mut AnyConnection,
        staged: Vec<Staged>,
        coverage: &[CoverageRow],
    ) -> Result<SnapshotId, StoreError> {
        ducklake::lock(conn).await?;
        let head = ducklake::head(conn)
            .await?
            .ok_or_else(|| StoreError::Catalogue("it has no first snapshot; open the store first".to_owned()))?;
        let staged: Vec<Staged> = staged.into_iter().filter(|s| s.rows() > 0).collect();
        let brought: Vec<BTreeSet<i64>> = staged.iter().map(Staged::answers).collect::<Result<_, _>>()?;
        let asked: BTreeSet<i64> =
            coverage.iter().map(|c| c.answer.0).chain(brought.iter().flatten().copied()).collect();
        let known = published(conn, &asked).await?;
        let mut fresh: BTreeMap<i64, CoverageRow> = BTreeMap::new();
        for row in coverage.iter().filter(|row| !known.contains(&row.answer.0)) {
            if let Some(other) = fresh.insert(row.answer.0, row.clone())
                && other != *row
            {
                return Err(StoreError::Catalogue(format!("answer {} has two different outcomes", row.answer.0)));
            }
        }
        for (part, answers) in staged.iter().zip(&brought) {
            if let Some(answer) = answers.iter().find(|a| !fresh.contains_key(a) && !known.contains(a)) {
                return Err(StoreError::RowsWithoutOutcome { dataset: part.dataset.clone(), answer: *answer });
            }
        }
        if fresh.is_empty() {
            return Ok(SnapshotId(head.id));
        }
        let answers: Vec<i64> = fresh.keys().copied().collect();
        let total = fresh.len() + staged.iter().map(Staged::rows).sum::<usize>();
        let small = total <= self.inline_rows && staged.iter().all(|s| matches!(s.held, Held::Rows(_)));
        let inlined = small && inline::has_room(conn, total).await?;
        let mut next = head.next();
        let mut changed = BTreeSet::new();
        let word = if inlined { "inlined_insert" } else { "inserted_into_table" };
        if inlined {
            for (name, rows) in in_memory(&self.inner, staged, fresh.into_values().collect(), &known)? {
                let table = self.inner.tables.get(&name).ok_or(StoreError::Stopped)?;
                inline::insert(conn, &next, table, &rows).await?;
                changed.insert(table.lake.id);
            }
        } else {
            let inner = Arc::clone(&self.inner);
            let settled = move || settle(&inner, staged, fresh.into_values().collect(), &known);
            let files = tokio::task::spawn_blocking(settled).await.map_err(|_| StoreError::Stopped)??;
            for (dataset, written, name) in &files {
                let table = self.inner.tables.get(dataset).ok_or(StoreError::Stopped)?;
                add_file(conn, &mut next, table, written, name).await?;
                changed.insert(table.lake.id);
            }
        }
        for (first, last) in runs(&answers) {
            sqlx::query("INSERT INTO store_answer(first_answer, last_answer, snapshot_id) VALUES ($1, $2, $3)")
                .bind(first)
                .bind(last)
                .bind(next.id)
                .execute(&mut *conn)
                .await?;
        }
        let changes: Vec<String> = changed.iter().map(|id| format!("{word}:{id}")).collect();
        next.insert(conn, &changes.join(",")).await?;
        Ok(SnapshotId(next.id))
    }
}

/// Which of these answers are published already.
async fn published(conn: &mut AnyConnection, answers: &BTreeSet<i64>) -> Result<BTreeSet<i64>, StoreError> {
    let (Some(first), Some(last)) = (answers.first(), answers.last()) else { return Ok(BTreeSet::new()) };
    let rows = sqlx::query(
        "SELECT first_answer, last_answer FROM store_answer WHERE first_answer <= $2 AND last_answer >= $1",
    )
    .bind(*first)
    .bind(*last)
    .fetch_all(conn)
    .await?;
    let mut known = BTreeSet::new();
    for row in rows {
        known.extend(answers.range(row.try_get::<i64, _>(0)?..=row.try_get::<i64, _>(1)?));
    }
    Ok(known)
}

/// Runs of consecutive numbers in an ascending list.
fn runs(numbers: &[i64]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for n in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *n => *last = *n,
            _ => runs.push((*n, *n)),
        }
    }
    runs
}

/// Rows that go into the catalogue, by table: those staged, without the ones already known, and those of the coverage.
fn in_memory(
    inner: &Inner,
    staged: Vec<Staged>,
    coverage: Vec<CoverageRow>,
    known: &BTreeSet<i64>,
) -> Result<Vec<(String, DataFrame)>, StoreError> {
    let mut all = Vec::new();
    for part in staged {
        if let Held::Rows(rows) = part.held {
            all.push((part.dataset, unknown(&rows, known)?));
        }
    }
    all.push((COVERAGE.to_owned(), frame_of(inner, coverage)?));
    all.retain(|(_, rows)| rows.height() > 0);
    Ok(all)
}

/// Gives all files their final names: those staged, without rows already known, and those of the coverage.
fn settle(
    inner: &Inner,
    staged: Vec<Staged>,
    coverage: Vec<CoverageRow>,
    known: &BTreeSet<i64>,
) -> Result<Vec<(String, Written, String)>, StoreError> {
    let mut files = Vec::new();
    for part in staged {
        let table = inner.table(&part.dataset)?;
        let folder = table.folder(&inner.folder);
        let held = match part.held {
            Held::Files(held) => held,
            Held::Rows(rows) => write_buckets(inner, table, &unknown(&rows, known)?)?,
        };
        for written in held {
            let kept = written.answers.iter().filter(|a| !known.contains(a)).count();
            if kept == written.answers.len() {
                files.push((part.dataset.clone(), written));
            } else if kept > 0 {
                files.push((part.dataset.clone(), without(table, &folder, &written, known)?));
            }
        }
    }
    let table = inner.coverage()?;
    let written = write_buckets(inner, table, &frame_of(inner, coverage)?)?;
    files.extend(written.into_iter().map(|file| (COVERAGE.to_owned(), file)));
    settle_all(inner, files)
}

/// Coverage as a frame, sorted by person, source and answer.
fn frame_of(inner: &Inner, mut coverage: Vec<CoverageRow>) -> Result<DataFrame, StoreError> {
    coverage.sort_by(|a, b| (a.person, &a.source, a.answer).cmp(&(b.person, &b.source, b.answer)));
    let rows: Vec<&CoverageRow> = coverage.iter().collect();
    frame::from_coverage(&inner.coverage()?.shape, &rows)
}

/// Rows without those of answers already published.
fn unknown(rows: &DataFrame, known: &BTreeSet<i64>) -> Result<DataFrame, StoreError> {
    let answers = frame::required(rows, "answer")?;
    let keep: Vec<usize> = (0..answers.len()).filter(|r| !known.contains(&answers[*r])).collect();
    frame::take(rows, &keep)
}

/// Writes rows, sorted by person, to one temporary file a bucket.
pub(crate) fn write_buckets(inner: &Inner, table: &Table, rows: &DataFrame) -> Result<Vec<Written>, StoreError> {
    let folder = table.folder(&inner.folder);
    let mut files = Vec::new();
    for (bucket, mut rows) in by_bucket(inner, rows)? {
        files.push(file::write(&folder, &table.shape, bucket, &mut rows)?);
    }
    Ok(files)
}

/// Rows, sorted by person, by the bucket they belong in.
pub(crate) fn by_bucket(inner: &Inner, rows: &DataFrame) -> Result<BTreeMap<u32, DataFrame>, StoreError> {
    let persons = frame::required(rows, "person")?;
    let bucket = |person: i64| inner.bucket_of(frame::person(person));
    let mut buckets = BTreeMap::new();
    let mut from = 0;
    for run in persons.chunk_by(|a, b| bucket(*a) == bucket(*b)) {
        buckets.insert(bucket(run[0]), rows.slice(from as i64, run.len()));
        from += run.len();
    }
    Ok(buckets)
}

/// Renames written files and syncs their folders.
pub(crate) fn settle_all(
    inner: &Inner,
    files: Vec<(String, Written)>,
) -> Result<Vec<(String, Written, String)>, StoreError> {
    let mut settled = Vec::with_capacity(files.len());
    let mut folders = BTreeSet::new();
    for (dataset, mut written) in files {
        let folder = inner.folder.join(&dataset);
        let name = written.settle(&folder)?;
        folders.insert(folder);
        settled.push((dataset, written, name));
    }
    for folder in &folders {
        file::sync_folder(folder)?;
    }
    Ok(settled)
}

/// A staged file again without the rows of answers already published.
fn without(
    table: &Table,
    folder: &std::path::Path,
    written: &Written,
    known: &BTreeSet<i64>,
) -> Result<Written, StoreError> {
    let path = written.temporary.as_deref().ok_or(StoreError::Stopped)?;
    let names: Vec<&str> = table.shape.columns.iter().map(|c| c.name.as_str()).collect();
    let all = file::read(path, &names)?;
    let mut rest = unknown(&all, known)?;
    file::write(folder, &table.shape, written.bucket, &mut rest)
}

/// Enters a file into the catalogue: the file, its statistics, and the table's.
pub(crate) async fn add_file(
    conn: &mut AnyConnection,
    next: &mut Head,
    table: &Table,
    written: &Written,
    name: &str,
) -> Result<(), StoreError> {
    let id = next.take_file();
    let lake = &table.lake;
    let rows = written.rows as i64;
    let row_id = ducklake::grow_table(conn, lake.id, rows, written.bytes as i64).await?;
    sqlx::query("INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start, mapping_id) VALUES ($1, $2, $3, $4, TRUE, 'parquet', $5, $6, $7, $8, $9)")
        .bind(id)
        .bind(lake.id)
        .bind(next.id)
        .bind(name)
        .bind(rows)
        .bind(written.bytes as i64)
        .bind(written.footer as i64)
        .bind(row_id)
        .bind(lake.mapping)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO store_file(data_file_id, sha256, bucket, min_person, max_person) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(&written.sha256)
    .bind(i64::from(written.bucket))
    .bind(written.persons.0)
    .bind(written.persons.1)
    .execute(&mut *conn)
    .await?;
    add_stats(conn, table, id, written).await
}

/// Enters what is known of a file's columns, and widens the table's by it.
pub(crate) async fn add_stats(
    conn: &mut AnyConnection,
    table: &Table,
    id: i64,
    written: &Written,
) -> Result<(), StoreError> {
    let lake = &table.lake;
    let known = known_columns(conn, lake.id).await?;
    for stats in &written.stats {
        let Some((column, _, ty)) = lake.columns.iter().find(|(_, n, _)| *n == stats.column) else { continue };
        sqlx::query("INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id, value_count, null_count, min_value, max_value) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(id)
            .bind(lake.id)
            .bind(*column)
            .bind(stats.values as i64)
            .bind(stats.nulls as i64)
            .bind(&stats.min)
            .bind(&stats.max)
            .execute(&mut *conn)
            .await?;
        column_totals(conn, lake.id, *column, ty, known.get(column), stats).await?;
    }
    Ok(())
}

/// Whether a column of the whole table has nulls, its least and its largest value.
type KnownColumn = (bool, Option<String>, Option<String>);

/// What the catalogue knows about the columns of a table.
pub(crate) async fn known_columns(
    conn: &mut AnyConnection,
    table: i64,
) -> Result<BTreeMap<i64, KnownColumn>, StoreError> {
    let rows = sqlx::query(
        "SELECT column_id, CASE WHEN contains_null THEN 1 ELSE 0 END, min_value, max_value FROM ducklake_table_column_stats WHERE table_id = $1",
    )
    .bind(table)
    .fetch_all(conn)
    .await?;
    let known = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, (row.try_get::<i64, _>(1)? != 0, row.try_get(2)?, row.try_get(3)?))));
    Ok(known.collect::<Result<_, sqlx::Error>>()?)
}

/// Least and largest value of two files together.
pub(crate) fn widened(ty: &str, a: &ColumnStats, b: &ColumnStats) -> ColumnStats {
    ColumnStats {
        column: a.column.clone(),
        values: a.values + b.values,
        nulls: a.nulls + b.nulls,
        min: widest(ty, &a.min, &b.min, true),
        max: widest(ty, &a.max, &b.max, false),
    }
}

fn widest(ty: &str, old: &Option<String>, new: &Option<String>, min: bool) -> Option<String> {
    let less = |a: &str, b: &str| match (ty, a.parse::<i64>(), b.parse::<i64>()) {
        ("int64", Ok(a), Ok(b)) => a < b,
        _ => a < b,
    };
    match (old, new) {
        (Some(old), Some(new)) if less(new, old) == min && new != old => Some(new.clone()),
        (None, new) => new.clone(),
        (old, _) => old.clone(),
    }
}

/// Widens what the catalogue knows about a column of the whole table, where the file goes beyond it.
pub(crate) async fn column_totals(
    conn: &mut AnyConnection,
    table: i64,
    column: i64,
    ty: &str,
    known: Option<&KnownColumn>,
    stats: &ColumnStats,
) -> Result<(), StoreError> {
    let nulls = stats.nulls > 0;
    let Some(was) = known else {
        sqlx::query("INSERT INTO ducklake_table_column_stats(table_id, column_id, contains_null, min_value, max_value) VALUES ($1, $2, $3, $4, $5)")
            .bind(table)
            .bind(column)
            .bind(nulls)
            .bind(&stats.min)
            .bind(&stats.max)
            .execute(conn)
            .await?;
        return Ok(());
    };
    let now = (was.0 || nulls, widest(ty, &was.1, &stats.min, true), widest(ty, &was.2, &stats.max, false));
    if now != *was {
        sqlx::query("UPDATE ducklake_table_column_stats SET contains_null = $3, min_value = $4, max_value = $5 WHERE table_id = $1 AND column_id = $2")
            .bind(table)
            .bind(column)
            .bind(now.0)
            .bind(now.1)
            .bind(now.2)
            .execute(conn)
            .await?;
    }
    Ok(())
}
