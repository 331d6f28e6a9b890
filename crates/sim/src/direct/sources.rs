//! The sources of a registry as the direct writer needs them: whom each is asked about, which rows are its own.

use std::sync::Arc;

use hedui_base::{ColumnType, Dataset};
use hedui_connect::{Converter, Registry, Subjects};
use jiff::civil::Date;

use super::line::{Cell, Columns, Line};
use crate::city::Person;

/// One source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) institution: String,
    pub(super) manifest: String,
    pub(super) subjects: Subjects,
    /// Its dataset, as an index of [`Sources::datasets`].
    pub(super) dataset: usize,
    /// What its answers always say, by column: rows that say so are its own.
    always: Vec<(usize, String)>,
    /// Which columns of the dataset it fills.
    fills: Vec<bool>,
    /// The months it is asked for, and the column that has them.
    months: Option<(i64, i64, usize)>,
    /// Whether it can only be asked about names that GBK can carry.
    pub(super) gbk: bool,
}

/// One dataset and who holds it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) dataset: Arc<Dataset>,
    pub(super) columns: Columns,
    /// Indices of its sources, ascending.
    pub(super) sources: Vec<usize>,
}

/// All sources, by id, and the datasets they hold.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) all: Vec<Source>,
    pub(super) datasets: Vec<Held>,
}

impl Sources {
    pub(super) fn new(registry: &Registry, as_of: Date) -> Self {
        let mut listed: Vec<_> = registry.iter().collect();
        listed.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let (mut all, mut datasets) = (Vec::with_capacity(listed.len()), Vec::<Held>::new());
        for (nth, source) in listed.into_iter().enumerate() {
            let known = datasets.iter().position(|held| held.dataset.name == source.dataset.name);
            let dataset = known.unwrap_or_else(|| {
                datasets.push(Held::new(&source.dataset));
                datasets.len() - 1
            });
            let columns = &datasets[dataset].columns;
            let at = |name: &str| columns.names.iter().position(|n| n == name);
            let fields = &source.manifest.map.fields;
            let mut fills: Vec<bool> =
                columns.names.iter().map(|name| fields.iter().any(|f| f.column == *name)).collect();
            if let Some(score) = at("link_score") {
                fills[score] = true;
            }
            let always = fields.iter().filter_map(|field| match &field.converter {
                Converter::Const { value } => Some((at(&field.column)?, value.to_string())),
                _ => None,
            });
            let months = source.period(as_of).and_then(|period| {
                let month = columns.types.iter().position(|ty| *ty == ColumnType::Month)?;
                Some((period.from.index(), period.until.index(), month))
            });
            all.push(Source {
                id: source.id.to_string(),
                institution: source.institution.clone(),
                manifest: source.manifest_hash.clone(),
                subjects: source.subjects,
                dataset,
                always: always.collect(),
                fills,
                months,
                gbk: source.dataset.name == "deposit",
            });
            datasets[dataset].sources.push(nth);
        }
        Self { all, datasets }
    }

    pub(super) fn dataset(&self, name: &str) -> Option<usize> {
        self.datasets.iter().position(|held| held.dataset.name == name)
    }
}

impl Held {
    fn new(dataset: &Arc<Dataset>) -> Self {
        let names: Vec<String> = dataset.columns.keys().cloned().collect();
        let columns = Columns {
            types: dataset.columns.values().map(|spec| spec.ty).collect(),
            key: dataset.key.iter().filter_map(|key| names.iter().position(|n| n == key)).collect(),
            names,
        };
        Self { dataset: Arc::clone(dataset), columns, sources: Vec::new() }
    }
}

impl Source {
    /// Whether policy asks it about somebody.
    pub(super) fn asks(&self, is_member: bool, person: &Person) -> bool {
        match self.subjects {
            Subjects::Members => is_member,
            Subjects::MembersAndObligors => true,
            Subjects::Applicant => is_member && person.relation == "self",
        }
    }

    /// Whether a row is among those it answers from: it names the institution, or says what its answers always say, or
    /// names nobody.
    pub(super) fn has(&self, line: &Line) -> bool {
        let said = |(at, text): &(usize, String)| matches!(&line.cells[*at], Cell::Text(r) if line.text(r) == text);
        let own = match &line.holder {
            Some(holder) => line.text(holder) == self.institution,
            None => true,
        };
        let within = self.months.is_none_or(|(from, until, at)| match line.cells[at] {
            Cell::Int(month) => (from..=until).contains(&month),
            _ => true,
        });
        within && (own || (!self.always.is_empty() && self.always.iter().all(said)))
    }

    /// Whether it fills a column.
    pub(super) fn fills(&self, column: usize) -> bool {
        self.fills[column]
    }
}
