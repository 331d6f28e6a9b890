use hedui_ledger::{AuditEvent, BadLeaf, Checkpoint, Ledger};
use serde_json::json;

use crate::{Fixture, at, household, member};

fn event(n: i64) -> AuditEvent {
    AuditEvent {
        actor: "hedui".into(),
        action: "ask.sent".into(),
        subjects: vec![hedui_base::PersonKey(0)],
        detail: json!({ "source": "police.hukou", "case": "C1", "n": n }),
    }
}

async fn log(leaves: i64) -> Fixture {
    let f = Fixture::new().await;
    f.register(&[household("C1", vec![member(1, "张三")])]).await;
    append(&f.ledger, 0, leaves).await;
    f
}

async fn append(ledger: &Ledger, from: i64, count: i64) {
    let mut tx = ledger.begin().await.unwrap();
    let events: Vec<_> = (from..from + count).map(event).collect();
    ledger.audit(&mut tx, &events, at(0)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn tamper(ledger: &Ledger, sql: &'static str) {
    let mut tx = ledger.begin().await.unwrap();
    sqlx::query(sql).execute(tx.connection()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_whole_log_verifies_and_keeps_its_checkpoints() {
    let f = log(5).await;
    let early = f.ledger.audit_verify(None).await.unwrap();
    assert_eq!((early.checkpoint.size, early.problem), (5, None));
    append(&f.ledger, 5, 200).await;
    let late = f.ledger.audit_verify(Some(&early.checkpoint)).await.unwrap();
    assert_eq!((late.checkpoint.size, late.problem), (205, None));
    assert_ne!(late.checkpoint.root, early.checkpoint.root);
    let leaves = f.ledger.audit_leaves(0, 2).await.unwrap();
    assert_eq!(leaves[1].leaf["prev"], leaves[0].hash.as_str());
    let keys: Vec<_> = leaves[0].leaf.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["action", "actor", "at", "detail", "prev", "seq", "subjects"], "canonical order");
    assert_eq!(leaves[0].leaf["detail"].as_object().unwrap().keys().collect::<Vec<_>>(), ["case", "n", "source"]);
    assert_ne!(leaves[0].leaf["subjects"], leaves[1].leaf["subjects"], "two leaves about one person do not look alike");
    assert_eq!(f.ledger.audit_of(hedui_base::PersonKey(0)).await.unwrap().len(), 205);
    assert_eq!(f.ledger.audit_size().await.unwrap(), 205);
}

#[tokio::test]
async fn tampering_names_the_first_bad_leaf() {
    let rewritten = "UPDATE audit SET leaf = replace(leaf, 'police.hukou', 'police.other') WHERE seq = 3";
    for (sql, seq, what) in [
        (rewritten, 3, "its text does not match its hash"),
        ("DELETE FROM audit WHERE seq = 2", 2, "missing"),
        ("DELETE FROM audit WHERE seq = 4", 4, "missing: leaves were cut off at the end"),
        ("UPDATE audit SET seq = CASE seq WHEN 1 THEN 102 ELSE 101 END WHERE seq IN (1, 2)", 1, "missing"),
        ("UPDATE audit_head SET size = 4", 4, "written after the end of the log was sealed, or the seal was moved"),
        ("UPDATE audit_head SET mac = '00'", 4, "the seal of the end of the log is forged"),
        ("DELETE FROM audit_head", 5, "the end of the log is not sealed"),
        ("UPDATE audit SET hash = '00' WHERE seq = 0", 0, "its text does not match its hash"),
    ] {
        let f = log(5).await;
        tamper(&f.ledger, sql).await;
        assert_eq!(f.ledger.audit_verify(None).await.unwrap().problem, Some(BadLeaf { seq, what }), "{sql}");
    }
}

#[tokio::test]
async fn a_leaf_whose_hash_was_recomputed_breaks_the_chain() {
    let f = log(5).await;
    let mut leaf = f.ledger.audit_leaves(2, 1).await.unwrap().remove(0).leaf;
    leaf["action"] = "nothing".into();
    let text = leaf.to_string();
    let hash = hex_of(&hedui_ledger::merkle::leaf_hash(text.as_bytes()));
    let mut tx = f.ledger.begin().await.unwrap();
    sqlx::query("UPDATE audit SET leaf = $1, hash = $2 WHERE seq = 2")
        .bind(text)
        .bind(hash)
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let problem = f.ledger.audit_verify(None).await.unwrap().problem;
    assert_eq!(problem, Some(BadLeaf { seq: 3, what: "does not follow the leaf before it" }));
}

#[tokio::test]
async fn a_log_rewritten_as_a_whole_differs_from_a_checkpoint_kept_elsewhere() {
    let f = log(5).await;
    let kept = f.ledger.audit_verify(None).await.unwrap().checkpoint;
    tamper(&f.ledger, "DELETE FROM audit").await;
    tamper(&f.ledger, "DELETE FROM audit_head").await;
    append(&f.ledger, 100, 6).await;
    assert_eq!(f.ledger.audit_verify(None).await.unwrap().problem, None, "by itself it looks whole");
    let problem = f.ledger.audit_verify(Some(&kept)).await.unwrap().problem.unwrap();
    assert_eq!(problem.what, "differs from the checkpoint at or before this leaf");
    let longer = Checkpoint { size: 9, ..kept };
    let f = log(5).await;
    assert_eq!(f.ledger.audit_verify(Some(&longer)).await.unwrap().problem.unwrap().seq, 5);
}

#[tokio::test]
async fn writers_at_the_same_time_keep_one_order() {
    let f = log(0).await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let ledger = f.ledger.clone();
            tokio::spawn(async move { append(&ledger, n * 10, 3).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let report = f.ledger.audit_verify(None).await.unwrap();
    assert_eq!((report.checkpoint.size, report.problem), (24, None));
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
