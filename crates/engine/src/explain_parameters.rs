//! The parameter rows behind a value.

use std::sync::Arc;

use hedui_base::{ColumnType, Tri};
use hedui_rules::program::{Expr, Parameter, ParameterRow, ParameterValue, RowValue};

use crate::evaluate::{Scope, key_of};
use crate::explain::Explainer;
use crate::explanation::{Explanation, ParameterUse};
use crate::output::Cell;
use crate::parameters::{Key, candidates, gap};
use crate::reads::reads_columns;
use crate::register::Register;
use crate::scale::rows_used;
use crate::shown::{Held, Value, number};

impl<'a> Explainer<'_, 'a> {
    /// The rows of a parameter that a value used: several if a key is unknown.
    pub(crate) fn parameter(&mut self, id: usize, keys: &'a [Expr], scope: Scope, row: usize, node: &mut Explanation) {
        if keys.iter().any(reads_columns) {
            return;
        }
        let columns: Vec<(Register, ColumnType)> =
            keys.iter().map(|key| (self.kernel.eval(key, scope), key.ty)).collect();
        let keys: Vec<_> = columns.iter().map(|(column, ty)| key_of(column.get(row), *ty)).collect();
        let program = self.kernel.program;
        let parameter = &program.parameters[id];
        let place = self.kernel.place(self.kernel.case_of(scope, row));
        if let Some(scale) = parameter.scale {
            let day = self.kernel.as_of;
            for (over, found) in rows_used(parameter, scale, (place, day), &keys, &self.kernel.slice.texts) {
                let mut one = of_row(parameter, found, &[]);
                one.title = format!("{}（{} 起）", parameter.title, number(scale.of, over));
                if !node.parameters.contains(&one) {
                    node.parameters.push(one);
                }
            }
            return;
        }
        let meant = candidates(parameter, place, &keys, self.kernel.as_of, &self.kernel.slice.texts);
        let mut uses: Vec<ParameterUse> = meant.rows.iter().map(|found| of_row(parameter, found, &keys)).collect();
        if let Some(fallback) = parameter.fallback.as_ref().filter(|_| meant.none) {
            uses.push(ParameterUse {
                name: parameter.name.clone(),
                title: parameter.title.clone(),
                value: Value { ty: parameter.ty, held: held(&fallback.value, parameter.ty) },
                published: None,
                gap: None,
                fallback: Some(fallback.reason.to_string()),
                cite: String::new(),
                file: parameter.file.clone(),
                line: parameter.line,
                from: program.pack.from,
                until: None,
                area: None,
            });
        }
        for one in uses {
            if !node.parameters.contains(&one) {
                node.parameters.push(one);
            }
        }
    }
}

fn of_row(parameter: &Parameter, row: &ParameterRow, keys: &[Key]) -> ParameterUse {
    let beyond = row.open_key().and_then(|(index, from)| match keys.get(index) {
        Some(Key::Number(lo, hi)) if lo == hi => lo.checked_sub(from),
        _ => None,
    });
    let number = |beyond| parameter.read(row, beyond).map(|v| held(&ParameterValue::Int(v), parameter.ty));
    let held = match &row.value {
        RowValue::Gap(_) if !parameter.ty.is_int() => Held::UnknownText,
        RowValue::Gap(_) if parameter.ty == ColumnType::Bool => Held::Condition(Tri::Undetermined),
        RowValue::Gap(_) => {
            let span = gap(parameter);
            Held::Number(if span.is_exact() { Cell::Known(span.lo) } else { Cell::Between(span.lo, span.hi) })
        }
        RowValue::Known(ParameterValue::Int(_)) => {
            number(beyond.unwrap_or(0)).unwrap_or(Held::Number(Cell::Between(i64::MIN, i64::MAX)))
        }
        RowValue::Known(text) => held(text, parameter.ty),
        RowValue::Nothing if parameter.ty.is_int() => Held::Number(Cell::None),
        RowValue::Nothing => Held::Text(None),
    };
    // As published: the value of this row before it was brought to the parameter's period.
    let as_published = Parameter::new("", "", parameter.published_type(row), Vec::new());
    let published = row
        .per
        .and_then(|_| as_published.read(row, beyond.unwrap_or(0)))
        .map(|value| Value { ty: as_published.ty, held: Held::Number(Cell::Known(value)) });
    ParameterUse {
        name: parameter.name.clone(),
        title: parameter.title.clone(),
        value: Value { ty: parameter.ty, held },
        published,
        gap: match &row.value {
            RowValue::Gap(why) => Some(why.to_string()),
            RowValue::Known(_) | RowValue::Nothing => None,
        },
        fallback: None,
        cite: row.cite.clone(),
        file: row.file.clone(),
        line: row.line,
        from: row.from,
        until: row.until,
        area: row.area,
    }
}

fn held(value: &ParameterValue, ty: ColumnType) -> Held {
    match value {
        ParameterValue::Text(text) => Held::Text(Some(Arc::clone(text))),
        ParameterValue::Int(v) if ty == ColumnType::Bool => Held::Condition(Tri::from(*v != 0)),
        ParameterValue::Int(v) => Held::Number(Cell::Known(*v)),
    }
}
