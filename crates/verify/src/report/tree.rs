//! Explanations as trees for JSON and as indented Chinese text.

use std::collections::HashMap;
use std::fmt::Write as _;

use hedui_base::{ColumnType, Fen, PersonKey};
use hedui_connect::Registry;
use hedui_engine::output::Reason;
use hedui_engine::{Explanation, ParameterUse, RecordUse, show_number};

use super::words::{masked_key, waiting_zh};
use super::{ExplanationNode, ParameterLine, RecordLine, WaitingLine};

/// Titles of sources and masked names of people: what makes a tree readable.
pub(crate) struct Names<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) people: HashMap<PersonKey, String>,
}

impl Names<'_> {
    /// Institution and title of a source; the name itself for what is no source.
    pub(super) fn source(&self, id: &str) -> String {
        self.registry.get(id).map_or_else(
            || id.to_owned(),
            |s| match s.title.zh.strip_prefix(&s.institution_title.zh) {
                Some(_) => s.title.zh.clone(),
                None => format!("{}{}", s.institution_title.zh, s.title.zh),
            },
        )
    }

    pub(super) fn person(&self, key: PersonKey) -> String {
        self.people.get(&key).cloned().unwrap_or_else(|| key.to_string())
    }

    pub(super) fn waiting(&self, reason: &Reason) -> WaitingLine {
        let title = self.source(reason.source.as_str());
        WaitingLine {
            source: reason.source.as_str().to_owned(),
            text: waiting_zh(&title, reason.cause),
            title,
            cause: reason.cause.to_owned(),
        }
    }

    pub(super) fn node(&self, explanation: Explanation) -> ExplanationNode {
        let ty = explanation.value.ty;
        let money = matches!(ty, ColumnType::Money(_));
        ExplanationNode {
            fen: explanation.value.number().filter(|_| money).map(Fen::new),
            value: explanation.value.to_string(),
            name: explanation.name,
            title: explanation.title,
            person: explanation.person,
            formula: explanation.formula,
            cite: explanation.cite,
            place: place(&explanation.file, explanation.line),
            parameters: explanation.parameters.into_iter().map(parameter).collect(),
            note: explanation.removed.then(|| removed(&explanation.records)),
            records: explanation.records.into_iter().map(|used| self.record(used, ty)).collect(),
            reasons: explanation.reasons.iter().map(|reason| self.waiting(reason)).collect(),
            assumed: explanation.assumed,
            repeated: explanation.repeated,
            children: explanation.children.into_iter().map(|child| self.node(child)).collect(),
        }
    }

    fn record(&self, used: RecordUse, ty: ColumnType) -> RecordLine {
        RecordLine {
            dataset: used.dataset,
            source_title: self.source(used.source.as_str()),
            source: used.source.as_str().to_owned(),
            record_id: masked_key(&used.record_id),
            as_of: used.as_of,
            person: used.person,
            counted: used.counted,
            columns: used.columns.into_iter().map(|(_, title, value)| (title, masked_key(&value))).collect(),
            contribution: used.contribution.map(|v| show_number(ty, v)),
        }
    }

    /// A tree as indented text, a line for each value, parameter row and source row.
    pub(super) fn text(&self, node: &ExplanationNode) -> String {
        let mut out = String::new();
        self.write(node, 0, &mut out);
        out
    }

    fn write(&self, node: &ExplanationNode, depth: usize, out: &mut String) {
        let pad = "  ".repeat(depth);
        let title = if node.title.is_empty() { &node.name } else { &node.title };
        let whose = node.person.map_or_else(String::new, |p| format!("（{}）", self.person(p)));
        let _ = writeln!(out, "{pad}{title}{whose} = {}", node.value);
        let inner = format!("{pad}  ");
        if node.repeated {
            let _ = writeln!(out, "{inner}（同上）");
            return;
        }
        if !node.formula.is_empty() {
            let place =
                if node.place.is_empty() { String::new() } else { format!("　[{} {}]", node.name, node.place) };
            let _ = writeln!(out, "{inner}算法：{}{place}", one_line(&node.formula));
        }
        if let Some(cite) = &node.cite {
            let _ = writeln!(out, "{inner}依据：{cite}");
        }
        if let Some(reason) = &node.assumed {
            let _ = writeln!(out, "{inner}推定：{reason}");
        }
        for reason in &node.reasons {
            let _ = writeln!(out, "{inner}存疑：{}", reason.text);
        }
        for p in &node.parameters {
            let area = p.area.map_or_else(|| "全国".to_owned(), |a| a.to_string());
            let until = p.until.map_or_else(|| "至今".to_owned(), |d| format!("至 {d}"));
            if let Some(reason) = &p.fallback {
                let _ = writeln!(
                    out,
                    "{inner}参数：{} = {}　[无适用数值，按约定取值：{reason}，{}]",
                    p.title, p.value, p.place
                );
                continue;
            }
            let published = p.published.as_ref().map_or_else(String::new, |v| format!("（公布值 {v}）"));
            let gap = match p.gap.as_deref() {
                None => String::new(),
                Some("") => "（依据未定数值）".to_owned(),
                Some(why) => format!("（依据未定数值：{why}）"),
            };
            let _ = writeln!(
                out,
                "{inner}参数：{} = {}{published}{gap}　[{area}，{} 起{until}，{}，{}]",
                p.title, p.value, p.from, p.cite, p.place
            );
        }
        if let Some(note) = &node.note {
            let _ = writeln!(out, "{inner}说明：{note}");
        }
        for r in node.records.iter().filter(|_| node.note.is_none()) {
            let day = r.as_of.map_or_else(|| "未注明".to_owned(), |d| d.to_string());
            let columns: Vec<String> = r.columns.iter().map(|(title, value)| format!("{title} {value}")).collect();
            let counted = match r.counted {
                hedui_base::Tri::Met => {
                    r.contribution.as_ref().map_or_else(|| "计入".to_owned(), |c| format!("计入 {c}"))
                }
                hedui_base::Tri::NotMet => "不计入".to_owned(),
                hedui_base::Tri::Undetermined => "待定".to_owned(),
            };
            let whose = r.person.map_or_else(String::new, |p| self.person(p));
            let _ = writeln!(
                out,
                "{inner}记录：{}（{}）{whose} {}　截至 {day}　{}　→ {counted}",
                r.source_title,
                r.source,
                r.record_id,
                columns.join("，")
            );
        }
        for child in &node.children {
            self.write(child, depth + 1, out);
        }
    }
}

/// What is left of records that cannot be read any more.
fn removed(records: &[RecordUse]) -> String {
    let counted = records.iter().filter(|r| r.counted == hedui_base::Tri::Met).count();
    let open = records.iter().filter(|r| r.counted == hedui_base::Tri::Undetermined).count();
    let open = if open == 0 { String::new() } else { format!("，待定 {open} 条") };
    format!(
        "来源记录 {} 条，计入 {counted} 条{open}；记录内容已按保存期限删除，或已不是核对当日的内容，数值为核对当日所存",
        records.len()
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn place(file: &str, line: usize) -> String {
    if file.is_empty() { String::new() } else { format!("{file}:{line}") }
}

fn parameter(used: ParameterUse) -> ParameterLine {
    ParameterLine {
        name: used.name,
        title: used.title,
        value: used.value.to_string(),
        published: used.published.as_ref().map(ToString::to_string),
        gap: used.gap,
        fallback: used.fallback,
        area: used.area,
        from: used.from,
        until: used.until,
        cite: used.cite,
        place: place(&used.file, used.line),
    }
}
