//! The cases of a pack against its rules: what comes out otherwise than expected, what no case reaches, and which
//! small changes to the rules no case notices.
//!
//! ```
//! use hedui_engine::cases::{MutationOptions, run_cases, run_mutants};
//! use hedui_rules::Checked;
//!
//! fn prove(checked: &Checked) -> Option<bool> {
//!     let program = checked.program.as_ref()?;
//!     let report = run_cases(program, &checked.cases);
//!     let changes = run_mutants(program, &checked.cases, &MutationOptions::default());
//!     Some(report.is_whole() && changes.share() >= 0.95)
//! }
//! ```

mod caseload; // a case as a caseload of one
mod comparison; // what came out against what was expected
mod coverage; // what the cases reach
mod mutation; // what the cases notice
mod wording; // values in the words that cases are written in

use hedui_rules::Program;
use hedui_rules::cases::Case;
use serde::Serialize;

pub use caseload::caseload;
pub use comparison::Difference;
pub use coverage::{Gap, Reached, Unreached};
pub use mutation::{Missed, MutationOptions, MutationReport, run_mutants};

use comparison::differences;
use coverage::Coverage;

/// What running the cases of a pack showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// Cases run.
    pub cases: usize,
    /// Cases in which everything came out as expected.
    pub passed: usize,
    /// Everything that did not, in the order of the cases.
    pub differences: Vec<Difference>,
    /// Of the rules, sides of conditions and rows of parameters that the pack itself writes.
    pub own: Reached,
    /// Of those it takes over from the packs it extends.
    pub inherited: Reached,
    /// Of its own, those that no case reaches: steps in the order of the program, then rows of parameters.
    pub unreached: Vec<Unreached>,
}

impl CaseReport {
    /// Whether every case passed.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        self.passed == self.cases
    }

    /// Whether every case passed and nothing that the pack writes is left out.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_passed() && self.unreached.is_empty()
    }
}

/// Runs cases and compares. Each case is a caseload of its own, as of its own day.
#[must_use]
pub fn run_cases(program: &Program, cases: &[Case]) -> CaseReport {
    let mut report = CaseReport { cases: cases.len(), ..CaseReport::default() };
    let mut coverage = Coverage::new(program);
    for case in cases {
        let caseload = caseload(program, case);
        let result = crate::trace(program, &caseload, 0, case.as_of);
        if let Ok(trace) = &result {
            coverage.reach(case, trace);
        }
        let found = differences(program, case, result.as_ref());
        report.passed += usize::from(found.is_empty());
        report.differences.extend(found);
    }
    (report.own, report.inherited, report.unreached) = coverage.finish();
    report
}

#[cfg(test)]
mod tests;
