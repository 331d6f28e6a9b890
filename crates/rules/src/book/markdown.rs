//! A document as Markdown (CommonMark with tables).

use std::fmt::Write as _;

use super::document::{Block, Document, Item, Span, Text};

/// Writes a document as Markdown.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut out = format!("# {}\n", escaped(&document.title));
    blocks(&document.blocks, "", &mut out);
    out
}

/// Writing to a `String` does not fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        let _ = write!($out, $($arg)*);
    };
}

fn blocks(blocks: &[Block], prefix: &str, out: &mut String) {
    for block in blocks {
        put!(out, "{}\n", prefix.trim_end());
        match block {
            Block::Heading { level, anchor, text } => {
                put!(out, "{prefix}<a id=\"{anchor}\"></a>\n{}\n", prefix.trim_end());
                put!(out, "{prefix}{} {}\n", "#".repeat(usize::from(*level)), line(text));
            }
            Block::Paragraph(text) => {
                put!(out, "{prefix}{}\n", at_start(&line(text)));
            }
            Block::Quote(text) => {
                put!(out, "{prefix}> {}\n", at_start(&line(text)));
            }
            Block::List(items) => list(items, 0, prefix, out),
            Block::Table { head, rows } => table(head, rows, prefix, out),
            Block::Code(text) => {
                let fence = "`".repeat(longest_run(text).max(2) + 1);
                put!(out, "{prefix}{fence}\n");
                for line in text.lines() {
                    put!(out, "{}\n", format!("{prefix}{line}").trim_end());
                }
                put!(out, "{prefix}{fence}\n");
            }
            Block::Aside { title, blocks: inner } => {
                put!(out, "{prefix}> **{}**\n", escaped(title));
                blocks_within(inner, &format!("{prefix}> "), out);
            }
        }
    }
}

fn blocks_within(inner: &[Block], prefix: &str, out: &mut String) {
    blocks(inner, prefix, out);
}

fn list(items: &[Item], depth: usize, prefix: &str, out: &mut String) {
    for item in items {
        put!(out, "{prefix}{}- {}\n", "  ".repeat(depth), at_start(&line(&item.text)));
        list(&item.items, depth + 1, prefix, out);
    }
}

fn table(head: &[String], rows: &[Vec<Text>], prefix: &str, out: &mut String) {
    let head: Vec<String> = head.iter().map(|cell| escaped(cell)).collect();
    put!(out, "{prefix}| {} |\n{prefix}|{}\n", head.join(" | "), " --- |".repeat(head.len()));
    for row in rows {
        let cells = (0..head.len()).map(|i| row.get(i).map_or_else(String::new, cell));
        put!(out, "{prefix}| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// Text in a cell: a bar inside code needs its escape there too.
fn cell(text: &Text) -> String {
    let spans = text.0.iter().map(|one| match one {
        Span::Code(text) => code(text).replace('|', "\\|"),
        other => span(other),
    });
    spans.collect::<String>().trim_end().to_owned()
}

fn line(text: &Text) -> String {
    text.0.iter().map(span).collect::<String>().trim_end().to_owned()
}

fn span(span: &Span) -> String {
    match span {
        Span::Plain(text) => escaped(text),
        Span::Strong(text) => format!("**{}**", escaped(text)),
        Span::Code(text) => code(text),
        Span::Link { text, to } => format!("[{}](#{to})", escaped(text)),
    }
}

/// Between as many backticks as it takes.
fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => out.extend(['\\', c]),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Text at the start of a line, where a dash or a number would open a list.
fn at_start(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let next = text[digits..].chars().next();
    if digits == 0 && text.starts_with(['-', '+', '=']) {
        format!("\\{text}")
    } else if digits > 0 && next.is_some_and(|c| c == '.' || c == ')') {
        format!("{}\\{}", &text[..digits], &text[digits..])
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_becomes_markup() {
        assert_eq!(escaped("a*b_c [d](e) <f> #1 | `x`"), "a\\*b\\_c \\[d\\](e) \\<f\\> \\#1 \\| \\`x\\`");
        assert_eq!(code("a `b` c"), "``a `b` c``");
        assert_eq!(at_start("1. x"), "1\\. x");
        assert_eq!(at_start("- x"), "\\- x");
        assert_eq!(cell(&Text::code("a || b")), "`a \\|\\| b`");
    }
}
