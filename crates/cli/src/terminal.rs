//! Everything the command prints goes through here.
#![expect(clippy::print_stderr, reason = "this is the one place that talks to the terminal")]

use std::fmt::Display;
use std::io::{IsTerminal, Write as _};

use hedui_base::{Diagnostic, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;

/// Prints a line of results. Whoever reads may stop reading (`| head`): that ends the command quietly.
pub(crate) fn line(text: impl Display) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints a note that is not a result.
pub(crate) fn note(text: impl Display) {
    eprintln!("{text}");
}

/// Prints a JSON value, indented.
pub(crate) fn json(value: &serde_json::Value) {
    line(format_args!("{value:#}"));
}

/// Draws mistakes with their places, as many as there are, and a closing count.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) {
    let theme =
        if std::io::stderr().is_terminal() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(140);
    for diagnostic in diagnostics {
        eprintln!("{}", draw(&handler, diagnostic));
    }
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len() - errors;
    if errors > 0 || warnings > 0 {
        eprintln!("{errors} error(s), {warnings} warning(s)");
    }
}

/// One mistake; places in other files follow as notes of their own.
fn draw(handler: &GraphicalReportHandler, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let mut report =
        miette::MietteDiagnostic::new(diagnostic.message.clone()).with_code(diagnostic.code).with_severity(severity);
    let Some(first) = diagnostic.labels.first() else {
        if let Some(help) = &diagnostic.help {
            report = report.with_help(help.clone());
        }
        return render(handler, &miette::Report::new(report));
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) = diagnostic.labels.iter().partition(|l| l.file.name == first.file.name);
    report = report
        .with_labels(here.iter().map(|l| LabeledSpan::new(Some(l.text.clone()), l.span.start, l.span.len().max(1))));
    let mut help: Vec<String> = elsewhere
        .iter()
        .map(|l| {
            let (line, column) = l.file.line_column(l.span.start);
            format!("{}:{line}:{column}: {}", l.file.name, l.text)
        })
        .collect();
    help.extend(diagnostic.help.clone());
    if !help.is_empty() {
        report = report.with_help(help.join("\n"));
    }
    // A span at the very end of a file needs a character to stand on.
    let text = format!("{}\n", first.file.text);
    render(handler, &miette::Report::new(report).with_source_code(NamedSource::new(&first.file.name, text)))
}

fn render(handler: &GraphicalReportHandler, report: &miette::Report) -> String {
    let mut text = String::new();
    match handler.render_report(&mut text, report.as_ref()) {
        Ok(()) => text,
        Err(_) => report.to_string(),
    }
}

/// Says why a command stopped.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let value = match failure {
            Failure::Mistakes(list) => {
                serde_json::json!({ "error": "mistakes", "mistakes": list.iter().map(Diagnostic::to_json).collect::<Vec<_>>() })
            }
            Failure::BadInput { message, help } => {
                serde_json::json!({ "error": "bad_input", "message": message, "help": help })
            }
            Failure::Machine(message) => serde_json::json!({ "error": "machine", "message": message }),
            Failure::Internal(message) => serde_json::json!({ "error": "internal", "message": message }),
        };
        json(&value);
        return;
    }
    match failure {
        Failure::Mistakes(list) => diagnostics(list),
        Failure::BadInput { message, help } => {
            eprintln!("error: {message}");
            if let Some(help) = help {
                eprintln!("  help: {help}");
            }
        }
        Failure::Machine(message) => eprintln!("error: {message}"),
        Failure::Internal(message) => eprintln!("internal error: {message}"),
    }
}

/// A table with columns aligned by display width, so that Chinese lines up.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|h| h.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let numeric: Vec<bool> = (0..head.len())
        .map(|i| !rows.is_empty() && rows.iter().all(|r| r.get(i).is_some_and(|c| is_number(c))))
        .collect();
    let draw = |cells: Vec<&str>| {
        let mut text = String::from(" ");
        for (i, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(widths[i].saturating_sub(cell.width()));
            let aligned = if numeric[i] { format!(" {pad}{cell}") } else { format!(" {cell}{pad}") };
            text.push_str(&aligned);
            text.push(' ');
        }
        line(text.trim_end());
    };
    draw(head.to_vec());
    for row in rows {
        draw(row.iter().map(String::as_str).collect());
    }
}

fn is_number(cell: &str) -> bool {
    cell.is_empty() || cell.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b',' | b'%' | b' ' | b'+'))
}

/// A heading between parts of a longer output.
pub(crate) fn heading(text: impl Display) {
    line(format_args!("\n== {text}"));
}
