//! The door of an institution that answers over HTTP: takes connections, or closes them at once while it is down.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

use super::{Stop, stopped};
use crate::faults::{FaultKind, Trouble};

/// A listener that is shut as long as all sources behind it are down.
pub(super) struct Door {
    listener: TcpListener,
    troubles: Vec<Arc<Trouble>>,
}

impl Door {
    pub(super) fn new(listener: TcpListener, troubles: Vec<Arc<Trouble>>) -> Self {
        Self { listener, troubles }
    }

    fn shut(&self) -> bool {
        !self.troubles.is_empty()
            && self.troubles.iter().all(|t| t.strength(FaultKind::Down).is_some())
            && self.troubles.iter().all(|trouble| {
                trouble.request();
                trouble.has(FaultKind::Down)
            })
    }
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if self.shut() {
                drop(stream);
                continue;
            }
            return (stream, address);
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        TcpListener::local_addr(&self.listener)
    }
}

/// Serves until told to stop.
pub(super) async fn run(door: Door, router: Router, stop: Stop) {
    if let Err(error) = axum::serve(door, router).with_graceful_shutdown(stopped(stop)).await {
        tracing::warn!(%error, "an institution stopped serving");
    }
}
