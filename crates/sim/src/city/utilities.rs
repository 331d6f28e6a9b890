//! Meters and contracts: water, power, gas, a telephone, cable television.

use hedui_base::{Fen, Month};
use jiff::civil::Date;

use super::{Household, closed_months, names};
use crate::dice::Dice;
use crate::plant::Plan;
use crate::records::{UtilityAccount, UtilityMonth};
use crate::shape::{CityShape, UtilityShape};

/// The utilities of the city: institution, how account numbers begin, and a factor that keeps numbers apart.
const UTILITIES: [(&str, &str, u64); 5] =
    [("water", "SZ", 7), ("power", "32110", 11), ("gas", "RQ", 13), ("telecom", "1051", 17), ("cable", "GD", 19)];

/// Gives a household the accounts that honest households have. Has dice of its own.
pub(super) fn give(household: &mut Household, shape: &CityShape, plan: &Plan, seed: u64, index: u32, as_of: Date) {
    let dice = &mut Dice::new(seed, "utilities", u64::from(index));
    let size = household.members.len() as i64;
    // Whoever rents often finds the landlord's name on the meters.
    let rents = household.declared.declared_home_count == 0 && dice.chance(300);
    let holder = if rents {
        let surname = names::surname(dice);
        names::full_name(surname, dice.chance(500), dice)
    } else {
        household.members[0].name.clone()
    };
    let rural = household.residence == "rural";
    for (utility, prefix, factor) in UTILITIES {
        // Where a missing account is the point, every utility can be asked: one that cannot leaves all of them open.
        let needed = plan.needs_water();
        let shape_of = shape.utility(utility);
        let share = if rural { shape_of.rural } else { shape_of.urban };
        if !(needed || dice.chance(share)) {
            continue;
        }
        let wired = matches!(utility, "telecom" | "cable");
        household.utilities.push(UtilityAccount {
            utility: utility.into(),
            account: format!("{prefix}{:08}", u64::from(index) * factor + 10_000_019),
            address: written(&household.address, dice),
            holder: if wired { household.members[0].name.clone() } else { holder.clone() },
            number_known: needed || dice.chance(880),
            months: closed_months(shape, as_of)
                .map(|month| metered(month, size * dice.between(shape_of.a_head.0, shape_of.a_head.1), shape_of))
                .collect(),
        });
        if dice.chance(50)
            && let Some(last) = household.utilities.last_mut().and_then(|a| a.months.last_mut())
        {
            last.arrears = last.fee;
        }
    }
}

/// An address as a utility's clerks write it.
fn written(address: &str, dice: &mut Dice) -> String {
    match dice.between(0, 9) {
        0 => format!("江苏省{address}"),
        1 => address.chars().map(full_width).collect(),
        _ => address.to_owned(),
    }
}

fn full_width(c: char) -> char {
    match c {
        '0'..='9' => char::from_u32(u32::from(c) - u32::from('0') + u32::from('０')).unwrap_or(c),
        other => other,
    }
}

/// A reading and its fee.
pub(crate) fn metered(month: Month, usage: i64, shape: &UtilityShape) -> UtilityMonth {
    let fee = Fen::new(usage * shape.price.fen() / 100 + shape.flat.fen());
    UtilityMonth { month, usage, fee, arrears: Fen::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_digits_are_digits_still() {
        assert_eq!("3幢102室".chars().map(full_width).collect::<String>(), "３幢１０２室");
    }
}
