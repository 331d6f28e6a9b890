//! Who did not answer about whom: reasons as bits of the person or household, and the ghosts that follow from them.
//!
//! A source that did not answer leaves one row that stands for any number of records nobody has seen.

use std::collections::BTreeMap;

use hedui_base::Outcome;
use hedui_rules::program::Entity;

use crate::atoms::Atom;
use crate::plan::{Ghosts, Scope};
use crate::printer::{Printer, scope_of};
use crate::setting::{Source, Subjects};
use crate::slot::{Why, any};
use crate::sql::{Sql, q};

impl Printer<'_> {
    /// Lays out the reasons of all datasets, and joins coverage to people and households.
    pub(crate) fn coverage(&mut self) {
        let setting = self.setting;
        let mut served: Vec<(usize, Vec<(&Source, Atom)>)> = Vec::new();
        for (dataset, used) in self.program.datasets.iter().enumerate() {
            let sources: Vec<&Source> = setting.sources.iter().filter(|s| s.dataset == used.name).collect();
            self.atoms.make_room(sources.len());
            let atoms = sources.iter().map(|source| (*source, self.atoms.of(&source.id, false)));
            served.push((dataset, atoms.collect()));
        }
        for scope in [Scope::Household, Scope::Person] {
            let own: Vec<&(usize, Vec<(&Source, Atom)>)> =
                served.iter().filter(|(dataset, _)| self.plan.owners[*dataset] == scope).collect();
            self.join_coverage(scope, &own);
        }
        for (dataset, atoms) in &served {
            let why = self.missing(*dataset, atoms);
            if why.is_empty() {
                continue;
            }
            let when = if atoms.is_empty() {
                Sql::truth(true)
            } else {
                any(why.0.values().map(|(sql, _)| q!("{} <> 0", sql)))
            };
            self.plan.ghosts[*dataset] = Some(Ghosts { when });
            self.unanswered[*dataset] = why;
        }
    }

    /// Where all is known: about whom policy asks for each dataset. Records that a source of it sent for another case are not
    /// this case's to see.
    pub(crate) fn asked(&mut self) {
        let setting = self.setting;
        if setting.denied {
            return;
        }
        for (dataset, used) in self.program.datasets.iter().enumerate() {
            let mut subjects = setting.sources.iter().filter(|s| s.dataset == used.name).map(|s| s.subjects);
            if let (Some(subjects), Entity::Person) = (subjects.next(), used.entity) {
                let condition = self.plan_asked(subjects);
                self.plan.asked[dataset] = condition;
            }
        }
    }

    fn plan_asked(&mut self, subjects: Subjects) -> Option<Sql> {
        match subjects {
            Subjects::Everyone => None,
            Subjects::Members => Some(self.is_member()),
            Subjects::Applicant => Some(self.plan.base(
                "is_applicant",
                Scope::Person,
                "(b.role = 'member' AND COALESCE(b.relation = 'self', FALSE))",
            )),
        }
    }

    fn join_coverage(&mut self, scope: Scope, served: &[&(usize, Vec<(&Source, Atom)>)]) {
        let all: Vec<(&Source, Atom)> = served.iter().flat_map(|(_, atoms)| atoms.iter().copied()).collect();
        if all.is_empty() {
            return;
        }
        let texts = |outcomes: &dyn Fn(Outcome) -> bool| {
            let words = Outcome::ALL.into_iter().filter(|o| outcomes(*o)).map(|o| format!("'{}'", o.as_str()));
            words.collect::<Vec<_>>().join(", ")
        };
        let (answers, unknowns) = (texts(&|o| !o.is_unknown()), texts(&|o| o.is_unknown()));
        let mut lines = Vec::new();
        for (word, bits) in words(&all) {
            let mask = self.source_bits("source", &bits, "0");
            lines.push(format!("BIT_OR(CASE WHEN outcome IN ({answers}) THEN {mask} ELSE 0 END) AS a{word}"));
            lines.push(format!("BIT_OR(CASE WHEN outcome IN ({unknowns}) THEN {mask} ELSE 0 END) AS o{word}"));
        }
        let key = if scope == Scope::Person { "person" } else { "case_row" };
        let mut join = format!(
            "\n  -- who answered: a bit for each source\n  LEFT JOIN (\n    SELECT person, {}\n    FROM coverage GROUP BY person\n  ) c ON c.person = b.{key}",
            lines.join(",\n      ")
        );
        if self.setting.denied && scope == Scope::Person {
            let lines: Vec<String> = words(&all)
                .iter()
                .map(|(word, bits)| format!("BIT_OR({}) AS d{word}", self.source_bits("source", bits, "0")))
                .collect();
            join.push_str(&format!(
                "\n  LEFT JOIN (SELECT case_row, person, {} FROM denied GROUP BY case_row, person) x \
                 ON x.case_row = b.case_row AND x.person = b.person",
                lines.join(", ")
            ));
        }
        self.plan.joins[usize::from(scope == Scope::Person)] = join;
    }

    /// Sources of a dataset that did not answer, as bits of its owner.
    fn missing(&mut self, dataset: usize, atoms: &[(&Source, Atom)]) -> Why {
        let used = &self.program.datasets[dataset];
        let complete = self.setting.complete.contains(&used.name);
        if atoms.is_empty() {
            if complete {
                return Why::default();
            }
            let atom = self.atoms.of(&used.name, true);
            return Why::one(atom.word, Sql::number(atom.bit as i64), atom.bit);
        }
        let scope = scope_of(used.entity);
        let mut why = Why::default();
        for (word, bits) in words(atoms) {
            let mask = |subjects: Subjects| {
                let own = atoms.iter().filter(|(source, atom)| atom.word == word && source.subjects == subjects);
                own.fold(0, |all, (_, atom)| all | atom.bit)
            };
            let mut asked = vec![mask(Subjects::Everyone).to_string()];
            if mask(Subjects::Members) != 0 {
                asked.push(format!("(CASE WHEN b.role = 'member' THEN {} ELSE 0 END)", mask(Subjects::Members)));
            }
            if mask(Subjects::Applicant) != 0 {
                asked.push(format!(
                    "(CASE WHEN b.role = 'member' AND b.relation = 'self' THEN {} ELSE 0 END)",
                    mask(Subjects::Applicant)
                ));
            }
            let asked = asked.join(" | ");
            let mut open =
                if complete { format!("COALESCE(c.o{word}, 0)") } else { format!("~COALESCE(c.a{word}, 0)") };
            if self.setting.denied && used.entity == Entity::Person {
                open = format!("({open} | COALESCE(x.d{word}, 0))");
            }
            let column = self.plan.base("u", scope, &format!("(({asked}) & {open})"));
            let all = bits.iter().fold(0, |all, (_, bit)| all | bit);
            why = why.or(&Why::one(word, column, all));
        }
        why
    }

    /// `CASE source WHEN .. THEN bit .. END`.
    fn source_bits(&self, column: &str, bits: &[(String, u64)], otherwise: &str) -> String {
        let lines: Vec<String> =
            bits.iter().map(|(name, bit)| format!("WHEN {} THEN {bit}", self.dialect().text(name))).collect();
        if lines.is_empty() {
            return format!("CAST({otherwise} AS BIGINT)");
        }
        format!("CASE {column} {} ELSE {otherwise} END", lines.join(" "))
    }

    /// Whether the record at hand is a ghost.
    pub(crate) fn ghost(&mut self, dataset: usize) -> Sql {
        if self.plan.ghosts[dataset].is_none() {
            return Sql::truth(false);
        }
        self.plan.base("ghost", Scope::Records(dataset), "FALSE")
    }

    /// The source that sent the record at hand, as a reason. A record of a source that nobody named breaks its case.
    pub(crate) fn sender(&mut self, dataset: usize) -> Why {
        let column = self.plan.base("source", Scope::Records(dataset), "r.source");
        let name = &self.program.datasets[dataset].name;
        let sources = self.setting.sources.iter().filter(|s| s.dataset == *name).map(|s| s.id.clone());
        let names: Vec<String> = sources.chain(self.setting.writers.iter().cloned()).collect();
        let mut by_word: BTreeMap<usize, Vec<(String, u64)>> = BTreeMap::new();
        for name in names {
            let atom = self.atoms.of(&name, false);
            let own = by_word.entry(atom.word).or_default();
            if !own.iter().any(|(known, _)| *known == name) {
                own.push((name, atom.bit));
            }
        }
        by_word.entry(0).or_default();
        let everywhere: Vec<String> = by_word.values().flatten().map(|(name, _)| self.dialect().text(name)).collect();
        let mut why = Why::default();
        for (word, bits) in &by_word {
            let mut text = self.source_bits(&column.text, bits, "0");
            let mut all = bits.iter().fold(0, |all, (_, bit)| all | bit);
            if *word == 0 {
                all |= 1;
                text = if everywhere.is_empty() {
                    "1".to_owned()
                } else {
                    format!("(CASE WHEN {} IN ({}) THEN {text} ELSE 1 END)", column.text, everywhere.join(", "))
                };
            }
            why.0.insert(*word, (Sql::with(text, column.reads.clone()), all));
        }
        why
    }
}

/// By word: the names of sources and their bits.
fn words(atoms: &[(&Source, Atom)]) -> BTreeMap<usize, Vec<(String, u64)>> {
    let mut words: BTreeMap<usize, Vec<(String, u64)>> = BTreeMap::new();
    for (source, atom) in atoms {
        let own = words.entry(atom.word).or_default();
        if !own.iter().any(|(known, _)| *known == source.id) {
            own.push((source.id.clone(), atom.bit));
        }
    }
    words
}
