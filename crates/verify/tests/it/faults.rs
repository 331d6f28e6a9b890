use std::collections::BTreeMap;

use hedui_base::CaseId;
use hedui_sim::Faults;
use hedui_verify::{calculation_sheet, check, explain, health, source_try};

use crate::town::{AS_OF, Town};

/// Damaged, foreign and unreadable replies are set aside with a reason and never count as an answer.
#[tokio::test(flavor = "multi_thread")]
async fn bad_replies_are_set_aside_and_leave_their_people_unknown() {
    let faults = Faults(
        ["truncated=bank_beigu", "wrong_person=police", "bad_amount=bank_jiaoshan"]
            .iter()
            .map(|f| f.parse().unwrap())
            .collect(),
    );
    let town = Town::with(20, 15, faults).await;
    let (ws, summary) = town.acquired("data").await;
    let by_source: BTreeMap<&str, _> = summary.sources.iter().map(|s| (s.source.as_str(), s)).collect();
    for (source, reason) in
        [("bank.beigu", "trailer_mismatch"), ("police.hukou", "unrequested_subject"), ("bank.jiaoshan", "bad_money")]
    {
        let part = by_source[source];
        assert!(part.unknown() > 0, "{part:?}");
        assert!(part.quarantined.contains_key(reason), "{source}: {:?}", part.quarantined);
    }
    let board = health(&ws).await.unwrap();
    let bank = board.iter().find(|b| b.source == "bank.beigu").unwrap();
    assert!(bank.quarantined.contains_key("trailer_mismatch"), "{bank:?}");
    let (_, rows) = town.batch(&ws, "out").await;
    let met = rows.column("finding_dibao").iter().filter(|f| *f == "met").count();
    assert_eq!(met, 0, "nobody is met on a truncated file");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_household_is_reported_explained_and_tried() {
    let town = Town::new(20, 16).await;
    let (ws, _) = town.acquired("data").await;
    let (_, rows) = town.batch(&ws, "out").await;
    let row = rows.column("category").iter().position(|c| c == "dibao").expect("somebody is eligible");
    let case = CaseId::from(rows.column("case")[row].as_str());
    let report = check(&ws, &case, AS_OF).await.unwrap();
    assert_eq!(report.category.as_deref(), Some("dibao"));
    assert_eq!(report.amount_fen.unwrap().to_string(), rows.column("amount_fen")[row]);
    let sources = ws.registry().len();
    assert_eq!(report.coverage.len(), sources * report.people.len(), "every pair has a line");

    let sheet = calculation_sheet(&report);
    for word in ["核对计算单", "信息来源", "测算", "核对结果", "符合", &report.pack.version] {
        assert!(sheet.contains(word), "{word} in\n{sheet}");
    }
    assert!(!sheet.contains("批准"), "it never approves");
    let household = town.city.households.iter().find(|h| h.case == case.as_str()).unwrap();
    let explained = explain(&ws, &case, None, AS_OF).await.unwrap();
    for person in household.members.iter().chain(&household.obligors) {
        for text in [&sheet, &explained.text] {
            assert!(!text.contains(person.id.reveal()) && !text.contains(&person.name), "masked");
        }
    }
    assert!(explained.text.contains("参数") && explained.text.contains("依据"), "{}", explained.text);
    let amount = explain(&ws, &case, Some("dibao"), AS_OF).await.unwrap();
    assert!(amount.trees.iter().any(|t| t.fen.map(|f| f.fen()) == report.amount_fen), "the tree carries the amount");
    let unknown = explain(&ws, &case, Some("dibaoo"), AS_OF).await.unwrap_err();
    assert!(unknown.to_string().contains("did you mean `dibao`"), "{unknown}");

    let tried = source_try(&ws, &"police.hukou".into(), &case).await.unwrap();
    assert_eq!(tried.outcomes.values().sum::<usize>(), report.people.len(), "{tried:?}");
    assert_eq!(tried.cause, None);
}
