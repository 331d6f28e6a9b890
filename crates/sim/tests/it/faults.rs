//! Every kind of fault on every transport where it means something: what comes out is what a calm institution says, or
//! unknown; and once the fault has healed, exactly what a calm institution says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use hedui_base::Outcome;
use hedui_connect::{Answer, Source};
use hedui_sim::{City, FaultKind, Way};

use crate::ask::{asked, city, served, served_by_chance, source};

/// Faults that are tried at the same time: each has an institution of its own, and a busy machine has few hands.
const AT_ONCE: usize = 4;

/// A source that waits as long as it takes: no fault here is a matter of time, and a machine may be slow.
fn patient(id: &str) -> Arc<Source> {
    let mut source = Arc::into_inner(source(id)).expect("the registry is gone, and nobody else has it");
    source.manifest.limits.timeout = Duration::from_secs(600);
    Arc::new(source)
}

/// Strong enough to be met in a small city, quick enough for a test.
fn strength(kind: FaultKind, source: &Source) -> u32 {
    match kind {
        FaultKind::Slow => 20,
        FaultKind::Latency | FaultKind::SlowBody => 4,
        FaultKind::WrongPerson | FaultKind::BadId => 600,
        FaultKind::BadAmount => 500,
        FaultKind::Throttle | FaultKind::Burst5xx | FaultKind::Reset if source.batch == 1 => 150,
        // Looked for again and again, a file comes through at last.
        FaultKind::Reset if matches!(Way::of(source), Way::Sftp | Way::Ftps) => 500,
        FaultKind::Throttle | FaultKind::Burst5xx | FaultKind::Reset => 1000,
        FaultKind::Late => 3,
        other => other.usual(),
    }
}

/// Whether an answer is a part of what is true, and unknown where it is not all of it.
fn honest(answer: &Answer, truth: &Answer) -> Result<(), String> {
    let rows = |a: &Answer| -> Vec<String> {
        let shown = |row: usize| {
            format!("{:?}", a.records.table.columns.iter().map(|(n, c)| (n, c.take(&[row]))).collect::<Vec<_>>())
        };
        (0..a.records.len()).map(shown).collect()
    };
    let (said, known) = (rows(answer), rows(truth));
    match answer.outcome {
        Outcome::Found | Outcome::NoRecord if answer.outcome == truth.outcome && said == known => Ok(()),
        Outcome::Partial if said.iter().all(|row| known.contains(row)) && said.len() <= known.len() => Ok(()),
        outcome if outcome.is_unknown() && outcome != Outcome::Partial && said.is_empty() => Ok(()),
        outcome => {
            Err(format!("{outcome:?} with {} rows where {:?} with {} is true", said.len(), truth.outcome, known.len()))
        }
    }
}

/// How often a fault of chance is looked for: how many chances it gets hangs on how often a busy machine looks for a file.
const TRIES: u64 = 10;

/// One fault at one source.
async fn under(city: &City, source: &Arc<Source>, kind: FaultKind, calm: &BTreeMap<i64, Answer>) {
    let fault = format!("{kind}={}:{}", source.id, strength(kind, source));
    for seed in 0..TRIES {
        let dir = tempfile::tempdir().unwrap();
        let (servers, site) =
            served_by_chance(city, dir.path(), &[&source.institution], &fault, (seed > 0).then_some(seed)).await;
        let (answers, _) = asked(source, &site, city).await;
        assert_eq!(answers.len(), calm.len());
        let mut unknown = 0;
        for (ask, answer) in &answers {
            if let Err(lie) = honest(answer, &calm[ask]) {
                panic!("{fault}: ask {ask}: {lie}");
            }
            unknown += usize::from(answer.outcome != calm[ask].outcome);
        }
        let struck: u64 = servers.struck().iter().filter(|(_, k, _)| *k == kind).map(|(.., count)| count).sum();
        if struck == 0 {
            servers.stop().await;
            continue;
        }
        if !kind.spoils() {
            assert_eq!(unknown, 0, "{fault}: only makes answers later or rearranges them");
        }
        servers.heal().await.unwrap();
        let (healed, reasons) = asked(source, &site, city).await;
        for (ask, answer) in &healed {
            let same = answer.outcome == calm[ask].outcome && honest(answer, &calm[ask]).is_ok();
            assert!(same, "{fault}: healed: {answer:?}");
        }
        assert_eq!(reasons, Vec::<&str>::new(), "{fault}: healed");
        servers.stop().await;
        return;
    }
    panic!("{fault}: never struck in {TRIES} tries");
}

async fn every_fault_on(way: Way, ids: &[&str], households: u32) {
    let city = city(households);
    for id in ids {
        let (source, dir) = (patient(id), tempfile::tempdir().unwrap());
        assert_eq!(Way::of(&source), way, "{id}");
        let (servers, site) = served(&city, dir.path(), &[&source.institution], "").await;
        let (calm, reasons) = asked(&source, &site, &city).await;
        assert_eq!(reasons, Vec::<&str>::new(), "{id} calm");
        servers.stop().await;
        let kinds = FaultKind::ALL.into_iter().filter(|kind| kind.reaches(&source));
        let under = kinds.map(|kind| under(&city, &source, kind, &calm));
        futures::stream::iter(under).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http() {
    every_fault_on(Way::Http, &["police.hukou", "hrss.insurance", "hrss.pension", "sealed.income"], 24).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_soap() {
    every_fault_on(Way::Soap, &["tax.income", "soapy.income"], 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_registry_that_answers_later() {
    every_fault_on(Way::Dci, &["registry.vehicles"], 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sftp() {
    every_fault_on(Way::Sftp, &["bank.jinshan", "bank.shuibo", "bank.xingzhou", "bank.taowu"], 60).await;
    every_fault_on(Way::Sftp, &["keyed.pensions"], 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ftps() {
    every_fault_on(Way::Ftps, &["bank.guhe"], 60).await;
    every_fault_on(Way::Ftps, &["ftpser.pensions"], 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_folder() {
    every_fault_on(Way::Folder, &["bank.muyun"], 60).await;
    every_fault_on(Way::Folder, &["folderer.pensions"], 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_view() {
    every_fault_on(Way::Sql, &["housing.registry"], 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_dropped_files() {
    every_fault_on(Way::Drop, &["water.use", "gas.use", "cable.use", "telecom.use", "dpf.card"], 40).await;
}
