use hedui_base::{Outcome, SourceId};

/// Hears how far a long use case has come. Called from several tasks at once.
pub trait Progress: Send + Sync {
    /// One step.
    fn event(&self, event: Event);
}

/// One step of a long use case: counts only, never people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A source's work is known: asks in play, of them already answered and still fresh.
    Planned {
        /// The source.
        source: SourceId,
        /// Its Chinese title.
        title: String,
        /// Asks in play.
        total: usize,
        /// Of them reused.
        reused: usize,
    },
    /// Asks went out.
    Sent {
        /// The source.
        source: SourceId,
        /// How many.
        count: usize,
    },
    /// Answers (or the lack of them) are durable.
    Settled {
        /// The source.
        source: SourceId,
        /// How they ended.
        outcome: Outcome,
        /// How many.
        count: usize,
    },
    /// Something was set aside with a reason.
    Quarantined {
        /// The source.
        source: SourceId,
        /// Closed reason code.
        reason: String,
        /// How many rows or answers.
        count: usize,
    },
    /// A source is out of reach or broken; the others go on.
    Trouble {
        /// The source.
        source: SourceId,
        /// What happened, without personal data.
        cause: String,
    },
    /// A source has no more work in this run.
    Done {
        /// The source.
        source: SourceId,
    },
    /// Cases compared so far.
    Compared {
        /// Cases done.
        done: usize,
        /// Of how many.
        total: usize,
    },
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event) {}
}
