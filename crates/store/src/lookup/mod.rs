//! Rows of a few people in one file: only the pages that hold them are read, on the thread that asks.
//!
//! Files never change, so where their pages lie is kept from one look-up to the next: see [`Directories`].

mod foreign;
mod kept;
mod own;
mod people_set;

use std::fs::File;
use std::path::Path;

pub(crate) use self::kept::Directories;
use self::kept::Known;
use crate::StoreError;
use crate::rows::Rows;
use crate::shape::ShapeColumn;

/// The rows of some people, ascending, in the order of the file. Columns that the file lacks, being older, are null.
pub(crate) fn rows(
    directories: &Directories,
    path: &Path,
    columns: &[&ShapeColumn],
    people: &[i64],
) -> Result<Rows, StoreError> {
    let name = path.to_string_lossy();
    let mut file = None;
    let known = match directories.get(&name) {
        Some(known) => known,
        None => {
            let opened = File::open(path).map_err(StoreError::io(path))?;
            let known = Known::of(&opened).map_err(StoreError::io(path))?;
            directories.keep(&name, &known);
            file = Some(opened);
            known
        }
    };
    if let Known::Own(directory) = &known {
        if !directory.may_hold(people) {
            return Ok(Rows::none(columns));
        }
        let file = match file {
            Some(file) => file,
            None => File::open(path).map_err(StoreError::io(path))?,
        };
        if let Some(found) = own::rows(&file, directory, columns, people).map_err(StoreError::io(path))? {
            return Ok(found);
        }
    }
    // The library reads all of Parquet, and says what is wrong with what it cannot read.
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Rows::of_frame(&foreign::rows(path, &names, people)?, columns)
}

/// Whether one of some people, ascending, lies within a range of keys.
pub(crate) fn overlaps(people: &[i64], (min, max): (i64, i64)) -> bool {
    let from = people.partition_point(|p| *p < min);
    people.get(from).is_some_and(|p| *p <= max)
}
