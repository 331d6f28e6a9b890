//! The plans of `http` and `soap`.

use super::Given;
use crate::selector::Selector;
use crate::template::Template;

/// A request over HTTP with a JSON reply.
#[derive(Clone, Debug)]
pub struct HttpPlan {
    /// `POST` or `GET` (no personal data goes into a URL, so a GET has no subjects in it).
    pub method: String,
    /// Path under the site's endpoint.
    pub path: String,
    /// Fixed headers, lower case.
    pub headers: Vec<(String, Given)>,
    /// How it is signed.
    pub signer: Option<Signer>,
    /// The body.
    pub body: Template,
}

/// How requests are signed.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Algorithm.
    pub algorithm: SignAlgorithm,
    /// Who we are to the gateway.
    pub app: Given,
    /// The shared key.
    pub key: Given,
    /// What is signed, joined by newlines.
    pub parts: Vec<SignPart>,
    /// Header names, lower case.
    pub headers: SignHeaders,
}

/// Algorithms compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignAlgorithm {
    /// HMAC with SM3 (GB/T 32905).
    HmacSm3,
    /// HMAC with SHA-256.
    HmacSha256,
}

/// One line of the signed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignPart {
    /// `POST`.
    Method,
    /// Path without host.
    Path,
    /// The app.
    App,
    /// Milliseconds since 1970.
    Timestamp,
    /// Random, once.
    Nonce,
    /// Hex digest of the body under the signer's hash.
    BodyHash,
    /// The body itself.
    Body,
}

/// Where the parts of a signature travel.
#[derive(Clone, Debug)]
pub struct SignHeaders {
    /// Carries the app.
    pub app: String,
    /// Carries the timestamp.
    pub ts: String,
    /// Carries the nonce.
    pub nonce: String,
    /// Carries the signature.
    pub sign: String,
}

/// A SOAP 1.1 call.
#[derive(Clone, Debug)]
pub struct SoapPlan {
    /// Path under the site's endpoint.
    pub path: String,
    /// `SOAPAction`.
    pub action: String,
    /// The envelope.
    pub body: Template,
    /// Fixed headers, lower case.
    pub headers: Vec<(String, Given)>,
    /// How replies are split into pages.
    pub page: Option<PagePlan>,
}

/// Paging by number, from 1.
#[derive(Clone, Debug)]
pub struct PagePlan {
    /// Rows a page.
    pub size: usize,
    /// Where a page says how many rows there are in all.
    pub total: Selector,
    /// Whether the rows read must come to that total.
    pub check_total: bool,
}
