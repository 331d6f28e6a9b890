//! Counting: coverage by source, findings by scheme, flags by id.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_engine::concluded::Concluded;
use hedui_engine::input::Caseload;
use hedui_rules::Program;
use hedui_rules::program::Flag;

use super::chunk::Compared;
use super::results::count;
use super::{BatchSummary, FlagTotal, SchemeTotal, SourceTotal};
use crate::PackLine;

/// How the (person, source) pairs of many cases stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct CoverageTally {
    by_source: BTreeMap<String, BTreeMap<String, usize>>,
    people: usize,
}

impl CoverageTally {
    pub(crate) fn add(&mut self, caseload: &Caseload) {
        let coverage = &caseload.coverage;
        self.people += caseload.persons.key.len();
        for person in &caseload.persons.key {
            for (i, (source, _)) in (0u16..).zip(&coverage.sources) {
                let word = coverage.outcomes.get(&(*person, i)).map_or("not_asked", |o| o.as_str());
                let counts = self.by_source.entry(source.as_str().to_owned()).or_default();
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
    }

    pub(crate) fn people(&self) -> usize {
        self.people
    }

    /// By source; `title` gives the Chinese title of a source.
    pub(crate) fn totals(self, title: impl Fn(&str) -> String) -> Vec<SourceTotal> {
        self.by_source
            .into_iter()
            .map(|(source, outcomes)| SourceTotal { title: title(&source), source, outcomes })
            .collect()
    }
}

/// Findings, categories and flags of many cases, counted.
#[derive(Default)]
pub(crate) struct FindingTally {
    packs: BTreeMap<PackLine, usize>,
    schemes: Vec<SchemeTotal>,
    categories: BTreeMap<String, usize>,
    flags: BTreeMap<String, FlagTotal>,
    cases: usize,
    flagged: usize,
}

impl FindingTally {
    /// Names every scheme of the packs in use, so that one nobody meets is shown with zeros.
    pub(crate) fn new(programs: &[Arc<Program>]) -> Self {
        let mut tally = Self::default();
        for program in programs {
            let mut schemes: Vec<_> = program.schemes.iter().collect();
            schemes.sort_by_key(|s| s.order);
            for scheme in schemes {
                tally.scheme(&scheme.id, &scheme.title);
            }
        }
        tally
    }

    fn scheme(&mut self, id: &str, title: &str) -> &mut SchemeTotal {
        let at = self.schemes.iter().position(|s| s.scheme == id).unwrap_or_else(|| {
            let total = SchemeTotal { scheme: id.to_owned(), title: title.to_owned(), ..SchemeTotal::default() };
            self.schemes.push(total);
            self.schemes.len() - 1
        });
        &mut self.schemes[at]
    }

    pub(crate) fn add(&mut self, compared: &Compared) {
        let program = &compared.program;
        self.cases += 1;
        *self.packs.entry(PackLine::of(program)).or_default() += 1;
        *self.categories.entry(compared.derived.word(program).to_owned()).or_default() += 1;
        for (scheme, found) in program.schemes.iter().zip(&compared.finding.schemes) {
            let total = self.scheme(&scheme.id, &scheme.title);
            count(found.finding, &mut total.met, &mut total.not_met, &mut total.undetermined);
        }
        self.flagged += usize::from(!compared.flags.is_empty());
        for raised in &compared.flags {
            self.flag(&program.flags[raised.flag]);
        }
    }

    /// Adds what was concluded of many cases.
    pub(crate) fn add_all(&mut self, program: &Arc<Program>, found: &Concluded) {
        self.cases += found.case.len();
        *self.packs.entry(PackLine::of(program)).or_default() += found.case.len();
        let mut open = found.possible.iter().map(|(at, _)| *at as usize).peekable();
        for (at, category) in found.category.iter().enumerate() {
            let is_open = open.next_if_eq(&at).is_some();
            let word = match category {
                Some(scheme) => program.schemes[usize::from(*scheme)].id.as_str(),
                None if is_open => "undetermined",
                None => "none",
            };
            match self.categories.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(self.categories.insert(word.to_owned(), 1)),
            }
        }
        for (scheme, columns) in program.schemes.iter().zip(&found.schemes) {
            let total = self.scheme(&scheme.id, &scheme.title);
            for finding in &columns.finding {
                count(*finding, &mut total.met, &mut total.not_met, &mut total.undetermined);
            }
        }
        let mut cases: Vec<u32> = found.flags.iter().map(|raised| raised.case).collect();
        cases.dedup();
        self.flagged += cases.len();
        for raised in &found.flags {
            self.flag(&program.flags[usize::from(raised.flag)]);
        }
    }

    /// Adds what another tally of the same packs counted.
    pub(crate) fn merge(&mut self, other: Self) {
        for (pack, count) in other.packs {
            *self.packs.entry(pack).or_default() += count;
        }
        for own in other.schemes {
            let total = self.scheme(&own.scheme, &own.title);
            total.met += own.met;
            total.not_met += own.not_met;
            total.undetermined += own.undetermined;
        }
        for (category, count) in other.categories {
            *self.categories.entry(category).or_default() += count;
        }
        for (id, own) in other.flags {
            match self.flags.get_mut(&id) {
                Some(total) => total.count += own.count,
                None => drop(self.flags.insert(id, own)),
            }
        }
        self.cases += other.cases;
        self.flagged += other.flagged;
    }

    fn flag(&mut self, flag: &Flag) {
        let total = self.flags.entry(flag.id.clone()).or_insert_with(|| FlagTotal {
            flag: flag.id.clone(),
            title: flag.title.clone(),
            severity: flag.severity.as_str().to_owned(),
            severity_zh: flag.severity.zh().to_owned(),
            count: 0,
        });
        total.count += 1;
    }

    pub(crate) fn into_summary(self, summary: &mut BatchSummary) {
        summary.cases = self.cases;
        summary.packs = self.packs.into_iter().collect();
        summary.schemes = self.schemes;
        summary.categories = self.categories;
        summary.flags = self.flags.into_values().collect();
        summary.flagged_cases = self.flagged;
    }
}
