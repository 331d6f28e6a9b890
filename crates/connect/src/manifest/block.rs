//! Reads one table of a manifest key by key: wrong types, missing keys and keys nobody asked for become diagnostics.

use std::cell::RefCell;
#[cfg(test)]
use std::sync::Arc;
use std::time::Duration;

use hedui_base::{Diagnostic, diagnostic};

use super::tree::{Node, Place, Table, Value};

/// Where diagnostics of one load gather.
pub(crate) type Out = RefCell<Vec<Diagnostic>>;

/// A table being read. Every key asked for is known; [`Block::finish`] reports the others.
pub(crate) struct Block<'a> {
    name: String,
    table: &'a Table,
    place: Place,
    known: RefCell<Vec<&'static str>>,
    out: &'a Out,
}

impl<'a> Block<'a> {
    pub(crate) fn new(name: impl Into<String>, table: &'a Table, place: Place, out: &'a Out) -> Self {
        Self { name: name.into(), table, place, known: RefCell::new(Vec::new()), out }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn shown(&self) -> String {
        if self.name.is_empty() { "a manifest".to_owned() } else { format!("[{}]", self.name) }
    }

    fn inner_name(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) const fn out(&self) -> &'a Out {
        self.out
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.out.borrow_mut().push(diagnostic);
    }

    /// Tells the schema's test what the reader asks for: under which key, in which form, which words.
    #[cfg(test)]
    fn seen(&self, key: &str, form: &'static str, words: &[&str]) {
        super::schema::trace::seen(&self.name, key, form, words);
    }

    /// The same for words looked up outside [`Block::word`]: the key is the one whose value they stand in.
    #[cfg(test)]
    fn seen_at(&self, place: &Place, words: &[&str]) {
        let holds = |node: &Node| {
            Arc::ptr_eq(&node.place.file, &place.file)
                && node.place.span.start <= place.span.start
                && place.span.end <= node.place.span.end
        };
        if let Some((key, ..)) = self.table.entries.iter().find(|(_, _, node)| holds(node)) {
            self.seen(key, "", words);
        }
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::missing_const_for_fn, reason = "does something in tests only")]
    fn seen(&self, _key: &str, _form: &'static str, _words: &[&str]) {}

    /// All entries, for tables whose keys are data.
    pub(crate) fn entries(&self) -> &'a [(String, Place, Node)] {
        &self.table.entries
    }

    /// The raw value of a key.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'a Node> {
        {
            let mut known = self.known.borrow_mut();
            if !known.contains(&key) {
                known.push(key);
            }
        }
        self.seen(key, "", &[]);
        self.table.get(key)
    }

    fn wrong(&self, key: &str, node: &Node, wanted: &str) {
        self.report(node.place.error(
            "connect::wrong_type",
            format!("`{key}` must be {wanted}, not {}", node.value.kind()),
            wanted,
        ));
    }

    pub(crate) fn missing(&self, key: &str, help: &str) {
        self.report(
            self.place
                .error("connect::missing_key", format!("[{}] lacks `{key}`", self.name), "needed in this table")
                .help(help),
        );
    }

    pub(crate) fn text_at(&self, key: &'static str) -> Option<(&'a str, &'a Place)> {
        self.seen(key, "text", &[]);
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some((text, &node.place)),
            _ => {
                self.wrong(key, node, "a text");
                None
            }
        }
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.text_at(key).map(|(text, _)| text)
    }

    /// A text that must be there; empty after the report if it is not.
    pub(crate) fn need_text(&self, key: &'static str, help: &str) -> (&'a str, &Place) {
        match self.text_at(key) {
            Some((text, place)) => (text, place),
            None => {
                if self.table.get(key).is_none() {
                    self.missing(key, help);
                }
                ("", &self.place)
            }
        }
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, key: &'static str) -> Option<T> {
        self.seen(key, "number", &[]);
        let node = self.node(key)?;
        if let Value::Number(text) = &node.value
            && let Ok(number) = text.replace('_', "").parse()
        {
            return Some(number);
        }
        self.wrong(key, node, "a whole number");
        None
    }

    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        self.seen(key, "flag", &[]);
        let node = self.node(key)?;
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.wrong(key, node, "true or false");
        None
    }

    pub(crate) fn duration(&self, key: &'static str) -> Option<Duration> {
        let (text, place) = self.text_at(key)?;
        let parsed = parse_duration(text);
        if parsed.is_none() {
            self.report(
                place
                    .error("connect::bad_duration", format!("`{text}` is not a length of time"), "here")
                    .help("a number and ms, s, m, h or d, such as 500ms or 30d"),
            );
        }
        parsed
    }

    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<(&'a str, &'a Place)>> {
        self.seen(key, "texts", &[]);
        let node = self.node(key)?;
        let Value::Array(items) = &node.value else {
            self.wrong(key, node, "a list of texts");
            return None;
        };
        Some(
            items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Text(text) => Some((text.as_str(), &item.place)),
                    _ => {
                        self.wrong(key, item, "a text");
                        None
                    }
                })
                .collect(),
        )
    }

    pub(crate) fn block(&self, key: &'static str) -> Option<Block<'a>> {
        self.seen(key, "table", &[]);
        let node = self.node(key)?;
        match &node.value {
            Value::Table(table) => Some(Block::new(self.inner_name(key), table, node.place.clone(), self.out)),
            _ => {
                self.wrong(key, node, "a table");
                None
            }
        }
    }

    pub(crate) fn blocks(&self, key: &'static str) -> Option<Vec<Block<'a>>> {
        self.seen(key, "tables", &[]);
        let node = self.node(key)?;
        let Value::Array(items) = &node.value else {
            self.wrong(key, node, "a list of tables");
            return None;
        };
        Some(
            items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Table(table) => Some(Block::new(self.inner_name(key), table, item.place.clone(), self.out)),
                    _ => {
                        self.wrong(key, item, "a table");
                        None
                    }
                })
                .collect(),
        )
    }

    /// One word of a closed list.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        self.seen(key, "", &words.iter().map(|(word, _)| *word).collect::<Vec<_>>());
        let (text, place) = self.text_at(key)?;
        self.pick(key, text, place, words)
    }

    pub(crate) fn pick<T: Copy>(&self, key: &str, text: &str, place: &Place, words: &[(&str, T)]) -> Option<T> {
        #[cfg(test)]
        self.seen_at(place, &words.iter().map(|(word, _)| *word).collect::<Vec<_>>());
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let list = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
            let near = diagnostic::nearest(text, list.iter().copied());
            let near = near.map_or_else(String::new, |n| format!("did you mean `{n}`? "));
            self.report(
                place
                    .error("connect::unknown_word", format!("`{text}` is not a known {key}"), "not known")
                    .help(format!("{near}one of {}", list.join(", "))),
            );
        }
        found
    }

    /// Reports every key that was never asked for. `elsewhere` lists keys that mean something in other manifests.
    pub(crate) fn finish(self, elsewhere: &[(&str, &str)]) {
        let known = self.known.borrow();
        for (key, place, _) in &self.table.entries {
            if known.contains(&key.as_str()) {
                continue;
            }
            if let Some((_, users)) = elsewhere.iter().find(|(name, _)| name == key) {
                self.report(
                    place
                        .error(
                            "connect::unused_option",
                            format!("`{key}` does nothing in this [{}]", self.name),
                            "unused",
                        )
                        .help(format!("it means something to {users} only; remove it, so that nobody relies on it")),
                );
                continue;
            }
            let help = diagnostic::nearest(key, known.iter().copied()).map_or_else(
                || format!("{} knows {}", self.shown(), known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.report(
                place
                    .error("connect::unknown_key", format!("{} has no `{key}`", self.shown()), "unknown key")
                    .help(help),
            );
        }
    }
}

/// `500ms`, `20s`, `1m`, `2h`, `30d`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..split].parse().ok()?;
    Some(match &text[split..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        "h" => Duration::from_secs(number.checked_mul(3600)?),
        "d" => Duration::from_secs(number.checked_mul(86_400)?),
        _ => return None,
    })
}
