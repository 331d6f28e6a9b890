use std::collections::BTreeMap;

use hedui_base::{AreaCode, Outcome};
use jiff::civil::Date;

use crate::program::ParameterValue;

/// One case: a household, what the sources say about it, and what must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows, in a sentence.
    pub title: String,
    /// The day the check speaks about.
    pub as_of: Date,
    /// Area of the applying household.
    pub area: AreaCode,
    /// `urban` or `rural`, where given.
    pub residence: Option<String>,
    /// Declared inputs of the household by name, in the scale of their type.
    pub inputs: BTreeMap<String, ParameterValue>,
    /// Records of datasets per household, by dataset.
    pub records: BTreeMap<String, Vec<Row>>,
    /// Members and obligors, in the order of the file, members first.
    pub persons: Vec<CasePerson>,
    /// Sources beyond the default one of each dataset (named as the dataset itself), and the dataset each serves.
    pub sources: BTreeMap<String, String>,
    /// Outcome by source for everyone in the case. A source without one has answered: found where it has rows,
    /// else no record.
    pub outcomes: BTreeMap<String, Outcome>,
    /// What must come out.
    pub expect: Expect,
    /// File within the pack.
    pub file: String,
    /// Line of its title, from 1.
    pub line: usize,
}

/// Whether a person of a case is counted or owes support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaseRole {
    /// Jointly living member.
    Member,
    /// Legal obligor living elsewhere.
    Obligor,
}

/// One person of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CasePerson {
    /// Member or obligor.
    pub role: CaseRole,
    /// Declared inputs by name, in the scale of their type.
    pub inputs: BTreeMap<String, ParameterValue>,
    /// Records by dataset.
    pub records: BTreeMap<String, Vec<Row>>,
    /// Outcome by source for this person alone; goes before [`Case::outcomes`].
    pub outcomes: BTreeMap<String, Outcome>,
    /// What must come out for this person: facts, variables and tests of persons.
    pub expect: Vec<ExpectedValue>,
    /// Margins of tests of persons.
    pub margins: Vec<ExpectedValue>,
    /// Flags of persons that must be raised for this person.
    pub flags: Vec<String>,
    /// Flags of persons that must not be raised for this person.
    pub no_flags: Vec<String>,
}

/// One record of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which source sent it; by default the one named as the dataset.
    pub source: String,
    /// Columns by name, in the scale of their type. A column left out is null.
    pub values: BTreeMap<String, ParameterValue>,
    /// Line, from 1.
    pub line: usize,
}

/// What must come out of a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// Values of household steps, tests and schemes.
    pub values: Vec<ExpectedValue>,
    /// Margins of tests.
    pub margins: Vec<ExpectedValue>,
    /// Flags that must be raised.
    pub flags: Vec<String>,
    /// Flags that must not be raised.
    pub no_flags: Vec<String>,
    /// Schemes that must be possible, exactly these.
    pub possible: Option<Vec<String>>,
    /// Sources that can still change a finding, exactly these.
    pub waiting_on: Option<Vec<String>>,
    /// The first scheme met; `Some("")` means none.
    pub category: Option<String>,
    /// Rules that take something as given because it is unknown (`ASSUME`, a fallback), exactly these.
    pub assumed: Option<Vec<String>>,
    /// The case must be impossible to compute, with a message in which each of these occurs.
    pub error: Option<Vec<String>>,
}

/// A name and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedValue {
    /// The name as written, such as `income_per_capita` or `dibao.amount`.
    pub name: String,
    /// The step that holds it: the name itself, but `dibao.when` for the scheme `dibao`. In [`Expect::margins`], the test.
    pub step: String,
    /// What it must be.
    pub value: Expected,
    /// Line, from 1.
    pub line: usize,
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// Known and this, in the scale of the step's type; for a condition 1 (met) or 0 (not met).
    Value(ParameterValue),
    /// Unknown (of a condition: undetermined), within whatever bounds.
    Unknown,
    /// Unknown within exactly these bounds; an absent bound is unbounded.
    Between(Option<i64>, Option<i64>),
    /// There is no such thing.
    None,
}
