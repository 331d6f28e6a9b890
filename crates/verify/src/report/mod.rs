//! Stage four, 出具报告: one household's report, calculation sheet and explanations.

mod build;
mod lines;
mod one;
mod sheet;
mod tree;
mod what_if;
mod words;

pub use lines::{
    Completeness, CoverageLine, DeclaredLine, Explained, ExplanationNode, FlagLine, Note, PackLine, ParameterLine,
    PersonLine, RecordLine, Report, SchemeLine, SchemePersonLine, SourceLine, TestLine, WaitingLine,
};
pub use sheet::calculation_sheet;
pub use what_if::{WhatIf, WhatIfLine, WhatIfScheme, what_if};

pub(crate) use build::flag_line;
pub(crate) use one::called;
pub(crate) use tree::Names;
pub(crate) use words::masked_key;

use hedui_base::CaseId;
use hedui_base::diagnostic::nearest;
use hedui_engine::Trace;
use hedui_rules::Program;
use hedui_rules::program::Entity;
use jiff::civil::Date;

use crate::{VerifyError, Workspace};
use one::One;

/// Verifies one household with what is stored: the report of one case.
///
/// # Errors
/// Unknown case, no pack in force, or a case that cannot be computed.
#[tracing::instrument(name = "report", skip_all, fields(as_of = %as_of))]
pub async fn check(ws: &Workspace, case: &CaseId, as_of: Date) -> Result<Report, VerifyError> {
    let one = One::load(ws, case, as_of).await?;
    let ws = ws.clone();
    tokio::task::spawn_blocking(move || one.report(&ws)).await.map_err(|e| VerifyError::Internal(e.to_string()))?
}

/// As [`check`], and what would change the finding of the scheme the case stands at: the case is computed some hundred times
/// more for that.
///
/// # Errors
/// As [`check`].
#[tracing::instrument(name = "report", skip_all, fields(as_of = %as_of))]
pub async fn check_and_what_if(ws: &Workspace, case: &CaseId, as_of: Date) -> Result<Report, VerifyError> {
    let one = One::load(ws, case, as_of).await?;
    let ws = ws.clone();
    let work = move || {
        let report = one.report(&ws)?;
        let what_if = one.what_if_standing(&ws)?;
        Ok(Report { what_if, ..report })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| VerifyError::Internal(e.to_string()))?
}

/// How a value came about, down to source rows; without a name, the schemes and what they stand on.
///
/// A name may be a variable, fact, input, test, flag or scheme; a person's value is explained for every person.
///
/// # Errors
/// As [`check`], and [`VerifyError::UnknownName`].
pub async fn explain(
    ws: &Workspace,
    case: &CaseId,
    variable: Option<&str>,
    as_of: Date,
) -> Result<Explained, VerifyError> {
    let one = One::load(ws, case, as_of).await?;
    let (ws, variable) = (ws.clone(), variable.map(str::to_owned));
    tokio::task::spawn_blocking(move || one.explained(&ws, variable.as_deref()))
        .await
        .map_err(|e| VerifyError::Internal(e.to_string()))?
}

impl One {
    fn explained(&self, ws: &Workspace, variable: Option<&str>) -> Result<Explained, VerifyError> {
        self.names(ws).explained(&self.program, &self.trace()?, &self.case.id, variable, self.as_of)
    }
}

impl Names<'_> {
    /// The trees of a name, or of the schemes, of a case that was computed now or long ago.
    pub(crate) fn explained(
        &self,
        program: &Program,
        trace: &Trace<'_>,
        case: &CaseId,
        variable: Option<&str>,
        as_of: Date,
    ) -> Result<Explained, VerifyError> {
        let wanted: Vec<String> = match variable {
            Some(name) => steps_of(program, name)?,
            None => {
                let mut schemes: Vec<_> = program.schemes.iter().collect();
                schemes.sort_by_key(|s| s.order);
                let steps = schemes.iter().flat_map(|s| [Some(s.when), s.amount]).flatten();
                steps.map(|step| program.steps[step.index()].name.clone()).collect()
            }
        };
        let mut trees = Vec::new();
        for name in &wanted {
            let personal = program.steps.iter().any(|s| s.name == *name && s.entity == Entity::Person)
                || program.inputs.iter().any(|i| i.name == *name && i.entity == Entity::Person);
            if personal {
                let people = trace.persons().iter().map(|(person, _)| Some(*person));
                trees.extend(people.filter_map(|person| trace.explain_for(name, person)));
            } else {
                trees.extend(trace.explain(name));
            }
        }
        let trees: Vec<ExplanationNode> = trees.into_iter().map(|tree| self.node(tree)).collect();
        let text = trees.iter().map(|tree| self.text(tree)).collect::<Vec<_>>().join("\n");
        Ok(Explained { case: case.clone(), as_of, pack: PackLine::of(program), trees, text })
    }
}

/// The steps or inputs that a name means.
fn steps_of(program: &Program, name: &str) -> Result<Vec<String>, VerifyError> {
    let step = |id: hedui_rules::program::StepId| program.steps[id.index()].name.clone();
    if let Some(scheme) = program.schemes.iter().find(|s| s.id == name) {
        return Ok([Some(scheme.when), scheme.amount].into_iter().flatten().map(step).collect());
    }
    if let Some(test) = program.tests.iter().find(|t| t.name == name) {
        let parts = [Some(test.result), Some(test.value), test.limit];
        let mut names: Vec<String> = parts.into_iter().flatten().map(step).collect();
        names.dedup();
        return Ok(names);
    }
    if let Some(flag) = program.flags.iter().find(|f| f.id.eq_ignore_ascii_case(name)) {
        return Ok([Some(flag.when), flag.declared, flag.found].into_iter().flatten().map(step).collect());
    }
    let known = || program.steps.iter().map(|s| s.name.as_str()).chain(program.inputs.iter().map(|i| i.name.as_str()));
    if known().any(|n| n == name) {
        return Ok(vec![name.to_owned()]);
    }
    let rules =
        known().chain(program.schemes.iter().map(|s| s.id.as_str())).chain(program.flags.iter().map(|f| f.id.as_str()));
    let nearest = nearest(name, rules).map(str::to_owned);
    Err(VerifyError::UnknownName { name: name.to_owned(), nearest })
}
