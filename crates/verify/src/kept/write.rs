//! Collects what explains each household of a batch and writes it at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hedui_engine::stored::StoredSetting;
use hedui_rules::{Library, Program};
use hedui_store::results::{self, ResultColumn};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{DATASETS, HEAD, Head, KeptOrigin, KeptPack, KeptTotal, ROWS, RULES};
use crate::VerifyError;
use crate::compare::{Compared, write_json};

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
        write_json(&out.join(HEAD), &self.head)?;
        let mut bytes = 0;
        for name in [ROWS, RULES, HEAD] {
            let path = out.join(name);
            bytes += std::fs::metadata(&path).map_err(VerifyError::io(&path))?.len();
        }
        Ok(KeptTotal { file, households, bytes })
    }
}
