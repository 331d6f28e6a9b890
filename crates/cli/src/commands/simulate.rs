//! `hedui rules simulate`: a reform tried on the stored caseload.

use hedui_verify::{Reform, Selection, Side, SimulatePlainRequest, SimulateRequest, Simulation, WorkspaceOptions};

use super::{Ended, Shell, day, existing, to_json};
use crate::args::SimulateArgs;
use crate::failure::{self, Failure};
use crate::{progress, terminal};

mod shown;

pub(crate) async fn run(shell: Shell, args: SimulateArgs) -> Ended {
    let side = |packs: &[String], set| Side { packs: packs.to_vec(), force: args.force && !packs.is_empty(), set };
    let reformed = if args.reform.is_empty() { &args.baseline } else { &args.reform };
    let (before, after) = (side(&args.baseline, args.set_baseline), side(reformed, args.set));
    let reform = |as_of| Reform {
        area_digits: args.area_level.digits(),
        exit_alarm: args.exit_alarm,
        exit_hint: args.exit_hint,
        out: args.out,
        progress: progress::bars(shell.quiet),
        ..Reform::new(before, after, as_of)
    };
    let found = if let Some(records) = args.records {
        let (Some(cases), Some(as_of)) = (args.cases, args.as_of) else {
            return Err(Failure::input("--records needs --cases, --baseline and --as-of"));
        };
        let request = SimulatePlainRequest { records, cases, reform: reform(as_of) };
        tokio::task::spawn_blocking(move || hedui_verify::simulate_plain(&request))
            .await
            .map_err(Failure::internal)??
    } else {
        let Some(data) = args.data else {
            return Err(Failure::input("give --data DIR, or --records DIR for a plain folder"));
        };
        let ws = existing(&data, WorkspaceOptions { today: args.as_of, ..WorkspaceOptions::default() }).await?;
        let reform = reform(day(args.as_of, &ws));
        hedui_verify::simulate(&ws, SimulateRequest { cases: Selection::All, known_at: args.known_at, reform }).await?
    };
    if shell.json {
        terminal::json(&to_json(&found)?);
    } else {
        shown::print(&found);
    }
    Ok(ends(&found))
}

/// Cases that cannot be computed are bad input, as in a batch; an alarm needs attention.
fn ends(found: &Simulation) -> u8 {
    if !found.failures_before.is_empty() || !found.failures_after.is_empty() {
        failure::BAD_INPUT
    } else if found.alarms.is_empty() {
        0
    } else {
        failure::ATTENTION
    }
}
