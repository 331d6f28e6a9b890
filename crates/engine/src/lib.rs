//! Runs a program over columns: kernel, bounds, explanation. Knows nothing of files, HTTP or people.
//!
//! ```
//! use hedui_engine::input::Caseload;
//! use hedui_engine::{RunOptions, run, trace};
//! use hedui_rules::Program;
//! use jiff::civil::Date;
//!
//! fn compare(program: &Program, caseload: &Caseload, day: Date) -> Result<(), hedui_engine::output::CaseError> {
//!     let findings = run(program, caseload, day, &RunOptions::default()); // all cases, in slices, in parallel
//!     assert_eq!(findings.cases.len() + findings.errors.len(), caseload.cases.id.len());
//!     let first = trace(program, caseload, 0, day)?; // one case, every register kept
//!     let sheet = first.explain("income_per_capita"); // formula, inputs, parameter rows, source records
//!     # let _ = sheet;
//!     Ok(())
//! }
//! ```
//!
//! A cell is a known value, a none, or unknown within bounds for a set of reasons. Whatever the
//! unanswered sources turn out to say, every value lies within its bounds, and every `met` and `not_met` stands.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect"))]

// What goes in and comes out.
pub mod input;
pub mod output;
pub mod packed;

// One cell, one column.
mod civil;
mod interval;
mod pool;
mod reasons;
mod register;
mod texts;

// Some households as columns.
mod index;
mod lives;
mod packed_from;
mod packed_slice;
mod shared;
mod slice;
mod slot;

// The kernel.
mod aggregate;
mod by_month;
mod counted;
mod evaluate;
mod given;
mod looked_up;
mod operand;
mod operators;
mod parameters;
mod reads;
mod scale;
mod steps;
mod tape;

// All households.
pub mod concluded;
mod evidence;
mod findings;
mod run;

// One household, unfolded.
mod explain;
mod explain_parameters;
mod explanation;
mod print;
mod shown;
mod sides;
mod trace;
mod under;

// What follows from a finding; what cases prove.
pub mod cases;
mod standing;

// A pack as a book, with examples from its cases.
pub mod rulebook;

// One household, as it might be; as it was.
pub mod counterfactual;
pub mod stored;

pub use explanation::{Explanation, ParameterUse, RecordUse};
pub use run::{RunOptions, run};
pub use shown::{Held, Value, Value as ExplainedValue, number as show_number};
pub use sides::{Point, Points, Seen, Side};
pub use standing::Derived;
pub use trace::{Trace, TracePlan, trace, trace_by};
pub use under::{Readers, under};
