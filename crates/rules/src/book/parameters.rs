//! Parameters: the rows in force on the day and those to come.

use hedui_base::AreaCode;

use super::chapters::Context;
use super::document::{Block, Item, Span, Text};
use super::labels::Label;
use crate::program::{KeyMatch, Parameter, ParameterRow, ParameterValue, RowValue, ScaleKind};
use crate::words::{Lang, amount, number, type_word};

/// More rows than these are left to the parameter's own table.
const BRIEF: usize = 4;

/// All parameters, by name.
pub(super) fn chapter(context: &Context<'_>) -> Vec<Block> {
    let mut all: Vec<&Parameter> = context.program.parameters.iter().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.into_iter().flat_map(|parameter| one(context, parameter)).collect()
}

fn one(context: &Context<'_>, parameter: &Parameter) -> Vec<Block> {
    let name = &parameter.name;
    let rows: Vec<&ParameterRow> = here(context, parameter).collect();
    let (past, listed): (Vec<&ParameterRow>, Vec<&ParameterRow>) =
        rows.into_iter().partition(|row| row.until.is_some_and(|until| until < context.options.on));
    let mut blocks = vec![
        Block::Heading {
            level: 4,
            anchor: format!("p-{name}"),
            text: Text::plain(format!("{} ", context.title(name))).and(Span::Code(name.clone())),
        },
        Block::Paragraph(Text::plain(type_word(context.lang(), parameter.ty)).with(origin(context, name))),
    ];
    if listed.is_empty() {
        blocks.push(Block::Paragraph(Text::plain(context.label(Label::NoRow))));
    } else {
        blocks.push(table(context, parameter, &listed));
    }
    if let Some(fallback) = &parameter.fallback {
        let value = amount(context.lang(), parameter.ty, &fallback.value);
        let text =
            format!("{} {value}{}{}", context.label(Label::Fallback), context.lang().pick("：", ": "), fallback.reason);
        blocks.push(Block::Paragraph(Text::plain(text)));
    }
    if let Some(scale) = &parameter.scale {
        let label = match scale.kind {
            ScaleKind::Marginal => Label::MarginalScale,
            ScaleKind::Single => Label::SingleScale,
        };
        blocks.push(Block::Paragraph(Text::plain(context.label(label))));
    }
    if parameter.exemption {
        blocks.push(Block::Paragraph(Text::plain(context.label(Label::Exemption))));
    }
    if !past.is_empty() {
        blocks.push(Block::Paragraph(Text::plain(format!("{} {}", past.len(), context.label(Label::Past)))));
    }
    if let Some(users) = context.users.get(name) {
        let mut text = context.bold(context.label(Label::UsedBy));
        for (i, user) in users.iter().enumerate() {
            text.0.extend((i > 0).then(|| Span::Plain(context.lang().pick("、", ", ").to_owned())));
            text.0.push(context.link(user));
        }
        blocks.push(Block::Paragraph(text));
    }
    blocks
}

fn origin(context: &Context<'_>, name: &str) -> Text {
    let Some(rule) = context.written.iter().find(|rule| rule.name() == name) else { return Text::default() };
    let own = rule.pack == context.program.pack.id;
    let words = match (&rule.replaces, own) {
        (Some(base), true) => format!(" · {} {base} · ", context.label(Label::Replaces)),
        (_, true) => format!(" · {} · ", context.label(Label::Own)),
        (_, false) => format!(" · {} {} · ", context.label(Label::InheritedFrom), rule.pack),
    };
    Text::plain(words).and(Span::Code(rule.place()))
}

fn table(context: &Context<'_>, parameter: &Parameter, rows: &[&ParameterRow]) -> Block {
    let label = |label: Label| context.label(label).to_owned();
    let mut head = vec![label(Label::Area), label(Label::Residence)];
    head.extend(parameter.keys.iter().cloned());
    head.extend([Label::From, Label::Until, Label::Value, Label::State, Label::Cite, Label::Place].map(label));
    let rows = rows.iter().map(|row| {
        let mut cells = vec![area(context, row.area), residence(context, row)];
        cells.extend(row.keys.iter().map(|key| key_text(context.lang(), key)));
        let state = if row.from <= context.options.on { Label::Current } else { Label::Coming };
        cells.extend([
            row.from.to_string(),
            row.until.map_or_else(|| "—".to_owned(), |until| until.to_string()),
            row_text(context.lang(), parameter, row),
            label(state),
            row.cite.clone(),
        ]);
        let mut cells: Vec<Text> = cells.into_iter().map(Text::plain).collect();
        cells.push(Text::code(format!("{}:{}", row.file, row.line)));
        cells
    });
    Block::Table { head, rows: rows.collect() }
}

/// A parameter beside a rule: its rows on the day, or how many there are.
pub(super) fn brief(context: &Context<'_>, parameter: &Parameter) -> Item {
    let on = context.options.on;
    let rows: Vec<&ParameterRow> = here(context, parameter).collect();
    let now: Vec<&ParameterRow> =
        rows.iter().copied().filter(|r| r.from <= on && r.until.is_none_or(|until| on <= until)).collect();
    let text = Text(vec![context.link(&parameter.name)]);
    let next = rows.iter().map(|row| row.from).filter(|from| *from > on).min();
    let next = next.map(|from| format!(" · {} {from}", context.label(Label::NextChange))).unwrap_or_default();
    match now.as_slice() {
        [] => Item::of(text.then(format!(": {}{next}", context.label(Label::NoRow)))),
        [row] => Item::of(text.then(format!(
            " = {} · {}{next}",
            row_text(context.lang(), parameter, row),
            since(context, row)
        ))),
        many if many.len() > BRIEF => {
            Item::of(text.then(format!(": {} {}{next}", many.len(), context.label(Label::SeeTable))))
        }
        many => {
            let items = many.iter().map(|row| {
                let mut which: Vec<String> = Vec::new();
                which.extend(row.area.map(|_| area(context, row.area)));
                which.extend(row.residence.as_ref().map(|_| residence(context, row)));
                which.extend(
                    parameter
                        .keys
                        .iter()
                        .zip(&row.keys)
                        .map(|(name, key)| format!("{name} {}", key_text(context.lang(), key))),
                );
                let which = which.join(context.lang().pick("，", ", "));
                let value = row_text(context.lang(), parameter, row);
                Item::of(Text::plain(format!("{which} = {value} · {}", since(context, row))))
            });
            Item { text: text.then(next), items: items.collect() }
        }
    }
}

fn since(context: &Context<'_>, row: &ParameterRow) -> String {
    let until = row.until.map_or_else(String::new, |until| until.to_string());
    format!("{}…{until}{}{}", row.from, context.lang().pick("，", ", "), row.cite)
}

/// The rows that can matter in the pack's area.
fn here<'p>(context: &Context<'_>, parameter: &'p Parameter) -> impl Iterator<Item = &'p ParameterRow> {
    let pack = context.program.pack.area;
    let meets = move |row: &AreaCode| pack.is_none_or(|pack| pack.is_within(*row) || row.is_within(pack));
    parameter.rows.iter().filter(move |row| row.area.as_ref().is_none_or(meets))
}

/// What a row says: a value as the rules use it, with what was published, or a gap.
pub(crate) fn row_text(lang: Lang, parameter: &Parameter, row: &ParameterRow) -> String {
    let mut text = match (&row.value, parameter.read(row, 0)) {
        (RowValue::Known(ParameterValue::Text(text)), _) => text.to_string(),
        (RowValue::Known(_), Some(value)) => number(lang, parameter.ty, value),
        (RowValue::Known(value), None) => amount(lang, parameter.ty, value),
        (RowValue::Gap(why), _) => gap(lang, parameter, why),
        (RowValue::Nothing, _) => "—".to_owned(),
    };
    if let (Some(_), RowValue::Known(value)) = (row.per, &row.value) {
        let published = amount(lang, parameter.published_type(row), value);
        text.push_str(&bracketed(lang, &format!("{} {published}", Label::Published.of(lang))));
    }
    if let Some(each) = row.each {
        let each = number(lang, parameter.published_type(row), each);
        text.push_str(&bracketed(lang, &format!("{} {each}", Label::Each.of(lang))));
    }
    if let Some(day) = row.confirm_by {
        text.push_str(&bracketed(lang, &format!("{} {day}", Label::ConfirmBy.of(lang))));
    }
    text
}

fn bracketed(lang: Lang, text: &str) -> String {
    lang.pick(format_args!("（{text}）"), format_args!(" ({text})")).to_string()
}

/// A value that no source gives, and what it lies between.
fn gap(lang: Lang, parameter: &Parameter, why: &str) -> String {
    let ends = [(parameter.bounds.0, Label::GapAtLeast), (parameter.bounds.1, Label::GapAtMost)];
    let mut words = vec![Label::Gap.of(lang).to_owned()];
    let ends = ends.into_iter().filter_map(|(end, label)| Some((end?, label)));
    words.extend(ends.map(|(end, label)| format!("{} {}", label.of(lang), number(lang, parameter.ty, end))));
    words.extend((!why.is_empty()).then(|| why.to_owned()));
    words.join(lang.pick("，", ", "))
}

fn area(context: &Context<'_>, area: Option<AreaCode>) -> String {
    area.map_or_else(|| context.label(Label::Everywhere).to_owned(), |area| area.to_string())
}

fn residence(context: &Context<'_>, row: &ParameterRow) -> String {
    match row.residence.as_deref() {
        Some("urban") => context.lang().pick("城镇", "urban").to_owned(),
        Some("rural") => context.lang().pick("农村", "rural").to_owned(),
        Some(other) => other.to_owned(),
        None => context.lang().pick("城乡", "both").to_owned(),
    }
}

/// What a key column accepts, as its cell says it.
pub(crate) fn key_text(lang: Lang, key: &KeyMatch) -> String {
    match key {
        KeyMatch::Any => Label::AnyKey.of(lang).to_owned(),
        KeyMatch::Range(from, to) if from == to => from.to_string(),
        KeyMatch::Range(from, i64::MAX) => format!("{from}+"),
        KeyMatch::Range(from, to) => format!("{from}-{to}"),
        KeyMatch::Text(text) => text.to_string(),
    }
}
