//! `hedui source quarantine | reprocess | replay`: kept replies, looked at again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hedui_base::{SourceId, SourceText};
use hedui_connect::{Registry, Source};
use hedui_verify::{Replayed, Reprocessed, VerifyError, Workspace};

use super::{Ended, Shell, existing, read_text, to_json, with_connectors};
use crate::args::{ConnectorArgs, ReplayArgs};
use crate::failure::{self, Failure};
use crate::terminal;

fn known(ws: &Workspace, source: &str) -> Result<Arc<Source>, Failure> {
    let unknown = || VerifyError::UnknownSource(SourceId::from(source));
    Ok(ws.registry().get(source).cloned().ok_or_else(unknown)?)
}

pub(crate) async fn quarantine(
    shell: Shell,
    source: &str,
    data: &Path,
    limit: u32,
    connectors: &ConnectorArgs,
) -> Ended {
    let ws = existing(data, with_connectors(&connectors.connectors)).await?;
    let source = known(&ws, source)?;
    let rows = ws.ledger().quarantined(Some(&source.id), i64::from(limit)).await.map_err(VerifyError::from)?;
    if shell.json {
        let list: Vec<serde_json::Value> = rows
            .iter()
            .map(|q| {
                serde_json::json!({
                    "reason": q.reason, "place": q.place, "ask": q.ask, "at": q.at, "manifest": q.manifest,
                })
            })
            .collect();
        terminal::json(&serde_json::Value::Array(list));
        return Ok(0);
    }
    let shown: Vec<Vec<String>> = rows
        .iter()
        .map(|q| {
            let ask = q.ask.map_or_else(String::new, |ask| ask.0.to_string());
            vec![q.reason.clone(), q.place.clone(), ask, q.at.strftime("%Y-%m-%d %H:%M").to_string()]
        })
        .collect();
    terminal::table(&["reason 原因", "place 位置", "ask", "at (UTC)"], &shown);
    Ok(0)
}

pub(crate) async fn reprocess(shell: Shell, source: String, data: &Path, connectors: &ConnectorArgs) -> Ended {
    let ws = existing(data, with_connectors(&connectors.connectors)).await?;
    let done = hedui_verify::source_reprocess(&ws, &SourceId::from(source), "source reprocess").await?;
    if shell.json {
        terminal::json(&to_json(&done)?);
    } else {
        show_reprocessed(&done);
    }
    Ok(0)
}

fn show_reprocessed(done: &Reprocessed) {
    if done.replies == 0 && done.gone == 0 {
        terminal::line(format!("{}: nothing to read again 没有需要重新解析的回复", done.source));
        return;
    }
    terminal::line(format!(
        "{}: {} replies read again, {} records; nobody was asked",
        done.source, done.replies, done.records
    ));
    if done.gone > 0 {
        terminal::line(format!("  {} replies are not on file any more; ask again for those", done.gone));
    }
    terminal::line(format!("  before: {}", counts(&done.before)));
    terminal::line(format!("  after:  {}", counts(&done.after)));
    terminal::line(format!("  cured:  {}", counts(&done.cured)));
    terminal::line(format!("  still set aside: {}", counts(&done.set_aside)));
}

fn counts(map: &BTreeMap<String, usize>) -> String {
    if map.is_empty() {
        return "-".to_owned();
    }
    map.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// The source as another manifest file describes it, with everything else as it is.
fn instead(ws: &Workspace, args: &ReplayArgs) -> Result<Arc<Source>, Failure> {
    let source = known(ws, &args.source)?;
    let text = read_text(&args.manifest)?;
    let mut folders = Registry::embedded_folders();
    if let Some(dir) = &args.connectors.connectors {
        let more =
            Registry::read_dir(dir).map_err(|e| Failure::input(format!("cannot read {}: {e}", dir.display())))?;
        folders.retain(|f| more.iter().all(|m| m.name != f.name));
        folders.extend(more);
    }
    for folder in folders.iter_mut().filter(|f| f.name == source.institution) {
        for file in folder.files.iter_mut().filter(|f| f.name == source.file) {
            *file = SourceText::new(source.file.clone(), text.clone());
        }
    }
    // Only this institution and the templates: what is wrong elsewhere is not this file's mistake.
    folders.retain(|f| f.name == source.institution || f.name.starts_with('_'));
    let loaded = Registry::load(&folders, ws.catalogue(), None);
    match loaded.registry.get(&args.source) {
        Some(other) => Ok(Arc::clone(other)),
        None if loaded.has_errors() => Err(Failure::Mistakes(loaded.diagnostics)),
        None => Err(Failure::input(format!("{} is not a manifest of {}", args.manifest.display(), args.source))),
    }
}

pub(crate) async fn replay(shell: Shell, args: ReplayArgs) -> Ended {
    let ws = existing(&args.data, with_connectors(&args.connectors.connectors)).await?;
    let other = instead(&ws, &args)?;
    let told = hedui_verify::source_replay(&ws, &SourceId::from(args.source.as_str()), &other, args.since).await?;
    if shell.json {
        terminal::json(&to_json(&told)?);
    } else {
        show_replayed(&told, args.diff);
    }
    Ok(if args.exit_code && told.differs() { failure::ATTENTION } else { 0 })
}

fn show_replayed(told: &Replayed, diff: bool) {
    terminal::line(format!("{}: {} replies, {} asks", told.source, told.replies, told.asks));
    if told.gone > 0 {
        terminal::line(format!("  {} replies are not on file any more", told.gone));
    }
    terminal::line(format!("  before: {}", counts(&told.before)));
    terminal::line(format!("  after:  {}", counts(&told.after)));
    terminal::line(format!("  moved:  {}", counts(&told.moved)));
    terminal::line(format!(
        "  records: {} added, {} removed, {} changed; columns: {}",
        told.rows_added,
        told.rows_removed,
        told.rows_changed,
        counts(&told.columns)
    ));
    terminal::line(format!("  set aside before: {}", counts(&told.set_aside_before)));
    terminal::line(format!("  set aside after:  {}", counts(&told.set_aside_after)));
    if !told.differs() {
        terminal::line("no evidence would change 证据无变化");
    } else if diff {
        let rows: Vec<Vec<String>> = told
            .changed
            .iter()
            .map(|c| {
                vec![
                    c.ask.to_string(),
                    c.before.clone(),
                    c.after.clone(),
                    format!("+{}", c.added),
                    format!("-{}", c.removed),
                    format!("~{}", c.changed),
                ]
            })
            .collect();
        terminal::table(&["ask", "before", "after", "added", "removed", "changed"], &rows);
    } else {
        terminal::line(format!("{} asks would change; --diff lists them", told.changed.len()));
    }
}
