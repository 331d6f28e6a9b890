//! Cities and their institutions, from outside.
#![allow(clippy::unwrap_used, reason = "tests")]

mod ask;
mod city;
mod dropped;
mod faults;
mod serve;
mod truth;
