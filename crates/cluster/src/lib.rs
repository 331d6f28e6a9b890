//! The program printed as SQL: facts to findings, with bounds, presence, reasons and flags, for `DuckDB` and Spark.
//!
//! What the kernel computes slice by slice, one SQL script computes over relations: the tests' oracle, the benches' rival,
//! and what runs on a Spark cluster. The meaning is exactly that of `hedui-engine`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect"))]

// What is asked for.
mod dialect;
mod setting;

// What it reads.
pub mod over_store;

// Values as SQL.
mod atoms;
mod slot;
mod sql;

// Where they are computed.
mod plan;
mod stages;

// From expressions to values.
mod aggregates;
mod comparisons;
mod coverage;
mod dates;
mod expressions;
mod months;
mod numbers;
mod operators;
mod parameters;
mod printer;
mod scales;

// Results.
mod flags;
mod results;
mod script;

pub use dialect::Dialect;
pub use script::{FLAG_COLUMNS, SPARK_SETTINGS, Script, Statement, script};
pub use setting::{Mode, Options, Setting, Source, Subjects};

/// Why a program cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// A form that has no SQL.
    #[error("rule `{rule}` cannot be printed as SQL: {what}; run it with `hedui batch`")]
    Unsupported {
        /// The rule.
        rule: String,
        /// What it is.
        what: &'static str,
    },
}
