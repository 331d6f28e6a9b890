//! The plan of `drop`.

/// Monthly workbooks in a folder.
#[derive(Clone, Debug)]
pub struct DropPlan {
    /// Name with `{yyyymm}`.
    pub file: String,
    /// A column name by which the header row is found.
    pub header: String,
    /// The closing row.
    pub trailer: Option<DropTrailer>,
}

/// The closing row of a sheet.
#[derive(Clone, Debug)]
pub struct DropTrailer {
    /// Text of its cell in the header's column.
    pub find: String,
    /// Column that holds the count of rows (its digits).
    pub count: String,
    /// Column that holds the sum.
    pub sum: String,
}
