//! CSV and TXT: text cut at a delimiter.

use super::raw::{Meter, RawRow, RawSheet, text_cell};
use super::{Flaw, GridFormat, Layout, text};
use crate::parse::Reason;

pub(super) fn read(bytes: &[u8], layout: &Layout, closing: &mut Option<String>) -> Result<RawSheet, Flaw> {
    let mut flaws = Vec::new();
    let mut whole = text::whole(bytes, layout.encoding, layout.mixed, &mut flaws)?;
    super::closing::cut_line(&mut whole, layout, closing)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(layout.delimiter)
        .quote(layout.quote)
        .quoting(layout.format == GridFormat::Csv)
        .has_headers(false)
        .flexible(true)
        .from_reader(whole.as_bytes());
    let mut meter = Meter::default();
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => return Err(Flaw::new(Reason::SchemaDrift, format!("row {}", reader.position().line()))),
        }
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        meter.row(record.len())?;
        let cells = record.iter().map(|cell| text_cell(cell, line)).collect::<Result<Vec<_>, _>>()?;
        rows.push(RawRow { line, cells });
    }
    Ok(RawSheet { rows, flaws, ..RawSheet::default() })
}
