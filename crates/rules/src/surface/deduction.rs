//! `[deduction.X]`: part of an income that is left out of account, by a table of rates, bases and caps.
//!
//! It becomes a variable and four parameters, `X.base`, `X.rate`, `X.cap` and `X.max_months`, one for each column of the
//! table; the rest of the language knows nothing of deductions.

use hedui_base::catalogue::Title;
use hedui_base::{ColumnType, Period};
use rust_decimal::Decimal;
use toml::de::{DeTable, DeValue};

use super::allow::allow;
use super::ast::{
    Allow, Arithmetic, DeductionColumn, DeductionTable, Expr, ExprKind, Formula, ParameterNotes, ParameterSource, Rule,
    RuleBody,
};
use super::fields::{Fields, Reader};
use crate::program::{CompareOp, Scale};
use crate::spot::{Spot, Spotted};

const AMOUNT: ColumnType = ColumnType::Money(Period::Month);

/// The parts of a deduction as rules of their own.
pub(super) fn deduction(reader: &Reader, name: Spotted<String>, table: &DeTable<'_>) -> Vec<Rule> {
    let fields = Fields::new(reader, format!("[deduction.{}]", name.value), name.spot.clone(), table);
    let overrides = fields
        .bool("override")
        .filter(|on| *on)
        .map(|_| fields.key_spot("override").unwrap_or_else(|| name.spot.clone()));
    let title = fields.title();
    if title.is_none() && fields.get("title").is_none() {
        fields.missing("title", "title = { zh = \"..\" }");
    }
    let title = title.unwrap_or_else(|| Title { zh: name.value.clone(), en: String::new() });
    let allowed = allow(&fields);
    let cite = fields.cite();
    let entity = fields.need_entity();
    let of = fields.need_formula("of", "of = \"wage_income\"");
    let when = fields.need_formula("when", "when = \"who\"");
    let months = fields.formula("months");
    let file = fields.need_text("table", "table = \"job_cost.csv\"");
    if fields.get("bases").is_none() {
        fields.missing("bases", "bases = { wage = \"wage_income\", standard = \"dibao_standard\" }");
    }
    let bases = formulas(&fields, "bases");
    let keys = formulas(&fields, "keys");
    fields.finish();
    let parts = Parts { name: &name, keys: &keys };
    let expr = parts.formula(of.expr, when.expr, months.as_ref().map(|m| m.expr.clone()), &bases);
    let rule = |suffix: &str, word: (&str, &str), allow: Vec<Allow>, body: RuleBody| Rule {
        name: Spotted { value: format!("{}{suffix}", name.value), spot: name.spot.clone() },
        overrides: overrides.clone(),
        title: format!("{}{}", title.zh, word.0),
        title_en: if title.en.is_empty() { String::new() } else { format!("{}{}", title.en, word.1) },
        cite: cite.clone(),
        allow,
        body,
        versions: Vec::new(),
    };
    let ty = Some(Spotted { value: AMOUNT, spot: name.spot.clone() });
    let formula = Formula { text: expr.to_string(), expr };
    let mut rules = vec![rule("", ("", ""), allowed, RuleBody::Variable { entity, ty, formula })];
    for (column, suffix, ty, word) in COLUMNS {
        let source = file.as_ref().map_or(ParameterSource::Missing, |file| {
            ParameterSource::Deduction(DeductionTable {
                file: file.clone(),
                column,
                keys: keys.iter().map(|(key, _)| key.clone()).collect(),
                bases: bases.iter().map(|(base, _)| base.value.clone()).collect(),
                counts_months: months.is_some(),
            })
        });
        let min = matches!(column, DeductionColumn::Rate | DeductionColumn::Cap).then_some(0);
        let notes = ParameterNotes { min, ..ParameterNotes::default() };
        let lint = Spotted { value: "unused".to_owned(), spot: name.spot.clone() };
        let allow = vec![Allow { lint, reason: "part of a deduction".to_owned() }];
        rules.push(rule(suffix, word, allow, RuleBody::Parameter { ty: Some(ty), source, notes }));
    }
    rules
}

/// The columns that are values: name of their parameter, type, what is added to the title.
const COLUMNS: [(DeductionColumn, &str, ColumnType, (&str, &str)); 4] = [
    (DeductionColumn::Base, ".base", ColumnType::Text, ("：基数", ": base")),
    (DeductionColumn::Rate, ".rate", Scale::RATE, ("：比例", ": rate")),
    (DeductionColumn::Cap, ".cap", AMOUNT, ("：封顶", ": cap")),
    (DeductionColumn::MaxMonths, ".max_months", ColumnType::Int, ("：最长月数", ": most months")),
];

/// `{ name = "expression", .. }`
fn formulas(fields: &Fields<'_>, key: &'static str) -> Vec<(Spotted<String>, Formula)> {
    let Some(written) = fields.get(key) else { return Vec::new() };
    let DeValue::Table(table) = written.get_ref() else {
        fields.reader.wrong_kind(written, "names and expressions, such as { wage = \"wage_income\" }");
        return Vec::new();
    };
    let spot = |span| fields.reader.spot(span);
    let one = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
        let name = Spotted { value: key.get_ref().to_string(), spot: spot(key.span()) };
        Some((name, fields.reader.formula(value)?))
    };
    table.iter().filter_map(one).collect()
}

struct Parts<'a> {
    name: &'a Spotted<String>,
    keys: &'a [(Spotted<String>, Formula)],
}

impl Parts<'_> {
    /// `CASE WHEN NOT when THEN 0 WHEN months >= X.max_months THEN 0 ELSE LEAST(of, X.cap, X.rate * base) END`
    fn formula(&self, of: Expr, when: Expr, months: Option<Expr>, bases: &[(Spotted<String>, Formula)]) -> Expr {
        let nothing = || self.expr(ExprKind::Number(Decimal::ZERO));
        let not = Expr { spot: when.spot.clone(), kind: ExprKind::Not(Box::new(when)) };
        let mut branches = vec![(not, nothing())];
        if let Some(months) = months {
            let over = ExprKind::Compare(CompareOp::Ge, Box::new(months), Box::new(self.part("max_months")));
            branches.push((self.expr(over), nothing()));
        }
        let rate = ExprKind::Arithmetic(Arithmetic::Mul, Box::new(self.part("rate")), Box::new(self.base(bases)));
        let least = ExprKind::Call {
            name: Spotted { value: "LEAST".to_owned(), spot: self.name.spot.clone() },
            distinct: false,
            args: vec![of, self.part("cap"), self.expr(rate)],
            filter: None,
        };
        self.expr(ExprKind::Case { operand: None, branches, otherwise: Some(Box::new(self.expr(least))) })
    }

    /// `CASE WHEN X.base = 'wage' THEN .. ELSE .. END`
    fn base(&self, bases: &[(Spotted<String>, Formula)]) -> Expr {
        let Some(((_, last), others)) = bases.split_last() else { return self.expr(ExprKind::Error) };
        if others.is_empty() {
            return last.expr.clone();
        }
        let branches = others.iter().map(|(name, formula)| {
            let text = Expr { kind: ExprKind::Text(name.value.clone()), spot: name.spot.clone() };
            let same = ExprKind::Compare(CompareOp::Eq, Box::new(self.part("base")), Box::new(text));
            (self.expr(same), formula.expr.clone())
        });
        let branches = branches.collect();
        self.expr(ExprKind::Case { operand: None, branches, otherwise: Some(Box::new(last.expr.clone())) })
    }

    /// One of the parameters, looked up by the keys.
    fn part(&self, part: &str) -> Expr {
        if self.keys.is_empty() {
            return self.expr(ExprKind::Name(vec![self.name.value.clone(), part.to_owned()]));
        }
        let name = Spotted { value: format!("{}.{part}", self.name.value), spot: self.name.spot.clone() };
        let args = self.keys.iter().map(|(_, formula)| formula.expr.clone()).collect();
        self.expr(ExprKind::Call { name, distinct: false, args, filter: None })
    }

    fn expr(&self, kind: ExprKind) -> Expr {
        let spot: Spot = self.name.spot.clone();
        Expr { kind, spot }
    }
}
