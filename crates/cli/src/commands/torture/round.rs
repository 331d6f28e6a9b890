//! One round: a city, a calm run, and a run under faults and kills that must end alike.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hedui_base::Outcome;
use hedui_sim::{City, CityOptions, ServeOptions, Servers, Way, Which};
use hedui_verify::Boundary;
use jiff::civil::Date;
use tokio::process::Command;

use super::Folders;
use super::known::{self, Known, Pair};
use super::tally::Tally;

/// What a round is made of.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) households: u32,
    /// Runs that are to be killed.
    pub(super) kills: usize,
    /// When the last fault has healed.
    pub(super) within: Duration,
    /// Only these sources; none means all.
    pub(super) sources: Vec<String>,
    pub(super) connectors: Option<PathBuf>,
}

const AS_OF: Date = Date::constant(2026, 6, 30);
/// Runs in which everything must be answered once all faults have healed.
const LAST_RUNS: usize = 8;

/// What broke.
type Broken = String;

/// How a run is to end.
#[derive(Clone, Copy, Debug)]
enum Death {
    At(Boundary, u64),
    After(Duration),
    None,
}

/// The seed's random numbers (SplitMix64, as in the invented cities).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }
}

/// Runs a round; says in a line what was survived.
pub(super) async fn run(plan: &Plan, root: &Path, tally: &mut Tally) -> Result<String, Broken> {
    let folders = Folders::new(root);
    let _ = std::fs::remove_dir_all(root);
    let city = hedui_sim::generate(&CityOptions { households: plan.households, seed: plan.seed, as_of: AS_OF });
    city.write(&folders.path("calm-city")).map_err(|e| e.to_string())?;
    let (truth, findings) = calm(plan, &folders, &city).await?;

    let (options, ways) = served(plan)?;
    let faults = hedui_sim::chaos(plan.seed, &ways, plan.within);
    let options = ServeOptions { faults, fault_seed: Some(plan.seed), ..options };
    let servers = hedui_sim::serve_with(&city, &folders.path("city"), &options).await.map_err(|e| e.to_string())?;
    let mut dice = Dice(plan.seed);
    let before = tally.kills();
    for nth in 0..plan.kills {
        let death = death(plan, nth, &mut dice);
        let child = acquire(plan, &folders, "data", "city", death).await?;
        tally.runs += 1;
        match (death, child) {
            (Death::At(boundary, _), true) => tally.kill(boundary),
            (Death::After(_), true) => tally.random += 1,
            _ => {}
        }
        check(plan, &folders, &truth, tally).await.map_err(|lie| format!("after {death:?}: {lie}"))?;
        if !child && open_pairs(plan, &folders, &truth).await?.is_empty() {
            // Nothing is left to ask: another kill would hit nothing.
            break;
        }
    }
    servers.heal().await.map_err(|e| e.to_string())?;
    // A last run also where nothing seems to be left: it takes up what a killed one left behind.
    acquire(plan, &folders, "data", "city", Death::None).await?;
    let runs = 1 + until_settled(plan, &folders, &truth, tally).await?;
    let strikes = count(&servers, &options, &ways, tally);
    servers.stop().await;

    let ws = open(plan, &folders, "data", "city").await?;
    let after = known::known(&ws).await?;
    differ("outcomes", &format!("{:#?}", truth.outcomes), &format!("{:#?}", after.outcomes))?;
    differ("records", &truth.records.join("\n"), &after.records.join("\n"))?;
    let same = known::findings(&ws, AS_OF, &folders.path("data-results")).await?;
    differ("findings", &findings.join("\n"), &same.join("\n"))?;
    known::sound(&ws).await?;
    tally.asks += after.outcomes.len() as u64;
    tally.records += after.records.len() as u64;
    Ok(format!(
        "{} faults struck {strikes} times, {} kills, healed after {runs} more runs; {} asks, {} records and {} findings as in a calm run",
        options.faults.0.len(),
        tally.kills() - before,
        after.outcomes.len(),
        after.records.len(),
        findings.len(),
    ))
}

/// How to serve what is asked, calmly, and how each source is asked.
fn served(plan: &Plan) -> Result<(ServeOptions, Vec<(String, Way)>), Broken> {
    let mut options = ServeOptions {
        connectors: plan.connectors.clone().into_iter().collect(),
        reply_delay: Duration::from_millis(50),
        ..ServeOptions::default()
    };
    let registry = options.registry().map_err(|e| e.to_string())?;
    let asked = |id: &str| plan.sources.is_empty() || plan.sources.iter().any(|wanted| wanted == id);
    let sources: Vec<_> = registry.iter().filter(|source| asked(source.id.as_str())).collect();
    options.which = Which::Only(sources.iter().map(|source| source.institution.clone()).collect());
    Ok((options, sources.iter().map(|source| (source.id.to_string(), Way::of(source))).collect()))
}

/// What is true: a run without faults and kills.
async fn calm(plan: &Plan, folders: &Folders, city: &City) -> Result<(Known, Vec<String>), Broken> {
    let (options, _) = served(plan)?;
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
    let truth = known::known(&ws).await?;
    let findings = known::findings(&ws, AS_OF, &folders.path("calm-results")).await?;
    if truth.outcomes.values().filter(|outcome| outcome.is_answer()).count() == 0 {
        return Err("nobody answered in the calm run".to_owned());
    }
    Ok((truth, findings))
}

async fn open(plan: &Plan, folders: &Folders, data: &str, city: &str) -> Result<hedui_verify::Workspace, Broken> {
    let site = folders.path(city).join("site.toml");
    known::open(&folders.path(data), &site, plan.connectors.as_deref(), AS_OF).await
}

/// Boundaries in turn, each seed beginning with another one, and every third time a random moment.
fn death(plan: &Plan, nth: usize, dice: &mut Dice) -> Death {
    if nth % 3 == 2 {
        return Death::After(Duration::from_millis(20 + dice.next(1500)));
    }
    // Five and thirteen share no factor: from any beginning every boundary has its turn.
    let turn = plan.seed % Boundary::ALL.len() as u64 + 5 * (nth - nth / 3) as u64;
    let times = if nth == 0 { 1 } else { 1 + dice.next(3) };
    Death::At(Boundary::ALL[(turn % Boundary::ALL.len() as u64) as usize], times)
}

/// One run of `hedui acquire` as a child; whether it was killed.
async fn acquire(plan: &Plan, folders: &Folders, data: &str, city: &str, death: Death) -> Result<bool, Broken> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    // Without any patience what is not there at the first look is left pending, which is a boundary too.
    let wait = if matches!(death, Death::At(Boundary::LeftPending, _)) { "0" } else { "2" };
    command.args(["--json", "acquire", "--wait", wait, "--as-of", &AS_OF.to_string()]);
    command.arg("--data").arg(folders.path(data));
    command.arg("--cases").arg(folders.path("calm-city").join("cases.json"));
    command.arg("--site").arg(folders.path(city).join("site.toml"));
    if let Some(dir) = &plan.connectors {
        command.arg("--connectors").arg(dir);
    }
    if !plan.sources.is_empty() {
        command.arg("--sources").arg(plan.sources.join(","));
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
async fn check(plan: &Plan, folders: &Folders, truth: &Known, tally: &mut Tally) -> Result<(), Broken> {
    let ws = open(plan, folders, "data", "city").await?;
    for row in known::history(&ws).await? {
        tally.checked += 1;
        let pair = (row.person, row.source.to_string());
        let known = truth.outcomes.get(&pair).copied();
        let claims = matches!(row.outcome, Outcome::Found | Outcome::NoRecord);
        if claims && known != Some(row.outcome) {
            let detail = row.detail.as_deref().unwrap_or("no detail");
            return Err(format!(
                "{} about person {} was {} ({detail}) in answer {}; a calm run says {known:?}",
                row.source, row.person, row.outcome, row.answer.0
            ));
        }
    }
    Ok(())
}

/// A pair that does not stand as in the calm run: how it stands there, and here.
type OpenPair = (Pair, Outcome, Option<Outcome>);

async fn open_pairs(plan: &Plan, folders: &Folders, truth: &Known) -> Result<Vec<OpenPair>, Broken> {
    let now = known::outcomes(&open(plan, folders, "data", "city").await?).await?;
    let differing = truth.outcomes.iter().filter(|(pair, outcome)| now.get(pair) != Some(outcome));
    Ok(differing.map(|(pair, outcome)| (pair.clone(), *outcome, now.get(pair).copied())).collect())
}

/// Runs until every pair stands as in the calm run; how many runs that took.
async fn until_settled(plan: &Plan, folders: &Folders, truth: &Known, tally: &mut Tally) -> Result<usize, Broken> {
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
fn count(servers: &Servers, options: &ServeOptions, ways: &[(String, Way)], tally: &mut Tally) -> u64 {
    let struck = servers.struck();
    let mut all = 0;
    for fault in &options.faults.0 {
        let Some((_, way)) = ways.iter().find(|(id, _)| *id == fault.place) else { continue };
        let of = |(id, kind, count): &(String, hedui_sim::FaultKind, u64)| {
            (*id == fault.place && *kind == fault.kind).then_some(*count)
        };
        let count = struck.iter().find_map(of).unwrap_or(0);
        tally.fault(fault.kind, *way, count);
        all += count;
    }
    all
}

/// Says where two texts begin to differ.
fn differ(what: &str, calm: &str, now: &str) -> Result<(), Broken> {
    if calm == now {
        return Ok(());
    }
    let (mut a, mut b) = (calm.lines(), now.lines());
    loop {
        match (a.next(), b.next()) {
            (Some(one), Some(two)) if one == two => {}
            (one, two) => return Err(format!("{what} differ from the calm run's: calm {one:?}, now {two:?}")),
        }
    }
}
