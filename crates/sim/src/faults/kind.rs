//! Kinds of faults and what each does on each kind of transport.

use std::fmt;
use std::str::FromStr;

use hedui_connect::manifest::{Mode, Transport, Via};
use hedui_connect::{Converter, Source};

use super::UnknownFault;

/// What goes wrong at an institution. [`FaultKind::does`] says what that is on each transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "`does` documents each kind on each transport")]
pub enum FaultKind {
    Down,
    Slow,
    Latency,
    Burst5xx,
    Throttle,
    Reset,
    SlowBody,
    Truncated,
    Duplicated,
    Reordered,
    WrongTrailer,
    SchemaDrift,
    CertificateExpired,
    WrongPerson,
    Late,
    ClockSkew,
    BadAmount,
    BadId,
    Garbled,
}

/// How a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// JSON over HTTP.
    Http,
    /// SOAP over HTTP.
    Soap,
    /// Searches of a registry (SPDCI) over HTTP.
    Dci,
    /// Files over SFTP.
    Sftp,
    /// Files over FTP with TLS.
    Ftps,
    /// Files in a folder that both sides see.
    Folder,
    /// A view in a database.
    Sql,
    /// Files dropped into a folder.
    Drop,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Http, Self::Soap, Self::Dci, Self::Sftp, Self::Ftps, Self::Folder, Self::Sql, Self::Drop];

    /// How a source is asked.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        match &source.manifest.transport {
            Transport::Http(_) => Self::Http,
            Transport::Soap(_) => Self::Soap,
            Transport::Dci(_) => Self::Dci,
            Transport::Files(plan) => match plan.via {
                Via::Sftp => Self::Sftp,
                Via::Ftps => Self::Ftps,
                Via::Dir => Self::Folder,
            },
            Transport::Sql(_) => Self::Sql,
            Transport::Drop(_) => Self::Drop,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Soap => "soap",
            Self::Dci => "dci",
            Self::Sftp => "sftp",
            Self::Ftps => "ftps",
            Self::Folder => "folder",
            Self::Sql => "sql",
            Self::Drop => "drop",
        }
    }

    /// Whether the institution sees every request; where it does not, no fault ends after so many of them.
    #[must_use]
    pub const fn is_watched(self) -> bool {
        !matches!(self, Self::Folder | Self::Sql | Self::Drop)
    }
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Down,
        Self::Slow,
        Self::Latency,
        Self::Burst5xx,
        Self::Throttle,
        Self::Reset,
        Self::SlowBody,
        Self::Truncated,
        Self::Duplicated,
        Self::Reordered,
        Self::WrongTrailer,
        Self::SchemaDrift,
        Self::CertificateExpired,
        Self::WrongPerson,
        Self::Late,
        Self::ClockSkew,
        Self::BadAmount,
        Self::BadId,
        Self::Garbled,
    ];

    /// Its word, as `--fault` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Latency => "latency",
            Self::Burst5xx => "burst_5xx",
            Self::Throttle => "throttle",
            Self::Reset => "reset",
            Self::SlowBody => "slow_body",
            Self::Truncated => "truncated",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::WrongTrailer => "wrong_trailer",
            Self::SchemaDrift => "schema_drift",
            Self::CertificateExpired => "certificate_expired",
            Self::WrongPerson => "wrong_person",
            Self::Late => "late",
            Self::ClockSkew => "clock_skew",
            Self::BadAmount => "bad_amount",
            Self::BadId => "bad_id",
            Self::Garbled => "garbled",
        }
    }

    /// What it does on a kind of transport; none where it does nothing.
    #[must_use]
    #[rustfmt::skip]
    pub const fn does(self, way: Way) -> Option<&'static str> {
        use FaultKind as K;
        use Way as W;
        Some(match (self, way) {
            (K::Down, W::Http | W::Soap | W::Dci | W::Sftp | W::Ftps) => "connections are closed as soon as they are made",
            (K::Down, W::Folder | W::Sql | W::Drop) => "the folder or database file is not there",
            (K::Slow, W::Http | W::Soap | W::Dci) => "every answer waits its time before it begins",
            (K::Slow, W::Sftp | W::Ftps) => "logging in and every reply file take so much longer",
            (K::Slow, W::Folder) => "every reply file takes so much longer",
            (K::Latency, W::Http | W::Soap | W::Dci) => "answers wait, mostly little and now and then long",
            (K::Latency, W::Sftp | W::Ftps | W::Folder) => "a reply file takes longer, mostly little and now and then long",
            (K::Burst5xx, W::Http | W::Soap | W::Dci) => "runs of requests in a row end with 502 or 503",
            (K::Throttle, W::Http | W::Soap | W::Dci) => "requests end with 429 and Retry-After",
            (K::Reset, W::Http | W::Soap | W::Dci) => "the connection breaks in the middle of a reply",
            (K::Reset, W::Sftp) => "reading a file breaks off",
            (K::Reset, W::Ftps) => "a session breaks off soon after it began",
            (K::SlowBody, W::Http | W::Soap | W::Dci) => "a reply comes in pieces with pauses between them",
            (K::SlowBody, W::Sftp) => "a file is read with pauses",
            (K::SlowBody, W::Ftps) => "a session begins with a pause",
            (K::Truncated, W::Http | W::Soap | W::Dci | W::Sftp | W::Ftps | W::Folder) => "the last third of the reply is missing",
            (K::Truncated, W::Sql) => "the view is there and empty",
            (K::Truncated, W::Drop) => "the closing row, or the last third of the file, is missing",
            (K::Duplicated, _) => "every row comes twice, and counts count both",
            (K::Reordered, _) => "rows come in another order",
            (K::WrongTrailer, W::Http | W::Soap | W::Dci) => "announced counts and totals are one too high, where there are any",
            (K::WrongTrailer, W::Sftp | W::Ftps | W::Folder | W::Drop) => "the closing line counts one row too many, where there is one",
            (K::SchemaDrift, W::Http | W::Soap | W::Dci | W::Sftp | W::Ftps | W::Folder | W::Drop) => "the first field that must be there has another name",
            (K::SchemaDrift, W::Sql) => "the first mapped column has another name",
            (K::CertificateExpired, W::Http | W::Soap | W::Dci) => "it is served over TLS, and the certificate has expired",
            (K::CertificateExpired, W::Ftps) => "the certificate has expired",
            (K::WrongPerson, W::Http | W::Soap | W::Dci | W::Sftp | W::Ftps | W::Folder) => "some answers are about a stranger, or a stranger is added",
            (K::Late, W::Sftp | W::Ftps | W::Folder) => "so many looks find nothing before the reply is there",
            (K::Late, W::Dci) => "where it answers later, so many looks find nothing",
            (K::ClockSkew, W::Http | W::Soap | W::Dci) => "the Date header is half an hour behind",
            (K::ClockSkew, W::Sftp | W::Ftps | W::Folder) => "files carry times half an hour ahead",
            (K::BadAmount, _) => "some amounts are written like 1.2万元 (约1.2万元 where units are taken), where there are any",
            (K::BadId, W::Http | W::Soap | W::Dci | W::Sftp | W::Ftps | W::Folder) => "some numbers went through a spreadsheet: 4.40524E+17",
            (K::Garbled, W::Http | W::Soap | W::Dci | W::Sftp | W::Ftps | W::Folder) => "bytes in the middle are no text in any encoding",
            (K::Garbled, W::Sql) => "a text of the view holds bytes that are no text",
            (K::Garbled, W::Drop) => "bytes in the middle of the file are damaged",
            // A view and a drop are asked by number or account: a row about somebody else is simply not returned, which
            // no reader could tell from no record. Nothing waits at a file, and nothing answers with a status there.
            (K::WrongPerson | K::BadId | K::Slow | K::Latency | K::ClockSkew, W::Sql | W::Drop) => return None,
            // No connection can break where there is none, and a file on a disk is read as fast as it goes.
            (K::Reset | K::SlowBody, W::Folder | W::Sql | W::Drop) => return None,
            (K::Burst5xx | K::Throttle, W::Sftp | W::Ftps | W::Folder | W::Sql | W::Drop) => return None,
            (K::WrongTrailer, W::Sql) => return None,
            // SFTP knows a machine by its key, which does not expire.
            (K::CertificateExpired, W::Sftp | W::Folder | W::Sql | W::Drop) => return None,
            (K::Late, W::Http | W::Soap | W::Sql | W::Drop) => return None,
        })
    }

    /// Whether it can strike at a source: it does something on its transport, and what it spoils is there to be spoilt.
    #[must_use]
    pub fn reaches(self, source: &Source) -> bool {
        let way = Way::of(source);
        let there = match (self, way) {
            (Self::BadAmount, _) => {
                source.manifest.map.fields.iter().any(|f| matches!(f.converter, Converter::Fen { .. }))
            }
            (Self::Late, Way::Dci) => source.mode == Mode::Exchange,
            _ => true,
        };
        there && self.does(way).is_some()
    }

    /// How much it is where nothing else is said: see [`Fault::intensity`](super::Fault::intensity).
    #[must_use]
    pub const fn usual(self) -> u32 {
        match self {
            Self::Down | Self::Truncated | Self::Duplicated | Self::Reordered | Self::WrongTrailer => 1000,
            Self::SchemaDrift | Self::CertificateExpired | Self::ClockSkew | Self::Garbled => 1000,
            Self::Slow => 2000,
            Self::Latency | Self::SlowBody => 40,
            Self::Burst5xx | Self::Throttle | Self::Reset => 300,
            Self::WrongPerson | Self::BadAmount | Self::BadId => 100,
            Self::Late => 5,
        }
    }

    /// Whether, while it lasts, what it hits can have no answer at all, or a wrong one unless it is noticed. The others
    /// only make answers later or rearrange them.
    #[must_use]
    pub const fn spoils(self) -> bool {
        !matches!(
            self,
            Self::Slow
                | Self::Latency
                | Self::SlowBody
                | Self::Duplicated
                | Self::Reordered
                | Self::ClockSkew
                | Self::Late
        )
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FaultKind {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownFault(text.to_owned()))
    }
}
