//! The typed `[transport]` of each kind.

use crate::selector::{Format, Selector};
use crate::template::Template;

use super::model::Mode;

/// `[transport]`.
#[derive(Clone, Debug)]
pub enum Transport {
    /// `http`.
    Http(HttpPlan),
    /// `soap`.
    Soap(SoapPlan),
    /// `file_exchange`.
    Files(Box<FilePlan>),
    /// `sql`.
    Sql(SqlPlan),
    /// `drop`.
    Drop(DropPlan),
}

impl Transport {
    /// What rows of a reply are made of.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self {
            Self::Http(_) => Format::Json,
            Self::Soap(_) => Format::Xml,
            Self::Files(_) | Self::Sql(_) | Self::Drop(_) => Format::Cells,
        }
    }

    /// How the source answers.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self {
            Self::Http(_) | Self::Soap(_) | Self::Sql(_) => Mode::Live,
            Self::Files(_) => Mode::Exchange,
            Self::Drop(_) => Mode::Drop,
        }
    }
}

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

/// A text of the manifest, or a secret that the site gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Written here.
    Literal(String),
    /// `secret:NAME`.
    Secret(String),
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

/// Text encodings of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// GBK (decoded as its superset GB18030).
    Gbk,
    /// GB18030.
    Gb18030,
    /// UTF-8.
    Utf8,
}

/// Request and reply files over SFTP.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// User.
    pub user: Given,
    /// Password.
    pub password: Given,
    /// What we put.
    pub put: PutPlan,
    /// What we get.
    pub get: GetPlan,
    /// The column that repeats the number of the request's row.
    pub match_column: String,
}

/// The request file.
#[derive(Clone, Debug)]
pub struct PutPlan {
    /// Folder on the server.
    pub dir: String,
    /// Name with `{date}` (yyyymmdd) and `{batch}`.
    pub name: String,
    /// Encoding.
    pub encoding: Encoding,
    /// Delimiter.
    pub delimiter: u8,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Column names with what they hold.
    pub columns: Vec<(String, PutColumn)>,
    /// Suffix while writing.
    pub temp: String,
    /// Suffix of the empty file that says "complete".
    pub marker: String,
}

/// What a column of the request file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutColumn {
    /// Number of the row, from 1.
    Seq,
    /// Name.
    Name,
    /// Identity number.
    IdNumber,
}

/// The reply file.
#[derive(Clone, Debug)]
pub struct GetPlan {
    /// Folder on the server.
    pub dir: String,
    /// Name with the request's `{date}` and `{batch}`.
    pub name: String,
    /// Suffix of the empty file that says "complete".
    pub marker: String,
    /// Encoding.
    pub encoding: Encoding,
    /// Delimiter.
    pub delimiter: u8,
    /// The last line, with `{count}` and `{sum}`.
    pub trailer: Option<String>,
}

/// A read-only view.
#[derive(Clone, Debug)]
pub struct SqlPlan {
    /// One SELECT with `:id_number[]` where the numbers go.
    pub query: String,
    /// Counts the view.
    pub health: Option<String>,
    /// Rows the view must hold for an empty result to mean anything.
    pub health_min: u64,
}

/// Monthly workbooks in a folder.
#[derive(Clone, Debug)]
pub struct DropPlan {
    /// Name with `{yyyymm}`.
    pub file: String,
    /// A column name by which the header row is found.
    pub header: String,
    /// The closing row.
    pub trailer: Option<DropTrailer>,
}

/// The closing row of a sheet.
#[derive(Clone, Debug)]
pub struct DropTrailer {
    /// Text of its cell in the header's column.
    pub find: String,
    /// Column that holds the count of rows (its digits).
    pub count: String,
    /// Column that holds the sum.
    pub sum: String,
}
