//! What the tests share: people, sources, and the smallest HTTP server that can be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hedui_base::{AskId, Letter, Outcome, PersonKey, ResidentId, SourceText};
use hedui_connect::{
    Context, Exchange, Failure, InstitutionFolder, Loaded, RawReply, Registry, Site, Source, Subject, SubjectKey,
    catalogue,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub(crate) const ZHANG: (&str, &str) = ("990000197001010018", "张三");
pub(crate) const LI: (&str, &str) = ("990001196803150217", "李四");

/// A built-in source.
pub(crate) fn source(id: &str) -> Arc<Source> {
    Arc::clone(Registry::embedded(&catalogue(), None).registry.get(id).unwrap())
}

/// A built-in source after an edit of its manifest.
pub(crate) fn edited(id: &str, from: &str, to: &str) -> Arc<Source> {
    let folders: Vec<InstitutionFolder> = Registry::embedded_folders()
        .into_iter()
        .map(|folder| InstitutionFolder {
            files: folder.files.iter().map(|f| SourceText::new(f.name.clone(), f.text.replace(from, to))).collect(),
            ..folder
        })
        .collect();
    let loaded: Loaded = Registry::load(&folders, &catalogue(), None);
    Arc::clone(loaded.registry.get(id).unwrap())
}

pub(crate) fn key(number: i64, person: (&str, &str)) -> SubjectKey {
    SubjectKey {
        ask: AskId(number),
        person: PersonKey(u32::try_from(number).unwrap()),
        id: Some(ResidentId::parse(person.0).unwrap()),
        name: Some(person.1.to_owned()),
        account: None,
        address: None,
    }
}

/// A subject with a letter that covers it.
pub(crate) fn subject(source: &Source, number: i64, person: (&str, &str)) -> Subject {
    let key = key(number, person);
    let letter = Letter {
        number: "L-1".into(),
        purposes: vec!["dibao".into()],
        scopes: vec!["*".into()],
        covers: vec![key.person],
        valid_from: "2026-01-01".parse().unwrap(),
        valid_until: None,
        revoked_on: None,
    };
    let day = "2026-06-30".parse().unwrap();
    let authorised = letter.authorise(key.person, &source.id, &source.scope, "dibao", day).unwrap();
    Subject { ask: key.ask, authorised, id: key.id, name: key.name, account: None, address: None }
}

/// A manifest over the template `_http` of the bad ones, in the folder `test`.
pub(crate) fn manifest(text: &str) -> Arc<Source> {
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates");
    let mut folders = Registry::read_dir(&templates).unwrap();
    folders.push(InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] });
    let loaded = Registry::load(&folders, &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    Arc::clone(loaded.registry.iter().next().unwrap_or_else(|| panic!("{}", shown.join("\n"))))
}

/// What the institution `test` is at a site.
pub(crate) fn context(endpoint: &str, more: &str, secrets: &[(&str, &str)]) -> Context {
    let secrets: String = secrets.iter().map(|(name, text)| format!("{name} = {text:?}\n")).collect();
    let text = format!("[test]\nendpoint = \"{endpoint}\"\n{more}\n[test.secrets]\n{secrets}");
    let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
    let now = "2026-06-30T02:00:00Z".parse().unwrap();
    Context::new(site).unwrap().with_clock(move || now)
}

pub(crate) fn replied(exchange: Exchange) -> RawReply {
    match exchange {
        Exchange::Replied(raw) => raw,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn failed(exchange: Exchange) -> Failure {
    match exchange {
        Exchange::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn outcomes(source: &Source, subjects: &[Subject], raw: &RawReply) -> Vec<Outcome> {
    let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
    hedui_connect::parse(source, &keys, raw).answers.iter().map(|a| a.outcome).collect()
}

/// One request as it arrived.
pub(crate) struct Asked {
    /// Request line and headers.
    pub(crate) head: String,
    /// The bytes after them.
    pub(crate) body: Vec<u8>,
}

/// What a server answers; status 0 never answers.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Told {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: String::new(), body: body.into() }
    }
}

/// Answers every request with what `reply` says; counts them.
pub(crate) async fn serve(
    reply: impl Fn(usize, &str, &str) -> (u16, String) + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    serve_bytes(move |number, asked| {
        let (status, text) = reply(number, &asked.head, &String::from_utf8_lossy(&asked.body));
        Told { status, headers: String::new(), body: text.into_bytes() }
    })
    .await
}

/// The same with headers, and bodies that may be anything.
pub(crate) async fn serve_bytes(
    reply: impl Fn(usize, &Asked) -> Told + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(asked) = read_request(&mut stream).await else { continue };
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let told = reply(number, &asked);
            if told.status == 0 {
                // Never answers.
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                    drop(stream);
                });
                continue;
            }
            write_reply(&mut stream, &told).await;
        }
    });
    (address, count)
}

/// Reads one request; none if the caller hangs up before its end.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let wanted: usize = header(&head, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + wanted {
                return Some(Asked { head, body: bytes[end + 4..].to_vec() });
            }
        }
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    }
}

pub(crate) async fn write_reply(stream: &mut (impl AsyncWrite + Unpin), told: &Told) {
    let (status, more, length) = (told.status, &told.headers, told.body.len());
    let head = format!("HTTP/1.1 {status} X\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&told.body).await;
    let _ = stream.flush().await;
}

/// A header of a request.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
