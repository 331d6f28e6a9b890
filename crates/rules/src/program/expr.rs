use std::sync::Arc;

use hedui_base::ColumnType;
use jiff::civil::Date;

use super::{ColumnId, InputId, ParameterId, StepId};

/// A typed expression. All numbers are integers in the scale of their type ([`ColumnType::scale`]); the checker has
/// inserted every change of scale, so that the kernel never looks at types to add or compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it does.
    pub kind: ExprKind,
    /// Type of its value.
    pub ty: ColumnType,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// How to round to a multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoundMode {
    /// To the nearest, half away from zero.
    Nearest,
    /// To the nearest, half to the even multiple.
    HalfEven,
    /// To the nearest, half towards zero.
    HalfDown,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceil,
}

/// What an aggregate runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// The entity's records that pass the fact's filter; only inside [`super::StepKind::Fact`].
    Records,
    /// The household's members: argument and filter are expressions of a person.
    Members,
    /// The household's obligors: argument and filter are expressions of a person.
    Obligors,
}

/// Aggregate functions. Over nothing: `Sum` and `Count` are 0, `BoolOr` is not met, `BoolAnd` is met, the others none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFn {
    /// Sum of values that are not none.
    Sum,
    /// Rows, or rows whose argument is not none.
    Count,
    /// Distinct values that are not none.
    CountDistinct,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Sum by count, rounded half away from zero in the type's scale.
    Avg,
    /// Whether any is true (Kleene).
    BoolOr,
    /// Whether all are true (Kleene).
    BoolAnd,
    /// Summed by month, the sum of the earliest month; over records only, as the three below.
    MonthFirst,
    /// Summed by month, the sum of the latest month.
    MonthLast,
    /// Summed by month, the largest sum.
    MonthMax,
    /// Summed by month, the smallest sum.
    MonthMin,
}

impl AggregateFn {
    /// Whether it sums by month first.
    #[must_use]
    pub const fn is_by_month(self) -> bool {
        matches!(self, Self::MonthFirst | Self::MonthLast | Self::MonthMax | Self::MonthMin)
    }

    /// As written; COUNT(DISTINCT x) is a COUNT too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "SUM",
            Self::Count | Self::CountDistinct => "COUNT",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Avg => "AVG",
            Self::BoolOr => "BOOL_OR",
            Self::BoolAnd => "BOOL_AND",
            Self::MonthFirst => "MONTH_FIRST",
            Self::MonthLast => "MONTH_LAST",
            Self::MonthMax => "MONTH_MAX",
            Self::MonthMin => "MONTH_MIN",
        }
    }
}

impl RoundMode {
    /// The function that rounds this way, as written.
    #[must_use]
    pub const fn function(self) -> &'static str {
        match self {
            Self::Floor => "FLOOR_TO",
            Self::Ceil => "CEIL_TO",
            _ => "ROUND_TO",
        }
    }

    /// Its third argument, with the comma before it; empty where none is needed.
    #[must_use]
    pub const fn argument(self) -> &'static str {
        match self {
            Self::Nearest | Self::Floor | Self::Ceil => "",
            Self::HalfEven => ", 'half_even'",
            Self::HalfDown => ", 'half_down'",
            Self::Up => ", 'up'",
            Self::Down => ", 'down'",
        }
    }
}

/// An aggregate.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Over what.
    pub over: Over,
    /// Which.
    pub function: AggregateFn,
    /// Of what; none for `COUNT(*)`.
    pub argument: Option<Box<Expr>>,
    /// The month (or date) of a record, for functions that sum by month.
    pub by: Option<Box<Expr>>,
    /// `FILTER (WHERE ..)`.
    pub filter: Option<Box<Expr>>,
}

/// What an expression does. Where it is evaluated (record, person, household) follows from its place.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number, date, month or boolean (0 or 1) in the type's scale.
    Int(i64),
    /// A text or code.
    Text(Arc<str>),
    /// The day the check speaks about.
    AsOf,
    /// The residence (`urban` or `rural`) of the case, a text.
    Residence,
    /// Whether the person is a member (and not an obligor); of a person.
    IsMember,
    /// A column of the record at hand; only over [`Over::Records`] and in a fact's filter.
    Column(ColumnId),
    /// A declared input of the entity at hand; over records, of the entity they belong to.
    Input(InputId),
    /// An earlier step of the entity at hand; over records, of the entity they belong to.
    Step(StepId),
    /// In a person's expression: the value of a household's expression.
    Household(Box<Expr>),
    /// A dated parameter for the case's area and residence on the day, by further keys.
    Parameter {
        /// Which.
        id: ParameterId,
        /// Values of its further key columns, in their order.
        keys: Vec<Expr>,
    },
    /// Negation of a condition.
    Not(Box<Expr>),
    /// All of two or more conditions.
    And(Vec<Expr>),
    /// Any of two or more conditions.
    Or(Vec<Expr>),
    /// A comparison; both sides have one scale. With a none on either side it is not met.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// Whether the value equals one of the list.
    In(Box<Expr>, Vec<Expr>),
    /// Whether the value is none (there is no such thing). Never asks whether it is unknown.
    IsNone(Box<Expr>),
    /// First branch whose condition is met, else the last value.
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    /// `-x`
    Neg(Box<Expr>),
    /// `a + b` of one scale.
    Add(Box<Expr>, Box<Expr>),
    /// `a - b` of one scale.
    Sub(Box<Expr>, Box<Expr>),
    /// `a * b / 10^drop`, rounded half away from zero once.
    Mul(Box<Expr>, Box<Expr>, u8),
    /// `a * 10^raise / b`, rounded half away from zero once; unknown (division by zero) where b may be 0.
    Div(Box<Expr>, Box<Expr>, i8),
    /// `x * 10^power`; a negative power rounds half away from zero.
    Rescale(Box<Expr>, i8),
    /// To a multiple of the second, which has the same scale and must be positive.
    Round(RoundMode, Box<Expr>, Box<Expr>),
    /// Smallest of the list; none is left out.
    Least(Vec<Expr>),
    /// Largest of the list; none is left out.
    Greatest(Vec<Expr>),
    /// Magnitude.
    Abs(Box<Expr>),
    /// A date moved by months; the day is cut to the month's last.
    AddMonths(Box<Expr>, i32),
    /// A date moved by a number of months that is computed.
    ShiftMonths(Box<Expr>, Box<Expr>),
    /// A date moved by days.
    AddDays(Box<Expr>, i32),
    /// The month a date lies in.
    MonthOf(Box<Expr>),
    /// Whole years from a birth date to the day of the check.
    Age(Box<Expr>),
    /// Months from the first to the second, each a date or a month: the difference of their calendar months.
    MonthsBetween(Box<Expr>, Box<Expr>),
    /// Days from the first date to the second.
    DaysBetween(Box<Expr>, Box<Expr>),
    /// A yearly amount in a month of which nothing is known but the year's: from 0 to all of it, for the reason `spread`.
    PerMonth(Box<Expr>),
    /// A twelfth of a yearly amount, rounded half away from zero, and the clause that allows it.
    Spread(Box<Expr>, Arc<str>),
    /// An aggregate.
    Aggregate(Aggregate),
    /// What holds first, and what holds in its place from which day on, by day; only the one in force is computed.
    Dated(Box<Expr>, Vec<(Date, Expr)>),
    /// `ASSUME(x, value, 'reason')`: the value where x is unknown; the report prints that it was assumed.
    Assume {
        /// What may be unknown.
        value: Box<Expr>,
        /// What stands in for it.
        instead: Box<Expr>,
        /// Why, in Chinese, as printed.
        reason: Arc<str>,
    },
}

impl Expr {
    /// An expression of a kind and type.
    #[must_use]
    pub const fn new(kind: ExprKind, ty: ColumnType) -> Self {
        Self { kind, ty }
    }

    /// Of an expression with versions, the one in force on a day.
    #[must_use]
    pub fn in_force<'e>(first: &'e Self, versions: &'e [(Date, Self)], day: Date) -> &'e Self {
        versions.iter().rev().find(|(from, _)| *from <= day).map_or(first, |(_, expr)| expr)
    }
}
