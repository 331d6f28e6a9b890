//! The catalogue: DuckLake 1.0 tables (an open specification) in the database of the caller, through integers and texts.
//!
//! DuckDB creates the very same tables in SQLite and in PostgreSQL. Four of our own stand beside them: `store_file` (checksum,
//! bucket and people of each file), `store_answer` (ranges of settlements already published), `store_inlined` (checksum of
//! the rows that a snapshot brought into the catalogue itself) and `store_case` (where the cases lie that are in files).

mod schema;

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use jiff::{Timestamp, tz::TimeZone};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::StoreError;
use crate::shape::Shape;
use crate::snapshot::PinnedFile;
pub(crate) use schema::{Dialect, create_tables, lock};

/// A moment as DuckLake writes it, with `zone` appended (`+00` for snapshot times).
pub(crate) fn time_text(time: Timestamp, zone: &str) -> String {
    let t = time.to_zoned(TimeZone::UTC).datetime();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}{zone}",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.subsec_nanosecond() / 1000
    )
}

pub(crate) fn parse_time(text: &str) -> Result<Timestamp, StoreError> {
    let plain = text.strip_suffix("+00").unwrap_or(text);
    let iso = format!("{}Z", plain.replacen(' ', "T", 1));
    iso.parse().map_err(|_| StoreError::Catalogue("a snapshot's time is not written as expected".to_owned()))
}

/// The newest snapshot and the ids that come next.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: i64,
    pub(crate) time: Timestamp,
    pub(crate) schema_version: i64,
    pub(crate) next_catalog: i64,
    pub(crate) next_file: i64,
}

pub(crate) async fn head(conn: &mut AnyConnection) -> Result<Option<Head>, StoreError> {
    let sql = format!(
        "SELECT snapshot_id, {}, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1",
        Dialect::of(conn).moment_text("snapshot_time")
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_optional(conn).await?;
    row.map(|row| {
        Ok(Head {
            id: row.try_get(0)?,
            time: parse_time(&row.try_get::<String, _>(1)?)?,
            schema_version: row.try_get(2)?,
            next_catalog: row.try_get(3)?,
            next_file: row.try_get(4)?,
        })
    })
    .transpose()
}

impl Head {
    /// The snapshot after this one; its time never goes back, whatever the clock does.
    pub(crate) fn next(&self) -> Self {
        let now = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or(self.time);
        let after = Timestamp::from_microsecond(self.time.as_microsecond() + 1).unwrap_or(self.time);
        Self { id: self.id + 1, time: now.max(after), ..self.clone() }
    }

    pub(crate) fn take_file(&mut self) -> i64 {
        self.next_file += 1;
        self.next_file - 1
    }

    fn take_catalog(&mut self) -> i64 {
        self.next_catalog += 1;
        self.next_catalog - 1
    }

    /// Writes the snapshot. `changes` in DuckLake's words, such as `inserted_into_table:1`.
    pub(crate) async fn insert(&self, conn: &mut AnyConnection, changes: &str) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO ducklake_snapshot(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id) VALUES ($1, {}, $3, $4, $5)",
            Dialect::of(conn).moment("$2")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.id)
            .bind(time_text(self.time, "+00"))
            .bind(self.schema_version)
            .bind(self.next_catalog)
            .bind(self.next_file)
            .execute(&mut *conn)
            .await?;
        sqlx::query(
            "INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author) VALUES ($1, $2, 'hedui')",
        )
        .bind(self.id)
        .bind(changes)
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// A state of the store: which files and rows it has is said by the snapshot, and by how often superseded evidence was removed
/// from the snapshots that stayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) id: i64,
    pub(crate) time: Timestamp,
    pub(crate) removals: i64,
}

/// Key of `ducklake_metadata`: how many removals there were.
const REMOVALS: &str = "removals";

/// The newest snapshot at or before a time, or with an id.
pub(crate) async fn snapshot_at(
    conn: &mut AnyConnection,
    id: Option<i64>,
    time: Option<Timestamp>,
) -> Result<Option<State>, StoreError> {
    let dialect = Dialect::of(conn);
    let sql = format!(
        "SELECT snapshot_id, {}, (SELECT MAX(value) FROM ducklake_metadata WHERE key = '{REMOVALS}' AND scope IS NULL) FROM ducklake_snapshot WHERE (CAST($1 AS BIGINT) IS NULL OR snapshot_id = $1) AND (CAST($2 AS VARCHAR) IS NULL OR snapshot_time <= {}) ORDER BY snapshot_id DESC LIMIT 1",
        dialect.moment_text("snapshot_time"),
        dialect.moment("$2")
    );
    let time = time.map(|t| time_text(t, "+00"));
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(time).fetch_optional(conn).await?;
    row.map(|row| {
        let removals: Option<String> = row.try_get(2)?;
        Ok(State {
            id: row.try_get(0)?,
            time: parse_time(&row.try_get::<String, _>(1)?)?,
            removals: removals.and_then(|count| count.parse().ok()).unwrap_or(0),
        })
    })
    .transpose()
}

/// Counts one removal more, in the transaction that removes.
pub(crate) async fn count_removal(conn: &mut AnyConnection) -> Result<(), StoreError> {
    let before: i64 = metadata(conn, REMOVALS).await?.and_then(|count| count.parse().ok()).unwrap_or(0);
    set_metadata(conn, REMOVALS, &(before + 1).to_string()).await
}

/// A table as the catalogue has it now.
#[derive(Clone, Debug)]
pub(crate) struct LakeTable {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Column ids, names and DuckLake types, in order.
    pub(crate) columns: Vec<(i64, String, String)>,
    /// The newest mapping of file columns by name.
    pub(crate) mapping: i64,
    /// The version of the schema that brought its newest columns.
    pub(crate) version: i64,
}

pub(crate) async fn tables(conn: &mut AnyConnection) -> Result<Vec<LakeTable>, StoreError> {
    let rows = sqlx::query(
        "SELECT t.table_id, t.table_name, COALESCE((SELECT MAX(mapping_id) FROM ducklake_column_mapping m WHERE m.table_id = t.table_id), -1) AS mapping, COALESCE((SELECT MAX(schema_version) FROM ducklake_schema_versions v WHERE v.table_id = t.table_id), 0) AS version FROM ducklake_table t WHERE t.end_snapshot IS NULL ORDER BY t.table_id",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut tables = Vec::new();
    for row in rows {
        let id: i64 = row.try_get(0)?;
        let columns = sqlx::query(
            "SELECT column_id, column_name, column_type FROM ducklake_column WHERE table_id = $1 AND end_snapshot IS NULL ORDER BY column_order",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await?
        .iter()
        .map(|c| Ok((c.try_get(0)?, c.try_get(1)?, c.try_get(2)?)))
        .collect::<Result<_, sqlx::Error>>()?;
        tables.push(LakeTable {
            id,
            name: row.try_get(1)?,
            columns,
            mapping: row.try_get(2)?,
            version: row.try_get(3)?,
        });
    }
    Ok(tables)
}

/// Begins a catalogue: the first snapshot, with an empty schema whose folder is the data path itself.
pub(crate) async fn begin(conn: &mut AnyConnection, data_path: &str) -> Result<(), StoreError> {
    for (key, value) in [
        ("version", "1.0"),
        ("created_by", concat!("hedui ", env!("CARGO_PKG_VERSION"))),
        ("data_path", data_path),
        ("encrypted", "false"),
    ] {
        sqlx::query("INSERT INTO ducklake_metadata(key, value) VALUES ($1, $2)")
            .bind(key)
            .bind(value)
            .execute(&mut *conn)
            .await?;
    }
    let time = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or(Timestamp::UNIX_EPOCH);
    let first = Head { id: 0, time, schema_version: 0, next_catalog: 1, next_file: 0 };
    first.insert(conn, "created_schema:\"main\"").await?;
    let sql = format!(
        "INSERT INTO ducklake_schema(schema_id, schema_uuid, begin_snapshot, schema_name, path, path_is_relative) VALUES (0, {}, 0, 'main', '', TRUE)",
        Dialect::of(conn).uuid("$1")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(uuid(&[data_path, &time.to_string()])).execute(conn).await?;
    Ok(())
}

/// A version 8 UUID (RFC 9562) of a name.
fn uuid(parts: &[&str]) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut bytes: Vec<u8> = hash.finalize().iter().copied().take(16).collect();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let h = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

/// What the catalogue lacks to hold a shape: the whole table, or columns from this index of `missing` on.
pub(crate) fn lacks(shape: &Shape, tables: &[LakeTable]) -> Result<bool, StoreError> {
    let Some(table) = tables.iter().find(|t| t.name == shape.name) else { return Ok(true) };
    let mut missing = false;
    for column in &shape.columns {
        match table.columns.iter().find(|(_, name, _)| *name == column.name) {
            None => missing = true,
            Some((_, _, was)) if was != column.kind.ducklake() => {
                return Err(StoreError::ColumnChanged {
                    dataset: shape.name.clone(),
                    column: column.name.clone(),
                    was: was.clone(),
                    now: column.kind.ducklake().to_owned(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(missing)
}

/// Adds a table, or the columns it lacks, in a snapshot of its own.
pub(crate) async fn add(conn: &mut AnyConnection, shape: &Shape) -> Result<(), StoreError> {
    let head = head(conn).await?.ok_or_else(|| StoreError::Catalogue("it has no first snapshot".to_owned()))?;
    let existing = tables(conn).await?.into_iter().find(|t| t.name == shape.name);
    let mut next = head.next();
    next.schema_version += 1;
    let (table, known, change) = match existing {
        Some(table) => (table.id, table.columns, format!("altered_table:{}", table.id)),
        None => (next.take_catalog(), Vec::new(), format!("created_table:\"main\".\"{}\"", shape.name)),
    };
    if known.is_empty() {
        let sql = format!(
            "INSERT INTO ducklake_table(table_id, table_uuid, begin_snapshot, schema_id, table_name, path, path_is_relative) VALUES ($1, {}, $3, 0, $4, $5, TRUE)",
            Dialect::of(conn).uuid("$2")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(table)
            .bind(uuid(&[&shape.name, &next.time.to_string()]))
            .bind(next.id)
            .bind(&shape.name)
            .bind(format!("{}/", shape.name))
            .execute(&mut *conn)
            .await?;
    }
    let mut names: Vec<(i64, String)> = known.iter().map(|(id, name, _)| (*id, name.clone())).collect();
    let mut id = names.iter().map(|(id, _)| *id).max().unwrap_or(0);
    for column in &shape.columns {
        if names.iter().any(|(_, name)| *name == column.name) {
            continue;
        }
        id += 1;
        sqlx::query("INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name, column_type, default_value, nulls_allowed, default_value_type, default_value_dialect) VALUES ($1, $2, $3, $1, $4, $5, 'NULL', TRUE, 'literal', 'duckdb')")
            .bind(id)
            .bind(next.id)
            .bind(table)
            .bind(&column.name)
            .bind(column.kind.ducklake())
            .execute(&mut *conn)
            .await?;
        sqlx::query("INSERT INTO ducklake_column_tag(table_id, column_id, begin_snapshot, key, value) VALUES ($1, $2, $3, 'comment', $4)")
            .bind(table)
            .bind(id)
            .bind(next.id)
            .bind(&column.comment)
            .execute(&mut *conn)
            .await?;
        names.push((id, column.name.clone()));
    }
    let mapping = next.take_file();
    sqlx::query("INSERT INTO ducklake_column_mapping(mapping_id, table_id, type) VALUES ($1, $2, 'map_by_name')")
        .bind(mapping)
        .bind(table)
        .execute(&mut *conn)
        .await?;
    for (at, (column, name)) in (0i64..).zip(&names) {
        sqlx::query("INSERT INTO ducklake_name_mapping(mapping_id, column_id, source_name, target_field_id, is_partition) VALUES ($1, $2, $3, $4, FALSE)")
            .bind(mapping)
            .bind(at)
            .bind(name)
            .bind(column)
            .execute(&mut *conn)
            .await?;
    }
    sqlx::query("INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id) VALUES ($1, $2, $3)")
        .bind(next.id)
        .bind(next.schema_version)
        .bind(table)
        .execute(&mut *conn)
        .await?;
    next.insert(conn, &change).await
}

/// A value of the catalogue as a whole.
pub(crate) async fn metadata(conn: &mut AnyConnection, key: &str) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT value FROM ducklake_metadata WHERE key = $1 AND scope IS NULL")
        .bind(key)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Sets a value of the catalogue as a whole.
pub(crate) async fn set_metadata(conn: &mut AnyConnection, key: &str, value: &str) -> Result<(), StoreError> {
    let changed = sqlx::query("UPDATE ducklake_metadata SET value = $2 WHERE key = $1 AND scope IS NULL")
        .bind(key)
        .bind(value)
        .execute(&mut *conn)
        .await?;
    if changed.rows_affected() == 0 {
        sqlx::query("INSERT INTO ducklake_metadata(key, value) VALUES ($1, $2)")
            .bind(key)
            .bind(value)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Counts rows and bytes more in a table, and says which row id is the first of them.
pub(crate) async fn grow_table(conn: &mut AnyConnection, table: i64, rows: i64, bytes: i64) -> Result<i64, StoreError> {
    let totals =
        sqlx::query("SELECT record_count, next_row_id, file_size_bytes FROM ducklake_table_stats WHERE table_id = $1")
            .bind(table)
            .fetch_optional(&mut *conn)
            .await?;
    let (known, row_id, size): (i64, i64, i64) = match &totals {
        Some(row) => (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
        None => (0, 0, 0),
    };
    let update = if totals.is_some() {
        "UPDATE ducklake_table_stats SET record_count = $2, next_row_id = $3, file_size_bytes = $4 WHERE table_id = $1"
    } else {
        "INSERT INTO ducklake_table_stats(table_id, record_count, next_row_id, file_size_bytes) VALUES ($1, $2, $3, $4)"
    };
    sqlx::query(update).bind(table).bind(known + rows).bind(row_id + rows).bind(size + bytes).execute(conn).await?;
    Ok(row_id)
}

/// A file of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LakeFile {
    pub(crate) id: i64,
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) bucket: u32,
    pub(crate) persons: (i64, i64),
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    pub(crate) sha256: String,
}

/// The files a snapshot consists of, or, with none, all files of all snapshots; of some buckets only, if they are named.
/// By table and bucket, oldest first.
pub(crate) async fn files(
    conn: &mut AnyConnection,
    snapshot: Option<i64>,
    buckets: Option<&BTreeSet<u32>>,
) -> Result<Vec<LakeFile>, StoreError> {
    let sql = files_sql("f.file_size_bytes, s.sha256", buckets, None);
    let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(snapshot).fetch(conn);
    let mut files = Vec::new();
    while let Some(row) = rows.try_next().await? {
        files.push(LakeFile {
            id: row.try_get(0)?,
            table: row.try_get(1)?,
            name: row.try_get(2)?,
            bucket: bucket_of(&row)?,
            persons: (row.try_get(4)?, row.try_get(5)?),
            rows: row.try_get(6)?,
            bytes: row.try_get(7)?,
            sha256: row.try_get(8)?,
        });
    }
    Ok(files)
}

/// Hands out the files that a snapshot has, of some buckets and tables if they are named, each as little as has to be kept of it
/// with its table and bucket: a nation's store has 100,000s of them, and a row as the driver holds it is many times that.
pub(crate) async fn each_file(
    conn: &mut AnyConnection,
    snapshot: i64,
    buckets: Option<&BTreeSet<u32>>,
    tables: Option<&[i64]>,
    take: &mut (dyn FnMut(&str, u32, PinnedFile) + Send),
) -> Result<(), StoreError> {
    let sql = files_sql("0, 0", buckets, tables);
    let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(Some(snapshot)).fetch(conn);
    while let Some(row) = rows.try_next().await? {
        let name: &str = row.try_get(2)?;
        let file = PinnedFile {
            name: name.into(),
            persons: (row.try_get(4)?, row.try_get(5)?),
            rows: row.try_get(6)?,
            is_temporary: false,
        };
        take(row.try_get(1)?, bucket_of(&row)?, file);
    }
    Ok(())
}

fn bucket_of(row: &AnyRow) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(u32::MAX))
}

/// Asks for files by table and bucket, oldest first: id, table, name, bucket, least and largest person, rows, and `more`.
fn files_sql(more: &str, buckets: Option<&BTreeSet<u32>>, tables: Option<&[i64]>) -> String {
    let mut within = buckets.map_or_else(String::new, |buckets| {
        let list: Vec<String> = buckets.iter().map(u32::to_string).collect();
        format!("AND s.bucket IN ({}) ", list.join(","))
    });
    if let Some(tables) = tables {
        let list: Vec<String> = tables.iter().map(i64::to_string).collect();
        within += &format!("AND f.table_id IN ({}) ", list.join(","));
    }
    format!(
        "SELECT f.data_file_id, t.table_name, f.path, s.bucket, s.min_person, s.max_person, f.record_count, {more} \
         FROM ducklake_data_file f JOIN store_file s ON s.data_file_id = f.data_file_id \
         JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL \
         WHERE (CAST($1 AS BIGINT) IS NULL OR (f.begin_snapshot <= $1 AND (f.end_snapshot IS NULL OR f.end_snapshot > $1))) \
         {within}ORDER BY t.table_name, s.bucket, f.data_file_id"
    )
}
