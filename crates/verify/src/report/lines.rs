use std::collections::BTreeMap;

use hedui_base::{AreaCode, CaseId, Fen, Outcome, PersonKey, Tri};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

/// What one verification of one household found. People are masked; amounts are yuan as text, or fen where named so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The case.
    pub case: CaseId,
    /// The scheme applied for or received.
    pub scheme: String,
    /// Area of the household.
    pub area: AreaCode,
    /// `urban` or `rural`.
    pub residence: Option<String>,
    /// The day it speaks about.
    pub as_of: Date,
    /// Answers up to here counted.
    pub known_at: Timestamp,
    /// The rules.
    pub pack: PackLine,
    /// First scheme met, if that is certain.
    pub category: Option<String>,
    /// Schemes that are met or may still turn out to be.
    pub possible: Vec<String>,
    /// 符合…、不符合、存疑待核: one sentence.
    pub conclusion: String,
    /// Monthly amount computed for the category, in fen.
    pub amount_fen: Option<i64>,
    /// Sources that could settle what is open.
    pub waiting_on: Vec<WaitingLine>,
    /// How much was answered.
    pub completeness: Completeness,
    /// Members, then obligors.
    pub people: Vec<PersonLine>,
    /// Every (person, source) pair.
    pub coverage: Vec<CoverageLine>,
    /// What was declared.
    pub declared: Vec<DeclaredLine>,
    /// Values computed on the way, with titles: income kinds, per capita, standard.
    pub values: Vec<Note>,
    /// Named comparisons.
    pub tests: Vec<TestLine>,
    /// Aid programmes by order.
    pub schemes: Vec<SchemeLine>,
    /// Raised flags, gravest first.
    pub flags: Vec<FlagLine>,
    /// Score 0-100, as text.
    pub score: Option<String>,
    /// What was assumed and why.
    pub assumed: Vec<Note>,
    /// Trees of the key variables.
    pub explanations: Vec<ExplanationNode>,
    /// What would change the finding of the scheme the case stands at; none where a pack has no scheme, and unless it was asked
    /// for ([`crate::check_and_what_if`]).
    pub what_if: Option<super::WhatIfScheme>,
}

/// A pack's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PackLine {
    /// Folder name.
    pub id: String,
    /// Chinese title.
    pub title: String,
    /// Version.
    pub version: String,
    /// SHA-256 over all its files, hex.
    pub hash: String,
}

impl PackLine {
    pub(crate) fn of(program: &hedui_rules::Program) -> Self {
        let pack = &program.pack;
        Self { id: pack.id.clone(), title: pack.title.clone(), version: pack.version.clone(), hash: pack.hash.clone() }
    }
}

/// How much was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Pairs in play.
    pub asked: usize,
    /// Pairs answered.
    pub answered: usize,
    /// Pairs unknown.
    pub unknown: usize,
    /// Pairs that policy leaves out.
    pub not_applicable: usize,
    /// The same by source.
    pub sources: Vec<SourceLine>,
    /// In Chinese: what was not answered and what that means.
    pub statement: String,
}

/// One source's completeness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceLine {
    /// Source id.
    pub source: String,
    /// Chinese title.
    pub title: String,
    /// Dataset.
    pub dataset: String,
    /// Pairs in play.
    pub asked: usize,
    /// Pairs answered.
    pub answered: usize,
    /// Pairs unknown, by outcome word.
    pub unknown: BTreeMap<String, usize>,
    /// Newest day its answers are true for.
    pub as_of: Option<Date>,
    /// Latest due date of what is pending.
    pub due: Option<Date>,
}

/// A source whose answer could still change the finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingLine {
    /// Source id (or dataset or rule where no source is to blame).
    pub source: String,
    /// Chinese title.
    pub title: String,
    /// Stable word: an outcome, `not_asked`, `no_source`, `null`, `gap`, `division_by_zero`.
    pub cause: String,
    /// In Chinese.
    pub text: String,
}

/// One person, masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonLine {
    /// Key in this data folder.
    pub person: PersonKey,
    /// `member` or `obligor`.
    pub role: String,
    /// Relation to the applicant: code.
    pub relation: Option<String>,
    /// Relation in Chinese.
    pub relation_zh: String,
    /// Masked name.
    pub name: String,
    /// Masked number.
    pub id_number: String,
}

/// How one (person, source) pair stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageLine {
    /// Who.
    pub person: PersonKey,
    /// Source id.
    pub source: String,
    /// Chinese title.
    pub title: String,
    /// How it stands; none if never asked.
    pub outcome: Option<Outcome>,
    /// In Chinese, with the reason.
    pub text: String,
    /// When it was asked.
    pub asked: Option<Timestamp>,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// What day the answer is true for.
    pub as_of: Option<Date>,
    /// When it is due.
    pub due: Option<Date>,
    /// Under which letter.
    pub letter: Option<String>,
}

/// A declared value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeclaredLine {
    /// Input name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// Whose; none for the household.
    pub person: Option<PersonKey>,
    /// As shown: amounts in yuan.
    pub value: String,
}

/// A named value with its title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Rule name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// Whose; none for the household.
    pub person: Option<PersonKey>,
    /// As shown, bounds included.
    pub value: String,
}

/// A named comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestLine {
    /// Name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// Result.
    pub result: Tri,
    /// Result in Chinese.
    pub result_zh: String,
    /// Value, as shown.
    pub value: Option<String>,
    /// Limit, as shown.
    pub limit: Option<String>,
    /// How far inside (positive) or outside (negative).
    pub margin: Option<String>,
    /// Clause.
    pub cite: Option<String>,
    /// Sources that could still change it.
    pub waiting_on: Vec<String>,
}

/// One aid programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemeLine {
    /// Scheme id.
    pub scheme: String,
    /// Chinese title.
    pub title: String,
    /// Finding.
    pub finding: Tri,
    /// Finding in Chinese.
    pub finding_zh: String,
    /// Monthly amount computed, if the scheme pays one and the finding is not `not_met`; bounds where it is open.
    pub amount: Option<String>,
    /// The same in fen where exact.
    pub amount_fen: Option<i64>,
    /// Months between rechecks.
    pub recheck_months: Option<i64>,
    /// The last day of what it gives, if the scheme says one and the finding is not `not_met`; bounds where it is open.
    pub until: Option<String>,
    /// For a scheme of persons: the members who meet it or may.
    pub persons: Vec<SchemePersonLine>,
    /// Clause.
    pub cite: Option<String>,
    /// Sources that could still change it.
    pub waiting_on: Vec<String>,
}

/// One member in a scheme of persons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemePersonLine {
    /// Who.
    pub person: PersonKey,
    /// `met` or `undetermined`.
    pub finding: Tri,
    /// Finding in Chinese.
    pub finding_zh: String,
    /// Monthly amount computed; bounds where it is open.
    pub amount: Option<String>,
    /// The same in fen where exact.
    pub amount_fen: Option<i64>,
    /// The last day of what it gives.
    pub until: Option<String>,
    /// Sources that could still change it.
    pub waiting_on: Vec<String>,
}

/// A raised flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagLine {
    /// Flag id.
    pub flag: String,
    /// Chinese title.
    pub title: String,
    /// Whose; none for the household.
    pub person: Option<PersonKey>,
    /// Severity word.
    pub severity: String,
    /// Severity in Chinese.
    pub severity_zh: String,
    /// Follow-up word.
    pub follow_up: String,
    /// Follow-up in Chinese.
    pub follow_up_zh: String,
    /// Declared, as shown.
    pub declared: Option<String>,
    /// Found, as shown.
    pub found: Option<String>,
    /// found - declared, as shown.
    pub difference: Option<String>,
    /// Evidence: source, record id (masked), as-of day.
    pub evidence: Vec<String>,
    /// Clause.
    pub cite: String,
}

/// How values came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The case.
    pub case: CaseId,
    /// The day.
    pub as_of: Date,
    /// The rules.
    pub pack: PackLine,
    /// One tree per name asked for (and person).
    pub trees: Vec<ExplanationNode>,
    /// The trees as indented Chinese text.
    pub text: String,
}

/// One value and what it stands on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExplanationNode {
    /// Rule name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// Whose; none for the household.
    pub person: Option<PersonKey>,
    /// As shown, with unit.
    pub value: String,
    /// Fen, where it is an exact amount of money.
    pub fen: Option<Fen>,
    /// The formula as written.
    pub formula: String,
    /// Clause.
    pub cite: Option<String>,
    /// `file:line`.
    pub place: String,
    /// Parameter rows used.
    pub parameters: Vec<ParameterLine>,
    /// Source rows used.
    pub records: Vec<RecordLine>,
    /// Why it is unknown, in Chinese.
    pub reasons: Vec<WaitingLine>,
    /// The reason of an assumption taken here.
    pub assumed: Option<String>,
    /// Whether it was unfolded before in this tree, so that its parts are not repeated.
    pub repeated: bool,
    /// What to know about it: that its records are not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What it was computed from.
    pub children: Vec<ExplanationNode>,
}

/// One parameter row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterLine {
    /// Name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// As shown.
    pub value: String,
    /// As published, where that was for another period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Why it is a declared gap, where it is one; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// Why a value stands in where no row holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Area of the row; none means everywhere.
    pub area: Option<AreaCode>,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Option<Date>,
    /// Where it was published.
    pub cite: String,
    /// `file:line`.
    pub place: String,
}

/// One source row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLine {
    /// Dataset.
    pub dataset: String,
    /// Source id.
    pub source: String,
    /// Chinese title of the source.
    pub source_title: String,
    /// Natural key; account-like keys show their last four characters.
    pub record_id: String,
    /// What day it is true for.
    pub as_of: Option<Date>,
    /// Whose.
    pub person: Option<PersonKey>,
    /// Whether it counted.
    pub counted: Tri,
    /// Columns in use: title and shown value.
    pub columns: Vec<(String, String)>,
    /// What it adds to the value, as shown.
    pub contribution: Option<String>,
}
