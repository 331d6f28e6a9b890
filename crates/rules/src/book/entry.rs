//! One rule: what it is, its words, its formula, its clause, its parameters on the day, an example.

use std::collections::BTreeSet;

use hedui_base::ColumnType;

use super::chapters::{Context, mentioned};
use super::document::{Block, Item, Span, Text, item, linked};
use super::labels::{self, Label};
use super::{Example, ExamplePart, parameters};
use crate::program::{Entity, Step};
use crate::surface::{Formula, RuleBody, TestCheck};
use crate::words::{Lang, Line, Speaker, Words, type_word};
use crate::written::{Part, Written, WrittenVersion};

/// A rule in the book.
pub(super) struct Entry<'c, 'b> {
    context: &'c Context<'b>,
    rule: &'b Written,
}

impl<'c, 'b> Entry<'c, 'b> {
    pub(super) const fn new(context: &'c Context<'b>, rule: &'b Written) -> Self {
        Self { context, rule }
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        let name = self.rule.name();
        let title = Text::plain(format!("{} ", self.context.title(name))).and(Span::Code(name.to_owned()));
        let anchor = self.context.anchor(name).unwrap_or_default();
        let mut blocks = vec![Block::Heading { level: 4, anchor, text: title }, Block::Paragraph(self.kind())];
        blocks.extend(self.rule.remark.as_ref().map(|remark| {
            let label = self.context.label(Label::Note);
            Block::Quote(self.context.bold(label).then(remark.clone()))
        }));
        blocks.extend(self.about().map(Block::Paragraph));
        let dated = self.rule.versions().next().is_some();
        if dated {
            blocks.push(Block::Paragraph(Text(vec![Span::Strong(self.context.label(Label::FirstText).to_owned())])));
        }
        match self.comparison() {
            Some(line) => {
                let label = labels::part(self.context.lang(), Part::When);
                blocks.push(Block::Paragraph(self.context.bold(label).with(self.linked(&line))));
            }
            None => blocks.extend(self.rule.formulas().into_iter().flat_map(|(part, f)| self.formula(part, f))),
        }
        blocks.push(Block::Code(text(&self.rule.formulas())));
        blocks.push(Block::Paragraph(self.cite()));
        for version in self.rule.versions() {
            blocks.extend(self.version(&version));
        }
        let rows = self.parameters();
        if !rows.is_empty() {
            blocks.push(Block::Paragraph(self.strong(Label::Parameters)));
            blocks.push(Block::List(rows));
        }
        if let Some(users) = self.context.users.get(name) {
            let mut text = self.strong(Label::UsedBy);
            for (i, user) in users.iter().enumerate() {
                text.0.extend((i > 0).then(|| Span::Plain(self.context.lang().pick("、", ", ").to_owned())));
                text.0.push(self.context.link(user));
            }
            blocks.push(Block::Paragraph(text));
        }
        match self.context.examples.get(name) {
            Some(example) => blocks.push(self.example(example)),
            None if self.context.examples.is_empty() => {}
            None => {
                let text = self.strong(Label::Example).then(self.context.label(Label::NoExample));
                blocks.push(Block::Paragraph(text));
            }
        }
        blocks
    }

    fn strong(&self, label: Label) -> Text {
        self.context.bold(self.context.label(label))
    }

    fn step(&self, part: Part) -> Option<&'b Step> {
        let program = self.context.program;
        program.step(&self.rule.step(part)).map(|step| &program.steps[step.index()])
    }

    /// What it is, whose, in which unit, and from which pack.
    fn kind(&self) -> Text {
        let context = self.context;
        let lang = context.lang();
        let mut words = vec![context.label(labels::kind(&self.rule.rule.body)).to_owned()];
        let result = context.program.step(&self.rule.result()).map(|step| &context.program.steps[step.index()]);
        if let Some(step) = result {
            words.push(context.label(labels::entity(step.entity)).to_owned());
            if !matches!(step.ty, ColumnType::Bool) {
                words.push(type_word(lang, step.ty));
            }
        }
        let own = self.rule.pack == context.program.pack.id;
        words.push(match (&self.rule.replaces, own) {
            (Some(base), true) => format!("{} {base}", context.label(Label::Replaces)),
            (_, true) => context.label(Label::Own).to_owned(),
            (_, false) => format!("{} {}", context.label(Label::InheritedFrom), self.rule.pack),
        });
        Text::plain(format!("{} · ", words.join(" · "))).and(Span::Code(self.rule.place()))
    }

    /// What only this kind of rule has.
    fn about(&self) -> Option<Text> {
        let context = self.context;
        let lang = context.lang();
        match &self.rule.rule.body {
            RuleBody::Fact { from: Some(from), filter, .. } => {
                let title = context.speaker.dataset(&from.value);
                let text = self.strong(Label::Records).then(format!("{title} ")).and(Span::Code(from.value.clone()));
                Some(if filter.is_none() {
                    text.then(format!(" · {}", context.label(Label::AllRecords)))
                } else {
                    text
                })
            }
            RuleBody::Flag { severity, follow_up, evidence, .. } => {
                let mut text = self.strong(Label::Severity);
                text = text.then(severity.map_or("", |severity| labels::severity(lang, severity))).then("  ");
                text = text.with(self.strong(Label::FollowUp));
                text = text.then(follow_up.map_or("", |follow_up| labels::follow_up(lang, follow_up))).then("  ");
                let titles: Vec<String> = evidence.iter().map(|d| context.speaker.dataset(&d.value)).collect();
                text = text.with(self.strong(Label::Evidence));
                Some(text.then(titles.join(lang.pick("、", ", "))))
            }
            RuleBody::Scheme { order, entity, .. } => {
                let text = self.strong(Label::Order).then(order.to_string());
                let alone = *entity == Some(Entity::Person);
                Some(if alone { text.then(format!(" · {}", context.label(Label::OneByOne))) } else { text })
            }
            _ => None,
        }
    }

    /// A test's value, relation and limit in one line, if one line holds them.
    fn comparison(&self) -> Option<Line> {
        let RuleBody::Test { check: TestCheck::Limit { value, relation, limit }, .. } = &self.rule.rule.body else {
            return None;
        };
        let ty = self.step(Part::Value).map(|step| step.ty);
        let line = self.context.speaker.comparison(&value.expr, *relation, &limit.expr, ty);
        (line.width() <= Speaker::WIDE).then_some(line)
    }

    fn linked(&self, line: &Line) -> Text {
        linked(line, &|name| self.context.anchor(name).filter(|_| name != self.rule.name()))
    }

    /// A formula in words.
    fn formula(&self, part: Part, formula: &Formula) -> Vec<Block> {
        let words = self.words(part, formula);
        let anchor = |name: &str| self.context.anchor(name).filter(|_| name != self.rule.name());
        let text = self.context.bold(labels::part(self.context.lang(), part)).with(linked(&words.lead, &anchor));
        let mut blocks = vec![Block::Paragraph(text)];
        if !words.parts.is_empty() {
            blocks.push(Block::List(words.parts.iter().map(|part| item(part, &anchor)).collect()));
        }
        blocks
    }

    fn words(&self, part: Part, formula: &Formula) -> Words {
        let mut speaker = self.context.speaker;
        if let RuleBody::Fact { from: Some(from), .. } = &self.rule.rule.body {
            speaker = speaker.over(&from.value);
        }
        let ty = if part == Part::Where { Some(ColumnType::Bool) } else { self.step(part).map(|step| step.ty) };
        speaker.words(&formula.expr, ty)
    }

    /// What changes on a day.
    fn version(&self, version: &WrittenVersion<'_>) -> Vec<Block> {
        let context = self.context;
        let state = if version.from <= context.options.on { Label::Current } else { Label::Coming };
        let day = match context.lang() {
            Lang::Zh => format!("自 {} 起（{}）", version.from, context.label(state)),
            Lang::En => format!("From {} ({})", version.from, context.label(state)),
        };
        let mut blocks = vec![Block::Paragraph(Text(vec![Span::Strong(day)]))];
        blocks.extend(version.formulas.iter().flat_map(|(part, formula)| self.formula(*part, formula)));
        blocks.push(Block::Code(text(&version.formulas)));
        blocks.push(Block::Paragraph(self.strong(Label::Cite).then(version.cite)));
        blocks
    }

    fn cite(&self) -> Text {
        let none = self.context.lang().pick("未注明", "none given");
        self.strong(Label::Cite).then(self.rule.rule.cite.as_deref().unwrap_or(none))
    }

    /// The parameters that its formulas name, with their rows on the day.
    fn parameters(&self) -> Vec<Item> {
        let mut names = BTreeSet::new();
        for (_, formula) in self.rule.all_formulas() {
            mentioned(&formula.expr, &mut names);
        }
        let used = self.context.program.parameters.iter().filter(|parameter| names.contains(&parameter.name));
        used.map(|parameter| parameters::brief(self.context, parameter)).collect()
    }

    fn example(&self, example: &Example) -> Block {
        let context = self.context;
        let mut blocks = vec![Block::Paragraph(
            Text::plain(example.title.clone())
                .then(format!(" · {} · ", example.when))
                .and(Span::Code(example.place.clone())),
        )];
        if !example.given.is_empty() {
            blocks.push(Block::Paragraph(self.strong(Label::Given)));
            let given = example.given.iter().map(|(what, value)| Item::of(Text::plain(format!("{what} = {value}"))));
            blocks.push(Block::List(given.collect()));
        }
        let result = self.strong(Label::Result).and(Span::Strong(example.value.clone()));
        blocks.push(Block::Paragraph(result));
        if !example.parts.is_empty() {
            blocks.push(Block::Paragraph(self.strong(Label::PartsOf)));
            blocks.push(Block::List(example.parts.iter().map(|part| self.example_part(part)).collect()));
        }
        Block::Aside { title: context.label(Label::Example).to_owned(), blocks }
    }

    fn example_part(&self, part: &ExamplePart) -> Item {
        let title = match self.context.anchor(&part.name) {
            Some(to) => Span::Link { text: part.title.clone(), to },
            None => Span::Plain(part.title.clone()),
        };
        let text = Text(vec![title]).then(format!(" = {}", part.value));
        Item { text, items: part.parts.iter().map(|part| self.example_part(part)).collect() }
    }
}

/// The formulas as written.
fn text(formulas: &[(Part, &Formula)]) -> String {
    let lines = formulas.iter().map(|(part, formula)| {
        let text = formula.text.trim();
        let gap = if text.contains('\n') { "\n" } else { " " };
        format!("{} ={gap}{text}", part.key())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whose value it is, in one word.
pub(super) const fn whose(entity: Entity) -> Label {
    match entity {
        Entity::Household => Label::Household,
        Entity::Person => Label::Person,
    }
}
