//! Literals, names and conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::catalogue::{NullMeaning, Per};
use hedui_base::columns::date_to_days;
use hedui_base::{ColumnType, Dataset, Diagnostic, Month};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::units::{is_number, is_text, mismatch, rescaled, words};
use crate::functions::Function;
use crate::lines::KeyKind;
use crate::program::{ColumnId, ColumnUse, DatasetId, DatasetUse, Entity, Expr, ExprKind, StepId, StepKind};
use crate::resolved::{self, ExprKind as R};
use crate::spot::Spot;
use crate::surface::Logic;
use crate::value;

/// Finds types. A method returns none where a mistake was reported, here or before; none fits everywhere.
pub(super) struct Checker<'a> {
    pub pack: &'a resolved::Pack,
    pub ids: Vec<Option<StepId>>,
    pub types: Vec<Option<ColumnType>>,
    pub kinds: Vec<Option<StepKind>>,
    pub datasets: Vec<DatasetUse>,
    /// The dataset of the fact at hand.
    pub records: Option<Arc<Dataset>>,
    pub mistakes: &'a mut Vec<Diagnostic>,
}

pub(super) type Rx = resolved::Expr;

impl Checker<'_> {
    pub(super) fn fail<T>(&mut self, mistake: Diagnostic, help: impl Into<String>) -> Option<T> {
        self.mistakes.push(mistake.help(help));
        None
    }

    /// The typed form of an expression. Bare numbers and texts take the expected type where they can.
    pub(super) fn check(&mut self, expr: &Rx, expected: Option<ColumnType>) -> Option<Expr> {
        let spot = &expr.spot;
        match &expr.kind {
            R::Number(n) => self.number(*n, expected, spot),
            R::Text(text) => self.text(text, expected, spot),
            R::Bool(b) => Some(Expr::new(ExprKind::Int(i64::from(*b)), ColumnType::Bool)),
            R::Date(d) => Some(Expr::new(ExprKind::Int(date_to_days(*d)), ColumnType::Date)),
            R::Interval { .. } => self.fail(
                spot.error("rules::type_mismatch", "an interval is only added to or taken from a date", "an interval"),
                "write date + INTERVAL '12' MONTH; to compare spans use MONTHS_BETWEEN or DAYS_BETWEEN",
            ),
            R::AsOf => Some(Expr::new(ExprKind::AsOf, ColumnType::Date)),
            R::Residence => Some(Expr::new(ExprKind::Residence, ColumnType::Text)),
            R::IsMember => Some(Expr::new(ExprKind::IsMember, ColumnType::Bool)),
            R::Column(name) => self.column(name),
            R::Input(id) => {
                let ty = self.pack.inputs[id.index()].spec.as_ref()?.ty;
                Some(Expr::new(ExprKind::Input(*id), ty))
            }
            R::Step(node) => {
                let ty = self.types[node.0]?;
                Some(Expr::new(ExprKind::Step(self.ids[node.0]?), ty))
            }
            R::Household(inner) => {
                let inner = self.check(inner, expected)?;
                let ty = inner.ty;
                Some(Expr::new(ExprKind::Household(Box::new(inner)), ty))
            }
            R::Parameter(id, keys) => self.parameter(*id, keys),
            R::Neg(x) => {
                let inner = self.check(x, expected)?;
                if !is_number(inner.ty) {
                    return self.fail(
                        spot.error(
                            "rules::type_mismatch",
                            format!("cannot negate {}", words(inner.ty)),
                            words(inner.ty),
                        ),
                        "only numbers have a sign; the opposite of a condition is `NOT x`",
                    );
                }
                let ty = inner.ty;
                Some(Expr::new(ExprKind::Neg(Box::new(inner)), ty))
            }
            R::Not(x) => {
                let inner = self.condition(x)?;
                Some(Expr::new(ExprKind::Not(Box::new(inner)), ColumnType::Bool))
            }
            R::Logic(op, list) => {
                let checked: Vec<Option<Expr>> = list.iter().map(|e| self.condition(e)).collect();
                let list = checked.into_iter().collect::<Option<Vec<_>>>()?;
                let kind = if *op == Logic::And { ExprKind::And(list) } else { ExprKind::Or(list) };
                Some(Expr::new(kind, ColumnType::Bool))
            }
            R::Arithmetic(op, a, b) => self.arithmetic(*op, a, b, expected, spot),
            R::Compare(op, a, b) => self.compare(*op, a, b),
            R::In(x, list) => self.one_of(x, list),
            R::IsNone(x) => self.is_none(x, spot),
            R::Case(branches, otherwise) => self.case(branches, otherwise, expected),
            R::Aggregate { over, function, argument, by, filter } => {
                let (argument, by, filter) = (argument.as_deref(), by.as_deref(), filter.as_deref());
                self.aggregate(*over, *function, argument, by, filter, expected, spot)
            }
            R::Call(function, args) => self.call(*function, args, expected, spot),
            R::Dated(first, versions) => self.dated(first, versions, expected),
            R::Error => None,
        }
    }

    /// An expression that has to be a condition.
    pub(super) fn condition(&mut self, expr: &Rx) -> Option<Expr> {
        let checked = self.check(expr, Some(ColumnType::Bool))?;
        if checked.ty == ColumnType::Bool {
            return Some(checked);
        }
        self.fail(
            expr.spot.error(
                "rules::not_a_condition",
                format!("expected a condition, found {}", words(checked.ty)),
                words(checked.ty),
            ),
            "compare it with something, such as `x > 0`",
        )
    }

    /// Brings a value to the type it has to have; `why` says who wants it.
    pub(super) fn fit(&mut self, expr: Expr, spot: &Spot, ty: ColumnType, why: &str) -> Option<Expr> {
        let plain = |t| matches!(t, ColumnType::Decimal(_) | ColumnType::Int);
        if expr.ty == ty || (is_text(expr.ty) && is_text(ty)) {
            return Some(Expr::new(expr.kind, ty));
        }
        if plain(expr.ty) && matches!(ty, ColumnType::Decimal(_)) {
            return Some(rescaled(expr, ty));
        }
        let mut mistake = mismatch("use", (expr.ty, spot), (ty, spot));
        mistake.message = format!("{why} {}, but this is {}", words(ty), words(expr.ty));
        mistake.labels.truncate(1);
        if matches!(expr.ty, ColumnType::Decimal(_)) && ty == ColumnType::Int {
            mistake = mistake.help("change the type to decimal(n); a count has no decimals");
        } else if mistake.code == "rules::type_mismatch" || mistake.code == "rules::unit_mixed" {
            mistake =
                mistake.help(format!("write a formula that gives {}, or declare the type {}", words(ty), expr.ty));
        }
        self.mistakes.push(mistake);
        None
    }

    fn number(&mut self, number: Decimal, expected: Option<ColumnType>, spot: &Spot) -> Option<Expr> {
        let digits = number.normalize().scale();
        let ty = match expected {
            Some(ty) if is_number(ty) => ty,
            _ if digits == 0 => ColumnType::Int,
            _ => ColumnType::Decimal(u8::try_from(digits.min(9)).unwrap_or(9)),
        };
        match value::scaled(number, ty.scale()) {
            Ok(n) => Some(Expr::new(ExprKind::Int(n), ty)),
            Err(why) => self.fail(
                spot.error(
                    "rules::literal_too_precise",
                    format!("{number} does not fit {}: {why}", words(ty)),
                    format!("{} here", words(ty)),
                ),
                match ty {
                    ColumnType::Money(_) => "money is whole fen: write at most two decimals",
                    ColumnType::Int => "the other side is a count; write a whole number",
                    _ => "write fewer decimals, or give the other side a type with more",
                },
            ),
        }
    }

    fn text(&mut self, text: &str, expected: Option<ColumnType>, spot: &Spot) -> Option<Expr> {
        match expected {
            Some(ColumnType::Date) => match text.parse::<Date>() {
                Ok(date) => Some(Expr::new(ExprKind::Int(date_to_days(date)), ColumnType::Date)),
                Err(_) => self.fail(
                    spot.error("rules::bad_date", format!("'{text}' is not a date"), "not a date"),
                    "write DATE '2026-03-31'",
                ),
            },
            Some(ColumnType::Month) => match text.parse::<Month>() {
                Ok(month) => Some(Expr::new(ExprKind::Int(month.index()), ColumnType::Month)),
                Err(_) => self.fail(
                    spot.error("rules::bad_date", format!("'{text}' is not a month"), "not a month"),
                    "write '2026-03'",
                ),
            },
            Some(ty) if is_text(ty) => Some(Expr::new(ExprKind::Text(text.into()), ty)),
            _ => Some(Expr::new(ExprKind::Text(text.into()), ColumnType::Text)),
        }
    }

    fn column(&mut self, name: &str) -> Option<Expr> {
        let dataset = self.records.clone()?;
        let spec = dataset.columns.get(name)?;
        let id = self.dataset(&dataset);
        let columns = &mut self.datasets[id.index()].columns;
        let index = columns.iter().position(|c| c.name == name).unwrap_or_else(|| {
            columns.push(ColumnUse { name: name.to_owned(), spec: spec.clone() });
            columns.len() - 1
        });
        Some(Expr::new(ExprKind::Column(ColumnId(index as u32)), spec.ty))
    }

    /// The place of a dataset among those in use.
    pub(super) fn dataset(&mut self, dataset: &Dataset) -> DatasetId {
        let index = self.datasets.iter().position(|d| d.name == dataset.name).unwrap_or_else(|| {
            self.datasets.push(DatasetUse {
                name: dataset.name.clone(),
                title: dataset.title.zh.clone(),
                title_en: dataset.title.en.clone(),
                entity: if dataset.per == Per::Household { Entity::Household } else { Entity::Person },
                columns: Vec::new(),
            });
            self.datasets.len() - 1
        });
        DatasetId(index as u32)
    }

    fn parameter(&mut self, id: crate::program::ParameterId, keys: &[Rx]) -> Option<Expr> {
        let parameter = &self.pack.parameters[id.index()];
        let mut typed = Vec::new();
        let mut whole = true;
        let mut looked_up = None;
        let scale = parameter.scale;
        let keys = match (keys.split_last(), scale) {
            (Some((of, others)), Some(scale)) => {
                let found = self.check(of, Some(scale.of));
                looked_up = found.and_then(|found| self.fit(found, &of.spot, scale.of, "the scale is looked up by"));
                whole = looked_up.is_some();
                others
            }
            _ => keys,
        };
        for (key, column) in keys.iter().zip(&parameter.keys) {
            let expected = match column.kind {
                Some(KeyKind::Number) => Some(ColumnType::Int),
                Some(KeyKind::Text) => Some(ColumnType::Text),
                None => None,
            };
            let Some(checked) = self.check(key, expected) else {
                whole = false;
                continue;
            };
            let fits = match column.kind {
                Some(KeyKind::Number) => checked.ty == ColumnType::Int,
                Some(KeyKind::Text) => is_text(checked.ty),
                None => true,
            };
            if !fits {
                whole = false;
                let wants = if column.kind == Some(KeyKind::Number) { "whole numbers" } else { "texts" };
                self.mistakes.push(
                    key.spot
                        .error(
                            "rules::type_mismatch",
                            format!(
                                "the key `{}` of `{}` has {wants}, this is {}",
                                column.name,
                                parameter.name.value,
                                words(checked.ty)
                            ),
                            words(checked.ty),
                        )
                        .help("look up by a value of that type"),
                );
            }
            typed.push(checked);
        }
        let ty = scale.map_or(parameter.ty?, |scale| scale.result);
        typed.extend(looked_up);
        whole.then(|| Expr::new(ExprKind::Parameter { id, keys: typed }, ty))
    }

    fn is_none(&mut self, expr: &Rx, spot: &Spot) -> Option<Expr> {
        let checked = self.check(expr, None);
        let mut at = expr;
        while let R::Household(inner) = &at.kind {
            at = inner;
        }
        let unknown = match &at.kind {
            R::Column(name) => self
                .records
                .as_ref()
                .and_then(|d| d.columns.get(name))
                .filter(|c| c.null == NullMeaning::Unknown)
                .map(|_| name.clone()),
            R::Input(id) => {
                let input = &self.pack.inputs[id.index()];
                input.spec.as_ref().filter(|s| s.null == NullMeaning::Unknown).map(|_| input.name.value.clone())
            }
            _ => None,
        };
        if let Some(name) = unknown {
            return self.fail(
                spot.error(
                    "rules::null_is_unknown",
                    format!("an empty `{name}` means that it is not known, not that there is none"),
                    "cannot be asked",
                ),
                "a rule cannot ask what is unknown; if empty means that there is none, declare null = \"none\"",
            );
        }
        let checked = checked?;
        Some(Expr::new(ExprKind::IsNone(Box::new(checked)), ColumnType::Bool))
    }

    /// Codes that a value can have, where they are listed.
    pub(super) fn codes(&self, expr: &Rx) -> Option<BTreeMap<String, String>> {
        let codes = match &expr.kind {
            R::Residence => ["urban", "rural"].map(|r| (r.to_owned(), String::new())).into(),
            R::Column(name) => self.records.as_ref()?.columns.get(name)?.codes.clone(),
            R::Input(id) => self.pack.inputs[id.index()].spec.as_ref()?.codes.clone(),
            R::Household(inner) => return self.codes(inner),
            _ => return None,
        };
        (!codes.is_empty()).then_some(codes)
    }
}

/// Whether an expression is made of bare numbers and texts only, so that it takes the type of what it meets.
pub(super) fn is_bare(expr: &Rx) -> bool {
    match &expr.kind {
        R::Number(_) | R::Text(_) => true,
        R::Neg(x) => is_bare(x),
        R::Arithmetic(_, a, b) => is_bare(a) && is_bare(b),
        R::Case(branches, otherwise) => branches.iter().all(|(_, v)| is_bare(v)) && is_bare(otherwise),
        R::Dated(first, versions) => is_bare(first) && versions.iter().all(|(_, v)| is_bare(v)),
        R::Call(
            Function::Least
            | Function::Greatest
            | Function::Abs
            | Function::Round
            | Function::RoundTo
            | Function::FloorTo
            | Function::CeilTo
            | Function::Whole,
            args,
        ) => args.iter().all(is_bare),
        _ => false,
    }
}
