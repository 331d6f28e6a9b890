//! Unfolds values: walks the rules of a computed slice and lists what each value was made of.
//!
//! Not a second implementation: where it needs the value of a part, it asks the kernel.

use hedui_base::{ColumnType, Tri};
use hedui_rules::program::{Aggregate, AggregateFn, DatasetId, Entity, Expr, ExprKind, FlagSeverity, Over, StepKind};
use rustc_hash::FxHashSet;

use crate::evaluate::{Kernel, Scope};
use crate::explanation::{Explanation, RecordUse};
use crate::print::print;
use crate::reads::{children, reads_columns};
use crate::register::Slot;
use crate::shown::Held;
use crate::trace::value;

/// Unfolds values of a slice of one; each step of each person or household once.
pub(crate) struct Explainer<'k, 'a> {
    pub(crate) kernel: &'k mut Kernel<'a>,
    unfolded: FxHashSet<(usize, usize)>,
}

impl<'k, 'a> Explainer<'k, 'a> {
    pub(crate) fn new(kernel: &'k mut Kernel<'a>) -> Self {
        Self { kernel, unfolded: FxHashSet::default() }
    }

    /// A step's value for a row of its entity.
    pub(crate) fn step(&mut self, step: usize, row: usize) -> Explanation {
        let definition = &self.kernel.program.steps[step];
        let slot = self.kernel.registers[step].get(row);
        let mut node = self.node(definition.name.clone(), slot, definition.ty, definition.entity.into(), row);
        node.title.clone_from(&definition.rule.title);
        match definition.rule.version(self.kernel.as_of) {
            None => {
                node.formula.clone_from(&definition.rule.text);
                node.cite.clone_from(&definition.rule.cite);
                node.file.clone_from(&definition.rule.file);
                node.line = definition.rule.line;
            }
            Some(version) => {
                node.formula.clone_from(&version.text);
                node.cite = Some(version.cite.clone());
                node.file.clone_from(&version.file);
                node.line = version.line;
            }
        }
        node.repeated = !self.unfolded.insert((step, row));
        if node.repeated {
            return node;
        }
        let outer = (self.kernel.step, self.kernel.fact.take());
        self.kernel.step = step;
        let scope = Scope::from(definition.entity);
        match &definition.kind {
            StepKind::Formula(expr) => self.whole(expr, scope, row, &mut node),
            StepKind::FlagCount(severity) => self.flags(*severity, row, &mut node),
            StepKind::Fact { dataset, .. } if self.removed(step, row, dataset.index(), &mut node) => {}
            StepKind::Fact { filter, value, .. } => {
                self.kernel.enter_fact(step);
                if let Some(filter) = filter {
                    self.parts(filter, scope, row, &mut node);
                }
                self.whole(value, scope, row, &mut node);
            }
        }
        (self.kernel.step, self.kernel.fact) = outer;
        node
    }

    /// Whether the records behind a fact are gone; then lists what is still known of them.
    fn removed(&self, step: usize, row: usize, dataset: usize, node: &mut Explanation) -> bool {
        let gone = self.kernel.given.gone.clone();
        let Some(masks) = gone.as_ref().and_then(|gone| gone.of(step, row)) else { return false };
        let definition = &self.kernel.program.datasets[dataset];
        node.removed = true;
        node.records.extend(masks.iter().map(|counted| RecordUse {
            dataset: definition.name.clone(),
            source: "".into(),
            record_id: String::new(),
            as_of: None,
            person: node.person,
            counted: *counted,
            columns: Vec::new(),
            contribution: None,
        }));
        true
    }

    /// A declared input.
    pub(crate) fn input(&mut self, input: usize, row: usize) -> Explanation {
        let definition = &self.kernel.program.inputs[input];
        let slot = self.kernel.slice.inputs[input].get(row);
        let mut node = self.node(definition.name.clone(), slot, definition.spec.ty, definition.entity.into(), row);
        node.title.clone_from(&definition.spec.title.zh);
        node
    }

    fn node(&self, name: String, slot: Slot, ty: ColumnType, scope: Scope, row: usize) -> Explanation {
        Explanation {
            name,
            title: String::new(),
            person: (scope == Scope::Person).then(|| self.kernel.slice.person(row)),
            value: value(self.kernel, slot, ty),
            formula: String::new(),
            cite: None,
            file: String::new(),
            line: 0,
            children: Vec::new(),
            parameters: Vec::new(),
            records: Vec::new(),
            reasons: self.kernel.slice.reasons.list(slot.why),
            assumed: None,
            repeated: false,
            removed: false,
        }
    }

    /// A step's whole expression: an aggregate that is all of it needs no node of its own.
    fn whole(&mut self, expr: &'a Expr, scope: Scope, row: usize, node: &mut Explanation) {
        match &expr.kind {
            ExprKind::Aggregate(of) => self.aggregate(of, scope, row, node),
            ExprKind::Dated(first, versions) => {
                self.whole(Expr::in_force(first, versions, self.kernel.as_of), scope, row, node);
            }
            // Adding the period to a type, or a change of scale that changes nothing.
            ExprKind::Rescale(inner, 0) | ExprKind::Household(inner) if scope == Scope::Household => {
                self.whole(inner, scope, row, node);
            }
            _ => self.parts(expr, scope, row, node),
        }
    }

    /// The conditions of flags that are raised, or may be.
    fn flags(&mut self, severity: FlagSeverity, case: usize, node: &mut Explanation) {
        let program = self.kernel.program;
        for flag in program.flags.iter().filter(|flag| flag.severity == severity) {
            for (row, tri, _) in self.kernel.flagged(flag, case) {
                if tri != Tri::NotMet {
                    let child = self.step(flag.when.index(), row);
                    node.children.push(child);
                }
            }
        }
    }

    /// What an expression was made of, as children, parameters and records of a node.
    fn parts(&mut self, expr: &'a Expr, scope: Scope, row: usize, node: &mut Explanation) {
        match &expr.kind {
            ExprKind::Step(step) => {
                let child = self.kernel.program.steps[step.index()].name.as_str();
                if !self.has(node, child, scope, row) {
                    let child = self.step(step.index(), row);
                    node.children.push(child);
                }
            }
            ExprKind::Input(input) => {
                let child = self.kernel.program.inputs[input.index()].name.as_str();
                if !self.has(node, child, scope, row) {
                    let child = self.input(input.index(), row);
                    node.children.push(child);
                }
            }
            ExprKind::Household(inner) => {
                let case = self.kernel.case_of(scope, row);
                self.parts(inner, Scope::Household, case, node);
            }
            ExprKind::Parameter { id, keys } => {
                self.parameter(id.index(), keys, scope, row, node);
                keys.iter().for_each(|key| self.parts(key, scope, row, node));
            }
            ExprKind::Aggregate(of) => {
                let (scope, row) = match of.over {
                    Over::Records => (scope, row),
                    Over::Members | Over::Obligors => (Scope::Household, self.kernel.case_of(scope, row)),
                };
                let slot = self.kernel.eval(expr, scope).get(row);
                let name = print(self.kernel.program, self.dataset(), expr);
                let mut child = self.node(name.clone(), slot, expr.ty, scope, row);
                child.formula = name;
                self.aggregate(of, scope, row, &mut child);
                node.children.push(child);
            }
            ExprKind::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    // Over records a branch is taken record by record.
                    let tri = if reads_columns(condition) {
                        Tri::Undetermined
                    } else {
                        self.kernel.eval(condition, scope).get(row).truth().0
                    };
                    self.parts(condition, scope, row, node);
                    if tri != Tri::NotMet {
                        self.parts(value, scope, row, node);
                    }
                    if tri == Tri::Met {
                        return;
                    }
                }
                self.parts(otherwise, scope, row, node);
            }
            ExprKind::Dated(first, versions) => {
                self.parts(Expr::in_force(first, versions, self.kernel.as_of), scope, row, node);
            }
            ExprKind::Spread(yearly, clause) => {
                // The clause that lets a year be spread over its months stands beside the rule's own.
                let cite = node.cite.take().filter(|own| !own.contains(&**clause));
                node.cite = Some(cite.map_or_else(|| clause.to_string(), |own| format!("{own}；{clause}")));
                self.parts(yearly, scope, row, node);
            }
            ExprKind::Assume { value, instead, reason } => {
                self.parts(value, scope, row, node);
                if !reads_columns(value) && !self.kernel.eval(value, scope).get(row).is_known() {
                    node.assumed = Some(reason.to_string());
                    self.parts(instead, scope, row, node);
                }
            }
            _ => children(expr).into_iter().for_each(|inner| self.parts(inner, scope, row, node)),
        }
    }

    fn has(&self, node: &Explanation, name: &str, scope: Scope, row: usize) -> bool {
        let person = (scope == Scope::Person).then(|| self.kernel.slice.person(row));
        node.children.iter().any(|child| child.name == name && child.person == person)
    }

    fn dataset(&self) -> Option<DatasetId> {
        self.kernel.fact.as_ref().map(|fact| DatasetId(fact.dataset as u32))
    }

    fn aggregate(&mut self, of: &'a Aggregate, scope: Scope, row: usize, node: &mut Explanation) {
        match of.over {
            Over::Records => {
                self.records(of, row, node);
                // Steps, inputs and parameters that the filter and the argument read.
                let inner = [&of.argument, &of.by, &of.filter].into_iter().filter_map(|part| part.as_deref());
                inner.for_each(|inner| self.parts(inner, scope, row, node));
            }
            Over::Members | Over::Obligors => self.people(of, row, node),
        }
    }

    /// One child per person who counts.
    fn people(&mut self, of: &'a Aggregate, case: usize, node: &mut Explanation) {
        let inside = self.kernel.counted_people(of);
        let argument = of.argument.as_deref().map(|a| (a, self.kernel.eval(a, Scope::Person)));
        for person in self.kernel.slice.people.of(case) {
            if inside.get(person).truth().0 == Tri::NotMet {
                continue;
            }
            let child = match &argument {
                Some((argument, _)) if of.filter.is_none() && matches!(argument.kind, ExprKind::Step(_)) => {
                    let mut one = self.node(String::new(), Slot::NONE, argument.ty, Scope::Person, person);
                    self.parts(argument, Scope::Person, person, &mut one);
                    one.children.pop()
                }
                Some((argument, values)) => {
                    let name = print(self.kernel.program, None, argument);
                    Some(self.node(name, values.get(person), argument.ty, Scope::Person, person)).map(|mut one| {
                        self.parts(argument, Scope::Person, person, &mut one);
                        one
                    })
                }
                None => {
                    let name = if of.over == Over::Members { "member" } else { "obligor" };
                    Some(self.node(name.to_owned(), Slot::known(1), ColumnType::Int, Scope::Person, person))
                }
            };
            node.children.extend(child.map(|mut child| {
                if let Some(filter) = of.filter.as_deref() {
                    self.parts(filter, Scope::Person, person, &mut child);
                }
                child
            }));
        }
    }

    /// The records of the entity, each with whether it counted and what it added.
    fn records(&mut self, of: &'a Aggregate, row: usize, node: &mut Explanation) {
        let Some(dataset) = self.dataset() else { return };
        let inside = self.kernel.counted_records(of);
        let scope = Scope::Records(dataset.index());
        let argument = of.argument.as_deref().map(|a| self.kernel.eval(a, scope));
        for record in self.kernel.slice.frames[dataset.index()].runs.of(row) {
            let counted = inside.as_ref().map_or(Tri::Met, |inside| inside.get(record).truth().0);
            let value = argument.as_ref().map_or(Slot::known(1), |a| a.get(record));
            let adds = match of.function {
                AggregateFn::Sum if value.is_none() => Some(0),
                AggregateFn::Sum => value.is_known().then_some(value.span.lo),
                AggregateFn::Count => value.is_known().then_some(i64::from(!value.is_none())),
                _ => None,
            };
            let contribution = adds.filter(|_| counted == Tri::Met);
            node.records.extend(self.record(dataset, record, counted, contribution));
        }
        node.records.sort_by(|a, b| (&a.source, &a.record_id).cmp(&(&b.source, &b.record_id)));
    }

    fn record(&self, dataset: DatasetId, row: usize, counted: Tri, contribution: Option<i64>) -> Option<RecordUse> {
        let frame = &self.kernel.slice.frames[dataset.index()];
        let definition = &self.kernel.program.datasets[dataset.index()];
        let records = frame.records?;
        let record = frame.rows[row] as usize;
        let columns = definition.columns.iter().zip(&frame.columns).map(|(column, values)| {
            let value = value(self.kernel, values.get(row), column.spec.ty);
            let shown = match &value.held {
                Held::Text(Some(code)) => column.spec.codes.get(&**code).cloned(),
                _ => None,
            };
            let shown = shown.unwrap_or_else(|| value.to_string());
            (column.name.clone(), column.spec.title.zh.clone(), shown)
        });
        Some(RecordUse {
            dataset: definition.name.clone(),
            source: records.source[record].clone(),
            record_id: records.record_id[record].to_string(),
            as_of: records.as_of[record],
            person: (definition.entity == Entity::Person).then(|| records.person[record]),
            counted,
            columns: columns.collect(),
            contribution,
        })
    }
}
