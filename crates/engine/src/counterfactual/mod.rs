//! What would have to be different: the smallest single changes that would change the finding of a scheme.
//!
//! A change is of one thing: an amount, an asset, a member, an answer that is missing. Each is tried by the kernel itself on
//! a copy of the case, never by a second implementation; many copies are computed side by side. What is listed was computed
//! once more by a whole run with the change and, for an amount, with one unit less.

mod homes;
mod lab;
mod matters;
mod search;
mod tries;

use hedui_base::{ColumnType, PersonKey, SourceId, Tri};
use hedui_rules::Program;
use hedui_rules::program::{DatasetId, InputId, StepId};
use jiff::civil::Date;

use crate::input::Caseload;
use crate::interval::Span;
use crate::output::{CaseError, CaseErrorKind, Cell};
use crate::shown::{Held, Value};
use lab::{Depth, Lab, Place, Variant, World};

/// One thing that might be different about a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A declared input is another number, or is declared at all.
    Input {
        /// Which.
        input: InputId,
        /// Whose; none for the household's.
        person: Option<PersonKey>,
        /// In the type's scale.
        to: i64,
    },
    /// What the records about somebody come to is another number.
    Fact {
        /// The fact.
        step: StepId,
        /// Whose; none for the household's.
        person: Option<PersonKey>,
        /// In the type's scale.
        to: i64,
    },
    /// One record is not there.
    WithoutRecord {
        /// Its dataset.
        dataset: DatasetId,
        /// Whose; none for a record of the household.
        person: Option<PersonKey>,
        /// Who sent it.
        source: SourceId,
        /// Its natural key.
        record_id: String,
    },
    /// A member or obligor does not belong to the case.
    WithoutPerson {
        /// Who.
        person: PersonKey,
    },
    /// There is one member more, of whom no source has a record and who declares the least there can be; whatever else is
    /// asked about them is unsaid.
    WithMember,
    /// A source that has not answered answers: that there is no record, or records that bring a fact to a number.
    Answer {
        /// The source.
        source: SourceId,
        /// About whom; nobody for a source of households.
        people: Vec<PersonKey>,
        /// The fact, whose it is, and its value once the answer is in.
        fact: Option<(StepId, Option<PersonKey>, i64)>,
    },
}

/// What sort of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// An answer or declaration that is missing comes.
    Answer,
    /// A number is another.
    Amount,
    /// A record is not there.
    Asset,
    /// A person more or less.
    Member,
}

/// In what the size of a change is counted: sizes in different units cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeUnit {
    /// Fen, of a stock, a month or a year.
    Fen,
    /// Things or people.
    Count,
    /// Hundredths of a square metre.
    Area,
    /// The last digit of a decimal.
    Digit,
    /// Days.
    Day,
    /// Months.
    Month,
}

/// How much is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// No smaller change of the same number comes to the same finding: every smaller value was ruled out.
    Whole,
    /// One unit less does not, and no smaller value that was looked at does; not every value was.
    Edge,
}

/// One change and what it would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterfactual {
    /// What is different.
    pub change: Change,
    /// The sort of change.
    pub kind: ChangeKind,
    /// The finding then.
    pub after: Tri,
    /// The value as it is; none where the change is not of a number.
    pub old: Option<Value>,
    /// The value then.
    pub new: Option<Value>,
    /// How large the change is, in `unit`. Of a record it is the largest amount in it.
    pub size: i64,
    /// In what it is counted.
    pub unit: ChangeUnit,
    /// How much is proven about smaller ones.
    pub proof: Proof,
}

/// What would change the finding of one scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIf {
    /// The finding as it is.
    pub before: Tri,
    /// Changes by kind and unit, the smallest first; a few of each at most.
    pub changes: Vec<Counterfactual>,
    /// Names of inputs, facts and sources whose smallest change could not be told within what a search may cost.
    pub left_out: Vec<String>,
}

/// The smallest single changes that would change the finding of a scheme (an index into the program's) for one case.
///
/// A finding that is met or not met changes to the other; an open one to either. Nothing is listed that a run does not
/// confirm.
///
/// # Errors
/// [`CaseError`] as a run would list it, also if there is no such row or scheme.
pub fn what_if(
    program: &Program,
    caseload: &Caseload,
    row: usize,
    as_of: Date,
    scheme: usize,
) -> Result<WhatIf, CaseError> {
    let before = finding_if(program, caseload, row, as_of, scheme, &[])?;
    let lab = Lab::new(program, as_of, program.schemes[scheme].when.index());
    Ok(tries::all(&lab, homes::isolate(program, caseload, row), before))
}

/// The finding of a scheme for one case with some changes made, by a whole run.
///
/// # Errors
/// As [`what_if`], and if the changed case cannot be computed.
pub fn finding_if(
    program: &Program,
    caseload: &Caseload,
    row: usize,
    as_of: Date,
    scheme: usize,
    changes: &[Change],
) -> Result<Tri, CaseError> {
    let error = |kind| {
        let case = caseload.cases.id.get(row).cloned().unwrap_or_else(|| "".into());
        CaseError { row, case, rule: String::new(), file: String::new(), line: 0, kind }
    };
    let when = program.schemes.get(scheme).map(|scheme| scheme.when.index());
    let Some(when) = when.filter(|_| row < caseload.cases.id.len()) else {
        return Err(error(CaseErrorKind::NoSuchCase));
    };
    if changes.is_empty() {
        let trace = crate::trace(program, caseload, row, as_of)?;
        return Ok(trace.findings().cases[0].schemes[scheme].finding);
    }
    let lab = Lab::new(program, as_of, when);
    let mut world = World { home: homes::isolate(program, caseload, row), facts: [].into_iter().collect() };
    let mut patch = None;
    for change in changes {
        world.home = homes::changed(program, &world.home, change);
        patch = patch_of(&world.home, change).or(patch);
    }
    let verdict = lab.verdicts(&[world], &[Variant { world: 0, patch }], Depth::All)[0];
    verdict.tri.ok_or_else(|| error(CaseErrorKind::Overflow))
}

/// The cell that a change sets in the kernel, where it is not one of the caseload.
fn patch_of(home: &Caseload, change: &Change) -> Option<(Place, Span)> {
    let (step, person, to) = match change {
        Change::Fact { step, person, to } => (*step, *person, *to),
        Change::Answer { fact: Some((step, person, to)), .. } => (*step, *person, *to),
        _ => return None,
    };
    let row = match person {
        None => None,
        Some(person) => Some(home.persons.key.iter().position(|key| *key == person)?),
    };
    Some((Place::Fact(step.index(), row), Span::exact(to)))
}

/// A number as a value; a none where it is not one.
fn value(ty: ColumnType, number: Option<i64>) -> Value {
    Value { ty, held: Held::Number(number.map_or(Cell::None, Cell::Known)) }
}

impl ChangeUnit {
    /// The unit of a type's last digit; none where sizes mean nothing.
    #[must_use]
    pub const fn of(ty: ColumnType) -> Option<Self> {
        Some(match ty {
            ColumnType::Money(_) => Self::Fen,
            ColumnType::Int => Self::Count,
            ColumnType::Area => Self::Area,
            ColumnType::Decimal(_) => Self::Digit,
            ColumnType::Date => Self::Day,
            ColumnType::Month => Self::Month,
            ColumnType::Bool | ColumnType::Text | ColumnType::Code | ColumnType::Person => return None,
        })
    }

    /// Farther than any number of this unit is in earnest.
    const fn horizon(self) -> i64 {
        match self {
            Self::Fen => 10_000_000_000_000,
            Self::Count | Self::Digit => 1_000_000_000,
            Self::Area => 100_000_000,
            Self::Day => 200 * 366,
            Self::Month => 200 * 12,
        }
    }
}
