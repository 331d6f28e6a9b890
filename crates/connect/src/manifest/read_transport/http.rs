//! Reads what `http` and `soap` need.

use super::super::block::Block;
use super::super::read::Reading;
use super::super::read_outcome::selector;
use super::super::tree::{Place, Value};
use super::super::{AskBlock, Encoding, Given, KeyPart, PagePlan, PageStyle};
use super::given;
use crate::selector::Format;
use crate::template::Template;

pub(super) fn path(block: &Block<'_>) -> String {
    let (path, place) = block.need_text("path", "the path under the site's endpoint");
    if !path.is_empty() && (!path.starts_with('/') || path.contains(['?', '{', ' '])) {
        block.report(
            place
                .error("connect::bad_url_path", "a path begins with / and holds no query", "here")
                .help("what is asked goes into the body: nothing personal may stand in a URL"),
        );
    }
    path.to_owned()
}

pub(super) fn headers(block: &Block<'_>) -> Vec<(String, Given)> {
    let Some(node) = block.node("headers") else { return Vec::new() };
    let Value::Table(table) = &node.value else {
        block.report(node.place.error("connect::wrong_type", "`headers` must be a table", "here"));
        return Vec::new();
    };
    table
        .entries
        .iter()
        .filter_map(|(name, place, node)| match &node.value {
            Value::Text(text) => Some((name.to_lowercase(), given(text))),
            _ => {
                block.report(place.error("connect::wrong_type", format!("header `{name}` must be a text"), "here"));
                None
            }
        })
        .collect()
}

/// The encoding of a gateway, which must have every character of the body's own text.
pub(super) fn encoding(block: &Block<'_>, body: &Template) -> Encoding {
    let words = [("utf-8", Encoding::Utf8), ("gbk", Encoding::Gbk), ("gb18030", Encoding::Gb18030)];
    let encoding = block.word("encoding", &words).unwrap_or(Encoding::Utf8);
    if encoding == Encoding::Gbk
        && encoding_rs::GBK.encode(body.as_str()).2
        && let Some((_, place)) = block.text_at("encoding")
    {
        block.report(
            place
                .error("connect::unencodable_body", "the body holds a character that GBK lacks", "not this encoding")
                .help("write gb18030, which has every character, or leave the character out of the body"),
        );
    }
    encoding
}

pub(super) fn body(block: &Block<'_>, format: Format, ask: &AskBlock, reading: &Reading<'_>) -> Template {
    let inline = block.text_at("body");
    let named = block.text_at("body_file");
    let (text, place): (String, Place) = match (inline, named) {
        (Some((text, place)), None) => (text.to_owned(), place.clone()),
        (None, Some((name, place))) => match reading.file_beside(place, name) {
            Some(file) => {
                let span = 0..file.text.lines().next().map_or(0, str::len);
                (file.text.clone(), Place { file, span })
            }
            None => return Template::new("", format),
        },
        (Some(_), Some((_, place))) => {
            block.report(place.error("connect::two_bodies", "`body` and `body_file` are both given", "one too many"));
            return Template::new("", format);
        }
        (None, None) => {
            block.missing("body", "the request's body, or body_file = a template beside this manifest");
            return Template::new("", format);
        }
    };
    let template = Template::new(text, format);
    if ask.window.is_some() && !template.as_str().contains("period.") {
        block.report(
            place
                .error(
                    "connect::window_not_asked",
                    "the period is asked in windows, but the body names none",
                    "this template",
                )
                .help("write {{ period.from }} and {{ period.until }} into it: each call gives other months"),
        );
    }
    let with_id = ask.key.contains(&KeyPart::IdNumber);
    if let Err(error) = template.try_out(ask.months.is_some(), ask.batch, with_id) {
        block.report(place.error("connect::bad_template", error, "this template").help(
            "it may read subjects (id_number, name), period.from and period.until, request_id, page_no, page_offset, page_cursor, page_size",
        ));
    }
    template
}

/// How replies are split into pages; the body must ask for the one it wants.
pub(super) fn page(block: Block<'_>, format: Format, body: &Template) -> Option<PagePlan> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Style {
        Number,
        Offset,
        Cursor,
    }
    let words = [("number", Style::Number), ("offset", Style::Offset), ("cursor", Style::Cursor)];
    let style = block.word("style", &words).unwrap_or(Style::Number);
    let word = match style {
        Style::Number => "page_no",
        Style::Offset => "page_offset",
        Style::Cursor => "page_cursor",
    };
    if !body.as_str().is_empty() && !body.as_str().contains(word) {
        block.report(
            block
                .place()
                .error(
                    "connect::page_not_asked",
                    format!("the body does not name the page it wants by `{word}`"),
                    "these pages",
                )
                .help(format!("write {{{{ {word} }}}} into it, or every call gets the first page")),
        );
    }
    let size = block.number("size").filter(|n| *n > 0);
    if size.is_none() {
        block.missing("size", "items a page");
    }
    let total = selector(&block, "total", format);
    let wants_total = block.flag("check_total").unwrap_or(style != Style::Cursor || total.is_some());
    if total.is_none() && block.node("total").is_none() && (style != Style::Cursor || wants_total) {
        block.missing("total", "where a page says how many items there are in all");
    }
    let style = match style {
        Style::Number => Some(PageStyle::Number),
        Style::Offset => Some(PageStyle::Offset),
        Style::Cursor => {
            let cursor = selector(&block, "cursor", format);
            if cursor.is_none() && block.node("cursor").is_none() {
                block.missing("cursor", "where a page says what names the next one");
            }
            cursor.map(PageStyle::Cursor)
        }
    };
    block.finish(&[("cursor", "style = \"cursor\"")]);
    let by_count = !matches!(style, Some(PageStyle::Cursor(_)));
    if by_count && total.is_none() {
        return None;
    }
    Some(PagePlan { style: style?, size: size?, total, check_total: wants_total })
}
