//! What would have to be different for another finding, in the words of a caseworker.

use hedui_base::{CaseId, PersonKey, Tri};
use hedui_engine::counterfactual::{Change, ChangeKind, ChangeUnit, Counterfactual, Proof, what_if as changes};
use hedui_engine::input::Role;
use hedui_engine::{Value, show_number};
use hedui_rules::Program;
use jiff::civil::Date;
use serde::Serialize;

use super::PackLine;
use super::one::One;
use super::tree::Names;
use super::words::masked_key;
use crate::{VerifyError, Workspace};

/// The smallest single changes that would change findings of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIf {
    /// The case.
    pub case: CaseId,
    /// The day.
    pub as_of: Date,
    /// The rules.
    pub pack: PackLine,
    /// One per scheme asked for.
    pub schemes: Vec<WhatIfScheme>,
    /// All of it as Chinese text.
    pub text: String,
}

/// What would change the finding of one scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIfScheme {
    /// Scheme id.
    pub scheme: String,
    /// Chinese title.
    pub title: String,
    /// The finding as it is.
    pub before: Tri,
    /// The finding in Chinese.
    pub before_zh: String,
    /// Changes by kind, the smallest first.
    pub changes: Vec<WhatIfLine>,
    /// Titles of inputs, facts and sources whose smallest change could not be told.
    pub left_out: Vec<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIfLine {
    /// `answer`, `amount`, `asset` or `member`.
    pub kind: String,
    /// The kind in Chinese.
    pub kind_zh: String,
    /// The input, fact, dataset or source it is of; empty for a member.
    pub name: String,
    /// Whose; none for the household's.
    pub person: Option<PersonKey>,
    /// The value as it is, as shown.
    pub old: Option<String>,
    /// The value then, as shown.
    pub new: Option<String>,
    /// How large the change is, as shown.
    pub difference: Option<String>,
    /// The finding then.
    pub after: Tri,
    /// The finding then, in Chinese.
    pub after_zh: String,
    /// `whole`: every smaller change of the same number was ruled out. `edge`: one unit less was, and all that was looked at.
    pub proof: String,
    /// The change as a sentence.
    pub text: String,
}

/// What would have to be different for another finding of a scheme; without one, of the scheme the case stands at: its
/// category, else the first that is possible, else the first of the pack.
///
/// # Errors
/// As [`crate::check`], and [`VerifyError::UnknownName`] for a scheme that the pack does not have.
pub async fn what_if(ws: &Workspace, case: &CaseId, scheme: Option<&str>, as_of: Date) -> Result<WhatIf, VerifyError> {
    let one = One::load(ws, case, as_of).await?;
    let (ws, scheme) = (ws.clone(), scheme.map(str::to_owned));
    tokio::task::spawn_blocking(move || one.what_if(&ws, scheme.as_deref()))
        .await
        .map_err(|e| VerifyError::Internal(e.to_string()))?
}

impl One {
    fn what_if(&self, ws: &Workspace, scheme: Option<&str>) -> Result<WhatIf, VerifyError> {
        let names = self.names(ws);
        let program = &self.program;
        let wanted = match scheme {
            Some(id) => Some(program.schemes.iter().position(|s| s.id == id).ok_or_else(|| {
                let ids = program.schemes.iter().map(|s| s.id.as_str());
                let nearest = hedui_base::diagnostic::nearest(id, ids).map(str::to_owned);
                VerifyError::UnknownName { name: id.to_owned(), nearest }
            })?),
            None => self.standing()?,
        };
        let schemes = wanted.map(|scheme| self.what_if_of(&names, scheme)).transpose()?;
        let schemes: Vec<WhatIfScheme> = schemes.into_iter().collect();
        let text = schemes.iter().map(text).collect::<Vec<_>>().join("\n");
        Ok(WhatIf { case: self.case.id.clone(), as_of: self.as_of, pack: PackLine::of(program), schemes, text })
    }

    /// The scheme that a case stands at.
    fn standing(&self) -> Result<Option<usize>, VerifyError> {
        let trace = self.trace()?;
        let finding = trace.findings().cases.first();
        let derived = finding.map(|finding| hedui_engine::Derived::of(&self.program, finding)).unwrap_or_default();
        let mut order: Vec<usize> = (0..self.program.schemes.len()).collect();
        order.sort_by_key(|i| self.program.schemes[*i].order);
        Ok(derived.category.or(derived.possible.first().copied()).or(order.first().copied()))
    }

    /// What would change the finding of the scheme that a case stands at; none where a pack has no scheme.
    pub(super) fn what_if_standing(&self, ws: &Workspace) -> Result<Option<WhatIfScheme>, VerifyError> {
        self.standing()?.map(|scheme| self.what_if_of(&self.names(ws), scheme)).transpose()
    }

    /// What would change the finding of one scheme.
    pub(super) fn what_if_of(&self, names: &Names<'_>, scheme: usize) -> Result<WhatIfScheme, VerifyError> {
        let program = &self.program;
        let found = changes(program, &self.caseload, 0, self.as_of, scheme)?;
        let definition = &program.schemes[scheme];
        let lines = found.changes.iter().map(|one| self.line(names, one)).collect();
        Ok(WhatIfScheme {
            scheme: definition.id.clone(),
            title: definition.title.clone(),
            before: found.before,
            before_zh: found.before.zh().to_owned(),
            changes: lines,
            left_out: found.left_out.iter().map(|name| title(program, names, name)).collect(),
        })
    }

    fn line(&self, names: &Names<'_>, one: &Counterfactual) -> WhatIfLine {
        let program = &self.program;
        let whose =
            |person: &Option<PersonKey>| person.map_or_else(String::new, |p| format!("（{}）", names.person(p)));
        let new = one.new.as_ref().map(Value::to_string);
        let old = one.old.as_ref().map(Value::to_string);
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "无".to_owned());
        let difference = one.new.as_ref().map(|new| distance(new, one.size, one.unit));
        let moved = |title: &str, person: &Option<PersonKey>| {
            let (word, far) = (direction(one), difference.clone().unwrap_or_default());
            format!("{title}{}由 {} 变为 {}（{word} {far}）", whose(person), shown(&old), shown(&new))
        };
        let (name, person, text) = match &one.change {
            Change::Input { input, person, .. } => {
                let input = &program.inputs[input.index()];
                let text = if one.kind == ChangeKind::Answer {
                    format!("补充填报{}{}：{}", input.spec.title.zh, whose(person), shown(&new))
                } else {
                    moved(&input.spec.title.zh, person)
                };
                (input.name.clone(), *person, text)
            }
            Change::Fact { step, person, .. } => {
                let step = &program.steps[step.index()];
                let title = if step.rule.title.is_empty() { &step.name } else { &step.rule.title };
                let text = if one.kind == ChangeKind::Answer {
                    format!("补正查询内容，使{title}{}为 {}", whose(person), shown(&new))
                } else {
                    moved(&format!("查得的{title}"), person)
                };
                (step.name.clone(), *person, text)
            }
            Change::WithoutRecord { dataset, person, source, record_id } => {
                let dataset = &program.datasets[dataset.index()];
                let (source, key) = (names.source(source.as_str()), masked_key(record_id));
                let text = format!("没有这条{}记录：{key}（{source}）{}", dataset.title, whose(person));
                (dataset.name.clone(), *person, text)
            }
            Change::WithoutPerson { person } => {
                let place = self.caseload.persons.key.iter().position(|key| key == person);
                let member = place.is_none_or(|row| self.caseload.persons.role[row] == Role::Member);
                let role = if member { "共同生活的家庭成员" } else { "法定义务人" };
                (String::new(), Some(*person), format!("少一名{role}：{}", names.person(*person)))
            }
            Change::WithMember => {
                let text = "多一名共同生活的家庭成员（各来源均查无记录，申报金额按最低计，其他情况未说明）".to_owned();
                (String::new(), None, text)
            }
            Change::Answer { source, people, fact } => {
                let title = names.source(source.as_str());
                let about = match people.as_slice() {
                    [] => "本户".to_owned(),
                    [one] => names.person(*one),
                    all => format!("其未答复的 {} 人", all.len()),
                };
                let text = match fact {
                    None => format!("{title}就{about}答复“查无记录”或无更多记录"),
                    Some((step, ..)) => {
                        let rule = &program.steps[step.index()].rule.title;
                        format!("{title}就{about}的答复使{rule}达到 {}", shown(&new))
                    }
                };
                (source.as_str().to_owned(), people.first().copied().filter(|_| people.len() == 1), text)
            }
        };
        let (kind, kind_zh) = kind_words(one.kind);
        WhatIfLine {
            kind: kind.to_owned(),
            kind_zh: kind_zh.to_owned(),
            name,
            person,
            old,
            new,
            difference,
            after: one.after,
            after_zh: one.after.zh().to_owned(),
            proof: if one.proof == Proof::Whole { "whole" } else { "edge" }.to_owned(),
            text,
        }
    }
}

const fn kind_words(kind: ChangeKind) -> (&'static str, &'static str) {
    match kind {
        ChangeKind::Answer => ("answer", "缺少的答复"),
        ChangeKind::Amount => ("amount", "数额"),
        ChangeKind::Asset => ("asset", "单条记录"),
        ChangeKind::Member => ("member", "家庭成员"),
    }
}

fn direction(one: &Counterfactual) -> &'static str {
    let up = one.old.as_ref().and_then(Value::number) < one.new.as_ref().and_then(Value::number);
    match (one.unit, up) {
        (ChangeUnit::Day | ChangeUnit::Month, true) => "推后",
        (ChangeUnit::Day | ChangeUnit::Month, false) => "提前",
        (_, true) => "增加",
        (_, false) => "减少",
    }
}

fn distance(value: &Value, size: i64, unit: ChangeUnit) -> String {
    match unit {
        ChangeUnit::Day => format!("{size} 天"),
        ChangeUnit::Month => format!("{size} 个月"),
        _ => show_number(value.ty, size),
    }
}

/// The title of an input, fact or source.
fn title(program: &Program, names: &Names<'_>, name: &str) -> String {
    let input = program.inputs.iter().find(|input| input.name == name).map(|input| input.spec.title.zh.clone());
    let step = || program.steps.iter().find(|step| step.name == name).map(|step| step.rule.title.clone());
    input.or_else(step).filter(|title| !title.is_empty()).unwrap_or_else(|| names.source(name))
}

/// One scheme's changes as text: by kind, the smallest first.
pub(super) fn text(scheme: &WhatIfScheme) -> String {
    let mut lines = vec![format!("{}：现为{}", scheme.title, scheme.before_zh)];
    let mut kind = "";
    for line in &scheme.changes {
        if line.kind != kind {
            kind = &line.kind;
            lines.push(format!("  {}", line.kind_zh));
        }
        let proof =
            if line.proof == "edge" { "（少一个单位则不会；更小的变动未逐一排除）" } else { "" };
        lines.push(format!("    若{} → {}{proof}", line.text, line.after_zh));
    }
    if scheme.changes.is_empty() {
        lines.push("  没有找到能单独改变这一结果的变动".to_owned());
    }
    if !scheme.left_out.is_empty() {
        lines.push(format!("  未能确定最小变动的项目：{}", scheme.left_out.join("、")));
    }
    lines.join("\n")
}
