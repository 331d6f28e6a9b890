//! Rows in the catalogue itself: a small publication makes no files. DuckLake calls it data inlining.
//!
//! One table of the database per table of the store and schema version, `ducklake_inlined_data_{table}_{version}`, indexed
//! by person, so that what a live check brought is a keyed read. [`Store::compact`](crate::Store::compact) writes the rows
//! to files and ends them here; they stay readable for older snapshots until retention removes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use hedui_base::columns::date_to_days;
use jiff::Timestamp;
use jiff::civil::Date;
use polars::frame::DataFrame;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::ducklake::{self, Dialect, Head};
use crate::file::ColumnStats;
use crate::publish::{column_totals, known_columns};
use crate::retain::{Newest, superseded};
use crate::shape::{Kind, ShapeColumn};
use crate::store::Table;
use crate::{StoreError, frame};

/// Rows of one publication, outcomes included, up to which they go into the catalogue.
pub(crate) const INLINE_ROWS: usize = 2_000;

/// Rows in the catalogue from which on publications make files, until somebody compacts: a reader of everything reads all
/// of them through SQL, which costs some microseconds each.
const MOST_ROWS: i64 = 20_000;

/// Key of `ducklake_metadata`: how many rows lie in the catalogue and are in no file.
const HELD: &str = "inlined_rows";

/// One table of inlined rows.
#[derive(Debug)]
pub(crate) struct Inlined {
    pub(crate) name: String,
    columns: Vec<(String, Kind)>,
}

/// The columns of tables of inlined rows, by name: they never change.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownInlined(Arc<Mutex<HashMap<String, Arc<Inlined>>>>);

/// Which inlined rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// All that a snapshot has.
    Of(i64),
    /// All that any snapshot has.
    All,
    /// Those of some people that a snapshot has.
    OfPeople(i64, &'a [i64]),
}

/// The values of a column as the database holds them.
enum Cells {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

/// Whether so many more rows find room in the catalogue.
pub(crate) async fn has_room(conn: &mut AnyConnection, rows: usize) -> Result<bool, StoreError> {
    Ok(held(conn).await?.saturating_add(rows as i64) <= MOST_ROWS)
}

/// How many rows lie in the catalogue and are in no file.
pub(crate) async fn held(conn: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(ducklake::metadata(conn, HELD).await?.and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// Enters rows, all columns of the table's shape, into the catalogue.
pub(crate) async fn insert(
    conn: &mut AnyConnection,
    next: &Head,
    table: &Table,
    rows: &DataFrame,
) -> Result<(), StoreError> {
    let inlined = for_writing(conn, table).await?;
    let dialect = Dialect::of(conn);
    let cells: Vec<Cells> =
        inlined.columns.iter().map(|(name, kind)| cells(rows, name, *kind)).collect::<Result<_, _>>()?;
    let first_row = ducklake::grow_table(conn, table.lake.id, rows.height() as i64, 0).await?;

    let width = cells.len() + 2;
    // SQLite takes 32,766 values a statement, PostgreSQL 65,535.
    let at_once = (30_000 / width).clamp(1, 500);
    for from in (0..rows.height()).step_by(at_once) {
        let part = from..(from + at_once).min(rows.height());
        let sql = insertion(dialect, &inlined, part.len());
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in part {
            query = query.bind(first_row + row as i64).bind(next.id);
            for ((_, kind), cells) in inlined.columns.iter().zip(&cells) {
                query = match cells {
                    Cells::Ints(values) if *kind == Kind::Bool => query.bind(values[row].map(|v| v != 0)),
                    Cells::Ints(values) => query.bind(values[row]),
                    Cells::Texts(values) => query.bind(values[row].as_deref()),
                };
            }
        }
        query.execute(&mut *conn).await?;
    }

    let known = known_columns(conn, table.lake.id).await?;
    for (column, name, ty) in &table.lake.columns {
        let Some(at) = inlined.columns.iter().position(|(n, _)| n == name) else { continue };
        let stats = stats(name, inlined.columns[at].1, &cells[at]);
        column_totals(conn, table.lake.id, *column, ty, known.get(column), &stats).await?;
    }
    let hash = checksum(&inlined.columns, &cells, 0..rows.height());
    sqlx::query("INSERT INTO store_inlined(table_id, snapshot_id, row_count, sha256) VALUES ($1, $2, $3, $4)")
        .bind(table.lake.id)
        .bind(next.id)
        .bind(rows.height() as i64)
        .bind(hash)
        .execute(&mut *conn)
        .await?;
    let held = held(conn).await? + rows.height() as i64;
    ducklake::set_metadata(conn, HELD, &held.to_string()).await
}

fn insertion(dialect: Dialect, inlined: &Inlined, rows: usize) -> String {
    let names: Vec<String> = inlined.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let mut sql = format!("INSERT INTO {}(row_id, begin_snapshot, {}) VALUES ", inlined.name, names.join(", "));
    let mut at = 0;
    let mut parameter = || {
        at += 1;
        dialect.parameter(at)
    };
    for row in 0..rows {
        let mut values = vec![parameter(), parameter()];
        values.extend(inlined.columns.iter().map(|(_, kind)| match kind {
            Kind::Text => dialect.inlined_text(&parameter()),
            _ => parameter(),
        }));
        sql.push_str(if row == 0 { "(" } else { ",(" });
        sql.push_str(&values.join(","));
        sql.push(')');
    }
    sql
}

/// The table that new rows go to, made if this is the first time since columns were added.
async fn for_writing(conn: &mut AnyConnection, table: &Table) -> Result<Inlined, StoreError> {
    let name = format!("ducklake_inlined_data_{}_{}", table.lake.id, table.lake.version);
    let columns: Vec<(String, Kind)> =
        table.lake.columns.iter().map(|(_, name, ty)| (name.clone(), Kind::from_ducklake(ty))).collect();
    let known = sqlx::query("SELECT 1 FROM ducklake_inlined_data_tables WHERE table_name = $1")
        .bind(&name)
        .fetch_optional(&mut *conn)
        .await?;
    if known.is_none() {
        let dialect = Dialect::of(conn);
        let typed: Vec<String> =
            columns.iter().map(|(name, kind)| format!("\"{name}\" {}", dialect.inlined_type(*kind))).collect();
        let create = format!(
            "CREATE TABLE {name}(row_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, {})",
            typed.join(", ")
        );
        sqlx::query(AssertSqlSafe(create)).execute(&mut *conn).await?;
        for index in [
            format!("CREATE INDEX {name}_person ON {name}(person)"),
            // Few rows have not ended: what a snapshot and a compaction look for.
            format!("CREATE INDEX {name}_live ON {name}(end_snapshot, begin_snapshot)"),
        ] {
            sqlx::query(AssertSqlSafe(index)).execute(&mut *conn).await?;
        }
        sqlx::query(
            "INSERT INTO ducklake_inlined_data_tables(table_id, table_name, schema_version) VALUES ($1, $2, $3)",
        )
        .bind(table.lake.id)
        .bind(&name)
        .bind(table.lake.version)
        .execute(conn)
        .await?;
    }
    Ok(Inlined { name, columns })
}

impl KnownInlined {
    /// The tables of inlined rows, by id of the table of the store.
    pub(crate) async fn all(&self, conn: &mut AnyConnection) -> Result<BTreeMap<i64, Vec<Arc<Inlined>>>, StoreError> {
        let rows = sqlx::query(
            "SELECT table_id, table_name, schema_version FROM ducklake_inlined_data_tables ORDER BY table_id, schema_version",
        )
        .fetch_all(&mut *conn)
        .await?;
        let mut all: BTreeMap<i64, Vec<Arc<Inlined>>> = BTreeMap::new();
        for row in rows {
            let (table, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
            let inlined = match found {
                Some(inlined) => inlined,
                None => {
                    let inlined = Arc::new(stored(conn, table, name.clone(), row.try_get(2)?).await?);
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&inlined));
                    inlined
                }
            };
            all.entry(table).or_default().push(inlined);
        }
        Ok(all)
    }
}

/// A table of inlined rows as it was made: with the columns that the table of the store had then.
async fn stored(conn: &mut AnyConnection, table: i64, name: String, version: i64) -> Result<Inlined, StoreError> {
    let rows = sqlx::query(
        "SELECT c.column_name, c.column_type FROM ducklake_column c WHERE c.table_id = $1 AND c.begin_snapshot <= \
         (SELECT MAX(v.begin_snapshot) FROM ducklake_schema_versions v WHERE v.table_id = $1 AND v.schema_version = $2) \
         ORDER BY c.column_order",
    )
    .bind(table)
    .bind(version)
    .fetch_all(conn)
    .await?;
    let columns = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, Kind::from_ducklake(&row.try_get::<String, _>(1)?))))
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(Inlined { name, columns })
}

impl Inlined {
    fn select(&self, dialect: Dialect, filter: &str) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|(name, kind)| dialect.inlined_value(&format!("\"{name}\""), *kind)).collect();
        format!("SELECT row_id, {} FROM {} WHERE {filter} ORDER BY row_id", columns.join(", "), self.name)
    }

    /// The rows as a frame with the columns of the table's shape; in the order they came.
    pub(crate) async fn read(
        &self,
        conn: &mut AnyConnection,
        table: &Table,
        rows: Rows<'_>,
    ) -> Result<DataFrame, StoreError> {
        let dialect = Dialect::of(conn);
        let seen = "begin_snapshot <= $1 AND (end_snapshot IS NULL OR end_snapshot > $1)";
        let (filter, snapshot) = match rows {
            Rows::All => ("begin_snapshot > $1".to_owned(), -1),
            Rows::Of(snapshot) => (seen.to_owned(), snapshot),
            Rows::OfPeople(snapshot, people) => {
                let list: Vec<String> = people.iter().map(i64::to_string).collect();
                (format!("person IN ({}) AND {seen}", list.join(",")), snapshot)
            }
        };
        let sql = self.select(dialect, &filter);
        let found = sqlx::query(AssertSqlSafe(sql)).bind(snapshot).fetch_all(conn).await?;
        self.frame(table, &found)
    }

    fn frame(&self, table: &Table, rows: &[AnyRow]) -> Result<DataFrame, StoreError> {
        let own: Vec<ShapeColumn> = self
            .columns
            .iter()
            .map(|(name, kind)| ShapeColumn { name: name.clone(), kind: *kind, ty: None, comment: String::new() })
            .collect();
        let mut series = Vec::with_capacity(own.len());
        for (at, column) in own.iter().enumerate() {
            let name = column.name.as_str();
            series.push(match read_cells(rows, at + 1, column.kind)? {
                Cells::Ints(values) => frame::ints(name, column.kind, values.into_iter()),
                Cells::Texts(values) if column.kind == Kind::Text => {
                    Some(frame::texts(name, values.iter().map(Option::as_deref)))
                }
                Cells::Texts(values) => {
                    let value = |v: &Option<String>| match v {
                        None => Some(None),
                        Some(text) => parsed(column.kind, text).map(Some),
                    };
                    let values: Option<Vec<Option<i64>>> = values.iter().map(value).collect();
                    let values = values
                        .ok_or_else(|| table.shape.bad(name, "an inlined row has a day or moment that is none"))?;
                    frame::ints(name, column.kind, values.into_iter())
                }
            });
        }
        let series = series
            .into_iter()
            .zip(&own)
            .map(|(made, c)| {
                made.ok_or_else(|| table.shape.bad(&c.name, "expected a date between the years 1 and 9999"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let read = frame::assemble(rows.len(), series)?;
        let columns: Vec<&ShapeColumn> = table.shape.columns.iter().collect();
        frame::conform(&read, &columns)
    }

    /// Ends all rows up to a snapshot, as they lie in files from `next` on, and says how many there were.
    pub(crate) async fn end(&self, conn: &mut AnyConnection, upto: i64, next: i64) -> Result<u64, StoreError> {
        let sql =
            format!("UPDATE {} SET end_snapshot = $2 WHERE end_snapshot IS NULL AND begin_snapshot <= $1", self.name);
        Ok(sqlx::query(AssertSqlSafe(sql)).bind(upto).bind(next).execute(conn).await?.rows_affected())
    }

    /// The rows as they are now, by the snapshot that brought them.
    async fn found(&self, conn: &mut AnyConnection) -> Result<BTreeMap<i64, Found>, StoreError> {
        let mut all = BTreeMap::new();
        let sql = format!("SELECT DISTINCT begin_snapshot FROM {} WHERE begin_snapshot IS NOT NULL", self.name);
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *conn).await? {
            let snapshot = row.try_get(0)?;
            all.insert(snapshot, self.found_of(conn, snapshot).await?);
        }
        Ok(all)
    }

    async fn found_of(&self, conn: &mut AnyConnection, snapshot: i64) -> Result<Found, StoreError> {
        let sql = self.select(Dialect::of(conn), "begin_snapshot = $1");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(snapshot).fetch_all(&mut *conn).await?;
        let of = |(at, (_, kind)): (usize, &(String, Kind))| read_cells(&rows, at + 1, *kind);
        let cells: Vec<Cells> = self.columns.iter().enumerate().map(of).collect::<Result<_, _>>()?;
        let sql = format!("SELECT DISTINCT end_snapshot FROM {} WHERE begin_snapshot = $1", self.name);
        let ends = sqlx::query(AssertSqlSafe(sql)).bind(snapshot).fetch_all(conn).await?;
        Ok(Found {
            rows: rows.len() as i64,
            sha256: checksum(&self.columns, &cells, 0..rows.len()),
            ends: ends.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?,
        })
    }

    /// Deletes rows that ended at or before a snapshot, and those whose answer a newer one had replaced there. Says how
    /// many were replaced; what ended lies in files, where it is counted.
    pub(crate) async fn remove(
        &self,
        conn: &mut AnyConnection,
        table: &Table,
        floor: i64,
        newest: &Newest,
    ) -> Result<usize, StoreError> {
        let rows = self.read(conn, table, Rows::All).await?;
        let gone = superseded(&rows, newest)?;
        let sql = format!(
            "SELECT row_id, begin_snapshot, end_snapshot FROM {} WHERE begin_snapshot > -1 ORDER BY row_id",
            self.name
        );
        let keys = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?;
        let (mut ids, mut touched, mut replaced, mut unflushed) = (Vec::new(), BTreeSet::new(), 0, 0);
        for (row, gone) in keys.iter().zip(gone) {
            let (id, begin, end): (i64, i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if gone || end.is_some_and(|end| end <= floor) {
                ids.push(id.to_string());
                touched.insert(begin);
                replaced += usize::from(gone);
                unflushed += i64::from(end.is_none());
            }
        }
        for part in ids.chunks(1000) {
            let sql = format!("DELETE FROM {} WHERE row_id IN ({})", self.name, part.join(","));
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *conn).await?;
        }
        for snapshot in touched {
            let now = self.found_of(conn, snapshot).await?;
            let sql = if now.rows == 0 {
                "DELETE FROM store_inlined WHERE table_id = $1 AND snapshot_id = $2"
            } else {
                "UPDATE store_inlined SET row_count = $3, sha256 = $4 WHERE table_id = $1 AND snapshot_id = $2"
            };
            let mut query = sqlx::query(sql).bind(table.lake.id).bind(snapshot);
            if now.rows > 0 {
                query = query.bind(now.rows).bind(now.sha256);
            }
            query.execute(&mut *conn).await?;
        }
        let held = held(conn).await? - unflushed;
        ducklake::set_metadata(conn, HELD, &held.to_string()).await?;
        Ok(replaced)
    }
}

/// What the catalogue keeps of a column of rows.
pub(crate) fn stats_of(rows: &DataFrame, name: &str, kind: Kind) -> Result<ColumnStats, StoreError> {
    Ok(stats(name, kind, &cells(rows, name, kind)?))
}

/// Rows that one snapshot brought: how many, their checksum, and when they ended; they end together.
#[derive(Debug, PartialEq)]
struct Found {
    rows: i64,
    sha256: String,
    ends: Vec<Option<i64>>,
}

/// Compares the inlined rows of a table with what was published: by snapshot, whether they are as they were, and how many
/// there are.
pub(crate) async fn compared(
    conn: &mut AnyConnection,
    table: i64,
    parts: &[Arc<Inlined>],
) -> Result<Vec<(i64, bool, u64)>, StoreError> {
    let rows =
        sqlx::query("SELECT snapshot_id, row_count, sha256, end_snapshot FROM store_inlined WHERE table_id = $1")
            .bind(table)
            .fetch_all(&mut *conn)
            .await?;
    let mut published: BTreeMap<i64, Found> = BTreeMap::new();
    for row in rows {
        let found = Found { rows: row.try_get(1)?, sha256: row.try_get(2)?, ends: vec![row.try_get(3)?] };
        published.insert(row.try_get(0)?, found);
    }
    let mut result = Vec::new();
    for part in parts {
        for (snapshot, found) in part.found(conn).await? {
            let sound = published.remove(&snapshot).is_some_and(|was| was == found);
            result.push((snapshot, sound, u64::try_from(found.rows).unwrap_or(0)));
        }
    }
    // Published, and not there at all.
    result.extend(published.into_keys().map(|snapshot| (snapshot, false, 0)));
    Ok(result)
}

/// Notes that inlined rows of a table lie in files now.
pub(crate) async fn ended(
    conn: &mut AnyConnection,
    table: i64,
    upto: i64,
    next: i64,
    rows: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE store_inlined SET end_snapshot = $3 WHERE table_id = $1 AND snapshot_id <= $2 AND end_snapshot IS NULL",
    )
    .bind(table)
    .bind(upto)
    .bind(next)
    .execute(&mut *conn)
    .await?;
    let held = held(conn).await?.saturating_sub_unsigned(rows);
    ducklake::set_metadata(conn, HELD, &held.to_string()).await
}

fn cells(rows: &DataFrame, name: &str, kind: Kind) -> Result<Cells, StoreError> {
    Ok(match kind {
        Kind::Int | Kind::Bool => Cells::Ints(frame::int_values(rows, name)?),
        Kind::Text => Cells::Texts(
            frame::text_values(rows, name)?.into_iter().map(|v| v.map(|v| v.as_ref().to_owned())).collect(),
        ),
        Kind::Date | Kind::Time => Cells::Texts(
            frame::int_values(rows, name)?.into_iter().map(|v| v.and_then(|v| crate::file::shown(kind, v))).collect(),
        ),
    })
}

fn read_cells(rows: &[AnyRow], at: usize, kind: Kind) -> Result<Cells, StoreError> {
    Ok(match kind {
        Kind::Int | Kind::Bool => Cells::Ints(rows.iter().map(|r| r.try_get(at)).collect::<Result<_, _>>()?),
        _ => Cells::Texts(rows.iter().map(|r| r.try_get(at)).collect::<Result<_, _>>()?),
    })
}

/// A day or a moment from the text that stands for it.
fn parsed(kind: Kind, text: &str) -> Option<i64> {
    match kind {
        Kind::Date => text.parse::<Date>().ok().map(date_to_days),
        _ => format!("{}Z", text.replacen(' ', "T", 1)).parse::<Timestamp>().ok().map(Timestamp::as_microsecond),
    }
}

fn stats(name: &str, kind: Kind, cells: &Cells) -> ColumnStats {
    let (values, nulls, min, max) = match cells {
        Cells::Ints(all) => {
            let known = || all.iter().flatten();
            let shown = |value: Option<&i64>| value.and_then(|v| crate::file::shown(kind, *v));
            (known().count(), all.len() - known().count(), shown(known().min()), shown(known().max()))
        }
        Cells::Texts(all) => {
            let known = || all.iter().flatten();
            (known().count(), all.len() - known().count(), known().min().cloned(), known().max().cloned())
        }
    };
    ColumnStats { column: name.to_owned(), values, nulls, min, max }
}

/// SHA-256 over the values, in hex: names of the columns, then row by row each value with its length.
fn checksum(columns: &[(String, Kind)], cells: &[Cells], rows: std::ops::Range<usize>) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: Option<&[u8]>| {
        hash.update(bytes.map_or(u64::MAX, |b| b.len() as u64).to_le_bytes());
        hash.update(bytes.unwrap_or_default());
    };
    columns.iter().for_each(|(name, _)| add(Some(name.as_bytes())));
    for row in rows {
        for cells in cells {
            match cells {
                Cells::Ints(values) => add(values[row].map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)),
                Cells::Texts(values) => add(values[row].as_deref().map(str::as_bytes)),
            }
        }
    }
    hex::encode(hash.finalize())
}
