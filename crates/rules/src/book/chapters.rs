//! The book as a whole: head, contents, chapters.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Block, Document, Item, Span, Text};
use super::entry::Entry;
use super::labels::{self, Label};
use super::{BookOptions, Examples, parameters, tables};
use crate::program::Program;
use crate::surface::{Expr, ExprKind, RuleBody};
use crate::words::{Lang, Speaker};
use crate::written::Written;

/// Makes the book of a pack. `written` are its rules and those it inherits ([`crate::Library::written`]).
///
/// The same program, day and examples always give the same book.
#[must_use]
pub fn book(program: &Program, written: &[Written], options: BookOptions, examples: &Examples) -> Document {
    let lang = options.lang;
    let context = Context::new(program, written, options, examples);
    let mut blocks = Vec::new();
    let mut contents = Vec::new();
    let chapters = [
        (Label::Schemes, "schemes", context.schemes()),
        (Label::Tests, "tests", context.by_topic(|body| matches!(body, RuleBody::Test { .. }))),
        (Label::Variables, "variables", context.by_topic(|body| matches!(body, RuleBody::Variable { .. }))),
        (Label::Facts, "facts", context.by_topic(|body| matches!(body, RuleBody::Fact { .. }))),
        (Label::Flags, "flags", context.families()),
        (Label::Score, "score-chapter", context.by_topic(|body| matches!(body, RuleBody::Score { .. }))),
    ];
    for (label, anchor, groups) in chapters {
        if groups.is_empty() {
            continue;
        }
        let mut item = chapter(&mut blocks, label.of(lang), anchor);
        let titled = groups.len() > 1;
        for (number, group) in groups.into_iter().enumerate() {
            if titled && !group.title.is_empty() {
                let to = format!("{anchor}-{}", number + 1);
                let text = Text::plain(group.title.clone());
                blocks.push(Block::Heading { level: 3, anchor: to.clone(), text });
                item.items.push(Item::of(Text(vec![Span::Link { text: group.title, to }])));
            }
            blocks.extend(group.remark.map(|remark| Block::Quote(Text::plain(remark))));
            for rule in group.rules {
                blocks.extend(Entry::new(&context, rule).blocks());
            }
        }
        contents.push(item);
    }
    contents.push(chapter(&mut blocks, Label::Parameters.of(lang), "parameters"));
    blocks.extend(parameters::chapter(&context));
    contents.push(chapter(&mut blocks, Label::Inputs.of(lang), "inputs"));
    blocks.push(tables::inputs(&context));
    contents.push(chapter(&mut blocks, Label::Datasets.of(lang), "datasets"));
    blocks.extend(tables::datasets(&context));
    contents.push(chapter(&mut blocks, Label::Glossary.of(lang), "glossary"));
    blocks.push(tables::glossary(&context));

    let mut whole = vec![tables::head(&context)];
    whole.push(Block::Heading { level: 2, anchor: "contents".to_owned(), text: Text::plain(Label::Contents.of(lang)) });
    whole.push(Block::List(contents));
    whole.append(&mut blocks);
    let pack = &program.pack;
    let title = if lang == Lang::En && !pack.title_en.is_empty() { &pack.title_en } else { &pack.title };
    Document { title: title.clone(), lang: lang.pick("zh", "en"), blocks: whole }
}

fn chapter(blocks: &mut Vec<Block>, title: &str, anchor: &str) -> Item {
    let text = Text::plain(title);
    blocks.push(Block::Heading { level: 2, anchor: anchor.to_owned(), text });
    Item::of(Text(vec![Span::Link { text: title.to_owned(), to: anchor.to_owned() }]))
}

/// Rules under one title.
pub(super) struct Group<'b> {
    title: String,
    remark: Option<String>,
    rules: Vec<&'b Written>,
}

/// What every part of the book needs.
pub(super) struct Context<'b> {
    pub program: &'b Program,
    pub written: &'b [Written],
    pub options: BookOptions,
    pub examples: &'b Examples,
    pub speaker: Speaker<'b>,
    /// Which rules use a name.
    pub users: BTreeMap<String, BTreeSet<&'b str>>,
    /// Where a name is explained.
    anchors: BTreeMap<&'b str, String>,
}

impl<'b> Context<'b> {
    fn new(program: &'b Program, written: &'b [Written], options: BookOptions, examples: &'b Examples) -> Self {
        let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        let mut anchors = BTreeMap::new();
        for rule in written {
            let anchor = match rule.rule.body {
                RuleBody::Parameter { .. } => format!("p-{}", rule.name()),
                RuleBody::Input { .. } => "inputs".to_owned(),
                _ => format!("r-{}", rule.name()),
            };
            anchors.insert(rule.name(), anchor);
            for (_, formula) in rule.all_formulas() {
                let mut names = BTreeSet::new();
                mentioned(&formula.expr, &mut names);
                for name in names.into_iter().filter(|name| name != rule.name()) {
                    users.entry(name).or_default().insert(rule.name());
                }
            }
        }
        let speaker = Speaker::new(program, options.lang);
        Self { program, written, options, examples, speaker, users, anchors }
    }

    pub(super) fn lang(&self) -> Lang {
        self.options.lang
    }

    pub(super) fn label(&self, label: Label) -> &'static str {
        label.of(self.options.lang)
    }

    /// A label in front of what it is about. The colon is outside of the stress: Markdown would not end it there
    /// before a Chinese character.
    pub(super) fn bold(&self, label: &str) -> Text {
        Text(vec![Span::Strong(label.to_owned())]).then(self.lang().pick("：", ": "))
    }

    pub(super) fn anchor(&self, name: &str) -> Option<String> {
        self.anchors.get(name).cloned()
    }

    /// A name as a link to where it is explained.
    pub(super) fn link(&self, name: &str) -> Span {
        let title = self.title(name);
        match self.anchor(name) {
            Some(to) => Span::Link { text: title, to },
            None => Span::Plain(title),
        }
    }

    /// The title of a rule, parameter or input.
    pub(super) fn title(&self, name: &str) -> String {
        self.speaker.title_of(name)
    }

    /// Where a rule stands in the order of computation.
    pub(super) fn position(&self, rule: &Written) -> usize {
        self.program.step(&rule.result()).map_or(usize::MAX, |step| step.index())
    }

    fn schemes(&self) -> Vec<Group<'b>> {
        let schemes = self.program.schemes.iter();
        let rules: Vec<&Written> =
            schemes.filter_map(|scheme| self.written.iter().find(|rule| rule.name() == scheme.id)).collect();
        if rules.is_empty() { Vec::new() } else { vec![Group { title: String::new(), remark: None, rules }] }
    }

    /// Rules of a kind by file and heading, in the order of computation.
    fn by_topic(&self, wanted: impl Fn(&RuleBody) -> bool) -> Vec<Group<'b>> {
        let mut topics: BTreeMap<String, Group<'b>> = BTreeMap::new();
        for rule in self.written.iter().filter(|rule| wanted(&rule.rule.body)) {
            let file = &rule.rule.name.spot.file.name;
            let stem = file.rsplit('/').next().and_then(|name| name.strip_suffix(".toml")).unwrap_or(file);
            let topic = labels::topic(self.lang(), stem);
            let (heading, remark) = rule.heading.as_deref().map_or((None, None), |h| {
                let (heading, remark) = split(h);
                (Some(heading), remark)
            });
            let title = match heading {
                Some(heading) if heading != topic => format!("{topic} · {heading}"),
                _ => topic,
            };
            let group = topics.entry(title.clone()).or_insert_with(|| Group { title, remark: None, rules: Vec::new() });
            group.rules.push(rule);
            group.remark = group.remark.take().or(remark);
        }
        let mut groups: Vec<Group<'b>> = topics.into_values().collect();
        for group in &mut groups {
            group.rules.sort_by_key(|rule| self.position(rule));
        }
        groups.sort_by_key(|group| group.rules.first().map(|rule| self.position(rule)));
        groups
    }

    /// Flags by the letters of their ids.
    fn families(&self) -> Vec<Group<'b>> {
        let mut families: Vec<(String, Group<'b>)> = Vec::new();
        for rule in self.written.iter().filter(|rule| matches!(rule.rule.body, RuleBody::Flag { .. })) {
            let family: String = rule.name().chars().take_while(|c| !c.is_ascii_digit()).collect();
            let heading = rule.heading.as_deref().filter(|heading| heading.starts_with(family.as_str()));
            let (title, remark) = heading.map_or((family.as_str(), None), split);
            let group = match families.iter_mut().position(|(name, _)| *name == family) {
                Some(index) => &mut families[index].1,
                None => {
                    families.push((family.clone(), Group { title: family.clone(), remark: None, rules: Vec::new() }));
                    let last = families.len() - 1;
                    &mut families[last].1
                }
            };
            if group.title == family {
                group.title = title.to_owned();
                group.remark = remark;
            }
            group.rules.push(rule);
        }
        families.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, group) in &mut families {
            group.rules.sort_by_key(|rule| rule.name());
        }
        families.into_iter().map(|(_, group)| group).collect()
    }
}

/// A heading's title, and the sentences behind it.
fn split(heading: &str) -> (&str, Option<String>) {
    match heading.split_once('。') {
        Some((title, remark)) if !remark.is_empty() => (title, Some(remark.to_owned())),
        Some((title, _)) => (title, None),
        None => (heading, None),
    }
}

/// The names that an expression mentions, without whose they are and without parts of rules.
pub(crate) fn mentioned(expr: &Expr, names: &mut BTreeSet<String>) {
    match &expr.kind {
        ExprKind::Name(parts) => {
            let whose = parts.len() > 1 && ["member", "obligor", "household"].contains(&parts[0].as_str());
            let parts = &parts[usize::from(whose)..];
            names.extend(parts.first().cloned());
            // A part of a rule, or a parameter that a deduction's table makes, such as `job_cost.rate`.
            names.insert(parts.join("."));
        }
        ExprKind::Call { name, .. } => {
            names.insert(name.value.clone());
        }
        _ => {}
    }
    for child in expr.children() {
        mentioned(child, names);
    }
}
