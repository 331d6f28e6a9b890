//! Cases: households in TOML with what must come out, beside the rules they test.
//!
//! From: `cases/*.toml` of a pack and the names and types of its rules. Running them is the engine's affair.
//! Reports: every unknown name, wrong value and impossible expectation, in every case.

mod ast; // start here: the shape of a case
mod expect; // what must come out
mod from_toml; // households, people, records

pub use ast::{Case, CasePerson, CaseRole, Expect, Expected, ExpectedValue, Row};
pub(crate) use from_toml::from_toml;
