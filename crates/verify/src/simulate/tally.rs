//! All that a simulation counts, case by case, in the order of the cases.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use hedui_base::{AreaCode, CaseId};
use hedui_rules::Program;
use rust_decimal::Decimal;

use super::alarm::{ExitTally, pack_limit};
use super::changes::Changes;
use super::household_type::HouseholdType;
use super::movement::difference;
use super::outcome::{Outcome, Standing};
use super::setting::ChangedParameter;
use super::side::Programs;
use super::totals::{Group, SchemeChange, Totals, Transition, area_value};
use super::{Dimension, Reform, Simulation};
use crate::compare::{Compared, write_json};
use crate::{CaseFailure, PackLine, VerifyError};

/// One case under both sets of rules.
pub(super) struct Both {
    pub(super) case: CaseId,
    pub(super) area: AreaCode,
    pub(super) kind: HouseholdType,
    pub(super) before: (Arc<Program>, Outcome),
    pub(super) after: (Arc<Program>, Outcome),
}

/// Counts of a simulation.
pub(super) struct Tally<'a> {
    reform: &'a Reform,
    total: Totals,
    schemes: Vec<SchemeChange>,
    transitions: BTreeMap<(Standing, Standing), (usize, i128)>,
    areas: BTreeMap<AreaCode, Totals>,
    types: BTreeMap<(Dimension, String), Totals>,
    exits: ExitTally,
    packs: [BTreeMap<PackLine, usize>; 2],
    failures: [Vec<CaseFailure>; 2],
    changes: Option<Changes>,
}

impl<'a> Tally<'a> {
    /// Names every scheme of both sides, so that one nobody meets is shown with zeros.
    pub(super) fn new(reform: &'a Reform, before: &Programs, after: &Programs) -> Self {
        let mut schemes: Vec<SchemeChange> = Vec::new();
        for program in before.all().iter().chain(&after.all()) {
            let mut own: Vec<_> = program.schemes.iter().collect();
            own.sort_by_key(|s| s.order);
            for scheme in own {
                if !schemes.iter().any(|s| s.scheme == scheme.id) {
                    let (scheme, title) = (scheme.id.clone(), scheme.title.clone());
                    schemes.push(SchemeChange { scheme, title, ..SchemeChange::default() });
                }
            }
        }
        Self {
            reform,
            total: Totals::default(),
            schemes,
            transitions: BTreeMap::new(),
            areas: BTreeMap::new(),
            types: BTreeMap::new(),
            exits: ExitTally::default(),
            packs: Default::default(),
            failures: Default::default(),
            changes: reform.out.is_some().then(Changes::default),
        }
    }

    pub(super) fn add(&mut self, both: &Both) {
        let ((program, before), (program_after, after)) = (&both.before, &both.after);
        let receipt = both.kind.in_receipt;
        self.total.add(before, after, receipt);
        self.schemes.iter_mut().for_each(|scheme| scheme.add(before, after));
        let transition = self.transitions.entry((before.standing.clone(), after.standing.clone())).or_default();
        transition.0 += 1;
        transition.1 += i128::from(difference(before, after).unwrap_or(0));
        let area = both.area.at_depth(self.reform.area_digits);
        self.areas.entry(area).or_default().add(before, after, receipt);
        for (dimension, word) in Dimension::TYPES.iter().zip(&both.kind.words) {
            self.types.entry((*dimension, word.clone())).or_default().add(before, after, receipt);
        }
        self.exits.add(area, before, after);
        self.exits.limit(area, pack_limit(program, both.area, self.reform.as_of));
        for (side, (program, outcome)) in [(program, before), (program_after, after)].into_iter().enumerate() {
            match &outcome.failure {
                None => *self.packs[side].entry(PackLine::of(program)).or_default() += 1,
                Some(reason) => {
                    self.failures[side].push(CaseFailure { case: both.case.clone(), reason: reason.clone() });
                }
            }
        }
        if let Some(changes) = &mut self.changes {
            changes.add(both);
        }
    }

    /// The result, with its files written.
    pub(super) fn finish(
        self,
        set_before: Vec<ChangedParameter>,
        set_after: Vec<ChangedParameter>,
        mut found: Simulation,
    ) -> Result<Simulation, VerifyError> {
        let share: Option<Decimal> = self.reform.exit_alarm;
        let title =
            |id: &str| self.schemes.iter().find(|s| s.scheme == id).map_or_else(String::new, |s| s.title.clone());
        found.alarms = self.exits.alarms(share, self.reform.exit_hint, title);
        found.exit_limit_known = self.exits.has_limit(share, self.reform.exit_hint);
        found.as_of = Some(self.reform.as_of);
        let [packs_before, packs_after] = self.packs.map(|packs| packs.into_iter().collect());
        (found.packs_before, found.packs_after) = (packs_before, packs_after);
        (found.set_before, found.set_after) = (set_before, set_after);
        found.total = self.total;
        found.schemes = self.schemes;
        found.transitions = self
            .transitions
            .into_iter()
            .map(|((before, after), (cases, difference_fen))| Transition {
                before: before.word().to_owned(),
                after: after.word().to_owned(),
                cases,
                difference_fen,
            })
            .collect();
        let area = |(area, totals)| Group { dimension: Dimension::Area, value: area_value(area), totals };
        found.areas = self.areas.into_iter().map(area).collect();
        let kind = |((dimension, value), totals)| Group { dimension, value, totals };
        found.types = self.types.into_iter().map(kind).collect();
        [found.failures_before, found.failures_after] = self.failures;
        if let (Some(out), Some(changes)) = (&self.reform.out, self.changes) {
            found.changes_file = Some(changes.write(out)?);
            write_json(&out.join("simulation.json"), &found)?;
        }
        Ok(found)
    }
}

/// Makes the folder for the files, if any are asked for.
pub(super) fn prepare(out: Option<&Path>) -> Result<(), VerifyError> {
    out.map_or(Ok(()), |out| std::fs::create_dir_all(out).map_err(VerifyError::io(out)))
}

/// Outcomes of some cases by id.
pub(super) fn outcomes(compared: &[Compared], failures: Vec<CaseFailure>) -> HashMap<CaseId, Outcome> {
    let found = compared.iter().map(|one| (one.finding.case.clone(), Outcome::of(one)));
    found.chain(failures.into_iter().map(|f| (f.case, Outcome::failed(f.reason)))).collect()
}
