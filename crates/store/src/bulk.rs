//! Bulk append: whole buckets of columns become files, and many files one snapshot.
//!
//! The way in for millions of rows at once: no row has an allocation, files are written on as many threads as the caller
//! has, and the catalogue gets its rows by the hundred. What [`Store::stage`](crate::Store::stage) does for one
//! settlement, with the same result on disk.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hedui_base::{ColumnType, Fen, PersonKey};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::case_tables::{self, CASES, PEOPLE};
use crate::columns::{BulkColumn, Ints, TextForm};
use crate::ducklake::{self, Head};
use crate::file::{self, ColumnStats, Written};
use crate::parquet::FileColumn;
use crate::shape::{COVERAGE, Kind, ShapeColumn};
use crate::store::Table;
use crate::{Snapshot, SnapshotId, Store, StoreError, frame};

/// A file on disk that is in no snapshot yet. Dropped unpublished, it leaves nothing behind.
#[derive(Debug)]
pub struct BulkFile {
    table: String,
    written: Written,
}

impl BulkFile {
    /// Its table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.written.rows
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.written.bytes
    }
}

/// So many people, by consecutive keys, lie together in coverage written in bulk. Within such a block outcomes go by source:
/// neighbours then differ in the person alone, and a column is a few runs. And a household is looked up in a page or two of
/// each column: with all people of a bucket in one block it would be one page for every source.
pub const COVERAGE_BLOCK: u32 = 256;

/// What rows of a table are sorted by; of coverage, within a block of people.
fn order(table: &str) -> &'static [&'static str] {
    match table {
        COVERAGE => &["source", "person", "answer"],
        CASES => &["person", "position"],
        PEOPLE => &["person", "position", "who"],
        _ => &["person", "source", "record_id", "answer"],
    }
}

impl Store {
    /// Writes one bucket's rows of a table (a dataset, `coverage`, `cases` or `people`) to a file. Columns that are not
    /// given are null. Sorts the rows if they are not sorted. Blocking, and safe to call from many threads.
    ///
    /// # Errors
    /// If a column is unknown, has the wrong kind or length, holds an amount beyond 10^15 fen or a person of another
    /// bucket, or the disk is full.
    pub fn write_bulk(&self, table: &str, bucket: u32, columns: &[(&str, BulkColumn)]) -> Result<BulkFile, StoreError> {
        let rows = columns.first().map_or(0, |(_, c)| c.len());
        let named = |key: &str| columns.iter().find(|(name, _)| *name == key).map(|(_, column)| column.expanded());
        let blocks = if table == COVERAGE { named("person").and_then(|persons| blocks(&persons)) } else { None };
        let keys: Vec<Cow<'_, BulkColumn>> = blocks
            .map(Cow::Owned)
            .into_iter()
            .chain(order(table).iter().filter_map(|key| named(key)))
            .filter(|column| column.len() == rows)
            .collect();
        match sorted(&keys, rows) {
            None => self.write_in_order(table, bucket, columns),
            Some(order) => {
                let short = columns.iter().any(|(_, column)| column.len() != rows);
                let taken = |column: &BulkColumn| if short { column.clone() } else { column.taken(&order) };
                let sorted: Vec<_> = columns.iter().map(|(name, column)| (*name, taken(column))).collect();
                self.write_in_order(table, bucket, &sorted)
            }
        }
    }

    /// The same for rows that are in order already.
    pub(crate) fn write_in_order(
        &self,
        table: &str,
        bucket: u32,
        columns: &[(&str, BulkColumn)],
    ) -> Result<BulkFile, StoreError> {
        let table = self.any_table(table)?;
        let shape = &table.shape;
        let rows = columns.first().map_or(0, |(_, c)| c.len());
        for (name, column) in columns {
            let spec = shape.columns.iter().find(|c| c.name == *name).ok_or_else(|| StoreError::UnknownColumn {
                dataset: shape.name.clone(),
                column: (*name).to_owned(),
                nearest: hedui_base::diagnostic::nearest(name, shape.columns.iter().map(|c| c.name.as_str()))
                    .map(str::to_owned),
            })?;
            if column.len() != rows {
                return Err(shape.bad(name, "all columns of a file have the same length"));
            }
            check(table, spec, column)?;
        }
        let persons = match columns.iter().find(|(name, _)| *name == "person") {
            Some((_, BulkColumn::Ints(ints))) if ints.present.missing() == 0 && rows > 0 => &ints.values,
            _ => return Err(shape.bad("person", "every row is about somebody, and a file has rows")),
        };
        let range = persons.iter().fold((i64::MAX, i64::MIN), |(a, b), p| (a.min(*p), b.max(*p)));
        let of = |key: i64| u32::try_from(key).map(|key| self.inner.bucket_of(PersonKey(key)));
        if of(range.0) != Ok(bucket) || of(range.1) != Ok(bucket) {
            return Err(shape.bad("person", "all rows of a file belong to people of its bucket"));
        }
        let named: Vec<FileColumn<'_>> = shape
            .columns
            .iter()
            .map(|c| FileColumn {
                name: &c.name,
                kind: c.kind,
                values: columns.iter().find(|(name, _)| *name == c.name).map(|(_, column)| column),
            })
            .collect();
        let written = file::write_columns(&table.folder(&self.inner.folder), bucket, &named, rows, range)?;
        Ok(BulkFile { table: shape.name.clone(), written })
    }

    /// Begins so many snapshots inside the caller's transaction; they become visible when it commits, or not at all. Takes
    /// the database's write lock until the transaction ends.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin_bulk(&self, conn: &mut AnyConnection, snapshots: usize) -> Result<BulkCommit, StoreError> {
        ducklake::lock(conn).await?;
        let mut head = ducklake::head(conn)
            .await?
            .ok_or_else(|| StoreError::Catalogue("it has no first snapshot; open the store first".to_owned()))?;
        let mut snapshots_of = Vec::with_capacity(snapshots);
        for _ in 0..snapshots {
            head = head.next();
            snapshots_of.push((head.clone(), BTreeSet::new()));
        }
        Ok(BulkCommit {
            store: self.clone(),
            next_file: head.next_file,
            snapshots: snapshots_of,
            tables: BTreeMap::new(),
        })
    }
}

impl Snapshot {
    /// These columns (none: all) of one bucket of a table, as [`Store::write_bulk`] took them: file after file, superseded
    /// answers included. Blocking.
    ///
    /// # Errors
    /// [`StoreError::UnknownDataset`], [`StoreError::UnknownColumn`], or what the file system says.
    pub fn columns(
        &self,
        table: &str,
        bucket: u32,
        columns: Option<&[&str]>,
    ) -> Result<Vec<(String, BulkColumn)>, StoreError> {
        let table = self.inner.any_table(table)?;
        let wanted: Vec<&ShapeColumn> = match columns {
            None => table.shape.columns.iter().collect(),
            Some(names) => names
                .iter()
                .map(|name| {
                    table.shape.columns.iter().find(|c| c.name == *name).ok_or_else(|| StoreError::UnknownColumn {
                        dataset: table.shape.name.clone(),
                        column: (*name).to_owned(),
                        nearest: None,
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        let frame = self.read_all(table, &wanted, bucket)?;
        wanted.iter().map(|c| Ok((c.name.clone(), frame::bulk_column(&frame, &c.name, c.kind)?))).collect()
    }
}

/// Snapshots that are being put together, file by file.
#[derive(Debug)]
pub struct BulkCommit {
    store: Store,
    next_file: i64,
    /// Each with the tables that it changes.
    snapshots: Vec<(Head, BTreeSet<i64>)>,
    /// What each table gains.
    tables: BTreeMap<String, Gain>,
}

/// What a table has and gains.
#[derive(Debug)]
struct Gain {
    known: bool,
    records: i64,
    next_row: i64,
    bytes: i64,
    columns: BTreeMap<String, ColumnStats>,
}

impl BulkCommit {
    /// Makes files last and enters each into one of the snapshots, counted from 0. Cheapest with many files at a time:
    /// they are synced together.
    ///
    /// # Errors
    /// What the database or file system says.
    pub async fn add(&mut self, conn: &mut AnyConnection, files: Vec<(usize, BulkFile)>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.store.inner);
        let settling = tokio::task::spawn_blocking(move || {
            let files = settle(&inner.folder, files)?;
            let cases = files.iter().filter(|(_, file, _)| file.table == CASES);
            let cases = cases.map(|(.., name)| case_tables::places(&inner, name)).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, StoreError>((files, cases.concat()))
        });
        let (files, cases) = settling.await.map_err(|_| StoreError::Stopped)??;
        let (mut data_files, mut own_files, mut stats) = (Vec::new(), Vec::new(), Vec::new());
        for (nth, file, name) in &files {
            let (head, changed) = self.snapshots.get_mut(*nth).ok_or(StoreError::Stopped)?;
            let table = self.store.any_table(&file.table)?;
            let lake = &table.lake;
            changed.insert(lake.id);
            if !self.tables.contains_key(&file.table) {
                self.tables.insert(file.table.clone(), Gain::of(conn, lake.id).await?);
            }
            let gain = self.tables.get_mut(&file.table).ok_or(StoreError::Stopped)?;
            let id = self.next_file;
            self.next_file += 1;
            data_files.push((id, lake.id, head.id, lake.mapping, gain.next_row, &file.written, name));
            own_files.push((id, &file.written));
            gain.records += file.written.rows as i64;
            gain.next_row += file.written.rows as i64;
            gain.bytes += file.written.bytes as i64;
            for (column, name, ty) in &lake.columns {
                let Some(found) = file.written.stats.iter().find(|s| s.column == *name) else { continue };
                stats.push((id, lake.id, *column, found));
                match gain.columns.get_mut(name) {
                    Some(all) => *all = crate::publish::widened(ty, all, found),
                    None => drop(gain.columns.insert(name.clone(), found.clone())),
                }
            }
        }
        for part in data_files.chunks(ROWS_AT_ONCE) {
            let sql = insert(
                "ducklake_data_file(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start, mapping_id)",
                11,
                part.len(),
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (id, table, snapshot, mapping, row, written, name) in part {
                query = query.bind(*id).bind(*table).bind(*snapshot).bind(name.as_str()).bind(true).bind("parquet");
                query = query.bind(written.rows as i64).bind(written.bytes as i64).bind(written.footer as i64);
                query = query.bind(*row).bind(*mapping);
            }
            query.execute(&mut *conn).await?;
        }
        for part in own_files.chunks(ROWS_AT_ONCE) {
            let sql = insert("store_file(data_file_id, sha256, bucket, min_person, max_person)", 5, part.len());
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (id, written) in part {
                query = query.bind(*id).bind(&written.sha256).bind(i64::from(written.bucket));
                query = query.bind(written.persons.0).bind(written.persons.1);
            }
            query.execute(&mut *conn).await?;
        }
        for part in stats.chunks(ROWS_AT_ONCE) {
            let sql = insert(
                "ducklake_file_column_stats(data_file_id, table_id, column_id, value_count, null_count, min_value, max_value)",
                7,
                part.len(),
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (id, table, column, stats) in part {
                query = query.bind(*id).bind(*table).bind(*column).bind(stats.values as i64).bind(stats.nulls as i64);
                query = query.bind(&stats.min).bind(&stats.max);
            }
            query.execute(&mut *conn).await?;
        }
        for part in cases.chunks(ROWS_AT_ONCE) {
            let sql = insert("store_case(number, person, position)", 3, part.len()) + " ON CONFLICT DO NOTHING";
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for place in part {
                query = query.bind(&*place.number).bind(place.person).bind(place.position);
            }
            query.execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Makes the snapshots whole. `answers` has, for each, the range of settlements (first and last) that it brings, none
    /// of which may be published yet.
    ///
    /// # Errors
    /// What the database says.
    pub async fn finish(
        mut self,
        conn: &mut AnyConnection,
        answers: &[(i64, i64)],
    ) -> Result<Vec<SnapshotId>, StoreError> {
        for (name, gain) in &self.tables {
            let lake = &self.store.any_table(name)?.lake;
            let update = if gain.known {
                "UPDATE ducklake_table_stats SET record_count = $2, next_row_id = $3, file_size_bytes = $4 WHERE table_id = $1"
            } else {
                "INSERT INTO ducklake_table_stats(table_id, record_count, next_row_id, file_size_bytes) VALUES ($1, $2, $3, $4)"
            };
            sqlx::query(update)
                .bind(lake.id)
                .bind(gain.records)
                .bind(gain.next_row)
                .bind(gain.bytes)
                .execute(&mut *conn)
                .await?;
            let known = crate::publish::known_columns(conn, lake.id).await?;
            for (column, name, ty) in &lake.columns {
                if let Some(all) = gain.columns.get(name) {
                    crate::publish::column_totals(conn, lake.id, *column, ty, known.get(column), all).await?;
                }
            }
        }
        let mut ids = Vec::with_capacity(self.snapshots.len());
        for (nth, (head, changed)) in self.snapshots.iter_mut().enumerate() {
            head.next_file = self.next_file;
            let changes: Vec<String> = changed.iter().map(|id| format!("inserted_into_table:{id}")).collect();
            head.insert(conn, &changes.join(",")).await?;
            if let Some((first, last)) = answers.get(nth) {
                sqlx::query("INSERT INTO store_answer(first_answer, last_answer, snapshot_id) VALUES ($1, $2, $3)")
                    .bind(*first)
                    .bind(*last)
                    .bind(head.id)
                    .execute(&mut *conn)
                    .await?;
            }
            ids.push(SnapshotId(head.id));
        }
        Ok(ids)
    }
}

impl Gain {
    async fn of(conn: &mut AnyConnection, table: i64) -> Result<Self, StoreError> {
        let row = sqlx::query(
            "SELECT record_count, next_row_id, file_size_bytes FROM ducklake_table_stats WHERE table_id = $1",
        )
        .bind(table)
        .fetch_optional(conn)
        .await?;
        let (records, next_row, bytes) = match &row {
            Some(row) => (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
            None => (0, 0, 0),
        };
        Ok(Self { known: row.is_some(), records, next_row, bytes, columns: BTreeMap::new() })
    }
}

fn check(table: &Table, spec: &ShapeColumn, column: &BulkColumn) -> Result<(), StoreError> {
    let shape = &table.shape;
    let name = &spec.name;
    let within = |low: i64, high: i64| match column {
        BulkColumn::Ints(ints) => ints.values.iter().all(|v| (low..=high).contains(v)),
        BulkColumn::IntRuns(runs) => runs.iter().filter_map(|(v, _)| *v).all(|v| (low..=high).contains(&v)),
        _ => true,
    };
    let are_texts = matches!(column, BulkColumn::Texts(_) | BulkColumn::TextRuns(..));
    match spec.kind {
        Kind::Text if are_texts => Ok(()),
        Kind::Text => Err(shape.bad(name, "expected a column of texts")),
        _ if are_texts => Err(shape.bad(name, "expected a column of numbers")),
        Kind::Bool if !within(0, 1) => Err(shape.bad(name, "a boolean is 0 or 1")),
        // Years 1 to 9999, in days from 1970-01-01.
        Kind::Date if !within(-719_162, 2_932_896) => {
            Err(shape.bad(name, "expected a date between the years 1 and 9999"))
        }
        Kind::Int
            if matches!(spec.ty, Some(ColumnType::Money(_)))
                && !within(-Fen::INGEST_LIMIT.fen(), Fen::INGEST_LIMIT.fen()) =>
        {
            Err(shape.bad(name, "an amount beyond 10^15 fen; quarantine it at ingest"))
        }
        _ => Ok(()),
    }
}

fn compare(key: &BulkColumn, a: usize, b: usize) -> Ordering {
    match key {
        BulkColumn::Ints(ints) => ints.values[a].cmp(&ints.values[b]),
        BulkColumn::Texts(texts) => match &texts.form {
            TextForm::Coded { codes, .. } if codes[a] == codes[b] => Ordering::Equal,
            _ => texts.bytes(a).cmp(&texts.bytes(b)),
        },
        // Keys were expanded.
        BulkColumn::IntRuns(_) | BulkColumn::TextRuns(..) => Ordering::Equal,
    }
}

/// The block of each person.
fn blocks(persons: &BulkColumn) -> Option<BulkColumn> {
    let BulkColumn::Ints(persons) = persons else { return None };
    Some(BulkColumn::Ints(Ints::all(persons.values.iter().map(|key| key / i64::from(COVERAGE_BLOCK)).collect())))
}

/// The order rows must be taken in; none if they are sorted.
fn sorted(keys: &[Cow<'_, BulkColumn>], rows: usize) -> Option<Vec<u32>> {
    let by = |a: usize, b: usize| keys.iter().map(|k| compare(k, a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal);
    if (1..rows).all(|row| by(row - 1, row).is_le()) {
        return None;
    }
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_by(|a, b| by(*a as usize, *b as usize));
    Some(order)
}

/// Threads that wait for the disk at once: it makes many files last in about the time of one.
const SYNCING: usize = 32;

/// Makes files last and gives them their final names.
fn settle(folder: &Path, files: Vec<(usize, BulkFile)>) -> Result<Vec<(usize, BulkFile, String)>, StoreError> {
    let part = files.len().div_ceil(SYNCING).max(1);
    std::thread::scope(|scope| {
        let syncing: Vec<_> = files
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().try_for_each(|(_, file)| file.written.sync())))
            .collect();
        syncing.into_iter().try_for_each(|thread| thread.join().map_err(|_| StoreError::Stopped)?)
    })?;
    let mut folders = BTreeSet::new();
    let mut settled = Vec::with_capacity(files.len());
    for (nth, mut file) in files {
        let folder = folder.join(&file.table);
        let name = file.written.settle(&folder)?;
        folders.insert(folder);
        settled.push((nth, file, name));
    }
    folders.iter().try_for_each(|folder| file::sync_folder(folder))?;
    Ok(settled)
}

/// Rows of one statement: SQLite takes 32,766 values, PostgreSQL 65,535; but SQLite looks for the name of every parameter
/// among all before it.
const ROWS_AT_ONCE: usize = 48;

fn insert(into: &str, columns: usize, rows: usize) -> String {
    let mut sql = format!("INSERT INTO {into} VALUES ");
    for row in 0..rows {
        let values: Vec<String> = (1..=columns).map(|c| format!("${}", row * columns + c)).collect();
        sql.push_str(if row == 0 { "(" } else { ",(" });
        sql.push_str(&values.join(","));
        sql.push(')');
    }
    sql
}
