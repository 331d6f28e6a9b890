use std::collections::BTreeSet;

use hedui_base::catalogue::Title;
use hedui_base::{AreaCode, ColumnType, Dataset, Period};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::versions::Version;
use crate::program::{CompareOp, Entity, FlagSeverity, FollowUp, Relation, Scale};
use crate::spot::{Spot, Spotted};

/// A pack as written, before its base packs are joined in.
#[derive(Clone, Debug)]
pub struct Pack {
    /// What `pack.toml` says.
    pub head: Head,
    /// Rules in order of file and place.
    pub rules: Vec<Rule>,
    /// Datasets the pack adds to the catalogue.
    pub datasets: Vec<(Spotted<String>, Dataset)>,
    /// What could not be read.
    pub lost: Lost,
}

/// What could not be read, so that nobody is blamed for using it.
#[derive(Clone, Debug, Default)]
pub struct Lost {
    /// Any name may be missing, because a pack that this one extends is.
    pub everything: bool,
    /// Names that files with mistakes in their TOML seem to declare.
    pub names: BTreeSet<String>,
    /// Words of such files: names that they may use.
    pub words: BTreeSet<String>,
}

impl Lost {
    /// Whether a name may be declared where it could not be read.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.everything || self.names.contains(name.split('.').next().unwrap_or(name))
    }

    /// Adds what another pack lost.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.everything |= other.everything;
        self.names.extend(other.names.iter().cloned());
        self.words.extend(other.words.iter().cloned());
    }

    /// Takes down the names and words of a file that is not all TOML.
    pub(crate) fn note(&mut self, text: &str) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for line in text.lines() {
            let header = line.trim_start().strip_prefix('[').and_then(|l| l.split_once('.'));
            if let Some((_, name)) = header {
                self.names.insert(name.chars().take_while(|c| is_part(*c)).collect());
            }
        }
        self.note_words(text);
    }

    /// Takes down the words of a text that could not be understood.
    pub(crate) fn note_words(&mut self, text: &str) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.words.extend(text.split(|c| !is_part(c)).map(str::to_owned));
    }
}

/// `[pack]`.
#[derive(Clone, Debug)]
pub struct Head {
    /// Folder name.
    pub id: String,
    /// Titles.
    pub title: Title,
    /// Area; none for a frame.
    pub area: Option<AreaCode>,
    /// Pack it extends.
    pub extends: Option<Spotted<String>>,
    /// Version as its author numbers it.
    pub version: String,
    /// First day in force.
    pub from: Date,
    /// Last day in force.
    pub until: Option<Date>,
}

/// One named table of a pack, such as `[variable.income_month]`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Name; `score` for the score.
    pub name: Spotted<String>,
    /// Whether it replaces an inherited rule, and where it says so.
    pub overrides: Option<Spot>,
    /// Chinese title; the name where there is none.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Clause.
    pub cite: Option<String>,
    /// Lints that it silences, each with the reason.
    pub allow: Vec<Allow>,
    /// The rest, by kind.
    pub body: RuleBody,
    /// What changes from which day on, by day.
    pub versions: Vec<Version>,
}

/// A lint that a rule silences for itself.
#[derive(Clone, Debug)]
pub struct Allow {
    /// The lint's code without `rules::`.
    pub lint: Spotted<String>,
    /// Why that is right here.
    pub reason: String,
}

/// What a rule is.
#[derive(Clone, Debug)]
pub enum RuleBody {
    /// `[parameter.X]`
    Parameter {
        /// Type and unit; none if the type word is wrong.
        ty: Option<ColumnType>,
        /// Where its values are.
        source: ParameterSource,
        /// What else it says of all of them.
        notes: ParameterNotes,
    },
    /// `[input.X]`
    Input {
        /// Whose.
        entity: Option<Entity>,
        /// Type, unit, bounds and null meaning; none if the type word is wrong.
        spec: Option<hedui_base::ColumnSpec>,
        /// Value when nothing was declared.
        default: Option<Spotted<Literal>>,
        /// Whether it says that somebody receives aid already: no proof that they may.
        receipt: bool,
    },
    /// `[fact.X]`
    Fact {
        /// Whose.
        entity: Option<Entity>,
        /// Dataset.
        from: Option<Spotted<String>>,
        /// Which records count.
        filter: Option<Formula>,
        /// The aggregate.
        value: Formula,
    },
    /// `[variable.X]`
    Variable {
        /// Whose.
        entity: Option<Entity>,
        /// Declared type.
        ty: Option<Spotted<ColumnType>>,
        /// How it is computed.
        formula: Formula,
    },
    /// `[test.X]`
    Test {
        /// Whose.
        entity: Option<Entity>,
        /// How it decides.
        check: TestCheck,
    },
    /// `[flag.X]`
    Flag {
        /// Whose.
        entity: Option<Entity>,
        /// Condition.
        when: Formula,
        /// What was declared.
        declared: Option<Formula>,
        /// What was found.
        found: Option<Formula>,
        /// How grave.
        severity: Option<FlagSeverity>,
        /// What to do.
        follow_up: Option<FollowUp>,
        /// Datasets that are the evidence.
        evidence: Vec<Spotted<String>>,
    },
    /// `[scheme.X]`
    Scheme {
        /// Who is found to meet it: the household, or each member alone.
        entity: Option<Entity>,
        /// Place in the order.
        order: i64,
        /// Condition.
        when: Formula,
        /// Monthly amount.
        amount: Option<Formula>,
        /// Months between rechecks.
        recheck_months: Option<Formula>,
        /// The last day of what the finding gives.
        until: Option<Formula>,
    },
    /// `[score]`
    Score {
        /// How it is computed.
        formula: Formula,
    },
}

/// How a test decides.
#[derive(Clone, Debug)]
pub enum TestCheck {
    /// A value against a limit.
    Limit {
        /// The value.
        value: Formula,
        /// How.
        relation: Relation,
        /// The limit.
        limit: Formula,
    },
    /// A condition.
    When(Formula),
}

/// What a parameter says of all its values.
#[derive(Clone, Debug, Default)]
pub struct ParameterNotes {
    /// Period that values are published for unless their row says so.
    pub per: Option<Period>,
    /// Least value.
    pub min: Option<i64>,
    /// Largest value.
    pub max: Option<i64>,
    /// Whether it is an exemption, whose end is to be watched.
    pub exemption: bool,
    /// What holds where no row does, and why.
    pub fallback: Option<(Spotted<Literal>, String)>,
    /// That it is a scale: `[scale.X]`.
    pub scale: Option<Scale>,
}

/// One column of a deduction's table.
#[derive(Clone, Debug)]
pub struct DeductionTable {
    /// The CSV file.
    pub file: Spotted<String>,
    /// Which column.
    pub column: DeductionColumn,
    /// The key columns it has, in the order of lookup.
    pub keys: Vec<Spotted<String>>,
    /// The words its bases are out of.
    pub bases: Vec<String>,
    /// Whether the deduction counts months, so that rows may end it after some.
    pub counts_months: bool,
}

/// The columns of a deduction's table that are values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeductionColumn {
    /// What the rate is of.
    Base,
    /// Which part of the base.
    Rate,
    /// The most it can be.
    Cap,
    /// For how many months at most.
    MaxMonths,
}

/// Where a parameter's values are.
#[derive(Clone, Debug)]
pub enum ParameterSource {
    /// A CSV file beside the TOML files.
    Table(Spotted<String>),
    /// One column of a deduction's CSV file.
    Deduction(DeductionTable),
    /// One value in the TOML file itself.
    Inline {
        /// The value; none for a gap.
        value: Option<Spotted<Literal>>,
        /// Why there is a gap; empty for a value.
        gap: String,
        /// Where the value or gap is written.
        spot: Spot,
        /// Last day on which somebody vouches for it.
        confirm_by: Option<Date>,
        /// First day.
        from: Date,
        /// Last day.
        until: Option<Date>,
        /// Where it was published.
        cite: String,
    },
    /// Neither, which is a mistake already reported.
    Missing,
}

/// A value as TOML or CSV writes it, before its type is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A number.
    Number(Decimal),
    /// A text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A date.
    Date(Date),
}

/// An expression and its text.
#[derive(Clone, Debug)]
pub struct Formula {
    /// As written.
    pub text: String,
    /// As understood.
    pub expr: Expr,
}

/// An expression in which names are still texts.
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
    /// `'text'`
    Text(String),
    /// `TRUE`, `FALSE`
    Bool(bool),
    /// `DATE '2026-01-01'`
    Date(Date),
    /// `INTERVAL '12' MONTH`, in months or days.
    Interval {
        /// Months.
        months: i32,
        /// Days.
        days: i32,
    },
    /// A name: `x`, or two parts as in `member.x`.
    Name(Vec<String>),
    /// `*`, or `member.*`: only in `COUNT`.
    Star(Option<String>),
    /// `-x`
    Neg(Box<Expr>),
    /// `NOT x`
    Not(Box<Expr>),
    /// `a AND b`, or `a OR b`
    Logic(Logic, Box<Expr>, Box<Expr>),
    /// `a + b` and its kin.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a < b` and its kin.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `x [NOT] BETWEEN a AND b`
    Between {
        /// x
        value: Box<Expr>,
        /// a
        low: Box<Expr>,
        /// b
        high: Box<Expr>,
        /// NOT
        negated: bool,
    },
    /// `x [NOT] IN (a, b)`
    In {
        /// x
        value: Box<Expr>,
        /// a, b
        list: Vec<Expr>,
        /// NOT
        negated: bool,
    },
    /// `x IS [NOT] NULL`
    IsNull {
        /// x
        value: Box<Expr>,
        /// NOT
        negated: bool,
    },
    /// `CASE [x] WHEN a THEN b ELSE c END`
    Case {
        /// x
        operand: Option<Box<Expr>>,
        /// a, b
        branches: Vec<(Expr, Expr)>,
        /// c
        otherwise: Option<Box<Expr>>,
    },
    /// `F([DISTINCT] a, b) [FILTER (WHERE c)]`
    Call {
        /// F, as written.
        name: Spotted<String>,
        /// DISTINCT
        distinct: bool,
        /// a, b
        args: Vec<Expr>,
        /// c
        filter: Option<Box<Expr>>,
    },
    /// What could not be read; reported already, and fits everywhere.
    Error,
}

/// `AND` or `OR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// Both.
    And,
    /// Either.
    Or,
}

/// The four operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
}

impl Arithmetic {
    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
        }
    }
}

impl RuleBody {
    /// The word before the name in `[word.name]`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Parameter { .. } => "parameter",
            Self::Input { .. } => "input",
            Self::Fact { .. } => "fact",
            Self::Variable { .. } => "variable",
            Self::Test { .. } => "test",
            Self::Flag { .. } => "flag",
            Self::Scheme { .. } => "scheme",
            Self::Score { .. } => "score",
        }
    }
}

impl Expr {
    /// The expressions right inside this one.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Neg(x) | ExprKind::Not(x) | ExprKind::IsNull { value: x, .. } => vec![x],
            ExprKind::Logic(_, a, b) | ExprKind::Arithmetic(_, a, b) | ExprKind::Compare(_, a, b) => vec![a, b],
            ExprKind::Between { value, low, high, .. } => vec![value, low, high],
            ExprKind::In { value, list, .. } => std::iter::once(&**value).chain(list).collect(),
            ExprKind::Case { operand, branches, otherwise } => operand
                .iter()
                .map(|e| &**e)
                .chain(branches.iter().flat_map(|(c, v)| [c, v]))
                .chain(otherwise.iter().map(|e| &**e))
                .collect(),
            ExprKind::Call { args, filter, .. } => args.iter().chain(filter.iter().map(|e| &**e)).collect(),
            ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::Date(_)
            | ExprKind::Interval { .. }
            | ExprKind::Name(_)
            | ExprKind::Star(_)
            | ExprKind::Error => Vec::new(),
        }
    }

    /// Whether any part of it could not be read.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.kind, ExprKind::Error) || self.children().into_iter().any(Self::is_broken)
    }
}
