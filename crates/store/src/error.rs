use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::PolarsError;

/// Why the store could not do what it was asked to. No variant carries personal data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database that holds the catalogue.
    #[error("the store's catalogue cannot be read or written; is the database locked or from another program?")]
    Sql(#[from] sqlx::Error),
    /// The file system.
    #[error("{}: {source}; check the path, permissions and free space", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A Parquet file cannot be written or read.
    #[error("{}: not readable as Parquet; run `hedui store verify`", path.display())]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What the reader said.
        source: PolarsError,
    },
    /// Columns do not fit together.
    #[error("columns in memory do not fit together")]
    Frame(#[from] PolarsError),
    /// A dataset that the catalogue given to [`crate::Store::open`] does not have.
    #[error("`{name}` is not a dataset of the catalogue{}", suggestion(nearest.as_deref()))]
    UnknownDataset {
        /// What was asked for.
        name: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A column that the dataset does not have.
    #[error("dataset `{dataset}` has no column `{column}`{}", suggestion(nearest.as_deref()))]
    UnknownColumn {
        /// Dataset.
        dataset: String,
        /// Column.
        column: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A column of the catalogue bears a name the store needs for itself.
    #[error("`{name}` in dataset `{dataset}` is a name the store uses itself; rename it in connectors/datasets")]
    ReservedName {
        /// Dataset.
        dataset: String,
        /// The name.
        name: String,
    },
    /// A column has another type than the files already written.
    #[error(
        "column `{column}` of dataset `{dataset}` is {now} in the catalogue and {was} in the store; a stored column keeps its type: add a new column instead"
    )]
    ColumnChanged {
        /// Dataset.
        dataset: String,
        /// Column.
        column: String,
        /// Type in the store.
        was: String,
        /// Type in the catalogue.
        now: String,
    },
    /// A value does not fit its column's type.
    #[error("column `{column}` of dataset `{dataset}`: {expected}")]
    BadColumn {
        /// Dataset.
        dataset: String,
        /// Column.
        column: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Rows whose answer is not published with them: there is never a row without its outcome.
    #[error("rows of dataset `{dataset}` belong to answer {answer}, which has no coverage row; publish both together")]
    RowsWithoutOutcome {
        /// Dataset.
        dataset: String,
        /// The answer.
        answer: i64,
    },
    /// An option that no store can have.
    #[error("a store's `{0}` must be {1}")]
    BadOption(&'static str, &'static str),
    /// No snapshot at that id or time.
    #[error("the store has no snapshot {0}; `hedui store history` lists them")]
    NoSnapshot(String),
    /// A snapshot pinned for some people was asked about others.
    #[error("the snapshot was pinned for other people; pin one for these, or for everyone")]
    NotPinned,
    /// The catalogue is of another version or was changed by another program.
    #[error("the store's catalogue does not read as DuckLake 1.0: {0}")]
    Catalogue(String),
    /// A worker thread died.
    #[error("a worker of the store stopped early")]
    Stopped,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |n| format!("; did you mean `{n}`?"))
}

impl StoreError {
    /// Whether a file is missing, damaged or out of reach: the disk is to blame, and not the program.
    #[must_use]
    pub const fn is_of_files(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Parquet { .. })
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn parquet(path: &Path) -> impl FnOnce(PolarsError) -> Self + '_ {
        move |source| Self::Parquet { path: path.to_owned(), source }
    }
}
