//! `hedui sim`: write cities, serve their institutions.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use hedui_sim::{City, CityOptions, FaultKind, Faults, ServeOptions, Target, Way, Which};
use hedui_verify::own_connectors;

use super::{Ended, Shell};
use crate::args::{FaultArgs, SimVerb};
use crate::failure::{Failure, chain};
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: SimVerb) -> Ended {
    match verb {
        SimVerb::City { out, households, seed, as_of, advance: None, direct } if direct.direct => {
            super::sim_direct::run(shell, &out, CityOptions { households, seed, as_of }, direct).await
        }
        SimVerb::City { out, households, seed, as_of, advance, .. } => {
            let city = match advance {
                Some(months) => {
                    let mut city = read_city(&out)?;
                    city.advance(months);
                    city
                }
                None => hedui_sim::generate(&CityOptions { households, seed, as_of }),
            };
            city.write(&out).map_err(|e| Failure::input(chain(&e)))?;
            print_city(shell, &out, &city);
            Ok(0)
        }
        SimVerb::Ingest(args) => super::sim_ingest::run(shell, args).await,
        SimVerb::Faults => {
            print_faults(shell);
            Ok(0)
        }
        SimVerb::Torture(args) => super::torture::run(shell, args).await,
        SimVerb::Serve { city: dir, data, only, except, databases, rate, connectors, faults } => {
            let city = read_city(&dir)?;
            let which = match (only.is_empty(), except.is_empty()) {
                (false, _) => Which::Only(only.into_iter().collect::<BTreeSet<_>>()),
                (true, false) => Which::Except(except.into_iter().collect()),
                (true, true) => Which::All,
            };
            let own = data.as_deref().and_then(own_connectors);
            let connectors = own.into_iter().chain(connectors.connectors).collect();
            let mut options = ServeOptions {
                which,
                connectors,
                databases,
                rate,
                fault_seed: faults.chaos,
                ..ServeOptions::default()
            };
            options.faults = planned(&faults, &options)?;
            let served = std::time::Instant::now();
            let servers = hedui_sim::serve_with(&city, &dir, &options).await.map_err(|e| Failure::input(chain(&e)))?;
            let site = match data {
                None => dir.join("site.toml"),
                Some(data) => {
                    std::fs::create_dir_all(&data)
                        .map_err(|e| Failure::input(format!("cannot make {}: {e}", data.display())))?;
                    let site = data.join("site.toml");
                    std::fs::copy(dir.join("site.toml"), &site)
                        .map_err(|e| Failure::input(format!("cannot write {}: {e}", site.display())))?;
                    site
                }
            };
            // What is served is kept elsewhere now, and much smaller.
            drop(city);
            terminal::note(format!(
                "serving {} institution(s) on loopback after {:.1} s: {}; addresses in {}",
                servers.institutions().len(),
                served.elapsed().as_secs_f64(),
                servers.institutions().join(", "),
                site.display()
            ));
            if !options.faults.0.is_empty() {
                terminal::note(format!("faults: {}", options.faults));
            }
            terminal::note("stop with Ctrl-C");
            interrupted().await;
            servers.stop().await;
            Ok(0)
        }
    }
}

/// The faults asked for: one by one, by a plan, and by chance.
fn planned(args: &FaultArgs, options: &ServeOptions) -> Result<Faults, Failure> {
    let mut faults: Faults = args.fault.join(",").parse().map_err(|e| Failure::input(chain(&e)))?;
    if let Some(plan) = &args.faults {
        faults.0.extend(Faults::read(plan).map_err(|e| Failure::input(chain(&e)))?.0);
    }
    if let Some(seed) = args.chaos {
        let registry = options.registry().map_err(|e| Failure::input(chain(&e)))?;
        let served = registry.iter().filter(|source| options.which.has(&source.institution));
        let targets: Vec<Target> = served.map(|source| Target::of(source)).collect();
        faults.0.extend(hedui_sim::chaos(seed, &targets, Duration::from_secs(args.chaos_within)).0);
    }
    Ok(faults)
}

fn print_faults(shell: Shell) {
    let does = |kind: FaultKind| Way::ALL.into_iter().filter_map(move |way| Some((way, kind.does(way)?)));
    if shell.json {
        let kinds = FaultKind::ALL.into_iter().map(|kind| {
            let does: serde_json::Map<_, _> =
                does(kind).map(|(way, text)| (way.as_str().to_owned(), text.into())).collect();
            serde_json::json!({ "kind": kind.as_str(), "usual": kind.usual(), "does": does })
        });
        terminal::json(&serde_json::Value::Array(kinds.collect()));
        return;
    }
    for kind in FaultKind::ALL {
        terminal::line(format!("{kind} (usual intensity {})", kind.usual()));
        for (way, text) in does(kind) {
            terminal::line(format!("  {:<6} {text}", way.as_str()));
        }
    }
}

/// Waits for Ctrl-C or a request to end.
pub(crate) async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}

fn read_city(dir: &Path) -> Result<City, Failure> {
    City::read(dir).map_err(|e| {
        Failure::input_help(chain(&e), format!("write a city first: hedui sim city --out {}", dir.display()))
    })
}

fn print_city(shell: Shell, dir: &Path, city: &City) {
    let people: usize = city.households.iter().map(|h| h.members.len() + h.obligors.len()).sum();
    if shell.json {
        terminal::json(&serde_json::json!({
            "dir": dir, "as_of": city.as_of, "households": city.households.len(), "people": people,
            "planted": city.truth.planted.len(), "changes": city.truth.changes.len(),
        }));
        return;
    }
    terminal::line(format!(
        "{} as of {}: {} households, {people} people, {} planted anomalies, {} changes since it was written",
        dir.display(),
        city.as_of,
        city.households.len(),
        city.truth.planted.len(),
        city.truth.changes.len(),
    ));
}
