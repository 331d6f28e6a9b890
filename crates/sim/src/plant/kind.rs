//! What an anomaly is: its flag, what it is, which registers show it, whom it can happen to.

use jiff::civil::Date;

use crate::city::registers::Desk;
use crate::city::{Composition, Household};
use crate::dice::Dice;
use crate::shape::{Band, CityShape};

/// One kind of anomaly.
pub(crate) struct Kind {
    /// The flag that must be raised.
    pub(crate) flag: &'static str,
    /// What is wrong, for the list of anomalies.
    pub(crate) what: &'static str,
    /// The datasets that show it; it is planted only where somebody holds all of them. The first names its source.
    pub(crate) shown_by: &'static [&'static str],
    /// Flags that follow from it.
    pub(crate) also: &'static [&'static str],
    /// Households it can happen to; empty means any.
    pub(crate) fits: &'static [Composition],
    /// What else the household must be like.
    pub(crate) wants: Wants,
    /// Whether assets exceed a limit, so that nothing is eligible any more.
    pub(crate) assets: bool,
    /// Whether it may come on top of another one: it changes neither who is counted nor the income.
    pub(crate) second: bool,
    /// Changes the household; tells which member it is about (0 for the household as a whole).
    pub(crate) plant: Planting,
}

/// When and how an anomaly is planted.
#[derive(Clone, Copy)]
pub(crate) enum Planting {
    /// Before the registers of `PersonRecords::more` are written, so that those agree with it.
    Life(fn(&mut Household, &mut Ground<'_>) -> usize),
    /// Into those registers.
    Registers(fn(&mut Household, &mut Desk) -> usize),
}

/// What a household must be like for an anomaly.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    /// How it lives apart from the anomaly: poor unless said otherwise, so that nothing but the anomaly is in its way.
    pub(crate) band: Band,
    /// Whether it receives aid; none if either will do.
    pub(crate) receipt: Option<bool>,
    /// Whether it has a grown child elsewhere; none if either will do.
    pub(crate) obligor: Option<bool>,
    /// Whether it needs a water meter.
    pub(crate) water: bool,
    /// Whether its last child is grown and studies.
    pub(crate) student: bool,
}

/// A poor household of any kind.
pub(super) const ANY: Wants = Wants { band: Band::Poor, receipt: None, obligor: None, water: false, student: false };
/// A poor household in receipt.
pub(super) const RECEIPT: Wants = Wants { receipt: Some(true), ..ANY };
/// A poor household that receives nothing.
pub(super) const NO_RECEIPT: Wants = Wants { receipt: Some(false), ..ANY };

/// What most kinds have in common.
pub(super) const KIND: Kind = Kind {
    flag: "",
    what: "",
    shown_by: &[],
    also: &[],
    fits: &[],
    wants: ANY,
    assets: false,
    second: false,
    plant: Planting::Registers(|_, _| 0),
};

/// What planting into people's lives is given.
pub(crate) struct Ground<'a> {
    pub(crate) shape: &'a CityShape,
    pub(crate) as_of: Date,
    pub(crate) dice: &'a mut Dice,
    /// Which bank holds a planted deposit.
    pub(crate) bank: &'static str,
    /// A number for planted things that no other thing in the city has.
    pub(crate) serial: u64,
}

impl Kind {
    /// The two letters of its flag.
    pub(crate) fn theme(&self) -> &'static str {
        &self.flag[..2]
    }
}
