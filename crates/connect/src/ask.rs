//! What is asked, of whom, and how the asking ended.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hedui_base::{AskId, Authorised, Month, Outcome, PersonKey, ResidentId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
pub(crate) use crate::gate::Gate;
use crate::gate::{Gates, Lane};
use crate::registry::{Source, embedded_calendar};
use crate::reply::{RawReply, Refused};
use crate::site::{InstitutionSite, Site, Tls};
use crate::transport::Seen;

/// Files without a marker that are remembered.
const MAX_LOOKS: usize = 10_000;

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

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What asking needs besides the question: the site, a client, a clock, and the limits shared by all tasks.
#[derive(Clone)]
pub struct Context {
    pub(crate) site: Arc<Site>,
    http: reqwest::Client,
    /// Of institutions and of single sources with certificates of their own: a source's id holds a dot, a folder none.
    clients: Arc<HashMap<String, reqwest::Client>>,
    pub(crate) databases: crate::transport::Idle,
    clock: Clock,
    observed: Arc<Mutex<HashMap<String, Observed>>>,
    /// How files without a marker looked, and since when.
    looks: Arc<Mutex<HashMap<String, (Seen, Timestamp)>>>,
    gates: Arc<Gates>,
    calendar: Arc<Calendar>,
    lane: Lane,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// An HTTP client could not be built: no TLS roots, or a client certificate that its key does not fit.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client of {institution} cannot be built")]
pub struct ClientError {
    /// For whom; `every institution` for the one they share.
    institution: String,
    #[source]
    source: reqwest::Error,
}

impl Context {
    /// A context with the machine's clock.
    ///
    /// # Errors
    /// [`ClientError`] if no HTTP client can be built here.
    pub fn new(site: Site) -> Result<Self, ClientError> {
        let failed = |institution: &str| {
            let institution = institution.to_owned();
            |source| ClientError { institution, source }
        };
        let http = client(&Tls::default()).map_err(failed("every institution"))?;
        let mut clients = HashMap::new();
        for (name, institution) in &site.institutions {
            let whole = std::iter::once((name.clone(), institution));
            let single = institution.sources.iter().map(|(id, here)| (id.clone(), here));
            for (whose, here) in whole.chain(single).filter(|(_, here)| !here.tls.is_empty()) {
                clients.insert(whose, client(&here.tls).map_err(failed(name))?);
            }
        }
        Ok(Self {
            site: Arc::new(site),
            http,
            clients: Arc::new(clients),
            databases: crate::transport::Idle::default(),
            clock: Arc::new(Timestamp::now),
            gates: Arc::new(Gates::new()),
            observed: Arc::default(),
            looks: Arc::default(),
            calendar: embedded_calendar(),
            lane: Lane::Batch,
        })
    }

    /// What was last seen of an institution's server.
    #[must_use]
    pub fn observed(&self, institution: &str) -> Observed {
        let observed = self.observed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        observed.get(institution).copied().unwrap_or_default()
    }

    /// Keeps what a reply showed of its server; what it did not show stays as it was.
    pub(crate) fn observe(&self, institution: &str, seen: Observed) {
        let mut observed = self.observed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = observed.entry(institution.to_owned()).or_default();
        known.certificate_until = seen.certificate_until.or(known.certificate_until);
        known.clock_skew_ms = seen.clock_skew_ms.or(known.clock_skew_ms);
    }

    pub(crate) fn client(&self, source: &Source) -> &reqwest::Client {
        let of = |whose: &str| self.clients.get(whose);
        of(source.id.as_str()).or_else(|| of(&source.institution)).unwrap_or(&self.http)
    }

    /// The same with another clock, for tests and replays.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The same with a calendar of one's own instead of the built-in one.
    #[must_use]
    pub fn with_calendar(mut self, calendar: Arc<Calendar>) -> Self {
        self.calendar = calendar;
        self
    }

    /// The same under the limits that another context has used so far: after a site file was read again.
    #[must_use]
    pub fn under_the_limits_of(mut self, other: &Self) -> Self {
        self.gates = Arc::clone(&other.gates);
        self.observed = Arc::clone(&other.observed);
        self
    }

    /// The same in another lane: whoever waits at a counter passes before a batch.
    #[must_use]
    pub fn in_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// The working days of institutions.
    #[must_use]
    pub const fn calendar(&self) -> &Arc<Calendar> {
        &self.calendar
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Last day of the credential that a source is asked with, if the site says.
    #[must_use]
    pub fn credential_until(&self, source: &Source) -> Option<Date> {
        self.site.of(&source.institution, source.id.as_str())?.credential_until
    }

    pub(crate) fn institution(&self, source: &Source) -> Result<&InstitutionSite, Failure> {
        self.site.of(&source.institution, source.id.as_str()).ok_or(Failure::new(Cause::NoEndpoint))
    }

    /// Whether a file has looked like this for so long, over two looks at least. A file that changes starts anew.
    pub(crate) fn is_stable(&self, file: &str, seen: Seen, time: std::time::Duration) -> bool {
        let now = self.now();
        let mut looks = self.looks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match looks.get(file) {
            Some((before, since)) if *before == seen => {
                let age = std::time::Duration::try_from(now.duration_since(*since)).unwrap_or_default();
                age >= time
            }
            _ => {
                if looks.len() >= MAX_LOOKS {
                    // Forgetting costs a further look and nothing else.
                    looks.clear();
                }
                looks.insert(file.to_owned(), (seen, now));
                false
            }
        }
    }

    pub(crate) fn gate(&self, source: &Source) -> Gate {
        let limits = &source.manifest.limits;
        let here = self.site.of(&source.institution, source.id.as_str()).and_then(|i| i.rate);
        let rate = here.or(limits.rate);
        self.gates.gate(source.credential(), source.id.as_str(), rate, limits.concurrency, limits.reserve, self.lane)
    }
}

/// No redirects and no proxy from the environment: a question goes where the site says and nowhere else.
fn client(tls: &Tls) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_info(true)
        .pool_max_idle_per_host(16);
    if let Some(ca) = &tls.ca {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(ca.as_bytes())?);
    }
    if let Some(identity) = &tls.identity {
        builder = builder.identity(reqwest::Identity::from_pem(identity.reveal().as_bytes())?);
    }
    builder.build()
}
