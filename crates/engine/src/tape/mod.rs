//! A program as a tape: for one household at a time.
//!
//! The kernel computes an expression for hundreds of households at once, and what a pass costs beside its rows does not
//! matter. For one household nothing else matters. A tape is the same program without its trees: operations in a row, each
//! on cells that earlier ones left, what is written twice computed once, parameters cut to those in force. The cells are
//! those of the kernel, and so is all that operators and aggregates do to them; a property test holds both to the same
//! results. Where a computation breaks, the kernel is asked instead, which knows whom to blame.

mod cells;
mod compile;
mod fold;
mod handed_over;
mod memory;
mod read;
mod run;

use std::sync::Arc;

use hedui_base::ColumnType;
use hedui_rules::program::{AggregateFn, CompareOp, Entity, FlagSeverity, RoundMode, Scale};

use crate::parameters::InForce;
use crate::scale::Brackets;

pub(crate) use handed_over::Results;
pub(crate) use run::Scratch;

use handed_over::HandedOver;

/// A program, as of a day, as operations in a row.
#[derive(Debug)]
pub(crate) struct Tape<'p> {
    nodes: Vec<Node<'p>>,
    /// What each step's value is, and whether it is one of people.
    steps: Vec<(At, bool)>,
    handed_over: HandedOver,
    /// By operation, those that read it and have cells of the household or of its people: `consumers[first[at]..first[at + 1]]`.
    consumers: Vec<At>,
    first_consumer: Vec<u32>,
    /// By dataset, the operations that read its records.
    of_records: Vec<Operations>,
    /// By input, the operation that reads it.
    of_input: Vec<Option<At>>,
    /// Texts that the program speaks of.
    texts: Vec<&'p str>,
    /// By parameter.
    in_force: Vec<InForce<'p>>,
    /// Brackets of scales, by parameter; empty for the others.
    brackets: Vec<Vec<Brackets<'p>>>,
}

/// Position of an operation on its tape, and of its cells.
type At = u32;

/// A set of operations of a tape, one bit each.
type Operations = Box<[u64]>;

impl Tape<'_> {
    /// The operations that have to be looked at where the cells of another one are not what they were.
    fn consumers(&self, at: usize) -> &[At] {
        &self.consumers[self.first_consumer[at] as usize..self.first_consumer[at + 1] as usize]
    }

    /// A set of all operations.
    fn all(&self) -> Operations {
        let nodes = self.nodes.len();
        (0..nodes.div_ceil(64)).map(|word| u64::MAX >> (64 - (nodes - word * 64).min(64))).collect()
    }
}

/// Whose cells an operation makes: of the household, of its people, or of the records and ghosts of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Level(u32);

impl Level {
    const HOUSEHOLD: Self = Self(0);
    const PERSON: Self = Self(1);

    const fn records(dataset: usize) -> Self {
        Self(dataset as u32 + 2)
    }

    const fn index(self) -> usize {
        self.0 as usize
    }

    /// The dataset whose records they are of.
    const fn dataset(self) -> Option<usize> {
        (self.0 as usize).checked_sub(2)
    }
}

impl From<Entity> for Level {
    fn from(entity: Entity) -> Self {
        match entity {
            Entity::Household => Self::HOUSEHOLD,
            Entity::Person => Self::PERSON,
        }
    }
}

#[derive(Debug)]
struct Node<'p> {
    level: Level,
    op: Op<'p>,
}

/// What is done, to cells of earlier operations. Kept small: a tape is read from end to end for every household.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op<'p> {
    Known(i64),
    /// Of [`Tape::texts`].
    Text(u32),
    Residence,
    IsMember,
    IsObligor,
    /// Of the dataset of the level.
    Column(u32),
    Input(u32),
    /// A person's cell for each of their records.
    Gather(At),
    Parameter(Box<Asked>),
    Scale(Box<(Asked, Scale)>),
    Not(At),
    And(At, At),
    Or(At, At),
    Compare(CompareOp, At, At),
    CompareTexts(CompareOp, At, At),
    IsNone(At),
    Case {
        branches: Box<[(At, At)]>,
        otherwise: At,
        is_text: bool,
    },
    Neg(At),
    Abs(At),
    Add(At, At),
    Sub(At, At),
    Mul(At, At, u8),
    Div {
        a: At,
        b: At,
        raise: i8,
        step: u32,
    },
    Rescale(At, i8),
    Round(RoundMode, At, At),
    Extreme {
        of: Box<[At]>,
        largest: bool,
    },
    /// Of months.
    AddToMonth(At, i32),
    /// Of dates.
    AddMonths(At, i32),
    ShiftMonths(At, At),
    AddDays(At, i32),
    PerMonth(At, u32),
    MonthOf(At),
    Age(At),
    Aggregate(Box<Aggregated>),
    Assume(Box<Assumption<'p>>),
    FlagCount(FlagSeverity),
}

/// A parameter and what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    id: usize,
    keys: Box<[(At, ColumnType)]>,
    /// The rule at work, where it has a part in the result.
    step: Option<usize>,
}

/// A value that stands in for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Assumption<'p> {
    value: At,
    instead: At,
    reason: &'p Arc<str>,
    /// The rule at work.
    step: usize,
}

/// An aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Aggregated {
    function: AggregateFn,
    /// Over records of a dataset; none over the people of the household.
    dataset: Option<usize>,
    argument: Option<At>,
    is_text: bool,
    /// For functions that sum by month.
    month: Option<At>,
    /// Which rows count; none means all.
    inside: Option<At>,
}
