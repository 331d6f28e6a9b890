//! Reading a TOML table key by key, so that every wrong, missing and unknown key is told in one run.

use std::cell::RefCell;
use std::sync::Arc;

use hedui_base::catalogue::{TYPE_WORDS, Title};
use hedui_base::diagnostic::nearest;
use hedui_base::{ColumnType, Diagnostic, SourceText};
use jiff::civil::Date;
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ast::{Formula, Literal};
use super::from_sql::parse_formula;
use crate::program::Entity;
use crate::spot::{Spot, Spotted};
use crate::value;

/// One file being read and the mistakes found in it.
pub(crate) struct Reader {
    /// The file.
    pub file: Arc<SourceText>,
    /// Mistakes so far.
    pub mistakes: RefCell<Vec<Diagnostic>>,
    /// Texts under unknown keys: they may use any name they mention.
    pub stray: RefCell<Vec<String>>,
}

/// A TOML table being read.
pub(crate) struct Fields<'t> {
    pub reader: &'t Reader,
    /// Where its name is written: the place for a missing key.
    pub spot: Spot,
    /// As the author calls it: `[variable.income]`.
    pub what: String,
    table: &'t DeTable<'t>,
    asked: RefCell<Vec<String>>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader {
    pub(crate) fn new(file: &Arc<SourceText>) -> Self {
        Self { file: Arc::clone(file), mistakes: RefCell::default(), stray: RefCell::default() }
    }

    pub(crate) fn push(&self, mistake: Diagnostic) {
        self.mistakes.borrow_mut().push(mistake);
    }

    pub(crate) fn spot(&self, span: std::ops::Range<usize>) -> Spot {
        Spot { file: Arc::clone(&self.file), span }
    }

    /// A value in the file that has the wrong kind.
    pub(crate) fn wrong_kind(&self, value: &Value<'_>, expected: &str) {
        self.push(
            self.spot(value.span())
                .error("rules::wrong_value", format!("expected {expected}"), kind_of(value.get_ref()))
                .help(format!("write {expected} here")),
        );
    }

    /// A literal of any type.
    pub(crate) fn literal(&self, value: &Value<'_>) -> Option<Spotted<Literal>> {
        let literal = match value.get_ref() {
            DeValue::String(text) => Some(Literal::Text(text.to_string())),
            DeValue::Boolean(value) => Some(Literal::Bool(*value)),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| Literal::Number(n.into()))
            }
            DeValue::Float(number) => {
                Decimal::from_str_exact(number.as_str()).ok().map(|n| Literal::Number(n.normalize()))
            }
            DeValue::Datetime(_) => date_of(value.get_ref()).map(Literal::Date),
            DeValue::Array(_) | DeValue::Table(_) => None,
        };
        if literal.is_none() {
            self.wrong_kind(value, "a number with a decimal point, a \"text\", true, false or a date");
        }
        literal.map(|value_| Spotted { value: value_, spot: self.spot(value.span()) })
    }

    /// An expression.
    pub(crate) fn formula(&self, value: &Value<'_>) -> Option<Formula> {
        let file = &self.file;
        match value.get_ref() {
            DeValue::String(text) => Some(parse_formula(file, value.span(), text, &mut self.mistakes.borrow_mut())),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                let text = file.text.get(value.span()).unwrap_or("").replace('_', "");
                Some(parse_formula(file, value.span(), &text, &mut self.mistakes.borrow_mut()))
            }
            _ => {
                self.wrong_kind(value, "an expression in double quotes");
                None
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, value: &Value<'_>) -> Vec<Spotted<String>> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_kind(value, "a list of texts, such as [\"vehicle\"]");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    pub(crate) fn text(&self, value: &Value<'_>) -> Option<Spotted<String>> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_kind(value, "a text in double quotes");
        }
        text.map(|t| Spotted { value: t.to_owned(), spot: self.spot(value.span()) })
    }
}

pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "this is a text",
        DeValue::Integer(_) => "this is a whole number",
        DeValue::Float(_) => "this is a decimal number",
        DeValue::Boolean(_) => "this is true or false",
        DeValue::Datetime(_) => "this is a date or time",
        DeValue::Array(_) => "this is a list",
        DeValue::Table(_) => "this is a table",
    }
}

/// A date as TOML's own, or as text `2026-03-31`.
pub(crate) fn date_of(value: &DeValue<'_>) -> Option<Date> {
    match value {
        DeValue::Datetime(stamp) if stamp.time.is_none() => {
            let date = stamp.date?;
            Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
        }
        DeValue::String(text) if text.len() == 10 => text.parse().ok(),
        _ => None,
    }
}

impl<'t> Fields<'t> {
    pub(crate) fn new(reader: &'t Reader, what: impl Into<String>, spot: Spot, table: &'t DeTable<'t>) -> Self {
        Self { reader, spot, what: what.into(), table, asked: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'t Value<'t>> {
        self.know(key);
        self.table.get(key)
    }

    /// Takes a key as known.
    pub(crate) fn know(&self, key: &str) {
        self.asked.borrow_mut().push(key.to_owned());
    }

    /// Where a key is written.
    pub(crate) fn key_spot(&self, key: &str) -> Option<Spot> {
        self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(k, _)| self.reader.spot(k.span()))
    }

    /// Reports a key that has to be there and is not.
    pub(crate) fn missing(&self, key: &str, example: &str) {
        self.reader.push(
            self.spot
                .error("rules::missing_key", self.no_key(key), format!("needs `{key}`"))
                .help(format!("add `{example}`")),
        );
    }

    fn no_key(&self, key: &str) -> String {
        format!("{} has no `{key}`", self.what)
    }

    fn needed(&self, key: &'static str, example: &str) -> Option<&'t Value<'t>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(key, example);
        }
        value
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<Spotted<String>> {
        self.get(key).and_then(|v| self.reader.text(v))
    }

    pub(crate) fn need_text(&self, key: &'static str, example: &str) -> Option<Spotted<String>> {
        self.needed(key, example).and_then(|v| self.reader.text(v))
    }

    pub(crate) fn texts(&self, key: &'static str) -> Vec<Spotted<String>> {
        self.get(key).map(|v| self.reader.texts(v)).unwrap_or_default()
    }

    pub(crate) fn bool(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.reader.wrong_kind(value, "true or false");
        }
        flag
    }

    pub(crate) fn int(&self, key: &'static str) -> Option<i64> {
        let value = self.get(key)?;
        let number = value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.reader.wrong_kind(value, "a whole number");
        }
        number
    }

    pub(crate) fn literal(&self, key: &'static str) -> Option<Spotted<Literal>> {
        self.get(key).and_then(|v| self.reader.literal(v))
    }

    /// A number in the scale of a type.
    pub(crate) fn scaled(&self, key: &'static str, ty: ColumnType) -> Option<Spotted<i64>> {
        let literal = self.literal(key)?;
        let Literal::Number(number) = &literal.value else {
            let mistake = literal.spot.error("rules::wrong_value", format!("`{key}` is a number"), "not a number");
            self.reader.push(mistake.help("write it in whole units of the type, such as yuan"));
            return None;
        };
        match value::scaled(*number, ty.scale()) {
            Ok(value) => Some(Spotted { value, spot: literal.spot }),
            Err(why) => {
                let message = format!("`{key}` does not fit its type");
                let mistake = literal.spot.error("rules::bad_value", message, why);
                self.reader.push(mistake.help("write it in whole units of the type, such as yuan"));
                None
            }
        }
    }

    pub(crate) fn date(&self, key: &'static str) -> Option<Date> {
        let value = self.get(key)?;
        let date = date_of(value.get_ref());
        if date.is_none() {
            self.reader.push(
                self.reader
                    .spot(value.span())
                    .error("rules::bad_date", format!("`{key}` is not a date"), "not a date")
                    .help("write year-month-day without quotes, such as 2026-07-01"),
            );
        }
        date
    }

    pub(crate) fn need_date(&self, key: &'static str, example: &str) -> Option<Date> {
        self.needed(key, example).and_then(|_| self.date(key))
    }

    /// Citations: a text, or a list of texts joined with `; `.
    pub(crate) fn cite(&self) -> Option<String> {
        let value = self.get("cite")?;
        let texts = if value.get_ref().is_array() {
            self.reader.texts(value)
        } else {
            self.reader.text(value).into_iter().collect()
        };
        let joined = texts.into_iter().map(|t| t.value).filter(|t| !t.trim().is_empty()).collect::<Vec<_>>().join("; ");
        (!joined.is_empty()).then_some(joined)
    }

    /// Titles: `{ zh = "..", en = ".." }`, or one Chinese text.
    pub(crate) fn title(&self) -> Option<Title> {
        let value = self.get("title")?;
        match value.get_ref() {
            DeValue::String(text) => Some(Title { zh: text.to_string(), en: String::new() }),
            DeValue::Table(table) => {
                let fields = Fields::new(
                    self.reader,
                    format!("the title of {}", self.what),
                    self.reader.spot(value.span()),
                    table,
                );
                let zh = fields.need_text("zh", "zh = \"..\"");
                let en = fields.text("en");
                fields.finish();
                Some(Title { zh: zh?.value, en: en.map(|t| t.value).unwrap_or_default() })
            }
            _ => {
                self.reader.wrong_kind(value, "a title, such as { zh = \"家庭人均月收入\", en = \"Income per head\" }");
                None
            }
        }
    }

    pub(crate) fn formula(&self, key: &'static str) -> Option<Formula> {
        self.reader.formula(self.get(key)?)
    }

    pub(crate) fn need_formula(&self, key: &'static str, example: &str) -> Formula {
        if self.needed(key, example).is_none() {
            return self.broken_formula();
        }
        self.formula(key).unwrap_or_else(|| self.broken_formula())
    }

    /// A formula that was not there; it fits everywhere.
    pub(crate) fn broken_formula(&self) -> Formula {
        Formula {
            text: String::new(),
            expr: super::ast::Expr { kind: super::ast::ExprKind::Error, spot: self.spot.clone() },
        }
    }

    /// A value out of a closed list of words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(w, _)| *w == text.value).map(|(_, v)| *v);
        if found.is_none() {
            let list: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
            let mut help = format!("one of {}", list.join(", "));
            if let Some(near) = nearest(&text.value, list.iter().copied()) {
                help = format!("did you mean `{near}`? ({help})");
            }
            self.reader.push(
                text.spot
                    .error("rules::unknown_word", format!("`{}` is no {key}", text.value), "not one of the words")
                    .help(help),
            );
        }
        found
    }

    pub(crate) fn need_word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
        example: &str,
    ) -> Option<T> {
        self.needed(key, example).and_then(|_| self.word(key, words))
    }

    pub(crate) fn entity(&self) -> Option<Entity> {
        self.word("entity", &[("person", Entity::Person), ("household", Entity::Household)])
    }

    pub(crate) fn need_entity(&self) -> Option<Entity> {
        self.needed("entity", "entity = \"household\"").and_then(|_| self.entity())
    }

    pub(crate) fn need_type(&self, example: &str) -> Option<Spotted<ColumnType>> {
        self.need_type_of("type", example)
    }

    /// A type under another key.
    pub(crate) fn need_type_of(&self, key: &'static str, example: &str) -> Option<Spotted<ColumnType>> {
        let text = self.need_text(key, example)?;
        let ty: Option<ColumnType> = text.value.parse().ok();
        if ty.is_none() {
            let words = TYPE_WORDS.split(", ").map(|w| if w == "decimal(n)" { "decimal(4)" } else { w });
            let near = nearest(&text.value, words).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            self.reader.push(
                text.spot
                    .error("rules::unknown_type", format!("`{}` is not a type", text.value), "not a type")
                    .help(format!("{near}one of {TYPE_WORDS} (n is 1 to 9)")),
            );
        }
        ty.map(|value| Spotted { value, spot: text.spot })
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self) {
        let asked = self.asked.take();
        for (key, value) in self.table.iter() {
            if asked.iter().any(|a| a == key.get_ref()) {
                continue;
            }
            let mut known: Vec<&str> = asked.iter().map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            let near = nearest(key.get_ref(), known.iter().copied());
            if let Some(text) = value.get_ref().as_str() {
                self.reader.stray.borrow_mut().push(text.to_owned());
            }
            if let Some(meant) = near {
                // One slip of the pen, one message.
                let missing = self.no_key(meant);
                self.reader.mistakes.borrow_mut().retain(|m| m.code != "rules::missing_key" || m.message != missing);
            }
            let help =
                near.map_or_else(|| format!("known keys: {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
            self.reader.push(
                self.reader
                    .spot(key.span())
                    .error("rules::unknown_key", format!("{} has no key `{}`", self.what, key.get_ref()), "unknown key")
                    .help(help),
            );
        }
    }
}
