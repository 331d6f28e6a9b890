//! Due dates by the institutions' working days, months in milliseconds.

use std::time::Duration;

use hedui_base::{Outcome, SourceId};
use hedui_sim::{CityOptions, ServeOptions, generate, serve_with};
use hedui_verify::{AcquireRequest, Clock, Intake, Workspace, WorkspaceOptions, accept, acquire, health};
use jiff::civil::{Date, date};

/// Fifteen working days over the Mid-Autumn festival and the October holiday of 2026, with a working Saturday between.
#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_never_replies_is_overdue_after_fifteen_working_days() {
    let sent = date(2026, 9, 24);
    let dir = tempfile::tempdir().unwrap();
    let city = generate(&CityOptions { households: 3, seed: 5, as_of: sent });
    city.write(&dir.path().join("city")).unwrap();
    let options = ServeOptions { reply_delay: Duration::from_secs(3_600), ..ServeOptions::default() };
    let _servers = serve_with(&city, &dir.path().join("city"), &options).await.unwrap();
    let on = async |day: Date| {
        let now = jiff::tz::offset(8).to_timestamp(day.at(9, 0, 0, 0)).unwrap();
        let options = WorkspaceOptions {
            site: Some(dir.path().join("city/site.toml")),
            clock: Clock::new(move || now),
            ..WorkspaceOptions::default()
        };
        let ws = Workspace::open(&dir.path().join("data"), options).await.unwrap();
        accept(&ws, &Intake::from_json(&city.cases()).unwrap(), "test").await.unwrap();
        let request = AcquireRequest {
            sources: Some(vec![SourceId::from("bank.jinshan")]),
            deadline: Duration::ZERO,
            ..AcquireRequest::all(sent)
        };
        let summary = acquire(&ws, request).await.unwrap();
        let line = health(&ws).await.unwrap().into_iter().find(|l| l.source == "bank.jinshan").unwrap();
        (summary.sources[0].clone(), line)
    };
    // 28, 29, 30 September; 8, 9, 10 (a working Saturday), 12 to 16, 19 to 22 October.
    for day in [sent, date(2026, 10, 9), date(2026, 10, 22)] {
        let (bank, line) = on(day).await;
        assert!(bank.outcome(Outcome::Pending) > 0 && bank.outcome(Outcome::Overdue) == 0, "{day}: {bank:?}");
        assert_eq!(line.oldest_pending.unwrap().due, Some(date(2026, 10, 23)));
        assert_eq!(line.calendar_missing, None);
    }
    let (bank, line) = on(date(2026, 10, 23)).await;
    assert!(bank.outcome(Outcome::Overdue) > 0 && bank.outcome(Outcome::Pending) == 0, "{bank:?}");
    assert!(line.attention.iter().any(|a| a.contains("逾期")), "{line:?}");
    let (_, line) = on(date(2026, 12, 24)).await;
    assert_eq!(line.calendar_missing, Some(2027), "the days off of 2027 are not known");
}
