//! The order of computation, and rules that depend on themselves.

use std::collections::BTreeSet;

use hedui_base::Diagnostic;

use super::ast::{Body, Flag, Node, Step, Want};
use crate::spot::{Also as _, Spot};

/// Orders steps so that each comes after those it reads; returns the steps that cannot be ordered too.
pub(super) fn order(steps: &[Step], flags: &[Flag], mistakes: &mut Vec<Diagnostic>) -> (Vec<Node>, BTreeSet<Node>) {
    let mut reads: Vec<Vec<(Node, Spot)>> = steps.iter().map(|step| reads(steps, step, flags)).collect();
    wait_for_twins(steps, &mut reads);
    let mut walk = Walk {
        steps,
        reads: &reads,
        seen: vec![Seen::Not; steps.len()],
        path: Vec::new(),
        order: Vec::new(),
        cyclic: BTreeSet::new(),
        mistakes,
    };
    for node in 0..steps.len() {
        walk.visit(Node(node));
    }
    (walk.order, walk.cyclic)
}

/// Steps that one step reads.
fn reads(steps: &[Step], step: &Step, flags: &[Flag]) -> Vec<(Node, Spot)> {
    let mut found = Vec::new();
    match &step.body {
        Body::Fact { filter, value, .. } => {
            if let Some(filter) = filter {
                filter.steps(&mut found);
            }
            value.steps(&mut found);
        }
        Body::Formula(expr) => expr.steps(&mut found),
        Body::Compare(value, _, limit) => {
            found.extend([*value, *limit].map(|n| (n, step.spot.clone())));
        }
        Body::FlagCount(severity) => {
            let of = flags.iter().filter(|f| f.severity == Some(*severity));
            found.extend(of.map(|f| (f.when, steps[f.when.0].spot.clone())));
        }
    }
    if let Want::Like(node) = step.want {
        found.push((node, step.spot.clone()));
    }
    found
}

/// Who reads the value of a test also waits for its limit, because the two are brought to one scale together.
fn wait_for_twins(steps: &[Step], reads: &mut [Vec<(Node, Spot)>]) {
    for (twin, step) in steps.iter().enumerate() {
        let Want::Like(value) = step.want else { continue };
        for (_, found) in reads.iter_mut().enumerate().filter(|(reader, _)| *reader != twin) {
            let spot = found.iter().find(|(node, _)| *node == value).map(|(_, spot)| spot.clone());
            found.extend(spot.map(|spot| (Node(twin), spot)));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    OnPath,
    Done,
}

struct Walk<'a> {
    steps: &'a [Step],
    reads: &'a [Vec<(Node, Spot)>],
    seen: Vec<Seen>,
    path: Vec<(Node, Option<Spot>)>,
    order: Vec<Node>,
    cyclic: BTreeSet<Node>,
    mistakes: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn visit(&mut self, node: Node) {
        if self.seen[node.0] != Seen::Not {
            return;
        }
        self.seen[node.0] = Seen::OnPath;
        self.path.push((node, None));
        for (next, spot) in &self.reads[node.0] {
            if let Some(last) = self.path.last_mut() {
                last.1 = Some(spot.clone());
            }
            match self.seen[next.0] {
                Seen::Not => self.visit(*next),
                Seen::OnPath => self.report(*next),
                Seen::Done => {}
            }
        }
        self.path.pop();
        self.seen[node.0] = Seen::Done;
        self.order.push(node);
    }

    /// The path from `start` leads back to `start`.
    fn report(&mut self, start: Node) {
        let from = self.path.iter().position(|(n, _)| *n == start).unwrap_or(0);
        let ring = &self.path[from..];
        if ring.iter().all(|(n, _)| self.cyclic.contains(n)) {
            return;
        }
        let name = |n: Node| self.steps[n.0].name.value.as_str();
        let names: Vec<&str> = ring.iter().map(|(n, _)| name(*n)).chain([name(start)]).collect();
        let mut mistake =
            Diagnostic::error("rules::cycle", format!("`{}` depends on itself: {}", names[0], names.join(" -> ")));
        for (index, (_, spot)) in ring.iter().enumerate() {
            if let Some(spot) = spot {
                mistake = mistake.also(spot, format!("`{}` needs `{}`", names[index], names[index + 1]));
            }
        }
        self.mistakes.push(mistake.help("a value cannot need itself; take one of these uses out"));
        self.cyclic.extend(self.path[from..].iter().map(|(n, _)| *n));
    }
}
