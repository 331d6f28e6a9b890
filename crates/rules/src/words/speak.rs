//! Written expressions as words.

use hedui_base::ColumnType;

use super::line::{Lang, Line, Words};
use super::names::{NameKind, Names, Place};
use super::phrases::Phrase;
use super::units::{digits, is_whose, name_type, type_of};
use crate::program::{CompareOp, Program, Relation};
use crate::surface::{Arithmetic, Expr, ExprKind, Logic};

/// How tightly the words of an expression hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bind {
    /// Alternatives.
    Or,
    /// Several conditions.
    And,
    /// A comparison or another claim.
    Claim,
    /// A value described in a phrase.
    Phrase,
    /// `a + b`
    Sum,
    /// `a × b`
    Product,
    /// One word, number or name.
    Atom,
}

/// Says expressions of one program in one language.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'p> {
    pub(super) names: Names<'p>,
    pub(super) place: Place<'p>,
}

/// A line and how tightly it hangs together.
pub(super) type Said = (Line, Bind);

impl<'p> Speaker<'p> {
    /// Lines wider than this become lists, where they can.
    pub const WIDE: usize = 84;

    /// For the formulas of a program.
    #[must_use]
    pub fn new(program: &'p Program, lang: Lang) -> Self {
        Self { names: Names { program, lang }, place: Place::default() }
    }

    /// For the formulas of a fact over a dataset, in which columns are names.
    #[must_use]
    pub fn over(mut self, dataset: &'p str) -> Self {
        self.place = Place { dataset: Some(dataset) };
        self
    }

    /// The language.
    #[must_use]
    pub const fn lang(&self) -> Lang {
        self.names.lang
    }

    /// The title of a dataset.
    #[must_use]
    pub fn dataset(&self, name: &str) -> String {
        self.names.dataset(name)
    }

    /// The title of a rule, parameter or input, without quotation marks.
    #[must_use]
    pub fn title_of(&self, name: &str) -> String {
        self.names.meaning(name, Place::default()).title
    }

    /// Says an expression in one line; `ty` is its type where that is declared.
    #[must_use]
    pub fn line(&self, expr: &Expr, ty: Option<ColumnType>) -> Line {
        if ty == Some(ColumnType::Bool) { self.claim(expr).0 } else { self.value(expr, ty).0 }
    }

    /// Says what a test compares, in one line; `ty` is the type of its value.
    #[must_use]
    pub fn comparison(&self, value: &Expr, relation: Relation, limit: &Expr, ty: Option<ColumnType>) -> Line {
        let op = match relation {
            Relation::Below => CompareOp::Lt,
            Relation::AtMost => CompareOp::Le,
            Relation::Above => CompareOp::Gt,
            Relation::AtLeast => CompareOp::Ge,
        };
        self.compared(op, value, limit, ty)
    }

    /// Says an expression in a line, or in a list where a line would be long.
    #[must_use]
    pub fn words(&self, expr: &Expr, ty: Option<ColumnType>) -> Words {
        let line = self.line(expr, ty);
        let always = matches!(expr.kind, ExprKind::Case { .. });
        if line.width() <= Self::WIDE && !always {
            return Words::line(line);
        }
        let list = |phrase: Phrase, parts: Vec<Words>| Words { lead: self.say(phrase, &[]), parts };
        match &expr.kind {
            ExprKind::Logic(op, ..) => {
                let phrase = if *op == Logic::And { Phrase::AllOf } else { Phrase::AnyOf };
                let parts = flattened(expr, *op);
                list(phrase, parts.into_iter().map(|part| self.words(part, Some(ColumnType::Bool))).collect())
            }
            ExprKind::Not(inner) if matches!(inner.kind, ExprKind::Logic(..)) => {
                let ExprKind::Logic(op, ..) = inner.kind else { return Words::line(line) };
                let phrase = if op == Logic::And { Phrase::NotAllOf } else { Phrase::NoneHold };
                let parts = flattened(inner, op);
                list(phrase, parts.into_iter().map(|part| self.words(part, Some(ColumnType::Bool))).collect())
            }
            ExprKind::Case { operand, branches, otherwise } => {
                let ty = ty.or_else(|| self.type_of(expr));
                let mut parts: Vec<Words> = branches
                    .iter()
                    .map(|(condition, value)| {
                        let condition = self.condition(operand.as_deref(), condition);
                        self.branch(Phrase::IfLine, Phrase::IfLead, Some(condition), self.words(value, ty))
                    })
                    .collect();
                if let Some(otherwise) = otherwise {
                    parts.push(self.branch(Phrase::ElseLine, Phrase::ElseLead, None, self.words(otherwise, ty)));
                }
                list(Phrase::CaseList, parts)
            }
            ExprKind::Call { name, args, .. } if ["LEAST", "GREATEST"].contains(&upper(&name.value).as_str()) => {
                let ty = ty.or_else(|| self.type_of(expr));
                let phrase = match (upper(&name.value) == "LEAST", args.len()) {
                    (true, 2) => Phrase::LesserList,
                    (true, _) => Phrase::LeastList,
                    (false, 2) => Phrase::GreaterList,
                    (false, _) => Phrase::GreatestList,
                };
                list(phrase, args.iter().map(|arg| self.words(arg, ty)).collect())
            }
            ExprKind::Arithmetic(Arithmetic::Add | Arithmetic::Sub, ..) => {
                let ty = ty.or_else(|| self.type_of(expr));
                let mut terms = Vec::new();
                added(expr, false, &mut terms);
                if terms.len() < 2 {
                    return Words::line(line);
                }
                let parts = terms.into_iter().map(|(term, minus)| {
                    let phrase = if minus { Phrase::Minus } else { Phrase::Plus };
                    let words = self.words(term, ty);
                    Words { lead: self.say(phrase, &[words.lead]), parts: words.parts }
                });
                list(Phrase::SumList, parts.collect())
            }
            _ => Words::line(line),
        }
    }

    fn branch(&self, one_line: Phrase, opening: Phrase, condition: Option<Line>, value: Words) -> Words {
        let mut places: Vec<Line> = condition.into_iter().collect();
        if value.parts.is_empty() {
            places.push(value.lead);
            return Words::line(self.say(one_line, &places));
        }
        Words { lead: self.say(opening, &places), parts: vec![value] }
    }

    /// The condition of a branch; with an operand it is a value that the operand equals.
    pub(super) fn condition(&self, operand: Option<&Expr>, condition: &Expr) -> Line {
        match operand {
            None => self.claim(condition).0,
            Some(operand) => self.compared(CompareOp::Eq, operand, condition, None),
        }
    }

    pub(super) fn say(&self, phrase: Phrase, parts: &[Line]) -> Line {
        phrase.of(self.lang(), parts)
    }

    pub(super) fn type_of(&self, expr: &Expr) -> Option<ColumnType> {
        type_of(&self.names, expr, self.place)
    }

    /// A line in brackets, if it hangs together less tightly than its place needs.
    pub(super) fn at_least(&self, (line, bind): Said, needed: Bind) -> Line {
        if bind < needed { self.say(Phrase::Brackets, &[line]) } else { line }
    }

    /// A value as one unit within a phrase.
    pub(super) fn unit(&self, expr: &Expr, ty: Option<ColumnType>) -> Line {
        self.at_least(self.value(expr, ty), Bind::Atom)
    }

    /// Something that is true or not.
    pub(super) fn claim(&self, expr: &Expr) -> Said {
        match &expr.kind {
            ExprKind::Bool(value) => (self.say(if *value { Phrase::Always } else { Phrase::Never }, &[]), Bind::Claim),
            ExprKind::Name(parts) => (self.name_claim(parts, true), Bind::Claim),
            ExprKind::Not(inner) => match &inner.kind {
                ExprKind::Name(parts) => (self.name_claim(parts, false), Bind::Claim),
                _ => (self.say(Phrase::Not, &[self.claim(inner).0]), Bind::Claim),
            },
            ExprKind::Logic(op, ..) => {
                let bind = if *op == Logic::And { Bind::And } else { Bind::Or };
                let by = match (op, self.lang()) {
                    (Logic::And, Lang::Zh) => "，且",
                    (Logic::And, Lang::En) => " and ",
                    (Logic::Or, Lang::Zh) => "，或",
                    (Logic::Or, Lang::En) => " or ",
                };
                let parts = flattened(expr, *op).into_iter();
                (Line::join(parts.map(|part| self.at_least(self.claim(part), bind)).collect(), by), bind)
            }
            ExprKind::Compare(op, a, b) => (self.compared(*op, a, b, None), Bind::Claim),
            ExprKind::Between { value, low, high, negated } => {
                let ty = [value, low, high].into_iter().find_map(|x| self.type_of(x));
                let phrase = if *negated { Phrase::Outside } else { Phrase::Within };
                let parts = [value, low, high].map(|x| self.at_least(self.value(x, ty), Bind::Phrase));
                (self.say(phrase, &parts), Bind::Claim)
            }
            ExprKind::In { value, list, negated } => {
                let parts: Vec<Line> = list.iter().map(|item| self.like(item, value)).collect();
                let phrase = if *negated { Phrase::NoneOf } else { Phrase::OneOf };
                let (zh, en) = ("、", ", ");
                let list = Line::join(parts, self.lang().pick(zh, en));
                (self.say(phrase, &[self.unit(value, None), list]), Bind::Claim)
            }
            ExprKind::IsNull { value, negated } => {
                let phrase = if *negated { Phrase::Present } else { Phrase::Absent };
                (self.say(phrase, &[self.unit(value, None)]), Bind::Claim)
            }
            _ => self.value(expr, Some(ColumnType::Bool)),
        }
    }

    fn name_claim(&self, parts: &[String], holds: bool) -> Line {
        if let [word] = parts
            && word == "is_member"
        {
            return self.say(if holds { Phrase::MemberYes } else { Phrase::MemberNo }, &[]);
        }
        let place = if is_whose(&parts[0]) { Place::default() } else { self.place };
        let name = if is_whose(&parts[0]) { parts[1..].join(".") } else { parts.join(".") };
        let given = self.names.meaning(&name, place).kind == NameKind::Given;
        let phrase = match (given, holds) {
            (true, true) => Phrase::Yes,
            (true, false) => Phrase::No,
            (false, true) => Phrase::Holds,
            (false, false) => Phrase::Fails,
        };
        self.say(phrase, &[self.named(parts)])
    }

    /// A name, with whose value it is where that is not said around it.
    pub(super) fn named(&self, parts: &[String]) -> Line {
        match parts {
            [word] if word == "as_of" => self.say(Phrase::AsOf, &[]),
            [word] if word == "residence" => self.say(Phrase::Residence, &[]),
            [name] => self.title(name, self.place),
            [whose, name] if whose == "household" => {
                self.say(Phrase::OfHousehold, &[self.title(name, Place::default())])
            }
            [whose, name] if is_whose(whose) => self.title(name, Place::default()),
            parts => {
                let name = parts.join(".");
                let title = self.title(&name, Place::default());
                if self.names.meaning(&name, Place::default()).kind == NameKind::Parameter {
                    return title;
                }
                match parts.get(1).map(String::as_str) {
                    Some("amount" | "person_amount") => self.say(Phrase::AmountOf, &[title]),
                    Some("value") => self.say(Phrase::ValueOf, &[title]),
                    Some("limit") => self.say(Phrase::LimitOf, &[title]),
                    Some("when" | "person") => title,
                    other => self.say(Phrase::PartOf, &[title, Line::text(other.unwrap_or_default())]),
                }
            }
        }
    }

    pub(super) fn title(&self, name: &str, place: Place<'_>) -> Line {
        let meaning = self.names.meaning(name, place);
        if meaning.kind == NameKind::Unknown {
            return Line::text(meaning.title);
        }
        Line::name(self.lang(), &meaning.name, &meaning.title)
    }

    fn compared(&self, op: CompareOp, a: &Expr, b: &Expr, ty: Option<ColumnType>) -> Line {
        let ty = ty.or_else(|| self.type_of(a)).or_else(|| self.type_of(b));
        let phrase = match (op, ty) {
            (CompareOp::Eq, Some(ColumnType::Money(_) | ColumnType::Area)) => Phrase::Equal,
            (CompareOp::Ne, Some(ColumnType::Money(_) | ColumnType::Area)) => Phrase::Unequal,
            (CompareOp::Eq, _) => Phrase::Is,
            (CompareOp::Ne, _) => Phrase::IsNot,
            (CompareOp::Lt, Some(ColumnType::Date | ColumnType::Month)) => Phrase::Before,
            (CompareOp::Le, Some(ColumnType::Date | ColumnType::Month)) => Phrase::NotAfter,
            (CompareOp::Gt, Some(ColumnType::Date | ColumnType::Month)) => Phrase::After,
            (CompareOp::Ge, Some(ColumnType::Date | ColumnType::Month)) => Phrase::NotBefore,
            (CompareOp::Lt, Some(ColumnType::Int)) => Phrase::LessCount,
            (CompareOp::Le, Some(ColumnType::Int)) => Phrase::AtMostCount,
            (CompareOp::Gt, Some(ColumnType::Int)) => Phrase::MoreCount,
            (CompareOp::Ge, Some(ColumnType::Int)) => Phrase::AtLeastCount,
            (CompareOp::Lt, _) => Phrase::LessMoney,
            (CompareOp::Le, _) => Phrase::AtMostMoney,
            (CompareOp::Gt, _) => Phrase::MoreMoney,
            (CompareOp::Ge, _) => Phrase::AtLeastMoney,
        };
        let side = |this: &Expr, other: &Expr| match this.kind {
            ExprKind::Text(_) | ExprKind::Bool(_) => self.like(this, other),
            _ => self.at_least(self.value(this, ty), Bind::Phrase),
        };
        self.say(phrase, &[side(a, b), side(b, a)])
    }

    /// A literal beside an expression: a code is said by its title.
    fn like(&self, literal: &Expr, other: &Expr) -> Line {
        let ExprKind::Text(text) = &literal.kind else { return self.unit(literal, self.type_of(other)) };
        if let ExprKind::Name(parts) = &other.kind {
            if parts[0] == "residence" {
                match text.as_str() {
                    "urban" => return self.say(Phrase::Urban, &[]),
                    "rural" => return self.say(Phrase::Rural, &[]),
                    _ => {}
                }
            }
            let place = if parts.len() > 1 { Place::default() } else { self.place };
            let name = parts.last().map_or("", String::as_str);
            let codes = self.names.meaning(name, place).codes;
            if let Some((_, title)) = codes.iter().find(|(code, _)| code == text) {
                return match self.lang() {
                    Lang::Zh => Line::text(format!("“{title}”")),
                    Lang::En => Line::text(format!("{text} ({title})")),
                };
            }
        }
        Line::text(self.lang().pick(format_args!("“{text}”"), format_args!("{text}")).to_string())
    }

    /// A value.
    pub(super) fn value(&self, expr: &Expr, ty: Option<ColumnType>) -> Said {
        let lang = self.lang();
        match &expr.kind {
            ExprKind::Number(number) => match ty {
                Some(ColumnType::Money(_)) => (self.say(Phrase::Yuan, &[Line::text(digits(*number))]), Bind::Atom),
                Some(ColumnType::Area) => (self.say(Phrase::SquareMetres, &[Line::text(digits(*number))]), Bind::Atom),
                _ => (Line::text(digits(*number)), Bind::Atom),
            },
            ExprKind::Text(text) => {
                (Line::text(lang.pick(format_args!("“{text}”"), format_args!("{text}")).to_string()), Bind::Atom)
            }
            ExprKind::Bool(value) => (self.say(if *value { Phrase::True } else { Phrase::False }, &[]), Bind::Atom),
            ExprKind::Date(date) => (Line::text(date.to_string()), Bind::Atom),
            ExprKind::Interval { months: 0, days } => {
                (self.say(Phrase::Days, &[Line::text(days.to_string())]), Bind::Atom)
            }
            ExprKind::Interval { months, .. } => {
                (self.say(Phrase::Months, &[Line::text(months.to_string())]), Bind::Atom)
            }
            ExprKind::Name(parts) => {
                if name_type(&self.names, parts, self.place) == Some(ColumnType::Bool) {
                    return (self.name_claim(parts, true), Bind::Claim);
                }
                (self.named(parts), Bind::Atom)
            }
            ExprKind::Star(_) => (Line::text("*"), Bind::Atom),
            ExprKind::Neg(x) => (self.say(Phrase::Neg, &[self.unit(x, ty)]), Bind::Sum),
            ExprKind::Arithmetic(op, a, b) => self.arithmetic(*op, a, b, ty),
            ExprKind::Case { operand, branches, otherwise } => {
                let ty = ty.or_else(|| self.type_of(expr));
                let mut parts: Vec<Line> = branches
                    .iter()
                    .map(|(condition, value)| {
                        let condition = self.condition(operand.as_deref(), condition);
                        self.say(Phrase::IfShort, &[condition, self.value(value, ty).0])
                    })
                    .collect();
                let by = lang.pick("，", ", ");
                if let (Some(otherwise), Some(last)) = (otherwise, parts.pop()) {
                    parts.push(self.say(Phrase::ElseShort, &[last, self.value(otherwise, ty).0]));
                }
                (Line::join(parts, by), Bind::Or)
            }
            ExprKind::Call { name, distinct, args, filter } => {
                self.call(&name.value, *distinct, args, filter.as_deref(), ty)
            }
            ExprKind::Error => (Line::text("…"), Bind::Atom),
            ExprKind::Not(_)
            | ExprKind::Logic(..)
            | ExprKind::Compare(..)
            | ExprKind::Between { .. }
            | ExprKind::In { .. }
            | ExprKind::IsNull { .. } => self.claim(expr),
        }
    }

    fn arithmetic(&self, op: Arithmetic, a: &Expr, b: &Expr, ty: Option<ColumnType>) -> Said {
        if let ExprKind::Interval { months, days } = b.kind {
            let n = if months != 0 { months } else { days };
            let back = (op == Arithmetic::Sub) != (n < 0);
            let phrase = match (months != 0, back) {
                (true, true) => Phrase::MonthsBefore,
                (true, false) => Phrase::MonthsAfter,
                (false, true) => Phrase::DaysBefore,
                (false, false) => Phrase::DaysAfter,
            };
            return (self.say(phrase, &[self.unit(a, ty), Line::text(n.abs().to_string())]), Bind::Phrase);
        }
        // A difference and a quotient need brackets on their right where a sum and a product do not.
        let (phrase, bind, right) = match op {
            Arithmetic::Add => (Phrase::Add, Bind::Sum, Bind::Sum),
            Arithmetic::Sub => (Phrase::Sub, Bind::Sum, Bind::Product),
            Arithmetic::Mul => (Phrase::Mul, Bind::Product, Bind::Product),
            Arithmetic::Div => (Phrase::Div, Bind::Product, Bind::Atom),
        };
        let (left_ty, right_ty) = match op {
            Arithmetic::Add | Arithmetic::Sub => {
                let ty =
                    ty.filter(|ty| *ty != ColumnType::Bool).or_else(|| self.type_of(a)).or_else(|| self.type_of(b));
                (ty, ty)
            }
            Arithmetic::Mul | Arithmetic::Div => (None, None),
        };
        let (a, b) = (self.value(a, left_ty), self.value(b, right_ty));
        (self.say(phrase, &[self.at_least(a, bind), self.at_least(b, right)]), bind)
    }
}

/// The parts of a chain of the same operator.
fn flattened(expr: &Expr, op: Logic) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Logic(this, a, b) if *this == op => {
            let mut all = flattened(a, op);
            all.extend(flattened(b, op));
            all
        }
        _ => vec![expr],
    }
}

/// The terms of a chain of `+` and `-`, and whether each is taken away.
fn added<'e>(expr: &'e Expr, minus: bool, terms: &mut Vec<(&'e Expr, bool)>) {
    match &expr.kind {
        ExprKind::Arithmetic(op @ (Arithmetic::Add | Arithmetic::Sub), a, b)
            if !matches!(b.kind, ExprKind::Interval { .. }) =>
        {
            added(a, minus, terms);
            added(b, minus != (*op == Arithmetic::Sub), terms);
        }
        _ => terms.push((expr, minus)),
    }
}

pub(super) fn upper(name: &str) -> String {
    name.to_ascii_uppercase()
}
