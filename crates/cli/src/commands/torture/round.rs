//! One round: a city, a calm run, and a run under faults and kills that must end alike.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hedui_base::Outcome;
use hedui_sim::{City, CityOptions, Faults, ServeOptions, Servers, Target};
use hedui_verify::Boundary;
use jiff::civil::Date;
use tokio::process::Command;

use super::alike::{alike, lie};
use super::deaths::{Death, Deaths};
use super::known::{self, Known, Pair};
use super::tally::Tally;
use super::{Asked, Folders};

/// What a round is made of.
pub(super) struct Plan<'a> {
    pub(super) seed: u64,
    pub(super) households: u32,
    /// Runs that are to be killed.
    pub(super) kills: usize,
    /// When the last fault has healed.
    pub(super) within: Duration,
    pub(super) asked: &'a Asked,
}

const AS_OF: Date = Date::constant(2026, 6, 30);
/// Runs in which everything must be answered once all faults have healed.
const LAST_RUNS: usize = 8;

/// What broke.
type Broken = String;

/// Runs a round; says in a line what was survived.
pub(super) async fn run(plan: &Plan<'_>, root: &Path, tally: &mut Tally) -> Result<String, Broken> {
    let folders = Folders::new(root);
    let _ = std::fs::remove_dir_all(root);
    let city = hedui_sim::generate(&CityOptions { households: plan.households, seed: plan.seed, as_of: AS_OF });
    city.write(&folders.path("calm-city")).map_err(|e| e.to_string())?;
    let truth = calm(plan, &folders, &city).await?;

    let targets = plan.asked.targets();
    let faults = hedui_sim::chaos_least_met(plan.seed, &targets, plan.within, |kind, way| tally.met(kind, way));
    let options = ServeOptions { faults, fault_seed: Some(plan.seed), ..plan.asked.options() };
    let servers = hedui_sim::serve_with(&city, &folders.path("city"), &options).await.map_err(|e| e.to_string())?;
    let mut deaths = Deaths::of(plan.seed);
    let before = tally.kills();
    for nth in 0..plan.kills {
        let death = deaths.next(nth, tally);
        let killed = acquire(plan, &folders, "data", "city", death).await?;
        tally.runs += 1;
        deaths.came(death, killed, tally);
        check(plan, &folders, &truth, tally).await.map_err(|lie| format!("after {death:?}: {lie}"))?;
        if !killed && open_pairs(plan, &folders, &truth).await?.is_empty() {
            // Nothing is left to ask: another kill would hit nothing.
            break;
        }
    }
    servers.heal().await.map_err(|e| e.to_string())?;
    // A last run also where nothing seems to be left: it takes up what a killed one left behind.
    acquire(plan, &folders, "data", "city", Death::None).await?;
    tally.runs += 1;
    let runs = 1 + until_settled(plan, &folders, &truth, tally).await?;
    let strikes = count(&servers, &options.faults, &targets, tally);
    servers.stop().await;

    let ws = open(plan, &folders, "data", "city").await?;
    let after = known::known(&ws, AS_OF, &folders.path("data-results")).await?;
    alike(&truth, &after)?;
    known::sound(&ws).await?;
    tally.asks += after.asks.len() as u64;
    tally.records += after.records.len() as u64;
    tally.findings += after.findings.len() as u64;
    Ok(format!(
        "{} faults struck {strikes} times, {} kills, healed after {runs} more runs; {} asks, {} records, {} findings and flags as in a calm run",
        options.faults.0.len(),
        tally.kills() - before,
        after.asks.len(),
        after.records.len(),
        after.findings.len(),
    ))
}

/// What is true: a run without faults and kills.
async fn calm(plan: &Plan<'_>, folders: &Folders, city: &City) -> Result<Known, Broken> {
    let options = plan.asked.options();
    let servers = hedui_sim::serve_with(city, &folders.path("calm-city"), &options).await.map_err(|e| e.to_string())?;
    let mut ws;
    loop {
        acquire(plan, folders, "calm", "calm-city", Death::None).await?;
        ws = open(plan, folders, "calm", "calm-city").await?;
        if known::outcomes(&ws).await?.values().all(|outcome| *outcome != Outcome::Pending) {
            break;
        }
    }
    servers.stop().await;
    let truth = known::known(&ws, AS_OF, &folders.path("calm-results")).await?;
    // What is empty is alike without any merit.
    if truth.outcomes.values().all(|outcome| !outcome.is_answer()) {
        return Err("nobody answered in the calm run".to_owned());
    }
    for (what, rows) in [("asks", &truth.asks), ("records", &truth.records), ("findings", &truth.findings)] {
        if rows.is_empty() {
            return Err(format!("the calm run has no {what}: there is nothing to compare"));
        }
    }
    Ok(truth)
}

async fn open(plan: &Plan<'_>, folders: &Folders, data: &str, city: &str) -> Result<hedui_verify::Workspace, Broken> {
    let site = folders.path(city).join("site.toml");
    known::open(&folders.path(data), &site, plan.asked.connectors.as_deref(), AS_OF).await
}

/// One run of `hedui acquire` as a child; whether it was killed.
async fn acquire(plan: &Plan<'_>, folders: &Folders, data: &str, city: &str, death: Death) -> Result<bool, Broken> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    // Without any patience what is not there at the first look is left pending, which is a boundary too.
    let wait = if matches!(death, Death::At(Boundary::LeftPending, _)) { "0" } else { "2" };
    command.args(["--json", "acquire", "--wait", wait, "--as-of", &AS_OF.to_string()]);
    command.arg("--data").arg(folders.path(data));
    command.arg("--cases").arg(folders.path("calm-city").join("cases.json"));
    command.arg("--site").arg(folders.path(city).join("site.toml"));
    if let Some(dir) = &plan.asked.connectors {
        command.arg("--connectors").arg(dir);
    }
    if !plan.asked.named.is_empty() {
        command.arg("--sources").arg(plan.asked.named.join(","));
    }
    command.env_remove("HEDUI_DIE_AT");
    if let Death::At(boundary, count) = death {
        command.env("HEDUI_DIE_AT", format!("{}:{count}", boundary.as_str()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    if let Death::After(time) = death
        && tokio::time::timeout(time, child.wait()).await.is_err()
    {
        child.kill().await.map_err(|e| e.to_string())?;
        return Ok(true);
    }
    let output = child.wait_with_output().await.map_err(|e| e.to_string())?;
    match (output.status.code(), death) {
        (Some(0), _) => Ok(false),
        (None, Death::At(..)) => Ok(true),
        (code, _) => Err(format!("acquire ended with {code:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Nothing may ever have been said that is not true: neither cleared nor found where a calm run says otherwise.
async fn check(plan: &Plan<'_>, folders: &Folders, truth: &Known, tally: &mut Tally) -> Result<(), Broken> {
    let ws = open(plan, folders, "data", "city").await?;
    for row in known::history(&ws).await? {
        tally.checked += 1;
        let pair = (row.person, row.source.to_string());
        if let Some(lie) = lie(&pair, row.outcome, &truth.outcomes) {
            let detail = row.detail.as_deref().unwrap_or("no detail");
            return Err(format!("{lie} ({detail}) in answer {}, which a calm run does not say", row.answer.0));
        }
    }
    Ok(())
}

/// A pair that does not stand as in the calm run: how it stands there, and here.
type OpenPair = (Pair, Outcome, Option<Outcome>);

async fn open_pairs(plan: &Plan<'_>, folders: &Folders, truth: &Known) -> Result<Vec<OpenPair>, Broken> {
    let now = known::outcomes(&open(plan, folders, "data", "city").await?).await?;
    let differing = truth.outcomes.iter().filter(|(pair, outcome)| now.get(pair) != Some(outcome));
    Ok(differing.map(|(pair, outcome)| (pair.clone(), *outcome, now.get(pair).copied())).collect())
}

/// Runs until every pair stands as in the calm run; how many runs that took.
async fn until_settled(plan: &Plan<'_>, folders: &Folders, truth: &Known, tally: &mut Tally) -> Result<usize, Broken> {
    let mut left = open_pairs(plan, folders, truth).await?;
    for run in 0..LAST_RUNS {
        if left.is_empty() {
            return Ok(run);
        }
        acquire(plan, folders, "data", "city", Death::None).await?;
        tally.runs += 1;
        check(plan, folders, truth, tally).await.map_err(|lie| format!("after all had healed: {lie}"))?;
        left = open_pairs(plan, folders, truth).await?;
    }
    let shown: Vec<String> =
        left.iter().take(5).map(|(pair, was, is)| format!("{pair:?}: {was} and not {is:?}")).collect();
    Err(format!("{} asks are still open long after all faults healed: {}", left.len(), shown.join("; ")))
}

/// Adds what was planned and what struck to the tally.
fn count(servers: &Servers, faults: &Faults, targets: &[Target], tally: &mut Tally) -> u64 {
    let struck = servers.struck();
    let mut all = 0;
    for fault in &faults.0 {
        let Some(target) = targets.iter().find(|target| target.id == fault.place) else { continue };
        let of = |(id, kind, count): &(String, hedui_sim::FaultKind, u64)| {
            (*id == fault.place && *kind == fault.kind).then_some(*count)
        };
        let count = struck.iter().find_map(of).unwrap_or(0);
        tally.fault(fault.kind, target.way, count);
        all += count;
    }
    all
}
