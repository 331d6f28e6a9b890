//! Everything that can go wrong, as `application/problem+json` (RFC 9457) with stable types.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hedui_ledger::LedgerError;
use hedui_verify::VerifyError;

use crate::wire::{FieldError, ProblemBody};

/// What went wrong, as the caller can act on it. The slug is stable: `urn:hedui:problem:<slug>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No API key, or not a valid one.
    Unauthorised,
    /// There is no such thing, or not for this key.
    NotFound,
    /// The path exists, not with this method.
    MethodNotAllowed,
    /// The body is not what the route expects; `errors` names every field.
    InvalidBody,
    /// A header is malformed.
    InvalidHeader,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// The idempotency key was used with another body.
    IdempotencyConflict,
    /// A letter of this number says something else.
    LetterConflict,
    /// No rule pack is in force for the area and day.
    NoRulePack,
    /// The case cannot be computed with its pack.
    NotComputable,
    /// The report is not made yet.
    ReportNotReady,
    /// Too much at once; try again.
    Busy,
    /// It took too long.
    Timeout,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// Last part of the type URI.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.entry().0
    }

    const fn entry(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorised => {
                ("unauthorised", StatusCode::UNAUTHORIZED, "A valid API key is needed", "需要有效的接口密钥")
            }
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing here", "未找到"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Not with this method", "不支持该请求方法")
            }
            Self::InvalidBody => ("invalid-body", StatusCode::BAD_REQUEST, "The body cannot be used", "请求内容有误"),
            Self::InvalidHeader => ("invalid-header", StatusCode::BAD_REQUEST, "A header cannot be used", "请求头有误"),
            Self::BodyTooLarge => {
                ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large", "请求内容过大")
            }
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json",
                "请求内容须为 JSON",
            ),
            Self::IdempotencyConflict => (
                "idempotency-conflict",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This Idempotency-Key was used with another body",
                "该幂等键已用于另一请求",
            ),
            Self::LetterConflict => (
                "letter-conflict",
                StatusCode::CONFLICT,
                "A letter of this number is on file with other contents",
                "该编号的授权书已存在且内容不同",
            ),
            Self::NoRulePack => (
                "no-rule-pack",
                StatusCode::UNPROCESSABLE_ENTITY,
                "No rule pack is in force for this area and day",
                "该地区该日无生效规则包",
            ),
            Self::NotComputable => (
                "not-computable",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The case cannot be computed with its rule pack",
                "该案件无法按规则包计算",
            ),
            Self::ReportNotReady => {
                ("report-not-ready", StatusCode::NOT_FOUND, "The report is not made yet", "核对报告尚未生成")
            }
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "Busy; try again shortly", "系统繁忙,请稍后重试"),
            Self::Timeout => ("timeout", StatusCode::SERVICE_UNAVAILABLE, "It took too long", "处理超时"),
            Self::Internal => {
                ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of the server", "服务器内部错误")
            }
        }
    }
}

/// A problem on its way to the caller.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: Option<String>,
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem without further detail.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, detail: None, errors: Vec::new() }
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A body with one thing wrong in it.
    pub(crate) fn field(pointer: &str, code: &str, message: &str) -> Self {
        Self::fields(vec![FieldError::new(pointer, code, message)])
    }

    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        Self { kind: Kind::InvalidBody, detail: None, errors }
    }

    /// The fields that are wrong, if that is the problem.
    pub(crate) fn into_fields(self) -> Result<Vec<FieldError>, Self> {
        if self.kind == Kind::InvalidBody { Ok(self.errors) } else { Err(self) }
    }

    pub(crate) fn to_body(&self) -> ProblemBody {
        let (slug, status, title, title_zh) = self.kind.entry();
        ProblemBody {
            type_uri: format!("urn:hedui:problem:{slug}"),
            title: title.to_owned(),
            title_zh: title_zh.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            trace_id: hex::encode(rand::random::<[u8; 8]>()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_body();
        tracing::info!(trace_id = body.trace_id, problem = self.kind.slug(), errors = self.errors.len(), "problem");
        let mut response = (self.kind.entry().1, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.kind {
            Kind::Unauthorised => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::Busy | Kind::Timeout | Kind::ReportNotReady => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::UnknownCase(_) | LedgerError::UnknownLetter(_) | LedgerError::UnknownPerson(_) => {
                Self::new(Kind::NotFound)
            }
            LedgerError::LetterConflict(_) => Self::new(Kind::LetterConflict),
            LedgerError::Busy => Self::new(Kind::Busy),
            other => internal(&other),
        }
    }
}

impl From<VerifyError> for Problem {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Input(problems) => {
                Self::fields(problems.iter().map(|p| FieldError::new(&p.at, &p.code, &p.message)).collect())
            }
            VerifyError::UnknownCase(_) | VerifyError::UnknownSource(_) | VerifyError::UnknownName { .. } => {
                Self::new(Kind::NotFound)
            }
            VerifyError::NoPack { .. } => Self::new(Kind::NoRulePack).detail(error.to_string()),
            VerifyError::Case(_) => Self::new(Kind::NotComputable).detail(error.to_string()),
            VerifyError::Busy(_) => Self::new(Kind::Busy),
            VerifyError::Ledger(error) => error.into(),
            other => internal(&other),
        }
    }
}

/// Logs a fault of ours; the caller learns only that there was one. No message of ours holds personal data.
fn internal(error: &dyn std::error::Error) -> Problem {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(error = chain, "internal");
    Problem::new(Kind::Internal)
}
