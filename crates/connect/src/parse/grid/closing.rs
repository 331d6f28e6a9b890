//! What closes a table and says how much there was.

use hedui_base::Fen;

use super::{Closing, Flaw, Layout};
use crate::convert::Cell;
use crate::parse::Reason;

/// What the closing line or row said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Closed {
    /// Records.
    pub(crate) count: Option<usize>,
    /// The sum, as the row writes it.
    pub(crate) sum: Option<Cell>,
}

/// The pattern of a closing line, if there is one.
pub(super) const fn pattern(layout: &Layout) -> Option<&String> {
    match &layout.closing {
        Some(Closing::Line(pattern)) => Some(pattern),
        _ => None,
    }
}

pub(super) fn no_line() -> Flaw {
    Flaw::new(Reason::TrailerMismatch, "last line".into())
}

/// `#count:{count};sum:{sum}` against a line.
pub(crate) fn of_line(pattern: &str, line: &str) -> Option<(usize, Option<Fen>)> {
    let (before, rest) = pattern.split_once("{count}")?;
    let line = line.trim().strip_prefix(before)?;
    let Some((between, after)) = rest.split_once("{sum}") else {
        return Some((line.strip_suffix(rest)?.parse().ok()?, None));
    };
    let (count, line) = line.split_once(between)?;
    let sum = line.strip_suffix(after)?;
    Some((count.parse().ok()?, Some(sum.parse().ok()?)))
}

/// Takes the last line of a text, if the layout closes with one.
pub(super) fn cut_line(text: &mut String, layout: &Layout, closing: &mut Option<String>) -> Result<(), Flaw> {
    let Some(pattern) = pattern(layout) else { return Ok(()) };
    let end = text.trim_end().len();
    let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start..end];
    if of_line(pattern, line).is_none() {
        return Err(no_line());
    }
    *closing = Some(line.to_owned());
    text.truncate(start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_is_its_pattern_or_nothing() {
        let pattern = "#count:{count};sum:{sum}";
        assert_eq!(of_line(pattern, "#count:3;sum:51234.56"), Some((3, Some(Fen::new(5_123_456)))));
        assert_eq!(of_line("{count} 条", "12 条"), Some((12, None)));
        for bad in ["#count:3;sum:", "#count:;sum:1", "count:3;sum:1", "#count:3", "2|李四|1"] {
            assert_eq!(of_line(pattern, bad), None, "{bad}");
        }
    }
}
