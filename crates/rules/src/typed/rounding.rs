//! Rounding: to decimals, to multiples in one of several ways, to whole numbers.

use hedui_base::ColumnType;
use hedui_base::diagnostic::nearest;

use super::arithmetic::constant;
use super::check::{Checker, Rx};
use super::units::{is_number, is_plain, rescaled, words};
use crate::functions::ROUNDINGS;
use crate::program::{Expr, ExprKind, RoundMode};
use crate::resolved::ExprKind as R;

impl Checker<'_> {
    /// A way of rounding, written as a text.
    pub(super) fn rounding(&mut self, arg: &Rx) -> Option<RoundMode> {
        let words: Vec<&str> = ROUNDINGS.iter().map(|(word, _)| *word).collect();
        let list = words.join("', '");
        if matches!(arg.kind, R::Error) {
            return None;
        }
        let R::Text(text) = &arg.kind else {
            return self.fail(
                arg.spot.error(
                    "rules::bad_value",
                    "a way of rounding is one word in single quotes",
                    "not a way of rounding",
                ),
                format!("one of '{list}'"),
            );
        };
        if let Some((_, mode)) = ROUNDINGS.iter().find(|(word, _)| word == text) {
            return Some(*mode);
        }
        let near = nearest(text, words.iter().copied()).map(|n| format!("did you mean '{n}'? ")).unwrap_or_default();
        self.fail(
            arg.spot.error("rules::unknown_word", format!("'{text}' is no way of rounding"), "not one of the words"),
            format!("{near}one of '{list}'; halves: up is away from zero, down is towards zero"),
        )
    }

    /// A plain number as a count.
    pub(super) fn whole(&mut self, args: &[Rx]) -> Option<Expr> {
        let mode = match args.get(1) {
            Some(mode) => self.rounding(mode),
            None => Some(RoundMode::Nearest),
        };
        let x = self.check(&args[0], None)?;
        if !is_plain(x.ty) {
            let help = "it makes a count of a plain number; a share is money divided by money";
            return self.unfit(&args[0].spot, "WHOLE", "a plain number", x.ty, help);
        }
        let (mode, ty) = (mode?, x.ty);
        if ty == ColumnType::Int {
            return Some(x);
        }
        let unit = Expr::new(ExprKind::Int(10i64.pow(ty.scale().into())), ty);
        let rounded = Expr::new(ExprKind::Round(mode, Box::new(x), Box::new(unit)), ty);
        Some(rescaled(rounded, ColumnType::Int))
    }

    pub(super) fn round(&mut self, args: &[Rx], expected: Option<ColumnType>) -> Option<Expr> {
        let x = self.check(&args[0], expected)?;
        let ty = x.ty;
        if !is_number(ty) {
            return self.unfit(&args[0].spot, "ROUND", "a number", ty, "give it a number");
        }
        let digits = match args.get(1) {
            None => 0,
            Some(arg) => {
                let written = constant(arg).filter(|n| n.scale() == 0).and_then(|n| i8::try_from(n).ok());
                match written.filter(|n| (-6..=i8::try_from(ty.scale()).unwrap_or(0)).contains(n)) {
                    Some(n) => n,
                    None => {
                        return self.fail(
                            arg.spot.error(
                                "rules::bad_value",
                                format!("{} can be rounded to at most {} decimals", words(ty), ty.scale()),
                                "number of decimals",
                            ),
                            "write a whole number, such as ROUND(x, 1); negative ones round to tens",
                        );
                    }
                }
            }
        };
        let power = i16::from(ty.scale()) - i16::from(digits);
        let multiple = 10i64.pow(u32::try_from(power).unwrap_or(0));
        let multiple = Expr::new(ExprKind::Int(multiple), ty);
        Some(Expr::new(ExprKind::Round(RoundMode::Nearest, Box::new(x), Box::new(multiple)), ty))
    }

    pub(super) fn round_to(&mut self, mode: RoundMode, args: &[Rx], expected: Option<ColumnType>) -> Option<Expr> {
        if let Some(multiple) = constant(&args[1])
            && multiple <= rust_decimal::Decimal::ZERO
        {
            return self.fail(
                args[1].spot.error("rules::bad_value", "a multiple has to be more than zero", "not positive"),
                "write 10, 1 or 0.10",
            );
        }
        let mut both = self.alike("round", &[&args[0], &args[1]], expected)?;
        let (multiple, x) = (both.pop()?, both.pop()?);
        let ty = x.ty;
        if !is_number(ty) {
            return self.unfit(&args[0].spot, "rounding", "a number", ty, "give it a number");
        }
        Some(Expr::new(ExprKind::Round(mode, Box::new(x), Box::new(multiple)), ty))
    }
}
