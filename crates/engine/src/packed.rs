//! Cases, people, records and outcomes as a store hands them over: whole columns in which nothing has to be looked up.
//!
//! The same as a [`crate::input::Caseload`], for very many cases at once. Texts are numbers of a list of words, records lie
//! in the order of their owners, and outcomes are there only where a source did not answer.

use std::sync::Arc;

use hedui_base::{AreaCode, CaseId, Outcome, PersonKey, SourceId};
use hedui_rules::Program;
use hedui_rules::program::{Expr, ExprKind, ParameterValue, RowValue, StepKind};
use rustc_hash::FxHashMap;

use crate::input::Role;
use crate::stored::checksum::text_sum;

/// Some cases with all that a program reads of them.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// One row a case.
    pub cases: PackedCases,
    /// One row a person in a case.
    pub persons: PackedPersons,
    /// One per dataset of the program, in its order.
    pub datasets: Vec<PackedDataset>,
    /// Sources that `unanswered` and `source` columns speak of.
    pub sources: Vec<SourceId>,
    /// How each source stands about each person's row, by source of the setting: code of the outcome, or 255 where nobody was
    /// asked. Only needed to keep explanations; empty otherwise.
    pub outcomes: Vec<Vec<u8>>,
    /// What the numbers of texts and codes stand for.
    pub words: Arc<Words>,
}

/// The cases.
#[derive(Clone, Debug, Default)]
pub struct PackedCases {
    /// The bureau's numbers.
    pub id: Vec<CaseId>,
    /// Area of the applying household.
    pub area: Vec<AreaCode>,
    /// `urban` or `rural` as a word; [`Words::NULL`] where nobody said.
    pub residence: Vec<u32>,
    /// Declared inputs of households, in the order of the program's inputs; none where nothing is declared or the input is a
    /// person's.
    pub inputs: Vec<Option<PackedColumn>>,
}

/// The people.
#[derive(Clone, Debug, Default)]
pub struct PackedPersons {
    /// Row of the case, ascending.
    pub case: Vec<u32>,
    /// Who, ascending within a case.
    pub key: Vec<PersonKey>,
    /// Whose records: an index into [`PackedDataset::start`]. People of different cases may share one.
    pub owner: Vec<u32>,
    /// Member or obligor.
    pub role: Vec<Role>,
    /// Declared inputs of persons, as in [`PackedCases::inputs`].
    pub inputs: Vec<Option<PackedColumn>>,
}

/// The live records of a dataset.
#[derive(Clone, Debug, Default)]
pub struct PackedDataset {
    /// Rows of owner `o` are `start[o]..start[o + 1]`. Owners are those of [`PackedPersons::owner`], or rows of cases for a
    /// dataset of households. Empty if there are no rows.
    pub start: Vec<u32>,
    /// In the order of the columns that the program uses; none reads as null.
    pub columns: Vec<Option<PackedColumn>>,
    /// Index into [`Packed::sources`] by row; needed where a column may be null and null means unknown.
    pub source: Vec<u16>,
    /// Where a source did not answer, by row of the person (or case), ascending.
    pub unanswered: Vec<Unanswered>,
    /// Whether any source serves it. If none does, it is unknown for everyone.
    pub served: bool,
}

/// A source that did not answer about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Row of the person, or of the case for a dataset of households.
    pub row: u32,
    /// Index into [`Packed::sources`].
    pub source: u16,
    /// How the ask ended; none if there was none.
    pub outcome: Option<Outcome>,
}

/// One column.
#[derive(Clone, Debug)]
pub enum PackedColumn {
    /// Numbers, dates in days, months, booleans as 0 and 1.
    Int {
        /// One a row; anything where there is none.
        values: Vec<i64>,
        /// Which rows have one; empty if all have.
        valid: Vec<bool>,
    },
    /// Texts and codes as words; [`Words::NULL`] is null.
    Word(Vec<u32>),
}

impl PackedColumn {
    /// The number in a row.
    #[must_use]
    #[inline]
    pub fn int(&self, row: usize) -> Option<i64> {
        match self {
            Self::Int { values, valid } => (valid.get(row) != Some(&false)).then(|| values[row]),
            Self::Word(_) => None,
        }
    }

    /// Whether there is anything in a row.
    #[must_use]
    #[inline]
    pub fn is_there(&self, row: usize) -> bool {
        match self {
            Self::Int { valid, .. } => valid.get(row) != Some(&false),
            Self::Word(words) => words[row] != Words::NULL,
        }
    }

    /// The word in a row.
    #[must_use]
    #[inline]
    pub fn word(&self, row: usize) -> Option<u32> {
        match self {
            Self::Int { .. } => None,
            Self::Word(words) => Some(words[row]).filter(|word| *word != Words::NULL),
        }
    }
}

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub struct Words {
    ids: FxHashMap<Arc<str>, u32>,
    list: Vec<Arc<str>>,
    /// What stands for each in sums over records.
    sums: Vec<i64>,
}

impl Words {
    /// Stands for null in a column of words.
    pub const NULL: u32 = u32::MAX;

    /// The words that a program itself speaks of.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let mut words = Self::default();
        let mut add = |expr: &Expr| {
            for inner in expr.all() {
                if let ExprKind::Text(text) = &inner.kind {
                    words.intern(text);
                }
            }
        };
        for step in &program.steps {
            match &step.kind {
                StepKind::Formula(value) => add(value),
                StepKind::Fact { filter, value, .. } => filter.iter().chain([value]).for_each(&mut add),
                StepKind::FlagCount(_) => {}
            }
        }
        let rows = program.parameters.iter().flat_map(|p| &p.rows).filter_map(|row| match &row.value {
            RowValue::Known(value) => Some(value),
            RowValue::Gap(_) | RowValue::Nothing => None,
        });
        let fallbacks = program.parameters.iter().filter_map(|p| p.fallback.as_ref()).map(|fallback| &fallback.value);
        let defaults = program.inputs.iter().filter_map(|input| input.default.as_ref());
        for value in rows.chain(fallbacks).chain(defaults) {
            if let ParameterValue::Text(text) = value {
                words.intern(text);
            }
        }
        words
    }

    /// The number of a text, new if it was not there.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let (id, shared) = (self.list.len() as u32, Arc::<str>::from(text));
        self.sums.push(text_sum(text));
        self.list.push(Arc::clone(&shared));
        self.ids.insert(shared, id);
        id
    }

    /// The number of a text that is there.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// The text of a number.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&str> {
        self.list.get(id as usize).map(|text| &**text)
    }

    /// What stands for a text in the sums of what is kept.
    pub(crate) fn sum(&self, id: u32) -> Option<i64> {
        self.sums.get(id as usize).copied()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
