//! The SQL against the kernel.
#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod build;
mod copies;
mod duckdb;
mod expressions;
mod oracle;
mod packs;
mod programs;
mod rng;
mod rows;
mod spark;
mod worlds;
