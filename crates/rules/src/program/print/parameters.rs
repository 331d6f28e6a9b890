//! What a parameter's line and rows say beyond place and keys.

use std::fmt;

use hedui_base::Period;

use super::{number, value};
use crate::program::{Parameter, ParameterRow, RowValue, ScaleKind};

pub(super) fn head(f: &mut fmt::Formatter<'_>, parameter: &Parameter) -> fmt::Result {
    if let Some(scale) = parameter.scale {
        let kind = if scale.kind == ScaleKind::Marginal { "marginal" } else { "single" };
        write!(f, " {kind} scale of {} giving {}", scale.of, scale.result)?;
    }
    if let Some(least) = parameter.bounds.0 {
        write!(f, " min {}", number(least, parameter.ty))?;
    }
    if let Some(most) = parameter.bounds.1 {
        write!(f, " max {}", number(most, parameter.ty))?;
    }
    if parameter.exemption {
        f.write_str(" exemption")?;
    }
    match &parameter.fallback {
        Some(fallback) => write!(f, " fallback {} '{}'", value(&fallback.value, parameter.ty), fallback.reason),
        None => Ok(()),
    }
}

pub(super) fn row(f: &mut fmt::Formatter<'_>, parameter: &Parameter, row: &ParameterRow) -> fmt::Result {
    write!(f, " from {}", row.from)?;
    if let Some(until) = row.until {
        write!(f, " until {until}")?;
    }
    if let Some(day) = row.confirm_by {
        write!(f, " confirm by {day}")?;
    }
    let published = parameter.published_type(row);
    match &row.value {
        RowValue::Known(known) => write!(f, ": {}", value(known, published))?,
        RowValue::Gap(why) => write!(f, ": ? '{why}'")?,
        RowValue::Nothing => f.write_str(": none")?,
    }
    if let Some(each) = row.each {
        write!(f, " + {} each", number(each, published))?;
    }
    match row.per {
        Some(Period::Month) => f.write_str(" a month")?,
        Some(Period::Year) => f.write_str(" a year")?,
        Some(Period::Stock) | None => {}
    }
    write!(f, " ({}:{} {})", row.file, row.line, row.cite)
}
