//! The cases a city brings, as the bureau's intake takes them (`cases.json`, and the body of the API).

use hedui_base::Fen;
use serde_json::{Map, Value, json};

use super::{City, DeclaredByHousehold, DeclaredByPerson, Household, Person};
use crate::records::UtilityAccount;

impl City {
    /// Every household as an application with its letter.
    #[must_use]
    pub fn cases(&self) -> Value {
        json!({ "households": self.households.iter().map(Household::intake).collect::<Vec<_>>() })
    }
}

impl Household {
    /// This household as an application with its letter.
    #[must_use]
    pub fn intake(&self) -> Value {
        let accounts: Vec<Value> = self.utilities.iter().map(|a| account(a, &self.address)).collect();
        let members: Vec<Value> = self
            .members
            .iter()
            .enumerate()
            .map(|(i, member)| {
                let mut value = member.intake();
                if i == 0 && !accounts.is_empty() {
                    value["accounts"] = json!(accounts);
                }
                value
            })
            .collect();
        let covers: Vec<&str> = self.members.iter().chain(&self.obligors).map(|p| p.id.reveal()).collect();
        json!({
            "case": self.case,
            "scheme": "dibao",
            "area": self.area,
            "residence": self.residence,
            "in_receipt": self.in_receipt,
            "enrolled_on": self.enrolled_on,
            "members": members,
            "obligors": self.obligors.iter().map(Person::intake).collect::<Vec<_>>(),
            "declared": household_inputs(&self.declared, self.current_amount),
            "letter": {
                "number": self.case.replace("ZJ-", "L-"),
                "purposes": ["dibao", "dibao_marginal"],
                "scopes": ["*"],
                "covers": covers,
                "valid_from": self.letter_from,
                "valid_until": null,
            },
        })
    }
}

impl Person {
    fn intake(&self) -> Value {
        json!({
            "name": self.name,
            "id_number": self.id.reveal(),
            "relation": self.relation,
            "declared": person_inputs(&self.declared),
        })
    }
}

/// An account as the household declares it: by number if it knows the number, always with its own address.
fn account(account: &UtilityAccount, address: &str) -> Value {
    let mut value = json!({ "utility": account.utility, "address": address });
    if account.number_known {
        value["account"] = json!(account.account);
    }
    value
}

fn household_inputs(declared: &DeclaredByHousehold, current_amount: Fen) -> Value {
    let mut inputs = json!({
        "declared_vehicle_count": declared.declared_vehicle_count,
        "declared_home_count": declared.declared_home_count,
        "declared_financial_assets": declared.declared_financial_assets,
        "declared_support": declared.declared_support,
    });
    if current_amount != Fen::ZERO {
        inputs["current_amount"] = json!(current_amount);
    }
    if let Some(day) = declared.applied_on {
        inputs["applied_on"] = json!(day);
    }
    inputs
}

/// Only what a person has something to say about: packs declare zero and no as defaults.
fn person_inputs(declared: &DeclaredByPerson) -> Value {
    let d = declared;
    let mut inputs = Map::new();
    let amounts = [
        ("declared_wage", d.declared_wage),
        ("declared_business_income", d.declared_business_income),
        ("declared_property_income", d.declared_property_income),
        ("declared_pension", d.declared_pension),
        ("declared_other_transfer", d.declared_other_transfer),
        ("exempt_transfer", d.exempt_transfer),
        ("obligor_other_income", d.obligor_other_income),
    ];
    inputs.extend(amounts.iter().filter(|(_, v)| *v != Fen::ZERO).map(|(k, v)| ((*k).to_owned(), json!(v))));
    let claims = [
        ("unemployed", d.unemployed),
        ("student", d.student),
        ("severely_disabled", d.severely_disabled),
        ("job_cost_class", d.job_cost_class),
    ];
    inputs.extend(claims.iter().filter(|(_, v)| *v).map(|(k, v)| ((*k).to_owned(), json!(v))));
    let counts = [("obligor_household_size", d.obligor_household_size), ("obligor_children", d.obligor_children)];
    inputs.extend(counts.iter().filter_map(|(k, v)| v.map(|v| ((*k).to_owned(), json!(v)))));
    inputs.extend(d.paid_supplement.iter().map(|v| ("paid_supplement".to_owned(), json!(v))));
    inputs.extend(d.judgment_support.map(|v| ("judgment_support".to_owned(), json!(v))));
    Value::Object(inputs)
}
