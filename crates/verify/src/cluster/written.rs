//! From the parts that an engine wrote to `findings.parquet` and `flags.parquet` as the batch writes them.

use std::fs;
use std::path::{Path, PathBuf};

use hedui_base::columns::date_to_days;
use hedui_rules::Program;
use hedui_store::results::{self, ResultColumn, ResultKind, ResultWriter};
use hedui_store::{BulkColumn, Ints, Texts};
use jiff::Timestamp;
use std::sync::Arc;

use super::{ClusterProblem, ClusterScript};
use crate::VerifyError;
use crate::compare::{columns_of_findings, columns_of_flags};

/// Makes one file of each folder of parts, `findings` and `flags`, that an engine wrote into `parts`. Blocking.
///
/// Returns how many rows there are of each.
///
/// # Errors
/// [`ClusterProblem::Written`] if a folder lacks its parts or a part lacks columns; or what the file system says.
pub fn gather(script: &ClusterScript, parts: &Path, out: &Path) -> Result<(usize, usize), VerifyError> {
    fs::create_dir_all(out).map_err(VerifyError::io(out))?;
    let programs: [Arc<Program>; 1] = [Arc::clone(&script.program)];
    let known_at = Some(script.snapshot.known_at());
    let findings =
        one(&parts.join("findings"), &out.join("findings.parquet"), columns_of_findings(&programs), known_at)?;
    let flags = one(&parts.join("flags"), &out.join("flags.parquet"), columns_of_flags(), known_at)?;
    Ok((findings, flags))
}

fn one(
    folder: &Path,
    file: &Path,
    kinds: Vec<(String, ResultKind)>,
    known_at: Option<Timestamp>,
) -> Result<usize, VerifyError> {
    let mut parts: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(VerifyError::io(folder))? {
        let path = entry.map_err(VerifyError::io(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            parts.push(path);
        }
    }
    if parts.is_empty() {
        return Err(
            ClusterProblem::Written { path: folder.to_owned(), what: "no Parquet file is in it".to_owned() }.into()
        );
    }
    // Engines number the parts of ordered rows.
    parts.sort();
    let mut rows = 0;
    let mut writer = ResultWriter::create(file, kinds.clone())?;
    for part in &parts {
        let read = results::read(part)?;
        let count = read.first().map_or(0, |(_, column)| column.len());
        rows += count;
        let mut columns = Vec::with_capacity(kinds.len());
        for (name, kind) in &kinds {
            let column = match read.iter().find(|(own, _)| own == name) {
                // The engine does not hear of moments: time zones are not its business.
                _ if *kind == ResultKind::Time => Some(same(known_at.map(Timestamp::as_microsecond), count)),
                Some((_, column)) => bulk(column, *kind),
                None => None,
            };
            let wrong = || ClusterProblem::Written {
                path: part.clone(),
                what: format!("it has no column `{name}` of {kind:?}"),
            };
            columns.push(column.ok_or_else(wrong)?);
        }
        writer.write(&columns)?;
    }
    writer.finish()?;
    Ok(rows)
}

fn same(value: Option<i64>, rows: usize) -> BulkColumn {
    let mut ints = Ints::default();
    (0..rows).for_each(|_| ints.push(value));
    BulkColumn::Ints(ints)
}

fn bulk(column: &ResultColumn, kind: ResultKind) -> Option<BulkColumn> {
    let mut ints = Ints::default();
    match (column, kind) {
        (ResultColumn::Text(values), ResultKind::Text) => {
            let mut texts = Texts::default();
            values.iter().for_each(|value| texts.push(value.as_deref()));
            return Some(BulkColumn::Texts(texts));
        }
        (ResultColumn::Int(values), ResultKind::Int) => values.iter().for_each(|value| ints.push(*value)),
        (ResultColumn::Date(values), ResultKind::Date) => {
            values.iter().for_each(|value| ints.push(value.map(date_to_days)));
        }
        _ => return None,
    }
    Some(BulkColumn::Ints(ints))
}
