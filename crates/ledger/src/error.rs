use hedui_base::{AskId, CaseId, PersonKey};

/// What can go wrong in the ledger. No message holds personal data.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The data folder or its key file cannot be used.
    #[error("cannot use `{path}`")]
    Folder {
        /// Which path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database is there but its key is not.
    #[error(
        "`keys/master.key` is missing but the ledger exists; restore the key from its backup, nothing can be read without it"
    )]
    MissingKey,
    /// The key is not the one the ledger was written with.
    #[error("`keys/master.key` is not the key this ledger was written with; restore the right one from its backup")]
    WrongKey,
    /// The database refused.
    #[error("the ledger's database refused a statement")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the ledger's schema could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Another writer holds the ledger for too long.
    #[error("another writer has held the ledger for over a minute; a transaction was probably left open")]
    Busy,
    /// A sealed value does not open: it was changed, or belongs elsewhere.
    #[error("a sealed {what} does not open: it was changed outside hedui, or moved from another row")]
    Sealed {
        /// What kind of value.
        what: &'static str,
    },
    /// A stored value is not what was written.
    #[error("the ledger holds a malformed {what}")]
    Malformed {
        /// What kind of value.
        what: &'static str,
    },
    /// No such person.
    #[error("no person {0} in the ledger")]
    UnknownPerson(PersonKey),
    /// The person was erased; nothing about who it was can be read again.
    #[error("person {0} was erased")]
    Erased(PersonKey),
    /// No such case.
    #[error("no case {0} in the ledger")]
    UnknownCase(CaseId),
    /// No such letter.
    #[error("no letter {0} in the ledger")]
    UnknownLetter(String),
    /// A letter of this number says something else.
    #[error("letter {0} is on file with other contents; give a new letter its own number")]
    LetterConflict(String),
    /// A worker that lost its lease tried to write.
    #[error("{lost} asks (first {first:?}) are no longer held under this claim; another worker has taken them over")]
    Fenced {
        /// How many.
        lost: usize,
        /// One of them.
        first: Option<AskId>,
    },
    /// No such review, or not in the state needed.
    #[error("review {0} does not exist or is not in a state that allows this")]
    ReviewState(i64),
    /// An API key could not be found.
    #[error("no API key with prefix {0}")]
    UnknownApiKey(String),
}

/// Result of a ledger operation.
pub type Result<T> = std::result::Result<T, LedgerError>;
