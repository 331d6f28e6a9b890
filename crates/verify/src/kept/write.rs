//! Collects what explains each household of a batch and writes it at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::CaseId;
use hedui_engine::stored::StoredSetting;
use hedui_rules::{Library, Program};
use hedui_store::results::{self, ResultColumn, ResultKind, ResultRows, ResultShape, ResultWriter};
use hedui_store::{BulkColumn, Texts};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{DATASETS, HEAD, Head, KeptOrigin, KeptPack, KeptTotal, ROWS, RULES};
use crate::VerifyError;
use crate::compare::{Compared, write_json};

/// The explanations of a batch in the making, written as they come.
pub(crate) struct KeptStream {
    head: Head,
    file: PathBuf,
    rows: ResultWriter,
    households: usize,
}

/// What explanations of some households become rows by, on any thread.
pub(crate) struct KeptShape(ResultShape);

/// Explanations of some households.
pub(crate) struct KeptRows {
    shape: ResultShape,
    cases: Texts,
    packs: Texts,
    bytes: Vec<Vec<u8>>,
}

/// The same, encoded.
pub(crate) struct KeptEncoded {
    households: usize,
    rows: ResultRows,
}

impl KeptShape {
    /// No households yet.
    pub(crate) fn rows(&self) -> KeptRows {
        let (cases, packs) = (Texts::plain(), Texts::default());
        KeptRows { shape: self.0.clone(), cases, packs, bytes: Vec::new() }
    }
}

impl KeptRows {
    /// Adds a case.
    pub(crate) fn add(&mut self, program: &Program, case: &CaseId, bytes: Vec<u8>) {
        self.cases.push(Some(case.as_str()));
        self.packs.push(Some(&program.pack.hash));
        self.bytes.push(bytes);
    }

    /// The same as it will lie in the file.
    pub(crate) fn encoded(self) -> Result<KeptEncoded, VerifyError> {
        let columns = [BulkColumn::Texts(self.cases), BulkColumn::Texts(self.packs)];
        Ok(KeptEncoded { households: self.bytes.len(), rows: self.shape.encode(&columns, &self.bytes)? })
    }
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
        Ok(Self { head, file, rows, households: 0 })
    }

    /// Notes a pack and what it saw.
    pub(crate) fn pack(&mut self, program: &Program, setting: StoredSetting) {
        let pack = &program.pack;
        let kept = KeptPack { id: pack.id.clone(), version: pack.version.clone(), setting };
        self.head.packs.insert(pack.hash.clone(), kept);
    }

    /// How households become rows.
    pub(crate) fn shape(&self) -> KeptShape {
        KeptShape(self.rows.shape())
    }

    /// Adds households.
    pub(crate) fn append(&mut self, rows: KeptEncoded) -> Result<(), VerifyError> {
        self.households += rows.households;
        Ok(self.rows.append(rows.rows)?)
    }

    /// Ends the file and writes the texts of the packs.
    pub(crate) fn finish(
        self,
        out: &Path,
        library: &Library,
        programs: &[Arc<Program>],
    ) -> Result<KeptTotal, VerifyError> {
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
