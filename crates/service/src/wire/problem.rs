use serde::Serialize;
use utoipa::ToSchema;

/// RFC 9457 problem details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Stable type, such as `urn:hedui:problem:invalid-body`.
    #[serde(rename = "type")]
    #[schema(example = "urn:hedui:problem:invalid-body")]
    pub(crate) type_uri: String,
    /// What kind of problem it is.
    pub(crate) title: String,
    /// The same in Chinese.
    pub(crate) title_zh: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// More about this one; never a personal value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
    /// Stands in the server's log too.
    pub(crate) trace_id: String,
}

/// One field that is wrong. Names the field, never its value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer into the body.
    #[schema(example = "/household/members/0/id_number")]
    pub(crate) pointer: String,
    /// Stable slug.
    #[schema(example = "id_check_digit")]
    pub(crate) code: String,
    /// What is wrong and how to put it right.
    pub(crate) message: String,
}

impl FieldError {
    pub(crate) fn new(pointer: &str, code: &str, message: &str) -> Self {
        Self { pointer: pointer.to_owned(), code: code.to_owned(), message: message.to_owned() }
    }
}
