//! A bank: request files appear in a folder of its SFTP server, and some time later reply files beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use encoding_rs::{GB18030, GBK, UTF_8};
use hedui_base::Fen;
use hedui_connect::Selector;
use hedui_connect::manifest::{Encoding, FilePlan, PutColumn, Verdict};

use super::faults::FaultKind;
use super::wire::{Cell, WireSource};
use super::{ServeError, Stop};

/// How often the bank looks into its folder.
const LOOK: Duration = Duration::from_millis(40);

/// A bank's side of the exchange.
pub(super) struct Bank {
    wire: WireSource,
    plan: FilePlan,
    /// The server's root folder.
    root: PathBuf,
    delay: Duration,
    columns: Vec<String>,
    verdict: String,
    echo: [Option<String>; 2],
    found: String,
    no_record: String,
}

impl Bank {
    pub(super) fn new(wire: WireSource, plan: &FilePlan, root: PathBuf, delay: Duration) -> Result<Self, ServeError> {
        let outcome = &wire.source.manifest.outcome;
        let column = |selector: &Selector| selector.as_str().to_owned();
        let (verdict, found) = WireSource::says(&outcome.item_is, Verdict::Found)
            .ok_or_else(|| wire.lack("how [outcome] item_is says `found`"))?;
        let (_, no_record) = WireSource::says(&outcome.item_is, Verdict::NoRecord)
            .ok_or_else(|| wire.lack("how [outcome] item_is says `no_record`"))?;
        let (verdict, found, no_record) = (column(verdict), found.to_owned(), no_record.to_owned());
        let echo = [outcome.echo_id.as_ref().map(column), outcome.echo_name.as_ref().map(column)];
        let map = &wire.source.manifest.map;
        let mut columns = vec![plan.match_column.clone()];
        columns.extend(echo.iter().rev().flatten().cloned());
        columns.push(verdict.clone());
        columns.extend(map.fields.iter().chain(&map.as_of).filter_map(|f| f.from.as_ref()).map(column));
        Ok(Self { plan: plan.clone(), root, delay, columns, verdict, echo, found, no_record, wire })
    }

    /// Watches for complete request files until told to stop. A request that was answered before a restart stays so.
    pub(super) async fn run(self, mut stop: Stop) {
        let mut waiting: BTreeMap<String, Instant> = BTreeMap::new();
        loop {
            tokio::select! {
                // An error means that the sender is gone, which is a stop too.
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let complete = match self.complete() {
                Ok(complete) => complete,
                Err(error) => {
                    tracing::warn!(%error, bank = self.wire.source.institution, "cannot look for requests");
                    continue;
                }
            };
            waiting.retain(|name, _| complete.contains(name));
            for name in complete {
                let since = *waiting.entry(name.clone()).or_insert_with(Instant::now);
                if since.elapsed() < self.delay {
                    continue;
                }
                if let Err(error) = self.answer(&name) {
                    tracing::warn!(%error, bank = self.wire.source.institution, "cannot answer a request");
                }
            }
        }
    }

    /// Request files that are complete and not answered yet.
    fn complete(&self) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(self.root.join(&self.plan.put.dir))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(request) = name.strip_suffix(&self.plan.put.marker)
                && let Some(reply) = self.reply_name(request)
                && !self.reply_path(&format!("{reply}{}", self.plan.get.marker)).exists()
            {
                names.insert(request.to_owned());
            }
        }
        Ok(names)
    }

    fn reply_path(&self, name: &str) -> PathBuf {
        self.root.join(&self.plan.get.dir).join(name)
    }

    /// The reply's name for a request's name: the same date and batch in the other pattern.
    fn reply_name(&self, request: &str) -> Option<String> {
        let (prefix, rest) = self.plan.put.name.split_once("{date}")?;
        let (middle, suffix) = rest.split_once("{batch}")?;
        let (date, batch) = request.strip_prefix(prefix)?.strip_suffix(suffix)?.split_once(middle)?;
        Some(self.plan.get.name.replace("{date}", date).replace("{batch}", batch))
    }

    fn answer(&self, request: &str) -> io::Result<()> {
        let bytes = std::fs::read(self.root.join(&self.plan.put.dir).join(request))?;
        let Some(reply) = self.reply_name(request) else { return Ok(()) };
        let mut bytes = self.reply(&bytes)?;
        if self.wire.has(FaultKind::Truncated) {
            bytes.truncate(bytes.len() * 2 / 3);
        }
        let part = self.reply_path(&format!("{reply}.part"));
        std::fs::write(&part, bytes)?;
        std::fs::rename(&part, self.reply_path(&reply))?;
        std::fs::write(self.reply_path(&format!("{reply}{}", self.plan.get.marker)), b"")
    }

    /// The reply file for a request file.
    fn reply(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let text = decode(self.plan.put.encoding, request);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.plan.put.delimiter)
            .has_headers(self.plan.put.header)
            .from_reader(text.as_bytes());
        let at = |wanted: PutColumn| self.plan.put.columns.iter().position(|(_, c)| *c == wanted);
        let mut writer =
            csv::WriterBuilder::new().delimiter(self.plan.get.delimiter).flexible(true).from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        let (mut count, mut sum) = (0, 0);
        for line in reader.records() {
            let line = line?;
            let cell = |column: PutColumn| at(column).and_then(|i| line.get(i)).unwrap_or_default().to_owned();
            let (seq, name, id) = (cell(PutColumn::Seq), cell(PutColumn::Name), cell(PutColumn::IdNumber));
            let rows = self.wire.look_up(&id, None);
            let echo = self.wire.echo(&id, &name);
            count += rows.len().max(1);
            sum += rows.iter().map(|r| r.summed).sum::<i64>();
            if rows.is_empty() {
                writer.write_record(self.line(&seq, &echo, &self.no_record, &[]))?;
            }
            for row in &rows {
                writer.write_record(self.line(&seq, &echo, &self.found, &row.cells))?;
            }
        }
        let mut text = String::from_utf8(writer.into_inner().map_err(|e| io::Error::other(e.to_string()))?)
            .map_err(io::Error::other)?;
        if let Some(trailer) = &self.plan.get.trailer {
            let trailer = trailer.replace("{count}", &count.to_string());
            text.push_str(&trailer.replace("{sum}", &Fen::new(sum).to_string()));
            text.push('\n');
        }
        Ok(encode(self.plan.get.encoding, &text))
    }

    fn line(&self, seq: &str, echo: &(String, String), verdict: &str, cells: &[Cell]) -> Vec<String> {
        let as_of = self.wire.source.manifest.map.as_of.as_ref();
        self.columns
            .iter()
            .map(|column| {
                if *column == self.plan.match_column {
                    seq.to_owned()
                } else if self.echo[0].as_ref() == Some(column) {
                    echo.0.clone()
                } else if self.echo[1].as_ref() == Some(column) {
                    echo.1.clone()
                } else if *column == self.verdict {
                    verdict.to_owned()
                } else if let Some(cell) = cells.iter().find(|c| c.path.last() == Some(column)) {
                    cell.text.clone()
                } else if as_of.and_then(|f| f.from.as_ref()).is_some_and(|s| s.as_str() == column) {
                    self.wire.row_as_of()
                } else {
                    String::new()
                }
            })
            .collect()
    }
}

fn decode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        // GBK is read as its superset, as real systems do.
        Encoding::Gbk | Encoding::Gb18030 => GB18030.decode(bytes).0.into_owned(),
        Encoding::Utf8 => UTF_8.decode(bytes).0.into_owned(),
    }
}

fn encode(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Gbk => GBK.encode(text).0.into_owned(),
        Encoding::Gb18030 => GB18030.encode(text).0.into_owned(),
        Encoding::Utf8 => text.as_bytes().to_vec(),
    }
}

/// Makes the folders that the bank's server shows.
pub(super) fn make_folders(root: &Path, plan: &FilePlan) -> io::Result<()> {
    std::fs::create_dir_all(root.join(&plan.put.dir))?;
    std::fs::create_dir_all(root.join(&plan.get.dir))
}
