//! `BOOL_OR` over members of a test with a limit: one person within it lets the whole household pass.

use super::Lints;
use crate::program::{AggregateFn, Over};
use crate::resolved::{Expr, ExprKind};

pub(super) fn lint(lints: &mut Lints<'_>) {
    let mut found = Vec::new();
    for node in lints.deciding() {
        for expr in lints.expressions(node) {
            look(lints, expr, &mut |expr, test| {
                found.push((
                    lints.pack.steps[node.0].name.value.clone(),
                    expr.spot
                        .warning(
                            "rules::any_for_all",
                            format!("one member within the limit of `{test}` is enough here"),
                            "any of them",
                        )
                        .help(format!("if all members have to be within it write BOOL_AND(member.{test})")),
                ));
            });
        }
    }
    found.into_iter().for_each(|(rule, mistake)| lints.tell(&rule, mistake));
}

fn look(lints: &Lints<'_>, expr: &Expr, tell: &mut impl FnMut(&Expr, &str)) {
    match &expr.kind {
        // That not even one is within a limit is a question of its own.
        ExprKind::Not(_) => {}
        ExprKind::Aggregate {
            over: Over::Members, function: AggregateFn::BoolOr, argument: Some(argument), ..
        } => {
            if let ExprKind::Step(node) = argument.kind
                && let Some(test) = lints.pack.tests.iter().find(|test| test.result == node && test.limit.is_some())
            {
                tell(expr, &test.name);
            }
        }
        _ => expr.children().into_iter().for_each(|child| look(lints, child, tell)),
    }
}
