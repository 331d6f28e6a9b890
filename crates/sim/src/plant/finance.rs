//! Wealth that no bank knows of.

use hedui_base::Fen;

use super::{Done, Ground};
use crate::city::{Household, policy, security};

/// Shares and funds many times beyond what a household may keep.
pub(super) fn securities(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let (low, high) = ground.shape.hidden_deposit_a_head;
    let value = Fen::from_yuan(ground.dice.between(low, high) * household.members.len() as i64);
    let kind = *ground.dice.pick(&["stock", "fund"]);
    let holding = security(ground.serial, kind, value, ground.as_of, ground.dice);
    household.members[0].records.securities.push(holding);
    Done::by(0, "finance.security")
}

/// Premiums that somebody without means could not pay, for a policy that is worth little so far.
pub(super) fn premiums(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let premium = Fen::from_yuan(ground.dice.between(30_000, 60_000) * household.members.len() as i64);
    let bought = policy(ground.serial, "life", premium, Fen::from_yuan(500), ground.as_of, ground.dice);
    household.members[0].records.policies.push(bought);
    Done::by(0, "finance.insurance")
}
