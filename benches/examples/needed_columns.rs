//! Prints, as JSON, the datasets that a pack reads and the columns it needs of each: what a bare scan reads.
//!
//! ```text
//! cargo build --workspace --example needed_columns
//! ${CARGO_TARGET_DIR:-target}/debug/examples/needed_columns zhenjiang
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::collections::BTreeMap;

fn main() {
    let pack = std::env::args().nth(1).unwrap();
    let program = hedui_verify::rules_library(&[]).unwrap().compile(&pack).unwrap();
    let columns = |d: &hedui_rules::program::DatasetUse| d.columns.iter().map(|c| c.name.clone()).collect();
    let needed: BTreeMap<String, Vec<String>> = program.datasets.iter().map(|d| (d.name.clone(), columns(d))).collect();
    println!("{}", serde_json::to_string(&needed).unwrap());
}
