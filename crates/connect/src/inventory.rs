//! What a registry holds, counted: institutions by class, their sources, the items they map.
//!
//! An item is one column of a dataset that one source fills: "426 items a person" counts these.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::catalogue::Title;

use crate::manifest::Class;
use crate::registry::{Registry, Source};

/// One institution and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Folder name.
    pub institution: String,
    /// Titles.
    pub title: Title,
    /// What kind of body it is.
    pub class: Class,
    /// Ids of its sources.
    pub sources: Vec<String>,
    /// Datasets they fill.
    pub datasets: BTreeSet<String>,
    /// How they are reached.
    pub transports: BTreeSet<&'static str>,
    /// Mapped columns of all of them.
    pub items: usize,
}

/// All institutions, by class and then by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// One an institution.
    pub holdings: Vec<Holding>,
}

impl Source {
    /// Columns of the dataset that this source fills.
    #[must_use]
    pub fn items(&self) -> usize {
        self.manifest.map.fields.len()
    }
}

impl Inventory {
    /// Counts a registry.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let mut by_name: BTreeMap<(Class, &str), Holding> = BTreeMap::new();
        for source in registry.iter() {
            let holding = by_name.entry((source.class, &source.institution)).or_insert_with(|| Holding {
                institution: source.institution.clone(),
                title: source.institution_title.clone(),
                class: source.class,
                sources: Vec::new(),
                datasets: BTreeSet::new(),
                transports: BTreeSet::new(),
                items: 0,
            });
            holding.sources.push(source.id.to_string());
            holding.datasets.insert(source.dataset.name.clone());
            holding.transports.insert(source.manifest.transport.kind());
            holding.items += source.items();
        }
        Self { holdings: by_name.into_values().collect() }
    }

    /// The institutions of a class.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = &Holding> {
        self.holdings.iter().filter(move |h| h.class == class)
    }

    /// How many institutions there are that answer for themselves; relays only pass on.
    #[must_use]
    pub fn institutions(&self) -> usize {
        self.holdings.iter().filter(|h| h.class != Class::Relay).count()
    }

    /// How many sources there are.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.holdings.iter().map(|h| h.sources.len()).sum()
    }

    /// How many items there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.holdings.iter().map(|h| h.items).sum()
    }

    /// The totals in one line, such as `60 institutions: 20 departments, … (+1 relay); 94 sources; 759 items`.
    #[must_use]
    pub fn totals(&self) -> String {
        let counted = |class: Class, one: &str, many: &str| {
            let count = self.of_class(class).count();
            format!("{count} {}", if count == 1 { one } else { many })
        };
        format!(
            "{} institutions: {}, {}, {}, {} (+{}); {} sources; {} items",
            self.institutions(),
            counted(Class::Department, "department", "departments"),
            counted(Class::Organisation, "organisation", "organisations"),
            counted(Class::Utility, "utility", "utilities"),
            counted(Class::Bank, "bank", "banks"),
            counted(Class::Relay, "relay", "relays"),
            self.sources(),
            self.items()
        )
    }
}
