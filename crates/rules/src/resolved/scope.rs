//! Names and calls inside expressions: what they mean depends on whose value is computed, and where.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::diagnostic::nearest;
use hedui_base::{Catalogue, Dataset, Diagnostic};

use super::ast::{Expr, ExprKind, Input, Named, Node, Parameter};
use super::calls::Call;
use crate::program::{CompareOp, Entity, Over};
use crate::spot::{Also as _, Spot};
use crate::surface::{self, Logic};

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Whose value; none if that is not known.
    pub entity: Option<Entity>,
    /// The dataset of a fact.
    pub records: Records<'a>,
    /// What is around it.
    pub inside: Inside,
    /// Whether it is the score.
    pub score: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Records<'a> {
    /// Not a fact.
    None,
    /// A fact of a dataset that does not exist: any name may be a column of it.
    Unknown,
    /// A fact of this dataset.
    Of(&'a Dataset),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing.
    Nothing,
    /// A fact's `where`, or an aggregate over records.
    Records,
    /// An aggregate over members or obligors.
    People(Over),
}

/// Binds names.
pub(super) struct Resolver<'a> {
    pub names: &'a BTreeMap<String, Named>,
    pub inputs: &'a [Input],
    pub parameters: &'a [Parameter],
    /// Whose each step is.
    pub entities: &'a [Option<Entity>],
    /// Names that only the score may use.
    pub counts: &'a BTreeMap<String, Node>,
    /// Flags, which are no values.
    pub flags: &'a BTreeSet<String>,
    pub catalogue: &'a Catalogue,
    pub lost: &'a surface::Lost,
    /// Names in use.
    pub used: BTreeSet<Named>,
    pub mistakes: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    pub(super) fn expr(&mut self, expr: &surface::Expr, scope: Scope<'_>) -> Expr {
        use surface::ExprKind as S;
        let spot = &expr.spot;
        let kind = match &expr.kind {
            S::Number(n) => ExprKind::Number(*n),
            S::Text(t) => ExprKind::Text(t.clone()),
            S::Bool(b) => ExprKind::Bool(*b),
            S::Date(d) => ExprKind::Date(*d),
            S::Interval { months, days } => ExprKind::Interval { months: *months, days: *days },
            S::Name(parts) => self.name(parts, spot, scope),
            S::Star(_) => self.fail(
                spot.error("rules::aggregate_misuse", "`*` stands only in COUNT(*) or COUNT(member.*)", "not here"),
                "name a value instead",
            ),
            S::Neg(x) => ExprKind::Neg(self.boxed(x, scope)),
            S::Not(x) => ExprKind::Not(self.boxed(x, scope)),
            S::Logic(op, a, b) => {
                let mut list = Vec::new();
                self.flatten(*op, a, scope, &mut list);
                self.flatten(*op, b, scope, &mut list);
                ExprKind::Logic(*op, list)
            }
            S::Arithmetic(op, a, b) => ExprKind::Arithmetic(*op, self.boxed(a, scope), self.boxed(b, scope)),
            S::Compare(op, a, b) => ExprKind::Compare(*op, self.boxed(a, scope), self.boxed(b, scope)),
            S::Between { value, low, high, negated } => {
                let value = self.boxed(value, scope);
                let sides = [(CompareOp::Ge, low), (CompareOp::Le, high)].map(|(op, limit)| Expr {
                    kind: ExprKind::Compare(op, value.clone(), self.boxed(limit, scope)),
                    spot: spot.clone(),
                });
                negate(*negated, ExprKind::Logic(Logic::And, sides.into()), spot)
            }
            S::In { value, list, negated } => {
                let value = self.boxed(value, scope);
                let list = list.iter().map(|e| self.expr(e, scope)).collect();
                negate(*negated, ExprKind::In(value, list), spot)
            }
            S::IsNull { value, negated } => negate(*negated, ExprKind::IsNone(self.boxed(value, scope)), spot),
            S::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), spot, scope)
            }
            S::Call { name, distinct, args, filter } => {
                self.call(&Call { name, distinct: *distinct, args, filter: filter.as_deref(), spot }, scope)
            }
            S::Error => ExprKind::Error,
        };
        Expr { kind, spot: spot.clone() }
    }

    pub(super) fn boxed(&mut self, expr: &surface::Expr, scope: Scope<'_>) -> Box<Expr> {
        Box::new(self.expr(expr, scope))
    }

    pub(super) fn fail(&mut self, mistake: Diagnostic, help: impl Into<String>) -> ExprKind {
        self.mistakes.push(mistake.help(help));
        ExprKind::Error
    }

    fn flatten(&mut self, op: Logic, expr: &surface::Expr, scope: Scope<'_>, into: &mut Vec<Expr>) {
        match &expr.kind {
            surface::ExprKind::Logic(inner, a, b) if *inner == op => {
                self.flatten(op, a, scope, into);
                self.flatten(op, b, scope, into);
            }
            _ => into.push(self.expr(expr, scope)),
        }
    }

    fn case(
        &mut self,
        operand: Option<&surface::Expr>,
        branches: &[(surface::Expr, surface::Expr)],
        otherwise: Option<&surface::Expr>,
        spot: &Spot,
        scope: Scope<'_>,
    ) -> ExprKind {
        let operand = operand.map(|o| self.boxed(o, scope));
        let branches = branches
            .iter()
            .map(|(when, then)| {
                let when = self.expr(when, scope);
                let when = match &operand {
                    Some(operand) => Expr {
                        spot: when.spot.clone(),
                        kind: ExprKind::Compare(CompareOp::Eq, operand.clone(), Box::new(when)),
                    },
                    None => when,
                };
                (when, self.expr(then, scope))
            })
            .collect();
        let otherwise = match otherwise {
            Some(otherwise) => self.boxed(otherwise, scope),
            None => {
                let kind = self.fail(
                    spot.error("rules::case_without_else", "this CASE says nothing for all other cases", "no ELSE"),
                    "add `ELSE value` before END, such as `ELSE 0`",
                );
                Box::new(Expr { kind, spot: spot.clone() })
            }
        };
        ExprKind::Case(branches, otherwise)
    }

    fn name(&mut self, parts: &[String], spot: &Spot, scope: Scope<'_>) -> ExprKind {
        match parts {
            [name] => self.plain(name, spot, scope),
            [owner, name @ ..] if owner == "household" && !name.is_empty() => {
                self.of_household(&name.join("."), spot, scope)
            }
            [owner, name @ ..] if (owner == "member" || owner == "obligor") && !name.is_empty() => {
                self.of_people(owner, &name.join("."), spot, scope)
            }
            _ => self.plain(&parts.join("."), spot, scope),
        }
    }

    fn plain(&mut self, name: &str, spot: &Spot, scope: Scope<'_>) -> ExprKind {
        match name {
            "as_of" => return ExprKind::AsOf,
            "residence" => return ExprKind::Residence,
            "is_member" => {
                return match (scope.entity, scope.inside) {
                    (Some(Entity::Household), _) | (_, Inside::People(_)) => self.fail(
                        spot.error(
                            "rules::wrong_entity",
                            "`is_member` is asked of a person, this is computed for a household",
                            "of a person",
                        ),
                        "aggregates run over `member.` or over `obligor.`, so it is known already",
                    ),
                    _ => ExprKind::IsMember,
                };
            }
            _ => {}
        }
        if let (Records::Of(dataset), Inside::Records) = (scope.records, scope.inside)
            && dataset.columns.contains_key(name)
        {
            return ExprKind::Column(name.to_owned());
        }
        if scope.score
            && let Some(node) = self.counts.get(name)
        {
            return ExprKind::Step(*node);
        }
        let Some(named) = self.names.get(name).copied() else { return self.undefined(name, spot, scope) };
        self.used.insert(named);
        if let Named::Parameter(id) = named {
            return self.parameter(id, Vec::new(), spot);
        }
        let value = self.value(named);
        let (Some(of), Some(here)) = (self.entity_of(named), scope.entity) else { return value };
        match (here, of, scope.inside) {
            (_, Entity::Household, Inside::People(_)) => {
                ExprKind::Household(Box::new(Expr { kind: value, spot: spot.clone() }))
            }
            (_, Entity::Person, Inside::People(over)) => {
                let owner = owner(over);
                self.entity_mistake(named, name, spot, "each person has their own", &format!("write `{owner}.{name}`"))
            }
            (Entity::Household, Entity::Person, _) => self.entity_mistake(
                named,
                name,
                spot,
                "a value of a person, in a household's formula",
                &format!("add people up, such as SUM(member.{name}), or BOOL_OR(member.{name}) for a condition"),
            ),
            (Entity::Person, Entity::Household, _) => self.entity_mistake(
                named,
                name,
                spot,
                "a value of the household, in a person's formula",
                &format!("write `household.{name}`"),
            ),
            _ => value,
        }
    }

    fn entity_mistake(&mut self, named: Named, name: &str, spot: &Spot, label: &str, help: &str) -> ExprKind {
        let whose = if self.entity_of(named) == Some(Entity::Person) { "a person" } else { "the household" };
        let mut mistake = spot.error("rules::wrong_entity", format!("`{name}` belongs to {whose}"), label);
        if let Named::Input(id) = named {
            mistake = mistake.also(&self.inputs[id.index()].name.spot, "declared here");
        }
        self.fail(mistake, help)
    }

    fn of_household(&mut self, name: &str, spot: &Spot, scope: Scope<'_>) -> ExprKind {
        if scope.entity == Some(Entity::Household) && !matches!(scope.inside, Inside::People(_)) {
            return self.fail(
                spot.error("rules::wrong_entity", "this is the household's own formula already", "not needed"),
                format!("write `{name}`"),
            );
        }
        let outer =
            Scope { entity: Some(Entity::Household), records: Records::None, inside: Inside::Nothing, score: false };
        if let Some(named) = self.names.get(name).copied()
            && self.entity_of(named) == Some(Entity::Person)
        {
            return self.entity_mistake(named, name, spot, "not of the household", &format!("write `{name}`"));
        }
        match self.plain(name, spot, outer) {
            kind @ (ExprKind::Input(_) | ExprKind::Step(_)) => {
                ExprKind::Household(Box::new(Expr { kind, spot: spot.clone() }))
            }
            kind => kind,
        }
    }

    fn of_people(&mut self, prefix: &str, name: &str, spot: &Spot, scope: Scope<'_>) -> ExprKind {
        let Inside::People(over) = scope.inside else {
            let (message, help) = if scope.entity == Some(Entity::Person) {
                (
                    format!("`{prefix}.` stands only in formulas of a household"),
                    format!(
                        "here each person is computed alone: write `{name}`, or sum people up in a household's variable and read it as `household.NAME`"
                    ),
                )
            } else {
                (
                    format!("`{prefix}.{name}` has a value for each {prefix}, not one"),
                    format!("put it into an aggregate, such as SUM({prefix}.{name}) or BOOL_OR({prefix}.{name})"),
                )
            };
            return self.fail(spot.error("rules::outside_aggregate", message, "outside of an aggregate"), help);
        };
        if owner(over) != prefix {
            return self.fail(
                spot.error(
                    "rules::mixed_people",
                    "one aggregate runs over members or over obligors, not both",
                    format!("of {prefix}"),
                ),
                "make two aggregates and add them",
            );
        }
        let Some(named) = self.names.get(name).copied() else { return self.undefined(name, spot, scope) };
        self.used.insert(named);
        match (named, self.entity_of(named)) {
            (Named::Parameter(_), _) | (_, Some(Entity::Household)) => self.fail(
                spot.error(
                    "rules::wrong_entity",
                    format!("`{name}` is not a value of a person"),
                    format!("{prefix}s have no `{name}`"),
                ),
                format!("write `{name}`"),
            ),
            _ => self.value(named),
        }
    }

    fn value(&self, named: Named) -> ExprKind {
        match named {
            Named::Input(id) => ExprKind::Input(id),
            Named::Step(node) => ExprKind::Step(node),
            Named::Parameter(id) => ExprKind::Parameter(id, Vec::new()),
        }
    }

    fn entity_of(&self, named: Named) -> Option<Entity> {
        match named {
            Named::Input(id) => self.inputs[id.index()].entity,
            Named::Step(node) => self.entities[node.0],
            Named::Parameter(_) => None,
        }
    }

    fn undefined(&mut self, name: &str, spot: &Spot, scope: Scope<'_>) -> ExprKind {
        if matches!(scope.records, Records::Unknown) || self.lost.has(name) {
            return ExprKind::Error;
        }
        if let (Records::Of(dataset), Inside::Nothing) = (scope.records, scope.inside)
            && dataset.columns.contains_key(name)
        {
            return self.fail(
                spot.error(
                    "rules::outside_aggregate",
                    format!("`{name}` is a column of `{}`: every record has its own", dataset.name),
                    "outside of an aggregate",
                ),
                format!("put it into an aggregate, such as SUM({name}), MAX({name}) or COUNT(*) FILTER (WHERE ..)"),
            );
        }
        let help = if self.flags.contains(name) {
            "a flag is no value; test its condition, or count flags in the score with flags_high and the like"
                .to_owned()
        } else if self.counts.contains_key(name) {
            "counts of flags stand only in [score]".to_owned()
        } else if name == "size" {
            "declare it: [variable.size] entity = \"household\", type = \"int\", formula = \"COUNT(member.*)\""
                .to_owned()
        } else if self.catalogue.get(name.split('.').next().unwrap_or(name)).is_some() {
            "datasets are read by facts: declare [fact.NAME] with `from` and `value`, and use its name".to_owned()
        } else {
            let columns = match (scope.records, scope.inside) {
                (Records::Of(dataset), Inside::Records) => dataset.columns.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            let all =
                self.names.keys().map(String::as_str).chain(columns.iter().copied()).chain(["as_of", "residence"]);
            let near = nearest(name, all).filter(|_| name.len() > 1);
            match (near, scope.records) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, Records::Of(dataset)) => {
                    format!(
                        "columns of `{}`: {}",
                        dataset.name,
                        dataset.columns.keys().cloned().collect::<Vec<_>>().join(", ")
                    )
                }
                _ => "declare it as [input.*], [fact.*], [variable.*] or [parameter.*]".to_owned(),
            }
        };
        self.fail(spot.error("rules::undefined_name", format!("nothing is named `{name}`"), "not declared"), help)
    }
}

fn negate(negated: bool, kind: ExprKind, spot: &Spot) -> ExprKind {
    if negated { ExprKind::Not(Box::new(Expr { kind, spot: spot.clone() })) } else { kind }
}

const fn owner(over: Over) -> &'static str {
    match over {
        Over::Obligors => "obligor",
        _ => "member",
    }
}
