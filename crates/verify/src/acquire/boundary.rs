//! State boundaries of acquiring, where a process can be made to die on purpose.
//!
//! `HEDUI_DIE_AT=raw_kept:3` ends the process without any clean-up, as a power cut would, the third time it passes that
//! boundary. Read once, at the first boundary; without it a boundary costs one comparison. `hedui sim torture` and the
//! tests kill at every one of them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A moment between two states of an ask: what is durable before it must be enough to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Boundary {
    /// What is to be asked is written down; nothing is claimed.
    Planned,
    /// Asks are claimed and noted as sent; no request has gone out.
    Claimed,
    /// The submission of a request file is recorded; nothing lies at the institution.
    Submitted,
    /// The request file lies at the institution, and the ledger does not know yet.
    Put,
    /// A reply is here, in memory only.
    Replied,
    /// The reply is in a file; its asks do not name it.
    RawWritten,
    /// The reply is in a file, and its asks name it.
    RawKept,
    /// The reply is parsed; nothing of it is settled.
    Parsed,
    /// Ledger rows of a settlement are written in an open transaction.
    Settling,
    /// Rows of a settlement are in files that no snapshot names.
    Staged,
    /// Everything of a settlement is written, and not committed.
    Published,
    /// A settlement is durable; nobody has been told.
    Settled,
    /// Asks of a waiting file are settled as pending; the submission is not released.
    LeftPending,
}

impl Boundary {
    /// All of them, in the order in which an ask passes them.
    pub const ALL: [Self; 13] = [
        Self::Planned,
        Self::Claimed,
        Self::Submitted,
        Self::Put,
        Self::Replied,
        Self::RawWritten,
        Self::RawKept,
        Self::Parsed,
        Self::Settling,
        Self::Staged,
        Self::Published,
        Self::Settled,
        Self::LeftPending,
    ];

    /// Its word, as `HEDUI_DIE_AT` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Claimed => "claimed",
            Self::Put => "put",
            Self::Submitted => "submitted",
            Self::Replied => "replied",
            Self::RawWritten => "raw_written",
            Self::RawKept => "raw_kept",
            Self::Parsed => "parsed",
            Self::Settling => "settling",
            Self::Staged => "staged",
            Self::Published => "published",
            Self::Settled => "settled",
            Self::LeftPending => "left_pending",
        }
    }

    /// Dies here, if that is asked for.
    pub(crate) fn pass(self) {
        static DEATH: OnceLock<Option<(String, AtomicUsize)>> = OnceLock::new();
        let read = || {
            let text = std::env::var("HEDUI_DIE_AT").ok()?;
            let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
            Some((name.to_owned(), AtomicUsize::new(count.parse().ok()?)))
        };
        let Some((name, left)) = DEATH.get_or_init(read) else { return };
        if name == self.as_str() && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}
