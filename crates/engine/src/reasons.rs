//! Why cells are unknown: sets of reasons, interned once per slice, so that a cell carries one small number.

use std::sync::{Arc, LazyLock};

use hedui_base::SourceId;
use hedui_rules::Program;
use hedui_rules::program::RowValue;
use rustc_hash::FxHashMap;

use crate::output::{CaseErrorKind, Reason};

/// A set of reasons; [`Why::KNOWN`] is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Why(u32);

impl Why {
    pub(crate) const KNOWN: Self = Self(0);

    pub(crate) fn is_known(self) -> bool {
        self == Self::KNOWN
    }
}

/// A computation that broke: it travels like a reason, so that a branch not taken does no harm, and fails the case if it
/// reaches the value of any step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// Index of the step.
    pub(crate) step: usize,
    pub(crate) kind: CaseErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Atom {
    Reason(Reason),
    Fault(Fault),
}

/// Reasons that a program itself may give, whatever the household: values nobody published, inputs nobody declared. Each is a set
/// of its own in every slice, under the same small number, so that none is made anew for every household.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    reasons: Vec<Reason>,
    /// From 0 to one less than there are reasons.
    ids: Vec<u32>,
    gaps: FxHashMap<Box<str>, Why>,
    undeclared: FxHashMap<Box<str>, Why>,
}

static NONE_STANDING: LazyLock<Arc<Standing>> = LazyLock::new(Arc::default);

impl Standing {
    pub(crate) fn of(program: &Program) -> Self {
        let mut standing = Self::default();
        for parameter in &program.parameters {
            if parameter.rows.iter().any(|row| matches!(row.value, RowValue::Gap(_))) {
                let why = standing.add(Reasons::gap_of(&parameter.name));
                standing.gaps.insert(parameter.name.as_str().into(), why);
            }
        }
        for input in &program.inputs {
            let why = standing.add(Reasons::undeclared_of(&input.name));
            standing.undeclared.insert(input.name.as_str().into(), why);
        }
        standing
    }

    fn add(&mut self, reason: Reason) -> Why {
        self.ids.push(self.reasons.len() as u32);
        self.reasons.push(reason);
        Why(self.reasons.len() as u32)
    }
}

/// All sets of reasons of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Reasons {
    /// Those of the first atoms and, one each, of the first sets after the empty one.
    standing: Arc<Standing>,
    /// The atoms behind them.
    atoms: Vec<Atom>,
    atom_ids: FxHashMap<Atom, u32>,
    /// The sets behind them.
    sets: Vec<Box<[u32]>>,
    set_ids: FxHashMap<Box<[u32]>, Why>,
    unions: FxHashMap<(Why, Why), Why>,
    /// By set in `sets`.
    faulty: Vec<bool>,
    any_fault: bool,
}

impl Default for Reasons {
    fn default() -> Self {
        Self::over(Arc::clone(&NONE_STANDING))
    }
}

impl Reasons {
    pub(crate) fn over(standing: Arc<Standing>) -> Self {
        Self {
            standing,
            atoms: Vec::new(),
            atom_ids: FxHashMap::default(),
            sets: Vec::new(),
            set_ids: FxHashMap::default(),
            unions: FxHashMap::default(),
            faulty: Vec::new(),
            any_fault: false,
        }
    }

    fn gap_of(parameter: &str) -> Reason {
        Reason { source: SourceId::from(format!("parameter.{parameter}").as_str()), cause: "gap" }
    }

    fn undeclared_of(input: &str) -> Reason {
        Reason { source: SourceId::from(input), cause: "null" }
    }

    /// That nobody published what a parameter is.
    pub(crate) fn gap(&mut self, parameter: &str) -> Why {
        let standing = self.standing.gaps.get(parameter).copied();
        standing.unwrap_or_else(|| self.only(Atom::Reason(Self::gap_of(parameter))))
    }

    /// That nobody declared an input.
    pub(crate) fn undeclared(&mut self, input: &str) -> Why {
        let standing = self.standing.undeclared.get(input).copied();
        standing.unwrap_or_else(|| self.only(Atom::Reason(Self::undeclared_of(input))))
    }

    /// Whether a set is the same in every slice of the program.
    pub(crate) fn is_standing(&self, why: Why) -> bool {
        why.0 as usize <= self.standing.reasons.len()
    }

    /// The set of one reason.
    pub(crate) fn because(&mut self, source: &SourceId, cause: &'static str) -> Why {
        self.only(Atom::Reason(Reason { source: source.clone(), cause }))
    }

    /// The set of one fault.
    pub(crate) fn fault(&mut self, fault: Fault) -> Why {
        self.only(Atom::Fault(fault))
    }

    fn only(&mut self, atom: Atom) -> Why {
        let next = (self.standing.reasons.len() + self.atoms.len()) as u32;
        let id = *self.atom_ids.entry(atom.clone()).or_insert(next);
        if id == next {
            self.atoms.push(atom);
        }
        self.set(Box::new([id]))
    }

    fn set(&mut self, members: Box<[u32]>) -> Why {
        if members.is_empty() {
            return Why::KNOWN;
        }
        if let Some(why) = self.set_ids.get(&members) {
            return *why;
        }
        let why = Why((self.standing.reasons.len() + 1 + self.sets.len()) as u32);
        let faulty = members.iter().any(|member| self.fault_of(*member).is_some());
        self.any_fault |= faulty;
        self.faulty.push(faulty);
        self.sets.push(members.clone());
        self.set_ids.insert(members, why);
        why
    }

    fn members(&self, why: Why) -> &[u32] {
        let standing = &self.standing.ids;
        match (why.0 as usize).checked_sub(1) {
            None => &[],
            Some(at) if at < standing.len() => &standing[at..=at],
            Some(at) => &self.sets[at - standing.len()],
        }
    }

    fn reason_of(&self, member: u32) -> Option<&Reason> {
        let standing = &self.standing.reasons;
        match (member as usize).checked_sub(standing.len()) {
            None => Some(&standing[member as usize]),
            Some(at) => match &self.atoms[at] {
                Atom::Reason(reason) => Some(reason),
                Atom::Fault(_) => None,
            },
        }
    }

    fn fault_of(&self, member: u32) -> Option<&Fault> {
        match &self.atoms[(member as usize).checked_sub(self.standing.reasons.len())?] {
            Atom::Fault(fault) => Some(fault),
            Atom::Reason(_) => None,
        }
    }

    /// All reasons of both.
    pub(crate) fn union(&mut self, a: Why, b: Why) -> Why {
        if a == b || b.is_known() {
            return a;
        }
        if a.is_known() {
            return b;
        }
        let pair = (a.min(b), a.max(b));
        if let Some(why) = self.unions.get(&pair) {
            return *why;
        }
        let mut members: Vec<u32> = self.members(a).iter().chain(self.members(b)).copied().collect();
        members.sort_unstable();
        members.dedup();
        let why = self.set(members.into());
        self.unions.insert(pair, why);
        why
    }

    /// Whether one set lies within another.
    pub(crate) fn includes(&self, all: Why, some: Why) -> bool {
        let all = self.members(all);
        self.members(some).iter().all(|member| all.binary_search(member).is_ok())
    }

    /// Whether every reason of a set has one cause.
    pub(crate) fn are_all(&self, why: Why, cause: &str) -> bool {
        self.members(why).iter().all(|member| self.reason_of(*member).is_some_and(|reason| reason.cause == cause))
    }

    /// Whether anything broke in this slice at all.
    pub(crate) const fn any_fault(&self) -> bool {
        self.any_fault
    }

    /// The first fault in a set, by step and kind.
    pub(crate) fn first_fault(&self, why: Why) -> Option<&Fault> {
        let at = (why.0 as usize).checked_sub(self.standing.reasons.len() + 1)?;
        if !self.faulty[at] {
            return None;
        }
        self.members(why).iter().filter_map(|member| self.fault_of(*member)).min()
    }

    /// The reasons of a set, sorted.
    pub(crate) fn list(&self, why: Why) -> Vec<Reason> {
        let mut reasons: Vec<Reason> =
            self.members(why).iter().filter_map(|member| self.reason_of(*member)).cloned().collect();
        reasons.sort();
        reasons
    }
}
