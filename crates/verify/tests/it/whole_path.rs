use hedui_base::Outcome;
use hedui_sim::score;

use crate::town::{AS_OF, Rows, Town};

#[tokio::test(flavor = "multi_thread")]
async fn everything_a_source_reveals_is_found_and_nobody_else_is_flagged() {
    let town = Town::new(40, 11).await;
    let (ws, summary) = town.acquired("data").await;
    for source in &summary.sources {
        // Many households have no gas or cable, and some names no bank can write; all others are answered.
        let source_of = ws.registry().get(&source.source);
        let utility = source_of.is_some_and(|s| s.class == hedui_connect::Class::Utility);
        let unsendable = source.outcome(Outcome::Unsendable);
        assert_eq!(source.unknown(), unsendable, "{}: {:?} {:?}", source.source, source.outcomes, source.causes);
        assert!(source.sent <= source.asked && source.sent >= source.asked - unsendable, "{source:?}");
        assert!(utility || unsendable * 5 < source.asked, "{source:?}");
    }
    let (batch, _) = town.batch(&ws, "out").await;
    assert_eq!(batch.failures, []);
    assert_eq!(batch.cases, 40);
    let flags = Rows::read(&batch.flags_file);
    let raised: Vec<(&str, &str)> =
        flags.column("case").iter().map(String::as_str).zip(flags.column("flag").iter().map(String::as_str)).collect();
    let score = score(&town.city.truth, &raised);
    assert!(score.missed.is_empty(), "missed {:?}", score.missed);
    assert!(score.without_cause.is_empty(), "without cause {:?}", score.without_cause);
    assert!(score.planted > 0);

    // The same again sends nothing and concludes the same.
    let again = town.acquire(&ws).await;
    assert!(again.sources.iter().all(|s| s.sent == 0 && s.reused + s.unknown() == s.asked), "{again:?}");
    let (_, first) = town.batch(&ws, "out").await;
    let (_, second) = town.batch(&ws, "again").await;
    assert_eq!(first.clone().timeless(), second.timeless());
    assert_eq!(first.column("as_of")[0], AS_OF.to_string());
    assert!(ws.ledger().audit_verify(None).await.unwrap().problem.is_none());
}
