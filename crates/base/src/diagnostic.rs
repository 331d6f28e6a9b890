//! What is wrong with a file someone wrote, where, and how to fix it: shared by rule packs, manifests and plain folders.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// A text that someone wrote and that messages point into.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// File name as the user would type it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl SourceText {
    /// A named text, ready to be shared by the diagnostics that point into it.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Line and column (both from 1, columns in characters) of a byte offset.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, but is probably not meant.
    Warning,
    /// Nothing is run with this.
    Error,
}

/// One place that a diagnostic points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file.
    pub file: Arc<SourceText>,
    /// Bytes in it.
    pub span: Range<usize>,
    /// What is there.
    pub text: String,
}

/// One mistake: a stable code, a sentence, the places it is about (the first is where to look), and help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable slug such as `rules::unit_mismatch`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong. Never quotes personal data.
    pub message: String,
    /// Where; may be empty when the file as a whole is meant.
    pub labels: Vec<Label>,
    /// How to fix it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None }
    }

    /// A warning without a place yet.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, file: &Arc<SourceText>, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { file: Arc::clone(file), span, text: text.into() });
        self
    }

    /// Says how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether nothing may run with this.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `file:line:column` of the first place.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let label = self.labels.first()?;
        let (line, column) = label.file.line_column(label.span.start);
        Some(format!("{}:{line}:{column}", label.file.name))
    }

    /// The JSON form that `--json` prints.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let labels: Vec<_> = self
            .labels
            .iter()
            .map(|l| {
                let (line, column) = l.file.line_column(l.span.start);
                serde_json::json!({ "file": l.file.name, "line": line, "column": column, "text": l.text })
            })
            .collect();
        serde_json::json!({
            "code": self.code, "severity": self.severity, "message": self.message, "labels": labels, "help": self.help,
        })
    }
}

/// Plain text without colours: what snapshots and logs show. The command line draws the same with `miette`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error() { "error" } else { "warning" };
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        for label in &self.labels {
            let (line, column) = label.file.line_column(label.span.start);
            write!(f, "\n  --> {}:{line}:{column}", label.file.name)?;
            if let Some(text) = label.file.text.lines().nth(line - 1) {
                let width = label
                    .file
                    .text
                    .get(label.span.clone())
                    .map_or(1, |t| t.lines().next().unwrap_or("").chars().count());
                let pad: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                let mut underline = String::new();
                let _ = write!(underline, "{pad}{}", "^".repeat(width.max(1)));
                write!(f, "\n   | {text}\n   | {underline} {}", label.text)?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Sorts diagnostics by file and place, so that every run lists them alike.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| d.labels.first().map(|l| (l.file.name.clone(), l.span.start));
        key(a).cmp(&key(b)).then_with(|| a.code.cmp(b.code))
    });
}

/// The candidate nearest in spelling to `name`, if it is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = if length < 4 { 1 } else { (length / 3).max(2) };
    candidates.into_iter().map(|c| (edit_distance(name, c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_line_and_column_in_characters() {
        let file = SourceText::new("rules/a.toml", "标题 = 1\nwhen = \"a < b\"\n");
        let at = file.text.find("a <").unwrap();
        let shown = Diagnostic::error("rules::unit_mismatch", "cannot compare")
            .at(&file, at..at + 5, "money per year")
            .help("divide by 12")
            .to_string();
        assert_eq!(
            shown,
            "error[rules::unit_mismatch]: cannot compare\n  --> rules/a.toml:2:9\n   | when = \"a < b\"\n   |         ^^^^^ money per year\n  help: divide by 12"
        );
    }

    #[test]
    fn near_misses_are_found() {
        assert_eq!(nearest("bacth", ["batch", "key"]), Some("batch"));
        assert_eq!(nearest("zzz", ["batch", "key"]), None);
    }
}
