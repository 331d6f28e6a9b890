//! Limits of this place, laid over those of a manifest: people a day, when a source counts as down, when nothing is sent.
//!
//! What an institution grants is between it and the bureau that asks, so it may differ from place to place; and invented
//! institutions are asked at any hour of the night.

use hedui_base::Diagnostic;

use crate::maintenance::Window;
use crate::manifest::block::Block;
use crate::manifest::tree::Value;
use crate::manifest::{BreakerPlan, Limits, read_limits};

/// What a site says instead of a manifest's `[limits]`; none leaves what the manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsHere {
    /// Calls a second.
    pub rate: Option<u32>,
    /// People a day.
    pub daily: Option<Daily>,
    /// When the source counts as down.
    pub breaker: Option<BreakerPlan>,
    /// Hours in which nothing is sent; an empty list opens the source at any hour.
    pub maintenance: Option<Vec<Window>>,
}

/// People a day that may be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daily {
    /// As many as there are.
    Unlimited,
    /// So many at most.
    People(u64),
}

impl LimitsHere {
    /// Reads them from an institution's block, or from a source's on top of its institution's.
    pub(super) fn read(block: &Block<'_>, base: Option<&Self>) -> Self {
        Self {
            rate: block.number("rate").or_else(|| base?.rate),
            daily: daily(block).or_else(|| base?.daily),
            breaker: read_limits::breaker(block).or_else(|| base?.breaker),
            maintenance: read_limits::maintenance(block).or_else(|| base?.maintenance.clone()),
        }
    }

    /// Lays them over a manifest's.
    pub(crate) fn over(&self, mut limits: Limits) -> Limits {
        limits.rate = self.rate.or(limits.rate);
        match self.daily {
            Some(Daily::Unlimited) => limits.daily = None,
            Some(Daily::People(people)) => limits.daily = Some(people),
            None => {}
        }
        limits.breaker = self.breaker.unwrap_or(limits.breaker);
        if let Some(windows) = &self.maintenance {
            limits.maintenance.clone_from(windows);
        }
        limits
    }
}

/// `daily = 20000`, or `daily = "unlimited"`.
fn daily(block: &Block<'_>) -> Option<Daily> {
    let node = block.node("daily")?;
    let mistake = |text: &str| -> Diagnostic {
        let report = node.place.error("site::bad_daily", text.to_owned(), "here");
        report.help("a number of people above 0, or \"unlimited\"; leave the institution out to ask nobody")
    };
    if let Value::Text(text) = &node.value {
        if text == "unlimited" {
            return Some(Daily::Unlimited);
        }
        block.report(mistake("this is no number of people a day"));
        return None;
    }
    let people = block.number("daily")?;
    if people == 0 {
        block.report(mistake("a budget of nobody a day asks nobody, ever"));
        return None;
    }
    Some(Daily::People(people))
}
