//! The fault matrix at small scale, by the same code as `hedui sim torture --minutes N`: faults on every transport, kills
//! at every boundary, and in the end what a calm run gives.

use crate::scene::{json, ok};

#[test]
fn faults_and_kills_change_nothing_in_the_end() {
    // A source of every transport. Each of thirteen seeds begins its kills at another boundary.
    let sources = "police.hukou,hrss.insurance,tax.income,bank.jinshan,housing.registry,water.use";
    let args = ["--json", "sim", "torture", "--rounds", "13", "--households", "5", "--kills", "4", "--within", "1"];
    let survived = json(&ok(&[&args[..], &["--sources", sources]].concat()));
    assert_eq!(survived["rounds"], 13);
    // Which kills hit depends on what is still open when they come; the first of each round nearly always does.
    assert!(survived["kills_at"].as_object().unwrap().len() >= 8, "{survived}");
    let faults = survived["faults"].as_array().unwrap();
    let struck: std::collections::BTreeSet<_> = faults
        .iter()
        .filter(|fault| fault["struck"].as_u64().unwrap() > 0)
        .map(|fault| (fault["kind"].as_str().unwrap(), fault["transport"].as_str().unwrap()))
        .collect();
    assert!(struck.len() >= 20, "{struck:?}");
    assert!(survived["asks"].as_u64().unwrap() > 500 && survived["records"].as_u64().unwrap() > 1000, "{survived}");
}
