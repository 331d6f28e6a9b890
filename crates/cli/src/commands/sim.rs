//! `hedui sim`: write cities, serve their institutions.

use std::collections::BTreeSet;
use std::path::Path;

use hedui_sim::{City, CityOptions, Faults, ServeOptions, Which};

use super::{Ended, Shell};
use crate::args::SimVerb;
use crate::failure::{Failure, chain};
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: SimVerb) -> Ended {
    match verb {
        SimVerb::City { out, households, seed, as_of, advance } => {
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
        SimVerb::Serve { city: dir, data, only, except, fault } => {
            let city = read_city(&dir)?;
            let which = match (only.is_empty(), except.is_empty()) {
                (false, _) => Which::Only(only.into_iter().collect::<BTreeSet<_>>()),
                (true, false) => Which::Except(except.into_iter().collect()),
                (true, true) => Which::All,
            };
            let faults: Faults = fault.join(",").parse().map_err(|e| Failure::input(chain(&e)))?;
            let options = ServeOptions { which, faults, ..ServeOptions::default() };
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
            terminal::note(format!(
                "serving {} on loopback; addresses in {}",
                servers.institutions().join(", "),
                site.display()
            ));
            terminal::note("stop with Ctrl-C");
            interrupted().await;
            servers.stop().await;
            Ok(0)
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
