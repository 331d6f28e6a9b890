//! Runs a program over a caseload, slice by slice.

use hedui_rules::Program;
use jiff::civil::Date;

use crate::input::Caseload;
use crate::output::Findings;

/// How to run; no choice here changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Cases in a slice.
    pub slice: usize,
    /// Threads of a pool of its own; none uses rayon's global pool.
    pub threads: Option<usize>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { slice: 512, threads: None }
    }
}

/// Runs a program over all cases as of a day.
#[must_use]
pub fn run(_program: &Program, _caseload: &Caseload, _as_of: Date, _options: &RunOptions) -> Findings {
    Findings::default()
}
