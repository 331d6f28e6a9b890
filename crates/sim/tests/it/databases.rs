//! Views in a real PostgreSQL and a real MariaDB, served from the manifests like any other institution.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{Outcome, SourceText};
use hedui_connect::{InstitutionFolder, Registry, Site, Source};
use hedui_databases::{Kind, Options, Server};
use hedui_sim::{City, ServeOptions, Servers, Which, serve_with};

use crate::ask::{asked, city, subjects};

/// The housing office under two names: one of them lies in PostgreSQL, the other in MariaDB, if both are installed.
const NAMES: [&str; 2] = ["homes_a", "homes_b"];

fn folders(dir: &Path) {
    let housing = Registry::embedded_folders().into_iter().find(|folder| folder.name == "housing").unwrap();
    for name in NAMES {
        for file in &housing.files {
            let path = dir.join(file.name.replace("housing/", &format!("{name}/")));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.text.replace("\"housing.registry\"", &format!("\"{name}.registry\""))).unwrap();
        }
    }
}

async fn served(city: &City, dir: &Path, faults: &str) -> (Servers, Site, Vec<Arc<Source>>) {
    let connectors = dir.join("connectors");
    folders(&connectors);
    let which = Which::Only(NAMES.iter().map(|name| (*name).to_owned()).collect());
    let faults = faults.parse().unwrap();
    let options =
        ServeOptions { which, faults, databases: true, connectors: vec![connectors], ..ServeOptions::default() };
    let servers = serve_with(city, dir, &options).await.unwrap();
    let site = Site::parse(&SourceText::new("site.toml", servers.site())).unwrap();
    let all: Vec<InstitutionFolder> = Registry::read_dir(&options.connectors[0]).unwrap();
    let loaded = Registry::load(&all, &hedui_connect::catalogue(), Some(&site));
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>());
    let sources = NAMES.iter().map(|name| Arc::clone(loaded.registry.get(&format!("{name}.registry")).unwrap()));
    (servers, site, sources.collect())
}

/// Whether any database is installed; says so loudly if not.
fn installed() -> bool {
    let start = |kind| Server::for_tests(kind, &Options::default()).is_some();
    start(Kind::Postgres) | start(Kind::MariaDb)
}

#[tokio::test]
async fn a_register_in_a_database_says_the_same_as_the_city_and_a_broken_one_clears_nobody() {
    if !tokio::task::spawn_blocking(installed).await.unwrap() {
        return;
    }
    let (city, dir) = (city(60), tempfile::tempdir().unwrap());
    let (mut servers, site, sources) = served(&city, dir.path(), "").await;
    let mut endpoints = Vec::new();
    for (source, name) in sources.iter().zip(NAMES) {
        endpoints.push(site.institutions[name].endpoint.clone());
        let (answers, reasons) = asked(source, &site, &city).await;
        assert_eq!(reasons, Vec::<&str>::new(), "{name}");
        let mut found = 0;
        for (subject, person) in subjects(source, &city) {
            let (answer, rows) = (&answers[&subject.ask.0], person.records.homes.len());
            let outcome = if rows > 0 { Outcome::Found } else { Outcome::NoRecord };
            assert_eq!((answer.outcome, answer.records.len()), (outcome, rows), "{name} {:?}", answer.detail);
            found += rows;
        }
        assert!(found > 10, "{name}: {found}");
    }
    assert!(endpoints.iter().all(|e| e.starts_with("postgres://") || e.starts_with("mysql://")), "{endpoints:?}");
    assert!(servers.stop_one(NAMES[0]).await);
    let (answers, _) = asked(&sources[0], &site, &city).await;
    assert!(answers.values().all(|a| a.outcome == Outcome::Failed), "a stopped one answers nothing");
    servers.stop().await;

    let (servers, site, sources) = served(&city, dir.path(), "garbled=homes_a, truncated=homes_b").await;
    for source in &sources {
        let (answers, _) = asked(source, &site, &city).await;
        assert!(answers.values().all(|a| a.outcome == Outcome::Failed), "{}", source.id);
    }
    servers.stop().await;
}
