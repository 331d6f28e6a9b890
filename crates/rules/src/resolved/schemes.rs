//! Schemes: of the household, or of each member alone (单人保). They become steps that other rules can read.

use hedui_base::Diagnostic;

use super::ast::{Body, Expr, ExprKind, Named, Node, PersonScheme, Scheme, Step, Want};
use super::from_surface::Build;
use crate::program::{AggregateFn, Entity, Over};
use crate::spot::{Also as _, Spotted};
use crate::surface::{Formula, Rule, RuleBody};

impl<'a> Build<'a> {
    pub(super) fn declare_scheme(&mut self, rule: &'a Rule, mistakes: &mut Vec<Diagnostic>) {
        let RuleBody::Scheme { entity, order, when, amount, recheck_months, until } = &rule.body else { return };
        let name = rule.name.value.clone();
        if let Some(other) = self.schemes.iter().find(|s| s.order == *order) {
            let spot = self.steps[other.when.0].name.spot.clone();
            mistakes.push(
                rule.name
                    .spot
                    .error(
                        "rules::duplicate_order",
                        format!("`{name}` and `{}` both have order {order}", other.name),
                        "second",
                    )
                    .also(&spot, "first")
                    .help("the first scheme met is the household's category, so each needs its own place"),
            );
        }
        let parts = Parts { when, amount: amount.as_ref(), until: until.as_ref() };
        let (when, amount, until, persons) = match entity {
            Some(Entity::Person) => self.of_persons(rule, &parts),
            _ => self.of_household(rule, &parts, *entity),
        };
        self.names.insert(name.clone(), Named::Step(when));
        let recheck_months = recheck_months.as_ref().map(|f| {
            let step = format!("{name}.recheck_months");
            self.step(rule, &step, Some(Entity::Household), Want::Whole, "recheck_months", f)
        });
        self.schemes.push(Scheme { name, order: *order, when, amount, recheck_months, until, persons });
    }

    fn of_household(&mut self, rule: &'a Rule, parts: &Parts<'a>, entity: Option<Entity>) -> Steps {
        let name = &rule.name.value;
        // Where the entity is wrong, its formulas may be of persons.
        let when = self.step(rule, &format!("{name}.when"), entity, Want::Condition, "when", parts.when);
        let amount =
            parts.amount.map(|f| self.step(rule, &format!("{name}.amount"), entity, Want::Amount, "amount", f));
        let until = parts.until.map(|f| self.step(rule, &format!("{name}.until"), entity, Want::Day, "until", f));
        (when, amount, until, None)
    }

    /// Formulas of each person, then what they come to in the household: any member, the sum and the last day of those
    /// members who meet it.
    fn of_persons(&mut self, rule: &'a Rule, parts: &Parts<'a>) -> Steps {
        let name = &rule.name.value;
        let person = Some(Entity::Person);
        let each = self.step(rule, &format!("{name}.person"), person, Want::Condition, "when", parts.when);
        let amount =
            parts.amount.map(|f| self.step(rule, &format!("{name}.person_amount"), person, Want::Amount, "amount", f));
        let until =
            parts.until.map(|f| self.step(rule, &format!("{name}.person_until"), person, Want::Day, "until", f));
        let any = format!("BOOL_OR(member.{name}.person)");
        let when = self.of_members(rule, &format!("{name}.when"), AggregateFn::BoolOr, (each, each), any);
        let sum = amount.map(|of| {
            let text = format!("SUM(member.{name}.person_amount) FILTER (WHERE member.{name}.person)");
            self.of_members(rule, &format!("{name}.amount"), AggregateFn::Sum, (of, each), text)
        });
        let last = until.map(|of| {
            let text = format!("MAX(member.{name}.person_until) FILTER (WHERE member.{name}.person)");
            self.of_members(rule, &format!("{name}.until"), AggregateFn::Max, (of, each), text)
        });
        (when, sum, last, Some(PersonScheme { when: each, amount, until }))
    }

    /// A step of the household that adds members up: of what, and of which of them.
    fn of_members(
        &mut self,
        rule: &Rule,
        name: &str,
        function: AggregateFn,
        (of, which): (Node, Node),
        text: String,
    ) -> Node {
        let spot = self.steps[of.0].spot.clone();
        let read = |node| Box::new(Expr { kind: ExprKind::Step(node), spot: spot.clone() });
        let kind = ExprKind::Aggregate {
            over: Over::Members,
            function,
            argument: Some(read(of)),
            by: None,
            filter: (of != which).then(|| read(which)),
        };
        let want = if of == which { Want::Condition } else { self.steps[of.0].want };
        let node = Node(self.steps.len());
        self.steps.push(Step {
            name: Spotted { value: name.to_owned(), spot: rule.name.spot.clone() },
            entity: Some(Entity::Household),
            want,
            body: Body::Formula(Expr { kind, spot: spot.clone() }),
            title: rule.title.clone(),
            title_en: rule.title_en.clone(),
            cite: rule.cite.clone(),
            text,
            spot,
            versions: Vec::new(),
        });
        self.names.insert(name.to_owned(), Named::Step(node));
        node
    }
}

/// The formulas of a scheme.
struct Parts<'a> {
    when: &'a Formula,
    amount: Option<&'a Formula>,
    until: Option<&'a Formula>,
}

/// The household's condition, amount and last day, and the steps of each person.
type Steps = (Node, Option<Node>, Option<Node>, Option<PersonScheme>);
