//! Expressions as text, normalised: parsing what is printed gives the same tree.

use std::fmt::{self, Write as _};

use super::ast::{Expr, ExprKind, Logic};
use crate::program::CompareOp;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(n) => write!(f, "{n}"),
            ExprKind::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            ExprKind::Bool(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            ExprKind::Date(date) => write!(f, "DATE '{date}'"),
            ExprKind::Interval { months: 0, days } => write!(f, "INTERVAL '{days}' DAY"),
            ExprKind::Interval { months, .. } => write!(f, "INTERVAL '{months}' MONTH"),
            ExprKind::Name(parts) => f.write_str(&parts.join(".")),
            ExprKind::Star(None) => f.write_char('*'),
            ExprKind::Star(Some(of)) => write!(f, "{of}.*"),
            ExprKind::Neg(x) => write!(f, "(- {x})"),
            ExprKind::Not(x) => write!(f, "(NOT {x})"),
            ExprKind::Logic(op, a, b) => write!(f, "({a} {} {b})", if *op == Logic::And { "AND" } else { "OR" }),
            ExprKind::Arithmetic(op, a, b) => write!(f, "({a} {} {b})", op.as_str()),
            ExprKind::Compare(op, a, b) => write!(f, "({a} {} {b})", op.as_str()),
            ExprKind::Between { value, low, high, negated } => {
                write!(f, "({value} {}BETWEEN {low} AND {high})", if *negated { "NOT " } else { "" })
            }
            ExprKind::In { value, list, negated } => {
                write!(f, "({value} {}IN (", if *negated { "NOT " } else { "" })?;
                separated(f, list)?;
                f.write_str("))")
            }
            ExprKind::IsNull { value, negated } => {
                write!(f, "({value} IS {}NULL)", if *negated { "NOT " } else { "" })
            }
            ExprKind::Case { operand, branches, otherwise } => {
                f.write_str("CASE")?;
                if let Some(operand) = operand {
                    write!(f, " {operand}")?;
                }
                for (condition, value) in branches {
                    write!(f, " WHEN {condition} THEN {value}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {otherwise}")?;
                }
                f.write_str(" END")
            }
            ExprKind::Call { name, distinct, args, filter } => {
                write!(f, "{}({}", name.value, if *distinct { "DISTINCT " } else { "" })?;
                separated(f, args)?;
                f.write_char(')')?;
                if let Some(filter) = filter {
                    write!(f, " FILTER (WHERE {filter})")?;
                }
                Ok(())
            }
            ExprKind::Error => f.write_str("<error>"),
        }
    }
}

fn separated(f: &mut fmt::Formatter<'_>, list: &[Expr]) -> fmt::Result {
    for (i, item) in list.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl CompareOp {
    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}
