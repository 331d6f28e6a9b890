//! The results of a script over a store, written in the order of the batch.

use crate::expressions::quoted;
use crate::{Dialect, FLAG_COLUMNS, Script};

/// Statements that write the results of a script over [`super::relations`] to a folder: `DuckDB` to `findings.parquet` and
/// `flags.parquet`, Spark to folders of parts of these names, of which each holds the rows after those of the one before.
#[must_use]
pub fn write_results(script: &Script, folder: &str) -> String {
    let dialect = script.dialect;
    let own = script.findings.iter().map(String::as_str).collect::<Vec<_>>();
    [("findings", own, ""), ("flags", FLAG_COLUMNS.to_vec(), ", f.flag_order, f.person")]
        .map(|(name, columns, order)| {
            let columns: Vec<String> = columns.iter().map(|column| format!("f.{}", quoted(column, dialect))).collect();
            let query = format!(
                "SELECT {}\nFROM {name} f JOIN cases c ON c.case_row = f.case_row\nORDER BY c.home, f.case_row{order}",
                columns.join(", ")
            );
            match dialect {
                Dialect::DuckDb => {
                    let file = dialect.text(&format!("{folder}/{name}.parquet"));
                    format!("COPY (\n{query}\n) TO {file} (FORMAT parquet, COMPRESSION zstd);\n")
                }
                Dialect::Spark => {
                    let path = dialect.text(&format!("file://{folder}/{name}"));
                    format!("INSERT OVERWRITE DIRECTORY {path} USING parquet\n{query};\n")
                }
            }
        })
        .join("\n")
}
