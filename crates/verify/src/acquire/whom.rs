//! Whom a source is asked about, and under which letters: names, numbers and accounts of claimed asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hedui_base::{AskId, Authorised, CaseId, Denial, PersonKey};
use hedui_connect::{Source, Subject, SubjectKey};
use hedui_ledger::{Account, ClaimedAsk};

use super::claim::Allowed;
use super::dispatch::Dispatch;
use super::plan::{Scene, SourcePlan, authorise};
use crate::accept::cases_by_id;
use crate::{VerifyError, Workspace};

/// Whom the answers to some asks are matched to.
pub(super) async fn subject_keys<'a>(
    ws: &Workspace,
    asks: &[(AskId, PersonKey)],
    account: impl Fn(PersonKey) -> Option<&'a Account>,
) -> Result<Vec<SubjectKey>, VerifyError> {
    let people: Vec<PersonKey> = asks.iter().map(|(_, person)| *person).collect();
    let known = ws.ledger().people(&people).await?;
    Ok(asks
        .iter()
        .zip(known)
        .map(|((ask, key), person)| {
            let account = account(*key);
            SubjectKey {
                ask: *ask,
                person: *key,
                id: person.id,
                name: person.name,
                account: account.and_then(|a| a.account.clone()),
                address: account.and_then(|a| a.address.clone()),
            }
        })
        .collect())
}

/// The cases that some people belong to, and what of them a source is asked about.
pub(super) async fn scene_of(
    ws: &Workspace,
    source: &Arc<Source>,
    people: &[PersonKey],
) -> Result<(Scene, SourcePlan), VerifyError> {
    let mut ids: Vec<CaseId> = ws.ledger().cases_of(people).await?.into_iter().map(|(_, c)| c).collect();
    ids.sort_unstable();
    ids.dedup();
    let scene = Scene { cases: cases_by_id(ws, &ids).await?.into_values().collect() };
    let plan = SourcePlan::expand(source, &scene);
    Ok((scene, plan))
}

/// Which letter allows an ask about each person, or why none does.
pub(super) type ByPerson = HashMap<PersonKey, Result<Authorised, Denial>>;

impl Dispatch {
    pub(super) async fn subjects(&self, allowed: &[Allowed]) -> Result<Vec<Subject>, VerifyError> {
        let people: Vec<PersonKey> = allowed.iter().map(|a| a.claimed.person).collect();
        let known = self.shared.ws.ledger().people(&people).await?;
        Ok(allowed
            .iter()
            .zip(known)
            .map(|(a, person)| {
                let account = self.account(a.claimed.person);
                Subject {
                    ask: a.claimed.ask,
                    authorised: a.authorised.clone(),
                    id: person.id,
                    name: person.name,
                    account: account.and_then(|a| a.account.clone()),
                    address: account.and_then(|a| a.address.clone()),
                }
            })
            .collect())
    }

    /// Whom answers are matched to: the asks at hand, and further ones of the same reply. Nothing is asked here.
    pub(super) async fn keys(&self, about: &[AskId], asks: &[ClaimedAsk]) -> Result<Vec<SubjectKey>, VerifyError> {
        let ws = &self.shared.ws;
        let mut pairs: Vec<(AskId, PersonKey)> = asks.iter().map(|a| (a.ask, a.person)).collect();
        let known: HashSet<AskId> = asks.iter().map(|a| a.ask).collect();
        let others: Vec<AskId> = about.iter().filter(|a| !known.contains(a)).copied().collect();
        if !others.is_empty() {
            pairs.extend(ws.ledger().asks_by_id(&others).await?.into_iter().map(|a| (a.ask, a.person)));
        }
        subject_keys(ws, &pairs, |person| self.account(person)).await
    }

    fn account(&self, person: PersonKey) -> Option<&Account> {
        let rows = self.plan.pairs.get(&person).map_or(&[][..], Vec::as_slice);
        self.shared.scene.account(self.source(), person, rows)
    }

    /// The letters that allow these asks today, to stand on their coverage: for replies to what was sent earlier.
    pub(super) async fn letters_of(&self, asks: &[ClaimedAsk]) -> Result<HashMap<PersonKey, String>, VerifyError> {
        let allowed = self.authorisations(asks).await?.into_iter();
        Ok(allowed.filter_map(|(person, by)| Some((person, by.ok()?.letter().to_owned()))).collect())
    }

    /// Which letter allows each of these asks today, or why none does. A file may also hold people of cases outside this
    /// run; who is in no case any more is left out.
    pub(super) async fn authorisations(&self, asks: &[ClaimedAsk]) -> Result<ByPerson, VerifyError> {
        let people: Vec<PersonKey> = asks.iter().map(|a| a.person).collect();
        let (here, elsewhere): (Vec<PersonKey>, Vec<PersonKey>) =
            people.into_iter().partition(|p| self.plan.pairs.contains_key(p));
        let mut found = self.authorisations_in(&self.shared.scene, &self.plan, &here).await?;
        if !elsewhere.is_empty() {
            let (scene, plan) = scene_of(&self.shared.ws, self.source(), &elsewhere).await?;
            found.extend(self.authorisations_in(&scene, &plan, &elsewhere).await?);
        }
        Ok(found)
    }

    async fn authorisations_in(
        &self,
        scene: &Scene,
        plan: &SourcePlan,
        people: &[PersonKey],
    ) -> Result<ByPerson, VerifyError> {
        let ws = &self.shared.ws;
        let mut rows: Vec<usize> = people.iter().filter_map(|p| plan.pairs.get(p)).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let ids: Vec<CaseId> = rows.iter().map(|row| scene.cases[*row].id.clone()).collect();
        let letters = ws.ledger().letters_for(&ids).await?;
        let mut found = HashMap::with_capacity(people.len());
        for person in people {
            let rows = plan.pairs.get(person).map_or(&[][..], Vec::as_slice);
            let by = authorise(self.source(), scene, &letters, *person, rows, ws.today());
            found.insert(*person, by.map(|(authorised, _)| authorised).map_err(|(denial, _)| denial));
        }
        Ok(found)
    }
}
