//! `hedui demo`: an invented city through the whole path, scored against its truth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hedui_base::CaseId;
use hedui_sim::{CityOptions, Faults, Score, Truth, Which};
use hedui_store::results::ResultColumn;
use hedui_verify::{AcquireRequest, BatchRequest, Intake, Progress, Selection, Workspace, WorkspaceOptions};

use super::{Ended, Shell, acquire, batch, open, to_json};
use crate::args::DemoArgs;
use crate::failure::{self, Failure, chain};
use crate::{progress, terminal};

/// Marks a folder as a demo's, so that the next demo may replace it.
const MARKER: &str = ".hedui-demo";

pub(crate) async fn run(shell: Shell, args: DemoArgs) -> Ended {
    let started = Instant::now();
    let dir = args.keep.clone().unwrap_or_else(|| PathBuf::from("hedui-demo"));
    prepare(&dir)?;
    let (city_dir, data, out) = (dir.join("city"), dir.join("data"), dir.join("results"));
    let progress = progress::bars(shell.quiet);

    let city = hedui_sim::generate(&CityOptions { households: args.households, seed: args.seed, as_of: args.as_of });
    city.write(&city_dir).map_err(|e| Failure::internal(chain(&e)))?;
    let servers = hedui_sim::serve(&city, &city_dir, Which::All, Faults::default())
        .await
        .map_err(|e| Failure::internal(chain(&e)))?;
    if !shell.json {
        terminal::line(format!(
            "An invented city of {} households as of {}; its {} institutions are live servers on loopback.",
            city.households.len(),
            args.as_of,
            servers.institutions().len()
        ));
    }
    write_api_example(&dir.join("api"), &city_dir.join("cases.json"))?;
    let options = WorkspaceOptions {
        site: Some(city_dir.join("site.toml")),
        today: Some(args.as_of),
        ..WorkspaceOptions::default()
    };
    let ws = open(&data, options).await?;
    let intake = Intake::parse(&super::read_text(&city_dir.join("cases.json"))?)?;
    hedui_verify::accept(&ws, &intake, "demo").await?;
    let request = AcquireRequest {
        deadline: Duration::from_secs(60),
        actor: "demo".to_owned(),
        progress: Arc::clone(&progress) as Arc<dyn Progress>,
        ..AcquireRequest::all(args.as_of)
    };
    let asked = hedui_verify::acquire(&ws, request).await?;
    servers.stop().await;
    let acquired_in = started.elapsed();

    let request = BatchRequest { progress, ..BatchRequest::new(Selection::All, args.as_of, &out) };
    let summary = hedui_verify::batch(&ws, request).await?;
    let raised = raised_flags(&out)?;
    let pairs: Vec<(&str, &str)> = raised.iter().map(|(c, f)| (c.as_str(), f.as_str())).collect();
    let score = hedui_sim::score(&city.truth, &pairs);
    let sheets = sheets(&ws, &city.truth, &intake, args.as_of).await?;
    // The addresses of this run are gone with its servers; what is kept can be served again.
    let exact = score.found == score.planted && score.missed.is_empty() && score.without_cause.is_empty();

    if shell.json {
        terminal::json(&serde_json::json!({
            "acquire": to_json(&asked)?, "batch": to_json(&summary)?, "planted": score.planted, "found": score.found,
            "missed": score.missed, "without_cause": score.without_cause, "seconds": started.elapsed().as_secs_f64(),
        }));
    } else {
        terminal::heading("Asked 信息获取");
        if args.sources {
            acquire::print(&asked);
        } else {
            acquire::print_by_class(&asked, ws.registry());
        }
        batch::findings(&summary);
        batch::flags(&summary);
        print_score(&score);
        for (title, sheet) in sheets {
            terminal::heading(title);
            terminal::line(sheet);
        }
        terminal::heading("Where things lie");
        terminal::line(format!("findings (one row a case)     {}", summary.findings_file.display()));
        terminal::line(format!("flags (one row a raised flag) {}", summary.flags_file.display()));
        terminal::line(format!("answers, people, audit log    {}", data.display()));
        terminal::line(format!("the city and its truth        {}", city_dir.display()));
        terminal::line(format!(
            "\n{} households in {:.1} s: asking {:.1} s, the rest {:.1} s.",
            summary.cases,
            started.elapsed().as_secs_f64(),
            acquired_in.as_secs_f64(),
            (started.elapsed() - acquired_in).as_secs_f64(),
        ));
        if let Some(case) = intake.households.first() {
            let (data, as_of, case) = (data.display(), args.as_of, &case.case);
            terminal::line(format!("Next: hedui explain --data {data} --as-of {as_of} {case}"));
            terminal::line(format!("      hedui check   --data {data} --as-of {as_of} {case}"));
        }
    }
    Ok(if exact { 0 } else { failure::ATTENTION })
}

/// Makes the folder, or empties it if an earlier demo made it.
fn prepare(dir: &Path) -> Result<(), Failure> {
    let cannot = |e: std::io::Error| Failure::input(format!("cannot use {}: {e}", dir.display()));
    if dir.is_dir() && std::fs::read_dir(dir).map_err(cannot)?.next().is_some() {
        if !dir.join(MARKER).is_file() {
            return Err(Failure::input_help(
                format!("{} is not empty and no earlier demo made it", dir.display()),
                "name another folder with --keep DIR",
            ));
        }
        std::fs::remove_dir_all(dir).map_err(cannot)?;
    }
    std::fs::create_dir_all(dir).map_err(cannot)?;
    std::fs::write(dir.join(MARKER), "made by `hedui demo`; replaced by the next one\n").map_err(cannot)
}

/// One household and its letter as bodies for the HTTP API, to try it with.
fn write_api_example(dir: &Path, cases: &Path) -> Result<(), Failure> {
    let intake: serde_json::Value = serde_json::from_str(&super::read_text(cases)?).map_err(Failure::internal)?;
    let mut household = intake["households"][0].clone();
    let letter = household["letter"].take();
    let signers: Vec<_> = ["members", "obligors"]
        .iter()
        .flat_map(|list| household[list].as_array().into_iter().flatten())
        .map(|person| serde_json::json!({ "name": person["name"], "id_number": person["id_number"] }))
        .collect();
    let filed = serde_json::json!({
        "number": letter["number"], "area": household["area"], "purposes": letter["purposes"],
        "scopes": letter["scopes"], "covers": signers, "valid_from": letter["valid_from"],
        "valid_until": letter["valid_until"],
    });
    let request = serde_json::json!({ "household": household, "authorisation": letter["number"] });
    std::fs::create_dir_all(dir).map_err(Failure::internal)?;
    for (name, body) in [("letter.json", filed), ("household.json", request)] {
        std::fs::write(dir.join(name), format!("{body:#}\n")).map_err(Failure::internal)?;
    }
    Ok(())
}

/// (case, flag) of every row of flags.parquet: what was really written is what is scored.
fn raised_flags(out: &Path) -> Result<Vec<(String, String)>, Failure> {
    let columns = hedui_store::results::read(&out.join("flags.parquet")).map_err(|e| Failure::internal(chain(&e)))?;
    let texts = |name: &str| {
        columns.iter().find_map(|(column, values)| match values {
            ResultColumn::Text(texts) if column == name => Some(texts),
            _ => None,
        })
    };
    let (Some(cases), Some(flags)) = (texts("case"), texts("flag")) else {
        return Err(Failure::internal("flags.parquet lacks its columns `case` and `flag`"));
    };
    Ok(cases
        .iter()
        .zip(flags)
        .filter_map(|(case, flag)| Some((case.as_deref()?.to_owned(), flag.as_deref()?.to_owned())))
        .collect())
}

/// Three calculation sheets: a household with nothing against it, one with a flag, one near the line or already enrolled.
async fn sheets(
    ws: &Workspace,
    truth: &Truth,
    intake: &Intake,
    as_of: jiff::civil::Date,
) -> Result<Vec<(String, String)>, Failure> {
    let flagged: BTreeSet<&str> = truth.expected.iter().map(|e| e.case.as_str()).collect();
    let pick = |wanted: &dyn Fn(&hedui_verify::intake::IntakeHousehold) -> bool| {
        intake.households.iter().find(|h| wanted(h)).map(|h| h.case.clone())
    };
    let picks: [(&str, Option<CaseId>); 3] = [
        ("A household with nothing to recheck", pick(&|h| h.members.len() >= 2 && !flagged.contains(h.case.as_str()))),
        (
            "A household whose declaration and registers differ",
            truth.planted.iter().find(|p| p.flag == "AS07" || p.flag == "IN02").map(|p| CaseId::from(p.case.as_str())),
        ),
        (
            "A household in receipt",
            pick(&|h| h.in_receipt && !h.obligors.is_empty()).or_else(|| pick(&|h| h.in_receipt)),
        ),
    ];
    let mut sheets = Vec::new();
    for (title, case) in picks {
        if let Some(case) = case {
            let report = hedui_verify::check(ws, &case, as_of).await?;
            sheets.push((format!("{title}: {case}"), hedui_verify::calculation_sheet(&report)));
        }
    }
    Ok(sheets)
}

fn print_score(score: &Score) {
    terminal::heading("Against the truth");
    let share = if score.planted == 0 { 100.0 } else { 100.0 * score.found as f64 / score.planted as f64 };
    terminal::line(format!("planted anomalies found      {} of {} ({share:.1} %)", score.found, score.planted));
    terminal::line(format!("households flagged without cause  {}", score.cases_without_cause()));
    const SHOWN: usize = 10;
    for missed in score.missed.iter().take(SHOWN) {
        terminal::line(format!("  missed: {} {}", missed.case, missed.flag));
    }
    for extra in score.without_cause.iter().take(SHOWN) {
        terminal::line(format!("  without cause: {} {}", extra.case, extra.flag));
    }
}
