//! Runs a program over a caseload, slice by slice.

use std::ops::Range;
use std::sync::Arc;

use hedui_rules::Program;
use jiff::civil::Date;
use rayon::prelude::*;

use crate::evaluate::Kernel;
use crate::evidence::EvidencePlan;
use crate::index::Index;
use crate::input::Caseload;
use crate::output::Findings;
use crate::slice::Slice;

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
///
/// Results are in the order of the cases and do not depend on the order of persons or records, nor on `options`.
#[must_use]
pub fn run(program: &Program, caseload: &Caseload, as_of: Date, options: &RunOptions) -> Findings {
    run_and(program, caseload, as_of, options, &EvidencePlan::new(program), |_, _| ()).0
}

/// A run that takes something more from each slice while its registers are there; in the order of the slices.
pub(crate) fn run_and<T: Send>(
    program: &Program,
    caseload: &Caseload,
    as_of: Date,
    options: &RunOptions,
    plan: &EvidencePlan,
    take: impl Fn(&Kernel<'_>, &Findings) -> T + Sync,
) -> (Findings, Vec<T>) {
    let index = Index::new(program, caseload);
    let cases = caseload.cases.id.len();
    let size = options.slice.max(1);
    let slices: Vec<Range<usize>> = (0..cases).step_by(size).map(|start| start..cases.min(start + size)).collect();
    let one = |cases: Range<usize>| {
        let slice = Slice::new(program, caseload, &index, cases);
        let mut kernel = Kernel::new(program, slice, as_of, Arc::clone(&plan.keep));
        let broken = kernel.run();
        let findings = kernel.findings(broken, plan);
        let taken = take(&kernel, &findings);
        (findings, taken)
    };
    let all = || slices.into_par_iter().map(&one).collect::<Vec<_>>();
    let pool = options.threads.map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build());
    let parts = match pool {
        Some(Ok(pool)) => pool.install(all),
        // Without threads of its own it borrows the global ones: the results are the same.
        Some(Err(_)) | None => all(),
    };
    let mut findings = Findings::default();
    let mut taken = Vec::with_capacity(parts.len());
    for (part, one) in parts {
        taken.push(one);
        findings.cases.extend(part.cases);
        findings.flags.extend(part.flags);
        findings.errors.extend(part.errors);
    }
    (findings, taken)
}
