//! Civil affairs, the treasury and organisations: aid in receipt, payments by card, allowances, gifts, complaints.

use hedui_base::{Fen, Month};
use jiff::ToSpan;
use jiff::civil::Date;

use super::{Desk, dead_since, masked_account, people};
use crate::city::{Household, Person};
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    if household.in_receipt {
        received(household, desk);
    }
    for person in &mut household.members {
        earlier(person, desk);
        allowances(person, desk);
    }
    for person in people(household) {
        gifts(person, desk);
        relieved(person, desk);
    }
}

/// The guarantee in force, in the applicant's name, and its payments on one account.
fn received(household: &mut Household, desk: &mut Desk) {
    let account = masked_account(desk.serial());
    let amount = household.current_amount;
    let since = household.enrolled_on.unwrap_or(desk.as_of);
    let area = household.area.clone();
    let applicant = &mut household.members[0];
    applicant.add("aid", aid("dibao", area, true, since, None, amount, account.clone()));
    // A guardian draws the money of some of those who cannot go to the bank themselves.
    let frail = applicant.declared.severely_disabled || applicant.age(desk.as_of) >= 78;
    let guarded = frail && desk.chance(300);
    let first = Month::of(since).plus(1);
    let last = Month::of(desk.as_of);
    for back in (0..=14).rev() {
        let day = last.plus(-back).first_day().saturating_add(9.days());
        if Month::of(day) >= first && day <= desk.as_of {
            applicant.add("card_payment", pay("dibao", day, amount, account.clone(), guarded));
        }
    }
    if desk.chance(20) {
        let on = desk.days_ago(120, 700);
        let closed = Some(on.saturating_add(desk.dice.between(10, 50).days()));
        applicant.add("complaint", complaint(on, closed, desk));
    }
}

/// An aid record.
pub(crate) fn aid(
    scheme: &'static str,
    area: String,
    local: bool,
    since: Date,
    until: Option<Date>,
    amount: Fen,
    account: String,
) -> Row {
    row! {
        "aid_scheme": scheme, "aid_area_code": area, "local": local, "aid_start": since, "aid_end": until,
        "aid_amount": amount, "aid_payee_account": account,
    }
}

/// A payment by card. A guardian's account is in another name, and on record.
pub(crate) fn pay(item: &'static str, on: Date, amount: Fen, account: String, guarded: bool) -> Row {
    row! {
        "card_item": item, "card_pay_date": on, "card_amount": amount, "card_account": account,
        "name_matches": !guarded, "guardian_recorded": guarded, "households_on_account": 1_i64,
    }
}

/// A complaint about a household's aid.
pub(crate) fn complaint(on: Date, closed: Option<Date>, desk: &mut Desk) -> Row {
    row! {
        "complaint_no": format!("XF{:010}", desk.serial()), "received_on": on, "closed_on": closed,
        "channel": *desk.dice.pick(&["hotline", "visit", "letter", "online"]),
    }
}

/// Aid that ended some years ago, here or elsewhere.
fn earlier(person: &mut Person, desk: &mut Desk) {
    if person.age(desk.as_of) < 18 || !desk.chance(35) {
        return;
    }
    let scheme = *desk.dice.pick(&["dibao", "dibao", "temporary", "temporary", "marginal", "other"]);
    let local = desk.chance(800);
    let area = if local { "321102" } else { "320282" }.to_owned();
    let since = desk.days_ago(1500, 3000);
    let until = Some(since.saturating_add(desk.dice.between(60, 400).days()));
    let (amount, account) = (desk.yuan(200, 700), masked_account(desk.serial()));
    person.add("aid", aid(scheme, area, local, since, until, amount, account));
}

/// What age and a severe disability bring; none of it is income.
fn allowances(person: &mut Person, desk: &mut Desk) {
    let dead = dead_since(person).is_some();
    let paid = if dead { "stopped" } else { "paying" };
    let mut kinds = Vec::new();
    if person.age(desk.as_of) >= 80 {
        kinds.push(("old_age", Fen::from_yuan(100)));
    }
    if person.declared.severely_disabled {
        kinds.push(("disability_care", Fen::from_yuan(120)));
        kinds.push(("disability_living", Fen::from_yuan(260)));
    }
    for (kind, amount) in kinds {
        person.add("allowance", row! { "kind": kind, "amount": amount, "status": paid });
    }
}

/// A gift of a charity, the union or the women's federation now and then.
fn gifts(person: &mut Person, desk: &mut Desk) {
    if person.age(desk.as_of) < 18 || !desk.chance(40) {
        return;
    }
    let employer = person.records.insurance.iter().find(|i| i.identity == "employee").map(|i| i.employer.clone());
    let (org, project) = match desk.dice.between(0, 9) {
        0..=3 => ("charity", "慈善助困"),
        4..=5 if !person.id.is_male() => ("women", "两癌救助"),
        6..=8 if employer.is_some() => ("union", "困难职工送温暖"),
        _ => ("charity", "春节慰问"),
    };
    let row = row! {
        "_institution": org, "org": org, "aid_kind": project, "aid_date": desk.days_ago(20, 900), "aid_value": desk.yuan(200, 2000),
        "hard_worker_flag": org == "union", "employer": employer.filter(|_| org == "union"),
    };
    person.add("organisation_aid", row);
}

/// Gifts of bodies that no built-in institution speaks for: whoever drops one of them beside the others is answered from
/// these. They are drawn apart, so that they change nothing else of a city.
pub(super) fn unheard_gifts(household: &mut Household, desk: &mut Desk) {
    for person in people(household) {
        if person.age(desk.as_of) < 18 || !desk.chance(120) {
            continue;
        }
        let (holder, org, project) = match desk.dice.between(0, 9) {
            0..=5 => ("redcross", "red_cross", "博爱送万家"),
            _ => ("foundation", "other", "助学金"),
        };
        let row = row! {
            "_institution": holder, "org": org, "aid_kind": project, "aid_date": desk.days_ago(20, 900),
            "aid_value": desk.yuan(200, 2000), "hard_worker_flag": false,
        };
        person.add("organisation_aid", row);
    }
}

/// A flood or a reservoir, in the villages.
fn relieved(person: &mut Person, desk: &mut Desk) {
    let rural = person.records.hukou.as_ref().is_some_and(|h| h.hukou_type == "rural");
    if !rural || person.age(desk.as_of) < 25 || !desk.chance(25) {
        return;
    }
    let kind = *desk.dice.pick(&["disaster", "disaster", "reservoir"]);
    person.add("relief", row! { "kind": kind, "paid_on": desk.days_ago(100, 1500), "amount": desk.yuan(300, 1200) });
}
