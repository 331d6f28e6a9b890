//! A random plan of faults over sources, which heals in the end.

use std::time::Duration;

use super::{Fault, FaultKind, Faults, Heal, Way};
use crate::dice::Dice;

/// Up to four faults at every source, each healed within `within` at the latest. The same seed gives the same plan for
/// the same sources, whatever their order.
#[must_use]
pub fn chaos(seed: u64, sources: &[(String, Way)], within: Duration) -> Faults {
    let mut faults = Vec::new();
    for (source, way) in sources {
        let mut dice = Dice::new(seed, &format!("chaos {source}"), 0);
        let kinds: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(|kind| kind.does(*way).is_some()).collect();
        let mut chosen: Vec<FaultKind> = Vec::new();
        for _ in 0..dice.between(0, 4) {
            let kind = *dice.pick(&kinds);
            if !chosen.contains(&kind) {
                chosen.push(kind);
            }
        }
        for kind in chosen {
            let longest = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
            let seen = matches!(way, Way::Http | Way::Soap | Way::Dci | Way::Files);
            // Where requests are seen, half of the faults last for some of them; time is the limit for the others.
            let heal = if seen && kind != FaultKind::Late && dice.chance(500) {
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
            faults.push(Fault { kind, place: source.clone(), intensity, heal });
        }
    }
    Faults(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_plan_and_every_fault_in_it_means_something_and_heals() {
        let sources: Vec<_> = Way::ALL.into_iter().map(|way| (format!("x.{}", way.as_str()), way)).collect();
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let plan = chaos(seed, &sources, Duration::from_secs(2));
            assert_eq!(plan, chaos(seed, &sources, Duration::from_secs(2)));
            for fault in &plan.0 {
                let way = sources.iter().find(|(id, _)| *id == fault.place).map(|(_, way)| *way);
                assert!(way.is_some_and(|way| fault.kind.does(way).is_some()), "{fault}");
                assert_ne!(fault.heal, Heal::Never);
                kinds.insert(fault.kind);
            }
        }
        assert_eq!(kinds.len(), FaultKind::ALL.len());
    }
}
