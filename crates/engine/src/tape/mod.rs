//! A program as a tape: for one household at a time.
//!
//! The kernel computes an expression for hundreds of households at once, and what a pass costs beside its rows does not
//! matter. For one household nothing else matters. A tape is the same program without its trees: operations in a row, each
//! on cells that earlier ones left, what is written twice computed once, parameters cut to those in force. The cells are
//! those of the kernel, and so is all that operators and aggregates do to them; a property test holds both to the same
//! results. Where a computation breaks, the kernel is asked instead, which knows whom to blame.

mod cells;
mod compile;
mod run;

use std::sync::Arc;

use hedui_base::ColumnType;
use hedui_rules::program::{AggregateFn, CompareOp, Entity, FlagSeverity, RoundMode, Scale};

use crate::parameters::InForce;
use crate::scale::Brackets;

pub(crate) use run::Scratch;

/// A program, as of a day, as operations in a row.
#[derive(Debug)]
pub(crate) struct Tape<'p> {
    nodes: Vec<Node<'p>>,
    /// By operation, what its value depends on beside the place: bits of [`Tape::bit`], and [`OWN`]. It is the same for all households of
    /// a place that have nothing of what it reads.
    reads: Vec<u64>,
    /// What each step's value is, and whether it is one of people.
    steps: Vec<(At, bool)>,
    /// Of facts whose masks are kept.
    masks: Vec<Masks>,
    /// Texts that the program speaks of.
    texts: Vec<&'p str>,
    /// By parameter.
    in_force: Vec<InForce<'p>>,
    /// Brackets of scales, by parameter; empty for the others.
    brackets: Vec<Vec<Brackets<'p>>>,
}

/// Position of an operation on its tape, and of its cells.
type At = u32;

/// Which records each aggregate of a fact counts; none means all.
#[derive(Debug)]
struct Masks {
    step: usize,
    dataset: usize,
    inside: Vec<Option<At>>,
}

/// What every household has of its own: people, what they declared, words.
const OWN: u64 = 1 << 63;

impl Tape<'_> {
    /// The bit of a dataset; those beyond the 62nd share one.
    const fn bit(dataset: usize) -> u64 {
        1 << if dataset < 62 { dataset } else { 62 }
    }
}

/// Whose cells an operation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Level {
    Household,
    Person,
    /// Records and ghosts of a dataset.
    Records(usize),
}

impl From<Entity> for Level {
    fn from(entity: Entity) -> Self {
        match entity {
            Entity::Household => Self::Household,
            Entity::Person => Self::Person,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Node<'p> {
    level: Level,
    op: Op<'p>,
}

/// What is done, to cells of earlier operations. `step` is there where the rule at work has a part in the result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op<'p> {
    Known(i64),
    /// Of [`Tape::texts`].
    Text(usize),
    Residence,
    IsMember,
    IsObligor,
    /// Of the dataset of the level.
    Column(usize),
    Input(usize),
    /// A person's cell for each of their records.
    Gather(At),
    Parameter {
        id: usize,
        keys: Box<[(At, ColumnType)]>,
        step: Option<usize>,
    },
    Scale {
        id: usize,
        scale: Scale,
        keys: Box<[(At, ColumnType)]>,
    },
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
        step: usize,
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
    PerMonth(At, usize),
    MonthOf(At),
    Age(At),
    Aggregate(Aggregated),
    Assume {
        value: At,
        instead: At,
        reason: &'p Arc<str>,
        step: usize,
    },
    FlagCount(FlagSeverity),
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
