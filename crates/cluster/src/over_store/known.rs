//! Which cases are known: those for which the SQL of known mode says what the batch says.

use hedui_base::Outcome;
use hedui_rules::program::Entity;

use super::Views;
use crate::setting::Subjects;

/// Who is asked, as a number in the script.
const CLASSES: [(Subjects, &str); 3] = [
    (Subjects::Everyone, "TRUE"),
    (Subjects::Members, "p.role = 'member'"),
    (Subjects::Applicant, "p.role = 'member' AND COALESCE(p.relation = 'self', FALSE)"),
];

impl Views<'_> {
    /// `known_cases`: the cases about whose people every source that the program reads has answered, as policy asks it, under
    /// a letter of the case. Somebody whose answers came under several letters is left out. Nothing reads it but who wants
    /// to know, and until then it costs nothing.
    pub(super) fn known_cases(&mut self, closely: bool) {
        if !closely {
            self.all_answers();
        }
        let has_later = closely || !self.store.later.is_empty();
        let datasets = || self.program.datasets.iter().filter(|dataset| dataset.entity == Entity::Person);
        let read = |dataset: &str| datasets().any(|own| own.name == dataset);
        let (mut asked, mut lines) = (Vec::new(), Vec::new());
        for (class, (subjects, condition)) in CLASSES.into_iter().enumerate() {
            let own = self.setting.sources.iter().filter(|source| source.subjects == subjects && read(&source.dataset));
            let own: Vec<String> = own.map(|source| format!("({}, {class})", self.dialect.text(&source.id))).collect();
            if !own.is_empty() {
                lines.push(format!("({class}, {})", own.len()));
                asked.push((own.join(", "), format!("WHEN {class} THEN {condition}")));
            }
        }
        if lines.is_empty() {
            return self.query(
                "known_cases",
                "no source is asked: all are known",
                "SELECT case_row FROM cases".to_owned(),
                false,
            );
        }
        // A dataset that nobody serves is known to nobody.
        let served = datasets().all(|dataset| self.setting.sources.iter().any(|source| source.dataset == dataset.name));
        let words = |of: &dyn Fn(Outcome) -> bool| {
            let words = Outcome::ALL.into_iter().filter(|outcome| of(*outcome));
            words.map(|outcome| format!("'{}'", outcome.as_str())).collect::<Vec<_>>().join(", ")
        };
        let later = if has_later {
            format!(
                "\n  {} superseded s ON s.person = v.person AND s.source = v.source AND s.answer > v.answer",
                self.dialect.anti_join()
            )
        } else {
            String::new()
        };
        let says = "v.outcome IN ('found', 'no_record', 'partial')";
        let query = format!(
            "SELECT v.person, a.class, COUNT(*) AS answers, COUNT(DISTINCT CASE WHEN {says} THEN COALESCE(v.letter, '') END) AS letters,\n  \
             MIN(CASE WHEN {says} THEN COALESCE(v.letter, '') END) AS letter\n\
             FROM f_coverage v JOIN (VALUES {}) a(source, class) ON a.source = v.source{later}\n\
             WHERE v.outcome IN ({})\nGROUP BY v.person, a.class",
            asked.iter().map(|(sources, _)| sources.as_str()).collect::<Vec<_>>().join(",\n  "),
            words(&|outcome| !outcome.is_unknown()),
        );
        self.query(
            "answered",
            "how many sources answered about each person, of those asked about the same people",
            query,
            false,
        );
        let query = format!(
            "SELECT c.case_row FROM cases c {} (\n  SELECT p.case_row\n  FROM persons p JOIN (VALUES {}) e(class, sources) ON CASE e.class {} END\n    \
             JOIN cases k ON k.case_row = p.case_row\n    \
             LEFT JOIN answered a ON a.person = p.person AND a.class = e.class\n  \
             WHERE COALESCE(a.answers, 0) < e.sources OR a.letters > 1\n    \
             OR (a.letters = 1 AND (a.letter = ''\n      \
             OR NOT CONTAINS(CONCAT(',', COALESCE(k.letters, ''), ','), CONCAT(',', a.letter, ','))))\n\
             ) u ON u.case_row = c.case_row{}",
            self.dialect.anti_join(),
            lines.join(", "),
            asked.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join(" "),
            if served { "" } else { "\nWHERE FALSE" },
        );
        self.query(
            "known_cases",
            "cases of which nothing is unknown: of these this script says what the batch says",
            query,
            false,
        );
    }
}
