//! Names and calls inside expressions: what they mean depends on whose value is computed, and where.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::diagnostic::nearest;
use hedui_base::{Catalogue, Dataset, Diagnostic};

use super::ast::{Expr, ExprKind, Input, Named, Node, Parameter};
use crate::functions::{AGGREGATES, FUNCTIONS, instead_of};
use crate::program::{AggregateFn, CompareOp, Entity, Over};
use crate::spot::{Also as _, Spot, Spotted};
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

/// A call as written.
#[derive(Clone, Copy)]
struct Call<'a> {
    name: &'a Spotted<String>,
    distinct: bool,
    args: &'a [surface::Expr],
    filter: Option<&'a surface::Expr>,
    spot: &'a Spot,
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

    fn boxed(&mut self, expr: &surface::Expr, scope: Scope<'_>) -> Box<Expr> {
        Box::new(self.expr(expr, scope))
    }

    fn fail(&mut self, mistake: Diagnostic, help: impl Into<String>) -> ExprKind {
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
            [owner, name] if owner == "household" => self.of_household(name, spot, scope),
            [owner, name] if owner == "member" || owner == "obligor" => self.of_people(owner, name, spot, scope),
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

    fn parameter(&mut self, id: crate::program::ParameterId, keys: Vec<Expr>, spot: &Spot) -> ExprKind {
        let parameter = &self.parameters[id.index()];
        if parameter.ty.is_none() {
            return ExprKind::Error;
        }
        if parameter.keys.len() != keys.len() {
            let names: Vec<&str> = parameter.keys.iter().map(|k| k.name.as_str()).collect();
            let name = &parameter.name.value;
            let help = if names.is_empty() {
                format!("write `{name}`")
            } else {
                format!("write `{name}({})`", names.join(", "))
            };
            let mistake = spot
                .error(
                    "rules::wrong_arity",
                    match names.len() {
                        0 => format!("`{name}` has one value and takes no keys"),
                        n => format!("`{name}` has {n} key columns, not {}", keys.len()),
                    },
                    "wrong number of keys",
                )
                .also(&parameter.name.spot, "declared here");
            return self.fail(mistake, help);
        }
        ExprKind::Parameter(id, keys)
    }

    fn call(&mut self, call: &Call<'_>, scope: Scope<'_>) -> ExprKind {
        let Call { name, args, spot, .. } = *call;
        let upper = name.value.to_ascii_uppercase();
        if let Some((_, function)) = AGGREGATES.iter().find(|(n, _)| *n == upper) {
            return self.aggregate(*function, call, scope);
        }
        if let Some(filter) = call.filter {
            self.visit(call, scope);
            let message = format!("FILTER stands only after an aggregate, not after {}", name.value);
            return self.fail(
                filter.spot.error("rules::aggregate_misuse", message, "not here"),
                "aggregates are SUM, COUNT, MIN, MAX, AVG, BOOL_OR, BOOL_AND",
            );
        }
        if call.distinct {
            self.visit(call, scope);
            return self.fail(
                spot.error("rules::unsupported", "DISTINCT stands only in COUNT(DISTINCT x)", "not here"),
                "take DISTINCT out",
            );
        }
        if let Some(Named::Parameter(id)) = self.names.get(&name.value).copied() {
            self.used.insert(Named::Parameter(id));
            let keys = args.iter().map(|a| self.expr(a, scope)).collect();
            return self.parameter(id, keys, spot);
        }
        let Some((_, function, least, most, example)) = FUNCTIONS.iter().copied().find(|(n, ..)| *n == upper) else {
            if self.names.contains_key(&name.value) {
                return self.fail(
                    name.spot.error(
                        "rules::unknown_function",
                        format!("`{}` is a value and takes no arguments", name.value),
                        "not a function",
                    ),
                    format!("write `{}`", name.value),
                );
            }
            let keyed = self.parameters.iter().filter(|p| !p.keys.is_empty()).map(|p| p.name.value.as_str());
            let known = FUNCTIONS.iter().map(|f| f.0).chain(AGGREGATES.iter().map(|a| a.0));
            let near = nearest(&upper, known).or_else(|| nearest(&name.value, keyed));
            let help = instead_of(&upper)
                .map(str::to_owned)
                .or_else(|| near.map(|n| format!("did you mean `{n}`?")))
                .unwrap_or_else(|| {
                    format!("functions: {}", FUNCTIONS.iter().map(|f| f.0).collect::<Vec<_>>().join(", "))
                });
            self.visit(call, scope);
            return self.fail(
                name.spot.error("rules::unknown_function", format!("there is no function `{}`", name.value), "unknown"),
                help,
            );
        };
        let resolved: Vec<Expr> = args.iter().map(|a| self.expr(a, scope)).collect();
        if args.len() < least || args.len() > most {
            let wants = if least == most {
                format!("{least}")
            } else if most == usize::MAX {
                format!("at least {least}")
            } else {
                format!("{least} or {most}")
            };
            return self.fail(
                spot.error(
                    "rules::wrong_arity",
                    format!("{upper} takes {wants} arguments, not {}", args.len()),
                    "wrong number of arguments",
                ),
                format!("write {example}"),
            );
        }
        ExprKind::Call(function, resolved)
    }

    fn aggregate(&mut self, function: AggregateFn, call: &Call<'_>, scope: Scope<'_>) -> ExprKind {
        let over = match self.over(function, call, scope) {
            Ok(over) => over,
            Err((mistake, help)) => {
                // Names inside may be wrong as well: say so in the same run.
                let inside = match (scope.records, scope.entity) {
                    (Records::None, Some(Entity::Person)) => Inside::Nothing,
                    (Records::None, _) => Inside::People(self.people(call).unwrap_or(Over::Members)),
                    _ => Inside::Records,
                };
                self.visit(call, Scope { inside, ..scope });
                return self.fail(mistake, help);
            }
        };
        let inside = if over == Over::Records { Inside::Records } else { Inside::People(over) };
        let inner = Scope { inside, ..scope };
        let argument = match call.args {
            [surface::Expr { kind: surface::ExprKind::Star(_), .. }] | [] => None,
            [argument, ..] => Some(self.boxed(argument, inner)),
        };
        let filter = call.filter.map(|f| self.boxed(f, inner));
        let function = if call.distinct { AggregateFn::CountDistinct } else { function };
        ExprKind::Aggregate { over, function, argument, filter }
    }

    /// What an aggregate runs over, or what is wrong with its shape and how to mend it.
    fn over(
        &self,
        function: AggregateFn,
        call: &Call<'_>,
        scope: Scope<'_>,
    ) -> Result<Over, (Diagnostic, &'static str)> {
        let (name, spot) = (call.name.value.to_ascii_uppercase(), call.spot);
        let misuse = |message: String, label: &str| spot.error("rules::aggregate_misuse", message, label);
        if scope.inside != Inside::Nothing {
            return Err((
                misuse(format!("{name} stands inside another aggregate or a `where`"), "nested"),
                "name the inner one as a fact or variable of its own, and use that name here",
            ));
        }
        let [argument] = call.args else {
            let message = format!("{name} takes 1 argument, not {}", call.args.len());
            return Err((
                spot.error("rules::wrong_arity", message, "wrong number of arguments"),
                "write SUM(x), or COUNT(*) in a fact and COUNT(member.*) in a household's formula",
            ));
        };
        if call.distinct && function != AggregateFn::Count {
            let message = format!("{name}(DISTINCT ..) would merge equal amounts that are not the same");
            return Err((spot.error("rules::unsupported", message, "DISTINCT"), "only COUNT(DISTINCT x) is known"));
        }
        let star = match &argument.kind {
            surface::ExprKind::Star(of) => Some(of),
            _ => None,
        };
        if star.is_some() && function != AggregateFn::Count {
            return Err((
                misuse(format!("{name} needs a value, not `*`"), "of what?"),
                "write a value instead of the star",
            ));
        }
        match (scope.records, scope.entity) {
            (Records::None, Some(Entity::Person)) => Err((
                misuse("a person's formula has nothing to aggregate".to_owned(), "outside of a fact"),
                "aggregate records in a [fact.*]; aggregate people in a household's variable and read it as `household.NAME`",
            )),
            (Records::None, _) => self.people(call).ok_or_else(|| {
                let help = if star.is_some() {
                    "write COUNT(member.*) or COUNT(obligor.*)"
                } else {
                    "write `member.x` or `obligor.x` inside, or aggregate records in a [fact.*]"
                };
                (misuse(format!("{name} here runs over members or obligors, but names neither"), "over whom?"), help)
            }),
            _ => match star {
                Some(Some(prefix)) => Err((
                    misuse(format!("`{prefix}.*` in a fact, which counts records"), "not records"),
                    "write COUNT(*)",
                )),
                _ => Ok(Over::Records),
            },
        }
    }

    /// Binds the names inside a call that is wrong itself, for the mistakes in them.
    fn visit(&mut self, call: &Call<'_>, scope: Scope<'_>) {
        for arg in call.args.iter().chain(call.filter) {
            if !matches!(arg.kind, surface::ExprKind::Star(_)) {
                self.expr(arg, scope);
            }
        }
    }

    /// Over whom an aggregate of a household runs: the first of `member.` and `obligor.` in it.
    fn people(&self, call: &Call<'_>) -> Option<Over> {
        let mut prefixes = Vec::new();
        for arg in call.args.iter().chain(call.filter) {
            prefixes_of(arg, &mut prefixes);
        }
        prefixes.first().copied()
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

fn prefixes_of(expr: &surface::Expr, into: &mut Vec<Over>) {
    use surface::ExprKind as S;
    let over = |prefix: &str| match prefix {
        "member" => Some(Over::Members),
        "obligor" => Some(Over::Obligors),
        _ => None,
    };
    match &expr.kind {
        S::Name(parts) if parts.len() == 2 => into.extend(over(&parts[0])),
        S::Star(Some(prefix)) => into.extend(over(prefix)),
        _ => expr.children().into_iter().for_each(|child| prefixes_of(child, into)),
    }
}
