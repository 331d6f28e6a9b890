//! Changes as a document.

use super::{Changes, Edit, Fate, ParameterChange, RowChange, RowFate, RuleChange, Said};
use crate::book::{Block, Document, Item, Span, Text, words_item};
use crate::words::Lang;

/// Says what changed.
#[must_use]
pub fn document(changes: &Changes, lang: Lang) -> Document {
    let say = Say { lang };
    let (old, new) = (&changes.old, &changes.new);
    let title = match (old.id == new.id, lang) {
        (true, Lang::Zh) => format!("{} 的变化：{} → {}", new.id, old.version, new.version),
        (true, Lang::En) => format!("What changed in {}: {} → {}", new.id, old.version, new.version),
        (false, Lang::Zh) => format!("{} {} 与 {} {} 的差异", old.id, old.version, new.id, new.version),
        (false, Lang::En) => format!("{} {} compared with {} {}", old.id, old.version, new.id, new.version),
    };
    let mut blocks = Vec::new();
    if let Some(day) = changes.on {
        blocks.push(Block::Paragraph(Text::plain(match lang {
            Lang::Zh => format!("只比较 {day} 当日有效的内容。"),
            Lang::En => format!("Only what is in force on {day} is compared."),
        })));
    }
    if changes.is_empty() {
        blocks.push(Block::Paragraph(Text::plain(lang.pick("没有变化。", "Nothing changed."))));
    }
    if !changes.head.is_empty() {
        blocks.push(heading(2, "pack", lang.pick("规则包", "Pack")));
        blocks.push(Block::List(changes.head.iter().map(|edit| say.edit(edit)).collect()));
    }
    if !changes.parameters.is_empty() {
        blocks.push(heading(2, "parameters", lang.pick("参数", "Parameters")));
        blocks.extend(changes.parameters.iter().flat_map(|change| say.parameter(change)));
    }
    let kinds = [
        ("scheme", "救助类别", "Schemes"),
        ("test", "判定条件", "Tests"),
        ("flag", "疑点", "Flags"),
        ("variable", "计算项", "Variables"),
        ("fact", "数据事实", "Facts"),
        ("input", "申报与登记项", "Inputs"),
    ];
    let known = |kind: &str| kinds.iter().any(|(word, ..)| *word == kind);
    for (kind, zh, en) in kinds {
        let rules: Vec<&RuleChange> = changes.rules.iter().filter(|change| change.kind == kind).collect();
        if !rules.is_empty() {
            blocks.push(heading(2, kind, lang.pick(zh, en)));
            blocks.extend(rules.into_iter().flat_map(|change| say.rule(change)));
        }
    }
    let others: Vec<&RuleChange> = changes.rules.iter().filter(|change| !known(change.kind)).collect();
    if !others.is_empty() {
        blocks.push(heading(2, "others", lang.pick("其他", "Others")));
        blocks.extend(others.into_iter().flat_map(|change| say.rule(change)));
    }
    let cases = [
        (&changes.cases_added, "新增", "added"),
        (&changes.cases_removed, "删除", "removed"),
        (&changes.cases_changed, "改写", "changed"),
    ];
    if cases.iter().any(|(titles, ..)| !titles.is_empty()) {
        blocks.push(heading(2, "cases", lang.pick("案例", "Cases")));
        for (titles, zh, en) in cases.into_iter().filter(|(titles, ..)| !titles.is_empty()) {
            let word = lang.pick(zh, en);
            let text = Text::plain(match lang {
                Lang::Zh => format!("{word} {} 个", titles.len()),
                Lang::En => format!("{} {word}", titles.len()),
            });
            let items = titles.iter().map(|title| Item::of(Text::plain(title.clone()))).collect();
            blocks.push(Block::List(vec![Item { text, items }]));
        }
    }
    Document { title, lang: lang.pick("zh", "en"), blocks }
}

fn heading(level: u8, anchor: &str, text: &str) -> Block {
    Block::Heading { level, anchor: anchor.to_owned(), text: Text::plain(text) }
}

struct Say {
    lang: Lang,
}

impl Say {
    fn fate(&self, fate: Fate) -> &'static str {
        match fate {
            Fate::Added => self.lang.pick("新增", "added"),
            Fate::Removed => self.lang.pick("删除", "removed"),
            Fate::Changed => self.lang.pick("修改", "changed"),
        }
    }

    fn title(&self, fate: Fate, title: &str, name: &str) -> Block {
        let text = Text::plain(format!("{}{}{title} ", self.fate(fate), self.lang.pick("：", ": ")));
        Block::Heading { level: 3, anchor: format!("c-{name}"), text: text.and(Span::Code(name.to_owned())) }
    }

    fn rule(&self, change: &RuleChange) -> Vec<Block> {
        let mut blocks = vec![self.title(change.fate, &change.title, &change.name)];
        let edits = change.edits.iter().map(|edit| match change.fate {
            Fate::Changed => self.edit(edit),
            _ => self.one_side(edit),
        });
        let mut items: Vec<Item> = edits.collect();
        items.extend(self.outputs(&change.outputs));
        items.push(Item::of(Text::plain(self.lang.pick("位置：", "place: ")).and(Span::Code(change.place.clone()))));
        blocks.push(Block::List(items));
        blocks
    }

    fn parameter(&self, change: &ParameterChange) -> Vec<Block> {
        let mut blocks = vec![self.title(change.fate, &change.title, &change.name)];
        let mut items: Vec<Item> = change
            .edits
            .iter()
            .map(|edit| if change.fate == Fate::Changed { self.edit(edit) } else { self.one_side(edit) })
            .collect();
        items.extend(change.rows.iter().map(|row| self.row(row)));
        items.extend(self.outputs(&change.outputs));
        blocks.push(Block::List(items));
        blocks
    }

    fn outputs(&self, outputs: &[(String, String)]) -> Option<Item> {
        let titles: Vec<String> = outputs
            .iter()
            .map(|(name, title)| if title == name { name.clone() } else { format!("{title}（{name}）") })
            .collect();
        let titles = match self.lang {
            Lang::Zh => titles.join("、"),
            Lang::En => titles.join(", ").replace('（', " (").replace('）', ")"),
        };
        let label = self.lang.pick("影响：", "affects: ");
        (!titles.is_empty()).then(|| Item::of(Text::plain(format!("{label}{titles}"))))
    }

    /// What a key said and says.
    fn edit(&self, edit: &Edit) -> Item {
        let key = Text(vec![Span::Strong(self.key(&edit.key))]).then(self.lang.pick("：", ": "));
        match (&edit.old, &edit.new) {
            (Some(old), Some(new)) if short(old) && short(new) => {
                Item::of(key.then(format!("{} → {}", old.words.lead, new.words.lead)))
            }
            (Some(old), Some(new)) => {
                Item { text: key, items: vec![self.state("原", "before", old), self.state("现", "now", new)] }
            }
            (None, Some(new)) => self.begins(key, "新增 ", "new: ", new),
            (Some(old), None) => self.begins(key, "不再有 ", "gone: ", old),
            (None, None) => Item::of(key),
        }
    }

    /// What a rule that is added or removed says.
    fn one_side(&self, edit: &Edit) -> Item {
        let key = Text(vec![Span::Strong(self.key(&edit.key))]).then(self.lang.pick("：", ": "));
        match edit.new.as_ref().or(edit.old.as_ref()) {
            Some(said) => self.begins(key, "", "", said),
            None => Item::of(key),
        }
    }

    fn begins(&self, key: Text, zh: &str, en: &str, said: &Said) -> Item {
        let mut item = words_item(&said.words);
        item.text = key.then(self.lang.pick(zh, en)).with(item.text);
        item
    }

    fn state(&self, zh: &str, en: &str, said: &Said) -> Item {
        let label = match self.lang {
            Lang::Zh => format!("{zh}："),
            Lang::En => format!("{en}: "),
        };
        let mut item = words_item(&said.words);
        item.text = Text::plain(label).with(item.text);
        if said.words.to_string() != said.text {
            item.items.push(Item::of(Text::code(said.text.clone())));
        }
        item
    }

    /// A key of TOML in words; with the day of its version.
    fn key(&self, key: &str) -> String {
        if let Some((day, key)) = key.split_once(' ') {
            return match self.lang {
                Lang::Zh => format!("自 {day} 起的{}", self.key(key)),
                Lang::En => format!("{} from {day}", self.key(key)),
            };
        }
        let zh = match key {
            "title" => "标题",
            "cite" => "依据",
            "formula" => "公式",
            "when" => "条件",
            "where" => "只计",
            "value" => "取值",
            "below" => "低于",
            "at_most" => "不高于",
            "above" => "高于",
            "at_least" => "不低于",
            "declared" => "申报",
            "found" => "查得",
            "amount" => "金额",
            "recheck_months" => "核查间隔",
            "until" => "截止日",
            "from" => "起始日或数据集",
            "severity" => "等级",
            "follow_up" => "处理",
            "evidence" => "证据",
            "order" => "次序",
            "entity" => "归属",
            "type" => "单位",
            "version" => "版本",
            "area" => "地区",
            "extends" => "沿用",
            "default" => "空白时",
            "fallback" => "没有适用的行时",
            "exemption" => "豁免",
            "codes" => "代码",
            other => other,
        };
        self.lang.pick(zh, key).replace('_', " ")
    }

    fn row(&self, row: &RowChange) -> Item {
        let lang = self.lang;
        let day = row.from;
        let until = row.until.map(|until| until.to_string()).unwrap_or_default();
        let which =
            if row.which.is_empty() { String::new() } else { format!("{}{}", row.which, lang.pick("，", ", ")) };
        let (old, new) = (row.old.as_deref().unwrap_or("—"), row.new.as_deref().unwrap_or("—"));
        let percent = row.percent.as_ref().map_or_else(String::new, |percent| match lang {
            Lang::Zh => format!("（{percent} %）"),
            Lang::En => format!(" ({percent} %)"),
        });
        let words = match (row.fate, lang) {
            (RowFate::Begins, Lang::Zh) => format!("自 {day} 起为 {new}"),
            (RowFate::Begins, Lang::En) => format!("{new} from {day}"),
            (RowFate::Follows, Lang::Zh) => format!("自 {day} 起 {old} → {new}{percent}"),
            (RowFate::Follows, Lang::En) => format!("{old} → {new}{percent} from {day}"),
            (RowFate::Corrected, Lang::Zh) => format!("自 {day} 起的值更正 {old} → {new}{percent}"),
            (RowFate::Corrected, Lang::En) => format!("the value from {day} is corrected {old} → {new}{percent}"),
            (RowFate::OnTheDay, Lang::Zh) => format!("当日 {old} → {new}{percent}"),
            (RowFate::OnTheDay, Lang::En) => format!("{old} → {new}{percent} on the day"),
            (RowFate::Restated, Lang::Zh) => format!("{new} 的起止日或依据改写（{day}…{until}）"),
            (RowFate::Restated, Lang::En) => format!("{new}: other dates or another citation ({day}…{until})"),
            (RowFate::Ends, Lang::Zh) => format!("{new} 至 {until} 止，其后没有值"),
            (RowFate::Ends, Lang::En) => format!("{new} ends on {until}, with nothing after it"),
            (RowFate::Removed, Lang::Zh) => format!("删去 {old}（{day}…{until}）"),
            (RowFate::Removed, Lang::En) => format!("{old} is gone ({day}…{until})"),
        };
        let text = Text::plain(format!("{which}{words}{}{} ", lang.pick("，", ", "), row.cite));
        Item::of(text.and(Span::Code(row.place.clone())))
    }
}

/// Whether old and new fit beside each other.
fn short(said: &Said) -> bool {
    said.words.parts.is_empty() && said.words.lead.width() <= 32
}
