//! What operations make of many rows: aggregates, and how many flags are raised.

use hedui_base::Tri;
use hedui_rules::program::{Entity, FlagSeverity};

use super::run::Player;
use super::{Aggregated, At, Level};
use crate::aggregate::{self, Context, nothing_of};
use crate::by_month;
use crate::interval::Span;
use crate::reasons::Why;
use crate::register::{Known, Presence, Slot};
use crate::slice::Slice;

impl Player<'_, '_> {
    pub(super) fn aggregate(&mut self, of: &Aggregated) {
        let step = self.kernel.step;
        let Slice { frames, people, reasons, texts, .. } = &mut self.kernel.slice;
        let frame = of.dataset.map(|dataset| &frames[dataset]);
        let runs = frame.map_or(&*people, |frame| &frame.runs);
        // Of no records at all everybody has the same.
        if frame.is_some_and(|frame| frame.owner.is_empty()) {
            return self.cells.same(nothing_of(of.function));
        }
        // Nor of records none of which counts.
        if runs.ghost.is_empty() && of.inside.is_some_and(|inside| self.cells.settled(inside) == Some(false)) {
            return self.cells.same(nothing_of(of.function));
        }
        let unanswered = |row: usize| frame.map_or(Why::KNOWN, |frame| frame.unanswered(row));
        let mut context = Context { reasons, texts, step };
        self.cells.extend(runs.owners(), false, |cells, owner| {
            let (rows, ghost) = (runs.of(owner), runs.ghost(owner));
            if rows.is_empty() && ghost.is_none() {
                return nothing_of(of.function);
            }
            // What is known in all rows is read without asking what each row is.
            let known = |at: Option<At>| at.map_or(Some(Known::All(1)), |at| cells.all_known(at));
            if let (Some(inside), Some(argument), None) = (known(of.inside), known(of.argument), of.month) {
                let (inside, argument) = (known_cells(inside), known_cells(argument));
                let read = aggregate::Cells { rows: rows.clone(), ghost, inside, argument };
                if let Some(plain) = aggregate::plain_of_owner(of.function, &read, of.is_text) {
                    return plain;
                }
            }
            let cell = |at: Option<At>| move |row: usize| at.map_or(Slot::known(1), |at| cells.get(at, row));
            let (inside, argument) = (cell(of.inside), cell(of.argument));
            if let Some(month) = of.month {
                let month = |row: usize| cells.get(month, row);
                let read = by_month::Cells { rows, ghost, argument, month, inside };
                return by_month::by_month(of.function, read, unanswered, self.by_month, &mut context);
            }
            let read = aggregate::Cells { rows, ghost, inside, argument };
            match aggregate::plain_of_owner(of.function, &read, of.is_text) {
                Some(plain) => plain,
                None => aggregate::of_owner(of.function, read, unanswered, of.is_text, self.items, &mut context),
            }
        });
    }

    /// How many flags of a severity the household has, as the kernel counts them.
    pub(super) fn count_flags(&mut self, severity: FlagSeverity) {
        let program = self.kernel.program;
        let (mut raised, mut open, mut why) = (0, 0, Why::KNOWN);
        for flag in program.flags.iter().filter(|flag| flag.severity == severity) {
            let step = flag.when.index();
            if self.cells.settled(self.tape.steps[step].0) == Some(false) {
                continue;
            }
            let rows = self.counts[Level::from(program.steps[step].entity).index()];
            for row in 0..rows {
                if flag.entity == Entity::Person && !self.kernel.slice.is_member(row) {
                    continue;
                }
                let (tri, because) = self.cells.get(self.tape.steps[step].0, row).truth();
                let reasons = &mut self.kernel.slice.reasons;
                match tri {
                    Tri::Met => raised += 1,
                    // Out of play where no institution offers what could raise it.
                    Tri::Undetermined if !reasons.are_all(because, "no_source") => {
                        open += 1;
                        why = reasons.union(why, because);
                    }
                    Tri::Undetermined | Tri::NotMet => {}
                }
            }
        }
        let counted = Slot::within(Span { lo: raised, hi: raised + open }, Presence::Some, why);
        self.cells.same(counted);
    }
}

/// Cells of known values.
fn known_cells(of: Known<'_>) -> impl Fn(usize) -> Slot + '_ {
    move |row| Slot::known(of.at(row))
}
