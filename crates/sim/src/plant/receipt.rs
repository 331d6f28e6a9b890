//! Aid that is paid already: twice, to somebody else, too much, too little; and those it should reach.

use hedui_base::{Fen, Month};

use super::kind::Planting::Registers;
use super::kind::{KIND, Kind, NO_RECEIPT, RECEIPT};
use crate::city::Composition as C;
use crate::city::Household;
use crate::city::registers::{Desk, aid, complaint, disability, masked_account, monitored};
use crate::records::Row;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "DU01",
        what: "the guarantee is paid by another county too",
        shown_by: &["aid"],
        wants: RECEIPT,
        plant: Registers(paid_elsewhere),
        ..KIND
    },
    Kind {
        flag: "DU03",
        what: "three households are paid on one account",
        shown_by: &["card_payment"],
        wants: RECEIPT,
        plant: Registers(shared_account),
        ..KIND
    },
    Kind {
        flag: "SP05",
        what: "recognised as a marginal household that is poor enough for the guarantee by now",
        shown_by: &["aid"],
        wants: NO_RECEIPT,
        plant: Registers(marginal_and_poor),
        ..KIND
    },
    Kind {
        flag: "DU05",
        what: "paid more than was decided",
        shown_by: &["card_payment"],
        wants: RECEIPT,
        plant: Registers(paid_more),
        ..KIND
    },
    Kind {
        flag: "GO06",
        what: "a complaint about a household in receipt is open",
        shown_by: &["complaint"],
        wants: RECEIPT,
        plant: Registers(complained),
        ..KIND
    },
    Kind {
        flag: "DU02",
        what: "the guarantee beside the support of the destitute",
        shown_by: &["aid"],
        wants: RECEIPT,
        plant: Registers(paid_twice),
        ..KIND
    },
    Kind {
        flag: "SP06",
        what: "watched against a return to poverty, poor and without aid",
        shown_by: &["rural_monitoring"],
        wants: NO_RECEIPT,
        plant: Registers(watched),
        ..KIND
    },
    Kind {
        flag: "DU04",
        what: "paid on an account in another name, no guardian on record",
        shown_by: &["card_payment"],
        wants: RECEIPT,
        plant: Registers(foreign_account),
        ..KIND
    },
    Kind {
        flag: "SP04",
        what: "a supplement for a severe disability is paid, the card has run out",
        shown_by: &["disability"],
        fits: &[C::Disabled, C::DisabledWithParent],
        wants: RECEIPT,
        plant: Registers(card_ended),
        ..KIND
    },
    Kind {
        flag: "DU05B",
        what: "paid less than was decided",
        shown_by: &["card_payment"],
        wants: RECEIPT,
        plant: Registers(paid_less),
        ..KIND
    },
];

fn add_aid(household: &mut Household, scheme: &'static str, local: bool, desk: &mut Desk) -> usize {
    let area = if local { household.area.clone() } else { "320282".to_owned() };
    let (since, amount) = (desk.days_ago(100, 600), desk.yuan(300, 700));
    let account = masked_account(desk.serial());
    household.members[0].add("aid", aid(scheme, area, local, since, None, amount, account));
    0
}

fn paid_elsewhere(household: &mut Household, desk: &mut Desk) -> usize {
    add_aid(household, "dibao", false, desk)
}

fn paid_twice(household: &mut Household, desk: &mut Desk) -> usize {
    add_aid(household, "tekun", true, desk)
}

fn marginal_and_poor(household: &mut Household, desk: &mut Desk) -> usize {
    add_aid(household, "marginal", true, desk)
}

/// The payments of the guarantee of the last months.
fn recent<'a>(household: &'a mut Household, desk: &Desk) -> impl Iterator<Item = &'a mut Row> {
    let since = Month::of(desk.as_of).plus(-3).first_day();
    let rows = household.members[0].rows_mut("card_payment").iter_mut();
    rows.filter(move |r| r.text("card_item") == Some("dibao") && r.date("card_pay_date").is_some_and(|d| d >= since))
}

fn shared_account(household: &mut Household, desk: &mut Desk) -> usize {
    for row in recent(household, desk) {
        row.set("households_on_account", 3_i64);
        row.set("guardian_recorded", false);
        row.set("name_matches", true);
    }
    0
}

fn foreign_account(household: &mut Household, desk: &mut Desk) -> usize {
    for row in recent(household, desk) {
        row.set("guardian_recorded", false);
        row.set("name_matches", false);
    }
    0
}

fn paid_more(household: &mut Household, desk: &mut Desk) -> usize {
    let amount = Fen::new(household.current_amount.fen() + 30_000);
    recent(household, desk).for_each(|row| row.set("card_amount", amount));
    0
}

fn paid_less(household: &mut Household, desk: &mut Desk) -> usize {
    let amount = Fen::new(household.current_amount.fen() / 2);
    recent(household, desk).for_each(|row| row.set("card_amount", amount));
    0
}

fn complained(household: &mut Household, desk: &mut Desk) -> usize {
    let on = desk.days_ago(5, 60);
    let row = complaint(on, None, desk);
    household.members[0].put("complaint", row);
    0
}

fn watched(household: &mut Household, desk: &mut Desk) -> usize {
    let row = monitored("sudden", false, desk);
    household.members[0].put("rural_monitoring", row);
    0
}

/// The only card has run out; the bureau pays the supplement on.
fn card_ended(household: &mut Household, desk: &mut Desk) -> usize {
    let member = &mut household.members[0];
    member.declared.paid_supplement = Some("disabled".into());
    let row = disability(member, "physical", 1, "expired", desk);
    member.put("disability", row);
    0
}
