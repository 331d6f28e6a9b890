//! The use cases from end to end: small invented cities whose institutions answer over their real protocols.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod buckets;
mod calendar;
mod crash;
mod faults;
mod kept;
mod letters;
mod limits;
mod office;
mod outage;
mod plain;
mod recheck;
mod rereading;
mod sql;
mod town;
mod whole_path;
