//! The health board: how every source is doing, from what the ledger recorded and what the manifests and the site say.

use std::collections::{BTreeMap, HashMap};

use hedui_base::SourceId;
use hedui_connect::maintenance::{closed_until, day_in_china};
use hedui_connect::{Lane, Source};
use hedui_ledger::{AskState, BreakerState, Latency, ManifestSeen, Observation, OldestPending, SavedBreaker};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::acquire::{cause_zh, ceiling};
use crate::{VerifyError, Workspace};

/// Over how many days latencies and failures are looked at.
const DAYS: i64 = 7;
/// How long before it ends a credential or certificate is warned about.
const WARN_DAYS: i64 = 14;

/// How a source is doing, the gravest first that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It is left alone because too many calls failed.
    Down,
    /// Nothing is sent at this hour.
    Maintenance,
    /// Today's budget is used up.
    OverBudget,
    /// It answers, but something needs attention; `attention` says what.
    Degraded,
    /// It answers.
    Ok,
    /// Nobody has asked it yet.
    #[default]
    NeverAsked,
}

impl SourceState {
    /// What an administrator reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Down => "故障",
            Self::Maintenance => "维护中",
            Self::OverBudget => "额度用完",
            Self::Degraded => "需关注",
            Self::Ok => "正常",
            Self::NeverAsked => "未启用",
        }
    }
}

/// The day's budget of a source's credential, in people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetLine {
    /// Whose account: several sources may share it.
    pub credential: String,
    /// People a day.
    pub daily: u64,
    /// Asked about today.
    pub used: u64,
    /// Left today.
    pub left: u64,
}

/// Whether a source is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakerLine {
    /// Until when; none if it is asked as usual.
    pub open_until: Option<Timestamp>,
    /// How often it was left alone so far.
    pub trips: u64,
    /// When that changed last.
    pub changed_at: Timestamp,
}

/// The file exchange that has waited longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingLine {
    /// When it was handed in.
    pub since: Timestamp,
    /// The day from which it is overdue.
    pub due: Option<Date>,
}

/// How one source is doing, from what the ledger recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceHealth {
    /// Source id.
    pub source: String,
    /// Chinese title.
    pub title: String,
    /// Institution, as its folder is named.
    pub institution: String,
    /// Dataset it serves.
    pub dataset: String,
    /// How it is doing.
    pub state: SourceState,
    /// What needs attention, in words without personal data.
    pub attention: Vec<String>,
    /// Settled asks by outcome word, with those that wait for a file as `pending`; zero counts are left out.
    pub outcomes: BTreeMap<String, usize>,
    /// Per cent of the asks in `outcomes` that were found; none before there is any.
    pub found_percent: Option<f64>,
    /// Per cent without a record.
    pub no_record_percent: Option<f64>,
    /// Per cent unknown.
    pub unknown_percent: Option<f64>,
    /// Asks that wait to be sent, or were sent and are not settled.
    pub waiting: usize,
    /// Of the asks to be sent, those that are held back, by reason.
    pub held: BTreeMap<String, usize>,
    /// Set aside, by reason code.
    pub quarantined: BTreeMap<String, usize>,
    /// Why asks are without an answer, without personal data.
    pub causes: BTreeMap<String, usize>,
    /// Calls made.
    pub calls: usize,
    /// Calls that failed.
    pub failed_calls: usize,
    /// Mean duration of a call, in milliseconds.
    pub mean_millis: u64,
    /// Half of the calls of the last seven days took no longer, in milliseconds; none if there was none.
    pub p50_millis: Option<u64>,
    /// Nineteen of twenty of them took no longer.
    pub p95_millis: Option<u64>,
    /// Last call.
    pub last_call: Option<Timestamp>,
    /// Why the last failed call failed.
    pub last_failure: Option<String>,
    /// The file exchange that has waited longest.
    pub oldest_pending: Option<PendingLine>,
    /// The day's budget, where there is one.
    pub budget: Option<BudgetLine>,
    /// Whether it is left alone; none before its breaker ever moved.
    pub breaker: Option<BreakerLine>,
    /// When the present maintenance ends.
    pub maintenance_until: Option<Timestamp>,
    /// Last day of the credential, as the site says.
    pub credential_until: Option<Date>,
    /// Until when the server's certificate holds.
    pub certificate_until: Option<Timestamp>,
    /// How far the institution's clock is ahead of ours, in milliseconds.
    pub clock_skew_millis: Option<i64>,
    /// Hash of the manifest in use.
    pub manifest: String,
    /// When an answer was first settled by this manifest: its last change.
    pub manifest_since: Option<Timestamp>,
    /// A year in which its due dates fall without holidays being known: weekdays count there.
    pub calendar_missing: Option<i16>,
}

/// What the ledger knows, read once for all sources.
struct Known {
    now: Timestamp,
    today: Date,
    calls: HashMap<SourceId, hedui_ledger::SourceHealth>,
    latencies: HashMap<SourceId, Latency>,
    pending: HashMap<SourceId, OldestPending>,
    breakers: HashMap<SourceId, SavedBreaker>,
    budgets: HashMap<String, u64>,
    observed: HashMap<String, Observation>,
    manifests: Vec<ManifestSeen>,
}

/// The health board: every source of the registry, by id.
///
/// # Errors
/// The ledger cannot be read.
pub async fn health(ws: &Workspace) -> Result<Vec<SourceHealth>, VerifyError> {
    let ledger = ws.ledger();
    let now = ws.now();
    let since = now.saturating_sub(SignedDuration::from_hours(DAYS * 24)).unwrap_or(Timestamp::MIN);
    let known = Known {
        now,
        today: day_in_china(now),
        calls: ledger.source_health().await?.into_iter().collect(),
        latencies: ledger.latencies(since).await?,
        pending: ledger.oldest_pending().await?,
        breakers: ledger.breakers().await?,
        budgets: ledger.budgets_used(day_in_china(now)).await?,
        observed: ledger.observations().await?,
        manifests: ledger.manifests().await?,
    };
    let mut board: BTreeMap<String, SourceHealth> = ws
        .registry()
        .iter()
        .map(|source| {
            let line = SourceHealth {
                source: source.id.as_str().to_owned(),
                title: source.title.zh.clone(),
                institution: source.institution.clone(),
                dataset: source.dataset.name.clone(),
                manifest: source.manifest_hash.clone(),
                ..SourceHealth::default()
            };
            (line.source.clone(), line)
        })
        .collect();
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    for count in ledger.ask_counts().await? {
        let Some(line) = board.get_mut(count.source.as_str()) else { continue };
        match (count.state, count.outcome) {
            (AskState::Settled, Some(outcome)) => {
                *line.outcomes.entry(outcome.as_str().to_owned()).or_default() += size(count.count);
            }
            (AskState::Pending, _) => *line.outcomes.entry("pending".to_owned()).or_default() += size(count.count),
            _ => line.waiting += size(count.count),
        }
    }
    for (source, cause, count) in ledger.cause_counts().await? {
        if let Some(line) = board.get_mut(source.as_str()) {
            *line.causes.entry(cause_zh(&cause)).or_default() += size(count);
        }
    }
    for (source, why, count) in ledger.held_counts().await? {
        if let Some(line) = board.get_mut(source.as_str()) {
            *line.held.entry(cause_zh(&why)).or_default() += size(count);
        }
    }
    let context = ws.context();
    let mut lines = Vec::with_capacity(board.len());
    for source in ws.registry().iter() {
        let Some(mut line) = board.remove(source.id.as_str()) else { continue };
        line.credential_until = context.credential_until(source);
        line.recorded(source, &known);
        line.calendar_missing = calendar_missing(&context, source, known.today);
        line.judge(source, &known);
        lines.push(line);
    }
    Ok(lines)
}

/// The first year without known holidays that a due date of today's questions falls into.
fn calendar_missing(context: &hedui_connect::Context, source: &Source, today: Date) -> Option<i16> {
    let due = source.due_on(context.calendar(), today)?;
    (today.year()..=due.year()).find(|year| !context.calendar().knows(*year))
}

impl SourceHealth {
    /// What the ledger recorded of this source.
    fn recorded(&mut self, source: &Source, known: &Known) {
        let all: usize = self.outcomes.values().sum();
        if all > 0 {
            // Counts are far below what a float holds exactly; one decimal is shown.
            #[allow(clippy::cast_precision_loss, reason = "counts of asks, shown as per cent")]
            let percent = |part: usize| Some((part as f64 * 1_000.0 / all as f64).round() / 10.0);
            let of = |word: &str| self.outcomes.get(word).copied().unwrap_or(0);
            let (found, none) = (of("found"), of("no_record"));
            self.found_percent = percent(found);
            self.no_record_percent = percent(none);
            self.unknown_percent = percent(all - found - none - of("not_applicable"));
        }
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let size = |n: i64| usize::try_from(n).unwrap_or(0);
        if let Some(calls) = known.calls.get(&source.id) {
            self.quarantined = calls.quarantined.iter().map(|(r, n)| (r.clone(), size(*n))).collect();
            self.calls = size(calls.attempts);
            self.failed_calls = size(calls.failures);
            self.mean_millis = number(calls.mean_ms);
            self.last_call = calls.last_at;
            self.last_failure = calls.last_failure.as_deref().map(cause_zh);
        }
        if let Some(latency) = known.latencies.get(&source.id) {
            self.p50_millis = Some(number(latency.p50_ms));
            self.p95_millis = Some(number(latency.p95_ms));
        }
        self.oldest_pending = known.pending.get(&source.id).map(|p| PendingLine { since: p.submitted_at, due: p.due });
        self.breaker = known.breakers.get(&source.id).map(|b| BreakerLine {
            open_until: if let BreakerState::Open(until) = b.state { Some(until) } else { None },
            trips: number(b.trips),
            changed_at: b.changed_at,
        });
        if let Some(daily) = source.manifest.limits.daily {
            let credential = source.credential();
            let used = known.budgets.get(&credential).copied().unwrap_or(0);
            self.budget = Some(BudgetLine { credential, daily, used, left: daily.saturating_sub(used) });
        }
        if let Some(seen) = known.observed.get(&source.institution) {
            self.certificate_until = seen.certificate_until;
            self.clock_skew_millis = seen.skew_ms;
        }
        self.maintenance_until = closed_until(&source.manifest.limits.maintenance, known.now);
        self.manifest_since = known
            .manifests
            .iter()
            .find(|m| m.source == source.id && m.hash == source.manifest_hash)
            .map(|m| m.first_at);
    }

    /// The state, and what needs attention.
    fn judge(&mut self, source: &Source, known: &Known) {
        let mut say = Vec::new();
        let latency = known.latencies.get(&source.id).copied().unwrap_or_default();
        if latency.failures * 10 > latency.calls {
            say.push(format!("近{DAYS}日调用失败 {}/{}", latency.failures, latency.calls));
        }
        if let Some(overdue) = self.outcomes.get("overdue") {
            say.push(format!("逾期未复 {overdue} 人次"));
        }
        if let Some(pending) = &self.oldest_pending
            && pending.due.is_some_and(|due| known.today >= due)
        {
            say.push("最早的文件已过回复期限".to_owned());
        }
        if let Some(last) = self.credential_until {
            let left = last.since(known.today).map_or(i64::from(i32::MAX), |span| i64::from(span.get_days()));
            if left < 0 {
                say.push(format!("接口凭证已于 {last} 到期"));
            } else if left <= WARN_DAYS {
                say.push(format!("接口凭证 {last} 到期"));
            }
        }
        if let Some(until) = self.certificate_until {
            let left = until.duration_since(known.now);
            if left <= SignedDuration::ZERO {
                say.push("对方证书已过期".to_owned());
            } else if left <= SignedDuration::from_hours(WARN_DAYS * 24) {
                say.push(format!("对方证书 {} 到期", day_in_china(until)));
            }
        }
        if let Some(skew) = self.clock_skew_millis.filter(|skew| skew.abs() > 60_000) {
            say.push(format!("对方时钟相差 {} 秒", skew / 1_000));
        }
        let aside: usize = self.quarantined.values().sum();
        if aside > 0 {
            say.push(format!("隔离 {aside} 处"));
        }
        let asked = self.calls > 0 || !self.outcomes.is_empty() || self.waiting > 0;
        let open = self.breaker.as_ref().is_some_and(|b| b.open_until.is_some());
        let batch = ceiling(&source.manifest.limits, Lane::Batch, false);
        let spent = self.budget.as_ref().zip(batch).is_some_and(|(b, ceiling)| b.used >= ceiling);
        self.state = if open {
            SourceState::Down
        } else if self.maintenance_until.is_some() {
            SourceState::Maintenance
        } else if spent {
            SourceState::OverBudget
        } else if !say.is_empty() {
            SourceState::Degraded
        } else if asked {
            SourceState::Ok
        } else {
            SourceState::NeverAsked
        };
        self.attention = say;
    }
}
