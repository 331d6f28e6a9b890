use std::collections::BTreeSet;

use crate::truth::{Expected, Truth};

/// How a run did against the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// Anomalies that were planted.
    pub planted: usize,
    /// Those whose flag was raised for their case.
    pub found: usize,
    /// Flags that ought to have been raised (planted or a consequence) and were not, sorted.
    pub missed: Vec<Expected>,
    /// Flags raised that nothing in the city causes, sorted.
    pub without_cause: Vec<Expected>,
}

impl Score {
    /// Cases among [`Score::without_cause`]: people flagged although nothing is wrong with what was flagged.
    #[must_use]
    pub fn cases_without_cause(&self) -> usize {
        self.without_cause.iter().map(|e| e.case.as_str()).collect::<BTreeSet<_>>().len()
    }
}

/// Compares raised flags, as (case, flag), with the truth. Raising a flag twice for one case counts once.
#[must_use]
pub fn score(truth: &Truth, raised: &[(&str, &str)]) -> Score {
    let raised: BTreeSet<(&str, &str)> = raised.iter().copied().collect();
    let expected: BTreeSet<(&str, &str)> = truth.expected.iter().map(|e| (e.case.as_str(), e.flag.as_str())).collect();
    let listed = |pairs: Vec<&(&str, &str)>| {
        pairs.into_iter().map(|(case, flag)| Expected { case: (*case).into(), flag: (*flag).into() }).collect()
    };
    Score {
        planted: truth.planted.len(),
        found: truth.planted.iter().filter(|p| raised.contains(&(p.case.as_str(), p.flag.as_str()))).count(),
        missed: listed(expected.difference(&raised).collect()),
        without_cause: listed(raised.difference(&expected).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::Planted;

    #[test]
    fn what_was_found_missed_and_invented_is_counted() {
        let expected = |case: &str, flag: &str| Expected { case: case.into(), flag: flag.into() };
        let planted =
            |flag: &str| Planted { case: "a".into(), person_index: 0, flag: flag.into(), source: "tax.income".into() };
        let truth = Truth {
            planted: vec![planted("IN01"), planted("AS07")],
            expected: vec![expected("a", "IN01"), expected("a", "IN02"), expected("a", "AS07")],
            changes: vec![],
        };
        let score = score(&truth, &[("a", "IN01"), ("a", "IN01"), ("a", "IN02"), ("b", "AS01"), ("b", "AS02")]);
        assert_eq!((score.planted, score.found), (2, 1));
        assert_eq!(score.missed, [expected("a", "AS07")]);
        assert_eq!(score.without_cause, [expected("b", "AS01"), expected("b", "AS02")]);
        assert_eq!(score.cases_without_cause(), 1);
    }
}
