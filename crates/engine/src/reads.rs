//! What expressions and steps read: found once per program, never per case.

use hedui_rules::Program;
use hedui_rules::program::{Expr, ExprKind, Over, StepKind};

/// Calls `visit` for an expression and all inside it; `visit` says whether to go deeper.
pub(crate) fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr) -> bool) {
    if visit(expr) {
        for inner in children(expr) {
            walk(inner, visit);
        }
    }
}

/// The expressions directly inside an expression, in the order they are written.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    expr.parts()
}

/// Whether an expression reads the record at hand.
pub(crate) fn reads_columns(expr: &Expr) -> bool {
    let mut found = false;
    walk(expr, &mut |e| {
        found |= matches!(e.kind, ExprKind::Column(_));
        // An aggregate has its own records.
        !found && !matches!(e.kind, ExprKind::Aggregate(_))
    });
    found
}

/// Everything a step is computed from.
pub(crate) fn expressions(kind: &StepKind) -> Vec<&Expr> {
    match kind {
        StepKind::Fact { filter, value, .. } => filter.iter().chain(std::iter::once(value)).collect(),
        StepKind::Formula(expr) => vec![expr],
        StepKind::FlagCount(_) => Vec::new(),
    }
}

/// What a step reads, through all the steps below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    /// Facts by step.
    pub(crate) facts: Vec<usize>,
    /// Whether it aggregates obligors.
    pub(crate) obligors: bool,
}

/// Follows a step down to the facts it rests on.
pub(crate) fn reach(program: &Program, step: usize) -> Reach {
    let mut seen = vec![false; program.steps.len()];
    let mut reach = Reach::default();
    let mut open = vec![step];
    while let Some(step) = open.pop() {
        if std::mem::replace(&mut seen[step], true) {
            continue;
        }
        let kind = &program.steps[step].kind;
        if matches!(kind, StepKind::Fact { .. }) {
            reach.facts.push(step);
        }
        for expr in expressions(kind) {
            walk(expr, &mut |e| {
                match &e.kind {
                    ExprKind::Step(below) => open.push(below.index()),
                    ExprKind::Aggregate(of) if of.over == Over::Obligors => reach.obligors = true,
                    _ => {}
                }
                true
            });
        }
    }
    reach.facts.sort_unstable();
    reach
}
