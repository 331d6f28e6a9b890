//! The functions of the rule language: names and arguments.

use crate::program::{AggregateFn, RoundMode};

/// A function of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Smallest of two or more.
    Least,
    /// Largest of two or more.
    Greatest,
    /// Magnitude.
    Abs,
    /// To a number of decimals, by default none.
    Round,
    /// To the nearest multiple.
    RoundTo,
    /// Down to a multiple.
    FloorTo,
    /// Up to a multiple.
    CeilTo,
    /// A plain number as a count.
    Whole,
    /// Whole years from a birth date to the day of the check.
    Age,
    /// Calendar months from the first to the second.
    MonthsBetween,
    /// Days from the first to the second.
    DaysBetween,
    /// Month a date lies in.
    Month,
    /// Whether a month lies 1 to n months before another.
    InLastMonths,
    /// A date or month moved by a number of months.
    AddMonths,
    /// Money per year as money per month, where a clause says that it is spread evenly.
    Spread,
    /// Money per year, or money over n months, as money per month.
    PerMonth,
    /// Money per month as money per year.
    PerYear,
    /// Money per month for n months, as money.
    OverMonths,
    /// A value in place of the unknown, with a reason.
    Assume,
}

/// All functions with their least and most arguments and an example.
pub const FUNCTIONS: [(&str, Function, usize, usize, &str); 19] = [
    ("LEAST", Function::Least, 2, usize::MAX, "LEAST(a, b)"),
    ("GREATEST", Function::Greatest, 2, usize::MAX, "GREATEST(a, 0)"),
    ("ABS", Function::Abs, 1, 1, "ABS(x)"),
    ("ROUND", Function::Round, 1, 2, "ROUND(x, 2)"),
    ("ROUND_TO", Function::RoundTo, 2, 3, "ROUND_TO(x, 10) or ROUND_TO(x, 10, 'half_even')"),
    ("FLOOR_TO", Function::FloorTo, 2, 2, "FLOOR_TO(x, 10)"),
    ("CEIL_TO", Function::CeilTo, 2, 2, "CEIL_TO(x, 1.00)"),
    ("WHOLE", Function::Whole, 1, 2, "WHOLE(x) or WHOLE(x, 'down')"),
    ("AGE", Function::Age, 1, 1, "AGE(birth_date)"),
    ("MONTHS_BETWEEN", Function::MonthsBetween, 2, 2, "MONTHS_BETWEEN(month, as_of)"),
    ("DAYS_BETWEEN", Function::DaysBetween, 2, 2, "DAYS_BETWEEN(registered, as_of)"),
    ("MONTH", Function::Month, 1, 1, "MONTH(as_of)"),
    (
        "IN_LAST_MONTHS",
        Function::InLastMonths,
        2,
        3,
        "IN_LAST_MONTHS(month, 12) or IN_LAST_MONTHS(month, 12, applied_on)",
    ),
    ("ADD_MONTHS", Function::AddMonths, 2, 2, "ADD_MONTHS(as_of, recheck_period)"),
    ("SPREAD", Function::Spread, 2, 2, "SPREAD(yearly, '依据条款')"),
    ("PER_MONTH", Function::PerMonth, 1, 2, "PER_MONTH(yearly) or PER_MONTH(sum, 12)"),
    ("PER_YEAR", Function::PerYear, 1, 1, "PER_YEAR(monthly)"),
    ("OVER_MONTHS", Function::OverMonths, 2, 2, "OVER_MONTHS(standard, 36)"),
    ("ASSUME", Function::Assume, 3, 3, "ASSUME(x, 0, '理由')"),
];

/// All aggregates.
pub const AGGREGATES: [(&str, AggregateFn); 11] = [
    ("SUM", AggregateFn::Sum),
    ("COUNT", AggregateFn::Count),
    ("MIN", AggregateFn::Min),
    ("MAX", AggregateFn::Max),
    ("AVG", AggregateFn::Avg),
    ("BOOL_OR", AggregateFn::BoolOr),
    ("BOOL_AND", AggregateFn::BoolAnd),
    ("MONTH_FIRST", AggregateFn::MonthFirst),
    ("MONTH_LAST", AggregateFn::MonthLast),
    ("MONTH_MAX", AggregateFn::MonthMax),
    ("MONTH_MIN", AggregateFn::MonthMin),
];

/// What to write instead of a function of other SQL dialects.
pub(crate) fn instead_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "COALESCE" | "IFNULL" | "NVL" => {
            "unknown is not zero: ASSUME(x, value, 'reason') puts a value in its place, and the report prints it"
        }
        "NOW" | "TODAY" | "CURDATE" | "GETDATE" => "the day of the check is `as_of`",
        "IF" | "IIF" | "DECODE" => "write CASE WHEN condition THEN a ELSE b END",
        "YEAR" | "DATEDIFF" | "DATE_DIFF" | "DATEADD" | "DATE_ADD" => {
            "use AGE(date), MONTHS_BETWEEN(a, b), DAYS_BETWEEN(a, b), or date + INTERVAL '12' MONTH"
        }
        "ANY" | "SOME" | "EVERY" | "ALL" => "use BOOL_OR(x) or BOOL_AND(x)",
        "CEILING" | "TRUNC" => "use CEIL_TO(x, 1), FLOOR_TO(x, 1) or WHOLE(x, 'down')",
        _ => return None,
    })
}

/// Ways of rounding, as written.
pub(crate) const ROUNDINGS: [(&str, RoundMode); 5] = [
    ("half_up", RoundMode::Nearest),
    ("half_even", RoundMode::HalfEven),
    ("half_down", RoundMode::HalfDown),
    ("up", RoundMode::Up),
    ("down", RoundMode::Down),
];
