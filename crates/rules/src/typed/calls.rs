//! Functions and aggregates.

use hedui_base::{ColumnType, Period};

use super::check::{Checker, Rx};
use super::units::{is_number, is_ordered, is_plain, rescaled, words};
use crate::functions::{AGGREGATES, Function};
use crate::program::{Aggregate, AggregateFn, Expr, ExprKind, Over, RoundMode};
use crate::resolved::ExprKind as R;
use crate::spot::Spot;

pub(super) const MONTHLY: ColumnType = ColumnType::Money(Period::Month);

impl Checker<'_> {
    pub(super) fn unfit(
        &mut self,
        spot: &Spot,
        function: &str,
        wants: &str,
        found: ColumnType,
        help: &str,
    ) -> Option<Expr> {
        self.fail(
            spot.error("rules::type_mismatch", format!("{function} takes {wants}, not {}", words(found)), words(found)),
            help,
        )
    }

    pub(super) fn call(
        &mut self,
        function: Function,
        args: &[Rx],
        expected: Option<ColumnType>,
        spot: &Spot,
    ) -> Option<Expr> {
        match function {
            Function::Least | Function::Greatest => {
                let list: Vec<&Rx> = args.iter().collect();
                let list = self.alike("compare", &list, expected)?;
                let ty = list.first()?.ty;
                if !is_ordered(ty) {
                    return self.unfit(
                        spot,
                        if function == Function::Least { "LEAST" } else { "GREATEST" },
                        "numbers, dates or months",
                        ty,
                        "use CASE WHEN instead",
                    );
                }
                let kind = if function == Function::Least { ExprKind::Least(list) } else { ExprKind::Greatest(list) };
                Some(Expr::new(kind, ty))
            }
            Function::Abs => {
                let x = self.check(&args[0], expected)?;
                let ty = x.ty;
                if !is_number(ty) {
                    return self.unfit(&args[0].spot, "ABS", "a number", ty, "give it a number");
                }
                Some(Expr::new(ExprKind::Abs(Box::new(x)), ty))
            }
            Function::Round => self.round(args, expected),
            Function::RoundTo => {
                let mode = match args.get(2) {
                    Some(mode) => self.rounding(mode)?,
                    None => RoundMode::Nearest,
                };
                self.round_to(mode, args, expected)
            }
            Function::Whole => self.whole(args),
            Function::FloorTo => self.round_to(RoundMode::Floor, args, expected),
            Function::CeilTo => self.round_to(RoundMode::Ceil, args, expected),
            Function::Age => {
                let date = self.date(&args[0], "AGE")?;
                Some(Expr::new(ExprKind::Age(Box::new(date)), ColumnType::Int))
            }
            Function::MonthsBetween => {
                let (a, b) = (
                    self.date_or_month(&args[0], "MONTHS_BETWEEN", None),
                    self.date_or_month(&args[1], "MONTHS_BETWEEN", None),
                );
                Some(Expr::new(ExprKind::MonthsBetween(Box::new(a?), Box::new(b?)), ColumnType::Int))
            }
            Function::DaysBetween => {
                let (a, b) = (self.date(&args[0], "DAYS_BETWEEN"), self.date(&args[1], "DAYS_BETWEEN"));
                Some(Expr::new(ExprKind::DaysBetween(Box::new(a?), Box::new(b?)), ColumnType::Int))
            }
            Function::Month => {
                let date = self.date(&args[0], "MONTH")?;
                Some(Expr::new(ExprKind::MonthOf(Box::new(date)), ColumnType::Month))
            }
            Function::InLastMonths => self.in_last_months(args),
            Function::AddMonths => self.add_months(args, expected),
            Function::Spread => self.spread(args),
            Function::PerMonth => self.per_month(args, spot),
            Function::PerYear => {
                let x = self.check(&args[0], Some(MONTHLY))?;
                if x.ty != MONTHLY {
                    let help = "sums of a year: PER_YEAR(PER_MONTH(x, 12)); a yearly amount needs nothing";
                    return self.unfit(&args[0].spot, "PER_YEAR", "money per month", x.ty, help);
                }
                let twelve = Expr::new(ExprKind::Int(12), ColumnType::Int);
                Some(Expr::new(ExprKind::Mul(Box::new(x), Box::new(twelve), 0), ColumnType::Money(Period::Year)))
            }
            Function::OverMonths => {
                let (x, n) = (self.check(&args[0], Some(MONTHLY)), self.check(&args[1], Some(ColumnType::Int)));
                let (x, n) = (x?, n?);
                if x.ty != MONTHLY {
                    let help = "it makes a sum of a monthly amount, such as 36 months of the standard";
                    return self.unfit(&args[0].spot, "OVER_MONTHS", "money per month", x.ty, help);
                }
                if !is_plain(n.ty) {
                    return self.unfit(
                        &args[1].spot,
                        "OVER_MONTHS",
                        "a number of months",
                        n.ty,
                        "write OVER_MONTHS(x, 36)",
                    );
                }
                let drop = n.ty.scale();
                Some(Expr::new(ExprKind::Mul(Box::new(x), Box::new(n), drop), ColumnType::Money(Period::Stock)))
            }
            Function::Assume => self.assume(args, expected),
        }
    }

    fn date(&mut self, arg: &Rx, function: &str) -> Option<Expr> {
        let date = self.check(arg, Some(ColumnType::Date))?;
        if date.ty == ColumnType::Date {
            return Some(date);
        }
        self.unfit(&arg.spot, function, "a date", date.ty, "give it a date, such as birth_date or as_of")
    }

    pub(super) fn date_or_month(&mut self, arg: &Rx, function: &str, expected: Option<ColumnType>) -> Option<Expr> {
        let date = self.check(arg, expected.or(Some(ColumnType::Date)))?;
        if matches!(date.ty, ColumnType::Date | ColumnType::Month) {
            return Some(date);
        }
        self.unfit(&arg.spot, function, "dates or months", date.ty, "give it a date or month, such as as_of")
    }

    fn assume(&mut self, args: &[Rx], expected: Option<ColumnType>) -> Option<Expr> {
        let reason = match &args[2].kind {
            R::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
            _ => self.fail(
                args[2].spot.error("rules::bad_value", "an assumption needs a reason in words", "not a reason"),
                "write why in Chinese, in single quotes: the report prints it",
            ),
        };
        let mut both = self.alike("replace", &[&args[0], &args[1]], expected)?;
        let (instead, value) = (both.pop()?, both.pop()?);
        let ty = value.ty;
        let kind = ExprKind::Assume { value: Box::new(value), instead: Box::new(instead), reason: reason?.into() };
        Some(Expr::new(kind, ty))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of an aggregate as written")]
    pub(super) fn aggregate(
        &mut self,
        over: Over,
        function: AggregateFn,
        argument: Option<&Rx>,
        by: Option<&Rx>,
        filter: Option<&Rx>,
        expected: Option<ColumnType>,
        spot: &Spot,
    ) -> Option<Expr> {
        let expected = match function {
            AggregateFn::BoolOr | AggregateFn::BoolAnd => Some(ColumnType::Bool),
            AggregateFn::Count | AggregateFn::CountDistinct => None,
            _ => expected,
        };
        let name = AGGREGATES.iter().find(|(_, f)| *f == function).map_or("COUNT", |(name, _)| *name);
        let filter = filter.map(|f| self.condition(f));
        let by = by.map(|month| self.date_or_month(month, name, None));
        let argument = match argument {
            Some(expr) => Some((self.check(expr, expected)?, &expr.spot)),
            None => None,
        };
        let filter = match filter {
            Some(filter) => Some(Box::new(filter?)),
            None => None,
        };
        let (argument, ty) = match (function, argument) {
            (AggregateFn::Count | AggregateFn::CountDistinct, argument) => (argument.map(|a| a.0), ColumnType::Int),
            (AggregateFn::BoolOr | AggregateFn::BoolAnd, Some((x, at))) => {
                if x.ty != ColumnType::Bool {
                    return self.unfit(at, name, "a condition", x.ty, "compare it with something, such as `x > 0`");
                }
                (Some(x), ColumnType::Bool)
            }
            (function, Some((x, at)))
                if !is_number(x.ty)
                    && (function.is_by_month() || matches!(function, AggregateFn::Sum | AggregateFn::Avg)) =>
            {
                let help = if x.ty == ColumnType::Bool {
                    "count them: COUNT(*) FILTER (WHERE x)"
                } else {
                    "only numbers are added up"
                };
                return self.unfit(at, name, "numbers", x.ty, help);
            }
            (AggregateFn::Avg, Some((x, _))) if x.ty == ColumnType::Int => {
                let ty = ColumnType::Decimal(6);
                (Some(rescaled(x, ty)), ty)
            }
            (AggregateFn::Min | AggregateFn::Max, Some((x, at))) if !is_ordered(x.ty) => {
                let help =
                    if x.ty == ColumnType::Bool { "use BOOL_OR or BOOL_AND" } else { "count or compare it instead" };
                return self.unfit(at, name, "numbers, dates or months", x.ty, help);
            }
            (_, Some((x, _))) => {
                let ty = x.ty;
                (Some(x), ty)
            }
            (_, None) => {
                return self.fail(
                    spot.error("rules::aggregate_misuse", "an aggregate of nothing", "of what?"),
                    "name a value",
                );
            }
        };
        let by = match by {
            Some(month) => Some(Box::new(month?)),
            None => None,
        };
        let aggregate = Aggregate { over, function, argument: argument.map(Box::new), by, filter };
        Some(Expr::new(ExprKind::Aggregate(aggregate), ty))
    }
}
