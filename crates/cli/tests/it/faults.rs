//! Damaged replies are set aside with a reason and never count as an answer; what is certain in spite of them is true.

use crate::scene::{AS_OF, Scene, json, ok};

/// A fault, the reason it is set aside for, and at how many sources at least it must have struck.
///
/// `bad_amount` spoils one row in ten and `bad_id` one person in ten, at every institution at once.
const FAULTS: [(&str, &str, &str, usize); 4] = [
    ("truncated", "truncated=bank_jinshan", "trailer_mismatch", 1),
    ("stranger", "wrong_person=police", "unrequested_subject", 1),
    ("amount", "bad_amount=all", "bad_money", 10),
    ("number", "bad_id=all", "id_precision_lost", 10),
];

#[test]
fn whatever_is_damaged_what_is_certain_is_true() {
    let scene = Scene::new(30, 14);
    let servers = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, _) = scene.batch("calm", AS_OF);
    drop(servers);

    for (folder, fault, reason, least) in FAULTS {
        let servers = scene.serve(folder, &["--fault", fault]);
        let summary = scene.acquire(folder, &[]);
        drop(servers);
        let set_aside =
            |entry: &&serde_json::Value| entry["quarantined"].get(reason).is_some_and(|n| n.as_u64() > Some(0));
        let struck: Vec<_> = summary["sources"].as_array().unwrap().iter().filter(set_aside).collect();
        assert!(struck.len() >= least, "{fault} struck {} sources", struck.len());
        let board = json(&ok(&["--json", "source", "health", "--data", &scene.path(folder)]));
        for entry in struck {
            // What was not damaged counts: one row in ten is no reason to throw the rest away. Where a row may be anybody's,
            // what was found counts as a part.
            let good = ["found", "no_record", "partial"].iter().any(|word| entry["outcomes"].get(word).is_some());
            assert!(good || fault.starts_with("truncated"), "{fault}: {entry}");
            let line = board.as_array().unwrap().iter().find(|line| line["source"] == entry["source"]).unwrap();
            assert_eq!(line["quarantined"][reason], entry["quarantined"][reason], "{fault}: {line}");
        }

        let (_, after, _) = scene.batch(folder, AS_OF);
        let mut certain = 0;
        for (now, truth) in after.iter().zip(&calm) {
            if now["finding_dibao"] != "undetermined" {
                assert_eq!(now["finding_dibao"], truth["finding_dibao"], "{fault}: {}", now["case"]);
                certain += 1;
            }
        }
        assert!(0 < certain && certain < after.len(), "{fault}: {certain} of {} are certain", after.len());
    }
}
