//! What is asked, of whom, and how the asking ended.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hedui_base::{AskId, Authorised, Month, Outcome, PersonKey, ResidentId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::registry::Source;
use crate::reply::{RawReply, Refused};
use crate::site::{InstitutionSite, Site};

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
    /// The server refused our credentials.
    Login,
    /// The body could not be written.
    Template,
    /// More subjects than the manifest allows a call, or none.
    Batch,
    /// Pages without end, or a view that cannot be read.
    Protocol,
    /// A subject whose letter is for another source.
    NotAuthorised,
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
            Self::Login => "login",
            Self::Template => "template",
            Self::Batch => "batch",
            Self::Protocol => "protocol",
            Self::NotAuthorised => "not_authorised",
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
}

impl Failure {
    /// A failure of transport or protocol.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        let retry = match cause {
            Cause::Connect | Cause::Timeout | Cause::Protocol => true,
            Cause::Status(status) => status == 429 || status >= 500,
            _ => false,
        };
        Self { outcome: Outcome::Failed, retry, cause }
    }
}

/// A request file that was accepted: stored by the ledger until its reply is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// What names the pair of files: `20260630_6f1c2a9b04de`.
    pub reference: String,
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

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What asking needs besides the question: the site, a client, a clock, and the limits shared by all tasks.
#[derive(Clone)]
pub struct Context {
    pub(crate) site: Arc<Site>,
    pub(crate) http: reqwest::Client,
    clock: Clock,
    gates: Arc<Mutex<HashMap<String, Arc<Gate>>>>,
}

/// One source's limits.
pub(crate) struct Gate {
    pub(crate) rate: Option<DefaultDirectRateLimiter>,
    pub(crate) seats: Semaphore,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// The HTTP client could not be built (no TLS roots, no sockets).
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built: {0}")]
pub struct ClientError(reqwest::Error);

impl Context {
    /// A context with the machine's clock.
    ///
    /// # Errors
    /// [`ClientError`] if no HTTP client can be built here.
    pub fn new(site: Site) -> Result<Self, ClientError> {
        // No redirects and no proxy from the environment: a question goes where the site says and nowhere else.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(16)
            .build()
            .map_err(ClientError)?;
        Ok(Self { site: Arc::new(site), http, clock: Arc::new(Timestamp::now), gates: Arc::default() })
    }

    /// The same with another clock, for tests and replays.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn institution(&self, source: &Source) -> Result<&InstitutionSite, Failure> {
        self.site.of(&source.institution, source.id.as_str()).ok_or(Failure::new(Cause::NoEndpoint))
    }

    pub(crate) fn gate(&self, source: &Source) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let gate = gates.entry(source.id.as_str().to_owned()).or_insert_with(|| {
            let limits = &source.manifest.limits;
            let here = self.site.of(&source.institution, source.id.as_str()).and_then(|i| i.rate);
            let rate = here.or(limits.rate).and_then(NonZeroU32::new);
            Arc::new(Gate {
                rate: rate.map(|r| RateLimiter::direct(Quota::per_second(r))),
                seats: Semaphore::new(limits.concurrency.max(1)),
            })
        });
        Arc::clone(gate)
    }
}

impl Gate {
    /// Waits for a seat and for the rate.
    pub(crate) async fn enter(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let seat = self.seats.acquire().await.ok();
        if let Some(rate) = &self.rate {
            rate.until_ready().await;
        }
        seat
    }
}
