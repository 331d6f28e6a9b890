//! One way to look into JSON, XML and rows of cells.

use std::hash::{Hash, Hasher};

use serde_json::Value;

use super::grid::{Column, Header};
use super::xml::Element;
use crate::convert::Cell;
use crate::selector::{Kind, Selector};

/// A place in a reply.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    Json(&'a Value),
    Xml(&'a Element),
    /// Header by column name, and one row's cells; `None` is an empty cell.
    Cells(&'a Header, &'a [Option<Cell>]),
}

/// What stands at a selector.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Nothing of that name.
    Missing,
    /// The name, without a value.
    Null,
    /// A value.
    Cell(Cell),
    /// A list or object where a value was expected.
    Composite,
}

impl Hash for View<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            View::Json(value) => value.hash(state),
            View::Xml(element) => element.hash(state),
            View::Cells(_, cells) => cells.iter().for_each(|cell| cell.as_ref().map(|c| &c.text).hash(state)),
        }
    }
}

impl<'a> View<'a> {
    /// Everything a selector finds.
    pub(crate) fn select(self, selector: &Selector) -> Vec<View<'a>> {
        match (self, &selector.kind) {
            (View::Json(value), Kind::Keys { keys, each }) => {
                let Some(found) = keys.iter().try_fold(value, |v, key| v.get(key)) else { return Vec::new() };
                match (each, found) {
                    (false, value) => vec![View::Json(value)],
                    (true, Value::Array(items)) => items.iter().map(View::Json).collect(),
                    (true, _) => Vec::new(),
                }
            }
            (View::Json(value), Kind::Path(path)) => path.query(value).all().into_iter().map(View::Json).collect(),
            (View::Xml(element), Kind::Xml { absolute: true, names }) => match names.split_first() {
                Some((first, rest)) if *first == element.name => {
                    element.walk(rest).into_iter().map(View::Xml).collect()
                }
                _ => Vec::new(),
            },
            (View::Xml(element), Kind::Xml { absolute: false, names }) => {
                element.walk(names).into_iter().map(View::Xml).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The one value at a selector.
    pub(crate) fn scalar(self, selector: &Selector) -> Scalar {
        if let (View::Cells(header, cells), Kind::Column(name)) = (self, &selector.kind) {
            return match header.column(name) {
                Column::Missing => Scalar::Missing,
                Column::Given(cell) => Scalar::Cell(cell.clone()),
                Column::At(index) => match cells.get(index) {
                    Some(Some(cell)) => Scalar::Cell(cell.clone()),
                    _ => Scalar::Null,
                },
            };
        }
        let found = self.select(selector);
        match found.as_slice() {
            [] => Scalar::Missing,
            [View::Json(value)] => match value {
                Value::Null => Scalar::Null,
                Value::Bool(value) => Scalar::Cell(Cell::text(value.to_string())),
                Value::Number(number) => Scalar::Cell(Cell { text: number.to_string().into(), numeric: true }),
                Value::String(text) => Scalar::Cell(Cell::text(text.clone())),
                Value::Array(_) | Value::Object(_) => Scalar::Composite,
            },
            [View::Xml(element)] if element.children.is_empty() => Scalar::Cell(Cell::text(element.text.clone())),
            _ => Scalar::Composite,
        }
    }

    /// A place inside of this one as people find it: ` column C (金额)`, ` at $.yfje`.
    pub(crate) fn shown(self, selector: &Selector) -> String {
        match (self, &selector.kind) {
            (View::Cells(header, _), Kind::Column(name)) => header.shown(name),
            _ => format!(" at {}", selector.as_str()),
        }
    }

    /// The text at a selector, if there is one.
    pub(crate) fn text(self, selector: &Selector) -> Option<String> {
        match self.scalar(selector) {
            Scalar::Cell(cell) => Some(cell.text.into()),
            _ => None,
        }
    }
}
