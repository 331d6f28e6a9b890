use serde::Serialize;
use utoipa::ToSchema;

/// A letter as filed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Authorisation)]
pub(crate) struct AuthorisationBody {
    /// Its number.
    pub(crate) number: String,
    /// Schemes it was signed for.
    pub(crate) purposes: Vec<String>,
    /// Scopes of sources.
    pub(crate) scopes: Vec<String>,
    /// Masked identity numbers of those it covers.
    #[schema(example = json!(["990***********0018"]))]
    pub(crate) covers: Vec<String>,
    /// First day.
    #[schema(format = Date)]
    pub(crate) valid_from: String,
    /// Last day.
    #[schema(format = Date)]
    pub(crate) valid_until: Option<String>,
    /// The case it was given for, if one was named.
    pub(crate) case: Option<String>,
}

/// A letter as withdrawn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revoked)]
pub(crate) struct RevokedBody {
    /// Its number.
    pub(crate) number: String,
    /// First day on which it allows nothing any more.
    #[schema(format = Date)]
    pub(crate) revoked_on: String,
}

/// Where a verification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerificationState {
    /// Sources are being asked.
    Running,
    /// The report is made; sources that answer later are still to come.
    WaitingSources,
    /// Every source in play has answered.
    Complete,
    /// Nothing more comes by itself, and some sources have not answered; the report names them.
    CompleteWithGaps,
    /// It could not be made; `problem` says why.
    Failed,
}

impl VerificationState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::WaitingSources => "waiting_sources",
            Self::Complete => "complete",
            Self::CompleteWithGaps => "complete_with_gaps",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        [Self::WaitingSources, Self::Complete, Self::CompleteWithGaps, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or(Self::Running)
    }
}

/// One verification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub(crate) struct VerificationBody {
    /// Its id.
    pub(crate) id: String,
    /// The case.
    pub(crate) case: String,
    /// Where it stands.
    pub(crate) state: VerificationState,
    /// How often the report was made; grows when answers have come in between.
    pub(crate) report_version: i64,
    /// When it began.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When the report was last made.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
    /// The report as last made; none while running or after failing.
    #[schema(value_type = Option<super::ReportBody>)]
    pub(crate) report: Option<serde_json::Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::ProblemBody>)]
    pub(crate) problem: Option<serde_json::Value>,
}

/// All sources.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sources)]
pub(crate) struct SourcesBody {
    /// By id.
    pub(crate) sources: Vec<SourceBody>,
}

/// One source: what it answers, how, and how it has been doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
pub(crate) struct SourceBody {
    /// Its id.
    #[schema(example = "police.hukou")]
    pub(crate) id: String,
    /// Title.
    pub(crate) title_zh: String,
    /// Title.
    pub(crate) title_en: String,
    /// Who answers.
    pub(crate) institution_zh: String,
    /// Dataset that its records go into.
    pub(crate) dataset: String,
    /// Scope that a letter must grant.
    pub(crate) scope: String,
    /// `live` (asked at once), `exchange` (files, answered later) or `drop` (monthly files).
    pub(crate) mode: String,
    /// For how many days an answer is used again.
    pub(crate) fresh_days: u32,
    /// Whether it can prove that there is no record.
    pub(crate) can_clear: bool,
    /// Calls made so far.
    pub(crate) calls: i64,
    /// Calls that failed.
    pub(crate) failures: i64,
    /// Stable code of the last failure.
    pub(crate) last_failure: Option<String>,
    /// When it was last called.
    #[schema(format = DateTime)]
    pub(crate) last_called_at: Option<String>,
    /// Parts of replies that were set aside instead of being believed.
    pub(crate) quarantined: i64,
}

/// Whether the server works.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    /// `ok`.
    pub(crate) status: &'static str,
    /// Version of hedui.
    pub(crate) version: &'static str,
}
