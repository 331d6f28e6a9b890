//! A case worked through for one rule: what it gives, what comes out, what that is made of.

use std::collections::BTreeMap;

use hedui_base::{PersonKey, SourceText, Tri};
use hedui_rules::Program;
use hedui_rules::book::{Example, ExamplePart};
use hedui_rules::cases::Case;
use hedui_rules::surface::parse_formula;
use hedui_rules::words::{Lang, Speaker, number};

use crate::explanation::{Explanation, ParameterUse};
use crate::input::Role;
use crate::output::Cell;
use crate::shown::{Held, Value};
use crate::trace::Trace;

/// More given values than these are not listed.
const GIVEN: usize = 16;

/// A case and its values.
pub(super) struct Worked<'w> {
    pub program: &'w Program,
    pub case: &'w Case,
    pub trace: &'w Trace<'w>,
    pub lang: Lang,
}

impl Worked<'_> {
    /// The example of one step, for one person where it is a person's.
    pub(super) fn example(&self, step: &str, person: Option<PersonKey>) -> Option<Example> {
        let explanation = self.trace.explain_for(step, person)?;
        let case = self.case;
        let mut when = format!("{} · {}", case.as_of, case.area);
        if let Some(residence) = &case.residence {
            when.push_str(" · ");
            when.push_str(match residence.as_str() {
                "urban" => self.lang.pick("城镇", "urban"),
                "rural" => self.lang.pick("农村", "rural"),
                other => other,
            });
        }
        if let Some(person) = person {
            when.push_str(" · ");
            when.push_str(&self.person(person));
        }
        let (mut value, mut parts) = (self.value(&explanation.value), self.parts(&explanation));
        let mut given = self.given(&explanation);
        let amount =
            step.strip_suffix(".when").and_then(|rule| self.trace.explain_for(&format!("{rule}.amount"), person));
        if let Some(amount) = amount {
            let word = self.lang.pick("金额", "amount");
            let sum = self.value(&amount.value);
            value.push_str(&self.lang.pick(format_args!("，{word} {sum}"), format_args!(", {word} {sum}")).to_string());
            let more = self.given(&amount).into_iter().filter(|line| !given.contains(line)).collect::<Vec<_>>();
            given.extend(more);
            parts.push(ExamplePart {
                title: word.to_owned(),
                name: String::new(),
                value: sum,
                parts: self.parts(&amount),
            });
        }
        Some(Example {
            title: case.title.clone(),
            place: format!("{}:{}", case.file, case.line),
            when,
            given,
            value,
            parts,
        })
    }

    fn person(&self, person: PersonKey) -> String {
        let role = self.trace.persons().iter().find(|(key, _)| *key == person).map(|(_, role)| *role);
        let same = self.trace.persons().iter().filter(|(key, r)| Some(*r) == role && key.0 <= person.0).count();
        let word = match role {
            Some(Role::Obligor) => self.lang.pick("义务人", "obligor"),
            _ => self.lang.pick("成员", "member"),
        };
        format!("{word} {same}")
    }

    /// What the case says of all that a value depends on.
    fn given(&self, explanation: &Explanation) -> Vec<(String, String)> {
        let mut given = Vec::new();
        let mut records = BTreeMap::new();
        self.collect(explanation, &mut given, &mut records);
        for (title, count) in records {
            let count = self.lang.pick(format_args!("{count} 条"), format_args!("{count}")).to_string();
            given.push((title, count));
        }
        for reason in &explanation.reasons {
            let title = self.lang.pick("未答复的来源", "not answered").to_owned();
            given.push((title, format!("{} ({})", reason.source, reason.cause)));
        }
        let left = given.len().saturating_sub(GIVEN);
        given.truncate(GIVEN);
        if left > 0 {
            given.push(("…".to_owned(), format!("+{left}")));
        }
        given
    }

    fn collect(&self, node: &Explanation, given: &mut Vec<(String, String)>, records: &mut BTreeMap<String, usize>) {
        if let Some(input) = self.program.inputs.iter().find(|input| input.name == node.name) {
            let place = node.person.and_then(|person| self.case.persons.get(person.0 as usize));
            let declared = match (node.person, place) {
                (Some(_), Some(person)) => person.inputs.contains_key(&input.name),
                _ => self.case.inputs.contains_key(&input.name),
            };
            if declared {
                let title = self.of_person(self.title(&node.name), node.person);
                let value = self.coded(node);
                if !given.iter().any(|(other, _)| *other == title) {
                    given.push((title, value));
                }
            }
        }
        if !node.records.is_empty() {
            let datasets = node.records.iter().map(|record| (record.dataset.as_str(), record.person));
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for (dataset, person) in datasets {
                let title = Speaker::new(self.program, self.lang).dataset(dataset);
                let title =
                    self.lang.pick(format_args!("「{title}」记录"), format_args!("records of {title}")).to_string();
                *counts.entry(self.of_person(title, person)).or_default() += 1;
            }
            for (title, count) in counts {
                let most = records.entry(title).or_default();
                *most = count.max(*most);
            }
        }
        for child in &node.children {
            self.collect(child, given, records);
        }
    }

    /// A node's value; a code of an input by its title.
    fn coded(&self, node: &Explanation) -> String {
        let input = self.program.inputs.iter().find(|input| input.name == node.name);
        if let (Held::Text(Some(code)), Lang::Zh, Some(input)) = (&node.value.held, self.lang, input)
            && let Some(title) = input.spec.codes.get(&**code)
        {
            return title.clone();
        }
        self.value(&node.value)
    }

    fn of_person(&self, title: String, person: Option<PersonKey>) -> String {
        match person {
            Some(person) if self.trace.persons().len() > 1 => {
                let person = self.person(person);
                self.lang.pick(format_args!("{title}（{person}）"), format_args!("{title} ({person})")).to_string()
            }
            _ => title,
        }
    }

    /// The children of a node; those that are no rules of their own with theirs.
    fn parts(&self, node: &Explanation) -> Vec<ExamplePart> {
        let mut parts: Vec<ExamplePart> = node.children.iter().map(|child| self.part(child)).collect();
        for row in &node.parameters {
            let part = ExamplePart {
                title: self.title(&row.name),
                name: row.name.clone(),
                value: self.row(row),
                parts: Vec::new(),
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }

    /// A parameter's value, what was published, and where.
    fn row(&self, row: &ParameterUse) -> String {
        let mut text = self.value(&row.value);
        if let Some(published) = &row.published {
            let published = self.value(published);
            text.push_str(&match self.lang {
                Lang::Zh => format!("（公布为 {published}）"),
                Lang::En => format!(" (published as {published})"),
            });
        }
        let why = [row.gap.as_deref(), row.fallback.as_deref(), Some(row.cite.as_str())];
        for why in why.into_iter().flatten().filter(|why| !why.is_empty()) {
            text.push_str(self.lang.pick("，", ", "));
            text.push_str(why);
        }
        text
    }

    fn part(&self, node: &Explanation) -> ExamplePart {
        let between = node.title.is_empty() && !["member", "obligor"].contains(&node.name.as_str());
        let compared = [(".value", ("所比较的数值", "value compared")), (".limit", ("限额", "limit"))];
        let compared = compared.into_iter().find(|(end, _)| node.name.ends_with(end));
        let title = match (between, compared) {
            (_, Some((_, (zh, en)))) => self.lang.pick(zh, en).to_owned(),
            (true, None) => self.said(&node.name),
            (false, None) => match node.name.as_str() {
                "member" => self.lang.pick("成员", "a member").to_owned(),
                "obligor" => self.lang.pick("义务人", "an obligor").to_owned(),
                name => self.title(name),
            },
        };
        let own = !between && compared.is_none();
        ExamplePart {
            title: self.of_person(title, node.person),
            name: if own { node.name.clone() } else { String::new() },
            value: self.coded(node),
            parts: if own { Vec::new() } else { self.parts(node) },
        }
    }

    fn title(&self, name: &str) -> String {
        Speaker::new(self.program, self.lang).title_of(name)
    }

    /// An expression between two rules, in words where it can be read.
    fn said(&self, text: &str) -> String {
        let quoted = format!("'''{text}'''");
        let file = SourceText::new("", quoted.as_str());
        let mut mistakes = Vec::new();
        let formula = parse_formula(&file, 0..quoted.len(), text, &mut mistakes);
        if !mistakes.is_empty() {
            return text.to_owned();
        }
        Speaker::new(self.program, self.lang).line(&formula.expr, None).to_string()
    }

    /// A value in the language of the book.
    fn value(&self, value: &Value) -> String {
        let lang = self.lang;
        let shown = |v: i64| number(lang, value.ty, v);
        match &value.held {
            Held::Condition(Tri::Met) => lang.pick("是", "yes").to_owned(),
            Held::Condition(Tri::NotMet) => lang.pick("否", "no").to_owned(),
            Held::Condition(Tri::Undetermined) => lang.pick("未定", "undetermined").to_owned(),
            Held::Number(Cell::Known(v)) => shown(*v),
            Held::Number(Cell::Between(i64::MIN, i64::MAX)) | Held::UnknownText => {
                lang.pick("未知", "unknown").to_owned()
            }
            Held::Number(Cell::Between(lo, i64::MAX)) => {
                format!("{} {}", lang.pick("未知，不少于", "unknown, at least"), shown(*lo))
            }
            Held::Number(Cell::Between(i64::MIN, hi)) => {
                format!("{} {}", lang.pick("未知，不多于", "unknown, at most"), shown(*hi))
            }
            Held::Number(Cell::Between(lo, hi)) => match lang {
                Lang::Zh => format!("未知，在 {} 与 {} 之间", shown(*lo), shown(*hi)),
                Lang::En => format!("unknown, between {} and {}", shown(*lo), shown(*hi)),
            },
            Held::Text(Some(text)) => text.to_string(),
            Held::Number(Cell::None) | Held::Text(None) => lang.pick("无", "none").to_owned(),
        }
    }
}
