use hedui_base::ColumnType;

use super::Print;
use crate::program::{CompareOp, Expr, ExprKind, Program, StepId, StepKind};

/// Values near another: a tenth up and down, at least one unit; of nothing only up. A day or a month for dates; a
/// condition is flipped.
pub(super) fn bumps(ty: ColumnType, value: i64) -> Vec<i64> {
    let tenth = (value.unsigned_abs() / 10).max(1) as i64;
    let one = match ty {
        ColumnType::Bool => return vec![i64::from(value == 0)],
        ColumnType::Date | ColumnType::Month => 1,
        // A whole yuan, square metre or unit: nobody has a case for a hundredth of nothing.
        _ if value == 0 => return vec![10i64.pow(ty.scale().into())],
        _ => tenth,
    };
    [value.checked_add(one), value.checked_sub(one)].into_iter().flatten().collect()
}

/// A number of a type in words.
pub(super) fn number(program: &Program, print: Print<'_>, value: i64, ty: ColumnType) -> String {
    print(program, None, &Expr::new(ExprKind::Int(value), ty))
}

/// What a step is to people: `test x`, `flag AS07`, `scheme dibao.amount`.
pub(super) fn rule(program: &Program, step: StepId) -> String {
    let name = &program.steps[step.index()].name;
    let owner = name.split_once('.').map_or(name.as_str(), |(owner, _)| owner);
    let kind = if program.tests.iter().any(|test| test.name == owner) {
        "test"
    } else if program.flags.iter().any(|flag| flag.id == owner) {
        "flag"
    } else if program.schemes.iter().any(|scheme| scheme.id == owner) {
        "scheme"
    } else if program.score == Some(step) {
        return "score".to_owned();
    } else if matches!(program.steps[step.index()].kind, StepKind::Fact { .. }) {
        "fact"
    } else {
        "variable"
    };
    let name = name.strip_suffix(".when").unwrap_or(name);
    format!("{kind} {name}")
}

/// The comparison that a slip makes of another.
pub(super) const fn slip(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Eq => CompareOp::Ne,
        CompareOp::Ne => CompareOp::Eq,
        CompareOp::Lt => CompareOp::Le,
        CompareOp::Le => CompareOp::Lt,
        CompareOp::Gt => CompareOp::Ge,
        CompareOp::Ge => CompareOp::Gt,
    }
}

/// Cut to what fits on a line.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 90;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
