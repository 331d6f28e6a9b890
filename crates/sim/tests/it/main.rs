//! Cities and their institutions, from outside.
#![allow(clippy::unwrap_used, reason = "tests")]

mod city;
mod serve;
mod truth;
