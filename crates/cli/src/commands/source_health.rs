//! `hedui source health`: the board.

use std::collections::BTreeMap;
use std::path::Path;

use hedui_verify::{SourceHealth, SourceState};

use super::{Ended, Shell, existing, to_json, with_connectors};
use crate::args::ConnectorArgs;
use crate::terminal;
use crate::words::{self, here};

pub(crate) async fn run(shell: Shell, data: &Path, connectors: &ConnectorArgs) -> Ended {
    let ws = existing(data, with_connectors(&connectors.connectors)).await?;
    let board = hedui_verify::health(&ws).await?;
    if shell.json {
        terminal::json(&to_json(&board)?);
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = board.iter().map(row).collect();
    let head = ["状态", "source", "来源", "查得", "查无", "未知", "p50", "p95", "今日额度", "待发"];
    terminal::table(&head, &rows);
    for line in &board {
        for note in notes(line) {
            terminal::line(format!("  {}: {note}", line.source));
        }
    }
    let missing: std::collections::BTreeSet<i16> = board.iter().filter_map(|l| l.calendar_missing).collect();
    for year in missing {
        terminal::line(format!(
            "{year} 年放假安排未知，期限按周一至周五计；the days off of {year} are unknown: add them to calendar.csv in the data folder"
        ));
    }
    let down = board.iter().filter(|l| l.state == SourceState::Down).count();
    terminal::line(format!("{} sources 个来源, {down} down 故障", board.len()));
    Ok(0)
}

fn row(line: &SourceHealth) -> Vec<String> {
    let percent = |value: Option<f64>| value.map_or_else(String::new, |p| format!("{p:.1}%"));
    let millis = |value: Option<u64>| value.map_or_else(String::new, |ms| format!("{ms}ms"));
    let budget = line.budget.as_ref().map_or_else(String::new, |b| format!("{}/{}", b.used, b.daily));
    vec![
        line.state.zh().to_owned(),
        line.source.clone(),
        // Ten characters of two columns each keep the board within 120 columns.
        line.title.chars().take(10).collect(),
        percent(line.found_percent),
        percent(line.no_record_percent),
        percent(line.unknown_percent),
        millis(line.p50_millis),
        millis(line.p95_millis),
        budget,
        if line.waiting > 0 { line.waiting.to_string() } else { String::new() },
    ]
}

/// What does not fit the table, one short line each.
fn notes(line: &SourceHealth) -> Vec<String> {
    let mut notes = Vec::new();
    if !line.attention.is_empty() {
        notes.push(line.attention.join("，"));
    }
    if let Some(until) = line.breaker.as_ref().and_then(|b| b.open_until) {
        notes.push(format!("暂停查询至 {}", here(until)));
    }
    if let Some(until) = line.maintenance_until {
        notes.push(format!("维护至 {}", here(until)));
    }
    if let Some(pending) = &line.oldest_pending {
        let due = pending.due.map_or_else(String::new, |due| format!("，期限 {due}"));
        notes.push(format!("最早待复 {}{due}", here(pending.since)));
    }
    for (what, counts) in [("未发", &line.held), ("未知原因", &line.causes)] {
        if !counts.is_empty() {
            notes.push(format!("{what} {}", largest(counts, str::to_owned)));
        }
    }
    if !line.quarantined.is_empty() {
        notes.push(format!("隔离 {}", largest(&line.quarantined, words::reason)));
    }
    if let Some(since) = line.manifest_since {
        notes.push(format!("清单 {} 自 {}", &line.manifest[..8.min(line.manifest.len())], here(since)));
    }
    notes
}

/// The largest counts; the others together.
fn largest(counts: &BTreeMap<String, usize>, word: impl Fn(&str) -> String) -> String {
    let mut sorted: Vec<(&String, &usize)> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut shown: Vec<String> = sorted.iter().take(3).map(|(code, count)| format!("{count} {}", word(code))).collect();
    let rest: usize = sorted.iter().skip(3).map(|(_, count)| **count).sum();
    if rest > 0 {
        shown.push(format!("其他 {rest}"));
    }
    shown.join(", ")
}
