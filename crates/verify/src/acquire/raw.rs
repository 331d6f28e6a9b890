//! Raw replies, kept as they came: sealed, synced to disk and noted in the ledger before anyone parses them.
//!
//! Replies are appended to a segment, a file of this writer alone; those that arrive together share one sync. A reply is
//! named `<segment>:<offset>:<length>:<digest>`; the name stands in the audit log, so that what lies there can be held to
//! it. It is kept with the asks it answers, so that it can be read again under another manifest, and can be destroyed
//! where it lies without touching its neighbours.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use hedui_base::AskId;
use hedui_connect::RawReply;
use hedui_ledger::{ClaimedAsk, Ledger, LedgerError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::boundary::Boundary;
use crate::VerifyError;

/// Binds a sealed reply to its purpose.
const SEAL: &str = "raw reply";
/// Replies and bytes that share a sync.
const TOGETHER: usize = 256;
const BYTES_TOGETHER: usize = 16 * 1024 * 1024;
/// Bytes after which the next segment begins.
const SEGMENT: u64 = 64 * 1024 * 1024;

/// A reply with the asks it was sent for.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) asks: Vec<AskId>,
    pub(crate) reply: RawReply,
}

/// The asks that a reply is for: those of its request file, some of which may have ended meanwhile, or those it was
/// fetched for.
pub(crate) fn about(reply: &RawReply, claimed: &[ClaimedAsk]) -> Vec<AskId> {
    if reply.sent.is_empty() {
        claimed.iter().map(|c| c.ask).collect()
    } else {
        reply.sent.iter().map(|(_, ask)| *ask).collect()
    }
}

/// The line before the reply.
#[derive(Serialize, Deserialize)]
struct KeptHead {
    asks: Vec<AskId>,
}

struct Item {
    bytes: Vec<u8>,
    claimed: Vec<ClaimedAsk>,
    done: oneshot::Sender<Result<String, VerifyError>>,
}

/// Hands replies to the writer.
#[derive(Clone)]
pub(crate) struct RawStore {
    queue: mpsc::Sender<Item>,
}

impl RawStore {
    /// Starts the writer. It ends when the last handle is dropped.
    pub(crate) fn start(ledger: &Ledger, dir: &Path) -> Result<Self, VerifyError> {
        let folder = dir.join("raw");
        fs::create_dir_all(&folder).map_err(VerifyError::io(&folder))?;
        let (queue, inbox) = mpsc::channel(256);
        tokio::spawn(write_all(ledger.clone(), folder, inbox));
        Ok(Self { queue })
    }

    /// Makes a reply durable and attaches it to its asks; returns its name.
    pub(crate) async fn keep(&self, reply: &RawReply, claimed: &[ClaimedAsk]) -> Result<String, VerifyError> {
        let (done, told) = oneshot::channel();
        let head = KeptHead { asks: about(reply, claimed) };
        let mut bytes = serde_json::to_vec(&head).map_err(|e| VerifyError::Internal(e.to_string()))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&reply.to_bytes());
        let item = Item { bytes, claimed: claimed.to_vec(), done };
        let stopped = || VerifyError::Internal("the writer of raw replies has stopped".to_owned());
        self.queue.send(item).await.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

async fn write_all(ledger: Ledger, folder: PathBuf, mut inbox: mpsc::Receiver<Item>) {
    let mut segment = None;
    while let Some(first) = inbox.recv().await {
        let mut size = first.bytes.len();
        let mut items = vec![first];
        while items.len() < TOGETHER && size < BYTES_TOGETHER {
            let Ok(item) = inbox.try_recv() else { break };
            size += item.bytes.len();
            items.push(item);
        }
        let bodies: Vec<Vec<u8>> = items.iter_mut().map(|item| std::mem::take(&mut item.bytes)).collect();
        let (sealer, place, open) = (ledger.clone(), folder.clone(), segment.take());
        let written = tokio::task::spawn_blocking(move || {
            let mut segment = Segment::with_room(open, &place)?;
            let names = segment.append(&sealer, &bodies)?;
            Ok::<_, VerifyError>((segment, names))
        })
        .await;
        // After a fault the next replies begin a segment of their own: what this one's end looks like is not known.
        let fault = match written {
            Ok(Ok((open, names))) => {
                segment = Some(open);
                Boundary::RawWritten.pass();
                attach(&ledger, items, names).await;
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        for item in items {
            let _ = item.done.send(Err(VerifyError::Internal(fault.clone())));
        }
    }
}

/// A file that this writer alone appends to.
struct Segment {
    name: String,
    path: PathBuf,
    file: File,
    length: u64,
}

impl Segment {
    /// The open segment if there is room in it, else the next one.
    fn with_room(open: Option<Self>, folder: &Path) -> Result<Self, VerifyError> {
        if let Some(segment) = open.filter(|segment| segment.length < SEGMENT) {
            return Ok(segment);
        }
        let name = hex::encode(rand::random::<[u8; 8]>());
        let sub = folder.join(&name[..2]);
        fs::create_dir_all(&sub).map_err(VerifyError::io(&sub))?;
        let path = sub.join(&name);
        let file = File::options().append(true).create_new(true).open(&path).map_err(VerifyError::io(&path))?;
        // The file must be found again after a crash of the machine, and so must its folder.
        for dir in [&sub, folder] {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(VerifyError::io(dir))?;
        }
        Ok(Self { name, path, file, length: 0 })
    }

    /// Seals replies, appends them and syncs; returns their names.
    fn append(&mut self, ledger: &Ledger, bodies: &[Vec<u8>]) -> Result<Vec<String>, VerifyError> {
        let mut pack = Vec::new();
        let mut names = Vec::with_capacity(bodies.len());
        for body in bodies {
            let sealed = ledger.seal_blob(SEAL, body)?;
            let offset = self.length + pack.len() as u64;
            names.push(format!("{}:{offset}:{}:{}", self.name, sealed.len(), digest(&sealed)));
            pack.extend_from_slice(&sealed);
        }
        self.file.write_all(&pack).and_then(|()| self.file.sync_data()).map_err(VerifyError::io(&self.path))?;
        self.length += pack.len() as u64;
        Ok(names)
    }
}

/// Notes all names in one transaction; if a lease was lost, one by one, so that the others keep theirs.
async fn attach(ledger: &Ledger, items: Vec<Item>, names: Vec<String>) {
    let together =
        attach_in_one(ledger, items.iter().zip(&names).map(|(i, n)| (i.claimed.as_slice(), n.as_str()))).await;
    if together.is_ok() {
        for (item, name) in items.into_iter().zip(names) {
            let _ = item.done.send(Ok(name));
        }
        return;
    }
    for (item, name) in items.into_iter().zip(names) {
        let alone = attach_in_one(ledger, std::iter::once((item.claimed.as_slice(), name.as_str()))).await;
        let _ = item.done.send(alone.map(|()| name).map_err(VerifyError::from));
    }
}

async fn attach_in_one<'a>(
    ledger: &Ledger,
    items: impl Iterator<Item = (&'a [ClaimedAsk], &'a str)> + Send,
) -> Result<(), LedgerError> {
    let mut tx = ledger.begin().await?;
    for (claimed, name) in items {
        ledger.attach_raw(&mut tx, claimed, name).await?;
    }
    tx.commit().await
}

/// The first half of the SHA-256: enough to tell that a sealed reply is another one.
fn digest(sealed: &[u8]) -> String {
    hex::encode(&Sha256::digest(sealed)[..16])
}

/// Where a reply lies.
fn place(dir: &Path, name: &str) -> Option<(PathBuf, u64, usize)> {
    let mut parts = name.split(':');
    let (segment, offset, length) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((dir.join("raw").join(segment.get(..2)?).join(segment), offset, length))
}

/// Reads a kept reply back; none if its file is gone or damaged, so that it is asked for again.
pub(crate) fn read(ledger: &Ledger, dir: &Path, name: &str) -> Option<Kept> {
    let (path, offset, length) = place(dir, name)?;
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut sealed = vec![0; length];
    file.read_exact(&mut sealed).ok()?;
    if name.splitn(4, ':').nth(3).is_some_and(|promised| promised != digest(&sealed)) {
        return None;
    }
    let bytes = ledger.open_blob(SEAL, &sealed).ok()?;
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let head: KeptHead = serde_json::from_slice(&bytes[..end]).ok()?;
    Some(Kept { asks: head.asks, reply: RawReply::from_bytes(&bytes[end + 1..]).ok()? })
}

/// Overwrites a reply where it lies, and syncs: nothing of it can be read any more. One that is gone already is as good.
pub(crate) fn destroy(dir: &Path, name: &str) -> Result<(), VerifyError> {
    let Some((path, offset, length)) = place(dir, name) else { return Ok(()) };
    let mut file = match File::options().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(VerifyError::Io { path, error }),
    };
    let wiped = file
        .seek(SeekFrom::Start(offset))
        .and_then(|_| file.write_all(&vec![0; length]))
        .and_then(|()| file.sync_all());
    wiped.map_err(VerifyError::io(&path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use hedui_connect::{Media, Part};
    use jiff::Timestamp;

    fn reply(body: &[u8]) -> Vec<u8> {
        let reply = RawReply {
            source: "tax.income".into(),
            manifest: "m".into(),
            received: Timestamp::UNIX_EPOCH,
            period: None,
            sent: Vec::new(),
            refused: Vec::new(),
            parts: vec![Part { name: "page-1".into(), media: Media::Xml, status: Some(200), body: body.to_vec() }],
        };
        let mut bytes = b"{\"asks\":[3,4]}\n".to_vec();
        bytes.extend(reply.to_bytes());
        bytes
    }

    #[tokio::test]
    async fn a_reply_is_read_back_and_destroyed_without_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).await.unwrap();
        let folder = dir.path().join("raw");
        fs::create_dir_all(&folder).unwrap();
        let mut segment = Segment::with_room(None, &folder).unwrap();
        let mut names = segment.append(&ledger, &[reply(b"first"), reply(b"second")]).unwrap();
        let mut segment = Segment::with_room(Some(segment), &folder).unwrap();
        names.extend(segment.append(&ledger, &[reply(b"third")]).unwrap());
        let body = |name: &str| read(&ledger, dir.path(), name).map(|k| k.reply.parts[0].body.clone());
        assert_eq!(read(&ledger, dir.path(), &names[0]).unwrap().asks, [AskId(3), AskId(4)]);
        assert_eq!(body(&names[1]).unwrap(), b"second");
        destroy(dir.path(), &names[1]).unwrap();
        destroy(dir.path(), &names[1]).unwrap();
        assert_eq!(body(&names[1]), None);
        assert_eq!((body(&names[0]).unwrap(), body(&names[2]).unwrap()), (b"first".to_vec(), b"third".to_vec()));
        let (place, _) = names[0].rsplit_once(':').unwrap();
        assert_eq!(body(place).unwrap(), b"first", "a name without a digest");
        assert_eq!(body(&format!("{place}:{}", digest(b"another"))), None);
        destroy(dir.path(), "nothing:0:1").unwrap();
        destroy(dir.path(), "").unwrap();
    }
}
