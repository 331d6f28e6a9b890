//! What kind of household a case is, as far as its declared inputs tell.

use hedui_base::catalogue::NullMeaning;
use hedui_base::columns::days_to_date;
use hedui_engine::input::{Caseload, Persons, Role};
use hedui_rules::Program;
use hedui_rules::program::{Input, ParameterValue};
use jiff::civil::Date;
use serde::Serialize;

/// What groups of households are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Area code.
    Area,
    /// Members counted.
    Size,
    /// `urban`, `rural`.
    Residence,
    /// Whether aid is being paid now.
    InReceipt,
    /// Whether a member has reached the pack's `elderly_age` or `tekun_old_age`.
    HasElderly,
    /// Whether a member is below the pack's `adult_age`.
    HasMinor,
    /// Whether a member is declared disabled.
    HasDisabled,
}

impl Dimension {
    /// Those of the type of a household.
    pub(super) const TYPES: [Self; 6] =
        [Self::Size, Self::Residence, Self::InReceipt, Self::HasElderly, Self::HasMinor, Self::HasDisabled];

    /// As officials say it.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Area => "地区",
            Self::Size => "家庭人口",
            Self::Residence => "城乡",
            Self::InReceipt => "是否在享",
            Self::HasElderly => "有老年人",
            Self::HasMinor => "有未成年人",
            Self::HasDisabled => "有残疾人",
        }
    }
}

/// The type of one household: one word for each of [`Dimension::TYPES`].
pub(super) struct HouseholdType {
    pub(super) words: [String; 6],
    pub(super) in_receipt: bool,
}

/// The types of all households of a caseload, row by row.
pub(super) fn household_types(program: &Program, caseload: &Caseload, day: Date) -> Vec<HouseholdType> {
    let (cases, persons) = (&caseload.cases, &caseload.persons);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); cases.id.len()];
    for (person, case) in persons.case.iter().enumerate() {
        if persons.role[person] == Role::Member
            && let Some(own) = members.get_mut(*case as usize)
        {
            own.push(person);
        }
    }
    let disabled: Vec<&Input> =
        DISABLED.iter().filter_map(|name| program.inputs.iter().find(|i| i.name == *name)).collect();
    members
        .iter()
        .enumerate()
        .map(|(row, members)| {
            let place = (cases.area[row], cases.residence[row].as_deref());
            let years = |name| age_limit(program, name, place, day);
            let ages: Vec<Option<i64>> =
                members.iter().map(|p| age(days_to_date(persons.inputs.int("birth_date", *p)?)?, day)).collect();
            let any_age = |limit: Option<i64>, above: bool| {
                let holds = |age: Option<i64>| Some((age? >= limit?) == above);
                any(ages.iter().map(|age| holds(*age)))
            };
            let declared = |p: &usize| disability(&disabled, persons, *p);
            let received = cases.inputs.int("in_receipt", row);
            let residence = cases.residence[row].as_deref().unwrap_or("unknown");
            HouseholdType {
                words: [
                    if members.len() < MANY { members.len().to_string() } else { format!("{MANY}+") },
                    residence.to_owned(),
                    word(received.map(|v| v != 0)).to_owned(),
                    any_age(years("elderly_age").or_else(|| years("tekun_old_age")), true).to_owned(),
                    any_age(years("adult_age"), false).to_owned(),
                    any(members.iter().map(declared)).to_owned(),
                ],
                in_receipt: received == Some(1),
            }
        })
        .collect()
}

/// From so many members on, sizes are told as one.
const MANY: usize = 6;

/// Inputs that say whether a person is disabled.
const DISABLED: [&str; 3] = ["declared_disability_level", "disabled", "severely_disabled"];

/// Whether any of the inputs says that a person is disabled; none if the pack has none of them, or all are unknown.
fn disability(inputs: &[&Input], persons: &Persons, person: usize) -> Option<bool> {
    let said = inputs.iter().map(|input| match (persons.inputs.int(&input.name, person), &input.default) {
        (Some(value), _) => Some(value != 0),
        (None, Some(ParameterValue::Int(value))) => Some(*value != 0),
        (None, _) => (input.spec.null == NullMeaning::None).then_some(false),
    });
    said.reduce(|a, b| if a == Some(true) || b == Some(true) { Some(true) } else { a.and(b) }).flatten()
}

/// An age that the pack states as a parameter without further keys, in whole years.
fn age_limit(
    program: &Program,
    name: &str,
    (area, residence): (hedui_base::AreaCode, Option<&str>),
    day: Date,
) -> Option<i64> {
    let parameter = program.parameters.iter().find(|p| p.name == name && p.keys.is_empty())?;
    parameter.read(parameter.lookup(area, residence, &[], day)?, 0)
}

/// Whole years; none before birth.
fn age(born: Date, day: Date) -> Option<i64> {
    let years = i64::from(day.year()) - i64::from(born.year());
    let years = if (day.month(), day.day()) < (born.month(), born.day()) { years - 1 } else { years };
    (years >= 0).then_some(years)
}

/// `yes` if any is, `unknown` if none is for certain and one may be.
fn any(mut each: impl Iterator<Item = Option<bool>>) -> &'static str {
    let mut open = false;
    if each.any(|one| {
        open |= one.is_none();
        one == Some(true)
    }) {
        return word(Some(true));
    }
    word(if open { None } else { Some(false) })
}

const fn word(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
