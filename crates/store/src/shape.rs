//! The shape of the store's tables: the columns every table shares, and what a dataset adds.

use hedui_base::{Catalogue, ColumnType, Dataset};

use crate::StoreError;

/// How a column is held in Parquet and named in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Int64: numbers; money in fen, decimals and areas scaled, months as months since January of year 0.
    Int,
    /// Utf8: texts and codes.
    Text,
    /// Boolean.
    Bool,
    /// Date32.
    Date,
    /// Microseconds in UTC.
    Time,
}

impl Kind {
    pub(crate) const fn of(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text | ColumnType::Code => Self::Text,
            ColumnType::Bool => Self::Bool,
            ColumnType::Date => Self::Date,
            _ => Self::Int,
        }
    }

    /// The type's name in DuckLake.
    pub(crate) const fn ducklake(self) -> &'static str {
        match self {
            Self::Int => "int64",
            Self::Text => "varchar",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Time => "timestamp",
        }
    }
}

impl Kind {
    /// The kind of a column that the catalogue has; it holds no others.
    pub(crate) fn from_ducklake(name: &str) -> Self {
        [Self::Text, Self::Bool, Self::Date, Self::Time].into_iter().find(|k| k.ducklake() == name).unwrap_or(Self::Int)
    }
}

/// One column of a table of the store.
#[derive(Clone, Debug)]
pub(crate) struct ShapeColumn {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The dataset's own type; none for the columns every table shares.
    pub(crate) ty: Option<ColumnType>,
    /// What analysts read beside the column.
    pub(crate) comment: String,
}

/// One table of the store.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) columns: Vec<ShapeColumn>,
}

/// Name of the table of outcomes.
pub const COVERAGE: &str = "coverage";

/// Columns that every dataset's table begins with.
pub(crate) const RECORD_COLUMNS: [(&str, Kind, &str); 6] = [
    ("person", Kind::Int, "key of the person in the ledger"),
    ("source", Kind::Text, "who sent it"),
    ("record_id", Kind::Text, "natural key within person and source"),
    ("as_of", Kind::Date, "the day it is true for"),
    ("ask", Kind::Int, "the question that brought it"),
    ("answer", Kind::Int, "the settlement that brought it; live if the newest of (person, source) in coverage"),
];

const COVERAGE_COLUMNS: [(&str, Kind, &str); 12] = [
    ("person", Kind::Int, "key of the person in the ledger"),
    ("source", Kind::Text, "who was asked"),
    ("outcome", Kind::Text, "how the ask ended; the nine words of docs/glossary.md"),
    ("ask", Kind::Int, "the question"),
    ("answer", Kind::Int, "the settlement; the largest of (person, source) is current"),
    ("asked", Kind::Time, "UTC"),
    ("answered", Kind::Time, "UTC"),
    ("as_of", Kind::Date, "the day the answer is true for"),
    ("due", Kind::Date, "until when an answer may take"),
    ("letter", Kind::Text, "number of the letter of authorisation"),
    ("manifest", Kind::Text, "hash of the manifest it was asked by"),
    ("detail", Kind::Text, "cause of an outcome that is no answer"),
];

fn shared(columns: &[(&str, Kind, &str)]) -> Vec<ShapeColumn> {
    columns
        .iter()
        .map(|(name, kind, comment)| ShapeColumn {
            name: (*name).to_owned(),
            kind: *kind,
            ty: None,
            comment: (*comment).to_owned(),
        })
        .collect()
}

impl Shape {
    pub(crate) fn coverage() -> Self {
        Self { name: COVERAGE.to_owned(), columns: shared(&COVERAGE_COLUMNS) }
    }

    /// # Errors
    /// [`StoreError::ReservedName`] if the dataset or a column bears a name of the store's own.
    pub(crate) fn of(dataset: &Dataset) -> Result<Self, StoreError> {
        let reserved = |name: &str| StoreError::ReservedName { dataset: dataset.name.clone(), name: name.to_owned() };
        let safe = dataset.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if dataset.name == COVERAGE || dataset.name.is_empty() || !safe {
            return Err(reserved(&dataset.name));
        }
        let mut columns = shared(&RECORD_COLUMNS);
        for (name, spec) in &dataset.columns {
            if RECORD_COLUMNS.iter().any(|(own, ..)| own == name) {
                return Err(reserved(name));
            }
            let unit = match spec.ty {
                ColumnType::Money(_) => format!("{}, in fen", spec.ty),
                ColumnType::Month => "month, counted from January of year 0".to_owned(),
                ColumnType::Area | ColumnType::Decimal(_) => format!("{}, times 10^{}", spec.ty, spec.ty.scale()),
                ty => ty.to_string(),
            };
            columns.push(ShapeColumn {
                name: name.clone(),
                kind: Kind::of(spec.ty),
                ty: Some(spec.ty),
                comment: format!("{} ({unit})", spec.title.zh),
            });
        }
        Ok(Self { name: dataset.name.clone(), columns })
    }

    /// The tables of a catalogue: coverage first, then every dataset.
    pub(crate) fn all(catalogue: &Catalogue) -> Result<Vec<Self>, StoreError> {
        let mut shapes = vec![Self::coverage()];
        for dataset in catalogue.datasets.values() {
            shapes.push(Self::of(dataset)?);
        }
        Ok(shapes)
    }

    pub(crate) fn bad(&self, column: &str, expected: &'static str) -> StoreError {
        StoreError::BadColumn { dataset: self.name.clone(), column: column.to_owned(), expected }
    }
}
