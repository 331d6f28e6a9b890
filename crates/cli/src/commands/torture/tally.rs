//! What was survived: faults by kind and transport, kills by boundary.

use std::collections::BTreeMap;
use std::time::Duration;

use hedui_sim::{FaultKind, Way};
use hedui_verify::Boundary;

use crate::terminal;

/// Counts over all rounds.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rounds: u64,
    /// Faults that were planned, and how often they struck.
    faults: BTreeMap<(FaultKind, Way), (u64, u64)>,
    /// Kills at boundaries.
    at: BTreeMap<Boundary, u64>,
    /// Kills at random moments.
    pub(super) random: u64,
    /// Runs of `acquire`, killed or not.
    pub(super) runs: u64,
    /// Pairs and records that were compared with a calm run in the end.
    pub(super) asks: u64,
    pub(super) records: u64,
    /// Rows of the outcomes' history that were checked.
    pub(super) checked: u64,
}

impl Tally {
    pub(super) fn fault(&mut self, kind: FaultKind, way: Way, struck: u64) {
        let entry = self.faults.entry((kind, way)).or_default();
        entry.0 += 1;
        entry.1 += struck;
    }

    pub(super) fn kill(&mut self, boundary: Boundary) {
        *self.at.entry(boundary).or_default() += 1;
    }

    pub(super) fn kills(&self) -> u64 {
        self.at.values().sum::<u64>() + self.random
    }

    pub(super) fn strikes(&self) -> u64 {
        self.faults.values().map(|(_, struck)| struck).sum()
    }

    pub(super) fn to_json(&self, took: Duration) -> serde_json::Value {
        let faults = self.faults.iter().map(|((kind, way), (planned, struck))| {
            serde_json::json!({ "kind": kind.as_str(), "transport": way.as_str(), "planned": planned, "struck": struck })
        });
        let at: serde_json::Map<_, _> =
            self.at.iter().map(|(boundary, count)| (boundary.as_str().to_owned(), (*count).into())).collect();
        serde_json::json!({
            "rounds": self.rounds, "runs": self.runs, "kills": self.kills(), "kills_at": at,
            "kills_at_random": self.random, "faults": faults.collect::<Vec<_>>(), "strikes": self.strikes(),
            "asks": self.asks, "records": self.records, "outcomes_checked": self.checked,
            "seconds": took.as_secs_f64(),
        })
    }

    pub(super) fn print(&self, took: Duration) {
        let planned: u64 = self.faults.values().map(|(planned, _)| planned).sum();
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
            "{} asks and {} records are as in a calm run; {} outcomes on the way were checked: none cleared anybody wrongly",
            self.asks, self.records, self.checked
        ));
        let cell = |kind: FaultKind, way: Way| match self.faults.get(&(kind, way)) {
            Some((planned, struck)) => format!("{planned} ({struck})"),
            None if kind.does(way).is_none() => "-".to_owned(),
            None => "0".to_owned(),
        };
        let rows: Vec<Vec<String>> = FaultKind::ALL
            .into_iter()
            .map(|kind| {
                let cells = Way::ALL.into_iter().map(|way| cell(kind, way));
                std::iter::once(kind.to_string()).chain(cells).collect()
            })
            .collect();
        let mut header = vec!["faults (strikes)"];
        header.extend(Way::ALL.map(Way::as_str));
        terminal::table(&header, &rows);
        let rows: Vec<Vec<String>> = Boundary::ALL
            .into_iter()
            .map(|boundary| {
                vec![boundary.as_str().to_owned(), self.at.get(&boundary).copied().unwrap_or(0).to_string()]
            })
            .chain([vec!["a random moment".to_owned(), self.random.to_string()]])
            .collect();
        terminal::table(&["killed at", "times"], &rows);
    }
}
