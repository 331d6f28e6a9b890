//! `hedui audit`

use std::path::Path;

use hedui_ledger::Ledger;
use hedui_verify::WorkspaceOptions;

use super::{Ended, Shell, existing};
use crate::args::AuditVerb;
use crate::failure::{self, Failure, chain};
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: AuditVerb) -> Ended {
    match verb {
        AuditVerb::Verify { data } => verify(shell, &data).await,
        AuditVerb::Show { data, last } => show(shell, &data, last).await,
    }
}

async fn opened(data: &Path) -> Result<Ledger, Failure> {
    existing(data, WorkspaceOptions::default()).await?;
    Ledger::open(data).await.map_err(internal)
}

async fn verify(shell: Shell, data: &Path) -> Ended {
    let report = opened(data).await?.audit_verify(None).await.map_err(internal)?;
    let problem = report.problem.as_ref().map(ToString::to_string);
    if shell.json {
        terminal::json(&serde_json::json!({
            "leaves": report.checkpoint.size, "root": report.checkpoint.root, "problem": problem,
        }));
    } else {
        terminal::line(format!("{} leaves, root {}", report.checkpoint.size, report.checkpoint.root));
        terminal::line(problem.as_deref().unwrap_or("the chain is whole"));
    }
    Ok(if problem.is_some() { failure::ATTENTION } else { 0 })
}

async fn show(shell: Shell, data: &Path, last: usize) -> Ended {
    let ledger = opened(data).await?;
    let last = i64::try_from(last).unwrap_or(i64::MAX);
    let from = (ledger.audit_size().await.map_err(internal)? - last).max(0);
    for leaf in ledger.audit_leaves(from, last).await.map_err(internal)? {
        if shell.json {
            terminal::json(&serde_json::json!({ "seq": leaf.seq, "leaf": leaf.leaf, "hash": leaf.hash }));
        } else {
            terminal::line(format!("{:>7} {}", leaf.seq, leaf.leaf));
        }
    }
    Ok(0)
}

fn internal(error: impl std::error::Error) -> Failure {
    Failure::internal(chain(&error))
}
