//! The plan of `sql`.

/// A read-only view.
#[derive(Clone, Debug)]
pub struct SqlPlan {
    /// One SELECT with `:id_number[]` where the numbers go.
    pub query: String,
    /// Counts the view.
    pub health: Option<String>,
    /// Rows the view must hold for an empty result to mean anything.
    pub health_min: u64,
}
