//! What a slice concludes: one finding per case that could be computed, and its raised flags.

use hedui_base::Tri;
use hedui_rules::program::{Entity, FlagSeverity, PersonScheme, Relation, Scheme, StepId, Test};

use crate::aggregate::extreme_of;
use crate::evaluate::Kernel;
use crate::evidence::EvidencePlan;
use crate::output::{CaseError, CaseFinding, Cell, Findings, PersonFinding, RaisedFlag, SchemeFinding, TestFinding};
use crate::reasons::Why;
use crate::register::{Presence, Slot, and};

impl Kernel<'_> {
    /// Findings of all cases that did not break.
    pub(crate) fn findings(&mut self, broken: Vec<Option<CaseError>>, plan: &EvidencePlan) -> Findings {
        let mut findings = Findings::default();
        for (case, error) in broken.into_iter().enumerate() {
            if let Some(error) = error {
                findings.errors.push(error);
                continue;
            }
            let flags = self.raised(case, plan);
            let finding = self.finding(case, &flags);
            findings.cases.push(finding);
            findings.flags.extend(flags);
        }
        findings
    }

    /// The findings of the only case after some steps came out otherwise; evidence is not looked for.
    pub(crate) fn refreshed(&mut self, old: &Findings, changed: &[bool]) -> Findings {
        let program = self.program;
        let anew = |steps: &[Option<StepId>]| steps.iter().flatten().any(|step| changed[step.index()]);
        let plan = EvidencePlan::default();
        let mut findings = Findings { cases: old.cases.clone(), ..Findings::default() };
        for (index, flag) in program.flags.iter().enumerate() {
            if anew(&[Some(flag.when), flag.declared, flag.found]) {
                findings.flags.extend(self.raised_by(index, 0, &plan));
            } else {
                findings.flags.extend(old.flags.iter().filter(|raised| raised.flag == index).cloned());
            }
        }
        let Some(case) = findings.cases.first_mut() else { return findings };
        for (found, test) in case.tests.iter_mut().zip(&program.tests) {
            if anew(&[Some(test.result), Some(test.value), test.limit]) {
                *found = self.test(test, 0);
            }
        }
        case.schemes = program.schemes.iter().map(|scheme| self.scheme(scheme, 0)).collect();
        case.score = program.score.map(|step| self.slot(step, 0).cell());
        case.assumed = self.assumed_in(0);
        findings
    }

    fn assumed_in(&self, case: usize) -> Vec<(String, String)> {
        let of_case = (case as u32, 0, "".into())..(case as u32 + 1, 0, "".into());
        let assumed = self.assumed.range(of_case);
        assumed.map(|(_, step, reason)| (self.program.steps[*step].name.clone(), reason.to_string())).collect()
    }

    fn finding(&mut self, case: usize, flags: &[RaisedFlag]) -> CaseFinding {
        let program = self.program;
        let row = self.slice.cases.start + case;
        let count = |severity| flags.iter().filter(|f| program.flags[f.flag].severity == severity).count() as u32;
        CaseFinding {
            row,
            case: self.slice.case_id(row),
            assumed: self.assumed_in(case),
            tests: program.tests.iter().map(|test| self.test(test, case)).collect(),
            schemes: program.schemes.iter().map(|scheme| self.scheme(scheme, case)).collect(),
            score: program.score.map(|step| self.slot(step, case).cell()),
            flag_counts: FlagSeverity::ALL.map(count),
        }
    }

    /// A step's value for a household (or for a person, given a step of persons).
    fn slot(&self, step: StepId, row: usize) -> Slot {
        self.registers[step.index()].get(row)
    }

    pub(crate) fn test(&mut self, test: &Test, case: usize) -> TestFinding {
        if test.entity == Entity::Person {
            return self.persons_test(test, case);
        }
        let (result, why) = self.slot(test.result, case).truth();
        let limit = test.limit.map(|limit| self.slot(limit, case));
        TestFinding {
            value: if limit.is_some() { self.slot(test.value, case).cell() } else { Cell::None },
            limit: limit.map_or(Cell::None, Slot::cell),
            margin: self.margin(test, case).cell(),
            result,
            waiting_on: self.slice.reasons.list(why),
        }
    }

    /// A person's test for the household: met if all members meet it; the margin is the smallest.
    fn persons_test(&mut self, test: &Test, case: usize) -> TestFinding {
        let members: Vec<usize> = self.slice.people.of(case).filter(|p| self.slice.is_member(*p)).collect();
        let mut all = Slot::known(1);
        for member in &members {
            let result = self.slot(test.result, *member);
            all = and(all, result, &mut self.slice.reasons);
        }
        let margins: Vec<Slot> = members.iter().map(|member| self.margin(test, *member)).collect();
        let (result, why) = all.truth();
        TestFinding {
            value: Cell::None,
            limit: Cell::None,
            margin: extreme_of(margins.into_iter(), false, &mut self.slice.reasons).cell(),
            result,
            waiting_on: self.slice.reasons.list(why),
        }
    }

    /// How far inside (positive) or outside (negative) its limit a value is.
    pub(crate) fn margin(&mut self, test: &Test, row: usize) -> Slot {
        let (Some(limit), Some(relation)) = (test.limit, test.relation) else { return Slot::NONE };
        let (value, limit) = (self.slot(test.value, row), self.slot(limit, row));
        let presence = value.presence.max(limit.presence);
        if presence == Presence::None {
            return Slot::NONE;
        }
        let why = self.slice.reasons.union(value.why, limit.why);
        let span = match relation {
            Relation::Below | Relation::AtMost => limit.span.sub(value.span),
            Relation::Above | Relation::AtLeast => value.span.sub(limit.span),
        };
        // Two known values may lie farther apart than 64 bits can say: then the margin is only known to be beyond.
        let is_known = span.is_exact() && presence == Presence::Some;
        Slot { span, presence, why: if is_known { Why::KNOWN } else { why } }
    }

    fn scheme(&self, scheme: &Scheme, case: usize) -> SchemeFinding {
        let (finding, why) = self.slot(scheme.when, case).truth();
        SchemeFinding {
            finding,
            amount: scheme.amount.map(|step| self.slot(step, case).cell()),
            recheck_months: scheme.recheck_months.and_then(|step| self.slot(step, case).cell().known()),
            until: scheme.until.map(|step| self.slot(step, case).cell()),
            persons: scheme.persons.as_ref().map_or_else(Vec::new, |of| self.persons_scheme(of, case)),
            waiting_on: self.slice.reasons.list(why),
        }
    }

    /// The members who meet a scheme of persons, or may.
    pub(crate) fn persons_scheme(&self, scheme: &PersonScheme, case: usize) -> Vec<PersonFinding> {
        let members = self.slice.people.of(case).filter(|person| self.slice.is_member(*person));
        let found = members.filter_map(|person| {
            let (finding, why) = self.slot(scheme.when, person).truth();
            (finding != Tri::NotMet).then(|| PersonFinding {
                person: self.slice.person(person),
                finding,
                amount: scheme.amount.map(|step| self.slot(step, person).cell()),
                until: scheme.until.map(|step| self.slot(step, person).cell()),
                waiting_on: self.slice.reasons.list(why),
            })
        });
        found.collect()
    }

    /// Raised flags of a case, by flag and then person.
    fn raised(&self, case: usize, plan: &EvidencePlan) -> Vec<RaisedFlag> {
        (0..self.program.flags.len()).flat_map(|flag| self.raised_by(flag, case, plan)).collect()
    }

    /// One flag, raised for the household or for each of its people.
    fn raised_by(&self, flag: usize, case: usize, plan: &EvidencePlan) -> Vec<RaisedFlag> {
        let row = self.slice.cases.start + case;
        let definition = &self.program.flags[flag];
        let mut raised = Vec::new();
        for (at, tri, _) in self.flagged(definition, case) {
            if tri != Tri::Met {
                continue;
            }
            let person = (definition.entity == Entity::Person).then_some(at);
            let compared = |step: Option<StepId>| step.map(|step| self.compared(step, case, person));
            let (declared, found) = (compared(definition.declared), compared(definition.found));
            let known = |cell: Option<Cell>| cell.and_then(Cell::known);
            raised.push(RaisedFlag {
                row,
                case: self.slice.case_id(row),
                person: person.map(|person| self.slice.person(person)),
                flag,
                declared,
                found,
                difference: known(found).zip(known(declared)).and_then(|(found, declared)| found.checked_sub(declared)),
                evidence: self.evidence(plan, flag, case, person),
            });
        }
        raised
    }

    pub(crate) fn compared(&self, step: StepId, case: usize, person: Option<usize>) -> Cell {
        match (self.program.steps[step.index()].entity, person) {
            (Entity::Household, _) => self.slot(step, case).cell(),
            (Entity::Person, Some(person)) => self.slot(step, person).cell(),
            (Entity::Person, None) => Cell::None,
        }
    }
}
