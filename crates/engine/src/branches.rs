//! Which branches of `CASE` a case takes: for the coverage that a pack's cases reach.

use hedui_base::Tri;
use hedui_rules::program::{Expr, ExprKind, Over, StepId, StepKind};

use crate::evaluate::{Kernel, Scope};
use crate::print::print;
use crate::reads::children;

/// One branch of one `CASE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchUse {
    /// The step it stands in.
    pub step: StepId,
    /// Number of the branch within the step, from 0.
    pub branch: usize,
    /// Its condition as text, or `ELSE`.
    pub condition: String,
    /// Whether any row of the case takes it for certain.
    pub taken: bool,
}

/// All branches of a computed slice.
pub(crate) fn branches(kernel: &mut Kernel<'_>) -> Vec<BranchUse> {
    let program = kernel.program;
    let mut uses = Vec::new();
    for (step, definition) in program.steps.iter().enumerate() {
        let scope = Scope::from(definition.entity);
        let mut found = Vec::new();
        let dataset = match &definition.kind {
            StepKind::FlagCount(_) => continue,
            StepKind::Formula(expr) => {
                cases(expr, scope, None, &mut found);
                None
            }
            StepKind::Fact { dataset, filter, value } => {
                let records = Scope::Records(dataset.index());
                filter.iter().for_each(|filter| cases(filter, records, None, &mut found));
                cases(value, scope, Some(records), &mut found);
                Some(*dataset)
            }
        };
        kernel.step = step;
        if !found.is_empty() {
            kernel.enter_fact(step);
        }
        let mut number = 0;
        for (expr, scope) in found {
            let ExprKind::Case(written, _) = &expr.kind else { continue };
            let mut left = vec![true; kernel.rows(scope)];
            for (condition, _) in written {
                let met = kernel.eval(condition, scope);
                let mut taken = false;
                for (row, left) in left.iter_mut().enumerate() {
                    let tri = met.get(row).truth().0;
                    taken |= *left && tri == Tri::Met;
                    *left &= tri == Tri::NotMet;
                }
                let condition = print(program, dataset, condition);
                uses.push(BranchUse { step: StepId(step as u32), branch: number, condition, taken });
                number += 1;
            }
            let taken = left.into_iter().any(|left| left);
            uses.push(BranchUse { step: StepId(step as u32), branch: number, condition: "ELSE".to_owned(), taken });
            number += 1;
        }
        kernel.fact = None;
    }
    uses
}

/// Every `CASE` inside an expression, with what its rows are about.
fn cases<'e>(expr: &'e Expr, scope: Scope, records: Option<Scope>, found: &mut Vec<(&'e Expr, Scope)>) {
    if matches!(expr.kind, ExprKind::Case(..)) {
        found.push((expr, scope));
    }
    let inside = match &expr.kind {
        ExprKind::Household(_) => Scope::Household,
        ExprKind::Aggregate(of) => match of.over {
            Over::Records => records.unwrap_or(scope),
            Over::Members | Over::Obligors => Scope::Person,
        },
        _ => scope,
    };
    for inner in children(expr) {
        cases(inner, inside, records, found);
    }
}
