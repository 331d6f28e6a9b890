//! Cities and their institutions, from outside.
#![allow(clippy::unwrap_used, reason = "tests")]

mod anomalies;
mod ask;
mod city;
mod databases;
mod direct;
mod dropped;
mod faults;
mod registers;
mod serve;
mod truth;
