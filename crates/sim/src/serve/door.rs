//! The door of an institution that answers over HTTP: takes connections, in the clear or over TLS, or closes them at once
//! while it is down.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::serve::Listener;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::Certificates;
use super::{Stop, stopped};
use crate::faults::{FaultKind, Trouble};

/// A connection.
pub(super) enum Wire {
    /// In the clear.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

type Handshake = Pin<Box<dyn Future<Output = Option<(Wire, SocketAddr)>> + Send>>;

/// A listener that is shut as long as all sources behind it are down.
pub(super) struct Door {
    listener: TcpListener,
    troubles: Vec<Arc<Trouble>>,
    certificates: Option<Certificates>,
    /// Connections whose two sides are still getting to know each other.
    greeting: FuturesUnordered<Handshake>,
}

impl Door {
    pub(super) fn new(listener: TcpListener, troubles: Vec<Arc<Trouble>>, certificates: Option<Certificates>) -> Self {
        Self { listener, troubles, certificates, greeting: FuturesUnordered::new() }
    }

    /// Whether everything behind it has a fault.
    fn all(&self, kind: FaultKind) -> bool {
        let on = !self.troubles.is_empty() && self.troubles.iter().all(|t| t.strength(kind).is_some());
        if on {
            self.troubles.iter().for_each(|trouble| {
                trouble.request();
                trouble.strike(kind);
            });
        }
        on
    }

    /// What becomes of a new connection: taken, closed, or greeted first.
    fn open(&self, stream: TcpStream, address: SocketAddr) -> Option<Result<(Wire, SocketAddr), Handshake>> {
        if self.all(FaultKind::Down) {
            return None;
        }
        let Some(certificates) = &self.certificates else { return Some(Ok((Wire::Plain(stream), address))) };
        // A certificate is the institution's, whichever of its sources was to have a bad one.
        let expired = self.troubles.iter().filter(|trouble| trouble.has(FaultKind::CertificateExpired)).count() > 0;
        let acceptor = TlsAcceptor::from(certificates.config(expired));
        Some(Err(Box::pin(async move {
            let stream = acceptor.accept(stream).await.ok()?;
            Some((Wire::Tls(Box::new(stream)), address))
        })))
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            tokio::select! {
                (stream, address) = Listener::accept(&mut self.listener) => {
                    match self.open(stream, address) {
                        None => {}
                        Some(Ok(taken)) => return taken,
                        Some(Err(handshake)) => self.greeting.push(handshake),
                    }
                }
                Some(greeted) = self.greeting.next(), if !self.greeting.is_empty() => {
                    if let Some(taken) = greeted {
                        return taken;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(&self.listener)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

/// Serves until told to stop.
pub(super) async fn run(door: Door, router: Router, stop: Stop) {
    if let Err(error) = axum::serve(door, router).with_graceful_shutdown(stopped(stop)).await {
        tracing::warn!(%error, "an institution stopped serving");
    }
}
