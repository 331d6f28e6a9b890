#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn outcome() -> impl Strategy<Value = Outcome> {
    let standing = prop_oneof![
        Just(Standing::In("dibao".to_owned())),
        Just(Standing::In("marginal".to_owned())),
        Just(Standing::Out),
        Just(Standing::Undetermined),
        Just(Standing::NotComputed),
    ];
    let bound = || proptest::option::of(0..5_i64);
    let amount =
        prop_oneof![(0..5_i64).prop_map(Amount::Exact), (bound(), bound()).prop_map(|(a, b)| Amount::Between(a, b))];
    (standing, amount).prop_map(|(standing, amount)| {
        let pays = standing == Standing::In("dibao".to_owned());
        let amount = match standing {
            Standing::In(_) if pays => amount,
            Standing::In(_) | Standing::Out => Amount::Exact(0),
            _ => amount,
        };
        let order = if pays { Some(1) } else { Some(2) };
        Outcome { order, amount, pays, standing, ..Outcome::failed(String::new()) }
    })
}

fn totals<'a>(cases: impl IntoIterator<Item = &'a (Outcome, Outcome, bool)>) -> Totals {
    let mut totals = Totals::default();
    cases.into_iter().for_each(|(a, b, receipt)| totals.add(a, b, *receipt));
    totals
}

/// Every figure by its name, nested ones too; unbounded is none.
fn figures(totals: &Totals) -> BTreeMap<String, Option<i64>> {
    fn walk(at: &str, value: &serde_json::Value, into: &mut BTreeMap<String, Option<i64>>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(k, v)| walk(&format!("{at}/{k}"), v, into)),
            other => {
                into.insert(at.to_owned(), other.as_i64());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk("", &serde_json::to_value(totals).unwrap(), &mut all);
    all
}

proptest! {
    #[test]
    fn parts_sum_to_the_whole(cases in proptest::collection::vec((outcome(), outcome(), any::<bool>()), 0..40)) {
        let t = totals(&cases);
        let movements = t.entered + t.left + t.moved + t.gained + t.lost + t.amount_open + t.terms + t.beside + t.same + t.out
            + t.became_undetermined + t.became_determined + t.stays_undetermined + t.not_computed;
        prop_assert_eq!(movements, cases.len());
        prop_assert_eq!(t.difference_fen, t.entered_fen - t.left_fen + t.gained_fen - t.lost_fen + t.moved_fen);
        let side = |s: Standings| s.met + s.none + s.undetermined + s.not_computed;
        prop_assert_eq!((side(t.before), side(t.after)), (cases.len(), cases.len()));

        // Any split into groups sums to the total, figure by figure; what is unbounded in a part is so in the whole.
        let (a, b): (Vec<_>, Vec<_>) = cases.iter().enumerate().partition(|(i, _)| i % 3 == 0);
        let (a, b) = (totals(a.into_iter().map(|(_, c)| c)), totals(b.into_iter().map(|(_, c)| c)));
        let (a, b) = (figures(&a), figures(&b));
        for (name, whole) in figures(&t) {
            prop_assert_eq!(a[&name].zip(b[&name]).map(|(a, b)| a + b), whole, "{}", name);
        }
    }

    #[test]
    fn swapped_sides_mirror(cases in proptest::collection::vec((outcome(), outcome(), any::<bool>()), 0..40)) {
        let swapped: Vec<_> = cases.iter().map(|(a, b, receipt)| (b.clone(), a.clone(), *receipt)).collect();
        let (one, other) = (totals(&cases), totals(&swapped));
        let mirrored = Totals {
            before: other.after,
            after: other.before,
            entered: other.left,
            entered_fen: other.left_fen,
            left: other.entered,
            left_fen: other.entered_fen,
            moved_fen: -other.moved_fen,
            gained: other.lost,
            gained_fen: other.lost_fen,
            lost: other.gained,
            lost_fen: other.gained_fen,
            became_undetermined: other.became_determined,
            became_determined: other.became_undetermined,
            difference_fen: -other.difference_fen,
            budget_before: other.budget_after,
            budget_after: other.budget_before,
            ..other
        };
        prop_assert_eq!(one, mirrored);
    }

    #[test]
    fn against_itself_nothing_changes(cases in proptest::collection::vec((outcome(), any::<bool>()), 0..40)) {
        let twice: Vec<_> = cases.iter().map(|(a, receipt)| (a.clone(), a.clone(), *receipt)).collect();
        let t = totals(&twice);
        prop_assert_eq!((t.rechecks, t.difference_fen), (0, 0));
        prop_assert_eq!(t.budget_before, t.budget_after);
    }
}
