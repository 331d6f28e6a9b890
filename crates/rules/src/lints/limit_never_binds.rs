//! A limit that no value can pass, or that every value is beyond, whatever is found.

use super::Lints;
use super::interval::{Interval, Intervals};
use crate::program::{Expr, ExprKind, Relation, StepKind};

pub(super) fn lint(lints: &mut Lints<'_>) {
    let intervals = Intervals::of(lints.program, lints.day);
    tests(lints, &intervals);
    clamps(lints, &intervals);
}

fn tests(lints: &mut Lints<'_>, intervals: &Intervals<'_>) {
    let mut found = Vec::new();
    for (test, bound) in lints.program.tests.iter().zip(&lints.pack.tests) {
        let (Some(relation), Some(limit), Some((_, _, limit_node))) = (test.relation, test.limit, bound.limit) else {
            continue;
        };
        let (value, limit) = (intervals.step(test.value), intervals.step(limit));
        let (always, never) = match relation {
            Relation::Below => (value.hi < limit.lo, value.lo >= limit.hi),
            Relation::AtMost => (value.hi <= limit.lo, value.lo > limit.hi),
            Relation::Above => (value.lo > limit.hi, value.hi <= limit.lo),
            Relation::AtLeast => (value.lo >= limit.hi, value.hi < limit.lo),
        };
        if always || never {
            let how = if always { "always" } else { "never" };
            let spot = &lints.pack.steps[limit_node.0].spot;
            found.push((
                test.name.clone(),
                spot.warning("rules::limit_never_binds", format!("the test `{}` is {how} met", test.name), "this limit")
                    .help("compare the limit with what the value can be: its unit, the `min` and `max` of its columns and parameters"),
            ));
        }
    }
    found.into_iter().for_each(|(rule, mistake)| lints.tell(&rule, mistake));
}

/// `LEAST(x, limit)` where x is never more than the limit, and the like. A bare 0 is a safety rail, not a limit.
fn clamps(lints: &mut Lints<'_>, intervals: &Intervals<'_>) {
    let mut found = Vec::new();
    for step in &lints.program.steps {
        let (StepKind::Formula(expr) | StepKind::Fact { value: expr, .. }) = &step.kind else { continue };
        let Some(bound) = lints.pack.steps.iter().find(|bound| bound.name.value == step.name) else { continue };
        for part in expr.all() {
            let (ExprKind::Least(list) | ExprKind::Greatest(list)) = &part.kind else { continue };
            let least = matches!(part.kind, ExprKind::Least(_));
            let ranges: Vec<Interval> = list.iter().map(|e| intervals.expr(e)).collect();
            if list.iter().enumerate().any(|(at, operand)| idle(operand, at, &ranges, least)) {
                let name = if least { "LEAST" } else { "GREATEST" };
                let spot = &bound.spot;
                found.push((
                    step.name.clone(),
                    spot.warning(
                        "rules::limit_never_binds",
                        format!("a part of {name} in `{}` can never be the result", step.name),
                        "never binds",
                    )
                    .help(
                        "take the part out, or check its unit and the `min` and `max` of the columns it stands beside",
                    ),
                ));
            }
        }
    }
    found.into_iter().for_each(|(rule, mistake)| lints.tell(&rule, mistake));
}

/// Whether an operand can never be chosen.
fn idle(operand: &Expr, at: usize, ranges: &[Interval], least: bool) -> bool {
    let own = ranges[at];
    !matches!(operand.kind, ExprKind::Int(0))
        && ranges
            .iter()
            .enumerate()
            .any(|(other, range)| other != at && if least { own.lo > range.hi } else { own.hi < range.lo })
}
