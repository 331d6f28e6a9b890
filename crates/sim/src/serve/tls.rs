//! Certificates of an institution that is served over TLS: an authority of its own, one certificate that holds and one
//! that has expired.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::ServeError;

/// What an institution's server shows.
pub(super) struct Certificates {
    /// The authority's certificate, for the site file.
    pub(super) authority: PathBuf,
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    /// Certificate and key as files, for servers that want them so: the good pair, then the expired one.
    pairs: [[PathBuf; 2]; 2],
    /// SHA-256 of the certificates.
    prints: [String; 2],
}

impl Certificates {
    /// Makes an authority and certificates of 127.0.0.1, and writes them below `folder`.
    pub(super) fn make(institution: &str, folder: &Path) -> Result<Self, ServeError> {
        Self::try_make(institution, folder)
            .map_err(|source| ServeError::Tls { institution: institution.to_owned(), source })
    }

    fn try_make(institution: &str, folder: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        std::fs::create_dir_all(folder)?;
        // The site file is read from elsewhere too.
        let folder = folder.canonicalize()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("invented authority of {institution}"));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let path = folder.join(format!("{institution}.ca.pem"));
        std::fs::write(&path, authority.pem())?;
        let mut made = Vec::new();
        for (name, until) in [("server", 2199), ("expired", 2021)] {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(until, 12, 31);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &authority)?;
            let pair =
                [folder.join(format!("{institution}.{name}.pem")), folder.join(format!("{institution}.{name}.key"))];
            std::fs::write(&pair[0], certificate.pem())?;
            std::fs::write(&pair[1], key.serialize_pem())?;
            let print = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(certificate.der()));
            made.push((config(&certificate.pem(), &key.serialize_pem())?, pair, print));
        }
        let (expired, good) = (made.pop().ok_or("no certificate")?, made.pop().ok_or("no certificate")?);
        Ok(Self {
            authority: path,
            good: good.0,
            expired: expired.0,
            pairs: [good.1, expired.1],
            prints: [good.2, expired.2],
        })
    }

    /// The configuration of a server: the one that holds, or the one that has expired.
    pub(super) fn config(&self, expired: bool) -> Arc<ServerConfig> {
        Arc::clone(if expired { &self.expired } else { &self.good })
    }

    /// Files with certificate and key.
    pub(super) fn files(&self, expired: bool) -> &[PathBuf; 2] {
        &self.pairs[usize::from(expired)]
    }

    /// SHA-256 of the certificate that holds, lower-case hex.
    pub(super) fn print(&self) -> &str {
        &self.prints[0]
    }
}

fn config(certificate: &str, key: &str) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    Ok(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key)?))
}
