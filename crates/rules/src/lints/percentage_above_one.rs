//! A rate, ratio or share of more than 1: 20 instead of 0.20.

use hedui_base::ColumnType;

use super::Lints;
use crate::program::{Parameter, ScaleKind};

pub(super) fn lint(lints: &mut Lints<'_>) {
    let program = lints.program;
    for parameter in program.parameters.iter().filter(|parameter| is_share(parameter)) {
        let one = 10i64.pow(u32::from(parameter.ty.scale()));
        for row in &parameter.rows {
            let Some(spot) = parameter.read(row, 0).filter(|v| *v > one).and_then(|_| lints.row_spot(row)) else {
                continue;
            };
            let found = spot
                .warning(
                    "rules::percentage_above_one",
                    format!("`{}` is a share, and this one is more than 1", parameter.name),
                    "more than 100 %",
                )
                .help("write 20 % as 0.20; for a multiple call it one in name and title");
            lints.tell(&parameter.name, found);
        }
    }
}

/// By its name or title, or as the rates of a scale.
fn is_share(parameter: &Parameter) -> bool {
    let word = |text: &str| {
        text.split('_').flat_map(|w| w.split('.')).any(|w| ["rate", "ratio", "share", "percentage"].contains(&w))
    };
    let title = &parameter.title;
    matches!(parameter.ty, ColumnType::Decimal(_))
        && (parameter.scale.is_some_and(|scale| scale.kind == ScaleKind::Marginal)
            || word(&parameter.name)
            || ["比例", "比率", "百分"].iter().any(|w| title.contains(w)))
        && !title.contains('倍')
}
