//! `--set`: parameter rows in force on a day, changed in a compiled program.

use std::sync::Arc;

use hedui_base::ColumnType;
use hedui_base::diagnostic::nearest;
use hedui_engine::show_number;
use hedui_rules::Program;
use hedui_rules::program::{KeyMatch, Parameter, ParameterRow, ParameterValue, RowValue};
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

/// How a value changes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// To this text, read in the parameter's type.
    To(String),
    /// By this factor, rounded half away from zero once.
    Times(Decimal),
    /// By this much, read in the parameter's type.
    Plus(String),
    /// Less this much, read in the parameter's type.
    Less(String),
}

/// One `--set`: `standard=650.00`, `standard=+5%`, `standard=*1.1`, `standard+=30`, `standard[residence=rural]=500`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    parameter: String,
    /// Columns of the row and what they must say.
    only: Vec<(String, String)>,
    change: Change,
    text: String,
}

/// Why a `--set` cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--set {text}: {message}")]
pub struct SettingError {
    /// As given.
    pub text: String,
    /// What is wrong and how to put it right.
    pub message: String,
}

/// A parameter row that a `--set` changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ChangedParameter {
    /// Parameter.
    pub parameter: String,
    /// Chinese title.
    pub title: String,
    /// Area it is for; empty means everywhere.
    pub area: String,
    /// `urban` or `rural`; empty means both.
    pub residence: String,
    /// Further keys as `name=value`, joined by `, `.
    pub keys: String,
    /// First day of the row; none for a fallback.
    pub from: Option<Date>,
    /// Last day of the row.
    pub until: Option<Date>,
    /// Value before as published, with its unit.
    pub old: String,
    /// Value after, with its unit.
    pub new: String,
    /// Where the old value was published.
    pub cite: String,
    /// File of the row.
    pub file: String,
    /// Line in it.
    pub line: usize,
}

impl std::str::FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let wrong = |message: &str| SettingError { text: text.to_owned(), message: message.to_owned() };
        const FORM: &str = "write NAME=VALUE, such as dibao_standard=650.00, =+5%, =*1.1, or dibao_standard+=30.00";
        let (head, only, rest) = match text.find('[') {
            Some(open) if text.find('=').is_none_or(|eq| open < eq) => {
                let close = text.find(']').ok_or_else(|| wrong("the `[` has no `]`"))?;
                (
                    &text[..open],
                    only(&text[open + 1..close]).ok_or_else(|| wrong("write [column=value,..]"))?,
                    &text[close + 1..],
                )
            }
            _ => {
                let at = text.find('=').ok_or_else(|| wrong(FORM))?;
                let at = if text[..at].ends_with(['+', '-']) { at - 1 } else { at };
                (&text[..at], Vec::new(), &text[at..])
            }
        };
        let amount = |text: &str| text.trim().to_owned();
        let change = if let Some(value) = rest.strip_prefix("+=") {
            Change::Plus(amount(value))
        } else if let Some(value) = rest.strip_prefix("-=") {
            Change::Less(amount(value))
        } else if let Some(value) = rest.strip_prefix('=') {
            match value.trim() {
                "" => return Err(wrong(FORM)),
                value if value.starts_with('*') => {
                    Change::Times(number(&value[1..]).ok_or_else(|| wrong("after `*` comes a number, such as *1.1"))?)
                }
                value if value.ends_with('%') => {
                    let share = &value[..value.len() - '%'.len_utf8()];
                    if !share.starts_with(['+', '-']) {
                        return Err(wrong("write =+5% to raise by 5 %, =-5% to lower, or =0.05 for a value of 5 %"));
                    }
                    let share = number(share).ok_or_else(|| wrong("before `%` comes a number, such as +5%"))?;
                    Change::Times(Decimal::ONE + share / Decimal::ONE_HUNDRED)
                }
                value if value.starts_with('+') => return Err(wrong("write NAME+=VALUE to add an amount")),
                value => Change::To(value.to_owned()),
            }
        } else {
            return Err(wrong(FORM));
        };
        let parameter = head.trim().to_owned();
        if parameter.is_empty() {
            return Err(wrong(FORM));
        }
        Ok(Self { parameter, only, change, text: text.to_owned() })
    }
}

/// `column=value` pairs.
fn only(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',').map(|part| part.split_once('=').map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()))).collect()
}

fn number(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text.trim().trim_start_matches('+')).ok()
}

impl Setting {
    /// Changes the rows in force on a day, and the fallback where the parameter has one.
    ///
    /// Gives what was changed: empty if the program does not have the parameter or no row is meant.
    pub(crate) fn apply(&self, program: &mut Program, day: Date) -> Result<Vec<ChangedParameter>, SettingError> {
        let Some(parameter) = program.parameters.iter_mut().find(|p| p.name == self.parameter) else {
            return Ok(Vec::new());
        };
        for (column, _) in &self.only {
            let known = matches!(column.as_str(), "area" | "residence") || parameter.keys.contains(column);
            if !known {
                let columns: Vec<&str> =
                    ["area", "residence"].into_iter().chain(parameter.keys.iter().map(String::as_str)).collect();
                return Err(self.wrong(format!("`{column}` is no key of it; keys are {}", columns.join(", "))));
            }
        }
        let mut changed = Vec::new();
        let shape = Parameter { rows: Vec::new(), ..parameter.clone() };
        for row in parameter.rows.iter_mut().filter(|row| row.holds_on(day)) {
            if !self.only.iter().all(|(column, value)| cell(&shape, row, column) == *value) {
                continue;
            }
            let old = shown_row(&shape, row);
            self.change(&shape, row)?;
            let keys: Vec<String> = shape.keys.iter().map(|key| format!("{key}={}", cell(&shape, row, key))).collect();
            changed.push(ChangedParameter {
                parameter: shape.name.clone(),
                title: shape.title.clone(),
                area: cell(&shape, row, "area"),
                residence: cell(&shape, row, "residence"),
                keys: keys.join(", "),
                from: Some(row.from),
                until: row.until,
                old,
                new: shown_row(&shape, row),
                cite: row.cite.clone(),
                file: row.file.clone(),
                line: row.line,
            });
        }
        if let (Some(fallback), true) = (&mut parameter.fallback, self.only.is_empty()) {
            let old = shown(shape.ty, &fallback.value);
            fallback.value = self.new_value(&shape, Some(&fallback.value))?;
            changed.push(ChangedParameter {
                parameter: shape.name.clone(),
                title: shape.title.clone(),
                area: String::new(),
                residence: String::new(),
                keys: "无适用行时 (fallback)".to_owned(),
                from: None,
                until: None,
                old,
                new: shown(shape.ty, &fallback.value),
                cite: fallback.reason.to_string(),
                file: shape.file.clone(),
                line: shape.line,
            });
        }
        Ok(changed)
    }

    /// Why nothing was changed in any of the programs.
    pub(crate) fn without_effect(&self, programs: &[Arc<Program>], day: Date) -> SettingError {
        if programs.iter().any(|p| p.parameters.iter().any(|q| q.name == self.parameter)) {
            let which = if self.only.is_empty() { "" } else { " with these keys" };
            return self.wrong(format!("no row{which} of `{}` is in force on {day}", self.parameter));
        }
        let names = || programs.iter().flat_map(|p| p.parameters.iter().map(|q| q.name.as_str()));
        let help = nearest(&self.parameter, names()).map_or_else(
            || "parameters are in the pack's parameters.toml".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        self.wrong(format!("no pack in use has a parameter `{}`; {help}", self.parameter))
    }

    fn wrong(&self, message: impl Into<String>) -> SettingError {
        SettingError { text: self.text.clone(), message: message.into() }
    }

    /// Changes a row. A factor changes what was published, with its increment; anything else is in the parameter's type.
    fn change(&self, parameter: &Parameter, row: &mut ParameterRow) -> Result<(), SettingError> {
        if let (Change::Times(factor), RowValue::Known(ParameterValue::Int(value))) = (&self.change, &row.value) {
            let times = |v: i64| self.times(parameter, v, *factor);
            let (value, each) = (times(*value)?, row.each.map(times).transpose()?);
            row.value = RowValue::Known(ParameterValue::Int(value));
            row.each = each;
            return match parameter.read(row, 0) {
                Some(read) => self.within(parameter, read),
                None => Err(self.wrong("the value goes out of range")),
            };
        }
        let old = match &row.value {
            RowValue::Known(ParameterValue::Int(_)) => parameter.read(row, 0).map(ParameterValue::Int),
            RowValue::Known(value) => Some(value.clone()),
            RowValue::Gap(_) | RowValue::Nothing => None,
        };
        let new = self.new_value(parameter, old.as_ref())?;
        if row.per.is_some() && row.each.is_some() {
            return Err(self.wrong(format!(
                "the row at {}:{} has an increment published for another period: change it by a factor, such as =+5%",
                row.file, row.line
            )));
        }
        row.value = RowValue::Known(new);
        row.per = None;
        Ok(())
    }

    /// The value in the parameter's type; `old` is none for a declared gap.
    fn new_value(&self, parameter: &Parameter, old: Option<&ParameterValue>) -> Result<ParameterValue, SettingError> {
        let read = |text: &str| ParameterValue::parse(text, parameter.ty).map_err(|e| self.wrong(e));
        let old = || match old {
            Some(ParameterValue::Int(v)) if is_number(parameter.ty) => Ok(*v),
            Some(_) => Err(self.wrong(format!("`{}` is no number: give the new value", parameter.name))),
            None => Err(self.wrong(format!("`{}` is a declared gap: give its value, as in NAME=0.3", parameter.name))),
        };
        let amount = |text: &str| match read(text)? {
            ParameterValue::Int(v) => Ok(v),
            ParameterValue::Text(_) => Err(self.wrong("an amount is a number")),
        };
        let out = || self.wrong("the value goes out of range");
        let new = match &self.change {
            Change::To(text) => read(text)?,
            Change::Plus(text) => ParameterValue::Int(old()?.checked_add(amount(text)?).ok_or_else(out)?),
            Change::Less(text) => ParameterValue::Int(old()?.checked_sub(amount(text)?).ok_or_else(out)?),
            Change::Times(factor) => ParameterValue::Int(self.times(parameter, old()?, *factor)?),
        };
        if let ParameterValue::Int(value) = new {
            self.within(parameter, value)?;
        }
        Ok(new)
    }

    /// Rounded half away from zero once.
    fn times(&self, parameter: &Parameter, value: i64, factor: Decimal) -> Result<i64, SettingError> {
        if !is_number(parameter.ty) {
            return Err(self.wrong(format!("`{}` is no number: give the new value", parameter.name)));
        }
        Decimal::from(value)
            .checked_mul(factor)
            .map(|v| v.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
            .and_then(|v| i64::try_from(v).ok())
            .ok_or_else(|| self.wrong("the value goes out of range"))
    }

    /// The parameter's own `min` and `max`.
    fn within(&self, parameter: &Parameter, value: i64) -> Result<(), SettingError> {
        let (lo, hi) = parameter.bounds;
        if lo.is_some_and(|lo| value < lo) || hi.is_some_and(|hi| value > hi) {
            let side = |v: Option<i64>| v.map_or_else(|| "…".to_owned(), |v| show_number(parameter.ty, v));
            let shown = show_number(parameter.ty, value);
            return Err(self.wrong(format!("{shown} is not between its min and max ({} .. {})", side(lo), side(hi))));
        }
        Ok(())
    }
}

/// What a key column of a row says, as in its table.
fn cell(parameter: &Parameter, row: &ParameterRow, column: &str) -> String {
    match column {
        "area" => row.area.map_or_else(String::new, |a| a.to_string()),
        "residence" => row.residence.as_deref().unwrap_or_default().to_owned(),
        key => match parameter.keys.iter().position(|k| k == key).and_then(|i| row.keys.get(i)) {
            Some(KeyMatch::Range(lo, hi)) if lo == hi => lo.to_string(),
            Some(KeyMatch::Range(lo, i64::MAX)) => format!("{lo}+"),
            Some(KeyMatch::Range(lo, hi)) => format!("{lo}-{hi}"),
            Some(KeyMatch::Text(text)) => text.to_string(),
            Some(KeyMatch::Any) | None => String::new(),
        },
    }
}

/// A row's value as published, with its unit.
fn shown_row(parameter: &Parameter, row: &ParameterRow) -> String {
    match &row.value {
        RowValue::Known(value) => shown(parameter.published_type(row), value),
        RowValue::Nothing => "无".to_owned(),
        RowValue::Gap(why) if why.is_empty() => "未知 (gap)".to_owned(),
        RowValue::Gap(why) => format!("未知 (gap: {why})"),
    }
}

fn shown(ty: ColumnType, value: &ParameterValue) -> String {
    match value {
        ParameterValue::Int(v) => show_number(ty, *v),
        ParameterValue::Text(text) => text.to_string(),
    }
}

const fn is_number(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Int | ColumnType::Decimal(_) | ColumnType::Money(_) | ColumnType::Area)
}

#[cfg(test)]
mod tests;
