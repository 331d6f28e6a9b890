//! The sources of a batch by number: those that have a manifest first, in their order, then those that only the store knows.

use std::sync::Arc;

use hedui_base::SourceId;
use hedui_connect::{Registry, Source};
use rustc_hash::FxHashMap;

use super::super::caseload::applies;

/// Sources by number.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    ids: Vec<SourceId>,
    numbers: FxHashMap<SourceId, u16>,
    with_manifest: Vec<Arc<Source>>,
}

/// Whom policy asks which sources about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) role: hedui_ledger::Role,
    pub(super) is_applicant: bool,
}

impl Sources {
    pub(super) fn new(registry: &Registry) -> Self {
        let with_manifest: Vec<Arc<Source>> = registry.iter().cloned().collect();
        let ids: Vec<SourceId> = with_manifest.iter().map(|source| source.id.clone()).collect();
        let numbers = (0u16..).zip(&ids).map(|(at, id)| (id.clone(), at)).collect();
        Self { ids, numbers, with_manifest }
    }

    /// The number of a source; new if only the store knows it.
    pub(super) fn number(&mut self, id: &str) -> u16 {
        let id = SourceId::from(id);
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let number = self.ids.len() as u16;
        self.numbers.insert(id.clone(), number);
        self.ids.push(id);
        number
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn ids(&self) -> &[SourceId] {
        &self.ids
    }

    /// The sources that have a manifest, by number.
    pub(super) fn known(&self) -> &[Arc<Source>] {
        &self.with_manifest
    }

    /// Whether policy asks a source about somebody; of a source without a manifest nothing says that it does not.
    pub(super) fn applies(&self, source: usize, standing: &Standing) -> bool {
        let relation = if standing.is_applicant { "self" } else { "" };
        self.with_manifest.get(source).is_none_or(|source| applies(source, standing.role, relation))
    }
}
