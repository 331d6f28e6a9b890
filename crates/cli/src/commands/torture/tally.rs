//! What was survived: strikes by kind of fault and transport, kills by boundary; and what was not met.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hedui_connect::Source;
use hedui_connect::manifest::Mode;
use hedui_sim::{FaultKind, Target, Way};
use hedui_verify::Boundary;
use serde_json::{Value, json};

use crate::terminal;

/// One kind of fault on one transport.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    planned: u64,
    /// Of them, those that struck.
    met: u64,
    strikes: u64,
}

/// Counts over all rounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) rounds: u64,
    faults: BTreeMap<(FaultKind, Way), Cell>,
    /// What can strike at the sources that are asked.
    reachable: BTreeSet<(FaultKind, Way)>,
    /// Kills at boundaries, and how often one was meant.
    at: BTreeMap<Boundary, (u64, u64)>,
    /// No source that is asked answers later: nothing is ever submitted.
    nothing_waits: bool,
    /// Kills at random moments.
    pub(super) random: u64,
    /// Runs of `acquire`, killed or not.
    pub(super) runs: u64,
    /// What was compared with a calm run in the end.
    pub(super) asks: u64,
    pub(super) records: u64,
    pub(super) findings: u64,
    /// Rows of the outcomes' history that were checked.
    pub(super) checked: u64,
}

impl Tally {
    /// Nothing yet, over these sources.
    pub(super) fn over<'a>(sources: impl Iterator<Item = &'a Source>) -> Self {
        let mut tally = Self { nothing_waits: true, ..Self::default() };
        for source in sources {
            let target = Target::of(source);
            tally.reachable.extend(target.kinds.iter().map(|kind| (*kind, target.way)));
            tally.nothing_waits &= source.mode != Mode::Exchange;
        }
        tally
    }

    pub(super) fn fault(&mut self, kind: FaultKind, way: Way, strikes: u64) {
        let cell = self.faults.entry((kind, way)).or_default();
        cell.planned += 1;
        cell.met += u64::from(strikes > 0);
        cell.strikes += strikes;
    }

    /// Faults of this kind on this transport that struck.
    pub(super) fn met(&self, kind: FaultKind, way: Way) -> u64 {
        self.faults.get(&(kind, way)).map_or(0, |cell| cell.met)
    }

    pub(super) fn tried(&mut self, boundary: Boundary, killed: bool) {
        let (kills, tries) = self.at.entry(boundary).or_default();
        *kills += u64::from(killed);
        *tries += 1;
    }

    /// Whether a run can pass a boundary at all.
    pub(super) fn can_kill(&self, boundary: Boundary) -> bool {
        let waits = matches!(boundary, Boundary::Submitted | Boundary::Put | Boundary::LeftPending);
        !(waits && self.nothing_waits)
    }

    pub(super) fn kills_at(&self, boundary: Boundary) -> u64 {
        self.at.get(&boundary).map_or(0, |(kills, _)| *kills)
    }

    pub(super) fn tries_at(&self, boundary: Boundary) -> u64 {
        self.at.get(&boundary).map_or(0, |(_, tries)| *tries)
    }

    pub(super) fn kills(&self) -> u64 {
        self.at.values().map(|(kills, _)| kills).sum::<u64>() + self.random
    }

    pub(super) fn strikes(&self) -> u64 {
        self.faults.values().map(|cell| cell.strikes).sum()
    }

    /// What could have struck and never did, and boundaries that were never killed at.
    pub(super) fn missed(&self) -> Vec<String> {
        let cells = self.reachable.iter().filter(|(kind, way)| self.met(*kind, *way) == 0);
        let boundaries = Boundary::ALL.into_iter().filter(|b| self.can_kill(*b) && self.kills_at(*b) == 0);
        cells
            .map(|(kind, way)| format!("{kind} over {} never struck", way.as_str()))
            .chain(boundaries.map(|boundary| format!("no kill at {}", boundary.as_str())))
            .collect()
    }

    /// A cell of the matrix: strikes; `-` where the kind means nothing on the transport (as `sim faults` says); none where
    /// no source that is asked can be hit so.
    fn cell(&self, kind: FaultKind, way: Way) -> Value {
        match self.faults.get(&(kind, way)) {
            Some(cell) => cell.strikes.into(),
            None if kind.does(way).is_none() => "-".into(),
            None if self.reachable.contains(&(kind, way)) => 0.into(),
            None => Value::Null,
        }
    }

    fn boundary(&self, boundary: Boundary) -> Value {
        if self.can_kill(boundary) { self.kills_at(boundary).into() } else { "-".into() }
    }

    pub(super) fn to_json(&self, took: Duration) -> Value {
        let faults = self.faults.iter().map(|((kind, way), cell)| {
            json!({
                "kind": kind.as_str(), "transport": way.as_str(),
                "planned": cell.planned, "met": cell.met, "struck": cell.strikes,
            })
        });
        let row = |kind: FaultKind| -> Value {
            Way::ALL.into_iter().map(|way| (way.as_str().to_owned(), self.cell(kind, way))).collect()
        };
        let matrix: Value = FaultKind::ALL.into_iter().map(|kind| (kind.as_str().to_owned(), row(kind))).collect();
        let at: Value = Boundary::ALL.into_iter().map(|b| (b.as_str().to_owned(), self.boundary(b))).collect();
        json!({
            "rounds": self.rounds, "runs": self.runs, "kills": self.kills(), "kills_at": at,
            "kills_at_random": self.random, "faults": faults.collect::<Vec<_>>(), "matrix": matrix,
            "strikes": self.strikes(), "missed": self.missed(),
            "asks": self.asks, "records": self.records, "findings": self.findings, "outcomes_checked": self.checked,
            "seconds": took.as_secs_f64(),
        })
    }

    /// Takes up what an earlier run met: the faults and kills of its JSON.
    pub(super) fn after(&mut self, earlier: &Value) {
        for fault in earlier["faults"].as_array().into_iter().flatten() {
            let kind = fault["kind"].as_str().and_then(|kind| kind.parse().ok());
            let way = Way::ALL.into_iter().find(|way| Some(way.as_str()) == fault["transport"].as_str());
            let (Some(kind), Some(way)) = (kind, way) else { continue };
            let count = |name: &str| fault[name].as_u64().unwrap_or(0);
            let cell = self.faults.entry((kind, way)).or_default();
            *cell = Cell { planned: count("planned"), met: count("met"), strikes: count("struck") };
        }
        for boundary in Boundary::ALL {
            let kills = earlier["kills_at"][boundary.as_str()].as_u64().unwrap_or(0);
            self.at.insert(boundary, (kills, kills));
        }
    }

    pub(super) fn print(&self, took: Duration) {
        let planned: u64 = self.faults.values().map(|cell| cell.planned).sum();
        terminal::heading("Survived");
        terminal::line(format!(
            "{} rounds, {} runs of acquire, {} kills, {planned} faults that struck {} times, {:.0} s",
            self.rounds,
            self.runs,
            self.kills(),
            self.strikes(),
            took.as_secs_f64()
        ));
        terminal::line(format!(
            "{} asks, {} records and {} findings and flags are as in a calm run; {} outcomes on the way were checked: none cleared anybody wrongly",
            self.asks, self.records, self.findings, self.checked
        ));
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let rows: Vec<Vec<String>> = FaultKind::ALL
            .into_iter()
            .map(|kind| {
                let cells = Way::ALL.into_iter().map(|way| text(self.cell(kind, way)));
                std::iter::once(kind.to_string()).chain(cells).collect()
            })
            .collect();
        let mut header = vec!["strikes (-: cannot be)"];
        header.extend(Way::ALL.map(Way::as_str));
        terminal::table(&header, &rows);
        let rows: Vec<Vec<String>> = Boundary::ALL
            .into_iter()
            .map(|boundary| vec![boundary.as_str().to_owned(), text(self.boundary(boundary))])
            .chain([vec!["a random moment".to_owned(), self.random.to_string()]])
            .collect();
        terminal::table(&["killed at", "times"], &rows);
    }
}
