//! An acquire that dies on the way is taken up by the next: same findings, nothing twice, none lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use hedui_connect::manifest::Transport;
use hedui_connect::{Site, read_request, unpack};
use hedui_verify::{AcquireRequest, VerifyError, Workspace, accept, acquire};

use crate::town::Town;

/// The acquire is dropped at many moments, as if its process had been killed: whatever was in memory is gone, leases
/// and sent asks stay behind in the folder.
#[tokio::test(flavor = "multi_thread")]
async fn an_acquire_that_is_cut_off_anywhere_is_completed_by_the_next() {
    let town = Town::new(30, 14).await;
    let (undisturbed, _) = town.acquired("undisturbed").await;
    let (_, whole) = town.batch(&undisturbed, "whole").await;
    // What the undisturbed folder asked lies at the same banks.
    let before = requests_at_the_banks(&town, &undisturbed);
    let ws = town.open("data").await;
    accept(&ws, &town.intake(), "test").await.unwrap();
    drop(ws);
    let mut sent = 0;
    for millis in [5, 30, 80, 150, 250, 400] {
        // A runtime of its own, shut down in the middle: every task of the acquire ends where it stands.
        let (site, data) = (town.path("city/site.toml"), town.path("data"));
        let cut = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.spawn(async move {
                let options = hedui_verify::WorkspaceOptions {
                    site: Some(site),
                    today: Some(crate::town::AS_OF),
                    ..Default::default()
                };
                let ws = hedui_verify::Workspace::open(&data, options).await.unwrap();
                let _ = acquire(&ws, AcquireRequest::all(crate::town::AS_OF)).await;
            });
            std::thread::sleep(Duration::from_millis(millis));
            runtime.shutdown_timeout(Duration::from_millis(1));
        });
        tokio::task::spawn_blocking(move || cut.join().unwrap()).await.unwrap();
        sent += 1;
    }
    assert_eq!(sent, 6);
    let ws = town.open("data").await;
    let mut summary = None;
    for _ in 0..50 {
        // The last cut-off runtime may still hold the folder for a moment.
        match acquire(&ws, AcquireRequest { deadline: Duration::from_secs(120), ..AcquireRequest::all(ws.today()) })
            .await
        {
            Ok(done) => {
                summary = Some(done);
                break;
            }
            Err(VerifyError::Busy(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    }
    let summary = summary.expect("the folder is free at last");
    assert!(summary.sources.iter().all(|s| s.unknown() == s.outcome(hedui_base::Outcome::Unsendable)), "{summary:?}");
    every_request_was_handed_in_once(&town, &ws, &before);
    let (_, healed) = town.batch(&ws, "healed").await;
    assert_eq!(healed.timeless(), whole.timeless());
    assert!(ws.ledger().audit_verify(None).await.unwrap().problem.is_none());
    let mut connection = ws.ledger().connection().await.unwrap();
    let verified = ws.store().verify(&mut connection).await.unwrap();
    assert!(verified.problems.iter().all(|p| !p.is_damage()), "{:?}", verified.problems);
}

/// Where an institution takes requests, whichever way they travel.
fn request_folder(town: &Town, institution: &str, dir: &str) -> PathBuf {
    let ways = ["exchange", "exchange-ftps", "exchange-dir"].into_iter();
    let mut folders = ways.map(|way| town.path("city").join(way).join(institution).join(dir));
    folders.find(|folder| folder.is_dir()).unwrap_or_else(|| panic!("{institution} takes requests nowhere"))
}

/// The names of all files that lie in the folders for requests.
fn requests_at_the_banks(town: &Town, ws: &Workspace) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in ws.registry().iter() {
        let Transport::Files(plan) = &source.manifest.transport else { continue };
        let folder = request_folder(town, &source.institution, &plan.put.dir);
        for entry in std::fs::read_dir(folder).unwrap() {
            names.insert(entry.unwrap().file_name().to_string_lossy().into_owned());
        }
    }
    names
}

/// Whatever was cut off, no bank was asked twice about anybody: the files that lie there name each person once.
fn every_request_was_handed_in_once(town: &Town, ws: &Workspace, before: &BTreeSet<String>) {
    let mut files = 0;
    let site = Site::read(&town.path("city/site.toml")).unwrap();
    for source in ws.registry().iter() {
        let Transport::Files(plan) = &source.manifest.transport else { continue };
        let mut asked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let folder = request_folder(town, &source.institution, &plan.put.dir);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(&plan.put.temp) || plan.put.marker.as_ref().is_some_and(|m| name.ends_with(m)) {
                continue;
            }
            // Several sources of one institution may share a folder; their files begin differently.
            let own = plan.put.name.split('{').next().is_some_and(|begin| name.starts_with(begin));
            if before.contains(&name) || !own {
                continue;
            }
            files += 1;
            let here = site.of(&source.institution, source.id.as_str()).unwrap();
            let bytes = unpack(&plan.put.pack, &std::fs::read(&path).unwrap(), here).unwrap();
            for row in read_request(&plan.put, &bytes).unwrap() {
                let id = row.id_number(&plan.put).unwrap().to_owned();
                asked.entry(id).or_default().push(name.clone());
            }
        }
        let twice: Vec<_> = asked.values().filter(|files| files.len() > 1).collect();
        assert!(twice.is_empty(), "{}: {twice:?}", source.id);
        assert!(!asked.is_empty(), "{}", source.id);
    }
    assert!(files > 0);
}
