//! What a program concludes of packed cases, column by column: the same findings as [`crate::run`] gives, without an object
//! for every case.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hedui_base::{PersonKey, Tri};
use hedui_rules::Program;
use hedui_rules::program::{DatasetId, Entity, FlagSeverity, PersonScheme, Relation, Scheme, StepId, Test};
use jiff::civil::Date;
use smallvec::SmallVec;

use crate::evaluate::Kernel;
use crate::evidence::EvidencePlan;
use crate::lives::Lives;
use crate::output::{CaseError, PersonFinding};
use crate::packed::Packed;
use crate::reasons::{Standing, Why};
use crate::register::{Register, Slot};
use crate::shared::Shared;
use crate::slice::Slice;
use crate::stored::{Keeper, Shape, StoredSetting, Sums};
use crate::tape::{Results, Scratch, Tape};

/// What a program needs to run over many packed cases; made once.
#[derive(Debug)]
pub struct Runner<'p> {
    program: &'p Program,
    plan: EvidencePlan,
    as_of: Date,
    /// Schemes in the order in which they are considered.
    order: Vec<usize>,
    /// Reasons of the program's own.
    standing: Arc<Standing>,
    /// What is computed once a slice.
    shared: Arc<Shared>,
    /// What is let go of while a slice is computed.
    lives: Arc<Lives>,
    /// What is kept of each case to explain it later, if anything is.
    keep: Option<(Shape, StoredSetting)>,
    /// The program for one case at a time, made when the first is asked for; none if only the kernel can compute it.
    tape: OnceLock<Option<Tape<'p>>>,
    /// Room for the tape, as much as was ever played at once.
    scratches: Mutex<Vec<Scratch>>,
}

/// Numbers by case; those of a single case lie in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// One a case; 0 where none is known.
    pub values: SmallVec<[i64; 1]>,
    /// Which are known exactly; empty if all are.
    pub known: SmallVec<[bool; 8]>,
}

/// One test of many cases; limits and margins only where the test has a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestColumns {
    /// The value compared.
    pub value: Numbers,
    /// The limit.
    pub limit: Numbers,
    /// How far inside (positive) or outside (negative).
    pub margin: Numbers,
    /// The result.
    pub result: SmallVec<[Tri; 8]>,
}

/// One scheme of many cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchemeColumns {
    /// The finding.
    pub finding: SmallVec<[Tri; 8]>,
    /// The last day of what it gives, in days since 1970-01-01, where the scheme says one.
    pub until: Option<Numbers>,
    /// For a scheme of persons: case and members who meet it or may, for cases that have any.
    pub persons: Vec<(u32, Vec<PersonFinding>)>,
}

/// A flag that was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedRow {
    /// Row of the case in [`Packed::cases`].
    pub case: u32,
    /// The person, for a flag of a person.
    pub person: Option<PersonKey>,
    /// Index into the program's flags.
    pub flag: u16,
    /// What was declared, where known.
    pub declared: Option<i64>,
    /// What was found, where known.
    pub found: Option<i64>,
    /// The records that are the evidence: dataset and row in [`Packed::datasets`].
    pub evidence: Vec<(DatasetId, u32)>,
}

/// What a program concluded of some cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Concluded {
    /// Rows of the cases in [`Packed::cases`], ascending; those that could not be computed are left out.
    pub case: Vec<u32>,
    /// The scheme that is the category, as in [`crate::Derived::category`].
    pub category: Vec<Option<u8>>,
    /// Schemes not ruled out, as in [`crate::Derived::possible`]: position in `case` and schemes, where there are others than
    /// the category.
    pub possible: Vec<(u32, Vec<u8>)>,
    /// Names of what is waited for: position in `case` and names, where anything is.
    pub waiting_on: Vec<(u32, Vec<String>)>,
    /// Monthly amount of the category, in fen.
    pub amount: Numbers,
    /// By scheme.
    pub schemes: Vec<SchemeColumns>,
    /// By test.
    pub tests: Vec<TestColumns>,
    /// The score in the scale of its step.
    pub score: Option<Numbers>,
    /// Raised flags by severity, in the order of [`FlagSeverity::ALL`].
    pub flag_counts: [Vec<u32>; FlagSeverity::ALL.len()],
    /// Raised flags, by case, then flag, then person.
    pub flags: Vec<RaisedRow>,
    /// Cases that could not be computed.
    pub errors: Vec<CaseError>,
    /// By case what explains it later; empty unless that is kept.
    pub kept: Vec<Vec<u8>>,
}

impl Numbers {
    fn push(&mut self, slot: Slot) {
        let value = slot.cell().known();
        if value.is_none() && self.known.is_empty() {
            self.known.resize(self.values.len(), true);
        }
        if value.is_none() || !self.known.is_empty() {
            self.known.push(value.is_some());
        }
        self.values.push(value.unwrap_or(0));
    }

    /// The number of a position, if it is known.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<i64> {
        (self.known.get(at) != Some(&false)).then(|| self.values[at])
    }
}

/// Cases of a slice from which on it pays to look whether an expression was computed before.
const SHARING: usize = 3;

impl<'p> Runner<'p> {
    /// A runner of a program as of a day.
    #[must_use]
    pub fn new(program: &'p Program, as_of: Date) -> Self {
        let mut order: Vec<usize> = (0..program.schemes.len()).collect();
        order.sort_by_key(|i| program.schemes[*i].order);
        let shared = Shared::of(program);
        let lives = Arc::new(Lives::of(program, &shared, []));
        let plan = EvidencePlan::new(program);
        Self {
            program,
            plan,
            as_of,
            order,
            standing: Arc::new(Standing::of(program)),
            shared: Arc::new(shared),
            lives,
            keep: None,
            tape: OnceLock::new(),
            scratches: Mutex::default(),
        }
    }

    /// Keeps of each case what explains it later: see [`crate::stored`]. The sums of `setting` are [`Sums::Values`].
    #[must_use]
    pub fn keeping(mut self, setting: StoredSetting) -> Self {
        let setting = StoredSetting { sums: Sums::Values, ..setting };
        let shape = Shape::of(self.program, &setting);
        let mut keep = vec![false; self.program.steps.len()];
        shape.facts.iter().for_each(|(step, _)| keep[*step] = true);
        self.plan.keep = keep.into();
        self.lives = Arc::new(Lives::of(self.program, &self.shared, shape.facts.iter().map(|(step, _)| *step)));
        self.keep = Some((shape, setting));
        self.tape = OnceLock::new();
        self
    }

    /// Runs over all cases, so many at a time; how many changes no result.
    #[must_use]
    pub fn run(&self, packed: &Packed, slice: usize) -> Vec<Concluded> {
        let (cases, size) = (packed.cases.id.len(), slice.max(1));
        (0..cases).step_by(size).map(|start| self.run_some(packed, start..cases.min(start + size))).collect()
    }

    /// Runs over one case, by a tape of the program: the same results in a tenth of the time.
    #[must_use]
    pub fn run_one(&self, packed: &Packed, case: usize) -> Concluded {
        let tape = self.tape.get_or_init(|| Tape::of(self.program, self.as_of, self.results()));
        let played = tape.as_ref().and_then(|tape| self.play(tape, packed, case));
        played.unwrap_or_else(|| self.run_some(packed, case..case + 1))
    }

    fn results(&self) -> Results<'_> {
        Results { evidence: &self.plan, kept: self.keep.as_ref().map(|(shape, _)| shape) }
    }

    /// None if anything broke.
    fn play(&self, tape: &Tape<'p>, packed: &Packed, case: usize) -> Option<Concluded> {
        let slice = Slice::of_packed_bare(self.program, packed, case..case + 1, &self.standing);
        let mut kernel = Kernel::new(self.program, slice, self.as_of, Arc::clone(&self.plan.keep));
        // A thread that panicked left a scratch behind at most, and none of them says anything of a case.
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let done = kernel.play(tape, packed, &mut scratch);
        let found = done.then(|| self.conclude(&mut kernel, vec![None], packed));
        scratch.take_back(std::mem::take(&mut kernel.registers));
        scratches().push(scratch);
        found
    }

    /// Runs over some cases that lie beside each other, as one slice.
    #[must_use]
    pub fn run_some(&self, packed: &Packed, cases: Range<usize>) -> Concluded {
        let many = cases.len() >= SHARING;
        let slice = Slice::of_packed(self.program, packed, cases, &self.standing);
        let mut kernel = Kernel::new(self.program, slice, self.as_of, Arc::clone(&self.plan.keep));
        kernel.lives = Some(Arc::clone(&self.lives));
        if many {
            kernel.memo = vec![None; self.shared.count];
            kernel.shared = Some(Arc::clone(&self.shared));
        }
        let broken = kernel.run();
        self.conclude(&mut kernel, broken, packed)
    }

    fn conclude(&self, kernel: &mut Kernel<'_>, broken: Vec<Option<CaseError>>, packed: &Packed) -> Concluded {
        let mut found = kernel.concluded(broken, &self.plan, &self.order);
        if let Some((shape, setting)) = &self.keep {
            let first = kernel.slice.cases.start;
            let keeper = Keeper::new(kernel, packed, shape, setting);
            found.kept = keeper.bytes(found.case.iter().map(|case| *case as usize - first));
        }
        found
    }
}

impl Kernel<'_> {
    fn concluded(&mut self, broken: Vec<Option<CaseError>>, plan: &EvidencePlan, order: &[usize]) -> Concluded {
        let program = self.program;
        let mut found = Concluded::default();
        // Position in the findings by case of the slice.
        let mut rows = Vec::with_capacity(broken.len());
        for (case, error) in broken.into_iter().enumerate() {
            match error {
                Some(error) => found.errors.push(error),
                None => rows.push(case),
            }
        }
        let first = self.slice.cases.start;
        found.case = rows.iter().map(|case| (first + case) as u32).collect();
        found.tests = program.tests.iter().map(|test| self.test_columns(test, &rows)).collect();
        found.schemes = program.schemes.iter().map(|scheme| self.scheme_columns(scheme, &rows)).collect();
        found.score = program.score.map(|step| numbers(&self.registers[step.index()], &rows));
        self.stand(&mut found, order, &rows);
        self.raise(&mut found, plan, &rows);
        found
    }

    fn test_columns(&mut self, test: &Test, rows: &[usize]) -> TestColumns {
        let mut columns = TestColumns::default();
        if test.entity == Entity::Person {
            for case in rows {
                let found = self.test(test, *case);
                columns.result.push(found.result);
                columns.value.push(Slot::NONE);
                columns.limit.push(Slot::NONE);
                columns.margin.push(match found.margin.known() {
                    Some(margin) => Slot::known(margin),
                    None => Slot::NONE,
                });
            }
            return columns;
        }
        columns.result = truths(&self.registers[test.result.index()], rows);
        if let (Some(limit), Some(relation)) = (test.limit, test.relation) {
            let (value, limit) = (self.registers[test.value.index()].clone(), self.registers[limit.index()].clone());
            columns.value = numbers(&value, rows);
            columns.limit = numbers(&limit, rows);
            for (at, case) in rows.iter().enumerate() {
                let margin = match (columns.value.get(at), columns.limit.get(at)) {
                    (Some(value), Some(limit)) => match relation {
                        Relation::Below | Relation::AtMost => limit.checked_sub(value),
                        Relation::Above | Relation::AtLeast => value.checked_sub(limit),
                    },
                    _ => None,
                };
                let inside = |margin: &i64| *margin != i64::MIN && *margin != i64::MAX;
                columns.margin.push(match margin.filter(inside) {
                    Some(margin) => Slot::known(margin),
                    // Unknown, or so far apart that 64 bits cannot say it.
                    None => self.margin(test, *case),
                });
            }
        }
        columns
    }

    fn scheme_columns(&self, scheme: &Scheme, rows: &[usize]) -> SchemeColumns {
        let finding = truths(&self.registers[scheme.when.index()], rows);
        let until = scheme.until.map(|step| numbers(&self.registers[step.index()], rows));
        let persons = scheme.persons.as_ref().map_or_else(Vec::new, |of| self.person_columns(of, rows));
        SchemeColumns { finding, until, persons }
    }

    fn person_columns(&self, scheme: &PersonScheme, rows: &[usize]) -> Vec<(u32, Vec<PersonFinding>)> {
        let when = &self.registers[scheme.when.index()];
        if when.as_same().is_some_and(|same| same.truth().0 == Tri::NotMet) {
            return Vec::new();
        }
        let mut cases: BTreeSet<usize> =
            when.open().map(|(row, _)| self.slice.case_of[row as usize] as usize).collect();
        cases.extend(
            (0..when.len()).filter(|row| when.known().at(*row) != 0).map(|row| self.slice.case_of[row] as usize),
        );
        let found = rows.iter().enumerate().filter(|(_, case)| cases.contains(case));
        let found = found.map(|(at, case)| (at as u32, self.persons_scheme(scheme, *case)));
        found.filter(|(_, persons)| !persons.is_empty()).collect()
    }

    /// Category, what else is possible, and what is waited for: as [`crate::Derived`] has it.
    fn stand(&self, found: &mut Concluded, order: &[usize], rows: &[usize]) {
        for (at, case) in rows.iter().enumerate() {
            let (mut category, mut possible, mut waiting) = (None, Vec::new(), Why::KNOWN);
            let mut waits: Vec<Why> = Vec::new();
            for scheme in order {
                match found.schemes[*scheme].finding[at] {
                    Tri::NotMet => {}
                    Tri::Met => {
                        category = possible.is_empty().then_some(*scheme as u8);
                        possible.push(*scheme as u8);
                        break;
                    }
                    Tri::Undetermined => {
                        possible.push(*scheme as u8);
                        waiting = self.registers[self.program.schemes[*scheme].when.index()].get(*case).truth().1;
                        waits.push(waiting);
                    }
                }
            }
            let amount = category.and_then(|scheme| self.program.schemes[usize::from(scheme)].amount);
            found.amount.push(amount.map_or(Slot::NONE, |step| self.registers[step.index()].get(*case)));
            if !waiting.is_known() {
                let reasons = waits.iter().flat_map(|why| self.slice.reasons.list(*why));
                let names: BTreeSet<String> = reasons.map(|reason| reason.source.as_str().to_owned()).collect();
                found.waiting_on.push((at as u32, names.into_iter().collect()));
            }
            found.category.push(category);
            if !possible.is_empty() && category.is_none() {
                found.possible.push((at as u32, possible));
            }
        }
    }

    fn raise(&self, found: &mut Concluded, plan: &EvidencePlan, rows: &[usize]) {
        let program = self.program;
        let mut at_of = vec![None; self.slice.cases.len()];
        rows.iter().enumerate().for_each(|(at, case)| at_of[*case] = Some(at));
        found.flag_counts = FlagSeverity::ALL.map(|_| vec![0; rows.len()]);
        for (index, flag) in program.flags.iter().enumerate() {
            let when = &self.registers[flag.when.index()];
            if when.as_same().is_some_and(|same| same.truth().0 != Tri::Met) {
                continue;
            }
            let of_persons = program.steps[flag.when.index()].entity == Entity::Person;
            let severity = FlagSeverity::ALL.iter().position(|s| *s == flag.severity).unwrap_or(0);
            let met = when.known();
            for row in (0..when.len()).filter(|row| met.at(*row) != 0) {
                let case = if of_persons { self.slice.case_of[row] as usize } else { row };
                if flag.entity == Entity::Person && !self.slice.is_member(row) {
                    continue;
                }
                let Some(at) = at_of[case] else { continue };
                found.flag_counts[severity][at] += 1;
                let person = (flag.entity == Entity::Person).then_some(row);
                let compared = |step: Option<StepId>| step.and_then(|step| self.compared(step, case, person).known());
                found.flags.push(RaisedRow {
                    case: (self.slice.cases.start + case) as u32,
                    person: person.map(|person| self.slice.person(person)),
                    flag: index as u16,
                    declared: compared(flag.declared),
                    found: compared(flag.found),
                    evidence: self.evidence_rows(plan, index, case, person),
                });
            }
        }
        found.flags.sort_by_key(|raised| (raised.case, raised.flag));
    }
}

/// The numbers of some rows, where they are known.
fn numbers(register: &Register, rows: &[usize]) -> Numbers {
    let mut numbers = Numbers { values: SmallVec::with_capacity(rows.len()), known: SmallVec::new() };
    if register.is_closed() {
        let known = register.known();
        numbers.values.extend(rows.iter().map(|row| known.at(*row)));
    } else {
        rows.iter().for_each(|row| numbers.push(register.get(*row)));
    }
    numbers
}

fn truths(register: &Register, rows: &[usize]) -> SmallVec<[Tri; 8]> {
    if register.is_settled() {
        let known = register.known();
        return rows.iter().map(|row| if known.at(*row) == 0 { Tri::NotMet } else { Tri::Met }).collect();
    }
    rows.iter().map(|row| register.get(*row).truth().0).collect()
}
