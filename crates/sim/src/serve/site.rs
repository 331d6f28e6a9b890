//! `site.toml`: where institutions are found. Blocks of institutions served elsewhere stay as they are.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use hedui_connect::Source;
use hedui_connect::manifest::BreakerPlan;

use super::ServeError;

/// One institution's block.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// The endpoint of all sources that have none of their own.
    pub(super) place: Address,
    pub(super) secrets: BTreeMap<String, String>,
    /// Sources that are found elsewhere.
    pub(super) sources: BTreeMap<String, Address>,
    /// Limits of the manifests that do not hold for invented institutions.
    pub(super) relaxed: toml::Table,
}

/// What a site says so that institutions answer at any hour, as many people as a city has, and again as soon as an outage
/// has healed: whether a demonstration or a test passes must not depend on the clock on the wall.
pub(super) fn relaxed(sources: &[Arc<Source>], rate: Option<NonZeroU32>) -> toml::Table {
    let any = |of: fn(&hedui_connect::manifest::Limits) -> bool| sources.iter().any(|s| of(&s.manifest.limits));
    let mut table = toml::Table::new();
    if let Some(rate) = rate {
        table.insert("rate".to_owned(), i64::from(rate.get()).into());
    }
    if any(|limits| limits.daily.is_some()) {
        table.insert("daily".to_owned(), "unlimited".into());
    }
    if any(|limits| !limits.maintenance.is_empty()) {
        table.insert("maintenance".to_owned(), toml::Value::Array(Vec::new()));
    }
    if any(|limits| limits.breaker != BreakerPlan::default()) {
        // An empty table is what holds where a manifest says nothing.
        table.insert("breaker".to_owned(), toml::Value::Table(toml::Table::new()));
    }
    table
}

/// Where something is found, and how its server proves itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) endpoint: String,
    pub(super) host_key: Option<String>,
    /// File with the authority that signed the server's certificate.
    pub(super) ca: Option<String>,
    /// Whether a database is reached encrypted; none leaves it at what is usual.
    pub(super) tls: Option<&'static str>,
}

impl Address {
    fn table(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("endpoint".to_owned(), self.endpoint.clone().into());
        if let Some(host_key) = &self.host_key {
            table.insert("host_key".to_owned(), host_key.clone().into());
        }
        if let Some(ca) = &self.ca {
            table.insert("ca".to_owned(), ca.clone().into());
        }
        if let Some(tls) = self.tls {
            table.insert("tls".to_owned(), tls.into());
        }
        table
    }
}

/// Puts blocks into `dir/site.toml` and returns its text. Another process may do the same for other institutions.
pub(super) fn merge(dir: &Path, blocks: &BTreeMap<String, Block>) -> Result<String, ServeError> {
    let path = dir.join("site.toml");
    let failed = |source| ServeError::Io { institution: "site".to_owned(), what: path.display().to_string(), source };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let mut site: toml::Table = text.parse().map_err(|source| ServeError::Site { path: path.clone(), source })?;
    for (institution, block) in blocks {
        let mut table = block.place.table();
        table.extend(block.relaxed.clone());
        if !block.secrets.is_empty() {
            let secrets = block.secrets.iter().map(|(k, v)| (k.clone(), v.clone().into()));
            table.insert("secrets".to_owned(), toml::Value::Table(secrets.collect()));
        }
        if !block.sources.is_empty() {
            let sources = block.sources.iter().map(|(id, place)| (id.clone(), toml::Value::Table(place.table())));
            table.insert("sources".to_owned(), toml::Value::Table(sources.collect()));
        }
        site.insert(institution.clone(), toml::Value::Table(table));
    }
    let text = site.to_string();
    // Written whole under another name first, so that a reader never sees half of it.
    let temporary = dir.join(".site.toml.part");
    std::fs::write(&temporary, &text).map_err(failed)?;
    std::fs::rename(&temporary, &path).map_err(failed)?;
    Ok(text)
}
