//! What names stand for: title, type and codes, looked up in a program.

use hedui_base::{ColumnSpec, ColumnType, catalogue::Title};

use super::line::Lang;
use crate::program::Program;

/// Where an expression stands, which decides what its names mean.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// The dataset whose columns are names, in a fact.
    pub dataset: Option<&'a str>,
}

/// What a name means.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    /// Anchor: the rule, parameter or input; empty for a column.
    pub name: String,
    /// Title in the language of the document.
    pub title: String,
    /// Type, where it has one.
    pub ty: Option<ColumnType>,
    /// What it is.
    pub kind: NameKind,
    /// Codes and their titles.
    pub codes: Vec<(String, String)>,
}

/// What kind of thing a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameKind {
    /// Something declared or found: it is yes or no.
    Given,
    /// A rule: it holds or does not.
    Rule,
    /// A part of a rule, such as `dibao.amount`.
    Part,
    /// A parameter.
    Parameter,
    /// Nothing that this program knows.
    Unknown,
}

/// The names of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'p> {
    pub program: &'p Program,
    pub lang: Lang,
}

impl Names<'_> {
    /// The meaning of a name without `member.`, `obligor.` or `household.` before it.
    pub(super) fn meaning(&self, name: &str, place: Place<'_>) -> Meaning {
        let program = self.program;
        if let Some(column) = place.dataset.and_then(|dataset| self.column(dataset, name)) {
            return self.given("", column);
        }
        if let Some(input) = program.inputs.iter().find(|input| input.name == name) {
            return self.given(name, &input.spec);
        }
        if let Some(parameter) = program.parameters.iter().find(|p| p.name == name) {
            let title = title_or_name(self.lang, &parameter.title, &parameter.title_en, name);
            return meaning(name, title, Some(parameter.ty), NameKind::Parameter);
        }
        let (stem, part) = name.split_once('.').unwrap_or((name, ""));
        let is_it = |step: &str| step == name || (part.is_empty() && step.strip_suffix(".when") == Some(name));
        let step = program.steps.iter().find(|step| is_it(&step.name));
        if let Some(step) = step {
            let title = title_or_name(self.lang, &step.rule.title, &step.rule.title_en, stem);
            let kind = if part.is_empty() { NameKind::Rule } else { NameKind::Part };
            return meaning(stem, title, Some(step.ty), kind);
        }
        meaning("", name.to_owned(), None, NameKind::Unknown)
    }

    /// Title of a dataset.
    pub(super) fn dataset(&self, name: &str) -> String {
        let dataset = self.program.datasets.iter().find(|dataset| dataset.name == name);
        dataset.map_or_else(
            || name.to_owned(),
            |dataset| title_or_name(self.lang, &dataset.title, &dataset.title_en, name),
        )
    }

    fn column(&self, dataset: &str, name: &str) -> Option<&ColumnSpec> {
        let dataset = self.program.datasets.iter().find(|d| d.name == dataset)?;
        dataset.columns.iter().find(|column| column.name == name).map(|column| &column.spec)
    }

    fn given(&self, name: &str, spec: &ColumnSpec) -> Meaning {
        let Title { zh, en } = &spec.title;
        let title = title_or_name(self.lang, zh, en, name);
        let codes = spec.codes.iter().map(|(code, title)| (code.clone(), title.clone())).collect();
        Meaning { codes, ..meaning(name, title, Some(spec.ty), NameKind::Given) }
    }
}

fn meaning(name: &str, title: String, ty: Option<ColumnType>, kind: NameKind) -> Meaning {
    Meaning { name: name.to_owned(), title, ty, kind, codes: Vec::new() }
}

/// The title of a language, else the other one, else the name.
fn title_or_name(lang: Lang, zh: &str, en: &str, name: &str) -> String {
    let (first, second) = lang.pick((zh, en), (en, zh));
    [first, second, name].into_iter().find(|title| !title.is_empty()).unwrap_or_default().to_owned()
}
