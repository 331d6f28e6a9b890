//! Fixed width: every column is so many bytes of the line in the file's encoding, as banks count.

use super::raw::{Meter, RawRow, RawSheet, text_cell};
use super::{Flaw, Layout, closing, text};
use crate::parse::Reason;

pub(super) fn read(bytes: &[u8], layout: &Layout, trailer: &mut Option<String>) -> Result<RawSheet, Flaw> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines: Vec<(usize, &[u8])> = bytes
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.iter().all(|b| *b == b' '))
        .collect();
    if let Some(pattern) = closing::pattern(layout) {
        let last = lines.pop().and_then(|(_, line)| decoded(line, layout));
        *trailer = Some(last.filter(|line| closing::of_line(pattern, line).is_some()).ok_or_else(closing::no_line)?);
    }
    let total: usize = layout.widths.iter().sum();
    let mut meter = Meter::default();
    let mut sheet = RawSheet::default();
    for (line, bytes) in lines {
        meter.row(layout.widths.len())?;
        if bytes.len() != total {
            // A line that is too short was cut, or its columns stand elsewhere: which, nobody knows.
            sheet.flaws.push(Flaw::new(Reason::SchemaDrift, format!("row {line}: {} bytes, not {total}", bytes.len())));
            continue;
        }
        let mut rest = bytes;
        let mut cells = Vec::with_capacity(layout.widths.len());
        for (index, width) in layout.widths.iter().enumerate() {
            let (field, more) = rest.split_at(*width);
            rest = more;
            let Some(text) = decoded(field, layout) else {
                let place = format!("row {line} column {}", super::header::letters(index));
                sheet.flaws.push(Flaw::new(Reason::Encoding, place));
                break;
            };
            cells.push(text_cell(text.trim(), line)?);
        }
        if cells.len() == layout.widths.len() {
            sheet.rows.push(RawRow { line, cells });
        }
    }
    Ok(sheet)
}

fn decoded(bytes: &[u8], layout: &Layout) -> Option<String> {
    if layout.mixed { text::line_in_any(bytes) } else { text::decode(layout.encoding, bytes) }
}
