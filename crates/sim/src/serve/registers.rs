//! What the institutions of a city hold: every register once, compact, shared by all that are served.
//!
//! A person's rows of one dataset are kept as the JSON they would be written as, and read when somebody asks: a city of
//! 20,000 households with some seventy sources starts at once and stays small.

use std::collections::{BTreeMap, HashMap};

use hedui_base::{Month, ResidentId};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value as Json;

use crate::city::{City, Person};
use crate::records::{Row, UtilityAccount};

/// Which rows of a dataset an institution answers from, where several hold some of them.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    pub(super) dataset: String,
    pub(super) institution: String,
    /// Columns that always have one value in its answers: rows with all of these values are its own, whatever its folder
    /// is called.
    pub(super) always: Vec<(String, String)>,
}

impl Holding {
    /// Whether a row is among them. `_institution` names the holder; a deposit's `bank` is the same thing under its older
    /// name. A row that names nobody is everybody's.
    fn has(&self, row: &Row) -> bool {
        let named = ["_institution", "bank"].iter().find_map(|key| row.get(key));
        let says = |column: &str, text: &str| row.get(column).and_then(Json::as_str) == Some(text);
        named.and_then(Json::as_str).is_none_or(|holder| holder == self.institution)
            || (!self.always.is_empty() && self.always.iter().all(|(column, text)| says(column, text)))
    }
}

/// Whatever is registered about everybody in a city.
pub(super) struct Registers {
    pub(super) seed: u64,
    pub(super) as_of: Date,
    /// Closed months that registers cover, oldest first.
    pub(super) months: Vec<Month>,
    sets: HashMap<String, u16>,
    /// By number, in order.
    people: Vec<(Box<str>, Held)>,
    /// Numbers by their old form of 15 digits.
    old: HashMap<Box<str>, u32>,
    meters: BTreeMap<String, Vec<UtilityAccount>>,
}

/// One person.
struct Held {
    name: Box<str>,
    rows: Box<[(u16, Box<[u8]>)]>,
}

impl Registers {
    /// Reads a city's registers.
    pub(super) fn new(city: &City) -> Self {
        let mut sets = HashMap::new();
        let mut people: BTreeMap<Box<str>, Held> = BTreeMap::new();
        for person in city.households.iter().flat_map(|h| h.members.iter().chain(&h.obligors)) {
            let held = Held { name: person.name.as_str().into(), rows: written(person, &mut sets) };
            people.insert(person.id.reveal().into(), held);
        }
        let mut meters: BTreeMap<String, Vec<UtilityAccount>> = BTreeMap::new();
        for account in city.households.iter().flat_map(|h| &h.utilities) {
            meters.entry(account.utility.to_string()).or_default().push(account.clone());
        }
        let people: Vec<(Box<str>, Held)> = people.into_iter().collect();
        let old = people.iter().zip(0..).filter_map(|((id, _), at)| {
            let old = ResidentId::parse(id).ok()?.old_form()?;
            Some((old.into_boxed_str(), at))
        });
        Self {
            old: old.collect(),
            seed: city.options.seed,
            as_of: city.as_of,
            months: crate::city::closed_months(&city.shape, city.as_of).collect(),
            sets,
            people,
            meters,
        }
    }

    fn held(&self, id: &str) -> Option<&Held> {
        let at = self.people.binary_search_by(|(known, _)| (**known).cmp(id)).ok()?;
        Some(&self.people[at].1)
    }

    /// The number of 18 characters behind an old one of 15 digits.
    pub(super) fn modern(&self, old: &str) -> Option<&str> {
        let at = usize::try_from(*self.old.get(old)?).ok()?;
        self.people.get(at).map(|(id, _)| &**id)
    }

    /// A person's rows in one dataset, in canonical form; where several institutions hold it, only those of this one.
    pub(super) fn rows(&self, id: &str, holding: &Holding) -> Vec<Row> {
        let (Some(set), Some(held)) = (self.sets.get(&holding.dataset), self.held(id)) else { return Vec::new() };
        rows_of(held, *set, holding)
    }

    /// Everybody who has rows in one dataset at an institution: number, name, rows; by number.
    pub(super) fn holders<'a>(
        &'a self,
        holding: &'a Holding,
    ) -> impl Iterator<Item = (&'a str, &'a str, Vec<Row>)> + use<'a> {
        let set = self.sets.get(&holding.dataset).copied();
        self.people.iter().filter_map(move |(id, held)| {
            let rows = rows_of(held, set?, holding);
            if rows.is_empty() { None } else { Some((&**id, &*held.name, rows)) }
        })
    }

    /// Rows of all accounts at a utility in one month, in canonical form.
    pub(super) fn meters(&self, utility: &str, month: Month) -> impl Iterator<Item = Row> {
        let meters = self.meters.get(utility).map_or(&[][..], Vec::as_slice);
        meters.iter().filter_map(move |account| account.row(month))
    }
}

/// All of a person's rows, one JSON list a dataset.
fn written(person: &Person, sets: &mut HashMap<String, u16>) -> Box<[(u16, Box<[u8]>)]> {
    fn list<T: Serialize>(rows: &[T]) -> Option<Vec<u8>> {
        if rows.is_empty() { None } else { serde_json::to_vec(rows).ok() }
    }
    let records = &person.records;
    let typed = [
        ("hukou", list(records.hukou.as_slice())),
        ("vehicle", list(&records.vehicles)),
        ("employment_income", list(&records.incomes)),
        ("social_insurance", list(&records.insurance)),
        ("pension_income", list(&records.pensions)),
        ("housing", list(&records.homes)),
        ("deposit", list(&records.deposits)),
        ("business", list(&records.businesses)),
        ("security", list(&records.securities)),
        ("insurance", list(&records.policies)),
        ("wallet", list(&records.wallets)),
    ];
    let typed = typed.into_iter().map(|(name, rows)| (name.to_owned(), rows));
    let more = records.more.iter().map(|(name, rows)| (name.clone(), list(rows)));
    typed
        .chain(more)
        .filter_map(|(name, rows)| {
            let next = u16::try_from(sets.len()).ok()?;
            let set = *sets.entry(name).or_insert(next);
            Some((set, rows?.into_boxed_slice()))
        })
        .collect()
}

fn rows_of(held: &Held, set: u16, holding: &Holding) -> Vec<Row> {
    let lists = held.rows.iter().filter(|(s, _)| *s == set);
    let rows = lists.flat_map(|(_, bytes)| serde_json::from_slice::<Vec<Row>>(bytes).unwrap_or_default());
    rows.filter(|row| holding.has(row)).collect()
}
