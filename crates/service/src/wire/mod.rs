//! The JSON of the API. These types are the contract with callers; they are converted by hand from the values of `verify`,
//! so that a change there never changes the wire by accident.

mod problem;
mod report;
mod request;
mod response;
mod scheme;

pub(crate) use problem::{FieldError, ProblemBody};
pub(crate) use report::ReportBody;
pub(crate) use request::{AuthorisationRequest, RevokeRequest, VerificationRequest};
pub(crate) use response::{
    AuthorisationBody, HealthBody, RevokedBody, SourceBody, SourcesBody, VerificationBody, VerificationState,
};
