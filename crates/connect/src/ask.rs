//! What is asked, of whom, and how the asking ended.

use std::fmt;
use std::time::Duration;

use hedui_base::{AskId, Authorised, Month, Outcome, PersonKey, ResidentId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::manifest::{AskBlock, IdVariant};
use crate::reply::{RawReply, Refused};

/// Closed months asked for, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AskPeriod {
    /// First month.
    pub from: Month,
    /// Last month.
    pub until: Month,
}

impl AskPeriod {
    /// The months, in order.
    pub fn months(self) -> impl Iterator<Item = Month> {
        (self.from.index()..=self.until.index()).filter_map(Month::from_index)
    }

    /// The period cut into windows of so many months, in order; the last may be shorter.
    pub fn windows(self, months: u32) -> impl Iterator<Item = Self> {
        let months = i32::try_from(months.max(1)).unwrap_or(i32::MAX);
        let mut next = Some(self.from).filter(|from| *from <= self.until);
        std::iter::from_fn(move || {
            let from = next?;
            let until = from.plus(months.saturating_sub(1)).min(self.until);
            next = Some(until.plus(1)).filter(|from| *from <= self.until);
            Some(Self { from, until })
        })
    }
}

impl fmt::Display for AskPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.until)
    }
}

/// A person to ask about. Can only be made with an [`Authorised`] from a letter.
#[derive(Clone)]
pub struct Subject {
    /// Which ask.
    pub ask: AskId,
    /// By which letter.
    pub authorised: Authorised,
    /// Identity number.
    pub id: Option<ResidentId>,
    /// Name.
    pub name: Option<String>,
    /// Account at a utility.
    pub account: Option<String>,
    /// Address of that account.
    pub address: Option<String>,
}

impl Subject {
    /// What [`crate::parse`] needs to know of it.
    #[must_use]
    pub fn key(&self) -> SubjectKey {
        SubjectKey {
            ask: self.ask,
            person: self.authorised.person(),
            id: self.id.clone(),
            name: self.name.clone(),
            account: self.account.clone(),
            address: self.address.clone(),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject(ask {}, {})", self.ask.0, self.authorised.person())
    }
}

/// Whom an answer is matched to. Parsing a stored reply needs no letter: nothing is asked.
#[derive(Clone)]
pub struct SubjectKey {
    /// Which ask.
    pub ask: AskId,
    /// Whom it is about.
    pub person: PersonKey,
    /// Identity number.
    pub id: Option<ResidentId>,
    /// Name.
    pub name: Option<String>,
    /// Account at a utility.
    pub account: Option<String>,
    /// Address of that account.
    pub address: Option<String>,
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectKey(ask {}, {})", self.ask.0, self.person)
    }
}

/// The forms of the number that a subject is asked about by, a row each; one empty form for somebody asked about by name.
pub(crate) fn forms(ask: &AskBlock, id: Option<&ResidentId>) -> Vec<String> {
    let Some(id) = id else { return vec![String::new()] };
    if ask.variants.is_empty() {
        return vec![id.reveal().to_owned()];
    }
    ask.variants
        .iter()
        .filter_map(|variant| match variant {
            IdVariant::Id18 => Some(id.reveal().to_owned()),
            IdVariant::Id15 => id.old_form(),
        })
        .collect()
}

/// Why there is no reply. Stable codes, nothing personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The site has no endpoint for the institution.
    NoEndpoint,
    /// A secret the manifest names is not in the site.
    MissingSecret,
    /// No connection.
    Connect,
    /// No reply in time.
    Timeout,
    /// An HTTP status that is no answer.
    Status(u16),
    /// A reply larger than allowed.
    TooLarge,
    /// The server is not who it should be.
    HostKey,
    /// The server's certificate is not valid: expired, of an unknown authority, or for another name.
    Certificate,
    /// The server refused our credentials.
    Login,
    /// A secret is there, but not of the form the manifest needs.
    BadSecret,
    /// The body could not be written.
    Template,
    /// A reply that our key does not decrypt.
    Cipher,
    /// More subjects than the manifest allows a call, or none.
    Batch,
    /// Pages without end, or a view that cannot be read.
    Protocol,
    /// A subject whose letter is for another source.
    NotAuthorised,
    /// Under the name of our request lies another file.
    Conflict,
    /// A reply that our password or key does not open.
    Locked,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::NoEndpoint => "no_endpoint",
            Self::MissingSecret => "missing_secret",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Status(status) => return write!(f, "http_{status}"),
            Self::TooLarge => "too_large",
            Self::HostKey => "host_key",
            Self::Certificate => "certificate",
            Self::Login => "login",
            Self::BadSecret => "bad_secret",
            Self::Template => "template",
            Self::Cipher => "cipher",
            Self::Batch => "batch",
            Self::Protocol => "protocol",
            Self::NotAuthorised => "not_authorised",
            Self::Conflict => "conflict",
            Self::Locked => "locked",
        };
        f.write_str(word)
    }
}

/// A question that got no reply: every ask of it ends in `outcome`, never in `no_record`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// How the asks end.
    pub outcome: Outcome,
    /// Whether asking again later may help.
    pub retry: bool,
    /// Why.
    pub cause: Cause,
    /// How long the source asks us to wait before asking again; none if it did not say.
    pub after: Option<Duration>,
}

impl Failure {
    /// A failure of transport or protocol.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        let retry = match cause {
            Cause::Connect | Cause::Timeout | Cause::Protocol | Cause::Locked => true,
            Cause::Status(status) => status == 429 || status >= 500,
            _ => false,
        };
        Self { outcome: Outcome::Failed, retry, cause, after: None }
    }
}

/// A request that is answered later: stored by the ledger before it is handed in, and until its reply is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// What names request and reply: `20260630_6f1c2a9b04de`. Ours, so that handing it in twice is handing it in once.
    pub reference: String,
    /// Whether the institution is known to have it. If not, it may have it all the same.
    #[serde(default = "known")]
    pub handed_in: bool,
    /// Which row is which ask.
    pub sent: Vec<(u32, AskId)>,
    /// Subjects that were not sent; they are `unsendable` already.
    pub refused: Vec<Refused>,
    /// When.
    pub submitted: Timestamp,
    /// Day from which the answer is overdue.
    pub due: Option<Date>,
    /// Months asked for.
    pub period: Option<AskPeriod>,
}

/// Submissions were once stored only after they had been handed in.
const fn known() -> bool {
    true
}

/// How asking ended.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// With a reply, to be stored and then parsed.
    Replied(RawReply),
    /// Accepted; poll for the reply.
    Submitted(Submission),
    /// Without a reply.
    Failed(Failure),
}

/// How polling ended.
#[derive(Clone, Debug)]
pub enum Poll {
    /// The reply is complete.
    Ready(RawReply),
    /// Not there yet.
    Pending,
    /// The institution could not be reached; the submission stands.
    Failed(Failure),
}

/// What was seen of an institution's server while asking it, for the health board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// End of validity of its certificate; none if it was not reached over TLS.
    pub certificate_until: Option<Timestamp>,
    /// Its clock minus ours in milliseconds, by the `Date` header, which counts whole seconds; none if it sent none.
    pub clock_skew_ms: Option<i64>,
}
