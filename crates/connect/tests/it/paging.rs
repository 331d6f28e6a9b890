//! Answers in many pages and many windows: all of them, or it is not whole.

use std::sync::atomic::Ordering;

use hedui_base::Outcome;
use hedui_connect::{AskPeriod, Cause, RawReply, Source};
use serde_json::{Value, json};

use crate::support::{Told, ZHANG, context, failed, manifest, outcomes, replied, serve_bytes, subject};

fn paged(page: &str, body: &str) -> std::sync::Arc<Source> {
    manifest(&format!(
        r#"extends = "_http"
[source]
id = "test.one"
[ask]
batch = 1
[transport]
page = {{ {page} }}
body = '{{"id":{{{{ subjects[0].id_number | tojson }}}},{body}}}'
[outcome]
none = '$.total == "0"'
[[sample]]
title = "none"
subjects = [{{ id_number = "990000197001010018" }}]
reply = '{{"code":"0","total":0,"list":[]}}'
expect = [{{ outcome = "no_record" }}]
"#
    ))
}

/// Seven cars, numbered.
fn cars(numbers: std::ops::Range<usize>) -> Vec<Value> {
    let car = |n| {
        let plate = format!("苏L1000{n}");
        json!({ "sfzh": ZHANG.0, "zt": "1", "hphm": plate, "hpzl": "02", "djrq": "20190506", "gcjg": "1.00", "clzt": "A" })
    };
    numbers.map(car).collect()
}

fn number(asked: &[u8], name: &str) -> usize {
    let asked: Value = serde_json::from_slice(asked).unwrap();
    usize::try_from(asked[name].as_u64().unwrap()).unwrap()
}

fn rows(source: &Source, raw: &RawReply) -> (Outcome, usize) {
    let parsed = hedui_connect::parse(source, &[subject(source, 1, ZHANG).key()], raw);
    (parsed.answers[0].outcome, parsed.answers[0].records.len())
}

#[tokio::test]
async fn all_pages_are_read_by_number_offset_or_cursor() {
    let by_number = paged(r#"size = 3, total = "$.total""#, r#""p":{{ page_no }},"s":{{ page_size }}"#);
    let by_offset =
        paged(r#"style = "offset", size = 3, total = "$.total""#, r#""p":{{ page_offset }},"s":{{ page_size }}"#);
    for (source, by_offset) in [(by_number, false), (by_offset, true)] {
        let (endpoint, count) = serve_bytes(move |_, asked| {
            let asked_for = number(&asked.body, "p");
            let from = if by_offset { asked_for } else { (asked_for - 1) * 3 };
            assert_eq!(number(&asked.body, "s"), 3);
            Told::ok(json!({ "code": "0", "total": 7, "list": cars(from..(from + 3).min(7)) }).to_string())
        })
        .await;
        let subjects = [subject(&source, 1, ZHANG)];
        let raw = replied(source.ask(&context(&endpoint, "", &[]), &subjects, None).await);
        assert_eq!((count.load(Ordering::SeqCst), rows(&source, &raw)), (3, (Outcome::Found, 7)));
    }

    let by_cursor = paged(
        r#"style = "cursor", size = 3, cursor = "$.next", total = "$.total""#,
        r#""c":{{ page_cursor | tojson }}"#,
    );
    let (endpoint, count) = serve_bytes(|_, asked| {
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        let (from, next) = match asked["c"].as_str().unwrap() {
            "" => (0, json!("b\"")),
            "b\"" => (3, json!("c")),
            _ => (6, Value::Null),
        };
        Told::ok(json!({ "code": "0", "total": "7", "next": next, "list": cars(from..(from + 3).min(7)) }).to_string())
    })
    .await;
    let subjects = [subject(&by_cursor, 1, ZHANG)];
    let raw = replied(by_cursor.ask(&context(&endpoint, "", &[]), &subjects, None).await);
    assert_eq!((count.load(Ordering::SeqCst), rows(&by_cursor, &raw)), (3, (Outcome::Found, 7)));
}

#[tokio::test]
async fn a_page_that_is_lost_or_comes_again_is_noticed() {
    let source = paged(r#"size = 3, total = "$.total""#, r#""p":{{ page_no }}"#);
    let subjects = [subject(&source, 1, ZHANG)];
    let ask = async |page: fn(usize) -> Value| {
        let (endpoint, count) = serve_bytes(move |_, asked| Told::ok(page(number(&asked.body, "p")).to_string())).await;
        (source.ask(&context(&endpoint, "", &[]), &subjects, None).await, count.load(Ordering::SeqCst))
    };
    // The same page for ever.
    let (same, calls) = ask(|_| json!({ "code": "0", "total": 9, "list": cars(0..3) })).await;
    assert_eq!((failed(same).cause, calls), (Cause::Protocol, 2));
    // An empty page before the total, one row too few, no total at all: nothing is counted.
    for page in [
        (|n| json!({ "code": "0", "total": 9, "list": cars(if n == 1 { 0..3 } else { 0..0 }) })) as fn(usize) -> Value,
        |n| json!({ "code": "0", "total": 5 + n, "list": cars((n - 1) * 3..(n * 3).min(6)) }),
        |_| json!({ "code": "0", "list": cars(0..3) }),
        |_| json!({ "code": "0", "total": "many", "list": [] }),
    ] {
        let raw = replied(ask(page).await.0);
        let parsed = hedui_connect::parse(&source, &[subjects[0].key()], &raw);
        assert_eq!(parsed.answers[0].detail.as_deref(), Some("trailer_mismatch"));
        assert_eq!((parsed.answers[0].outcome, parsed.answers[0].records.len()), (Outcome::Failed, 0));
    }

    let source = paged(r#"style = "cursor", size = 3, cursor = "$.next""#, r#""c":{{ page_cursor | tojson }}"#);
    let (endpoint, count) =
        serve_bytes(|n, _| Told::ok(json!({ "code": "0", "next": "a", "list": cars(n..n + 1) }).to_string())).await;
    let failure = failed(source.ask(&context(&endpoint, "", &[]), &subjects, None).await);
    assert_eq!((failure.cause, count.load(Ordering::SeqCst)), (Cause::Protocol, 2), "the cursor goes in circles");
}

/// Purchases of a year, three months a call.
fn windowed() -> std::sync::Arc<Source> {
    manifest(
        r#"extends = "_http"
[source]
id = "test.one"
[ask]
batch = 1
period = { months = 12, end = "last_closed_month", window = 3 }
[transport]
body = '{"id":{{ subjects[0].id_number | tojson }},"from":{{ period.from | tojson }},"until":{{ period.until | tojson }}}'
[outcome]
none = '$.total == "0"'
[[sample]]
title = "a year in four windows, one of them missing"
subjects = [{ id_number = "990000197001010018" }]
period = "2025-06..2026-05"
reply = ['{"code":"0","total":0,"list":[]}', '{"code":"0","total":0,"list":[]}', '{"code":"0","total":0,"list":[]}']
expect = [{ outcome = "failed" }]
[[sample]]
title = "none in any window"
subjects = [{ id_number = "990000197001010018" }]
period = "2025-06..2026-05"
reply = ['{"code":"0","total":0,"list":[]}', '{"code":"0","total":0,"list":[]}', '{"code":"0","total":0,"list":[]}', '{"code":"0","total":0,"list":[]}']
expect = [{ outcome = "no_record" }]
"#,
    )
}

#[tokio::test]
async fn a_period_is_asked_in_windows_and_a_missing_one_clears_nobody() {
    let source = windowed();
    let subjects = [subject(&source, 1, ZHANG)];
    let period = source.period("2026-06-30".parse().unwrap());
    let ask = async |reply: fn(usize) -> (u16, Value)| {
        let (endpoint, _) = serve_bytes(move |n, asked| {
            let asked: Value = serde_json::from_slice(&asked.body).unwrap();
            let expected =
                [("2025-06", "2025-08"), ("2025-09", "2025-11"), ("2025-12", "2026-02"), ("2026-03", "2026-05")];
            let (from, until) = expected[n - 1];
            assert_eq!((asked["from"].as_str(), asked["until"].as_str()), (Some(from), Some(until)));
            let (status, body) = reply(n);
            Told { status, ..Told::ok(body.to_string()) }
        })
        .await;
        source.ask(&context(&endpoint, "", &[]), &subjects, period).await
    };
    let raw = replied(ask(|_| (200, json!({ "code": "0", "total": 0, "list": [] }))).await);
    assert_eq!(raw.parts.iter().map(|p| p.name.as_str()).next_back(), Some("2026-03..2026-05 page-1"));
    assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::NoRecord]);

    let raw = replied(
        ask(|n| {
            (200, if n == 2 { json!({ "code": "0", "list": cars(0..1) }) } else { json!({ "code": "0", "total": 0 }) })
        })
        .await,
    );
    assert_eq!(rows(&source, &raw), (Outcome::Found, 1), "none in a window and something in another is something");

    // The third window is not answered: what is there is partial, and nothing is never proved.
    let raw = replied(
        ask(|n| match n {
            2 => (200, json!({ "code": "0", "list": cars(0..1) })),
            3 => (404, Value::Null),
            _ => (200, json!({ "code": "0", "total": 0 })),
        })
        .await,
    );
    assert_eq!((raw.parts.len(), rows(&source, &raw)), (2, (Outcome::Partial, 1)));
    let raw =
        replied(ask(|n| if n == 4 { (404, Value::Null) } else { (200, json!({ "code": "0", "total": 0 })) }).await);
    let parsed = hedui_connect::parse(&source, &[subjects[0].key()], &raw);
    assert_eq!(parsed.answers[0].detail.as_deref(), Some("period_incomplete"));
    assert_eq!(parsed.answers[0].outcome, Outcome::Failed);
    // A window without a word is as good as missing.
    let raw = replied(
        ask(|n| {
            let silent = json!({ "code": "0", "list": [] });
            (200, if n == 2 { json!({ "code": "0", "list": cars(0..1) }) } else { silent })
        })
        .await,
    );
    assert_eq!(rows(&source, &raw), (Outcome::Partial, 1));
    // A window that says both is believed in neither.
    let raw = replied(
        ask(|n| {
            (
                200,
                if n == 1 {
                    json!({ "code": "0", "total": 0, "list": cars(0..1) })
                } else {
                    json!({ "code": "0", "total": 0 })
                },
            )
        })
        .await,
    );
    assert_eq!(rows(&source, &raw).0, Outcome::Failed);
    assert_eq!(failed(ask(|_| (404, Value::Null)).await).cause, Cause::Status(404), "nothing at all");
}

#[tokio::test]
async fn each_window_has_its_own_pages_and_its_own_total() {
    let source = manifest(
        r#"extends = "_http"
[source]
id = "test.one"
[ask]
batch = 1
period = { months = 6, end = "last_closed_month", window = 3 }
[transport]
page = { size = 2, total = "$.total" }
body = '{"id":{{ subjects[0].id_number | tojson }},"from":{{ period.from | tojson }},"p":{{ page_no }}}'
[outcome]
none = '$.total == "0"'
[[sample]]
title = "none"
subjects = [{ id_number = "990000197001010018" }]
period = "2025-12..2026-05"
reply = ['{"code":"0","total":0,"list":[]}', '{"code":"0","total":0,"list":[]}']
expect = [{ outcome = "no_record" }]
"#,
    );
    let subjects = [subject(&source, 1, ZHANG)];
    let period = source.period("2026-06-30".parse().unwrap());
    let ask = async |lost: bool| {
        let (endpoint, count) = serve_bytes(move |_, asked| {
            let body: Value = serde_json::from_slice(&asked.body).unwrap();
            let rows = match (body["from"].as_str().unwrap(), number(&asked.body, "p")) {
                ("2025-12", 1) => cars(0..2),
                ("2025-12", _) if lost => Vec::new(),
                ("2025-12", _) => cars(2..3),
                _ => cars(3..5),
            };
            let total = if body["from"] == "2025-12" { 3 } else { 2 };
            Told::ok(json!({ "code": "0", "total": total, "list": rows }).to_string())
        })
        .await;
        let raw = replied(source.ask(&context(&endpoint, "", &[]), &subjects, period).await);
        (count.load(Ordering::SeqCst), rows(&source, &raw))
    };
    assert_eq!(ask(false).await, (3, (Outcome::Found, 5)));
    assert_eq!(ask(true).await, (3, (Outcome::Failed, 0)), "a page lost in one window spoils the whole");
}

#[test]
fn windows_cover_a_period_once() {
    let month = |text: &str| text.parse().unwrap();
    for (months, size) in [(1, 1), (12, 3), (12, 5), (7, 12), (24, 1)] {
        let from: hedui_base::Month = month("2024-11");
        let period = AskPeriod { from, until: from.plus(months - 1) };
        let windows: Vec<_> = period.windows(size).collect();
        let all: Vec<_> = windows.iter().flat_map(|w| w.months()).collect();
        assert_eq!(all, period.months().collect::<Vec<_>>());
        assert!(windows.iter().all(|w| w.months().count() <= usize::try_from(size).unwrap()));
    }
    let backwards = AskPeriod { from: month("2026-05"), until: month("2026-04") };
    assert_eq!(backwards.windows(3).count(), 0);
}
