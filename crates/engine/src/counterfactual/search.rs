//! Finds how far a number has to move until a condition comes out as wanted.
//!
//! Where the wanted result is the opposite of a settled one, whole ranges are ruled out at once by the kernel's bounds: if
//! the condition stays as it is for a value that may be anything in a range, nothing in the range is a change. What remains
//! is cut in parts until the first unit that is one. So what is found is the smallest, monotone or not.
//! Where the result is open, bounds rule out little; there the first change on a widening grid is taken, its edge found by
//! halving, and what a look at smaller values contradicts is given up.

use std::collections::{BTreeMap, VecDeque};

use hedui_base::Tri;

use super::Proof;
use super::lab::{Depth, Lab, Place, Variant, World};
use crate::interval::Span;

/// What counts as a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// The opposite of what was settled.
    Becomes(Tri),
    /// Settled either way.
    Settles,
}

impl Goal {
    /// What would change a finding.
    pub(super) fn from(before: Tri) -> Self {
        match before {
            Tri::Undetermined => Self::Settles,
            settled => Self::Becomes(settled.negate()),
        }
    }

    pub(super) fn reached(self, tri: Option<Tri>) -> bool {
        match self {
            Self::Becomes(wanted) => tri == Some(wanted),
            Self::Settles => tri.is_some_and(|tri| tri != Tri::Undetermined),
        }
    }
}

/// One number that may move in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) world: usize,
    pub(super) place: Place,
    /// Where it stands.
    pub(super) from: i64,
    /// 1 or -1.
    pub(super) sign: i64,
    /// How far it can go.
    pub(super) room: i64,
    pub(super) goal: Goal,
    /// Moves of one group are compared with each other: of those the nearest few are wanted.
    pub(super) group: u8,
}

/// What came of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// The smallest distance that is a change.
    By(i64, Proof),
    /// No distance is, or none that is among the nearest few of its group.
    Nowhere,
    /// Could not be told within what a search may cost.
    Unknown,
}

/// How many of a group are wanted.
const NEAREST: usize = 3;
/// Each level of distances reaches so many times as far as the one before.
const LEVEL: i64 = 64;
/// Parts that a range is cut into.
const PARTS: i64 = 4;
/// Ranges looked at for one move before it is given up.
const PATIENCE: usize = 240;

pub(super) struct Search<'s> {
    pub(super) lab: &'s Lab<'s>,
    pub(super) worlds: &'s [World],
}

#[derive(Debug)]
struct Hunt {
    ranges: VecDeque<(i64, i64)>,
    looked: usize,
    end: Option<Moved>,
}

impl Search<'_> {
    /// One result per move.
    pub(super) fn run(&self, moves: &[Move]) -> Vec<Moved> {
        let mut hunts: Vec<Hunt> = moves.iter().map(|_| Hunt::new()).collect();
        self.rule_out(moves, &mut hunts);
        for (hunt, one) in hunts.iter_mut().zip(moves).filter(|(hunt, _)| hunt.end.is_none()) {
            hunt.ranges = levels(one.room);
        }
        self.by_ranges(moves, &mut hunts);
        self.by_edges(moves, &mut hunts);
        hunts.into_iter().map(|hunt| hunt.end.unwrap_or(Moved::Nowhere)).collect()
    }

    fn variant(one: &Move, from: i64, to: i64) -> Variant {
        let at = |by: i64| one.from.saturating_add(one.sign.saturating_mul(by));
        let (a, b) = (at(from), at(to));
        Variant { world: one.world, patch: Some((one.place, Span { lo: a.min(b), hi: a.max(b) })) }
    }

    /// Ends the hunts whose condition does not turn on the number at all.
    fn rule_out(&self, moves: &[Move], hunts: &mut [Hunt]) {
        let variants: Vec<Variant> = moves.iter().map(|one| Self::variant(one, 0, one.room)).collect();
        let verdicts = self.lab.verdicts(self.worlds, &variants, Depth::Formulas);
        for ((hunt, verdict), one) in hunts.iter_mut().zip(verdicts).zip(moves) {
            let stays = verdict.tri.is_some() && !verdict.depends && !one.goal.reached(verdict.tri);
            if stays || one.room < 1 {
                hunt.end = Some(Moved::Nowhere);
            }
        }
    }

    fn by_ranges(&self, moves: &[Move], hunts: &mut [Hunt]) {
        let mut ceilings: BTreeMap<u8, i64> = moves.iter().map(|one| (one.group, LEVEL - 1)).collect();
        loop {
            let caps = caps(moves, hunts);
            let mut variants = Vec::new();
            let mut asked = Vec::new();
            for (i, (one, hunt)) in moves.iter().zip(hunts.iter_mut()).enumerate() {
                if hunt.end.is_some() || one.goal == Goal::Settles {
                    continue;
                }
                let cap = caps.get(&one.group).copied().unwrap_or(i64::MAX);
                hunt.ranges.retain(|(from, _)| *from <= cap);
                if hunt.ranges.is_empty() {
                    hunt.end = Some(Moved::Nowhere);
                    continue;
                }
                let ceiling = ceilings.get(&one.group).copied().unwrap_or(i64::MAX);
                let now: Vec<_> =
                    hunt.ranges.iter().take(PARTS as usize).take_while(|(from, _)| *from <= ceiling).copied().collect();
                if now.is_empty() {
                    continue;
                }
                for (from, to) in &now {
                    variants.push(Self::variant(one, *from, *from));
                    variants.push(Self::variant(one, *from, *to));
                }
                asked.push((i, now));
            }
            if asked.is_empty() {
                if !widen(moves, hunts, &mut ceilings) {
                    return;
                }
                continue;
            }
            let verdicts = self.lab.verdicts(self.worlds, &variants, Depth::Formulas);
            let mut verdicts = verdicts.chunks_exact(2);
            for (i, now) in asked {
                let goal = moves[i].goal;
                let hunt = &mut hunts[i];
                hunt.ranges.drain(..now.len());
                hunt.looked += now.len();
                let mut left: Vec<(i64, i64)> = Vec::new();
                let mut own = verdicts.by_ref().take(now.len()).collect::<Vec<_>>().into_iter();
                for (from, to) in now {
                    let Some([first, whole]) = own.next() else { break };
                    if goal.reached(first.tri) {
                        if left.is_empty() {
                            hunt.end = Some(Moved::By(from, Proof::Whole));
                        } else {
                            // Nothing beyond can be smaller.
                            left.push((from, from));
                        }
                        hunt.ranges.clear();
                        break;
                    }
                    let stays = whole.tri.is_some() && !whole.depends && !goal.reached(whole.tri);
                    if from < to && !stays {
                        left.extend(parts(from + 1, to));
                    }
                }
                for range in left.into_iter().rev() {
                    hunt.ranges.push_front(range);
                }
                if hunt.end.is_none() && hunt.ranges.is_empty() {
                    hunt.end = Some(Moved::Nowhere);
                }
                if hunt.end.is_none() && hunt.looked > PATIENCE {
                    // Bounds do not tell; the edge may.
                    hunt.end = Some(Moved::Unknown);
                }
            }
        }
    }

    /// For open results, and where ranges told too little.
    fn by_edges(&self, moves: &[Move], hunts: &mut [Hunt]) {
        let wanted: Vec<usize> =
            (0..moves.len()).filter(|i| matches!(hunts[*i].end, None | Some(Moved::Unknown))).collect();
        let mut grid = Vec::new();
        for i in &wanted {
            let mut by = 1;
            let mut points = Vec::new();
            while by < moves[*i].room {
                points.push(by);
                by = by.saturating_mul(8);
            }
            points.push(moves[*i].room);
            grid.push(points);
        }
        // (move, not yet, already)
        let mut edges: Vec<(usize, i64, i64)> = Vec::new();
        for (i, points, reached) in self.points(moves, &wanted, &grid) {
            match reached.iter().position(|r| *r) {
                Some(at) => edges.push((i, if at == 0 { 0 } else { points[at - 1] }, points[at])),
                None if hunts[i].end.is_none() => hunts[i].end = Some(Moved::Nowhere),
                None => {}
            }
        }
        // Only what can still be among the nearest of its group.
        let all = edges.clone();
        edges.retain(|(i, low, _)| {
            let group = |j: usize| moves[j].group == moves[*i].group;
            let nearer = all.iter().filter(|(j, _, high)| group(*j) && high <= low).count();
            let kept = nearer < NEAREST;
            if !kept {
                hunts[*i].end = Some(Moved::Nowhere);
            }
            kept
        });
        while edges.iter().any(|(_, low, high)| high - low > 1) {
            let open: Vec<usize> = edges.iter().filter(|(_, low, high)| high - low > 1).map(|(i, ..)| *i).collect();
            let grid: Vec<Vec<i64>> = edges
                .iter()
                .filter(|(_, low, high)| high - low > 1)
                .map(|(_, low, high)| {
                    let step = ((high - low) / 8).max(1);
                    (1..8).map(|k| low + k * step).take_while(|point| point < high).collect()
                })
                .collect();
            for (i, points, reached) in self.points(moves, &open, &grid) {
                let Some(edge) = edges.iter_mut().find(|(j, ..)| *j == i) else { continue };
                match reached.iter().position(|r| *r) {
                    Some(0) => edge.2 = points[0],
                    Some(at) => (edge.1, edge.2) = (points[at - 1], points[at]),
                    None => edge.1 = points.last().copied().unwrap_or(edge.1).max(edge.1),
                }
            }
        }
        let looks: Vec<Vec<i64>> = edges.iter().map(|(_, low, _)| below(*low)).collect();
        let of: Vec<usize> = edges.iter().map(|(i, ..)| *i).collect();
        let contradicted = self.points(moves, &of, &looks);
        for ((i, _, high), (_, _, reached)) in edges.into_iter().zip(contradicted) {
            let fine = !reached.contains(&true);
            hunts[i].end = Some(if fine { Moved::By(high, Proof::Edge) } else { Moved::Unknown });
        }
    }

    /// Whether each of some distances is a change, for some moves.
    fn points(&self, moves: &[Move], of: &[usize], grid: &[Vec<i64>]) -> Vec<(usize, Vec<i64>, Vec<bool>)> {
        let variants: Vec<Variant> = of
            .iter()
            .zip(grid)
            .flat_map(|(i, points)| points.iter().map(|by| Self::variant(&moves[*i], *by, *by)))
            .collect();
        if variants.is_empty() {
            return of.iter().map(|i| (*i, Vec::new(), Vec::new())).collect();
        }
        let verdicts = self.lab.verdicts(self.worlds, &variants, Depth::Formulas);
        let mut verdicts = verdicts.into_iter();
        let each = of.iter().zip(grid).map(|(i, points)| {
            let goal = moves[*i].goal;
            let reached = verdicts.by_ref().take(points.len()).map(|v| goal.reached(v.tri)).collect();
            (*i, points.clone(), reached)
        });
        each.collect()
    }
}

impl Hunt {
    const fn new() -> Self {
        Self { ranges: VecDeque::new(), looked: 0, end: None }
    }
}

/// Distances from 1 to `room` in levels, each wider than the one before.
fn levels(room: i64) -> VecDeque<(i64, i64)> {
    let mut ranges = VecDeque::new();
    let (mut from, mut to) = (1, LEVEL - 1);
    while from <= room {
        ranges.push_back((from, to.min(room)));
        from = to.saturating_add(1);
        if to == i64::MAX {
            break;
        }
        to = to.saturating_add(1).saturating_mul(LEVEL).saturating_sub(1);
    }
    ranges
}

fn parts(from: i64, to: i64) -> Vec<(i64, i64)> {
    let step = ((to - from) / PARTS + 1).max(1);
    let mut ranges = Vec::new();
    let mut at = from;
    while at <= to {
        let end = at.saturating_add(step - 1).min(to);
        ranges.push((at, end));
        at = end + 1;
    }
    ranges
}

/// Distances to look at below an edge: near zero, near the edge, and between.
fn below(edge: i64) -> Vec<i64> {
    let mut points: Vec<i64> = (1..=edge.min(16)).chain((edge - 8).max(1)..=edge).collect();
    points.extend((1..16).map(|k| edge / 16 * k).filter(|by| *by >= 1));
    points.sort_unstable();
    points.dedup();
    points.retain(|by| *by <= edge);
    points
}

/// By group, the distance beyond which nothing is wanted any more.
fn caps(moves: &[Move], hunts: &[Hunt]) -> BTreeMap<u8, i64> {
    let mut found: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    for (one, hunt) in moves.iter().zip(hunts) {
        if let Some(Moved::By(by, _)) = hunt.end {
            found.entry(one.group).or_default().push(by);
        }
    }
    let nth = |mut all: Vec<i64>| {
        all.sort_unstable();
        all.get(NEAREST - 1).copied()
    };
    found.into_iter().filter_map(|(group, all)| Some((group, nth(all)?))).collect()
}

/// Lets groups that still hunt look farther; false if none does.
fn widen(moves: &[Move], hunts: &[Hunt], ceilings: &mut BTreeMap<u8, i64>) -> bool {
    let mut any = false;
    for (group, ceiling) in ceilings.iter_mut() {
        let hunting =
            |(one, hunt): (&Move, &Hunt)| one.group == *group && hunt.end.is_none() && one.goal != Goal::Settles;
        if *ceiling < i64::MAX && moves.iter().zip(hunts).any(hunting) {
            *ceiling = ceiling.saturating_add(1).saturating_mul(LEVEL).saturating_sub(1);
            if *ceiling < 0 {
                *ceiling = i64::MAX;
            }
            any = true;
        }
    }
    any
}
