//! Where in a reply a value stands: a JSON path, an XML path or a column name, compiled once.

use serde_json_path::JsonPath;

/// What a reply's rows are made of, and so how selectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON: selectors are RFC 9535 paths such as `$.data.list[*]`.
    Json,
    /// XML: selectors are local names such as `/Envelope/Body/total` or `row/name`, whatever the namespaces.
    Xml,
    /// Rows of named cells (CSV, SQL, XLSX): selectors are column names.
    Cells,
}

/// A compiled selector.
#[derive(Clone, Debug)]
pub struct Selector {
    text: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `$.a.b` or `$.a.b[*]`: by far the most, walked without the path engine.
    Keys {
        keys: Vec<String>,
        each: bool,
    },
    Path(Box<JsonPath>),
    Xml {
        absolute: bool,
        names: Vec<String>,
    },
    Column(String),
    Status,
    FaultCode,
    FaultString,
}

impl Selector {
    /// Compiles a selector for a format.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn compile(text: &str, format: Format) -> Result<Self, String> {
        let kind = match (text, format) {
            ("status", Format::Json | Format::Xml) => Kind::Status,
            ("faultcode", Format::Xml) => Kind::FaultCode,
            ("faultstring", Format::Xml) => Kind::FaultString,
            (_, Format::Json) => match simple_keys(text) {
                Some((keys, each)) => Kind::Keys { keys, each },
                None => Kind::Path(Box::new(JsonPath::parse(text).map_err(|e| e.to_string())?)),
            },
            (_, Format::Xml) => {
                let absolute = text.starts_with('/');
                let names: Vec<String> = text.trim_start_matches('/').split('/').map(str::to_owned).collect();
                let plain = |name: &String| {
                    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
                };
                if !names.iter().all(plain) || text.starts_with("//") {
                    return Err(
                        "an XML path is local names joined by `/`, such as `/Envelope/Body/total` or `row/name`".into(),
                    );
                }
                Kind::Xml { absolute, names }
            }
            (_, Format::Cells) => {
                if text.is_empty() || text.starts_with('$') || text.starts_with('/') {
                    return Err("this reply has columns: write the column's name".into());
                }
                Kind::Column(text.to_owned())
            }
        };
        Ok(Self { text: text.to_owned(), kind })
    }

    /// The selector as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names to walk and whether the last is a list of items: `$.data.list[*]` is `(["data", "list"], true)`, an XML
    /// path or a column its names. `None` for a JSON path with anything else in it.
    #[must_use]
    pub fn keys(&self) -> Option<(Vec<&str>, bool)> {
        match &self.kind {
            Kind::Keys { keys, each } => Some((keys.iter().map(String::as_str).collect(), *each)),
            Kind::Xml { names, .. } => Some((names.iter().map(String::as_str).collect(), false)),
            Kind::Column(name) => Some((vec![name], false)),
            _ => None,
        }
    }
}

/// `$.a.b` and `$.a.b[*]` as keys.
fn simple_keys(text: &str) -> Option<(Vec<String>, bool)> {
    let rest = text.strip_prefix('$')?;
    let (rest, each) = rest.strip_suffix("[*]").map_or((rest, false), |r| (r, true));
    if rest.is_empty() {
        return Some((Vec::new(), each));
    }
    let names: Vec<String> = rest.strip_prefix('.')?.split('.').map(str::to_owned).collect();
    let plain = |name: &String| {
        name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    names.iter().all(plain).then_some((names, each))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn simple_paths_are_keys_and_others_go_to_the_engine() {
        let keys = |text: &str| {
            let selector = Selector::compile(text, Format::Json).unwrap();
            selector.keys().map(|(k, each)| (k.join(","), each))
        };
        assert_eq!(keys("$.data.list[*]"), Some(("data,list".into(), true)));
        assert_eq!(keys("$.姓名"), Some(("姓名".into(), false)));
        assert_eq!(keys("$.a[0].b"), None);
        assert!(Selector::compile("$.data.list[", Format::Json).is_err());
        assert!(Selector::compile("$.data..", Format::Json).is_err());
        assert!(Selector::compile("/a//b", Format::Xml).is_err());
        assert!(Selector::compile("$.a", Format::Cells).is_err());
    }
}
