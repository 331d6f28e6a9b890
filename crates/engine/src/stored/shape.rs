//! What there is to keep of a case, and where it lies among what is kept.

use hedui_rules::Program;
use hedui_rules::program::{Entity, Input, StepKind};

use super::StoredSetting;

/// What there is to store under a program and setting; found once for all cases.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Steps that are facts, with their dataset, in order.
    pub(crate) facts: Vec<(usize, usize)>,
    /// The values of each fact among those of all facts.
    pub(crate) fact_values: Vec<Values>,
    /// The values of each input among those of all inputs.
    pub(crate) input_values: Vec<Values>,
    /// By source of the setting: the entity of the dataset it serves; none if the program does not read it.
    pub(crate) served: Vec<Option<Entity>>,
}

/// Where values of one kind lie among those of a case, one for the household or one a person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    pub(crate) entity: Entity,
    pub(crate) is_number: bool,
    /// How many kinds before this one are of households, and how many of people.
    before: (usize, usize),
}

impl Values {
    fn all(kinds: impl Iterator<Item = (Entity, bool)>) -> Vec<Self> {
        let mut before = (0, 0);
        let kind = |(entity, is_number)| {
            let own = Self { entity, is_number, before };
            match entity {
                Entity::Household => before.0 += 1,
                Entity::Person => before.1 += 1,
            }
            own
        };
        kinds.map(kind).collect()
    }

    /// The place of the first of them in a case of so many people.
    pub(crate) const fn start(&self, people: usize) -> usize {
        self.before.0 + self.before.1 * people
    }

    /// The place behind the last of them.
    pub(crate) const fn end(&self, people: usize) -> usize {
        self.start(people) + owners(self.entity, people)
    }
}

impl Shape {
    pub(crate) fn of(program: &Program, setting: &StoredSetting) -> Self {
        let fact = |(step, kind): (usize, &StepKind)| match kind {
            StepKind::Fact { dataset, .. } => Some((step, dataset.index())),
            _ => None,
        };
        let served =
            |dataset: &String| program.datasets.iter().find(|used| used.name == *dataset).map(|used| used.entity);
        let facts: Vec<_> = program.steps.iter().map(|step| &step.kind).enumerate().filter_map(fact).collect();
        let kind = |(step, _): &(usize, usize)| (program.steps[*step].entity, program.steps[*step].ty.is_int());
        let input = |input: &Input| (input.entity, input.spec.ty.is_int());
        Self {
            fact_values: Values::all(facts.iter().map(kind)),
            input_values: Values::all(program.inputs.iter().map(input)),
            facts,
            served: setting.sources.iter().map(|(_, dataset)| served(dataset)).collect(),
        }
    }
}

/// How many values of a kind a case of so many people has.
pub(super) const fn owners(entity: Entity, people: usize) -> usize {
    match entity {
        Entity::Household => 1,
        Entity::Person => people,
    }
}
