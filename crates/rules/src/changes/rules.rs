//! What one rule says, key by key, so that two can be compared.

use hedui_base::ColumnType;
use hedui_base::catalogue::NullMeaning;
use jiff::civil::Date;

use super::Said;
use super::compare::{SaidBy, plain};
use crate::program::{Entity, Program};
use crate::surface::{Formula, RuleBody};
use crate::words::{Speaker, amount, type_word};
use crate::written::{Part, Written};

/// What a rule says; with a day, only what it says on that day.
///
/// A formula's `text` is its normal form, so that spaces, line ends and needless brackets make no difference.
pub(super) fn said(rule: &Written, program: &Program, speaker: Speaker<'_>, on: Option<Date>) -> SaidBy {
    let mut said = vec![("title".to_owned(), plain(speaker.title_of(rule.name())))];
    said.extend(about(rule, program, speaker));
    let speaker = match &rule.rule.body {
        RuleBody::Fact { from: Some(from), .. } => speaker.over(&from.value),
        _ => speaker,
    };
    let say = |part: Part, formula: &Formula| {
        let step = program.step(&rule.step(part)).map(|step| program.steps[step.index()].ty);
        let ty = if part == Part::Where { Some(ColumnType::Bool) } else { step };
        Said { text: formula.expr.to_string(), words: speaker.words(&formula.expr, ty) }
    };
    let Some(day) = on else {
        said.extend(rule.formulas().into_iter().map(|(part, formula)| (part.key().to_owned(), say(part, formula))));
        said.extend(rule.rule.cite.as_ref().map(|cite| ("cite".to_owned(), plain(cite))));
        for version in rule.versions() {
            let key = |word: &str| format!("{} {word}", version.from);
            said.extend(version.formulas.iter().map(|(part, formula)| (key(part.key()), say(*part, formula))));
            said.push((key("cite"), plain(version.cite)));
        }
        return said;
    };
    let mut current = rule.formulas();
    let mut cite = rule.rule.cite.clone();
    for version in rule.versions().filter(|version| version.from <= day) {
        cite = Some(version.cite.to_owned());
        for (part, formula) in version.formulas {
            match current.iter_mut().find(|(other, _)| *other == part) {
                Some(place) => place.1 = formula,
                None => current.push((part, formula)),
            }
        }
    }
    said.extend(current.into_iter().map(|(part, formula)| (part.key().to_owned(), say(part, formula))));
    said.extend(cite.map(|cite| ("cite".to_owned(), plain(cite))));
    said
}

/// What is said besides formulas.
fn about(rule: &Written, program: &Program, speaker: Speaker<'_>) -> SaidBy {
    let lang = speaker.lang();
    let mut said = SaidBy::new();
    let mut say = |key: &str, text: String| said.push((key.to_owned(), plain(text)));
    let whose = |entity: Entity| match entity {
        Entity::Household => lang.pick("家庭", "household").to_owned(),
        Entity::Person => lang.pick("人员", "person").to_owned(),
    };
    let step = program.step(&rule.result()).map(|step| &program.steps[step.index()]);
    match &rule.rule.body {
        RuleBody::Input { .. } => {
            let Some(input) = program.inputs.iter().find(|input| input.name == rule.name()) else { return said };
            say("entity", whose(input.entity));
            say("type", type_word(lang, input.spec.ty));
            if let Some(default) = &input.default {
                say("default", amount(lang, input.spec.ty, default));
            }
            if input.spec.null == NullMeaning::None {
                say("null", "none".to_owned());
            }
            for (key, bound) in [("min", input.spec.min), ("max", input.spec.max)] {
                if let Some(bound) = bound {
                    say(key, crate::words::number(lang, input.spec.ty, bound));
                }
            }
            if !input.spec.codes.is_empty() {
                let codes = input.spec.codes.iter().map(|(code, title)| format!("{code} {title}"));
                say("codes", codes.collect::<Vec<_>>().join(", "));
            }
        }
        RuleBody::Fact { from: Some(from), .. } => say("from", from.value.clone()),
        RuleBody::Flag { severity, follow_up, evidence, .. } => {
            if let Some(severity) = severity {
                say("severity", lang.pick(severity.zh(), severity.as_str()).to_owned());
            }
            if let Some(follow_up) = follow_up {
                say("follow_up", lang.pick(follow_up.zh(), follow_up.as_str()).to_owned());
            }
            let evidence: Vec<String> = evidence.iter().map(|d| speaker.dataset(&d.value)).collect();
            if !evidence.is_empty() {
                say("evidence", evidence.join(lang.pick("、", ", ")));
            }
        }
        RuleBody::Scheme { order, .. } => say("order", order.to_string()),
        _ => {}
    }
    if let Some(step) = step {
        said.push(("entity".to_owned(), plain(whose(step.entity))));
        said.push(("type".to_owned(), plain(type_word(lang, step.ty))));
    }
    said
}
