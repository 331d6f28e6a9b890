//! The parts of an expression: for whoever walks all of them.

use super::{Aggregate, Expr, ExprKind};

impl Expr {
    /// The expressions directly inside this one, in the order they are written.
    #[must_use]
    pub fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Int(_)
            | ExprKind::Text(_)
            | ExprKind::AsOf
            | ExprKind::Residence
            | ExprKind::IsMember
            | ExprKind::Column(_)
            | ExprKind::Input(_)
            | ExprKind::Step(_) => Vec::new(),
            ExprKind::Household(a)
            | ExprKind::Not(a)
            | ExprKind::IsNone(a)
            | ExprKind::Neg(a)
            | ExprKind::Rescale(a, _)
            | ExprKind::Abs(a)
            | ExprKind::AddMonths(a, _)
            | ExprKind::AddDays(a, _)
            | ExprKind::MonthOf(a)
            | ExprKind::PerMonth(a)
            | ExprKind::Spread(a, _)
            | ExprKind::Age(a) => vec![a],
            ExprKind::Compare(_, a, b)
            | ExprKind::Add(a, b)
            | ExprKind::Sub(a, b)
            | ExprKind::Mul(a, b, _)
            | ExprKind::Div(a, b, _)
            | ExprKind::Round(_, a, b)
            | ExprKind::MonthsBetween(a, b)
            | ExprKind::ShiftMonths(a, b)
            | ExprKind::DaysBetween(a, b)
            | ExprKind::Assume { value: a, instead: b, .. } => vec![a, b],
            ExprKind::Parameter { keys: list, .. }
            | ExprKind::And(list)
            | ExprKind::Or(list)
            | ExprKind::Least(list)
            | ExprKind::Greatest(list) => list.iter().collect(),
            ExprKind::In(a, list) => std::iter::once(&**a).chain(list).collect(),
            ExprKind::Dated(first, versions) => {
                std::iter::once(&**first).chain(versions.iter().map(|(_, e)| e)).collect()
            }
            ExprKind::Case(branches, otherwise) => {
                branches.iter().flat_map(|(c, v)| [c, v]).chain(std::iter::once(&**otherwise)).collect()
            }
            ExprKind::Aggregate(Aggregate { argument, by, filter, .. }) => {
                [argument, by, filter].into_iter().filter_map(|part| part.as_deref()).collect()
            }
        }
    }

    /// The same, to change them.
    #[must_use]
    pub fn parts_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.kind {
            ExprKind::Int(_)
            | ExprKind::Text(_)
            | ExprKind::AsOf
            | ExprKind::Residence
            | ExprKind::IsMember
            | ExprKind::Column(_)
            | ExprKind::Input(_)
            | ExprKind::Step(_) => Vec::new(),
            ExprKind::Household(a)
            | ExprKind::Not(a)
            | ExprKind::IsNone(a)
            | ExprKind::Neg(a)
            | ExprKind::Rescale(a, _)
            | ExprKind::Abs(a)
            | ExprKind::AddMonths(a, _)
            | ExprKind::AddDays(a, _)
            | ExprKind::MonthOf(a)
            | ExprKind::PerMonth(a)
            | ExprKind::Spread(a, _)
            | ExprKind::Age(a) => vec![a],
            ExprKind::Compare(_, a, b)
            | ExprKind::Add(a, b)
            | ExprKind::Sub(a, b)
            | ExprKind::Mul(a, b, _)
            | ExprKind::Div(a, b, _)
            | ExprKind::Round(_, a, b)
            | ExprKind::MonthsBetween(a, b)
            | ExprKind::ShiftMonths(a, b)
            | ExprKind::DaysBetween(a, b)
            | ExprKind::Assume { value: a, instead: b, .. } => vec![a, b],
            ExprKind::Parameter { keys: list, .. }
            | ExprKind::And(list)
            | ExprKind::Or(list)
            | ExprKind::Least(list)
            | ExprKind::Greatest(list) => list.iter_mut().collect(),
            ExprKind::In(a, list) => std::iter::once(&mut **a).chain(list).collect(),
            ExprKind::Dated(first, versions) => {
                std::iter::once(&mut **first).chain(versions.iter_mut().map(|(_, e)| e)).collect()
            }
            ExprKind::Case(branches, otherwise) => {
                branches.iter_mut().flat_map(|(c, v)| [c, v]).chain(std::iter::once(&mut **otherwise)).collect()
            }
            ExprKind::Aggregate(Aggregate { argument, by, filter, .. }) => {
                [argument, by, filter].into_iter().filter_map(|part| part.as_deref_mut()).collect()
            }
        }
    }

    /// This expression and all inside it, outermost first.
    #[must_use]
    pub fn all(&self) -> Vec<&Self> {
        let mut found = vec![self];
        for part in self.parts() {
            found.extend(part.all());
        }
        found
    }

    /// The expression that [`Expr::all`] lists at a place.
    #[must_use]
    pub fn nth_mut(&mut self, place: usize) -> Option<&mut Self> {
        self.seek(&mut { place })
    }

    fn seek(&mut self, left: &mut usize) -> Option<&mut Self> {
        if *left == 0 {
            return Some(self);
        }
        *left -= 1;
        self.parts_mut().into_iter().find_map(|part| part.seek(left))
    }
}
