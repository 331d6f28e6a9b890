//! The live records of each dataset.

use hedui_rules::program::{DatasetUse, Entity};

use super::{Body, Kind, Relation, Views};
use crate::expressions::quoted;

impl Views<'_> {
    pub(super) fn records(&mut self, dataset: &DatasetUse, closely: bool) {
        let (relation, name) = (format!("d_{}", dataset.name), &dataset.name);
        let key = if dataset.entity == Entity::Person { "person" } else { "case_row" };
        let common = [(key, Kind::Int), ("source", Kind::Text), ("record_id", Kind::Text), ("as_of", Kind::Date)];
        let common = common.map(|(name, kind)| (name.to_owned(), kind));
        let own = || dataset.columns.iter().map(|column| (column.name.clone(), Kind::of(column.spec.ty)));
        // No institution sends records of a household as such.
        let files =
            self.store.tables.get(name).filter(|table| dataset.entity == Entity::Person && !table.files.is_empty());
        let Some(table) = files else {
            let columns = common.into_iter().chain(own()).collect();
            let body = Body::Files { columns, paths: Vec::new() };
            return self.relations.push(Relation {
                name: relation,
                note: format!("{}: nobody sends it", dataset.title),
                body,
            });
        };
        let (paths, there) = (table.files.clone(), |column: &str| table.columns.contains(column));
        let mut columns = common.to_vec();
        columns.push(("answer".to_owned(), Kind::Int));
        columns.extend(own().filter(|(column, _)| there(column)));
        let mut select: Vec<String> = common.iter().map(|(column, _)| format!("r.{column}")).collect();
        select.extend(own().map(|(column, kind)| {
            let quoted = quoted(&column, self.dialect);
            if there(&column) { format!("r.{quoted}") } else { format!("CAST(NULL AS {}) AS {quoted}", kind.sql()) }
        }));
        let file = format!("f_{name}");
        let note = format!("{}, as it lies in the store", dataset.title);
        self.relations.push(Relation { name: file.clone(), note, body: Body::Files { columns, paths } });
        let live = self.live(name, closely);
        let query = format!("SELECT {}\nFROM {file} r{live}", select.join(", "));
        self.query(&relation, &format!("{}, of answers that count", dataset.title), query, false);
    }

    /// The join that drops records of superseded answers.
    fn live(&self, dataset: &str, closely: bool) -> String {
        let anti = self.dialect.anti_join();
        if closely {
            return format!(
                "\n  {anti} superseded s ON s.person = r.person AND s.source = r.source AND s.answer <> r.answer"
            );
        }
        // Names that may stand in this dataset's `source`.
        let serving: Vec<&str> = self
            .setting
            .sources
            .iter()
            .filter(|source| source.dataset == dataset)
            .map(|source| source.id.as_str())
            .collect();
        let names = serving.iter().copied().chain(self.setting.writers.iter().map(String::as_str));
        let names: Vec<&str> = names.collect();
        let corrected: Vec<String> = names
            .iter()
            .filter(|name| self.store.corrected.contains(**name))
            .map(|name| self.dialect.text(name))
            .collect();
        if corrected.is_empty() {
            return String::new();
        }
        let of_them = format!("(SELECT * FROM superseded WHERE source IN ({}))", corrected.join(", "));
        // One name needs no comparing.
        let by_source = if names.len() == 1 { "" } else { "s.source = r.source AND " };
        format!("\n  {anti} {of_them} s ON s.person = r.person AND {by_source}s.answer > r.answer")
    }
}
