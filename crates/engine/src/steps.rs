//! Computes the steps of a program over a slice, in their order, and notes which cases broke.

use hedui_base::Tri;
use hedui_rules::program::{Entity, Expr, ExprKind, Flag, FlagSeverity, StepKind};
use rustc_hash::FxHashMap;

use crate::evaluate::{FactRecords, Kernel, Scope};
use crate::interval::Span;
use crate::output::CaseError;
use crate::reasons::{Fault, Why};
use crate::register::{Presence, Register, Slot};

impl Kernel<'_> {
    /// Computes everything. One entry per case of the slice: what broke in it first, if anything did.
    pub(crate) fn run(&mut self) -> Vec<Option<CaseError>> {
        let mut broken: Vec<Option<Fault>> = vec![None; self.slice.cases.len()];
        let program = self.program;
        for (step, definition) in program.steps.iter().enumerate() {
            let register = self.compute(step);
            self.note_faults(&register, definition.entity.into(), &mut broken);
            self.registers.push(register);
            if let Some(lives) = &self.lives {
                lives.steps[step].iter().for_each(|over| self.registers[*over as usize] = Register::OVER);
                // A slice too small for sharing has none.
                if !self.memo.is_empty() {
                    lives.classes[step].iter().for_each(|over| self.memo[*over as usize] = None);
                }
            }
        }
        broken.into_iter().enumerate().map(|(case, fault)| fault.map(|fault| self.case_error(case, fault))).collect()
    }

    /// One step, from the registers of those before it.
    pub(crate) fn compute(&mut self, step: usize) -> Register {
        self.step = step;
        let definition = &self.program.steps[step];
        let scope = Scope::from(definition.entity);
        let register = match (self.given.instead(step), &definition.kind) {
            (Some(register), _) => register,
            (None, StepKind::Formula(expr)) => self.eval(expr, scope),
            (None, StepKind::FlagCount(severity)) => self.count_flags(*severity),
            (None, StepKind::Fact { value, .. }) => {
                self.enter_fact(step);
                let register = self.eval(value, scope);
                self.fact = None;
                register
            }
        };
        self.given.amend(step, register)
    }

    /// Makes the records that pass a fact's filter the ones that aggregates see.
    pub(crate) fn enter_fact(&mut self, step: usize) {
        let program = self.program;
        if let StepKind::Fact { dataset, filter, .. } = &program.steps[step].kind {
            let dataset = dataset.index();
            let filter = filter.as_ref().filter(|filter| !self.is_idle(dataset, filter));
            let passed = filter.map(|filter| self.eval(filter, Scope::Records(dataset)));
            self.fact = Some(FactRecords { dataset, passed });
        }
    }

    /// Whether an expression over records has nothing to be computed for: nobody has a record, everybody answered, and no
    /// value is taken for want of a row, which is told of a household whether it has records or not.
    pub(crate) fn is_idle(&self, dataset: usize, expr: &Expr) -> bool {
        let assumes = |expr: &Expr| match &expr.kind {
            ExprKind::Parameter { id, .. } => self.program.parameters[id.index()].fallback.is_some(),
            _ => false,
        };
        let any = || self.program.parameters.iter().any(|parameter| parameter.fallback.is_some());
        let fallbacks = || *self.fallbacks.get_or_init(any);
        self.slice.frames[dataset].owner.is_empty() && !(fallbacks() && expr.all().into_iter().any(assumes))
    }

    pub(crate) fn note_faults(&self, register: &Register, scope: Scope, broken: &mut [Option<Fault>]) {
        if !self.slice.reasons.any_fault() {
            return;
        }
        for (row, slot) in register.open() {
            let Some(fault) = self.slice.reasons.first_fault(slot.why) else { continue };
            let first = &mut broken[self.case_of(scope, row as usize)];
            if first.as_ref().is_none_or(|first| fault < first) {
                *first = Some(fault.clone());
            }
        }
    }

    pub(crate) fn case_error(&self, case: usize, fault: Fault) -> CaseError {
        let row = self.slice.cases.start + case;
        let step = &self.program.steps[fault.step];
        CaseError {
            row,
            case: self.slice.case_id(row),
            rule: step.name.clone(),
            file: step.rule.file.clone(),
            line: step.rule.line,
            kind: fault.kind,
        }
    }

    /// How many flags of a severity each household has: those raised, up to those that may be.
    ///
    /// A flag that only data could raise which no institution here offers is out of play: no answer is on its way.
    fn count_flags(&mut self, severity: FlagSeverity) -> Register {
        let program = self.program;
        let cases = self.slice.cases.len();
        let (mut raised, mut open) = (vec![0; cases], Vec::new());
        let mut out_of_play: FxHashMap<Why, bool> = FxHashMap::default();
        for flag in program.flags.iter().filter(|flag| flag.severity == severity) {
            let when = self.registers[flag.when.index()].clone();
            if when.as_same().is_some_and(|same| same.truth().0 == Tri::NotMet) {
                continue;
            }
            let scope = Scope::from(program.steps[flag.when.index()].entity);
            let counts = |row: usize| flag.entity == Entity::Household || self.slice.is_member(row);
            let met = when.known();
            for row in (0..when.len()).filter(|row| met.at(*row) != 0 && counts(*row)) {
                raised[self.case_of(scope, row)] += 1;
            }
            for (row, slot) in when.open().filter(|(row, _)| counts(*row as usize)) {
                let (case, (tri, because)) = (self.case_of(scope, row as usize), slot.truth());
                match tri {
                    Tri::Met => raised[case] += 1,
                    Tri::Undetermined => {
                        let reasons = &self.slice.reasons;
                        if !*out_of_play.entry(because).or_insert_with(|| reasons.are_all(because, "no_source")) {
                            open.push((case as u32, because));
                        }
                    }
                    Tri::NotMet => {}
                }
            }
        }
        // Reasons are a set: in which order flags give them does not matter.
        open.sort_unstable();
        let counts: Vec<u32> = open.chunk_by(|a, b| a.0 == b.0).map(|of_case| of_case[0].0).collect();
        let mut of_cases = open.chunk_by(|a, b| a.0 == b.0);
        let known = raised.clone();
        Register::mended(known, Vec::new(), &counts, |case| {
            let of_case = of_cases.next().unwrap_or_default();
            let why = of_case.iter().fold(Why::KNOWN, |why, (_, because)| self.slice.reasons.union(why, *because));
            Slot::within(Span { lo: raised[case], hi: raised[case] + of_case.len() as i64 }, Presence::Some, why)
        })
    }

    /// A flag's condition for a household, or for each of its members: row, truth and reasons.
    pub(crate) fn flagged(&self, flag: &Flag, case: usize) -> Vec<(usize, Tri, Why)> {
        let when = &self.registers[flag.when.index()];
        let rows = match self.program.steps[flag.when.index()].entity {
            Entity::Household => case..case + 1,
            Entity::Person => self.slice.people.of(case),
        };
        let counts = |row: &usize| flag.entity == Entity::Household || self.slice.is_member(*row);
        let truth = |row: usize| {
            let (tri, why) = when.get(row).truth();
            (row, tri, why)
        };
        rows.filter(counts).map(truth).collect()
    }
}
