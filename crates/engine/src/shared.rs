//! Expressions that a program writes more than once: computed once a slice.
//!
//! Only what depends on nothing but columns of its scope is shared: no aggregate of the records of a fact, whose filter
//! belongs to the fact; nothing that names the rule it stands in as a reason; nothing that notes an assumption.

use hedui_rules::Program;
use hedui_rules::program::{Expr, ExprKind, Over, StepKind};
use rustc_hash::FxHashMap;

use crate::evaluate::{Scope, is_of_household, is_of_owner};

/// Which expressions of a program are the same.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// By where an expression lies in memory: its class and the scope it is computed in.
    classes: FxHashMap<usize, (u32, Scope)>,
    pub(crate) count: usize,
    /// By class, the last step that writes it.
    pub(crate) last: Vec<usize>,
}

/// Where an expression is written.
struct Place {
    /// In memory.
    at: usize,
    scope: Scope,
    step: usize,
}

impl Shared {
    /// Looks through a program. Holds for this very program, not for a copy of it.
    pub(crate) fn of(program: &Program) -> Self {
        let mut found: FxHashMap<String, Vec<Place>> = FxHashMap::default();
        for (at, step) in program.steps.iter().enumerate() {
            let scope = Scope::from(step.entity);
            match &step.kind {
                StepKind::Formula(value) => walk(program, value, (scope, at), None, &mut found),
                StepKind::Fact { dataset, filter, value } => {
                    let dataset = dataset.index();
                    if let Some(filter) = filter {
                        walk(program, filter, (Scope::Records(dataset), at), Some(dataset), &mut found);
                    }
                    walk(program, value, (scope, at), Some(dataset), &mut found);
                }
                StepKind::FlagCount(_) => {}
            }
        }
        let mut shared = Self::default();
        for places in found.into_values().filter(|places| places.len() > 1) {
            let class = shared.count as u32;
            shared.count += 1;
            shared.last.push(places.iter().map(|place| place.step).max().unwrap_or_default());
            shared.classes.extend(places.into_iter().map(|place| (place.at, (class, place.scope))));
        }
        shared
    }

    /// The class of an expression computed in a scope; none if it occurs only once.
    pub(crate) fn class(&self, expr: &Expr, scope: Scope) -> Option<usize> {
        let (class, own) = self.classes.get(&std::ptr::from_ref(expr).addr())?;
        (*own == scope).then_some(*class as usize)
    }
}

/// Notes an expression and all inside it; the scope changes as it does when they are computed.
fn walk(
    program: &Program,
    expr: &Expr,
    (scope, step): (Scope, usize),
    fact: Option<usize>,
    found: &mut FxHashMap<String, Vec<Place>>,
) {
    let scope = match scope {
        Scope::Records(dataset) if is_of_owner(expr) => Scope::from(program.datasets[dataset].entity),
        scope => scope,
    };
    let scope = if scope == Scope::Person && is_of_household(expr) { Scope::Household } else { scope };
    if is_worth_it(expr) && is_free(program, expr) {
        let place = Place { at: std::ptr::from_ref(expr).addr(), scope, step };
        found.entry(format!("{scope:?} {:?}", expr.kind)).or_default().push(place);
    }
    match &expr.kind {
        ExprKind::Household(inner) => walk(program, inner, (Scope::Household, step), fact, found),
        ExprKind::Aggregate(of) => {
            let inside = match (of.over, fact) {
                (Over::Records, Some(dataset)) => Scope::Records(dataset),
                (Over::Records, None) => return,
                (Over::Members | Over::Obligors, _) => Scope::Person,
            };
            expr.parts().into_iter().for_each(|part| walk(program, part, (inside, step), fact, found));
        }
        _ => expr.parts().into_iter().for_each(|part| walk(program, part, (scope, step), fact, found)),
    }
}

/// Whether computing it costs more than looking it up.
const fn is_worth_it(expr: &Expr) -> bool {
    !matches!(
        expr.kind,
        ExprKind::Int(_)
            | ExprKind::Text(_)
            | ExprKind::AsOf
            | ExprKind::IsMember
            | ExprKind::Column(_)
            | ExprKind::Input(_)
            | ExprKind::Step(_)
            | ExprKind::Household(_)
            | ExprKind::Dated(..)
    )
}

/// Whether it depends on its scope alone.
fn is_free(program: &Program, expr: &Expr) -> bool {
    let own = match &expr.kind {
        ExprKind::Aggregate(of) => of.over != Over::Records,
        ExprKind::Div(..) | ExprKind::PerMonth(_) | ExprKind::Spread(..) | ExprKind::Assume { .. } => false,
        ExprKind::Parameter { id, .. } => program.parameters[id.index()].fallback.is_none(),
        _ => true,
    };
    own && expr.parts().into_iter().all(|part| is_free(program, part))
}
