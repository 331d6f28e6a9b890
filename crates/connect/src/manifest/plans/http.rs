//! The plans of `http` and `soap`.

use super::{CipherPlan, Encoding, Given, Signer};
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
    /// What of it is encrypted.
    pub cipher: Option<CipherPlan>,
    /// Encoding of requests, and of replies whose headers name none.
    pub encoding: Encoding,
    /// How replies are split into pages.
    pub page: Option<PagePlan>,
    /// The body.
    pub body: Template,
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
    /// How it is signed.
    pub signer: Option<Signer>,
    /// Encoding of requests, and of replies whose headers name none.
    pub encoding: Encoding,
    /// How replies are split into pages.
    pub page: Option<PagePlan>,
}

/// How a reply is split into pages.
#[derive(Clone, Debug)]
pub struct PagePlan {
    /// What a request says about the page it wants.
    pub style: PageStyle,
    /// Items a page.
    pub size: usize,
    /// Where a page says how many items there are in all; always there unless paging is by cursor.
    pub total: Option<Selector>,
    /// Whether the items read must come to that total.
    pub check_total: bool,
}

/// How the next page is named.
#[derive(Clone, Debug)]
pub enum PageStyle {
    /// `page_no`, from 1.
    Number,
    /// `page_offset`, from 0, in steps of the size.
    Offset,
    /// `page_cursor`: what the page before said here; an empty or absent one ends the reply.
    Cursor(Selector),
}
