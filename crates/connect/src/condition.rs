//! Conditions of outcome rules: `$.code == "0"`, `faultcode != "A"`, `status == "503"`, `*`.

use crate::selector::{Format, Selector};

/// One condition on a reply, an item or a row.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    pub(crate) test: Option<(Selector, bool, String)>,
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(text: &str, format: Format) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self { text: text.to_owned(), test: None });
        }
        let (left, equal, right) = split(text).ok_or("a condition is `path == \"text\"`, `path != \"text\"` or `*`")?;
        let right = right.trim();
        let quoted = |q: char| right.strip_prefix(q).and_then(|r| r.strip_suffix(q)).filter(|r| !r.contains(q));
        let right =
            quoted('"').or_else(|| quoted('\'')).ok_or("the right side must be a text in quotes, such as \"0\"")?;
        Ok(Self {
            text: text.to_owned(),
            test: Some((Selector::compile(left.trim(), format)?, equal, right.to_owned())),
        })
    }

    /// The condition as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Selector and text of a `path == "text"`: what a reply must hold for it to be true.
    #[must_use]
    pub fn equals(&self) -> Option<(&Selector, &str)> {
        self.test.as_ref().filter(|(_, equal, _)| *equal).map(|(selector, _, text)| (selector, text.as_str()))
    }

    /// Selector and text of a `path != "text"`: the reply must hold another text there.
    #[must_use]
    pub fn differs(&self) -> Option<(&Selector, &str)> {
        self.test.as_ref().filter(|(_, equal, _)| !*equal).map(|(selector, _, text)| (selector, text.as_str()))
    }

    /// Whether it is `*`.
    #[must_use]
    pub const fn is_always(&self) -> bool {
        self.test.is_none()
    }

    /// Decides it, given how to read a selector as text.
    pub(crate) fn holds(&self, read: impl Fn(&Selector) -> Option<String>) -> bool {
        match &self.test {
            None => true,
            Some((selector, true, text)) => read(selector).is_some_and(|value| value.trim() == text),
            Some((selector, false, text)) => read(selector).is_some_and(|value| value.trim() != text),
        }
    }
}

fn split(text: &str) -> Option<(&str, bool, &str)> {
    if let Some((left, right)) = text.split_once("==") {
        return Some((left, true, right));
    }
    text.split_once("!=").map(|(left, right)| (left, false, right))
}

/// What a number in a reply must equal for the reply to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountOf {
    /// How many people were asked.
    Asked,
    /// How many items the reply holds.
    Rows,
}

/// `$.reqCount == asked`: proof that an answer is whole.
#[derive(Clone, Debug)]
pub struct CountCheck {
    /// Where the reply says the number.
    pub at: Selector,
    /// What it must equal.
    pub of: CountOf,
}

impl CountCheck {
    /// Compiles a check.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(text: &str, format: Format) -> Result<Self, String> {
        let wanted = "a whole-answer check is `path == asked` or `path == rows`";
        let (left, right) = text.split_once("==").ok_or(wanted)?;
        let of = match right.trim() {
            "asked" => CountOf::Asked,
            "rows" => CountOf::Rows,
            _ => return Err(wanted.into()),
        };
        Ok(Self { at: Selector::compile(left.trim(), format)?, of })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_missing_value_matches_nothing() {
        let is = Condition::compile("$.zt == \"1\"", Format::Json).unwrap();
        let not = Condition::compile("$.zt != '1'", Format::Json).unwrap();
        assert!(is.holds(|_| Some("1".into())) && !is.holds(|_| Some("2".into())) && !is.holds(|_| None));
        assert!(not.holds(|_| Some("2".into())) && !not.holds(|_| None), "silence is not a different answer");
        assert!(Condition::compile("*", Format::Json).unwrap().holds(|_| None));
        for bad in ["$.zt = 1", "$.zt == 1", "$.zt == \"1", "$.[ == \"1\""] {
            assert!(Condition::compile(bad, Format::Json).is_err(), "{bad}");
        }
    }
}
