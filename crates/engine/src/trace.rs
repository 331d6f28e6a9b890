//! One case with every register kept: any value can be read and unfolded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hedui_base::{ColumnType, PersonKey};
use hedui_rules::Program;
use hedui_rules::program::{Entity, StepId, Test};
use jiff::civil::Date;

use crate::evaluate::Kernel;
use crate::evidence::EvidencePlan;
use crate::explain::Explainer;
use crate::explanation::Explanation;
use crate::index::Index;
use crate::input::{Caseload, Role};
use crate::output::{CaseError, CaseErrorKind, Cell, Findings, Reason};
use crate::register::Slot;
use crate::shown::{Held, Value};
use crate::sides::{Points, Seen, look};
use crate::slice::Slice;

/// One case, computed by the same kernel as a run, with all registers kept.
#[derive(Debug)]
pub struct Trace<'a> {
    pub(crate) program: &'a Program,
    pub(crate) persons: Vec<(PersonKey, Role)>,
    pub(crate) kernel: Mutex<Kernel<'a>>,
    pub(crate) findings: Findings,
}

/// Something that has a value under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Step(usize),
    Input(usize),
}

/// What tracing needs of a program beside it: made once for any number of cases.
#[derive(Clone, Debug)]
pub struct TracePlan(Arc<EvidencePlan>);

impl TracePlan {
    /// The plan of a program.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        Self(Arc::new(EvidencePlan::new(program)))
    }
}

/// Computes one case of a caseload and keeps everything.
///
/// # Errors
/// [`CaseError`] as a run would list it, also if there is no such row.
pub fn trace<'a>(
    program: &'a Program,
    caseload: &'a Caseload,
    row: usize,
    as_of: Date,
) -> Result<Trace<'a>, CaseError> {
    trace_by(&TracePlan::of(program), program, caseload, row, as_of)
}

/// As [`trace`], by the plan that was made of this very program.
///
/// # Errors
/// As [`trace`].
pub fn trace_by<'a>(
    plan: &TracePlan,
    program: &'a Program,
    caseload: &'a Caseload,
    row: usize,
    as_of: Date,
) -> Result<Trace<'a>, CaseError> {
    if row >= caseload.cases.id.len() {
        let (case, rule, file) = ("".into(), String::new(), String::new());
        return Err(CaseError { row, case, rule, file, line: 0, kind: CaseErrorKind::NoSuchCase });
    }
    let slice = Slice::new(program, caseload, &Index::new(program, caseload), row..row + 1);
    traced(Kernel::new(program, slice, as_of, [].into()), &plan.0)
}

/// Computes a slice of one case and keeps everything.
pub(crate) fn traced<'a>(mut kernel: Kernel<'a>, plan: &EvidencePlan) -> Result<Trace<'a>, CaseError> {
    let program = kernel.program;
    kernel.keep = plan.keep.clone();
    let broken = kernel.run();
    let mut findings = kernel.findings(broken, plan);
    if let Some(error) = findings.errors.pop() {
        return Err(error);
    }
    // What is evaluated from here on explains values that stand; it keeps no masks.
    kernel.keep = [].into();
    let role = |person: usize| if kernel.slice.is_member(person) { Role::Member } else { Role::Obligor };
    let persons = (0..kernel.slice.persons.len()).map(|person| (kernel.slice.person(person), role(person))).collect();
    Ok(Trace { program, persons, kernel: Mutex::new(kernel), findings })
}

impl<'a> Trace<'a> {
    /// The finding and flags of the case, as a run gives them.
    #[must_use]
    pub const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The people of the case, by key.
    #[must_use]
    pub fn persons(&self) -> &[(PersonKey, Role)] {
        &self.persons
    }

    /// The value of a step or input: of the household, or of a person in the case.
    ///
    /// A person's value needs the person, unless the case has only one.
    #[must_use]
    pub fn value(&self, name: &str, person: Option<PersonKey>) -> Option<Value> {
        let (slot, ty) = self.slot(name, person)?;
        Some(value(&self.kernel(), slot, ty))
    }

    /// Why a value is unknown; empty if it is known.
    #[must_use]
    pub fn reasons(&self, name: &str, person: Option<PersonKey>) -> Vec<Reason> {
        self.slot(name, person).map_or_else(Vec::new, |(slot, _)| self.kernel().slice.reasons.list(slot.why))
    }

    /// How a household's value came about, or that of the case's only person.
    ///
    /// For a person's value in a case of several see [`Trace::explain_for`]; here it is `None`.
    #[must_use]
    pub fn explain(&self, name: &str) -> Option<Explanation> {
        self.explain_for(name, None)
    }

    /// How a value came about, of the household or of a person.
    #[must_use]
    pub fn explain_for(&self, name: &str, person: Option<PersonKey>) -> Option<Explanation> {
        let (named, entity) = self.named(name)?;
        let row = self.row(entity, person)?;
        let mut kernel = self.kernel();
        let mut explainer = Explainer::new(&mut kernel);
        Some(match named {
            Named::Step(step) => explainer.step(step, row),
            Named::Input(input) => explainer.input(input, row),
        })
    }

    /// Names of all steps, in the order they were computed.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.program.steps.iter().map(|step| step.name.as_str())
    }

    /// Adds the sides of conditions and the rows of parameters that this case sees.
    ///
    /// `points` are those of the very program that this trace computed.
    pub fn look(&self, points: &Points, seen: &mut Seen) {
        look(&mut self.kernel(), points, seen);
    }

    /// The values of a step: the household's, or those of its people (members only for a step that judges them).
    pub(crate) fn values(&self, step: usize, members_only: bool) -> Vec<Value> {
        let kernel = self.kernel();
        let Some(definition) = self.program.steps.get(step) else { return Vec::new() };
        let counts = |row: &usize| {
            !members_only || definition.entity == Entity::Household || self.persons[*row].1 == Role::Member
        };
        let register = &kernel.registers[step];
        (0..register.len()).filter(counts).map(|row| value(&kernel, register.get(row), definition.ty)).collect()
    }

    /// How far inside the limit of a test of persons one person is.
    pub(crate) fn margin(&self, test: &Test, person: PersonKey) -> Cell {
        let row = self.row(Entity::Person, Some(person));
        row.map_or(Cell::None, |row| self.kernel().margin(test, row).cell())
    }

    pub(crate) fn kernel(&self) -> MutexGuard<'_, Kernel<'a>> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named(&self, name: &str) -> Option<(Named, Entity)> {
        if let Some(step) = self.program.step(name) {
            return Some((Named::Step(step.index()), self.step_entity(step)));
        }
        let input = self.program.inputs.iter().position(|input| input.name == name)?;
        Some((Named::Input(input), self.program.inputs[input].entity))
    }

    fn step_entity(&self, step: StepId) -> Entity {
        self.program.steps[step.index()].entity
    }

    fn row(&self, entity: Entity, person: Option<PersonKey>) -> Option<usize> {
        match (entity, person) {
            (Entity::Household, _) => Some(0),
            (Entity::Person, Some(person)) => self.persons.iter().position(|(key, _)| *key == person),
            (Entity::Person, None) => (self.persons.len() == 1).then_some(0),
        }
    }

    fn slot(&self, name: &str, person: Option<PersonKey>) -> Option<(Slot, ColumnType)> {
        let (named, entity) = self.named(name)?;
        let row = self.row(entity, person)?;
        let kernel = self.kernel();
        Some(match named {
            Named::Step(step) => (kernel.registers[step].get(row), self.program.steps[step].ty),
            Named::Input(input) => (kernel.slice.inputs[input].get(row), self.program.inputs[input].spec.ty),
        })
    }
}

/// A slot as people and cases read it.
pub(crate) fn value(kernel: &Kernel<'_>, slot: Slot, ty: ColumnType) -> Value {
    let held = match ty {
        ColumnType::Bool => Held::Condition(slot.truth().0),
        _ if ty.is_int() => Held::Number(slot.cell()),
        _ if slot.is_none() => Held::Text(None),
        _ if slot.is_known() => Held::Text(Some(kernel.slice.texts.get(slot.span.lo).into())),
        _ => Held::UnknownText,
    };
    Value { ty, held }
}
