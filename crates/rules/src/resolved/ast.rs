use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::{Catalogue, ColumnSpec, ColumnType, Dataset};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::functions::Function;
use crate::lines::Key;
use crate::program::{
    AggregateFn, CompareOp, Entity, Fallback, FlagSeverity, FollowUp, InputId, Over, ParameterId, ParameterRow,
    ParameterValue, Relation, Scale,
};
use crate::spot::{Spot, Spotted};
use crate::surface::{Allow, Arithmetic, Head, Logic, Lost};

/// Index of a step in [`Pack::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub usize);

/// A pack joined with those it extends; every name is bound.
#[derive(Debug)]
pub struct Pack {
    /// Of the pack itself.
    pub head: Head,
    /// Packs it extends, nearest first.
    pub extends: Vec<String>,
    /// The catalogue with the datasets the packs add.
    pub catalogue: Catalogue,
    /// Declared inputs.
    pub inputs: Vec<Input>,
    /// Dated parameters.
    pub parameters: Vec<Parameter>,
    /// All computations, in order of declaration.
    pub steps: Vec<Step>,
    /// Tests.
    pub tests: Vec<Test>,
    /// Flags.
    pub flags: Vec<Flag>,
    /// Schemes.
    pub schemes: Vec<Scheme>,
    /// The score.
    pub score: Option<Node>,
    /// What each name means; hidden steps such as `dibao.amount` included.
    pub names: BTreeMap<String, Named>,
    /// Steps, each after those it reads.
    pub order: Vec<Node>,
    /// Steps that depend on themselves; reported already.
    pub cyclic: BTreeSet<Node>,
    /// Lints that rules silence for themselves, by rule; those of overridden rules are gone.
    pub allows: BTreeMap<String, Vec<Allow>>,
    /// What could not be read.
    pub lost: Lost,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// An input.
    Input(InputId),
    /// A parameter.
    Parameter(ParameterId),
    /// A step.
    Step(Node),
}

/// A declared input.
#[derive(Debug)]
pub struct Input {
    /// Name and where it is declared.
    pub name: Spotted<String>,
    /// Whose; none if that is wrong.
    pub entity: Option<Entity>,
    /// Type and the like; none if the type is wrong.
    pub spec: Option<ColumnSpec>,
    /// Value when nothing was declared.
    pub default: Option<ParameterValue>,
    /// Whether it says that somebody receives aid already.
    pub receipt: bool,
}

/// A dated parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Name and where it is declared.
    pub name: Spotted<String>,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Type; none if wrong.
    pub ty: Option<ColumnType>,
    /// Least and largest value.
    pub bounds: (Option<i64>, Option<i64>),
    /// Whether it is an exemption.
    pub exemption: bool,
    /// What holds where no row does.
    pub fallback: Option<Fallback>,
    /// That its rows are brackets.
    pub scale: Option<Scale>,
    /// Key columns.
    pub(crate) keys: Vec<Key>,
    /// Rows.
    pub rows: Vec<ParameterRow>,
}

/// A computation with a name.
#[derive(Debug)]
pub struct Step {
    /// Name, and where the rule is declared.
    pub name: Spotted<String>,
    /// Whose; none if that is wrong.
    pub entity: Option<Entity>,
    /// What type it has to have.
    pub want: Want,
    /// How it is computed.
    pub body: Body,
    /// Chinese title of its rule.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Clause.
    pub cite: Option<String>,
    /// Formula as written.
    pub text: String,
    /// Where the formula is.
    pub spot: Spot,
    /// What it says from later days on, by day.
    pub versions: Vec<StepVersion>,
}

/// What a step says from a day on.
#[derive(Clone, Debug)]
pub struct StepVersion {
    /// First day.
    pub from: Date,
    /// Clause.
    pub cite: String,
    /// Formula as written.
    pub text: String,
    /// Where the formula is.
    pub spot: Spot,
}

/// What type a step has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Whatever follows from its formula.
    Any,
    /// A declared type; none if the type word is wrong.
    Declared(Option<ColumnType>),
    /// A condition.
    Condition,
    /// As another step, to be compared with it.
    Like(Node),
    /// Money per month.
    Amount,
    /// A whole number.
    Whole,
    /// A date.
    Day,
    /// A plain number.
    Score,
}

/// How a step is computed.
#[derive(Debug)]
pub enum Body {
    /// An aggregate over records.
    Fact {
        /// Dataset; none if it is not known.
        dataset: Option<Arc<Dataset>>,
        /// Which records count.
        filter: Option<Expr>,
        /// The aggregate.
        value: Expr,
    },
    /// An expression.
    Formula(Expr),
    /// A test's comparison of two steps.
    Compare(Node, Relation, Node),
    /// How many flags of a severity the household has.
    FlagCount(FlagSeverity),
}

/// A test.
#[derive(Debug)]
pub struct Test {
    /// Name.
    pub name: String,
    /// Value, relation and limit; none for a test of a condition.
    pub limit: Option<(Node, Relation, Node)>,
    /// The result.
    pub result: Node,
}

/// A flag.
#[derive(Debug)]
pub struct Flag {
    /// Id.
    pub name: String,
    /// Condition.
    pub when: Node,
    /// What was declared.
    pub declared: Option<Node>,
    /// What was found.
    pub found: Option<Node>,
    /// How grave.
    pub severity: Option<FlagSeverity>,
    /// What to do.
    pub follow_up: Option<FollowUp>,
    /// Datasets that are the evidence.
    pub evidence: Vec<Arc<Dataset>>,
}

/// A scheme.
#[derive(Debug)]
pub struct Scheme {
    /// Id.
    pub name: String,
    /// Place in the order.
    pub order: i64,
    /// Condition.
    pub when: Node,
    /// Monthly amount.
    pub amount: Option<Node>,
    /// Months between rechecks.
    pub recheck_months: Option<Node>,
    /// The last day of what the finding gives.
    pub until: Option<Node>,
    /// What each member gets, where the scheme is for persons.
    pub persons: Option<PersonScheme>,
}

/// What a scheme for persons finds of each member.
#[derive(Debug)]
pub struct PersonScheme {
    /// Condition.
    pub when: Node,
    /// Monthly amount.
    pub amount: Option<Node>,
    /// The last day of what the finding gives.
    pub until: Option<Node>,
}

/// An expression whose names are bound.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it is written.
    pub spot: Spot,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// An exact number.
    Number(Decimal),
    /// A text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A date.
    Date(Date),
    /// A span of months or days, to be added to a date.
    Interval {
        /// Months.
        months: i32,
        /// Days.
        days: i32,
    },
    /// The day of the check.
    AsOf,
    /// `urban` or `rural`.
    Residence,
    /// Whether the person is a member.
    IsMember,
    /// A column of the fact's dataset.
    Column(String),
    /// An input.
    Input(InputId),
    /// A step.
    Step(Node),
    /// In a person's expression, something of the household.
    Household(Box<Expr>),
    /// A parameter and its keys.
    Parameter(ParameterId, Vec<Expr>),
    /// `-x`
    Neg(Box<Expr>),
    /// `NOT x`
    Not(Box<Expr>),
    /// `AND`, `OR` of two or more.
    Logic(Logic, Vec<Expr>),
    /// `+ - * /`
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// A comparison.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `x IN (..)`
    In(Box<Expr>, Vec<Expr>),
    /// `x IS NULL`
    IsNone(Box<Expr>),
    /// Branches and the last value.
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    /// An aggregate.
    Aggregate {
        /// Over what.
        over: Over,
        /// Which.
        function: AggregateFn,
        /// Of what.
        argument: Option<Box<Expr>>,
        /// By which month.
        by: Option<Box<Expr>>,
        /// Of which.
        filter: Option<Box<Expr>>,
    },
    /// A function.
    Call(Function, Vec<Expr>),
    /// What holds first, and what holds from which day on.
    Dated(Box<Expr>, Vec<(Date, Expr)>),
    /// What could not be bound; reported already, and fits everywhere.
    Error,
}

impl Expr {
    /// The expressions right inside this one.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Household(x) | ExprKind::Neg(x) | ExprKind::Not(x) | ExprKind::IsNone(x) => vec![x],
            ExprKind::Parameter(_, list) | ExprKind::Logic(_, list) | ExprKind::Call(_, list) => list.iter().collect(),
            ExprKind::Arithmetic(_, a, b) | ExprKind::Compare(_, a, b) => vec![a, b],
            ExprKind::In(x, list) => std::iter::once(&**x).chain(list).collect(),
            ExprKind::Case(branches, otherwise) => {
                branches.iter().flat_map(|(c, v)| [c, v]).chain(std::iter::once(&**otherwise)).collect()
            }
            ExprKind::Dated(first, versions) => {
                std::iter::once(&**first).chain(versions.iter().map(|(_, e)| e)).collect()
            }
            ExprKind::Aggregate { argument, by, filter, .. } => {
                argument.iter().chain(by).chain(filter).map(|e| &**e).collect()
            }
            ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::Date(_)
            | ExprKind::Interval { .. }
            | ExprKind::AsOf
            | ExprKind::Residence
            | ExprKind::IsMember
            | ExprKind::Column(_)
            | ExprKind::Input(_)
            | ExprKind::Step(_)
            | ExprKind::Error => Vec::new(),
        }
    }

    /// Steps it reads, and where.
    pub fn steps(&self, into: &mut Vec<(Node, Spot)>) {
        if let ExprKind::Step(node) = self.kind {
            into.push((node, self.spot.clone()));
        }
        for child in self.children() {
            child.steps(into);
        }
    }
}
