//! The catalogue's own tables, and the words in which SQLite and PostgreSQL differ.

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::StoreError;
use crate::shape::Kind;

/// The database that holds the catalogue. DuckLake gives a column its own type where the database has it, and a text or
/// number where it has not; DuckDB expects the same of a catalogue it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(crate) fn of(conn: &AnyConnection) -> Self {
        if conn.backend_name() == "PostgreSQL" { Self::Postgres } else { Self::Sqlite }
    }

    const fn types(self) -> [(&'static str, &'static str); 4] {
        match self {
            Self::Sqlite => {
                [("{bool}", "BIGINT"), ("{uuid}", "VARCHAR"), ("{time}", "VARCHAR"), ("{keyed}", " WITHOUT ROWID")]
            }
            Self::Postgres => [("{bool}", "BOOLEAN"), ("{uuid}", "UUID"), ("{time}", "TIMESTAMPTZ"), ("{keyed}", "")],
        }
    }

    /// The nth value bound. SQLite looks up parameters with a number one after another, and takes those without in turn.
    pub(crate) fn parameter(self, nth: usize) -> String {
        match self {
            Self::Sqlite => "?".to_owned(),
            Self::Postgres => format!("${nth}"),
        }
    }

    /// The type of a column of inlined rows. PostgreSQL's own texts hold no zero byte, DuckDB's do.
    pub(crate) const fn inlined_type(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (_, Kind::Int) | (Self::Sqlite, Kind::Bool) => "BIGINT",
            (Self::Postgres, Kind::Bool) => "BOOLEAN",
            (Self::Postgres, Kind::Text) => "BYTEA",
            _ => "VARCHAR",
        }
    }

    /// A bound text as a text of an inlined row.
    pub(crate) fn inlined_text(self, parameter: &str) -> String {
        match self {
            Self::Sqlite => parameter.to_owned(),
            Self::Postgres => format!("convert_to({parameter}, 'UTF8')"),
        }
    }

    /// A column of inlined rows as a number or text.
    pub(crate) fn inlined_value(self, column: &str, kind: Kind) -> String {
        match (self, kind) {
            (Self::Postgres, Kind::Text) => format!("convert_from({column}, 'UTF8')"),
            (Self::Postgres, Kind::Bool) => format!("CASE WHEN {column} THEN 1 WHEN NOT {column} THEN 0 END"),
            _ => column.to_owned(),
        }
    }

    /// A bound text as an identifier of the kind RFC 9562 describes.
    pub(crate) fn uuid(self, parameter: &str) -> String {
        match self {
            Self::Sqlite => parameter.to_owned(),
            Self::Postgres => format!("CAST({parameter} AS UUID)"),
        }
    }

    /// A bound text, written as [`super::time_text`] does, as a moment.
    pub(crate) fn moment(self, parameter: &str) -> String {
        match self {
            // Texts of one fixed form compare like the times they stand for.
            Self::Sqlite => parameter.to_owned(),
            Self::Postgres => format!("CAST({parameter} AS TIMESTAMPTZ)"),
        }
    }

    /// A moment as such a text.
    pub(crate) fn moment_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"),
        }
    }
}

const TABLES: [&str; 35] = [
    "CREATE TABLE IF NOT EXISTS ducklake_metadata(key VARCHAR NOT NULL, value VARCHAR NOT NULL, scope VARCHAR, scope_id BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_snapshot(snapshot_id BIGINT PRIMARY KEY, snapshot_time {time}, schema_version BIGINT, next_catalog_id BIGINT, next_file_id BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_snapshot_changes(snapshot_id BIGINT PRIMARY KEY, changes_made VARCHAR, author VARCHAR, commit_message VARCHAR, commit_extra_info VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_schema(schema_id BIGINT PRIMARY KEY, schema_uuid {uuid}, begin_snapshot BIGINT, end_snapshot BIGINT, schema_name VARCHAR, path VARCHAR, path_is_relative {bool})",
    "CREATE TABLE IF NOT EXISTS ducklake_table(table_id BIGINT, table_uuid {uuid}, begin_snapshot BIGINT, end_snapshot BIGINT, schema_id BIGINT, table_name VARCHAR, path VARCHAR, path_is_relative {bool})",
    "CREATE TABLE IF NOT EXISTS ducklake_view(view_id BIGINT, view_uuid {uuid}, begin_snapshot BIGINT, end_snapshot BIGINT, schema_id BIGINT, view_name VARCHAR, dialect VARCHAR, sql VARCHAR, column_aliases VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_tag(object_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_column_tag(table_id BIGINT, column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_data_file(data_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, file_order BIGINT, path VARCHAR, path_is_relative {bool}, file_format VARCHAR, record_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, row_id_start BIGINT, partition_id BIGINT, encryption_key VARCHAR, mapping_id BIGINT, partial_max BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_file_column_stats(data_file_id BIGINT, table_id BIGINT, column_id BIGINT, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan {bool}, extra_stats VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_file_variant_stats(data_file_id BIGINT, table_id BIGINT, column_id BIGINT, variant_path VARCHAR, shredded_type VARCHAR, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan {bool}, extra_stats VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_delete_file(delete_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, data_file_id BIGINT, path VARCHAR, path_is_relative {bool}, format VARCHAR, delete_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, encryption_key VARCHAR, partial_max BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_column(column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, table_id BIGINT, column_order BIGINT, column_name VARCHAR, column_type VARCHAR, initial_default VARCHAR, default_value VARCHAR, nulls_allowed {bool}, parent_column BIGINT, default_value_type VARCHAR, default_value_dialect VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_table_stats(table_id BIGINT, record_count BIGINT, next_row_id BIGINT, file_size_bytes BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_table_column_stats(table_id BIGINT, column_id BIGINT, contains_null {bool}, contains_nan {bool}, min_value VARCHAR, max_value VARCHAR, extra_stats VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_partition_info(partition_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_partition_column(partition_id BIGINT, table_id BIGINT, partition_key_index BIGINT, column_id BIGINT, transform VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_file_partition_value(data_file_id BIGINT, table_id BIGINT, partition_key_index BIGINT, partition_value VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_files_scheduled_for_deletion(data_file_id BIGINT, path VARCHAR, path_is_relative {bool}, schedule_start {time})",
    "CREATE TABLE IF NOT EXISTS ducklake_inlined_data_tables(table_id BIGINT, table_name VARCHAR, schema_version BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_column_mapping(mapping_id BIGINT, table_id BIGINT, type VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_name_mapping(mapping_id BIGINT, column_id BIGINT, source_name VARCHAR, target_field_id BIGINT, parent_column BIGINT, is_partition {bool})",
    "CREATE TABLE IF NOT EXISTS ducklake_schema_versions(begin_snapshot BIGINT, schema_version BIGINT, table_id BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_macro(schema_id BIGINT, macro_id BIGINT, macro_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_macro_impl(macro_id BIGINT, impl_id BIGINT, dialect VARCHAR, sql VARCHAR, type VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_macro_parameters(macro_id BIGINT, impl_id BIGINT, column_id BIGINT, parameter_name VARCHAR, parameter_type VARCHAR, default_value VARCHAR, default_value_type VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_sort_info(sort_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_sort_expression(sort_id BIGINT, table_id BIGINT, sort_key_index BIGINT, expression VARCHAR, dialect VARCHAR, sort_direction VARCHAR, null_order VARCHAR)",
    "CREATE TABLE IF NOT EXISTS store_file(data_file_id BIGINT PRIMARY KEY, sha256 VARCHAR NOT NULL, bucket BIGINT NOT NULL, min_person BIGINT NOT NULL, max_person BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS store_answer(first_answer BIGINT PRIMARY KEY, last_answer BIGINT NOT NULL, snapshot_id BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS store_inlined(table_id BIGINT NOT NULL, snapshot_id BIGINT NOT NULL, end_snapshot BIGINT, row_count BIGINT NOT NULL, sha256 VARCHAR NOT NULL, PRIMARY KEY(table_id, snapshot_id))",
    "CREATE TABLE IF NOT EXISTS store_case(number VARCHAR NOT NULL, person BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY(number, person, position)){keyed}",
    "CREATE INDEX IF NOT EXISTS store_bucket ON store_file(bucket)",
    // Which file a case lies in: without it, all statistics of all files would be gone through.
    "CREATE INDEX IF NOT EXISTS store_column_stats ON ducklake_file_column_stats(table_id, column_id, min_value)",
    "CREATE INDEX IF NOT EXISTS store_live_file ON ducklake_data_file(table_id, end_snapshot)",
];

/// Creates what is missing of the catalogue's own tables.
pub(crate) async fn create_tables(conn: &mut AnyConnection) -> Result<(), StoreError> {
    let dialect = Dialect::of(conn);
    if dialect == Dialect::Postgres {
        // There, two who create the same table at once may both find it missing.
        let mut tx = conn.begin().await?;
        lock(&mut tx).await?;
        create(&mut tx, dialect).await?;
        tx.commit().await?;
        return Ok(());
    }
    create(conn, dialect).await
}

async fn create(conn: &mut AnyConnection, dialect: Dialect) -> Result<(), StoreError> {
    for statement in TABLES {
        let sql = dialect.types().iter().fold(statement.to_owned(), |sql, (name, ty)| sql.replace(name, ty));
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Makes the open transaction the only writer, so that ids read next stay free until it ends.
pub(crate) async fn lock(conn: &mut AnyConnection) -> Result<(), StoreError> {
    let sql = match Dialect::of(conn) {
        Dialect::Sqlite => "UPDATE ducklake_metadata SET value = value WHERE key = 'version'",
        // Readers and other tables of the ledger are not held up. The number is ours: nothing else takes it.
        Dialect::Postgres => "SELECT CAST(pg_advisory_xact_lock(7310480001) AS TEXT)",
    };
    sqlx::query(sql).execute(conn).await?;
    Ok(())
}
