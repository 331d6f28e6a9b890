//! A real FTPS server (explicit TLS, passive) over a folder of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use unftp_core::auth::{AuthenticationError, Authenticator, Credentials, Principal};

use super::Stop;
use super::sftp::{Proof, Shown};
use super::tls::Certificates;
use crate::faults::FaultKind;

#[derive(Debug)]
struct Gatekeeper {
    user: String,
    password: String,
}

#[async_trait::async_trait]
impl Authenticator for Gatekeeper {
    async fn authenticate(&self, user: &str, shown: &Credentials) -> Result<Principal, AuthenticationError> {
        if user == self.user && shown.password.as_deref() == Some(self.password.as_str()) {
            Ok(Principal { username: user.to_owned() })
        } else {
            Err(AuthenticationError::BadPassword)
        }
    }
}

/// As a site file pins a certificate.
pub(super) fn pin(certificates: &Certificates) -> String {
    let upper = certificates.print().to_uppercase();
    let pairs: Vec<&str> = upper.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
    pairs.join(":")
}

/// Serves until told to stop.
pub(super) async fn run(listener: TcpListener, certificates: Certificates, shown: Shown, mut stop: Stop) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            // An error means that the sender is gone, which is a stop too. Sessions end with the set.
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                if let Some(session) = session(stream, &certificates, &shown) {
                    sessions.spawn(session);
                }
            }
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
        }
    }
}

fn session(
    stream: TcpStream,
    certificates: &Certificates,
    shown: &Shown,
) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
    shown.troubles.iter().for_each(|trouble| {
        trouble.request();
    });
    if shown.all(FaultKind::Down) {
        return None;
    }
    let [certificate, key] = certificates.files(shown.all(FaultKind::CertificateExpired)).clone();
    let user = shown.login.user.clone();
    let password = match &shown.login.proof {
        Proof::Password(password) => password.clone(),
        Proof::Key(_) => return None,
    };
    let root = shown.root.clone();
    let storage = Box::new(move || {
        // The folder was made before the server; without it there is nothing to show.
        unftp_sbe_fs::Filesystem::new(root.clone()).unwrap_or_else(|error| panic!("the folder is gone: {error}"))
    });
    let required = libunftp::options::FtpsRequired::All;
    let server = libunftp::ServerBuilder::with_authenticator(storage, Arc::new(Gatekeeper { user, password }))
        .ftps(certificate, key)
        .ftps_required(required, required)
        .passive_ports(data_ports())
        .build();
    let server = match server {
        Ok(server) => server,
        Err(error) => {
            tracing::warn!(%error, "an FTPS server cannot be built");
            return None;
        }
    };
    // A session cannot be looked into: what is slow in it is slow before it.
    let pause = |kind| shown.troubles.iter().filter(|t| t.has(kind)).filter_map(|t| t.strength(kind)).max();
    let slow = pause(FaultKind::Slow).max(pause(FaultKind::SlowBody));
    let breaks = shown.troubles.iter().any(|t| t.hits(FaultKind::Reset, "session", t.requests()));
    let bell = shown.bell.clone();
    Some(async move {
        if let Some(slow) = slow {
            tokio::time::sleep(Duration::from_millis(u64::from(slow))).await;
        }
        let served = server.service(stream);
        if breaks {
            // Long enough to log in, seldom long enough to read a file.
            let _ = tokio::time::timeout(Duration::from_millis(20), served).await;
        } else if let Err(error) = served.await {
            tracing::debug!(%error, "an FTPS session ended");
        }
        bell.ring();
    })
}

/// Sixteen ports that no other session of the last few hundred was given: two sessions that took the same data port
/// could get each other's files. Above what Linux deals out to clients; each process begins elsewhere.
fn data_ports() -> std::ops::RangeInclusive<u16> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    const SLOTS: u32 = (65_536 - 61_000) / 16;
    let turn = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let slot = std::process::id().wrapping_mul(37).wrapping_add(turn) % SLOTS;
    let first = 61_000 + slot as u16 * 16;
    first..=first + 15
}
