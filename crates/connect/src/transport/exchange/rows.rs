//! The rows of a request: one a person and form of the number, each cell checked before anything is sent.

use hedui_base::{AskId, ResidentId};
use jiff::civil::Date;

use crate::ask::{AskPeriod, Subject, forms};
use crate::files::encode;
use crate::manifest::{AskBlock, PutColumn, PutFormat, PutPlan, PutValue};

/// What all rows of a request share.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) plan: &'a PutPlan,
    pub(crate) ask: &'a AskBlock,
    pub(crate) period: Option<AskPeriod>,
    /// Day of the request, where the institution is.
    pub(crate) day: Date,
}

/// One row: its number, whose it is, and a text for every column.
pub(crate) struct Row {
    pub(crate) seq: u32,
    pub(crate) ask: AskId,
    pub(crate) cells: Vec<String>,
}

impl Request<'_> {
    /// Why a subject cannot stand in the file; the code of a refusal.
    pub(crate) fn refusal(&self, subject: &Subject) -> Option<&'static str> {
        let forms = forms(self.ask, subject.id.as_ref());
        if forms.is_empty() {
            return Some("key_missing");
        }
        // The widest number that can occur stands for the one that is not known yet.
        forms.iter().find_map(|form| {
            self.plan.columns.iter().find_map(|column| {
                let text = self.cell(&column.value, u32::MAX, form, subject);
                if column.value == PutValue::Seq { None } else { self.unfit(column, &text) }
            })
        })
    }

    /// Numbers the rows from 1, in the order of the subjects.
    pub(crate) fn rows(&self, subjects: &[&Subject]) -> Vec<Row> {
        let mut rows = Vec::new();
        for subject in subjects {
            for form in forms(self.ask, subject.id.as_ref()) {
                let seq = u32::try_from(rows.len() + 1).unwrap_or(u32::MAX);
                let cells = self.plan.columns.iter().map(|c| self.cell(&c.value, seq, &form, subject)).collect();
                rows.push(Row { seq, ask: subject.ask, cells });
            }
        }
        rows
    }

    fn cell(&self, value: &PutValue, seq: u32, form: &str, subject: &Subject) -> String {
        let month = |format: &String, pick: fn(AskPeriod) -> hedui_base::Month| {
            self.period.map_or_else(String::new, |p| pick(p).first_day().strftime(format).to_string())
        };
        match value {
            PutValue::Seq => seq.to_string(),
            PutValue::Name => subject.name.clone().unwrap_or_default(),
            PutValue::IdNumber => form.to_owned(),
            PutValue::Id15 => subject.id.as_ref().and_then(ResidentId::old_form).unwrap_or_default(),
            PutValue::PeriodFrom(format) => month(format, |p| p.from),
            PutValue::PeriodUntil(format) => month(format, |p| p.until),
            PutValue::Letter => subject.authorised.letter().to_owned(),
            PutValue::Purpose => subject.authorised.purpose().to_owned(),
            PutValue::RequestDate(format) => self.day.strftime(format).to_string(),
            PutValue::Const(text) => text.clone(),
        }
    }

    fn unfit(&self, column: &PutColumn, text: &str) -> Option<&'static str> {
        let plan = self.plan;
        let is_name = column.value == PutValue::Name;
        let cuts = match plan.format {
            PutFormat::Delimited => text.contains(['\n', '\r', '"', char::from(plan.delimiter)]),
            PutFormat::Fixed => text.contains(['\n', '\r']),
            // A workbook carries every text except control characters.
            PutFormat::Xlsx => text.chars().any(char::is_control),
        };
        let bytes = if plan.format == PutFormat::Xlsx { Some(Vec::new()) } else { encode(plan.encoding, text) };
        match bytes {
            Some(bytes) if !cuts => (plan.format == PutFormat::Fixed && bytes.len() > column.width)
                .then_some(if is_name { "name_too_long" } else { "value_too_long" }),
            _ => Some(if is_name { "unencodable_name" } else { "unencodable_value" }),
        }
    }
}
