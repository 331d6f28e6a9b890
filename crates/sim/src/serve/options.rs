use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use hedui_connect::Registry;

use super::ServeError;
use crate::faults::Faults;

/// Which institutions to serve, by the id of their folder under `connectors/institutions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// Only these.
    Only(BTreeSet<String>),
    /// All but these.
    Except(BTreeSet<String>),
}

impl Which {
    /// Whether an institution is meant.
    #[must_use]
    pub fn has(&self, institution: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(institution),
            Self::Except(names) => !names.contains(institution),
        }
    }
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Which institutions.
    pub which: Which,
    /// Folders that hold further institution folders, beside those built in; one of the same name replaces the built-in.
    pub connectors: Vec<PathBuf>,
    /// What goes wrong.
    pub faults: Faults,
    /// Seed of what goes wrong; none means the city's.
    pub fault_seed: Option<u64>,
    /// Which of them answer over TLS instead of plain HTTP, where they answer over HTTP at all; those with a planned
    /// `certificate_expired` do so in any case.
    pub tls: Which,
    /// How long an institution takes from a request file to its reply file.
    pub reply_delay: Duration,
    /// Whether views lie in the PostgreSQL and MariaDB that are installed, and not in SQLite files.
    pub databases: bool,
    /// Calls a second that every institution takes, whatever its manifest says; none leaves it at that.
    pub rate: Option<NonZeroU32>,
    /// Fixed ports by institution; a free one is taken for the others.
    pub ports: BTreeMap<String, u16>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            which: Which::All,
            connectors: Vec::new(),
            faults: Faults::default(),
            fault_seed: None,
            tls: Which::Only(BTreeSet::new()),
            reply_delay: Duration::from_millis(200),
            databases: false,
            rate: None,
            ports: BTreeMap::new(),
        }
    }
}

impl ServeOptions {
    /// The manifests of all institutions in reach.
    ///
    /// # Errors
    /// [`ServeError::Connectors`] with every mistake in them; [`ServeError::Io`] for a folder that cannot be read.
    pub fn registry(&self) -> Result<Registry, ServeError> {
        let mut folders = Registry::embedded_folders();
        for dir in &self.connectors {
            let unreadable = |source| ServeError::Io {
                institution: "connectors".to_owned(),
                what: dir.display().to_string(),
                source,
            };
            for folder in Registry::read_dir(dir).map_err(unreadable)? {
                folders.retain(|f| f.name != folder.name);
                folders.push(folder);
            }
        }
        let loaded = Registry::load(&folders, &hedui_connect::catalogue(), None);
        if loaded.has_errors() {
            let mistakes = loaded.diagnostics.iter().filter(|d| d.is_error()).map(ToString::to_string);
            return Err(ServeError::Connectors { mistakes: mistakes.collect::<Vec<_>>().join("\n") });
        }
        Ok(loaded.registry)
    }

    /// Refuses names that no institution and no source has, so that a typo serves or spoils nothing by accident.
    pub(super) fn check(&self, registry: &Registry) -> Result<(), ServeError> {
        let institutions: BTreeSet<&str> = registry.iter().map(|s| s.institution.as_str()).collect();
        let unknown = |id: &str| {
            let known = institutions.iter().copied().collect::<Vec<_>>().join(", ");
            ServeError::UnknownInstitution { id: id.to_owned(), known }
        };
        if let Which::Only(names) | Which::Except(names) = &self.which
            && let Some(name) = names.iter().find(|name| !institutions.contains(name.as_str()))
        {
            return Err(unknown(name));
        }
        match self.faults.places().find(|place| !institutions.contains(place) && registry.get(place).is_none()) {
            Some(place) => Err(unknown(place)),
            None => Ok(()),
        }
    }
}
