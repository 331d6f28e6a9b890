//! `hedui source answers`: what a source has said about one household.

use hedui_base::{CaseId, SourceId};
use hedui_verify::{AnswerLine, WorkspaceOptions};

use super::{Ended, Shell, day, existing, to_json, with_connectors};
use crate::args::AnswersArgs;
use crate::terminal;

pub(crate) async fn run(shell: Shell, args: AnswersArgs) -> Ended {
    let options = WorkspaceOptions { today: args.as_of, ..with_connectors(&args.connectors.connectors) };
    let ws = existing(&args.data, options).await?;
    let (source, case) = (SourceId::from(args.source), CaseId::from(args.case));
    let lines = hedui_verify::source_answers(&ws, &source, &case, day(args.as_of, &ws)).await?;
    if shell.json {
        terminal::json(&to_json(&lines)?);
        return Ok(0);
    }
    let title = ws.registry().get(source.as_str()).map_or("", |s| s.title.zh.as_str());
    terminal::line(format!("{source} {title}, {case}"));
    lines.iter().for_each(print);
    Ok(0)
}

fn print(line: &AnswerLine) {
    let word = line.outcome.map_or_else(String::new, |outcome| format!(" {}", outcome.as_str()));
    let as_of = line.as_of.map_or_else(String::new, |day| format!("，截至 {day}"));
    let letter = line.letter.as_ref().map_or_else(String::new, |number| format!("，授权书 {number}"));
    terminal::line(format!("  {}: {}{word}{as_of}{letter}", line.called, line.text));
    for record in &line.records {
        let columns: Vec<String> = record.columns.iter().map(|(title, value)| format!("{title} {value}")).collect();
        terminal::line(format!("    {}", columns.join("，")));
    }
}
