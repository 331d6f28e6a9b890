//! Places that were renamed or merged: what an old name is today.
//!
//! A line of level `county` says in which city a county-level city lies: `county,句容市,镇江市,`. By them `句容市` alone is not taken
//! for a city of its own, and `镇江香江花园` begins with a city.
//!
//! A table `level,old,new,within` beside the institutions (`connectors/places/*.csv`), which an operator extends with a
//! folder `_places`. `within` is the city in which the name was changed; empty means everywhere.

use std::collections::HashMap;
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};

/// What sort of place a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    City,
    District,
    Town,
    Village,
    Road,
    Estate,
}

const LEVELS: [(&str, Level); 6] = [
    ("city", Level::City),
    ("district", Level::District),
    ("town", Level::Town),
    ("village", Level::Village),
    ("road", Level::Road),
    ("estate", Level::Estate),
];

/// A change of name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Renamed {
    within: Option<Box<str>>,
    new: Box<str>,
}

/// New names by old ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    names: HashMap<(Level, Box<str>), Vec<Renamed>>,
    /// County-level cities, and the city each lies in.
    counties: HashMap<Box<str>, Box<str>>,
    /// Those cities, each once.
    cities: Vec<Box<str>>,
}

impl Places {
    /// Reads tables; a wrong line is a diagnostic and left out.
    pub(crate) fn read(files: &[Arc<SourceText>]) -> (Self, Vec<Diagnostic>) {
        let mut places = Self::default();
        let mut diagnostics = Vec::new();
        for file in files {
            let mut offset = 0;
            for (index, line) in file.text.split_inclusive('\n').enumerate() {
                let span = offset..offset + line.trim_end().len();
                offset += line.len();
                let line = line.trim();
                let mut wrong = |text: &str| {
                    diagnostics.push(
                        Diagnostic::error("connect::bad_places", text.to_owned())
                            .at(file, span.clone(), "this line")
                            .help(
                                "level,old,new,within with level county, city, district, town, village, road or estate",
                            ),
                    );
                };
                if index == 0 {
                    if line.trim_start_matches('\u{feff}') != "level,old,new,within" {
                        wrong("the first line must be level,old,new,within");
                    }
                    continue;
                }
                if line.is_empty() {
                    continue;
                }
                let cells: Vec<&str> = line.split(',').map(str::trim).collect();
                let [level, old, new, within] = cells[..] else {
                    wrong("a line is level,old,new,within");
                    continue;
                };
                if level == "county" && !old.is_empty() && !new.is_empty() {
                    places.counties.insert(old.into(), new.into());
                    if !places.is_city(new) {
                        places.cities.push(new.into());
                    }
                    continue;
                }
                let Some((_, level)) = LEVELS.iter().find(|(word, _)| *word == level) else {
                    wrong("this is no level of a place");
                    continue;
                };
                if old.is_empty() || new.is_empty() || old == new {
                    wrong("an old name and another new one");
                    continue;
                }
                places.add(*level, old, new, within);
            }
        }
        (places, diagnostics)
    }

    pub(crate) fn add(&mut self, level: Level, old: &str, new: &str, within: &str) {
        let within = (!within.is_empty()).then(|| within.into());
        self.names.entry((level, old.into())).or_default().push(Renamed { within, new: new.into() });
    }

    /// The city that a county-level city lies in.
    pub(crate) fn city_of(&self, county: &str) -> Option<&str> {
        self.counties.get(county).map(|city| &**city)
    }

    /// Whether a name is known to be a city with districts, and no county-level one.
    pub(crate) fn is_city(&self, name: &str) -> bool {
        self.cities.iter().any(|city| **city == *name)
    }

    /// The known city with whose name a text begins, without its last word: `镇江` for `镇江市`.
    pub(crate) fn city_begun(&self, begins: impl Fn(&str) -> bool) -> Option<&str> {
        self.cities.iter().map(|city| &**city).find(|city| city.strip_suffix('市').is_some_and(&begins))
    }

    /// What a place is called now; none if it still is called so.
    pub(crate) fn now(&self, level: Level, old: &str, city: Option<&str>) -> Option<&str> {
        if self.names.is_empty() {
            return None;
        }
        let names = self.names.get(&(level, old.into()))?;
        // An address that leaves its city out is taken to lie where its institution is.
        let fits = |within: &Option<Box<str>>| match (within.as_deref(), city) {
            (Some(within), Some(city)) => within == city,
            _ => true,
        };
        names.iter().find(|renamed| fits(&renamed.within)).map(|renamed| &*renamed.new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_table_of_places_is_read_and_its_mistakes_are_named() {
        let text = "level,old,new,within\ndistrict,丹徒县,丹徒区,镇江市\nroad,中山桥路,中山东路,\nstreet,a,b,\nroad,x,x,\nroad,y\n";
        let (places, diagnostics) = Places::read(&[SourceText::new("_places/a.csv", text)]);
        assert_eq!(diagnostics.len(), 3);
        assert_eq!(places.now(Level::District, "丹徒县", Some("镇江市")), Some("丹徒区"));
        assert_eq!(places.now(Level::District, "丹徒县", Some("南京市")), None);
        assert_eq!(places.now(Level::Road, "中山桥路", None), Some("中山东路"));
        assert!(diagnostics[0].to_string().contains("_places/a.csv"));
        let (places, _) = Places::read(&[SourceText::new("a.csv", "level,old,new,within\ncounty,句容市,镇江市,\n")]);
        assert_eq!(
            (places.city_of("句容市"), places.city_begun(|stem| "镇江香江".starts_with(stem))),
            (Some("镇江市"), Some("镇江市"))
        );
        assert!(places.is_city("镇江市") && !places.is_city("句容市"));
    }
}
