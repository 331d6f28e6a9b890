//! The same exchange over SFTP, FTPS and a folder; logins, impostors, crashes on the way.

use hedui_base::Outcome;
use hedui_connect::{Cause, Exchange, Poll};

use super::servers::{self, Machine};
use super::{Form, context, context_of, outcomes, password, pending, ready, reply_name, site_text};
use crate::support::{LI, ZHANG, subject};

const KINDS: [&str; 3] = ["sftp", "ftps", "dir"];

#[tokio::test]
async fn a_file_is_put_whole_announced_and_answered() {
    for via in KINDS {
        let machine = Machine::new(via).await;
        let source = Form { via, ..Form::default() }.source();
        let (context, _) = context(&machine, &password());
        let subjects = [subject(&source, 1, ZHANG), subject(&source, 2, LI)];
        let Exchange::Submitted(submission) = source.ask(&context, &subjects, None).await else { panic!("{via}") };
        let name = format!("REQ_{}.csv", submission.reference);
        assert_eq!(machine.names("in"), [name.clone(), format!("{name}.ok")], "{via}");
        let (expected, ..) =
            encoding_rs::GBK.encode("xh,xm,zjh\n1,张三,990000197001010018\n2,李四,990001196803150217\n");
        assert_eq!(std::fs::read(machine.path(&format!("in/{name}"))).unwrap(), expected.as_ref(), "{via}");
        assert_eq!(submission.sent.iter().map(|(seq, ask)| (*seq, ask.0)).collect::<Vec<_>>(), [(1, 1), (2, 2)]);

        assert!(pending(&source.poll(&context, &submission).await), "{via}: nothing there");
        let reply = reply_name(&submission, ".csv");
        machine.lay(&reply, b"xh,jg,zh\n1,0,A1\n2,1,\n#2\n");
        assert!(pending(&source.poll(&context, &submission).await), "{via}: not announced");
        machine.lay(&format!("{reply}.ok"), b"");
        let raw = ready(source.poll(&context, &submission).await);
        assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::Found, Outcome::NoRecord], "{via}");
        // Half a file, announced all the same.
        machine.lay(&reply, b"xh,jg,zh\n1,0,A1\n2,");
        let raw = ready(source.poll(&context, &submission).await);
        assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::Failed, Outcome::Failed], "{via}");
    }
}

#[tokio::test]
async fn handing_in_twice_is_handing_in_once_wherever_it_was_cut_off() {
    for via in KINDS {
        let machine = Machine::new(via).await;
        let source = Form { via, ..Form::default() }.source();
        let (context, _) = context(&machine, &password());
        let subjects = [subject(&source, 1, ZHANG), subject(&source, 2, LI)];
        let submission = source.prepare(&context, &subjects, None).unwrap();
        assert!(!submission.handed_in && machine.names("in").is_empty(), "{via}: preparing sends nothing");
        assert!(!source.has_been_submitted(&context, &submission).await.unwrap(), "{via}");
        let name = format!("REQ_{}.csv", submission.reference);
        let both = [name.clone(), format!("{name}.ok")];
        // Cut off while writing.
        std::fs::write(machine.path(&format!("in/{name}.part")), b"xh,xm").unwrap();
        source.submit(&context, &submission, &subjects).await.unwrap();
        assert_eq!(machine.names("in"), both, "{via}");
        let first = std::fs::read(machine.path(&format!("in/{name}"))).unwrap();
        // Cut off before it was announced.
        std::fs::remove_file(machine.path(&format!("in/{name}.ok"))).unwrap();
        source.submit(&context, &submission, &subjects).await.unwrap();
        assert_eq!(machine.names("in"), both, "{via}");
        std::fs::remove_file(machine.path(&format!("in/{name}.ok"))).unwrap();
        assert!(source.has_been_submitted(&context, &submission).await.unwrap(), "{via}");
        assert_eq!(machine.names("in"), both, "{via}: announced after all");
        assert_eq!(std::fs::read(machine.path(&format!("in/{name}"))).unwrap(), first, "{via}");
        // The institution clears requests away once it has answered them.
        for name in &both {
            std::fs::remove_file(machine.path(&format!("in/{name}"))).unwrap();
        }
        machine.lay(&reply_name(&submission, ".csv"), b"xh,jg,zh\n1,0,A1\n");
        source.submit(&context, &submission, &subjects).await.unwrap();
        assert!(machine.names("in").is_empty() && source.has_been_submitted(&context, &submission).await.unwrap());
        // Somebody else's file under our name is neither replaced nor taken for ours.
        std::fs::remove_file(machine.path(&format!("out/{}", reply_name(&submission, ".csv")))).unwrap();
        std::fs::write(machine.path(&format!("in/{name}")), "xh,xm,zjh\n1,x,990001196803150217\n").unwrap();
        let failure = source.submit(&context, &submission, &subjects).await.unwrap_err();
        assert_eq!((failure.cause, failure.outcome), (Cause::Conflict, Outcome::Failed), "{via}");
        // Other subjects than it was prepared with.
        let failure = source.submit(&context, &submission, &subjects[..1]).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Batch, "{via}");
    }
}

async fn cause(form: &Form, site: &str) -> Cause {
    let source = form.source();
    let (context, _) = context_of(site);
    match source.ask(&context, &[subject(&source, 1, ZHANG)], None).await {
        Exchange::Failed(failure) if failure.outcome == Outcome::Failed => failure.cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_impostor_a_wrong_password_or_no_server_is_told_nothing() {
    for via in ["sftp", "ftps"] {
        let form = Form { via, ..Form::default() };
        let mut machine = Machine::new(via).await;
        let wrong = site_text(&machine, "password = \"guess\"");
        assert_eq!(cause(&form, &wrong).await, Cause::Login, "{via}");
        let pin = std::mem::replace(&mut machine.pin, format!("host_key = \"SHA256:{}\"", "A".repeat(43)));
        assert_eq!(cause(&form, &site_text(&machine, &password())).await, Cause::HostKey, "{via}");
        machine.pin = String::new();
        assert_eq!(cause(&form, &site_text(&machine, &password())).await, Cause::HostKey, "{via}");
        machine.pin = pin;
        machine.endpoint = format!("{via}://127.0.0.1:1");
        assert_eq!(cause(&form, &site_text(&machine, &password())).await, Cause::Connect, "{via}");
        assert!(machine.names("in").is_empty(), "{via}");
    }
    // Vouched for by the site's authority, and by no other.
    let form = Form { via: "ftps", ..Form::default() };
    let (mut machine, other) = (Machine::new("ftps").await, Machine::new("ftps").await);
    machine.pin = format!("ca = \"{}\"", machine.path("ca.pem").display());
    let (context, _) = context_of(&site_text(&machine, &password()));
    let source = form.source();
    let asked = source.ask(&context, &[subject(&source, 1, ZHANG)], None).await;
    assert!(matches!(asked, Exchange::Submitted(_)), "{asked:?}");
    machine.pin = format!("ca = \"{}\"", other.path("ca.pem").display());
    assert_eq!(cause(&form, &site_text(&machine, &password())).await, Cause::HostKey);
    // A mount that is not there, and one without the folders agreed upon.
    let form = Form::default();
    let mut machine = Machine::new("dir").await;
    std::fs::remove_dir(machine.path("in")).unwrap();
    assert_eq!(cause(&form, &site_text(&machine, "")).await, Cause::Protocol);
    machine.endpoint.push_str("/nowhere");
    assert_eq!(cause(&form, &site_text(&machine, "")).await, Cause::Connect);
}

/// Takes connections and answers like a server that knows no TLS.
#[tokio::test]
async fn plain_ftp_is_not_spoken() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        write.write_all(b"220 ready\r\n").await.unwrap();
        let mut lines = tokio::io::BufReader::new(read).lines();
        let mut heard = Vec::new();
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push(line);
            let _ = write.write_all(b"502 not implemented\r\n").await;
        }
        heard
    });
    let mut machine = Machine::new("dir").await;
    machine.endpoint = format!("ftps://{address}");
    machine.pin = format!("host_key = \"SHA256:{}\"", "A".repeat(43));
    let form = Form { via: "ftps", ..Form::default() };
    assert_eq!(cause(&form, &site_text(&machine, &password())).await, Cause::Protocol);
    assert!(heard.await.unwrap().iter().all(|line| !line.contains("USER") && !line.contains("sesame")));
}

#[tokio::test]
async fn a_key_opens_an_account_and_a_passphrase_the_key() {
    use russh::keys::ssh_key::{Cipher, Kdf, LineEnding};
    let machine = Machine::new("sftp").await;
    let toml = |text: &str| format!("key = '''\n{text}'''\npassphrase = \"among friends\"");
    let plain = servers::key(9).to_openssh(LineEnding::LF).unwrap();
    let plainly = Form { via: "sftp", login: "key = \"secret:key\"", ..Form::default() };
    let locked = Form { login: "key = \"secret:key\", passphrase = \"secret:passphrase\"", ..plainly.clone() };
    let source = plainly.source();
    let (context, _) = context(&machine, &toml(&plain));
    let subjects = [subject(&source, 1, ZHANG)];
    let Exchange::Submitted(submission) = source.ask(&context, &subjects, None).await else { panic!() };
    assert!(matches!(source.poll(&context, &submission).await, Poll::Pending));

    let kdf = Kdf::Bcrypt { salt: vec![3; 16], rounds: 4 };
    let encrypted = servers::key(9).encrypt_with(Cipher::Aes256Ctr, kdf, 5, "among friends").unwrap();
    let encrypted = encrypted.to_openssh(LineEnding::LF).unwrap();
    let (context, _) = super::context(&machine, &toml(&encrypted));
    let source = locked.source();
    assert!(matches!(source.ask(&context, &[subject(&source, 1, ZHANG)], None).await, Exchange::Submitted(_)));
    assert_eq!(cause(&plainly, &site_text(&machine, &toml(&encrypted))).await, Cause::Login, "the key stays shut");
    let other = servers::key(8).to_openssh(LineEnding::LF).unwrap();
    assert_eq!(cause(&plainly, &site_text(&machine, &toml(&other))).await, Cause::Login, "another key");
    assert_eq!(cause(&plainly, &site_text(&machine, "key = \"no key\"")).await, Cause::Login);
}
