//! TOML as far as it can be understood, and what is wrong with it.

use hedui_base::Diagnostic;
use toml::de::DeTable;

use super::fields::Reader;

/// Parses TOML as far as it can be understood; `readable` becomes false if something may have been lost.
pub(crate) fn parse_document<'t>(reader: &'t Reader, readable: &mut bool) -> DeTable<'t> {
    let text = reader.file.text.as_str();
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut repeated_header = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        if !error.message().contains("duplicate key") {
            *readable = false;
            reader.push(
                reader
                    .spot(span)
                    .error("rules::toml", format!("this is not TOML: {}", error.message()), "here")
                    .help("write `key = value`; texts in double quotes, several lines in ''' quotes"),
            );
            continue;
        }
        let header = section(text, span.start);
        if repeated_header == Some(header) {
            continue; // All keys below a repeated header are repeated too.
        }
        if header <= span.start && !text[header..span.start].contains('\n') {
            repeated_header = Some(header);
        }
        let name = text.get(span.clone()).unwrap_or("");
        let mut mistake = reader.spot(span.clone()).error(
            "rules::duplicate_key",
            format!("`{name}` stands twice in this file"),
            "second",
        );
        if let Some(first) = first_of(text, &span, header) {
            mistake = mistake.at(&reader.file, first, "first");
        }
        reader.push(mistake.help("a name stands only once; rename one of them or remove it"));
    }
    document.into_inner()
}

/// Where the line of the table header above a place begins; the start of the text if there is none.
fn section(text: &str, at: usize) -> usize {
    let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
    if text[line..].trim_start().starts_with('[') {
        return line;
    }
    text[..line]
        .match_indices('\n')
        .map(|(n, _)| n + 1)
        .chain([0])
        .filter(|n| text[*n..].starts_with('['))
        .max()
        .unwrap_or(0)
}

/// Where a repeated key stood first: as the same header above, or as a key of the same section.
fn first_of(text: &str, span: &std::ops::Range<usize>, header: usize) -> Option<std::ops::Range<usize>> {
    let name = text.get(span.clone())?;
    let line = text[..span.start].rfind('\n').map_or(0, |n| n + 1);
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(n, _)| n + 1));
    let found = if line == header {
        let whole = text[line..].lines().next()?.trim_end();
        starts.take_while(|n| *n < line).find(|n| text[*n..].lines().next().is_some_and(|l| l.trim_end() == whole))?
    } else {
        let is_key = |l: &str| l.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
        starts.filter(|n| (header..line).contains(n)).find(|n| text[*n..].lines().next().is_some_and(is_key))?
    };
    let start = found + text[found..].find(name)?;
    Some(start..start + name.len())
}

/// Leaves out what only follows from TOML that could not be read: other remarks on the same lines, and keys that
/// lost their table.
pub(super) fn without_echoes(mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let line = |m: &Diagnostic| m.labels.first().map(|l| l.file.line_column(l.span.start).0);
    let broken: Vec<_> = mistakes.iter().filter(|m| m.code == "rules::toml").map(line).collect();
    mistakes.into_iter().filter(|m| m.code == "rules::toml" || !broken.contains(&line(m))).collect()
}
