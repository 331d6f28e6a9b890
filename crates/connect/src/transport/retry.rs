//! When to try again, and how long to wait before.

use std::time::Duration;

use jiff::Timestamp;

use crate::manifest::Retry;

/// Pauses before each further try: anywhere between nothing and the doubled pause, so that callers spread out.
pub(super) fn full_jitter(retry: &Retry) -> Vec<Duration> {
    let ceiling = |n: usize| retry.base.saturating_mul(1 << n.min(20)).min(retry.cap);
    (0..retry.times).map(|n| ceiling(n).mul_f64(rand::random::<f64>())).collect()
}

/// The pause before the next try: as long as the source asked for, if it asked. None if that is longer than one call may
/// wait; asking sooner than told would only be refused again.
pub(super) fn pause(own: Option<Duration>, asked: Option<Duration>, cap: Duration) -> Option<Duration> {
    match asked {
        Some(asked) if asked > cap => None,
        Some(asked) => own.map(|own| own.max(asked)),
        None => own,
    }
}

/// `Retry-After`: seconds, or an HTTP date.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_source_is_not_asked_sooner_than_it_says() {
        let now: Timestamp = "2026-06-30T02:00:00Z".parse().unwrap();
        assert_eq!(retry_after("3", now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Tue, 30 Jun 2026 02:00:05 GMT", now), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("Tue, 30 Jun 2026 01:00:00 GMT", now), Some(Duration::ZERO), "that is over");
        assert_eq!(retry_after("soon", now), None);

        let (own, cap) = (Some(Duration::from_secs(2)), Duration::from_secs(10));
        assert_eq!(pause(own, None, cap), own);
        assert_eq!(pause(own, Some(Duration::from_secs(1)), cap), own);
        assert_eq!(pause(own, Some(Duration::from_secs(7)), cap), Some(Duration::from_secs(7)));
        assert_eq!(pause(own, Some(Duration::from_secs(60)), cap), None, "another time, then");
        assert_eq!(pause(None, Some(Duration::from_secs(1)), cap), None, "no try is left");
    }
}
