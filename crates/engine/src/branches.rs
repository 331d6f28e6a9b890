//! Which branches of `CASE` a case takes: for the coverage that a pack's cases reach.

use hedui_base::Tri;
use hedui_rules::program::{Expr, ExprKind, Over, StepId, StepKind};
use jiff::civil::Date;

use crate::evaluate::{Kernel, Scope};
use crate::print::print;
use crate::reads::children;

/// One branch of one `CASE`, or one version of a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchUse {
    /// The step it stands in.
    pub step: StepId,
    /// Number of the branch within the step, from 0.
    pub branch: usize,
    /// Its condition as text, or `ELSE`; for a version `before` or `from` its day.
    pub condition: String,
    /// Whether any row of the case takes it for certain.
    pub taken: bool,
}

/// All branches of a computed slice.
pub(crate) fn branches(kernel: &mut Kernel<'_>) -> Vec<BranchUse> {
    let program = kernel.program;
    let day = kernel.as_of;
    let mut uses = Vec::new();
    for (step, definition) in program.steps.iter().enumerate() {
        let scope = Scope::from(definition.entity);
        let mut found = Vec::new();
        let dataset = match &definition.kind {
            StepKind::FlagCount(_) => continue,
            StepKind::Formula(expr) => {
                cases(Choice { expr, scope, in_force: true }, None, day, &mut found);
                None
            }
            StepKind::Fact { dataset, filter, value } => {
                let records = Scope::Records(dataset.index());
                if let Some(expr) = filter {
                    cases(Choice { expr, scope: records, in_force: true }, None, day, &mut found);
                }
                cases(Choice { expr: value, scope, in_force: true }, Some(records), day, &mut found);
                Some(*dataset)
            }
        };
        kernel.step = step;
        if !found.is_empty() {
            kernel.enter_fact(step);
        }
        let mut number = 0;
        for Choice { expr, scope, in_force } in found {
            let written = match &expr.kind {
                ExprKind::Case(written, _) => written,
                ExprKind::Dated(_, versions) => {
                    for use_of in of_versions(StepId(step as u32), number, versions, in_force, kernel.as_of) {
                        uses.push(use_of);
                        number += 1;
                    }
                    continue;
                }
                _ => continue,
            };
            if !in_force {
                // Nobody takes a branch of a formula that does not hold that day.
                let conditions = written.iter().map(|(condition, _)| print(program, dataset, condition));
                for condition in conditions.chain(["ELSE".to_owned()]) {
                    uses.push(BranchUse { step: StepId(step as u32), branch: number, condition, taken: false });
                    number += 1;
                }
                continue;
            }
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

/// A `CASE`, or a formula with versions.
struct Choice<'e> {
    expr: &'e Expr,
    /// What its rows are about.
    scope: Scope,
    /// Whether it stands in a formula that holds on the day.
    in_force: bool,
}

/// The versions of a formula as branches: the first is what held before any of them.
fn of_versions(
    step: StepId,
    first: usize,
    versions: &[(Date, Expr)],
    in_force: bool,
    day: Date,
) -> impl Iterator<Item = BranchUse> {
    let now = versions.iter().rposition(|(from, _)| *from <= day).map_or(0, |i| i + 1);
    let before = versions.first().map(|(from, _)| format!("before {from}"));
    let names: Vec<String> =
        before.into_iter().chain(versions.iter().map(|(from, _)| format!("from {from}"))).collect();
    names.into_iter().enumerate().map(move |(i, condition)| BranchUse {
        step,
        branch: first + i,
        condition,
        taken: in_force && i == now,
    })
}

/// Every choice inside an expression, this one included.
fn cases<'e>(of: Choice<'e>, records: Option<Scope>, day: Date, found: &mut Vec<Choice<'e>>) {
    let Choice { expr, scope, in_force } = of;
    let inside = match &expr.kind {
        ExprKind::Household(_) => Scope::Household,
        ExprKind::Aggregate(of) => match of.over {
            Over::Records => records.unwrap_or(scope),
            Over::Members | Over::Obligors => Scope::Person,
        },
        _ => scope,
    };
    let held = match &expr.kind {
        ExprKind::Dated(first, versions) => Some(Expr::in_force(first, versions, day)),
        _ => None,
    };
    if matches!(expr.kind, ExprKind::Case(..) | ExprKind::Dated(..)) {
        found.push(of);
    }
    for inner in children(expr) {
        let in_force = in_force && held.is_none_or(|held| std::ptr::eq(held, inner));
        cases(Choice { expr: inner, scope: inside, in_force }, records, day, found);
    }
}
