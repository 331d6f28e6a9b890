//! Formulas that change on a day: what a step says, and its expression, version by version.

use super::ast::{Expr, ExprKind, StepVersion};
use super::scope::{Resolver, Scope};
use crate::program::Relation;
use crate::surface::{Formula, Rule};

/// What the versions of a rule make of the step under one key. The step of a fact's `value` changes with its `where`.
pub(super) fn of_key(rule: &Rule, key: &str, first: &Formula) -> Vec<StepVersion> {
    let mut now = first;
    let mut found = Vec::new();
    for version in &rule.versions {
        let filter = if key == "value" { version.formula("where") } else { None };
        let changed = version.formula(key);
        now = changed.unwrap_or(now);
        if let Some(place) = changed.or(filter) {
            found.push(StepVersion {
                from: version.from.value,
                cite: version.cite.clone(),
                text: now.text.clone(),
                spot: place.expr.spot.clone(),
            });
        }
    }
    found
}

/// What the versions of a rule make of a test's comparison.
pub(super) fn of_test(rule: &Rule, value: &Formula, relation: Relation, limit: &Formula) -> Vec<StepVersion> {
    let (mut value, mut limit) = (value, limit);
    let mut found = Vec::new();
    for version in &rule.versions {
        let changed = (version.formula("value"), version.formula(relation.key()));
        value = changed.0.unwrap_or(value);
        limit = changed.1.unwrap_or(limit);
        if let Some(place) = changed.0.or(changed.1) {
            found.push(StepVersion {
                from: version.from.value,
                cite: version.cite.clone(),
                text: format!("{} {} {}", value.text, relation.sign(), limit.text),
                spot: place.expr.spot.clone(),
            });
        }
    }
    found
}

impl Resolver<'_> {
    /// A formula and what versions put in its place.
    pub(super) fn dated(&mut self, rule: &Rule, key: &str, first: &Formula, scope: Scope<'_>) -> Expr {
        let first = self.expr(&first.expr, scope);
        self.followed(first, rule, key, scope)
    }

    /// Which records count. A fact without `where` at first counts all of them until a version says otherwise.
    pub(super) fn dated_filter(&mut self, rule: &Rule, first: Option<&Formula>, scope: Scope<'_>) -> Option<Expr> {
        let later = rule.versions.iter().find_map(|v| v.formula("where"));
        let first = match (first, later) {
            (Some(first), _) => self.expr(&first.expr, scope),
            (None, Some(later)) => Expr { kind: ExprKind::Bool(true), spot: later.expr.spot.clone() },
            (None, None) => return None,
        };
        Some(self.followed(first, rule, "where", scope))
    }

    fn followed(&mut self, first: Expr, rule: &Rule, key: &str, scope: Scope<'_>) -> Expr {
        let versions: Vec<_> = rule
            .versions
            .iter()
            .filter_map(|v| Some((v.from.value, self.expr(&v.formula(key)?.expr, scope))))
            .collect();
        if versions.is_empty() {
            return first;
        }
        let spot = first.spot.clone();
        Expr { kind: ExprKind::Dated(Box::new(first), versions), spot }
    }
}
