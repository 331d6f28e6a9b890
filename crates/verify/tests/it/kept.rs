//! Explanations stored by a batch are what the single case said, to the byte.

use std::path::Path;
use std::sync::Arc;

use hedui_base::CaseId;
use hedui_verify::{
    BatchRequest, PlainRequest, Selection, Silent, batch, batch_plain, explain, explain_kept, explain_plain,
};
use jiff::civil::date;

use crate::town::{AS_OF, Rows, Town};

fn json(explained: &hedui_verify::Explained) -> String {
    serde_json::to_string(explained).unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("fixtures/plain")
}

fn copied(to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_explanations_of_a_plain_folder_are_those_of_the_single_case() {
    let dir = tempfile::tempdir().unwrap();
    let (records, out) = (dir.path().join("records"), dir.path().join("out"));
    copied(&records);
    let request = PlainRequest {
        cases: records.join("cases.csv"),
        records: records.clone(),
        pack: "zhenjiang".to_owned(),
        extra_rules: Vec::new(),
        as_of: date(2026, 6, 30),
        out: out.clone(),
        lenient: false,
        explain: true,
        progress: Arc::new(Silent),
    };
    let summary = batch_plain(request.clone()).unwrap();
    assert_eq!(summary.explanations.as_ref().map(|kept| kept.households), Some(summary.cases));
    let rows = Rows::read(&summary.findings_file);
    for case in rows.column("case") {
        let case = CaseId::from(case.as_str());
        for variable in [None, Some("income_month"), Some("financial_assets_within_limit")] {
            let then = explain_plain(&request, &case, variable).unwrap();
            let later = explain_kept(&out, &case, variable, None).await.unwrap();
            assert_eq!(json(&then), json(&later), "{case}");
        }
    }
    // The folder is gone: the values stand, and the tree says what is not there.
    let case = CaseId::from(rows.column("case")[0].as_str());
    let then = explain_plain(&request, &case, Some("financial_assets_within_limit")).unwrap();
    std::fs::rename(&records, dir.path().join("elsewhere")).unwrap();
    let bare = explain_kept(&out, &case, Some("financial_assets_within_limit"), None).await.unwrap();
    assert_eq!(bare.trees[0].value, then.trees[0].value);
    assert!(json(&bare).contains("保存期限"), "{}", bare.text);
    let moved = explain_kept(&out, &case, Some("financial_assets_within_limit"), Some(&dir.path().join("elsewhere")))
        .await
        .unwrap();
    assert_eq!(json(&moved), json(&then));
    assert!(explain_kept(&out, &CaseId::from("nobody"), None, None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_explanations_of_a_city_are_those_of_the_single_case() {
    let town = Town::new(60, 5).await;
    let (ws, _) = town.acquired("data").await;
    let request = BatchRequest { explain: true, ..BatchRequest::new(Selection::All, AS_OF, town.path("out")) };
    let summary = batch(&ws, request).await.unwrap();
    let kept = summary.explanations.clone().unwrap();
    assert_eq!(kept.households, summary.cases);
    let rows = Rows::read(&summary.findings_file);
    for case in rows.column("case") {
        let case = CaseId::from(case.as_str());
        let then = explain(&ws, &case, None, AS_OF).await.unwrap();
        let later = explain_kept(&town.path("out"), &case, None, None).await.unwrap();
        assert_eq!(json(&then), json(&later), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_city_household_is_said_in_chinese() {
    let town = Town::new(30, 6).await;
    let (ws, _) = town.acquired("data").await;
    let mut said = 0;
    for household in &town.intake().households {
        let answer = hedui_verify::what_if(&ws, &household.case, None, AS_OF).await.unwrap();
        said += answer.schemes[0].changes.len();
        assert!(answer.text.contains("现为"), "{}", answer.text);
        let both = hedui_verify::check_and_what_if(&ws, &household.case, AS_OF).await.unwrap();
        assert_eq!(both.what_if.as_ref(), answer.schemes.first());
        // A check that was not asked for it does not pay for it, and is the same otherwise.
        let alone = hedui_verify::check(&ws, &household.case, AS_OF).await.unwrap();
        assert_eq!((&alone.conclusion, &alone.tests), (&both.conclusion, &both.tests));
        assert_eq!(alone.what_if, None);
    }
    assert!(said > 30, "{said}");
    let case = &town.intake().households[0].case;
    assert!(hedui_verify::what_if(&ws, case, Some("no_such"), AS_OF).await.is_err());
}
