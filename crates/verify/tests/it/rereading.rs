//! Kept replies, read again: after a manifest was mended, by way of trial, and never where they speak about strangers.

use hedui_base::Outcome;
use hedui_connect::Registry;
use hedui_verify::{source_replay, source_reprocess};
use jiff::civil::date;

use crate::office::{Desk, Office, SOURCE, asks, car, part, reply};

fn same(text: &str) -> String {
    text.to_owned()
}

fn wrong_date(text: &str) -> String {
    text.replace("\"%Y%m%d\"", "\"%d%m%Y\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_manifest_reads_the_same_replies_and_asks_nobody() {
    let office = Office::obliging().await;
    let desk = Desk::new(4, date(2026, 6, 30));
    let ws = desk.open(&office.url, "", wrong_date).await;
    desk.accept(&ws).await;
    let broken = desk.ask(&ws).await;
    assert_eq!(broken.outcome(Outcome::Failed), broken.asked, "{broken:?}");
    assert_eq!(ws.ledger().quarantined(Some(&SOURCE.into()), 1_000).await.unwrap().len(), broken.asked);
    let calls = office.calls();
    let unchanged = source_reprocess(&ws, &SOURCE.into(), "test").await.unwrap();
    assert_eq!(unchanged.replies, 0, "this manifest has read them already");

    let mended = desk.open(&office.url, "", same).await;
    // What it would change, before anything is written.
    let other = mended.registry().get(SOURCE).unwrap();
    let leaves = ws.ledger().audit_size().await.unwrap();
    let told = source_replay(&ws, &SOURCE.into(), other, None).await.unwrap();
    assert_eq!(told.moved["failed -> found"], broken.asked);
    assert_eq!((told.rows_added, told.rows_removed, told.rows_changed), (broken.asked, 0, 0));
    assert_eq!(told.changed.len(), broken.asked);
    assert_eq!(ws.ledger().audit_size().await.unwrap(), leaves, "writes nothing");
    drop(ws);

    let done = source_reprocess(&mended, &SOURCE.into(), "test").await.unwrap();
    assert_eq!(done.before["failed"], broken.asked);
    assert_eq!(done.after["found"], broken.asked);
    assert_eq!((done.cured["bad_date"], done.records), (broken.asked, broken.asked));
    assert!(done.set_aside.is_empty() && done.gone == 0, "{done:?}");
    assert_eq!(office.calls(), calls, "nobody was asked");
    assert!(mended.ledger().quarantined(Some(&SOURCE.into()), 1_000).await.unwrap().is_empty());
    let after = asks(&mended).await;
    assert!(after.iter().all(|a| a.outcome == Some(Outcome::Found)));

    let twice = source_reprocess(&mended, &SOURCE.into(), "test").await.unwrap();
    assert_eq!((twice.replies, twice.records), (0, 0));
    assert_eq!(asks(&mended).await, after, "the same again changes nothing");
    let idle = desk.ask(&mended).await;
    assert_eq!((idle.sent, idle.reused), (0, idle.asked), "the answers serve from now on");
    let told = source_replay(&mended, &SOURCE.into(), mended.registry().get(SOURCE).unwrap(), None).await.unwrap();
    assert!(!told.differs());
    assert!(mended.ledger().audit_verify(None).await.unwrap().problem.is_none());
    // Its letters still stand on the answers, and its rows are there once.
    let mut connection = mended.ledger().connection().await.unwrap();
    let snapshot = mended.store().snapshot(&mut connection, hedui_store::At::Latest).await.unwrap();
    let people: Vec<_> = after.iter().map(|a| a.person).collect();
    let coverage = tokio::task::spawn_blocking(move || snapshot.coverage(&people)).await.unwrap().unwrap();
    let ours: Vec<_> = coverage.iter().filter(|row| row.source.as_str() == SOURCE).collect();
    assert_eq!(ours.len(), broken.asked);
    assert!(ours.iter().all(|row| row.letter.is_some() && row.outcome == Outcome::Found), "{ours:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_names_the_columns_that_would_change() {
    let office = Office::obliging().await;
    let desk = Desk::new(3, date(2026, 6, 30));
    let ws = desk.open(&office.url, "", same).await;
    desk.accept(&ws).await;
    let asked = desk.ask(&ws).await.asked;
    let cheaper = desk
        .open(&office.url, "", |text| {
            text.replace("to = \"fen\", unit = \"yuan\"", "to = \"fen\", unit = \"fen\", round = true")
        })
        .await;
    let other = cheaper.registry().get(SOURCE).unwrap();
    let told = source_replay(&ws, &SOURCE.into(), other, None).await.unwrap();
    assert_eq!((told.rows_added, told.rows_removed, told.rows_changed), (0, 0, asked), "{told:?}");
    assert_eq!(told.columns.iter().map(|(c, n)| (c.as_str(), *n)).collect::<Vec<_>>(), [("invoice_price", asked)]);
    let none = source_replay(&ws, &SOURCE.into(), other, Some(date(2026, 7, 1))).await.unwrap();
    assert_eq!((none.replies, none.differs()), (0, false), "nothing was settled since");
    let shipped = Registry::embedded(&hedui_connect::catalogue(), None).registry;
    let foreign = shipped.iter().next().unwrap();
    assert!(source_replay(&ws, &SOURCE.into(), foreign, None).await.is_err(), "a manifest of another source");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_about_a_stranger_is_destroyed() {
    const STRANGER: &str = "990000197001010018";
    let office = Office::start(|ids| async move {
        let mut items: Vec<_> = ids.iter().map(|id| car(id, "20190506")).collect();
        items.push(car(STRANGER, "20200101"));
        (200, reply(items))
    })
    .await;
    let desk = Desk::new(4, date(2026, 6, 30));
    let ws = desk.open(&office.url, "", same).await;
    desk.accept(&ws).await;
    let got = desk.ask(&ws).await;
    assert_eq!(got.quarantined["unrequested_subject"], office.calls(), "one in each reply");
    assert_eq!(got.outcome(Outcome::Found), got.asked, "what was said about those asked about counts");
    let leaves = ws.ledger().audit_leaves(0, 10_000).await.unwrap();
    let destroyed: Vec<_> = leaves.iter().filter(|l| l.leaf["action"] == "unrequested.destroyed").collect();
    assert_eq!(destroyed.len(), office.calls());
    assert_eq!(destroyed[0].leaf["detail"]["count"], 1);
    assert!(leaves.iter().all(|l| !l.leaf.to_string().contains(STRANGER)));
    // Every reply that was ever kept, by the names in the log: none can be opened any more.
    let mut kept = 0;
    for leaf in leaves.iter().filter(|l| l.leaf["action"] == "ask.settled") {
        let Some(name) = leaf.leaf["detail"]["raw"].as_str() else { continue };
        let parts: Vec<&str> = name.split(':').collect();
        let pack = std::fs::read(desk.data().join("raw").join(&parts[0][..2]).join(parts[0])).unwrap();
        let (from, length): (usize, usize) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
        assert!(ws.ledger().open_blob("raw reply", &pack[from..from + length]).is_err());
        assert!(pack[from..from + length].iter().all(|b| *b == 0));
        kept += 1;
    }
    assert_eq!(kept, office.calls());
    assert!(ws.ledger().doomed().await.unwrap().is_empty());
    assert!(asks(&ws).await.iter().all(|a| a.raw.is_none()));
    for entry in walk(&desk.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!bytes.windows(STRANGER.len()).any(|w| w == STRANGER.as_bytes()), "{}", entry.display());
    }
    let again = source_reprocess(&ws, &SOURCE.into(), "test").await.unwrap();
    assert_eq!(again.replies, 0);
    let idle = part(
        hedui_verify::acquire(&ws, desk.request(hedui_verify::Selection::All, hedui_verify::AcquireMode::Everything))
            .await
            .unwrap(),
    );
    assert_eq!(idle.sent, 0);
}

/// A crash between the answers being durable and the reply being destroyed: the next run destroys it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_destroyed_by_the_next_run() {
    let office = Office::obliging().await;
    let desk = Desk::new(2, date(2026, 6, 30));
    let ws = desk.open(&office.url, "", same).await;
    desk.accept(&ws).await;
    desk.ask(&ws).await;
    let name = asks(&ws).await[0].raw.clone().unwrap();
    let mut tx = ws.ledger().begin().await.unwrap();
    let ids: Vec<_> = asks(&ws).await.iter().map(|a| a.ask).collect();
    ws.ledger().doom(&mut tx, &name, &ids, ws.now()).await.unwrap();
    tx.commit().await.unwrap();
    desk.ask(&ws).await;
    assert!(ws.ledger().doomed().await.unwrap().is_empty());
    let parts: Vec<&str> = name.split(':').collect();
    let pack = std::fs::read(desk.data().join("raw").join(&parts[0][..2]).join(parts[0])).unwrap();
    let (from, length): (usize, usize) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    assert!(pack[from..from + length].iter().all(|b| *b == 0));
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
