//! A scheme that asks who receives aid, where it means who may: those who never applied fall through.

use super::Lints;
use crate::resolved::{Expr, ExprKind};

pub(super) fn lint(lints: &mut Lints<'_>) {
    let mut found = Vec::new();
    for node in lints.deciding() {
        for expr in lints.expressions(node) {
            look(lints, expr, &mut |expr, input| {
                found.push((
                    lints.pack.steps[node.0].name.value.clone(),
                    expr.spot
                        .warning(
                            "rules::receipt_not_eligibility",
                            format!("a scheme rests on `{input}`, which says who receives aid, not who may"),
                            "receipt",
                        )
                        .help("name the scheme itself, such as `dibao`: it holds for all who meet its conditions"),
                ));
            });
        }
    }
    found.into_iter().for_each(|(rule, mistake)| lints.tell(&rule, mistake));
}

fn look(lints: &Lints<'_>, expr: &Expr, tell: &mut impl FnMut(&Expr, &str)) {
    if let ExprKind::Input(id) = expr.kind {
        let input = &lints.pack.inputs[id.index()];
        if input.receipt {
            tell(expr, &input.name.value);
        }
    }
    expr.children().into_iter().for_each(|child| look(lints, child, tell));
}
