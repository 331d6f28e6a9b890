//! Files dropped into a folder, ours or one on the institution's server: nothing is sent, the periods' files are read as they
//! are.

use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::remote::Remote;
use crate::ask::{AskPeriod, Cause, Failure};
use crate::manifest::{DropPlan, Slot, Via};
use crate::reply::{MAX_BODY, Media, Part};
use crate::site::InstitutionSite;

/// Files of one period, at most.
const MAX_FILES: usize = 256;
/// Bytes of all files of one reply, at most.
const MAX_TOTAL: u64 = 4 * MAX_BODY as u64;

pub(super) async fn ask(
    plan: &DropPlan,
    site: &InstitutionSite,
    period: Option<AskPeriod>,
    now: Timestamp,
    timeout: Duration,
) -> Result<Vec<Part>, Failure> {
    let period = period.ok_or(Failure::new(Cause::Protocol))?;
    let work = async {
        let mut remote = Remote::connect(plan.login.as_ref(), site).await?;
        let parts = fetch(plan, &mut remote, period, now).await;
        remote.leave().await;
        parts
    };
    if plan.via == Via::Dir {
        // A year of large workbooks on a slow disk is no reason to ask again.
        return work.await;
    }
    tokio::time::timeout(timeout, work).await.map_err(|_| Failure::new(Cause::Timeout))?
}

async fn fetch(plan: &DropPlan, remote: &mut Remote, period: AskPeriod, now: Timestamp) -> Result<Vec<Part>, Failure> {
    let names = remote.list(&plan.dir).await?;
    let mut parts = Vec::new();
    let mut total = 0;
    for slot in plan.every.slots(period) {
        let mut bodies = Vec::new();
        let mut complete = true;
        for name in files_of(plan, slot, &names) {
            match whole(plan, remote, &names, name, now, &mut total).await? {
                Some(body) => bodies.push(body),
                None => complete = false,
            }
        }
        // A period that is not there, or not all of it yet, is a gap, which parsing reports.
        if complete {
            let label = slot.label();
            parts.extend(bodies.into_iter().enumerate().map(|(number, body)| {
                let name = if number == 0 { label.clone() } else { format!("{label} file {}", number + 1) };
                Part { name, media: Media::Table, status: None, body }
            }));
        }
    }
    Ok(parts)
}

/// The files of one period: all parts of it, or the one that stands for all.
fn files_of<'n>(plan: &DropPlan, slot: Slot, names: &'n [String]) -> Vec<&'n str> {
    let pattern = slot.file(&plan.file);
    let marker = plan.marker.as_deref();
    let mut found: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| matches(&pattern, name) && !name.starts_with(['.', '~']))
        .filter(|name| marker.is_none_or(|marker| !name.ends_with(marker)))
        .collect();
    found.sort_by(|a, b| by_name(a, b));
    if plan.replace {
        // One that is announced stands before one that is not there yet.
        let whole = |name: &&&str| marker.is_none_or(|m| names.iter().any(|other| *other == format!("{name}{m}")));
        return found.iter().rev().find(whole).or(found.last()).copied().into_iter().collect();
    }
    found.truncate(MAX_FILES);
    found
}

/// A file's bytes; none if it is not complete.
async fn whole(
    plan: &DropPlan,
    remote: &mut Remote,
    names: &[String],
    name: &str,
    now: Timestamp,
    total: &mut u64,
) -> Result<Option<Vec<u8>>, Failure> {
    if plan.marker.as_ref().is_some_and(|marker| !names.contains(&format!("{name}{marker}"))) {
        return Ok(None);
    }
    let path = format!("{}/{name}", plan.dir);
    let Some(seen) = remote.look(&path).await? else { return Ok(None) };
    if let Some(stable) = plan.stable
        && !has_lain(seen.modified, stable, now)
    {
        return Ok(None);
    }
    *total += seen.size;
    if seen.size > MAX_BODY as u64 || *total > MAX_TOTAL {
        return Err(Failure::new(Cause::TooLarge));
    }
    remote.read(&path, MAX_BODY).await.map(Some)
}

/// Whether a file has lain unchanged for so long; not, where nobody can tell.
fn has_lain(modified: Option<std::time::SystemTime>, stable: Duration, now: Timestamp) -> bool {
    let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
    modified.is_some_and(|time| now.duration_since(time) >= stable.try_into().unwrap_or(jiff::SignedDuration::MAX))
}

/// Whether a name fits a pattern in which `*` is anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Names as people order what was sent again: `x`, `x(2)`, `x(10)`; without the ending, which would come between.
fn by_name(a: &str, b: &str) -> Ordering {
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    let (a_stem, b_stem) = (stem(a), stem(b));
    pieces(&a_stem).cmp(&pieces(&b_stem)).then_with(|| a.cmp(b))
}

/// Runs of digits as numbers, everything else as it is.
fn pieces(name: &str) -> Vec<(u64, &str)> {
    let mut found = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (piece, more) = rest.split_at(end);
        found.push((if digits { piece.parse().unwrap_or(u64::MAX) } else { 0 }, piece));
        rest = more;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_again_comes_last() {
        let mut names = ["水费_202605(10).xlsx", "水费_202605.xlsx", "水费_202605(9).xlsx"];
        names.sort_by(|a, b| by_name(a, b));
        assert_eq!(names, ["水费_202605.xlsx", "水费_202605(9).xlsx", "水费_202605(10).xlsx"]);
    }

    #[test]
    fn a_star_is_anything_and_nothing_else_is() {
        for (pattern, name, fits) in [
            ("水费_202605.xlsx", "水费_202605.xlsx", true),
            ("水费_202605*.xlsx", "水费_202605.xlsx", true),
            ("水费_202605*.xlsx", "水费_202605_京口.xlsx", true),
            ("水费_202605*.xlsx", "水费_202604.xlsx", false),
            ("*_202605_*.csv", "a_202605_1.csv", true),
            ("*_202605_*.csv", "a_202605.csv", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
