//! Cities: deterministic, consistent with their truth, and readable again.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::{Fen, Month, ResidentId};
use hedui_sim::{City, CityOptions, generate};
use jiff::civil::date;

fn city(households: u32) -> City {
    generate(&CityOptions { households, seed: 7, as_of: date(2026, 6, 30) })
}

#[test]
fn the_same_seed_gives_the_same_city_and_a_larger_one_holds_the_smaller() {
    let (small, large) = (city(60), city(90));
    assert_eq!(city(60), small);
    assert_eq!(large.households[..60], small.households[..]);
    assert!(large.truth.planted.starts_with(&small.truth.planted));
    assert_ne!(
        generate(&CityOptions { households: 60, seed: 8, as_of: date(2026, 6, 30) }).households,
        small.households
    );
}

#[test]
fn three_households_in_ten_have_something_wrong_and_every_source_has_something_to_show() {
    let large = city(2000);
    assert!(large.truth.expected.iter().filter(|e| e.flag == "SP03").count() > 100);
    assert!(large.truth.expected.iter().filter(|e| e.flag == "SP02").count() > 5);
    let affected: BTreeSet<_> = large.truth.planted.iter().map(|p| &p.case).collect();
    assert!((550..=650).contains(&affected.len()), "{}", affected.len());
    let sources: BTreeSet<_> = large.truth.planted.iter().map(|p| p.source.as_str()).collect();
    assert!(sources.len() >= 12 && sources.iter().all(|s| s.contains('.')), "{sources:?}");
}

#[test]
fn truth_speaks_about_the_city() {
    let city = city(400);
    let sizes: BTreeMap<_, _> = city.households.iter().map(|h| (h.case.as_str(), h.members.len())).collect();
    let expected: BTreeSet<_> = city.truth.expected.iter().map(|e| (e.case.as_str(), e.flag.as_str())).collect();
    assert_eq!(expected.len(), city.truth.expected.len(), "nothing twice");
    for planted in &city.truth.planted {
        assert!(planted.person_index < sizes[planted.case.as_str()]);
        assert!(expected.contains(&(planted.case.as_str(), planted.flag.as_str())), "{planted:?}");
    }
    let kinds = hedui_sim::anomalies();
    let known =
        |flag: &str| kinds.iter().any(|k| k.flag == flag || k.also.contains(&flag)) || ["SP02", "SP03"].contains(&flag);
    assert!(expected.iter().all(|(case, flag)| sizes.contains_key(case) && known(flag)));
}

#[test]
fn nobody_is_real_and_nobody_is_somebody_else() {
    let city = city(500);
    let mut seen = BTreeSet::new();
    for person in city.households.iter().flat_map(|h| h.members.iter().chain(&h.obligors)) {
        assert!(person.id.is_invented());
        assert!(seen.insert(person.id.reveal().to_owned()), "every number belongs to one person");
        assert_eq!(ResidentId::parse(person.id.reveal()), Ok(person.id.clone()));
    }
    let plates: Vec<_> = city
        .households
        .iter()
        .flat_map(|h| &h.members)
        .flat_map(|m| &m.records.vehicles)
        .map(|v| &v.plate_no)
        .collect();
    assert_eq!(plates.iter().collect::<BTreeSet<_>>().len(), plates.len());
    assert!(plates.iter().all(|p| p.contains('I')), "no real plate has the letter I");
}

/// What a clean household declares is what registers hold, so that nothing can be flagged.
#[test]
fn clean_households_declare_what_registers_hold() {
    let city = city(400);
    let flagged: BTreeSet<_> =
        city.truth.expected.iter().filter(|e| e.flag != "SP03" && e.flag != "SP02").map(|e| &e.case).collect();
    let window = |month: Month| month >= Month::new(2025, 6).unwrap() && month <= Month::new(2026, 5).unwrap();
    let mut clean = 0;
    for household in city.households.iter().filter(|h| !flagged.contains(&h.case)) {
        clean += 1;
        for member in &household.members {
            let rows =
                member.records.incomes.iter().filter(|r| window(r.month) && (r.kind == "wage" || r.kind == "labour"));
            let gross: Fen = rows.map(|r| r.gross).sum();
            assert_eq!(gross.fen(), member.declared.declared_wage.fen() * 12);
            let hukou = member.records.hukou.as_ref().unwrap();
            assert_eq!((&*hukou.status, &*hukou.custody), ("normal", "none"));
            assert_eq!(hukou.booklet_members, household.members.len() as i64);
            assert!(!member.declared.unemployed || gross == Fen::ZERO);
            assert!(member.records.businesses.iter().all(|b| b.status != "operating"));
        }
        let married = household.members[0].records.hukou.as_ref().unwrap().marital == "married";
        assert_eq!(married, household.members.iter().any(|m| m.relation == "spouse"));
        let records = || household.members.iter().map(|m| &m.records);
        let deposits: Fen = records().flat_map(|r| &r.deposits).map(|d| d.balance).sum();
        let wallets: Fen = records().flat_map(|r| &r.wallets).map(|w| w.pay_wallet_balance).sum();
        let securities: Fen = records().flat_map(|r| &r.securities).map(|s| s.market_value).sum();
        let policies: Fen = records().flat_map(|r| &r.policies).map(|p| p.cash_value).sum();
        let held: Fen = [deposits, wallets, securities, policies].into_iter().sum();
        assert_eq!(held, household.declared.declared_financial_assets);
        assert!(held < Fen::from_yuan(36_000 * household.members.len() as i64));
    }
    assert!((260..=300).contains(&clean), "{clean}");
}

#[test]
fn rare_names_are_rare_and_hide_nothing() {
    let city = city(3000);
    let rare: Vec<_> = city
        .households
        .iter()
        .filter(|h| h.members.iter().any(|m| ["㛃", "𠮷", "㐂", "𬭎"].iter().any(|c| m.name.contains(c))))
        .collect();
    assert!((2..=20).contains(&rare.len()), "{}", rare.len());
    assert!(rare.iter().all(|h| !city.truth.expected.iter().any(|e| e.case == h.case)));
}

#[test]
fn a_city_is_read_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut city = city(30);
    city.advance(3);
    city.write(dir.path()).unwrap();
    assert_eq!(City::read(dir.path()).unwrap(), city);
    std::fs::write(dir.path().join("city.json"), "{").unwrap();
    let error = City::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("city.json"), "{error}");
}

#[test]
fn cases_have_the_form_of_the_intake() {
    let city = city(20);
    let cases = city.cases();
    let households = cases["households"].as_array().unwrap();
    assert_eq!(households.len(), 20);
    for household in households {
        let keys: Vec<_> = household.as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = [
            "case",
            "scheme",
            "area",
            "residence",
            "in_receipt",
            "enrolled_on",
            "members",
            "obligors",
            "declared",
            "letter",
        ];
        assert_eq!(keys, wanted);
        let people = household["members"].as_array().unwrap().len() + household["obligors"].as_array().unwrap().len();
        assert_eq!(household["letter"]["covers"].as_array().unwrap().len(), people);
        assert_eq!(household["members"][0]["relation"], "self");
        assert!(household["declared"]["declared_support"].is_string(), "money is never a float");
    }
}

#[test]
fn time_goes_on() {
    let mut city = city(900);
    let before = city.clone();
    city.advance(3);
    assert_eq!(city.as_of, date(2026, 9, 30));
    let kinds: BTreeSet<_> = city.truth.changes.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(kinds, ["car", "death", "job", "job_lost", "pension", "release"].into());
    let expected: BTreeSet<_> = city.truth.expected.iter().map(|e| (e.case.as_str(), e.flag.as_str())).collect();
    for change in &city.truth.changes {
        if let Some(flag) = &change.flag {
            let due = expected.contains(&(change.case.as_str(), flag.as_str()));
            assert_eq!(due, change.kind != "release", "{change:?}");
        }
    }
    let last = Month::new(2026, 8).unwrap();
    for (household, was) in city.households.iter().zip(&before.households) {
        if city.truth.changes.iter().any(|c| c.case == household.case) {
            continue;
        }
        for (member, was) in household.members.iter().zip(&was.members) {
            assert_eq!(member.declared, was.declared, "declarations stay");
            if was.records.incomes.len() > 12 {
                assert_eq!(member.records.incomes.len(), was.records.incomes.len(), "as many rows, three months later");
                assert_eq!(member.records.incomes.iter().map(|r| r.month).max(), Some(last));
            }
        }
        assert!(household.utilities.iter().all(|a| a.months.len() == 14 && a.months.last().unwrap().month == last));
    }
    city.advance(12);
    assert!(!city.truth.expected.iter().any(|e| e.flag == "AS15"), "what was given away over a year ago is no matter");
}
