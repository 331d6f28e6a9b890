//! Lints: what is well formed but looks like a mistake known from other systems, on a given day.
//!
//! Each is a warning with place, message and help, told of what the pack itself writes; `allow = { slug = "why" }` on
//! the rule silences it. [`crate::diagnostics::LINTS`] lists them.

mod any_for_all;
mod exemption_ended;
mod interval; // what values can be at all
mod limit_never_binds;
mod percentage_above_one;
mod receipt_not_eligibility;
mod test_unused;
mod unconfirmed;

use std::collections::BTreeSet;

use hedui_base::{Diagnostic, diagnostic};
use jiff::civil::Date;

use crate::folder::PackFolder;
use crate::program::{ParameterRow, Program};
use crate::resolved::{self, Body, Expr, Node};
use crate::spot::Spot;

/// A pack as lints see it.
pub(crate) struct Lints<'a> {
    pub folder: &'a PackFolder,
    pub pack: &'a resolved::Pack,
    pub program: &'a Program,
    pub day: Date,
    found: Vec<Diagnostic>,
}

/// Everything that looks wrong in a pack on a day.
pub(crate) fn lints(folder: &PackFolder, pack: &resolved::Pack, program: &Program, day: Date) -> Vec<Diagnostic> {
    let mut lints = Lints { folder, pack, program, day, found: Vec::new() };
    any_for_all::lint(&mut lints);
    exemption_ended::lint(&mut lints);
    limit_never_binds::lint(&mut lints);
    percentage_above_one::lint(&mut lints);
    receipt_not_eligibility::lint(&mut lints);
    test_unused::lint(&mut lints);
    unconfirmed::lint(&mut lints);
    diagnostic::sort(&mut lints.found);
    lints.found.dedup();
    lints.found
}

impl Lints<'_> {
    /// Takes down what was found about a rule, unless it is not the pack's own or the rule allows it.
    fn tell(&mut self, rule: &str, found: Diagnostic) {
        let name = rule.split('.').next().unwrap_or(rule);
        let allowed = |allow: &crate::surface::Allow| found.code.strip_prefix("rules::") == Some(&allow.lint.value);
        let own = found.labels.first().is_some_and(|label| self.owns(&label.file.name));
        if own && !self.pack.allows.get(name).is_some_and(|allows| allows.iter().any(allowed)) {
            self.found.push(found);
        }
    }

    /// Whether a file is the pack's own.
    fn owns(&self, file: &str) -> bool {
        file.strip_prefix(self.folder.id.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Where a parameter's row is written; none in files of other packs.
    fn row_spot(&self, row: &ParameterRow) -> Option<Spot> {
        let file = self.folder.files.iter().find(|file| file.name == row.file)?;
        let start = file.text.split_inclusive('\n').take(row.line.checked_sub(1)?).map(str::len).sum::<usize>();
        let line = file.text.get(start..)?.lines().next()?;
        Some(Spot { file: std::sync::Arc::clone(file), span: start..start + line.len() })
    }

    /// Steps that some steps read, themselves included.
    fn reached(&self, from: impl IntoIterator<Item = Node>) -> BTreeSet<Node> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<Node> = from.into_iter().collect();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                let mut read = Vec::new();
                self.expressions(node).into_iter().for_each(|expr| expr.steps(&mut read));
                open.extend(read.into_iter().map(|(node, _)| node));
                if let Body::Compare(value, _, limit) = self.pack.steps[node.0].body {
                    open.extend([value, limit]);
                }
            }
        }
        reached
    }

    /// The expressions of a step.
    fn expressions(&self, node: Node) -> Vec<&Expr> {
        match &self.pack.steps[node.0].body {
            Body::Fact { filter, value, .. } => filter.iter().chain([value]).collect(),
            Body::Formula(expr) => vec![expr],
            Body::Compare(..) | Body::FlagCount(_) => Vec::new(),
        }
    }

    /// What decides about schemes: their conditions and all below them.
    fn deciding(&self) -> BTreeSet<Node> {
        self.reached(
            self.pack.schemes.iter().flat_map(|s| [Some(s.when), s.persons.as_ref().map(|p| p.when)]).flatten(),
        )
    }
}
