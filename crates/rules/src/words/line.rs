//! What is said: lines of text in which names stay names, and lists of lines.

use std::fmt;

/// The language of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// One of two texts.
    #[must_use]
    pub const fn pick<T: Copy>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Plain text.
    Text(String),
    /// The title of something with a name, in quotation marks.
    Name {
        /// Name of the rule, parameter or input it stands for; empty for a column of a dataset.
        name: String,
        /// Its title, with the quotation marks of the language.
        title: String,
    },
}

/// A line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Piece>);

impl Line {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// A title in quotation marks.
    #[must_use]
    pub fn name(lang: Lang, name: &str, title: &str) -> Self {
        let title = lang.pick(format_args!("「{title}」"), format_args!("“{title}”")).to_string();
        Self(vec![Piece::Name { name: name.to_owned(), title }])
    }

    /// Its length in columns of a terminal: a Chinese character takes two.
    #[must_use]
    pub fn width(&self) -> usize {
        self.to_string().chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
    }

    /// Puts lines into the places `{0}`, `{1}` .. of a template.
    #[must_use]
    pub(crate) fn fill(template: &str, parts: &[Self]) -> Self {
        let mut line = Self::default();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            line.push_text(before);
            let (place, after) = after.split_once('}').unwrap_or(("", after));
            if let Some(part) = place.parse::<usize>().ok().and_then(|place| parts.get(place)) {
                line.append(part.clone());
            }
            rest = after;
        }
        line.push_text(rest);
        line
    }

    /// Lines joined by a separator.
    #[must_use]
    pub(crate) fn join(parts: Vec<Self>, by: &str) -> Self {
        let mut line = Self::default();
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                line.push_text(by);
            }
            line.append(part);
        }
        line
    }

    fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => {
                // As Chinese is set: a space between a character and a Latin letter or digit.
                let wide = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
                let meet = (last.chars().next_back(), text.chars().next());
                if let (Some(a), Some(b)) = meet
                    && (wide(a) && b.is_ascii_alphanumeric() || a.is_ascii_alphanumeric() && wide(b))
                {
                    last.push(' ');
                }
                last.push_str(text);
            }
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self.push_text(&text),
                name @ Piece::Name { .. } => self.0.push(name),
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) | Piece::Name { title: text, .. } => f.write_str(text),
        })
    }
}

/// What an expression says: one line, or a line that opens a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The line.
    pub lead: Line,
    /// The list below it, in order.
    pub parts: Vec<Words>,
}

impl Words {
    /// One line without a list.
    #[must_use]
    pub const fn line(lead: Line) -> Self {
        Self { lead, parts: Vec::new() }
    }
}

impl fmt::Display for Words {
    /// As lines, each list two spaces further in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(words: &Words, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}{}{}", "  ".repeat(depth), if depth > 0 { "- " } else { "" }, words.lead)?;
            words.parts.iter().try_for_each(|part| {
                f.write_str("\n")?;
                write(part, depth + 1, f)
            })
        }
        write(self, 0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_lines_in_any_order() {
        let name = Line::name(Lang::En, "income", "Income");
        let line = Line::fill("from {1} to {0}", &[Line::text("b"), name]);
        assert_eq!(line.to_string(), "from “Income” to b");
        assert_eq!(line.0.len(), 3);
    }
}
