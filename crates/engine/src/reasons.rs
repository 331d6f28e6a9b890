//! Why cells are unknown: sets of reasons, interned once per slice, so that a cell carries one small number.

use hedui_base::SourceId;
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

/// All sets of reasons of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Reasons {
    atoms: Vec<Atom>,
    atom_ids: FxHashMap<Atom, u32>,
    sets: Vec<Box<[u32]>>,
    set_ids: FxHashMap<Box<[u32]>, Why>,
    unions: FxHashMap<(Why, Why), Why>,
    faulty: Vec<bool>,
    any_fault: bool,
}

impl Default for Reasons {
    fn default() -> Self {
        Self {
            atoms: Vec::new(),
            atom_ids: FxHashMap::default(),
            sets: vec![Box::default()],
            set_ids: FxHashMap::from_iter([(Box::default(), Why::KNOWN)]),
            unions: FxHashMap::default(),
            faulty: vec![false],
            any_fault: false,
        }
    }
}

impl Reasons {
    /// The set of one reason.
    pub(crate) fn because(&mut self, source: &SourceId, cause: &'static str) -> Why {
        self.only(Atom::Reason(Reason { source: source.clone(), cause }))
    }

    /// The set of one fault.
    pub(crate) fn fault(&mut self, fault: Fault) -> Why {
        self.only(Atom::Fault(fault))
    }

    fn only(&mut self, atom: Atom) -> Why {
        let next = self.atoms.len() as u32;
        let id = *self.atom_ids.entry(atom.clone()).or_insert(next);
        if id == next {
            self.atoms.push(atom);
        }
        self.set(Box::new([id]))
    }

    fn set(&mut self, members: Box<[u32]>) -> Why {
        if let Some(why) = self.set_ids.get(&members) {
            return *why;
        }
        let why = Why(self.sets.len() as u32);
        let faulty = members.iter().any(|m| matches!(self.atoms[*m as usize], Atom::Fault(_)));
        self.any_fault |= faulty;
        self.faulty.push(faulty);
        self.sets.push(members.clone());
        self.set_ids.insert(members, why);
        why
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
        let mut members: Vec<u32> =
            self.sets[a.0 as usize].iter().chain(self.sets[b.0 as usize].iter()).copied().collect();
        members.sort_unstable();
        members.dedup();
        let why = self.set(members.into());
        self.unions.insert(pair, why);
        why
    }

    /// Whether one set lies within another.
    pub(crate) fn includes(&self, all: Why, some: Why) -> bool {
        let all = &self.sets[all.0 as usize];
        self.sets[some.0 as usize].iter().all(|member| all.binary_search(member).is_ok())
    }

    /// Whether every reason of a set has one cause.
    pub(crate) fn are_all(&self, why: Why, cause: &str) -> bool {
        let is = |member: &u32| matches!(&self.atoms[*member as usize], Atom::Reason(r) if r.cause == cause);
        self.sets[why.0 as usize].iter().all(is)
    }

    /// Whether anything broke in this slice at all.
    pub(crate) const fn any_fault(&self) -> bool {
        self.any_fault
    }

    /// The first fault in a set, by step and kind.
    pub(crate) fn first_fault(&self, why: Why) -> Option<&Fault> {
        if !self.faulty[why.0 as usize] {
            return None;
        }
        let faults = self.sets[why.0 as usize].iter().filter_map(|m| match &self.atoms[*m as usize] {
            Atom::Fault(fault) => Some(fault),
            Atom::Reason(_) => None,
        });
        faults.min()
    }

    /// The reasons of a set, sorted.
    pub(crate) fn list(&self, why: Why) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self.sets[why.0 as usize]
            .iter()
            .filter_map(|m| match &self.atoms[*m as usize] {
                Atom::Reason(reason) => Some(reason.clone()),
                Atom::Fault(_) => None,
            })
            .collect();
        reasons.sort();
        reasons
    }
}
