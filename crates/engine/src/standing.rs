//! From the findings of all schemes to where a household stands: category, what is possible, what is waited for.

use std::collections::BTreeSet;

use hedui_base::Tri;
use hedui_rules::Program;

use crate::output::{CaseFinding, Cell, Reason};

/// What follows from the scheme findings of one case. Schemes are indices into [`Program::schemes`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// The first scheme met, if every scheme before it is certainly not met.
    pub category: Option<usize>,
    /// Schemes that are not ruled out, up to and including the first that is met.
    pub possible: Vec<usize>,
    /// Sources that can still change it; empty unless open.
    pub waiting_on: Vec<Reason>,
    /// Monthly amount of the category, in fen, where exact.
    pub amount_fen: Option<i64>,
}

impl Derived {
    /// From a finding.
    #[must_use]
    pub fn of(program: &Program, finding: &CaseFinding) -> Self {
        let mut order: Vec<usize> = (0..program.schemes.len()).collect();
        order.sort_by_key(|i| program.schemes[*i].order);
        let mut derived = Self::default();
        let mut waiting = BTreeSet::new();
        for i in order {
            let Some(scheme) = finding.schemes.get(i) else { continue };
            match scheme.finding {
                Tri::NotMet => {}
                Tri::Met => {
                    if derived.possible.is_empty() {
                        derived.category = Some(i);
                        derived.amount_fen = scheme.amount.and_then(Cell::known);
                    }
                    derived.possible.push(i);
                    break;
                }
                Tri::Undetermined => {
                    derived.possible.push(i);
                    waiting.extend(scheme.waiting_on.iter().cloned());
                }
            }
        }
        derived.waiting_on = waiting.into_iter().collect();
        derived
    }

    /// Whether nothing more can change it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.category.is_some() || self.possible.is_empty()
    }

    /// `category` as counted in summaries: a scheme id, `none`, or `undetermined`.
    #[must_use]
    pub fn word<'a>(&self, program: &'a Program) -> &'a str {
        match self.category {
            Some(i) => &program.schemes[i].id,
            None if self.is_settled() => "none",
            None => "undetermined",
        }
    }

    /// Names of what is waited for, each once, in order.
    #[must_use]
    pub fn waiting_names(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.waiting_on.iter().map(|r| r.source.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::output::SchemeFinding;
    use hedui_rules::program::{PackInfo, Scheme, StepId};
    use jiff::civil::date;

    fn program() -> Program {
        let scheme = |id: &str, order| Scheme {
            id: id.into(),
            title: String::new(),
            title_en: String::new(),
            order,
            when: StepId(0),
            amount: None,
            recheck_months: None,
            until: None,
            persons: None,
            cite: None,
        };
        Program {
            pack: PackInfo {
                id: "p".into(),
                version: "1".into(),
                hash: String::new(),
                area: None,
                title: String::new(),
                title_en: String::new(),
                from: date(2020, 1, 1),
                until: None,
                extends: Vec::new(),
            },
            datasets: Vec::new(),
            inputs: Vec::new(),
            parameters: Vec::new(),
            steps: Vec::new(),
            tests: Vec::new(),
            flags: Vec::new(),
            // Written in another order than they rank.
            schemes: vec![scheme("marginal", 2), scheme("dibao", 1)],
            score: None,
        }
    }

    fn finding(marginal: Tri, dibao: Tri) -> CaseFinding {
        let scheme = |finding, source: &str| SchemeFinding {
            finding,
            amount: Some(Cell::Known(100)),
            recheck_months: None,
            until: None,
            persons: Vec::new(),
            waiting_on: if finding == Tri::Undetermined {
                vec![Reason { source: source.into(), cause: "failed" }]
            } else {
                Vec::new()
            },
        };
        CaseFinding {
            row: 0,
            case: "c".into(),
            tests: Vec::new(),
            schemes: vec![scheme(marginal, "bank.a"), scheme(dibao, "bank.b")],
            score: None,
            flag_counts: [0; 6],
            assumed: Vec::new(),
        }
    }

    #[test]
    fn the_first_scheme_met_counts_only_if_none_before_it_is_open() {
        use Tri::{Met, NotMet, Undetermined};
        let program = program();
        let word = |m, d| Derived::of(&program, &finding(m, d)).word(&program).to_owned();
        assert_eq!(word(Met, Met), "dibao");
        assert_eq!(word(Met, NotMet), "marginal");
        assert_eq!(word(NotMet, NotMet), "none");
        let open = Derived::of(&program, &finding(Met, Undetermined));
        assert_eq!(open.category, None);
        assert_eq!(open.possible, [1, 0]);
        assert_eq!(open.waiting_names(), ["bank.b"]);
        assert_eq!(open.amount_fen, None, "no amount while it is open");
        assert_eq!(word(Undetermined, Met), "dibao", "what ranks below cannot change it");
    }
}
