//! Reads how a file's table is laid out: the same keys wherever a file is described.

use super::Encoding;
use super::block::Block;
use super::tree::Value;
use crate::parse::grid::{
    Closing, ClosingRow, GridFormat, Head, Layout, MonthColumns, Sheets, Skip, SkipTest, folded, limits,
};

/// Encodings of text; `mixed` is read line by line.
const ENCODINGS: [(&str, Option<Encoding>); 6] = [
    ("gbk", Some(Encoding::Gbk)),
    ("gb18030", Some(Encoding::Gb18030)),
    ("utf-8", Some(Encoding::Utf8)),
    ("utf-16le", Some(Encoding::Utf16Le)),
    ("utf-16be", Some(Encoding::Utf16Be)),
    ("mixed", None),
];

const FORMATS: [(&str, GridFormat); 7] = [
    ("csv", GridFormat::Csv),
    ("txt", GridFormat::Txt),
    ("fixed", GridFormat::Fixed),
    ("xlsx", GridFormat::Xlsx),
    ("xls", GridFormat::Xls),
    ("html", GridFormat::Html),
    ("auto", GridFormat::Auto),
];

/// Reads a layout. What a format has no use for is reported as unused when the block is finished.
pub(super) fn layout(block: &Block<'_>, default: GridFormat) -> Layout {
    let mut layout = Layout::new(block.word("format", &FORMATS).unwrap_or(default));
    let format = layout.format;
    let sheets = matches!(format, GridFormat::Xlsx | GridFormat::Xls | GridFormat::Auto);
    if format.is_text() || matches!(format, GridFormat::Html | GridFormat::Auto) {
        match block.word("encoding", &ENCODINGS) {
            Some(Some(encoding)) => layout.encoding = encoding,
            Some(None) => (layout.encoding, layout.mixed) = (Encoding::Gb18030, true),
            None => {}
        }
    }
    if matches!(format, GridFormat::Csv | GridFormat::Txt) {
        layout.delimiter = one_byte(block, "delimiter").unwrap_or(b',');
    }
    if format == GridFormat::Csv {
        layout.quote = one_byte(block, "quote").unwrap_or(b'"');
        if layout.quote == layout.delimiter {
            block.report(block.place().error("connect::bad_delimiter", "quote and delimiter are the same", "here"));
        }
    }
    if sheets {
        layout.sheets = match block.text("sheet") {
            None => Sheets::First,
            Some("*") => Sheets::All,
            Some(name) => Sheets::Named(name.to_owned()),
        };
    } else if format == GridFormat::Html {
        layout.sheets = match block.text_at("sheet") {
            None => Sheets::First,
            Some(("*", _)) => Sheets::All,
            Some((_, place)) => {
                block.report(
                    place
                        .error("connect::wrong_type", "tables of a page have no names", "here")
                        .help("`*` for all of them; left out, the first"),
                );
                Sheets::First
            }
        };
    }
    columns(block, &mut layout);
    head(block, &mut layout);
    layout.alias = alias(block);
    layout.skip = block.blocks("skip").unwrap_or_default().into_iter().filter_map(skip).collect();
    layout.until = block.text("until").map(str::to_owned);
    layout.closing = closing(block, format);
    layout.months = block.block("months").map(|inner| months(inner, layout.head_rows));
    if layout.months.is_some() && matches!(layout.head, Head::Given(_)) {
        block.report(
            block
                .place()
                .error("connect::unused_option", "months are found among the file's own column names", "here")
                .help("a file whose names the manifest gives has no columns of months"),
        );
    }
    layout
}

fn one_byte(block: &Block<'_>, key: &'static str) -> Option<u8> {
    let (text, place) = block.text_at(key)?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => {
            block.report(
                place
                    .error("connect::bad_delimiter", format!("a {key} is one ASCII character"), "here")
                    .help("such as \",\", \"|\" or \"\\t\""),
            );
            None
        }
    }
}

/// `columns`: names of a file that has none, with their widths in bytes where they are fixed.
fn columns(block: &Block<'_>, layout: &mut Layout) {
    if !layout.format.is_text() {
        return;
    }
    if layout.format != GridFormat::Fixed {
        if let Some(names) = block.texts("columns") {
            layout.head = Head::Given(names.into_iter().map(|(name, _)| name.to_owned()).collect());
        }
        return;
    }
    if matches!(layout.encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
        block.report(
            block
                .place()
                .error("connect::bad_width", "columns of fixed bytes are not found in UTF-16", "here")
                .help("gbk, gb18030 or utf-8"),
        );
    }
    let mut names = Vec::new();
    for inner in block.blocks("columns").unwrap_or_default() {
        names.push(inner.need_text("name", "the column's name").0.to_owned());
        let width: Option<usize> = inner.number("width");
        if width.is_none() && inner.node("width").is_none() {
            inner.missing("width", "how many bytes it takes in the file's encoding");
        }
        if width == Some(0) {
            inner.report(inner.place().error("connect::bad_width", "a column has at least one byte", "here"));
        }
        layout.widths.push(width.unwrap_or(1));
        inner.finish(&[]);
    }
    if names.is_empty() {
        block.missing("columns", "[{ name = \"户号\", width = 12 }, ..]: where each column ends");
    }
    layout.head = Head::Given(names);
}

fn head(block: &Block<'_>, layout: &mut Layout) {
    if matches!(layout.head, Head::Given(_)) {
        return;
    }
    let found = block.text_at("header");
    let row = block.number::<usize>("header_row");
    match (found, row) {
        (Some((_, place)), Some(_)) => block.report(
            place
                .error("connect::two_headers", "the row of names is found by a name or by its number", "here")
                .help("header or header_row, not both"),
        ),
        (Some((name, _)), None) => layout.head = Head::Found(name.to_owned()),
        (None, Some(0)) => block.report(
            block.place().error("connect::wrong_type", "`header_row` counts from 1", "here").help("as the file's rows"),
        ),
        (None, Some(row)) => layout.head = Head::Row(row),
        (None, None) => {}
    }
    if let Some(rows) = block.number::<usize>("header_rows") {
        if (1..=limits::HEAD_ROWS).contains(&rows) {
            layout.head_rows = rows;
        } else if let Some(node) = block.node("header_rows") {
            let text = format!("names stand in 1 to {} rows", limits::HEAD_ROWS);
            block.report(node.place.error("connect::wrong_type", text, "here"));
        }
    }
}

fn alias(block: &Block<'_>) -> Vec<(String, String)> {
    let Some(node) = block.node("alias") else { return Vec::new() };
    let Value::Table(table) = &node.value else {
        block.report(
            node.place
                .error("connect::wrong_type", "`alias` must be a table", "here")
                .help("{ \"the file's spelling\" = \"the name in this manifest\" }"),
        );
        return Vec::new();
    };
    let mut aliases: Vec<(String, String)> = Vec::new();
    for (other, place, value) in &table.entries {
        let Value::Text(own) = &value.value else {
            block.report(place.error(
                "connect::wrong_type",
                format!("what `{other}` is called here must be a text"),
                "here",
            ));
            continue;
        };
        let key = folded(other);
        if aliases.iter().any(|(seen, _)| *seen == key) {
            block.report(
                place
                    .error("connect::alias_twice", format!("`{other}` stands twice"), "second time")
                    .help("spellings are compared without blanks and in one width"),
            );
        }
        aliases.push((key, own.clone()));
    }
    aliases
}

fn skip(inner: Block<'_>) -> Option<Skip> {
    let column = inner.need_text("column", "the column that tells").0.to_owned();
    let text = |key: &'static str| inner.text(key).map(str::to_owned);
    let empty = inner.flag("empty").unwrap_or(false).then_some(SkipTest::Empty);
    let tests: Vec<SkipTest> =
        [text("contains").map(SkipTest::Contains), text("is").map(SkipTest::Is), empty].into_iter().flatten().collect();
    if tests.len() != 1 || tests.contains(&SkipTest::Contains(String::new())) {
        inner.report(
            inner
                .place()
                .error("connect::bad_skip", "a row is skipped by one test", "here")
                .help("contains = \"小计\", is = \"小计\" or empty = true"),
        );
    }
    inner.finish(&[]);
    Some(Skip { column, test: tests.into_iter().next()? })
}

fn closing(block: &Block<'_>, format: GridFormat) -> Option<Closing> {
    let node = block.node("trailer")?;
    if let Value::Text(text) = &node.value {
        let _ = block.text("trailer");
        if !format.is_text() {
            block.report(
                node.place
                    .error("connect::bad_trailer", "a closing line is of a text file", "here")
                    .help("of a sheet: trailer = { find = \"合计\", count = \"户名\", sum = \"金额\" }"),
            );
        } else if !text.contains("{count}") {
            block.report(
                node.place
                    .error("connect::bad_trailer", "a trailer needs {count}", "here")
                    .help("the last line as the institution writes it, such as #count:{count};sum:{sum}"),
            );
        }
        return Some(Closing::Line(text.clone()));
    }
    let inner = block.block("trailer")?;
    let row = ClosingRow {
        find: inner.need_text("find", "what the closing row says, such as 合计").0.to_owned(),
        count: inner.need_text("count", "the column with the count of rows").0.to_owned(),
        sum: inner.text("sum").map(str::to_owned),
    };
    inner.finish(&[]);
    Some(Closing::Row(row))
}

fn months(inner: Block<'_>, head_rows: usize) -> MonthColumns {
    let (columns, place) = inner.need_text("columns", "how the months' columns are called, such as %Y年%m月");
    if !columns.is_empty() && (!columns.contains("%Y") || !columns.contains("%m")) {
        inner.report(
            place
                .error("connect::bad_format", format!("`{columns}` does not name a month"), "here")
                .help("a format with %Y and %m, such as %Y年%m月"),
        );
    }
    let months = MonthColumns {
        columns: columns.to_owned(),
        month: inner.need_text("month", "the column that the month then stands in").0.to_owned(),
        value: inner.text("value").map(str::to_owned),
    };
    if months.value.is_none() && head_rows < 2 {
        inner.missing("value", "the column that the cell then stands in (with header_rows = 2 the lower names are it)");
    }
    inner.finish(&[]);
    months
}
