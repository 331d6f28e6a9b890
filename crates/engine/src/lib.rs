//! Runs a program over columns: kernel, bounds, explanation. Knows nothing of files, HTTP or people.

mod aggregate;
mod branches;
mod civil;
mod evaluate;
mod evidence;
mod explain;
mod explanation;
mod findings;
mod index;
pub mod input;
mod interval;
mod operators;
pub mod output;
mod parameters;
mod print;
mod reads;
mod reasons;
mod register;
mod run;
mod shown;
mod slice;
mod steps;
mod texts;
mod trace;

pub use branches::BranchUse;
pub use explanation::{Explanation, ParameterUse, RecordUse};
pub use run::{RunOptions, run};
pub use shown::{Held, Value, Value as ExplainedValue, number as show_number};
pub use trace::{Trace, trace};
