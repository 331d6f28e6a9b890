use std::collections::BTreeSet;
use std::time::Duration;

use hedui_base::{CaseId, Outcome};
use hedui_verify::{ChangeKind, RecheckRequest, ReviewFilter, accept, recheck, review_list};
use jiff::civil::date;

use crate::town::{AS_OF, Town};

#[tokio::test(flavor = "multi_thread")]
async fn three_months_on_every_change_is_found_with_its_cause() {
    let mut town = Town::new(120, 21).await;
    // Everybody receives aid and is due: the city's changes are spread thinly.
    for household in &mut town.city.households {
        household.in_receipt = true;
        household.enrolled_on.get_or_insert(date(2025, 12, 15));
    }
    let ws = town.open("data").await;
    accept(&ws, &town.intake(), "test").await.unwrap();
    town.acquire(&ws).await;
    town.batch(&ws, "first").await;
    let later = date(2026, 9, 30);
    let cases = ws.ledger().cases(&hedui_ledger::CaseFilter::default()).await.unwrap();
    assert!(cases.iter().all(|c| c.next_due.is_some_and(|due| due >= AS_OF)), "accepting enrols");
    let due: Vec<_> = cases.into_iter().map(|c| (c.id, Some(later))).collect();
    let mut tx = ws.ledger().begin().await.unwrap();
    ws.ledger().set_next_due(&mut tx, &due).await.unwrap();
    tx.commit().await.unwrap();
    town.move_on(3).await;
    assert_eq!(town.city.as_of, later);

    let ws = town.open_on("data", later).await;
    let due: BTreeSet<CaseId> = ws
        .ledger()
        .cases(&hedui_ledger::CaseFilter { due_by: Some(later), in_receipt: Some(true), ..Default::default() })
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.id)
        .collect();
    assert!(!due.is_empty(), "somebody is due within three months");
    let request = RecheckRequest { deadline: Duration::from_secs(120), ..RecheckRequest::new(later) };
    let summary = recheck(&ws, request.clone()).await.unwrap();
    assert_eq!(summary.failures, []);
    for source in &summary.acquired.as_ref().unwrap().sources {
        let unanswered = source.outcome(Outcome::Pending) + source.outcome(Outcome::Failed);
        assert_eq!(unanswered, 0, "nothing can be said of what has not answered: {source:?}");
    }
    let seen: BTreeSet<CaseId> = summary.cases.iter().map(|c| c.case.clone()).collect();
    assert_eq!(seen, due);

    let mut still_open = 0;
    for case in &summary.cases {
        assert!(case.before.is_some());
        // What is still open (a name that no bank can write) stays due.
        let open = case.after.category.is_none() && !case.after.possible.is_empty();
        assert_eq!(case.next_due.is_some_and(|next| next > later), !open, "{case:?}");
        still_open += usize::from(open);
        let moved = case.changed || !case.new_flags.is_empty() || !case.gone_flags.is_empty();
        assert_eq!(moved, !case.causes.is_empty(), "{case:?}");
        // The effects of all causes re-add to the change where each dataset acts alone.
        if let (Some(before), 1) = (&case.before, case.causes.len())
            && let (Some(old), Some(new), Some(effect)) =
                (before.amount_fen, case.after.amount_fen, case.causes[0].amount_effect_fen)
        {
            assert_eq!(new - old, effect, "{case:?}");
        }
    }
    let mut checked = 0;
    for change in town.city.truth.changes.iter().filter(|c| due.contains(&CaseId::from(c.case.as_str()))) {
        let case = summary.cases.iter().find(|c| c.case.as_str() == change.case).unwrap();
        if let Some(flag) = &change.flag {
            let new = case.new_flags.iter().any(|f| f.flag == *flag);
            assert!(new || case.gone_flags.contains(flag), "{change:?} in {case:?}");
            let told = case.causes.iter().any(|c| c.kind == ChangeKind::Data && c.subject.contains(&change.source));
            assert!(told, "{change:?} has its cause among {:?}", case.causes);
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked} changes are too few to prove anything");
    assert!(summary.raised > 0, "the standard rose on the first of July: {summary:?}");
    let raised: usize = summary.cases.iter().map(|c| c.reviews).sum();
    let reviews = review_list(&ws, &ReviewFilter::default()).await.unwrap();
    assert_eq!(reviews.len(), raised);
    assert!(reviews.iter().all(|r| !r.text.is_empty()));

    let again = recheck(&ws, request).await.unwrap();
    assert_eq!(again.cases.len(), still_open, "nobody else is due any more");
    assert!(again.cases.iter().all(|c| !c.changed), "and nothing changed since");
}
