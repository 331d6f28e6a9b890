//! A bank that does not answer is unknown, never "no money"; once it answers, nothing of the outage is left.

use crate::scene::{AS_OF, Scene, source};

#[test]
fn a_silent_bank_leaves_questions_open_and_its_return_settles_them() {
    let scene = Scene::new(60, 11);

    let all = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, calm_flags) = scene.batch("calm", AS_OF);
    drop(all);

    let most = scene.serve("outage", &["--except", "bank_jinshan"]);
    let asked = scene.acquire("outage", &[]);
    let silent = source(&asked, "bank.jinshan");
    assert!(silent["asked"].as_u64().unwrap() > 0);
    assert_eq!(silent["outcomes"].get("found").and_then(|v| v.as_u64()), None, "{silent}");
    assert_eq!(silent["outcomes"].get("no_record").and_then(|v| v.as_u64()), None, "{silent}");

    let (_, during, _) = scene.batch("outage", AS_OF);
    assert_eq!(during.len(), calm.len());
    let (mut open, mut closed) = (0, 0);
    for (now, later) in during.iter().zip(&calm) {
        let finding = now["finding_dibao"].as_str();
        assert_ne!(finding, "met", "{}: nobody is eligible on silence", now["case"]);
        if finding == "undetermined" {
            open += 1;
            assert!(now["waiting_on"].contains("bank.jinshan"), "{} waits on {}", now["case"], now["waiting_on"]);
        } else {
            closed += 1;
            assert_eq!(later["finding_dibao"], "not_met", "{}: what was certain stays", now["case"]);
        }
    }
    assert!(open > 0 && closed > 0, "the city has both: {open} open, {closed} closed");

    let bank = scene.serve("outage", &["--only", "bank_jinshan"]);
    let again = scene.acquire("outage", &[]);
    for entry in again["sources"].as_array().unwrap() {
        let sent = entry["sent"].as_u64().unwrap();
        if entry["source"] == "bank.jinshan" {
            assert!(sent > 0);
        } else {
            assert_eq!(sent, 0, "only the missing asks are sent: {entry}");
        }
    }
    let (_, after, after_flags) = scene.batch("outage", AS_OF);
    assert_eq!(after, calm);
    assert_eq!(after_flags, calm_flags);
    drop((most, bank));
}
