//! Why a comparison cannot be printed as SQL or read back.

use std::path::PathBuf;

/// What is in the way, and what to do instead.
#[derive(Debug, thiserror::Error)]
pub enum ClusterProblem {
    /// Cases lie in the ledger, or there are none.
    #[error(
        "no cases lie in the store of this data folder; SQL reads the store only, and cases of the ledger are compared by `hedui batch`"
    )]
    NoCases,
    /// A script is of one pack.
    #[error("the cases are under several packs ({}); a script is of one: name it with --pack", .0.join(", "))]
    SeveralPacks(Vec<String>),
    /// Nothing to do.
    #[error("no case of the store is under pack `{pack}`; there are cases under {}", .packs.join(", "))]
    NoCasesOfPack {
        /// As asked.
        pack: String,
        /// Those that have cases.
        packs: Vec<String>,
    },
    /// Rows that lie in the catalogue.
    #[error(
        "{0} row(s) lie in the catalogue and not in files, where an engine would not see them; `hedui store compact` makes files of them"
    )]
    Temporary(u64),
    /// A form that has no SQL.
    #[error(transparent)]
    Unsupported(#[from] hedui_cluster::ClusterError),
    /// An engine wrote nothing, or something else.
    #[error("{} is not what the script writes: {what}; see what the engine said", .path.display())]
    Written {
        /// Which.
        path: PathBuf,
        /// How so.
        what: String,
    },
}
