//! What the water meter tells.

use hedui_base::Fen;

use super::Done;
use crate::city::{Household, reading};

/// Ten times as much water as a household of that size needs.
pub(super) fn much_water(household: &mut Household) -> Done {
    for month in household.water.iter_mut().flat_map(|w| &mut w.months) {
        *month = reading(month.month, month.usage * 10 + 9_000);
    }
    Done::by(0, "water.use")
}

/// No water at all for four months, while people are said to live there.
pub(super) fn no_water(household: &mut Household) -> Done {
    for month in household.water.iter_mut().flat_map(|w| w.months.iter_mut().rev().take(4)) {
        month.usage = 0;
        month.fee = Fen::ZERO;
    }
    Done::by(0, "water.use")
}
