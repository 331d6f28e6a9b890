//! Who holds what: the institutions and sources of the built-in manifests, by dataset.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use hedui_base::Catalogue;
use hedui_connect::Registry;

/// The sources that hold each dataset, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    datasets: BTreeMap<String, Vec<Holder>>,
}

/// One source that holds a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    institution: String,
    source: String,
}

impl Holders {
    /// The holders that the manifests built into this program name.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: OnceLock<Holders> = OnceLock::new();
        EMBEDDED.get_or_init(|| Self::of(&Registry::embedded(&hedui_connect::catalogue(), None).registry))
    }

    /// The holders that a registry names.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let mut datasets: BTreeMap<String, Vec<Holder>> = BTreeMap::new();
        for source in registry.iter() {
            let holder = Holder { institution: source.institution.clone(), source: source.id.to_string() };
            datasets.entry(source.dataset.name.clone()).or_default().push(holder);
        }
        Self { datasets }
    }

    /// These, and an imaginary holder for every dataset of a catalogue that nobody holds: a place with every source.
    #[must_use]
    pub fn completed(&self, catalogue: &Catalogue) -> Self {
        let mut completed = self.clone();
        for dataset in catalogue.datasets.keys().filter(|d| !self.hold(d)) {
            let holder = Holder { institution: dataset.clone(), source: format!("{dataset}.register") };
            completed.datasets.insert(dataset.clone(), vec![holder]);
        }
        completed
    }

    /// Whether anybody holds a dataset.
    #[must_use]
    pub fn hold(&self, dataset: &str) -> bool {
        self.datasets.contains_key(dataset)
    }

    /// The institutions that hold a dataset.
    pub(crate) fn institutions(&self, dataset: &str) -> Vec<&str> {
        self.datasets.get(dataset).into_iter().flatten().map(|h| h.institution.as_str()).collect()
    }

    /// The source of a dataset: that of the institution, or the first where none is named; empty if nobody holds it.
    pub(crate) fn source(&self, dataset: &str, institution: Option<&str>) -> &str {
        let wanted = |h: &&Holder| institution.is_none_or(|i| i == h.institution);
        self.datasets.get(dataset).into_iter().flatten().find(wanted).map_or("", |h| h.source.as_str())
    }
}

/// The banks of the city: whoever holds deposits.
pub(crate) fn banks() -> &'static [&'static str] {
    static BANKS: OnceLock<Vec<&'static str>> = OnceLock::new();
    BANKS.get_or_init(|| Holders::embedded().institutions("deposit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_by_dataset_and_institution() {
        let holders = Holders::embedded();
        assert!(holders.hold("hukou") && !holders.hold("unheard_of"));
        assert_eq!(holders.source("hukou", None), "police.hukou");
        assert_eq!(holders.source("deposit", Some("bank_beigu")), "bank.beigu");
        assert_eq!(holders.source("unheard_of", None), "");
        assert!(banks().contains(&"bank_jinshan") && banks().len() >= 3);
    }
}
