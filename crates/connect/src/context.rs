//! What asking needs besides the question: the site, a client, a clock, and the limits shared by all tasks.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::ask::{Cause, Failure, Observed};
use crate::calendar::Calendar;
use crate::gate::{Gate, Gates, Lane};
use crate::registry::{Source, embedded_calendar};
use crate::site::{InstitutionSite, Site, Tls};
use crate::transport::{Idle, Seen};

/// Files without a marker that are remembered.
const MAX_LOOKS: usize = 10_000;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What asking needs besides the question: the site, a client, a clock, and the limits shared by all tasks.
#[derive(Clone)]
pub struct Context {
    pub(crate) site: Arc<Site>,
    http: reqwest::Client,
    /// Of institutions and of single sources with certificates of their own: a source's id holds a dot, a folder none.
    clients: Arc<HashMap<String, reqwest::Client>>,
    pub(crate) databases: Idle,
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
            databases: Idle::default(),
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

    /// Where the institutions are, as this context knows it.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
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
        let here = self.site.of(&source.institution, source.id.as_str()).and_then(|i| i.limits.rate);
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
