//! From a program's trees to a tape.

use hedui_base::ColumnType;
use hedui_base::columns::date_to_days;
use hedui_rules::Program;
use hedui_rules::program::{
    Aggregate, CompareOp, Expr, ExprKind, FlagSeverity, Over, ParameterValue, RowValue, StepKind,
};
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::handed_over::{HandedOver, Results};
use super::{Aggregated, Asked, Assumption, At, Level, Node, Op, Operations, Tape};
use crate::evaluate::{is_of_household, is_of_owner};
use crate::parameters::InForce;

impl<'p> Tape<'p> {
    /// The tape of a program as of a day, which leaves what `results` are made of.
    ///
    /// None for a program that only the kernel computes: one in which a value that is assumed rests itself on a value
    /// assumed for want of a parameter's row, which is noted only where it is used.
    pub(crate) fn of(program: &'p Program, as_of: Date, results: Results<'_>) -> Option<Self> {
        let parameters = program.parameters.iter();
        let tape = Self {
            nodes: Vec::new(),
            steps: Vec::with_capacity(program.steps.len()),
            handed_over: HandedOver::default(),
            consumers: Vec::new(),
            first_consumer: Vec::new(),
            of_records: Vec::new(),
            of_input: vec![None; program.inputs.len()],
            texts: Vec::new(),
            in_force: parameters.clone().map(|parameter| InForce::of(parameter, as_of)).collect(),
            brackets: parameters.map(|p| if p.scale.is_some() { p.brackets(as_of) } else { Vec::new() }).collect(),
        };
        let mut compiler = Compiler {
            program,
            as_of,
            tape,
            operands: Vec::new(),
            known: FxHashMap::default(),
            texts: FxHashMap::default(),
            step: 0,
            fact: None,
        };
        compiler.brought_texts();
        let mut masks = Vec::new();
        for (step, definition) in program.steps.iter().enumerate() {
            compiler.step = step;
            let level = Level::from(definition.entity);
            let at = match &definition.kind {
                StepKind::Formula(value) => compiler.add(value, level)?,
                StepKind::FlagCount(severity) => {
                    let flags = compiler.flags(*severity);
                    compiler.push(Level::HOUSEHOLD, Op::FlagCount(*severity), &flags)
                }
                StepKind::Fact { dataset, filter, value } => {
                    let dataset = dataset.index();
                    let passed = match filter {
                        Some(filter) => Some(compiler.add(filter, Level::records(dataset))?),
                        None => None,
                    };
                    compiler.fact = Some(Fact { dataset, passed, masks: Vec::new() });
                    let at = compiler.add(value, level)?;
                    let inside = compiler.fact.take().map_or_else(Vec::new, |fact| fact.masks);
                    if results.masks(step) {
                        masks.push((step, dataset, inside));
                    }
                    at
                }
            };
            compiler.tape.steps.push((at, level == Level::PERSON));
        }
        compiler.tape.handed_over = HandedOver::of(program, results, &compiler.tape.steps, masks);
        Some(compiler.finish())
    }
}

struct Compiler<'p> {
    program: &'p Program,
    as_of: Date,
    tape: Tape<'p>,
    /// By operation, those that it reads.
    operands: Vec<Box<[At]>>,
    /// What is on the tape, and where.
    known: FxHashMap<(Level, Op<'p>), At>,
    texts: FxHashMap<&'p str, usize>,
    /// The step at work.
    step: usize,
    fact: Option<Fact>,
}

/// The fact at work.
struct Fact {
    dataset: usize,
    /// Which records pass its filter; none means all.
    passed: Option<At>,
    /// Which records each of its aggregates counts.
    masks: Vec<Option<At>>,
}

impl<'p> Compiler<'p> {
    fn push(&mut self, level: Level, op: Op<'p>, operands: &[At]) -> At {
        let next = self.tape.nodes.len() as At;
        let at = *self.known.entry((level, op.clone())).or_insert(next);
        if at == next {
            if let Op::Input(input) = op {
                self.tape.of_input[input as usize] = Some(at);
            }
            self.tape.nodes.push(Node { level, op });
            self.operands.push(operands.into());
        }
        at
    }

    fn level(&self, at: At) -> Level {
        self.tape.nodes[at as usize].level
    }

    /// Cells of the same level as the operands have; the level asked for if there is only the household's.
    fn over(&mut self, level: Level, op: Op<'p>, operands: &[At]) -> At {
        // What is the same for the whole household is computed once for it, wherever it is written.
        let all_of_household = operands.iter().all(|at| self.level(*at) == Level::HOUSEHOLD);
        let level = if all_of_household { Level::HOUSEHOLD } else { level };
        self.push(level, op, operands)
    }

    /// The tape, with who reads what.
    fn finish(mut self) -> Tape<'p> {
        let nodes = &self.tape.nodes;
        let none: Operations = vec![0; nodes.len().div_ceil(64)].into();
        let mut of_records = vec![none; self.program.datasets.len()];
        let mut consumers = vec![Vec::new(); nodes.len()];
        for (at, (node, operands)) in nodes.iter().zip(&self.operands).enumerate() {
            let of_dataset = match &node.op {
                Op::Aggregate(of) => of.dataset,
                _ => node.level.dataset(),
            };
            match of_dataset {
                Some(dataset) => of_records[dataset][at / 64] |= 1 << (at % 64),
                None => operands.iter().for_each(|operand| consumers[*operand as usize].push(at as At)),
            }
        }
        self.tape.first_consumer.push(0);
        for of_one in &consumers {
            let before = self.tape.first_consumer.last().copied().unwrap_or(0);
            self.tape.first_consumer.push(before + of_one.len() as u32);
        }
        self.tape.consumers = consumers.concat();
        self.tape.of_records = of_records;
        self.tape
    }

    fn text(&mut self, text: &'p str) -> u32 {
        let next = self.tape.texts.len();
        let index = *self.texts.entry(text).or_insert(next);
        if index == next {
            self.tape.texts.push(text);
        }
        index as u32
    }

    /// Notes the texts that no operation names: values of parameters, and of inputs that nobody declared.
    fn brought_texts(&mut self) {
        let program = self.program;
        for parameter in &program.parameters {
            let rows = parameter.rows.iter().filter_map(|row| match &row.value {
                RowValue::Known(value) => Some(value),
                RowValue::Gap(_) | RowValue::Nothing => None,
            });
            let values = rows.chain(parameter.fallback.as_ref().map(|fallback| &fallback.value));
            values.for_each(|value| self.value(value));
        }
        program.inputs.iter().filter_map(|input| input.default.as_ref()).for_each(|value| self.value(value));
    }

    fn value(&mut self, value: &'p ParameterValue) {
        if let ParameterValue::Text(text) = value {
            self.text(text);
        }
    }

    /// The conditions of the flags of a severity.
    fn flags(&self, severity: FlagSeverity) -> Vec<At> {
        let flags = self.program.flags.iter().filter(|flag| flag.severity == severity);
        flags.map(|flag| self.tape.steps[flag.when.index()].0).collect()
    }

    fn number(&mut self, value: i64) -> At {
        self.over(Level::HOUSEHOLD, Op::Known(value), &[])
    }

    /// An expression, where it is written.
    fn add(&mut self, expr: &'p Expr, level: Level) -> Option<At> {
        match level.dataset() {
            Some(dataset) if is_of_owner(expr) => {
                let owner = Level::from(self.program.datasets[dataset].entity);
                let at = self.add(expr, owner)?;
                return Some(if self.level(at) == Level::PERSON {
                    self.push(level, Op::Gather(at), &[at])
                } else {
                    at
                });
            }
            None if level == Level::PERSON && is_of_household(expr) => return self.add(expr, Level::HOUSEHOLD),
            _ => {}
        }
        let one = |of: &mut Self, expr: &'p Expr| of.add(expr, level);
        Some(match &expr.kind {
            ExprKind::Int(value) => self.number(*value),
            ExprKind::Text(text) => {
                let text = self.text(text);
                self.push(Level::HOUSEHOLD, Op::Text(text), &[])
            }
            ExprKind::AsOf => self.number(date_to_days(self.as_of)),
            ExprKind::Residence => self.push(Level::HOUSEHOLD, Op::Residence, &[]),
            ExprKind::IsMember => self.push(level, Op::IsMember, &[]),
            ExprKind::Column(column) => self.push(level, Op::Column(column.index() as u32), &[]),
            ExprKind::Input(input) => self.push(level, Op::Input(input.index() as u32), &[]),
            ExprKind::Step(step) => self.tape.steps[step.index()].0,
            ExprKind::Household(inner) => self.add(inner, Level::HOUSEHOLD)?,
            ExprKind::Parameter { id, keys } => self.parameter(id.index(), keys, level)?,
            ExprKind::Not(a) => {
                let a = one(self, a)?;
                self.over(level, Op::Not(a), &[a])
            }
            ExprKind::And(all) => self.fold(all, level, Op::And)?,
            ExprKind::Or(all) => self.fold(all, level, Op::Or)?,
            ExprKind::Compare(op, a, b) => {
                let is_text = !a.ty.is_int() && !matches!(op, CompareOp::Eq | CompareOp::Ne);
                let (a, b) = (one(self, a)?, one(self, b)?);
                let op = if is_text { Op::CompareTexts(*op, a, b) } else { Op::Compare(*op, a, b) };
                self.over(level, op, &[a, b])
            }
            ExprKind::In(value, list) => self.is_in(value, list, level)?,
            ExprKind::IsNone(a) => {
                let a = one(self, a)?;
                self.over(level, Op::IsNone(a), &[a])
            }
            ExprKind::Case(branches, otherwise) => {
                let branches: Option<Box<[_]>> = branches.iter().map(|(c, v)| one(self, c).zip(one(self, v))).collect();
                let (branches, otherwise) = (branches?, one(self, otherwise)?);
                let operands: Vec<At> = branches.iter().flat_map(|(c, v)| [*c, *v]).chain([otherwise]).collect();
                let is_text = !expr.ty.is_int();
                self.over(level, Op::Case { branches, otherwise, is_text }, &operands)
            }
            ExprKind::Neg(a) => self.unary(a, level, Op::Neg)?,
            ExprKind::Abs(a) => self.unary(a, level, Op::Abs)?,
            ExprKind::Add(a, b) => self.binary((a, b), level, Op::Add)?,
            ExprKind::Sub(a, b) => self.binary((a, b), level, Op::Sub)?,
            ExprKind::Mul(a, b, drop) => self.binary((a, b), level, |a, b| Op::Mul(a, b, *drop))?,
            ExprKind::Div(a, b, raise) => {
                let step = self.step as u32;
                self.binary((a, b), level, |a, b| Op::Div { a, b, raise: *raise, step })?
            }
            ExprKind::Rescale(a, by) => self.unary(a, level, |a| Op::Rescale(a, *by))?,
            ExprKind::Round(mode, a, multiple) => {
                self.binary((a, multiple), level, |a, multiple| Op::Round(*mode, a, multiple))?
            }
            ExprKind::Least(all) => self.extreme(all, level, false)?,
            ExprKind::Greatest(all) => self.extreme(all, level, true)?,
            ExprKind::AddMonths(a, months) => {
                let is_month = a.ty == ColumnType::Month;
                self.unary(a, level, |a| if is_month { Op::AddToMonth(a, *months) } else { Op::AddMonths(a, *months) })?
            }
            ExprKind::ShiftMonths(a, months) => self.binary((a, months), level, Op::ShiftMonths)?,
            ExprKind::AddDays(a, days) => self.unary(a, level, |a| Op::AddDays(a, *days))?,
            ExprKind::PerMonth(a) => {
                let step = self.step as u32;
                self.unary(a, level, |a| Op::PerMonth(a, step))?
            }
            ExprKind::Spread(a, _) => {
                let (a, b, step) = (one(self, a)?, self.number(12), self.step as u32);
                self.over(level, Op::Div { a, b, raise: 0, step }, &[a, b])
            }
            ExprKind::MonthOf(a) => self.month(a, level)?,
            ExprKind::Age(birth) => self.unary(birth, level, Op::Age)?,
            ExprKind::MonthsBetween(from, to) => {
                let (from, to) = (self.month(from, level)?, self.month(to, level)?);
                self.over(level, Op::Sub(to, from), &[to, from])
            }
            ExprKind::DaysBetween(from, to) => self.binary((from, to), level, |from, to| Op::Sub(to, from))?,
            ExprKind::Aggregate(of) => self.aggregate(of)?,
            ExprKind::Dated(first, versions) => one(self, Expr::in_force(first, versions, self.as_of))?,
            ExprKind::Assume { value, instead, reason } => {
                if instead.all().into_iter().any(|inner| self.falls_back(inner)) {
                    return None;
                }
                let (value, instead, step) = (one(self, value)?, one(self, instead)?, self.step);
                // Noted once for each row it is written for, and not where there is none.
                self.push(level, Op::Assume(Box::new(Assumption { value, instead, reason, step })), &[value, instead])
            }
        })
    }

    fn unary(&mut self, a: &'p Expr, level: Level, op: impl FnOnce(At) -> Op<'p>) -> Option<At> {
        let a = self.add(a, level)?;
        Some(self.over(level, op(a), &[a]))
    }

    fn binary(&mut self, (a, b): (&'p Expr, &'p Expr), level: Level, op: impl FnOnce(At, At) -> Op<'p>) -> Option<At> {
        let (a, b) = (self.add(a, level)?, self.add(b, level)?);
        Some(self.over(level, op(a, b), &[a, b]))
    }

    fn fold(&mut self, all: &'p [Expr], level: Level, op: impl Fn(At, At) -> Op<'p>) -> Option<At> {
        let mut folded = None;
        for expr in all {
            let next = self.add(expr, level)?;
            folded = Some(match folded {
                None => next,
                Some(so_far) => self.over(level, op(so_far, next), &[so_far, next]),
            });
        }
        folded
    }

    fn is_in(&mut self, value: &'p Expr, list: &'p [Expr], level: Level) -> Option<At> {
        let value = self.add(value, level)?;
        let mut found = None;
        for item in list {
            let item = self.add(item, level)?;
            let same = self.over(level, Op::Compare(CompareOp::Eq, value, item), &[value, item]);
            found = Some(match found {
                None => same,
                Some(found) => self.over(level, Op::Or(found, same), &[found, same]),
            });
        }
        Some(found.unwrap_or_else(|| self.number(0)))
    }

    fn extreme(&mut self, all: &'p [Expr], level: Level, largest: bool) -> Option<At> {
        let of: Option<Box<[At]>> = all.iter().map(|expr| self.add(expr, level)).collect();
        let of = of?;
        let operands = of.clone();
        Some(self.over(level, Op::Extreme { of, largest }, &operands))
    }

    /// Months, from months or dates.
    fn month(&mut self, expr: &'p Expr, level: Level) -> Option<At> {
        let at = self.add(expr, level)?;
        Some(if expr.ty == ColumnType::Month { at } else { self.over(level, Op::MonthOf(at), &[at]) })
    }

    fn parameter(&mut self, id: usize, keys: &'p [Expr], level: Level) -> Option<At> {
        let keys: Option<Box<[_]>> = keys.iter().map(|key| Some((self.add(key, level)?, key.ty))).collect();
        let keys = keys?;
        let operands: Vec<At> = keys.iter().map(|(at, _)| *at).collect();
        let parameter = &self.program.parameters[id];
        if let Some(scale) = parameter.scale {
            let asked = Asked { id, keys, step: None };
            return Some(self.over(level, Op::Scale(Box::new((asked, scale))), &operands));
        }
        if parameter.fallback.is_some() {
            // A value taken for want of a row is noted for the rule at work, where there is anything it is asked for.
            let asked = Asked { id, keys, step: Some(self.step) };
            return Some(self.push(level, Op::Parameter(Box::new(asked)), &operands));
        }
        Some(self.over(level, Op::Parameter(Box::new(Asked { id, keys, step: None })), &operands))
    }

    fn falls_back(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Parameter { id, .. } if self.program.parameters[id.index()].fallback.is_some())
    }

    fn aggregate(&mut self, of: &'p Aggregate) -> Option<At> {
        let (dataset, inside_of, owner) = match (of.over, &self.fact) {
            (Over::Records, Some(fact)) => {
                let owner = Level::from(self.program.datasets[fact.dataset].entity);
                (Some(fact.dataset), fact.passed, owner)
            }
            (Over::Records, None) => return None,
            (over, _) => {
                let role = if over == Over::Members { Op::IsMember } else { Op::IsObligor };
                (None, Some(self.push(Level::PERSON, role, &[])), Level::HOUSEHOLD)
            }
        };
        let level = dataset.map_or(Level::PERSON, Level::records);
        let own = match of.filter.as_deref() {
            Some(filter) => Some(self.add(filter, level)?),
            None => None,
        };
        let inside = match (inside_of, own) {
            (Some(a), Some(b)) => Some(self.over(level, Op::And(a, b), &[a, b])),
            (a, b) => a.or(b),
        };
        if let (Some(_), Some(fact)) = (dataset, &mut self.fact) {
            fact.masks.push(inside);
        }
        let argument = match of.argument.as_deref() {
            Some(argument) => Some(self.add(argument, level)?),
            None => None,
        };
        let month = match of.by.as_deref() {
            Some(month) => Some(self.month(month, level)?),
            None => None,
        };
        let is_text = of.argument.as_deref().is_some_and(|argument| !argument.ty.is_int());
        let of = Aggregated { function: of.function, dataset, argument, is_text, month, inside };
        let operands: Vec<At> = [inside, argument, month].into_iter().flatten().collect();
        Some(self.push(owner, Op::Aggregate(Box::new(of)), &operands))
    }
}
