use std::path::PathBuf;

use hedui_base::{AreaCode, CaseId, Diagnostic, SourceId};
use jiff::civil::Date;
use serde::Serialize;

/// One thing wrong with an input, with its place. Never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// JSON pointer (`/households/0/members/1/id_number`), or `file:row:column` of a plain folder.
    pub at: String,
    /// Stable slug such as `id_check_digit`.
    pub code: String,
    /// What is wrong and how to put it right.
    pub message: String,
}

/// What can go wrong in a use case; variants differ where the caller can act differently.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The input is not acceptable: every problem, not the first.
    #[error("{} problem(s) in the input; the first at {}: {}", .0.len(), first_at(.0), first_message(.0))]
    Input(Vec<Problem>),
    /// No such case.
    #[error("no case `{0}` in this data folder")]
    UnknownCase(CaseId),
    /// No such source.
    #[error(
        "no source `{0}`; `source list` names them, and one of your own is known by --connectors DIR or in `connectors` of the data folder"
    )]
    UnknownSource(SourceId),
    /// No such variable, test, flag or scheme in the pack.
    #[error("the pack has nothing named `{name}`{}", near(.nearest))]
    UnknownName {
        /// As asked.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// No such review, or it is not in a state that allows this.
    #[error("review {0}: {1}")]
    Review(i64, String),
    /// Manifests, site file, datasets or rule packs are broken.
    #[error("{} mistake(s) in {what}; the first: {}", .diagnostics.len(), first_line(.diagnostics))]
    Text {
        /// What kind of text.
        what: &'static str,
        /// Every mistake.
        diagnostics: Vec<Diagnostic>,
    },
    /// No pack is in force for an area on a day.
    #[error("no rule pack is in force for area {area} on {day}")]
    NoPack {
        /// Where.
        area: AreaCode,
        /// When.
        day: Date,
    },
    /// Another process is acquiring into this folder.
    #[error("another process is acquiring into {}; wait for it or stop it", .0.display())]
    Busy(PathBuf),
    /// A case cannot be computed with its pack.
    #[error(transparent)]
    Case(#[from] hedui_engine::output::CaseError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] hedui_ledger::LedgerError),
    /// The store.
    #[error(transparent)]
    Store(#[from] hedui_store::StoreError),
    /// The program cannot be printed over this store, or what came back is not what it should write.
    #[error(transparent)]
    Cluster(#[from] crate::ClusterProblem),
    /// A file of ours.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// A promise of our own is broken.
    #[error("internal: {0}")]
    Internal(String),
}

impl VerifyError {
    /// Whether the input or the texts are to blame (exit code 2) and not the machine (3).
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Input(_)
                | Self::UnknownCase(_)
                | Self::UnknownSource(_)
                | Self::UnknownName { .. }
                | Self::Review(..)
                | Self::Text { .. }
                | Self::NoPack { .. }
                | Self::Case(_)
                | Self::Cluster(_)
                | Self::Ledger(hedui_ledger::LedgerError::LetterConflict(_))
        )
    }

    /// Whether a file is missing, damaged or out of reach: the disk is to blame, and not the program.
    #[must_use]
    pub const fn is_of_files(&self) -> bool {
        match self {
            Self::Io { .. } => true,
            Self::Store(error) => error.is_of_files(),
            _ => false,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }
}

fn first_at(problems: &[Problem]) -> &str {
    problems.first().map_or("", |p| &p.at)
}

fn first_message(problems: &[Problem]) -> &str {
    problems.first().map_or("", |p| &p.message)
}

fn first_line(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map_or_else(String::new, |d| match d.place() {
        Some(place) => format!("{place}: {}", d.message),
        None => d.message.clone(),
    })
}

fn near(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |n| format!("; did you mean `{n}`?"))
}
