//! The store against real SQLite and real files.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod bulk;
mod duckdb;
mod ingest;
mod inline;
mod lookup;
mod maintain;
mod plain;
mod publish;
mod results;
mod retain;
mod support;
mod together;
