//! Who people are: household register, deaths, marriage, custody.

use jiff::ToSpan;
use jiff::civil::Date;

use super::{Done, Ground};
use crate::city::{Household, Person};

/// A child's registration was cancelled as a duplicate, or because it settled abroad.
pub(super) fn cancelled(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = household.members.len() - 1;
    let reason = *ground.dice.pick(&["abroad", "duplicate"]);
    let on = ground.as_of.saturating_sub(ground.dice.between(90, 600).days());
    cancel(&mut household.members[who], reason, on);
    one_fewer_in_the_booklet(household);
    Done::by(who, "police.hukou")
}

fn cancel(person: &mut Person, reason: &'static str, on: Date) {
    if let Some(hukou) = &mut person.records.hukou {
        hukou.status = "cancelled".into();
        hukou.cancel_reason = Some(reason.into());
        hukou.cancelled_on = Some(on);
    }
}

/// Whoever is gone is no longer counted in the booklet of the others.
fn one_fewer_in_the_booklet(household: &mut Household) {
    for member in &mut household.members {
        if let Some(hukou) = &mut member.records.hukou {
            hukou.booklet_members -= 1;
        }
    }
}

/// The booklet holds one more person with a legal duty than the household named.
pub(super) fn one_more_in_the_booklet(household: &mut Household) -> Done {
    for member in &mut household.members {
        if let Some(hukou) = &mut member.records.hukou {
            hukou.booklet_members += 1;
        }
    }
    Done::by(0, "police.hukou")
}

/// The police do not know a child's number.
pub(super) fn unknown_to_the_police(household: &mut Household) -> Done {
    let who = household.members.len() - 1;
    household.members[who].records.hukou = None;
    one_fewer_in_the_booklet(household);
    Done::by(who, "police.hukou")
}

/// An old member died some months ago; aid goes on.
pub(super) fn dead_and_paid(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    die(household, ground).with(&["DE03"])
}

/// An old member died before the application and is counted all the same.
pub(super) fn dead_and_counted(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    household.in_receipt = false;
    household.enrolled_on = None;
    household.current_amount = hedui_base::Fen::ZERO;
    die(household, ground)
}

fn die(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    // The oldest who is not the applicant.
    let oldest = (1..household.members.len()).max_by_key(|i| household.members[*i].age(ground.as_of));
    let who = oldest.unwrap_or(0);
    let on = ground.as_of.saturating_sub(ground.dice.between(70, 300).days());
    bury(household, who, on);
    Done::by(who, "police.hukou")
}

/// A member dies: the registration is cancelled, the pension stops, a spouse becomes widowed, accounts stay.
pub(crate) fn bury(household: &mut Household, who: usize, on: Date) {
    cancel(&mut household.members[who], "death", on);
    one_fewer_in_the_booklet(household);
    for pension in &mut household.members[who].records.pensions {
        pension.status = "stopped".into();
    }
    if household.members[who].relation == "spouse"
        && let Some(hukou) = &mut household.members[0].records.hukou
    {
        hukou.marital = "widowed".into();
    }
}

/// The applicant is married; the spouse is not named.
pub(super) fn married_to_nobody(household: &mut Household) -> Done {
    if let Some(hukou) = &mut household.members[0].records.hukou {
        hukou.marital = "married".into();
    }
    Done::by(0, "police.hukou")
}

/// The spouse is in prison or compulsory rehabilitation and is counted all the same.
pub(super) fn in_custody(household: &mut Household) -> Done {
    let who = household.members.iter().position(|m| m.relation == "spouse").unwrap_or(0);
    let spouse = &mut household.members[who];
    // Whoever sits in prison earns nothing outside.
    spouse.records.incomes.clear();
    spouse.records.insurance.clear();
    spouse.declared.declared_wage = hedui_base::Fen::ZERO;
    if let Some(hukou) = &mut spouse.records.hukou {
        hukou.custody = if spouse.id.is_male() { "prison" } else { "rehab" }.into();
    }
    one_fewer_in_the_booklet(household);
    Done::by(who, "police.hukou")
}
