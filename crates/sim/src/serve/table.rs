//! Rows of a source as lines of a table: the columns that its manifest reads, and a line for each row of each person.

use hedui_connect::Selector;
use hedui_connect::manifest::Verdict;

use super::ServeError;
use super::place::Place;
use super::says::{Saying, says};
use super::wire::{WireRow, WireSource, column};
use crate::faults::Mood;

/// How a source's lines are written.
pub(super) struct TableForm {
    /// Columns that say whose line it is: number, then name.
    echo: [Vec<String>; 2],
    found: Option<(String, String)>,
    no_record: Option<(String, String)>,
}

impl TableForm {
    pub(super) fn new(wire: &WireSource) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let name = |selector: &Selector| Place::of(source, selector).map(|place| place.column().to_owned());
        let said = |verdict| match says(source, &outcome.item_is, verdict)? {
            Some(Saying::Text(place, text)) => Ok(Some((place.column().to_owned(), text))),
            _ => Ok::<_, ServeError>(None),
        };
        let mut numbers: Vec<String> =
            outcome.item_key.iter().chain(&outcome.echo_id).map(name).collect::<Result<_, _>>()?;
        numbers.dedup();
        let names = outcome.echo_name.iter().map(name).collect::<Result<_, _>>()?;
        Ok(Self { echo: [numbers, names], found: said(Verdict::Found)?, no_record: said(Verdict::NoRecord)? })
    }

    /// Whether the table can say that there is nothing about somebody.
    pub(super) const fn says_nothing(&self) -> bool {
        self.no_record.is_some()
    }

    /// Names of all columns, each once, after those given.
    pub(super) fn header(&self, wire: &WireSource, first: &[&str], mood: Mood) -> Vec<String> {
        let mut header: Vec<String> = first.iter().map(|&name| name.to_owned()).collect();
        let verdict = self.found.iter().chain(&self.no_record).map(|(name, _)| name.clone());
        let more = self.echo[0].iter().chain(&self.echo[1]).cloned().chain(verdict).chain(wire.columns(mood));
        for name in more {
            if !header.contains(&name) {
                header.push(name);
            }
        }
        header
    }

    /// A line: cells by the header's names; `first` stands under the names given to [`TableForm::header`].
    pub(super) fn line(
        &self,
        wire: &WireSource,
        header: &[String],
        first: &[(&str, &str)],
        echo: &(String, String),
        row: Option<&WireRow>,
    ) -> Vec<String> {
        let verdict = if row.is_some() { &self.found } else { &self.no_record };
        let as_of = wire.row_as_of();
        let text = |name: &String| -> String {
            if let Some((_, text)) = first.iter().find(|(n, _)| n == name) {
                return (*text).to_owned();
            }
            if self.echo[0].contains(name) {
                return echo.0.clone();
            }
            if self.echo[1].contains(name) {
                return echo.1.clone();
            }
            if let Some((_, text)) = verdict.as_ref().filter(|(n, _)| n == name) {
                return text.clone();
            }
            let cells = row.map_or(&[][..], |row| row.cells.as_slice());
            if let Some(cell) = cells.iter().find(|cell| column(&cell.steps) == name.as_str()) {
                return cell.text.clone();
            }
            as_of
                .as_ref()
                .filter(|(steps, _)| column(steps) == name.as_str())
                .map_or_else(String::new, |(_, t)| t.clone())
        };
        header.iter().map(text).collect()
    }
}
