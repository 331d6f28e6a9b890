//! Folders into which files are dropped: which file is a period's, and when it is there.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{Outcome, SourceText};
use hedui_connect::{
    AskPeriod, Context, Exchange, InstitutionFolder, Registry, Site, Source, Subject, catalogue, parse,
};
use jiff::Timestamp;

use crate::exchange::{Machine, PASSWORD};
use crate::support::{LI, ZHANG, subject};

const FILE: &str = "户号,地址,年月,金额\nW1,某路1号,202605,38.75\n合计,共1户,,38.75\n";

/// A source of CSV files with further keys of its transport.
fn source(transport: &str) -> Arc<Source> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates");
    let mut folders = Registry::read_dir(&templates).unwrap();
    let text = format!(
        "extends = \"_drop\"\n[source]\nid = \"test.drop\"\n[transport]\nformat = \"csv\"\nfile = \"水费_{{yyyymm}}*.csv\"\n{transport}\n"
    );
    folders.push(InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] });
    let loaded = Registry::load(&folders, &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.registry.get("test.drop").cloned().unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

/// Asks about two accounts, of which one is in the file, at a moment.
async fn asked(source: &Source, folder: &Path, now: Timestamp) -> (Vec<Outcome>, Option<i64>) {
    asked_at(source, format!("[test]\nendpoint = \"dir:{}\"\n", folder.display()), now).await
}

async fn asked_at(source: &Source, text: String, now: Timestamp) -> (Vec<Outcome>, Option<i64>) {
    let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
    let context = Context::new(site).unwrap().with_clock(move || now);
    let mut subjects = [subject(source, 1, ZHANG), subject(source, 2, LI)];
    for (subject, account) in subjects.iter_mut().zip(["W1", "W9"]) {
        subject.account = Some(account.into());
    }
    let may = "2026-05".parse().unwrap();
    let exchange = source.ask(&context, &subjects, Some(AskPeriod { from: may, until: may })).await;
    let Exchange::Replied(raw) = exchange else { panic!("{exchange:?}") };
    let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
    let parsed = parse(source, &keys, &raw);
    // What was read a moment ago is read again as it was.
    assert_eq!(parse(source, &keys, &raw), parsed);
    (parsed.answers.iter().map(|a| a.outcome).collect(), parsed.answers[0].records.table.int("fee", 0))
}

const ANSWERED: [Outcome; 2] = [Outcome::Found, Outcome::NoRecord];
const OPEN: [Outcome; 2] = [Outcome::Failed, Outcome::Failed];

#[tokio::test]
async fn what_lies_on_a_server_is_fetched_once_it_is_announced() {
    for via in ["sftp", "ftps", "dir"] {
        let machine = Machine::new(via).await;
        let login = "login = { user = \"secret:user\", password = \"secret:password\" }";
        let login = if via == "dir" { "" } else { login };
        let source = source(&format!("via = \"{via}\"\n{login}\ndir = \"out\"\nmarker = \".ok\""));
        let site = || {
            let (endpoint, pin) = (&machine.endpoint, &machine.pin);
            format!(
                "[test]\nendpoint = \"{endpoint}\"\n{pin}\n[test.secrets]\nuser = \"u\"\npassword = \"{PASSWORD}\"\n"
            )
        };
        let now = Timestamp::now();
        machine.lay("水费_202605.csv", FILE.as_bytes());
        assert_eq!(asked_at(&source, site(), now).await.0, OPEN, "{via}: not announced");
        machine.lay("水费_202605.csv.ok", b"");
        assert_eq!(asked_at(&source, site(), now).await, (ANSWERED.to_vec(), Some(3875)), "{via}");
    }
}

#[tokio::test]
async fn what_is_sent_again_stands_for_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let replaced = source("replace = \"per_period\"");
    assert_eq!(asked(&replaced, folder.path(), Timestamp::now()).await.0, OPEN);
    put("水费_202605.csv", FILE);
    assert_eq!(asked(&replaced, folder.path(), Timestamp::now()).await, (ANSWERED.to_vec(), Some(3875)));
    put("水费_202605(2).csv", &FILE.replace("38.75", "40.00"));
    assert_eq!(asked(&replaced, folder.path(), Timestamp::now()).await, (ANSWERED.to_vec(), Some(4000)));
    // A correction that is broken does not bring back what it corrects.
    put("水费_202605(10).csv", "户号,地址\n");
    assert_eq!(asked(&replaced, folder.path(), Timestamp::now()).await.0, OPEN);
}

#[tokio::test]
async fn files_of_a_period_are_its_parts_and_all_must_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let parts = source("");
    put("水费_202605_京口.csv", FILE);
    put("水费_202605_京口(1).csv", FILE);
    put("水费_202605_润州.csv", &FILE.replace("W1", "W2"));
    assert_eq!(asked(&parts, folder.path(), Timestamp::now()).await, (ANSWERED.to_vec(), Some(3875)));
    put("水费_202605_丹徒.csv", &FILE.replace("共1户", "共2户"));
    let (outcomes, _) = asked(&parts, folder.path(), Timestamp::now()).await;
    assert_eq!(
        outcomes,
        [Outcome::Partial, Outcome::Failed],
        "a part that is not whole leaves the others, and clears nobody"
    );
}

#[tokio::test]
async fn a_file_counts_once_it_is_announced_and_has_lain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("水费_202605.csv");
    std::fs::write(&path, FILE).unwrap();
    let written = Timestamp::try_from(std::fs::metadata(&path).unwrap().modified().unwrap()).unwrap();
    let after = |seconds: i64| written.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    let announced = source("marker = \".ok\"");
    assert_eq!(asked(&announced, folder.path(), after(600)).await.0, OPEN);
    std::fs::write(folder.path().join("水费_202605.csv.ok"), "").unwrap();
    assert_eq!(asked(&announced, folder.path(), after(0)).await.0, ANSWERED);
    // Another part that is not announced: the period is not all there.
    let second = folder.path().join("水费_202605_2.csv");
    std::fs::write(&second, FILE).unwrap();
    assert_eq!(asked(&announced, folder.path(), after(600)).await.0, OPEN);
    std::fs::remove_file(second).unwrap();
    let stable = source("stable = \"60s\"");
    assert_eq!(asked(&stable, folder.path(), after(59)).await.0, OPEN);
    assert_eq!(asked(&stable, folder.path(), after(60)).await.0, ANSWERED);
    // A clock that stands before the file tells nothing.
    assert_eq!(asked(&stable, folder.path(), after(-3600)).await.0, OPEN);
}
