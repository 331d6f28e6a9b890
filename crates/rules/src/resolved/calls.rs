//! Calls inside expressions: functions, parameters with keys, aggregates and what they run over.

use hedui_base::Diagnostic;
use hedui_base::diagnostic::nearest;

use super::ast::{Expr, ExprKind, Named};
use super::scope::{Inside, Records, Resolver, Scope};
use crate::functions::{AGGREGATES, FUNCTIONS, instead_of};
use crate::program::{AggregateFn, Entity, Over, ParameterId};
use crate::spot::{Also as _, Spot, Spotted};
use crate::surface;

/// A call as written.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub name: &'a Spotted<String>,
    pub distinct: bool,
    pub args: &'a [surface::Expr],
    pub filter: Option<&'a surface::Expr>,
    pub spot: &'a Spot,
}
impl Resolver<'_> {
    pub(super) fn parameter(&mut self, id: ParameterId, keys: Vec<Expr>, spot: &Spot) -> ExprKind {
        let parameter = &self.parameters[id.index()];
        if parameter.ty.is_none() {
            return ExprKind::Error;
        }
        if parameter.scale.is_some() {
            let name = &parameter.name.value;
            let mistake = spot
                .error("rules::scale_misuse", format!("`{name}` is a scale, which has no value of its own"), "a scale")
                .also(&parameter.name.spot, "declared here");
            return self.fail(mistake, format!("write SCALE(x, {name})"));
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

    /// `SCALE(x, NAME, keys ..)`: the scale as a parameter whose last key is what is looked up.
    fn scale(&mut self, args: &[surface::Expr], spot: &Spot, scope: Scope<'_>) -> ExprKind {
        let [of, name, keys @ ..] = args else {
            args.iter().for_each(|arg| drop(self.expr(arg, scope)));
            return self.fail(
                spot.error("rules::wrong_arity", "SCALE takes an amount and the name of a scale", "too few arguments"),
                "write SCALE(income, income_tax), and the keys of the scale after that if it has any",
            );
        };
        let of = self.expr(of, scope);
        let mut found: Vec<Expr> = keys.iter().map(|key| self.expr(key, scope)).collect();
        let id = match &name.kind {
            surface::ExprKind::Name(parts) => match self.names.get(&parts.join(".")).copied() {
                Some(Named::Parameter(id)) if self.parameters[id.index()].scale.is_some() => Some(id),
                Some(Named::Parameter(id)) if self.parameters[id.index()].ty.is_none() => {
                    self.used.insert(Named::Parameter(id));
                    return ExprKind::Error;
                }
                Some(_) => None,
                None if self.lost.has(&parts.join(".")) => return ExprKind::Error,
                None => None,
            },
            _ => None,
        };
        let Some(id) = id else {
            let scales = self.parameters.iter().filter(|p| p.scale.is_some()).map(|p| p.name.value.as_str());
            let written = name.to_string();
            let near = nearest(&written, scales.clone());
            let help = near.map_or_else(
                || format!("scales: {}", scales.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return self
                .fail(name.spot.error("rules::scale_misuse", format!("`{written}` is no scale"), "not a scale"), help);
        };
        self.used.insert(Named::Parameter(id));
        let parameter = &self.parameters[id.index()];
        found.push(of);
        if found.len() == parameter.keys.len() {
            return ExprKind::Parameter(id, found);
        }
        let names: Vec<&str> = parameter.keys.iter().map(|key| key.name.as_str()).collect();
        let keys: String = names[..names.len() - 1].iter().map(|key| format!(", {key}")).collect();
        let mistake = spot
            .error(
                "rules::wrong_arity",
                format!(
                    "the scale `{written}` has {} key columns, not {}",
                    names.len() - 1,
                    found.len() - 1,
                    written = parameter.name.value
                ),
                "wrong number of keys",
            )
            .also(&parameter.name.spot, "declared here");
        let help = format!("write SCALE(x, {}{keys})", parameter.name.value);
        self.fail(mistake, help)
    }

    pub(super) fn call(&mut self, call: &Call<'_>, scope: Scope<'_>) -> ExprKind {
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
                "aggregates are SUM, COUNT, MIN, MAX, AVG, BOOL_OR, BOOL_AND, MONTH_FIRST, MONTH_LAST, MONTH_MAX, MONTH_MIN",
            );
        }
        if call.distinct {
            self.visit(call, scope);
            return self.fail(
                spot.error("rules::unsupported", "DISTINCT stands only in COUNT(DISTINCT x)", "not here"),
                "take DISTINCT out",
            );
        }
        if upper == "SCALE" && !self.names.contains_key(&name.value) {
            return self.scale(args, spot, scope);
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
            let known = FUNCTIONS.iter().map(|f| f.0).chain(AGGREGATES.iter().map(|a| a.0)).chain(["SCALE"]);
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
        let by = call.args.get(1).map(|month| self.boxed(month, inner));
        let filter = call.filter.map(|f| self.boxed(f, inner));
        let function = if call.distinct { AggregateFn::CountDistinct } else { function };
        ExprKind::Aggregate { over, function, argument, by, filter }
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
        if function.is_by_month() {
            return match (call.args, scope.records, scope.entity) {
                ([_, _], Records::Of(_) | Records::Unknown, _) if !call.distinct => Ok(Over::Records),
                ([_, _], ..) => Err((
                    misuse(format!("{name} sums records by month, and stands only in a [fact.*]"), "not here"),
                    "declare a fact, such as value = \"MONTH_MAX(gross, month)\", and use its name here",
                )),
                _ => {
                    let message = format!("{name} takes 2 arguments, not {}", call.args.len());
                    Err((
                        spot.error("rules::wrong_arity", message, "wrong number of arguments"),
                        "write MONTH_MAX(gross, month): what is summed, and the month it belongs to",
                    ))
                }
            };
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

fn prefixes_of(expr: &surface::Expr, into: &mut Vec<Over>) {
    use surface::ExprKind as S;
    let over = |prefix: &str| match prefix {
        "member" => Some(Over::Members),
        "obligor" => Some(Over::Obligors),
        _ => None,
    };
    match &expr.kind {
        S::Name(parts) if parts.len() >= 2 => into.extend(over(&parts[0])),
        S::Star(Some(prefix)) => into.extend(over(prefix)),
        _ => expr.children().into_iter().for_each(|child| prefixes_of(child, into)),
    }
}
