use hedui_base::{AreaCode, CaseId, Fen, PersonKey};
use hedui_ledger::{LedgerError, NewReview, NewVerification, ReviewFilter, ReviewState, SavedFinding};
use serde_json::json;

use crate::{Fixture, at, household, member};

fn area(text: &str) -> AreaCode {
    AreaCode::parse(text).unwrap()
}

#[tokio::test]
async fn an_api_key_is_shown_once_and_ends() {
    let f = Fixture::new().await;
    let mut tx = f.ledger.begin().await.unwrap();
    let key = f.ledger.api_key_add(&mut tx, "窗口一", area("321102"), Some(at(60)), at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let actor = f.ledger.api_key_check(&key, at(59)).await.unwrap().unwrap();
    assert_eq!((actor.name.as_str(), actor.area), ("窗口一", area("321102")));
    assert_eq!(f.ledger.api_key_check(&key, at(60)).await.unwrap(), None, "expired");
    let last = if key.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &key[..key.len() - 1]);
    for bad in ["", "hk_", "hk_00000000_00", wrong.as_str(), &key[3..]] {
        assert_eq!(f.ledger.api_key_check(bad, at(0)).await.unwrap(), None, "{bad}");
    }
    let prefix = f.ledger.api_keys().await.unwrap()[0].prefix.clone();
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.api_key_revoke(&mut tx, &prefix, at(1)).await.unwrap();
    assert!(f.ledger.api_key_revoke(&mut tx, "nobody", at(1)).await.is_err());
    tx.commit().await.unwrap();
    assert_eq!(f.ledger.api_key_check(&key, at(2)).await.unwrap(), None, "revoked");
    f.ledger.close().await;
    let secret = key.rsplit('_').next().unwrap();
    let bytes = std::fs::read(f.dir.path().join("hedui.db")).unwrap();
    assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()));
}

#[tokio::test]
async fn a_review_is_raised_once_until_it_is_resolved() {
    let f = Fixture::new().await;
    let review = |case: &str, flag: &str, person: Option<u32>, area_code: &str| NewReview {
        case: CaseId::from(case),
        person: person.map(PersonKey),
        flag: flag.into(),
        severity: "high".into(),
        kind: "desk".into(),
        detail: json!({ "found": "1" }),
        area: area(area_code),
    };
    let raise = async |reviews: &[NewReview], minutes| {
        let mut tx = f.ledger.begin().await.unwrap();
        let new = f.ledger.raise_reviews(&mut tx, reviews, at(minutes)).await.unwrap();
        tx.commit().await.unwrap();
        new
    };
    let all = [
        review("C1", "AS07", None, "321102"),
        review("C1", "IN02", Some(0), "321102"),
        review("C1", "IN02", Some(1), "321102"),
        review("C2", "AS07", None, "321111"),
    ];
    assert_eq!(raise(&all, 0).await, 4);
    assert_eq!(raise(&all, 1).await, 0);
    let list = async |filter: ReviewFilter| f.ledger.reviews(&filter).await.unwrap();
    assert_eq!(list(ReviewFilter { area: Some(area("321102")), ..ReviewFilter::default() }).await.len(), 3);
    let first = list(ReviewFilter::default()).await.remove(0);
    assert_eq!((first.state, first.created_at, first.about.person), (ReviewState::Open, at(0), None));

    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.claim_review(&mut tx, first.review, "王芳", at(2)).await.unwrap();
    assert!(matches!(
        f.ledger.claim_review(&mut tx, first.review, "李强", at(2)).await,
        Err(LedgerError::ReviewState(_))
    ));
    tx.commit().await.unwrap();
    assert_eq!(raise(&all[..1], 3).await, 0, "claimed is not done");
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.resolve_review(&mut tx, first.review, "王芳", "confirmed", Some("已核实"), at(4)).await.unwrap();
    assert!(f.ledger.resolve_review(&mut tx, first.review, "王芳", "confirmed", None, at(4)).await.is_err());
    tx.commit().await.unwrap();
    assert_eq!(raise(&all[..1], 5).await, 1, "a new finding after it was resolved is a new task");
    let done = list(ReviewFilter { state: Some(ReviewState::Resolved), ..ReviewFilter::default() }).await;
    assert_eq!((done.len(), done[0].note.as_deref()), (1, Some("已核实")));
}

#[tokio::test]
async fn findings_are_kept_run_by_run() {
    let f = Fixture::new().await;
    let finding = |case: &str, amount: i64| SavedFinding {
        case: CaseId::from(case),
        as_of: "2026-06-30".parse().unwrap(),
        known_at: at(0),
        pack: "zhenjiang".into(),
        pack_version: "2026.1".into(),
        pack_hash: "ab".into(),
        category: Some("dibao".into()),
        amount: Some(Fen::new(amount)),
        findings: json!({ "dibao": "met" }),
    };
    for (findings, run) in [(vec![finding("C1", 100), finding("C2", 200)], 1), (vec![finding("C1", 150)], 2)] {
        let mut tx = f.ledger.begin().await.unwrap();
        assert_eq!(f.ledger.save_findings(&mut tx, &findings, at(0)).await.unwrap(), run);
        tx.commit().await.unwrap();
    }
    let last = f.ledger.last_findings(&[CaseId::from("C1"), CaseId::from("C2"), CaseId::from("C3")]).await.unwrap();
    assert_eq!(last[&CaseId::from("C1")], finding("C1", 150));
    assert_eq!(last[&CaseId::from("C2")], finding("C2", 200));
    assert_eq!(last.len(), 2);
    assert_eq!(f.ledger.finding_history(&CaseId::from("C1")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_verification_keeps_its_report_under_the_applicants_key() {
    let f = Fixture::new().await;
    let owner = f.register(&[household("C1", vec![member(1, "张三")])]).await[0][0];
    let new = NewVerification {
        case: CaseId::from("C1"),
        actor: "窗口一".into(),
        area: area("321102"),
        idempotency: Some(("k1".into(), "hash".into())),
        owner,
    };
    let mut tx = f.ledger.begin().await.unwrap();
    let id = f.ledger.begin_verification(&mut tx, &new, at(0)).await.unwrap();
    let report = json!({ "category": "dibao", "plate": "苏L12345" });
    assert_eq!(f.ledger.save_report(&mut tx, &id, "waiting_sources", &report, at(1)).await.unwrap(), 1);
    assert_eq!(f.ledger.save_report(&mut tx, &id, "complete", &report, at(2)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let kept = f.ledger.verification_by_key("窗口一", "k1").await.unwrap().unwrap();
    assert_eq!(
        (kept.id.as_str(), kept.body_hash.as_deref(), kept.state.as_str()),
        (id.as_str(), Some("hash"), "complete")
    );
    assert_eq!(kept.report, Some(report));
    assert!(f.ledger.verification_by_key("窗口二", "k1").await.unwrap().is_none());
    let mut tx = f.ledger.begin().await.unwrap();
    assert!(f.ledger.begin_verification(&mut tx, &new, at(3)).await.is_err(), "one key, one verification");
    drop(tx);
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.erase_person(&mut tx, owner, at(4)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.ledger.verification(&id).await.unwrap().unwrap().report, None);
}
