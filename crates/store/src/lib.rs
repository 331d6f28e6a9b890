//! The columnar store: one table per dataset and one of coverage, as sorted, bucketed Parquet files under a DuckLake 1.0
//! catalogue that lives in the ledger's database; plain folders of CSV or Parquet; and result files.
//!
//! A publication happens inside the caller's transaction, so an outcome and its rows appear together or not at all.
//! Files are immutable. A reader pins a [`Snapshot`] and is undisturbed by whatever is published later.
//! This crate is the only reader and writer of these files, and the only user of `polars`.
//!
//! ```
//! # use hedui_base::{Catalogue, PersonKey, Records};
//! # use hedui_store::{At, CoverageRow, Store, StoreError};
//! # async fn settle(dir: &std::path::Path, conn: &mut sqlx::AnyConnection, catalogue: &Catalogue, rows: Records,
//! #     coverage: Vec<CoverageRow>) -> Result<(), StoreError> {
//! use sqlx::Connection as _;
//! let store = Store::open(dir, conn, catalogue).await?;
//! let staged = store.stage("deposit", &rows)?;                 // on disk, not visible
//! let mut tx = conn.begin().await?;                            // the ledger settles its asks in the same one
//! let id = store.publish(&mut tx, vec![staged], &coverage).await?;
//! tx.commit().await?;
//! let snapshot = store.snapshot(conn, At::Id(id)).await?;
//! let live = snapshot.records("deposit", &[PersonKey(1), PersonKey(2)], Some(&["balance"]))?;
//! # let _ = live; Ok(()) }
//! ```

mod bulk;
mod case_tables;
mod columns;
mod coverage;
mod ducklake;
mod error;
mod few;
mod file;
mod frame;
pub mod ingest;
mod inline;
mod known_files;
mod live;
mod lookup;
mod maintain;
mod parquet;
mod pin;
pub mod plain;
mod publish;
pub mod results;
mod retain;
mod rows;
mod scan;
mod shape;
mod snapshot;
mod store;

pub use bulk::{BulkCommit, BulkFile, COVERAGE_BLOCK};
pub use case_tables::{CASES, PEOPLE, StoredCase};
pub use columns::{BulkColumn, Ints, Texts};
pub use coverage::CoverageRow;
pub use error::StoreError;
pub use maintain::{Compaction, FileProblem, HistoryEntry, Verification};
pub use publish::Staged;
pub use retain::{Remains, Removal, Removed};
pub use scan::{Scan, ScannedColumn};
pub use shape::COVERAGE;
pub use snapshot::{At, Snapshot, SnapshotId, StorePart};
pub use store::{Store, StoreOptions};
