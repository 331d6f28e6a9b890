//! JSON to intake, listing every problem and going on.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use hedui_base::diagnostic::nearest;
use hedui_base::{AreaCode, CaseId, ResidentId};
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::{Intake, IntakeAccount, IntakeHousehold, IntakeLetter, IntakePerson};
use crate::Problem;

type Problems = Vec<Problem>;

/// Utilities that accounts may be at.
const UTILITIES: [&str; 5] = ["water", "power", "gas", "telecom", "cable"];
/// Relations that a member or obligor may have to the applicant.
const RELATIONS: [&str; 8] = ["self", "spouse", "child", "parent", "grandparent", "grandchild", "sibling", "other"];

fn tell(problems: &mut Problems, at: &str, code: &str, message: impl Into<String>) {
    problems.push(Problem { at: at.to_owned(), code: code.to_owned(), message: message.into() });
}

/// An object at a pointer, with the keys it may have.
struct Object<'a> {
    map: &'a Map<String, Value>,
    at: &'a str,
}

impl<'a> Object<'a> {
    fn open(value: &'a Value, at: &'a str, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let Value::Object(map) = value else {
            tell(problems, at, "not_object", "an object is expected here");
            return None;
        };
        for key in map.keys().filter(|k| !known.contains(&k.as_str())) {
            // An unknown key may hold anything, so it is only repeated when it looks like a name of ours.
            let shown =
                if key.len() <= 40 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') { key } else { "?" };
            let hint = nearest(key, known.iter().copied())
                .map_or_else(|| format!("known are {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
            tell(problems, &format!("{at}/{shown}"), "unknown_key", format!("unknown key; {hint}"));
        }
        Some(Self { map, at })
    }

    fn at(&self, key: &str) -> String {
        format!("{}/{key}", self.at)
    }

    /// A present, not null value.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        match self.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() && text.chars().count() <= 200 => {
                Some(text.trim().to_owned())
            }
            Some(Value::String(text)) if text.trim().is_empty() => {
                tell(problems, &self.at(key), "empty", "must not be empty");
                None
            }
            Some(Value::String(_)) => {
                tell(problems, &self.at(key), "too_long", "at most 200 characters");
                None
            }
            Some(_) => {
                tell(problems, &self.at(key), "not_text", "a text is expected here");
                None
            }
            None => {
                tell(problems, &self.at(key), "missing", format!("`{key}` is required"));
                None
            }
        }
    }

    fn optional_text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        self.get(key).and_then(|_| self.text(key, problems))
    }

    fn bool(&self, key: &str, problems: &mut Problems) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::Bool(b)) => *b,
            Some(_) => {
                tell(problems, &self.at(key), "not_bool", "write true or false");
                false
            }
        }
    }

    fn date(&self, key: &str, problems: &mut Problems) -> Option<Date> {
        let text = match self.get(key)? {
            Value::String(text) => text,
            _ => "",
        };
        let day = Date::from_str(text).ok();
        if day.is_none() {
            tell(problems, &self.at(key), "bad_date", "write a day as YYYY-MM-DD");
        }
        day
    }

    fn required_date(&self, key: &str, problems: &mut Problems) -> Option<Date> {
        if self.get(key).is_none() {
            tell(problems, &self.at(key), "missing", format!("`{key}` is required"));
        }
        self.date(key, problems)
    }

    fn list(&self, key: &str, required: bool, problems: &mut Problems) -> &'a [Value] {
        match self.get(key) {
            Some(Value::Array(list)) => list,
            Some(_) => {
                tell(problems, &self.at(key), "not_list", "a list is expected here");
                &[]
            }
            None => {
                if required {
                    tell(problems, &self.at(key), "missing", format!("`{key}` is required"));
                }
                &[]
            }
        }
    }

    fn texts(&self, key: &str, problems: &mut Problems) -> Vec<String> {
        let list = self.list(key, true, problems);
        let mut texts = Vec::with_capacity(list.len());
        for (i, value) in list.iter().enumerate() {
            match value {
                Value::String(text) if !text.trim().is_empty() => texts.push(text.trim().to_owned()),
                _ => tell(problems, &format!("{}/{i}", self.at(key)), "not_text", "a text is expected here"),
            }
        }
        texts
    }

    fn declared(&self, problems: &mut Problems) -> BTreeMap<String, Value> {
        match self.get("declared") {
            None => BTreeMap::new(),
            Some(Value::Object(map)) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            Some(_) => {
                tell(problems, &self.at("declared"), "not_object", "an object of inputs is expected here");
                BTreeMap::new()
            }
        }
    }
}

pub(super) fn intake(value: &Value, problems: &mut Problems) -> Option<Intake> {
    let object = Object::open(value, "", &["households"], problems)?;
    let list = object.list("households", true, problems);
    let mut cases = BTreeSet::new();
    let mut households = Vec::with_capacity(list.len());
    for (i, value) in list.iter().enumerate() {
        let at = format!("/households/{i}");
        if let Some(household) = household(value, &at, problems) {
            if !cases.insert(household.case.clone()) {
                tell(problems, &format!("{at}/case"), "duplicate_case", "this case number stands twice in the intake");
            }
            households.push(household);
        }
    }
    Some(Intake { households })
}

const HOUSEHOLD_KEYS: [&str; 10] =
    ["case", "scheme", "area", "residence", "in_receipt", "enrolled_on", "members", "obligors", "declared", "letter"];

pub(super) fn household(value: &Value, at: &str, problems: &mut Problems) -> Option<IntakeHousehold> {
    let object = Object::open(value, at, &HOUSEHOLD_KEYS, problems)?;
    let case = object.text("case", problems);
    if case.as_ref().is_some_and(|c| !is_case_number(c)) {
        tell(
            problems,
            &object.at("case"),
            "bad_case",
            "a case number is letters, digits, `-`, `_` and `.`, at most 64",
        );
    }
    let scheme = object.text("scheme", problems);
    let area = object.text("area", problems).and_then(|text| {
        AreaCode::parse(&text).map_err(|e| tell(problems, &object.at("area"), "bad_area", e.to_string())).ok()
    });
    let residence = object.text("residence", problems);
    if residence.as_ref().is_some_and(|r| r != "urban" && r != "rural") {
        tell(problems, &object.at("residence"), "unknown_code", "one of urban, rural");
    }
    let members = people(&object, "members", problems);
    let obligors = people(&object, "obligors", problems);
    let applicants = members.iter().filter(|p| p.relation == "self").count();
    if applicants != 1 && problems.is_empty() {
        let message = "exactly one member must be the applicant (relation `self`)";
        tell(problems, &object.at("members"), "applicant", message);
    }
    if obligors.iter().any(|p| p.relation == "self") {
        tell(problems, &object.at("obligors"), "applicant", "the applicant is a member, not an obligor");
    }
    repeated_people(&object, &members, &obligors, problems);
    let enrolled_on = object.date("enrolled_on", problems);
    let letter = object.get("letter").and_then(|value| letter(value, &object.at("letter"), problems));
    Some(IntakeHousehold {
        case: CaseId::from(case?),
        scheme: scheme?,
        area: area?,
        residence: residence?,
        in_receipt: object.bool("in_receipt", problems),
        enrolled_on,
        members,
        obligors,
        declared: object.declared(problems),
        letter,
    })
}

fn is_case_number(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn repeated_people(
    household: &Object<'_>,
    members: &[IntakePerson],
    obligors: &[IntakePerson],
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for (list, people) in [("members", members), ("obligors", obligors)] {
        for (i, person) in people.iter().enumerate() {
            if let Ok(id) = ResidentId::parse(&person.id_number)
                && !seen.insert(id)
            {
                let at = format!("{}/{i}/id_number", household.at(list));
                tell(problems, &at, "duplicate_person", "this person stands twice in the household");
            }
        }
    }
}

fn people(household: &Object<'_>, key: &str, problems: &mut Problems) -> Vec<IntakePerson> {
    let list = household.list(key, key == "members", problems);
    list.iter().enumerate().filter_map(|(i, v)| person(v, &format!("{}/{i}", household.at(key)), problems)).collect()
}

fn person(value: &Value, at: &str, problems: &mut Problems) -> Option<IntakePerson> {
    let keys = ["name", "id_number", "relation", "declared", "accounts"];
    let object = Object::open(value, at, &keys, problems)?;
    let name = object.text("name", problems);
    let id_number = object.text("id_number", problems);
    if let Some(Err(error)) = id_number.as_deref().map(ResidentId::parse) {
        tell(problems, &object.at("id_number"), error.code(), error.to_string());
    }
    let relation = object.text("relation", problems);
    if relation.as_ref().is_some_and(|r| !RELATIONS.contains(&r.as_str())) {
        tell(problems, &object.at("relation"), "unknown_code", format!("one of {}", RELATIONS.join(", ")));
    }
    let mut accounts = Vec::new();
    for (i, value) in object.list("accounts", false, problems).iter().enumerate() {
        let at = format!("{}/{i}", object.at("accounts"));
        accounts.extend(account(value, &at, problems));
    }
    let declared = object.declared(problems);
    Some(IntakePerson { name: name?, id_number: id_number?, relation: relation?, declared, accounts })
}

fn account(value: &Value, at: &str, problems: &mut Problems) -> Option<IntakeAccount> {
    let object = Object::open(value, at, &["utility", "account", "address"], problems)?;
    let utility = object.text("utility", problems);
    if utility.as_ref().is_some_and(|u| !UTILITIES.contains(&u.as_str())) {
        tell(problems, &object.at("utility"), "unknown_code", format!("one of {}", UTILITIES.join(", ")));
    }
    let account = object.optional_text("account", problems);
    let address = object.optional_text("address", problems);
    if account.is_none() && address.is_none() {
        tell(problems, &object.at("account"), "missing", "an account is known by its number or its address");
    }
    Some(IntakeAccount { utility: utility?, account, address })
}

fn letter(value: &Value, at: &str, problems: &mut Problems) -> Option<IntakeLetter> {
    let keys = ["number", "purposes", "scopes", "covers", "valid_from", "valid_until"];
    let object = Object::open(value, at, &keys, problems)?;
    let number = object.text("number", problems);
    let purposes = object.texts("purposes", problems);
    let scopes = object.texts("scopes", problems);
    let covers = object.texts("covers", problems);
    for (i, text) in covers.iter().enumerate() {
        if let Err(error) = ResidentId::parse(text) {
            tell(problems, &format!("{}/{i}", object.at("covers")), error.code(), error.to_string());
        }
    }
    let valid_from = object.required_date("valid_from", problems);
    let valid_until = object.date("valid_until", problems);
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && until < from
    {
        tell(problems, &object.at("valid_until"), "bad_date", "the last day lies before the first");
    }
    Some(IntakeLetter { number: number?, purposes, scopes, covers, valid_from: valid_from?, valid_until })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Value {
        let applicant = ResidentId::invented(990_000, "1970-01-01".parse().unwrap(), 1).unwrap();
        json!({ "households": [{
            "case": "ZJ-000001", "scheme": "dibao", "area": "321102", "residence": "urban",
            "members": [{ "name": "测试", "id_number": applicant.reveal(), "relation": "self" }],
            "letter": { "number": "L-1", "purposes": ["dibao"], "scopes": ["*"], "covers": [applicant.reveal()],
                        "valid_from": "2026-05-01", "valid_until": null }
        }] })
    }

    #[test]
    fn a_small_intake_is_read() {
        let intake = Intake::from_json(&sample()).unwrap();
        assert_eq!(intake.households[0].members[0].relation, "self");
        assert!(!intake.households[0].in_receipt);
        assert_eq!(Intake::parse(&serde_json::to_string(&intake).unwrap()).unwrap(), intake, "written and read again");
    }

    #[test]
    fn every_problem_has_a_pointer_and_no_value() {
        let mut bad = sample();
        let household = &mut bad["households"][0];
        household["residense"] = json!("urban");
        household["area"] = json!("32110x");
        household["members"][0]["id_number"] = json!("4.40524E+17");
        household["letter"]["covers"][0] = json!("990000197001010019");
        household["letter"]["valid_from"] = json!("01.05.2026");
        let mut problems = Vec::new();
        intake(&bad, &mut problems);
        let found: Vec<_> = problems.iter().map(|p| (p.at.as_str(), p.code.as_str())).collect();
        for expected in [
            ("/households/0/residense", "unknown_key"),
            ("/households/0/area", "bad_area"),
            ("/households/0/members/0/id_number", "id_precision_lost"),
            ("/households/0/letter/covers/0", "id_check_digit"),
            ("/households/0/letter/valid_from", "bad_date"),
        ] {
            assert!(found.contains(&expected), "{expected:?} in {found:?}");
        }
        let shown = format!("{problems:?}");
        assert!(!shown.contains("4.405") && !shown.contains("19700101"), "{shown}");
    }

    #[test]
    fn twice_the_same_person_or_case_is_a_problem() {
        let mut twice = sample();
        let member = twice["households"][0]["members"][0].clone();
        twice["households"][0]["members"].as_array_mut().unwrap().push(member);
        let household = twice["households"][0].clone();
        twice["households"].as_array_mut().unwrap().push(household);
        let mut problems = Vec::new();
        intake(&twice, &mut problems);
        let codes: BTreeSet<_> = problems.iter().map(|p| p.code.as_str()).collect();
        assert!(codes.contains("duplicate_person") && codes.contains("duplicate_case"), "{codes:?}");
    }
}
