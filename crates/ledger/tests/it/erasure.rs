use hedui_base::PersonKey;
use hedui_ledger::{AuditEvent, LedgerError};
use serde_json::json;

use crate::{Fixture, at, household, id, member, water};

fn occurrences(folder: &std::path::Path, needle: &[u8]) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(occurrences(&path, needle));
        } else if std::fs::read(&path).unwrap().windows(needle.len()).any(|w| w == needle) {
            files.push(path.display().to_string());
        }
    }
    files
}

#[tokio::test]
async fn nothing_personal_lies_in_the_folder_in_clear() {
    let f = Fixture::new().await;
    let mut canary = member(777, "欧阳鑫淼");
    canary.accounts = vec![water("W-CANARY-88", "金丝雀路九十九号")];
    let mut broken = member(778, "司空见惯");
    broken.id_number = "99010119700505CANARY".into();
    let people = f.register(&[household("C1", vec![canary, broken])]).await.remove(0);
    let mut tx = f.ledger.begin().await.unwrap();
    let event = AuditEvent {
        actor: "hedui".into(),
        action: "ask.sent".into(),
        subjects: people,
        detail: json!({ "source": "police.hukou" }),
    };
    f.ledger.audit(&mut tx, &[event], at(0)).await.unwrap();
    tx.commit().await.unwrap();
    for closed in [false, true] {
        if closed {
            f.ledger.close().await;
        }
        let needles = ["欧阳鑫淼", "司空见惯", id(777).reveal(), "W-CANARY-88", "金丝雀路", "99010119700505CANARY"]
            .map(str::to_owned);
        for needle in needles {
            assert_eq!(occurrences(f.dir.path(), needle.as_bytes()), Vec::<String>::new(), "{needle}");
        }
        // The folder is what is searched: a case number is found.
        assert!(!occurrences(f.dir.path(), b"declared_vehicle_count").is_empty());
    }
}

#[tokio::test]
async fn an_erased_person_is_unreadable_for_good() {
    let f = Fixture::new().await;
    let mut entry = member(1, "张三");
    entry.accounts = vec![water("W-1", "某路")];
    let people = f.register(&[household("C1", vec![entry.clone(), member(2, "李四")])]).await.remove(0);
    let mut tx = f.ledger.begin().await.unwrap();
    let event =
        AuditEvent { actor: "hedui".into(), action: "ask.sent".into(), subjects: people.clone(), detail: json!({}) };
    f.ledger.audit(&mut tx, &[event], at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.ledger.audit_of(people[0]).await.unwrap().len(), 1);
    let wrapped = {
        let mut conn = f.ledger.connection().await.unwrap();
        let row = sqlx::query("SELECT wrapped_key FROM person WHERE person = 0").fetch_one(&mut *conn).await.unwrap();
        sqlx::Row::get::<String, _>(&row, 0)
    };

    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.erase_person(&mut tx, people[0], at(1)).await.unwrap();
    assert!(matches!(
        f.ledger.erase_person(&mut tx, PersonKey(50), at(1)).await,
        Err(LedgerError::UnknownPerson(PersonKey(50)))
    ));
    tx.commit().await.unwrap();
    f.ledger.scrub().await.unwrap();

    assert!(matches!(f.ledger.reveal(people[0]).await, Err(LedgerError::Erased(p)) if p == people[0]));
    let who = f.ledger.people(&people).await.unwrap();
    assert_eq!((who[0].name.as_deref(), who[0].id_problem.as_deref()), (None, Some("erased")));
    assert_eq!(who[1].name.as_deref(), Some("李四"));
    assert!(f.ledger.case(&"C1".into()).await.unwrap().unwrap().people[0].accounts.is_empty());
    assert_eq!(f.ledger.find_person(&id(1)).await.unwrap(), None);
    assert!(f.ledger.audit_of(people[0]).await.unwrap().is_empty());
    assert_eq!(f.ledger.audit_of(people[1]).await.unwrap().len(), 1);
    assert_eq!(f.ledger.audit_verify(None).await.unwrap().problem, None, "the chain stays whole");
    f.ledger.close().await;
    assert_eq!(occurrences(f.dir.path(), wrapped.as_bytes()), Vec::<String>::new(), "not even the wrapped key is left");
    let f2 = hedui_ledger::Ledger::open(f.dir.path()).await.unwrap();
    let mut tx = f2.begin().await.unwrap();
    let again = f2.register_household(&mut tx, &household("C9", vec![entry]), at(2)).await.unwrap();
    assert_eq!(again, [PersonKey(2)], "who comes back is somebody new");
}
