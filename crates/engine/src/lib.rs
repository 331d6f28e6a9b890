//! Runs a program over columns: kernel, bounds, explanation. Knows nothing of files, HTTP or people.

mod explanation;
pub mod input;
pub mod output;
mod run;
mod shown;
mod trace;

pub use explanation::{Explanation, ParameterUse, RecordUse};
pub use run::{RunOptions, run};
pub use shown::{Held, Value, Value as ExplainedValue, number as show_number};
pub use trace::{Trace, trace};
