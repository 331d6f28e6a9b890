//! How surely two addresses are one home, in ten thousandths.
//!
//! What differs caps the score, what is missing on one side costs a little, and what is missing on both costs nothing.

use super::{Address, CERTAIN, UNCERTAIN};

/// A number that differs: the flat next door has nearly the same address.
const OTHER_NUMBER: i64 = 4_000;
/// Another province, city or district.
const OTHER_AREA: i64 = 3_000;
/// Another road, or another estate where no road says better.
const OTHER_NAME: i64 = 5_000;
/// Another town or village, which were merged and renamed so often that a person should look.
const OTHER_TOWN: i64 = 8_500;
/// Nothing in common that a home is found by.
const NO_ANCHOR: i64 = 5_000;
/// A flat and its garage have the same address.
const OTHER_ANNEX: i64 = 8_000;

/// How alike two addresses are: the same whichever comes first.
pub(crate) fn score(a: &Address, b: &Address) -> i64 {
    if a.whole == b.whole {
        return if a.whole.is_empty() { 0 } else { CERTAIN };
    }
    let mut marks = Marks { cost: 0, cap: CERTAIN };
    let both = |x: &Option<Box<str>>, y: &Option<Box<str>>| x.is_some() && x == y;
    let (road, house) = (both(&a.road, &b.road), both(&a.house, &b.house));
    let estate = a.estate.is_some() && a.estate_core() == b.estate_core();
    let (building, room) = (both(&a.building, &b.building), both(&a.room, &b.room));
    marks.differs(&a.province, &b.province, OTHER_AREA, 20);
    areas(a, b, &mut marks);
    marks.differs(&a.town, &b.town, OTHER_TOWN, 50);
    marks.differs(&a.village, &b.village, OTHER_TOWN, 100);
    marks.differs(&a.lane, &b.lane, OTHER_NUMBER, 900);
    marks.differs(&a.group, &b.group, OTHER_NUMBER, 900);
    // An estate that agrees says where it is without its road and the number at its gate.
    let missing = if estate { 150 } else { 1_200 };
    marks.differs(&a.road, &b.road, OTHER_NAME, missing);
    marks.differs(&a.house, &b.house, OTHER_NUMBER, missing);
    marks.differs(&a.building, &b.building, OTHER_NUMBER, 1_500);
    marks.differs(&a.unit, &b.unit, OTHER_NUMBER, 400);
    marks.differs(&a.room, &b.room, OTHER_NUMBER, 1_500);
    match (a.estate_core(), b.estate_core()) {
        (Some(_), Some(_)) if !estate => {
            if road && house {
                marks.cost += 1_200;
            } else {
                marks.cap(OTHER_NAME);
            }
        }
        (Some(_), None) | (None, Some(_)) => marks.cost += if road && house { 150 } else { 1_200 },
        _ => {}
    }
    if a.annex != b.annex {
        marks.cap(OTHER_ANNEX);
    }
    let named = road || estate || both(&a.village, &b.village);
    let numbered = house || building || room || both(&a.group, &b.group);
    if !named || !numbered {
        marks.cap(NO_ANCHOR);
    }
    // What is only missing may still be the same home: then a person must look, however much is missing.
    (CERTAIN - marks.cost.min(CERTAIN - UNCERTAIN)).min(marks.cap)
}

/// City and district. A city that stands alone may be the other's district, or contain it, or be neither.
fn areas(a: &Address, b: &Address, marks: &mut Marks) {
    let alone = |x: &Address, y: &Address| x.vague_city && y.district.is_some() && x.city == y.district;
    if alone(a, b) || alone(b, a) {
        return;
    }
    let maybe = |x: &Address, y: &Address| x.vague_city && y.district.is_some() && y.city.is_none();
    if maybe(a, b) || maybe(b, a) {
        marks.cost += 900;
        return;
    }
    marks.differs(&a.city, &b.city, OTHER_AREA, 50);
    marks.differs(&a.district, &b.district, OTHER_AREA, 100);
}

struct Marks {
    cost: i64,
    cap: i64,
}

impl Marks {
    fn cap(&mut self, cap: i64) {
        self.cap = self.cap.min(cap);
    }

    fn differs(&mut self, a: &Option<Box<str>>, b: &Option<Box<str>>, cap: i64, missing: i64) {
        match (a, b) {
            (Some(a), Some(b)) if a != b => self.cap(cap),
            (Some(_), None) | (None, Some(_)) => self.cost += missing,
            _ => {}
        }
    }
}

/// Whether two folded names may be one person's: equal, or equal where neither is masked (`张*`, `李某`).
pub(crate) fn compatible(a: &str, b: &str) -> bool {
    let masked = |c: char| matches!(c, '*' | '某' | '×' | 'X' | 'x' | '＊');
    let same_length = a.chars().count() == b.chars().count();
    a == b || same_length && a.chars().zip(b.chars()).all(|(x, y)| x == y || masked(x) || masked(y))
}
