//! The head of the book and the tables at its end.

use hedui_base::catalogue::NullMeaning;

use super::chapters::Context;
use super::document::{Block, Span, Text};
use super::entry::whose;
use super::labels::{self, Label};
use crate::words::{amount, type_word};

/// What the pack is.
pub(super) fn head(context: &Context<'_>) -> Block {
    let pack = &context.program.pack;
    let program = context.program;
    let mut rows: Vec<Vec<Text>> = Vec::new();
    let mut row = |label: Label, text: Text| rows.push(vec![Text::plain(context.label(label)), text]);
    row(Label::Pack, Text::code(pack.id.clone()));
    let area = pack.area.map_or_else(|| context.label(Label::Everywhere).to_owned(), |area| area.to_string());
    row(Label::Area, Text::plain(area));
    let until = pack.until.map_or_else(String::new, |until| until.to_string());
    row(Label::InForce, Text::plain(format!("{}…{until}", pack.from)));
    row(Label::Version, Text::plain(pack.version.clone()));
    row(Label::Hash, Text::code(pack.hash.clone()));
    if !pack.extends.is_empty() {
        row(Label::Extends, Text::code(pack.extends.join(" → ")));
    }
    row(Label::AsOf, Text::plain(context.options.on.to_string()));
    let counts = [
        (program.schemes.len(), Label::Schemes),
        (program.tests.len(), Label::Tests),
        (program.flags.len(), Label::Flags),
        (program.parameters.len(), Label::Parameters),
        (program.inputs.len(), Label::Inputs),
    ];
    let counts = counts.map(|(n, label)| match context.lang() {
        crate::words::Lang::Zh => format!("{} {n}", label.of(context.lang())),
        crate::words::Lang::En => format!("{n} {}", label.of(context.lang()).to_lowercase()),
    });
    row(Label::Counts, Text::plain(counts.join(context.lang().pick("，", ", "))));
    Block::Table { head: vec![String::new(), String::new()], rows }
}

/// Everything that is declared.
pub(super) fn inputs(context: &Context<'_>) -> Block {
    let lang = context.lang();
    let labels = [Label::Title, Label::Name, Label::Entity, Label::Type, Label::Blank, Label::Codes];
    let rows = context.program.inputs.iter().map(|input| {
        let blank = match (&input.default, input.spec.null) {
            (Some(value), _) => amount(lang, input.spec.ty, value),
            (None, NullMeaning::None) => context.label(Label::None).to_owned(),
            (None, NullMeaning::Unknown) => context.label(Label::Unknown).to_owned(),
        };
        let codes = input.spec.codes.iter().map(|(code, title)| format!("{code} {title}"));
        vec![
            Text::plain(context.title(&input.name)),
            Text::code(input.name.clone()),
            Text::plain(context.label(whose(input.entity))),
            Text::plain(type_word(lang, input.spec.ty)),
            Text::plain(blank),
            Text::plain(codes.collect::<Vec<_>>().join(lang.pick("，", ", "))),
        ]
    });
    Block::Table { head: labels.map(|label| context.label(label).to_owned()).to_vec(), rows: rows.collect() }
}

/// The datasets that facts read, with the columns in use.
pub(super) fn datasets(context: &Context<'_>) -> Vec<Block> {
    let lang = context.lang();
    let head = [Label::Column, Label::Name, Label::Type].map(|label| context.label(label).to_owned()).to_vec();
    let blocks = context.program.datasets.iter().flat_map(|dataset| {
        let title =
            Text::plain(format!("{} ", context.speaker.dataset(&dataset.name))).and(Span::Code(dataset.name.clone()));
        let rows = dataset.columns.iter().map(|column| {
            let title = lang.pick(&column.spec.title.zh, &column.spec.title.en);
            let title = if title.is_empty() { &column.spec.title.zh } else { title };
            vec![
                Text::plain(title.clone()),
                Text::code(column.name.clone()),
                Text::plain(type_word(lang, column.spec.ty)),
            ]
        });
        let anchor = format!("d-{}", dataset.name);
        [Block::Heading { level: 3, anchor, text: title }, Block::Table { head: head.clone(), rows: rows.collect() }]
    });
    blocks.collect()
}

/// Every name in the pack, in order.
pub(super) fn glossary(context: &Context<'_>) -> Block {
    let mut names: Vec<_> = context.written.iter().filter(|rule| rule.name() != "score").collect();
    names.sort_by_key(|rule| rule.name());
    let rows = names.into_iter().map(|rule| {
        vec![
            Text::code(rule.name()),
            Text(vec![context.link(rule.name())]),
            Text::plain(context.label(labels::kind(&rule.rule.body))),
            Text::code(rule.place()),
        ]
    });
    let head = [Label::Name, Label::Title, Label::Kind, Label::Place];
    Block::Table { head: head.map(|label| context.label(label).to_owned()).to_vec(), rows: rows.collect() }
}
