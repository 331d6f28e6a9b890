//! Which records led to a flag: those that passed the filter of a fact its condition rests on.

use std::sync::Arc;

use hedui_base::Tri;
use hedui_rules::Program;
use hedui_rules::program::{DatasetId, Entity, StepKind};

use crate::evaluate::Kernel;
use crate::output::Evidence;
use crate::reads::reach;

/// For each flag, where its evidence comes from. Found once per program.
#[derive(Debug, Default)]
pub(crate) struct EvidencePlan {
    flags: Vec<FlagPlan>,
    /// By step: whether the record masks of the fact are needed.
    pub(crate) keep: Arc<[bool]>,
}

#[derive(Debug, Default)]
struct FlagPlan {
    obligors: bool,
    /// Datasets named as evidence, each with the facts whose filters choose the records.
    datasets: Vec<(DatasetId, Vec<usize>)>,
}

impl EvidencePlan {
    pub(crate) fn new(program: &Program) -> Self {
        let mut keep = vec![false; program.steps.len()];
        let flags = program.flags.iter().map(|flag| {
            let reach = reach(program, flag.when.index());
            let datasets = flag.evidence.iter().map(|evidence| {
                let reads = |step: &&usize| {
                    matches!(&program.steps[**step].kind, StepKind::Fact { dataset, .. } if dataset == evidence)
                };
                let facts: Vec<usize> = reach.facts.iter().filter(reads).copied().collect();
                facts.iter().for_each(|step| keep[*step] = true);
                (*evidence, facts)
            });
            FlagPlan { datasets: datasets.collect(), obligors: reach.obligors }
        });
        Self { flags: flags.collect(), keep: keep.into() }
    }

    /// The facts whose filters choose the records behind a flag.
    pub(crate) fn facts(&self, flag: usize) -> impl Iterator<Item = usize> + '_ {
        let datasets = self.flags.get(flag).into_iter().flat_map(|plan| &plan.datasets);
        datasets.flat_map(|(_, facts)| facts.iter().copied())
    }
}

impl Kernel<'_> {
    /// The records behind a flag of a household, or of one of its people.
    pub(crate) fn evidence(
        &self,
        plan: &EvidencePlan,
        flag: usize,
        case: usize,
        person: Option<usize>,
    ) -> Vec<Evidence> {
        let rows = self.evidence_rows(plan, flag, case, person).into_iter();
        let mut evidence: Vec<Evidence> = rows
            .filter_map(|(dataset, record)| {
                let (records, record) = (self.slice.frames[dataset.index()].records?, record as usize);
                Some(Evidence {
                    dataset,
                    source: records.source[record].clone(),
                    record_id: records.record_id[record].to_string(),
                    as_of: records.as_of[record],
                })
            })
            .collect();
        evidence.sort_by(|a, b| {
            (a.dataset, &a.source, &a.record_id, a.as_of).cmp(&(b.dataset, &b.source, &b.record_id, b.as_of))
        });
        evidence.dedup();
        evidence
    }

    /// Those records by dataset and row, in the order of the plan and the people.
    pub(crate) fn evidence_rows(
        &self,
        plan: &EvidencePlan,
        flag: usize,
        case: usize,
        person: Option<usize>,
    ) -> Vec<(DatasetId, u32)> {
        let mut evidence = Vec::new();
        let Some(plan) = plan.flags.get(flag) else { return evidence };
        for (dataset, facts) in &plan.datasets {
            let owners = match (self.program.datasets[dataset.index()].entity, person) {
                (Entity::Household, _) => case..case + 1,
                (Entity::Person, Some(person)) => person..person + 1,
                (Entity::Person, None) => self.slice.people.of(case),
            };
            let of_people = self.program.datasets[dataset.index()].entity == Entity::Person && person.is_none();
            let frame = &self.slice.frames[dataset.index()];
            let counts = |owner: &usize| !of_people || plan.obligors || self.slice.is_member(*owner);
            for row in owners.filter(counts).flat_map(|owner| frame.runs.of(owner)) {
                if facts.iter().any(|fact| self.counted(*fact, row) == Tri::Met) {
                    evidence.push((*dataset, frame.rows[row]));
                }
            }
        }
        evidence
    }

    /// Whether any aggregate of a fact counted a record.
    pub(crate) fn counted(&self, fact: usize, row: usize) -> Tri {
        self.counted.get(fact).map_or(Tri::NotMet, |counted| counted.at(row))
    }
}
