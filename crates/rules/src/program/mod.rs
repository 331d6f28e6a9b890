//! The program: what a typed pack compiles to, and all that the engine knows of rules.
//!
//! From: [`crate::typed`]. Adds: dense ids, dependency order, scaled integers. Removes: names, files, overloading.
//! Promises: every step reads only earlier steps; both sides of a comparison have one scale; ids are in range;
//! no cycle, no undefined name and no mixed unit survives to here.

mod cites;
mod expr;
mod from_typed;
mod parameter;
mod parts;
mod print;

use hedui_base::{AreaCode, ColumnSpec, ColumnType};
use jiff::civil::Date;

pub use expr::{Aggregate, AggregateFn, CompareOp, Expr, ExprKind, Over, RoundMode};
pub(crate) use from_typed::from_typed;
pub use parameter::{
    Fallback, KeyMatch, KeyValue, Parameter, ParameterRow, ParameterValue, RowValue, Scale, ScaleKind,
};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into the program's list.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// A step of the program: index into [`Program::steps`].
    StepId
}
id! {
    /// A declared input: index into [`Program::inputs`].
    InputId
}
id! {
    /// A dataset in use: index into [`Program::datasets`].
    DatasetId
}
id! {
    /// A column of a dataset in use: index into [`DatasetUse::columns`].
    ColumnId
}
id! {
    /// A dated parameter: index into [`Program::parameters`].
    ParameterId
}

/// A compiled pack.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which pack, version and content.
    pub pack: PackInfo,
    /// Datasets the facts read, with only the columns they need.
    pub datasets: Vec<DatasetUse>,
    /// Declared inputs of households and persons.
    pub inputs: Vec<Input>,
    /// Dated parameters.
    pub parameters: Vec<Parameter>,
    /// All computations in dependency order.
    pub steps: Vec<Step>,
    /// Named comparisons with a limit.
    pub tests: Vec<Test>,
    /// Mismatches and anomalies.
    pub flags: Vec<Flag>,
    /// Aid programmes, by `order`.
    pub schemes: Vec<Scheme>,
    /// The step that computes the score (0-100, a decimal), if the pack defines one.
    pub score: Option<StepId>,
}

/// Identity of a pack: stands on every result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackInfo {
    /// Folder name, such as `zhenjiang`.
    pub id: String,
    /// Version as its author numbers it.
    pub version: String,
    /// SHA-256 over all its files and those it extends, in hex.
    pub hash: String,
    /// Area it is for; none for the national frame.
    pub area: Option<AreaCode>,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// First day in force.
    pub from: Date,
    /// Last day in force, if known.
    pub until: Option<Date>,
    /// Packs it extends, nearest first.
    pub extends: Vec<String>,
}

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entity {
    /// One value per person (members and obligors alike).
    Person,
    /// One value per household, that is per case.
    Household,
}

/// A dataset that facts read.
#[derive(Clone, Debug)]
pub struct DatasetUse {
    /// Name in the catalogue or pack.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Whether records belong to persons or to the household.
    pub entity: Entity,
    /// Columns in use.
    pub columns: Vec<ColumnUse>,
}

/// A column that facts read.
#[derive(Clone, Debug)]
pub struct ColumnUse {
    /// Name.
    pub name: String,
    /// Type, unit, bounds and null meaning.
    pub spec: ColumnSpec,
}

/// A declared value: what the household said, or what the bureau knows.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name; also the column in `cases.csv` or `persons.csv` and the key in JSON.
    pub name: String,
    /// Whose.
    pub entity: Entity,
    /// Type, unit, bounds and null meaning, as for a column.
    pub spec: ColumnSpec,
    /// Value when nothing was declared, in the type's scale; without one, null means what `spec.null` says.
    pub default: Option<ParameterValue>,
}

/// One computation: a column of values, one per person or household.
#[derive(Clone, Debug)]
pub struct Step {
    /// Name: the rule's name, or `test.value`, `test.limit`, `flag.when`, `scheme.amount` and the like.
    pub name: String,
    /// Whose.
    pub entity: Entity,
    /// Type of the value. The scale of its integers is [`ColumnType::scale`]; `Bool` is three-valued.
    pub ty: ColumnType,
    /// How it is computed.
    pub kind: StepKind,
    /// Where it comes from.
    pub rule: Rule,
}

/// How a step is computed.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// An aggregate over the entity's own records of one dataset.
    Fact {
        /// The dataset.
        dataset: DatasetId,
        /// Which records count; none means all.
        filter: Option<Expr>,
        /// An expression of the entity in which [`ExprKind::Aggregate`] with [`Over::Records`] reads those records.
        value: Expr,
    },
    /// An expression of the entity.
    Formula(Expr),
    /// How many flags of this severity the household has (its own and its members'); for the score only.
    FlagCount(FlagSeverity),
}

/// Where a step comes from: what explanations and reports quote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Clause or `[design]`.
    pub cite: Option<String>,
    /// File within the pack, such as `zhenjiang/income.toml`.
    pub file: String,
    /// Line of the formula, from 1.
    pub line: usize,
    /// The formula as written.
    pub text: String,
    /// What it says from later days on, by day.
    pub versions: Vec<RuleVersion>,
}

/// What a rule says from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersion {
    /// First day.
    pub from: Date,
    /// Clause.
    pub cite: String,
    /// File within the pack.
    pub file: String,
    /// Line of the formula, from 1.
    pub line: usize,
    /// The formula as written.
    pub text: String,
}

impl Rule {
    /// The version in force on a day; none while the rule's first text holds.
    #[must_use]
    pub fn version(&self, day: Date) -> Option<&RuleVersion> {
        self.versions.iter().rev().find(|v| v.from <= day)
    }

    /// File and line of what it says from a day on, or of its first text.
    #[must_use]
    pub fn place(&self, from: Option<Date>) -> (&str, usize) {
        let version = self.versions.iter().find(|version| Some(version.from) == from);
        version.map_or((self.file.as_str(), self.line), |version| (version.file.as_str(), version.line))
    }

    /// The clause in force on a day.
    #[must_use]
    pub fn cite_on(&self, day: Date) -> Option<&str> {
        self.version(day).map(|v| v.cite.as_str()).or(self.cite.as_deref())
    }
}

/// How a test compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// value < limit; margin = limit - value.
    Below,
    /// value <= limit; margin = limit - value.
    AtMost,
    /// value > limit; margin = value - limit.
    Above,
    /// value >= limit; margin = value - limit.
    AtLeast,
}

/// A named comparison with a limit.
#[derive(Clone, Debug)]
pub struct Test {
    /// Name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Whose.
    pub entity: Entity,
    /// The value compared. For a test written with `when` alone this is the condition and there is no limit.
    pub value: StepId,
    /// The limit.
    pub limit: Option<StepId>,
    /// How.
    pub relation: Option<Relation>,
    /// The three-valued result.
    pub result: StepId,
    /// Clause.
    pub cite: Option<String>,
}

/// How grave a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlagSeverity {
    /// Block or stop now.
    Critical,
    /// Desk recheck before any decision.
    High,
    /// Home visit or proof.
    Medium,
    /// A hint, never alone decisive.
    Low,
    /// Note or lead.
    Info,
    /// In the citizen's favour.
    Benefit,
}

impl FlagSeverity {
    /// All, gravest first.
    pub const ALL: [Self; 6] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info, Self::Benefit];

    /// The word in packs, columns and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
            Self::Benefit => "benefit",
        }
    }

    /// The word a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Critical => "紧急",
            Self::High => "高",
            Self::Medium => "中",
            Self::Low => "低",
            Self::Info => "提示",
            Self::Benefit => "惠民线索",
        }
    }
}

/// What to do about a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FollowUp {
    /// Recheck at the desk.
    Desk,
    /// Home visit by two.
    Visit,
    /// Ask the citizen for proof.
    Proof,
    /// Compute again.
    Recompute,
    /// Propose to stop payment pending a visit.
    StopPayment,
    /// A lead in the citizen's favour.
    Lead,
}

impl FollowUp {
    /// All.
    pub const ALL: [Self; 6] = [Self::Desk, Self::Visit, Self::Proof, Self::Recompute, Self::StopPayment, Self::Lead];

    /// The word in packs, columns and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Visit => "visit",
            Self::Proof => "proof",
            Self::Recompute => "recompute",
            Self::StopPayment => "stop_payment",
            Self::Lead => "lead",
        }
    }

    /// The word a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Desk => "案头复核",
            Self::Visit => "入户核查",
            Self::Proof => "补充证明",
            Self::Recompute => "重新计算",
            Self::StopPayment => "建议暂停发放",
            Self::Lead => "主动服务线索",
        }
    }
}

/// A mismatch or anomaly worth a recheck: raised when its condition is `met`.
#[derive(Clone, Debug)]
pub struct Flag {
    /// Identifier such as `AS07`.
    pub id: String,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Whose.
    pub entity: Entity,
    /// The condition.
    pub when: StepId,
    /// What was declared, if the flag compares.
    pub declared: Option<StepId>,
    /// What was found.
    pub found: Option<StepId>,
    /// How grave.
    pub severity: FlagSeverity,
    /// What to do.
    pub follow_up: FollowUp,
    /// Datasets whose records are the evidence.
    pub evidence: Vec<DatasetId>,
    /// Clause or `[design]`.
    pub cite: String,
}

/// An aid programme.
#[derive(Clone, Debug)]
pub struct Scheme {
    /// Identifier such as `dibao`.
    pub id: String,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Place in the order: the first scheme met is the household's category.
    pub order: i64,
    /// The condition, of the household.
    pub when: StepId,
    /// Monthly amount proposed, of the household, if the scheme pays one.
    pub amount: Option<StepId>,
    /// Months between rechecks: a parameter step of the household, a whole number.
    pub recheck_months: Option<StepId>,
    /// The last day of what the finding gives, of the household: a date.
    pub until: Option<StepId>,
    /// For a scheme of persons, the steps of each person; `when`, `amount` and `until` are then of any member, of all
    /// members who meet it together, and the latest of theirs.
    pub persons: Option<PersonScheme>,
    /// Clause.
    pub cite: Option<String>,
}

/// What a scheme of persons finds of each member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonScheme {
    /// The condition, of a person.
    pub when: StepId,
    /// Monthly amount proposed, of a person.
    pub amount: Option<StepId>,
    /// The last day of what the finding gives, of a person.
    pub until: Option<StepId>,
}

impl Program {
    /// A step by name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<StepId> {
        self.steps.iter().position(|s| s.name == name).map(|i| StepId(i as u32))
    }

    /// For each parameter, whether any step reads it.
    #[must_use]
    pub fn parameters_read(&self) -> Vec<bool> {
        let mut read = vec![false; self.parameters.len()];
        for step in &self.steps {
            let all = match &step.kind {
                StepKind::Formula(value) => value.all(),
                StepKind::Fact { filter, value, .. } => filter.iter().chain([value]).flat_map(Expr::all).collect(),
                StepKind::FlagCount(_) => Vec::new(),
            };
            for expr in all {
                if let ExprKind::Parameter { id, .. } = expr.kind {
                    read[id.index()] = true;
                }
            }
        }
        read
    }

    /// A dataset in use by name.
    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<DatasetId> {
        self.datasets.iter().position(|d| d.name == name).map(|i| DatasetId(i as u32))
    }
}

impl Relation {
    /// The key of the limit in a pack.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::AtMost => "at_most",
            Self::Above => "above",
            Self::AtLeast => "at_least",
        }
    }

    /// The sign it stands for.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }
}
