//! What a kernel is given instead of computing it: values of steps, and which steps anybody asks for.
//!
//! A question of the kind "what if" runs the same kernel with some cells replaced; an explanation of old runs it with the
//! values that facts had then.

use std::sync::Arc;

use hedui_base::{ColumnType, Tri};
use rustc_hash::FxHashMap;

use crate::evaluate::Kernel;
use crate::output::Reason;
use crate::reasons::Why;
use crate::register::{Presence, Register, Slot};
use crate::slice::Slice;

/// Replacements for a run; none by default.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Steps to compute; none means all. The others get an empty register.
    pub(crate) needed: Option<Arc<[bool]>>,
    /// Registers of steps, whole.
    pub(crate) registers: FxHashMap<usize, Register>,
    /// Cells of steps to replace once they are computed: row and slot.
    pub(crate) cells: FxHashMap<usize, Vec<(usize, Slot)>>,
    /// The reason that marks a value under question: it stands for each value of its bounds, one at a time, so that
    /// `ASSUME` does not take it for an answer that is missing.
    pub(crate) probe: Option<Why>,
    /// Records that are not there any more.
    pub(crate) gone: Option<Arc<Gone>>,
}

/// Records that facts counted and that cannot be read again.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// By fact and row of its entity: whether each record counted. Facts that have all their records are not in it.
    pub(crate) counted: FxHashMap<usize, Vec<Vec<Tri>>>,
}

impl Gone {
    /// The records behind a fact's value; none if they are all there.
    pub(crate) fn of(&self, step: usize, row: usize) -> Option<&[Tri]> {
        self.counted.get(&step)?.get(row).map(Vec::as_slice).filter(|masks| !masks.is_empty())
    }
}

impl Given {
    /// The register of a step that is not to be computed.
    pub(crate) fn instead(&mut self, step: usize) -> Option<Register> {
        if let Some(register) = self.registers.remove(&step) {
            return Some(register);
        }
        let left_out = self.needed.as_ref().is_some_and(|needed| !needed[step]);
        left_out.then(Register::default)
    }

    /// A computed register with the given cells in it.
    pub(crate) fn amend(&mut self, step: usize, mut register: Register) -> Register {
        if let Some(cells) = self.cells.remove(&step) {
            cells.into_iter().for_each(|(row, slot)| register.set(row, slot));
        }
        register
    }
}

/// A cell that outlives its slice: reasons and text are spelled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FreeCell {
    /// Bounds and presence. The numbers mean nothing for a known text, and `why` means nothing at all.
    pub(crate) slot: Slot,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) text: Option<Arc<str>>,
}

impl FreeCell {
    pub(crate) fn of(kernel: &Kernel<'_>, slot: Slot, ty: ColumnType) -> Self {
        let is_text = !ty.is_int() && slot.is_known() && !slot.is_none();
        Self {
            slot: Slot { why: Why::KNOWN, ..slot },
            reasons: kernel.slice.reasons.list(slot.why),
            text: is_text.then(|| kernel.slice.texts.get(slot.span.lo).into()),
        }
    }

    /// The cell in another slice.
    pub(crate) fn slot<'a>(&'a self, slice: &mut Slice<'a>) -> Slot {
        if let Some(text) = &self.text {
            return Slot::known(slice.texts.intern(text));
        }
        let mut why = Why::KNOWN;
        for reason in &self.reasons {
            let one = slice.reasons.because(&reason.source, reason.cause);
            why = slice.reasons.union(why, one);
        }
        Slot { why, ..self.slot }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The number in it, if it is a known one.
    pub(crate) fn known(&self) -> Option<i64> {
        (self.is_known() && self.text.is_none() && self.slot.presence == Presence::Some).then_some(self.slot.span.lo)
    }
}
