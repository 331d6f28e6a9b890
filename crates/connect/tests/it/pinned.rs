//! A bank's server must be who the site says, before anything is sent to it.

use std::sync::Arc;

use hedui_base::{Outcome, SourceText};
use hedui_connect::{Cause, Context, Exchange, Poll, Site, Submission};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{HashAlg, PrivateKey};
use tokio::net::TcpListener;

use crate::support::{LI, ZHANG, source, subject};

/// Takes connections and refuses every password.
struct Doorman;

impl russh::server::Handler for Doorman {
    type Error = russh::Error;
}

/// A server with a key; returns its address and fingerprint.
async fn server() -> (String, String) {
    let pair = Ed25519Keypair::from_seed(&[7; 32]);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap();
    let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
    let config = russh::server::Config {
        auth_rejection_time: std::time::Duration::ZERO,
        keys: vec![key],
        ..russh::server::Config::default()
    };
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(session) = russh::server::run_stream(Arc::clone(&config), stream, Doorman).await {
                tokio::spawn(async move { drop(session.await) });
            }
        }
    });
    (address, fingerprint)
}

fn context(address: &str, host_key: &str) -> Context {
    let text = format!(
        "[bank_jinshan]\nendpoint = \"sftp://{address}\"\n{host_key}\n[bank_jinshan.secrets]\nsftp_user = \"u\"\nsftp_password = \"p\"\n"
    );
    Context::new(Site::parse(&SourceText::new("site.toml", text)).unwrap()).unwrap()
}

async fn cause(context: &Context) -> (Outcome, Cause) {
    let bank = source("bank.jinshan");
    match bank.ask(context, &[subject(&bank, 1, ZHANG)], None).await {
        Exchange::Failed(failure) => (failure.outcome, failure.cause),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_impostor_or_an_unpinned_server_is_told_nothing() {
    let (address, fingerprint) = server().await;
    let other = "host_key = \"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
    assert_eq!(cause(&context(&address, other)).await, (Outcome::Failed, Cause::HostKey));
    assert_eq!(cause(&context(&address, "")).await, (Outcome::Failed, Cause::HostKey));
    let pinned = format!("host_key = \"{fingerprint}\"");
    assert_eq!(
        cause(&context(&address, &pinned)).await,
        (Outcome::Failed, Cause::Login),
        "the right server, another password"
    );
    assert_eq!(cause(&context("127.0.0.1:1", &pinned)).await, (Outcome::Failed, Cause::Connect));

    let submission = Submission {
        reference: "20260630_000000000000".into(),
        handed_in: true,
        sent: Vec::new(),
        refused: Vec::new(),
        submitted: jiff::Timestamp::UNIX_EPOCH,
        due: None,
        period: None,
    };
    match source("bank.jinshan").poll(&context(&address, other), &submission).await {
        Poll::Failed(failure) => assert_eq!(failure.cause, Cause::HostKey),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_that_gbk_lacks_is_not_sent() {
    let bank = source("bank.jinshan");
    let mut rare = subject(&bank, 1, LI);
    rare.name = Some("李𠮷".into());
    // No server is needed: nobody is left to ask about.
    match bank.ask(&context("127.0.0.1:1", ""), std::slice::from_ref(&rare), None).await {
        Exchange::Replied(raw) => {
            let parsed = hedui_connect::parse(&bank, &[rare.key()], &raw);
            assert_eq!(parsed.answers[0].outcome, Outcome::Unsendable);
            assert_eq!(parsed.answers[0].detail.as_deref(), Some("unencodable_name"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bank_that_hangs_up_once_is_tried_again_before_anything_is_put() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            drop(stream);
        }
    });
    assert_eq!(cause(&context(&address, "host_key = \"SHA256:x\"")).await, (Outcome::Failed, Cause::Connect));
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 3, "one and two further tries, as the manifest says");
}
