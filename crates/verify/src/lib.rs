//! The use cases: accept, acquire, compare, report, review (接受申请、信息获取、信息核对、出具报告、结果复核).
//!
//! Joins rules, engine, store, connectors and ledger; all I/O is theirs, and the comparison itself is a function of
//! cases, answers, rules and the day. Nothing here prints: progress goes to a [`Progress`], results are values.
//!
//! ```no_run
//! # async fn example() -> Result<(), hedui_verify::VerifyError> {
//! use hedui_verify::{AcquireRequest, BatchRequest, Intake, Selection, Workspace, WorkspaceOptions};
//! let ws = Workspace::open("data".as_ref(), WorkspaceOptions::default()).await?;
//! let intake = Intake::parse(&std::fs::read_to_string("cases.json").unwrap_or_default())?;
//! hedui_verify::accept(&ws, &intake, "intake").await?;
//! let day = ws.today();
//! hedui_verify::acquire(&ws, AcquireRequest::all(day)).await?;
//! let summary = hedui_verify::batch(&ws, BatchRequest::new(Selection::All, day, "out")).await?;
//! # let _ = summary; Ok(()) }
//! ```

mod error;
mod library;
mod progress;
mod site;
mod sources;
mod workspace;

pub mod intake;

mod accept;
mod acquire;
mod answers;
mod cluster;
mod compare;
mod health;
mod kept;
mod recheck;
mod report;
mod retain;
mod review;
mod simulate;

pub use accept::{AcceptSummary, accept};
pub use acquire::{
    AcquireMode, AcquireRequest, AcquireSummary, AskChange, Boundary, Replayed, Reprocessed, Selection, SourceSummary,
    Timing, TryResult, acquire, source_replay, source_reprocess, source_try,
};
pub use answers::{AnswerLine, AnswerRecord, source_answers};
pub use cluster::{
    ClusterProblem, ClusterRequest, ClusterScript, cluster_script, gather as gather_written, sources as sql_sources,
};
pub use compare::{
    BatchRequest, BatchSummary, CaseFailure, FlagTotal, PackedCases, PlainRequest, SchemeTotal, SourceTotal, batch,
    batch_plain, packed_cases,
};
pub use error::{Problem, VerifyError};
pub use health::{BreakerLine, BudgetLine, PendingLine, SourceHealth, SourceState, health};
pub use hedui_engine::cases as rule_cases;
pub use intake::Intake;
pub use kept::{KeptTotal, explain_kept, explain_plain};
pub use library::{embedded_catalogue, rules_library};
pub use progress::{Event, Progress, Silent};
pub use recheck::{Change, ChangeKind, RecheckRequest, RecheckSummary, RecheckedCase, Standing, recheck};
pub use report::{
    Completeness, CoverageLine, DeclaredLine, Explained, ExplanationNode, FlagLine, Note, PackLine, ParameterLine,
    PersonLine, RecordLine, Report, SchemeLine, SchemePersonLine, SourceLine, TestLine, WaitingLine, WhatIf,
    WhatIfLine, WhatIfScheme, calculation_sheet, check, check_and_what_if, explain, what_if,
};
pub use retain::{Retention, retain};
pub use review::{ReviewFilter, ReviewLine, review_claim, review_list, review_resolve};
pub use simulate::{
    Alarm, Bounds, Budget, ChangedParameter, Dimension, Group, Movement, Reform, SchemeChange, Setting, SettingError,
    Side, SimulatePlainRequest, SimulateRequest, Simulation, Standings, Totals, Transition, simulate, simulate_plain,
};
pub use workspace::{Clock, Workspace, WorkspaceOptions, own_connectors};
