use hedui_base::{AreaCode, CaseId, Letter, PersonKey};
use hedui_ledger::{CaseFilter, Ledger, LedgerError, PersonEntry, Role};

use crate::{Fixture, at, household, id, member, water};

#[tokio::test]
async fn keys_are_dense_household_by_household_and_stay() {
    let f = Fixture::new().await;
    let first = household("C1", vec![member(1, "张三"), member(2, "李四")]);
    let second = household("C2", vec![member(3, "王五"), member(1, "张三")]);
    let keys = f.register(&[first.clone(), second]).await;
    assert_eq!(keys, [vec![PersonKey(0), PersonKey(1)], vec![PersonKey(2), PersonKey(0)]]);
    assert_eq!(f.register(&[first]).await, [vec![PersonKey(0), PersonKey(1)]]);
    assert_eq!(f.ledger.person_count().await.unwrap(), 3);
    // The old 15-digit form and full-width input are the same person.
    let mut old = member(2, "李四");
    old.id_number = id(2).old_form().unwrap();
    assert_eq!(f.register(&[household("C3", vec![old])]).await, [vec![PersonKey(1)]]);
    assert_eq!(f.ledger.find_person(&id(3)).await.unwrap(), Some(PersonKey(2)));
    assert_eq!(f.ledger.find_person(&id(9)).await.unwrap(), None);
}

#[tokio::test]
async fn an_invalid_number_is_registered_once_with_its_reason() {
    let f = Fixture::new().await;
    let broken = PersonEntry { id_number: "4.40524E+17".into(), ..member(1, "赵六") };
    let case = household("C1", vec![member(1, "张三"), broken.clone()]);
    let keys = f.register(std::slice::from_ref(&case)).await;
    assert_eq!(f.register(&[case]).await, keys, "accepting the same household again makes nobody new");
    assert_ne!(f.register(&[household("C2", vec![broken])]).await[0][0], keys[0][1], "two such people are never one");
    let who = f.ledger.people(&[keys[0][1], keys[0][0]]).await.unwrap();
    assert_eq!((who[0].id.as_ref(), who[0].id_problem.as_deref()), (None, Some("id_precision_lost")));
    assert_eq!(who[0].name.as_deref(), Some("赵六"));
    assert_eq!(who[1].id, Some(id(1)));
    assert_eq!(who[1].masked_name(), "张*");
    assert!(!format!("{who:?}").contains("张三"));
    assert!(matches!(f.ledger.people(&[PersonKey(99)]).await, Err(LedgerError::UnknownPerson(PersonKey(99)))));
}

#[tokio::test]
async fn cases_come_back_as_they_were_given() {
    let f = Fixture::new().await;
    let mut applicant = member(1, "张三");
    applicant.accounts = vec![water("W-1001", "和平路 1 号")];
    applicant.declared.insert("declared_wage".into(), serde_json::json!("1200.50"));
    let obligor = PersonEntry { role: Role::Obligor, relation: "child".into(), ..member(2, "张小") };
    let mut first = household("C1", vec![applicant, obligor]);
    let other = household("C2", vec![member(3, "王五")]);
    let mut far = household("C3", vec![member(4, "周七")]);
    far.area = AreaCode::parse("410601").unwrap();
    f.register(&[first.clone(), other, far]).await;

    let case = f.ledger.case(&CaseId::from("C1")).await.unwrap().unwrap();
    assert_eq!(case.people[0].accounts, [water("W-1001", "和平路 1 号")]);
    assert_eq!(case.people[0].declared["declared_wage"], "1200.50");
    assert_eq!((case.people[1].role, case.people[1].relation.as_str()), (Role::Obligor, "child"));
    assert!(!format!("{case:?}").contains("W-1001"));

    let ids = async |filter: CaseFilter| -> Vec<String> {
        f.ledger.cases(&filter).await.unwrap().iter().map(|c| c.id.to_string()).collect()
    };
    assert_eq!(ids(CaseFilter::default()).await, ["C1", "C2", "C3"]);
    assert_eq!(
        ids(CaseFilter { area: Some(AreaCode::parse("3211").unwrap()), ..CaseFilter::default() }).await,
        ["C1", "C2"]
    );

    // Changed and enrolled; the members go when they are no longer given, the due day stays.
    let mut tx = f.ledger.begin().await.unwrap();
    let day = |t: &str| t.parse::<jiff::civil::Date>().unwrap();
    f.ledger.enrol(&mut tx, &CaseId::from("C1"), day("2026-01-01"), Some(day("2026-07-01")), at(0)).await.unwrap();
    f.ledger.set_next_due(&mut tx, &[(CaseId::from("C2"), Some(day("2026-08-01")))]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(CaseFilter { due_by: Some(day("2026-07-01")), ..CaseFilter::default() }).await, ["C1"]);
    first.people.truncate(1);
    first.in_receipt = true;
    first.enrolled_on = Some(day("2026-01-01"));
    f.register(&[first]).await;
    let case = f.ledger.case(&CaseId::from("C1")).await.unwrap().unwrap();
    assert_eq!((case.people.len(), case.next_due, case.position), (1, Some(day("2026-07-01")), 0));
    assert_eq!(f.ledger.cases_of(&[PersonKey(0), PersonKey(1)]).await.unwrap(), [(PersonKey(0), CaseId::from("C1"))]);
}

fn letter(number: &str, covers: &[u32]) -> Letter {
    Letter {
        number: number.into(),
        purposes: vec!["dibao".into()],
        scopes: vec!["*".into()],
        covers: covers.iter().map(|p| PersonKey(*p)).collect(),
        valid_from: "2026-01-01".parse().unwrap(),
        valid_until: None,
        revoked_on: None,
    }
}

#[tokio::test]
async fn letters_are_filed_once_and_revoked_for_good() {
    let f = Fixture::new().await;
    f.register(&[household("C1", vec![member(1, "张三"), member(2, "李四")])]).await;
    let case = CaseId::from("C1");
    assert_eq!(f.ledger.letter_for(&case).await.unwrap(), None);
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.add_letter(&mut tx, &letter("L1", &[1, 0]), at(0)).await.unwrap();
    f.ledger.attach_letters(&mut tx, &[(case.clone(), "L1".into())], at(0)).await.unwrap();
    f.ledger.add_letter(&mut tx, &letter("L2", &[0]), at(1)).await.unwrap();
    f.ledger.attach_letters(&mut tx, &[(case.clone(), "L2".into())], at(1)).await.unwrap();
    assert!(matches!(
        f.ledger.add_letter(&mut tx, &letter("L1", &[0]), at(2)).await,
        Err(LedgerError::LetterConflict(n)) if n == "L1"
    ));
    f.ledger.revoke_letter(&mut tx, "L1", "2026-06-01".parse().unwrap()).await.unwrap();
    f.ledger.revoke_letter(&mut tx, "L1", "2026-06-20".parse().unwrap()).await.unwrap();
    f.ledger.add_letter(&mut tx, &letter("L1", &[0, 1]), at(3)).await.unwrap();
    assert!(matches!(
        f.ledger.revoke_letter(&mut tx, "L9", "2026-06-01".parse().unwrap()).await,
        Err(LedgerError::UnknownLetter(_))
    ));
    tx.commit().await.unwrap();
    let letters = f.ledger.letters_for(std::slice::from_ref(&case)).await.unwrap().remove(&case).unwrap();
    assert_eq!(letters.iter().map(|l| l.number.as_str()).collect::<Vec<_>>(), ["L2", "L1"], "newest first");
    assert_eq!(letters[1].covers, [PersonKey(0), PersonKey(1)]);
    assert_eq!(letters[1].revoked_on.map(|d| d.to_string()).as_deref(), Some("2026-06-01"));
    assert_eq!(f.ledger.cases_of_letter("L1").await.unwrap(), [case]);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let f = Fixture::new().await;
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.register_household(&mut tx, &household("C1", vec![member(1, "张三")]), at(0)).await.unwrap();
    drop(tx);
    assert_eq!(f.ledger.person_count().await.unwrap(), 0);
    assert_eq!(f.register(&[household("C1", vec![member(2, "李四")])]).await, [vec![PersonKey(0)]]);
}

#[tokio::test]
async fn the_key_and_the_database_belong_together() {
    let f = Fixture::new().await;
    f.register(&[household("C1", vec![member(1, "张三")])]).await;
    f.ledger.close().await;
    let key = f.dir.path().join("keys/master.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read(&key).unwrap();
    assert_eq!(kept.len(), 32);
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(Ledger::open(f.dir.path()).await, Err(LedgerError::MissingKey)));
    assert!(!key.exists(), "no new key is made over an existing ledger");
    std::fs::write(&key, [0; 32]).unwrap();
    assert!(matches!(Ledger::open(f.dir.path()).await, Err(LedgerError::WrongKey)));
    std::fs::write(&key, kept).unwrap();
    let again = Ledger::open(f.dir.path()).await.unwrap();
    assert_eq!(again.reveal(PersonKey(0)).await.unwrap(), (Some(id(1)), "张三".into()));
}

#[tokio::test]
async fn any_path_can_hold_a_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("数据 100%?x#y");
    let ledger = Ledger::open(&path).await.unwrap();
    assert_eq!(ledger.person_count().await.unwrap(), 0);
    assert!(path.join("hedui.db").exists());
}

#[tokio::test]
async fn a_letter_may_come_before_its_case() {
    let f = Fixture::new().await;
    let mut tx = f.ledger.begin().await.unwrap();
    let signers = f.ledger.register_people(&mut tx, &[(id(1), "张三".into()), (id(2), "李四".into())]).await.unwrap();
    assert_eq!(signers, [PersonKey(0), PersonKey(1)]);
    f.ledger.add_letter(&mut tx, &letter("L1", &[0, 1]), at(0)).await.unwrap();
    f.ledger.set_letter_area(&mut tx, "L1", AreaCode::parse("321102").unwrap()).await.unwrap();
    f.ledger.set_letter_area(&mut tx, "L1", AreaCode::parse("410601").unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        f.ledger.letter_areas("L1").await.unwrap(),
        [AreaCode::parse("321102").unwrap()],
        "the first word stays"
    );
    let keys = f.register(&[household("C1", vec![member(2, "李四"), member(1, "张三")])]).await;
    assert_eq!(keys, [vec![PersonKey(1), PersonKey(0)]]);
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.attach_letters(&mut tx, &[("C1".into(), "L1".into())], at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.ledger.letter_areas("L1").await.unwrap().len(), 1);
    assert!(f.ledger.letter_areas("L9").await.unwrap().is_empty());
}
