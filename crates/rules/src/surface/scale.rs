//! `[scale.X]`: a table of brackets.

use hedui_base::ColumnType;

use super::ast::{ParameterNotes, ParameterSource, RuleBody};
use super::fields::Fields;
use crate::program::{Scale, ScaleKind};
use crate::spot::Also as _;

pub(super) fn scale(fields: &Fields<'_>) -> RuleBody {
    let kinds = [("marginal", ScaleKind::Marginal), ("single", ScaleKind::Single)];
    let kind = fields.need_word("kind", &kinds, "kind = \"marginal\"");
    let of = fields.need_type_of("of", "of = \"money/month\"");
    let result = fields.need_type("type = \"money/month\"");
    let table = fields.need_text("table", "table = \"brackets.csv\"");
    let scale = kind.zip(of.as_ref()).zip(result.as_ref()).and_then(|((kind, of), result)| {
        let scale = Scale { kind, of: of.value, result: result.value };
        let Some((message, help)) = unfit(scale) else { return Some(scale) };
        fields.reader.push(
            of.spot
                .error("rules::scale_shape", message, "what is looked up")
                .also(&result.spot, "the result")
                .help(help),
        );
        None
    });
    let source = match (table, scale) {
        (Some(table), Some(_)) => ParameterSource::Table(table),
        _ => ParameterSource::Missing,
    };
    let ty = scale.map(|scale| if scale.kind == ScaleKind::Marginal { Scale::RATE } else { scale.result });
    let bound = |key| {
        fields.know(key);
        Some(fields.scaled(key, ty?)?.value)
    };
    let (min, max) = (bound("min"), bound("max"));
    RuleBody::Parameter { ty, source, notes: ParameterNotes { min, max, scale, ..ParameterNotes::default() } }
}

/// What is wrong with the types of a scale, and how to mend it.
fn unfit(scale: Scale) -> Option<(String, &'static str)> {
    let plain = |ty| matches!(ty, ColumnType::Int | ColumnType::Decimal(_));
    let number = |ty| plain(ty) || matches!(ty, ColumnType::Money(_) | ColumnType::Area);
    let Scale { kind, of, result } = scale;
    if !number(of) || !number(result) {
        return Some((format!("a scale of {of} giving {result} is none of numbers"), "both are numbers or money"));
    }
    if kind == ScaleKind::Marginal && of != result && !(plain(of) && plain(result)) {
        let message = format!("rates of {of} give {of}, not {result}");
        return Some((message, "a marginal scale gives what it is taken of; a single one gives any amount"));
    }
    None
}
