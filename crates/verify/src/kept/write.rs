//! Collects what explains each household of a batch and writes it at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::CaseId;
use hedui_engine::stored::StoredSetting;
use hedui_rules::{Library, Program};
use hedui_store::results::{self, ResultColumn, ResultKind, ResultWriter};
use hedui_store::{BulkColumn, Texts};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{DATASETS, HEAD, Head, KeptOrigin, KeptPack, KeptTotal, ROWS, RULES};
use crate::VerifyError;
use crate::compare::{Compared, write_json};

/// Households written together.
const GROUP: usize = 1 << 14;

/// The explanations of a batch in the making, written as they come.
pub(crate) struct KeptStream {
    head: Head,
    file: PathBuf,
    rows: ResultWriter,
    cases: Texts,
    packs: Texts,
    bytes: Vec<Vec<u8>>,
    households: usize,
}

impl KeptStream {
    /// Begins `explanations.parquet` in a folder.
    pub(crate) fn create(
        out: &Path,
        as_of: Date,
        known_at: Option<Timestamp>,
        origin: KeptOrigin,
    ) -> Result<Self, VerifyError> {
        let head = Head { version: 1, as_of, known_at, origin, packs: BTreeMap::new() };
        let file = out.join(ROWS);
        let columns = ["case", "pack"].map(|name| (name.to_owned(), ResultKind::Text)).into();
        let rows = ResultWriter::with_bytes(&file, columns, Some("kept".to_owned()))?;
        let (cases, packs) = (Texts::default(), Texts::default());
        Ok(Self { head, file, rows, cases, packs, bytes: Vec::new(), households: 0 })
    }

    /// Notes a pack and what it saw.
    pub(crate) fn pack(&mut self, program: &Program, setting: StoredSetting) {
        let pack = &program.pack;
        let kept = KeptPack { id: pack.id.clone(), version: pack.version.clone(), setting };
        self.head.packs.insert(pack.hash.clone(), kept);
    }

    /// Adds a case.
    pub(crate) fn add(&mut self, program: &Program, case: &CaseId, bytes: Vec<u8>) -> Result<(), VerifyError> {
        self.cases.push(Some(case.as_str()));
        self.packs.push(Some(&program.pack.hash));
        self.bytes.push(bytes);
        self.households += 1;
        if self.bytes.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), VerifyError> {
        let columns = [&mut self.cases, &mut self.packs].map(|texts| BulkColumn::Texts(std::mem::take(texts)));
        let bytes = std::mem::take(&mut self.bytes);
        Ok(self.rows.write_bytes(&columns, &bytes)?)
    }

    /// Writes the rest, and the texts of the packs.
    pub(crate) fn finish(
        mut self,
        out: &Path,
        library: &Library,
        programs: &[Arc<Program>],
    ) -> Result<KeptTotal, VerifyError> {
        self.flush()?;
        self.rows.finish()?;
        write_texts(out, library, programs, &self.head)?;
        total(out, self.file, self.households)
    }
}

/// The explanations of a batch in the making.
pub(crate) struct KeptFiles {
    head: Head,
    cases: Vec<Option<Arc<str>>>,
    packs: Vec<Option<Arc<str>>>,
    bytes: Vec<Option<Vec<u8>>>,
}

impl KeptFiles {
    pub(crate) fn new(as_of: Date, known_at: Option<Timestamp>, origin: KeptOrigin) -> Self {
        let head = Head { version: 1, as_of, known_at, origin, packs: BTreeMap::new() };
        Self { head, cases: Vec::new(), packs: Vec::new(), bytes: Vec::new() }
    }

    /// Adds one case that was compared and kept; `setting` says what its pack saw.
    pub(crate) fn add(&mut self, one: &Compared, setting: impl FnOnce() -> StoredSetting) {
        let pack = &one.program.pack;
        if !self.head.packs.contains_key(&pack.hash) {
            let kept = KeptPack { id: pack.id.clone(), version: pack.version.clone(), setting: setting() };
            self.head.packs.insert(pack.hash.clone(), kept);
        }
        self.cases.push(Some(one.finding.case.as_str().into()));
        self.packs.push(Some(pack.hash.as_str().into()));
        self.bytes.push(one.kept.clone());
    }

    /// Writes the three files.
    pub(crate) fn write(
        self,
        out: &Path,
        library: &Library,
        programs: &[Arc<Program>],
    ) -> Result<KeptTotal, VerifyError> {
        let file = out.join(ROWS);
        let households = self.cases.len();
        let columns = [
            ("case", ResultColumn::Text(self.cases)),
            ("pack", ResultColumn::Text(self.packs)),
            ("kept", ResultColumn::Bytes(self.bytes)),
        ];
        results::write(&file, &columns)?;
        write_texts(out, library, programs, &self.head)?;
        total(out, file, households)
    }
}

/// The texts of the packs and datasets used, and what the files say of themselves.
fn write_texts(out: &Path, library: &Library, programs: &[Arc<Program>], head: &Head) -> Result<(), VerifyError> {
    let ids: BTreeSet<&str> = programs
        .iter()
        .flat_map(|program| std::iter::once(&program.pack.id).chain(&program.pack.extends))
        .map(String::as_str)
        .collect();
    let texts = library.folders().iter().filter(|folder| ids.contains(folder.id.as_str()));
    let texts = texts.flat_map(|folder| folder.files.iter().map(|file| (file.name.clone(), file.text.clone())));
    let datasets = hedui_connect::dataset_files();
    let datasets = datasets.iter().map(|file| (format!("{DATASETS}{}", file.name), file.text.clone()));
    let (names, texts): (Vec<_>, Vec<_>) =
        texts.chain(datasets).map(|(name, text)| (Some(Arc::from(name.as_str())), Some(Arc::from(&*text)))).unzip();
    results::write(&out.join(RULES), &[("file", ResultColumn::Text(names)), ("text", ResultColumn::Text(texts))])?;
    write_json(&out.join(HEAD), head)
}

/// How much lies on disk.
fn total(out: &Path, file: PathBuf, households: usize) -> Result<KeptTotal, VerifyError> {
    let mut bytes = 0;
    for name in [ROWS, RULES, HEAD] {
        let path = out.join(name);
        bytes += std::fs::metadata(&path).map_err(VerifyError::io(&path))?.len();
    }
    Ok(KeptTotal { file, households, bytes })
}
