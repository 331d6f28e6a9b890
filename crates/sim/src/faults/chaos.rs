//! Random plans of faults over sources, which heal in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use hedui_connect::Source;

use super::{Fault, FaultKind, Faults, Heal, Way};
use crate::dice::Dice;

/// A source as a plan of faults sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The source.
    pub id: String,
    /// How it is asked.
    pub way: Way,
    /// What can strike there.
    pub kinds: Vec<FaultKind>,
}

impl Target {
    /// What can strike at a source.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        let kinds = FaultKind::ALL.into_iter().filter(|kind| kind.reaches(source)).collect();
        Self { id: source.id.to_string(), way: Way::of(source), kinds }
    }
}

/// Up to four faults at every source, each healed within `within` at the latest. The same seed gives the same plan for
/// the same sources, whatever their order.
#[must_use]
pub fn chaos(seed: u64, targets: &[Target], within: Duration) -> Faults {
    let mut faults = Vec::new();
    for target in targets {
        let mut dice = Dice::new(seed, &format!("chaos {}", target.id), 0);
        let mut chosen: Vec<FaultKind> = Vec::new();
        for _ in 0..dice.between(0, 4) {
            let kind = *dice.pick(&target.kinds);
            if !chosen.contains(&kind) {
                chosen.push(kind);
            }
        }
        for kind in chosen {
            faults.push(fault(&mut dice, target, kind, within));
        }
    }
    Faults(faults)
}

/// One to four faults at every source, first of all those that were `met` least on its transport. One that was never
/// met comes in full strength and lasts, but for those that hide the others, which end early.
#[must_use]
pub fn chaos_least_met(seed: u64, targets: &[Target], within: Duration, met: impl Fn(FaultKind, Way) -> u64) -> Faults {
    let mut faults = Vec::new();
    let mut planned: BTreeMap<(FaultKind, Way), u64> = BTreeMap::new();
    let mut sorted: Vec<&Target> = targets.iter().collect();
    sorted.sort_unstable();
    for target in sorted {
        let mut dice = Dice::new(seed, &format!("chaos {}", target.id), 0);
        let count = |kind: FaultKind| met(kind, target.way) + planned.get(&(kind, target.way)).copied().unwrap_or(0);
        let mut kinds: Vec<_> =
            target.kinds.iter().map(|kind| (count(*kind), dice.between(0, 1_000_000), *kind)).collect();
        kinds.sort_unstable();
        let many = usize::try_from(dice.between(1, 4)).unwrap_or(1);
        for (_, _, kind) in kinds.into_iter().take(many) {
            *planned.entry((kind, target.way)).or_default() += 1;
            let mut fault = fault(&mut dice, target, kind, within);
            if met(kind, target.way) == 0 {
                insist(&mut fault, &mut dice, target.way, within);
            }
            faults.push(fault);
        }
    }
    Faults(faults)
}

fn fault(dice: &mut Dice, target: &Target, kind: FaultKind, within: Duration) -> Fault {
    let longest = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
    // Where requests are seen, half of the faults last for some of them; time is the limit for the others.
    let heal = if target.way.is_watched() && kind != FaultKind::Late && dice.chance(500) {
        Heal::Requests(dice.between(1, 40).unsigned_abs())
    } else {
        Heal::After(Duration::from_millis(dice.between(longest / 10, longest).unsigned_abs()))
    };
    let intensity = match kind {
        FaultKind::Slow => Some(dice.between(50, 400)),
        FaultKind::Latency | FaultKind::SlowBody => Some(dice.between(5, 60)),
        FaultKind::Late => Some(dice.between(1, 5)),
        FaultKind::Down => None,
        _ => Some(dice.between(50, 1000)),
    };
    let intensity = intensity.and_then(|i| u32::try_from(i).ok());
    Fault { kind, place: target.id.clone(), intensity, heal }
}

/// Makes a fault so that it hardly can be missed.
fn insist(fault: &mut Fault, dice: &mut Dice, way: Way, within: Duration) {
    use FaultKind as K;
    let hides = matches!(fault.kind, K::Down | K::CertificateExpired | K::Burst5xx | K::Throttle | K::Reset);
    fault.heal = match (way.is_watched() && fault.kind != K::Late, hides) {
        (true, true) => Heal::Requests(dice.between(2, 8).unsigned_abs()),
        (true, false) => Heal::Requests(dice.between(30, 60).unsigned_abs()),
        (false, true) => Heal::After(within / 2),
        (false, false) => Heal::After(within),
    };
    if !matches!(fault.kind, K::Slow | K::Latency | K::SlowBody | K::Late) {
        fault.intensity = Some(1000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everywhere() -> Vec<Target> {
        let kinds = |way| FaultKind::ALL.into_iter().filter(|kind| kind.does(way).is_some()).collect();
        Way::ALL.into_iter().map(|way| Target { id: format!("x.{}", way.as_str()), way, kinds: kinds(way) }).collect()
    }

    fn means_something(plan: &Faults, targets: &[Target]) {
        for fault in &plan.0 {
            let target = targets.iter().find(|target| target.id == fault.place);
            assert!(target.is_some_and(|target| target.kinds.contains(&fault.kind)), "{fault}");
            assert_ne!(fault.heal, Heal::Never);
        }
    }

    #[test]
    fn a_seed_gives_one_plan_and_every_fault_in_it_means_something_and_heals() {
        let targets = everywhere();
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let plan = chaos(seed, &targets, Duration::from_secs(2));
            assert_eq!(plan, chaos(seed, &targets, Duration::from_secs(2)));
            means_something(&plan, &targets);
            kinds.extend(plan.0.iter().map(|fault| fault.kind));
        }
        assert_eq!(kinds.len(), FaultKind::ALL.len());
    }

    #[test]
    fn what_was_met_least_comes_first_so_that_some_rounds_meet_all() {
        let targets = everywhere();
        let mut met: BTreeMap<(FaultKind, Way), u64> = BTreeMap::new();
        for seed in 0..19 {
            let plan =
                chaos_least_met(seed, &targets, Duration::from_secs(2), |k, w| met.get(&(k, w)).copied().unwrap_or(0));
            means_something(&plan, &targets);
            for fault in &plan.0 {
                let way = targets.iter().find(|target| target.id == fault.place).map(|target| target.way);
                *met.entry((fault.kind, way.unwrap_or(Way::Http))).or_default() += 1;
            }
        }
        // One to four a round: nineteen rounds are enough for the nineteen kinds of any transport.
        assert_eq!(met.len(), targets.iter().map(|target| target.kinds.len()).sum::<usize>());
        for target in &targets {
            let counts: Vec<u64> = target.kinds.iter().map(|kind| met[&(*kind, target.way)]).collect();
            assert!(counts.iter().max() <= counts.iter().min().map(|least| least + 1).as_ref(), "{counts:?}");
        }
    }
}
