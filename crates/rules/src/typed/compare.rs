//! Comparisons, lists and branches: values that have to have one type.

use hedui_base::ColumnType;
use jiff::civil::Date;

use super::check::{Checker, Rx, is_bare};
use super::units::{common, is_ordered, mismatch, rescaled, words};
use crate::program::{CompareOp, Expr, ExprKind};
use crate::resolved::ExprKind as R;
use crate::resolved::unknown_code;
use crate::spot::Spot;

impl Checker<'_> {
    /// Two expressions of which a bare one takes the type of the other.
    pub(super) fn pair(&mut self, a: &Rx, b: &Rx, expected: Option<ColumnType>) -> Option<(Expr, Expr)> {
        let (a, b) = match (is_bare(a), is_bare(b)) {
            (true, false) => {
                let right = self.check(b, None);
                let left = if right.is_none() { None } else { self.check(a, right.as_ref().map(|e| e.ty)) };
                (left, right)
            }
            (false, true) => {
                let left = self.check(a, None);
                let right = if left.is_none() { None } else { self.check(b, left.as_ref().map(|e| e.ty)) };
                (left, right)
            }
            _ => (self.check(a, expected), self.check(b, expected)),
        };
        Some((a?, b?))
    }

    /// Brings values to one type; `verb` completes "cannot .. with ..".
    pub(super) fn unify(&mut self, verb: &str, values: Vec<(Expr, &Spot)>) -> Option<Vec<Expr>> {
        let mut ty = values.first()?.0.ty;
        let first = values[0].1;
        for (value, spot) in &values[1..] {
            match common(ty, value.ty) {
                Some(wider) => ty = wider,
                None => {
                    self.mistakes.push(mismatch(verb, (ty, first), (value.ty, spot)));
                    return None;
                }
            }
        }
        Some(values.into_iter().map(|(value, _)| rescaled(value, ty)).collect())
    }

    /// Expressions of which the bare ones take the type of the first that is not bare.
    pub(super) fn alike(&mut self, verb: &str, list: &[&Rx], expected: Option<ColumnType>) -> Option<Vec<Expr>> {
        let mut found: Vec<Option<Expr>> =
            list.iter().map(|e| if is_bare(e) { None } else { self.check(e, expected) }).collect();
        let lead = found.iter().flatten().next().map(|e| e.ty);
        let any_typed = list.iter().any(|e| !is_bare(e));
        if any_typed && lead.is_none() {
            return None;
        }
        for (slot, expr) in found.iter_mut().zip(list) {
            if is_bare(expr) {
                *slot = self.check(expr, lead.or(expected));
            }
        }
        let found = found.into_iter().collect::<Option<Vec<_>>>()?;
        self.unify(verb, found.into_iter().zip(list.iter().map(|e| &e.spot)).collect())
    }

    pub(super) fn compare(&mut self, op: CompareOp, a: &Rx, b: &Rx) -> Option<Expr> {
        let known = self.codes_known(a, b) & self.codes_known(b, a);
        let (left, right) = self.pair(a, b, None)?;
        let mut both = self.unify("compare", vec![(left, &a.spot), (right, &b.spot)])?;
        let (right, left) = (both.pop()?, both.pop()?);
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) && !is_ordered(left.ty) {
            return self.fail(
                a.spot.error(
                    "rules::type_mismatch",
                    format!("{} is neither more nor less than another", words(left.ty)),
                    words(left.ty),
                ),
                "compare it with = or <>",
            );
        }
        known.then(|| Expr::new(ExprKind::Compare(op, Box::new(left), Box::new(right)), ColumnType::Bool))
    }

    /// Whether a text is one of the codes of what it is compared with; reports if it is not.
    fn codes_known(&mut self, code: &Rx, of: &Rx) -> bool {
        let (R::Text(text), Some(codes)) = (&code.kind, self.codes(of)) else { return true };
        if codes.contains_key(text) {
            return true;
        }
        self.mistakes.push(unknown_code(text, &code.spot, &codes));
        false
    }

    pub(super) fn one_of(&mut self, value: &Rx, list: &[Rx]) -> Option<Expr> {
        let mut known = true;
        for item in list {
            known &= self.codes_known(item, value);
        }
        let all: Vec<&Rx> = std::iter::once(value).chain(list).collect();
        let mut found = self.alike("compare", &all, None)?;
        let value = found.remove(0);
        known.then(|| Expr::new(ExprKind::In(Box::new(value), found), ColumnType::Bool))
    }

    pub(super) fn case(&mut self, branches: &[(Rx, Rx)], otherwise: &Rx, expected: Option<ColumnType>) -> Option<Expr> {
        let conditions: Vec<Option<Expr>> = branches.iter().map(|(when, _)| self.condition(when)).collect();
        let values: Vec<&Rx> = branches.iter().map(|(_, then)| then).chain([otherwise]).collect();
        let mut values = self.alike("mix", &values, expected)?;
        let conditions = conditions.into_iter().collect::<Option<Vec<_>>>()?;
        let last = values.pop()?;
        let ty = last.ty;
        Some(Expr::new(ExprKind::Case(conditions.into_iter().zip(values).collect(), Box::new(last)), ty))
    }

    /// A formula and what holds in its place from later days on.
    pub(super) fn dated(&mut self, first: &Rx, versions: &[(Date, Rx)], expected: Option<ColumnType>) -> Option<Expr> {
        let all: Vec<&Rx> = std::iter::once(first).chain(versions.iter().map(|(_, e)| e)).collect();
        let mut all = self.alike("mix", &all, expected)?;
        let first = all.remove(0);
        let ty = first.ty;
        let later = versions.iter().map(|(from, _)| *from).zip(all).collect();
        Some(Expr::new(ExprKind::Dated(Box::new(first), later), ty))
    }
}
