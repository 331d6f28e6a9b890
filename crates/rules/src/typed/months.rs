//! Windows of months, dates moved by months, yearly amounts by month.

use hedui_base::{ColumnType, Period};

use super::arithmetic::constant;
use super::calls::MONTHLY;
use super::check::{Checker, Rx};
use super::units::{period_help, words};
use crate::program::{CompareOp, Expr, ExprKind};
use crate::resolved::ExprKind as R;
use crate::spot::Spot;

impl Checker<'_> {
    /// Whether a month lies 1 to n months before the anchor's month: the n closed months before it.
    pub(super) fn in_last_months(&mut self, args: &[Rx]) -> Option<Expr> {
        const NAME: &str = "IN_LAST_MONTHS";
        let month = self.date_or_month(&args[0], NAME, None);
        let count = self.months(&args[1], NAME, "write IN_LAST_MONTHS(month, 12)");
        let anchor = match args.get(2) {
            Some(anchor) => self.date_or_month(anchor, NAME, None),
            None => Some(Expr::new(ExprKind::AsOf, ColumnType::Date)),
        };
        if constant(&args[1]).is_some_and(|n| n < rust_decimal::Decimal::ONE) {
            return self.fail(
                args[1].spot.error("rules::bad_value", "a window of no months holds nothing", "less than 1"),
                "write the number of closed months before the anchor, such as 12",
            );
        }
        let (month, count, anchor) = (month?, count?, anchor?);
        let ago = Expr::new(ExprKind::MonthsBetween(Box::new(month), Box::new(anchor)), ColumnType::Int);
        let one = Expr::new(ExprKind::Int(1), ColumnType::Int);
        let side =
            |op, limit| Expr::new(ExprKind::Compare(op, Box::new(ago.clone()), Box::new(limit)), ColumnType::Bool);
        let both = vec![side(CompareOp::Ge, one), side(CompareOp::Le, count)];
        Some(Expr::new(ExprKind::And(both), ColumnType::Bool))
    }

    /// A number of months.
    fn months(&mut self, arg: &Rx, function: &str, help: &str) -> Option<Expr> {
        let count = self.check(arg, Some(ColumnType::Int))?;
        if count.ty == ColumnType::Int {
            return Some(count);
        }
        self.unfit(&arg.spot, function, "a whole number of months", count.ty, help)
    }

    /// A date or month moved by a number of months.
    pub(super) fn add_months(&mut self, args: &[Rx], expected: Option<ColumnType>) -> Option<Expr> {
        const NAME: &str = "ADD_MONTHS";
        let expected = expected.filter(|ty| matches!(ty, ColumnType::Date | ColumnType::Month));
        let date = self.date_or_month(&args[0], NAME, expected);
        let count = self.months(&args[1], NAME, "write ADD_MONTHS(as_of, 12); WHOLE(x) makes a count of a decimal");
        let (date, count) = (date?, count?);
        let ty = date.ty;
        let fixed = match count.kind {
            ExprKind::Int(n) => i32::try_from(n).ok(),
            _ => None,
        };
        let kind = match (ty, fixed) {
            (ColumnType::Month, _) => ExprKind::Add(Box::new(date), Box::new(count)),
            (_, Some(n)) => ExprKind::AddMonths(Box::new(date), n),
            (_, None) => ExprKind::ShiftMonths(Box::new(date), Box::new(count)),
        };
        Some(Expr::new(kind, ty))
    }

    /// A yearly amount as a monthly one, exactly a twelfth, because a clause says that it is spread so.
    pub(super) fn spread(&mut self, args: &[Rx]) -> Option<Expr> {
        let cite = match &args[1].kind {
            R::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
            _ => self.fail(
                args[1].spot.error("rules::missing_cite", "SPREAD needs the clause that allows it", "not a clause"),
                "write it in single quotes: the sheet prints it; without a clause PER_MONTH(x) gives bounds",
            ),
        };
        let x = self.check(&args[0], Some(ColumnType::Money(Period::Year)))?;
        if x.ty != ColumnType::Money(Period::Year) {
            let help = match x.ty {
                ColumnType::Money(period) => period_help(period, Period::Month),
                _ => "it spreads a yearly amount over its months",
            };
            return self.unfit(&args[0].spot, "SPREAD", "money per year", x.ty, help);
        }
        Some(Expr::new(ExprKind::Spread(Box::new(x), cite?.into()), MONTHLY))
    }

    pub(super) fn per_month(&mut self, args: &[Rx], spot: &Spot) -> Option<Expr> {
        let x = self.check(&args[0], None);
        let n = args.get(1).map(|n| self.check(n, Some(ColumnType::Int)));
        let x = x?;
        match (x.ty, n) {
            (ColumnType::Money(Period::Year), None) => {
                // What a month holds is not proven by the year: bounds, unless a clause lets SPREAD divide.
                Some(Expr::new(ExprKind::PerMonth(Box::new(x)), MONTHLY))
            }
            (ColumnType::Money(Period::Stock), Some(n)) => {
                let n = n?;
                if n.ty != ColumnType::Int {
                    return self.unfit(
                        &args[1].spot,
                        "PER_MONTH",
                        "a number of months",
                        n.ty,
                        "write PER_MONTH(x, 12)",
                    );
                }
                Some(Expr::new(ExprKind::Div(Box::new(x), Box::new(n), 0), MONTHLY))
            }
            (ColumnType::Money(Period::Stock), None) => self.fail(
                spot.error("rules::period_mixed", "over how many months is this sum?", "money at one moment"),
                "write PER_MONTH(x, 12) for a sum of 12 months",
            ),
            (ColumnType::Money(period), _) => {
                let help = if period == Period::Month {
                    "it is monthly already; take PER_MONTH out"
                } else {
                    "write PER_MONTH(x) for a yearly amount"
                };
                self.fail(spot.error("rules::period_mixed", format!("this is {}", words(x.ty)), words(x.ty)), help)
            }
            (ty, _) => self.unfit(&args[0].spot, "PER_MONTH", "money", ty, period_help(Period::Stock, Period::Month)),
        }
    }
}
