//! Budgets, maintenance, breakers and leases, over an office that answers as it is told and a clock that is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hedui_base::Outcome;
use hedui_ledger::{AskState, LedgerError, Settle};
use hedui_verify::{AcquireMode, Selection, SourceState, acquire, health};
use jiff::civil::date;
use jiff::{SignedDuration, ToSpan as _};
use tokio::sync::Semaphore;

use crate::office::{Desk, Office, SOURCE, asks, found, part, until};

fn same(text: &str) -> String {
    text.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_days_budget_is_kept_over_restarts_and_the_rest_is_asked_the_next_day() {
    let office = Office::obliging().await;
    let desk = Desk::new(20, date(2026, 6, 30));
    let limits = "daily = 20\ndaily_reserve = 0.1\nreserve = 0.2";
    let ws = desk.open(&office.url, limits, same).await;
    desk.accept(&ws).await;
    let first = desk.ask(&ws).await;
    assert!(first.asked > 40, "the town is large enough");
    assert_eq!(first.sent, 14, "20 less two tenths for counters and one for tries again");
    assert_eq!(first.outcome(Outcome::Found), 14);
    assert_eq!(first.held.values().sum::<usize>(), first.asked - 14, "{first:?}");
    assert_eq!(first.unknown(), 0, "not asked yet is no failure");
    assert_eq!(first.outcomes["not_asked"], first.asked - 14);
    let board = health(&ws).await.unwrap();
    let line = board.iter().find(|l| l.source == SOURCE).unwrap();
    assert_eq!((line.state, line.budget.as_ref().unwrap().left), (SourceState::OverBudget, 6));
    drop(ws);

    // Another process on the same day gets nothing for a batch, but somebody at a counter is served.
    let ws = desk.open(&office.url, limits, same).await;
    assert_eq!(desk.ask(&ws).await.sent, 0);
    let case = desk.city.households.last().unwrap().case.clone();
    let one = desk.request(Selection::Cases(vec![case.as_str().into()]), AcquireMode::LiveOnly);
    let served = part(acquire(&ws, one).await.unwrap());
    assert!(served.sent > 0 && served.sent == served.asked.min(4), "{served:?}");

    let mut sent = 14 + served.sent;
    for _ in 0..20 {
        desk.later(1.day());
        let next = desk.ask(&ws).await;
        assert!(next.sent <= 14, "{next:?}");
        sent += next.sent;
        if next.sent == 0 {
            assert_eq!(next.outcome(Outcome::Found), first.asked);
            break;
        }
    }
    assert_eq!(sent, first.asked, "everybody once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_while_the_office_is_closed() {
    let office = Office::obliging().await;
    let desk = Desk::new(3, date(2026, 6, 30));
    let ws = desk.open(&office.url, "maintenance = [\"08:00-10:00\"]", same).await;
    desk.accept(&ws).await;
    let closed = desk.ask(&ws).await;
    assert_eq!((closed.sent, office.calls(), closed.unknown()), (0, 0, 0), "{closed:?}");
    assert_eq!(closed.held["对方系统维护时段"], closed.asked);
    assert!(asks(&ws).await.iter().all(|a| a.state == AskState::Planned && a.attempts == 0));
    let board = health(&ws).await.unwrap();
    assert_eq!(board.iter().find(|l| l.source == SOURCE).unwrap().state, SourceState::Maintenance);
    desk.later(1.hour());
    assert_eq!(desk.ask(&ws).await.outcome(Outcome::Found), closed.asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_lifts_the_limits_of_a_manifest_while_the_folder_is_open() {
    let office = Office::obliging().await;
    let desk = Desk::new(3, date(2026, 6, 30));
    let ws = desk.open(&office.url, "daily = 5\nmaintenance = [\"08:00-10:00\"]", same).await;
    desk.accept(&ws).await;
    let closed = desk.ask(&ws).await;
    assert_eq!((closed.sent, closed.held["对方系统维护时段"]), (0, closed.asked), "the manifest holds: {closed:?}");
    desk.site_says(&office.url, "maintenance = []");
    let open = desk.ask(&ws).await;
    assert!(0 < open.sent && open.sent < 5, "open at nine, and the manifest's budget holds: {open:?}");
    desk.site_says(&office.url, "maintenance = []\ndaily = \"unlimited\"");
    assert_eq!(desk.ask(&ws).await.outcome(Outcome::Found), closed.asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_fails_is_left_alone_over_restarts_until_one_call_comes_through() {
    let up = Arc::new(AtomicBool::new(false));
    let works = Arc::clone(&up);
    let office = Office::start(move |ids| {
        let works = works.load(Ordering::SeqCst);
        async move { if works { (200, found(&ids)) } else { (503, String::new()) } }
    })
    .await;
    let desk = Desk::new(20, date(2026, 6, 30));
    let limits = "breaker = { open_after = 0.5, of = 4, cool = \"10m\" }";
    let ws = desk.open(&office.url, limits, same).await;
    desk.accept(&ws).await;
    let down = desk.ask(&ws).await;
    assert_eq!(office.calls(), 2, "two of four failed");
    assert_eq!(down.outcome(Outcome::Failed), 8, "{down:?}");
    assert_eq!(down.held["对方系统故障，暂停查询"], down.asked - 8);
    let board = health(&ws).await.unwrap();
    assert_eq!(board.iter().find(|l| l.source == SOURCE).unwrap().state, SourceState::Down);
    drop(ws);

    up.store(true, Ordering::SeqCst);
    desk.later(9.minutes());
    let ws = desk.open(&office.url, limits, same).await;
    assert_eq!(desk.ask(&ws).await.sent, 0, "it is still left alone");
    assert_eq!(office.calls(), 2);
    desk.later(1.minute());
    let back = desk.ask(&ws).await;
    assert_eq!(back.outcome(Outcome::Found), down.asked, "{back:?}");
    let board = health(&ws).await.unwrap();
    let line = board.iter().find(|l| l.source == SOURCE).unwrap();
    assert_eq!(line.breaker.as_ref().unwrap().open_until, None);
    assert!(ws.ledger().audit_verify(None).await.unwrap().problem.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_worker_keeps_its_asks_and_a_stalled_one_is_fenced() {
    let doors = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&doors);
    let office = Office::start(move |ids| {
        let doors = Arc::clone(&waiting);
        async move {
            doors.acquire().await.unwrap().forget();
            (200, found(&ids))
        }
    })
    .await;
    let desk = Desk::new(1, date(2026, 6, 30));
    let slow = desk.open(&office.url, "", same).await;
    let other = desk.open(&office.url, "", same).await;
    desk.accept(&slow).await;
    let working = tokio::spawn({
        let (ws, request) = (slow.clone(), desk.request(Selection::All, AcquireMode::Everything));
        async move { part(acquire(&ws, request).await.unwrap()) }
    });
    office.was_asked(1).await;
    let mut leases = Vec::new();
    // An hour goes by, and the reply does not come; the worker shows that it is alive.
    for _ in 0..10 {
        desk.later(6.minutes());
        let now = other.now();
        until(async || lease(&other).await >= (now + SignedDuration::from_mins(14)).as_microsecond()).await;
        leases.push(lease(&other).await);
    }
    assert!(leases.is_sorted());
    let meddling = desk.request(Selection::All, AcquireMode::LiveOnly);
    let idle = part(acquire(&other, meddling.clone()).await.unwrap());
    assert_eq!((idle.sent, office.calls()), (0, 1), "nobody asks twice");
    doors.add_permits(1);
    let done = working.await.unwrap();
    assert_eq!(done.outcome(Outcome::Found), done.asked);

    // A worker that claims and then stalls: the next one takes over, and the late answer counts for nothing.
    desk.later(40.days());
    let people: Vec<_> = asks(&slow).await.iter().map(|a| a.person).collect();
    let mut tx = slow.ledger().begin().await.unwrap();
    let source = SOURCE.into();
    let period = desk.today().to_string();
    let never = hedui_ledger::Reask::never();
    slow.ledger().plan(&mut tx, &source, &period, &people, &never, slow.now()).await.unwrap();
    let lease = SignedDuration::from_mins(15);
    let stalled = slow.ledger().claim(&mut tx, &source, None, 100, lease, slow.now()).await.unwrap();
    assert_eq!(stalled.len(), people.len());
    tx.commit().await.unwrap();
    desk.later(16.minutes());
    doors.add_permits(10);
    let taken = part(acquire(&other, desk.request(Selection::All, AcquireMode::LiveOnly)).await.unwrap());
    assert_eq!(taken.sent, taken.asked, "{taken:?}");
    let late: Vec<Settle> = stalled
        .iter()
        .map(|c| Settle { ask: c.ask, fence: c.fence, outcome: Outcome::NoRecord, cause: None, manifest: None })
        .collect();
    let mut tx = slow.ledger().begin().await.unwrap();
    let fenced = slow.ledger().settle(&mut tx, &late, slow.now()).await;
    assert!(matches!(fenced, Err(LedgerError::Fenced { .. })), "{fenced:?}");
}

/// Until when the asks under way are leased, in microseconds.
async fn lease(ws: &hedui_verify::Workspace) -> i64 {
    let mut connection = ws.ledger().connection().await.unwrap();
    let row: (i64,) = sqlx::query_as("SELECT COALESCE(MIN(lease_until), 0) FROM ask WHERE holder IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    row.0
}
