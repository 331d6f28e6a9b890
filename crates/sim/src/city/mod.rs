//! A city: its households with what they declare and what registers hold about them, and its truth.

mod compose;
mod files;
mod finance;
mod income;
mod intake;
mod names;
mod possessions;
pub(crate) mod registers;
mod utilities;

use hedui_base::{Fen, ResidentId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::holders::Holders;
use crate::plant;
use crate::records::{Code, PersonRecords, UtilityAccount};
use crate::shape::CityShape;
use crate::truth::{Expected, Planted, Truth};

pub(crate) use compose::Composition;
pub use files::CityError;
pub(crate) use finance::{policy, security};
pub(crate) use income::{a_head, closed_months, job, pension};
pub(crate) use possessions::{account, business, home, vehicle};
pub(crate) use utilities::metered;

/// What city to invent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CityOptions {
    /// How many households.
    pub households: u32,
    /// The same seed gives the same city.
    pub seed: u64,
    /// The day the city is at; registers cover the closed months before it.
    pub as_of: Date,
}

/// A city. What it is like is in `shape`, what is wrong in it in `truth`.
#[derive(Clone, Debug, PartialEq)]
pub struct City {
    /// How it was made.
    pub options: CityOptions,
    /// The day it is at now.
    pub as_of: Date,
    /// By how many months it moved on since, each time.
    pub advanced: Vec<u32>,
    /// What it is like.
    pub shape: CityShape,
    /// Households in the order of their case numbers.
    pub households: Vec<Household>,
    /// What is true.
    pub truth: Truth,
}

/// One household and the case it brings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Household {
    /// Case number.
    pub case: String,
    /// Area code of its township's county.
    pub area: String,
    /// `urban` or `rural`.
    pub residence: Code,
    /// Whether it already receives aid.
    pub in_receipt: bool,
    /// Since when.
    pub enrolled_on: Option<Date>,
    /// How much a month.
    pub current_amount: Fen,
    /// Members, the applicant first.
    pub members: Vec<Person>,
    /// People elsewhere with a duty to support a member.
    pub obligors: Vec<Person>,
    /// What the household declares about itself.
    pub declared: DeclaredByHousehold,
    /// Where it lives, as it says it.
    pub address: String,
    /// Its meters and contracts.
    pub utilities: Vec<UtilityAccount>,
    /// First day its letter is valid.
    pub letter_from: Date,
}

/// One invented person: what the case says about them, and what registers know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Number.
    #[serde(serialize_with = "files::revealed")]
    pub id: ResidentId,
    /// Relation to the applicant.
    pub relation: Code,
    /// What is declared about the person.
    pub declared: DeclaredByPerson,
    /// What registers know.
    pub records: PersonRecords,
}

/// Household inputs, named as packs name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "inputs are documented by the pack `national`")]
pub struct DeclaredByHousehold {
    pub declared_vehicle_count: i64,
    pub declared_home_count: i64,
    pub declared_financial_assets: Fen,
    pub declared_support: Fen,
    pub applied_on: Option<Date>,
}

/// Person inputs, named as packs name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "inputs are documented by the pack `national`")]
pub struct DeclaredByPerson {
    pub declared_wage: Fen,
    pub declared_business_income: Fen,
    pub declared_property_income: Fen,
    pub declared_pension: Fen,
    pub declared_other_transfer: Fen,
    pub exempt_transfer: Fen,
    pub unemployed: bool,
    pub student: bool,
    pub severely_disabled: bool,
    pub job_cost_class: bool,
    pub obligor_household_size: Option<i64>,
    pub obligor_other_income: Fen,
    pub obligor_children: Option<i64>,
    pub judgment_support: Option<Fen>,
    pub paid_supplement: Option<Code>,
}

impl Household {
    /// Its account at a utility, if it has one.
    #[must_use]
    pub fn utility(&self, utility: &str) -> Option<&UtilityAccount> {
        self.utilities.iter().find(|a| a.utility == utility)
    }
}

impl Person {
    /// Age in full years on a day.
    #[must_use]
    pub fn age(&self, day: Date) -> i64 {
        let born = self.id.birth_date();
        let before = (day.month(), day.day()) < (born.month(), born.day());
        i64::from(day.year()) - i64::from(born.year()) - i64::from(before)
    }
}

/// Invents a city.
///
/// Every household is made from the seed and its own index alone, so a larger city holds the smaller one.
#[must_use]
pub fn generate(options: &CityOptions) -> City {
    generate_for(options, Holders::embedded())
}

/// Invents a city in which those institutions hold data that `holders` names: what nobody could reveal is not planted.
#[must_use]
pub fn generate_for(options: &CityOptions, holders: &Holders) -> City {
    let shape = CityShape::default();
    let maker = Maker { shape: &shape, holders, dealer: plant::Dealer::new(options.seed, holders), options };
    let mut truth = Truth::default();
    let households = (0..options.households)
        .map(|index| {
            let (household, expected, planted) = maker.household(index);
            truth.expected.extend(expected);
            truth.planted.extend(planted);
            household
        })
        .collect();
    City { options: options.clone(), as_of: options.as_of, advanced: Vec::new(), shape, households, truth }
}

/// Makes the households of a city one by one, in any order.
pub(crate) struct Maker<'a> {
    pub(crate) shape: &'a CityShape,
    pub(crate) holders: &'a Holders,
    pub(crate) dealer: plant::Dealer,
    pub(crate) options: &'a CityOptions,
}

impl Maker<'_> {
    fn dice(&self, index: u32) -> Dice {
        Dice::new(self.options.seed, "household", u64::from(index))
    }

    /// How many people a household has: members, and obligors elsewhere.
    pub(crate) fn heads(&self, index: u32) -> (usize, usize) {
        compose::heads(self.shape, self.options.as_of, index, &self.dealer.plan(index), &mut self.dice(index))
    }

    /// A household, the flags that are due for it, and what was planted.
    pub(crate) fn household(&self, index: u32) -> (Household, Vec<Expected>, Vec<Planted>) {
        let (seed, as_of, mut dice) = (self.options.seed, self.options.as_of, self.dice(index));
        let plan = self.dealer.plan(index);
        let mut household = compose::household(self.shape, as_of, index, &plan, &mut dice);
        finance::give(&mut household, seed, index, as_of);
        utilities::give(&mut household, self.shape, &plan, seed, index, as_of);
        let mut applied = plant::live(&plan, &mut household, self.shape, as_of, self.holders, &mut dice);
        registers::give(&mut household, seed, index, as_of);
        plant::register(&plan, &mut household, seed, as_of, self.holders, &mut applied);
        let expected = applied.expected(&household, self.shape, self.holders);
        (household, expected, applied.planted)
    }
}
