//! File exchange: a request file is put, and some time later the institution lays its reply beside it.
//!
//! The reference of a request is ours and is on record before anything is put, so that putting is idempotent: who finds
//! a file of that name with these people in it has put it already.

mod rows;
mod write;

use std::collections::HashSet;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::remote::Remote;
use super::today;
use crate::ask::{Cause, Failure, Subject, Submission};
use crate::context::Context;
use crate::files::{Match, Pattern, Unpackable, file_name, pack, read_request, unpack};
use crate::manifest::{Complete, FilePlan, GetPlan};
use crate::registry::Source;
use crate::reply::{MAX_BODY, Media, Part};
use crate::site::InstitutionSite;

pub(super) use rows::Request;

/// Files that may belong to one reply.
const MAX_FILES: usize = 200;
/// Bytes of all of them.
const MAX_TOTAL: usize = 4 * MAX_BODY;

/// A reference that no other request has: the day, and twelve hex digits.
pub(super) fn reference(source: &Source, context: &Context, subjects: &[&Subject]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(source.id.as_str().as_bytes());
    hasher.update(context.now().as_nanosecond().to_be_bytes());
    hasher.update(rand::random::<[u8; 8]>());
    for subject in subjects {
        hasher.update(subject.ask.0.to_be_bytes());
    }
    format!("{}_{}", today(context).strftime("%Y%m%d"), hex::encode(&hasher.finalize()[..6]))
}

/// Day and batch of a reference.
fn parts_of(reference: &str) -> Result<(&str, &str, jiff::civil::Date), Failure> {
    let (date, batch) = reference.split_once('_').ok_or(protocol())?;
    let day = jiff::civil::Date::strptime("%Y%m%d", date).map_err(|_| protocol())?;
    Ok((date, batch, day))
}

/// Puts the request file of a submission, if it does not lie there already.
///
/// `subjects` are those that stand in the submission, in its order.
pub(super) async fn submit(
    source: &Source,
    plan: &FilePlan,
    site: &InstitutionSite,
    submission: &Submission,
    subjects: &[&Subject],
) -> Result<(), Failure> {
    let (date, batch, day) = parts_of(&submission.reference)?;
    let request = Request { plan: &plan.put, ask: &source.manifest.ask, period: submission.period, day };
    let rows = request.rows(subjects);
    if !rows.iter().map(|r| (r.seq, r.ask)).eq(submission.sent.iter().copied()) {
        return Err(Failure::new(Cause::Batch));
    }
    let name = file_name(&plan.put.name, date, batch);
    let path = format!("{}/{name}", plan.put.dir);
    let work = async {
        let mut server = Remote::connect(plan.login.as_ref(), site).await?;
        if server.look(&path).await?.is_some() {
            let there = server.read(&path, MAX_BODY).await?;
            if !is_ours(plan, site, &there, &rows) {
                return Err(Failure::new(Cause::Conflict));
            }
        } else if candidates(&mut server, &plan.get, &plan.put.temp, date, batch).await?.is_empty() {
            let bytes = write::write(&plan.put, &rows, day)?;
            let bytes = pack(&plan.put.pack, &name, &bytes, site).map_err(|_| Failure::new(Cause::MissingSecret))?;
            server.put(&path, &plan.put.temp, &bytes).await?;
        } else {
            // A reply to it lies there: the institution had it, and has cleared it away.
            server.leave().await;
            return Ok(());
        }
        announce(&mut server, plan, &path).await?;
        server.leave().await;
        Ok(())
    };
    within(source.manifest.limits.timeout, work).await
}

/// Whether the institution has the request file of a submission, or has answered it.
pub(super) async fn has_been_put(
    source: &Source,
    plan: &FilePlan,
    site: &InstitutionSite,
    reference: &str,
) -> Result<bool, Failure> {
    let (date, batch, _) = parts_of(reference)?;
    let path = format!("{}/{}", plan.put.dir, file_name(&plan.put.name, date, batch));
    let work = async {
        let mut server = Remote::connect(plan.login.as_ref(), site).await?;
        let there = server.look(&path).await?.is_some();
        if there {
            // It may have been cut off just before it was announced.
            announce(&mut server, plan, &path).await?;
        }
        let there = there || !candidates(&mut server, &plan.get, &plan.put.temp, date, batch).await?.is_empty();
        server.leave().await;
        Ok(there)
    };
    within(source.manifest.limits.timeout, work).await
}

/// Writes the marker of a request that lies there whole, if it has none.
async fn announce(server: &mut Remote, plan: &FilePlan, path: &str) -> Result<(), Failure> {
    let Some(marker) = &plan.put.marker else { return Ok(()) };
    let marker = format!("{path}{marker}");
    if server.look(&marker).await?.is_none() { server.mark(&marker).await } else { Ok(()) }
}

/// Whether a file asks about the same people as these rows. What a letter is numbered today does not matter.
fn is_ours(plan: &FilePlan, site: &InstitutionSite, bytes: &[u8], rows: &[rows::Row]) -> bool {
    let Ok(bytes) = unpack(&plan.put.pack, bytes, site) else { return false };
    let Ok(there) = read_request(&plan.put, &bytes) else { return false };
    let who = |cells: &[String]| {
        let told = plan.put.columns.iter().zip(cells).filter(|(column, _)| column.value.tells_who());
        told.map(|(_, cell)| cell.trim_matches(' ').to_owned()).collect::<Vec<_>>()
    };
    there.len() == rows.len() && there.iter().zip(rows).all(|(a, b)| a.seq == b.seq && who(&a.cells) == who(&b.cells))
}

/// The names in the reply's folder that belong to a request, whether complete or not.
async fn candidates(
    server: &mut Remote,
    get: &GetPlan,
    temp: &str,
    date: &str,
    batch: &str,
) -> Result<Vec<(String, Match)>, Failure> {
    let pattern = Pattern::new(&get.name, date, batch);
    if let Some(name) = pattern.only() {
        let there = server.look(&format!("{}/{name}", get.dir)).await?.is_some();
        return Ok(if there { vec![(name, Match::default())] } else { Vec::new() });
    }
    let unfinished = |name: &str| {
        let marker = if let Complete::Marker(marker) = &get.complete { name.ends_with(marker) } else { false };
        marker || [temp, ".part", ".tmp", ".filepart"].iter().any(|end| name.ends_with(end))
    };
    let names = server.list(&get.dir).await?;
    let found = names.into_iter().filter(|name| !unfinished(name));
    let found: Vec<_> = found.filter_map(|name| Some((pattern.matches(&name)?, name))).map(|(m, n)| (n, m)).collect();
    if found.len() > MAX_FILES { Err(Failure::new(Cause::TooLarge)) } else { Ok(found) }
}

/// Gets the reply, if all of it is there: its parts in order, or every version of it, the newest last.
pub(super) async fn fetch(
    source: &Source,
    plan: &FilePlan,
    context: &Context,
    site: &InstitutionSite,
    reference: &str,
) -> Result<Option<Vec<Part>>, Failure> {
    let (date, batch, _) = parts_of(reference)?;
    let in_parts = Pattern::new(&plan.get.name, date, batch).has_parts();
    let work = async {
        let mut server = Remote::connect(plan.login.as_ref(), site).await?;
        let mut complete = Vec::new();
        for (name, found) in candidates(&mut server, &plan.get, &plan.put.temp, date, batch).await? {
            let path = format!("{}/{name}", plan.get.dir);
            // Gone between two looks: as if it had not come yet.
            let Some(seen) = server.look(&path).await? else { continue };
            let whole = match &plan.get.complete {
                Complete::Marker(marker) => server.look(&format!("{path}{marker}")).await?.is_some(),
                Complete::Stable(time) => context.is_stable(&format!("{} {path}", source.id), seen, *time),
            };
            if whole {
                complete.push((name, found, seen));
            }
        }
        let wanted = if in_parts { all_parts(complete) } else { complete };
        let mut parts = Vec::new();
        let (mut known, mut total) = (HashSet::new(), 0);
        for (name, _, seen) in in_order(wanted, in_parts) {
            if seen.size > MAX_BODY as u64 {
                return Err(Failure::new(Cause::TooLarge));
            }
            let packed = server.read(&format!("{}/{name}", plan.get.dir), MAX_BODY).await?;
            total += packed.len();
            if total > MAX_TOTAL {
                return Err(Failure::new(Cause::TooLarge));
            }
            let part = part(plan, site, name, packed)?;
            // Delivered twice under two names counts once; the parts of one reply may be alike.
            if in_parts || known.insert(Sha256::digest(&part.body)) {
                parts.push(part);
            }
        }
        server.leave().await;
        Ok((!parts.is_empty()).then_some(parts))
    };
    within(source.manifest.limits.timeout, work).await
}

type Candidate = (String, Match, super::remote::Seen);

/// The parts of a reply, if every one of them is there; else none.
fn all_parts(found: Vec<Candidate>) -> Vec<Candidate> {
    // Two numbers of parts for one request contradict each other: wait until one of them is whole.
    let mut counts: Vec<u32> = found.iter().filter_map(|(_, m, _)| m.parts).collect();
    counts.sort_unstable();
    counts.dedup();
    let whole = counts.into_iter().filter(|of| *of > 0).find(|of| {
        let numbers: HashSet<u32> =
            found.iter().filter(|(_, m, _)| m.parts == Some(*of)).filter_map(|(_, m, _)| m.part).collect();
        (1..=*of).all(|n| numbers.contains(&n))
    });
    let Some(of) = whole else { return Vec::new() };
    let mut seen = HashSet::new();
    found
        .into_iter()
        .filter(|(_, m, _)| m.parts == Some(of) && m.part.is_some_and(|n| n <= of && seen.insert(n)))
        .collect()
}

fn in_order(mut found: Vec<Candidate>, in_parts: bool) -> Vec<Candidate> {
    if in_parts {
        found.sort_by_key(|(_, m, _)| m.part);
    } else {
        found.sort_by(|a, b| (a.2.modified, &a.0).cmp(&(b.2.modified, &b.0)));
    }
    found
}

/// What a file holds. One that is damaged is kept as it lay there, and parsing sets it aside; one that our secrets do not
/// open stays where it is.
fn part(plan: &FilePlan, site: &InstitutionSite, name: String, packed: Vec<u8>) -> Result<Part, Failure> {
    match unpack(&plan.get.pack, &packed, site) {
        Ok(body) => Ok(Part { name, media: Media::Csv, status: None, body }),
        Err(Unpackable::Damaged | Unpackable::TooLarge) => {
            Ok(Part { name, media: Media::Damaged, status: None, body: packed })
        }
        Err(Unpackable::Locked) => Err(Failure::new(Cause::Locked)),
        Err(Unpackable::MissingSecret) => Err(Failure::new(Cause::MissingSecret)),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.map_err(|_| Failure::new(Cause::Timeout))?
}

const fn protocol() -> Failure {
    Failure::new(Cause::Protocol)
}
