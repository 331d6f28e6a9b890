//! A TOML file as a tree in which every key and value knows its place, so that messages about a merged manifest still
//! point into the file that someone wrote.

use std::ops::Range;
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};
use toml::de::{DeTable, DeValue};

/// A place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<SourceText>,
    pub(crate) span: Range<usize>,
}

impl Place {
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>, label: &str) -> Diagnostic {
        Diagnostic::error(code, message).at(&self.file, self.span.clone(), label)
    }

    pub(crate) fn warning(&self, code: &'static str, message: impl Into<String>, label: &str) -> Diagnostic {
        Diagnostic::warning(code, message).at(&self.file, self.span.clone(), label)
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What TOML can say; numbers keep their text, so that no amount passes through a float.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Number(String),
    Bool(bool),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys in the order they were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<(String, Place, Node)>,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(k, ..)| k == key).map(|(.., node)| node)
    }

    /// Lays `over` on top: tables merge key by key, everything else is replaced.
    pub(crate) fn merge(&mut self, over: Self) {
        for (key, place, node) in over.entries {
            match self.entries.iter_mut().find(|(k, ..)| *k == key) {
                Some((_, old_place, old)) => match (&mut old.value, node.value) {
                    (Value::Table(base), Value::Table(more)) => {
                        old.place = node.place;
                        *old_place = place;
                        base.merge(more);
                    }
                    (_, value) => {
                        *old = Node { place: node.place, value };
                        *old_place = place;
                    }
                },
                None => self.entries.push((key, place, node)),
            }
        }
    }
}

impl Value {
    /// How messages call this kind of value.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a file; what cannot be read is reported and left out.
pub(crate) fn read(file: &Arc<SourceText>) -> (Table, Vec<Diagnostic>) {
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    let diagnostics = errors
        .into_iter()
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            Diagnostic::error("connect::syntax", error.message().to_owned()).at(file, span, "here")
        })
        .collect();
    (convert_table(file, table.get_ref()), diagnostics)
}

fn convert_table(file: &Arc<SourceText>, table: &DeTable<'_>) -> Table {
    let place = |span: Range<usize>| Place { file: Arc::clone(file), span };
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let node = Node { place: place(value.span()), value: convert(file, value.get_ref()) };
            (key.get_ref().to_string(), place(key.span()), node)
        })
        .collect();
    entries.sort_by_key(|(_, place, _)| place.span.start);
    Table { entries }
}

fn convert(file: &Arc<SourceText>, value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(value) => Value::Text(value.to_string()),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| Node {
                    place: Place { file: Arc::clone(file), span: item.span() },
                    value: convert(file, item.get_ref()),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(file, table)),
    }
}
