//! The typed `[transport]` of each kind.

mod drop;
mod files;
mod http;
mod sql;

pub use drop::*;
pub use files::*;
pub use http::*;
pub use sql::*;

use super::model::Mode;
use crate::selector::Format;

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

    /// Its word in a manifest.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Soap(_) => "soap",
            Self::Files(_) => "file_exchange",
            Self::Sql(_) => "sql",
            Self::Drop(_) => "drop",
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

/// A text of the manifest, or a secret that the site gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Written here.
    Literal(String),
    /// `secret:NAME`.
    Secret(String),
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
