//! Every kind of fault on every transport where it means something: what comes out is what a calm institution says, or
//! unknown; and once the fault has healed, exactly what a calm institution says.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::Outcome;
use hedui_connect::manifest::{Transport, Via};
use hedui_connect::{Answer, Converter, Source};
use hedui_sim::{City, FaultKind, Way};

use crate::ask::{asked, city, served, source};

/// Whether a fault can reach a source: over SFTP there is no certificate, and in a folder there is no connection.
fn reaches(kind: FaultKind, source: &Source) -> bool {
    let via = match &source.manifest.transport {
        Transport::Files(plan) => plan.via,
        _ => return true,
    };
    match kind {
        FaultKind::CertificateExpired => via == Via::Ftps,
        FaultKind::Reset | FaultKind::SlowBody => via != Via::Dir,
        _ => true,
    }
}

/// Strong enough to be met in a small city, quick enough for a test.
fn strength(kind: FaultKind, source: &Source) -> u32 {
    let way = Way::of(source);
    match kind {
        FaultKind::Slow => 20,
        FaultKind::Latency | FaultKind::SlowBody => 4,
        FaultKind::WrongPerson | FaultKind::BadId => 600,
        FaultKind::BadAmount => 500,
        FaultKind::Throttle | FaultKind::Burst5xx | FaultKind::Reset if source.batch == 1 => 150,
        // Looked for again and again, a file comes through at last.
        FaultKind::Reset if way == Way::Files => 500,
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

/// One fault at one source.
async fn under(city: &City, source: &Arc<Source>, kind: FaultKind, calm: &BTreeMap<i64, Answer>) {
    let dir = tempfile::tempdir().unwrap();
    let fault = format!("{kind}={}:{}", source.id, strength(kind, source));
    let (servers, site) = served(city, dir.path(), &[&source.institution], &fault).await;
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
    let amounts = source.manifest.map.fields.iter().any(|f| matches!(f.converter, Converter::Fen { .. }));
    assert!(struck > 0 || (kind == FaultKind::BadAmount && !amounts), "{fault}: never struck");
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
}

async fn every_fault_on(way: Way, ids: &[&str], households: u32) {
    let city = city(households);
    for id in ids {
        let (source, dir) = (source(id), tempfile::tempdir().unwrap());
        let (servers, site) = served(&city, dir.path(), &[&source.institution], "").await;
        let (calm, reasons) = asked(&source, &site, &city).await;
        assert_eq!(reasons, Vec::<&str>::new(), "{id} calm");
        servers.stop().await;
        let kinds = FaultKind::ALL.into_iter().filter(|kind| kind.does(way).is_some() && reaches(*kind, &source));
        futures::future::join_all(kinds.map(|kind| under(&city, &source, kind, &calm))).await;
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
async fn over_files() {
    every_fault_on(Way::Files, &["bank.jinshan"], 60).await;
    every_fault_on(Way::Files, &["bank.shuibo", "bank.xingzhou", "bank.taowu"], 60).await;
    every_fault_on(Way::Files, &["keyed.pensions", "ftpser.pensions", "folderer.pensions"], 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_view() {
    every_fault_on(Way::Sql, &["housing.registry"], 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_dropped_files() {
    every_fault_on(Way::Drop, &["water.use", "gas.use", "cable.use", "telecom.use", "dpf.card"], 40).await;
}
