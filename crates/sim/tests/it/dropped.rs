//! Institutions that nobody built in: their folders are dropped beside the others, and the simulators serve them.

use std::collections::BTreeMap;

use hedui_base::{Month, Outcome, SourceText};
use hedui_connect::Site;
use hedui_sim::{Person, ServeOptions, Which, serve_with};

use crate::ask::{asked, city, dropped, subjects};

const IDS: [&str; 9] = [
    "gateway.vehicles",
    "soapy.income",
    "filer.pensions",
    "viewer.policies",
    "sealed.income",
    "registry.vehicles",
    "keyed.pensions",
    "ftpser.pensions",
    "folderer.pensions",
];

/// How many rows a person has in a register.
fn due(source: &str, person: &Person, until: Month) -> usize {
    let records = &person.records;
    let window = |month: Month| month <= until && month > until.plus(-6);
    match source {
        "gateway.vehicles" | "registry.vehicles" => records.vehicles.len(),
        "soapy.income" | "sealed.income" => records.incomes.iter().filter(|row| window(row.month)).count(),
        "filer.pensions" | "keyed.pensions" | "ftpser.pensions" | "folderer.pensions" => records.pensions.len(),
        _ => records.policies.len(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_dropped_is_served() {
    let (city, dir) = (city(40), tempfile::tempdir().unwrap());
    let options = ServeOptions {
        connectors: vec![dropped()],
        which: Which::Only(IDS.map(|id| id.split('.').next().unwrap_or_default().to_owned()).into()),
        reply_delay: std::time::Duration::from_millis(20),
        ..ServeOptions::default()
    };
    let servers = serve_with(&city, dir.path(), &options).await.unwrap();
    let site = Site::parse(&SourceText::new("site.toml", servers.site())).unwrap();
    let registry = options.registry().unwrap();
    let until = Month::of(city.as_of).plus(-1);
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for id in IDS {
        let source = registry.get(id).unwrap();
        let (answers, reasons) = asked(source, &site, &city).await;
        assert_eq!(reasons, Vec::<&str>::new(), "{id}");
        for (subject, person) in subjects(source, &city) {
            let (answer, rows) = (&answers[&subject.ask.0], due(id, person, until));
            let outcome = if rows > 0 { Outcome::Found } else { Outcome::NoRecord };
            assert_eq!((answer.outcome, answer.records.len()), (outcome, rows), "{id}: {:?}", answer.detail);
            *found.entry(id).or_default() += rows;
        }
    }
    assert!(found.values().all(|rows| *rows > 0), "{found:?}");
    servers.stop().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_said_with_the_manifest_and_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(dropped().join("gateway/connector.toml")).unwrap();
    let filtered = text.replace("$.body['cars'][*]", "$.body.cars[?@.owner]");
    std::fs::create_dir_all(dir.path().join("more/gateway")).unwrap();
    std::fs::write(dir.path().join("more/gateway/connector.toml"), filtered).unwrap();
    let options = ServeOptions {
        connectors: vec![dir.path().join("more")],
        which: Which::Only(["gateway".to_owned()].into()),
        ..ServeOptions::default()
    };
    let Err(error) = serve_with(&city(2), dir.path(), &options).await else { panic!("it cannot be served") };
    let text = error.to_string();
    assert!(text.contains("gateway.vehicles") && text.contains("[?@.owner]"), "{text}");
}
