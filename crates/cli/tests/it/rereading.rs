//! Replies that our manifest could not read: listed, tried with a mended one, read again. Nobody is asked twice.

use serde_json::Value;

use crate::scene::{AS_OF, Scene, copy_dir, ends, json, ok, repository, source, text};

const SOURCE: &str = "police.hukou";
/// The field that the police rename, and how.
const FIELD: &str = "hjdqh";
const RENAMED: &str = "hjdqh_v2";

fn line_of(scene: &Scene) -> Value {
    let board = json(&ok(&["--json", "source", "health", "--data", &scene.path("data")]));
    board.as_array().unwrap().iter().find(|line| line["source"] == SOURCE).unwrap().clone()
}

fn quarantined(scene: &Scene, extra: &[&str]) -> Vec<Value> {
    let args = ["--json", "source", "quarantine", SOURCE, "--data", &scene.path("data")];
    json(&ok(&[&args[..], extra].concat())).as_array().unwrap().clone()
}

#[test]
fn a_mended_manifest_reads_the_kept_replies_and_nobody_is_asked() {
    let scene = Scene::new(20, 31);
    let servers = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, calm_flags) = scene.batch("calm", AS_OF);
    drop(servers);

    // The police rename a field overnight.
    let servers = scene.serve("data", &["--fault", &format!("schema_drift={SOURCE}")]);
    let summary = scene.acquire("data", &[]);
    drop(servers);
    let entry = source(&summary, SOURCE);
    let asked = entry["asked"].as_u64().unwrap();
    assert!(asked > 20);
    assert_eq!(
        (entry["outcomes"]["failed"].as_u64(), entry["quarantined"]["schema_drift"].as_u64()),
        (Some(asked), Some(asked))
    );
    let (_, spoiled, _) = scene.batch("data", AS_OF);
    assert_ne!(spoiled, calm);
    assert!(spoiled.iter().any(|row| row["waiting_on"].contains(SOURCE)), "an unread register is waited for");
    for (now, truth) in spoiled.iter().zip(&calm).filter(|(now, _)| now["finding_dibao"] != "undetermined") {
        assert_eq!(now["finding_dibao"], truth["finding_dibao"], "{}: what is certain is true", now["case"]);
    }

    // What the board and the list say, without a name or a number of anybody.
    let data = scene.path("data");
    let line = line_of(&scene);
    assert_eq!((&line["state"], line["quarantined"]["schema_drift"].as_u64()), (&"degraded".into(), Some(asked)));
    assert_eq!((line["unknown_percent"].as_f64(), line["outcomes"]["failed"].as_u64()), (Some(100.0), Some(asked)));
    let board = text(&ok(&["source", "health", "--data", &data]));
    assert!(board.contains(&format!("{SOURCE}: 隔离 {asked} 与约定格式不符 schema_drift")), "{board}");
    let listed = quarantined(&scene, &[]);
    assert_eq!(listed.len() as u64, asked);
    for row in &listed {
        assert_eq!(row["reason"], "schema_drift");
        assert!(row["place"].as_str().unwrap().ends_with(&format!("at $.{FIELD}")), "{row}");
        assert!(row["ask"].as_i64().unwrap() > 0 && row["manifest"] == line["manifest"], "{row}");
    }
    assert_eq!(quarantined(&scene, &["--limit", "3"])[..], listed[..3]);
    let shown = text(&ok(&["source", "quarantine", SOURCE, "--data", &data, "--limit", "3"]));
    assert!(shown.contains("与约定格式不符 schema_drift") && shown.contains("最新 3 条"), "{shown}");
    let cases = std::fs::read_to_string(scene.path("city/cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&cases).unwrap();
    for member in cases["households"].as_array().unwrap().iter().flat_map(|h| h["members"].as_array().unwrap()) {
        for said in [&board, &shown] {
            assert!(!said.contains(member["id_number"].as_str().unwrap()), "{said}");
            assert!(!said.contains(member["name"].as_str().unwrap()), "{said}");
        }
    }

    // Somebody mends the manifest; its recorded replies have the new name too.
    let mended = scene.path("mended");
    copy_dir(&repository("connectors/institutions/police"), format!("{mended}/police").as_ref());
    let file = format!("{mended}/police/connector.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let after = before
        .replace(&format!("\"$.{FIELD}\""), &format!("\"$.{RENAMED}\""))
        .replace(&format!("\"{FIELD}\":"), &format!("\"{RENAMED}\":"));
    std::fs::write(&file, &after).unwrap();

    // What it would change, before anything is written.
    let unchanged = repository("connectors/institutions/police/connector.toml").display().to_string();
    let replay = ["source", "replay", SOURCE, "--data", &data, "--exit-code", "--manifest"];
    let same = text(&ok(&[&replay[..], &[&unchanged]].concat()));
    assert!(same.contains("证据无变化 no evidence would change"), "{same}");
    let told = json(&ends(&[&["--json"], &replay[..], &[&file]].concat(), 1));
    assert_eq!(
        (told["asks"].as_u64(), told["moved"]["failed -> found"].as_u64()),
        (Some(asked), Some(asked)),
        "{told}"
    );
    assert_eq!(
        (told["rows_added"].as_u64(), told["rows_removed"].as_u64(), told["gone"].as_u64()),
        (Some(asked), Some(0), Some(0))
    );
    assert_eq!(told["set_aside_after"], serde_json::json!({}));
    let shown = text(&ends(&[&replay[..], &[&file, "--diff"]].concat(), 1));
    assert!(shown.contains(&format!("结果变化 moved:  {asked} 查询失败 failed → 查得 found")), "{shown}");
    assert_eq!(
        shown.lines().filter(|l| l.contains("查询失败 failed") && l.contains("+1")).count() as u64,
        asked,
        "{shown}"
    );
    let short = text(&ends(&[&replay[..], &[&file]].concat(), 1));
    assert!(short.contains("--diff lists them") && !short.contains("+1"), "{short}");
    let later = text(&ok(&[&replay[..], &[&file, "--since", "2999-01-01"]].concat()));
    assert!(later.contains("没有可试读的回复 no reply on file"), "nothing was settled since: {later}");
    std::fs::write(&file, after.replace(", to = \"area_code\"", "")).unwrap();
    let refused = text(&ends(&[&replay[..], &[&file]].concat(), 2));
    assert!(refused.contains("police/connector.toml"), "{refused}");
    std::fs::write(&file, &after).unwrap();
    assert_eq!(quarantined(&scene, &[]), listed, "a trial writes nothing");
    assert_eq!(line_of(&scene), line);

    // By the manifest that has read them already there is nothing to do; in the data folder the mended one is in use.
    let reprocess = ["source", "reprocess", SOURCE, "--data", &data];
    assert!(text(&ok(&reprocess)).contains("没有需要重读的回复 nothing to read again"));
    std::fs::rename(&mended, scene.path("data/connectors")).unwrap();
    let done = json(&ok(&[&["--json"], &reprocess[..]].concat()));
    assert_eq!(done["before"], serde_json::json!({ "failed": asked }));
    assert_eq!(done["after"], serde_json::json!({ "found": asked }));
    assert_eq!((done["cured"]["schema_drift"].as_u64(), done["records"].as_u64()), (Some(asked), Some(asked)));
    assert!(text(&ok(&reprocess)).contains("没有需要重读的回复"), "once");
    assert!(quarantined(&scene, &[]).is_empty());
    assert!(text(&ok(&["source", "quarantine", SOURCE, "--data", &data])).contains("没有隔离的内容"));
    let cured = line_of(&scene);
    assert_eq!((&cured["state"], &cured["quarantined"]), (&"ok".into(), &serde_json::json!({})));
    assert_eq!(cured["found_percent"].as_f64(), Some(100.0));
    assert_eq!(cured["calls"], line["calls"], "nobody was asked");

    // And nothing of the mistake is left, though the institutions are gone by now.
    let (_, after, after_flags) = scene.batch("data", AS_OF);
    assert_eq!((after, after_flags), (calm, calm_flags));
    let idle = scene.acquire("data", &[]);
    assert!(idle["sources"].as_array().unwrap().iter().all(|s| s["sent"] == 0), "{idle}");
    assert!(text(&ok(&["audit", "verify", "--data", &data])).contains("whole"));
}
