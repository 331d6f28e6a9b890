//! Packs joined, rules turned into steps, names bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::catalogue::Per;
use hedui_base::diagnostic::nearest;
use hedui_base::{Catalogue, Dataset, Diagnostic};

use super::ast::{Body, Expr, ExprKind, Flag, Input, Named, Node, Pack, Parameter, Scheme, Step, Test, Want};
use super::join::{Joined, join, join_datasets};
use super::order::order;
use super::parameter::parameter;
use super::scope::{Inside, Records, Resolver, Scope};
use super::versions;
use crate::folder::PackFolder;
use crate::program::{Entity, FlagSeverity, InputId, ParameterId};
use crate::spot::{Also as _, Spot, Spotted};
use crate::surface::{self, Formula, Lost, ParameterSource, RuleBody, TestCheck};
use crate::value;

/// Binds the names of a pack. `chain` goes from the pack being checked to the frame it rests on.
pub(crate) fn from_surface(
    chain: &[(&PackFolder, surface::Pack)],
    catalogue: &Catalogue,
    mistakes: &mut Vec<Diagnostic>,
) -> Pack {
    let head = &chain[0].1.head;
    let mut lost = Lost::default();
    chain.iter().for_each(|(_, pack)| lost.extend(&pack.lost));
    let catalogue = join_datasets(catalogue, chain, mistakes);
    let joined = join(chain, &lost, mistakes);
    let mut build = Build::new(&catalogue, &lost);
    for rule in &joined {
        build.declare(rule, mistakes);
    }
    build.declare_counts();
    unused_files(chain[0].0, &joined, mistakes);
    let used = build.bind(mistakes);
    let (order, cyclic) = order(&build.steps, &build.flags, mistakes);
    if !lost.everything {
        warn_unused(&build, &joined, &used, head.area.is_none(), chain, mistakes);
    }
    let Build { inputs, parameters, steps, tests, flags, mut schemes, score, names, .. } = build;
    schemes.sort_by_key(|s| s.order);
    Pack {
        head: head.clone(),
        extends: chain[1..].iter().map(|(folder, _)| folder.id.clone()).collect(),
        inputs,
        parameters,
        steps,
        tests,
        flags,
        schemes,
        score,
        names,
        order,
        cyclic,
        allows: joined.iter().map(|j| (j.rule.name.value.clone(), j.rule.allow.clone())).collect(),
        lost,
        catalogue,
    }
}

/// A formula waiting for its names to be bound, once all names are known.
pub(super) struct Waiting<'a> {
    node: Node,
    rule: &'a surface::Rule,
    /// The key its formula stands under.
    key: &'static str,
    filter: Option<&'a Formula>,
    formula: &'a Formula,
}

pub(super) struct Build<'a> {
    catalogue: &'a Catalogue,
    lost: &'a Lost,
    inputs: Vec<Input>,
    parameters: Vec<Parameter>,
    pub(super) steps: Vec<Step>,
    pub(super) tests: Vec<Test>,
    pub(super) flags: Vec<Flag>,
    pub(super) schemes: Vec<Scheme>,
    score: Option<Node>,
    pub(super) names: BTreeMap<String, Named>,
    counts: BTreeMap<String, Node>,
    waiting: Vec<Waiting<'a>>,
    datasets_used: BTreeSet<String>,
}

impl<'a> Build<'a> {
    fn new(catalogue: &'a Catalogue, lost: &'a Lost) -> Self {
        Self {
            catalogue,
            lost,
            inputs: Vec::new(),
            parameters: Vec::new(),
            steps: Vec::new(),
            tests: Vec::new(),
            flags: Vec::new(),
            schemes: Vec::new(),
            score: None,
            names: BTreeMap::new(),
            counts: BTreeMap::new(),
            waiting: Vec::new(),
            datasets_used: BTreeSet::new(),
        }
    }

    fn declare(&mut self, joined: &Joined<'a>, mistakes: &mut Vec<Diagnostic>) {
        let rule = joined.rule;
        let name = rule.name.value.clone();
        match &rule.body {
            RuleBody::Parameter { ty, source, notes } => {
                let id = ParameterId(self.parameters.len() as u32);
                self.parameters.push(parameter(joined, *ty, source, notes, mistakes));
                self.names.insert(name, Named::Parameter(id));
            }
            RuleBody::Input { entity, spec, default, receipt } => {
                let default = spec.as_ref().zip(default.as_ref()).and_then(|(spec, written)| {
                    let typed = value::typed(&written.value, spec.ty);
                    if let Err(why) = &typed {
                        mistakes.push(
                            written
                                .spot
                                .error("rules::bad_value", format!("the default is no value of type {}", spec.ty), why)
                                .help(value::example(spec.ty)),
                        );
                    }
                    if let surface::Literal::Text(code) = &written.value
                        && !spec.codes.is_empty()
                        && !spec.codes.contains_key(code)
                    {
                        mistakes.push(unknown_code(code, &written.spot, &spec.codes));
                    }
                    typed.ok()
                });
                let id = InputId(self.inputs.len() as u32);
                self.inputs.push(Input {
                    name: rule.name.clone(),
                    entity: *entity,
                    spec: spec.clone(),
                    default,
                    receipt: *receipt,
                });
                self.names.insert(name, Named::Input(id));
            }
            RuleBody::Fact { entity, from, filter, value } => {
                let dataset = from.as_ref().and_then(|from| self.dataset(from, mistakes));
                if let (Some(dataset), Some(entity), Some(from)) = (&dataset, entity, from) {
                    let of = if dataset.per == Per::Household { Entity::Household } else { Entity::Person };
                    if of != *entity {
                        let (records, help) = match of {
                            Entity::Person => (
                                "persons",
                                "write entity = \"person\", and add members up where it is used: SUM(member.NAME)",
                            ),
                            Entity::Household => ("households", "write entity = \"household\""),
                        };
                        mistakes.push(
                            from.spot
                                .error(
                                    "rules::wrong_entity",
                                    format!("records of `{}` belong to {records}", dataset.name),
                                    "another entity than this fact's",
                                )
                                .also(&rule.name.spot, "the fact")
                                .help(help),
                        );
                    }
                }
                let node = self.step(rule, &name, *entity, Want::Any, "value", value);
                self.steps[node.0].body = Body::Fact { dataset, filter: None, value: error(&value.expr.spot) };
                if let Some(waiting) = self.waiting.last_mut() {
                    waiting.filter = filter.as_ref();
                }
            }
            RuleBody::Variable { entity, ty, formula } => {
                self.step(rule, &name, *entity, Want::Declared(ty.as_ref().map(|t| t.value)), "formula", formula);
            }
            RuleBody::Test { entity, check } => self.declare_test(rule, *entity, check),
            RuleBody::Flag { entity, when, declared, found, severity, follow_up, evidence } => {
                let when = self.step(rule, &format!("{name}.when"), *entity, Want::Condition, "when", when);
                let declared = declared
                    .as_ref()
                    .map(|f| self.step(rule, &format!("{name}.declared"), *entity, Want::Any, "declared", f));
                let want = declared.map_or(Want::Any, Want::Like);
                let found =
                    found.as_ref().map(|f| self.step(rule, &format!("{name}.found"), *entity, want, "found", f));
                let evidence = evidence.iter().filter_map(|d| self.dataset(d, mistakes)).collect();
                self.flags.push(Flag {
                    name,
                    when,
                    declared,
                    found,
                    severity: *severity,
                    follow_up: *follow_up,
                    evidence,
                });
            }
            RuleBody::Scheme { .. } => self.declare_scheme(rule, mistakes),
            RuleBody::Score { formula } => {
                self.score = Some(self.step(rule, "score", Some(Entity::Household), Want::Score, "formula", formula));
            }
        }
    }

    fn declare_test(&mut self, rule: &'a surface::Rule, entity: Option<Entity>, check: &'a TestCheck) {
        let name = rule.name.value.clone();
        match check {
            TestCheck::When(when) => {
                let result = self.step(rule, &name, entity, Want::Condition, "when", when);
                self.tests.push(Test { name, limit: None, result });
            }
            TestCheck::Limit { value, relation, limit } => {
                let value_node = self.step(rule, &format!("{name}.value"), entity, Want::Any, "value", value);
                let limit_node =
                    self.step(rule, &format!("{name}.limit"), entity, Want::Like(value_node), relation.key(), limit);
                let result = self.step(rule, &name, entity, Want::Condition, "value", value);
                self.waiting.pop();
                self.steps[result.0].body = Body::Compare(value_node, *relation, limit_node);
                self.steps[result.0].text = format!("{} {} {}", value.text, relation.sign(), limit.text);
                self.steps[result.0].versions = versions::of_test(rule, value, *relation, limit);
                self.tests.push(Test { name, limit: Some((value_node, *relation, limit_node)), result });
            }
        }
    }

    /// A step whose formula stands under a key of its rule.
    pub(super) fn step(
        &mut self,
        rule: &'a surface::Rule,
        name: &str,
        entity: Option<Entity>,
        want: Want,
        key: &'static str,
        formula: &'a Formula,
    ) -> Node {
        let node = Node(self.steps.len());
        self.steps.push(Step {
            name: Spotted { value: name.to_owned(), spot: rule.name.spot.clone() },
            entity,
            want,
            body: Body::Formula(error(&formula.expr.spot)),
            title: rule.title.clone(),
            title_en: rule.title_en.clone(),
            cite: rule.cite.clone(),
            text: formula.text.clone(),
            spot: formula.expr.spot.clone(),
            versions: versions::of_key(rule, key, formula),
        });
        self.names.insert(name.to_owned(), Named::Step(node));
        self.waiting.push(Waiting { node, rule, key, filter: None, formula });
        node
    }

    /// One step per severity; those the score does not read are left out of the program.
    fn declare_counts(&mut self) {
        let Some(score) = self.score else { return };
        let spot = self.steps[score.0].spot.clone();
        for severity in FlagSeverity::ALL {
            let name = format!("flags_{}", severity.as_str());
            let node = Node(self.steps.len());
            self.steps.push(Step {
                name: Spotted { value: name.clone(), spot: spot.clone() },
                entity: Some(Entity::Household),
                want: Want::Any,
                body: Body::FlagCount(severity),
                title: format!("{}级疑点数", severity.zh()),
                title_en: format!("flags of severity {}", severity.as_str()),
                cite: None,
                text: name.clone(),
                spot: spot.clone(),
                versions: Vec::new(),
            });
            self.counts.insert(name, node);
        }
    }

    fn dataset(&mut self, name: &Spotted<String>, mistakes: &mut Vec<Diagnostic>) -> Option<Arc<Dataset>> {
        self.datasets_used.insert(name.value.clone());
        let found = self.catalogue.get(&name.value).cloned();
        if found.is_none() && !self.lost.has(&name.value) {
            let all = self.catalogue.datasets.keys().map(String::as_str);
            let help = nearest(&name.value, all).map_or_else(
                || "name a dataset of the catalogue, or declare [dataset.NAME] in the pack".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            mistakes.push(
                name.spot
                    .error("rules::undefined_name", format!("there is no dataset `{}`", name.value), "not a dataset")
                    .help(help),
            );
        }
        found
    }

    /// Binds all formulas; returns the names in use.
    fn bind(&mut self, mistakes: &mut Vec<Diagnostic>) -> BTreeSet<Named> {
        let entities: Vec<_> = self.steps.iter().map(|s| s.entity).collect();
        let flag_names = self.flags.iter().map(|f| f.name.clone()).collect();
        let mut resolver = Resolver {
            names: &self.names,
            inputs: &self.inputs,
            parameters: &self.parameters,
            entities: &entities,
            counts: &self.counts,
            flags: &flag_names,
            catalogue: self.catalogue,
            lost: self.lost,
            used: BTreeSet::new(),
            mistakes,
        };
        for waiting in &self.waiting {
            let step = &mut self.steps[waiting.node.0];
            let rule = waiting.rule;
            let changed = rule.versions.iter().flat_map(|v| v.formulas.iter().map(|(_, formula)| formula));
            for formula in waiting.filter.into_iter().chain([waiting.formula]).chain(changed) {
                if formula.expr.is_broken() {
                    // What could not be read may use any name it mentions.
                    let words = formula.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    resolver.used.extend(words.filter_map(|word| self.names.get(word)));
                }
            }
            let is_score = matches!(rule.body, RuleBody::Score { .. });
            let outer = Scope { entity: step.entity, records: Records::None, inside: Inside::Nothing, score: is_score };
            match &mut step.body {
                Body::Fact { dataset, filter, value } => {
                    let records = dataset.as_deref().map_or(Records::Unknown, Records::Of);
                    let scope = Scope { records, ..outer };
                    *filter = resolver.dated_filter(rule, waiting.filter, Scope { inside: Inside::Records, ..scope });
                    *value = resolver.dated(rule, waiting.key, waiting.formula, scope);
                }
                Body::Formula(expr) => *expr = resolver.dated(rule, waiting.key, waiting.formula, outer),
                Body::Compare(..) | Body::FlagCount(_) => {}
            }
        }
        resolver.used
    }
}

pub(super) fn error(spot: &Spot) -> Expr {
    Expr { kind: ExprKind::Error, spot: spot.clone() }
}

pub(crate) fn unknown_code(code: &str, spot: &Spot, codes: &BTreeMap<String, String>) -> Diagnostic {
    let near =
        nearest(code, codes.keys().map(String::as_str)).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
    let list: Vec<&str> = codes.keys().map(String::as_str).collect();
    spot.error("rules::unknown_code", format!("`{code}` is not one of its codes"), "unknown code")
        .help(format!("{near}codes: {}", list.join(", ")))
}

/// CSV files of the pack that no parameter names.
fn unused_files(folder: &PackFolder, joined: &[Joined<'_>], mistakes: &mut Vec<Diagnostic>) {
    let named: BTreeSet<&str> = joined
        .iter()
        .filter_map(|j| match &j.rule.body {
            RuleBody::Parameter { source: ParameterSource::Table(table), .. } if j.own => Some(table.value.as_str()),
            RuleBody::Parameter { source: ParameterSource::Deduction(of), .. } if j.own => Some(of.file.value.as_str()),
            _ => None,
        })
        .collect();
    for file in &folder.files {
        let name = folder.name_within(file);
        if name.ends_with(".csv") && !name.starts_with("cases/") && !named.contains(name) {
            mistakes.push(
                Diagnostic::warning("rules::unused_file", format!("no parameter reads `{name}`"))
                    .at(file, 0..0, "not used")
                    .help(format!("declare a parameter with table = \"{name}\", or remove the file")),
            );
        }
    }
}

/// Names that no rule uses. A frame (a pack without an area) declares inputs and parameters for those that extend it.
fn warn_unused(
    build: &Build<'_>,
    joined: &[Joined<'_>],
    used: &BTreeSet<Named>,
    is_frame: bool,
    chain: &[(&PackFolder, surface::Pack)],
    mistakes: &mut Vec<Diagnostic>,
) {
    for rule in joined.iter().filter(|j| j.own).map(|j| j.rule) {
        let matters = match &rule.body {
            RuleBody::Parameter { .. } | RuleBody::Input { .. } => !is_frame,
            RuleBody::Fact { .. } | RuleBody::Variable { .. } => true,
            _ => false,
        };
        let named = build.names.get(&rule.name.value);
        if matters
            && rule.overrides.is_none()
            && !rule.allow.iter().any(|a| a.lint.value == "unused")
            && named.is_some_and(|n| !used.contains(n))
            && !build.lost.words.contains(&rule.name.value)
        {
            mistakes.push(
                rule.name
                    .spot
                    .warning(
                        "rules::unused",
                        format!("no rule uses the {} `{}`", rule.body.word(), rule.name.value),
                        "unused",
                    )
                    .help("use it in a test, flag, scheme or score, or remove it"),
            );
        }
    }
    for (name, _) in &chain[0].1.datasets {
        if !build.datasets_used.contains(&name.value) {
            mistakes.push(
                name.spot
                    .warning("rules::unused", format!("no rule uses the dataset `{}`", name.value), "unused")
                    .help("read it in a fact, or remove it"),
            );
        }
    }
}
