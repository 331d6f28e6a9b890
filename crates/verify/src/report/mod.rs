mod lines;

pub use lines::{
    Completeness, CoverageLine, DeclaredLine, Explained, ExplanationNode, FlagLine, Note, PackLine, ParameterLine,
    PersonLine, RecordLine, Report, SchemeLine, SourceLine, TestLine, WaitingLine,
};

use hedui_base::CaseId;
use jiff::civil::Date;

use crate::{VerifyError, Workspace};

/// Verifies one household with what is stored: the report of one case.
///
/// # Errors
/// Unknown case, no pack in force, or a case that cannot be computed.
pub async fn check(ws: &Workspace, case: &CaseId, as_of: Date) -> Result<Report, VerifyError> {
    let _ = (ws, case, as_of);
    Err(VerifyError::Internal("check is being built".into()))
}

/// How a value came about, down to source rows; without a name, the schemes and what they stand on.
///
/// # Errors
/// As [`check`], and [`VerifyError::UnknownName`].
pub async fn explain(
    ws: &Workspace,
    case: &CaseId,
    variable: Option<&str>,
    as_of: Date,
) -> Result<Explained, VerifyError> {
    let _ = (ws, case, variable, as_of);
    Err(VerifyError::Internal("explain is being built".into()))
}

/// The calculation sheet (核对计算单) in Chinese, as plain text. It reports; it never approves.
#[must_use]
pub fn calculation_sheet(report: &Report) -> String {
    let _ = report;
    String::new()
}
