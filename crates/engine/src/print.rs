//! Expressions as text, for nodes of an explanation that have no rule text of their own.

use hedui_rules::Program;
use hedui_rules::program::{Aggregate, AggregateFn, CompareOp, DatasetId, Expr, ExprKind, Over};

use crate::shown;

/// Writes an expression about as a pack writes it.
pub(crate) fn print(program: &Program, dataset: Option<DatasetId>, expr: &Expr) -> String {
    let one = |e: &Expr| print(program, dataset, e);
    let list = |all: &[Expr], by: &str| all.iter().map(one).collect::<Vec<_>>().join(by);
    let pair = |a: &Expr, op: &str, b: &Expr| format!("{} {op} {}", bracketed(a, one(a)), bracketed(b, one(b)));
    match &expr.kind {
        ExprKind::Int(value) => shown::number(expr.ty, *value),
        ExprKind::Text(text) => format!("'{text}'"),
        ExprKind::AsOf => "as_of".to_owned(),
        ExprKind::Residence => "residence".to_owned(),
        ExprKind::IsMember => "is_member".to_owned(),
        ExprKind::Column(column) => dataset
            .and_then(|d| program.datasets[d.index()].columns.get(column.index()))
            .map_or_else(String::new, |c| c.name.clone()),
        ExprKind::Input(input) => program.inputs[input.index()].name.clone(),
        ExprKind::Step(step) => program.steps[step.index()].name.clone(),
        ExprKind::Household(inner) => format!("household.{}", bracketed(inner, one(inner))),
        ExprKind::Parameter { id, keys } if program.parameters[id.index()].scale.is_some() => {
            let (of, keys) = keys.split_last().map_or((String::new(), keys.as_slice()), |(of, keys)| (one(of), keys));
            let keys: String = keys.iter().map(|key| format!(", {}", one(key))).collect();
            format!("SCALE({of}, {}{keys})", program.parameters[id.index()].name)
        }
        ExprKind::Parameter { id, keys } if keys.is_empty() => program.parameters[id.index()].name.clone(),
        ExprKind::Parameter { id, keys } => format!("{}({})", program.parameters[id.index()].name, list(keys, ", ")),
        ExprKind::Not(a) => format!("NOT {}", bracketed(a, one(a))),
        ExprKind::And(all) => format!("({})", list(all, " AND ")),
        ExprKind::Or(all) => format!("({})", list(all, " OR ")),
        ExprKind::Compare(op, a, b) => pair(a, symbol(*op), b),
        ExprKind::In(a, all) => format!("{} IN ({})", one(a), list(all, ", ")),
        ExprKind::IsNone(a) => format!("{} IS NULL", one(a)),
        ExprKind::Case(branches, otherwise) => {
            let branches: String = branches.iter().map(|(c, v)| format!("WHEN {} THEN {} ", one(c), one(v))).collect();
            format!("CASE {branches}ELSE {} END", one(otherwise))
        }
        ExprKind::Neg(a) => format!("-{}", bracketed(a, one(a))),
        ExprKind::Add(a, b) => pair(a, "+", b),
        ExprKind::Sub(a, b) => pair(a, "-", b),
        ExprKind::Mul(a, b, _) => pair(a, "*", b),
        ExprKind::Div(a, b, _) => pair(a, "/", b),
        // A change of scale is not something anybody wrote.
        ExprKind::Rescale(a, _) => one(a),
        ExprKind::Round(mode, a, b) => {
            format!("{}({}, {}{})", mode.function(), one(a), one(b), mode.argument())
        }
        ExprKind::Least(all) => format!("LEAST({})", list(all, ", ")),
        ExprKind::Greatest(all) => format!("GREATEST({})", list(all, ", ")),
        ExprKind::Abs(a) => format!("ABS({})", one(a)),
        ExprKind::AddMonths(a, n) => format!("{} + INTERVAL '{n}' MONTH", one(a)),
        ExprKind::ShiftMonths(a, n) => format!("ADD_MONTHS({}, {})", one(a), one(n)),
        ExprKind::PerMonth(a) => format!("PER_MONTH({})", one(a)),
        ExprKind::Spread(a, cite) => format!("SPREAD({}, '{cite}')", one(a)),
        ExprKind::AddDays(a, n) => format!("{} + INTERVAL '{n}' DAY", one(a)),
        ExprKind::MonthOf(a) => format!("MONTH({})", one(a)),
        ExprKind::Age(a) => format!("AGE({})", one(a)),
        ExprKind::MonthsBetween(a, b) => format!("MONTHS_BETWEEN({}, {})", one(a), one(b)),
        ExprKind::DaysBetween(a, b) => format!("DAYS_BETWEEN({}, {})", one(a), one(b)),
        ExprKind::Assume { value, instead, reason } => format!("ASSUME({}, {}, '{reason}')", one(value), one(instead)),
        ExprKind::Dated(first, versions) => {
            let later: String = versions.iter().map(|(from, e)| format!("；自 {from} 起 {}", one(e))).collect();
            format!("{{{}{later}}}", one(first))
        }
        ExprKind::Aggregate(of) => aggregate(program, dataset, of),
    }
}

fn aggregate(program: &Program, dataset: Option<DatasetId>, of: &Aggregate) -> String {
    let name = of.function.as_str();
    let distinct = if of.function == AggregateFn::CountDistinct { "DISTINCT " } else { "" };
    let prefix = match of.over {
        Over::Records => "",
        Over::Members => "member.",
        Over::Obligors => "obligor.",
    };
    let part = |e: &Expr| print(program, dataset, e);
    let argument = of.argument.as_deref().map_or_else(|| "*".to_owned(), |a| bracketed(a, part(a)));
    let filter =
        of.filter.as_deref().map_or_else(String::new, |f| format!(" FILTER (WHERE {prefix}{})", bracketed(f, part(f))));
    let by = of.by.as_deref().map_or_else(String::new, |month| format!(", {}", part(month)));
    format!("{name}({distinct}{prefix}{argument}{by}){filter}")
}

/// Brackets around what is not a single name or call.
fn bracketed(expr: &Expr, text: String) -> String {
    match expr.kind {
        ExprKind::Compare(..)
        | ExprKind::In(..)
        | ExprKind::IsNone(_)
        | ExprKind::Not(_)
        | ExprKind::Add(..)
        | ExprKind::Sub(..)
        | ExprKind::Mul(..)
        | ExprKind::Div(..)
        | ExprKind::Case(..)
        | ExprKind::AddMonths(..)
        | ExprKind::AddDays(..) => format!("({text})"),
        _ => text,
    }
}

const fn symbol(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "=",
        CompareOp::Ne => "<>",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
    }
}
