//! What is handed over once all operations are done: columns of the steps that findings, flags and explanations are made of.
//! Most flags are not raised and most facts are what they usually are, and of those nobody reads a column.

use hedui_rules::Program;
use hedui_rules::program::StepId;

use super::run::Player;
use super::{At, Tape};
use crate::counted::Counted;
use crate::evidence::EvidencePlan;
use crate::register::Register;
use crate::stored::Shape;

/// Columns that are handed over.
#[derive(Debug, Default)]
pub(super) struct HandedOver {
    steps: Vec<Handed>,
    masks: Vec<Masks>,
}

/// The column of a step.
#[derive(Debug)]
struct Handed {
    step: usize,
    at: At,
    of_people: bool,
    wanted: Wanted,
}

/// When a column is wanted.
#[derive(Debug)]
enum Wanted {
    Always,
    /// Where a fact is not what it usually is: 0, or none if it is no number.
    Unusual {
        is_number: bool,
    },
    /// Where one of some conditions of flags is not settled as not met.
    Raised(Vec<At>),
}

/// Which records each aggregate of a fact counts; none means all.
#[derive(Debug)]
pub(super) struct Masks {
    pub(super) step: usize,
    pub(super) dataset: usize,
    pub(super) inside: Vec<Option<At>>,
    wanted: Wanted,
}

/// What is read of a program's results: the evidence of flags, and what is kept of a case if anything is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Results<'r> {
    pub(crate) evidence: &'r EvidencePlan,
    pub(crate) kept: Option<&'r Shape>,
}

impl Results<'_> {
    /// Whether masks of a fact are wanted at all.
    pub(super) fn masks(&self, step: usize) -> bool {
        self.evidence.keep.get(step) == Some(&true)
    }
}

impl HandedOver {
    /// What is handed over, from the operation of each step and the masks of facts.
    pub(super) fn of(
        program: &Program,
        results: Results<'_>,
        steps: &[(At, bool)],
        masks: Vec<(usize, usize, Vec<Option<At>>)>,
    ) -> Self {
        let mut wanted: Vec<Option<Wanted>> = steps.iter().map(|_| None).collect();
        let facts = results.kept.map_or(&[][..], |shape| &shape.facts);
        for (step, _) in facts {
            wanted[*step] = Some(Wanted::Unusual { is_number: program.steps[*step].ty.is_int() });
        }
        let mut behind: Vec<Vec<At>> = vec![Vec::new(); steps.len()];
        for (index, flag) in program.flags.iter().enumerate() {
            let when = steps[flag.when.index()].0;
            for step in [Some(flag.when), flag.declared, flag.found].into_iter().flatten() {
                match &mut wanted[step.index()] {
                    Some(Wanted::Raised(flags)) => flags.push(when),
                    Some(fact) => *fact = Wanted::Always,
                    none => *none = Some(Wanted::Raised(vec![when])),
                }
            }
            results.evidence.facts(index).for_each(|fact| behind[fact].push(when));
        }
        let mut always = |step: StepId| wanted[step.index()] = Some(Wanted::Always);
        for test in &program.tests {
            [Some(test.value), test.limit, Some(test.result)].into_iter().flatten().for_each(&mut always);
        }
        for scheme in &program.schemes {
            [Some(scheme.when), scheme.amount, scheme.until].into_iter().flatten().for_each(&mut always);
            if let Some(persons) = &scheme.persons {
                [Some(persons.when), persons.amount, persons.until].into_iter().flatten().for_each(&mut always);
            }
        }
        program.score.into_iter().for_each(&mut always);
        let handed = |(step, (wanted, (at, of_people))): (usize, (Option<Wanted>, &(At, bool)))| {
            Some(Handed { step, at: *at, of_people: *of_people, wanted: wanted? })
        };
        let is_kept = |step: usize| facts.iter().any(|(fact, _)| *fact == step);
        let masks = masks.into_iter().map(|(step, dataset, inside)| {
            let flags = std::mem::take(&mut behind[step]);
            let wanted = if is_kept(step) { Wanted::Always } else { Wanted::Raised(flags) };
            Masks { step, dataset, inside, wanted }
        });
        let masks = masks.collect();
        Self { steps: wanted.into_iter().zip(steps).enumerate().filter_map(handed).collect(), masks }
    }
}

impl Player<'_, '_> {
    /// Hands over what is wanted, and says of which steps.
    pub(super) fn hand_over(&mut self, Tape { handed_over, steps, .. }: &Tape<'_>, left: &mut Vec<usize>) {
        let people = self.kernel.slice.persons.len();
        let mut registers = std::mem::take(&mut self.kernel.registers);
        registers.resize_with(steps.len(), || Register::OVER);
        for Handed { step, at, of_people, wanted } in &handed_over.steps {
            let wanted = match wanted {
                Wanted::Always => true,
                Wanted::Unusual { is_number } => !self.cells.is_usual(*at, *is_number),
                Wanted::Raised(flags) => self.may_be_raised(flags),
            };
            if wanted {
                left.push(*step);
                registers[*step] = self.cells.register(*at, if *of_people { people } else { 1 });
            }
        }
        self.kernel.registers = registers;
        self.kernel.counted.reserve(handed_over.masks.len());
        for Masks { step, dataset, inside, wanted } in &handed_over.masks {
            let frame = &self.kernel.slice.frames[*dataset];
            // Of no records none is looked at.
            let wanted = !frame.rows.is_empty()
                && match wanted {
                    Wanted::Raised(flags) => self.may_be_raised(flags),
                    Wanted::Always | Wanted::Unusual { .. } => true,
                };
            if wanted {
                let counted = self.counted(inside, frame.owner.len());
                self.kernel.counted.push(*step, counted);
            }
        }
    }

    /// Which of some records a fact counts with its aggregates.
    fn counted(&self, inside: &[Option<At>], rows: usize) -> Counted {
        let mut counted = Counted::none(rows);
        for mask in inside {
            match mask.map(|at| (at, self.cells.bits(at, rows))) {
                Some((_, Some(bits))) => counted.add_bits(bits),
                Some((at, None)) => counted.add(Some(&self.cells.register(at, rows))),
                None => counted.add(None),
            }
        }
        counted
    }

    fn may_be_raised(&self, flags: &[At]) -> bool {
        flags.iter().any(|when| self.cells.settled(*when) != Some(false))
    }
}
