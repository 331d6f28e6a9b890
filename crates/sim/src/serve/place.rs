//! Places in a reply: a manifest's selectors as steps, and values put where they lead.

use std::sync::Arc;

use hedui_connect::{Selector, Source};
use serde_json::{Map, Value as Json};

use super::ServeError;
use super::wire::lacks;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A member of an object, an element, a column.
    Key(String),
    /// An item of a list; the nth element of its name.
    Index(usize),
}

/// Where a selector leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) steps: Arc<[Step]>,
    /// Whether it selects every item of a list.
    pub(super) each: bool,
}

impl Place {
    /// Compiles a manifest's selector.
    ///
    /// # Errors
    /// [`ServeError::Manifest`] for filters and other paths that do not say where exactly a value would stand.
    pub(super) fn of(source: &Source, selector: &Selector) -> Result<Self, ServeError> {
        let place = match selector.keys() {
            Some((keys, each)) => {
                Some(Self { steps: keys.into_iter().map(|k| Step::Key(k.to_owned())).collect(), each })
            }
            None => Self::json(selector.as_str()),
        };
        place.ok_or_else(|| {
            lacks(source, &format!("a path made of plain names and numbers instead of `{}`", selector.as_str()))
        })
    }

    /// `$.a['b'][0].c[*]`.
    fn json(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if rest == "[*]" {
                return Some(Self { steps: steps.into(), each: true });
            }
            if let Some(inner) = rest.strip_prefix('[') {
                let (inside, after) = inner.split_once(']')?;
                let quoted = |q: char| inside.strip_prefix(q)?.strip_suffix(q);
                steps.push(match quoted('\'').or_else(|| quoted('"')) {
                    Some(name) => Step::Key(name.to_owned()),
                    None => Step::Index(inside.parse().ok()?),
                });
                rest = after;
            } else {
                let inner = rest.strip_prefix('.')?;
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                let (name, after) = inner.split_at(end);
                if name.is_empty() || name == "*" {
                    return None;
                }
                steps.push(Step::Key(name.to_owned()));
                rest = after;
            }
        }
        Some(Self { steps: steps.into(), each: false })
    }

    /// The names of an XML path or a column.
    pub(super) fn names(&self) -> Vec<&str> {
        self.steps
            .iter()
            .filter_map(|step| match step {
                Step::Key(name) => Some(name.as_str()),
                Step::Index(_) => None,
            })
            .collect()
    }

    /// The column that a selector of a table names.
    pub(super) fn column(&self) -> &str {
        self.names().last().copied().unwrap_or_default()
    }
}

/// Puts a value where steps lead, making objects and lists on the way. An object put where one is already is joined
/// with it.
pub(super) fn put(at: &mut Json, steps: &[Step], value: Json) {
    match steps {
        [] => match (at, value) {
            (Json::Object(here), Json::Object(more)) => here.extend(more),
            (at, value) => *at = value,
        },
        [Step::Key(name), rest @ ..] => {
            if !at.is_object() {
                *at = Json::Object(Map::new());
            }
            if let Json::Object(object) = at {
                put(object.entry(name.clone()).or_insert(Json::Null), rest, value);
            }
        }
        [Step::Index(index), rest @ ..] => {
            if !at.is_array() {
                *at = Json::Array(Vec::new());
            }
            if let Json::Array(list) = at {
                while list.len() <= *index {
                    list.push(Json::Null);
                }
                put(&mut list[*index], rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_put_where_paths_lead() {
        let mut at = Json::Null;
        for (path, value) in
            [("$.a.b", json!(1)), ("$.a['c d']", json!(2)), ("$.l[1].x", json!("y")), ("$", json!({ "z": 0 }))]
        {
            put(&mut at, &Place::json(path).unwrap().steps, value);
        }
        assert_eq!(at, json!({ "a": { "b": 1, "c d": 2 }, "l": [null, { "x": "y" }], "z": 0 }));
        let each = Place::json("$['data'].list[*]").unwrap();
        assert!(each.each && each.names() == ["data", "list"]);
        for bad in ["$..a", "$.a[?@.b]", "$.a[*].b", "a.b", "$.*"] {
            assert_eq!(Place::json(bad), None, "{bad}");
        }
    }
}
