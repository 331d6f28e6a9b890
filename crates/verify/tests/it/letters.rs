use hedui_base::{CaseId, Outcome};
use hedui_verify::{Intake, Workspace, WorkspaceOptions, accept, check, explain};

use crate::office::{Desk, Office};
use crate::town::{AS_OF, Town};

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_lacks_a_member_leaves_that_member_unasked() {
    let town = Town::new(12, 13).await;
    let mut intake = town.intake();
    let household = intake.households.iter_mut().find(|h| h.members.len() >= 2).unwrap();
    let left_out = household.members[1].id_number.clone();
    let case: CaseId = household.case.clone();
    household.letter.as_mut().unwrap().covers.retain(|id| *id != left_out);
    let expired = intake.households.iter_mut().find(|h| h.case != case).unwrap();
    let expired_case = expired.case.clone();
    expired.letter.as_mut().unwrap().valid_until = Some(AS_OF.yesterday().unwrap());
    let ws = town.open("data").await;
    accept(&ws, &intake, "test").await.unwrap();
    let summary = town.acquire(&ws).await;
    assert!(summary.sources.iter().any(|s| s.causes.contains_key("授权书未包含该成员")), "{summary:?}");

    let report = check(&ws, &case, AS_OF).await.unwrap();
    let person = report.people[1].person;
    let own: Vec<_> = report.coverage.iter().filter(|c| c.person == person).collect();
    assert!(!own.is_empty());
    for line in own {
        let fits = matches!(line.outcome, Some(Outcome::NotAuthorised | Outcome::NotApplicable));
        assert!(fits, "{line:?}");
    }
    let others = report.coverage.iter().filter(|c| c.person == report.people[0].person);
    // A utility that the household has no account with cannot be asked; that has nothing to do with the letter.
    let open: Vec<_> =
        others.filter(|c| c.outcome.is_none_or(|o| o.is_unknown() && o != Outcome::Unsendable)).collect();
    assert!(open.is_empty(), "{open:?}");
    assert!(report.completeness.statement.contains("未授权"), "{}", report.completeness.statement);

    let report = check(&ws, &expired_case, AS_OF).await.unwrap();
    assert!(report.coverage.iter().all(|c| matches!(c.outcome, Some(Outcome::NotAuthorised | Outcome::NotApplicable))));
    let shown = serde_json::to_string(&report).unwrap();
    assert!(!shown.contains(&left_out), "the report masks numbers");
}

/// A person in two households, found under the letter of one; then the source's folder is taken out, and with it goes
/// what says which scope a letter must grant.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_said_that_is_gone_is_seen_under_the_letter_that_brought_it_only() {
    let office = Office::obliging().await;
    let desk = Desk::new(2, AS_OF);
    let mut cases = desk.city.cases();
    let shared = cases["households"][0]["members"][0].clone();
    let other = &mut cases["households"][1];
    other["letter"]["covers"].as_array_mut().unwrap().push(shared["id_number"].clone());
    other["letter"]["scopes"] = serde_json::json!(["identity"]);
    let mut member = shared;
    member["relation"] = "other".into();
    other["members"].as_array_mut().unwrap().push(member);
    let ids = [0, 1].map(|nth| CaseId::from(cases["households"][nth]["case"].as_str().unwrap()));

    let ws = desk.open(&office.url, "", str::to_owned).await;
    accept(&ws, &Intake::from_json(&cases).unwrap(), "test").await.unwrap();
    assert!(desk.ask(&ws).await.outcome(Outcome::Found) > 0);
    for gone in [false, true] {
        let ws =
            if gone { Workspace::open(&desk.data(), WorkspaceOptions::default()).await.unwrap() } else { ws.clone() };
        for (case, sees) in ids.iter().zip([true, false]) {
            let explained = explain(&ws, case, Some("vehicles_on_register"), AS_OF).await.unwrap();
            let rows = explained.trees.iter().flat_map(|tree| &tree.records);
            let seen = rows.filter(|row| row.source == "office.vehicle").count();
            assert_eq!(seen > 0, sees, "{case}, source gone: {gone}: {explained:?}");
        }
    }
}
