//! How each (person, source) pair stands, which answers are superseded, and what a case may not see.

use super::{Kind, Views};
use crate::setting::Subjects;

impl Views<'_> {
    /// `coverage`: the newest outcome of every pair. And `newest`, with what else hangs on it; `superseded`: the pairs that
    /// have an answer which no longer counts.
    pub(super) fn coverage(&mut self) {
        self.all_answers();
        let query = "SELECT person, source, MAX_BY(outcome, answer) AS outcome, MAX_BY(COALESCE(letter, ''), answer) AS letter,\n  \
                     MAX(answer) AS answer, COUNT(*) AS answers\nFROM f_coverage\nGROUP BY person, source";
        self.query("newest", "the answer of each person and source that counts", query.to_owned(), true);
        let query = "SELECT person, source, outcome FROM newest";
        self.query("coverage", "how each source answered about each person", query.to_owned(), false);
        let query = "SELECT person, source, answer FROM newest WHERE answers > 1";
        self.query(
            "superseded",
            "where an earlier answer no longer counts, the answer that does",
            query.to_owned(),
            true,
        );
    }

    /// `f_coverage`: the coverage as it lies in the store.
    pub(super) fn all_answers(&mut self) {
        let columns = [
            ("person", Kind::Int),
            ("source", Kind::Text),
            ("outcome", Kind::Text),
            ("answer", Kind::Int),
            ("letter", Kind::Text),
        ];
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
        self.files("f_coverage", "all answers there ever were", "coverage", columns);
    }

    /// `superseded`: the newest answer of every pair that may have an earlier one, read from the few files that can hold such.
    pub(super) fn later_answers(&mut self) {
        if self.store.later.is_empty() {
            return;
        }
        let columns = [("person", Kind::Int), ("source", Kind::Text), ("answer", Kind::Int)];
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
        let paths = self.store.later.clone();
        self.relations.push(super::Relation {
            name: "f_later".to_owned(),
            note: "answers that may stand for earlier ones".to_owned(),
            body: super::Body::Files { columns, paths },
        });
        let query = "SELECT person, source, MAX(answer) AS answer FROM f_later GROUP BY person, source";
        self.query("superseded", "the newest of them", query.to_owned(), true);
    }

    /// `denied`: the pairs whose records a case may not see, because policy does not ask that source about the person in this
    /// case, or because the answer came under the letter of another case.
    pub(super) fn denied(&mut self) {
        let list = |subjects: Subjects| {
            let of = self.setting.sources.iter().filter(|source| source.subjects == subjects);
            of.map(|source| self.dialect.text(&source.id)).collect::<Vec<_>>().join(", ")
        };
        let mut lines = Vec::new();
        for (subjects, condition) in [
            (Subjects::Members, "p.role = 'member'"),
            (Subjects::Applicant, "(p.role = 'member' AND COALESCE(p.relation = 'self', FALSE))"),
        ] {
            let sources = list(subjects);
            if !sources.is_empty() {
                lines.push(format!("WHEN n.source IN ({sources}) THEN {condition}"));
            }
        }
        let asked =
            if lines.is_empty() { "TRUE".to_owned() } else { format!("CASE {} ELSE TRUE END", lines.join("\n    ")) };
        let query = format!(
            "SELECT p.case_row, p.person, n.source\nFROM newest n JOIN persons p ON p.person = n.person\n  \
             JOIN cases c ON c.case_row = p.case_row\nWHERE NOT {asked}\n  \
             -- such an answer says something\n  OR (n.outcome IN ('found', 'no_record', 'partial')\n    \
             AND NOT (n.letter <> '' AND (n.letter = COALESCE(c.letters, '')\n      \
             OR CONTAINS(CONCAT(',', COALESCE(c.letters, ''), ','), CONCAT(',', n.letter, ',')))))"
        );
        self.query("denied", "records that a case may not see", query, true);
    }
}
