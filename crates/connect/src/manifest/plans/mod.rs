//! The typed `[transport]` of each kind.

mod cipher;
mod dci;
mod drop;
mod files;
mod http;
mod signer;
mod sql;

pub use cipher::*;
pub use dci::*;
pub use drop::*;
pub use files::*;
pub use http::*;
pub use signer::*;
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
    /// `dci`.
    Dci(DciPlan),
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
            Self::Http(_) | Self::Dci(_) => Format::Json,
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
            Self::Dci(_) => "dci",
            Self::Files(_) => "file_exchange",
            Self::Sql(_) => "sql",
            Self::Drop(_) => "drop",
        }
    }

    /// How replies are split into pages, if they are.
    #[must_use]
    pub const fn page(&self) -> Option<&PagePlan> {
        match self {
            Self::Http(plan) => plan.page.as_ref(),
            Self::Soap(plan) => plan.page.as_ref(),
            _ => None,
        }
    }

    /// How requests are signed, if they are.
    #[must_use]
    pub const fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Http(plan) => plan.signer.as_ref(),
            Self::Soap(plan) => plan.signer.as_ref(),
            Self::Dci(plan) => plan.signer.as_ref(),
            _ => None,
        }
    }

    /// How the source answers.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self {
            Self::Http(_) | Self::Soap(_) | Self::Sql(_) => Mode::Live,
            Self::Dci(plan) => match plan.mode {
                DciMode::Sync => Mode::Live,
                DciMode::Async => Mode::Exchange,
            },
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
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
}
