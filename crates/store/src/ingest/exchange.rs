//! Files of an exchange: the list of everybody who is registered, and rows as they come from elsewhere.

use std::path::Path;

use super::{NUMBER, Registered, carried, handed_over};
use crate::columns::BulkColumn;
use crate::parquet::{self, FileColumn};
use crate::shape::Kind;
use crate::{Store, StoreError};

/// Writes the list of everybody, in the order of registration.
///
/// # Errors
/// If the disk is full.
pub fn write_registered(path: &Path, people: &[Registered]) -> Result<(), StoreError> {
    let column = |of: &dyn Fn(&Registered) -> i64| BulkColumn::Ints(people.iter().map(|p| Some(of(p))).collect());
    let columns = [
        (NUMBER, column(&|p| p.number)),
        ("standing", column(&|p| i64::from(p.standing))),
        ("letter", column(&|p| i64::from(p.letter))),
    ];
    let named = columns.each_ref().map(|(name, values)| FileColumn { name, kind: Kind::Int, values: Some(values) });
    let (bytes, _) = parquet::encode(&named, people.len())
        .map_err(|e| StoreError::Parquet { path: path.to_owned(), source: e.into() })?;
    std::fs::write(path, &bytes).map_err(StoreError::io(path))
}

/// Reads the list of everybody.
///
/// # Errors
/// If it is not one.
pub fn read_registered(path: &Path) -> Result<Vec<Registered>, StoreError> {
    let frame = handed_over::frame(path)?;
    let column = |name: &str| handed_over::ints(frame.column(name)?.as_materialized_series());
    let (numbers, standings, letters) = (column(NUMBER)?, column("standing")?, column("letter")?);
    let people = (0..numbers.len()).map(|row| Registered {
        number: numbers.values[row],
        standing: u8::try_from(standings.values[row]).unwrap_or(0),
        letter: u32::try_from(letters.values[row]).unwrap_or(u32::MAX),
    });
    Ok(people.collect())
}

impl Store {
    /// Writes rows of a dataset as they come from elsewhere: `_number` instead of a person, in any order.
    ///
    /// # Errors
    /// If a column is not one of the dataset, or the disk is full.
    pub fn write_unsorted(
        &self,
        dataset: &str,
        number: BulkColumn,
        columns: &[(&str, BulkColumn)],
        path: &Path,
    ) -> Result<u64, StoreError> {
        let table = self.any_table(dataset)?;
        let rows = number.len();
        let mut named = vec![FileColumn { name: NUMBER, kind: Kind::Int, values: Some(&number) }];
        named.extend(carried(&table.shape).map(|c| FileColumn {
            name: &c.name,
            kind: c.kind,
            values: columns.iter().find(|(name, _)| *name == c.name).map(|(_, column)| column),
        }));
        let (bytes, _) = parquet::encode(&named, rows)
            .map_err(|e| StoreError::Parquet { path: path.to_owned(), source: e.into() })?;
        std::fs::write(path, &bytes).map_err(StoreError::io(path))?;
        Ok(bytes.len() as u64)
    }
}
