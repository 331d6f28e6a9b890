use hedui_base::Outcome;

use crate::town::Town;

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_is_down_leaves_findings_open_and_names_it_until_it_is_back() {
    let mut town = Town::new(40, 12).await;
    let (undisturbed, _) = town.acquired("undisturbed").await;
    let (_, whole) = town.batch(&undisturbed, "whole").await;

    assert!(town.servers.stop_one("bank_jinshan").await);
    let (ws, summary) = town.acquired("data").await;
    let bank = summary.sources.iter().find(|s| s.source == "bank.jinshan").unwrap();
    assert_eq!(bank.unknown(), bank.asked, "{bank:?}");
    let (_, gap) = town.batch(&ws, "gap").await;
    let mut open = 0;
    for (row, category) in gap.column("category").iter().enumerate() {
        let finding = &gap.column("finding_dibao")[row];
        assert_ne!(finding, "met", "nobody is met on a silent bank");
        if finding == "undetermined" {
            open += 1;
            assert!(gap.column("waiting_on")[row].contains("bank.jinshan"));
            assert_eq!(category, "");
        } else {
            assert_eq!(whole.column("finding_dibao")[row], "not_met", "what is certain stays so");
        }
    }
    assert!(open > 0);

    town.serve_again("bank_jinshan").await;
    let ws = town.open("data").await;
    let second = town.acquire(&ws).await;
    for source in &second.sources {
        let missing = source.asked - source.outcome(Outcome::Unsendable);
        let expected = if source.source == "bank.jinshan" { missing } else { 0 };
        assert_eq!(source.sent, expected, "{}", source.source);
    }
    let (_, healed) = town.batch(&ws, "healed").await;
    assert_eq!(healed.timeless(), whole.timeless());
}
