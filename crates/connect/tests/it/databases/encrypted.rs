//! A server's certificate is verified unless the site says otherwise.

use hedui_base::Outcome::{Found, NoRecord};
use hedui_base::SourceText;
use hedui_connect::{Cause, Context, Site};
use hedui_databases::{Kind, Options, Server, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use super::faults::{ROW, failure, outcomes};
use super::{Database, TABLES, Which, registry};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A site that trusts an authority.
fn trusting(database: &Database, ca: &std::path::Path) -> Context {
    let (user, password) = &database.account;
    let text = format!(
        "[registry]\nendpoint = \"{}\"\nca = \"{}\"\n[registry.secrets]\nuser = \"{user}\"\npassword = \"{password}\"\n",
        database.endpoint,
        ca.display()
    );
    let now = "2026-06-30T02:00:00Z".parse().unwrap();
    Context::new(Site::parse(&SourceText::new("site.toml", text)).unwrap()).unwrap().with_clock(move || now)
}

#[tokio::test]
async fn an_impostor_among_databases_is_told_nothing() {
    let (ours, other) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ours).unwrap().pem();
    let folder = tempfile::tempdir().unwrap();
    let [trusted, stranger] = [("ours.pem", ours.pem()), ("other.pem", other.pem())].map(|(name, pem)| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    });
    let source = registry("", "");
    for (kind, which) in [(Kind::Postgres, Which::Postgres), (Kind::MariaDb, Which::MariaDb)] {
        let options = Options { tls: Some(Tls { certificate: certificate.clone(), key: key.serialize_pem() }) };
        let started = tokio::task::spawn_blocking(move || Server::for_tests(kind, &options)).await.unwrap();
        let Some(server) = started else { continue };
        let account = (server.user().to_owned(), server.password().to_owned());
        let endpoint = server.endpoint(server.first_database());
        let first = Database { which, endpoint, account, _folder: None };
        first.run("CREATE DATABASE encrypted").await;
        let database = Database { endpoint: server.endpoint("encrypted"), ..first };
        database.run(TABLES).await;
        database.run(&format!("INSERT INTO fwxx VALUES {ROW}")).await;
        assert_eq!(outcomes(&source, &trusting(&database, &trusted), None).await, [Found, NoRecord], "{which:?}");
        let failure = failure(&source, &trusting(&database, &stranger)).await;
        assert_eq!((failure.cause, failure.retry), (Cause::Certificate, false), "{which:?}");
    }
}
