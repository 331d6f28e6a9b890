//! What registers hold: one struct per canonical dataset, named and typed as `connectors/datasets` has it.
//!
//! Amounts are yuan in JSON, dates ISO, codes the catalogue's words. The institutions' own field names, units and code
//! tables are not here: the servers take them from the manifests.

mod row;

use std::borrow::Cow;
use std::collections::BTreeMap;

use hedui_base::{Fen, Month};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub(crate) use row::row;
pub use row::{Cell, Row};

/// A word of a code list.
pub type Code = Cow<'static, str>;

/// Everything the registers know about one person. Most people are in few of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonRecords {
    /// `police.hukou`: none if the police do not know this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hukou: Option<Hukou>,
    /// `vehicle.registry`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vehicles: Vec<Vehicle>,
    /// `tax.income`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomes: Vec<Income>,
    /// `hrss.insurance`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insurance: Vec<Insurance>,
    /// `hrss.pension`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pensions: Vec<Pension>,
    /// `housing.registry`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub homes: Vec<Property>,
    /// All banks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deposits: Vec<Deposit>,
    /// `market.business`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub businesses: Vec<Business>,
    /// `finance.security`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub securities: Vec<Security>,
    /// `finance.insurance`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// `finance.wallet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wallets: Vec<Wallet>,
    /// Rows of every other dataset, by its name: columns as `connectors/datasets` names them, amounts in yuan. Where
    /// several institutions hold the same dataset, `_institution` in a row names the one that holds it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, Vec<Row>>,
}

/// Dataset `hukou`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Hukou {
    pub area: String,
    pub booklet_no: String,
    pub booklet_members: i64,
    pub relation: Code,
    pub birth_date: Date,
    pub sex: Code,
    pub hukou_type: Code,
    pub status: Code,
    pub cancel_reason: Option<Code>,
    pub cancelled_on: Option<Date>,
    pub marital: Code,
    pub custody: Code,
    pub exits_12m: i64,
    pub nation_code: Code,
    pub hukou_address: String,
    pub move_in_date: Option<Date>,
    pub former_name: Option<String>,
}

/// Dataset `vehicle`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Vehicle {
    pub plate_no: String,
    pub plate_type: Code,
    pub vehicle_type: Code,
    pub use_nature: Code,
    pub first_registered: Date,
    pub owned_since: Date,
    pub transferred_on: Option<Date>,
    pub displacement_ml: i64,
    pub invoice_price: Fen,
    pub status: Code,
    pub disability_adapted: bool,
    pub brand_model: Code,
    pub vin: String,
    pub inspect_valid_to: Option<Date>,
}

/// Dataset `employment_income`: one month of one payer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Income {
    pub month: Month,
    pub kind: Code,
    pub payer: Code,
    pub payer_uscc: Option<Code>,
    pub gross: Fen,
    pub tax: Fen,
    pub insurance_deducted: Fen,
    pub taxable_amount: Fen,
    pub special_deduct_kind: Option<Code>,
}

/// Dataset `social_insurance`: one month of one insurance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Insurance {
    pub month: Month,
    pub insurance: Code,
    pub employer: Code,
    pub employer_uscc: Option<Code>,
    pub pay_status: Code,
    pub identity: Code,
    pub base: Fen,
    pub personal_paid: Fen,
    pub employer_paid: Fen,
}

/// Dataset `pension_income`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Pension {
    pub kind: Code,
    pub amount: Fen,
    pub base_pension: Fen,
    pub status: Code,
    pub started: Date,
}

/// Dataset `housing`. `area` is in hundredths of a square metre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Property {
    pub unit_no: String,
    pub cert_no: String,
    pub share: String,
    pub location: String,
    pub usage: Code,
    pub nature: Code,
    pub area: String,
    pub registered: Date,
    pub way: Code,
    pub price: Fen,
    pub status: Code,
    pub cancelled_on: Option<Date>,
    pub mortgage_flag: bool,
    pub seal_flag: bool,
    /// Whether the deed still carries the owner's old 15-digit number. Not a column: how the register is keyed.
    #[serde(default)]
    pub old_number: bool,
}

/// Dataset `deposit`: one account at one bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Deposit {
    /// Which bank: the institution's id. Not a column.
    pub bank: Code,
    pub account: String,
    pub kind: Code,
    pub currency: Code,
    pub balance: Fen,
    pub average_6m: Fen,
    pub inflow_12m: Fen,
    pub outflow_large_6m: Fen,
    pub opened: Date,
    pub closed: Option<Date>,
    pub guarded: bool,
    pub bank_code: String,
    pub branch: Code,
    pub total_in_bank: Fen,
    pub term_maturity: Option<Date>,
    pub status: Code,
}

/// Dataset `business`: one person's role in one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Business {
    pub uscc: String,
    pub entity_name: String,
    pub entity_type: Code,
    pub role: Code,
    pub status: Code,
    pub subscribed: Fen,
    pub staff: i64,
    pub founded: Date,
    pub paid_capital: Fen,
    pub share_ratio: Code,
    pub business_scope: Code,
    pub annual_report_revenue: Fen,
    pub abnormal_flag: bool,
    pub cancel_date: Option<Date>,
}

/// Dataset `security`: one holding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Security {
    pub sec_account: String,
    pub sec_code: String,
    pub kind: Code,
    pub quantity: String,
    pub market_value: Fen,
    pub value_date: Date,
}

/// Dataset `insurance`: one policy of which the person is the holder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Policy {
    pub policy_no: String,
    pub policy_kind: Code,
    pub annual_premium: Fen,
    pub cash_value: Fen,
    pub beneficiary: Option<String>,
    pub motor_policy_plate: Option<String>,
    pub valid_to: Option<Date>,
    pub status: Code,
}

/// Dataset `wallet`: one payment account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "columns are documented in connectors/datasets")]
pub struct Wallet {
    pub account: String,
    pub pay_wallet_balance: Fen,
    pub value_date: Date,
}

/// A household's meter or contract at one utility, with what the utility books on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UtilityAccount {
    /// `water`, `power`, `gas`, `telecom` or `cable`: the institution that holds it.
    pub utility: Code,
    /// Number at the utility.
    pub account: String,
    /// Address as the utility writes it.
    pub address: String,
    /// Whose name it is in: a member's, or a landlord's.
    pub holder: String,
    /// Whether the household can say the number. If not, it gives its address only.
    pub number_known: bool,
    /// Months, oldest first.
    pub months: Vec<UtilityMonth>,
}

/// One month of a utility account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UtilityMonth {
    /// The month.
    pub month: Month,
    /// Hundredths of a cubic metre (water, gas), of a kWh (power), of a GB (telecom), of an hour (cable).
    pub usage: i64,
    /// What it cost.
    pub fee: Fen,
    /// What of it is not paid yet.
    pub arrears: Fen,
}

impl UtilityAccount {
    /// The rows of dataset `utility_use`, in canonical form, oldest first.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        (0..self.months.len()).map(|nth| self.nth_row(nth))
    }

    /// The row of one month; none if the account has none.
    #[must_use]
    pub fn row(&self, month: Month) -> Option<Row> {
        self.months.iter().position(|m| m.month == month).map(|nth| self.nth_row(nth))
    }

    fn nth_row(&self, nth: usize) -> Row {
        let month = &self.months[nth];
        let without_use = self.months[..=nth].iter().rev().take_while(|m| m.usage == 0).count();
        row! {
            "utility": self.utility.clone(), "account": self.account.clone(), "address": self.address.clone(),
            "holder_name": self.holder.clone(), "month": month.month,
            "usage": format!("{}.{:02}", month.usage / 100, month.usage % 100), "fee": month.fee,
            "zero_days": without_use as i64 * 30, "tariff": "residential", "arrears": month.arrears,
        }
    }
}
