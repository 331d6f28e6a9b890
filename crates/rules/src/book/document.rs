//! A document: headings, paragraphs, lists, tables. It knows nothing of rules, and nothing of Markdown or HTML.

use crate::words::{Line, Piece, Words};

/// A document of one page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Title, of the page and as its first heading.
    pub title: String,
    /// Language tag: `zh` or `en`.
    pub lang: &'static str,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading below the title: level 2 to 4.
    Heading {
        /// 2 to 4.
        level: u8,
        /// What links point to; ASCII, unique in the document.
        anchor: String,
        /// The heading.
        text: Text,
    },
    /// A paragraph.
    Paragraph(Text),
    /// A remark of somebody else's, set apart.
    Quote(Text),
    /// A list.
    List(Vec<Item>),
    /// A table; rows may be shorter than the head.
    Table {
        /// Heads of columns.
        head: Vec<String>,
        /// Rows of cells.
        rows: Vec<Vec<Text>>,
    },
    /// Text of a program, as it is.
    Code(String),
    /// Blocks set apart under a title: a worked example.
    Aside {
        /// What it is.
        title: String,
        /// What it holds.
        blocks: Vec<Block>,
    },
}

/// An item of a list, with a list of its own below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The item.
    pub text: Text,
    /// Items below it.
    pub items: Vec<Item>,
}

/// Text with some of it marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

/// A run of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// As it is.
    Plain(String),
    /// Stressed.
    Strong(String),
    /// A name or formula of a program.
    Code(String),
    /// Text that leads to a heading of this document.
    Link {
        /// What is read.
        text: String,
        /// The heading's anchor.
        to: String,
    },
}

impl Text {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Span::Plain(text.into())])
    }

    /// A name of a program.
    pub fn code(text: impl Into<String>) -> Self {
        Self(vec![Span::Code(text.into())])
    }

    /// With more plain text behind it.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Plain(text.into()));
        self
    }

    /// With more of anything behind it.
    #[must_use]
    pub fn and(mut self, span: Span) -> Self {
        self.0.push(span);
        self
    }

    /// With other text behind it.
    #[must_use]
    pub fn with(mut self, text: Self) -> Self {
        self.0.extend(text.0);
        self
    }
}

impl Item {
    /// An item without a list.
    #[must_use]
    pub const fn of(text: Text) -> Self {
        Self { text, items: Vec::new() }
    }
}

/// A line in which names lead to where they are explained, as far as `anchor` knows.
pub(super) fn linked(line: &Line, anchor: &dyn Fn(&str) -> Option<String>) -> Text {
    let spans = line.0.iter().map(|piece| match piece {
        Piece::Text(text) => Span::Plain(text.clone()),
        Piece::Name { name, title } => match anchor(name) {
            Some(to) => Span::Link { text: title.clone(), to },
            None => Span::Plain(title.clone()),
        },
    });
    Text(spans.collect())
}

/// Words as an item of a list.
pub(super) fn item(words: &Words, anchor: &dyn Fn(&str) -> Option<String>) -> Item {
    Item { text: linked(&words.lead, anchor), items: words.parts.iter().map(|part| item(part, anchor)).collect() }
}

/// Words as an item of a list, without links.
pub(crate) fn words_item(words: &Words) -> Item {
    item(words, &|_| None)
}
