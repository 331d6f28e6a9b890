//! Stage one, 接受申请: households, people and letters enter the ledger.

use std::collections::BTreeSet;
use std::collections::HashMap;

use hedui_base::{CaseId, Letter, PersonKey, ResidentId};
use hedui_ledger::{Account, AuditEvent, CaseFilter, HouseholdEntry, PersonEntry, Role};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::compare::recheck_months;
use crate::intake::{IntakeHousehold, IntakePerson, read_declared};
use crate::{Intake, Problem, VerifyError, Workspace};

/// What was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AcceptSummary {
    /// Cases in the intake.
    pub cases: usize,
    /// Of them new.
    pub new_cases: usize,
    /// People, each once.
    pub people: usize,
    /// Letters.
    pub letters: usize,
    /// Households in receipt that have a due date for their recheck.
    pub enrolled: usize,
}

/// Inputs that come from elsewhere than `declared`: from the identity number, the relation and the state of the case.
pub(crate) const DERIVED_INPUTS: [&str; 4] = ["birth_date", "sex", "relation", "in_receipt"];

/// Households in one transaction.
const CHUNK: usize = 500;

/// Registers households, people and letters. The same intake again changes nothing.
///
/// # Errors
/// [`VerifyError::Input`] with every problem; then nothing at all is registered.
#[tracing::instrument(name = "accept", skip_all, fields(households = intake.households.len()))]
pub async fn accept(ws: &Workspace, intake: &Intake, actor: &str) -> Result<AcceptSummary, VerifyError> {
    let problems = check_declared(ws, intake)?;
    if !problems.is_empty() {
        return Err(VerifyError::Input(problems));
    }
    let ids: Vec<CaseId> = intake.households.iter().map(|h| h.case.clone()).collect();
    let known: BTreeSet<CaseId> = cases_by_id(ws, &ids).await?.into_keys().collect();
    let mut people = BTreeSet::new();
    let mut summary = AcceptSummary { cases: ids.len(), ..AcceptSummary::default() };
    summary.new_cases = ids.iter().filter(|id| !known.contains(*id)).count();
    for chunk in intake.households.chunks(CHUNK) {
        let now = ws.now();
        let entries: Vec<HouseholdEntry> = chunk.iter().map(entry).collect();
        let mut tx = ws.ledger().begin().await?;
        let keys = ws.ledger().register_households(&mut tx, &entries, now).await?;
        let mut events = Vec::with_capacity(chunk.len());
        let mut attached = Vec::new();
        for (household, keys) in chunk.iter().zip(&keys) {
            people.extend(keys.iter().copied());
            if let Some(letter) = letter(household, keys) {
                ws.ledger().add_letter(&mut tx, &letter, now).await?;
                attached.push((household.case.clone(), letter.number.clone()));
                summary.letters += 1;
            }
            if !known.contains(&household.case) {
                events.push(AuditEvent {
                    actor: actor.to_owned(),
                    action: "case.accepted".to_owned(),
                    subjects: keys.clone(),
                    detail: json!({
                        "case": household.case, "scheme": household.scheme, "area": household.area,
                        "letter": household.letter.as_ref().map(|l| &l.number),
                    }),
                });
            }
        }
        ws.ledger().attach_letters(&mut tx, &attached, now).await?;
        ws.ledger().audit(&mut tx, &events, now).await?;
        tx.commit().await?;
    }
    summary.people = people.len();
    summary.enrolled = enrol(ws, &intake.households).await?;
    Ok(summary)
}

pub(crate) async fn cases_by_id(
    ws: &Workspace,
    ids: &[CaseId],
) -> Result<HashMap<CaseId, hedui_ledger::Case>, VerifyError> {
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(1000) {
        let filter = CaseFilter { ids: Some(chunk.to_vec()), ..CaseFilter::default() };
        found.extend(ws.ledger().cases(&filter).await?.into_iter().map(|c| (c.id.clone(), c)));
    }
    Ok(found)
}

fn entry(household: &IntakeHousehold) -> HouseholdEntry {
    let people = |list: &[IntakePerson], role: Role| list.iter().map(|p| person(p, role)).collect::<Vec<_>>();
    HouseholdEntry {
        case: household.case.clone(),
        scheme: household.scheme.clone(),
        area: household.area,
        residence: Some(household.residence.clone()),
        in_receipt: household.in_receipt,
        enrolled_on: household.enrolled_on,
        declared: map(&household.declared),
        people: [people(&household.members, Role::Member), people(&household.obligors, Role::Obligor)].concat(),
    }
}

fn person(person: &IntakePerson, role: Role) -> PersonEntry {
    let accounts = person
        .accounts
        .iter()
        .map(|a| Account { utility: a.utility.clone(), account: a.account.clone(), address: a.address.clone() })
        .collect();
    PersonEntry {
        role,
        relation: person.relation.clone(),
        name: person.name.clone(),
        id_number: person.id_number.clone(),
        declared: map(&person.declared),
        accounts,
    }
}

fn map(declared: &std::collections::BTreeMap<String, Value>) -> Map<String, Value> {
    declared.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The letter with its signers as keys; a signer who is not in the household is left out, for nobody else is asked.
fn letter(household: &IntakeHousehold, keys: &[PersonKey]) -> Option<Letter> {
    let given = household.letter.as_ref()?;
    let people = household.members.iter().chain(&household.obligors);
    let by_id: HashMap<ResidentId, PersonKey> =
        people.zip(keys).filter_map(|(p, key)| Some((ResidentId::parse(&p.id_number).ok()?, *key))).collect();
    let mut covers: Vec<PersonKey> =
        given.covers.iter().filter_map(|c| by_id.get(&ResidentId::parse(c).ok()?).copied()).collect();
    covers.sort_unstable();
    covers.dedup();
    Some(Letter {
        number: given.number.clone(),
        purposes: given.purposes.clone(),
        scopes: given.scopes.clone(),
        covers,
        valid_from: given.valid_from,
        valid_until: given.valid_until,
        revoked_on: None,
    })
}

/// Every declared key must be an input of the household's pack, with a value of its type.
fn check_declared(ws: &Workspace, intake: &Intake) -> Result<Vec<Problem>, VerifyError> {
    let mut problems = Vec::new();
    for (i, household) in intake.households.iter().enumerate() {
        let program = ws.program_for(household.area, ws.today())?;
        let at = format!("/households/{i}");
        check_inputs(&program, Entity::Household, &household.declared, &format!("{at}/declared"), &mut problems);
        for (list, people) in [("members", &household.members), ("obligors", &household.obligors)] {
            for (p, person) in people.iter().enumerate() {
                let at = format!("{at}/{list}/{p}/declared");
                check_inputs(&program, Entity::Person, &person.declared, &at, &mut problems);
            }
        }
    }
    Ok(problems)
}

fn check_inputs(
    program: &Program,
    entity: Entity,
    declared: &std::collections::BTreeMap<String, Value>,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in declared {
        let input = program.inputs.iter().find(|i| i.name == *name && i.entity == entity);
        let problem = |code: &str, message: String| {
            // The key itself may be anything; it is only repeated when it looks like a name of ours.
            let plain =
                name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            let shown = if plain { name.as_str() } else { "?" };
            Problem { at: format!("{at}/{shown}"), code: code.to_owned(), message }
        };
        match input {
            _ if DERIVED_INPUTS.contains(&name.as_str()) => {
                problems
                    .push(problem("derived_input", "this follows from the rest of the case; leave it out".to_owned()));
            }
            None => {
                let names = program.inputs.iter().filter(|i| i.entity == entity).map(|i| i.name.as_str());
                let hint = hedui_base::diagnostic::nearest(name, names)
                    .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                problems
                    .push(problem("unknown_input", format!("the pack `{}` has no such input{hint}", program.pack.id)));
            }
            Some(input) => {
                if let Err((code, message)) = read_declared(&input.spec, value) {
                    problems.push(problem(code, message));
                }
            }
        }
    }
}

/// Gives every household in receipt the day of its next recheck, unless it has one.
async fn enrol(ws: &Workspace, households: &[IntakeHousehold]) -> Result<usize, VerifyError> {
    let ids: Vec<CaseId> = households.iter().filter(|h| h.in_receipt).map(|h| h.case.clone()).collect();
    let cases = cases_by_id(ws, &ids).await?;
    let today = ws.today();
    let fresh: Vec<hedui_ledger::Case> =
        ids.iter().filter_map(|id| cases.get(id)).filter(|c| c.next_due.is_none()).cloned().collect();
    let months = recheck_months(ws, &fresh, today).await?;
    for chunk in fresh.chunks(CHUNK) {
        let now = ws.now();
        let mut tx = ws.ledger().begin().await?;
        for case in chunk {
            let on = case.enrolled_on.unwrap_or(today);
            let due = months.get(&case.id).and_then(|months| first_due(on, *months, today));
            ws.ledger().enrol(&mut tx, &case.id, on, due, now).await?;
        }
        tx.commit().await?;
    }
    Ok(ids.len())
}

/// The first day on or after `today` that lies whole periods after `from`.
pub(crate) fn first_due(from: Date, months: i64, today: Date) -> Option<Date> {
    if months <= 0 {
        return None;
    }
    (1..=1200i64).map_while(|n| from.checked_add((n * months).months()).ok()).find(|day| *day >= today)
}

#[cfg(test)]
mod tests {
    use super::first_due;
    use jiff::civil::date;

    #[test]
    fn a_due_date_is_whole_periods_after_enrolment() {
        assert_eq!(first_due(date(2025, 1, 31), 3, date(2026, 6, 30)), Some(date(2026, 7, 31)));
        assert_eq!(first_due(date(2026, 6, 30), 12, date(2026, 6, 30)), Some(date(2027, 6, 30)));
        assert_eq!(first_due(date(2025, 6, 30), 12, date(2026, 6, 30)), Some(date(2026, 6, 30)), "due today is due");
        assert_eq!(first_due(date(2026, 6, 30), 0, date(2026, 6, 30)), None);
    }
}
