//! `[limits]`: how fast an institution is asked, how much a day, when not at all, and when it counts as down.

use std::time::Duration;

use super::block::Block;
use super::read_transport::TransportKind::{self, Dci, DciLater, Drop, Files, Http, Soap};
use super::{BreakerPlan, Limits, Retry, RetryOn, Share};
use crate::maintenance::Window;

/// What holds where a manifest says nothing.
pub(super) fn default_limits() -> Limits {
    Limits {
        rate: None,
        concurrency: 4,
        timeout: Duration::from_secs(30),
        retry: Retry { on: Vec::new(), times: 0, base: Duration::from_millis(200), cap: Duration::from_secs(10) },
        poll: None,
        due_working_days: None,
        credential: None,
        daily: None,
        daily_reserve: Share::of_ten_thousand(1_000),
        reserve: Share::of_ten_thousand(2_000),
        breaker: BreakerPlan::default(),
        maintenance: Vec::new(),
    }
}

pub(super) fn read_limits(block: Block<'_>, kind: Option<TransportKind>) -> Limits {
    let mut limits = default_limits();
    if matches!(kind, Some(Http | Soap | Dci | DciLater) | None) {
        limits.rate = block.text_at("rate").and_then(|(text, place)| {
            let rate = text.strip_suffix("/s").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            if rate.is_none() {
                block.report(
                    place.error("connect::bad_rate", format!("`{text}` is not a rate"), "here").help("such as 20/s"),
                );
            }
            rate
        });
    }
    if kind != Some(Drop) {
        limits.concurrency = block.number("concurrency").unwrap_or(limits.concurrency).max(1);
        limits.timeout = block.duration("timeout").unwrap_or(limits.timeout);
        if let Some(retry) = block.block("retry") {
            read_retry(&retry, &mut limits.retry);
            retry.finish(&[]);
        }
        read_shared(&block, &mut limits);
    }
    if matches!(kind, Some(Files | DciLater) | None) {
        limits.poll = block.duration("poll");
        limits.due_working_days = block.text_at("due").and_then(|(text, place)| {
            let days = text.strip_suffix("wd").and_then(|n| n.parse().ok());
            if days.is_none() {
                let report = place.error("connect::bad_due", format!("`{text}` is not a due time"), "here");
                block.report(report.help("working days, such as 15wd"));
            }
            days
        });
    }
    let asked = "transports other than drop from a folder";
    block.finish(&[
        ("poll", "transport file_exchange, and dci with mode = \"async\""),
        ("due", "transport file_exchange, and dci with mode = \"async\""),
        ("rate", "transports http, soap and dci"),
        ("concurrency", asked),
        ("timeout", asked),
        ("retry", asked),
        ("daily", asked),
        ("credential", "limits with a rate or a daily budget"),
        ("daily_reserve", "limits with a daily budget"),
        ("reserve", asked),
        ("breaker", asked),
        ("maintenance", asked),
    ]);
    limits
}

fn read_retry(retry: &Block<'_>, into: &mut Retry) {
    let words = [
        ("timeout", RetryOn::Timeout),
        ("connect", RetryOn::Connect),
        ("429", RetryOn::TooMany),
        ("5xx", RetryOn::ServerError),
        ("throttled", RetryOn::Throttled),
    ];
    into.on = retry
        .texts("on")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(text, place)| retry.pick("cause of retry", text, place, &words))
        .collect();
    into.times = retry.number("times").unwrap_or(2);
    into.base = retry.duration("base").unwrap_or(into.base);
    into.cap = retry.duration("cap").unwrap_or(into.cap);
    let _ = retry.word("jitter", &[("full", ())]);
}

/// What is shared by all that an institution is asked: budget, reserve, breaker, maintenance.
fn read_shared(block: &Block<'_>, limits: &mut Limits) {
    limits.daily = block.number::<u64>("daily");
    if limits.daily == Some(0)
        && let Some(node) = block.node("daily")
    {
        block.report(
            node.place
                .error("connect::bad_daily", "a budget of nobody a day asks nobody, ever", "here")
                .help("leave `daily` out for no limit, or leave the source out of site.toml"),
        );
    }
    if limits.daily.is_some() {
        limits.daily_reserve = share(block, "daily_reserve").unwrap_or(limits.daily_reserve);
    }
    if limits.daily.is_some() || limits.rate.is_some() {
        limits.credential = block.text("credential").map(str::to_owned);
    }
    limits.reserve = share(block, "reserve").unwrap_or(limits.reserve);
    if limits.daily.is_some()
        && u32::from(limits.reserve.ten_thousandths()) + u32::from(limits.daily_reserve.ten_thousandths()) >= 10_000
        && let Some(node) = block.node("reserve").or_else(|| block.node("daily_reserve"))
    {
        block.report(
            node.place
                .error("connect::bad_share", "the reserves together leave nothing for a batch", "here")
                .help("reserve and daily_reserve together must stay under 1"),
        );
    }
    limits.breaker = breaker(block).unwrap_or(limits.breaker);
    limits.maintenance = maintenance(block).unwrap_or_default();
}

/// `breaker`, in a manifest's limits or in a site's.
pub(crate) fn breaker(block: &Block<'_>) -> Option<BreakerPlan> {
    let inner = block.block("breaker")?;
    let plain = BreakerPlan::default();
    let open_after = share(&inner, "open_after").unwrap_or(plain.open_after);
    let of = inner.number("of").unwrap_or(plain.of);
    if open_after.ten_thousandths() == 0 || of == 0 || of > 1_000 {
        let text = "a breaker opens after a share above 0 of 1 to 1000 calls";
        block.report(
            inner
                .place()
                .error("connect::bad_breaker", text, "here")
                .help("such as { open_after = 0.5, of = 20, cool = \"60s\" }"),
        );
    }
    let cool = inner.duration("cool").unwrap_or(plain.cool);
    inner.finish(&[]);
    Some(BreakerPlan { open_after, of: of.clamp(1, 1_000), cool })
}

/// `maintenance`, in a manifest's limits or in a site's; windows that are none are reported.
pub(crate) fn maintenance(block: &Block<'_>) -> Option<Vec<Window>> {
    let mut windows = Vec::new();
    for (text, place) in block.texts("maintenance")? {
        match text.parse() {
            Ok(window) => windows.push(window),
            Err(error) => {
                let text = format!("`{text}` is {error}");
                block.report(
                    place
                        .error("connect::bad_window", text, "here")
                        .help("China's time: \"22:00-06:00\" every night, \"Sun 02:00-04:00\" on one day (Mon to Sun)"),
                );
            }
        }
    }
    Some(windows)
}

/// A share from 0 up to, but not including, 1; 1 itself for `open_after`.
fn share(block: &Block<'_>, key: &'static str) -> Option<Share> {
    let number: rust_decimal::Decimal = block.number(key)?;
    let whole = (number * rust_decimal::Decimal::from(10_000)).normalize();
    let top = if key == "open_after" { 10_000 } else { 9_999 };
    let share = u16::try_from(whole.mantissa()).ok().filter(|n| whole.scale() == 0 && *n <= top);
    if share.is_none()
        && let Some(node) = block.node(key)
    {
        block.report(
            node.place
                .error("connect::bad_share", format!("`{key}` is not a share"), "here")
                .help("a part of 1 with at most four decimals, such as 0.2"),
        );
    }
    share.map(Share::of_ten_thousand)
}
