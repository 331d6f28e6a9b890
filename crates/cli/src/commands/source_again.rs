//! `hedui source quarantine | reprocess | replay`: kept replies, looked at again.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{SourceId, SourceText};
use hedui_connect::{Registry, Source};
use hedui_verify::{Replayed, Reprocessed, VerifyError, Workspace};

use super::{Ended, Shell, existing, read_text, to_json, with_connectors};
use crate::args::{ConnectorArgs, ReplayArgs};
use crate::failure::{self, Failure};
use crate::terminal;
use crate::words::{self, counts};

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
    if rows.is_empty() {
        terminal::line(format!("{} {}: 没有隔离的内容 nothing is set aside", source.id, source.title.zh));
        return Ok(0);
    }
    let shown: Vec<Vec<String>> = rows
        .iter()
        .map(|q| {
            let ask = q.ask.map_or_else(String::new, |ask| ask.0.to_string());
            vec![words::reason(&q.reason), q.place.clone(), ask, words::here(q.at)]
        })
        .collect();
    terminal::table(&["原因 reason", "位置 place", "查询 ask", "时间 at"], &shown);
    if u32::try_from(rows.len()).is_ok_and(|shown| shown == limit) {
        terminal::line(format!("最新 {limit} 条 the newest {limit}; --limit N shows more"));
    }
    terminal::line(
        "清单改好后 with a mended manifest: hedui source replay (试读 try), hedui source reprocess (重读 settle)",
    );
    Ok(0)
}

pub(crate) async fn reprocess(shell: Shell, source: String, data: &Path, connectors: &ConnectorArgs) -> Ended {
    let ws = existing(data, with_connectors(&connectors.connectors)).await?;
    let source = known(&ws, &source)?;
    let done = hedui_verify::source_reprocess(&ws, &source.id, "source reprocess").await?;
    if shell.json {
        terminal::json(&to_json(&done)?);
    } else {
        show_reprocessed(&done, &source.title.zh);
    }
    Ok(0)
}

fn show_reprocessed(done: &Reprocessed, title: &str) {
    if done.replies == 0 && done.gone == 0 {
        terminal::line(format!("{} {title}: 没有需要重读的回复 nothing to read again", done.source));
        return;
    }
    terminal::line(format!(
        "{} {title}: 重读 {} 份回复，得 {} 条记录，未再查询 replies read again, nobody was asked",
        done.source, done.replies, done.records
    ));
    if done.gone > 0 {
        terminal::line(format!("  {} 份回复已不在，须重新查询 not on file any more: ask again", done.gone));
    }
    terminal::line(format!("  原先 before: {}", counts(&done.before, words::outcome)));
    terminal::line(format!("  现在 after:  {}", counts(&done.after, words::outcome)));
    terminal::line(format!("  解除隔离 cured: {}", counts(&done.cured, words::reason)));
    terminal::line(format!("  仍然隔离 still set aside: {}", counts(&done.set_aside, words::reason)));
}

/// `查询失败 failed → 查得 found`.
fn moved(change: &str) -> String {
    change.split(" -> ").map(words::outcome).collect::<Vec<_>>().join(" → ")
}

/// The source as another manifest file describes it, with everything else as it is.
fn instead(ws: &Workspace, args: &ReplayArgs) -> Result<Arc<Source>, Failure> {
    let source = known(ws, &args.source)?;
    let text = read_text(&args.manifest)?;
    let mut folders = ws.institutions()?;
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
        show_replayed(&told, &other.title.zh, args.diff);
    }
    Ok(if args.exit_code && told.differs() { failure::ATTENTION } else { 0 })
}

fn show_replayed(told: &Replayed, title: &str, diff: bool) {
    if told.replies == 0 && told.gone == 0 {
        terminal::line(format!("{} {title}: 没有可试读的回复 no reply on file", told.source));
        return;
    }
    terminal::line(format!(
        "{} {title}: {} 份回复，{} 次查询；只试读，不改动 replies and asks, nothing is written",
        told.source, told.replies, told.asks
    ));
    if told.gone > 0 {
        terminal::line(format!("  {} 份回复已不在 not on file any more", told.gone));
    }
    terminal::line(format!("  现用清单 before: {}", counts(&told.before, words::outcome)));
    terminal::line(format!("  换用清单 after:  {}", counts(&told.after, words::outcome)));
    terminal::line(format!("  结果变化 moved:  {}", counts(&told.moved, moved)));
    terminal::line(format!(
        "  记录 records: 新增 added {}、删除 removed {}、内容变化 changed {}",
        told.rows_added, told.rows_removed, told.rows_changed
    ));
    if !told.columns.is_empty() {
        terminal::line(format!("  变化的列 columns: {}", counts(&told.columns, str::to_owned)));
    }
    terminal::line(format!("  原先隔离 set aside before: {}", counts(&told.set_aside_before, words::reason)));
    terminal::line(format!("  其后隔离 set aside after:  {}", counts(&told.set_aside_after, words::reason)));
    if !told.differs() {
        terminal::line("证据无变化 no evidence would change");
    } else if diff {
        let rows: Vec<Vec<String>> = told
            .changed
            .iter()
            .map(|c| {
                vec![
                    c.ask.to_string(),
                    words::outcome(&c.before),
                    words::outcome(&c.after),
                    format!("+{}", c.added),
                    format!("-{}", c.removed),
                    c.changed.to_string(),
                ]
            })
            .collect();
        terminal::table(
            &["查询 ask", "原先 before", "其后 after", "新增 added", "删除 removed", "变化 changed"],
            &rows,
        );
    } else {
        terminal::line(format!("{} 次查询会变 asks would change; --diff lists them", told.changed.len()));
    }
}
