//! From a program's trees to a tape.

use hedui_base::ColumnType;
use hedui_base::columns::date_to_days;
use hedui_rules::Program;
use hedui_rules::program::{Aggregate, CompareOp, Expr, ExprKind, Over, StepKind};
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::{Aggregated, Asked, Assumption, At, Level, Masks, Node, OWN, Op, Tape};
use crate::evaluate::{is_of_household, is_of_owner};
use crate::parameters::InForce;

impl<'p> Tape<'p> {
    /// The tape of a program as of a day; `keep` says of which facts the masks of records are wanted.
    ///
    /// None for a program that only the kernel computes: one in which a value that is assumed rests itself on a value
    /// assumed for want of a parameter's row, which is noted only where it is used.
    pub(crate) fn of(program: &'p Program, as_of: Date, keep: &[bool]) -> Option<Self> {
        let parameters = program.parameters.iter();
        let tape = Self {
            nodes: Vec::new(),
            steps: Vec::with_capacity(program.steps.len()),
            masks: Vec::new(),
            texts: Vec::new(),
            in_force: parameters.clone().map(|parameter| InForce::of(parameter, as_of)).collect(),
            brackets: parameters.map(|p| if p.scale.is_some() { p.brackets(as_of) } else { Vec::new() }).collect(),
        };
        let mut compiler = Compiler {
            program,
            as_of,
            tape,
            known: FxHashMap::default(),
            texts: FxHashMap::default(),
            step: 0,
            fact: None,
        };
        for (step, definition) in program.steps.iter().enumerate() {
            compiler.step = step;
            let level = Level::from(definition.entity);
            let at = match &definition.kind {
                StepKind::Formula(value) => compiler.add(value, level)?,
                StepKind::FlagCount(severity) => compiler.push(Level::HOUSEHOLD, Op::FlagCount(*severity)),
                StepKind::Fact { dataset, filter, value } => {
                    let dataset = dataset.index();
                    let passed = match filter {
                        Some(filter) => Some(compiler.add(filter, Level::records(dataset))?),
                        None => None,
                    };
                    compiler.fact = Some(Fact { dataset, passed, masks: Vec::new() });
                    let at = compiler.add(value, level)?;
                    let inside = compiler.fact.take().map_or_else(Vec::new, |fact| fact.masks);
                    if keep.get(step) == Some(&true) {
                        compiler.tape.masks.push(Masks { step, dataset, inside });
                    }
                    at
                }
            };
            compiler.tape.steps.push((at, level == Level::PERSON));
        }
        Some(compiler.tape)
    }
}

struct Compiler<'p> {
    program: &'p Program,
    as_of: Date,
    tape: Tape<'p>,
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
    fn push(&mut self, level: Level, op: Op<'p>) -> At {
        let next = self.tape.nodes.len() as At;
        let at = *self.known.entry((level, op.clone())).or_insert(next);
        if at == next {
            self.tape.nodes.push(Node { reads: OWN, level, op });
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
        let reads = operands.iter().fold(0, |reads, at| reads | self.tape.nodes[*at as usize].reads);
        let at = self.push(level, op);
        self.tape.nodes[at as usize].reads = reads;
        at
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
                return Some(if self.level(at) == Level::PERSON { self.push(level, Op::Gather(at)) } else { at });
            }
            None if level == Level::PERSON && is_of_household(expr) => return self.add(expr, Level::HOUSEHOLD),
            _ => {}
        }
        let one = |of: &mut Self, expr: &'p Expr| of.add(expr, level);
        Some(match &expr.kind {
            ExprKind::Int(value) => self.number(*value),
            ExprKind::Text(text) => {
                let next = self.tape.texts.len();
                let index = *self.texts.entry(text).or_insert(next);
                if index == next {
                    self.tape.texts.push(text);
                }
                self.push(Level::HOUSEHOLD, Op::Text(index as u32))
            }
            ExprKind::AsOf => self.number(date_to_days(self.as_of)),
            ExprKind::Residence => self.push(Level::HOUSEHOLD, Op::Residence),
            ExprKind::IsMember => self.push(level, Op::IsMember),
            ExprKind::Column(column) => self.push(level, Op::Column(column.index() as u32)),
            ExprKind::Input(input) => self.push(level, Op::Input(input.index() as u32)),
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
                self.push(level, Op::Assume(Box::new(Assumption { value, instead, reason, step })))
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
            let step = Some(self.step);
            return Some(self.push(level, Op::Parameter(Box::new(Asked { id, keys, step }))));
        }
        let at = self.over(level, Op::Parameter(Box::new(Asked { id, keys, step: None })), &operands);
        // The numbers of texts are those of a household's words; what the program asks for by a text it spells out is not.
        let spelled_out = |key: &&At| matches!(self.tape.nodes[**key as usize].op, Op::Text(_));
        let asked = operands.iter().filter(|key| !spelled_out(key)).map(|key| self.tape.nodes[*key as usize].reads);
        let reads = if parameter.ty.is_int() { asked.fold(0, |reads, own| reads | own) } else { OWN };
        self.tape.nodes[at as usize].reads = reads;
        Some(at)
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
                (None, Some(self.push(Level::PERSON, role)), Level::HOUSEHOLD)
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
        let at = self.push(owner, Op::Aggregate(Box::new(of)));
        if let Some(dataset) = dataset {
            // Of no records it is the same, whatever is asked of each.
            self.tape.nodes[at as usize].reads = Tape::bit(dataset);
        }
        Some(at)
    }
}
