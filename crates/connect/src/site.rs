//! `site.toml`: endpoints, secrets and limits of this place, laid over manifests that are the same everywhere.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};
use jiff::civil::Date;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::ask::{Cause, Failure};
use crate::host::{self, TlsUse};
use crate::manifest::Given;
use crate::manifest::block::Block;
use crate::manifest::tree::{self, Place, Value};

mod limits;

pub use limits::{Daily, LimitsHere};

/// Endpoints and secrets by institution folder.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// By folder name, such as `police`.
    pub institutions: BTreeMap<String, InstitutionSite>,
}

/// What a site says about one institution.
#[derive(Clone, Debug, Default)]
pub struct InstitutionSite {
    /// `http://…`, `sftp://host:port`, `ftps://host:port`, `sqlite:FILE` or `dir:FOLDER`.
    /// Or a database: `postgres://host:port/db` or `mysql://host:port/db`.
    pub endpoint: String,
    /// Pinned host key of an SFTP server, `SHA256:…`; or the SHA-256 of an FTPS server's certificate.
    pub host_key: Option<String>,
    /// Limits here, instead of the manifest's.
    pub limits: LimitsHere,
    /// How a connection to a database is encrypted; none means [`TlsUse::Require`].
    pub encrypted: Option<TlsUse>,
    /// Rows a view must hold here, instead of the manifest's.
    pub health_min: Option<u64>,
    /// Certificates of our own and of authorities that only this institution uses.
    pub tls: Tls,
    /// Day on which what we were given to prove ourselves ends, as the operator knows it.
    pub credential_until: Option<Date>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// What differs for single sources, by source id, laid over the rest: an institution may answer one source over HTTP
    /// and drop files for another. Empty in an entry.
    pub sources: BTreeMap<String, InstitutionSite>,
}

/// Certificates for one institution, as PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Authorities trusted besides the system's.
    pub ca: Option<String>,
    /// Our certificate with its chain, then its private key.
    pub identity: Option<Secret>,
}

impl Tls {
    pub(crate) const fn is_empty(&self) -> bool {
        self.ca.is_none() && self.identity.is_none()
    }
}

/// A secret that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the request alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A given text, from the manifest or the site's secrets.
pub(crate) fn given<'a>(given: &'a Given, site: &'a InstitutionSite) -> Result<&'a str, Failure> {
    match given {
        Given::Literal(text) => Ok(text),
        Given::Secret(name) => site.secrets.get(name).map(Secret::reveal).ok_or(Failure::new(Cause::MissingSecret)),
    }
}

impl Site {
    /// What holds for a source: its own entry, or its institution's; none if the site does not know the institution.
    #[must_use]
    pub fn of(&self, institution: &str, source: &str) -> Option<&InstitutionSite> {
        let site = self.institutions.get(institution)?;
        Some(site.sources.get(source).unwrap_or(site))
    }

    /// Reads a site file. Secrets given by environment or file are fetched here, once.
    ///
    /// # Errors
    /// Every mistake in it, with its place.
    pub fn parse(file: &Arc<SourceText>) -> Result<Self, Vec<Diagnostic>> {
        let (table, diagnostics) = tree::read(file);
        let out = RefCell::new(diagnostics);
        let mut institutions = BTreeMap::new();
        for (name, place, node) in &table.entries {
            let Value::Table(table) = &node.value else {
                out.borrow_mut().push(place.error(
                    "site::wrong_type",
                    format!("`{name}` must be a table"),
                    "write [institution] and its endpoint",
                ));
                continue;
            };
            let block = Block::new(name.clone(), table, place.clone(), &out);
            let mut institution = read_institution(&block, None);
            institution.sources = read_sources(&block, &institution);
            institutions.insert(name.clone(), institution);
            block.finish(&[]);
        }
        let diagnostics = out.into_inner();
        if diagnostics.is_empty() { Ok(Self { institutions }) } else { Err(diagnostics) }
    }

    /// Reads a site file from disk.
    ///
    /// # Errors
    /// Every mistake in it, or that it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let name = path.file_name().map_or_else(|| "site.toml".to_owned(), |n| n.to_string_lossy().into_owned());
        let text = std::fs::read_to_string(path)
            .map_err(|e| vec![Diagnostic::error("site::unreadable", format!("cannot read {name}: {e}"))])?;
        Self::parse(&SourceText::new(name, text))
    }
}

/// `[police.sources."police.photos"]`: what differs for single sources, on top of what the institution has.
fn read_sources(block: &Block<'_>, institution: &InstitutionSite) -> BTreeMap<String, InstitutionSite> {
    let mut sources = BTreeMap::new();
    let Some(node) = block.node("sources") else { return sources };
    let Value::Table(table) = &node.value else {
        let help = "a table of tables, by source id";
        block.report(node.place.error("site::wrong_type", "`sources` must be a table", "here").help(help));
        return sources;
    };
    for (id, place, node) in &table.entries {
        let Value::Table(table) = &node.value else {
            block.report(place.error("site::wrong_type", format!("`{id}` must be a table"), "here"));
            continue;
        };
        let inner = Block::new(format!("{}.sources.{id}", block.name()), table, place.clone(), block.out());
        sources.insert(id.clone(), read_institution(&inner, Some(institution)));
        inner.finish(&[]);
    }
    sources
}

/// One institution, or one source of it on top of what the institution has.
fn read_institution(block: &Block<'_>, base: Option<&InstitutionSite>) -> InstitutionSite {
    let help = "http://HOST:PORT, sftp://HOST:PORT, ftps://HOST:PORT, dir:FOLDER, sqlite:FILE, postgres://HOST:PORT/DB or mysql://HOST:PORT/DB";
    let given = match base {
        None => Some(block.need_text("endpoint", help)),
        Some(_) => block.text_at("endpoint"),
    };
    let known = ["http://", "https://", "sftp://", "ftps://", "sqlite:", "postgres://", "mysql://", "dir:"];
    if let Some((endpoint, place)) = given {
        host::check(block, endpoint, place);
    }
    if let Some((endpoint, place)) = given
        && !endpoint.is_empty()
        && !known.iter().any(|k| endpoint.starts_with(k))
    {
        block.report(place.error("site::bad_endpoint", "this is not an endpoint", "unknown kind").help(help));
    }
    let endpoint = given.map(|(text, _)| text.trim_end_matches('/').to_owned());
    let tls = read_tls(block);
    let credential_until = block.text_at("credential_until").and_then(|(text, place)| {
        let day = text.parse().ok();
        if day.is_none() {
            let report = place.error("site::bad_date", format!("`{text}` is not a day"), "here");
            block.report(report.help("such as credential_until = \"2027-01-31\""));
        }
        day
    });
    let mut secrets = base.map_or_else(BTreeMap::new, |base| base.secrets.clone());
    if let Some(node) = block.node("secrets") {
        match &node.value {
            Value::Table(table) => {
                for (name, place, node) in &table.entries {
                    match secret(block, place, &node.value) {
                        Ok(secret) => {
                            secrets.insert(name.clone(), secret);
                        }
                        Err(diagnostic) => block.report(*diagnostic),
                    }
                }
            }
            other => block.report(node.place.error(
                "site::wrong_type",
                format!("`secrets` must be a table, not {}", other.kind()),
                "a table",
            )),
        }
    }
    InstitutionSite {
        endpoint: endpoint.or_else(|| base.map(|b| b.endpoint.clone())).unwrap_or_default(),
        host_key: block.text("host_key").map(str::to_owned).or_else(|| base?.host_key.clone()),
        limits: LimitsHere::read(block, base.map(|b| &b.limits)),
        encrypted: block.word("tls", &TlsUse::WORDS).or_else(|| base?.encrypted),
        health_min: block.number("health_min").or_else(|| base?.health_min),
        tls: if tls.is_empty() { base.map(|b| b.tls.clone()).unwrap_or_default() } else { tls },
        credential_until: credential_until.or_else(|| base?.credential_until),
        secrets,
        sources: BTreeMap::new(),
    }
}

fn read_tls(block: &Block<'_>) -> Tls {
    let pem = |key: &'static str, what: &str| {
        let (name, place) = block.text_at(key)?;
        let text = match std::fs::read_to_string(name) {
            Ok(text) => text,
            Err(e) => {
                block.report(place.error("site::missing_file", format!("cannot read {key}: {e}"), "needed here"));
                return None;
            }
        };
        let good = match key {
            "client_key" => PrivateKeyDer::from_pem_slice(text.as_bytes()).is_ok(),
            _ => {
                let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
                found.is_ok_and(|certificates| !certificates.is_empty())
            }
        };
        if !good {
            let report = place.error("site::bad_certificate", format!("{key} does not hold {what}"), "this file");
            block.report(report.help("a PEM file: -----BEGIN … -----"));
            return None;
        }
        Some(text)
    };
    let ca = pem("ca", "a certificate");
    let certificate = pem("client_cert", "a certificate");
    let key = pem("client_key", "a private key");
    let given = |key| block.node(key).is_some();
    if given("client_cert") != given("client_key") {
        let report =
            block.place().error("site::half_identity", "client_cert and client_key go together", "one is missing");
        block.report(report.help("give both, or neither"));
    }
    let identity = certificate.zip(key).map(|(certificate, key)| Secret(format!("{certificate}\n{key}")));
    Tls { ca, identity }
}

fn secret(block: &Block<'_>, place: &Place, value: &Value) -> Result<Secret, Box<Diagnostic>> {
    let help = "a text, { env = \"NAME\" } or { file = \"path\" }";
    let table = match value {
        Value::Text(text) => return Ok(Secret(text.clone())),
        Value::Table(table) => table,
        _ => return Err(Box::new(place.error("site::bad_secret", "this is not a secret", "here").help(help))),
    };
    let inner = Block::new(format!("{}.secrets", block.name()), table, place.clone(), block.out());
    let (value, env, file) = (inner.text("value"), inner.text("env"), inner.text("file"));
    inner.finish(&[]);
    match (value, env, file) {
        (Some(value), None, None) => Ok(Secret(value.to_owned())),
        (None, Some(name), None) => std::env::var(name).map(Secret).map_err(|_| {
            Box::new(place.error("site::missing_env", format!("environment variable {name} is not set"), "needed here"))
        }),
        (None, None, Some(path)) => {
            std::fs::read_to_string(path).map(|t| Secret(t.trim_end().to_owned())).map_err(|e| {
                Box::new(place.error(
                    "site::missing_file",
                    format!("cannot read the secret's file: {e}"),
                    "needed here",
                ))
            })
        }
        _ => Err(Box::new(place.error("site::bad_secret", "one of value, env, file is needed", "here").help(help))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_site_is_read_and_its_secrets_stay_hidden() {
        let text = "[police]\nendpoint = \"http://127.0.0.1:1/\"\nsecrets = { gw_app = \"demo\", gw_key = { value = \"s3cret\" } }\n";
        let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
        assert_eq!(site.institutions["police"].endpoint, "http://127.0.0.1:1");
        assert_eq!(site.institutions["police"].secrets["gw_key"].reveal(), "s3cret");
        assert!(!format!("{site:?}").contains("s3cret"));
    }

    #[test]
    fn a_source_may_lie_elsewhere_than_its_institution() {
        let text = "[court]\nendpoint = \"http://h:1\"\nrate = 5\nsecrets = { a = \"1\", b = \"2\" }\n[court.sources.\"court.files\"]\nendpoint = \"dir:/x\"\nsecrets = { b = \"3\" }\n";
        let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
        let (files, other) = (site.of("court", "court.files").unwrap(), site.of("court", "court.cases").unwrap());
        assert_eq!((files.endpoint.as_str(), files.limits.rate), ("dir:/x", Some(5)));
        assert_eq!((files.secrets["a"].reveal(), files.secrets["b"].reveal()), ("1", "3"));
        assert_eq!((other.endpoint.as_str(), other.secrets["b"].reveal()), ("http://h:1", "2"));
        assert!(site.of("tax", "tax.income").is_none());
        let bad = "[court]\nendpoint = \"http://h:1\"\n[court.sources.x]\nendpoint = \"ftp://h\"\nendpont = \"\"\n";
        assert_eq!(Site::parse(&SourceText::new("site.toml", bad)).unwrap_err().len(), 2);
    }

    #[test]
    fn a_site_has_its_own_limits_and_a_source_may_differ() {
        let text = "[tax]\nendpoint = \"http://h:1\"\ndaily = \"unlimited\"\nmaintenance = []\nbreaker = { of = 4 }\n\
                    [tax.sources.\"tax.income\"]\ndaily = 500\nmaintenance = [\"22:00-06:00\"]\n";
        let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
        let (one, other) = (&site.of("tax", "tax.income").unwrap().limits, &site.of("tax", "tax.x").unwrap().limits);
        assert_eq!((one.daily, other.daily), (Some(Daily::People(500)), Some(Daily::Unlimited)));
        assert_eq!((one.maintenance.as_ref().unwrap().len(), other.maintenance.as_deref()), (1, Some(&[][..])));
        assert_eq!((one.breaker.unwrap().of, one.breaker), (4, other.breaker));
        assert_eq!(one.rate, None);
        let bad = "[tax]\nendpoint = \"http://h:1\"\ndaily = 0\nmaintenance = [\"late\"]\nbreaker = { of = 0 }\n\
                   [cable]\nendpoint = \"dir:/x\"\ndaily = \"all\"\n[gas]\nendpoint = \"dir:/x\"\ndaily = true\n";
        let mistakes = Site::parse(&SourceText::new("site.toml", bad)).unwrap_err();
        let codes: Vec<_> = mistakes.iter().map(|d| d.code).collect();
        let daily = "site::bad_daily";
        assert_eq!(codes, [daily, "connect::bad_breaker", "connect::bad_window", daily, "connect::wrong_type"]);
    }

    #[test]
    fn certificates_are_read_when_the_site_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (file("c.pem", &cert.pem()), file("k.pem", &signing_key.serialize_pem()));
        let text = format!(
            "[a]\nendpoint = \"https://x\"\nca = {certificate:?}\nclient_cert = {certificate:?}\nclient_key = {key:?}\ncredential_until = 2027-01-31\n\
             [b]\nendpoint = \"https://x\"\n[b.sources.\"b.one\"]\nca = {certificate:?}\n"
        );
        let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
        let a = &site.institutions["a"];
        assert!(a.tls.ca.is_some() && a.tls.identity.is_some() && !format!("{site:?}").contains("PRIVATE"));
        assert_eq!(a.credential_until, Some("2027-01-31".parse().unwrap()));
        assert!(site.institutions["b"].tls.is_empty() && !site.institutions["b"].sources["b.one"].tls.is_empty());

        let empty = file("e.pem", "nothing of the kind");
        let text = format!(
            "[a]\nendpoint = \"https://x\"\nca = {key:?}\nclient_cert = \"/no/such/file\"\nclient_key = {empty:?}\n\
             [b]\nendpoint = \"https://x\"\nclient_key = {key:?}\ncredential_until = \"soon\"\n"
        );
        let mistakes = Site::parse(&SourceText::new("site.toml", text)).unwrap_err();
        let codes: Vec<_> = mistakes.iter().map(|d| d.code).collect();
        let bad = "site::bad_certificate";
        assert_eq!(codes, [bad, "site::missing_file", bad, "site::half_identity", "site::bad_date"]);
    }

    #[test]
    fn every_mistake_of_a_site_is_listed() {
        let text = "[police]\nendpont = \"http://x\"\n[bank]\nendpoint = \"ftp://x\"\n[bank.secrets]\na = { env = \"HEDUI_TEST_NO_SUCH_VARIABLE\" }\nb = 3\n";
        let mistakes = Site::parse(&SourceText::new("site.toml", text)).unwrap_err();
        let codes: Vec<_> = mistakes.iter().map(|d| d.code).collect();
        assert_eq!(mistakes.len(), 5, "{codes:?}");
    }
}
