//! FTP over TLS: explicit, passive, both channels encrypted. Without TLS, or with a server that is not the pinned one,
//! no login is sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use suppaftp::tokio::{AsyncRustlsConnector, AsyncRustlsFtpStream};
use suppaftp::types::FileType;
use suppaftp::{FtpError, Status};

use super::{Seen, protocol, read_up_to};
use crate::ask::{Cause, Failure};
use crate::host::fingerprint;
use crate::manifest::{Login, LoginProof};
use crate::site::{InstitutionSite, given};

/// A data connection that could not be made or broke is worth another try, as one of the control channel is; an answer
/// that refuses is not.
fn broken(error: &FtpError) -> Failure {
    match error {
        FtpError::ConnectionError(_) | FtpError::SecureError(_) => Failure::new(Cause::Connect),
        FtpError::UnexpectedResponse(response)
            if matches!(response.status, Status::CannotOpenDataConnection | Status::TransferAborted) =>
        {
            Failure::new(Cause::Connect)
        }
        _ => protocol(),
    }
}

pub(in crate::transport) struct Server {
    ftp: AsyncRustlsFtpStream,
    home: String,
}

impl Server {
    pub(super) async fn connect(address: &str, login: &Login, site: &InstitutionSite) -> Result<Self, Failure> {
        let (host, address) = match address.rsplit_once(':') {
            Some((host, _)) => (host, address.to_owned()),
            None => (address, format!("{address}:21")),
        };
        let LoginProof::Password(password) = &login.proof else { return Err(Failure::new(Cause::Login)) };
        let (user, password) = (given(&login.user, site)?, given(password, site)?);
        let connector = tokio_rustls_connector(site)?;
        let plain = AsyncRustlsFtpStream::connect(address).await.map_err(|_| Failure::new(Cause::Connect))?;
        let mut ftp = plain.into_secure(connector, host).await.map_err(|error| match error {
            // Not the server that was pinned, or not one that the CA vouches for; a handshake that broke off is neither.
            FtpError::SecureError(text) if text.contains("certificate") => Failure::new(Cause::HostKey),
            FtpError::SecureError(_) => Failure::new(Cause::Connect),
            // It knows no TLS: plain FTP is not spoken.
            FtpError::UnexpectedResponse(_) => protocol(),
            _ => Failure::new(Cause::Connect),
        })?;
        // Servers behind a router tell an address that only they can reach.
        ftp.set_passive_nat_workaround(true);
        ftp.login(user, password).await.map_err(|error| match error {
            FtpError::UnexpectedResponse(_) => Failure::new(Cause::Login),
            _ => Failure::new(Cause::Connect),
        })?;
        ftp.transfer_type(FileType::Binary).await.map_err(|_| protocol())?;
        let home = ftp.pwd().await.map_err(|_| protocol())?;
        Ok(Self { ftp, home })
    }

    pub(super) async fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut from = bytes;
        self.ftp.put_file(path, &mut from).await.map_err(|error| broken(&error))?;
        Ok(())
    }

    pub(super) async fn rename(&mut self, from: &str, to: &str) -> Result<(), Failure> {
        self.ftp.rename(from, to).await.map_err(|_| protocol())
    }

    pub(super) async fn look(&mut self, path: &str) -> Result<Option<Seen>, Failure> {
        let size = match self.ftp.size(path).await {
            Ok(size) => size as u64,
            Err(FtpError::UnexpectedResponse(response)) if response.status == Status::FileUnavailable => {
                return Ok(None);
            }
            Err(_) => return Err(protocol()),
        };
        // Not every server tells the time.
        let modified = match self.ftp.mdtm(path).await {
            Ok(time) => u64::try_from(time.and_utc().timestamp())
                .ok()
                .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            Err(FtpError::UnexpectedResponse(_)) => None,
            Err(_) => return Err(protocol()),
        };
        Ok(Some(Seen { size, modified }))
    }

    pub(super) async fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut stream = self.ftp.retr_as_stream(path).await.map_err(|error| broken(&error))?;
        let bytes = read_up_to(&mut stream, limit).await.map_err(|_| protocol())?;
        if bytes.len() <= limit {
            // The server confirms that it has sent everything: a connection that broke looks like a short file.
            stream.finish().await.map_err(|_| protocol())?;
        }
        Ok(bytes)
    }

    pub(super) async fn list(&mut self, dir: &str) -> Result<Vec<String>, Failure> {
        // Many servers answer a missing folder like an empty one; entering it tells them apart.
        self.ftp.cwd(dir).await.map_err(|_| protocol())?;
        let listed = match self.ftp.nlst(None).await {
            Ok(names) => names,
            Err(FtpError::UnexpectedResponse(response)) if response.status == Status::FileUnavailable => Vec::new(),
            Err(error) => return Err(broken(&error)),
        };
        self.ftp.cwd(&self.home).await.map_err(|_| protocol())?;
        let own = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(listed.into_iter().map(own).filter(|name| !name.is_empty()).collect())
    }

    pub(super) async fn leave(mut self) {
        let _ = self.ftp.quit().await;
    }
}

/// Trusts the pinned certificate, or what the site's CA vouches for; never the system's authorities.
fn tokio_rustls_connector(site: &InstitutionSite) -> Result<AsyncRustlsConnector, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::new(Cause::Connect))?;
    let config = match (&site.host_key, &site.tls.ca) {
        (Some(key), _) => {
            let pin = fingerprint(key).ok_or(Failure::new(Cause::HostKey))?;
            let verifier = Arc::new(Pinned { pin, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        }
        (None, Some(ca)) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
                let certificate = certificate.map_err(|_| Failure::new(Cause::HostKey))?;
                roots.add(certificate).map_err(|_| Failure::new(Cause::HostKey))?;
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        (None, None) => return Err(Failure::new(Cause::HostKey)),
    };
    Ok(suppaftp::tokio_rustls::TlsConnector::from(Arc::new(config)).into())
}

/// Accepts the pinned certificate and no other; who holds its key must still show that.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha256::digest(end_entity.as_ref())[..] == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
