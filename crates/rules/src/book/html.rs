//! A document as one HTML page that needs nothing else.

use std::fmt::Write as _;

use super::document::{Block, Document, Item, Span, Text};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.65 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1,h2,h3,h4{line-height:1.3}h2{border-bottom:2px solid #8886;padding-bottom:.2em;margin-top:2.5em}\
h4{border-top:1px solid #8884;padding-top:1em;margin-top:2em}\
table{border-collapse:collapse;display:block;overflow-x:auto}th,td{border:1px solid #8886;padding:.25em .6em;text-align:left;vertical-align:top}\
code,pre{font-family:ui-monospace,Consolas,monospace;font-size:.9em}pre{background:#8881;padding:.6em .8em;overflow-x:auto}\
a{color:inherit;text-decoration-color:#8888}blockquote{margin:.5em 0;padding-left:1em;border-left:3px solid #8886;color:#666}\
aside{background:#4a81;border-left:3px solid #4a8;padding:.1em 1em;margin:1em 0}li{margin:.15em 0}\
@media print{aside,pre{break-inside:avoid}}";

/// Writes a document as a page of its own: no script, no other file, no address outside.
#[must_use]
pub fn html(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        document.lang
    );
    blocks(&document.blocks, &mut out);
    out.push_str("</body>\n</html>\n");
    out
}

/// Writing to a `String` does not fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        let _ = write!($out, $($arg)*);
    };
}

fn blocks(all: &[Block], out: &mut String) {
    for block in all {
        match block {
            Block::Heading { level, anchor, text } => {
                put!(out, "<h{level} id=\"{}\">{}</h{level}>\n", escaped(anchor), line(text));
            }
            Block::Paragraph(text) => {
                put!(out, "<p>{}</p>\n", line(text));
            }
            Block::Quote(text) => {
                put!(out, "<blockquote>{}</blockquote>\n", line(text));
            }
            Block::List(items) => list(items, out),
            Block::Table { head, rows } => {
                let head: String = head.iter().map(|cell| format!("<th>{}</th>", escaped(cell))).collect();
                put!(out, "<table>\n<tr>{head}</tr>\n");
                for row in rows {
                    let cells: String = row.iter().map(|cell| format!("<td>{}</td>", line(cell))).collect();
                    put!(out, "<tr>{cells}</tr>\n");
                }
                out.push_str("</table>\n");
            }
            Block::Code(text) => {
                put!(out, "<pre>{}</pre>\n", escaped(text));
            }
            Block::Aside { title, blocks: inner } => {
                put!(out, "<aside>\n<p><strong>{}</strong></p>\n", escaped(title));
                blocks(inner, out);
                out.push_str("</aside>\n");
            }
        }
    }
}

fn list(items: &[Item], out: &mut String) {
    out.push_str("<ul>\n");
    for item in items {
        put!(out, "<li>{}", line(&item.text));
        if !item.items.is_empty() {
            out.push('\n');
            list(&item.items, out);
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

fn line(text: &Text) -> String {
    let spans = text.0.iter().map(|span| match span {
        Span::Plain(text) => escaped(text),
        Span::Strong(text) => format!("<strong>{}</strong>", escaped(text)),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Link { text, to } => format!("<a href=\"#{}\">{}</a>", escaped(to), escaped(text)),
    });
    spans.collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_becomes_markup() {
        let text = Text::plain("<script>alert('x')</script> & \"y\"");
        let page = html(&Document { title: "<b>".to_owned(), lang: "zh", blocks: vec![Block::Paragraph(text)] });
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;"));
        assert!(page.contains("<title>&lt;b&gt;</title>"));
        assert!(!page.contains("http"), "nothing is fetched from anywhere");
    }
}
