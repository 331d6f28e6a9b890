//! What the tests share: people, sources, and the smallest HTTP server that can be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hedui_base::{AskId, Letter, PersonKey, ResidentId, SourceText};
use hedui_connect::{InstitutionFolder, Loaded, Registry, Source, Subject, SubjectKey, catalogue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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

/// Answers every request with what `reply` says; counts them.
pub(crate) async fn serve(
    reply: impl Fn(usize, &str, &str) -> (u16, String) + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            let (head, body) = loop {
                let n = stream.read(&mut chunk).await.unwrap_or(0);
                bytes.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let wanted = header(head, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
                    if body.len() >= wanted {
                        break (head.to_owned(), body.to_owned());
                    }
                }
                if n == 0 {
                    break (String::new(), String::new());
                }
            };
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let (status, text) = reply(number, &head, &body);
            if status == 0 {
                // Never answers.
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                    drop(stream);
                });
                continue;
            }
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    (address, count)
}

/// A header of a request.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
