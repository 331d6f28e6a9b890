//! Runs many changed copies of one case through the kernel at once and says what a scheme's condition comes to in each.

use std::sync::Arc;

use hedui_base::{SourceId, Tri};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::homes::side_by_side;
use super::matters::Matters;
use crate::evaluate::Kernel;
use crate::given::{FreeCell, Given};
use crate::index::Index;
use crate::input::Caseload;
use crate::interval::Span;
use crate::register::{Each, Presence, Register, Slot};
use crate::slice::Slice;

/// The case as it is, or with one answer more, with the values of its facts.
#[derive(Debug)]
pub(super) struct World {
    pub(super) home: Caseload,
    /// Of the facts that matter, by step: a cell per person or household. Empty until computed.
    pub(super) facts: FxHashMap<usize, Vec<FreeCell>>,
}

/// A cell that may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Of a declared input, for a person by row or for the household.
    Input(usize, Option<usize>),
    /// Of a step that is a fact.
    Fact(usize, Option<usize>),
}

/// A world with at most one cell within other bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub(super) world: usize,
    pub(super) patch: Option<(Place, Span)>,
}

/// What the condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// None if the case breaks.
    pub(super) tri: Option<Tri>,
    /// Whether it may turn on where in its bounds the patched cell lies.
    pub(super) depends: bool,
}

/// How much to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What the condition rests on, taking over the facts of the worlds where a patch cannot change them.
    Formulas,
    /// What the condition rests on, from the records.
    Records,
    /// Every step of the program, as a run does.
    All,
}

/// A condition of a program under question.
#[derive(Debug)]
pub(super) struct Lab<'p> {
    pub(super) program: &'p Program,
    pub(super) as_of: Date,
    /// The step of the condition.
    pub(super) step: usize,
    pub(super) matters: Matters,
}

impl<'p> Lab<'p> {
    pub(super) fn new(program: &'p Program, as_of: Date, step: usize) -> Self {
        Self { program, as_of, step, matters: Matters::of(program, step) }
    }

    /// What the condition comes to in each variant.
    pub(super) fn verdicts(&self, worlds: &[World], variants: &[Variant], depth: Depth) -> Vec<Verdict> {
        self.run(worlds, variants, depth, |kernel, broken, probe| {
            let when = &kernel.registers[self.step];
            let verdict = |case: usize| {
                let (tri, why) = when.get(case).truth();
                let depends = broken[case] || kernel.slice.reasons.includes(why, probe);
                Verdict { tri: (!broken[case]).then_some(tri), depends }
            };
            (0..variants.len()).map(verdict).collect()
        })
    }

    /// The facts that matter, computed from the records of some worlds, with what the condition comes to in each.
    pub(super) fn facts(&self, worlds: &[World]) -> Vec<(Verdict, FxHashMap<usize, Vec<FreeCell>>)> {
        let variants: Vec<Variant> = (0..worlds.len()).map(|world| Variant { world, patch: None }).collect();
        self.run(worlds, &variants, Depth::Records, |kernel, broken, _| {
            let when = &kernel.registers[self.step];
            let one = |case: usize| {
                let facts = self.matters.facts.iter().map(|fact| {
                    let definition = &self.program.steps[fact.step];
                    let rows = match definition.entity {
                        Entity::Household => case..case + 1,
                        Entity::Person => kernel.slice.people.of(case),
                    };
                    let register = &kernel.registers[fact.step];
                    (fact.step, rows.map(|row| FreeCell::of(kernel, register.get(row), definition.ty)).collect())
                });
                let tri = (!broken[case]).then(|| when.get(case).truth().0);
                (Verdict { tri, depends: broken[case] }, facts.collect())
            };
            (0..worlds.len()).map(one).collect()
        })
    }

    fn run<R>(
        &self,
        worlds: &[World],
        variants: &[Variant],
        depth: Depth,
        read: impl FnOnce(&Kernel<'_>, &[bool], crate::reasons::Why) -> R,
    ) -> R {
        let homes: Vec<&Caseload> = variants.iter().map(|variant| &worlds[variant.world].home).collect();
        let load = side_by_side(self.program, &homes, |dataset| match depth {
            Depth::Formulas => self.matters.reread.contains(&dataset),
            Depth::Records => self.matters.datasets.contains(&dataset),
            Depth::All => true,
        });
        let index = Index::new(self.program, &load);
        let mut slice = Slice::new(self.program, &load, &index, 0..variants.len());
        let probe = slice.reasons.because(&SourceId::from("what_if"), "what_if");
        let mut given = Given { probe: Some(probe), ..Given::default() };
        if depth != Depth::All {
            given.needed = Some(Arc::clone(&self.matters.steps));
        }
        if depth == Depth::Formulas {
            for fact in self.matters.facts.iter().filter(|fact| fact.pure) {
                let register = self.known_facts(fact.step, worlds, variants, &mut slice);
                given.registers.insert(fact.step, register);
            }
        }
        for (case, variant) in variants.iter().enumerate() {
            let Some((place, span)) = variant.patch else { continue };
            let slot = Slot::within(span, Presence::Some, probe);
            let row = |person: Option<usize>| person.map_or(case, |person| slice.people.of(case).start + person);
            match place {
                Place::Input(input, person) => {
                    let row = row(person);
                    slice.inputs[input].set(row, slot);
                }
                Place::Fact(step, person) => given.cells.entry(step).or_default().push((row(person), slot)),
            }
        }
        let mut kernel = Kernel::new(self.program, slice, self.as_of, Arc::from([]));
        kernel.given = given;
        let broken: Vec<bool> = kernel.run().iter().map(Option::is_some).collect();
        read(&kernel, &broken, probe)
    }

    /// A fact's register with the values that each variant's world has.
    fn known_facts<'a>(
        &self,
        step: usize,
        worlds: &'a [World],
        variants: &[Variant],
        slice: &mut Slice<'a>,
    ) -> Register {
        let mut of_world: Vec<Option<Vec<Slot>>> = vec![None; worlds.len()];
        let mut register = Each::with_capacity(variants.len());
        for variant in variants {
            let slots = of_world[variant.world].get_or_insert_with(|| {
                let cells = worlds[variant.world].facts.get(&step).map_or(&[][..], Vec::as_slice);
                cells.iter().map(|cell| cell.slot(slice)).collect()
            });
            slots.iter().for_each(|slot| register.push(*slot));
        }
        Register::each(register)
    }
}
