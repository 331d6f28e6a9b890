//! Education, health and the federation of disabled people: schools, treatment, cards.

use hedui_base::Fen;
use jiff::civil::{Date, date};

use super::{Desk, dead_since, people};
use crate::city::{Household, Person};
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    let in_receipt = household.in_receipt;
    for person in people(household) {
        school(person, desk);
        card(person, desk);
    }
    let members = household.members.len();
    for (nth, person) in people(household).enumerate() {
        treated(person, in_receipt, nth < members, desk);
    }
}

/// Children and students are enrolled where their age puts them; some grown people were.
fn school(person: &mut Person, desk: &mut Desk) {
    let age = person.age(desk.as_of);
    let now = match age {
        3..=6 if desk.chance(700) => Some(("kindergarten", 3)),
        7..=12 => Some(("primary", 7)),
        13..=15 => Some(("middle", 13)),
        16..=17 => Some((*desk.dice.pick(&["high", "high", "vocational"]), 16)),
        18..=24 if person.declared.student => Some((*desk.dice.pick(&["college", "bachelor"]), 18)),
        _ => None,
    };
    let born = person.id.birth_date().year();
    if let Some((stage, from)) = now {
        person.add("education", enrolment(stage, "public", date(born + from, 9, 1).min(desk.as_of), None, desk));
    } else if (22..45).contains(&age) && desk.chance(200) {
        let stage = *desk.dice.pick(&["vocational", "college", "bachelor"]);
        let left = date(born + 21, 6, 30).min(desk.as_of);
        person.add("education", enrolment(stage, "public", date(born + 18, 9, 1), Some(left), desk));
    }
}

/// An enrolment, with the fees of its stage and kind.
pub(crate) fn enrolment(
    stage: &'static str,
    kind: &'static str,
    from: Date,
    until: Option<Date>,
    desk: &mut Desk,
) -> Row {
    let (schools, fee): (&[&str], i64) = match stage {
        "kindergarten" => (&["青石幼儿园", "桐花幼儿园"], 3000),
        "primary" => (&["柳塘小学", "望湖小学", "新桥中心小学"], 0),
        "middle" => (&["晨曦中学", "江畔初级中学"], 0),
        "high" => (&["润州高级中学", "丹阳第七中学"], 1700),
        "vocational" => (&["镇江技师学校", "句容职业中学"], 0),
        _ => (&["京江职业学院", "江畔大学"], 5200),
    };
    let kind = if kind == "public" && stage == "kindergarten" && desk.chance(400) { "private" } else { kind };
    let fee = if matches!(kind, "high_fee" | "overseas") { desk.dice.between(40_000, 90_000) } else { fee };
    row! {
        "school": *desk.dice.pick::<&'static str>(schools), "school_kind": kind, "stage": stage, "full_time": true,
        "enrol_date": from, "leave_date": until, "tuition_year": Fen::from_yuan(fee),
        "grant_year": if desk.chance(250) { desk.yuan(500, 1500) } else { Fen::ZERO },
    }
}

/// Whoever is declared severely disabled has a card that says so; some have a card of a lighter level or one that ended.
fn card(person: &mut Person, desk: &mut Desk) {
    let age = person.age(desk.as_of);
    if person.declared.severely_disabled {
        let (category, level) = *desk.dice.pick(&[
            ("physical", 1),
            ("visual", 1),
            ("hearing", 2),
            ("intellectual", 2),
            ("mental", 3),
            ("multiple", 1),
        ]);
        person.add("disability", disability(person, category, level, "valid", desk));
    } else if age >= 25 && desk.chance(45) {
        let (category, level) =
            *desk.dice.pick(&[("physical", 4), ("physical", 3), ("speech", 4), ("hearing", 3), ("visual", 4)]);
        let status = *desk.dice.pick(&["valid", "valid", "valid", "expired", "cancelled"]);
        person.add("disability", disability(person, category, level, status, desk));
    }
}

/// A card of a kind and level.
pub(crate) fn disability(
    person: &Person,
    category: &'static str,
    level: i64,
    status: &'static str,
    desk: &mut Desk,
) -> Row {
    let severe = level <= 2 || level == 3 && matches!(category, "intellectual" | "mental");
    let issued = desk.days_ago(1500, 3000);
    let valid_to = match status {
        "expired" => Some(desk.days_ago(100, 900)),
        _ if desk.chance(250) => None,
        _ => Some(desk.days_ahead(900, 2000)),
    };
    let car = category == "physical" && severe && desk.chance(300);
    row! {
        "card_no": format!("{}{level}", person.id.masked()), "category": category, "level": level, "issue_date": issued,
        "valid_to": valid_to, "card_status": status,
        "care_subsidy": if severe && status == "valid" { Fen::from_yuan(120) } else { Fen::ZERO },
        "car_subsidy": if car { Fen::from_yuan(260) } else { Fen::ZERO },
    }
}

/// Twelve months of doctors, in totals: members' own part stays small.
fn treated(person: &mut Person, in_receipt: bool, member: bool, desk: &mut Desk) {
    let age = person.age(desk.as_of);
    if !desk.chance(if age >= 60 { 650 } else { 220 }) {
        return;
    }
    let severe = desk.chance(40);
    let last = desk.days_ago(5, 340);
    let last = dead_since(person).map_or(last, |dead| last.min(dead.saturating_sub(jiff::Span::new().days(12))));
    let earns = person.declared.declared_wage > Fen::ZERO;
    let employee = person.records.insurance.iter().any(|i| i.insurance == "medical");
    let row = row! {
        "severe_disease_flag": severe,
        "disease_group": severe.then(|| *desk.dice.pick(&["终末期肾病", "恶性肿瘤", "重性精神病"])),
        "self_pay_12m": if member { desk.yuan(20, 450) } else { desk.yuan(100, 4000) },
        "insured_kind": if employee { "employee" } else { "resident" }, "premium_aid": in_receipt && !employee,
        "inpatient_days_12m": if severe { desk.dice.between(5, 40) } else { desk.dice.between(0, 6) },
        "medical_aid_12m": if severe { desk.yuan(2000, 9000) } else { Fen::ZERO },
        "private_ward_flag": earns && desk.chance(30),
        "ltc_benefit": if person.declared.severely_disabled && desk.chance(200) { Fen::from_yuan(300) } else { Fen::ZERO },
        "last_visit_date": last,
    };
    person.add("medical", row);
}
