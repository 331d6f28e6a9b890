//! Who lives together: sizes, ages, relations, obligors elsewhere.

use hedui_base::{Fen, ResidentId};
use jiff::ToSpan;
use jiff::civil::Date;

use super::{DeclaredByHousehold, DeclaredByPerson, Household, Person, income, names, possessions};
use crate::dice::Dice;
use crate::plant::Plan;
use crate::records::{Hukou, PersonRecords};
use crate::shape::{Band, CityShape};

/// Kinds of household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Composition {
    ElderlyAlone,
    ElderlyCouple,
    Disabled,
    DisabledWithParent,
    SingleParent,
    CoupleWithChildren,
    ThreeGenerations,
    AdultAlone,
}

use Composition as C;

const USUAL: [(u64, Composition); 8] = [
    (22, C::ElderlyAlone),
    (14, C::ElderlyCouple),
    (6, C::Disabled),
    (7, C::DisabledWithParent),
    (12, C::SingleParent),
    (22, C::CoupleWithChildren),
    (9, C::ThreeGenerations),
    (8, C::AdultAlone),
];

/// Builds people one after the other, each with a number nobody else in the city has.
struct Cast<'a> {
    dice: &'a mut Dice,
    as_of: Date,
    serial: u64,
    surname: &'static str,
}

impl Cast<'_> {
    /// Somebody of an age from `low` to `high`; `male` if it matters.
    fn person(&mut self, relation: &'static str, ages: (i64, i64), male: Option<bool>, own_surname: bool) -> Person {
        let male = male.unwrap_or_else(|| self.dice.chance(500));
        // Never within a month of a birthday, so that ages do not turn on the day the city is looked at.
        let days = self.dice.between(ages.0, ages.1) * 3653 / 10 + self.dice.between(40, 325);
        let birth = self.as_of.saturating_sub(days.days());
        let area = 990_000 + (self.serial / 500 % 10_000) as u32;
        let sequence = (self.serial % 500) as u16 * 2 + u16::from(male);
        self.serial += 1;
        let id = ResidentId::invented(area, birth, sequence);
        let id = id.unwrap_or_else(|| unreachable!("areas, sequences and birth dates are within their limits"));
        let surname = if own_surname { self.surname } else { names::surname(self.dice) };
        let name = names::full_name(surname, male, self.dice);
        let declared = DeclaredByPerson::default();
        Person { name, id, relation: relation.into(), declared, records: PersonRecords::default() }
    }

    /// Minor children, the youngest of age 1; the last one studies at a college if one who does is wanted.
    fn children(&mut self, count: i64, student: bool, members: &mut Vec<Person>) {
        for nth in 0..count {
            let grown = student && nth == count - 1;
            let ages = if grown { (19, 21) } else { (1, 16) };
            let mut child = self.person("child", ages, None, true);
            child.declared.student = child.age(self.as_of) >= 7;
            members.push(child);
        }
    }

    /// Members, and whether the applicant is married.
    fn members(&mut self, composition: Composition, student: bool) -> Vec<Person> {
        let mut members = Vec::new();
        match composition {
            C::ElderlyAlone => members.push(self.person("self", (66, 86), None, true)),
            C::ElderlyCouple => {
                members.push(self.person("self", (66, 80), Some(true), true));
                members.push(self.person("spouse", (64, 78), Some(false), false));
            }
            C::Disabled => members.push(self.person("self", (28, 54), None, true)),
            C::DisabledWithParent => {
                members.push(self.person("self", (28, 48), None, true));
                members.push(self.person("parent", (66, 76), None, true));
            }
            C::SingleParent => {
                members.push(self.person("self", (30, 46), Some(false), false));
                let count = 1 + i64::from(self.dice.chance(350));
                self.children(count, student, &mut members);
            }
            C::CoupleWithChildren => {
                members.push(self.person("self", (32, 48), Some(true), true));
                members.push(self.person("spouse", (30, 46), Some(false), false));
                let count = 1 + i64::from(self.dice.chance(400)) + i64::from(self.dice.chance(80));
                self.children(count, student, &mut members);
            }
            C::ThreeGenerations => {
                members.push(self.person("self", (34, 48), Some(true), true));
                members.push(self.person("spouse", (32, 46), Some(false), false));
                self.children(1, student, &mut members);
                members.push(self.person("parent", (66, 78), None, true));
                if self.dice.chance(300) {
                    self.children(1, false, &mut members);
                }
            }
            C::AdultAlone => members.push(self.person("self", (42, 56), None, true)),
        }
        if matches!(composition, C::Disabled | C::DisabledWithParent) {
            members[0].declared.severely_disabled = true;
        }
        members
    }

    /// Grown children elsewhere, for old people.
    fn obligors(&mut self, composition: Composition, wanted: Option<bool>) -> Vec<Person> {
        let old = matches!(composition, C::ElderlyAlone | C::ElderlyCouple);
        if !(old && wanted.unwrap_or_else(|| self.dice.chance(600))) {
            return Vec::new();
        }
        let count = self.dice.between(1, 3);
        (0..count)
            .map(|_| {
                let mut child = self.person("child", (30, 44), None, true);
                child.declared.obligor_children = Some(count);
                child
            })
            .collect()
    }
}

/// Who lives together, before anything else is known about them.
struct Beginning {
    band: Band,
    area: String,
    county: String,
    rural: bool,
    rare: bool,
    surname: &'static str,
    members: Vec<Person>,
    obligors: Vec<Person>,
}

fn begin(shape: &CityShape, as_of: Date, index: u32, plan: &Plan, dice: &mut Dice) -> Beginning {
    let composition = plan.composition(dice).unwrap_or_else(|| *dice.weighted(&USUAL));
    let rare = plan.is_clean() && dice.chance(shape.rare_names);
    let band = plan.band().unwrap_or_else(|| match dice.between(0, 99) {
        _ if rare => Band::Poor,
        0..70 => Band::Poor,
        70..85 => Band::NearPoor,
        _ => Band::Comfortable,
    });
    let (area, county, rural) = dice.pick(&shape.areas).clone();
    let rural = dice.chance(rural);
    let surname = names::surname(dice);
    let student = plan.student() || dice.chance(60);
    let mut cast = Cast { dice, as_of, serial: u64::from(index) * 16, surname };
    let members = cast.members(composition, student);
    let obligors = cast.obligors(composition, plan.obligor());
    Beginning { band, area, county, rural, rare, surname, members, obligors }
}

/// How many people a household has: members, and obligors elsewhere. Cheap: nothing else is invented.
pub(super) fn heads(shape: &CityShape, as_of: Date, index: u32, plan: &Plan, dice: &mut Dice) -> (usize, usize) {
    let begun = begin(shape, as_of, index, plan, dice);
    (begun.members.len(), begun.obligors.len())
}

/// Makes one household: people, incomes, possessions, all honest.
pub(super) fn household(shape: &CityShape, as_of: Date, index: u32, plan: &Plan, dice: &mut Dice) -> Household {
    let Beginning { band, area, county, rural, rare, surname, mut members, mut obligors } =
        begin(shape, as_of, index, plan, dice);
    if rare {
        members[0].name = names::rare_name(surname, dice);
    }
    let booklet = format!("HK{:08}", u64::from(index) + 1);
    let size = members.len() as i64;
    let married = members.iter().any(|m| m.relation == "spouse");
    for member in &mut members {
        member.records.hukou = Some(hukou(member, &area, rural, &booklet, size, married, as_of, dice));
    }
    for (i, obligor) in obligors.iter_mut().enumerate() {
        let (elsewhere, _, _) = dice.pick(&shape.areas);
        let booklet = format!("HK{:08}", 90_000_000 - (u64::from(index) * 4 + i as u64));
        obligor.records.hukou = Some(hukou(obligor, elsewhere, false, &booklet, 1, true, as_of, dice));
    }
    let address = names::address(&county, rural, index, dice);
    for member in &mut members {
        if let Some(hukou) = &mut member.records.hukou {
            hukou.hukou_address = address.clone();
        }
    }
    for obligor in &mut obligors {
        if let Some(hukou) = &mut obligor.records.hukou {
            hukou.hukou_address = names::address(&county, false, 500_000 + index, dice);
        }
    }
    let in_receipt = plan.receipt().unwrap_or_else(|| band == Band::Poor && dice.chance(shape.in_receipt * 10 / 7));
    let enrolled_on = in_receipt.then(|| as_of.saturating_sub(dice.between(200, 900).days()));
    let mut household = Household {
        case: format!("ZJ-{:06}", u64::from(index) + 1),
        area,
        residence: if rural { "rural" } else { "urban" }.into(),
        in_receipt,
        enrolled_on,
        current_amount: Fen::ZERO,
        members,
        obligors,
        declared: DeclaredByHousehold::default(),
        address,
        utilities: Vec::new(),
        letter_from: as_of.saturating_sub(dice.between(10, 60).days()),
    };
    if !in_receipt {
        household.declared.applied_on = Some(household.letter_from);
    }
    income::give(&mut household, shape, band, as_of, dice);
    possessions::give(&mut household, shape, index, as_of, dice);
    if in_receipt {
        // About what tops the household up; the bureau's own books know the exact amount.
        let (_, high) = income::a_head(&household);
        let gap = (shape.line.fen() - high.fen()).max(10_000) * size;
        household.current_amount = Fen::new(gap / 1000 * 1000);
    }
    household
}

#[expect(clippy::too_many_arguments, reason = "one register entry, written once")]
fn hukou(
    person: &Person,
    area: &str,
    rural: bool,
    booklet: &str,
    members: i64,
    married: bool,
    as_of: Date,
    dice: &mut Dice,
) -> Hukou {
    let age = person.age(as_of);
    let marital = match &*person.relation {
        "spouse" => "married",
        "self" if married => "married",
        "parent" => "widowed",
        "child" if age < 24 => "single",
        "child" => "married",
        _ if age >= 60 => "widowed",
        _ => *dice.pick(&["single", "divorced"]),
    };
    let relation = match (&*person.relation, members) {
        (_, 1) => "self",
        (relation, _) => relation,
    };
    Hukou {
        area: area.to_owned(),
        booklet_no: booklet.to_owned(),
        booklet_members: members,
        relation: relation.to_owned().into(),
        birth_date: person.id.birth_date(),
        sex: if person.id.is_male() { "male" } else { "female" }.into(),
        hukou_type: if rural { "rural" } else { "urban" }.into(),
        status: "normal".into(),
        cancel_reason: None,
        cancelled_on: None,
        marital: marital.into(),
        custody: "none".into(),
        exits_12m: 0,
        nation_code: (*dice.weighted(&[(96, "01"), (2, "03"), (1, "08"), (1, "11")])).into(),
        hukou_address: String::new(),
        move_in_date: dice.chance(300).then(|| as_of.saturating_sub((dice.between(2, 330) * age.max(1)).days())),
        former_name: dice.chance(10).then(|| names::full_name(&person.name[..3], person.id.is_male(), dice)),
    }
}
