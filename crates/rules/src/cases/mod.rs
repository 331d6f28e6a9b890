//! Cases: households in TOML with what must come out, beside the rules they test.
//!
//! From: `cases/*.toml` of a pack and the names and types of its rules. Running them is the engine's affair.

mod ast;

pub use ast::{Case, CasePerson, CaseRole, Expect, Expected, ExpectedValue, Row};
