//! Expressions: from `sqlparser`'s tree to the closed subset of [`ExprKind`].

use std::ops::Range;
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};
use rust_decimal::Decimal;
use sqlparser::ast::{self as sql, Spanned as _};
use sqlparser::dialect::Dialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use super::ast::{Arithmetic, Expr, ExprKind, Formula, Logic};
use super::quoted;
use crate::program::CompareOp;
use crate::spot::{Spot, Spotted};

/// The subset's own dialect: ASCII names, nothing of any vendor.
#[derive(Debug)]
struct Rules;

impl Dialect for Rules {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '_'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }
}

/// What the subset has, for help texts.
const SUBSET: &str = "expressions have names, exact numbers, 'texts', + - * /, comparisons, AND OR NOT, IN, BETWEEN, \
                      IS NULL, CASE WHEN .. ELSE .. END, INTERVAL, aggregates with FILTER, and the functions of the rule language";

/// Reads the expression that a TOML string holds. `span` is where the string is written, quotes included.
///
/// A mistake is pushed, and stands in the tree as [`ExprKind::Error`].
pub fn parse_formula(
    file: &Arc<SourceText>,
    span: Range<usize>,
    text: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Formula {
    let raw = file.text.get(span.clone()).unwrap_or("");
    let mut reader = SqlReader { file, text, offsets: quoted::offsets(raw, span.start, text), mistakes };
    let expr = reader.read();
    Formula { text: text.to_owned(), expr }
}

struct SqlReader<'a> {
    file: &'a Arc<SourceText>,
    text: &'a str,
    offsets: Vec<usize>,
    mistakes: &'a mut Vec<Diagnostic>,
}

impl SqlReader<'_> {
    fn read(&mut self) -> Expr {
        let whole = self.spot(0..self.text.len());
        if self.text.trim().is_empty() {
            self.mistakes.push(
                whole.error("rules::syntax", "the expression is empty", "nothing here").help("write what to compute"),
            );
            return Expr { kind: ExprKind::Error, spot: whole };
        }
        let tokens = match Tokenizer::new(&Rules, self.text).tokenize_with_location() {
            Ok(tokens) => tokens,
            Err(error) => return self.syntax(&error.message, Some(error.location)),
        };
        let mut parser = Parser::new(&Rules).with_tokens_with_locations(tokens);
        let parsed = parser.parse_expr();
        let next = parser.peek_token();
        match parsed {
            Ok(expr) if next.token == Token::EOF => self.expr(&expr),
            Ok(_) => self.syntax(
                &format!("the expression should end here, but `{}` follows", next.token),
                Some(next.span.start),
            ),
            Err(ParserError::RecursionLimitExceeded) => {
                self.syntax("the expression is nested too deeply; name a part of it as a variable", None)
            }
            Err(ParserError::ParserError(message) | ParserError::TokenizerError(message)) => {
                let (message, place) = split_place(&message);
                let message = message.strip_prefix("Expected: ").map_or_else(
                    || message.to_owned(),
                    |m| {
                        let (expected, found) = m.split_once(", found: ").unwrap_or((m, ""));
                        format!("expected {expected}, found {}", if found == "EOF" { "the end" } else { found })
                    },
                );
                self.syntax(&message, place)
            }
        }
    }

    fn syntax(&mut self, message: &str, place: Option<Location>) -> Expr {
        let whole = self.spot(0..self.text.len());
        let spot = place.filter(|p| p.line > 0).map_or_else(
            || whole.clone(),
            |p| {
                let start = self.byte(p).min(self.text.trim_end().len());
                let end = self.text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
                self.spot(start..end)
            },
        );
        let wide = self.text.chars().find(|c| ('\u{ff01}'..='\u{ff5e}').contains(c) || "。、“”‘’《》【】".contains(*c));
        let help = wide.map_or_else(
            || SUBSET.to_owned(),
            |c| format!("`{c}` is a Chinese (full-width) sign; write its plain ASCII form, such as ( ) , < > ' ="),
        );
        self.mistakes.push(spot.error("rules::syntax", format!("this is no expression: {message}"), "here").help(help));
        Expr { kind: ExprKind::Error, spot: whole }
    }

    fn unsupported(&mut self, spot: Spot, what: &str, help: impl Into<String>) -> ExprKind {
        self.mistakes.push(
            spot.error("rules::unsupported", format!("{what} has no place in a rule"), "not in the rule language")
                .help(help),
        );
        ExprKind::Error
    }

    fn boxed(&mut self, expr: &sql::Expr) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn expr(&mut self, expr: &sql::Expr) -> Expr {
        let spot = self.spot_of(expr);
        let kind = match expr {
            sql::Expr::Nested(inner) => return self.expr(inner),
            sql::Expr::Identifier(name) => self.name(std::slice::from_ref(name), &spot),
            sql::Expr::CompoundIdentifier(parts) => self.name(parts, &spot),
            sql::Expr::Value(value) => self.value(&value.value, &spot),
            sql::Expr::TypedString(typed) => self.typed_text(typed, &spot),
            sql::Expr::Interval(interval) => self.interval(interval, &spot),
            sql::Expr::UnaryOp { op: sql::UnaryOperator::Minus, expr } => match self.expr(expr) {
                Expr { kind: ExprKind::Number(n), .. } => ExprKind::Number(-n),
                inner => ExprKind::Neg(Box::new(inner)),
            },
            sql::Expr::UnaryOp { op: sql::UnaryOperator::Plus, expr } => return self.expr(expr),
            sql::Expr::UnaryOp { op: sql::UnaryOperator::Not, expr } => ExprKind::Not(self.boxed(expr)),
            sql::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, &spot),
            sql::Expr::Between { expr, negated, low, high } => ExprKind::Between {
                value: self.boxed(expr),
                low: self.boxed(low),
                high: self.boxed(high),
                negated: *negated,
            },
            sql::Expr::InList { expr, list, negated } => ExprKind::In {
                value: self.boxed(expr),
                list: list.iter().map(|e| self.expr(e)).collect(),
                negated: *negated,
            },
            sql::Expr::IsNull(inner) => ExprKind::IsNull { value: self.boxed(inner), negated: false },
            sql::Expr::IsNotNull(inner) => ExprKind::IsNull { value: self.boxed(inner), negated: true },
            sql::Expr::Case { operand, conditions, else_result, .. } => ExprKind::Case {
                operand: operand.as_ref().map(|e| self.boxed(e)),
                branches: conditions.iter().map(|w| (self.expr(&w.condition), self.expr(&w.result))).collect(),
                otherwise: else_result.as_ref().map(|e| self.boxed(e)),
            },
            sql::Expr::Function(function) => self.call(function, &spot),
            other => self.other(other, spot.clone()),
        };
        Expr { kind, spot }
    }

    fn other(&mut self, expr: &sql::Expr, spot: Spot) -> ExprKind {
        match expr {
            sql::Expr::Subquery(_) | sql::Expr::Exists { .. } | sql::Expr::InSubquery { .. } => {
                self.unsupported(spot, "a subquery", "declare a [fact.*] over the dataset and use its name")
            }
            sql::Expr::Floor { .. } => self.unsupported(spot, "FLOOR", "write FLOOR_TO(x, 1)"),
            sql::Expr::Ceil { .. } => self.unsupported(spot, "CEIL", "write CEIL_TO(x, 1)"),
            sql::Expr::Extract { .. } => {
                self.unsupported(spot, "EXTRACT", "use AGE(date), MONTH(date), MONTHS_BETWEEN or DAYS_BETWEEN")
            }
            sql::Expr::IsTrue(_) | sql::Expr::IsNotFalse(_) => {
                self.unsupported(spot, "IS TRUE", "a condition stands by itself: write `x` for `x IS TRUE`")
            }
            sql::Expr::IsFalse(_) | sql::Expr::IsNotTrue(_) => {
                self.unsupported(spot, "IS FALSE", "write `NOT x` for `x IS FALSE`")
            }
            sql::Expr::IsUnknown(_) | sql::Expr::IsNotUnknown(_) => self.unsupported(
                spot,
                "IS UNKNOWN",
                "a rule cannot ask whether something is unknown; ASSUME(x, value, 'reason') puts a value in its place, openly",
            ),
            sql::Expr::Like { .. }
            | sql::Expr::ILike { .. }
            | sql::Expr::RLike { .. }
            | sql::Expr::SimilarTo { .. } => {
                self.unsupported(spot, "matching of text patterns", "compare with = or IN, and let connectors map texts to codes")
            }
            sql::Expr::Cast { .. } | sql::Expr::Convert { .. } => self.unsupported(
                spot,
                "a cast",
                "types follow from what is computed; PER_MONTH, PER_YEAR and OVER_MONTHS change the period of money",
            ),
            _ => self.unsupported(spot, "this kind of SQL", SUBSET),
        }
    }

    fn name(&mut self, parts: &[sql::Ident], spot: &Spot) -> ExprKind {
        let owned = ["member", "obligor", "household"].contains(&parts[0].value.as_str());
        if parts.len() > 2 + usize::from(owned) {
            return self.unsupported(
                spot.clone(),
                "a name of this many parts",
                "write `name`, `scheme.amount`, `member.name` or `member.scheme.person`",
            );
        }
        if parts.iter().any(|p| p.quote_style.is_some()) {
            return self.unsupported(
                spot.clone(),
                "a name in double quotes",
                "write names plainly, and texts in 'single quotes'",
            );
        }
        ExprKind::Name(parts.iter().map(|p| p.value.clone()).collect())
    }

    fn value(&mut self, value: &sql::Value, spot: &Spot) -> ExprKind {
        match value {
            sql::Value::Number(digits, _) => match Decimal::from_str_exact(digits) {
                Ok(number) => ExprKind::Number(number.normalize()),
                Err(_) => self.unsupported(
                    spot.clone(),
                    "a number like this",
                    "write plain digits with a point, such as 1234.50 (no exponent, at most 28 digits)",
                ),
            },
            sql::Value::SingleQuotedString(text) => ExprKind::Text(text.clone()),
            sql::Value::Boolean(value) => ExprKind::Bool(*value),
            sql::Value::Null => self.unsupported(
                spot.clone(),
                "NULL as a value",
                "to ask whether there is no such thing write `x IS NULL`; to put a value in place of the unknown write ASSUME(x, value, 'reason')",
            ),
            _ => self.unsupported(spot.clone(), "this kind of literal", "write a number, a 'text', TRUE or FALSE"),
        }
    }

    fn typed_text(&mut self, typed: &sql::TypedString, spot: &Spot) -> ExprKind {
        let text = typed.value.value.clone().into_string().unwrap_or_default();
        match (&typed.data_type, text.parse()) {
            (sql::DataType::Date, Ok(date)) => ExprKind::Date(date),
            _ => self.unsupported(spot.clone(), "this kind of literal", "write a date as DATE '2026-03-31'"),
        }
    }

    fn interval(&mut self, interval: &sql::Interval, spot: &Spot) -> ExprKind {
        let count = match interval.value.as_ref() {
            sql::Expr::Value(value) => match &value.value {
                sql::Value::SingleQuotedString(text) => text.trim().parse::<i32>().ok(),
                sql::Value::Number(text, _) => text.parse().ok(),
                _ => None,
            },
            _ => None,
        };
        let field = (interval.last_field.is_none()).then_some(interval.leading_field.as_ref()).flatten();
        match (count, field) {
            (Some(n), Some(sql::DateTimeField::Year | sql::DateTimeField::Years)) if n.checked_mul(12).is_some() => {
                ExprKind::Interval { months: n * 12, days: 0 }
            }
            (Some(n), Some(sql::DateTimeField::Month | sql::DateTimeField::Months)) => {
                ExprKind::Interval { months: n, days: 0 }
            }
            (Some(n), Some(sql::DateTimeField::Day | sql::DateTimeField::Days)) => {
                ExprKind::Interval { months: 0, days: n }
            }
            _ => self.unsupported(
                spot.clone(),
                "an interval like this",
                "write a whole number of one unit: INTERVAL '12' MONTH, INTERVAL '30' DAY or INTERVAL '1' YEAR",
            ),
        }
    }

    fn binary(&mut self, left: &sql::Expr, op: &sql::BinaryOperator, right: &sql::Expr, spot: &Spot) -> ExprKind {
        use sql::BinaryOperator as Op;
        let arithmetic = match op {
            Op::Plus => Some(Arithmetic::Add),
            Op::Minus => Some(Arithmetic::Sub),
            Op::Multiply => Some(Arithmetic::Mul),
            Op::Divide => Some(Arithmetic::Div),
            _ => None,
        };
        let compare = match op {
            Op::Eq => Some(CompareOp::Eq),
            Op::NotEq => Some(CompareOp::Ne),
            Op::Lt => Some(CompareOp::Lt),
            Op::LtEq => Some(CompareOp::Le),
            Op::Gt => Some(CompareOp::Gt),
            Op::GtEq => Some(CompareOp::Ge),
            _ => None,
        };
        let logic = match op {
            Op::And => Some(Logic::And),
            Op::Or => Some(Logic::Or),
            _ => None,
        };
        if arithmetic.is_none() && compare.is_none() && logic.is_none() {
            let help = match op {
                Op::Modulo | Op::MyIntegerDivide | Op::DuckIntegerDivide => {
                    "use FLOOR_TO(x, multiple) for whole multiples"
                }
                Op::StringConcat => "rules compute numbers, dates and conditions; texts are only compared",
                _ => SUBSET,
            };
            return self.unsupported(spot.clone(), &format!("the operator `{op}`"), help);
        }
        let (left, right) = (self.boxed(left), self.boxed(right));
        match (arithmetic, compare, logic) {
            (Some(op), ..) => ExprKind::Arithmetic(op, left, right),
            (_, Some(op), _) => ExprKind::Compare(op, left, right),
            (_, _, Some(op)) => ExprKind::Logic(op, left, right),
            _ => ExprKind::Error,
        }
    }

    fn call(&mut self, function: &sql::Function, spot: &Spot) -> ExprKind {
        let [sql::ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else {
            return self.unsupported(spot.clone(), "a function of this name", "functions have plain names");
        };
        let name =
            Spotted { value: ident.value.clone(), spot: self.located(ident.span).unwrap_or_else(|| spot.clone()) };
        if function.over.is_some() {
            return self.unsupported(
                spot.clone(),
                "a window (OVER)",
                "aggregates run over all records, members or obligors; use FILTER (WHERE ..)",
            );
        }
        let sql::FunctionArguments::List(list) = &function.args else {
            return self.unsupported(
                spot.clone(),
                &format!("`{}` like this", name.value),
                "write arguments in parentheses; today is `as_of`",
            );
        };
        if !list.clauses.is_empty()
            || !function.within_group.is_empty()
            || function.null_treatment.is_some()
            || function.parameters != sql::FunctionArguments::None
        {
            return self.unsupported(spot.clone(), "this clause of a function", SUBSET);
        }
        let mut args = Vec::new();
        for arg in &list.args {
            match arg {
                sql::FunctionArg::Unnamed(sql::FunctionArgExpr::Expr(expr)) => args.push(self.expr(expr)),
                sql::FunctionArg::Unnamed(sql::FunctionArgExpr::Wildcard) => {
                    args.push(Expr { kind: ExprKind::Star(None), spot: spot.clone() });
                }
                sql::FunctionArg::Unnamed(sql::FunctionArgExpr::QualifiedWildcard(name)) => {
                    args.push(Expr { kind: ExprKind::Star(Some(name.to_string())), spot: spot.clone() });
                }
                _ => {
                    let kind = self.unsupported(spot.clone(), "a named argument", "write arguments in order");
                    args.push(Expr { kind, spot: spot.clone() });
                }
            }
        }
        ExprKind::Call {
            name,
            distinct: list.duplicate_treatment == Some(sql::DuplicateTreatment::Distinct),
            args,
            filter: function.filter.as_ref().map(|f| self.boxed(f)),
        }
    }

    /// Byte of the decoded text at a line and column (both from 1, columns in characters).
    fn byte(&self, place: Location) -> usize {
        let line = usize::try_from(place.line).unwrap_or(1).max(1);
        let column = usize::try_from(place.column).unwrap_or(1).max(1);
        let start = if line == 1 {
            0
        } else {
            self.text.match_indices('\n').nth(line - 2).map_or(self.text.len(), |(i, _)| i + 1)
        };
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(i, _)| i)
    }

    /// A range of the decoded text as a place in the file.
    fn spot(&self, range: Range<usize>) -> Spot {
        let last = self.offsets.len() - 1;
        let start = self.offsets[range.start.min(last)];
        let end = self.offsets[range.end.min(last)].max(start);
        Spot { file: Arc::clone(self.file), span: start..end }
    }

    fn located(&self, span: sqlparser::tokenizer::Span) -> Option<Spot> {
        (span.start.line > 0).then(|| self.spot(self.byte(span.start)..self.byte(span.end)))
    }

    /// Where an expression stands: `sqlparser` leaves out some parentheses and keywords, which are put back here.
    fn spot_of(&self, expr: &sql::Expr) -> Spot {
        let span = expr.span();
        if span.start.line == 0 {
            return self.spot(0..self.text.len());
        }
        let (mut start, mut end) = (self.byte(span.start), self.byte(span.end));
        let keyword = match expr {
            sql::Expr::UnaryOp { op: sql::UnaryOperator::Not, .. } => Some("NOT"),
            sql::Expr::UnaryOp { op: sql::UnaryOperator::Minus, .. } => Some("-"),
            sql::Expr::TypedString(_) => Some("DATE"),
            sql::Expr::Interval(_) => Some("INTERVAL"),
            _ => None,
        };
        if let Some(keyword) = keyword {
            let before = self.text[..start].trim_end_matches(|c: char| c.is_whitespace() || c == '(');
            if before.to_ascii_uppercase().ends_with(keyword) {
                start = before.len() - keyword.len();
            }
        }
        let suffix: &[&str] = match expr {
            sql::Expr::IsNull(_) => &["IS", "NULL"],
            sql::Expr::IsNotNull(_) => &["IS", "NOT", "NULL"],
            sql::Expr::Interval(_) => &["MONTH", "YEAR", "DAY"],
            _ => &[],
        };
        for word in suffix {
            let rest = &self.text[end..];
            let skipped = rest.len() - rest.trim_start().len();
            if rest.trim_start().to_ascii_uppercase().starts_with(word) {
                end += skipped + word.len();
            }
        }
        loop {
            let depth = self.text[start..end].chars().fold((0i32, 0i32), |(depth, low), c| match c {
                '(' => (depth + 1, low),
                ')' => (depth - 1, low.min(depth - 1)),
                _ => (depth, low),
            });
            if depth.1 < 0 {
                let Some(open) = self.text[..start].rfind('(') else { break };
                start = open;
            } else if depth.0 > 0 {
                let Some(close) = self.text[end..].find(')') else { break };
                end += close + 1;
            } else {
                break;
            }
        }
        if matches!(expr, sql::Expr::Function(_)) && !self.text[start..end].contains('(') {
            // COUNT(*): the star has no place of its own.
            end += self.text[end..].find(')').map_or(0, |n| n + 1);
        }
        self.spot(start..end)
    }
}

/// Splits ` at Line: 1, Column: 4` off a message of the parser.
fn split_place(message: &str) -> (&str, Option<Location>) {
    let Some((text, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let place = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    (text, place)
}
