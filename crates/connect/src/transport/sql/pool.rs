//! Connections that wait for the next question. Only one that ended its transaction in order is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Caller, Connection};
use crate::ask::Failure;

/// Idle connections of one account, at most.
const MAX_IDLE: usize = 4;

/// A connection idle for longer is closed: institutions count them.
const MAX_AGE: Duration = Duration::from_secs(60);

type Key = (String, String, String);

/// Connections of one account, with the moment since which each is idle.
type Waiting = Vec<(Instant, Connection)>;

/// Idle connections by institution, endpoint and user.
#[derive(Clone, Default)]
pub(crate) struct Idle(Arc<Mutex<HashMap<Key, Waiting>>>);

fn key(institution: &str, caller: &Caller<'_>) -> Key {
    let user = caller.user.map_or("", |(user, _)| user);
    (institution.to_owned(), caller.site.endpoint.clone(), user.to_owned())
}

impl Idle {
    /// A connection in a transaction: an idle one that can still begin one, or a new one.
    pub(super) async fn begin(&self, institution: &str, caller: &Caller<'_>) -> Result<Connection, Failure> {
        let key = key(institution, caller);
        while let Some(mut connection) = self.pop(&key) {
            if connection.begin(caller.timeout).await.is_ok() {
                return Ok(connection);
            }
        }
        let mut connection = Connection::open(caller).await?;
        connection.begin(caller.timeout).await?;
        Ok(connection)
    }

    fn pop(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(key)?;
        waiting.retain(|(since, _)| since.elapsed() < MAX_AGE);
        waiting.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection whose transaction has ended. A file is opened anew each time: it may have been replaced.
    pub(super) fn give_back(&self, institution: &str, caller: &Caller<'_>, connection: Connection) {
        if matches!(connection, Connection::Sqlite(_)) {
            return;
        }
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(key(institution, caller)).or_default();
        waiting.retain(|(since, _)| since.elapsed() < MAX_AGE);
        if waiting.len() < MAX_IDLE {
            waiting.push((Instant::now(), connection));
        }
    }
}
