//! File exchange: request files appear in a folder, and some time later reply files beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hedui_base::Fen;
use hedui_connect::grid::{self, Unwritable, Written};
use hedui_connect::manifest::{Archive, Complete, FilePlan};
use hedui_connect::{InstitutionSite, Unpackable, UnreadableRequest, pack, part_name, read_request, unpack};
use tokio::sync::Notify;

use super::http::damage;
use super::table::TableForm;
use super::wire::{Spoiled, WireSource, stranger};
use super::{ServeError, Stop};
use crate::faults::{FaultKind, Mood};

/// How often to look while something waits for its time.
const LOOK: Duration = Duration::from_millis(20);
/// In how many parts a reply comes, where it comes in parts.
const PARTS: u32 = 2;
/// A folder that changed so little ago is looked into again: the clock of a file system is coarse.
const FRESH: Duration = Duration::from_millis(100);

/// An institution's side of one source's exchange.
pub(super) struct Exchange {
    wire: WireSource,
    plan: FilePlan,
    /// The server's root folder.
    root: PathBuf,
    delay: Duration,
    form: TableForm,
    waiting: BTreeMap<String, Waiting>,
    changed: Option<SystemTime>,
    /// Whether a server sees the other side look.
    watched: bool,
    /// The secrets by which files are packed.
    site: InstitutionSite,
}

/// A request whose time has not come: since when, and how many looks there had been.
struct Waiting {
    since: Instant,
    looks: u64,
}

impl Exchange {
    pub(super) fn new(
        wire: WireSource,
        plan: &FilePlan,
        root: PathBuf,
        delay: Duration,
        watched: bool,
        site: InstitutionSite,
    ) -> Result<Self, ServeError> {
        let form = TableForm::new(&wire)?;
        if !form.says_nothing() && wire.source.manifest.outcome.absent != hedui_base::Outcome::NoRecord {
            return Err(wire.lack("how [outcome] item_is says `no_record`"));
        }
        Ok(Self { plan: plan.clone(), root, delay, form, wire, waiting: BTreeMap::new(), changed: None, watched, site })
    }

    /// Makes the folders that the server shows.
    pub(super) fn make_folders(root: &Path, plan: &FilePlan) -> io::Result<()> {
        std::fs::create_dir_all(root.join(&plan.put.dir))?;
        std::fs::create_dir_all(root.join(&plan.get.dir))
    }

    /// Looks for requests that are complete, and answers those whose time has come.
    fn look(&mut self) {
        match self.complete() {
            Ok(Some(complete)) => {
                self.waiting.retain(|name, _| complete.contains(name));
                let looks = self.wire.trouble.requests();
                for name in complete {
                    self.waiting.entry(name).or_insert_with(|| Waiting { since: Instant::now(), looks });
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, source = %self.wire.source.id, "cannot look for requests");
            }
        }
        let ready: Vec<String> = self
            .waiting
            .iter()
            .filter(|(name, waiting)| self.is_ready(name, waiting))
            .map(|(n, _)| n.clone())
            .collect();
        for name in ready {
            match self.answer(&name) {
                Ok(()) => {
                    self.waiting.remove(&name);
                }
                Err(error) => {
                    tracing::warn!(%error, source = %self.wire.source.id, "cannot answer a request");
                }
            }
        }
    }

    fn is_ready(&self, name: &str, waiting: &Waiting) -> bool {
        let (trouble, waited) = (&self.wire.trouble, waiting.since.elapsed());
        let late = trouble.strength(FaultKind::Late).is_some_and(|looks| {
            // Where nobody sees the other side look, a look is taken to come every tenth of a second.
            let seen = if self.watched { trouble.requests() - waiting.looks } else { waited.as_millis() as u64 / 100 };
            trouble.strike(FaultKind::Late);
            seen < u64::from(looks)
        });
        !late && waited >= self.delay + trouble.pause(number(name))
    }

    /// Request files that are complete and not answered yet; none if nothing has changed. A request that was answered
    /// before a restart stays so.
    fn complete(&mut self) -> io::Result<Option<BTreeSet<String>>> {
        let folder = self.root.join(&self.plan.put.dir);
        let changed = std::fs::metadata(&folder)?.modified()?;
        let fresh = changed.elapsed().is_ok_and(|age| age < FRESH);
        if self.changed == Some(changed) && !fresh {
            return Ok(None);
        }
        self.changed = Some(changed);
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(request) = name.strip_suffix(self.plan.put.marker.as_deref().unwrap_or_default())
                && let Some(reply) = self.reply_names(request).and_then(|mut names| names.pop())
                && !self.reply_path(&format!("{reply}{}", self.marker())).exists()
            {
                names.insert(request.to_owned());
            }
        }
        Ok(Some(names))
    }

    /// What follows a complete reply's name; nothing where the reply is its own sign.
    fn marker(&self) -> &str {
        if let Complete::Marker(marker) = &self.plan.get.complete { marker } else { "" }
    }

    fn reply_path(&self, name: &str) -> PathBuf {
        self.root.join(&self.plan.get.dir).join(name)
    }

    /// The names of the reply's parts for a request's name: the same date and batch in the other pattern, and something
    /// where anything may stand.
    fn reply_names(&self, request: &str) -> Option<Vec<String>> {
        let (date, batch) = taken(&self.plan.put.name, request)?;
        let of = if self.plan.get.in_parts() { PARTS } else { 1 };
        Some((1..=of).map(|n| something(&part_name(&self.plan.get.name, date, batch, n, of))).collect())
    }

    fn answer(&self, request: &str) -> Result<(), ExchangeError> {
        let bytes = std::fs::read(self.root.join(&self.plan.put.dir).join(request))?;
        let Some(names) = self.reply_names(request) else { return Ok(()) };
        let mood = self.wire.trouble.mood(number(request));
        let bytes = unpack(&self.plan.put.pack, &bytes, &self.site)?;
        let parts = self.reply(&bytes, names.len(), mood)?;
        for (name, mut bytes) in names.iter().zip(parts) {
            let member = match &self.plan.get.pack.archive {
                Some(Archive::Zip { member: Some(member), .. }) => something(member),
                _ => name.trim_end_matches(".zip").trim_end_matches(".gz").to_owned(),
            };
            let sealed = self.plan.get.pack.cipher.is_some();
            if sealed {
                // Damaged on the way, it would look like a file under another key, which is waited for and not given up:
                // what breaks here is what writes the file.
                damage(mood, &mut bytes);
            }
            let mut bytes = pack(&self.plan.get.pack, &member, &bytes, &self.site)?;
            if !sealed {
                damage(mood, &mut bytes);
            }
            self.put(name, &bytes)?;
        }
        Ok(())
    }

    /// Lays a reply file down, whole, and then its marker.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = self.reply_path(&format!("{name}.part"));
        std::fs::write(&part, bytes)?;
        if self.wire.trouble.has(FaultKind::ClockSkew) {
            let ahead = SystemTime::now() + Duration::from_secs(1800);
            std::fs::File::options().write(true).open(&part)?.set_modified(ahead)?;
        }
        std::fs::rename(&part, self.reply_path(name))?;
        match &self.plan.get.complete {
            Complete::Marker(marker) => std::fs::write(self.reply_path(&format!("{name}{marker}")), b""),
            Complete::Stable(_) => Ok(()),
        }
    }

    /// The reply to a request file, in so many parts, each with its own header and trailer.
    fn reply(&self, request: &[u8], of: usize, mood: Mood) -> Result<Vec<Vec<u8>>, ExchangeError> {
        let put = &self.plan.put;
        // Where the manifest names the columns, the file names none that could drift.
        let nameless = matches!(self.plan.get.layout.head, grid::Head::Given(_));
        let mood = Mood { drifted: mood.drifted && !nameless, ..mood };
        let requests = read_request(put, request)?;
        let key = self.plan.match_column.as_str();
        let header = self.form.header(&self.wire, &[key], mood);
        let mut lines: Vec<(Vec<String>, i64)> = Vec::new();
        for line in requests {
            let (seq, name) = (line.seq.to_string(), line.name(put).unwrap_or_default().to_owned());
            let id = line.id_number(put).unwrap_or_default().to_owned();
            let months = line.period(put).map(|(from, until)| (from.index(), until.index()));
            let rows = self.wire.look_up(&id, months, mood)?;
            let spoiled = self.wire.spoiled(&id);
            let echo = self.wire.echo(&id, &name, spoiled);
            let mut add = |seq: &str, echo: &(String, String), rows: &[super::wire::WireRow]| {
                if rows.is_empty() && self.form.says_nothing() {
                    lines.push((self.form.line(&self.wire, &header, &[(key, seq)], echo, None), 0));
                }
                for row in rows {
                    lines.push((self.form.line(&self.wire, &header, &[(key, seq)], echo, Some(row)), row.summed));
                }
            };
            add(&seq, &echo, &rows);
            if spoiled == Spoiled::Stranger {
                // Under a number that no line of the request has.
                add("999999", &stranger(&id), &self.wire.some_rows(mood)?);
            }
        }
        if mood.reordered {
            lines.reverse();
        }
        let size = lines.len().div_ceil(of).max(1);
        let part = |nth: usize| self.file(&header, lines.iter().skip(nth * size).take(size), mood);
        (0..of).map(part).collect()
    }

    /// One file's bytes.
    fn file<'l>(
        &self,
        header: &[String],
        lines: impl Iterator<Item = &'l (Vec<String>, i64)>,
        mood: Mood,
    ) -> Result<Vec<u8>, ExchangeError> {
        let filled = |line: &[String]| line.iter().map(|cell| Some(cell.clone()).filter(|c| !c.is_empty())).collect();
        let (mut rows, mut sum) = (Vec::new(), 0);
        for (line, summed) in lines {
            rows.push(filled(line));
            sum += summed;
        }
        let written = Written {
            columns: header.iter().map(String::as_str).collect(),
            rows,
            sum: Some(Fen::new(sum).to_string()),
            miscount: usize::from(mood.wrong_trailer),
            mess: true,
        };
        Ok(grid::write(&self.plan.get.layout, &written)?)
    }
}

/// Why a request cannot be answered now.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Reply(#[from] Unwritable),
    #[error(transparent)]
    Request(#[from] UnreadableRequest),
    #[error(transparent)]
    Pack(#[from] Unpackable),
    #[error(transparent)]
    Words(#[from] ServeError),
}

/// A name that a pattern with `*` and `?` takes.
fn something(pattern: &str) -> String {
    pattern.replace(['*', '?'], "x")
}

/// A number that a name always gives.
fn number(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Date and batch in a name made from a pattern.
fn taken<'n>(pattern: &str, name: &'n str) -> Option<(&'n str, &'n str)> {
    let (prefix, rest) = match pattern.split_once("{date}") {
        Some(split) => split,
        None => {
            let (prefix, suffix) = pattern.split_once("{batch}")?;
            return Some(("", name.strip_prefix(prefix)?.strip_suffix(suffix)?));
        }
    };
    let (middle, suffix) = rest.split_once("{batch}")?;
    // A date has eight digits, whatever follows it.
    let (date, rest) = name.strip_prefix(prefix)?.strip_suffix(suffix)?.split_at_checked(8)?;
    Some((date, rest.strip_prefix(middle)?))
}

/// Takes the folder that both sides see away, as a machine that is not mounted, or brings it back.
pub(super) fn show(root: &Path, shown: bool) {
    let Some(name) = root.file_name() else { return };
    let hidden = root.with_file_name(format!(".{}.down", name.to_string_lossy()));
    let (from, to) = if shown { (hidden.as_path(), root) } else { (root, hidden.as_path()) };
    if from.exists()
        && let Err(error) = std::fs::rename(from, to)
    {
        tracing::warn!(%error, "a folder cannot be taken away or brought back");
    }
}

/// Whether everything in a folder that both sides see is down; where it is, the folder is not there.
pub(super) fn is_down(exchanges: &[Exchange]) -> bool {
    let Some(first) = exchanges.first().filter(|first| !first.watched) else { return false };
    let down = exchanges.iter().all(|exchange| exchange.wire.trouble.has(FaultKind::Down));
    show(&first.root, !down);
    down
}

/// How an institution learns that a request may have come.
#[derive(Clone, Debug, Default)]
pub(super) struct Bell(Arc<Notify>);

impl Bell {
    /// Tells it.
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }
}

/// Answers request files at an institution's exchanges until told to stop: looks when the bell rings, and every so often.
pub(super) async fn run(mut exchanges: Vec<Exchange>, bell: Bell, every: Duration, mut stop: Stop) {
    loop {
        let waits = exchanges.iter().any(|e| !e.waiting.is_empty());
        tokio::select! {
            // An error means that the sender is gone, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => return,
            () = bell.0.notified() => {}
            () = tokio::time::sleep(if waits { LOOK } else { every }) => {}
        }
        let looked = tokio::task::spawn_blocking(move || {
            if !is_down(&exchanges) {
                exchanges.iter_mut().for_each(Exchange::look);
            }
            exchanges
        });
        match looked.await {
            Ok(back) => exchanges = back,
            Err(error) => {
                tracing::error!(%error, "the exchange of files has ended");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_and_batch_are_taken_from_a_name() {
        assert_eq!(taken("REQ_{date}_{batch}.csv", "REQ_20260630_ab12.csv"), Some(("20260630", "ab12")));
        assert_eq!(taken("{date}{batch}.csv", "20260630ab12.csv"), Some(("20260630", "ab12")));
        assert_eq!(taken("{batch}.txt", "ab12.txt"), Some(("", "ab12")));
        assert_eq!(taken("REQ_{date}_{batch}.csv", "RSP_20260630_ab12.csv"), None);
    }
}
