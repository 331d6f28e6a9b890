//! The cases of a store and their people.

use hedui_rules::program::Entity;

use super::{Body, Kind, Relation, Views};
use crate::expressions::quoted;

impl Views<'_> {
    pub(super) fn files(&mut self, name: &str, note: &str, table: &str, columns: Vec<(String, Kind)>) {
        let paths = self.store.tables.get(table).map(|table| table.files.clone()).unwrap_or_default();
        self.relations.push(Relation {
            name: name.to_owned(),
            note: note.to_owned(),
            body: Body::Files { columns, paths },
        });
    }

    pub(super) fn query(&mut self, name: &str, note: &str, text: String, kept: bool) {
        self.relations.push(Relation {
            name: name.to_owned(),
            note: note.to_owned(),
            body: Body::Query { text, kept },
        });
    }

    /// Inputs as columns of a table: name, kind, and whether the table has it.
    fn inputs(&self, table: &str, entity: Entity, but: &[&str]) -> Vec<(String, Kind, bool)> {
        let own =
            self.program.inputs.iter().filter(|input| input.entity == entity && !but.contains(&input.name.as_str()));
        own.map(|input| (input.name.clone(), Kind::of(input.spec.ty), self.store.has_column(table, &input.name)))
            .collect()
    }

    /// `cases` and `persons`.
    pub(super) fn cases(&mut self) {
        let text = |name: &str| (name.to_owned(), Kind::Text);
        let int = |name: &str| (name.to_owned(), Kind::Int);
        let there = |(name, kind, there): &(String, Kind, bool)| there.then(|| (name.clone(), *kind));
        let of_case = self.inputs("cases", Entity::Household, &[]);
        let mut columns =
            vec![int("person"), int("position"), text("case"), text("area"), text("residence"), text("letters")];
        columns.extend(of_case.iter().filter_map(there));
        self.files("f_cases", "cases, as they lie in the store", "cases", columns);
        let mut select = vec![
            "position AS case_row".to_owned(),
            "person AS home".to_owned(),
            format!("{} AS case_id", quoted("case", self.dialect)),
            "area".to_owned(),
            "residence".to_owned(),
            "letters".to_owned(),
        ];
        select.extend(of_case.iter().map(|input| self.input(input, "")));
        let only = match &self.store.areas {
            None => String::new(),
            Some(areas) => {
                let areas: Vec<String> = areas.iter().map(|area| self.dialect.text(area)).collect();
                format!("\nWHERE area IN ({})", areas.join(", "))
            }
        };
        let query = format!("SELECT {}\nFROM f_cases{only}", select.join(", "));
        self.query("cases", "one row per case", query, false);

        let of_person = self.inputs("people", Entity::Person, &["relation"]);
        let mut columns = vec![int("position"), int("who"), text("role"), text("relation")];
        columns.extend(of_person.iter().filter_map(there));
        self.files("f_people", "their people, as they lie in the store", "people", columns);
        let mut select = vec![
            "p.position AS case_row".to_owned(),
            "p.who AS person".to_owned(),
            "p.role".to_owned(),
            "p.relation".to_owned(),
        ];
        select.extend(of_person.iter().map(|input| self.input(input, "p.")));
        let only = if self.store.areas.is_some() {
            format!(" {} cases c ON c.case_row = p.position", self.dialect.semi_join())
        } else {
            String::new()
        };
        let query = format!("SELECT {}\nFROM f_people p{only}", select.join(", "));
        self.query("persons", "one row per case and person", query, false);
    }

    /// An input as a column: null for everyone where the store was written before a pack declared it.
    fn input(&self, (name, kind, there): &(String, Kind, bool), prefix: &str) -> String {
        let name = quoted(name, self.dialect);
        if *there { format!("{prefix}{name}") } else { format!("CAST(NULL AS {}) AS {name}", kind.sql()) }
    }
}
