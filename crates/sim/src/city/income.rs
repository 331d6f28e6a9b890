//! What people live on: wages, odd jobs, pensions, rents, support; honest, so declared is what registers hold.

use hedui_base::{Fen, Month};
use jiff::civil::{Date, date};

use super::{Household, Person};
use crate::dice::Dice;
use crate::records::{Income, Insurance, Pension};
use crate::shape::{Band, CityShape};

/// Names of employers with credit codes, which have the letter I that no real code has.
const EMPLOYERS: [(&str, &str); 12] = [
    ("镇江江畔纺织有限公司", "91321100MI0000001A"),
    ("镇江晨光物业服务有限公司", "91321100MI0000002B"),
    ("丹阳青松眼镜配件厂", "91321100MI0000003C"),
    ("句容田野食品有限公司", "91321100MI0000004D"),
    ("扬中长虹电气有限公司", "91321100MI0000005E"),
    ("镇江新桥超市有限公司", "91321100MI0000006F"),
    ("润州锦绣家政服务部", "91321100MI0000007G"),
    ("丹徒绿源农产品有限公司", "91321100MI0000008H"),
    ("镇江远帆物流有限公司", "91321100MI0000009J"),
    ("京口和顺餐饮管理有限公司", "91321100MI0000010K"),
    ("镇江明珠包装材料厂", "91321100MI0000011L"),
    ("丹阳恒达五金制品有限公司", "91321100MI0000012M"),
];

/// An employer: name and credit code.
fn employer(dice: &mut Dice) -> (&'static str, &'static str) {
    *dice.pick(&EMPLOYERS)
}

/// The closed months registers hold for a city at `as_of`, oldest first.
pub(crate) fn closed_months(shape: &CityShape, as_of: Date) -> impl Iterator<Item = Month> + use<> {
    let current = Month::of(as_of);
    (1..=shape.months_kept).rev().map(move |back| current.plus(-back))
}

/// Rows of odd jobs: the same amount a month, nothing deducted.
pub(crate) fn odd_jobs(person: &mut Person, amount: Fen, months: impl Iterator<Item = Month>, dice: &mut Dice) {
    let (payer, uscc) = employer(dice);
    for month in months {
        let row = Income {
            month,
            kind: "labour".into(),
            payer: payer.into(),
            payer_uscc: Some(uscc.into()),
            gross: amount,
            tax: Fen::ZERO,
            insurance_deducted: Fen::ZERO,
            taxable_amount: Fen::new((amount.fen() - 500_000).max(0)),
            special_deduct_kind: None,
        };
        person.records.incomes.push(row);
    }
}

/// Rows of a job: wage in the tax register and the three insurances in the other.
pub(crate) fn job(person: &mut Person, gross: Fen, months: impl Iterator<Item = Month>, dice: &mut Dice) {
    let (payer, uscc) = employer(dice);
    let deduction = *dice.pick(&[None, None, Some("elderly"), Some("child"), Some("loan"), Some("rent")]);
    let part = |permille: i64| Fen::new(gross.fen() * permille / 1000);
    let deducted = [("pension", 80, 160), ("medical", 20, 70), ("unemployment", 5, 5)];
    let insurance_deducted: Fen = deducted.iter().map(|(_, own, _)| part(*own)).sum();
    let taxable = gross.fen() - insurance_deducted.fen() - 500_000;
    let tax = Fen::new(taxable.max(0) * 3 / 100);
    for month in months {
        person.records.incomes.push(Income {
            month,
            kind: "wage".into(),
            payer: payer.into(),
            payer_uscc: Some(uscc.into()),
            gross,
            tax,
            insurance_deducted,
            taxable_amount: Fen::new(taxable.max(0)),
            special_deduct_kind: deduction.map(Into::into),
        });
        for (insurance, own, theirs) in deducted {
            person.records.insurance.push(Insurance {
                month,
                insurance: insurance.into(),
                employer: payer.into(),
                employer_uscc: Some(uscc.into()),
                pay_status: "paid".into(),
                identity: "employee".into(),
                base: gross,
                personal_paid: part(own),
                employer_paid: part(theirs),
            });
        }
    }
}

/// A pension. `base` is the part paid to every resident of that age.
pub(crate) fn pension(person: &mut Person, kind: &'static str, amount: Fen, base: Fen, as_of: Date) {
    let born = person.id.birth_date();
    let started = date(born.year() + 60, born.month(), 1).min(as_of);
    let row = Pension { kind: kind.into(), amount, base_pension: base, status: "paying".into(), started };
    person.records.pensions.push(row);
}

fn yuan_up(fen: i64) -> Fen {
    Fen::from_yuan((fen + 99) / 100)
}

/// Gives an honest household an income in its band.
pub(super) fn give(household: &mut Household, shape: &CityShape, band: Band, as_of: Date, dice: &mut Dice) {
    let permille = match band {
        Band::Poor => dice.between(shape.poor.0, shape.poor.1),
        Band::NearPoor => dice.between(shape.near_poor.0, shape.near_poor.1),
        Band::Comfortable => dice.between(shape.comfortable.0, shape.comfortable.1),
        Band::AtTheLine => 975,
    };
    let size = household.members.len() as i64;
    let mut left = shape.line.fen() * permille / 1000 * size;
    give_pensions(household, band, &mut left, as_of, dice);
    let workers: Vec<usize> = (0..household.members.len())
        .filter(|i| {
            let member = &household.members[*i];
            (18..60).contains(&member.age(as_of)) && !member.declared.severely_disabled && !member.declared.student
        })
        .collect();
    let working = if workers.len() == 2 && dice.chance(500) { 2 } else { workers.len().min(1) };
    for i in &workers[working..] {
        household.members[*i].declared.unemployed = true;
    }
    if working == 0 {
        give_without_work(household, band, left, shape, as_of, dice);
    }
    for i in &workers[..working] {
        let member = &mut household.members[*i];
        let amount = Fen::new(left / working as i64);
        let amount = if band == Band::AtTheLine { amount } else { yuan_up(amount.fen()) };
        if amount < Fen::from_yuan(100) {
            member.declared.unemployed = true;
            continue;
        }
        member.declared.declared_wage = amount;
        if matches!(band, Band::Poor | Band::AtTheLine) {
            member.declared.job_cost_class = band == Band::Poor && dice.chance(100);
            odd_jobs(member, amount, closed_months(shape, as_of), dice);
        } else {
            job(member, amount, closed_months(shape, as_of), dice);
        }
    }
    for obligor in &mut household.obligors {
        give_obligor(obligor, shape, as_of, dice);
    }
    // A court has set what one child in twelve pays; the household says that it gets it.
    if band == Band::Poor
        && dice.chance(80)
        && let Some(child) = household.obligors.first_mut()
    {
        child.declared.judgment_support = Some(Fen::from_yuan(100));
        household.declared.declared_support = Fen::from_yuan(100);
    }
}

fn give_pensions(household: &mut Household, band: Band, left: &mut i64, as_of: Date, dice: &mut Dice) {
    let elders: Vec<usize> = (0..household.members.len()).filter(|i| household.members[*i].age(as_of) >= 60).collect();
    let all_old = elders.len() == household.members.len();
    for i in &elders {
        let member = &mut household.members[*i];
        let (kind, amount, base) = if all_old && band != Band::Poor {
            ("employee", yuan_up(*left / elders.len() as i64), Fen::ZERO)
        } else {
            let base = Fen::from_yuan(200);
            ("resident", Fen::from_yuan(200 + dice.between(8, 60)), base)
        };
        pension(member, kind, amount, base, as_of);
        // The form asks for the pension without the part that every resident gets.
        member.declared.declared_pension = Fen::new(amount.fen() - base.fen());
        if dice.chance(30) {
            member.declared.exempt_transfer = Fen::from_yuan(dice.between(2, 6) * 100);
        }
    }
    let pensions = elders.iter().flat_map(|i| &household.members[*i].records.pensions);
    let paid: i64 = pensions.map(|p| p.amount.fen()).sum();
    *left = (*left - paid).max(0);
}

/// Nobody works: what relatives give, or a rent.
fn give_without_work(
    household: &mut Household,
    band: Band,
    left: i64,
    shape: &CityShape,
    as_of: Date,
    dice: &mut Dice,
) {
    let amount = Fen::from_yuan(left / 100);
    if amount < Fen::from_yuan(30) {
        return;
    }
    let applicant = &mut household.members[0];
    if band == Band::Poor && dice.chance(700) {
        applicant.declared.declared_other_transfer = amount;
        return;
    }
    applicant.declared.declared_property_income = amount;
    for month in closed_months(shape, as_of) {
        applicant.records.incomes.push(Income {
            month,
            kind: "property".into(),
            payer: "镇江安居房屋租赁服务部".into(),
            payer_uscc: None,
            gross: amount,
            tax: Fen::ZERO,
            insurance_deducted: Fen::ZERO,
            taxable_amount: Fen::new((amount.fen() - 500_000).max(0)),
            special_deduct_kind: None,
        });
    }
}

/// A grown child who has a family and little to spare.
fn give_obligor(obligor: &mut Person, shape: &CityShape, as_of: Date, dice: &mut Dice) {
    let size = dice.between(3, 5);
    obligor.declared.obligor_household_size = Some(size);
    let a_head = shape.line.fen() * dice.between(450, 760) / 1000;
    let other = Fen::from_yuan(dice.between(0, 3) * 100);
    obligor.declared.obligor_other_income = other;
    let wage = yuan_up(a_head * size - other.fen());
    job(obligor, wage, closed_months(shape, as_of), dice);
}

/// Bounds of a household's income a head and month, whatever the rules leave out or deduct.
///
/// Low: wages net and less a job cost, pensions without the base part, no support. High: everything as paid. Both over
/// all declared members: taking somebody off the household is a person's decision, not the registers'.
pub(crate) fn a_head(household: &Household) -> (Fen, Fen) {
    let (mut low, mut high) = (0, 0);
    for member in &household.members {
        let (records, declared) = (&member.records, &member.declared);
        let last = records.incomes.iter().map(|r| r.month).max();
        for row in records.incomes.iter().filter(|r| last.is_some_and(|last| r.month > last.plus(-12))) {
            let net = row.gross.fen() - row.tax.fen() - row.insurance_deducted.fen();
            low += if declared.job_cost_class { net * 6 / 10 } else { net } / 12;
            high += row.gross.fen() / 12;
        }
        for row in records.pensions.iter().filter(|r| r.status == "paying") {
            low += row.amount.fen() - row.base_pension.fen();
            high += row.amount.fen();
        }
        low += declared.declared_other_transfer.fen();
        high += declared.declared_other_transfer.fen();
    }
    high += household.declared.declared_support.fen();
    let heads = household.members.len() as i64;
    (Fen::new(low / heads), Fen::new(high / heads))
}
