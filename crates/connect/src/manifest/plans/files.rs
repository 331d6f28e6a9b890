//! The plan of `file_exchange`.

use super::{Encoding, Given};

/// Request and reply files over SFTP.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// User.
    pub user: Given,
    /// Password.
    pub password: Given,
    /// What we put.
    pub put: PutPlan,
    /// What we get.
    pub get: GetPlan,
    /// The column that repeats the number of the request's row.
    pub match_column: String,
}

/// The request file.
#[derive(Clone, Debug)]
pub struct PutPlan {
    /// Folder on the server.
    pub dir: String,
    /// Name with `{date}` (yyyymmdd) and `{batch}`.
    pub name: String,
    /// Encoding.
    pub encoding: Encoding,
    /// Delimiter.
    pub delimiter: u8,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Column names with what they hold.
    pub columns: Vec<(String, PutColumn)>,
    /// Suffix while writing.
    pub temp: String,
    /// Suffix of the empty file that says "complete".
    pub marker: String,
}

/// What a column of the request file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutColumn {
    /// Number of the row, from 1.
    Seq,
    /// Name.
    Name,
    /// Identity number.
    IdNumber,
}

/// The reply file.
#[derive(Clone, Debug)]
pub struct GetPlan {
    /// Folder on the server.
    pub dir: String,
    /// Name with the request's `{date}` and `{batch}`.
    pub name: String,
    /// Suffix of the empty file that says "complete".
    pub marker: String,
    /// Encoding.
    pub encoding: Encoding,
    /// Delimiter.
    pub delimiter: u8,
    /// The last line, with `{count}` and `{sum}`.
    pub trailer: Option<String>,
}
