//! Mass exits: areas and schemes that more households would leave than a limit allows.

use std::collections::BTreeMap;

use hedui_base::{AreaCode, Tri};
use hedui_rules::Program;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::movement::{exits, exits_beside};
use super::outcome::{Outcome, Standing};

/// A limit that exits pass. A cut of 113,000 where 14,000 were meant should stop somebody before it is switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Area; none means all cases.
    pub area: Option<String>,
    /// Scheme left; none means any.
    pub scheme: Option<String>,
    /// Chinese title of the scheme.
    pub title: String,
    /// Households in it before, or paid by it beside a category that pays nothing.
    pub before: usize,
    /// Those of them certainly out, or in a scheme that ranks after it.
    pub exits: usize,
    /// Those of which it cannot be told any more.
    pub may_exit: usize,
    /// `exits / before`, to four places.
    pub share: Decimal,
    /// Share allowed, if that is what was passed.
    pub limit_share: Option<Decimal>,
    /// Number allowed, if that is what was passed.
    pub limit_cases: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Exits {
    before: usize,
    exits: usize,
    may_exit: usize,
}

impl Exits {
    fn share(self) -> Decimal {
        if self.before == 0 {
            return Decimal::ZERO;
        }
        (Decimal::from(self.exits) / Decimal::from(self.before)).round_dp(4)
    }
}

/// Counts exits by area and scheme.
#[derive(Debug, Default)]
pub(super) struct ExitTally {
    /// Scheme none: any.
    by_place: BTreeMap<(AreaCode, Option<String>), Exits>,
    /// Smallest limit a pack states for the area.
    limits: BTreeMap<AreaCode, Decimal>,
    total: Exits,
}

impl ExitTally {
    pub(super) fn add(&mut self, area: AreaCode, before: &Outcome, after: &Outcome) {
        let Standing::In(scheme) = &before.standing else { return };
        let open = matches!(after.standing, Standing::Undetermined | Standing::NotComputed);
        let out = after.standing == Standing::Out;
        let count = |exits: &mut Exits, left: bool| {
            exits.before += 1;
            exits.exits += usize::from(left);
            exits.may_exit += usize::from(open);
        };
        count(self.by_place.entry((area, Some(scheme.clone()))).or_default(), exits(before, after));
        // A category that pays nothing (a marginal household) may have a member who is paid beside it.
        let beside = before.schemes.iter().filter(|(other, finding)| **finding == Tri::Met && *other != scheme);
        for (other, _) in beside.filter(|(other, _)| !before.pays && before.paying.contains_key(*other)) {
            let left = exits_beside(other, before, after);
            count(self.by_place.entry((area, Some(other.clone()))).or_default(), left);
        }
        count(self.by_place.entry((area, None)).or_default(), out);
        count(&mut self.total, out);
    }

    /// Takes note of the limit that the pack of a case states.
    pub(super) fn limit(&mut self, area: AreaCode, limit: Option<Decimal>) {
        if let Some(limit) = limit {
            let known = self.limits.entry(area).or_insert(limit);
            *known = limit.min(*known);
        }
    }

    /// Whether there is a limit at all.
    pub(super) fn has_limit(&self, share: Option<Decimal>, cases: Option<usize>) -> bool {
        share.is_some() || cases.is_some() || !self.limits.is_empty()
    }

    /// Everything beyond its limit, the gravest first.
    pub(super) fn alarms(
        &self,
        share: Option<Decimal>,
        cases: Option<usize>,
        title: impl Fn(&str) -> String,
    ) -> Vec<Alarm> {
        let alarm = |area: Option<AreaCode>, scheme: Option<&String>, exits: Exits| Alarm {
            area: area.map(|a| a.to_string()),
            scheme: scheme.cloned(),
            title: scheme.map_or_else(String::new, |s| title(s)),
            before: exits.before,
            exits: exits.exits,
            may_exit: exits.may_exit,
            share: exits.share(),
            limit_share: None,
            limit_cases: None,
        };
        let mut alarms = Vec::new();
        if let Some(limit) = cases.filter(|limit| self.total.exits > *limit) {
            alarms.push(Alarm { limit_cases: Some(limit), ..alarm(None, None, self.total) });
        }
        let mut shares: Vec<Alarm> = self
            .by_place
            .iter()
            .filter_map(|((area, scheme), exits)| {
                let limit = share.or_else(|| self.limits.get(area).copied())?;
                // Not by the rounded share: exactly at the limit is no alarm.
                let passed = Decimal::from(exits.exits) > limit * Decimal::from(exits.before);
                passed.then(|| Alarm { limit_share: Some(limit), ..alarm(Some(*area), scheme.as_ref(), *exits) })
            })
            .collect();
        shares.sort_by(|a, b| {
            b.exits.cmp(&a.exits).then_with(|| a.area.cmp(&b.area)).then_with(|| a.scheme.cmp(&b.scheme))
        });
        alarms.append(&mut shares);
        alarms
    }
}

/// The share of households met that may leave before an alarm, as a pack states it for an area: `mass_exit_share`.
pub(super) fn pack_limit(program: &Program, area: AreaCode, day: Date) -> Option<Decimal> {
    let parameter = program.parameters.iter().find(|p| p.name == "mass_exit_share" && p.keys.is_empty())?;
    let rate = parameter.read(parameter.lookup(area, None, &[], day)?, 0)?;
    Some(Decimal::new(rate, u32::from(parameter.ty.scale())))
}
