//! Files made to take all of memory or time: each is refused for what there is too much of in it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Cursor, Write as _};

use rust_xlsxwriter::{Format, Workbook};

use super::{GridFormat, Head, Layout, MonthColumns, limits, read};

/// A layout with two rows of names.
fn two_rows(format: GridFormat) -> Layout {
    Layout { head_rows: 2, ..Layout::new(format) }
}

fn months() -> Layout {
    let months = MonthColumns { columns: "%Y-%m".into(), month: "month".into(), value: Some("fee".into()) };
    Layout { months: Some(months), ..Layout::new(GridFormat::Csv) }
}

/// A workbook with one member that unpacks to so many zeros.
fn bomb(zeros: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![0; zeros]).unwrap();
    zip.finish().unwrap().into_inner()
}

fn archive(members: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for member in 0..members {
        zip.start_file(format!("{member}"), zip::write::SimpleFileOptions::default()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook whose names begin in this row, with many merged cells above them if asked for.
fn sheet(merges: u32) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for column in 0..16_383 {
        sheet.write(merges + 1, column, "x").unwrap();
    }
    for row in 0..merges {
        sheet.merge_range(row, 0, row, 1, "", &Format::new()).unwrap();
    }
    sheet.write(merges, 16_383, "x").unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn what_is_too_much_is_refused() {
    let (csv, html, xlsx) =
        (Layout::new(GridFormat::Csv), Layout::new(GridFormat::Html), Layout::new(GridFormat::Xlsx));
    let wide = ",".repeat(limits::COLUMNS);
    let long = "x".repeat(limits::CELL_BYTES + 1);
    let name = format!("{}\n", "x".repeat(limits::NAME_BYTES + 1));
    let many =
        (0..=limits::MONTHS).map(|n| format!("{}-{:02}", 2000 + n / 12, n % 12 + 1)).collect::<Vec<_>>().join(",");
    let nested = format!("<html>{}", "<table><tr><td>".repeat(limits::NESTING + 1));
    let spans = format!("<table><tr>{}", "<td colspan=1000>x</td>".repeat(17));
    let reaching = format!("<table><tr>{}", "<td rowspan=9>x</td>".repeat(limits::REACHING + 1));
    for (layout, file, expected) in [
        (&csv, wide.as_bytes(), "more than 16384 columns"),
        (&csv, long.as_bytes(), "row 1: a cell is too long"),
        (&csv, name.as_bytes(), "row 1: a column's name is longer than 4096 bytes"),
        (&months(), many.as_bytes(), "more than 240 months side by side"),
        (&html, nested.as_bytes(), "too many tables, or too deep"),
        (&html, "<table></table>".repeat(limits::SHEETS + 1).as_bytes(), "too many tables, or too deep"),
        (&html, spans.as_bytes(), "more than 16384 columns"),
        (&html, reaching.as_bytes(), "too many cells reach into rows below"),
        (&xlsx, &bomb(32 << 20), "unpacks to more than"),
        (&xlsx, &archive(limits::MEMBERS + 1), "more than 4096 members"),
    ] {
        let flaw = read(file, layout).unwrap_err();
        assert!(flaw.place.starts_with(expected), "{} instead of {expected}", flaw.place);
    }
}

#[test]
fn what_only_looks_like_much_is_read() {
    // One cell in each of the outermost corners of a sheet of seventeen thousand million.
    let mut book = Workbook::new();
    let corners = book.add_worksheet();
    corners.write(0, 0, "a").unwrap();
    corners.write(1_048_575, 16_383, "b").unwrap();
    let tables = read(&book.save_to_buffer().unwrap(), &Layout::new(GridFormat::Xlsx)).unwrap();
    assert_eq!(tables[0].rows[0].line, 1_048_576);
    // Many merged cells, none of them among the names.
    let layout = Layout { head: Head::Row(2_001), ..two_rows(GridFormat::Xlsx) };
    assert_eq!(read(&sheet(2_000), &layout).unwrap()[0].rows.len(), 0);
}
