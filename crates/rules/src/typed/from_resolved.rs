//! The checker, step by step in order of computation.

use std::collections::BTreeSet;

use hedui_base::{ColumnType, Diagnostic, Period};

use super::ast::Pack;
use super::check::Checker;
use super::units::{common, is_ordered, mismatch, rescaled, words};
use crate::program::{CompareOp, Expr, ExprKind, Relation, StepId, StepKind};
use crate::resolved::{self, Body, Node, Want};
use crate::spot::Spot;

/// Finds the type of everything in a bound pack.
pub(crate) fn from_resolved(pack: &resolved::Pack, mistakes: &mut Vec<Diagnostic>) -> Pack {
    let counted = counts_in_use(pack);
    let order: Vec<Node> = pack
        .order
        .iter()
        .copied()
        .filter(|n| !matches!(pack.steps[n.0].body, Body::FlagCount(_)) || counted.contains(n))
        .collect();
    let mut ids = vec![None; pack.steps.len()];
    for (index, node) in order.iter().enumerate() {
        ids[node.0] = Some(StepId(index as u32));
    }
    let mut checker = Checker {
        pack,
        ids,
        types: pack.steps.iter().map(|s| declared(s.want)).collect(),
        kinds: vec![None; pack.steps.len()],
        datasets: Vec::new(),
        records: None,
        mistakes,
    };
    for node in &order {
        checker.step(*node);
    }
    for flag in &pack.flags {
        for dataset in &flag.evidence {
            checker.dataset(dataset);
        }
    }
    let Checker { ids, types, kinds, datasets, .. } = checker;
    Pack { order, ids, types, kinds, datasets }
}

/// The type a step has whatever its formula says: so that a mistake in it stays its own.
const fn declared(want: Want) -> Option<ColumnType> {
    match want {
        Want::Declared(ty) => ty,
        Want::Condition => Some(ColumnType::Bool),
        Want::Amount => Some(ColumnType::Money(Period::Month)),
        Want::Whole => Some(ColumnType::Int),
        Want::Day => Some(ColumnType::Date),
        Want::Any | Want::Like(_) | Want::Score => None,
    }
}

fn counts_in_use(pack: &resolved::Pack) -> BTreeSet<Node> {
    let mut found = Vec::new();
    if let Some(score) = pack.score
        && let Body::Formula(expr) = &pack.steps[score.0].body
    {
        expr.steps(&mut found);
    }
    found.into_iter().map(|(node, _)| node).collect()
}

impl Checker<'_> {
    fn step(&mut self, node: Node) {
        let step = &self.pack.steps[node.0];
        let cyclic = self.pack.cyclic.contains(&node);
        match &step.body {
            Body::Fact { dataset, filter, value } => {
                self.records.clone_from(dataset);
                let condition = filter.as_ref().map(|f| self.condition(f));
                let value = self.check(value, None);
                self.records = None;
                let Some(dataset) = dataset else { return };
                let id = self.dataset(dataset);
                self.types[node.0] = value.as_ref().map(|v| v.ty);
                let filter = match condition {
                    Some(None) => return,
                    Some(Some(filter)) => Some(filter),
                    None => None,
                };
                self.kinds[node.0] = value.map(|value| StepKind::Fact { dataset: id, filter, value });
            }
            Body::Formula(expr) => {
                let typed = self.formula(expr, step.want);
                if let Some(typed) = typed {
                    self.types[node.0] = Some(typed.ty);
                    self.kinds[node.0] = (!cyclic).then_some(StepKind::Formula(typed));
                }
            }
            Body::Compare(value, relation, limit) => {
                self.kinds[node.0] = self.test(*value, *relation, *limit).map(StepKind::Formula);
            }
            Body::FlagCount(severity) => {
                self.types[node.0] = Some(ColumnType::Int);
                self.kinds[node.0] = Some(StepKind::FlagCount(*severity));
            }
        }
    }

    fn formula(&mut self, expr: &resolved::Expr, want: Want) -> Option<Expr> {
        let spot = &expr.spot;
        match want {
            Want::Any | Want::Declared(None) => self.check(expr, None),
            Want::Declared(Some(ty)) => {
                let typed = self.check(expr, Some(ty))?;
                self.fit(typed, spot, ty, "the variable is declared as")
            }
            Want::Condition => self.condition(expr),
            Want::Amount => {
                let ty = ColumnType::Money(Period::Month);
                let typed = self.check(expr, Some(ty))?;
                self.fit(typed, spot, ty, "the amount of a scheme is")
            }
            Want::Whole => {
                let typed = self.check(expr, Some(ColumnType::Int))?;
                self.fit(typed, spot, ColumnType::Int, "months between rechecks are")
            }
            Want::Day => {
                let typed = self.check(expr, Some(ColumnType::Date))?;
                if typed.ty == ColumnType::Date {
                    return Some(typed);
                }
                let found = words(typed.ty);
                self.fail(
                    spot.error(
                        "rules::type_mismatch",
                        format!("the last day of a finding is a date, not {found}"),
                        found,
                    ),
                    "write a date, such as as_of + INTERVAL '12' MONTH",
                )
            }
            Want::Score => {
                let typed = self.check(expr, None)?;
                let ty = if typed.ty == ColumnType::Int { ColumnType::Decimal(2) } else { typed.ty };
                if matches!(ty, ColumnType::Decimal(_)) {
                    return Some(rescaled(typed, ty));
                }
                self.fail(
                    spot.error(
                        "rules::type_mismatch",
                        format!("the score is a plain number from 0 to 100, but this is {}", words(ty)),
                        words(ty),
                    ),
                    "divide amounts by amounts to get plain numbers",
                )
            }
            Want::Like(other) => self.like(expr, other, spot),
        }
    }

    /// A limit beside its value, or what was found beside what was declared: both in one type.
    fn like(&mut self, expr: &resolved::Expr, other: Node, spot: &Spot) -> Option<Expr> {
        let expected = self.types[other.0];
        let typed = self.check(expr, expected)?;
        let Some(expected) = expected else { return Some(typed) };
        let Some(ty) = common(expected, typed.ty) else {
            let at = &self.pack.steps[other.0].spot;
            self.mistakes.push(mismatch("compare", (expected, at), (typed.ty, spot)));
            return None;
        };
        if ty != expected {
            self.types[other.0] = Some(ty);
            let widen = |kind| match kind {
                StepKind::Formula(expr) => StepKind::Formula(rescaled(expr, ty)),
                StepKind::Fact { dataset, filter, value } => {
                    StepKind::Fact { dataset, filter, value: rescaled(value, ty) }
                }
                kind @ StepKind::FlagCount(_) => kind,
            };
            self.kinds[other.0] = self.kinds[other.0].take().map(widen);
        }
        Some(rescaled(typed, ty))
    }

    fn test(&mut self, value: Node, relation: Relation, limit: Node) -> Option<Expr> {
        let (left, right) = (self.types[value.0]?, self.types[limit.0]?);
        if !is_ordered(left) {
            let spot = self.pack.steps[value.0].spot.clone();
            return self.fail(
                spot.error(
                    "rules::type_mismatch",
                    format!("{} is neither more nor less than a limit", words(left)),
                    words(left),
                ),
                "write the test with `when` alone",
            );
        }
        let op = match relation {
            Relation::Below => CompareOp::Lt,
            Relation::AtMost => CompareOp::Le,
            Relation::Above => CompareOp::Gt,
            Relation::AtLeast => CompareOp::Ge,
        };
        let value = Expr::new(ExprKind::Step(self.ids[value.0]?), left);
        let limit = Expr::new(ExprKind::Step(self.ids[limit.0]?), right);
        Some(Expr::new(ExprKind::Compare(op, Box::new(value), Box::new(limit)), ColumnType::Bool))
    }
}
