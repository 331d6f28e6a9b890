//! `hedui check` and `hedui explain`: one household.

use hedui_base::CaseId;
use hedui_verify::{Explained, WorkspaceOptions};

use super::{Ended, Shell, day, existing, to_json};
use crate::args::{CheckArgs, ExplainArgs};
use crate::failure::Failure;
use crate::terminal;

pub(crate) async fn check(shell: Shell, args: CheckArgs) -> Ended {
    let ws = existing(&args.data, WorkspaceOptions { today: args.as_of, ..WorkspaceOptions::default() }).await?;
    let (case, as_of) = (CaseId::from(args.case), day(args.as_of, &ws));
    if shell.json {
        terminal::json(&to_json(&hedui_verify::check_and_what_if(&ws, &case, as_of).await?)?);
    } else {
        // The sheet has no place for what would change the finding; `explain --what-if` says it.
        terminal::line(hedui_verify::calculation_sheet(&hedui_verify::check(&ws, &case, as_of).await?));
    }
    Ok(0)
}

pub(crate) async fn explain(shell: Shell, args: ExplainArgs) -> Ended {
    let case = CaseId::from(args.case);
    if let Some(out) = &args.from {
        let variable = args.variable.as_deref();
        let explained = hedui_verify::explain_kept(out, &case, variable, args.data.as_deref()).await?;
        return print(shell, &explained);
    }
    let Some(data) = &args.data else {
        return Err(Failure::input("give --data DIR, or --from OUT for the results of an earlier batch --explain"));
    };
    let ws = existing(data, WorkspaceOptions { today: args.as_of, ..WorkspaceOptions::default() }).await?;
    if let Some(scheme) = &args.what_if {
        let scheme = Some(scheme.as_str()).filter(|scheme| !scheme.is_empty());
        let answer = hedui_verify::what_if(&ws, &case, scheme, day(args.as_of, &ws)).await?;
        if shell.json {
            terminal::json(&to_json(&answer)?);
        } else {
            terminal::line(answer.text);
        }
        return Ok(0);
    }
    let explained = hedui_verify::explain(&ws, &case, args.variable.as_deref(), day(args.as_of, &ws)).await?;
    print(shell, &explained)
}

fn print(shell: Shell, explained: &Explained) -> Ended {
    if shell.json {
        terminal::json(&to_json(explained)?);
    } else {
        terminal::line(&explained.text);
    }
    Ok(0)
}
