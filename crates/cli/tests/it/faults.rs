//! Damaged replies are set aside with a reason and never count as an answer.

use crate::scene::{AS_OF, Scene, json, ok, source};

fn under(fault: &str, source_id: &str, reason: &str) {
    let scene = Scene::new(40, 14);
    let servers = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, _) = scene.batch("calm", AS_OF);
    drop(servers);

    let servers = scene.serve("data", &["--fault", fault]);
    let summary = scene.acquire("data", &[]);
    drop(servers);
    let entry = source(&summary, source_id);
    let quarantined = entry["quarantined"].get(reason).and_then(|v| v.as_u64()).unwrap_or(0);
    assert!(quarantined > 0, "{fault}: {entry}");
    let board = json(&ok(&["--json", "source", "health", "--data", &scene.path("data")]));
    let line = board.as_array().unwrap().iter().find(|s| s["source"] == source_id).unwrap().clone();
    assert!(line["quarantined"].get(reason).and_then(|v| v.as_u64()).unwrap_or(0) > 0, "{line}");

    // Whatever was certain in spite of the damage is what is true.
    let (_, after, _) = scene.batch("data", AS_OF);
    for (now, truth) in after.iter().zip(&calm) {
        if now["finding_dibao"] != "undetermined" {
            assert_eq!(now["finding_dibao"], truth["finding_dibao"], "{fault}: {}", now["case"]);
        }
    }
}

#[test]
fn a_truncated_file_counts_as_nothing() {
    under("truncated=bank_jinshan", "bank.jinshan", "trailer_mismatch");
}

#[test]
fn a_reply_about_somebody_else_is_destroyed() {
    under("wrong_person=police", "police.hukou", "unrequested_subject");
}

#[test]
fn an_amount_with_words_in_it_is_quarantined() {
    under("bad_amount=bank_beigu:1000", "bank.beigu", "bad_money");
}

#[test]
fn an_identity_number_that_went_through_a_spreadsheet_is_quarantined() {
    under("bad_id=bank_jiaoshan:1000", "bank.jiaoshan", "id_precision_lost");
}
