//! The clause in force on a day, where versions of a rule change it.

use jiff::civil::Date;

use super::{Flag, Program, Scheme, StepId, Test};

impl Program {
    /// The clauses in force for some steps, each once, joined with `；`.
    fn cites_on(&self, steps: impl IntoIterator<Item = StepId>, day: Date) -> Option<String> {
        let mut cites: Vec<&str> = Vec::new();
        for step in steps {
            let cite = self.steps[step.index()].rule.cite_on(day).filter(|cite| !cites.contains(cite));
            cites.extend(cite);
        }
        (!cites.is_empty()).then(|| cites.join("；"))
    }
}

impl Test {
    /// Its clause in force on a day.
    #[must_use]
    pub fn cite_on(&self, program: &Program, day: Date) -> Option<String> {
        program.cites_on([self.result], day)
    }
}

impl Flag {
    /// Its clause in force on a day.
    #[must_use]
    pub fn cite_on(&self, program: &Program, day: Date) -> String {
        program.cites_on([self.when], day).unwrap_or_else(|| self.cite.clone())
    }
}

impl Scheme {
    /// The clauses of its condition, amount and last day in force on a day.
    #[must_use]
    pub fn cite_on(&self, program: &Program, day: Date) -> Option<String> {
        let of_person = self.persons.as_ref();
        let condition = of_person.map_or(self.when, |p| p.when);
        let amount = of_person.map_or(self.amount, |p| p.amount);
        let until = of_person.map_or(self.until, |p| p.until);
        program.cites_on([Some(condition), amount, until].into_iter().flatten(), day)
    }
}
