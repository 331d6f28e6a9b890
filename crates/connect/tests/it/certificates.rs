//! TLS as institutions have it: authorities of their own, certificates that end, certificates of ours.

use std::sync::Arc;

use hedui_base::Outcome;
use hedui_connect::{Cause, Context, Source};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Told, ZHANG, context, failed, manifest, outcomes, read_request, replied, subject, write_reply};

const NOBODY: &str = r#"{"code":"0","list":[{"sfzh":"990000197001010018","zt":"0"}]}"#;

/// A certification authority of a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for 127.0.0.1 (or a client), with its key, both as PEM.
    fn issue(&self, until: (i32, u8, u8), usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

const SERVER: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ServerAuth;
const CLIENT: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;
const FAR: (i32, u8, u8) = (2199, 12, 31);

/// A server that shows a certificate, and asks for one if it knows whose to accept.
async fn server(shown: &(String, String), accepts: Option<&Authority>) -> String {
    use rustls::pki_types::pem::PemObject as _;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match accepts {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(shown.0.as_bytes()).unwrap()];
    let config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(shown.1.as_bytes()).unwrap()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                if read_request(&mut stream).await.is_some() {
                    write_reply(&mut stream, &Told::ok(NOBODY)).await;
                }
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
            });
        }
    });
    address
}

/// A folder with PEM files, and the lines of a site that name them.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn line(&self, key: &str, pem: &str) -> String {
        let path = self.0.path().join(format!("{key}.pem"));
        std::fs::write(&path, pem).unwrap();
        format!("{key} = {:?}\n", path.display().to_string())
    }
}

fn source() -> Arc<Source> {
    manifest("extends = \"_http\"\n[source]\nid = \"test.one\"\n")
}

async fn cause(context: &Context) -> Cause {
    let source = source();
    failed(source.ask(context, &[subject(&source, 1, ZHANG)], None).await).cause
}

async fn answers(context: &Context) -> bool {
    let source = source();
    let subjects = [subject(&source, 1, ZHANG)];
    let raw = replied(source.ask(context, &subjects, None).await);
    outcomes(&source, &subjects, &raw) == [Outcome::NoRecord]
}

#[tokio::test]
async fn an_authority_of_the_institution_is_trusted_and_its_end_is_seen() {
    let (ours, folder) = (Authority::new("ours"), Folder::new());
    let endpoint = server(&ours.issue((2031, 5, 6), SERVER), None).await;
    let context = context(&endpoint, &folder.line("ca", &ours.pem()), &[]);
    assert!(answers(&context).await);
    let until = context.observed("test").certificate_until.unwrap();
    assert_eq!(until.to_string(), "2031-05-06T00:00:00Z");
}

#[tokio::test]
async fn an_expired_or_unknown_certificate_is_its_own_cause() {
    let (ours, other, folder) = (Authority::new("ours"), Authority::new("other"), Folder::new());
    let ca = folder.line("ca", &ours.pem());

    let expired = context(&server(&ours.issue((2021, 1, 1), SERVER), None).await, &ca, &[]);
    assert_eq!(cause(&expired).await, Cause::Certificate);
    let until = expired.observed("test").certificate_until.unwrap();
    assert_eq!(until.to_string(), "2021-01-01T00:00:00Z", "the board can say since when");

    let endpoint = server(&other.issue(FAR, SERVER), None).await;
    assert_eq!(cause(&context(&endpoint, &ca, &[])).await, Cause::Certificate, "another authority");
    assert_eq!(cause(&context(&endpoint, "", &[])).await, Cause::Certificate, "the system does not know it either");
    // An authority is trusted for the institution that names it, and for no other.
    let named = context(&endpoint, &folder.line("ca", &other.pem()), &[]);
    assert!(answers(&named).await);

    let mut elsewhere = endpoint.clone();
    elsewhere = elsewhere.replace("127.0.0.1", "localhost");
    let localhost = context(&elsewhere, &folder.line("ca", &other.pem()), &[]);
    assert!(matches!(cause(&localhost).await, Cause::Certificate), "the certificate is for another name");
}

#[tokio::test]
async fn a_server_may_want_our_certificate() {
    let (ours, folder) = (Authority::new("ours"), Folder::new());
    let endpoint = server(&ours.issue(FAR, SERVER), Some(&ours)).await;
    let ca = folder.line("ca", &ours.pem());
    let identity = |folder: &Folder, (certificate, key): &(String, String)| {
        folder.line("client_cert", certificate) + &folder.line("client_key", key)
    };

    assert_eq!(cause(&context(&endpoint, &ca, &[])).await, Cause::Login, "none shown");
    let good = ours.issue(FAR, CLIENT);
    assert!(answers(&context(&endpoint, &(ca.clone() + &identity(&folder, &good)), &[])).await);
    let ended = Folder::new();
    let old = identity(&ended, &ours.issue((2021, 1, 1), CLIENT));
    assert_eq!(cause(&context(&endpoint, &(ca.clone() + &old), &[])).await, Cause::Login, "ours has ended");
    let strange = Folder::new();
    let other = identity(&strange, &Authority::new("other").issue(FAR, CLIENT));
    assert_eq!(cause(&context(&endpoint, &(ca + &other), &[])).await, Cause::Login, "of an authority they do not know");
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_build_no_client() {
    let (ours, folder) = (Authority::new("ours"), Folder::new());
    let (certificate, _) = ours.issue(FAR, CLIENT);
    let (_, other_key) = ours.issue(FAR, CLIENT);
    let text = format!(
        "[test]\nendpoint = \"https://127.0.0.1:1\"\n{}{}",
        folder.line("client_cert", &certificate),
        folder.line("client_key", &other_key)
    );
    let site = hedui_connect::Site::parse(&hedui_base::SourceText::new("site.toml", text)).unwrap();
    let error = Context::new(site).unwrap_err();
    assert_eq!(error.to_string(), "the HTTP client of test cannot be built");
}
