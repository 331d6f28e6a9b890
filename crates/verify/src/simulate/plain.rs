//! A simulation over a plain folder: one pack a side computes every case.

use std::sync::Arc;

use hedui_rules::{Library, Program};

use super::household_type::household_types;
use super::side::{Programs, Side};
use super::tally::{Both, Tally, outcomes, prepare};
use super::{SimulatePlainRequest, Simulation};
use crate::compare::{compare_caseload, plain_caseload};
use crate::library::{embedded_catalogue, packs};
use crate::{Event, VerifyError};

/// The same as [`crate::simulate`] over a plain folder, without data folder or connectors.
///
/// # Errors
/// [`VerifyError::Input`] with every problem of the folder or the settings, [`VerifyError::Text`] with every mistake of
/// the packs.
#[tracing::instrument(name = "simulate", skip_all, fields(as_of = %request.reform.as_of))]
pub fn simulate_plain(request: &SimulatePlainRequest) -> Result<Simulation, VerifyError> {
    let reform = &request.reform;
    prepare(reform.out.as_deref())?;
    let catalogue = embedded_catalogue()?;
    let library = Library::new(packs(&[])?, catalogue.clone());
    let read = |program: &Program| plain_caseload(&request.records, &request.cases, program, &catalogue, false);
    let ready = |side: &Side, flag: &str| -> Result<Programs, VerifyError> {
        Side { force: true, ..side.clone() }.ready(flag, &library, [], reform.as_of)
    };
    let (before, after) = (ready(&reform.before, "--baseline")?, ready(&reform.after, "--reform")?);
    let (program, reformed) = (Arc::clone(before.forced()?), Arc::clone(after.forced()?));
    let (caseload, notices) = read(&program)?;
    let found = Simulation { people: caseload.persons.key.len(), notices, ..Simulation::default() };
    let mut tally = Tally::new(reform, &before, &after);
    let total = caseload.cases.id.len();
    let kinds = household_types(&program, &caseload, reform.as_of);
    let (compared, failures) = compare_caseload(&program, &caseload, reform.as_of);
    let mut first = outcomes(&compared, failures);
    drop(compared);
    // A pack that reads the same columns reads the same caseload.
    let (cases, areas) = (caseload.cases.id.clone(), caseload.cases.area.clone());
    let caseload = if reads_alike(&program, &reformed) { caseload } else { read(&reformed)?.0 };
    let (compared, failures) = compare_caseload(&reformed, &caseload, reform.as_of);
    let mut second = outcomes(&compared, failures);
    for ((case, area), kind) in cases.into_iter().zip(areas).zip(kinds) {
        let lost = || VerifyError::Internal(format!("case {case} was not compared"));
        let before = (Arc::clone(&program), first.remove(&case).ok_or_else(lost)?);
        let after = (Arc::clone(&reformed), second.remove(&case).ok_or_else(lost)?);
        tally.add(&Both { case, area, kind, before, after });
    }
    reform.progress.event(Event::Compared { done: total, total });
    tally.finish(before.changed, after.changed, found)
}

/// Whether two programs read the same inputs and datasets of a folder.
fn reads_alike(a: &Program, b: &Program) -> bool {
    format!("{:?}{:?}", a.inputs, a.datasets) == format!("{:?}{:?}", b.inputs, b.datasets)
}
