//! Villages: contracted land and its subsidies, shares of the collective, small machines, monitoring.

use hedui_base::Fen;
use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::Desk;
use crate::city::Household;
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    if household.residence != "rural" {
        return;
    }
    let in_receipt = household.in_receipt;
    let head = &mut household.members[0];
    let year = desk.as_of.year();
    if desk.chance(650) {
        // Little land, let for little: what comes of it is below what anybody would ask about.
        let (mu, rent) = (desk.dice.between(80, 450), if desk.chance(500) { desk.yuan(50, 220) } else { Fen::ZERO });
        for end in [year - 2, year - 1].map(|y| date(y, 12, 31)) {
            head.add("farm_land", land(end, mu, rent, desk));
        }
    }
    if desk.chance(300) {
        let coop = desk.chance(250);
        for end in [year - 2, year - 1].map(|y| date(y, 12, 31)) {
            let dividend = desk.yuan(20, 180);
            head.add("coop_share", share(end, coop, dividend, desk));
        }
    }
    if desk.chance(60) {
        let price = desk.yuan(3_000, 12_000);
        let disposed = desk.chance(300).then(|| desk.days_ago(30, 500));
        head.add("farm_machine", machine(price, disposed, desk));
    }
    if desk.chance(60) {
        // Whoever is monitored and still at risk is in receipt already; for all others the risk is over.
        let kind = *desk.dice.pick(&["unstable", "marginal", "sudden", "stable"]);
        head.add("rural_monitoring", monitored(kind, !in_receipt, desk));
    }
}

/// A year of a farm household's land.
pub(crate) fn land(year_end: Date, hundredths_of_mu: i64, rent: Fen, desk: &mut Desk) -> Row {
    let mu = format!("{}.{:02}", hundredths_of_mu / 100, hundredths_of_mu % 100);
    row! {
        "year_end": year_end, "contract_land_mu": mu, "land_transfer_income": rent,
        "grain_subsidy": Fen::new(hundredths_of_mu * 120),
        "forest_comp": if desk.chance(150) { desk.yuan(15, 80) } else { Fen::ZERO },
    }
}

/// A year's dividend.
pub(crate) fn share(year_end: Date, cooperative: bool, dividend: Fen, desk: &mut Desk) -> Row {
    let name = *desk.dice.pick(&["柳塘", "望湖", "新桥", "竹影"]);
    let organisation = if cooperative {
        format!("{name}粮油农民专业合作社")
    } else {
        format!("{name}村股份经济合作社")
    };
    row! { "organisation": organisation, "year_end": year_end, "coop_member": cooperative, "coop_dividend": dividend }
}

/// A farm machine bought with a subsidy some years ago.
pub(crate) fn machine(price: Fen, disposed: Option<Date>, desk: &mut Desk) -> Row {
    row! {
        "machine_no": format!("NJ3211{:08}", desk.serial()),
        "machine_type": *desk.dice.pick(&["tractor", "planter", "harvester", "other"]),
        "machine_subsidy": Fen::new(price.fen() * 3 / 10), "machine_price": price,
        "bought_on": desk.days_ago(900, 2500), "disposed_on": disposed,
    }
}

/// An entry of the list of those watched against a return to poverty.
pub(crate) fn monitored(kind: &'static str, over: bool, desk: &mut Desk) -> Row {
    let risk = (kind != "stable").then(|| *desk.dice.pick(&["illness", "study", "disability", "disaster", "other"]));
    row! { "monitor_object": kind, "monitor_risk": risk, "risk_removed": over }
}

/// Adds the rows of a year that has ended since: like those of the year before.
pub(crate) fn next_year(household: &mut Household, as_of: Date) {
    let end = date(as_of.year() - 1, 12, 31);
    for dataset in ["farm_land", "coop_share"] {
        for person in &mut household.members {
            let Some(last) = person.rows(dataset).last().cloned() else { continue };
            if last.date("year_end").is_some_and(|last| last < end.saturating_sub(1.days())) {
                let mut row = last;
                row.set("year_end", end);
                person.add(dataset, row);
            }
        }
    }
}
