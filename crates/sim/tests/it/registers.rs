//! Registers against the catalogue: every dataset has rows, every column is known, typed and somewhere filled.

use std::collections::BTreeMap;

use hedui_base::{ColumnType, Fen, Month};
use hedui_sim::{Person, Row, UtilityAccount};
use serde_json::Value;

use crate::truth::{city, library, rows};

/// Whether a value is one of the column's type; null is of any.
fn fits(ty: ColumnType, value: &Value) -> bool {
    let text = value.as_str();
    let decimal = |scale: usize| {
        text.is_some_and(|t| {
            let (whole, fraction) = t.split_once('.').unwrap_or((t, ""));
            let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
            !whole.is_empty() && digits(whole) && digits(fraction) && fraction.len() <= scale
        })
    };
    value.is_null()
        || match ty {
            ColumnType::Bool => value.is_boolean(),
            ColumnType::Int => value.is_i64(),
            ColumnType::Date => text.is_some_and(|t| t.parse::<jiff::civil::Date>().is_ok()),
            ColumnType::Month => text.is_some_and(|t| t.parse::<Month>().is_ok()),
            ColumnType::Money(_) => text.is_some_and(|t| t.parse::<Fen>().is_ok()),
            ColumnType::Area | ColumnType::Decimal(_) => decimal(usize::from(ty.scale())),
            ColumnType::Text | ColumnType::Code | ColumnType::Person => text.is_some_and(|t| !t.is_empty()),
        }
}

#[test]
fn every_dataset_has_rows_of_its_columns_and_every_column_is_somewhere_filled() {
    let (_, catalogue) = library();
    let city = city(2000, 7);
    // Not columns: which institution holds a row, how a register is keyed.
    let known = |dataset: &str, column: &str| {
        column == "_institution" || matches!((dataset, column), ("deposit", "bank") | ("housing", "old_number"))
    };
    let mut filled: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    for household in &city.households {
        for (nth, person) in household.members.iter().chain(&household.obligors).enumerate() {
            let unheard = person.records.more.keys().filter(|d| !catalogue.datasets.contains_key(*d));
            unheard.for_each(|dataset| *wrong.entry(format!("no dataset {dataset}")).or_default() += 1);
            for (name, dataset) in &catalogue.datasets {
                let mut keys = Vec::new();
                for row in rows(name, household, nth, &person.records) {
                    for (column, value) in row.as_object().unwrap() {
                        let Some((column, spec)) = dataset.columns.get_key_value(column) else {
                            if !known(name, column) {
                                *wrong.entry(format!("{name}.{column} is not a column")).or_default() += 1;
                            }
                            continue;
                        };
                        if !fits(spec.ty, value) {
                            *wrong.entry(format!("{name}.{column}: {value}")).or_default() += 1;
                        }
                        if let (Some(codes), Some(text)) = (Some(&spec.codes).filter(|c| !c.is_empty()), value.as_str())
                            && !codes.contains_key(text)
                        {
                            *wrong.entry(format!("{name}.{column}: code {text}")).or_default() += 1;
                        }
                        *filled.entry((name, column)).or_default() += usize::from(!value.is_null());
                    }
                    let key: Vec<String> = dataset.key.iter().map(|c| row[c].to_string()).collect();
                    if keys.contains(&key) {
                        *wrong.entry(format!("{name}: two rows of one key")).or_default() += 1;
                    }
                    keys.push(key);
                }
            }
        }
    }
    for (name, dataset) in &catalogue.datasets {
        for column in dataset.columns.keys() {
            if filled.get(&(name.as_str(), column.as_str())).is_none_or(|n| *n == 0) {
                wrong.insert(format!("{name}.{column} is never filled"), 0);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn most_people_are_in_few_registers() {
    let city = city(1000, 5);
    let counts = |p: &Person| p.records.more.len();
    let people: Vec<_> = city.households.iter().flat_map(|h| &h.members).map(counts).collect();
    let few = people.iter().filter(|n| **n <= 5).count();
    assert!(few * 2 > people.len(), "{few} of {}", people.len());
    assert!(people.iter().any(|n| *n >= 10));
}

#[test]
fn registers_agree_with_each_other() {
    for household in &city(800, 9).households {
        let spouse = household.members.iter().find(|m| m.relation == "spouse");
        for member in &household.members {
            let rows = |dataset: &str| member.records.more.get(dataset).map_or(&[][..], Vec::as_slice);
            let dead = member.records.hukou.as_ref().is_some_and(|h| h.cancel_reason.as_deref() == Some("death"));
            if dead {
                assert_eq!((rows("death_certificate").len(), rows("cremation").len()), (1, 1));
                let died = rows("death_certificate")[0].date("death_cert_date").unwrap();
                assert!(rows("medical").iter().all(|r| r.date("last_visit_date").unwrap() <= died));
            }
            for employer in rows("provident_fund").iter().filter(|r| r.text("account_status") == Some("normal")) {
                let base = employer.text("deposit_base");
                let wages = member.records.incomes.iter().filter(|i| i.kind == "wage");
                assert!(member.declared.unemployed || wages.into_iter().any(|i| base == Some(&i.gross.to_string())));
            }
        }
        if let Some(row) = household.members[0].records.more.get("marriage").and_then(|m| m.first())
            && row.text("marriage_status") == Some("married")
            && let Some(spouse) = spouse
        {
            assert_eq!(row.text("spouse_name"), Some(&*spouse.name));
        }
    }
}

#[test]
fn an_account_is_known_by_its_number_or_its_address() {
    let city = city(600, 7);
    let accounts = || city.households.iter().flat_map(|h| h.utilities.iter().map(move |a| (h, a)));
    assert!(accounts().filter(|(_, a)| !a.number_known).count() > 100);
    assert!(accounts().filter(|(h, a)| a.holder != h.members[0].name).count() > 50, "some are in a landlord's name");
    assert!(accounts().filter(|(h, a)| a.address != h.address).count() > 100, "clerks write addresses their own way");
    let addresses: std::collections::BTreeSet<_> = city.households.iter().map(|h| &h.address).collect();
    assert_eq!(addresses.len(), city.households.len(), "no two households have one address");
    let rows: Vec<Row> = accounts().flat_map(|(_, a)| UtilityAccount::rows(a)).take(3).collect();
    assert_eq!(rows[0].text("utility"), Some("water"));
    for (household, account) in accounts() {
        let said = household.intake()["members"][0]["accounts"].clone();
        let said = said.as_array().unwrap().iter().find(|a| a["utility"] == *account.utility).unwrap().clone();
        assert_eq!(said["account"].as_str(), account.number_known.then_some(account.account.as_str()));
        assert_eq!(said["address"], household.address);
    }
}
