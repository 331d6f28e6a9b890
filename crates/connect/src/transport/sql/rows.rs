//! Rows of any database as objects, within the room there is.

use futures::{Stream, TryStreamExt as _};
use serde_json::{Map, Value};
use sqlx::{Column as _, Row};

use super::{Room, cells};
use crate::ask::{Cause, Failure};

/// Reads rows to the end. `value` reads one column of one row, and knows no type that no register has; a row that holds
/// one, or an error, makes all of it no answer.
pub(super) async fn gather<R: Row>(
    mut found: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    room: &mut Room,
    value: fn(&R, usize) -> Option<Value>,
    failed: fn(sqlx::Error) -> Failure,
) -> Result<Vec<Value>, Failure> {
    let mut rows = Vec::new();
    while let Some(row) = found.try_next().await.map_err(failed)? {
        let object = object(&row, value).ok_or(Failure::new(Cause::Protocol))?;
        room.take(&object)?;
        rows.push(Value::Object(object));
    }
    Ok(rows)
}

fn object<R: Row>(row: &R, value: fn(&R, usize) -> Option<Value>) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for (index, column) in row.columns().iter().enumerate() {
        cells::put(&mut object, column.name(), value(row, index)?)?;
    }
    Some(object)
}

/// What an error of a server comes to; `code` reads the server's own errors. Its text is not passed on: it may quote what
/// was bound.
pub(super) fn cause(
    error: &sqlx::Error,
    otherwise: Cause,
    code: impl FnOnce(&dyn sqlx::error::DatabaseError) -> Cause,
) -> Cause {
    match error {
        sqlx::Error::Tls(_) => Cause::Certificate,
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => Cause::Certificate,
        sqlx::Error::Io(_) => Cause::Connect,
        sqlx::Error::Database(database) => code(database.as_ref()),
        _ => otherwise,
    }
}
