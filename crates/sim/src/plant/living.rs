//! What meters tell.

use hedui_base::Fen;
use jiff::ToSpan;

use super::kind::Planting::{Life, Registers};
use super::kind::{ANY, Ground, KIND, Kind, NO_RECEIPT, Wants};
use crate::city::Composition as C;
use crate::city::registers::{Desk, enrolment};
use crate::city::{Household, metered};
use crate::records::{Row, UtilityMonth, row};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "LI01",
        what: "ten times as much water as a household of that size needs",
        shown_by: &["utility_use"],
        wants: Wants { water: true, ..ANY },
        second: true,
        plant: Life(much_water),
        ..KIND
    },
    Kind {
        flag: "LI03",
        what: "a journey abroad for leisure in the last months",
        shown_by: &["exit_entry"],
        plant: Registers(journey),
        ..KIND
    },
    Kind {
        flag: "LI04",
        what: "a child at a school with high fees, or abroad",
        shown_by: &["education"],
        fits: &[C::SingleParent, C::CoupleWithChildren],
        plant: Registers(costly_school),
        ..KIND
    },
    Kind {
        flag: "LI02",
        what: "no water at all for four months, while people are said to live there",
        shown_by: &["utility_use"],
        wants: Wants { water: true, ..ANY },
        second: true,
        plant: Life(no_water),
        ..KIND
    },
    Kind {
        flag: "LI05",
        what: "a residence permit of another county in force",
        shown_by: &["residence_permit"],
        plant: Registers(lives_elsewhere),
        ..KIND
    },
    Kind {
        flag: "LI06",
        what: "high self-paid treatment of a child without income",
        shown_by: &["medical"],
        fits: &[C::SingleParent, C::CoupleWithChildren],
        plant: Registers(costly_treatment),
        ..KIND
    },
    Kind {
        flag: "SP01",
        what: "an illness that took more than the household earns",
        shown_by: &["medical"],
        wants: NO_RECEIPT,
        plant: Registers(costly_illness),
        ..KIND
    },
];

fn water(household: &mut Household) -> impl DoubleEndedIterator<Item = &mut UtilityMonth> {
    household.utilities.iter_mut().filter(|a| a.utility == "water").flat_map(|a| &mut a.months)
}

/// Ten times as much water as a household of that size needs.
fn much_water(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let shape = ground.shape.utility("water");
    for month in water(household) {
        *month = metered(month.month, month.usage * 10 + 9_000, shape);
    }
    0
}

/// No water at all for four months, while people are said to live there.
fn no_water(household: &mut Household, _: &mut Ground<'_>) -> usize {
    for month in water(household).rev().take(4) {
        month.usage = 0;
        month.arrears = Fen::ZERO;
        month.fee = Fen::ZERO;
    }
    0
}

fn journey(household: &mut Household, desk: &mut Desk) -> usize {
    let left = desk.days_ago(20, 150);
    let member = &mut household.members[0];
    member.add(
        "exit_entry",
        row! {
            "exit_date": left, "entry_date": left.saturating_add(6.days()), "region": "THA", "purpose": "leisure",
        },
    );
    if let Some(hukou) = &mut member.records.hukou {
        hukou.exits_12m += 1;
    }
    0
}

fn lives_elsewhere(household: &mut Household, desk: &mut Desk) -> usize {
    let row = row! {
        "residence_permit_area": "310115", "same_county": false, "issued_on": desk.days_ago(30, 150),
        "valid_to": desk.days_ahead(700, 1_000),
    };
    household.members[0].put("residence_permit", row);
    0
}

/// The last child goes to a school that such a household could not pay.
fn costly_school(household: &mut Household, desk: &mut Desk) -> usize {
    let who = household.members.len() - 1;
    let kind = *desk.dice.pick(&["high_fee", "high_fee", "overseas"]);
    let stage = match household.members[who].age(desk.as_of) {
        ..=6 => "kindergarten",
        7..=12 => "primary",
        13..=15 => "middle",
        _ => "high",
    };
    let row = enrolment(stage, kind, desk.days_ago(200, 300), None, desk);
    household.members[who].put("education", row);
    who
}

fn treatment(self_pay: Fen, severe: bool, private: bool, desk: &mut Desk) -> Row {
    row! {
        "severe_disease_flag": severe, "disease_group": severe.then_some("恶性肿瘤"), "self_pay_12m": self_pay,
        "insured_kind": "resident", "premium_aid": false, "inpatient_days_12m": desk.dice.between(4, 60),
        "medical_aid_12m": Fen::ZERO, "private_ward_flag": private, "ltc_benefit": Fen::ZERO,
        "last_visit_date": desk.days_ago(5, 90),
    }
}

fn costly_treatment(household: &mut Household, desk: &mut Desk) -> usize {
    let who = household.members.len() - 1;
    let row = treatment(Fen::from_yuan(380), false, true, desk);
    household.members[who].put("medical", row);
    who
}

fn costly_illness(household: &mut Household, desk: &mut Desk) -> usize {
    let self_pay = Fen::from_yuan(desk.dice.between(15_000, 25_000) * household.members.len() as i64);
    let row = treatment(self_pay, true, false, desk);
    household.members[0].put("medical", row);
    0
}
